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
MATTERS = ("think", "userSelect", "formInput", "provider", "plugin", "stop", "infra", "tool-", "cite")
STREAMS = {
    key: each
    for key, each in RECORDED.items()
    if derive.is_stream(each)
    and any(word in key for word in MATTERS)
    and (derive.sent_body(each).get("detail") or "plugin" in key)  # which tell all anyhow
}


def answer(recording: Any) -> list[Any]:
    body = derive.wire_body(recording)
    return [sse_head(), chunk(body), *(["reset"] if derive.ends_early(recording) else [END])]


def test_there_are_recordings_of_all_that_matters() -> None:
    for word in ("think", "userSelect", "formInput", "provider", "plugin", "infra"):
        assert any(word in key for key in STREAMS), word


@pytest.mark.parametrize("key", STREAMS)
def test_a_recording(world: World, key: str) -> None:
    expected = EXPECTED[key]
    with wire(answer(STREAMS[key])) as server:
        conversation = world.make("ChatClient", KEY, server.url, max_retries=0).conversation(
            recover=0, check_variables=False
        )
        failed: FastGPTError | None = None
        try:
            reply: Reply = world(conversation.send("x"))
        except StreamError as error:
            failed, reply = error, error.partial  # type: ignore[assignment]
        except NodeError as error:
            failed, reply = error, error.reply  # type: ignore[assignment]
            assert not reply.text
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


PLAIN = next(
    each for key, each in STREAMS.items() if key.startswith("4.16.0/v2-think") or "/v2-userSelect-2-stream" in key
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, len(derive.wire_body(PLAIN))))
def test_any_cut_gives_the_same_reply_or_says_what_is_missing(cut: int) -> None:
    body = derive.wire_body(PLAIN)
    with wire([sse_head(), chunk(body), END]) as server, ChatClient(KEY, server.url) as client:
        whole = client.conversation(check_variables=False).send("x")
    steps: list[Any] = [sse_head(), *([chunk(body[:cut])] if cut else []), "reset"]
    with wire(steps) as server, ChatClient(KEY, server.url) as client:
        try:
            reply, broken = client.conversation(check_variables=False, recover=0).send("x"), False
        except StreamError as error:
            reply, broken = error.partial or Reply(), True
    nodes = [node.id for node in whole.nodes]
    if broken:
        assert whole.text.startswith(reply.text)
        assert whole.reasoning.startswith(reply.reasoning)
        assert nodes[: len(reply.nodes)] == [node.id for node in reply.nodes]
    else:
        assert (reply.text, reply.reasoning, len(reply.nodes)) == (whole.text, whole.reasoning, len(nodes))
