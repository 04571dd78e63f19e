"""Waiting until a knowledge base is trained, and saying what keeps it from that."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from ..clients import AsyncDatasetClient
from ..errors import NotFoundError
from ..models.collections import CollectionTraining
from .concurrency import in_order
from .progress import OnProgress, Progress
from .tree import walk

STUCK_AFTER = 600.0
_AT_ONCE = 8
_FIRST_DELAY, _LONGEST_DELAY = 0.2, 5.0

Step: TypeAlias = Literal["waiting", "parsing", "vectorising", "failed"]


class CollectionState(msgspec.Struct, frozen=True, kw_only=True):
    """A collection that is not trained.

    ``step``: ``waiting`` (others are before it in the server's line), ``parsing`` (the file or page is read and cut),
    ``vectorising`` (its chunks are indexed, or questions made of them), ``failed`` (nothing more will happen).
    ``active`` and ``failed`` count what is left and what failed, ``trained`` the chunks that are done, ``ahead`` what
    is before it in the line (newer servers: what of its own is not worked on yet).
    """

    collectionId: str
    step: Step
    active: int = 0
    failed: int = 0
    trained: int = 0
    ahead: int = 0


class TrainingFailure(msgspec.Struct, frozen=True, kw_only=True):
    """A chunk that could not be trained, and why in FastGPT's words. ``mode``: the step, ``parse``, ``chunk``, …"""

    collectionId: str
    id: str
    error: str
    mode: str = ""
    chunkIndex: int = 0
    q: str = ""


class TrainingReport(msgspec.Struct, kw_only=True):
    """How waiting ended.

    ``state``: ``trained``, ``failed`` (the rest is trained), ``stuck`` (nothing moved for ``stuck_after`` seconds),
    ``timeout``. ``unfinished`` says where each collection is that still has something to do.
    """

    state: Literal["trained", "failed", "stuck", "timeout"]
    seconds: float
    unfinished: list[CollectionState] = []
    failures: list[TrainingFailure] = []


class _Look(NamedTuple):
    """What one look at the server showed. ``over``: nothing is left that could still move."""

    over: bool
    left: int
    states: list[CollectionState]
    moving: object


async def wait_trained(
    client: AsyncDatasetClient,
    datasetId: str,
    collectionIds: Sequence[str] | None = None,
    *,
    timeout: float | None = None,
    stuck_after: float = STUCK_AFTER,
    on_progress: OnProgress | None = None,
) -> TrainingReport:
    """Wait until everything in a knowledge base, or in some of its collections, is trained or has failed.

    Asks seldom, and as little as it can: how long the line of the knowledge base is, and only when that is empty or
    does not move, which collections are in it (``trainingDetail`` of each, which 4.9 and all later versions have).

    FastGPT: ``GET /api/core/dataset/training/getDatasetTrainingQueue``, ``POST /api/core/dataset/collection/listV2``,
    ``GET /api/core/dataset/collection/trainingDetail``, ``POST /api/core/dataset/training/getTrainingError``.

    Args:
        datasetId: The knowledge base.
        collectionIds: Only these; collections that are gone count as done.
        timeout: Seconds; after them the report says ``timeout``.
        stuck_after: Seconds without any movement, also not of others before these in the line, after which it is
            ``stuck``: no model for vectors, no points left, a server that was not restarted rightly.
        on_progress: Told of the phase ``training``: how many are done of the most that were seen.

    Returns:
        A report; nothing is raised for what failed.

    Example:
        >>> report = await wait_trained(client, datasetId, timeout=600)
        >>> for failure in report.failures:
        ...     print(failure.chunkIndex, failure.error)
    """
    begun = moved = time.monotonic()
    watch = _Watch(client, datasetId, collectionIds)
    seen, delay, most = None, _FIRST_DELAY, 0
    while True:
        asked = time.monotonic()
        look = await watch.look()
        now = time.monotonic()
        if look.moving != seen:
            seen, moved = look.moving, now
        most = max(most, look.left)
        failed = sum(state.failed for state in look.states)
        if on_progress is not None:
            on_progress(Progress(phase="training", done=most - look.left, total=most, failed=failed))
        if look.over:
            return await _report(client, "failed" if failed else "trained", begun, look.states)
        if timeout is not None and now - begun >= timeout:
            return await _report(client, "timeout", begun, await watch.closely())
        if now - moved >= stuck_after:
            return await _report(client, "stuck", begun, await watch.closely())
        ends = [moved + stuck_after, *([begun + timeout] if timeout is not None else [])]
        # Where asking takes long (very many collections), most of the time is still not spent on it.
        await asyncio.sleep(max(0.01, min(max(delay, 2 * (now - asked)), min(ends) - now)))
        delay = min(delay * 1.5, _LONGEST_DELAY)


class _Watch:
    """Looks at the server, and remembers what is not trained yet."""

    def __init__(self, client: AsyncDatasetClient, datasetId: str, collectionIds: Sequence[str] | None) -> None:
        self._client = client
        self._datasetId = datasetId
        self._only = None if collectionIds is None else list(dict.fromkeys(collectionIds))
        self._known: list[str] | None = self._only
        self._line: int | None = None

    async def look(self) -> _Look:
        if self._only is not None:
            states = await self._states(self._only)
            # What is trained stays so: it is not asked for again.
            self._only = [state.collectionId for state in states]
            return _seen(states, sum(state.active for state in states))
        queue = (await self._client.get_training_queue(self._datasetId)).data
        line, before = queue.trainingCount + queue.rebuildingCount, self._line
        self._line = line
        if line and line != before:  # it moves: no need to know more
            return _Look(False, line, [], line)
        look = _seen(await self.closely(), line)
        if look.over and self._known:  # others may have come meanwhile
            self._known = None
            look = _seen(await self.closely(), line)
        return look._replace(over=look.over and not queue.rebuildingCount)

    async def closely(self) -> list[CollectionState]:
        """The collections that are not trained."""
        if self._known is None:
            rows = walk(self._client, self._datasetId, ordered=False)
            self._known = [row.id async for row in rows if row.waiting or row.failed]
        states = await self._states(self._known)
        self._known = [state.collectionId for state in states]
        return states

    async def _states(self, ids: Sequence[str]) -> list[CollectionState]:
        async with aclosing(in_order(ids, self._state, _AT_ONCE)) as found:
            return [state async for state in found if state is not None]

    async def _state(self, collectionId: str) -> CollectionState | None:
        try:
            training = (await self._client.get_collection_training(collectionId)).data
            own = sum(training.trainingCounts.values())
            if not own and any(training.queuedCounts.values()):
                # Its own, or what is before its failed ones? Only servers of the first kind know this number.
                own = (await self._client.get_collection(collectionId)).data.activeTrainingAmount or 0
        except NotFoundError:
            return None
        return _state_of(collectionId, training, own)


def _seen(states: list[CollectionState], left: int) -> _Look:
    active = sum(state.active for state in states)
    return _Look(not active, left if active else 0, states, (left, states))


def _state_of(collectionId: str, training: CollectionTraining, active: int) -> CollectionState | None:
    """Where a collection is; none when there is nothing left of it in the line."""
    ahead, failed = sum(training.queuedCounts.values()), sum(training.errorCounts.values())
    if not active and not failed:
        return None
    step: Step = "vectorising"
    if not active:
        step = "failed"
    elif ahead:
        step = "waiting"
    elif training.trainingCounts.get("parse"):
        step = "parsing"
    done = training.trainedCount
    return CollectionState(
        collectionId=collectionId, step=step, active=active, failed=failed, trained=done, ahead=ahead
    )


async def _report(
    client: AsyncDatasetClient,
    state: Literal["trained", "failed", "stuck", "timeout"],
    begun: float,
    states: list[CollectionState],
) -> TrainingReport:
    return TrainingReport(
        state=state,
        seconds=round(time.monotonic() - begun, 3),
        unfinished=[each for each in states if each.active],
        failures=await _failures(client, [each.collectionId for each in states if each.failed]),
    )


async def _failures(client: AsyncDatasetClient, collectionIds: Sequence[str]) -> list[TrainingFailure]:
    async def of(collectionId: str) -> list[TrainingFailure]:
        return [
            TrainingFailure(
                collectionId=collectionId,
                id=row.id,
                error=row.errorMsg or "",
                mode=row.mode,
                chunkIndex=row.chunkIndex or 0,
                q=row.q or "",
            )
            async for row in client.iter_training_errors(collectionId)
        ]

    async with aclosing(in_order(collectionIds, of, _AT_ONCE)) as found:
        return [failure async for failures in found for failure in failures]


async def find_failures(
    client: AsyncDatasetClient, datasetId: str, collectionIds: Sequence[str] | None = None
) -> list[TrainingFailure]:
    """The chunks that could not be trained, and why: of a knowledge base, or of some of its collections.

    FastGPT: ``POST /api/core/dataset/training/getTrainingError`` (4.9+) of each collection with failures: 4.15 and
    later tell those of a whole knowledge base at once, but at most 20 of each collection.

    Example:
        >>> {failure.error for failure in await find_failures(client, datasetId)}
    """
    states = await _Watch(client, datasetId, collectionIds).closely()
    return await _failures(client, [state.collectionId for state in states if state.failed])


async def retry_failed(
    client: AsyncDatasetClient, datasetId: str, collectionIds: Sequence[str] | None = None
) -> list[TrainingFailure]:
    """Put the chunks that could not be trained in line again, as they are.

    FastGPT: ``PUT /api/core/dataset/training/updateTrainingData`` (4.9+), once for each.

    Returns:
        What is tried again, with the errors of the last time.

    Example:
        >>> await retry_failed(client, datasetId)
        >>> report = await wait_trained(client, datasetId)
    """
    failures = await find_failures(client, datasetId, collectionIds)

    async def retry(failure: TrainingFailure) -> TrainingFailure:
        # One by one: older servers know no other way. Without its text: with it, a picture would become a chunk.
        await client.update_training_data(datasetId, failure.collectionId, failure.id)
        return failure

    async with aclosing(in_order(failures, retry, _AT_ONCE)) as tried:
        return [failure async for failure in tried]
