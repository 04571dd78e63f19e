"""What the server remembers, in one SQLite file.

Calls are short and made in the event loop, on one connection. Every change is committed at once: in WAL mode what was
committed survives the end of the process, however it ends.
"""

from __future__ import annotations

import json
import sqlite3
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from .wire import encode, object_id

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

GENERATING, DONE, FAILED = 0, 1, 2
"""FastGPT's `chatGenerateStatus`."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS chats (
    id TEXT NOT NULL, appId TEXT NOT NULL, chatId TEXT NOT NULL,
    title TEXT NOT NULL DEFAULT '', customTitle TEXT NOT NULL DEFAULT '', top INTEGER NOT NULL DEFAULT 0,
    source TEXT NOT NULL DEFAULT 'api', sourceName TEXT NOT NULL DEFAULT '', uid TEXT, metadata TEXT,
    variables TEXT NOT NULL DEFAULT '{}', status INTEGER NOT NULL DEFAULT 1, hasBeenRead INTEGER NOT NULL DEFAULT 0,
    createTime REAL NOT NULL, updateTime REAL NOT NULL,
    PRIMARY KEY (appId, chatId)
);
CREATE TABLE IF NOT EXISTS records (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, appId TEXT NOT NULL, chatId TEXT NOT NULL,
    dataId TEXT NOT NULL, obj TEXT NOT NULL, time REAL NOT NULL, value TEXT NOT NULL, duration REAL,
    nodes TEXT NOT NULL DEFAULT '[]', error INTEGER NOT NULL DEFAULT 0, feedback TEXT NOT NULL DEFAULT '{}',
    UNIQUE (appId, chatId, dataId, obj)
);
"""


class Record(NamedTuple):
    """A question or an answer."""

    seq: int
    id: str
    appId: str
    chatId: str
    dataId: str
    obj: str
    time: float
    value: list[dict[str, Any]]
    duration: float | None
    nodes: list[dict[str, Any]]
    error: bool
    feedback: dict[str, Any]

    @property
    def text(self) -> str:
        """The text in it."""
        return "\n".join(item["text"]["content"] for item in self.value if "text" in item)


class Chat(NamedTuple):
    """A conversation."""

    id: str
    appId: str
    chatId: str
    title: str
    customTitle: str
    top: bool
    source: str
    sourceName: str
    uid: str | None
    metadata: dict[str, Any] | None
    variables: dict[str, Any]
    status: int
    hasBeenRead: bool
    createTime: float
    updateTime: float


def _json(value: Any) -> str:
    return encode(value).decode()


def _chat(row: tuple[Any, ...]) -> Chat:
    raw = Chat(*row)
    return raw._replace(
        top=bool(raw.top),
        hasBeenRead=bool(raw.hasBeenRead),
        variables=json.loads(row[10]),
        metadata=json.loads(row[9] or "null"),
    )


def _record(row: tuple[Any, ...]) -> Record:
    raw = Record(*row)
    return raw._replace(
        value=json.loads(row[7]), nodes=json.loads(row[9]), error=bool(raw.error), feedback=json.loads(row[11])
    )


def open_database(path: str | Path, schema: str) -> sqlite3.Connection:
    """A connection to the file, with these tables in it."""
    # The server may be built in one thread and run in another, never in two at once.
    try:
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA busy_timeout = 5000")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.executescript(schema)
    except sqlite3.Error as exc:
        raise ValueError(f"cannot use {str(path)!r} as a database: {exc}") from exc
    return db


