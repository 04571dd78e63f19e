"""The calls to a knowledge base that folders go into: as many at once as it takes, tried again where that is safe."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from .._response import Response
from ..clients import AsyncDatasetClient
from ..errors import (
    APIConnectionError,
    FastGPTError,
    NotFoundError,
    RateLimitError,
    ServerError,
    UnexpectedResponseError,
)
from ..models._base import Page
from ..models.collections import Collection
from ..models.data import DataInput
from .limits import AdaptiveLimit, backoff, passing
from .marker import Marker, marker_of

T = TypeVar("T")

ATTEMPTS = 7  # with the waits in between about half a minute
PATIENCE = 120.0  # seconds for an answer to what is large
_PAGE = 30
_DOUBTFUL = (ServerError, UnexpectedResponseError)


class InDoubtError(FastGPTError):
    """Whether it was done is not known."""


class Server:
    """The calls to a knowledge base; ``limit`` says how many at once."""

    def __init__(self, client: AsyncDatasetClient, datasetId: str, limit: AdaptiveLimit) -> None:
        self.client: AsyncDatasetClient = client.with_options(max_retries=0)
        self.datasetId = datasetId
        self.limit = limit

    async def again(self, call: Callable[[], Awaitable[T]]) -> T:
        """Something that may be repeated."""
        for attempt in range(ATTEMPTS):
            try:
                return await self.limit.run(call)
            except FastGPTError as error:
                if not passing(error) or attempt == ATTEMPTS - 1:
                    raise
            await asyncio.sleep(backoff(attempt))
        raise AssertionError("unreachable")  # pragma: no cover

    async def once(self, call: Callable[[], Awaitable[Response[T]]]) -> T:
        """Something that must not be done twice; it is repeated only when it certainly was not done.

        Raises:
            InDoubtError: It may have been done.
        """
        for attempt in range(ATTEMPTS):
            try:
                return (await self.limit.run(call)).data
            except (RateLimitError, APIConnectionError) as error:
                if isinstance(error, APIConnectionError) and not error.certainly_unsent:
                    raise InDoubtError(str(error)) from error
                if attempt == ATTEMPTS - 1:
                    raise
            except _DOUBTFUL as error:
                raise InDoubtError(str(error)) from error
            await asyncio.sleep(backoff(attempt))
        raise AssertionError("unreachable")  # pragma: no cover

    async def certainly(self, send: Callable[[], Awaitable[T]], look: Callable[[], Awaitable[T | None]]) -> T:
        """What ``send`` gives. Where that is in doubt ``look`` tells what came of it; None: nothing, it is sent again.

        Raises:
            FastGPTError: That was tried a few times.
        """
        doubt: InDoubtError | None = None
        for attempt in range(ATTEMPTS // 2):
            try:
                return await send()
            except InDoubtError as error:
                doubt = error
            await asyncio.sleep(backoff(attempt + 1))
            if (found := await look()) is not None:
                return found
        raise FastGPTError(f"tried {ATTEMPTS // 2} times: {doubt}") from doubt

    async def send_file(self, file: Path, options: Mapping[str, Any]) -> str:
        """Make a collection of a file; its id."""
        made = await self.once(lambda: self.client.create_file_collection(self.datasetId, file, **options))
        return made.collectionId

    async def send_rows(self, collectionId: str, rows: list[DataInput]) -> int:
        """Put rows into a collection; how many the server took."""
        sent = await self.once(lambda: self.client.push_data(collectionId, rows, "chunk", timeout=PATIENCE))
        return sent.insertLen

    async def named(self, name: str, parent: str | None) -> list[Collection]:
        """The collections and folders of a name in a folder."""
        return [row for row in await self.like(name, parent) if row.name == name]

    async def like(self, name: str, parent: str | None) -> list[Collection]:
        """The collections and folders in a folder with this in their names."""
        # Servers search without apostrophes, and some in all folders.
        part = max(name.split("'"), key=len)
        return [row for row in await self.rows(parent, part) if row.parentId == parent]

    async def rows(self, parent: str | None, search: str | None = None) -> list[Collection]:
        """All collections and folders in a folder."""
        found: dict[str, Collection] = {}
        offset = 0
        while True:
            page = (await self.again(partial(self._page, parent, search, offset))).data
            found |= {row.id: row for row in page.list}
            offset += len(page.list)
            if not page.list or offset >= page.total:
                return list(found.values())

    def _page(self, parent: str | None, search: str | None, offset: int) -> Awaitable[Response[Page[Collection]]]:
        return self.client.list_collections(self.datasetId, parent, search, offset, _PAGE)

    async def marker(self, collectionId: str) -> tuple[Collection, Marker | None] | None:
        """A collection with its marker; none when it is gone."""
        try:
            found = (await self.again(lambda: self.client.get_collection(collectionId))).data
        except NotFoundError:
            return None
        return found, marker_of(found)

    async def delete(self, collectionId: str) -> None:
        """Remove a collection, if it is there."""
        with suppress(NotFoundError):
            await self.again(lambda: self.client.delete_collection(collectionId))
