"""A run as calls of a handler."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgpt_client import ArgumentError, ChatHandler, Citation, NodeError, StreamError, StreamEvent, ThinkSplitter
from fastgpt_client import handlers as handlers_module
from fastgpt_client._response import EventStream
from fastgpt_client.citations import CitationFilter
from fastgpt_client.handlers import HandlerCalls
from fastgpt_client.local import LocalServer

from .conftest import KEY, World, ask
from .pieces import cut
from .test_streams import open_stream, stream
from .wire import answer_frame, wire

DONE = b"data: [DONE]\n\n"
METHODS = [name for name in vars(ChatHandler) if name.startswith("on_") and name != "on_event"]


class Log(ChatHandler):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []

    def __getattribute__(self, name: str) -> Any:
        if name in METHODS:
            return lambda argument: self.calls.append((name[3:], argument))
        return super().__getattribute__(name)

    def joined(self, name: str) -> str:
        return "".join(argument for each, argument in self.calls if each == name)


class AsyncLog(ChatHandler):
    def __init__(self) -> None:
        self.told: list[str] = []

    async def on_answer(self, text: str) -> None:
        self.told.append(text)

    async def should_stop(self) -> bool:
        return len(self.told) > 1


TOOL = {"name": "Search", "functionName": "search", "params": '{"q":1}', "response": "found"}
QUOTES = [{"id": "65f0c0ffee65f0c0ffee1234", "q": "Red", "sourceName": "Tomatoes.pdf"}]
RULES = {
    "rules": [
        {
            "match": "all",
            "reasoning": "Hm",
            "reply": "Yes[65f0c0ffee65f0c0ffee1234](CITE).",
            "quotes": QUOTES,
            "piece_size": 20,
        },
        {"match": "tool", "tools": [TOOL], "reply": "Done."},
        {"match": "half", "reply": "Half", "error": "terminated"},
        {"match": "cut", "pieces": ["a", "b", "c"], "cut": 2},
    ]
}


@pytest.fixture(scope="module")
def served() -> Any:
    with LocalServer(api_keys=[KEY], apps=["app", "form:form"], script=RULES, delay=0) as server:
        yield server


@pytest.fixture
def run(world: World, served: LocalServer) -> Any:
    client = world.make("ChatClient", KEY, served.base_url, app_id="app", max_retries=0)

    def run(question: str, stream: bool = True, **more: Any) -> Any:
        return world(client.create_chat_completion(ask(question), stream, detail=True, retainDatasetCite=True, **more))

    return run


@pytest.mark.parametrize("stream", [True, False])
def test_everything_that_happens(world: World, run: Any, stream: bool) -> None:
    log = Log()
    response = run("all", stream)
    reply = world.run(response, "handle", log, citations="strip")
    assert (log.joined("thinking"), log.joined("answer")) == ("Hm", "Yes.")
    assert [argument.sourceName for name, argument in log.calls if name == "citation"] == ["Tomatoes.pdf"]
    assert log.calls[-1] == ("done", reply) == ("done", world.run(response, "reply"))
    if stream:
        assert [argument for name, argument in log.calls if name == "status"] == ["Dataset search", "AI Chat"]
    log = Log()
    world.run(run("tool", stream), "handle", log)
    tools = [argument for name, argument in log.calls if name == "tool"]
    assert (tools[-1].toolName, tools[-1].arguments, tools[-1].response) == ("Search", {"q": 1}, "found")
    if stream:
        assert (tools[0].toolName, tools[0].arguments, tools[0].response) == ("Search", None, "")
    log = Log()
    world.run(run("x", stream, appId="form"), "handle", log)
    asked = [argument for name, argument in log.calls if name == "interactive"]
    assert [field.key for field in asked[0].fields] == ["name", "age"]


@pytest.mark.parametrize("stream", [True, False])
def test_a_node_that_fails(world: World, run: Any, stream: bool) -> None:
    log = Log()
    reply = world.run(run("half", stream), "handle", log)
    assert isinstance(log.calls[-2][1], NodeError)
    assert log.calls[-2:] == [("error", reply.error), ("done", reply)]


def test_a_stream_that_breaks(world: World, run: Any) -> None:
    log = Log()
    response = run("cut")
    with pytest.raises(StreamError) as caught:
        world.run(response, "handle", log, throttle=60)
    assert log.joined("answer") == "ab"  # what waited is told
    assert log.calls[-1] == ("error", caught.value)
    with pytest.raises(StreamError):
        world.run(response, "handle", log)


def test_an_exception_of_the_handler_ends_the_run(world: World) -> None:
    class Breaks(ChatHandler):
        def on_answer(self, text: str) -> None:
            raise LookupError(text)

        def on_error(self, error: Exception) -> None:
            raise AssertionError

    class Fails(Breaks):
        def on_answer(self, text: str) -> None:
            raise StreamError("mine")

    with wire([*stream(answer_frame("a"))[:2], 30.0]) as server:
        for handler, error in ((Breaks(), LookupError), (Fails(), StreamError)):
            response = open_stream(world, server)
            with pytest.raises(error):
                world.run(response, "handle", handler)
            world.settle()
            assert world.busy(world._made[-1]) == 0


def test_every_event_is_told_before_what_it_calls_for(world: World) -> None:
    told: list[object] = []

    class Both(ChatHandler):
        def on_event(self, event: StreamEvent) -> None:
            told.append(event.event)

        def on_answer(self, text: str) -> None:
            told.append(text)

    with wire(stream(answer_frame("a"), answer_frame("b"), DONE)) as server:
        world.run(open_stream(world, server), "handle", Both(), 60.0)
    assert told == ["answer", "a", "answer", "b"]


def test_stopping(world: World) -> None:
    class Enough(Log):
        def should_stop(self) -> bool:
            return len(self.calls) == 2

    with wire([*stream(answer_frame("a"), answer_frame("b"))[:3], 30.0]) as server:
        log = Enough()
        reply = world.run(open_stream(world, server), "handle", log)
        assert log.calls == [("answer", "a"), ("answer", "b"), ("done", reply)]
        assert reply.text == "ab"
        world.settle()
        assert world.busy(world._made[-1]) == 0


def test_async_handlers(world: World, run: Any) -> None:
    log = AsyncLog()
    response = run("all")
    if world.asynchronous:
        reply = world.run(response, "handle", log)
        assert "".join(log.told) == reply.text
        assert len(log.told) == 2
    else:
        with pytest.raises(ArgumentError, match=r"AsyncLog\.on_answer is async: use ahandle\(\)"):
            world.run(response, "handle", log)


def frames(text: str) -> bytes:
    status = b'event: flowNodeStatus\ndata: {"status":"running","name":"N"}\n\n'
    half = rb'data: {"choices":[{"delta":{"content":"\ud83d","reasoning_content":"\ud83d"}}]}' + b"\n\n"
    rest = rb'data: {"choices":[{"delta":{"content":"\ude00","reasoning_content":"\ude00"}}]}' + b"\n\n"
    return b"".join(map(answer_frame, text)) + status + half + rest + answer_frame("", "stop") + half + DONE


@given(st.text("ab<think>/ []"), st.floats(0, 3), st.lists(st.floats(0, 2), min_size=1), st.data())
def test_throttled_text_is_whole_and_in_order(
    text: str, throttle: float, waits: list[float], data: st.DataObject
) -> None:
    now = 0.0

    class Clock:
        @staticmethod
        def monotonic() -> float:
            return now

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(handlers_module, "time", Clock)
        log, events = Log(), EventStream()
        calls = HandlerCalls(log, throttle, None, asynchronous=False)
        for number, piece in enumerate(cut(frames(text), data)):
            now += waits[number % len(waits)]
            for event in events.feed(piece):
                for name, argument in calls.of(event):
                    getattr(log, name)(argument)
        for name, argument in calls.end(events.result()):
            getattr(log, name)(argument)
    reply = events.result()
    assert log.joined("answer") == reply.text
    assert log.joined("thinking") == reply.reasoning
    assert all(argument for name, argument in log.calls if name in ("answer", "thinking"))
    place = log.calls.index(("status", "N"))
    told = ["".join(text for each, text in log.calls[:place] if each == name) for name in ("thinking", "answer")]
    assert tuple(told) == ThinkSplitter().feed(text)  # text is told before what came after it


def test_text_is_told_at_most_so_often(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    class Clock:
        @staticmethod
        def monotonic() -> float:
            return now

    monkeypatch.setattr(handlers_module, "time", Clock)
    log, events = Log(), EventStream()
    calls = HandlerCalls(log, 0.5, CitationFilter("number"), asynchronous=False)

    def feed(seconds: float, frame: bytes) -> None:
        nonlocal now
        now = seconds
        for event in events.feed(frame):
            for name, argument in calls.of(event):
                getattr(log, name)(argument)

    feed(0.0, answer_frame("a"))
    feed(0.2, answer_frame("b"))
    feed(0.4, answer_frame("c"))
    feed(0.6, answer_frame("d"))
    feed(0.7, answer_frame("e"))
    feed(9.0, answer_frame(""))  # a heartbeat
    feed(9.1, answer_frame("f"))
    feed(9.2, b'event: flowNodeStatus\ndata: {"name":"N"}\n\n')
    thought = json.dumps({"choices": [{"delta": {"reasoning_content": "g", "content": "h"}}]})
    feed(9.3, f"data: {thought}\n\n".encode())
    node = {"moduleType": "x", "quoteList": [{"id": "1"}]}
    for again in (node, {**node, "toolDetail": [node]}):
        feed(9.3, f"event: flowNodeResponse\ndata: {json.dumps(again)}\n\n".encode())
    feed(9.4, answer_frame("i[65f0c0ffee65f0c0ffee1234"))
    feed(9.5, answer_frame(None, "stop") + DONE)
    for name, argument in calls.end(events.result()):
        getattr(log, name)(argument)
    assert log.calls[:-1] == [
        ("answer", "a"),
        ("answer", "bcd"),
        ("answer", "e"),
        ("answer", "f"),
        ("status", "N"),
        ("thinking", "g"),
        ("answer", "h"),
        ("citation", Citation(id="1")),
        ("answer", "i[65f0c0ffee65f0c0ffee1234"),
    ]
