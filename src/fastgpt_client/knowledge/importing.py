"""An exported knowledge base, put into another one: once, whatever happens on the way."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
from collections.abc import AsyncGenerator, Generator, Iterator, Sequence
from contextlib import aclosing, closing
from pathlib import Path
from typing import IO, Literal, NamedTuple, TypeAlias

import msgspec

from ..api.data import MAX_ROWS
from ..clients import AsyncDatasetClient
from ..errors import APIConnectionError, ArgumentError, FastGPTError, RateLimitError, ServerError
from ..models.collections import Collection
from .concurrency import in_order
from .exporting import ExportedChunk
from .progress import OnProgress, Progress
from .waiting import STUCK_AFTER, TrainingReport, wait_trained

MAX_BYTES = 1024 * 1024
"""The size of one request. Servers refuse bodies above 10 MB (recorded on 4.16), and proxies often smaller ones."""
_TRIES = 5
_PAUSE = 0.5

_SCHEMA = """
CREATE TABLE IF NOT EXISTS import (datasetId TEXT NOT NULL, digest TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS lines (
    line INTEGER PRIMARY KEY, collectionId TEXT, sent INTEGER NOT NULL DEFAULT 0, inserted INTEGER NOT NULL DEFAULT 0,
    doubt INTEGER NOT NULL DEFAULT 0, done INTEGER NOT NULL DEFAULT 0
);
"""


class ImportReport(msgspec.Struct, kw_only=True):
    """What was put in, in this run and those before it.

    ``refused``: chunks that the server did not take (without text, or the same twice in one request). ``training``: how
    waiting ended, None when nobody waited. ``differences``: what is not as it is in the file, in words.
    """

    datasetId: str
    folders: int = 0
    collections: int = 0
    chunks: int = 0
    refused: int = 0
    training: TrainingReport | None = None
    differences: list[str] = []


class Line(msgspec.Struct):
    """A line of the file. Its chunks are decoded a few at a time."""

    path: str
    type: str = "virtual"
    name: str = ""
    tags: list[str] | None = None
    forbid: bool = False
    chunks: list[msgspec.Raw] = []

    def __post_init__(self) -> None:
        if not self.name:
            self.name = self.path.rpartition("/")[2].replace("%2F", "/").replace("%25", "%")


async def import_base(
    client: AsyncDatasetClient,
    datasetId: str,
    file: str | os.PathLike[str],
    *,
    state: str | os.PathLike[str] | None = None,
    concurrency: int = 4,
    wait: bool = True,
    timeout: float | None = None,
    stuck_after: float = STUCK_AFTER,
    on_progress: OnProgress | None = None,
) -> ImportReport:
    """Put what ``export_base`` wrote into a knowledge base, beside what is in it, and look whether it arrived.

    What was a file, a link or a set of pictures becomes a collection of type ``virtual`` with the same chunks: the
    originals are not in the file, so that it cannot be cut anew or read by its readers.

    What is sent is written down beside the file first. An import that was interrupted, however it was, goes on where
    it stopped when it is started again, and one that is done does nothing. Whether a request arrived whose answer was
    not heard is decided by counting what the collection has. Nothing else may write into the new collections meanwhile.

    FastGPT: ``POST /api/core/dataset/collection/create``, ``POST /api/core/dataset/data/pushData`` (at most 200 chunks
    and 1 MB at once), then what ``wait_trained`` asks, and ``POST /api/core/dataset/data/v2/list``.

    Args:
        datasetId: The knowledge base.
        file: JSON lines as of ``export_base``. A line is in memory once while it is sent.
        state: The file (SQLite) that knows how far it is; without it ``FILE.<datasetId>.state``. Delete it to put the
            same in again.
        concurrency: How many collections are filled at once.
        wait: False does not wait for the training, and does not compare.
        timeout, stuck_after: As of ``wait_trained``.
        on_progress: Told of the phases ``import`` (chunks), ``training``, ``verify`` (lines of the file).

    Raises:
        ArgumentError: A line is not as it must be (the message has its number), or the file is another one than that
            of the interrupted import. All lines are read before anything is sent.
        APIError, APIConnectionError: It failed for good; start it again to go on.

    Example:
        >>> report = await import_base(client, datasetId, "handbook.jsonl")
        >>> assert not report.differences
    """
    source = Path(file)
    path = Path(state) if state is not None else source.with_name(f"{source.name}.{datasetId}.state")
    content = await asyncio.to_thread(_check_file, source)
    with closing(_Journal(path, datasetId, content.digest)) as journal:
        run = _Import(client, datasetId, source, content, journal, on_progress)
        await run.send(concurrency)
        report = journal.report()
        if wait:
            filled = journal.filled()
            report.training = await wait_trained(
                client, datasetId, filled, timeout=timeout, stuck_after=stuck_after, on_progress=on_progress
            )
            report.differences = await run.compare(concurrency)
        return report


class _Entry(NamedTuple):
    """What is known of a line. ``sent``: how many of its chunks arrived; ``doubt``: perhaps so many more."""

    collectionId: str | None = None
    sent: int = 0
    inserted: int = 0
    doubt: int = 0
    done: bool = False


class _Journal:
    """How far an import is, in SQLite: written before each step and after it."""

    def __init__(self, path: Path, datasetId: str, digest: str) -> None:
        self._datasetId = datasetId
        self._db = sqlite3.connect(path, isolation_level=None, timeout=1)
        try:
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")  # two at once would put things in twice
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(_SCHEMA)
            known = self._db.execute("SELECT datasetId, digest FROM import").fetchone()
            if known is None:
                self._db.execute("INSERT INTO import VALUES (?, ?)", (datasetId, digest))
            elif known[0] != datasetId:
                raise ArgumentError(f"{path} belongs to an import into {known[0]}: name another state file")
            elif known[1] != digest:
                raise ArgumentError(
                    f"the file has changed since the import that {path} is about: delete that to begin anew"
                )
        except sqlite3.DatabaseError as error:
            self.close()
            if "locked" in str(error):
                raise ArgumentError(f"{path} is in use: this import is running already") from None
            raise ArgumentError(f"{path} is no state file of an import: {error}") from None
        except ArgumentError:
            self.close()
            raise

    def close(self) -> None:
        self._db.close()

    def entry(self, line: int) -> _Entry:
        columns = "collectionId, sent, inserted, doubt, done"
        row = self._db.execute(f"SELECT {columns} FROM lines WHERE line = ?", (line,)).fetchone()
        return _Entry(*row) if row else _Entry()

    def begun(self, line: int) -> bool:
        """Whether the collection of a line may have been made. Says so from now on."""
        return self._db.execute("INSERT OR IGNORE INTO lines (line) VALUES (?)", (line,)).rowcount == 0

    def put(self, line: int, **columns: object) -> None:
        names = ", ".join(f"{name} = ?" for name in columns)
        self._db.execute(f"UPDATE lines SET {names} WHERE line = ?", (*columns.values(), line))

    def sent(self) -> int:
        """How many chunks arrived."""
        return int(self._db.execute("SELECT coalesce(sum(max(sent, 0)), 0) FROM lines").fetchone()[0])

    def known(self) -> set[str]:
        """The collections that belong to lines."""
        rows = self._db.execute("SELECT collectionId FROM lines WHERE collectionId IS NOT NULL")
        return {row[0] for row in rows}

    def filled(self) -> list[str]:
        """The collections that have chunks."""
        return [row[0] for row in self._db.execute("SELECT collectionId FROM lines WHERE inserted > 0 ORDER BY line")]

    def report(self) -> ImportReport:
        sql = "SELECT sum(sent < 0), sum(sent >= 0), sum(inserted), sum(max(sent, 0) - inserted) FROM lines"
        folders, collections, chunks, refused = (count or 0 for count in self._db.execute(sql).fetchone())
        return ImportReport(
            datasetId=self._datasetId, folders=folders, collections=collections, chunks=chunks, refused=refused
        )


_FOLDER = -1  # `sent` of a folder
Kind: TypeAlias = Literal["folder", "virtual"]


class _Place(NamedTuple):
    """A line, and where it belongs."""

    number: int
    line: Line
    parentId: str | None
    collectionId: str


class _Content(NamedTuple):
    """What is in a file."""

    digest: str
    lines: int
    chunks: int


class _Import:
    """One run of an import."""

    def __init__(
        self,
        client: AsyncDatasetClient,
        datasetId: str,
        file: Path,
        content: _Content,
        journal: _Journal,
        on_progress: OnProgress | None,
    ) -> None:
        self._client = client
        self._datasetId = datasetId
        self._file = file
        self._journal = journal
        self._on_progress = on_progress
        self._content = content
        self._sent = journal.sent()

    async def send(self, concurrency: int) -> None:
        """Make the collections one after the other, as their order may matter, and fill them at the same time."""
        async with aclosing(in_order(self._made(), self._fill, concurrency)) as filled:
            async for place in filled:
                self._tell("import", self._sent, self._content.chunks, place.line.path)

    def _tell(self, phase: str, done: int, total: int, item: str) -> None:
        if self._on_progress is not None:
            self._on_progress(Progress(phase=phase, done=done, total=total, item=item))

    async def _made(self) -> AsyncGenerator[_Place]:
        folders: dict[str, str] = {"": ""}
        path = ""
        with self._file.open("rb") as lines:
            for number, line in read_lines(lines):
                if line.path == path:
                    await asyncio.sleep(0.002)  # the order of what has the same name is told by milliseconds
                path = line.path
                parent = folders[path.rpartition("/")[0]] or None
                key = self._journal.entry(number).collectionId or await self._make(number, line, parent)
                if line.type == "folder":
                    folders[path] = key
                yield _Place(number, line, parent, key)

    async def _make(self, number: int, line: Line, parentId: str | None) -> str:
        """Make the collection of a line; if that was tried before, look first whether it is there."""
        kind: Kind = "folder" if line.type == "folder" else "virtual"
        attempt = 0
        while True:
            try:
                there = await self._orphan(line, parentId, kind) if self._journal.begun(number) else None
                key = there or await self._create(line, parentId, kind)
            except (APIConnectionError, ServerError, RateLimitError):
                attempt = await _pause(attempt)
            else:
                self._journal.put(number, collectionId=key, sent=_FOLDER if kind == "folder" else 0)
                return key

    async def _create(self, line: Line, parentId: str | None, kind: Kind) -> str:
        tags = line.tags or None
        return (await self._client.create_collection(self._datasetId, line.name, kind, parentId, tags)).data

    async def _orphan(self, line: Line, parentId: str | None, kind: str) -> str | None:
        """An empty collection of this name that belongs to no line: made by a request whose answer was not heard."""
        known = self._journal.known()
        async for row in self._client.iter_collections(self._datasetId, parentId, line.name):
            empty = not row.dataAmount and not row.trainingAmount
            if row.name == line.name and row.type == kind and empty and row.id not in known:
                return row.id
        return None

    async def _fill(self, place: _Place) -> _Place:
        """Put the chunks of a line into its collection."""
        entry = self._journal.entry(place.number)
        if entry.done:
            return place
        if place.line.type != "folder":
            for start, chunks in batches(place.line.chunks, entry.sent):
                await self._push(place, start, chunks)
            if place.line.forbid:
                await self._client.update_collection(place.collectionId, forbid=True)
        self._journal.put(place.number, done=1)
        return place

    async def _push(self, place: _Place, start: int, chunks: Sequence[ExportedChunk]) -> None:
        """Put a batch in, exactly once."""
        rows = [
            {"q": chunk.q, "a": chunk.a, "chunkIndex": start + at, "indexes": chunk.indexes}
            for at, chunk in enumerate(chunks)
        ]
        attempt = 0
        while True:
            try:
                before = self._journal.entry(place.number)
                if before.doubt and (inserted := await self._count(place) - before.inserted) > 0:
                    self._pushed(place, before, before.doubt, inserted)
                    return
                self._journal.put(place.number, doubt=len(rows))
                answer = (await self._client.push_data(place.collectionId, rows, "chunk")).data
                self._pushed(place, before, len(rows), answer.insertLen)
                return
            except (APIConnectionError, ServerError, RateLimitError):
                attempt = await _pause(attempt)

    def _pushed(self, place: _Place, before: _Entry, sent: int, inserted: int) -> None:
        self._journal.put(place.number, sent=before.sent + sent, inserted=before.inserted + inserted, doubt=0)
        self._sent += sent
        self._tell("import", self._sent, self._content.chunks, place.line.path)

    async def _count(self, place: _Place) -> int:
        """How many chunks a collection has, trained or not."""
        counts: list[int] = []
        while len(counts) < 2 or counts[-1] != counts[-2]:  # a chunk that is just being moved may be counted twice
            if counts:
                await asyncio.sleep(_PAUSE)
            row = await self._row(place)
            counts.append((row.dataAmount or 0) + (row.trainingAmount or 0))
        return counts[-1]

    async def _row(self, place: _Place) -> Collection:
        """What the list says of a collection: only there all versions tell both counts."""
        for search in (place.line.name, None):  # names may have what a search does not find
            async for row in self._client.iter_collections(self._datasetId, place.parentId, search):
                if row.id == place.collectionId:
                    return row
        raise FastGPTError(f"the collection {place.line.path} ({place.collectionId}) was deleted while it was filled")

    # --- looking whether all is there

    async def compare(self, concurrency: int) -> list[str]:
        """What is not as it is in the file: counts, and the first, middle and last chunk of each collection."""
        differences: list[str] = []
        with self._file.open("rb") as lines:
            async with aclosing(in_order(read_lines(lines), self._compare, concurrency)) as compared:
                done = 0
                async for path, found in compared:
                    differences += found
                    done += 1
                    self._tell("verify", done, self._content.lines, path)
        return differences

    async def _compare(self, item: tuple[int, Line]) -> tuple[str, list[str]]:
        number, line = item
        entry, found = self._journal.entry(number), list[str]()
        if line.type == "folder" or not entry.inserted:
            return line.path, found
        assert entry.collectionId is not None
        last = len(line.chunks) - 1
        for at in sorted({0, last // 2, last}):
            page = (await self._client.list_data(entry.collectionId, offset=at, pageSize=1)).data
            if page.total != entry.inserted:
                return line.path, [f"{line.path}: {page.total} chunks instead of {entry.inserted}"]
            there, meant = page.list[0] if page.list else None, _chunk(line.chunks[at])
            if entry.inserted == len(line.chunks) and (there is None or not _same(there.q, there.a, meant)):
                found.append(f"{line.path}: chunk {at} is another one")
        return line.path, found


async def _pause(attempt: int) -> int:
    """Wait before the next try, and number it; called while a failure is handled, raises it after the last."""
    if attempt == _TRIES - 1:
        raise
    await asyncio.sleep(_PAUSE * 2**attempt)
    return attempt + 1


def _same(q: str | None, a: str | None, meant: ExportedChunk) -> bool:
    """Servers tidy white space."""
    return (q or "").split() == meant.q.split() and (a or "").split() == meant.a.split()


# --- the file


def _check_file(file: Path) -> _Content:
    """Look whether all lines are as they must be."""
    digest = hashlib.blake2b(digest_size=16)
    total = chunks = 0
    with file.open("rb") as lines:
        folders = {""}
        for number, line in read_lines(lines):
            if line.path.rpartition("/")[0] not in folders:
                raise ArgumentError(f"line {number} of {file}: {line.path!r} comes before its folder")
            if line.type == "folder":
                folders.add(line.path)
            total, chunks = total + 1, chunks + len(line.chunks)
            for raw in line.chunks:
                try:
                    _chunk(raw)
                except ValueError as error:
                    raise ArgumentError(f"line {number} of {file}: {error}") from None
        lines.seek(0)
        while piece := lines.read(MAX_BYTES):
            digest.update(piece)
    return _Content(digest.hexdigest(), total, chunks)


_decode_line = msgspec.json.Decoder(Line).decode
_decode_chunk = msgspec.json.Decoder(ExportedChunk).decode


def _chunk(raw: msgspec.Raw) -> ExportedChunk:
    return _decode_chunk(raw)


def read_lines(lines: IO[bytes]) -> Generator[tuple[int, Line]]:
    """The lines of a file: their numbers from 1, and what they say."""
    for number, text in enumerate(lines, 1):
        if text.isspace():
            continue
        try:
            line = _decode_line(text)
        except ValueError as error:
            raise ArgumentError(f"line {number} of {lines.name}: {error}") from None
        yield number, line


def batches(chunks: Sequence[msgspec.Raw], start: int) -> Iterator[tuple[int, list[ExportedChunk]]]:
    """Chunks from one on, as many at once as a server takes: where each batch begins, and what is in it."""
    batch: list[ExportedChunk] = []
    size = 0
    for at in range(start, len(chunks)):
        more = len(bytes(chunks[at]))
        if batch and (len(batch) == MAX_ROWS or size + more > MAX_BYTES):
            yield at - len(batch), batch
            batch, size = [], 0
        batch.append(_chunk(chunks[at]))
        size += more
    if batch:
        yield len(chunks) - len(batch), batch
