"""Rows exactly once: whether those of which nobody heard have come is told by their number."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from ..errors import APIError, FastGPTError, NotFoundError
from ..models.data import DataInput
from .calls import Server
from .waiting import STUCK_AFTER

_PAUSE = 0.25


async def push_once(
    server: Server,
    collectionId: str,
    rows: list[DataInput],
    *,
    begin: Callable[[int], None],
    end: Callable[[int, int], None],
    arrived: Callable[[], Awaitable[bool]],
) -> None:
    """Put some rows into a collection; in halves, where they are too large for one request.

    Args:
        begin: Writes down that so many are about to be sent.
        end: Writes down how many were sent, and how many of them the server took.
        arrived: Finds out whether those that were begun have come, and writes that down.
    """

    async def send() -> bool:
        begin(len(rows))
        try:
            taken = await server.send_rows(collectionId, rows)
        except APIError:
            end(0, 0)
            raise
        end(len(rows), taken)
        return True

    async def look() -> bool | None:
        return await arrived() or None

    try:
        await server.certainly(send, look)
    except APIError as error:
        if error.status_code != 413 or len(rows) == 1:
            raise
        half = len(rows) // 2
        for part in (rows[:half], rows[half:]):
            await push_once(server, collectionId, part, begin=begin, end=end, arrived=arrived)


async def more_came(server: Server, collectionId: str, name: str, parentId: str | None, known: int) -> bool:
    """Whether a collection has more rows than are known to be there; nothing else may put rows into it meanwhile.

    Rows that are trained and rows that wait are counted apart, not at the same moment, and newer servers count a
    row that waits in both. So it is decided only by what can be read in one way, in two looks: see docs/design.md.

    Args:
        name: What it is called, at the beginning of that: ``a.csv`` also for ``a.csv.part``.
        parentId: The folder that it is in.

    Raises:
        NotFoundError: It is gone.
        FastGPTError: It cannot be told, as nothing is trained.
    """
    before, looks, moved = None, 0, time.monotonic()
    while time.monotonic() < moved + STUCK_AFTER:
        rows = [row for row in await server.like(name, parentId) if row.id == collectionId]
        if not rows:  # names may have what a search does not find
            rows = [row for row in await server.rows(parentId) if row.id == collectionId]
        if not rows:
            raise NotFoundError("its collection is gone from the server", 404)
        done, waiting = rows[0].dataAmount or 0, rows[0].trainingAmount or 0
        failed = await _failed_rows(server, collectionId) if waiting and rows[0].hasError else 0
        active = rows[0].activeTrainingAmount
        active = waiting - failed if active is None else active
        if done > known:
            return True
        if (done, waiting) != before:
            moved = time.monotonic()
        elif active <= 0:
            return done + failed > known
        elif done + waiting <= known:
            return False
        elif done < known or waiting > known:  # counted in both or not: these are more
            return True
        before = done, waiting
        looks += 1
        await asyncio.sleep(min(_PAUSE * looks, 5.0))
    raise FastGPTError("whether rows came cannot be told while their training does not move")


async def _failed_rows(server: Server, collectionId: str) -> int:
    """How many rows wait for ever, and are not counted otherwise."""

    async def count() -> int:
        found = server.client.iter_training_errors(collectionId)
        return sum([1 async for row in found if not row.dataId])

    return await server.again(count)
