"""Going through whole lists: generators that fetch page after page and hand out rows. No waiting here.

Rows come once each, also when others are added or deleted meanwhile, and a server that ignores what it is asked for
does not keep anybody going in circles.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

import msgspec

from . import _json
from ._flow import Flow, Step
from ._json import as_list

if TYPE_CHECKING:
    from ._response import Response
    from .models._base import LinkedPage, Page

T = TypeVar("T")

PATIENCE = 50  # pages in a row that bring nothing new while a list is changing


class Rows(msgspec.Struct, Generic[T], frozen=True):
    """Hand these out, one after the other."""

    rows: list[T]


Pages: TypeAlias = Generator[Step | Rows[T], Any, None]


def by_offset(fetch: Callable[[int], Flow[Response[Page[T]]]], key: str, *, reverse: bool = False) -> Pages[T]:
    """All rows of a list that is asked for from a row on.

    ``key`` is the field that tells rows apart. ``reverse``: each page comes in the opposite order of the pages.
    """
    news = _News(key)
    at = total = 0
    while True:
        page = (yield from fetch(at)).data
        now = page.total if isinstance(page.total, int) else 0  # pyright: ignore[reportUnnecessaryIsInstance]
        moved, total = (now - total if at else 0), now
        if moved < 0:  # rows were deleted and those after them moved up, so some were passed over: look again
            given, at = [], max(at + moved, 0)
        else:
            given = as_list(page.list)
            at += len(given)
        rows = news.of(given)
        if rows:
            yield Rows(rows[::-1] if reverse else rows)
        if moved:
            news.list_changed()
        if news.exhausted or (moved >= 0 and (not given or 0 < total <= at)):
            return


def by_links(
    fetch: Callable[[list[T]], Flow[Response[LinkedPage[T]]]], key: str, *, backwards: bool = False
) -> Pages[T]:
    """All rows of a list whose next page is asked for by the rows of the last one; ``backwards``: by that before it."""
    news = _News(key)
    given: list[T] = []
    while True:
        page = (yield from fetch(given)).data
        given = as_list(page.list)
        rows = news.of(given)
        if rows:
            yield Rows(rows[::-1] if backwards else rows)
        if not rows or not (page.hasMorePrev if backwards else page.hasMoreNext):
            return


def of_list(fetch: Flow[Response[list[T]]]) -> Pages[T]:
    """All rows of a list that comes whole."""
    yield Rows((yield from fetch).data)


def of_folders(fetch: Callable[[str | None], Flow[Response[list[T]]]], top: str | None) -> Pages[T]:
    """All rows of a tree: what is in a folder, then what is in the folders in it."""
    waiting: list[str | None] = [top]
    entered: set[str | None] = set()
    while waiting:
        folder = waiting.pop(0)
        if folder in entered:
            continue
        entered.add(folder)
        rows = as_list((yield from fetch(folder)).data)
        yield Rows(rows)
        waiting += [row.id for row in rows if getattr(row, "type", "") == "folder" and getattr(row, "id", "")]


def collect(pages: Pages[T]) -> Flow[list[T]]:
    """All rows at once, as a part of another flow."""
    found: list[T] = []
    outcome: Any = None
    try:
        while True:
            step = pages.send(outcome)
            if isinstance(step, Rows):
                found += step.rows
                outcome = None
            else:
                outcome = yield step
    except StopIteration:
        return found


class _News:
    """Which rows were not there before."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._seen: set[object] = set()
        self._stale = 0  # pages in a row without anything new
        self._allowed = 0

    @property
    def exhausted(self) -> bool:
        """Whether nothing new is to be expected."""
        return self._stale > self._allowed

    def list_changed(self) -> None:
        """The next pages may repeat what is known, and yet not be the end."""
        self._allowed = PATIENCE

    def of(self, rows: list[Any]) -> list[Any]:
        fresh: list[Any] = []
        for row in rows:
            # Odd rows have no such field: then it is what they say.
            identity: object = getattr(row, self._key, None) or _json.encode(row)
            if identity not in self._seen:
                self._seen.add(identity)
                fresh.append(row)
        if fresh:
            self._stale = 0
        else:
            self._stale += 1
        return fresh
