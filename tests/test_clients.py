"""How clients get on with others: HTTP clients that are brought, threads, processes."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fastgpt_client import APIConnectionError, ArgumentError, AsyncChatClient, AuthenticationError, ChatClient
from fastgpt_client.local import LocalServer

from .conftest import KEY, World, ask
from .wire import chunk, sse_head, wire

LIBRARIES = pytest.mark.parametrize("library", ["httpx2", "httpx"])


def bring(world: World, library: str, **settings: Any) -> Any:
    """A client of an HTTP library, fit for this world."""
    http = importlib.import_module(library)
    return (http.AsyncClient if world.asynchronous else http.Client)(trust_env=False, **settings)


def leave(world: World, own: Any) -> None:
    world(own.aclose() if world.asynchronous else own.close())


@LIBRARIES
def test_an_http_client_of_ones_own(world: World, server: LocalServer, library: str) -> None:
    seen: list[str] = []

    async def anote(request: Any) -> None:
        seen.append(request.url.path)

    note = anote if world.asynchronous else lambda request: seen.append(request.url.path)
    own = bring(world, library, event_hooks={"request": [note]}, headers={"x-own": "1"})
    client = world.make("ChatClient", KEY, server.base_url, http_client=own)
    assert "x" in world.run(world(client.create_chat_completion(ask("x"))), "reply").text
    streamed = world(client.create_chat_completion(ask("y"), stream=True, detail=True))
    assert "y" in "".join(world.run(streamed, "iter_answer"))
    assert world(client.get_chat_histories()).data.total >= 2
    assert seen[0] == "/api/v1/chat/completions"
    with pytest.raises(AuthenticationError):
        world(client.with_options(headers={"authorization": "Bearer no"}).get_chat_histories())
    world(client.close())
    assert not own.is_closed, "you close what you brought"
    leave(world, own)


@LIBRARIES
def test_failures_of_an_http_client_of_ones_own(world: World, library: str) -> None:
    own = bring(world, library)
    client = world.make("ChatClient", KEY, "http://127.0.0.1:1", http_client=own, max_retries=0)
    with pytest.raises(APIConnectionError, match="cannot connect") as refused:
        world(client.get_chat_histories())
    assert refused.value.certainly_unsent
    with wire([sse_head(), chunk(b'data: {"choices":[]}\n\n'), "reset"]) as broken:
        client = world.make("ChatClient", KEY, broken.url, http_client=own, max_retries=0)
        response = world(client.create_chat_completion(ask("x"), stream=True))
        with pytest.raises(Exception, match="stream broke"):
            world.run(response, "reply")
    leave(world, own)


@LIBRARIES
def test_an_http_client_of_the_other_world(library: str) -> None:
    http = importlib.import_module(library)
    with pytest.raises(ArgumentError, match="http_client must be a sync client"):
        ChatClient(KEY, http_client=http.AsyncClient())
    own = http.Client()
    with pytest.raises(ArgumentError, match="http_client must be an async client of httpx2 or httpx, not Client"):
        AsyncChatClient(KEY, http_client=own)
    own.close()


def test_many_threads_share_a_client(server: LocalServer) -> None:
    with ChatClient(KEY, server.base_url, app_id="app") as client, ThreadPoolExecutor(16) as threads:
        replies = threads.map(lambda n: client.create_chat_completion(ask(f"number {n}")).reply().text, range(100))
        assert all(f"number {number}" in text for number, text in enumerate(replies))
        assert client._io.connections.busy == 0


FORK = """
    import os, sys
    from fastgpt_client import ChatClient

    client = ChatClient(sys.argv[1], sys.argv[2])
    pool = lambda: client._io.connections.transport.pool

    def ask(text):
        return client.create_chat_completion([{"role": "user", "content": text}]).reply().text

    ask("before")
    (connection,) = pool().idle
    child = os.fork()
    if not child:
        assert not pool().idle, "the parent's connection is not the child's"
        for number in range(20):
            assert f"child {number}" in ask(f"child {number}")
        client.close()
        os._exit(0)
    for number in range(20):
        assert f"parent {number}" in ask(f"parent {number}")
    assert os.waitpid(child, 0)[1] == 0
    assert "after" in ask("after")
    client.close()
"""
ASYNC_FORK = """
    import asyncio, os, sys, warnings
    from fastgpt_client import AsyncChatClient

    client = AsyncChatClient(sys.argv[1], sys.argv[2])

    async def ask(text):
        response = await client.create_chat_completion([{"role": "user", "content": text}])
        return (await response.areply()).text

    async def both(who):
        for number in range(20):
            assert f"{who} {number}" in await ask(f"{who} {number}")

    warnings.simplefilter("ignore", ResourceWarning)  # asyncio's, of event loops that ended before their connections
    asyncio.run(both("before"))
    assert client._io.connections.transport.pool.idle
    child = os.fork()
    if not child:
        assert not client._io.connections.transport.pool.idle
        asyncio.run(both("child"))
        asyncio.run(client.close())
        os._exit(0)
    asyncio.run(both("parent"))
    assert os.waitpid(child, 0)[1] == 0
    asyncio.run(both("after"))
    asyncio.run(client.close())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("script", [FORK, ASYNC_FORK], ids=["sync", "async"])
def test_a_forked_process_has_connections_of_its_own(server: LocalServer, script: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script), KEY, server.base_url],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
