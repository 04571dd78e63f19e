"""Thinking is told from the answer, however it comes and wherever it is cut."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgpt_client import AnswerEvent, StreamError, ThinkSplitter, split_thinking
from fastgpt_client._response import EventStream

from .conftest import KEY, World, ask
from .pieces import cut
from .test_streams import open_stream, stream
from .wire import answer_frame, completion, http, wire

STOP, DONE = answer_frame(None, "stop"), b"data: [DONE]\n\n"


@pytest.mark.parametrize(
    ("text", "thinking", "answer"),
    [
        ("Yes", "", "Yes"),
        ("", "", ""),
        ("<think>Hm.</think>Yes", "Hm.", "Yes"),
        ("\n<think>\nHm.\n\nWell.\n</think>\n\nYes ", "Hm.\n\nWell.", "\nYes "),
        ("<think></think>Yes", "", "Yes"),
        ("<think>\n\n</think>\n\nYes", "", "Yes"),
        ("<think>Hm. <b>a</b> </thin </think>Yes </think>", "Hm. <b>a</b> </thin", "Yes </think>"),
        ("<think>never closed", "never closed", ""),
        ("<think>never closed </thi", "never closed </thi", ""),
        ("<think>closed</think>  ", "closed", ""),
        ("<thi", "", "<thi"),
        ("  <th", "", "  <th"),
        ("<thinker>", "", "<thinker>"),
        ("Write `<think>a</think>`", "", "Write `<think>a</think>`"),
        ("<think>a</think>b<think>c</think>d", "a", "b<think>c</think>d"),
        ("<think><think>a</think>b", "<think>a", "b"),
    ],
)
def test_a_leading_block_is_thinking(text: str, thinking: str, answer: str) -> None:
    assert split_thinking(text) == (thinking, answer)


TEXTS = st.lists(
    st.sampled_from(["<think>", "</think>", "<", ">", "/", "think", " ", "\n", "a", "思"]), max_size=12
).map("".join)


@given(TEXTS, st.data())
def test_cut_anywhere(text: str, data: st.DataObject) -> None:
    splitter = ThinkSplitter()
    pieces = [splitter.feed(piece) for piece in cut(text, data)]
    pieces.append(splitter.held)
    assert pieces[-1] == splitter.finish()
    assert ("".join(piece[0] for piece in pieces), "".join(piece[1] for piece in pieces)) == split_thinking(text)


@given(st.text("ab <>/think\n"), st.text("ab <>/think\n"), st.data())
def test_nothing_but_layout_is_lost(thought: str, rest: str, data: st.DataObject) -> None:
    text = f"<think>{thought}</think>{rest}"
    splitter = ThinkSplitter()
    pieces = [*map(splitter.feed, cut(text, data)), splitter.finish()]
    thinking, answer = ("".join(piece[place] for piece in pieces) for place in (0, 1))
    if "</think>" not in thought:
        assert (thinking, answer) == (thought.strip(), rest.lstrip())
    assert "".join(thinking.split()) + "</think>" + "".join(answer.split()) == "".join(text.split())[len("<think>") :]


def frames(texts: list[str], *, named: bool = False, end: bytes = STOP + DONE) -> bytes:
    return b"".join((b"event: answer\n" if named else b"") + answer_frame(text) for text in texts) + end


@given(TEXTS, st.booleans(), st.sampled_from([STOP + DONE, DONE, DONE[:-2]]), st.data())
def test_events_answer_and_reply_agree(text: str, named: bool, end: bytes, data: st.DataObject) -> None:
    wire_bytes = frames(cut(text, data), named=named, end=end)
    events: list[Any] = []
    stream = EventStream()
    for piece in cut(wire_bytes, data):
        events += stream.feed(piece)
        seen = [event for event in events if isinstance(event, AnswerEvent)]
        held = stream.builder._thinking.held
        assert "".join(event.text for event in seen) + held[1] == stream.builder.build().text
    events += stream.finish()
    reply = stream.result()
    assert (reply.reasoning, reply.text) == split_thinking(text)
    assert "".join(event.text for event in events) == reply.text
    assert "".join(event.reasoning for event in events) == reply.reasoning


def test_over_the_wire(world: World) -> None:
    pieces = ["<th", "ink>Let me", " see.\n</", "think>\n\nTwo", "."]
    with wire(stream(*map(answer_frame, pieces), STOP, DONE)) as server:
        response = open_stream(world, server)
        assert world.run(response, "iter_answer") == ["Two", "."]
        reply = world.run(response, "reply")
        assert (reply.text, reply.reasoning) == ("Two.", "Let me see.")
        events = world.run(open_stream(world, server), "events")
        assert [event.text for event in events] == ["", "", "", "Two", ".", ""]
        assert "".join(event.reasoning for event in events) == "Let me see."
        assert events[0].data["choices"][0]["delta"]["content"] == "<th"  # as it came


@pytest.mark.parametrize("end", [STOP + DONE, DONE, DONE[:-2]])
def test_what_was_held_back_comes_at_the_end(end: bytes) -> None:
    for text, thinking, answer in (("<thi", "", "<thi"), ("<think>Hm </thi", "Hm </thi", "")):
        stream = EventStream()
        events: list[Any] = [*stream.feed(frames([text], end=end)), *stream.finish()]
        assert ("".join(event.reasoning for event in events), "".join(event.text for event in events)) == (
            thinking,
            answer,
        )


def test_a_stream_that_is_cut_while_it_thinks(world: World) -> None:
    with wire(stream(answer_frame("<think>Let me see </th"))) as server:
        with pytest.raises(StreamError) as caught:
            world.run(open_stream(world, server), "reply")
        assert caught.value.partial is not None
        assert (caught.value.partial.text, caught.value.partial.reasoning) == ("", "Let me see </th")


def thinking_frame(text: str, content: str | None = None) -> bytes:
    return (
        b"data: %s\n\n" % json.dumps({"choices": [{"delta": {"reasoning_content": text, "content": content}}]}).encode()
    )


def test_tags_are_text_where_the_server_tells_thinking_by_itself(world: World) -> None:
    with wire(stream(thinking_frame("Hm."), answer_frame("<think> is a tag"), STOP, DONE)) as server:
        reply = world.run(open_stream(world, server), "reply")
        assert (reply.text, reply.reasoning) == ("<think> is a tag", "Hm.")
    with wire(stream(answer_frame("<th"), thinking_frame("Hm.", "ink>"), STOP, DONE)) as server:
        reply = world.run(open_stream(world, server), "reply")
        assert (reply.text, reply.reasoning) == ("<think>", "Hm.")


def test_each_answer_of_a_run_may_begin_with_thinking(world: World) -> None:
    between = [
        b'event: flowNodeStatus\ndata: {"status":"running","name":"AI"}\n\n',
        b'event: toolCall\ndata: {"tool":{"id":"1","toolName":"T"}}\n\n',
    ]
    for border in between:
        texts = [answer_frame("<think>a</think>A"), border, answer_frame("<think>b</think>B"), STOP, DONE]
        with wire(stream(*texts)) as server:
            reply = world.run(open_stream(world, server), "reply")
            assert (reply.text, reply.reasoning) == ("AB", "ab")
    # A node that starts beside one that still thinks changes nothing.
    with wire(stream(answer_frame("<think>a"), between[0], answer_frame("b</think>A"), STOP, DONE)) as server:
        reply = world.run(open_stream(world, server), "reply")
        assert (reply.text, reply.reasoning) == ("A", "ab")


def whole(world: World, message: dict[str, Any]) -> Any:
    body = json.loads(completion())
    body["choices"][0]["message"] = message
    with wire([http(json.dumps(body).encode(), headers={"content-type": "application/json"})]) as server:
        client = world.make("ChatClient", KEY, server.url)
        response = world(client.create_chat_completion(ask("hi")))
        reply = world.run(response, "reply")
        events = world.run(response, "events")
        assert "".join(event.text for event in events if isinstance(event, AnswerEvent)) == reply.text
        assert "".join(event.reasoning for event in events if isinstance(event, AnswerEvent)) == reply.reasoning
        assert "".join(world.run(response, "iter_answer")) == reply.text
        return reply


def test_whole_answers(world: World) -> None:
    items: list[Any] = [
        {"text": {"content": "<think>a</think>A"}},
        {"text": {"content": "<think>b</think>B"}},
        {"reasoning": {"content": "c"}},
        {"text": {"content": "<think>C"}},
        {"text": {"content": "<think>d</think>D"}},
    ]
    reply = whole(world, {"content": items})
    assert (reply.text, reply.reasoning) == ("A\nB\n<think>C\nD", "abcd")
    reply = whole(world, {"content": "<think>a</think>\n\nA"})
    assert (reply.text, reply.reasoning) == ("A", "a")
    reply = whole(world, {"content": "<think>A", "reasoning_content": "a"})
    assert (reply.text, reply.reasoning) == ("<think>A", "a")
    reply = whole(world, {"content": "<think>a"})
    assert (reply.text, reply.reasoning) == ("", "a")
