"""What is known of the server, and what is being done there: a journal in SQLite.

Making a collection cannot be repeated safely, so it is written down before (`begin`), and what came of it after
(`settle`). What was begun and not settled is in doubt; the server is looked at before it is done again. Everything
else that is sent (moving, deleting) may be repeated.

``kill -9`` loses nothing: each change is one transaction, in a write-ahead log.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import msgspec

from ..errors import FastGPTError
from .scan import STATE_FOLDER, Entry, Kind

PART = ".part"
"""At the end of the name of a table that is not whole yet."""
_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS targets (
    id INTEGER PRIMARY KEY, server TEXT NOT NULL, base TEXT NOT NULL, source TEXT NOT NULL,
    known INTEGER NOT NULL DEFAULT 0, UNIQUE (server, base, source)
);
-- What is on the server.
CREATE TABLE IF NOT EXISTS files (
    target INTEGER NOT NULL, path TEXT NOT NULL, kind TEXT NOT NULL, size INTEGER NOT NULL, mtime INTEGER NOT NULL,
    hash TEXT NOT NULL, settings TEXT NOT NULL, collection TEXT NOT NULL, PRIMARY KEY (target, path)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS files_by_collection ON files (collection);
CREATE TABLE IF NOT EXISTS folders (
    target INTEGER NOT NULL, path TEXT NOT NULL, collection TEXT NOT NULL, PRIMARY KEY (target, path)
) WITHOUT ROWID;
-- Collections that were begun to be made. outcome: 'open', 'found' (it is there), 'absent' (it was not, so far).
CREATE TABLE IF NOT EXISTS attempts (
    token TEXT PRIMARY KEY, target INTEGER NOT NULL, path TEXT NOT NULL, kind TEXT NOT NULL, parent TEXT,
    size INTEGER NOT NULL, mtime INTEGER NOT NULL, hash TEXT NOT NULL, settings TEXT NOT NULL,
    begun REAL NOT NULL, outcome TEXT NOT NULL DEFAULT 'open', collection TEXT
) WITHOUT ROWID;
-- Tables of questions that are being put in. rows, stored: how many were sent, how many the server took.
-- batch: how many are on their way; 0 when none are. doubted: some batch was in doubt.
CREATE TABLE IF NOT EXISTS unfinished (
    target INTEGER NOT NULL, path TEXT NOT NULL, collection TEXT NOT NULL, parent TEXT, size INTEGER NOT NULL,
    mtime INTEGER NOT NULL, hash TEXT NOT NULL, settings TEXT NOT NULL, rows INTEGER NOT NULL DEFAULT 0,
    stored INTEGER NOT NULL DEFAULT 0, batch INTEGER NOT NULL DEFAULT 0, doubted INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (target, path)
) WITHOUT ROWID;
-- Tables that are whole, and of which some batch was in doubt: it may come late, and then twice.
CREATE TABLE IF NOT EXISTS doubted (
    collection TEXT PRIMARY KEY, target INTEGER NOT NULL, path TEXT NOT NULL, parent TEXT, stored INTEGER NOT NULL,
    since REAL NOT NULL
) WITHOUT ROWID;
-- Collections to remove; those with a successor not before that is trained.
CREATE TABLE IF NOT EXISTS leftovers (
    collection TEXT PRIMARY KEY, target INTEGER NOT NULL, path TEXT NOT NULL, successor TEXT
) WITHOUT ROWID;
-- untrained: it is there, and only what it replaces could not be removed.
CREATE TABLE IF NOT EXISTS failures (
    target INTEGER NOT NULL, path TEXT NOT NULL, reason TEXT NOT NULL, untrained INTEGER NOT NULL,
    PRIMARY KEY (target, path)
) WITHOUT ROWID;
-- What is in the folder now.
CREATE TABLE IF NOT EXISTS scanned (
    target INTEGER NOT NULL, path TEXT NOT NULL, kind TEXT NOT NULL, size INTEGER NOT NULL, mtime INTEGER NOT NULL,
    hash TEXT NOT NULL, settings TEXT NOT NULL, PRIMARY KEY (target, path)
) WITHOUT ROWID;
-- What is to be done: see plan.py.
CREATE TABLE IF NOT EXISTS steps (
    target INTEGER NOT NULL, verb TEXT NOT NULL, path TEXT NOT NULL, origin TEXT, PRIMARY KEY (target, verb, path)
) WITHOUT ROWID;
"""


