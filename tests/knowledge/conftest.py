"""Fixtures: servers of three versions, and a way to run async functions over them that looks for leaks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fastgpt_client.knowledge import run_blocking
from fastgpt_client.local import LocalServer

from ..conftest import KEY

Go = Callable[..., Any]
SCRIPT = {
    "rules": [
        {"match": "fails once", "times": 1, "training": {"error": "429 Rate limit reached"}},
        {"match": "broken", "training": {"error": "the model is gone"}},
        {"match": "stuck", "training": {"wait": 3600}},
        {"match": "slow", "training": {"wait": 0.6}},
    ]
}


def running(server: LocalServer, **settings: Any) -> Go:
    """Runs an async function with a client of this server."""
    return lambda work: going(work, server.base_url, **settings)


def going(work: Callable[[Any], Any], base_url: str, **settings: Any) -> Any:
    async def checked(client: Any) -> Any:
        found = await work(client)
        assert client._io.connections.busy == 0, "a connection was not given back"
        return found

    return run_blocking(checked, KEY, base_url, **{"max_retries": 0, **settings})


@pytest.fixture(scope="session")
def knowledge_server() -> Iterator[LocalServer]:
    with LocalServer(api_keys=[KEY], training_delay=0.01, script=SCRIPT) as server:
        yield server


@pytest.fixture(scope="session")
def other_server() -> Iterator[LocalServer]:
    with LocalServer(api_keys=[KEY], training_delay=0.01) as server:
        yield server


@pytest.fixture
def go(knowledge_server: LocalServer) -> Go:
    return running(knowledge_server)


@pytest.fixture(scope="session", params=["4.11", "4.14", "4.16"])
def every_version(request: pytest.FixtureRequest) -> Iterator[LocalServer]:
    with LocalServer(api_keys=[KEY], training_delay=0.01, script=SCRIPT, version=request.param) as server:
        yield server
