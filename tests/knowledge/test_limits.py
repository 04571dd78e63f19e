"""How many requests at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

import pytest

from fastgpt_client import APIConnectionError, APITimeoutError, NotFoundError, RateLimitError, ServerError
from fastgpt_client.knowledge.limits import AdaptiveLimit, backoff, overwhelmed, passing


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


async def nothing() -> None:
    await asyncio.sleep(0)


async def fail(error: Exception) -> None:
    await asyncio.sleep(0.01)
    raise error


def limited(seconds: float | None = None) -> RateLimitError:
    error = RateLimitError("slow down", 429)
    error.retry_after = seconds
    return error


def test_it_grows_while_things_go_well() -> None:
    async def main() -> AdaptiveLimit:
        limit = AdaptiveLimit(most=8, first=2)
        for _ in range(100):
            await limit.run(nothing)
        return limit

    assert run(main()).width == 8


def test_never_more_at_once_than_there_is_room() -> None:
    busy, seen = 0, []

    async def work() -> None:
        nonlocal busy
        busy += 1
        seen.append(busy)
        await asyncio.sleep(0.001)
        busy -= 1

    async def main() -> None:
        limit = AdaptiveLimit(most=5, first=1)
        await asyncio.gather(*(limit.run(work) for _ in range(60)))

    run(main())
    assert max(seen) == 5
    assert seen[0] == 1


@pytest.mark.parametrize("error", [limited(), APITimeoutError("late"), ServerError("bad", 503)])
def test_it_halves_once_for_each_trouble(error: Exception) -> None:
    async def main() -> AdaptiveLimit:
        limit = AdaptiveLimit(most=16, first=16)
        await asyncio.gather(*(limit.run(lambda: fail(error)) for _ in range(16)), return_exceptions=True)
        return limit

    assert run(main()).width == 8  # all sixteen began before the first of them failed


def test_it_does_not_fall_below_one_and_takes_no_notice_of_refusals() -> None:
    async def main() -> None:
        limit = AdaptiveLimit(most=4, first=1)
        for _ in range(3):
            with pytest.raises(ServerError):
                await limit.run(lambda: fail(ServerError("bad", 500)))
        assert limit.width == 1
        with pytest.raises(NotFoundError):
            await limit.run(lambda: fail(NotFoundError("gone", 404)))
        assert limit.width == 1

    run(main())


def test_retry_after_holds_everything_back() -> None:
    async def main() -> float:
        limit = AdaptiveLimit(most=4)
        with pytest.raises(RateLimitError):
            await limit.run(lambda: fail(limited(0.2)))
        begun = time.monotonic()
        await asyncio.gather(*(limit.run(nothing) for _ in range(3)))
        return time.monotonic() - begun

    assert run(main()) >= 0.18


def test_who_stops_waiting_leaves_no_hole() -> None:
    async def main() -> None:
        limit = AdaptiveLimit(most=1)
        gate = asyncio.Event()
        first = asyncio.ensure_future(limit.run(gate.wait))
        await asyncio.sleep(0)
        waiting = [asyncio.ensure_future(limit.run(nothing)) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
        gate.set()
        await first
        waiting[1].cancel()  # it was its turn
        await asyncio.wait_for(waiting[2], 1)

    run(main())


def test_what_may_pass() -> None:
    assert passing(APIConnectionError("reset"))
    assert passing(limited())
    assert passing(ServerError("bad gateway", 502))
    assert not passing(NotFoundError("gone", 404))
    assert not passing(ValueError())
    assert not overwhelmed(APIConnectionError("reset"))
    assert 0.1 < backoff(0) < backoff(4) < backoff(20) <= 10
