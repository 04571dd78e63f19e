"""The plain blocking face of the async functions here."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from .._session import DEFAULT_BASE_URL
from ..clients import AsyncDatasetClient

T = TypeVar("T")


def run_blocking(
    work: Callable[[AsyncDatasetClient], Awaitable[T]],
    api_key: str | None = None,
    base_url: str = DEFAULT_BASE_URL,
    **settings: Any,
) -> T:
    """Run an async function with a client of its own, and wait for what it gives.

    Also works where an event loop is running already (a notebook): then in a thread of its own, while the loop waits.

    Args:
        work: Takes the client; what it gives is given back, what it raises is raised.
        api_key, base_url, **settings: As of ``AsyncDatasetClient``; without them the environment's.

    Example:
        >>> hits = run_blocking(lambda client: search_bases(client, ["Handbook"], "How many days off?"))
    """

    async def main() -> T:
        async with AsyncDatasetClient(api_key, base_url, **settings) as client:
            return await work(client)

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(main())
    context = contextvars.copy_context()
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(context.run, asyncio.run, main()).result()