class Store:
    """The database."""

    def __init__(self, path: str | Path) -> None:
        self._db = open_database(path, _SCHEMA)
        # Runs that a crash cut short will not go on.
        self._db.execute("UPDATE chats SET status = ? WHERE status = ?", (FAILED, GENERATING))

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # --- chats

    def chat(self, app: str, chat: str) -> Chat | None:
        """One chat."""
        row = self._db.execute("SELECT * FROM chats WHERE appId = ? AND chatId = ?", (app, chat)).fetchone()
        return _chat(row) if row else None

    def chats(self, app: str) -> list[Chat]:
        """All chats of an app, pinned ones first, then the newest."""
        rows = self._db.execute("SELECT * FROM chats WHERE appId = ? ORDER BY top DESC, updateTime DESC", (app,))
        return [_chat(row) for row in rows]

    def update_chat(self, app: str, chat: str, **columns: Any) -> None:
        """Set columns of a chat."""
        if columns:
            names = ", ".join(f"{name} = ?" for name in columns)
            self._db.execute(f"UPDATE chats SET {names} WHERE appId = ? AND chatId = ?", (*columns.values(), app, chat))

    def delete_chats(self, app: str, chats: Iterable[str] | None = None) -> None:
        """Delete chats with their records; all chats of the app when none is named."""
        ids = [chat.chatId for chat in self.chats(app)] if chats is None else list(chats)
        with self._transaction():
            for table in ("records", "chats"):
                self._db.executemany(f"DELETE FROM {table} WHERE appId = ? AND chatId = ?", [(app, one) for one in ids])

    # --- runs

    def begin(
        self,
        app: str,
        chat: str,
        data_id: str,
        question: list[dict[str, Any]] | None,
        *,
        question_id: str,
        title: str,
        uid: str | None,
        source_name: str,
        metadata: Any,
    ) -> None:
        """A run starts: keep the question, and an empty answer. No question: the run answers an interactive node."""
        now = time.time()
        with self._transaction():
            self._db.execute(
                "INSERT INTO chats (id, appId, chatId, title, sourceName, createTime, updateTime)"
                " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (object_id(), app, chat, title, source_name, now, now),
            )
            self.update_chat(app, chat, status=GENERATING, hasBeenRead=0, updateTime=now)
            if uid is not None:
                self.update_chat(app, chat, uid=uid)
            if metadata is not None:
                self.update_chat(app, chat, metadata=_json(metadata))
            if question is not None:
                rows: list[tuple[str, str, float, Any]] = [
                    (question_id, "Human", now, question),
                    (data_id, "AI", now + 0.001, []),
                ]
                self._db.executemany(
                    "INSERT INTO records (id, appId, chatId, dataId, obj, time, value) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    [(object_id(), app, chat, own_id, obj, when, _json(value)) for own_id, obj, when, value in rows],
                )

    def finish(
        self,
        app: str,
        chat: str,
        data_id: str,
        *,
        value: list[dict[str, Any]],
        nodes: list[dict[str, Any]],
        duration: float,
        error: bool,
        variables: dict[str, Any],
        status: int,
    ) -> None:
        """A run has ended: keep its answer."""
        with self._transaction():
            self._db.execute(
                "UPDATE records SET value = ?, nodes = ?, duration = ?, error = ?"
                " WHERE appId = ? AND chatId = ? AND dataId = ? AND obj = 'AI'",
                (_json(value), _json(nodes), duration, error, app, chat, data_id),
            )
            self.update_chat(app, chat, status=status, variables=_json(variables), updateTime=time.time())

    # --- records

    def records(self, app: str, chat: str | None = None) -> list[Record]:
        """The records of a chat, or of all chats of an app, oldest first; without their nodes, which can be large."""
        where, values = ("", (app,)) if chat is None else (" AND chatId = ?", (app, chat))
        columns = "seq, id, appId, chatId, dataId, obj, time, value, duration, '[]', error, feedback"
        sql = f"SELECT {columns} FROM records WHERE appId = ?{where} ORDER BY seq"
        return [_record(row) for row in self._db.execute(sql, values)]

    def answer(self, app: str, chat: str, data_id: str) -> Record | None:
        """The answer with this id."""
        sql = "SELECT * FROM records WHERE appId = ? AND chatId = ? AND dataId = ? AND obj = 'AI'"
        row = self._db.execute(sql, (app, chat, data_id)).fetchone()
        return _record(row) if row else None

    def set_value(self, record: Record) -> None:
        """Keep the value of a record, which has changed."""
        self._db.execute("UPDATE records SET value = ? WHERE seq = ?", (_json(record.value), record.seq))

    def set_feedback(self, record: Record, feedback: dict[str, Any]) -> None:
        """Replace the feedback of an answer."""
        self._db.execute("UPDATE records SET feedback = ? WHERE seq = ?", (_json(feedback), record.seq))

    def delete_records(self, app: str, chat: str, data_ids: Iterable[str]) -> None:
        """Delete questions and answers by their `dataId`."""
        rows = [(app, chat, data_id) for data_id in data_ids]
        self._db.executemany("DELETE FROM records WHERE appId = ? AND chatId = ? AND dataId = ?", rows)

    def _transaction(self) -> Transaction:
        return Transaction(self._db)


class Transaction:
    """All of it, or nothing."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_: object) -> None:
        self._db.execute("COMMIT" if kind is None else "ROLLBACK")
