"""Scripts: every field, and what is said about a wrong one."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from fastgpt_client.local import AppSpec, LocalServer, Settings
from fastgpt_client.local.script import Script

from .conftest import Api, names, text_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_which_rule_decides(serve: Callable[..., Api]) -> None:
    api = serve(
        apps=["one", "two"],
        script={
            "rules": [
                {"match": "/^ping\\b/", "reply": "pong {turn}: {question}"},
                {"app": "two", "reply": "from two"},
                {"match": "once", "times": 1, "reply": "only once"},
                {"turn": 2, "reply": "second turn"},
                {"match": "word", "reasoning": "hm hm"},
            ]
        },
    )
    assert api.answer("ping it", chatId="c") == "pong 1: ping it"
    assert api.answer("x", chatId="c") == "second turn"
    assert api.answer("x", appId="two") == "from two"
    assert api.answer("say once") == "only once"
    assert "stand-in" in api.answer("say once")
    events = api.stream("a word", detail=True)
    assert text_of(events, "reasoning_content") == "hm hm"
    assert "stand-in" in text_of(events)  # the rule leaves the answer to the model
    assert api.say("a word", chatId="w").json()["choices"][0]["message"]["reasoning_content"] == "hm hm"
    assert [item["type"] for item in api.records("w")[1]["value"]] == ["reasoning", "text"]


def test_pieces(serve: Callable[..., Api]) -> None:
    rules = [{"match": "list", "pieces": ["a ", "b"], "delay": 0}, {"reply": "abcde", "piece_size": 2}]
    api = serve(script=rules)

    def pieces(text: str) -> list[Any]:
        return [data["choices"][0]["delta"]["content"] for _, data in api.stream(text) if data != "[DONE]"]

    assert pieces("list") == ["a ", "b", None]
    assert pieces("size") == ["ab", "cd", "e", None]


def test_nodes(serve: Callable[..., Api]) -> None:
    tool = {"name": "Clock", "functionName": "now", "params": {"zone": "UTC"}, "response": "12:00"}
    api = serve(
        script=[
            {"match": "fixed", "fixed": True, "reply": "as always"},
            {"match": "tools", "tools": [tool], "reply": "It is noon."},
            {"match": "set", "variables": {"city": "Oslo"}},
        ]
    )
    fixed = api.stream("fixed", detail=True)
    assert ("fastAnswer" in names(fixed), text_of(fixed)) == (True, "\nas always")
    events = api.stream("tools", 2, detail=True, chatId="t")
    assert names(events)[3:7] == ["toolCall", "toolParams", "toolResponse", "answer"]
    params = "".join(data["tool"]["params"] for name, data in events if name == "toolParams")
    assert json.loads(params) == {"zone": "UTC"}
    assert {data["responseValueId"] for _, data in events if data != "[DONE]" and "tool" in data} == {"call_1"}
    (call,) = api.records("t")[1]["value"][0]["tools"]
    assert (call["toolName"], call["params"], call["response"]) == ("Clock", params, "12:00")
    assert "toolCall" not in names(api.stream("tools"))
    assert api.say("set", detail=True).json()["newVariables"] == {"city": "Oslo"}
    assert ("updateVariables", {"city": "Oslo"}) in api.stream("set", detail=True)


def test_failures(serve: Callable[..., Api], caplog: pytest.LogCaptureFixture) -> None:
    error = {"code": 510, "statusText": "insufficientQuota", "message": "no points"}
    api = serve(
        script=[
            {"match": "node", "reply": "half", "error": "500 broken"},
            {"match": "stream", "reply": "some words", "stream_error": error},
            {"match": "plain", "stream_error": {"message": "gone"}},
            {"match": "cut", "reply": "one two three", "cut": 2},
            {"match": "at once", "cut": 0},
            {"match": "down", "http": {"status": 503, "body": "<h1>Busy</h1>", "headers": {"retry-after": 1}}},
            {"match": "json", "http": {"status": 502, "body": {"message": "bad gateway"}}},
            {"match": "typed", "http": {"body": "hello", "headers": {"content-type": "text/plain"}}},
        ]
    )
    node = api.say("node").json()
    assert (node["error"], node["choices"][0]["message"]["content"]) == ("500 broken", "half")
    assert api.stream("stream", chatId="s")[-1] == ("error", error)
    assert api.get("/core/chat/init", chatId="s").json()["data"]["chatGenerateStatus"] == 2
    assert api.say("stream").json()["code"] == 510
    assert api.say("plain").json() == {"code": 500, "statusText": "error", "data": None, "message": "gone"}
    for version in (1, 2):
        with api.open("cut", version, chatId=f"cut{version}") as lines:
            got: list[str] = []
            with pytest.raises(httpx2.RemoteProtocolError):
                got.extend(lines)
        assert api.records(f"cut{version}")[1]["value"][0]["text"]["content"] == "one two "
    with pytest.raises(httpx2.RemoteProtocolError):
        api.say("cut")
    with pytest.raises(httpx2.RemoteProtocolError):
        api.say("at once", stream=True)
    down = api.say("down", stream=True)
    assert (down.status_code, down.text, down.headers["retry-after"]) == (503, "<h1>Busy</h1>", "1")
    assert down.headers["content-type"].startswith("text/html")
    assert api.say("json").json() == {"message": "bad gateway"}
    assert api.say("typed").headers["content-type"] == "text/plain"
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_interactive(serve: Callable[..., Api]) -> None:
    options = [{"key": "a", "value": "Red"}, {"key": "b", "value": "Blue"}]
    select = {"type": "userSelect", "params": {"description": "Colour?", "userSelectOptions": options}}
    api = serve(
        apps=["chat", "sel:select"],
        script=[
            {"match": "ask", "interactive": select},
            {"match": "Blue", "reply": "so be it: {question}"},
            {"match": "down", "http": {"status": 503}},
            {"app": "sel", "times": 1, "reply": "kept for the answer"},
        ],
    )
    events = api.stream("ask me", 2, chatId="c", detail=True)
    assert names(events)[2] == "interactive"
    assert api.answer("Blue", chatId="c") == "so be it: ask me"
    assert "content" not in api.say("start", appId="sel", chatId="s").json()["choices"][0]["message"]
    assert api.say("down", appId="sel", chatId="s2").status_code == 503
    assert api.answer("Confirm", appId="sel", chatId="s") == "kept for the answer"


def test_files(tmp_path: Path, serve: Callable[..., Api]) -> None:
    yaml = tmp_path / "script.yaml"
    yaml.write_text("rules:\n  - match: 你好\n    reply: 好\n", encoding="utf-8")
    assert serve(script=str(yaml)).answer("你好") == "好"
    (tmp_path / "script.json").write_text('[{"reply": "json"}]', encoding="utf-8")
    assert serve(script=tmp_path / "script.json").answer("hi") == "json"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ([{}, {"replies": 1}], "rule 2: unknown field 'replies'; allowed are match, app"),
        ([{"turn": 0}], "rule 1: turn must be a whole number from 1, not 0"),
        ([{"turn": True}], "rule 1: turn must be a whole number from 1, not True"),
        ([{"match": "/(/"}], "rule 1: match must be a text, or /a regular expression/"),
        ([{"delay": -1}], "rule 1: delay must be seconds, 0 or more"),
        ([{"pieces": ["a", 1]}], "rule 1: pieces must be a list of texts"),
        ([{"tools": ["a"]}], "rule 1: tools must be a list of"),
        ([{"stream_error": {}}], "rule 1: stream_error must be"),
        ([{"http": {"status": "503"}}], "rule 1: http must be"),
        ([{"interactive": {"type": "button"}}], "rule 1: interactive must be"),
        (["reply"], "rule 1 must be a map of fields, not str"),
        ({"rule": []}, "must hold a list under `rules:`"),
        ("missing.yaml", "the script 'missing.yaml' cannot be read: No such file"),
    ],
)
def test_wrong_scripts(script: Any, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        Script.load(script)
    assert message in str(caught.value)
    with pytest.raises(ValueError):  # noqa: PT011
        LocalServer(script=script).start()


def test_unreadable_scripts(tmp_path: Path) -> None:
    for name, content in (("a.json", b"{"), ("b.yaml", b"a: [b"), ("c.yaml", b"\xff\xfe\xff")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match="not valid YAML or JSON"):
            Script.load(tmp_path / name)


def test_settings() -> None:
    assert AppSpec.parse("a:form") == AppSpec("a", "form")
    assert AppSpec.parse("my-app").kind == "chat"
    with pytest.raises(ValueError, match="use one of chat, select, form, plugin"):
        AppSpec.parse("a:b")
    with pytest.raises(ValueError, match="needs an id"):
        AppSpec.parse(":chat")
    for wrong in (
        {"apps": ["a", "a:form"]},
        {"api_keys": [""]},
        {"heartbeat": 0},
        {"rate_limit": 0},
    ):
        with pytest.raises(ValueError):  # noqa: PT011
            Settings(**wrong)
    assert Settings(api_keys="one").api_keys == ("one",)
