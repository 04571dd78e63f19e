"""Which conversation a user has: for bots, whose users come and go, in one process or many."""

from __future__ import annotations

import contextlib
import datetime
import os
import threading
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, cast

from .. import _json
from ..errors import ArgumentError
from ..models._base import JSON

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Generator

Reset: TypeAlias = Literal["daily"] | datetime.timedelta | None
"""When a user gets a new conversation: the day after it began (local time), after so long without a turn, or never."""


class ConversationStore(Protocol):
    """Keeps the state of each user's conversation, as ``conversation.save()`` gives it.

    For a store of your own: its methods may block (async clients call them in threads), or be async (for async
    clients). Keep the state as it is; it is JSON.
    """

    def open(self, user: str, new: Callable[[], JSON]) -> JSON | Awaitable[JSON]:
        """The state of a user's conversation; where there is none, or it is to end, ``new()`` is kept and given.

        Of several callers at the same time all must get the same.
        """
        ...

    def save(self, user: str, state: JSON) -> object:
        """Keep a newer state; one of a conversation that the user has no more is dropped (see its ``chatId``)."""
        ...


class _Clock:
    def __init__(self, reset: Reset, clock: Callable[[], float]) -> None:
        if reset not in (None, "daily") and not isinstance(cast("object", reset), datetime.timedelta):
            raise ArgumentError(f'reset must be "daily", a timedelta or None, not {reset!r}')
        self._reset: Reset = reset
        self.now: Callable[[], float] = clock

    def over(self, began: float, used: float) -> bool:
        """Whether a conversation is to end."""
        now = self.now()
        if isinstance(self._reset, datetime.timedelta):
            return now - used > self._reset.total_seconds()
        day = datetime.date.fromtimestamp
        return self._reset == "daily" and day(began) != day(now)


class MemoryStore:
    """Conversations of users, as long as this process lives. May be used by many threads.

    Args:
        reset: ``"daily"``, a ``timedelta`` without a turn, or None for never.
        clock: Gives the time; for tests.

    Example:
        >>> store = MemoryStore(reset="daily")
        >>> print(client.conversation_for("ann", store).send("Hello!").text)
    """

    def __init__(self, reset: Reset = None, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = _Clock(reset, clock)
        self._lock = threading.Lock()
        self._rows: dict[str, tuple[JSON, float, float]] = {}

    def open(self, user: str, new: Callable[[], JSON]) -> JSON:
        with self._lock:
            now = self._clock.now()
            row = self._rows.get(user)
            if row is None or self._clock.over(*row[1:]):
                row = (new(), now, now)
            self._rows[user] = (row[0], row[1], now)
            return row[0]

    def save(self, user: str, state: JSON) -> None:
        with self._lock:
            row = self._rows.get(user)
            if row is not None and row[0]["chatId"] == state["chatId"]:
                self._rows[user] = (state, row[1], self._clock.now())


class SQLiteStore:
    """Conversations of users in a file, for any number of threads and processes on one machine.

    Args:
        path: The file; made if it is not there.
        reset: ``"daily"``, a ``timedelta`` without a turn, or None for never.
        clock: Gives the time; for tests.

    Raises:
        ArgumentError: The file cannot be used.

    Example:
        >>> store = SQLiteStore("chats.db", reset=datetime.timedelta(hours=2))
        >>> print(client.conversation_for("ann", store).send("Hello!").text)
    """

    def __init__(
        self, path: str | os.PathLike[str], reset: Reset = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        import sqlite3

        self._path = os.fspath(path)
        self._clock = _Clock(reset, clock)
        if self._path == ":memory:":
            raise ArgumentError("every use opens the file anew: use MemoryStore for what is not to be kept")
        try:
            with self._transaction() as db:
                db.execute(
                    "CREATE TABLE IF NOT EXISTS conversations"
                    " (user TEXT PRIMARY KEY, chatId TEXT, state TEXT, began REAL, used REAL) WITHOUT ROWID"
                )
        except sqlite3.Error as error:
            raise ArgumentError(f"cannot keep conversations in {self._path!r}: {error}") from error

    def open(self, user: str, new: Callable[[], JSON]) -> JSON:
        with self._transaction() as db:
            now = self._clock.now()
            row = db.execute("SELECT state, began, used FROM conversations WHERE user = ?", (user,)).fetchone()
            if row is not None and not self._clock.over(row[1], row[2]):
                db.execute("UPDATE conversations SET used = ? WHERE user = ?", (now, user))
                state: JSON = _json.loads(row[0].encode())
                return state
            state = new()
            values = (user, state["chatId"], _json.encode(state).decode(), now, now)
            db.execute("INSERT OR REPLACE INTO conversations VALUES (?, ?, ?, ?, ?)", values)
            return state

    def save(self, user: str, state: JSON) -> None:
        values = (_json.encode(state).decode(), self._clock.now(), user, state["chatId"])
        with self._transaction() as db:
            db.execute("UPDATE conversations SET state = ?, used = ? WHERE user = ? AND chatId = ?", values)

    @contextlib.contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection]:
        """A connection for one use: nothing to share between threads, or to lose in a fork."""
        import sqlite3

        db = sqlite3.connect(self._path, timeout=10, isolation_level=None)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")
        finally:
            db.close()  # which undoes what is not committed
