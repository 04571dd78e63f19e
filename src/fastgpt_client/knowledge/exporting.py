"""A knowledge base as a file: JSON lines, one for each folder and collection."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import IO, Any

import msgspec

from .._json import encode, heal
from ..clients import AsyncDatasetClient
from ..models.data import Data, DataRow
from .concurrency import in_order
from .progress import OnProgress, Progress
from .tree import TreeRow, walk

_SMALL = 200
"""Collections of up to so many chunks are read whole, several at once."""


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
    concurrency: int = 8,
    on_progress: OnProgress | None = None,
) -> ExportReport:
    """Write a knowledge base into a file, to keep it, or for ``import_base`` on another server.

    Each line is a folder or collection: ``{"path": "sub/a.md", "name": "a.md", "type": "file", "tags": [], "chunks":
    [{"q": …, "a": …, "indexes": [{"text": …}]}]}``, and ``"forbid": true`` where it is left out of searches. Vectors
    and ids are not in it, nor the originals of files and pictures. Each folder is in the order of names, and chunks are
    in their own, so that an export of the same base is the same byte for byte. The file is put in place when it is
    whole; chunks go through memory a few at a time.

    FastGPT: ``POST /api/core/dataset/collection/listV2``, ``POST /api/core/dataset/data/v2/list``, and ``GET
    /api/core/dataset/data/detail`` for each chunk: lists do not tell indexes.

    Args:
        datasetId: The knowledge base.
        file: Where to write; what is there is replaced.
        concurrency: How many chunks are asked for at once.
        on_progress: Told of the phase ``export``: chunks that are written. To know how many there are, all collections
            are listed once more.

    Raises:
        OSError: The file cannot be written.

    Example:
        >>> report = await export_base(client, datasetId, "handbook.jsonl")
        >>> print(report.chunks)
    """
    target = Path(file)
    total = sum([row.chunks async for row in walk(client, datasetId, ordered=False)]) if on_progress else None
    report = ExportReport(file=str(target))
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as out:
            async with aclosing(_lines(client, datasetId, concurrency)) as lines:
                async for row, chunks in lines:
                    async for _ in _write(out, row, chunks, report):
                        if on_progress is not None:
                            on_progress(Progress(phase="export", done=report.chunks, total=total, item=row.path))
            out.flush()
            os.fsync(out.fileno())
        part.replace(target)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()
    return report


async def _write(
    out: IO[bytes], row: TreeRow, chunks: AsyncGenerator[ExportedChunk], report: ExportReport
) -> AsyncGenerator[None]:
    """Write a line; yields now and then, for progress."""
    head: dict[str, Any] = {"path": row.path, "name": row.name, "type": row.type, "tags": row.tags}
    if row.forbid:
        head["forbid"] = True
    out.write(_json(head)[:-1] + b',"chunks":[')
    count = 0
    async with aclosing(chunks):
        async for chunk in chunks:
            out.write(b"," * (count > 0) + _json(chunk))
            count += 1
            report.chunks += 1
            if count % _SMALL == 0:
                yield
    out.write(b"]}\n")
    report.folders += row.type == "folder"
    report.collections += row.type != "folder"
    if row.waiting or row.failed:
        report.incomplete.append(row.path)
    yield


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


async def _lines(
    client: AsyncDatasetClient, datasetId: str, concurrency: int
) -> AsyncGenerator[tuple[TreeRow, AsyncGenerator[ExportedChunk]]]:
    """Rows with their chunks; small collections are read ahead, large ones while they are written."""

    async def ahead(row: TreeRow) -> tuple[TreeRow, list[ExportedChunk] | None]:
        if row.type == "folder" or row.chunks > _SMALL:
            return row, [] if row.type == "folder" else None
        return row, [chunk async for chunk in read_chunks(client, row.id, concurrency=1)]

    async with aclosing(in_order(walk(client, datasetId), ahead, concurrency)) as rows:
        async for row, chunks in rows:
            yield row, read_chunks(client, row.id, concurrency) if chunks is None else _given(chunks)


async def _given(chunks: list[ExportedChunk]) -> AsyncGenerator[ExportedChunk]:
    for chunk in chunks:
        yield chunk


async def read_chunks(
    client: AsyncDatasetClient, collectionId: str, concurrency: int = 8
) -> AsyncGenerator[ExportedChunk]:
    """The chunks of a collection in their order, with the texts that each is found by besides its own.

    Example:
        >>> [chunk.q async for chunk in read_chunks(client, collectionId)]
    """

    async def whole(row: DataRow) -> ExportedChunk:
        return _chunk((await client.get_data(row.id)).data)

    async with aclosing(in_order(client.iter_data(collectionId), whole, concurrency)) as chunks:
        async for chunk in chunks:
            yield chunk


def _chunk(data: Data) -> ExportedChunk:
    further = [index for index in data.indexes if index.type != "default"]
    return ExportedChunk(data.q, data.a or "", [ExportedIndex(index.text, index.type or "custom") for index in further])
