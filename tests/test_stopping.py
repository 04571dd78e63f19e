"""A stream that is left stops its run on the server."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from typing import Any

import pytest

from fastgpt_client import ConflictError, StreamTimeoutError, Timeout
from fastgpt_client.local import LocalServer

from .conftest import KEY, World
from .proxy import proxy
from .wire import answer_frame, chunk, http, sse_head, wire

RULES = {
    "rules": [
        {"match": "long", "reply": "word " * 200, "piece_size": 5, "delay": 0.02},
        {"match": "late", "reply": "at last", "wait": 3.0},
        {"match": "held", "reply": "at last", "wait": 3.0, "gateway": 2.0},
    ]
}


@pytest.fixture(scope="module")
def running() -> Any:
    with LocalServer(api_keys=[KEY], apps=["app"], script=RULES, delay=0) as server:
        yield server


@pytest.fixture(scope="module")
def older() -> Any:
    with LocalServer(api_keys=[KEY], apps=["app"], script=RULES, delay=0, version="4.11") as server:
        yield server


def said(world: World, conversation: Any) -> str:
    return world(conversation.history()).data.list[-1].text


def is_over(world: World, client: Any, conversation: Any) -> bool:
    return world(client.get_chat_init(chatId=conversation.chatId)).data.chatGenerateStatus != 0


def leave(world: World, conversation: Any, how: str) -> None:
    if not world.asynchronous:
        if how == "break":
            for event in conversation.stream("long"):
                if event.event == "answer":
                    break
        elif how == "close":
            with conversation.stream("long") as response:
                next(response.iter_answer())
        else:
            stream = iter(conversation.stream("long"))
            next(stream)
            del stream
            gc.collect()
        return

    async def aleave() -> None:
        if how == "break":
            async for event in conversation.stream("long"):
                if event.event == "answer":
                    break
        elif how == "close":
            async with conversation.stream("long") as response:
                await anext(response.aiter_answer())
        else:
            task = asyncio.create_task(conversation.send("long"))
            await asyncio.sleep(0.2)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await asyncio.sleep(0.1)

    world(aleave())


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("how", ["break", "close", "forget"])
def test_leaving(world: World, running: Any, how: str, version: str) -> None:
    client = world.make("ChatClient", KEY, running.base_url, app_id="app")
    conversation = client.conversation(version=version)
    started = time.monotonic()
    leave(world, conversation, how)
    assert time.monotonic() - started < 2.5
    gc.collect()
    world.settle()
    time.sleep(0.2)
    assert is_over(world, client, conversation)
    assert len(said(world, conversation)) < 900, "the run went on"
    assert world(conversation.send("hello")).text, "and the chat is free"


def test_a_cancelled_task_before_its_stream_began(world: World, running: Any) -> None:
    if not world.asynchronous:
        pytest.skip("nothing is cancelled in the sync world")
    client = world.make("ChatClient", KEY, running.base_url, app_id="app")
    conversation = client.conversation(version="v2")

    async def cancel() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(conversation.send("late"), 0.15)

    world(cancel())
    time.sleep(0.2)
    assert is_over(world, client, conversation)


def test_a_run_that_its_server_takes_after_it_was_told_to_stop(world: World, running: Any) -> None:
    if not world.asynchronous:
        pytest.skip("nothing is cancelled in the sync world")

    async def cancel(conversation: Any) -> None:
        task = asyncio.create_task(conversation.send("late"))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with proxy(running.base_url) as gate:
        client = world.make("ChatClient", KEY, gate.url, app_id="app")
        world(client.conversation().send("hello"))  # so that what the app declares is known
        gate.delay = 0.2
        conversation = client.conversation(version="v2")
        world(cancel(conversation))
        assert is_over(world, client, conversation)
        gate.delay = 0.6
        world(cancel(conversation))
        assert world(conversation.send("hello")).text, "the next turn stops it at the latest"


def test_a_task_that_is_cancelled_may_go_on(world: World, running: Any) -> None:
    if not world.asynchronous:
        pytest.skip("nothing is cancelled in the sync world")
    client = world.make("ChatClient", KEY, running.base_url, app_id="app")
    conversation = client.conversation(version="v2", stop_on_close=False)

    async def cancel() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(conversation.send("held"), 0.3)

    world(cancel())
    assert not is_over(world, client, conversation)
    world(conversation.stop())


def test_not_asked_to_stop(world: World, running: Any) -> None:
    client = world.make("ChatClient", KEY, running.base_url, app_id="app")
    conversation = client.conversation(version="v2", stop_on_close=False)
    leave(world, conversation, "break")
    assert not is_over(world, client, conversation)
    with pytest.raises(ConflictError):
        world(client.conversation(conversation.chatId).send("hello"))  # not left here: no use in waiting
    world(conversation.stop())
    assert world(conversation.send("hello")).text, "it waits a little for its own run"


def test_a_run_that_takes_too_long_is_stopped(world: World, running: Any) -> None:
    client = world.make("ChatClient", KEY, running.base_url, app_id="app", timeout=Timeout(total=0.3))
    conversation = client.conversation(version="v2")
    with pytest.raises(StreamTimeoutError):
        world(conversation.send("long"))
    time.sleep(0.2)
    assert is_over(world, client, conversation)


def test_a_stream_that_was_read_to_its_end_is_not_stopped(world: World, running: Any) -> None:
    with proxy(running.base_url) as gate:
        client = world.make("ChatClient", KEY, gate.url, app_id="app")
        for version in ("v1", "v2"):
            world(client.conversation(version=version).send("hello"))
        assert gate.asked("/chat/stop") == []


def test_older_servers_cannot_stop(world: World, older: Any) -> None:
    client = world.make("ChatClient", KEY, older.base_url, app_id="app")
    conversation = client.conversation()
    leave(world, conversation, "break")
    gc.collect()
    world.settle()
    time.sleep(0.2)
    assert world(conversation.send("hello")).text


def test_a_server_that_does_not_answer_delays_closing_a_moment_only(world: World) -> None:
    stream = [sse_head(), chunk(answer_frame("a")), 5.0]
    with wire([http(b"{}")], stream, [5.0]) as server:
        client = world.make("ChatClient", KEY, server.url, max_retries=0)
        conversation = client.conversation()
        started = time.monotonic()
        if world.asynchronous:

            async def aleave() -> None:
                async with conversation.stream("x") as response:
                    await anext(response.aiter_answer())

            world(aleave())
        else:
            with conversation.stream("x") as response:
                next(response.iter_answer())
        assert time.monotonic() - started < 3
        time.sleep(0.3)
        world.settle()


def test_ctrl_c_stops_the_run(running: Any) -> None:
    import _thread

    from fastgpt_client import ChatClient

    with ChatClient(KEY, running.base_url, app_id="app") as client:
        conversation = client.conversation(version="v2")
        threading.Timer(0.4, _thread.interrupt_main).start()
        with pytest.raises(KeyboardInterrupt):
            conversation.send("long")
        time.sleep(0.2)
        assert client.get_chat_init(chatId=conversation.chatId).data.chatGenerateStatus != 0
