"""The nodes of a run as a tree, while it goes on and afterwards."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest

from fastgpt_client import Reply, StreamError, Trace
from fastgpt_client._response import EventStream
from fastgpt_client.local import LocalServer

from .conftest import KEY, World, ask
from .recordings import derive


def events(*frames: tuple[str, Any]) -> list[Any]:
    stream, found = EventStream(), list[Any]()
    with suppress(StreamError):
        for name, data in frames:
            found.extend(stream.feed(f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()))
    return found


def status(name: str) -> tuple[str, Any]:
    return "flowNodeStatus", {"status": "running", "name": name}


def done(name: str, seconds: float = 1, **more: Any) -> dict[str, Any]:
    return {"moduleName": name, "moduleType": "x", "runningTime": seconds, **more}


def shown(*frames: tuple[str, Any]) -> list[str]:
    """The tree after each event."""
    trace, trees = Trace(), list[str]()
    for event in events(*frames):
        trace.add(event)
        trees.append(str(trace))
    return trees


def test_v2_nodes_are_done_one_by_one() -> None:
    tree = shown(
        ("flowNodeResponse", done("Start", 0)),
        status("Search"),
        status("AI"),
        ("answer", {"choices": [{"delta": {"content": "x"}}]}),
        ("flowNodeResponse", done("Search", 0.5, embeddingTokens=5)),
        ("flowNodeResponse", done("AI", 1.25, inputTokens=11, outputTokens=21, totalPoints=0.5)),
        ("flowNodeResponse", done("Code", errorText={"message": "no such thing"})),
    )
    assert tree[0] == "Start  0 s"
    assert tree[2] == tree[3] == "Start  0 s\nSearch  running\nAI  running"
    assert tree[4] == "Start  0 s\nSearch  0.5 s, 5+0 tokens\nAI  running"
    assert tree[6].splitlines()[2:] == ["AI  1.25 s, 11+21 tokens, 0.5 points", "Code  1 s, failed: no such thing"]


def test_v1_tells_all_at_the_end() -> None:
    tree = shown(status("AI"), ("flowResponses", [done("Start", 0), done("AI", tokens=7)]))
    assert tree == ["AI  running", "Start  0 s\nAI  1 s, 7+0 tokens"]


@pytest.mark.parametrize("field", ["toolDetail", "pluginDetail", "loopDetail", "childrenResponses"])
def test_nodes_inside_others(field: str) -> None:
    inner = done("Inner", 2, moduleType="chatNode", **{field: [done("Innermost", 3)]})
    tree = shown(
        status("AI"),
        status("Agent"),
        status("Inner"),
        status("Innermost"),
        status("AI"),
        ("flowNodeResponse", done("Agent", 4, toolCallInputTokens=3, toolCallOutputTokens=4, **{field: [inner]})),
    )
    assert tree[-1].splitlines() == [
        "AI  running",
        "Agent  4 s, 3+4 tokens",
        "  Inner  2 s",
        "    Innermost  3 s",
        "AI  running",
    ]


def test_nodes_that_name_their_parent() -> None:
    child, parent = done("Tool", id="c", parentId="p"), done("Agent", id="p")
    expected = "Agent  1 s\n  Tool  1 s"
    assert shown(("flowNodeResponse", child), ("flowNodeResponse", parent))[-1] == expected
    assert shown(("flowNodeResponse", parent), ("flowNodeResponse", child))[-1] == expected
    whole = {**parent, "childrenResponses": [child]}
    assert shown(("flowNodeResponse", child), ("flowNodeResponse", whole))[-1] == expected
    assert shown(("flowNodeResponse", done("Tool", id="c", parentId="unknown")))[-1] == "Tool  1 s"


def test_a_run_that_fails() -> None:
    tree = shown(
        status("Start"), ("flowNodeResponse", done("Start")), status("AI"), ("error", {"message": "no points"})
    )
    assert tree[-1] == "Start  1 s\nAI  failed: no points"


def test_of_a_reply() -> None:
    assert str(Trace.of(Reply())) == ""


def test_every_recorded_run() -> None:
    seen = 0
    for recording in derive.load():
        if not derive.is_stream(recording):
            continue
        stream, trace = EventStream(), Trace()
        with suppress(StreamError):
            for event in stream.feed(derive.wire_body(recording)):
                trace.add(event)
        nodes = [node for node in trace.walk() if node.status != "running"]
        assert {node.moduleName for node in stream.builder.build().nodes} <= {node.name for node in nodes}
        seen += len(nodes)
    assert seen > 200


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_against_a_server(world: World, version: str) -> None:
    tool = {"name": "Search", "functionName": "search", "params": '{"q":1}', "response": "found"}
    with LocalServer(api_keys=[KEY], script={"rules": [{"tools": [tool], "reply": "Done."}]}, delay=0) as server:
        client = world.make("ChatClient", KEY, server.base_url)
        response = world(client.create_chat_completion(ask("?"), True, detail=True, version=version))
        trace, trees = Trace(), list[str]()
        for event in world.run(response, "events"):
            trace.add(event)
            trees.append(str(trace))
        assert any("Agent  running" in tree for tree in trees)
        assert [(node.name, node.type, node.status) for node in trace.walk()] == [
            ("Start", "workflowStart", "done"),
            ("Agent", "tools", "done"),
            ("Search", "textEditor", "done"),
        ]
        agent = trace.roots[1]
        assert agent.children[0].name == "Search"
        assert agent.response is not None
        assert agent.response.raw["query"] == "?"
        assert str(Trace.of(world.run(response, "reply"))) == str(trace)
        assert world.run(response, "reply").tools[0].arguments == {"q": 1}
