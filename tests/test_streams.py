"""Streams over real sockets, and everything that can happen to them."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from fastgpt_client import (
    APIConnectionError,
    APITimeoutError,
    AuthenticationError,
    ChatClient,
    ErrorEvent,
    FastGPTError,
    QuotaError,
    Reply,
    StreamError,
    StreamParseError,
    StreamTimeoutError,
    Timeout,
    UnexpectedResponseError,
    UnknownEvent,
    ValidationError,
    aiter_stream_events,
    iter_stream_events,
)

from .conftest import KEY, World, ask
from .wire import END, Step, Wire, answer_frame, chunk, completion, http, sse_head, until, wire

HELLO = [answer_frame("Hel"), answer_frame("lo"), answer_frame(None, "stop"), b"data: [DONE]\n\n"]


def stream(*frames: bytes, end: bytes = END) -> list[Step]:
    return [sse_head(), *map(chunk, frames), end]


def open_stream(world: World, server: Wire, **settings: Any) -> Any:
    settings = {"max_retries": 0, **settings}
    client = world.make("ChatClient", KEY, server.url, **settings)
    return world(client.create_chat_completion(ask("hi"), stream=True))


def test_the_ways_to_read_a_stream(world: World) -> None:
    with wire(stream(*HELLO)) as server:
        response = open_stream(world, server)
        assert (response.is_stream, response.status_code) == (True, 200)
        assert world.run(response, "iter_answer") == ["Hel", "lo"]
        reply = world.run(response, "reply")
        assert isinstance(reply, Reply)
        assert (reply.text, str(reply), reply.chatId) == ("Hello", "Hello", response.chatId)
        response = open_stream(world, server)
        assert [event.event for event in world.run(response, "events")] == ["answer"] * 3
        assert world.run(response, "events") == []
        response = open_stream(world, server)
        assert world.run(response, "iter_lines") == b"".join(HELLO).decode().splitlines()
        response = open_stream(world, server)
        assert b"".join(world.run(response, "iter_bytes")) == b"".join(HELLO)
        response = open_stream(world, server)
        assert world.run(response, "read") == response.content == b"".join(HELLO)
        assert response.text.startswith("data: ")
        assert world.run(response, "reply").text == "Hello"


def test_a_response_is_a_loop_over_events_and_a_context(world: World) -> None:
    with wire(stream(*HELLO)) as server:
        if world.asynchronous:

            async def read(response: Any) -> list[str]:
                async with response:
                    return [event.event async for event in response]

            names = world(read(open_stream(world, server)))
        else:
            with open_stream(world, server) as response:
                names = [event.event for event in response]
        assert names == ["answer"] * 3


def test_helpers_read_our_responses_and_others(world: World) -> None:
    with wire(stream(*HELLO)) as server:
        response = open_stream(world, server)
        if world.asynchronous:

            async def read(source: Any) -> list[str]:
                return [event.text async for event in aiter_stream_events(source)]

            assert world(read(response)) == ["Hel", "lo", ""]
            assert world(read(open_stream(world, server).http_response)) == ["Hel", "lo", ""]
        else:
            assert [event.text for event in iter_stream_events(response)] == ["Hel", "lo", ""]
            assert [event.text for event in iter_stream_events(open_stream(world, server).http_response)] == [
                "Hel",
                "lo",
                "",
            ]


def test_the_connection_is_used_again_after_a_whole_stream(world: World) -> None:
    with wire(stream(*HELLO)) as server:
        client = world.make("ChatClient", KEY, server.url)
        for _ in range(3):
            world.run(world(client.create_chat_completion(ask("hi"), stream=True)), "reply")
        assert len(server._open) == 1


def test_leaving_early_gives_the_connection_back_at_once(world: World) -> None:
    with wire([sse_head(), chunk(HELLO[0]), 30.0]) as server:
        for name in ("events", "iter_answer", "iter_lines", "iter_bytes"):
            server.hung_up.clear()
            response = open_stream(world, server)
            iterator = world.open(response, name)
            assert world.take(iterator)
            assert world.busy(world._made[-1]) == 1
            del iterator  # what leaving a loop does
            world.settle()
            assert world.busy(world._made[-1]) == 0, name
            assert until(server.hung_up.is_set), name
        response = open_stream(world, server)
        world(response.aclose() if world.asynchronous else response.close())
        assert world.busy(world._made[-1]) == 0
        with pytest.raises(StreamError, match="closed before its end"):
            world.run(response, "reply")


def test_cancelling_a_task_gives_the_connection_back(loop: asyncio.AbstractEventLoop) -> None:
    world = World(True, loop)
    with wire([sse_head(), chunk(HELLO[0]), 30.0]) as server:
        client = world.make("ChatClient", KEY, server.url)

        async def read() -> None:
            response = await client.create_chat_completion(ask("hi"), stream=True)
            await response.areply()

        async def cancelled() -> None:
            task = asyncio.create_task(read())
            await asyncio.sleep(0.2)
            assert world.busy(client) == 1
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert world.busy(client) == 0

        world(cancelled())
        assert until(server.hung_up.is_set)
    with wire([30.0]) as silent:
        client = world.make("ChatClient", KEY, silent.url)

        async def impatient() -> None:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await client.create_chat_completion(ask("hi"))
            assert world.busy(client) == 0

        world(impatient())
    world.close()


def test_an_error_before_the_stream_is_raised_by_the_call(world: World) -> None:
    frame = b'event: error\ndata: {"code":514,"statusText":"unAuthApiKey","message":"common:x","data":null}\n\n'
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    for pieces in ([chunk(frame)], [chunk(frame[:10]), 0.05, chunk(frame[10:])]):
        with wire([head, *pieces, END]) as server:
            client = world.make("ChatClient", KEY, server.url)
            with pytest.raises(AuthenticationError) as caught:
                world(client.create_chat_completion(ask("hi"), stream=True))
            assert (caught.value.code, caught.value.status_code) == (514, 200)
            assert world.busy(client) == 0


def test_an_error_answer_to_a_stream_is_read_closed_and_raised(world: World) -> None:
    body = b'{"code":400,"statusText":"error","message":"Data validation error","zodError":[]}'
    with wire([http(body, 400, {"content-type": "application/json"})], stream(*HELLO)) as server:
        client = world.make("ChatClient", KEY, server.url)
        with pytest.raises(ValidationError):
            world(client.create_chat_completion(ask("hi"), stream=True))
        world.run(world(client.create_chat_completion(ask("hi"), stream=True)), "reply")
        assert len(server._open) == 1, "the connection was not used again"


def test_an_error_inside_the_stream(world: World) -> None:
    error = b'event: error\ndata: {"code":500007,"statusText":"aiPointsNotEnough","message":"common:x"}\n\n'
    with wire(stream(HELLO[0], error)) as server:
        response = open_stream(world, server)
        with pytest.raises(StreamError, match="points") as caught:
            world.run(response, "reply")
        assert caught.value.partial is not None
        assert (caught.value.partial.text, caught.value.statusText) == ("Hel", "aiPointsNotEnough")
        assert isinstance(caught.value.__cause__, QuotaError)
        with pytest.raises(StreamError, match="points"):
            world.run(response, "reply")  # not lost the second time
        response = open_stream(world, server)
        events: list[Any] = []
        iterator = world.open(response, "events")
        events += [world.take(iterator), world.take(iterator)]
        with pytest.raises(StreamError):
            world.take(iterator)
        assert isinstance(events[-1], ErrorEvent)
        assert events[-1].message == "common:x"


@pytest.mark.parametrize(
    "error", [b"event: error\ndata: plain text\n\n", b'data: {"error":{"message":"plain text"}}\n\n']
)
def test_errors_in_other_shapes(world: World, error: bytes) -> None:
    with wire(stream(HELLO[0], error)) as server, pytest.raises(StreamError, match="plain text"):
        world.run(open_stream(world, server), "reply")


@pytest.mark.parametrize("how", ["no done", "half frame", "no last chunk", "reset", "half frame after done"])
def test_a_stream_that_is_cut_is_never_taken_for_a_whole_one(world: World, how: str) -> None:
    scripts: dict[str, list[Step]] = {
        "no done": stream(*HELLO[:3]),
        "half frame": stream(HELLO[0], HELLO[1][:30]),
        "no last chunk": [sse_head(), chunk(HELLO[0]), "close"],
        "reset": [sse_head(), chunk(HELLO[0]), 0.1, "reset"],
        "half frame after done": stream(*HELLO, b'event: flowResponses\ndata: [{"mod'),
    }
    with wire(scripts[how]) as server:
        response = open_stream(world, server)
        for _ in range(2):  # and not the second time either
            with pytest.raises(StreamError) as caught:
                world.run(response, "reply")
            assert caught.value.partial is not None
            assert caught.value.partial.text.startswith("Hel")
            assert "this stream was closed" not in str(caught.value)


def test_what_comes_after_done_is_read(world: World) -> None:
    nodes = b'event: flowResponses\ndata: [{"moduleName":"AI","moduleType":"chatNode","errorText":"terminated"}]\n\n'
    with wire(stream(*HELLO, nodes)) as server:
        reply = world.run(open_stream(world, server), "reply")
        assert [node.moduleName for node in reply.nodes] == ["AI"]
        assert str(reply.error) == "AI: terminated"
        with pytest.raises(FastGPTError):
            reply.raise_for_error()


def test_a_goodbye_that_is_missing_costs_nothing(world: World) -> None:
    with wire([sse_head(), *map(chunk, HELLO), 0.05, "reset"]) as server:
        assert world.run(open_stream(world, server), "reply").text == "Hello"
    with wire(stream(*HELLO[:3], b"data: [DONE]")) as server:
        assert world.run(open_stream(world, server), "reply").text == "Hello"
    with wire(stream(*HELLO[:3], b"data: [DONE]\n\n" + answer_frame("!")[:-2])) as server:
        assert world.run(open_stream(world, server), "reply").text == "Hello!"


def test_silence(world: World) -> None:
    with wire([sse_head(), chunk(HELLO[0]), 30.0]) as server:
        response = open_stream(world, server, timeout=Timeout(idle=0.2))
        started = time.monotonic()
        with pytest.raises(StreamTimeoutError, match=r"nothing came for 0\.2 s") as caught:
            world.run(response, "reply")
        assert time.monotonic() - started < 5
        assert caught.value.partial is not None
        assert caught.value.partial.text == "Hel"


def test_a_run_that_never_ends(world: World) -> None:
    heartbeat = chunk(answer_frame(""))
    with wire([sse_head(), *[step for _ in range(200) for step in (heartbeat, 0.05)]]) as server:
        response = open_stream(world, server, timeout=Timeout(idle=5, total=0.3))
        with pytest.raises(StreamTimeoutError, match=r"not done within 0\.3 s"):
            world.run(response, "reply")


def test_no_answer_in_time(world: World) -> None:
    with wire([30.0]) as server:
        client = world.make("ChatClient", KEY, server.url, timeout=0.2, max_retries=0)
        for streaming in (False, True):
            with pytest.raises(APITimeoutError, match="no answer in time from http://127"):
                world(client.create_chat_completion(ask("hi"), stream=streaming))
        assert len(server.requests) == 2


def test_a_connection_that_breaks_before_the_answer(world: World) -> None:
    with wire(["reset"]) as server:
        client = world.make("ChatClient", KEY, server.url, max_retries=2, retry_delay=0)
        with pytest.raises(APIConnectionError, match="broke"):
            world(client.create_chat_completion(ask("hi")))
        assert len(server.requests) == 1, "a run must not be started twice"
        with pytest.raises(APIConnectionError, match="broke"):
            world(client.get_chat_histories("app"))
        assert len(server.requests) == 4


def test_half_an_answer(world: World) -> None:
    with wire([http(completion()[:20], length=500), "close"]) as server:
        client = world.make("ChatClient", KEY, server.url, max_retries=0)
        with pytest.raises(APIConnectionError, match="broke"):
            world(client.create_chat_completion(ask("hi")))


def test_nobody_there(world: World) -> None:
    with wire() as gone:
        url = gone.url
    client = world.make("ChatClient", KEY, url, max_retries=1, retry_delay=0)
    with pytest.raises(
        APIConnectionError, match=r"cannot connect to http://127(.|\n)*is FastGPT running there"
    ) as caught:
        world(client.create_chat_completion(ask("hi")))
    assert caught.value.certainly_unsent


def test_an_event_that_is_no_json(world: World) -> None:
    with wire(stream(HELLO[0], b"event: answer\ndata: {broken\n\n")) as server:
        with pytest.raises(StreamParseError, match="broken") as caught:
            world.run(open_stream(world, server), "reply")
        assert caught.value.partial is not None
        assert caught.value.partial.text == "Hel"


def test_unknown_events_are_kept(world: World) -> None:
    frames = [
        b'event: brandNew\ndata: {"a":1}\n\n',
        b"event: word\ndata: hello\n\n",
        b"data: just text\n\n",
        b"data: [1,2]\n\n",
        b"event: flowResponses\ndata: {}\n\n",  # of a known name, in an unknown shape
        b"event: chatTitle\ndata: [1]\n\n",
        b": a comment\n\n",
    ]
    with wire(stream(*frames, *HELLO)) as server:
        events = world.run(open_stream(world, server), "events")
        assert [(event.event, event.data) for event in events[:6]] == [
            ("brandNew", {"a": 1}),
            ("word", "hello"),
            ("message", "just text"),
            ("message", [1, 2]),
            ("flowResponses", {}),
            ("chatTitle", [1]),
        ]
        assert all(isinstance(event, UnknownEvent) for event in events[:6])


def test_text_that_would_be_cut_by_others_and_halves_of_emoji(world: World) -> None:
    frames = [
        'data: {"choices":[{"delta":{"content":"a\u2028b\u0085c"}}]}\n\n'.encode(),
        rb'data: {"choices":[{"delta":{"content":"\ud83d"}}]}' + b"\n\n",
        rb'data: {"choices":[{"delta":{"content":"\ude00!"}}]}' + b"\n\n",
        rb'data: {"choices":[{"delta":{"content":"x\ud83d"}}]}' + b"\n\n",
        b"data: [DONE]\n\n",
    ]
    with wire(stream(*frames)) as server:
        response = open_stream(world, server)
        assert world.run(response, "iter_answer") == ["a\u2028b\u0085c", "😀!", "x", "\ufffd"]
        assert world.run(response, "reply").text == "a\u2028b\u0085c😀!x\ufffd"
        lines = world.run(open_stream(world, server), "iter_lines")
        assert lines[0] == frames[0].decode().rstrip("\n")


def test_a_stream_that_was_not_asked_for_and_one_that_was_not_given(world: World) -> None:
    with wire([http(completion("whole", title="T"), headers={"content-type": "application/json"})]) as server:
        response = open_stream(world, server)
        assert not response.is_stream
        assert world.run(response, "iter_answer") == ["whole"]
        assert world.run(response, "reply").title == "T"
    with wire([http(b"".join(HELLO), headers={"content-type": "text/event-stream"})]) as server:
        client = world.make("ChatClient", KEY, server.url)
        response = world(client.create_chat_completion(ask("hi")))
        assert world.run(response, "reply").text == "Hello"
        assert world.run(response, "events") == []


def test_a_page_where_the_api_should_be(world: World) -> None:
    page = b"<!DOCTYPE html><html><title>Sign in</title></html>"
    with wire([http(page, headers={"content-type": "text/html"})]) as server:
        client = world.make("FastGPTClient", KEY, server.url)
        for call in (
            (client.chat.create_chat_completion(ask("hi")), client.apps.list_apps()) if world.asynchronous else ()
        ):
            with pytest.raises(UnexpectedResponseError, match="Sign in"):
                world(call)
        if not world.asynchronous:
            with pytest.raises(UnexpectedResponseError, match=r"Sign in.*\n.*base_url"):
                client.chat.create_chat_completion(ask("hi"), stream=True)
            with pytest.raises(UnexpectedResponseError, match="Sign in"):
                client.apps.list_apps()


def test_a_compressed_stream_is_read_too(world: World) -> None:
    import gzip

    body = gzip.compress(b"".join(HELLO))
    headers = {"content-type": "text/event-stream", "content-encoding": "gzip"}
    with wire([http(body, headers=headers)]) as server:
        response = open_stream(world, server)
        assert world.run(response, "reply").text == "Hello"


def test_a_stream_is_not_a_whole_answer(world: World) -> None:
    with wire(stream(*HELLO)) as server:
        response = open_stream(world, server)
        for name in ("content", "text", "data"):
            with pytest.raises(FastGPTError, match="is a stream and has not been read"):
                getattr(response, name)
        with pytest.raises(FastGPTError, match="is a stream"):
            response.json()
        assert response.partial().text == ""
        world.run(response, "reply")


def test_the_key_shows_nowhere(world: World) -> None:
    import traceback

    echo = f'{{"code":500,"statusText":"error","message":"bad header Bearer {KEY}"}}'.encode()
    scripts: list[list[Step]] = [
        [http(echo, 500)],
        [http(b"<html>" + KEY.encode(), 502)],
        stream(b'event: error\ndata: {"message":"no ' + KEY.encode() + b'"}\n\n'),
        ["reset"],
        [http(b"x", 200, {"content-type": "text/html"})],
    ]
    for script in scripts:
        with wire(script) as server:
            client = world.make("ChatClient", KEY, server.url, max_retries=0)
            with pytest.raises(FastGPTError) as caught:
                world.run(world(client.create_chat_completion(ask("hi"), stream=True)), "reply")
            error = caught.value
            shown = "".join(traceback.format_exception(error)) + repr(error) + repr(getattr(error, "response_data", ""))
            assert KEY not in shown


def test_many_streams_at_once(loop: asyncio.AbstractEventLoop) -> None:
    world = World(True, loop)
    with wire(stream(*HELLO)) as server:
        client = world.make("ChatClient", KEY, server.url)

        async def one() -> str:
            response = await client.create_chat_completion(ask("hi"), stream=True)
            return (await response.areply()).text

        async def all_of_them() -> list[str]:
            return await asyncio.gather(*(one() for _ in range(120)))

        assert world(all_of_them()) == ["Hello"] * 120
    world.close()


def test_a_client_may_be_used_by_many_threads() -> None:
    from concurrent.futures import ThreadPoolExecutor

    with wire(stream(*HELLO)) as server, ChatClient(KEY, server.url) as client:

        def one(_: int) -> str:
            return client.create_chat_completion(ask("hi"), stream=True).reply().text

        with ThreadPoolExecutor(16) as threads:
            assert list(threads.map(one, range(64))) == ["Hello"] * 64
        assert client._io.connections.busy == 0
