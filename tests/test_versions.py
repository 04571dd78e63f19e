"""The same work against every FastGPT version that the local server can stand for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from fastgpt_client import (
    APIError,
    AuthenticationError,
    NodeError,
    NotFoundError,
    RateLimitError,
    Reply,
    StreamError,
    ValidationError,
    WrongKeyKindError,
)
from fastgpt_client.local import AppSpec, LocalServer

from .conftest import KEY, World, ask

VERSIONS = ("4.11", "4.14", "4.16")
"""Those whose answers were recorded."""
CITY: dict[str, Any] = {"key": "city", "label": "city", "type": "input"}
QUOTE = {"id": "6b03ff8ea84cf3a64dddcc98", "collectionId": "6b03ff8ba84cf3a64dddca73", "q": "Where?", "a": "In Oslo"}
RULES: list[dict[str, Any]] = [
    {"match": "think", "reasoning": "Let me think.", "reply": "Thought: {question}"},
    {"match": "broken", "error": "401 Incorrect API key provided"},
    {"match": "dies", "reply": "Half", "stream_error": {"message": "database gone"}},
    {"match": "quote", "quotes": [QUOTE], "reply": "In Oslo."},
    {"match": "tool", "tools": [{"name": "Search", "functionName": "search", "response": "found"}], "reply": "It is."},
    {"match": "city", "variables": {"city": "Oslo"}, "reply": "Done."},
    {"match": "slow", "wait": 0.5, "reply": "At last"},
    {"match": "fixed", "fixed": True, "reply": "Always this"},
]


@pytest.fixture(scope="session")
def servers() -> Iterator[dict[str, LocalServer]]:
    apps = [AppSpec("app", variables=(CITY,)), "sel:select", "form:form", "plug:plugin"]
    with contextlib.ExitStack() as stack:
        yield {
            name: stack.enter_context(
                LocalServer(
                    api_keys=[KEY],
                    app_keys={f"{KEY}-of-form": "form"},
                    apps=apps,
                    script=RULES,
                    delay=0,
                    require_app_id=True,
                    version=name,
                )
            )
            for name in VERSIONS
        }


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def old(servers: dict[str, LocalServer], version: str) -> LocalServer:
    return servers[version]


@pytest.fixture
def chat(world: World, old: LocalServer) -> Any:
    return world.make("ChatClient", KEY, old.base_url, app_id="app", max_retries=0)


@pytest.mark.parametrize("path", ["v1", "v2"])
@pytest.mark.parametrize("detail", [False, True])
@pytest.mark.parametrize("stream", [False, True])
def test_a_run_in_every_form(world: World, chat: Any, path: str, detail: bool, stream: bool) -> None:
    response = world(
        chat.create_chat_completion(ask("please think"), stream=stream, detail=detail, version=path, variables={"a": 1})
    )
    reply = world.run(response, "reply")
    assert isinstance(reply, Reply)
    assert reply.text == "Thought: please think"
    assert reply.chatId == response.chatId
    assert len(response.chatId) == 24
    if stream or detail:
        assert reply.reasoning == "Let me think."
    if detail:
        assert [node.moduleType for node in reply.nodes] == ["workflowStart", "chatNode"]


@pytest.mark.parametrize("path", ["v1", "v2"])
def test_what_a_run_brings_besides(world: World, chat: Any, path: str) -> None:
    def reply(text: str) -> Reply:
        return world.run(world(chat.create_chat_completion(ask(text), stream=True, detail=True, version=path)), "reply")

    tool = reply("use a tool").tools[0]
    assert (tool.toolName, tool.functionName, tool.response) == ("Search", "search", "found")
    assert reply("a quote").citations[0].id == QUOTE["id"]
    assert reply("a city").variables == {"city": "Oslo"}
    assert reply("fixed").text.strip() == "Always this"


def test_a_plugin(world: World, chat: Any) -> None:
    response = world(chat.create_chat_completion([], appId="plug", variables={"q": "Hi plugin"}, detail=True))
    reply = world.run(response, "reply")
    assert "Hi plugin" in reply.text
    assert [node.moduleType for node in reply.nodes] == ["pluginInput", "chatNode", "pluginOutput"]


def test_histories_and_records(world: World, chat: Any, version: str) -> None:
    conversation = chat.conversation()
    chat_id = conversation.chatId
    world(conversation.send("My name is Ann."))
    assert "Ann" in world(conversation.send("What is my name?")).text
    listed = {history.chatId: history for history in world(chat.get_chat_histories(pageSize=100)).data.list}
    assert listed[chat_id].title == "My name is Ann."[:20]
    world(chat.update_chat_history(chatId=chat_id, customTitle="Ann", top=True))
    first = world(chat.get_chat_histories()).data.list[0]
    assert (first.chatId, first.customTitle, first.top) == (chat_id, "Ann", True)
    start = world(chat.get_chat_init(chatId=chat_id)).data
    assert (start.chatId, start.appId, start.title) == (chat_id, "app", "Ann")

    records = world(chat.get_chat_records(chatId=chat_id)).data
    assert [record.obj for record in records.list] == ["Human", "AI", "Human", "AI"]
    assert records.total == 4
    answer = records.list[-1]
    nodes = world(chat.get_record_detail(chatId=chat_id, dataId=answer.dataId)).data
    assert [node["moduleType"] for node in nodes] == ["workflowStart", "chatNode"]
    if version != "4.11":
        linked = world(chat.get_chat_records_v2(chatId=chat_id, pageSize=2)).data
        assert [record.dataId for record in linked.list] == [record.dataId for record in records.list[2:]]
        assert linked.hasMorePrev

    world(chat.update_user_feedback(chatId=chat_id, dataId=answer.dataId, userGoodFeedback="yes"))
    judged = world(chat.get_chat_records(chatId=chat_id)).data.list[-1]
    assert judged.userGoodFeedback == "yes"
    if version != "4.11":
        world(chat.update_feedback_read_status(chatId=chat_id, dataId=answer.dataId, isRead=True))
        assert world(chat.get_feedback_record_ids(chatId=chat_id, feedbackType="good")).data.dataIds == [answer.dataId]

    world(chat.delete_chat_record(chatId=chat_id, contentId=answer.dataId))
    left = [record.obj for record in world(chat.get_chat_records(chatId=chat_id)).data.list]
    # Before 4.15 a question has an id of its own, and stays.
    assert left == (["Human", "AI"] if version == "4.16" else ["Human", "AI", "Human"])
    world(chat.delete_chat_history(chatId=chat_id))
    assert chat_id not in {history.chatId for history in world(chat.get_chat_histories(pageSize=100)).data.list}
    assert world(chat.get_chat_records(chatId=chat_id)).data.list == []


def test_clearing_an_app(world: World, chat: Any) -> None:
    world(chat.create_chat_completion([], appId="plug", variables={"q": "x"}))
    assert world(chat.get_chat_histories("plug")).data.total
    world(chat.clear_chat_histories("plug"))
    assert world(chat.get_chat_histories("plug")).data.total == 0


def test_quotes(world: World, chat: Any) -> None:
    conversation = chat.conversation()
    world(conversation.send("a quote"))
    answer = world(conversation.history()).data.list[-1]
    target = {"chatId": conversation.chatId, "chatItemDataId": answer.dataId}
    ids = {"datasetDataIdList": [QUOTE["id"]], "collectionIdList": [QUOTE["collectionId"]]}
    found = world(chat.get_quotes(**target, **ids)).data
    assert [(quote.q, quote.a) for quote in found] == [("Where?", "In Oslo")]
    around = world(chat.get_collection_quotes(**target, collectionId=QUOTE["collectionId"], initialId=QUOTE["id"])).data
    assert [quote.q for quote in around.list] == ["Where?"]


def test_a_choice_and_a_form(world: World, chat: Any, version: str) -> None:
    choice = chat.conversation(appId="sel")
    asked = world(choice.send("start")).interactive
    assert asked is not None
    assert [option.value for option in asked.options] == ["Confirm", "Cancel"]
    assert "start" in world(choice.answer("Confirm")).text
    assert [record.obj for record in world(choice.history()).data.list] == ["Human", "AI"]

    form = chat.conversation(appId="form", version="v2")
    asked = world(form.send("start")).interactive
    assert asked is not None
    assert [field.key for field in asked.fields] == ["name", "age"]
    assert "start" in world(form.answer({"name": "Ann"})).text

    # 4.14 shows a question to the user in streams only, and 4.11 and 4.16 in whole answers with detail too.
    whole = world(chat.create_chat_completion(ask("start"), appId="sel", detail=True))
    assert (world.run(whole, "reply").interactive is None) == (version == "4.14")


def test_a_failed_node(world: World, chat: Any, version: str) -> None:
    with pytest.raises(NodeError, match="401 Incorrect API key"):
        world(chat.conversation().send("broken"))
    whole = world(chat.create_chat_completion(ask("broken")))
    # With neither detail nor a stream 4.11 says nothing.
    assert whole.json().get("error") == (None if version == "4.11" else "401 Incorrect API key provided")
    with pytest.raises(StreamError, match="database gone") as caught:
        world(chat.conversation().send("dies"))
    assert "Half" in caught.value.partial.text


def test_errors_are_typed_alike(world: World, old: LocalServer, chat: Any, version: str) -> None:
    stranger = world.make("ChatClient", "fastgpt-wrong", old.base_url, app_id="app", max_retries=0)
    homeless = world.make("ChatClient", KEY, old.base_url, max_retries=0)
    for stream in (False, True):
        with pytest.raises(AuthenticationError):
            world(stranger.create_chat_completion(ask("Hi"), stream=stream))
        with pytest.raises(NotFoundError, match="the app does not exist"):
            world(chat.create_chat_completion(ask("Hi"), appId="no-such-app", stream=stream))
        with pytest.raises(WrongKeyKindError, match="name the app"):
            world(homeless.create_chat_completion(ask("Hi"), stream=stream))
        with pytest.raises(ValidationError):
            world(chat.create_chat_completion([{"role": "nobody", "content": "Hi"}], stream=stream))
    with pytest.raises(AuthenticationError) as caught:
        world(stranger.get_chat_histories())
    assert (caught.value.status_code, caught.value.code) == (500, 514)
    assert (caught.value.request_id is None) == (version != "4.16")
    judge = chat.update_user_feedback
    if version == "4.11":
        world(judge(chatId="none", dataId="none", userGoodFeedback="yes"))
    else:
        with pytest.raises(NotFoundError):
            world(judge(chatId="none", dataId="none", userGoodFeedback="yes"))


def test_what_older_versions_lack(world: World, old: LocalServer, chat: Any, version: str) -> None:
    apps = world.make("AppClient", KEY, old.base_url, app_id="app", max_retries=0)
    days = {"dateStart": "2020-01-01", "dateEnd": "2030-01-01"}
    if version == "4.16":
        assert world(chat.stop_chat(chatId="none")).data.completed
        assert world(apps.list_app_logs(**days)).data.total
        assert world(chat.get_chat_statuses(chatIds=["none"])).data.list == []
        return
    for call in (chat.stop_chat, chat.mark_chat_read):
        with pytest.raises(NotFoundError):
            world(call(chatId="none"))
    with pytest.raises(AuthenticationError, match="does not take API keys") as caught:
        world(apps.list_app_logs(**days))
    assert (caught.value.status_code, caught.value.code) == (500, 403)


def test_a_limit(world: World, version: str) -> None:
    with LocalServer(api_keys=[KEY], apps=["app"], delay=0, rate_limit=1, version=version) as server:
        client = world.make("ChatClient", KEY, server.base_url, app_id="app", max_retries=0)
        response = world(client.create_chat_completion(ask("Hi")))
        assert ("x-ratelimit-limit" in response.headers) == (version != "4.11")
        for stream in (False, True):
            with pytest.raises(RateLimitError) as caught:
                world(client.create_chat_completion(ask("Hi"), stream=stream))
            assert caught.value.status_code == (429 if version == "4.16" else 500)


def test_a_key_of_an_app(world: World, old: LocalServer, version: str) -> None:
    client = world.make("ChatClient", f"{KEY}-of-form", old.base_url, max_retries=0)
    assert world(client.conversation().send("start")).interactive.type == "userInput"
    asked = world(client.conversation(appId="sel").send("start")).interactive
    # Until 4.14 the app of the key is meant, whatever the request says.
    assert asked.type == ("userSelect" if version == "4.16" else "userInput")


def test_the_apps_and_the_key(world: World, old: LocalServer, version: str) -> None:
    client = world.make("AppClient", KEY, old.base_url, max_retries=0)
    assert [app.id for app in world(client.list_apps()).data] == ["app", "sel", "form", "plug"]
    if version == "4.11":
        with pytest.raises(NotFoundError):
            world(client.check_api_key(KEY))
    else:
        assert world(client.check_api_key(KEY)).status_code == 200
        with pytest.raises(AuthenticationError):
            world(client.check_api_key("wrong"))


def get(server: LocalServer, path: str) -> httpx2.Response:
    return httpx2.get(f"{server.base_url}/api{path}", trust_env=False)


def test_what_a_server_says_of_itself(old: LocalServer, version: str) -> None:
    told = {path: get(old, path) for path in ("/apidoc/systemopenapi.json", "/openapi.json")}
    assert [path for path, answer in told.items() if answer.status_code == 200] == {
        "4.11": [],
        "4.14": ["/openapi.json"],
        "4.16": ["/apidoc/systemopenapi.json"],
    }[version]
    for answer in told.values():
        if answer.status_code == 404:
            assert answer.headers["content-type"].startswith("text/html")
            continue
        document = answer.json()
        assert document["info"]["version"].startswith(version)
        for path, operations in document["paths"].items():  # every path that it names is there
            for verb in operations:
                answered = httpx2.request(verb, f"{old.base_url}/api{path}", trust_env=False)
                assert "html" not in answered.headers["content-type"], (verb, path)
        assert "/v1/chat/completions" in document["paths"]
        stop = document["paths"].get("/v2/chat/stop")
        assert (stop is not None) == (version == "4.16")
    data = get(old, "/common/system/getInitData").json()["data"]
    assert data["feConfigs"]["systemTitle"] == "FastGPT"
    assert ("modelProviders" in data) == (version != "4.11")
    assert ("x-request-id" in get(old, "/nope").headers) == (version == "4.16")


def test_embeddings(old: LocalServer, version: str) -> None:
    url, headers = f"{old.base_url}/api/v1/embeddings", {"authorization": f"Bearer {KEY}"}

    def answer(given: Any) -> httpx2.Response:
        return httpx2.post(url, json={"input": given, "model": "m"}, headers=headers, trust_env=False)

    if version != "4.11":
        assert answer("A cat").status_code == 404
        return
    assert answer("A cat").json()["data"] == answer(["A cat"]).json()["data"]
    cat, kitten, dog = (
        row["embedding"] for row in answer(["a small cat", "the small cat", "dogs bark"]).json()["data"]
    )
    close, far = (sum(map(float.__mul__, cat, other)) for other in (kitten, dog))
    assert close > 0.5 > far
    assert answer([""]).json()["usage"] == {"prompt_tokens": 0, "total_tokens": 0}


def test_runs_at_once(world: World, old: LocalServer, chat: Any, version: str) -> None:
    message = {"appId": "app", "chatId": "at-once", "messages": ask("slow"), "stream": True}
    headers = {"authorization": f"Bearer {KEY}"}
    url = f"{old.base_url}/api/v2/chat/completions"
    with httpx2.stream("POST", url, json=message, headers=headers, trust_env=False) as first:
        if version == "4.16":
            with pytest.raises(APIError) as caught:
                world(chat.create_chat_completion(ask("Hi"), chatId="at-once"))
            assert caught.value.code == 504001
        else:
            assert world(chat.create_chat_completion(ask("Hi"), chatId="at-once")).chatId == "at-once"
        first.read()
    assert "last" in first.text
    world(chat.delete_chat_history(chatId="at-once"))


def test_an_id_used_twice(world: World, chat: Any, version: str) -> None:
    twice = {"chatId": "twice", "responseChatItemId": "same"}
    world(chat.create_chat_completion(ask("One"), **twice))
    if version == "4.16":
        with pytest.raises(APIError, match="already exists"):
            world(chat.create_chat_completion(ask("Two"), **twice))
    else:
        world(chat.create_chat_completion(ask("Two"), **twice))
        assert world(chat.get_chat_records(chatId="twice")).data.total == 4
    world(chat.delete_chat_history(chatId="twice"))


def test_one_file_for_every_version(world: World, tmp_path: Path, version: str) -> None:
    db = tmp_path / "chats.db"
    with LocalServer(api_keys=[KEY], apps=["app"], delay=0, db=db, script=RULES, version=version) as server:
        client = world.make("ChatClient", KEY, server.base_url, app_id="app")
        conversation = client.conversation()
        world(conversation.send("a quote"))
    for other in VERSIONS:
        with LocalServer(api_keys=[KEY], apps=["app"], delay=0, db=db, version=other) as server:
            client = world.make("ChatClient", KEY, server.base_url, app_id="app")
            answer = world(client.get_chat_records(chatId=conversation.chatId)).data.list[-1]
            nodes = world(client.get_record_detail(chatId=conversation.chatId, dataId=answer.dataId)).data
            assert ("moduleLogo" in nodes[0]) == (other == "4.16")
            assert [node["moduleType"] for node in nodes] == ["workflowStart", "datasetSearchNode", "chatNode"]
            assert len(answer.totalQuoteList) == (0 if other == "4.16" else 1)


def test_what_cannot_be() -> None:
    with pytest.raises(ValueError, match=r"unknown FastGPT version '4\.12'.*4\.11, 4\.14, 4\.16"):
        LocalServer(version="4.12")
    with pytest.raises(ValueError, match="app_keys name an app that the server does not have: 'shop'"):
        LocalServer(app_keys={"key": "shop"})
