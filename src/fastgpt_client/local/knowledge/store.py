"""Knowledge bases in SQLite: tables, and what is asked of them.

Everything runs in the event loop, on one connection. What can be large (chunks, what waits for training) is counted,
paged and moved by SQL, never read whole.
"""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from ..store import Transaction, open_database
from ..wire import encode, object_id
from .words import for_index

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from ..files import Files

JSON = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS datasets (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, parentId TEXT, type TEXT NOT NULL, name TEXT NOT NULL,
    intro TEXT NOT NULL, avatar TEXT NOT NULL, vectorModel TEXT NOT NULL, agentModel TEXT NOT NULL,
    vlmModel TEXT NOT NULL, settings TEXT NOT NULL DEFAULT '{}', updateTime REAL NOT NULL, deleteTime REAL
);
CREATE INDEX IF NOT EXISTS datasets_by_parent ON datasets (parentId);
CREATE TABLE IF NOT EXISTS tags (
    id TEXT PRIMARY KEY, datasetId TEXT NOT NULL, tag TEXT NOT NULL, UNIQUE (datasetId, tag)
);
CREATE TABLE IF NOT EXISTS collections (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, datasetId TEXT NOT NULL, parentId TEXT, type TEXT NOT NULL,
    name TEXT NOT NULL, tags TEXT, forbid INTEGER, trainingType TEXT, settings TEXT NOT NULL DEFAULT '{}',
    metadata TEXT NOT NULL DEFAULT '{}', fileId TEXT, rawLink TEXT, rawTextLength INTEGER, hashRawText TEXT,
    createTime REAL NOT NULL, updateTime REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS collections_by_time ON collections (datasetId, parentId, updateTime, seq);
CREATE INDEX IF NOT EXISTS collections_by_parent ON collections (parentId);
CREATE TABLE IF NOT EXISTS data (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, datasetId TEXT NOT NULL, collectionId TEXT NOT NULL,
    q TEXT NOT NULL, a TEXT NOT NULL, hash BLOB NOT NULL, chunkIndex INTEGER NOT NULL, imageId TEXT,
    indexes TEXT NOT NULL, indexAmount INTEGER NOT NULL, updateTime REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS data_in_order ON data (collectionId, chunkIndex, seq DESC, indexAmount);
CREATE INDEX IF NOT EXISTS data_by_hash ON data (collectionId, hash);
CREATE INDEX IF NOT EXISTS data_by_dataset ON data (datasetId);
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (text, tokenize = "unicode61 remove_diacritics 0");
CREATE TABLE IF NOT EXISTS vectors (
    dataId INTEGER PRIMARY KEY, seq INTEGER NOT NULL, datasetId TEXT NOT NULL, vector BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS vectors_by_data ON vectors (seq);
CREATE INDEX IF NOT EXISTS vectors_by_dataset ON vectors (datasetId);
CREATE TABLE IF NOT EXISTS training (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, datasetId TEXT NOT NULL, collectionId TEXT NOT NULL,
    mode TEXT NOT NULL, q TEXT NOT NULL DEFAULT '', a TEXT NOT NULL DEFAULT '', chunkIndex INTEGER NOT NULL DEFAULT 0,
    imageId TEXT, indexes TEXT NOT NULL DEFAULT '[]', indexSize INTEGER NOT NULL DEFAULT 512, dataId TEXT,
    dueTime REAL NOT NULL, errorMsg TEXT
);
CREATE INDEX IF NOT EXISTS training_due ON training (mode = 'parse', dueTime) WHERE errorMsg IS NULL;
CREATE INDEX IF NOT EXISTS training_by_collection ON training (collectionId, mode, errorMsg);
CREATE INDEX IF NOT EXISTS training_by_dataset ON training (datasetId, errorMsg, dataId, collectionId);
CREATE TABLE IF NOT EXISTS leftovers (collectionId TEXT PRIMARY KEY);
"""

MODES = ("parse", "chunk", "qa", "auto", "image", "imageParse")
"""The steps of training, in the order FastGPT lists them."""


class Dataset(NamedTuple):
    """A knowledge base, or a folder of them."""

    seq: int
    id: str
    parentId: str | None
    type: str
    name: str
    intro: str
    avatar: str
    vectorModel: str
    agentModel: str
    vlmModel: str
    settings: JSON
    updateTime: float
    deleteTime: float | None


class Collection(NamedTuple):
    """A file, link, text or folder."""

    seq: int
    id: str
    datasetId: str
    parentId: str | None
    type: str
    name: str
    tags: list[str] | None
    forbid: bool | None
    trainingType: str | None
    settings: JSON
    metadata: JSON
    fileId: str | None
    rawLink: str | None
    rawTextLength: int | None
    hashRawText: str | None
    createTime: float
    updateTime: float


class Data(NamedTuple):
    """A chunk; `indexes` are the texts that it is found by."""

    seq: int
    id: str
    datasetId: str
    collectionId: str
    q: str
    a: str
    chunkIndex: int
    imageId: str | None
    indexes: list[JSON]
    updateTime: float


class Step(NamedTuple):
    """Something that waits for training. `dataId`: the chunk that is to be indexed anew."""

    seq: int
    id: str
    datasetId: str
    collectionId: str
    mode: str
    q: str
    a: str
    chunkIndex: int
    imageId: str | None
    indexes: list[JSON]
    indexSize: int
    dataId: str | None
    dueTime: float
    errorMsg: str | None


class Progress(NamedTuple):
    """How far a collection is: its chunks, the steps that wait, those that failed, and the slowest mode of these."""

    done: int = 0
    active: int = 0
    failed: int = 0
    mode: str | None = None


_DATA = "d.seq, d.id, d.datasetId, d.collectionId, d.q, d.a, d.chunkIndex, d.imageId, d.indexes, d.updateTime"


_STEP: JSON = {"q": "", "a": "", "chunkIndex": 0, "imageId": None, "indexes": [], "indexSize": 512}
"""What a new step has unless something else is said."""


def _json(value: Any) -> str:
    return encode(value).decode()


def _dataset(row: tuple[Any, ...]) -> Dataset:
    raw = Dataset(*row)
    return raw._replace(settings=json.loads(row[10]))


def _collection(row: tuple[Any, ...]) -> Collection:
    raw = Collection(*row)
    return raw._replace(
        tags=None if row[6] is None else json.loads(row[6]),
        forbid=None if row[7] is None else bool(row[7]),
        settings=json.loads(row[9]),
        metadata=json.loads(row[10]),
    )


def _data(row: tuple[Any, ...]) -> Data:
    return Data(*row)._replace(indexes=json.loads(row[8]))


def _step(row: tuple[Any, ...]) -> Step:
    return Step(*row)._replace(indexes=json.loads(row[9]))


def _hash(q: str, a: str) -> bytes:
    return hashlib.blake2b(f"{q}\0{a}".encode("utf-8", "replace"), digest_size=8).digest()


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _like(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


class KnowledgeStore:
    """The tables of the knowledge bases."""

    def __init__(self, path: str | Path, files: Files) -> None:
        self._files = files
        self.db: sqlite3.Connection = open_database(path, _SCHEMA)
        self.db.execute("PRAGMA cache_size = -65536")  # KiB
        self.tickets: dict[str, tuple[list[str], float]] = {}
        """For downloads: of which collections, and until when."""

    def close(self) -> None:
        """Close the file."""
        self.db.close()

    def transaction(self) -> Transaction:
        """All of it, or nothing."""
        return Transaction(self.db)

    def _insert(self, table: str, row: Mapping[str, Any]) -> int:
        sql = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({_marks(list(row))})"
        return self.db.execute(sql, tuple(row.values())).lastrowid or 0

    def _update(self, table: str, key: str, columns: Mapping[str, Any]) -> None:
        if columns:
            names = ", ".join(f"{name} = ?" for name in columns)
            self.db.execute(f"UPDATE {table} SET {names} WHERE id = ?", (*columns.values(), key))

    def _count(self, sql: str, values: Sequence[Any]) -> int:
        return int(self._one(f"SELECT count(*) FROM {sql}", values))

    def _one(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """The one value that a question has for an answer; none when there is no row."""
        row = self.db.execute(sql, values).fetchone()
        return row[0] if row else None

    # --- datasets

    def add_dataset(self, settings: JSON, **columns: Any) -> str:
        """Make a knowledge base; returns its id."""
        key = object_id()
        self._insert("datasets", {**columns, "id": key, "settings": _json(settings), "updateTime": time.time()})
        return key

    def dataset(self, key: str) -> Dataset | None:
        """One that is there."""
        row = self.db.execute("SELECT * FROM datasets WHERE id = ? AND deleteTime IS NULL", (key,)).fetchone()
        return _dataset(row) if row else None

    def was_dataset(self, key: str) -> bool:
        """Whether there was one with this id that has been deleted."""
        return bool(self._count("datasets WHERE id = ? AND deleteTime IS NOT NULL", (key,)))

    def datasets(self, parent: str | None, search: str = "", kind: str | None = None) -> list[Dataset]:
        """Those in a folder, last changed first; a search looks in all folders."""
        where, values = ("name LIKE ? ESCAPE '\\'", [_like(search)]) if search else ("parentId IS ?", [parent])
        if kind:
            where, values = f"{where} AND type = ?", [*values, kind]
        sql = f"SELECT * FROM datasets WHERE deleteTime IS NULL AND {where} ORDER BY updateTime DESC, seq DESC"
        return [_dataset(row) for row in self.db.execute(sql, values)]

    def update_dataset(self, key: str, settings: JSON | None = None, **columns: Any) -> None:
        """Set columns of a knowledge base."""
        self._update("datasets", key, columns if settings is None else {**columns, "settings": _json(settings)})

    def datasets_inside(self, key: str) -> list[str]:
        """A knowledge base with all that is in it, if it is a folder; the innermost come last."""
        sql = """
            WITH RECURSIVE inside (id) AS (
                VALUES (?) UNION SELECT d.id FROM datasets d JOIN inside i ON d.parentId = i.id
            ) SELECT id FROM inside
        """
        return [row[0] for row in self.db.execute(sql, (key,))]

    def delete_datasets(self, keys: Sequence[str]) -> None:
        """Delete knowledge bases; their chunks go later, a few at a time (`sweep`)."""
        with self.transaction():
            for key in keys:
                self.db.execute("UPDATE datasets SET deleteTime = ? WHERE id = ?", (time.time(), key))
                self.db.execute("DELETE FROM tags WHERE datasetId = ?", (key,))
                self._drop_collections("datasetId = ?", (key,))

    # --- tags

    def tag_ids(self, dataset: str, names: Iterable[str]) -> list[str]:
        """The ids of tags; unknown ones are made."""
        found: list[str] = []
        for name in names:
            self.db.execute("INSERT INTO tags VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (object_id(), dataset, name))
            sql = "SELECT id FROM tags WHERE datasetId = ? AND tag = ?"
            found.append(self._one(sql, (dataset, name)))
        return found

    def tag_names(self, keys: Sequence[str]) -> list[str]:
        """The names of tags."""
        rows = dict(self.db.execute(f"SELECT id, tag FROM tags WHERE id IN ({_marks(keys)})", keys).fetchall())
        return [rows[key] for key in keys if key in rows]

    # --- collections

    def add_collection(self, settings: JSON, metadata: JSON, tags: list[str] | None, **columns: Any) -> str:
        """Make a collection; returns its id."""
        key, now = object_id(), time.time()
        packed = {"settings": _json(settings), "metadata": _json(metadata), "tags": tags and _json(tags)}
        self._insert("collections", {**columns, **packed, "id": key, "createTime": now, "updateTime": now})
        return key

    def collection(self, key: str) -> Collection | None:
        """One collection."""
        row = self.db.execute("SELECT * FROM collections WHERE id = ?", (key,)).fetchone()
        return _collection(row) if row else None

    def collections(
        self,
        dataset: str,
        parent: str | None,
        start: int,
        size: int,
        *,
        search: str = "",
        folders: bool = False,
        tags: Sequence[str] = (),
    ) -> tuple[list[Collection], int]:
        """A page of those in a folder, last changed first, and how many there are."""
        where, values = "datasetId = ? AND parentId IS ?", [dataset, parent]
        if search:
            where, values = f"{where} AND name LIKE ? ESCAPE '\\'", [*values, _like(search)]
        if folders:
            where += " AND type = 'folder'"
        if tags:
            where += f" AND EXISTS (SELECT 1 FROM json_each(collections.tags) WHERE value IN ({_marks(tags)}))"
            values += tags
        sql = f"SELECT * FROM collections WHERE {where} ORDER BY updateTime DESC, seq DESC LIMIT ? OFFSET ?"
        rows = [_collection(row) for row in self.db.execute(sql, (*values, size, start))]
        return rows, self._count(f"collections WHERE {where}", values)

    def update_collection(self, key: str, **columns: Any) -> None:
        """Set columns of a collection."""
        if columns.get("tags") is not None:
            columns["tags"] = _json(columns["tags"])
        self._update("collections", key, {"updateTime": time.time(), **columns})

    def progress(self, keys: Sequence[str]) -> dict[str, Progress]:
        """How far collections are."""
        found = {key: Progress() for key in keys}
        sql = f"SELECT collectionId, count(*) FROM data WHERE collectionId IN ({_marks(keys)}) GROUP BY collectionId"
        for key, done in self.db.execute(sql, keys):
            found[key] = found[key]._replace(done=done)
        sql = (
            "SELECT collectionId, mode, errorMsg IS NOT NULL, count(*) FROM training"
            f" WHERE collectionId IN ({_marks(keys)}) GROUP BY 1, 2, 3"
        )
        for key, mode, failed, count in self.db.execute(sql, keys):
            each = found[key]
            slowest = min(mode, each.mode or mode, key=MODES.index)
            name = "failed" if failed else "active"
            found[key] = each._replace(mode=slowest, **{name: getattr(each, name) + count})
        return found

    def index_amount(self, key: str) -> int:
        """How many texts the chunks of a collection are found by."""
        return int(self._one("SELECT sum(indexAmount) FROM data WHERE collectionId = ?", (key,)) or 0)

    def collections_inside(self, keys: Sequence[str]) -> list[str]:
        """Collections with all that is in them."""
        sql = f"""
            WITH RECURSIVE inside (id) AS (
                SELECT id FROM collections WHERE id IN ({_marks(keys)})
                UNION SELECT c.id FROM collections c JOIN inside i ON c.parentId = i.id
            ) SELECT id FROM inside
        """
        return [row[0] for row in self.db.execute(sql, keys)]

    def delete_collections(self, keys: Sequence[str], *, files: bool = True) -> None:
        """Delete collections; their chunks go later, a few at a time (`sweep`)."""
        self._drop_collections(f"id IN ({_marks(keys)})", keys, files=files)

    def _drop_collections(self, where: str, values: Sequence[str], *, files: bool = True) -> None:
        ids = f"SELECT id FROM collections WHERE {where}"
        self.db.execute(f"INSERT OR IGNORE INTO leftovers {ids}", values)
        self.db.execute(f"DELETE FROM training WHERE collectionId IN ({ids})", values)
        if files:
            for (key,) in self.db.execute(f"SELECT fileId FROM collections WHERE {where} AND fileId NOTNULL", values):
                self._files.delete(key)
        self.db.execute(f"DELETE FROM collections WHERE {where}", values)

    def empty_collection(self, key: str) -> None:
        """Delete what a collection holds, at once."""
        self.db.execute("DELETE FROM training WHERE collectionId = ?", (key,))
        self._drop_data([row[0] for row in self.db.execute("SELECT seq FROM data WHERE collectionId = ?", (key,))])

    def sweep(self, most: int) -> bool:
        """Delete some chunks whose collection is gone; false when there are none."""
        row = self.db.execute("SELECT collectionId FROM leftovers LIMIT 1").fetchone()
        if row is None:
            return False
        found = self.db.execute(
            "SELECT seq, imageId FROM data WHERE collectionId = ? LIMIT ?", (row[0], most)
        ).fetchall()
        with self.transaction():
            for _, image in found:
                self._files.delete(image or "")
            self._drop_data([seq for seq, _ in found])
            if len(found) < most:
                self.db.execute("DELETE FROM leftovers WHERE collectionId = ?", row)
        return True

    # --- data

    def add_data(self, row: Mapping[str, Any], texts: Sequence[Mapping[str, Any]]) -> Data:
        """Put in a chunk with the texts that it is found by; their ids are made here."""
        q, a, key = row["q"], row["a"], object_id()
        columns = {**row, "id": key, "hash": _hash(q, a), "updateTime": time.time()}
        seq = self._insert("data", {**columns, "indexes": "[]", "indexAmount": 0})
        data = Data(seq, key, row["datasetId"], row["collectionId"], q, a, row["chunkIndex"], row.get("imageId"), [], 0)
        return self.set_indexes(data, texts, new=True)

    def set_indexes(self, data: Data, texts: Sequence[Mapping[str, Any]], *, new: bool = False) -> Data:
        """Replace the texts that a chunk is found by; those with a `dataId` keep it."""
        taken = {int(text["dataId"]) for text in (*data.indexes, *texts) if text.get("dataId")}
        fresh = max(taken, default=data.seq * 1000) + 1
        indexes: list[JSON] = []
        for text in texts:
            own = text.get("dataId")
            indexes.append({"type": text.get("type") or "custom", "dataId": own or str(fresh), "text": text["text"]})
            fresh += own is None
        if not new:
            self.db.execute("DELETE FROM words WHERE rowid = ?", (data.seq,))
        found = for_index("\n".join({data.q: 0, data.a: 0, **dict.fromkeys(each["text"] for each in indexes)}))
        self.db.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (data.seq, found))
        sql = "UPDATE data SET indexes = ?, indexAmount = ? WHERE seq = ?"
        self.db.execute(sql, (_json(indexes), len(indexes), data.seq))
        return data._replace(indexes=indexes)

    def set_vectors(self, data: Data, vectors: Mapping[str, bytes]) -> None:
        """Replace the vectors of a chunk: for each of its texts, by text."""
        self.db.execute("DELETE FROM vectors WHERE seq = ?", (data.seq,))
        rows = [
            (int(index["dataId"]), data.seq, data.datasetId, vectors[index["text"]])
            for index in data.indexes
            if index["text"] in vectors
        ]
        self.db.executemany("INSERT INTO vectors VALUES (?, ?, ?, ?)", rows)

    def data(self, key: str) -> Data | None:
        """One chunk."""
        row = self.db.execute(f"SELECT {_DATA} FROM data d WHERE id = ?", (key,)).fetchone()
        return _data(row) if row else None

    def has_data(self, collection: str, q: str, a: str) -> bool:
        """Whether a collection has exactly this chunk."""
        sql = "data WHERE collectionId = ? AND hash = ? AND q = ? AND a = ?"
        return bool(self._count(sql, (collection, _hash(q, a), q, a)))

    def data_page(self, collection: str, start: int, size: int, search: str = "") -> tuple[list[Data], int]:
        """A page of the chunks of a collection in their order, the newest first where it is the same."""
        where, values = "collectionId = ?", [collection]
        if search:
            where, values = (
                f"{where} AND (q LIKE ? ESCAPE '\\' OR a LIKE ? ESCAPE '\\')",
                [*values, *[_like(search)] * 2],
            )
        # The index alone tells which these are: rows that are skipped need not be read.
        page = f"SELECT seq FROM data WHERE {where} ORDER BY chunkIndex, seq DESC LIMIT ? OFFSET ?"
        sql = f"SELECT {_DATA} FROM data d WHERE seq IN ({page}) ORDER BY chunkIndex, seq DESC"
        rows = [_data(row) for row in self.db.execute(sql, (*values, size, start))]
        return rows, self._count(f"data WHERE {where}", values)

    def all_data(self, collection: str) -> Iterable[Data]:
        """The chunks of a collection in their order, as they are read."""
        sql = f"SELECT {_DATA} FROM data d WHERE collectionId = ? ORDER BY chunkIndex, seq"
        return map(_data, self.db.execute(sql, (collection,)))

    def change_data(self, data: Data) -> None:
        """Keep what a chunk says now."""
        said = {"q": data.q, "a": data.a, "hash": _hash(data.q, data.a), "imageId": data.imageId}
        self._update("data", data.id, {**said, "updateTime": time.time()})

    def delete_data(self, data: Data) -> None:
        """Delete a chunk."""
        with self.transaction():
            self._drop_data([data.seq])

    def _drop_data(self, seqs: Sequence[int]) -> None:
        rows = [(seq,) for seq in seqs]
        for table, column in (("words", "rowid"), ("vectors", "seq"), ("data", "seq")):
            self.db.executemany(f"DELETE FROM {table} WHERE {column} = ?", rows)

    # --- search

    def by_words(self, dataset: str, query: str, most: int) -> list[tuple[Data, float]]:
        """The chunks that share words with a query, and how well they fit (more is better)."""
        sql = f"""
            SELECT -bm25(words), {_DATA} FROM words JOIN data d ON d.seq = words.rowid
            JOIN collections c ON c.id = d.collectionId AND c.forbid IS NOT 1
            WHERE words MATCH ? AND d.datasetId = ? ORDER BY 1 DESC, d.seq LIMIT ?
        """
        rows = self.db.execute(sql, (query, dataset, most)) if query else ()
        return [(_data(row[1:]), row[0]) for row in rows]

    def vectors(self, dataset: str, after: int, most: int) -> list[tuple[int, int, bytes]]:
        """Some vectors of a knowledge base after an index: the index, the chunk's number, the vector."""
        sql = """
            SELECT v.dataId, v.seq, v.vector FROM vectors v JOIN data d ON d.seq = v.seq
            JOIN collections c ON c.id = d.collectionId AND c.forbid IS NOT 1
            WHERE v.datasetId = ? AND v.dataId > ? ORDER BY v.dataId LIMIT ?
        """
        return self.db.execute(sql, (dataset, after, most)).fetchall()

    def data_by_number(self, seqs: Sequence[int]) -> dict[int, Data]:
        """Chunks by their numbers."""
        rows = self.db.execute(f"SELECT {_DATA} FROM data d WHERE seq IN ({_marks(seqs)})", seqs)
        return {row[0]: _data(row) for row in rows}

    # --- training

    def add_steps(self, steps: Iterable[Mapping[str, Any]]) -> int:
        """Put steps in line; returns how many."""
        names = ("datasetId", "collectionId", "mode", "dueTime", *_STEP)
        rows: list[tuple[Any, ...]] = []
        for step in steps:
            full = {**_STEP, **step}
            full["indexes"] = _json(full["indexes"])
            rows.append((object_id(), *(full[name] for name in names)))
        sql = f"INSERT INTO training (id, {', '.join(names)}) VALUES ({_marks(('id', *names))})"
        self.db.executemany(sql, rows)
        return len(rows)

    def add_rebuild(self, dataset: str, due: float) -> None:
        """Put all chunks of a knowledge base in line to be indexed anew."""
        sql = """
            INSERT INTO training (id, datasetId, collectionId, mode, dataId, dueTime)
            SELECT lower(hex(randomblob(12))), datasetId, collectionId, 'chunk', id, ? FROM data WHERE datasetId = ?
        """
        self.db.execute(sql, (due, dataset))

    def due(self, parse: bool, now: float, most: int) -> list[Step]:
        """Steps whose time has come."""
        sql = """
            SELECT * FROM training WHERE errorMsg IS NULL AND (mode = 'parse') = ? AND dueTime <= ?
            ORDER BY dueTime LIMIT ?
        """
        return [_step(row) for row in self.db.execute(sql, (parse, now, most))]

    def next_due(self, parse: bool) -> float | None:
        """When the next step's time comes."""
        sql = "SELECT min(dueTime) FROM training WHERE errorMsg IS NULL AND (mode = 'parse') = ?"
        due: float | None = self._one(sql, (parse,))
        return due

    def step(self, key: str) -> Step | None:
        """One step."""
        row = self.db.execute("SELECT * FROM training WHERE id = ?", (key,)).fetchone()
        return _step(row) if row else None

    def update_step(self, key: str, **columns: Any) -> None:
        """Set columns of a step."""
        self._update("training", key, columns)

    def end_step(self, key: str) -> bool:
        """A step is done, or given up; false when it was gone already."""
        return self.db.execute("DELETE FROM training WHERE id = ?", (key,)).rowcount == 1

    def retry(self, column: str, key: str, due: float) -> None:
        """Put what failed in line again: of a `collectionId` or a `datasetId`."""
        sql = f"UPDATE training SET errorMsg = NULL, dueTime = ? WHERE {column} = ? AND errorMsg IS NOT NULL"
        self.db.execute(sql, (due, key))

    def failed(self, collection: str, start: int, size: int) -> tuple[list[Step], int]:
        """A page of the failed steps of a collection."""
        where = "training WHERE collectionId = ? AND errorMsg IS NOT NULL"
        rows = self.db.execute(f"SELECT * FROM {where} ORDER BY seq LIMIT ? OFFSET ?", (collection, size, start))
        return [_step(row) for row in rows], self._count(where, (collection,))

    def failed_collections(self, dataset: str, start: int, size: int) -> tuple[list[str], int]:
        """A page of the collections with failed steps."""
        where = "FROM training WHERE datasetId = ? AND errorMsg IS NOT NULL"
        sql = f"SELECT DISTINCT collectionId {where} ORDER BY collectionId LIMIT ? OFFSET ?"
        rows = [row[0] for row in self.db.execute(sql, (dataset, size, start))]
        return rows, int(self._one(f"SELECT count(DISTINCT collectionId) {where}", (dataset,)))

    def queue(self, dataset: str) -> tuple[int, int]:
        """How many chunks are being indexed anew, and how many steps wait or have failed."""
        sql = "SELECT count(dataId), count(*) FROM training WHERE datasetId = ?"
        rebuilding, all_steps = self.db.execute(sql, (dataset,)).fetchone()
        return rebuilding, all_steps

    def counts(self, collection: str) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
        """Steps by mode: those before the collection's own, its own that wait, its own that failed."""
        first = "(SELECT min(seq) FROM training WHERE collectionId = ?)"
        found: list[dict[str, int]] = []
        for where in (
            f"seq < {first} AND errorMsg IS NULL",
            "collectionId = ? AND errorMsg IS NULL",
            "collectionId = ? AND errorMsg IS NOT NULL",
        ):
            rows = self.db.execute(f"SELECT mode, count(*) FROM training WHERE {where} GROUP BY mode", (collection,))
            found.append(dict.fromkeys(MODES, 0) | dict(rows.fetchall()))
        return found[0], found[1], found[2]
