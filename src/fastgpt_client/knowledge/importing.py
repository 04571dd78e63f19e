"""An exported knowledge base, put into another one: once, whatever happens on the way."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, closing
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from ..api.data import MAX_ROWS
from ..clients import AsyncDatasetClient
from ..errors import ArgumentError, FastGPTError, NotFoundError
from ..models.data import DataInput, IndexInput
from .calls import Server
from .concurrency import in_order
from .counting import more_came, push_once
from .exporting import ExportedChunk
from .limits import AdaptiveLimit
from .lines import Line, read_chunks_of, read_lines
from .marker import import_mark, new_token
from .progress import OnProgress, Progress
from .rows import BATCH_BYTES, batches
from .waiting import STUCK_AFTER, TrainingReport, wait_trained

_LATE = 2.0  # seconds after which what was in doubt has come
_PAGE = 30
_PIECE = 1024 * 1024

_SCHEMA = """
CREATE TABLE IF NOT EXISTS import (
    datasetId TEXT NOT NULL, digest TEXT NOT NULL, token TEXT NOT NULL, lines INTEGER NOT NULL, chunks INTEGER NOT NULL
);
-- begun: how often its collection was begun to be made; more than once when it was not known whether it was.
-- sent, inserted: how many chunks arrived, and how many of them were taken. doubt: perhaps so many more arrived.
CREATE TABLE IF NOT EXISTS lines (
    line INTEGER PRIMARY KEY, head BLOB NOT NULL, begun INTEGER NOT NULL DEFAULT 0, parentId TEXT, collectionId TEXT,
    sent INTEGER NOT NULL DEFAULT 0, inserted INTEGER NOT NULL DEFAULT 0, doubt INTEGER NOT NULL DEFAULT 0,
    done INTEGER NOT NULL DEFAULT 0
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
    not heard is decided by counting what the collection has, and a new collection is recognised by a mark in its
    metadata. Nothing else may write into the new collections meanwhile.

    FastGPT: ``POST /api/core/dataset/collection/create``, ``POST /api/core/dataset/data/pushData`` (at most 200 chunks
    and 1 MB at once), then what ``wait_trained`` asks, and ``POST /api/core/dataset/data/v2/list``.

    Args:
        datasetId: The knowledge base.
        file: JSON lines as of ``export_base``. It is read three times, and a few chunks of it are in memory at once.
        state: The file (SQLite) that knows how far it is; without it ``FILE.<datasetId>.state``. Delete it to put the
            same in again.
        concurrency: How many collections are filled at once.
        wait: False does not wait for the training, and does not compare.
        timeout, stuck_after: As of ``wait_trained``.
        on_progress: Told of the phases ``import`` (chunks), ``training``, ``verify`` (lines of the file).

    Raises:
        ArgumentError: A line is not as it must be (the message has its number), or the file is another one than that
            of the interrupted import. All lines are read before anything is sent.
        FastGPTError: It failed for good; start it again to go on.

    Example:
        >>> report = await import_base(client, datasetId, "handbook.jsonl")
        >>> assert not report.differences
    """
    source = Path(file)
    path = Path(state) if state is not None else source.with_name(f"{source.name}.{datasetId}.state")
    with closing(await asyncio.to_thread(_Journal, path, datasetId, source)) as journal:
        server = Server(client, datasetId, AdaptiveLimit(concurrency))
        run = _Import(server, source, journal, on_progress)
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
    """What is known of a line; see the schema."""

    number: int
    line: Line
    begun: int
    parentId: str | None
    collectionId: str | None
    sent: int
    inserted: int
    doubt: int
    done: bool


class _Journal:
    """What is in the file, and how far its import is, in SQLite: written before each step and after it."""

    def __init__(self, path: Path, datasetId: str, file: Path) -> None:
        self._datasetId = datasetId
        fresh = not path.exists()
        self._db = sqlite3.connect(path, isolation_level=None, timeout=1, check_same_thread=False)
        try:
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")  # two at once would put things in twice
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(_SCHEMA)
            digest = _digest(file)
            known = self._db.execute("SELECT datasetId, digest FROM import").fetchone()
            if known is None:
                self._learn(file, digest)
            elif known[0] != datasetId:
                raise ArgumentError(f"{path} belongs to an import into {known[0]}: name another state file")
            elif known[1] != digest:
                raise ArgumentError(
                    f"the file has changed since the import that {path} is about: delete that to begin anew"
                )
        except BaseException as error:
            self.close()
            if fresh:
                path.unlink()
            if not isinstance(error, sqlite3.DatabaseError):
                raise
            if "locked" in str(error):
                raise ArgumentError(f"{path} is in use: this import is running already") from None
            raise ArgumentError(f"{path} is no state file of an import: {error}") from None
        self.token, self.lines, self.chunks = self._db.execute("SELECT token, lines, chunks FROM import").fetchone()

    def _learn(self, file: Path, digest: str) -> None:
        """Look whether all lines are as they must be, and write down what they say."""
        folders = {""}
        lines = chunks = 0
        self._db.execute("BEGIN")
        for line in read_lines(file):
            if line.path.rpartition("/")[0] not in folders:
                raise ArgumentError(f"line {line.number} of {file}: {line.path!r} comes before its folder")
            if line.type == "folder":
                folders.add(line.path)
            lines, chunks = lines + 1, chunks + line.count
            self._db.execute("INSERT INTO lines (line, head) VALUES (?, ?)", (line.number, msgspec.json.encode(line)))
        values = (self._datasetId, digest, new_token(), lines, chunks)
        self._db.execute("INSERT INTO import VALUES (?, ?, ?, ?, ?)", values)
        self._db.execute("COMMIT")

    def close(self) -> None:
        self._db.close()

    def _entries(self, where: str, value: int) -> Iterator[_Entry]:
        sql = f"SELECT line, head, begun, parentId, collectionId, sent, inserted, doubt, done FROM lines WHERE {where}"
        for number, head, *rest in self._db.execute(sql, (value,)):
            yield _Entry(number, _decode(head), *rest)

    def entry(self, line: int) -> _Entry:
        return next(self._entries("line = ?", line))

    def entries(self, *, doubted: bool = False) -> Iterator[_Entry]:
        """All lines, or those whose collection may be there twice."""
        also = "AND begun > 1" if doubted else ""
        found, after = True, 0
        while found:
            found = False
            for entry in [*self._entries(f"line > ? {also} ORDER BY line LIMIT 100", after)]:
                found, after = True, entry.number
                yield entry

    def begin(self, line: int, parentId: str | None) -> None:
        """The collection of a line is about to be made."""
        self._db.execute("UPDATE lines SET begun = begun + 1, parentId = ? WHERE line = ?", (parentId, line))

    def put(self, line: int, **columns: object) -> None:
        names = ", ".join(f"{name} = ?" for name in columns)
        self._db.execute(f"UPDATE lines SET {names} WHERE line = ?", (*columns.values(), line))

    def filled(self) -> list[str]:
        """The collections that have chunks."""
        return [row[0] for row in self._db.execute("SELECT collectionId FROM lines WHERE inserted > 0 ORDER BY line")]

    def report(self) -> ImportReport:
        sql = "SELECT sum(sent < 0), sum(sent >= 0), sum(max(sent, 0)), sum(max(sent, 0) - inserted) FROM lines"
        folders, collections, sent, refused = (count or 0 for count in self._db.execute(sql).fetchone())
        return ImportReport(
            datasetId=self._datasetId, folders=folders, collections=collections, chunks=sent - refused, refused=refused
        )


_decode = msgspec.json.Decoder(Line).decode
_FOLDER = -1  # `sent` of a folder
Kind: TypeAlias = Literal["folder", "virtual"]


def _digest(file: Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with file.open("rb") as source:
        while piece := source.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


class _Import:
    """One run of an import."""

    def __init__(self, server: Server, file: Path, journal: _Journal, on_progress: OnProgress | None) -> None:
        self._server = server
        self._file = file
        self._journal = journal
        self._on_progress = on_progress
        before = journal.report()
        self._sent = before.chunks + before.refused

    async def send(self, concurrency: int) -> None:
        """Make the collections one after the other, as their order may matter, and fill them at the same time."""
        async with aclosing(in_order(self._made(), self._fill, concurrency)) as filled:
            async for line in filled:
                self._tell("import", self._sent, self._journal.chunks, line.path)
        await self._look_again()

    def _tell(self, phase: str, done: int, total: int, item: str) -> None:
        if self._on_progress is not None:
            self._on_progress(Progress(phase=phase, done=done, total=total, item=item))

    # --- making collections

    async def _made(self) -> AsyncGenerator[int]:
        folders: dict[str, str] = {"": ""}
        path = ""
        for entry in self._journal.entries():
            line = entry.line
            if line.path == path:
                await asyncio.sleep(0.002)  # the order of what has the same name is told by milliseconds
            path = line.path
            parent = folders[path.rpartition("/")[0]] or None
            key = entry.collectionId or await self._make(entry, parent)
            if line.type == "folder":
                folders[path] = key
            yield line.number

    async def _make(self, entry: _Entry, parentId: str | None) -> str:
        """Make the collection of a line; if that was tried before, look first whether it is there."""
        line = entry.line
        kind: Kind = "folder" if line.type == "folder" else "virtual"

        async def look() -> str | None:
            return next(iter(await self._marked(line, parentId)), None)

        async def send() -> str:
            self._journal.begin(line.number, parentId)
            return await self._create(line, parentId, kind)

        key = await look() if entry.begun else None
        if key is None:
            key = await self._server.certainly(send, look)
        self._journal.put(line.number, collectionId=key, sent=_FOLDER if kind == "folder" else 0)
        return key

    async def _create(self, line: Line, parentId: str | None, kind: Kind) -> str:
        server, tags = self._server, line.tags or None
        return await server.once(
            lambda: server.client.create_collection(server.datasetId, line.name, kind, parentId, tags, self._mark(line))
        )

    def _mark(self, line: Line) -> dict[str, object]:
        return import_mark(f"{self._journal.token}/{line.number}")

    async def _marked(self, line: Line, parentId: str | None) -> list[str]:
        """The collections that were made for a line, as far as the server shows them."""
        found: list[str] = []
        for row in await self._server.like(line.name, parentId):
            each = await self._server.marker(row.id)
            if each is not None and each[0].metadata == self._mark(line):
                found.append(row.id)
        return found

    async def _look_again(self) -> None:
        """A request in doubt may have come late, and made an empty collection more: that goes."""
        waited = False
        for entry in self._journal.entries(doubted=True):
            if not waited:
                await asyncio.sleep(_LATE)
                waited = True
            for collectionId in await self._marked(entry.line, entry.parentId):
                if collectionId != entry.collectionId:
                    await self._server.delete(collectionId)
            self._journal.put(entry.number, begun=1)

    # --- filling them

    async def _fill(self, number: int) -> Line:
        """Put the chunks of a line into its collection."""
        entry = self._journal.entry(number)
        if entry.done:
            return entry.line
        if entry.line.type != "folder":
            if entry.doubt:
                await self._settle(number)
            with closing(read_chunks_of(self._file, entry.line)) as chunks:
                rows = islice(map(_row, range(entry.line.count), chunks), self._journal.entry(number).sent, None)
                for batch in batches(rows, MAX_ROWS, BATCH_BYTES):
                    await push_once(
                        self._server,
                        entry.collectionId or "",
                        batch,
                        begin=partial(self._begin, number),
                        end=partial(self._pushed, number),
                        arrived=partial(self._settle, number),
                    )
            if entry.line.forbid:
                update = self._server.client.update_collection
                await self._server.again(lambda: update(entry.collectionId, forbid=True))
        self._journal.put(number, done=1)
        return entry.line

    async def _settle(self, number: int) -> bool:
        """Whether the chunks that were on their way have arrived: nothing else puts some into this collection."""
        entry = self._journal.entry(number)
        assert entry.collectionId is not None
        try:
            came = await more_came(self._server, entry.collectionId, entry.line.name, entry.parentId, entry.inserted)
        except NotFoundError:
            where = f"{entry.line.path} ({entry.collectionId})"
            raise FastGPTError(f"the collection {where} was deleted while it was filled") from None
        # How many of them the server took it told nobody: all, as it nearly always does.
        self._pushed(number, entry.doubt if came else 0, entry.doubt if came else 0)
        return came

    def _begin(self, number: int, rows: int) -> None:
        self._journal.put(number, doubt=rows)

    def _pushed(self, number: int, sent: int, inserted: int) -> None:
        entry = self._journal.entry(number)
        self._journal.put(number, sent=entry.sent + sent, inserted=entry.inserted + inserted, doubt=0)
        self._sent += sent
        self._tell("import", self._sent, self._journal.chunks, entry.line.path)

    # --- looking whether all is there

    async def compare(self, concurrency: int) -> list[str]:
        """What is not as it is in the file: counts, and the first, middle and last chunk of each collection."""
        differences: list[str] = []
        async with aclosing(in_order(self._journal.entries(), self._compare, concurrency)) as compared:
            done = 0
            async for path, found in compared:
                differences += found
                done += 1
                self._tell("verify", done, self._journal.lines, path)
        return differences

    async def _compare(self, entry: _Entry) -> tuple[str, list[str]]:
        line, found = entry.line, list[str]()
        if line.type == "folder" or not entry.inserted:
            return line.path, found
        key = entry.collectionId or ""
        size = line.count if line.count <= _PAGE else 1
        for start, meant in (await asyncio.to_thread(self._samples, line, size)).items():
            page = (await self._server.again(partial(self._server.client.list_data, key, None, start, size))).data
            if page.total != entry.inserted:
                return line.path, [f"{line.path}: {page.total} chunks instead of {entry.inserted}"]
            if entry.inserted == line.count:
                there = [_tidy(row.q, row.a) for row in page.list]
                for at, chunk in enumerate(meant):
                    if there[at : at + 1] != [_tidy(chunk.q, chunk.a)]:
                        found.append(f"{line.path}: chunk {start + at} is another one")
        return line.path, found

    def _samples(self, line: Line, size: int) -> dict[int, list[ExportedChunk]]:
        """Some chunks of a line, by the place of the first: all of a small one, else the first, middle and last."""
        last = line.count - 1
        wanted = {0} if size == line.count else {0, last // 2, last}
        with closing(read_chunks_of(self._file, line)) as chunks:
            return {at: [chunk, *islice(chunks, size - 1)] for at, chunk in enumerate(chunks) if at in wanted}


def _row(at: int, chunk: ExportedChunk) -> DataInput:
    indexes = [IndexInput(text=index.text, type=index.type) for index in chunk.indexes]
    return DataInput(q=chunk.q, a=chunk.a, chunkIndex=at, indexes=indexes)


def _tidy(q: str | None, a: str | None) -> list[list[str]]:
    """Servers tidy white space."""
    return [(q or "").split(), (a or "").split()]
