"""A knowledge base as a file: JSON lines, one for each folder and collection."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing, suppress
from pathlib import Path
from typing import IO, Any

import msgspec

from .._json import encode, heal
from ..clients import AsyncDatasetClient
from ..errors import NotFoundError
from ..models._base import Page
from ..models.data import Data, DataRow
from .concurrency import in_order
from .progress import OnProgress, Progress
from .tree import TreeRow, walk

_SMALL = 200
"""Collections of up to so many chunks are read whole, several at once."""
_PAGE = 30  # as many as servers give


class ExportedIndex(msgspec.Struct, omit_defaults=True):
    """A text that a chunk is found by, besides its own."""

    text: str
    type: str = "custom"


class ExportedChunk(msgspec.Struct):
    """A chunk: what it says, and the further texts that it is found by."""

    q: str = ""
    a: str = ""
    indexes: list[ExportedIndex] = []


class ExportReport(msgspec.Struct, kw_only=True):
    """What is in the file. ``incomplete``: paths of collections with chunks that are not trained; they lack these."""

    file: str
    folders: int = 0
    collections: int = 0
    chunks: int = 0
    incomplete: list[str] = []


async def export_base(
    client: AsyncDatasetClient,
    datasetId: str,
    file: str | os.PathLike[str],
    *,
    indexes: bool = True,
    concurrency: int = 8,
    on_progress: OnProgress | None = None,
) -> ExportReport:
    """Write a knowledge base into a file, to keep it, or for ``import_base`` on another server.

    Each line is a folder or collection: ``{"path": "sub/a.md", "name": "a.md", "type": "file", "tags": [], "chunks":
    [{"q": …, "a": …, "indexes": [{"text": …}]}]}``, and ``"forbid": true`` where it is left out of searches. Vectors
    and ids are not in it, nor the originals of files and pictures. Each folder is in the order of names, and chunks are
    in their own, so that an export of the same base is the same byte for byte. The file is put in place when it is
    whole; chunks go through memory a few at a time. What is deleted meanwhile is left out.

    FastGPT: ``POST /api/core/dataset/collection/listV2``, ``POST /api/core/dataset/data/v2/list``, and ``GET
    /api/core/dataset/data/detail`` for each chunk: lists do not tell indexes.

    Args:
        datasetId: The knowledge base.
        file: Where to write; what is there is replaced.
        indexes: False leaves out the texts that chunks are found by besides their own, for which each chunk must be
            asked for: without, 30 come with one request.
        concurrency: How many requests at once.
        on_progress: Told of the phase ``export``: chunks that are written. To know how many there are, all collections
            are listed once more.

    Raises:
        OSError: The file cannot be written.

    Example:
        >>> report = await export_base(client, datasetId, "handbook.jsonl")
        >>> print(report.chunks)
    """
    target = Path(file)
    total = None
    if on_progress is not None:
        total = 0
        async for row in walk(client, datasetId, ordered=False):
            total += row.chunks
    report = ExportReport(file=str(target))
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as out:
            await _Export(client, out, report, indexes, concurrency, on_progress, total).write(datasetId)
            out.flush()
            os.fsync(out.fileno())
        part.replace(target)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()
    return report


class _ChangedError(Exception):
    """A collection was changed while it was read."""


class _Export:
    """Writes lines into a file."""

    def __init__(
        self,
        client: AsyncDatasetClient,
        out: IO[bytes],
        report: ExportReport,
        indexes: bool,
        concurrency: int,
        on_progress: OnProgress | None,
        total: int | None,
    ) -> None:
        self._client = client
        self._out = out
        self._report = report
        self._indexes = indexes
        self._concurrency = concurrency
        self._on_progress = on_progress
        self._total = total

    async def write(self, datasetId: str) -> None:
        """All lines; small collections are read ahead, large ones while they are written."""
        async with aclosing(in_order(walk(self._client, datasetId), self._ahead, self._concurrency)) as rows:
            async for row, chunks in rows:
                if chunks is not None:
                    await self._line(row, _given(chunks))
                elif row.chunks > _SMALL:
                    await self._large(row)

    async def _ahead(self, row: TreeRow) -> tuple[TreeRow, list[ExportedChunk] | None]:
        if row.type == "folder" or row.chunks > _SMALL:
            return row, [] if row.type == "folder" else None
        try:
            chunks = read_chunks(self._client, row.id, concurrency=1, indexes=self._indexes)
            return row, [chunk async for chunk in chunks]
        except NotFoundError:
            return row, None

    async def _large(self, row: TreeRow) -> None:
        start, chunks = self._out.tell(), self._report.chunks

        def rewind() -> None:
            self._out.seek(start)
            self._out.truncate()
            self._report.chunks = chunks

        try:
            try:
                async with aclosing(self._pages(row.id)) as pages:
                    await self._line(row, _read(self._client, pages, self._concurrency, self._indexes))
            except _ChangedError:  # once more, in a way that does not mind
                rewind()
                await self._line(row, read_chunks(self._client, row.id, self._concurrency, self._indexes))
        except NotFoundError:
            rewind()

    async def _pages(self, collectionId: str) -> AsyncGenerator[DataRow]:
        """The chunks as lists have them, several pages at once."""

        async def page(at: int) -> Page[DataRow]:
            return (await self._client.list_data(collectionId, offset=at, pageSize=_PAGE)).data

        first = await page(0)
        at_once = 2 if self._indexes else self._concurrency
        async with aclosing(in_order(range(0, first.total, _PAGE), page, at_once)) as pages:
            async for each in pages:
                if each.total != first.total:
                    raise _ChangedError
                for row in each.list:
                    yield row

    async def _line(self, row: TreeRow, chunks: AsyncGenerator[ExportedChunk]) -> None:
        head: dict[str, Any] = {"path": row.path, "name": row.name, "type": row.type, "tags": row.tags}
        if row.forbid:
            head["forbid"] = True
        self._out.write(_json(head)[:-1] + b',"chunks":[')
        count = 0
        async with aclosing(chunks):
            async for chunk in chunks:
                self._out.write(b"," * (count > 0) + _json(chunk))
                count += 1
                self._report.chunks += 1
                if count % _SMALL == 0:
                    self._tell(row)
        self._out.write(b"]}\n")
        self._report.folders += row.type == "folder"
        self._report.collections += row.type != "folder"
        if row.waiting or row.failed:
            self._report.incomplete.append(row.path)
        self._tell(row)

    def _tell(self, row: TreeRow) -> None:
        if self._on_progress is not None:
            done = self._report.chunks
            self._on_progress(Progress(phase="export", done=done, total=self._total, item=row.path))


def _json(value: Any) -> bytes:
    try:
        return encode(value)
    except UnicodeEncodeError:  # half of a surrogate pair, which no file can hold
        return encode(_healed(msgspec.to_builtins(value)))


def _healed(value: Any) -> Any:
    if isinstance(value, str):
        return heal(value)
    if isinstance(value, list):
        return [_healed(each) for each in value]  # pyright: ignore[reportUnknownVariableType]
    return {key: _healed(each) for key, each in value.items()} if isinstance(value, dict) else value  # pyright: ignore


async def _given(chunks: list[ExportedChunk]) -> AsyncGenerator[ExportedChunk]:
    for chunk in chunks:
        yield chunk


async def read_chunks(
    client: AsyncDatasetClient, collectionId: str, concurrency: int = 8, indexes: bool = True
) -> AsyncGenerator[ExportedChunk]:
    """The chunks of a collection in their order, with the texts that each is found by besides its own.

    Args:
        concurrency: How many chunks are asked for at once.
        indexes: False leaves these texts out, and asks for lists only.

    Example:
        >>> [chunk.q async for chunk in read_chunks(client, collectionId)]
    """
    async with aclosing(_read(client, client.iter_data(collectionId), concurrency, indexes)) as chunks:
        async for chunk in chunks:
            yield chunk


async def _read(
    client: AsyncDatasetClient, rows: AsyncIterable[DataRow], concurrency: int, indexes: bool
) -> AsyncGenerator[ExportedChunk]:
    """Chunks of which lists tell."""

    async def whole(row: DataRow) -> ExportedChunk | None:
        try:
            return _chunk((await client.get_data(row.id)).data)
        except NotFoundError:  # somebody has just deleted it
            return None

    if not indexes:
        async for row in rows:
            yield ExportedChunk(row.q or "", row.a or "")
        return
    async with aclosing(in_order(rows, whole, concurrency)) as chunks:
        async for chunk in chunks:
            if chunk is not None:
                yield chunk


def _chunk(data: Data) -> ExportedChunk:
    further = [index for index in data.indexes if index.type != "default"]
    return ExportedChunk(data.q, data.a or "", [ExportedIndex(index.text, index.type or "custom") for index in further])
