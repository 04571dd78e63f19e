"""Whether rows of which nobody heard have come: by their number."""

from __future__ import annotations

import asyncio
import time

from ..errors import FastGPTError, NotFoundError
from .calls import Server
from .waiting import STUCK_AFTER

_PAUSE = 0.25


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
