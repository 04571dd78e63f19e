"""The tree of a knowledge base: its folders and collections, with counts."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Literal

import msgspec

from ..clients import AsyncDatasetClient
from ..models.collections import Collection


class TreeRow(msgspec.Struct, frozen=True, kw_only=True):
    """A folder or collection.

    ``path``: the names of its folders and its own, joined by ``/`` (a ``/`` in a name is ``%2F``, a ``%`` is ``%25``).
    ``chunks``: how many are trained. ``waiting``: how many are not yet; before 4.15 those that failed are among
    them. ``failed``: whether some could not be trained.
    """

    path: str
    name: str
    type: str
    id: str
    parentId: str | None = None
    chunks: int = 0
    waiting: int = 0
    failed: bool = False
    forbid: bool = False
    tags: list[str] = []
    createTime: str = ""

    @property
    def state(self) -> Literal["folder", "failed", "training", "ready"]:
        """In a word."""
        if self.type == "folder":
            return "folder"
        return "failed" if self.failed else "training" if self.waiting else "ready"


async def walk(
    client: AsyncDatasetClient, datasetId: str, parentId: str | None = None, *, ordered: bool = True
) -> AsyncGenerator[TreeRow]:
    """All folders and collections of a knowledge base, each folder followed by what is in it.

    FastGPT: ``POST /api/core/dataset/collection/listV2``, page after page, once for each folder.

    Args:
        datasetId: The knowledge base.
        parentId: Where to begin; without it at the top.
        ordered: By name, the older first where it is the same: a folder is read whole before its first row comes.
            False: as the server has them, last changed first, as they are read.

    Example:
        >>> async for row in walk(client, datasetId):
        ...     print(row.path, row.chunks, row.state)
    """
    async with aclosing(_walk(client, datasetId, parentId, "", ordered, set())) as rows:
        async for row in rows:
            yield row


async def _walk(
    client: AsyncDatasetClient, datasetId: str, parentId: str | None, path: str, ordered: bool, entered: set[str]
) -> AsyncGenerator[TreeRow]:
    if not ordered:
        async for found in client.iter_collections(datasetId, parentId):
            async with aclosing(_with_inside(client, datasetId, _row(found, path), ordered, entered)) as rows:
                async for row in rows:
                    yield row
        return
    every = [_row(found, path) async for found in client.iter_collections(datasetId, parentId)]
    for each in sorted(every, key=lambda row: (row.name, row.createTime, row.id)):
        async with aclosing(_with_inside(client, datasetId, each, ordered, entered)) as rows:
            async for row in rows:
                yield row


async def _with_inside(
    client: AsyncDatasetClient, datasetId: str, row: TreeRow, ordered: bool, entered: set[str]
) -> AsyncGenerator[TreeRow]:
    yield row
    if row.type == "folder" and row.id not in entered:  # a server that ignores parentId must not lead in circles
        entered.add(row.id)
        async with aclosing(_walk(client, datasetId, row.id, f"{row.path}/", ordered, entered)) as rows:
            async for inner in rows:
                yield inner


def path_part(name: str) -> str:
    """A name as a part of a path."""
    return name.replace("%", "%25").replace("/", "%2F")


def _row(found: Collection, folder: str) -> TreeRow:
    active = found.activeTrainingAmount
    return TreeRow(
        path=f"{folder}{path_part(found.name)}",
        name=found.name,
        type=found.type,
        id=found.id,
        parentId=found.parentId,
        chunks=found.dataAmount or 0,
        waiting=(found.trainingAmount or 0) if active is None else active,
        failed=bool(found.hasError or found.finalErrorAmount),
        forbid=bool(found.forbid),
        tags=[str(tag) for tag in found.tags or []],
        createTime=found.createTime or "",
    )
