"""Recordings of real servers, through conversations: every failure that FastGPT hides must show."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastgpt_client import ChatClient, FastGPTError, NodeError, Reply, StreamError

from .conftest import KEY, World
from .recordings import derive
from .wire import END, chunk, sse_head, wire

RECORDED = {derive.key_of(each): each for each in derive.load()}
EXPECTED: dict[str, Any] = json.loads(derive.EXPECTED.read_text("utf-8"))
RUNS = {
    key: each
    for key, each in RECORDED.items()
    if derive.sent_body(each).get("detail") is True or "plugin" in key  # which tell all anyhow
}
"""What a conversation may get: it always asks for detail; whole answers come where somebody gathers the stream."""


def answer(recording: Any) -> list[Any]:
    body, response = derive.wire_body(recording), recording["response"]
    if derive.is_stream(recording):
        return [sse_head(), chunk(body), *(["reset"] if derive.ends_early(recording) else [END])]
    fields = [f"{name}: {value}" for name, value in response["headers"].items()]
    head = [f"HTTP/1.1 {response['status']} -", *fields, f"content-length: {len(body)}", "", ""]
    return ["\r\n".join(head).encode() + body]


@pytest.mark.parametrize("version", ["4.11.1", "4.14.4", "4.16.0"])
def test_there_are_recordings_of_all_that_matters(version: str) -> None:
    of_version = [key for key in RUNS if key.startswith(version)]
    for word in (
        "think",
        "userSelect",
        "formInput",
        "provider-error",
        "provider-drop",
        "provider-empty",
        "plugin",
        "tool",
    ):
        for form in ("v1", "v2"):
            assert any(word in key and f"/{form}-" in key for key in of_version), (version, form, word)


@pytest.mark.parametrize("key", RUNS)
def test_a_recording(world: World, key: str) -> None:
    expected = EXPECTED[key]
    with wire(answer(RUNS[key])) as server:
        conversation = world.make("ChatClient", KEY, server.url, max_retries=0).conversation(
            recover=0, check_variables=False
        )
        failed: FastGPTError | None = None
        reply = Reply()
        try:
            reply = world(conversation.send("x"))
        except StreamError as error:
            failed, reply = error, error.partial or Reply()
        except NodeError as error:
            failed, reply = error, error.reply or Reply()
            assert not reply.text
        except FastGPTError as error:
            failed = error
            assert expected["error"]["kind"] == "raised"
        if "error" in expected:
            assert failed or reply.error, "a failure that nobody sees"
            shown = str(failed or reply.error)
            assert all(
                part in shown or part in str((failed or reply.error).args) for part in expected["error"]["contains"]
            )
        else:
            assert (failed, reply.error) == (None, None)
        assert reply.text == expected.get("text", "")
        assert reply.reasoning == expected.get("reasoning", "")
        assert [node.moduleName for node in reply.nodes] == expected.get("nodes", [])
        assert (reply.interactive is not None) == ("interactive" in expected)
        if reply.interactive is not None:
            assert conversation.interactive == reply.interactive


STREAMS = [key for key, each in RUNS.items() if derive.is_stream(each) and "error" not in EXPECTED[key]]


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_cut_gives_the_same_reply_or_says_what_is_missing(data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(STREAMS))
    body, whole = derive.wire_body(RUNS[key]), EXPECTED[key]
    cut = data.draw(st.integers(0, len(body)))
    steps: list[Any] = [sse_head(), *([chunk(body[:cut])] if cut else []), "reset"]
    with wire(steps) as server, ChatClient(KEY, server.url) as client:
        try:
            reply, broken = client.conversation(check_variables=False, recover=0).send("x"), False
        except StreamError as error:
            reply, broken = error.partial or Reply(), True
    text, reasoning, nodes = whole.get("text", ""), whole.get("reasoning", ""), whole.get("nodes", [])
    names = [node.moduleName for node in reply.nodes]
    if broken:
        assert text.startswith(reply.text)
        assert reasoning.startswith(reply.reasoning)
        assert nodes[: len(names)] == names
    else:
        assert (reply.text, reply.reasoning, names) == (text, reasoning, nodes)
