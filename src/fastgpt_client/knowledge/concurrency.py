"""Many requests at once, and yet in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Coroutine, Iterable
from contextlib import aclosing
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def in_order(
    items: AsyncIterable[T] | Iterable[T], work: Callable[[T], Coroutine[Any, Any, R]], most: int
) -> AsyncGenerator[R]:
    """What ``work`` makes of each item, in the order of the items, with at most ``most`` of them under way.

    Items are taken only when there is room, so a long list is never held whole. Close it when you leave it early.
    """
    waiting: deque[asyncio.Task[R]] = deque()
    try:
        async with aclosing(_each(items)) as each:
            async for item in each:
                waiting.append(asyncio.create_task(work(item)))
                if len(waiting) >= most:
                    yield await waiting.popleft()
        while waiting:
            yield await waiting.popleft()
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def _each(items: AsyncIterable[T] | Iterable[T]) -> AsyncGenerator[T]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item