class StateError(FastGPTError):
    """The state of a folder cannot be used: another run works with it, or it is of another version."""


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is made, or is in doubt. ``parent``: the id of its folder at the server. ``begun``: seconds of the
    epoch."""

    token: str
    path: str
    kind: Kind | Literal["folder"]
    parent: str | None
    size: int = 0
    mtime: int = 0
    hash: str = ""
    settings: str = ""
    begun: float = msgspec.field(default_factory=time.time)
    outcome: Literal["open", "found", "absent"] = "open"
    collection: str | None = None

    @property
    def name(self) -> str:
        """What it is called at the server."""
        name = self.path if self.kind == "link" else self.path.rpartition("/")[2]
        return name + PART if self.kind == "rows" else name


class Unfinished(msgspec.Struct, frozen=True, kw_only=True):
    """A table of questions that is partly put in."""

    path: str
    collection: str
    parent: str | None
    size: int
    mtime: int
    hash: str
    settings: str
    rows: int
    stored: int
    batch: int
    doubted: bool


class Doubted(msgspec.Struct, frozen=True, kw_only=True):
    """A table that may have more rows at the server than it should. ``since``: seconds of the epoch."""

    path: str
    collection: str
    parent: str | None
    stored: int
    since: float


class Leftover(msgspec.Struct, frozen=True, kw_only=True):
    collection: str
    path: str
    successor: str | None


def default_path(folder: Path) -> Path:
    """Where the state of a folder is: beside its files, and out of git."""
    home = folder / STATE_FOLDER
    home.mkdir(exist_ok=True)
    ignore = home / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n")
    return home / "state.db"


class State:
    """The journal of one file; used by one run at a time. ``target`` says of which folder in which knowledge base."""

    def __init__(self, path: Path | str) -> None:
        self.target: int = 0
        self.known_before: bool = False
        """Whether what is on the server was written down by an earlier run."""
        with ExitStack() as opened:
            try:
                if str(path) != ":memory:":
                    opened.callback(_lock(f"{path}.lock").close)
                self.db: sqlite3.Connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
                opened.callback(self.db.close)
                self._prepare(path)
            except sqlite3.OperationalError as error:
                raise StateError(f"{path} cannot be used: {error}; is its folder there, and writable?") from error
            except sqlite3.DatabaseError as error:
                raise StateError(f"{path} cannot be used: {error}; move it away to begin anew") from error
            self._opened: ExitStack = opened.pop_all()

    def _prepare(self, path: Path | str) -> None:
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = NORMAL")
        version = self.db.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, _VERSION):
            raise StateError(f"{path} was written by another version of fastgpt-client; move it away to begin anew")
        self.db.executescript(_SCHEMA)
        self.db.execute(f"PRAGMA user_version = {_VERSION}")
        self.db.create_function("ending", 1, _ending, deterministic=True)

    def close(self) -> None:
        self._opened.close()

    def __enter__(self) -> State:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def choose(self, server: str, base: str, source: str) -> None:
        """Whose state is meant from now on."""
        found = self._one(
            "SELECT id, known FROM targets WHERE (server, base, source) = (?, ?, ?)", (server, base, source)
        )
        if found is None:
            sql = "INSERT INTO targets (server, base, source) VALUES (?, ?, ?)"
            found = (self.db.execute(sql, (server, base, source)).lastrowid or 0, 0)
        self.target, self.known_before = found[0], bool(found[1])

    def forget(self) -> None:
        """Know nothing of the server any more."""
        with self.db:
            self.db.execute("BEGIN")
            self.db.execute("UPDATE targets SET known = 0 WHERE id = ?", (self.target,))
            for table in ("files", "folders", "unfinished", "doubted", "failures", "leftovers", "attempts"):
                self.db.execute(f"DELETE FROM {table} WHERE target = ?", (self.target,))

    def learned(self) -> None:
        """All that was on the server before is written down."""
        self.db.execute("UPDATE targets SET known = 1 WHERE id = ?", (self.target,))

    def _one(self, sql: str, values: tuple[Any, ...]) -> Any:
        return self.db.execute(sql, values).fetchone()

    # --- what is on the server

    def known(self, path: str) -> Entry | None:
        """What was put in of a path."""
        sql = "SELECT path, size, mtime, kind, hash FROM files WHERE target = ? AND path = ?"
        row = self._one(sql, (self.target, path))
        return Entry(path=row[0], size=row[1], mtime=row[2], kind=row[3], hash=row[4]) if row else None

    def collection(self, path: str) -> str | None:
        """The collection of a path."""
        row = self._one("SELECT collection FROM files WHERE target = ? AND path = ?", (self.target, path))
        return row[0] if row else None

    def knows(self, collection: str) -> bool:
        """Whether this collection is accounted for."""
        sql = """SELECT 1 FROM files WHERE collection = :id UNION ALL SELECT 1 FROM leftovers WHERE collection = :id
            UNION ALL SELECT 1 FROM unfinished WHERE collection = :id
            UNION ALL SELECT 1 FROM folders WHERE collection = :id"""
        return self.db.execute(sql, {"id": collection}).fetchone() is not None

    def add_file(self, entry: Entry, settings: str, collection: str) -> None:
        """Something was found on the server."""
        row = (self.target, entry.path, entry.kind, entry.size, entry.mtime, entry.hash, settings, collection)
        self.db.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)

    def take(self, entry: Entry, settings: str, collection: str) -> None:
        """Something was found on the server, and takes the place of what is known there."""
        with self.db:
            self.db.execute("BEGIN")
            self._put(entry, settings, collection)

    def drop_file(self, path: str) -> None:
        """It is not on the server any more."""
        self.db.execute("DELETE FROM files WHERE target = ? AND path = ?", (self.target, path))

    def move_file(self, origin: str, path: str) -> None:
        """It was moved on the server."""
        with self.db:
            self.db.execute("BEGIN")
            sql = "UPDATE files SET path = ? WHERE target = ? AND path = ?"
            self.db.execute(sql, (path, self.target, origin))
            self._cured(path)

    def folder(self, path: str) -> str | None:
        """The id of a folder that is on the server."""
        row = self._one("SELECT collection FROM folders WHERE target = ? AND path = ?", (self.target, path))
        return row[0] if row else None

    def add_folder(self, path: str, collection: str) -> None:
        self.db.execute("INSERT OR REPLACE INTO folders VALUES (?, ?, ?)", (self.target, path, collection))

    def drop_folder(self, path: str) -> None:
        self.db.execute("DELETE FROM folders WHERE target = ? AND path = ?", (self.target, path))

    def empty_folders(self) -> list[tuple[str, str]]:
        """Paths and ids of folders that nothing of ours is in, the innermost first."""
        sql = """SELECT path, collection FROM folders AS d WHERE target = :t AND NOT EXISTS (
            SELECT 1 FROM files WHERE target = :t AND path > d.path || '/' AND path < d.path || '0'
            UNION ALL SELECT 1 FROM unfinished WHERE target = :t AND path > d.path || '/' AND path < d.path || '0'
        ) ORDER BY length(path) DESC"""
        return [(row[0], row[1]) for row in self.db.execute(sql, {"t": self.target})]

    # --- making collections

    def begin(self, attempt: Attempt) -> None:
        """It is about to be made."""
        columns = "token, target, path, kind, parent, size, mtime, hash, settings, begun"
        place = (attempt.token, self.target, attempt.path, attempt.kind, attempt.parent)
        content = (attempt.size, attempt.mtime, attempt.hash, attempt.settings, attempt.begun)
        sql = f"INSERT INTO attempts ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        self.db.execute(sql, (*place, *content))

    def settle(self, attempt: Attempt, collection: str, *, doubted: bool = False) -> None:
        """It is there. ``doubted``: it may come once more."""
        with self.db:
            self.db.execute("BEGIN")
            if doubted:
                sql = "UPDATE attempts SET outcome = 'found', collection = ? WHERE token = ?"
                self.db.execute(sql, (collection, attempt.token))
            else:
                self.db.execute("DELETE FROM attempts WHERE token = ?", (attempt.token,))
            if attempt.kind == "folder":
                self.add_folder(attempt.path, collection)
            elif attempt.kind == "rows":
                self._drop_unfinished(attempt.path)
                columns = "target, path, collection, parent, size, mtime, hash, settings"
                values = (self.target, attempt.path, collection, attempt.parent, attempt.size, attempt.mtime)
                sql = f"INSERT INTO unfinished ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
                self.db.execute(sql, (*values, attempt.hash, attempt.settings))
            else:
                entry = Entry(
                    path=attempt.path, size=attempt.size, mtime=attempt.mtime, kind=attempt.kind, hash=attempt.hash
                )
                self._put(entry, attempt.settings, collection)

    def refuse(self, attempt: Attempt) -> None:
        """It was certainly not made."""
        self.db.execute("DELETE FROM attempts WHERE token = ?", (attempt.token,))

    def miss(self, attempt: Attempt) -> None:
        """It is not there; it may still come."""
        self.db.execute("UPDATE attempts SET outcome = 'absent' WHERE token = ?", (attempt.token,))

    def attempts(self, *, open_only: bool) -> list[Attempt]:
        """What is in doubt, or was."""
        names = Attempt.__struct_fields__
        wanted = "outcome = 'open'" if open_only else "outcome <> 'open'"
        sql = f"SELECT {', '.join(names)} FROM attempts WHERE target = ? AND {wanted}"
        return [
            Attempt(**dict(zip(names, row, strict=True))) for row in self.db.execute(sql, (self.target,)).fetchall()
        ]

    def _put(self, entry: Entry, settings: str, collection: str) -> None:
        """This is the collection of a path now; another one that was is to go."""
        before = self.collection(entry.path)
        if before is not None and before != collection:
            self._leave(before, entry.path, collection)
        self.add_file(entry, settings, collection)
        self._cured(entry.path)

    # --- tables of questions

    def unfinished(self, path: str) -> Unfinished | None:
        """The table that is being put in."""
        names = Unfinished.__struct_fields__
        row = self._one(f"SELECT {', '.join(names)} FROM unfinished WHERE target = ? AND path = ?", (self.target, path))
        return msgspec.convert(dict(zip(names, row, strict=True)), Unfinished, strict=False) if row else None

    def begin_batch(self, path: str, size: int) -> None:
        """So many rows are about to be sent."""
        sql = "UPDATE unfinished SET batch = ? WHERE target = ? AND path = ?"
        self.db.execute(sql, (size, self.target, path))

    def end_batch(self, path: str, rows: int, stored: int, *, doubted: bool = False) -> None:
        """So many were sent, and so many taken; none where it did not come about."""
        sql = """UPDATE unfinished SET batch = 0, rows = rows + ?, stored = stored + ?, doubted = doubted OR ?
            WHERE target = ? AND path = ?"""
        self.db.execute(sql, (rows, stored, doubted, self.target, path))

    def finish(self, table: Unfinished) -> None:
        """All of it is in."""
        entry = Entry(path=table.path, size=table.size, mtime=table.mtime, kind="rows", hash=table.hash)
        with self.db:
            self.db.execute("BEGIN")
            self.db.execute("DELETE FROM unfinished WHERE target = ? AND path = ?", (self.target, table.path))
            if table.doubted:
                values = (table.collection, self.target, table.path, table.parent, table.stored, time.time())
                self.db.execute("INSERT OR REPLACE INTO doubted VALUES (?, ?, ?, ?, ?, ?)", values)
            self._put(entry, table.settings, table.collection)

    def doubted(self) -> list[Doubted]:
        """Tables to count once more."""
        names = Doubted.__struct_fields__
        rows = self.db.execute(f"SELECT {', '.join(names)} FROM doubted WHERE target = ?", (self.target,)).fetchall()
        return [Doubted(**dict(zip(names, row, strict=True))) for row in rows]

    def trust(self, table: Doubted) -> None:
        """Nothing comes late any more."""
        self.db.execute("DELETE FROM doubted WHERE collection = ?", (table.collection,))

    def spoil(self, path: str) -> None:
        """What is on the server of a path is not what it should be."""
        self.db.execute("UPDATE files SET hash = '' WHERE target = ? AND path = ?", (self.target, path))

    def give_up(self, path: str) -> None:
        """What is there of it is to go."""
        with self.db:
            self.db.execute("BEGIN")
            self._drop_unfinished(path)

    def forget_gone(self) -> None:
        """Of what is not in the folder any more, forget failures; what is there of tables is to go."""
        sql = """DELETE FROM failures WHERE target = ? AND NOT EXISTS (SELECT 1 FROM scanned AS s
            WHERE (s.target, s.path) = (failures.target, failures.path))"""
        self.db.execute(sql, (self.target,))
        sql = """SELECT path FROM unfinished AS u WHERE target = ?
            AND NOT EXISTS (SELECT 1 FROM scanned AS s WHERE (s.target, s.path) = (u.target, u.path))"""
        for (path,) in self.db.execute(sql, (self.target,)).fetchall():
            self.give_up(path)

    def _drop_unfinished(self, path: str) -> None:
        table = self.unfinished(path)
        if table is not None:
            self._leave(table.collection, path, None)
            self.db.execute("DELETE FROM unfinished WHERE target = ? AND path = ?", (self.target, path))

    # --- removing

    def _leave(self, collection: str, path: str, successor: str | None) -> None:
        # What was to succeed something, and is itself succeeded, hands that on.
        sql = "UPDATE leftovers SET successor = ? WHERE successor = ?"
        self.db.execute(sql, (successor, collection))
        sql = "INSERT OR REPLACE INTO leftovers VALUES (?, ?, ?, ?)"
        self.db.execute(sql, (collection, self.target, path, successor))

    def leave_other(self, collection: str, path: str) -> None:
        """This is to be removed: another one is the collection of the path, or none."""
        self._leave(collection, path, None)

    def leave(self, path: str) -> None:
        """It is to be removed."""
        with self.db:
            self.db.execute("BEGIN")
            collection = self.collection(path)
            if collection is not None:
                self._leave(collection, path, None)
                self.drop_file(path)
                self._cured(path)

    def leftovers(self, *, waiting: bool, after: str = "", limit: int = 200) -> list[Leftover]:
        """What is to be removed; ``waiting``: when its successor is trained."""
        sql = f"""SELECT collection, path, successor FROM leftovers
            WHERE target = ? AND successor IS {"NOT" if waiting else ""} NULL AND collection > ?
            ORDER BY collection LIMIT ?"""
        rows = self.db.execute(sql, (self.target, after, limit)).fetchall()
        return [Leftover(collection=row[0], path=row[1], successor=row[2]) for row in rows]

    def removed(self, leftover: Leftover) -> None:
        """It is gone."""
        with self.db:
            self.db.execute("BEGIN")
            self.db.execute("DELETE FROM leftovers WHERE collection = ?", (leftover.collection,))
            sql = "DELETE FROM failures WHERE target = ? AND path = ? AND untrained"
            self.db.execute(sql, (self.target, leftover.path))

    def count_leftovers(self) -> int:
        """How many are to be removed."""
        return int(self._one("SELECT count(*) FROM leftovers WHERE target = ?", (self.target,))[0])

    # --- failures

    def fail(self, path: str, reason: str, *, untrained: bool = False) -> None:
        """It could not be put in; or it is, and could not be trained."""
        sql = f"INSERT OR {'IGNORE' if untrained else 'REPLACE'} INTO failures VALUES (?, ?, ?, ?)"
        self.db.execute(sql, (self.target, path, reason, untrained))

    def _cured(self, path: str) -> None:
        self.db.execute("DELETE FROM failures WHERE target = ? AND path = ?", (self.target, path))

    def failures(self) -> Iterator[tuple[str, str]]:
        sql = "SELECT path, reason FROM failures WHERE target = ? ORDER BY path"
        yield from self.db.execute(sql, (self.target,))

    # --- what is in the folder

    def clear_scan(self) -> None:
        with self.db:
            self.db.execute("BEGIN")
            for table in ("scanned", "steps"):
                self.db.execute(f"DELETE FROM {table} WHERE target = ?", (self.target,))

    def add_scanned(self, entries: Iterable[Entry], settings: str) -> None:
        """These are in the folder."""
        rows = ((self.target, each.path, each.kind, each.size, each.mtime, each.hash, settings) for each in entries)
        with self.db:
            self.db.execute("BEGIN")
            self.db.executemany("INSERT OR REPLACE INTO scanned VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def keep_scanned(self, path: str) -> None:
        """It is in the folder, and nothing can be known of it: as if it had not changed."""
        sql = """INSERT OR IGNORE INTO scanned SELECT target, path, kind, size, mtime, hash, settings
            FROM files WHERE target = ? AND path = ?"""
        self.db.execute(sql, (self.target, path))

    def scanned(self, path: str) -> tuple[Entry, str]:
        """What is under a path now, and the settings that it is to be put in with."""
        sql = "SELECT path, size, mtime, kind, hash, settings FROM scanned WHERE target = ? AND path = ?"
        row = self._one(sql, (self.target, path))
        return Entry(path=row[0], size=row[1], mtime=row[2], kind=row[3], hash=row[4]), row[5]

    def take_times(self) -> None:
        """Of what has not changed, take size and time, so that it need not be read the next time."""
        sql = """UPDATE files SET (size, mtime) = (SELECT s.size, s.mtime FROM scanned AS s
                WHERE s.target = files.target AND s.path = files.path)
            WHERE target = ? AND EXISTS (SELECT 1 FROM scanned AS s WHERE s.target = files.target
                AND s.path = files.path AND s.hash = files.hash
                AND (s.size, s.mtime) <> (files.size, files.mtime))"""
        self.db.execute(sql, (self.target,))


def _ending(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _lock(path: str) -> sqlite3.Connection:
    """Held until it is closed, or the process is gone, however it ends."""
    lock = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        lock.close()
        if "locked" not in str(error):
            raise
        raise StateError(f"another run is at work with {path.removesuffix('.lock')}") from error
    return lock
