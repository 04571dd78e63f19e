"""How many requests at once: as many as the server takes well."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ..errors import APIConnectionError, APIError, APITimeoutError, RateLimitError, ServerError

T = TypeVar("T")

FIRST, MOST = 4, 16
_LONGEST_PAUSE = 60.0


class AdaptiveLimit:
    """Lets requests through: more at once while things go well, half as many when the server is overwhelmed.

    Overwhelmed is a server that answers 429 or 5xx, or not in time. Requests that began before the last halving do not
    halve again: they are echoes of the same trouble. After a 429 with ``Retry-After`` nothing goes out for that long.

    Args:
        most: Never more than this at once.
        first: How many at once in the beginning.

    Example:
        >>> limit = AdaptiveLimit(most=16)
        >>> response = await limit.run(lambda: client.get_collection(collectionId))
    """

    def __init__(self, most: int = MOST, first: int = FIRST) -> None:
        self.most: int = max(most, 1)
        self.width: float = float(min(max(first, 1), self.most))
        self._busy = 0
        self._halved_at = float("-inf")
        self._paused_until = float("-inf")
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do this as soon as there is room; what it gives or raises is passed on."""
        await self._enter()
        begun = time.monotonic()
        try:
            result = await work()
        except Exception as error:
            if overwhelmed(error):
                self._narrow(begun, getattr(error, "retry_after", None))
            raise
        else:
            self.width = min(self.width + 1 / self.width, float(self.most))
            return result
        finally:
            self._busy -= 1
            self._wake()

    async def _enter(self) -> None:
        while True:
            pause = self._paused_until - time.monotonic()
            if pause > 0:
                await asyncio.sleep(pause)
            elif self._busy < int(self.width):
                self._busy += 1
                return
            else:
                turn = asyncio.get_running_loop().create_future()
                self._waiting.append(turn)
                try:
                    await turn
                except asyncio.CancelledError:
                    if turn in self._waiting:
                        self._waiting.remove(turn)
                    else:  # it was this one's turn: the next may go
                        self._wake()
                    raise

    def _narrow(self, begun: float, retry_after: float | None) -> None:
        now = time.monotonic()
        if begun >= self._halved_at:
            self.width = max(self.width / 2, 1.0)
            self._halved_at = now
        if retry_after is not None:
            self._paused_until = max(self._paused_until, now + min(retry_after, _LONGEST_PAUSE))

    def _wake(self) -> None:
        free = int(self.width) - self._busy
        while free > 0 and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                free -= 1


def overwhelmed(error: Exception) -> bool:
    """Whether this says that the server has too much to do."""
    if isinstance(error, (RateLimitError, APITimeoutError)):
        return True
    return isinstance(error, ServerError) and isinstance(error.status_code, int) and error.status_code >= 500


def passing(error: Exception) -> bool:
    """Whether the same may succeed a little later."""
    if isinstance(error, APIError):
        return overwhelmed(error) or error.status_code in (502, 503, 504)
    return isinstance(error, APIConnectionError)


def backoff(attempt: int) -> float:
    """Seconds before the next attempt, from 0 on: doubled each time, with some chance in it."""
    return min(0.25 * 2.0**attempt, 8.0) * random.uniform(0.75, 1.25)
