"""Broken connections: the answer is read from the history, or a stream goes on where it broke."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgpt_client import (
    NO_HISTORY,
    AnswerEvent,
    APIConnectionError,
    APITimeoutError,
    ChatClient,
    FastGPTError,
    Reply,
    ServerError,
    StreamError,
    StreamTimeoutError,
    Timeout,
    ToolCallEvent,
)
from fastgpt_client.conversation.recovery import patience
from fastgpt_client.errors import StreamParseError
from fastgpt_client.events import ToolCalls
from fastgpt_client.local import AppSpec, LocalServer

from .conftest import KEY, World
from .proxy import TIMED_OUT, UNREACHABLE, proxy
from .wire import END, answer_frame, chunk, http, sse_head, wire

STORY = "Once upon a time there was a tomato. It grew, and it was red, and somebody ate it. The end."
RULES = {
    "rules": [
        {"match": "story", "reply": STORY, "reasoning": "Which one?", "piece_size": 5, "delay": 0.004},
        {"match": "saga", "reply": STORY, "reasoning": "Which one?", "piece_size": 5, "delay": 0.05},
        {"match": "slow", "reply": "done", "wait": 1.2},
        {"match": "endless", "reply": "x" * 400, "piece_size": 1, "delay": 0.05},
        {"match": "bad", "error": "the model is gone"},
        {"match": "cut", "reply": "one two three", "piece_size": 4, "cut": 2},
        {"match": "gateway", "reply": "after all", "gateway": 0.1, "wait": 0.3},
        {
            "match": "trip",
            "variables": {"city": "Oslo"},
            "nodes": [{"moduleName": "Trains", "moduleType": "code", "errorText": "none goes"}],
            "tools": [
                {"name": "Hotels", "functionName": "h", "params": ['{"n":', "2}"], "response": ["no", "ne"]}
            ],
            "reply": "<think>So what.</think>Stay at home.",
            "piece_size": 4,
            "delay": 0.004,
        },
    ]
}
PLAN = {"type": "agentPlanAskQuery", "params": {"content": "Which?", "options": ["A", "B"]}}
APPS = ["app", "form:form", AppSpec("plan", interactive=PLAN)]
VERSIONS = ("4.11", "4.14", "4.16")


def same(one: Reply, other: Reply) -> bool:
    def of(reply: Reply) -> Any:
        return (reply.text, reply.reasoning, [node.moduleType for node in reply.nodes], reply.interactive is None)

    return of(one) == of(other)


@pytest.fixture(scope="module", params=VERSIONS)
def versioned(request: pytest.FixtureRequest) -> Any:
    with LocalServer(api_keys=[KEY], apps=APPS, script=RULES, delay=0, version=request.param) as server:
        yield server


@pytest.fixture(scope="module")
def newest() -> Any:
    with LocalServer(api_keys=[KEY], apps=APPS, script=RULES, delay=0) as server:
        yield server


def client(world: World, url: str, **options: Any) -> Any:
    return world.make("ChatClient", KEY, url, app_id="app", retry_delay=0.05, **options)


def test_an_answer_that_a_gateway_did_not_wait_for(
    world: World, versioned: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with proxy(versioned.base_url) as gate:
        conversation = client(world, gate.url).conversation(version="v2")
        gate.instead = TIMED_OUT
        with caplog.at_level(logging.WARNING, "fastgpt_client"):
            reply = world(conversation.send("a story"))
        assert (reply.text, reply.recovered) == (STORY, True)
        assert reply.dataId
        assert reply.nodes
        assert "was read from its history: a proxy answered with" in caplog.text
        assert len(gate.asked("/chat/completions")) == 1, "a run is not started twice"
        again = world(conversation.send("a story"))
        assert not again.recovered
        assert same(again, reply)
        assert len(world(conversation.history()).data.list) == 4


@pytest.mark.parametrize("bytes_", [0, 1, 200, 900, 1500])
def test_a_stream_that_is_cut(world: World, versioned: Any, bytes_: int) -> None:
    with proxy(versioned.base_url) as gate:
        conversation = client(world, gate.url).conversation(version="v2")
        gate.cut = bytes_
        reply = world(conversation.send("a story"))
        assert (reply.text, reply.reasoning, reply.recovered) == (STORY, "Which one?", True)


def test_an_answer_to_a_form_is_recovered_from_the_record_that_asked(world: World, versioned: Any) -> None:
    with proxy(versioned.base_url) as gate:
        conversation = client(world, gate.url).conversation(appId="form", version="v2")
        asked = world(conversation.send("a story"))
        gate.instead = TIMED_OUT
        reply = world(conversation.answer({"name": "Ann"}))
        assert 'You said: "a story"' in reply.text
        assert (reply.recovered, reply.interactive) == (True, None)
        assert reply.dataId == asked.dataId


def test_a_question_is_recovered_too(world: World, versioned: Any) -> None:
    with proxy(versioned.base_url) as gate:
        conversation = client(world, gate.url).conversation(appId="form", version="v2")
        gate.instead = TIMED_OUT
        reply = world(conversation.send("a story"))
        assert reply.recovered
        assert [field.key for field in reply.interactive.fields] == ["name", "age"]
        assert 'You said: "a story"' in world(conversation.answer({"name": "Ann"})).text


def test_a_run_that_takes_its_time(world: World, newest: Any) -> None:
    conversation = client(world, newest.base_url, timeout=Timeout(idle=0.4)).conversation(version="v2")
    reply = world(conversation.send("be slow"))  # the client gave up, the run did not
    assert (reply.text, reply.recovered) == ("done", True)


def test_the_gateway_of_the_local_server(world: World, newest: Any) -> None:
    conversation = client(world, newest.base_url).conversation(version="v2")
    assert world(conversation.send("gateway")).text == "after all"


def test_no_sign_of_the_run(world: World, newest: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastgpt_client.conversation.recovery.GRACE", 0.3)
    with proxy(newest.base_url) as gate:
        conversation = client(world, gate.url).conversation(version="v2")
        gate.refuse = UNREACHABLE
        with pytest.raises(ServerError, match="proxy answered"):
            world(conversation.send("a story"))
        gate.refuse = b""
        with pytest.raises(APIConnectionError):
            world(conversation.send("a story"))
        assert world(conversation.history()).data.list == []
        assert world(conversation.send("a story")).text == STORY


def test_not_asked_to_recover(world: World, newest: Any) -> None:
    with proxy(newest.base_url) as gate:
        conversation = client(world, gate.url).conversation(version="v2", recover=0)
        gate.cut = 900
        with pytest.raises(StreamError) as caught:
            world(conversation.send("a story"))
        assert STORY.startswith(caught.value.partial.text)
        slow = client(world, newest.base_url, timeout=Timeout(total=0.3)).conversation(version="v2")
        with pytest.raises(StreamTimeoutError):
            world(slow.send("endless"))  # the caller's own limit: nothing to recover


def test_what_answers_an_agent_is_a_turn_of_its_own(world: World, newest: Any) -> None:
    with proxy(newest.base_url) as gate:
        conversation = client(world, gate.url).conversation(appId="plan", version="v2")
        asked = world(conversation.send("a story"))
        gate.instead = TIMED_OUT
        reply = world(conversation.answer("A"))
        assert reply.recovered
        assert 'You said: "a story"' in reply.text
        records = world(conversation.history()).data.list
        assert [record.obj for record in records] == ["Human", "AI", "Human", "AI"]
        assert (records[1].dataId, records[3].dataId) == (asked.dataId, reply.dataId)


def test_a_failure_is_recovered_as_one(world: World, newest: Any) -> None:
    with proxy(newest.base_url) as gate:
        conversation = client(world, gate.url).conversation(version="v2")
        gate.instead = TIMED_OUT
        with pytest.raises(FastGPTError, match="the model is gone") as caught:
            world(conversation.send("bad"))
        assert caught.value.reply.recovered


def test_a_run_that_ended_with_its_connection(world: World, versioned: Any) -> None:
    for version in ("v1", "v2"):
        conversation = client(world, versioned.base_url).conversation(version=version)
        with pytest.raises(StreamError, match="and with it the run") as caught:
            world(conversation.send("cut"))
        assert caught.value.partial.text == "one two "


def test_what_is_worth_looking_for() -> None:
    unsent = APIConnectionError("refused")
    unsent.certainly_unsent = True
    late = APITimeoutError("no connection")
    late.certainly_unsent = True
    refused = ServerError("no", 500, {}, 500)
    said = StreamError("the run failed", None, refused)
    for error in (unsent, late, refused, said, StreamParseError("odd"), FastGPTError("other")):
        assert patience(error, 60) is None
    assert patience(APITimeoutError("late"), 60) == 60
    assert patience(APIConnectionError("broke"), 60) == 3
    assert patience(ServerError("page", 502, "<html>"), 60) == 3
    assert patience(ServerError("page", 504, "<html>"), 60) == 60
    assert patience(StreamError("cut"), 60) == 60
    assert patience(StreamError("cut"), 0) is None


# Going on with a stream -----------------------------------------------------------------------------------------------


def events_until_it_breaks(world: World, conversation: Any, question: str) -> list[Any]:
    seen: list[Any] = []
    response = world(conversation.stream(question)) if not world.asynchronous else world(_open(conversation, question))
    iterator = world.open(response, "events")
    try:
        while True:
            seen.append(world.take(iterator))
    except StreamError:
        return seen


async def _open(conversation: Any, question: str) -> Any:
    return await conversation.stream(question)


def told(events: list[Any]) -> list[Any]:
    """What events say, without heartbeats, phases and times that differ."""
    return [
        (event.event, getattr(event, "text", ""), getattr(event, "reasoning", ""), getattr(event, "name", ""))
        for event in events
        if not event.event.startswith("resume") and event.data != {} and (event.event != "answer" or _says(event))
    ]


def _says(event: Any) -> bool:
    return bool(event.text or event.reasoning or event.finish_reason)


@pytest.fixture(scope="module")
def whole(newest: Any) -> list[Any]:
    with (
        ChatClient(KEY, newest.base_url, app_id="app") as chat,
        chat.conversation(version="v2").stream("a saga") as it,
    ):
        return told(list(it))


@pytest.mark.parametrize("bytes_", [600, 1000, 1700, 2500])
def test_a_stream_goes_on_where_it_broke(world: World, newest: Any, whole: list[Any], bytes_: int) -> None:
    with proxy(newest.base_url) as gate:
        conversation = client(world, gate.url).conversation(version="v2")
        gate.cut = bytes_
        before = events_until_it_breaks(world, conversation, "a saga")
        response = world(conversation.resume())
        after = world.run(response, "events")
        assert told(before) + told(after) == whole, "no event is lost or doubled"
        assert world.run(response, "reply").text == STORY
        assert conversation.chatId == world.run(response, "reply").chatId


def test_resume_when_the_run_is_over(world: World, versioned: Any) -> None:
    with proxy(versioned.base_url) as gate:
        conversation = client(world, gate.url).conversation(version="v2")
        gate.cut = 900
        before = events_until_it_breaks(world, conversation, "a story")
        time.sleep(0.4)
        response = world(conversation.resume())
        after = world.run(response, "iter_answer")
        assert "".join(event.text for event in before if hasattr(event, "text")) + "".join(after) == STORY
        reply = world.run(response, "reply")
        assert (reply.text, reply.reasoning, reply.recovered) == (STORY, "Which one?", True)


def test_resume_elsewhere(world: World, newest: Any) -> None:
    conversation = client(world, newest.base_url).conversation(version="v2", stop_on_close=False)
    response = world(_open(conversation, "a story")) if world.asynchronous else conversation.stream("a story")
    world(response.aclose() if world.asynchronous else response.close())
    other = client(world, newest.base_url).conversation().load(conversation.save())
    assert world.run(world(other.resume()), "reply").text == STORY


def test_nothing_to_resume(world: World, newest: Any) -> None:
    chat = client(world, newest.base_url)
    with pytest.raises(FastGPTError, match="nothing to resume"):
        world(chat.conversation().resume())
    with pytest.raises(FastGPTError, match="nothing to resume"):
        world(chat.conversation("other").resume())


def test_the_endpoint_itself(world: World, newest: Any) -> None:
    chat = client(world, newest.base_url)
    conversation = chat.conversation(version="v2")
    world(conversation.send("a story"))
    reply = world.run(world(chat.resume_chat(conversation.chatId)), "reply")
    assert (reply.text, reply.reasoning) == (STORY, "Which one?")


# Any cut at all -------------------------------------------------------------------------------------------------------


STREAM = [
    b'event: flowNodeStatus\ndata: {"status":"running","name":"AI"}\n\n',
    answer_frame(""),
    *(b"event: answer\n" + answer_frame(piece) for piece in ("<thi", "nk>Hm</think>", "Hel", "lo ", "wörld 😀")),
    b'event: toolCall\ndata: {"tool":{"id":"1","toolName":"T"}}\n\n',
    b'event: flowNodeResponse\ndata: {"id":"n","moduleName":"AI","moduleType":"chatNode"}\n\n',
    b"event: answer\n" + answer_frame(None, "stop"),
    b"event: answer\ndata: [DONE]\n\n",
]
GENERATING = http(
    b'{"code":200,"data":{"chatGenerateStatus":0}}', headers={"content-type": "application/json", "connection": "close"}
)
PHASES = (b"event: resumePhase\ndata: catchup\n\n", b"event: resumePhase\ndata: live\n\n")


@settings(max_examples=150)
@given(data=st.data())
def test_no_event_is_lost_or_doubled_wherever_a_stream_is_cut(data: st.DataObject) -> None:
    body = b"".join(STREAM)
    cuts = data.draw(st.lists(st.integers(1, len(body) - 20), min_size=1, max_size=2))
    read = data.draw(st.integers(0, 12))  # events that are looked at before the first cut shows
    replayed = PHASES[0] + b"".join(STREAM[:4]) + answer_frame("") + PHASES[1] + b"".join(STREAM[4:])
    resumed = [[GENERATING, "close"], *([sse_head(), chunk(replayed[: cut + 80]), "close"] for cut in cuts[1:])]
    scripts: list[Any] = [[sse_head(), chunk(body[: cuts[0]]), "close"], *resumed]
    if len(cuts) > 1:
        scripts.append([GENERATING, "close"])
    scripts.append([sse_head(), chunk(replayed), END])
    seen: list[Any] = []
    with wire(*scripts) as server, ChatClient(KEY, server.url, max_retries=0) as client:
        conversation = client.conversation(version="v2", check_variables=False, stop_on_close=False)
        response = conversation.stream("x")
        for _ in range(len(cuts)):
            try:
                for number, event in enumerate(response.events()):
                    seen.append(event)
                    if number == read:
                        break
                else:
                    raise AssertionError("it was not cut")
            except StreamError:
                pass
            response = conversation.resume()
        seen += response.events()
        reply = response.reply()
    assert (reply.text, reply.reasoning, len(reply.tools)) == ("Hello wörld 😀", "Hm", 1)
    assert "".join(event.text for event in seen if isinstance(event, AnswerEvent)) == reply.text
    assert "".join(event.reasoning for event in seen if isinstance(event, AnswerEvent)) == "Hm"
    names = [event.event for event in seen if not isinstance(event, AnswerEvent) and "resume" not in event.event]
    assert names == ["flowNodeStatus", "toolCall", "flowNodeResponse"]


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("cut", [600, 900, 1200, 1500, 2100])
def test_all_of_a_run_is_resumed(world: World, versioned: Any, version: str, cut: int) -> None:
    """Tool calls come once, and what only the end of a run tells is there: nodes, failures, variables."""
    with proxy(versioned.base_url) as gate:
        conversation = client(world, gate.url).conversation(version=version)
        gate.cut = cut
        response = world(_open(conversation, "trip")) if world.asynchronous else conversation.stream("trip")
        events: list[Any] = []
        with suppress(StreamError):
            told_by(world, response, events)
        if not events or not response.partial().text.endswith("home."):
            response = world(conversation.resume())
            told_by(world, response, events)
    reply = world.run(response, "reply")
    tools = ToolCalls()
    for event in events:
        if isinstance(event, ToolCallEvent):
            tools.add(event)
    for said in (reply.tools, tools.build()):
        assert [(tool.toolName, tool.params, tool.response) for tool in said] == [("Hotels", '{"n":2}', "none")]
    said = [(event.reasoning, event.text) for event in events if isinstance(event, AnswerEvent)]
    assert ("".join(each[0] for each in said), "".join(each[1] for each in said)) == ("So what.", "Stay at home.")
    assert (reply.reasoning, reply.text, str(reply.error)) == ("So what.", "Stay at home.", "Trains: none goes")
    assert reply.variables == {"city": "Oslo"}


def told_by(world: World, response: Any, events: list[Any]) -> None:
    """Add the events of a response, up to where it breaks."""
    iterator = world.open(response, "events")
    with suppress(StopIteration, StopAsyncIteration):
        while True:
            events.append(world.take(iterator))


def test_a_run_that_ends_while_it_is_resumed(world: World) -> None:
    record = b'{"obj":"AI","dataId":"d","value":[{"text":{"content":"Hello"}}],"durationSeconds":2}'
    over = (
        b'event: resumeCompleted\ndata: {"chatGenerateStatus":1,"records":{"list":[%s]}}\n\ndata: [DONE]\n\n' % record
    )
    thinking = over.replace(b"Hello", b"<think>Hm.</think>Yes")
    for said, list_, text, rest in (
        ("Hel", over, "Hello", "lo"),
        ("Hel", over.replace(record, b""), "", ""),
        ("<think>Hm", thinking, "Yes", "Yes"),
    ):
        scripts: list[Any] = [
            [sse_head(), chunk(answer_frame(said)), "close"],
            [GENERATING, "close"],
            [sse_head(), chunk(b'event: resumeUnavailable\ndata: {"reason":"memoryPressure"}\n\n' + list_), END],
        ]
        with wire(*scripts) as server:
            conversation = client(world, server.url).conversation(version="v2", check_variables=False)
            response = world(_open(conversation, "x")) if world.asynchronous else conversation.stream("x")
            with pytest.raises(StreamError):
                world.run(response, "reply")
            resumed = world(conversation.resume())
            assert "".join(world.run(resumed, "iter_answer")) == rest
            assert world.run(resumed, "reply").text == text


def test_what_was_decoded_and_not_looked_at_comes_first(world: World) -> None:
    """One piece of two events was read, one event was looked at; then the run was over."""
    stored = b'{"code":200,"data":%s}'
    record = b'{"list":[{"obj":"AI","dataId":"d","value":[{"text":{"content":"Hello!"}}],"errorMsg":"late"}],"total":1}'
    plain = {"content-type": "application/json", "connection": "close"}
    over = http(stored % b'{"chatGenerateStatus":1}', headers=plain)
    named = [b"event: answer\n" + answer_frame(text) for text in ("Hel", "lo")]
    scripts: list[Any] = [
        [sse_head(), chunk(b"".join(named)), "close"],
        [over],
        [over],
        [http(stored % record, headers=plain)],
        [http(stored % b"[]", headers=plain)],
    ]
    with wire(*scripts) as server:
        conversation = client(world, server.url).conversation("c", check_variables=False, stop_on_close=False)
        response = world(_open(conversation, "x")) if world.asynchronous else conversation.stream("x")
        iterator = world.open(response, "events")
        assert world.take(iterator).text == "Hel"
        world(iterator.aclose() if world.asynchronous else iterator.close())
        conversation._dataId = "d"
        resumed = world(conversation.resume())
        assert world.run(resumed, "iter_answer") == ["lo", "!"]
        reply = world.run(resumed, "reply")
        assert (reply.text, str(reply.error), reply.recovered) == ("Hello!", "late", True)


def test_nobody_can_be_asked(world: World) -> None:
    """Neither before nor after the connection broke."""
    with wire(["close"]) as server:
        conversation = world.make("ChatClient", KEY, server.url, max_retries=0, retry_delay=0).conversation()
        for _ in range(2):  # that the app could not be asked is not kept
            with pytest.raises(APIConnectionError, match="closed without an answer"):
                world(conversation.send("x"))
        assert sum("/chat/init" in path and "timeout" not in path for path in server.paths()) > 3


def test_no_trace_no_recovery(world: World, newest: Any) -> None:
    with proxy(newest.base_url) as gate:
        conversation = client(world, gate.url).conversation(NO_HISTORY, version="v2")
        gate.cut = 700
        with pytest.raises(StreamError):
            world(conversation.send("a story"))
        if world.asynchronous:

            async def leave() -> None:
                async for _ in conversation.stream("a story"):
                    break

            world(leave())
        else:
            for _ in conversation.stream("a story"):
                break
        world.settle()
        assert gate.asked("/chat/stop") == []


def test_a_server_that_cannot_repeat(world: World) -> None:
    """It is generating, and knows no resume: the end is waited for."""
    page = http(b"<html></html>", 404, {"connection": "close"})
    with wire([GENERATING], [page], [GENERATING]) as server:
        conversation = client(world, server.url).conversation("known", recover=0.2)
        with pytest.raises(FastGPTError, match="nothing to resume"):
            world(conversation.resume())
