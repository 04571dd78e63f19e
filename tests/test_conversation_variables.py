"""Variables and plugins: checked against what the app declares, and kept when the workflow sets them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

from fastgpt_client import ArgumentError, FastGPTError, FastGPTWarning, NodeError
from fastgpt_client.local import AppSpec, LocalServer

from .conftest import KEY, World
from .wire import http, wire

DECLARED = [
    {"key": "city", "type": "input", "required": True, "maxLen": 10},
    {"key": "days", "type": "numberInput", "valueType": "number", "max": 14},
    {
        "key": "style",
        "type": "select",
        "list": [{"label": "Short", "value": "short"}],
        "defaultValue": "short",
        "required": True,
    },
    {"key": "polite", "type": "switch"},
    {"key": "plan", "type": "fileSelect"},
    {"key": "inner", "type": "internal", "required": True},
]
APPS = [
    AppSpec("vars", variables=tuple(DECLARED), prompt="Be in {{city}}"),
    AppSpec("plain"),
    "plug:plugin",
]
RULES = {
    "rules": [
        {"match": "move", "reply": "moved", "variables": {"city": "Bergen"}},
        {"match": "fail", "error": "it broke"},
    ]
}


@pytest.fixture(scope="module", params=["4.11", "4.14", "4.16"])
def declaring(request: pytest.FixtureRequest) -> Any:
    with LocalServer(api_keys=[KEY], apps=APPS, script=RULES, delay=0, version=request.param) as server:
        yield server


def chat(world: World, server: Any, **options: Any) -> Any:
    return world.make("ChatClient", KEY, server.base_url, app_id="vars", **options)


def stored(world: World, client: Any, conversation: Any) -> dict[str, Any]:
    return world(client.get_chat_init(chatId=conversation.chatId)).data.variables


def test_values_become_what_is_declared(world: World, declaring: Any, tmp_path: Path) -> None:
    client = chat(world, declaring)
    (tmp_path / "plan.txt").write_text("plan")
    conversation = client.conversation(variables={"city": "Oslo", "days": "3", "style": "Short", "polite": "no"})
    world(conversation.send("hi", variables={"plan": [tmp_path / "plan.txt"]}))
    kept = stored(world, client, conversation)
    assert kept["plan"][0].startswith("http")
    assert {name: kept[name] for name in ("city", "days", "style", "polite")} == {
        "city": "Oslo",
        "days": 3,
        "style": "short",
        "polite": False,
    }


def test_what_is_refused(world: World, declaring: Any) -> None:
    client = chat(world, declaring)
    for variables, said in (
        ({}, "the app needs variable 'city'"),
        ({"city": ""}, "the app needs variable 'city'"),
        ({"city": None}, "the app needs variable 'city'"),
        ({"city": "Oslo", "days": 15}, "variable 'days': 15 is more than 14 \\(max\\)"),
        ({"city": "A very long name"}, "variable 'city': .* more than 10 \\(maxLength\\)"),
        ({"city": "Oslo", "style": "long"}, "variable 'style': 'long' is none of the options: 'short'"),
    ):
        with pytest.raises(ArgumentError, match=said):
            world(client.conversation(variables=variables).send("hi"))
    with pytest.warns(FastGPTWarning, match="declares no variable 'citty'; it has 'city', 'days'") as noted:
        world(client.conversation(variables={"city": "Oslo", "citty": 1, "cTime": "x"}).send("hi"))
    if not world.asynchronous:
        assert noted[0].filename == __file__, "it shows the line of the caller"
    with pytest.raises(ArgumentError, match=r"variables must be a dict of names and values, not \['city'\]"):
        client.conversation(variables=["city"])
    with pytest.raises(ArgumentError, match="variables must be a dict"):
        world(client.conversation().send("hi", variables="city"))
    with pytest.raises(ArgumentError, match="variables must be a dict"):
        world(client.run_plugin("city"))
    unchecked = client.conversation(variables={"citty": 1}, check_variables=False)
    assert world(unchecked.send("hi")).text


def test_later_turns_and_other_conversations_need_not_have_all(world: World, declaring: Any) -> None:
    client = chat(world, declaring)
    conversation = client.conversation()
    world(conversation.send("hi", variables={"city": "Oslo"}))
    world(conversation.send("and?"))
    assert stored(world, client, conversation)["city"] == "Oslo"
    assert world(client.conversation(conversation.chatId).send("more")).text


def test_what_the_workflow_sets_stays(world: World, declaring: Any) -> None:
    client = chat(world, declaring)
    conversation = client.conversation(variables={"city": "Oslo"})
    reply = world(conversation.send("move"))
    assert reply.variables["city"] == "Bergen"
    world(conversation.send("where?"))
    assert stored(world, client, conversation)["city"] == "Bergen", "the old value is not sent again"
    assert conversation.variables == {"city": "Bergen"}
    assert conversation.save()["variables"] == {"city": "Bergen"}


def test_asked_once(world: World, declaring: Any) -> None:
    from .proxy import proxy

    with proxy(declaring.base_url) as gate:
        client = world.make("ChatClient", KEY, gate.url, app_id="vars")
        for _ in range(3):
            world(client.conversation(variables={"city": "Oslo"}).send("hi"))
        assert len(gate.asked("/chat/init")) == 1


def test_a_server_that_does_not_tell(world: World) -> None:
    answers = [
        [
            http(
                b'{"code":403,"statusText":"unAuthApp","message":"","data":null}',
                500,
                {"content-type": "application/json"},
            )
        ],
        [http(b'{"choices":[{"message":{"content":"hi"}}]}', headers={"content-type": "application/json"})],
    ]
    with wire(*answers) as server:
        client = world.make("ChatClient", KEY, server.url, max_retries=0)
        assert world(client.conversation(variables={"odd": 1}).send("hi")).text == "hi"
        assert world(client.conversation(variables={"odd": 1}).send("hi")).text == "hi"
        assert len(server.requests) == 3


def test_a_plugin(world: World, declaring: Any) -> None:
    client = chat(world, declaring)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FastGPTWarning)  # the local one declares no inputs
        assert "hello" in world(client.run_plugin({"text": "hello"}, appId="plug"))["result"]
        with pytest.raises(NodeError, match="it broke"):
            world(client.run_plugin({"text": "fail"}, appId="plug", check_variables=False))
    with pytest.raises(NodeError, match="got no question"):
        world(client.run_plugin(appId="plug", version="v2"))


def test_the_inputs_of_a_plugin() -> None:
    from fastgpt_client.conversation.app import _config, checked_variables
    from fastgpt_client.models.chat import ChatApp, ChatInit

    inputs = [
        {"key": "text", "renderTypeList": ["textarea"], "valueType": "string", "required": True},
        {"key": "size", "renderTypeList": ["numberInput", "reference"], "valueType": "number"},
    ]
    config = _config(ChatInit(app=ChatApp(pluginInputs=inputs)))
    assert not _config(ChatInit()).known

    def check(given: dict[str, object]) -> Any:
        steps = checked_variables(config.inputs, given, None, whole=True, what="input")  # type: ignore[arg-type]
        try:
            next(steps)
        except StopIteration as end:
            return end.value

    assert check({"text": "x", "size": "3"}) == {"text": "x", "size": 3}
    with pytest.raises(ArgumentError, match="the app needs input 'text'"):
        check({"size": 3})


def test_no_plugin_at_all(world: World) -> None:
    body = b'{"choices":[{"message":{"content":"hi"}}],"responseData":[]}'
    with wire([http(body, headers={"content-type": "application/json"})]) as server:
        client = world.make("ChatClient", KEY, server.url)
        with pytest.raises(FastGPTError, match="gave no outputs"):
            world(client.run_plugin({}, check_variables=False))


def test_a_plugin_that_declares_its_inputs(world: World) -> None:
    inputs = [
        {"key": "text", "renderTypeList": ["input"], "valueType": "string", "required": True},
        {"key": "times", "renderTypeList": ["numberInput", "reference"], "valueType": "number", "max": 3},
    ]
    with LocalServer(api_keys=[KEY], apps=[AppSpec("plug", "plugin", variables=inputs)], delay=0) as server:
        client = chat(world, server)
        assert "hello" in world(client.run_plugin({"text": "hello", "times": "2"}, appId="plug"))["result"]
        for given, said in (({}, "needs input 'text'"), ({"text": "x", "times": 9}, "input 'times': 9 is more than 3")):
            with pytest.raises(ArgumentError, match=said):
                world(client.run_plugin(given, appId="plug"))
