"""What a reply says of tools and plugins, whole and streamed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgpt_client import Reply, Tool
from fastgpt_client._response import EventStream
from fastgpt_client.events import ReplyBuilder, completion_events

from .pieces import cut
from .recordings import derive


def frame(name: str, **tool: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'tool': tool})}\n\n".encode()


def test_calls_are_put_together() -> None:
    stream = EventStream()
    for piece in (
        frame("toolCall", id="a", toolName="Search", functionName="search", params="", response=""),
        frame("toolParams", id="a", params='{"q":'),
        frame("toolCall", id="b", toolName="Inner", params=""),  # inside the first one: of an app that is a tool
        frame("toolParams", id="a", params='"x"}'),
        frame("toolResponse", id="b", response="inner"),
        frame("toolResponse", id="a", response="fou"),
        frame("toolResponse", id="a", response="nd"),
        frame("toolCall", id="a", toolName="Search again", params=""),  # a model that counts anew
        frame("toolParams", id="a", params="[1]"),
        frame("toolParams", id="never began", params="{}"),
    ):
        list(stream.feed(piece))
    tools = stream.builder.build().tools
    assert [(tool.toolName, tool.arguments, tool.response) for tool in tools] == [
        ("Search", {"q": "x"}, "found"),
        ("Inner", None, "inner"),
        ("Search again", None, None),
        ("", {}, None),
    ]


@pytest.mark.parametrize(
    ("params", "arguments"), [("", None), ('{"a":', None), ("[]", None), ("null", None), ('{"a":"\ud83d"}', None)]
)
def test_arguments_that_are_none(params: str, arguments: Any) -> None:
    found = Tool(params=params).arguments
    assert found is arguments or "\ud83d" in params


def runs() -> list[Any]:
    return [each for each in derive.load() if "tool" in each["name"] or "plugin" in each["name"]]


def reply_of(recording: Any) -> Reply | None:
    body = derive.wire_body(recording)
    if derive.is_stream(recording):
        stream = EventStream()
        list(stream.feed(body))
        return stream.builder.build()
    if b'"choices"' not in body:
        return None
    builder = ReplyBuilder()
    for event in completion_events(json.loads(body)):
        builder.add(event)
    return builder.build()


def test_recorded_tools_and_plugins() -> None:
    seen: dict[str, int] = {"tools": 0, "plugins": 0}
    for recording in runs():
        reply = reply_of(recording)
        if reply is None:
            continue
        for tool in reply.tools:
            assert (tool.toolName, tool.arguments, tool.functionName) == ("My tool", {}, "tool1"), recording["name"]
            assert tool.response == "none"
            seen["tools"] += 1
        if any(node.moduleType == "pluginOutput" for node in reply.nodes):
            assert reply.plugin_output == {"result": reply.text}, recording["name"]
            seen["plugins"] += 1
        else:
            assert reply.plugin_output is None
    assert seen["tools"] > 5
    assert seen["plugins"] > 5


@given(st.sampled_from([each for each in derive.load() if derive.is_stream(each)]), st.data())
def test_any_cut_gives_the_same_reply(recording: Any, data: st.DataObject) -> None:
    body = derive.wire_body(recording)
    if len(body) > 20_000 or b"event: error" in body:
        return
    whole, stream = EventStream(), EventStream()
    list(whole.feed(body))
    for piece in cut(body, data):
        list(stream.feed(piece))
    assert repr(stream.builder.build()) == repr(whole.builder.build())
