"""Fixtures: a local server, and one suite for both worlds."""

from __future__ import annotations

import asyncio
import inspect
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

import fastgpt_client
from fastgpt_client.local import LocalServer

# A busy machine is no failure of ours.
settings.register_profile("calm", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("calm")

PROXIES = [name for each in ("http_proxy", "https_proxy", "all_proxy") for name in (each, each.upper())]
KEY = "fastgpt-verysecretkey0123456789"


class World:
    """The sync or the async face of the SDK, so that a test is written once.

    Clients made here are closed at the end of the test, which fails when a connection was not given back.
    """

    def __init__(self, asynchronous: bool, loop: asyncio.AbstractEventLoop) -> None:
        self.asynchronous = asynchronous
        self.loop = loop
        self._made: list[Any] = []

    def make(self, kind: str, *args: Any, **kwargs: Any) -> Any:
        """A client: ``make("ChatClient", …)`` is ``AsyncChatClient(…)`` in the async world."""
        client = getattr(fastgpt_client, f"Async{kind}" if self.asynchronous else kind)(*args, **kwargs)
        self._made.append(client)
        return client

    def __call__(self, value: Any) -> Any:
        """What a call gives, awaited where needed."""
        return self.loop.run_until_complete(_awaited(value)) if inspect.isawaitable(value) else value

    def run(self, response: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call ``reply``, ``events``, ``iter_lines``, … or its async twin, and collect what it yields."""
        result = self.open(response, name, *args, **kwargs)
        if hasattr(result, "__aiter__"):
            return self.loop.run_until_complete(_collected(result))
        return list(result) if hasattr(result, "__next__") else self(result)

    def open(self, response: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        if self.asynchronous:
            name = {"conversation": name}.get(name, f"a{name}")
        return getattr(response, name)(*args, **kwargs)

    def take(self, iterator: Any) -> Any:
        """The next item of what ``open`` gave."""
        return self(_next(iterator)) if self.asynchronous else next(iterator)

    def settle(self) -> None:
        """Let what the loop has to do happen."""
        self.loop.run_until_complete(asyncio.sleep(0.01))

    def busy(self, client: Any) -> int:
        """How many connections are in use."""
        return client._io.connections.busy

    def close(self) -> None:
        for client in self._made:
            assert self.busy(client) == 0, "a connection was not given back"
            self(client.close())


async def _awaited(value: Any) -> Any:
    return await value


async def _next(iterator: Any) -> Any:
    return await anext(iterator)  # inside the loop, so that it finalizes the iterator


async def _collected(items: Any) -> list[Any]:
    return [each async for each in items]


@pytest.fixture(scope="session")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


@pytest.fixture(params=["sync", "async"])
def world(request: pytest.FixtureRequest, loop: asyncio.AbstractEventLoop) -> Iterator[World]:
    world = World(request.param == "async", loop)
    yield world
    world.close()


@pytest.fixture(scope="session")
def server() -> Iterator[LocalServer]:
    with LocalServer(api_keys=[KEY], apps=["app", "sel:select", "form:form", "plug:plugin"], delay=0) as server:
        yield server


@pytest.fixture
def chat(world: World, server: LocalServer) -> Any:
    return world.make("ChatClient", KEY, server.base_url, app_id="app", max_retries=0)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for this machine, signed by itself, and its key in the same file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl here")
    path = tmp_path_factory.mktemp("tls")
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    files = ["-keyout", str(path / "key.pem"), "-out", str(path / "cert.pem")]
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names, *files]
    subprocess.run(command, check=True, capture_output=True)
    return path


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("FASTGPT_API_KEY", "FASTGPT_BASE_URL", "FASTGPT_APP_ID", *PROXIES):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FASTGPT_STATE_DIR", str(tmp_path / "state"))


def ask(text: str) -> list[dict[str, object]]:
    return [{"role": "user", "content": text}]
