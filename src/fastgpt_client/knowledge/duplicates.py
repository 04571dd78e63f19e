"""Collections that a knowledge base has twice."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from contextlib import aclosing
from typing import Literal, TypeAlias

import msgspec

from ..clients import AsyncDatasetClient
from ..errors import NotFoundError
from .concurrency import in_order
from .progress import OnProgress, Progress
from .tree import TreeRow, walk

By: TypeAlias = Literal["content", "source"]
Keep: TypeAlias = Literal["oldest", "newest"]
_AT_ONCE = 8


class DuplicateGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Collections that are the same, the oldest first. ``by``: ``content`` or ``source``, see ``find_duplicates``."""

    by: By
    copies: list[TreeRow]

    def surplus(self, keep: Keep) -> list[TreeRow]:
        """Those that may go."""
        return self.copies[1:] if keep == "oldest" else self.copies[:-1]


async def find_duplicates(
    client: AsyncDatasetClient, datasetId: str, *, by: By = "content", on_progress: OnProgress | None = None
) -> list[DuplicateGroup]:
    """Collections that a knowledge base has several times, in whatever folders.

    Only those that could be the same are read: with as many chunks, or with the same name. What is not trained yet, or
    has no chunks, is left out.

    FastGPT: ``POST /api/core/dataset/collection/listV2``, then ``POST /api/core/dataset/data/v2/list`` or ``GET
    /api/core/dataset/collection/detail``.

    Args:
        datasetId: The knowledge base.
        by: ``content``: the same chunks (``q`` and ``a``), in whatever order, under whatever name. ``source``: the same
            name and the same original text (its hash, which FastGPT keeps of files, links and texts).
        on_progress: Told of the phase ``compare``: how many of those that could be the same are read.

    Example:
        >>> for group in await find_duplicates(client, datasetId):
        ...     print([copy.path for copy in group.copies])
    """
    alike: dict[object, list[TreeRow]] = defaultdict(list)
    async for row in walk(client, datasetId, ordered=False):
        if row.state == "ready" and row.chunks:
            alike[row.chunks if by == "content" else row.name].append(row)
    rows = [row for group in alike.values() if len(group) > 1 for row in group]

    async def mark(row: TreeRow) -> tuple[TreeRow, object]:
        try:
            if by == "content":
                return row, await _content(client, row.id)
            return row, (row.name, (await client.get_collection(row.id)).data.hashRawText)
        except NotFoundError:
            return row, None

    same: dict[object, list[TreeRow]] = defaultdict(list)
    async with aclosing(in_order(rows, mark, _AT_ONCE)) as marked:
        done = 0
        async for row, key in marked:
            done += 1
            if on_progress is not None:
                on_progress(Progress(phase="compare", done=done, total=len(rows), item=row.path))
            if key is not None and key != (row.name, None):
                same[key].append(row)
    groups = [sorted(group, key=lambda row: (row.createTime, row.id)) for group in same.values() if len(group) > 1]
    return [DuplicateGroup(by=by, copies=group) for group in sorted(groups, key=lambda group: group[0].path)]


async def _content(client: AsyncDatasetClient, collectionId: str) -> bytes:
    """A hash of what the chunks say. Their order may differ: servers sort those of the same place as they like."""
    chunks: list[bytes] = []
    async for row in client.iter_data(collectionId):
        text = f"{row.q or ''}\0{row.a or ''}".encode("utf-8", "surrogatepass")
        chunks.append(hashlib.blake2b(text, digest_size=16).digest())
    return hashlib.blake2b(b"".join(sorted(chunks))).digest()


async def remove_duplicates(
    client: AsyncDatasetClient,
    groups: Sequence[DuplicateGroup],
    *,
    keep: Keep = "oldest",
    on_progress: OnProgress | None = None,
) -> list[TreeRow]:
    """Delete all copies but one of each group; returns those that were deleted.

    FastGPT: ``POST /api/core/dataset/collection/delete``, once for each.

    Args:
        groups: What ``find_duplicates`` found.
        keep: Which one stays.
        on_progress: Told of the phase ``remove``.

    Example:
        >>> await remove_duplicates(client, await find_duplicates(client, datasetId), keep="newest")
    """
    surplus = [row for group in groups for row in group.surplus(keep)]

    async def remove(row: TreeRow) -> TreeRow:
        await client.delete_collection(row.id)
        return row

    removed: list[TreeRow] = []
    async with aclosing(in_order(surplus, remove, _AT_ONCE)) as gone:
        async for row in gone:
            removed.append(row)
            if on_progress is not None:
                on_progress(Progress(phase="remove", done=len(removed), total=len(surplus), item=row.path))
    return removed
