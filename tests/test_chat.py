"""The chat endpoints against the local server, in both worlds."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from fastgpt_client import (
    NO_HISTORY,
    ArgumentError,
    ConflictError,
    FastGPTError,
    NodeError,
    NotFoundError,
    ValidationError,
    WrongKeyKindError,
)
from fastgpt_client.local import LocalServer

from .conftest import KEY, World, ask
from .wire import completion, http, wire


def test_a_whole_answer(world: World, chat: Any) -> None:
    response = world(chat.create_chat_completion(ask("Hello!")))
    assert response.raise_for_status() is response
    assert (response.status_code, response.is_success, response.is_error, response.reason_phrase) == (
        200,
        True,
        False,
        "OK",
    )
    assert response.headers["content-type"].startswith("application/json")
    assert response.url.path == "/api/v1/chat/completions"
    assert response.request.method == "POST"
    assert response.elapsed.total_seconds() > 0
    assert response.http_response.status_code == 200
    assert repr(response) == "<ChatResponse [200]>"
    body = response.json()
    assert body["chatId"] == body["id"] == response.chatId
    assert len(response.chatId) == 24
    assert response.data.choices[0].message.content == body["choices"][0]["message"]["content"]
    assert response.data is response.data
    assert world.run(response, "reply").text == body["choices"][0]["message"]["content"]
    assert "".join(world.run(response, "iter_answer")) == world.run(response, "reply").text
    assert world.run(response, "iter_lines") == [response.text]
    assert world.run(response, "read") == response.content
    world.run(response, "iter_bytes")


def test_whole_and_streamed_replies_are_the_same(world: World, chat: Any) -> None:
    for version in ("v1", "v2"):
        whole = world(chat.create_chat_completion(ask("Hi"), chatId="", detail=True, version=version))
        streamed = world(chat.create_chat_completion(ask("Hi"), stream=True, detail=True, version=version))
        one, two = world.run(whole, "reply"), world.run(streamed, "reply")
        assert (one.text, one.title, [node.moduleName for node in one.nodes]) == (
            two.text,
            two.title,
            [node.moduleName for node in two.nodes],
        )
        assert one.title == "Hi"
        assert [node.moduleName for node in one.nodes] == ["Start", "AI Chat"]
        assert [event.event for event in world.run(whole, "events")] == ["chatTitle", "answer", "flowResponses"]
        assert world.run(whole, "events")[0].data == {"title": "Hi"}
        assert whole.partial().text == one.text


def test_a_conversation_is_remembered(world: World, chat: Any) -> None:
    first = world(chat.create_chat_completion(ask("My name is Ann.")))
    second = world(chat.create_chat_completion(ask("What is my name?"), chatId=first.json()["chatId"]))
    assert "Ann" in world.run(second, "reply").text
    records = world(chat.get_chat_records(chatId=first.chatId)).data
    assert records.total == 4
    assert [record.obj for record in records.list] == ["Human", "AI", "Human", "AI"]
    assert records.list[0].text == "My name is Ann."
    histories = world(chat.get_chat_histories(pageSize=100)).data
    assert first.chatId in [history.chatId for history in histories.list]


def test_no_history_leaves_no_trace(world: World, chat: Any) -> None:
    before = world(chat.get_chat_histories()).data.total
    response = world(chat.create_chat_completion(ask("secret"), chatId=NO_HISTORY))
    assert response.chatId == NO_HISTORY
    assert world(chat.get_chat_histories()).data.total == before


def test_the_life_of_a_history(world: World, chat: Any) -> None:
    chatId = world(chat.create_chat_completion(ask("Hi"), responseChatItemId=f"answer-{id(chat)}")).chatId
    world(chat.update_chat_history(chatId=chatId, customTitle="Mine", top=True))
    history = next(each for each in world(chat.get_chat_histories(pageSize=100)).data.list if each.chatId == chatId)
    assert (history.customTitle, history.top, history.title) == ("Mine", True, "Hi")
    init = world(chat.get_chat_init(chatId=chatId)).data
    assert init.app is not None
    assert (init.chatId, init.app.type) == (chatId, "simple")
    assert world(chat.get_chat_init()).data.app.name
    answer = world(chat.get_chat_records(chatId=chatId)).data.list[1]
    assert answer.dataId == f"answer-{id(chat)}"
    nodes = world(chat.get_record_detail(chatId=chatId, dataId=answer.dataId)).data
    assert [node["moduleName"] for node in nodes] == ["Start", "AI Chat"]
    assert world(chat.update_user_feedback(chatId=chatId, dataId=answer.dataId, userGoodFeedback="yes")).data is None
    assert world(chat.get_chat_records(chatId=chatId)).data.list[1].userGoodFeedback == "yes"
    with pytest.raises(NotFoundError):
        world(chat.update_user_feedback(chatId=chatId, dataId="none", userBadFeedback="no"))
    with pytest.raises(ConflictError, match="must be new in its chat"):
        world(chat.create_chat_completion(ask("Hi"), chatId=chatId, responseChatItemId=answer.dataId))
    world(chat.delete_chat_record(chatId=chatId, contentId=answer.dataId))
    assert world(chat.get_chat_records(chatId=chatId)).data.total == 0
    world(chat.delete_chat_history(chatId=chatId))
    assert chatId not in [each.chatId for each in world(chat.get_chat_histories(pageSize=100)).data.list]


def test_clearing(world: World, server: LocalServer) -> None:
    chat = world.make("ChatClient", KEY, server.base_url, app_id="plug")
    reply = world.run(world(chat.create_chat_completion(variables={"q": "question"})), "reply")
    assert "question" in reply.text
    assert reply.nodes[-1].pluginOutput is not None
    assert "question" in reply.nodes[-1].pluginOutput["result"]
    world(chat.clear_chat_histories())
    assert world(chat.get_chat_histories()).data.total == 0


def test_stopping(world: World) -> None:
    rules = {"rules": [{"pieces": ["one ", "two ", "three"], "delay": 0.3}]}
    with LocalServer(api_keys=[KEY], script=rules) as server:
        chat = world.make("ChatClient", KEY, server.base_url, app_id=server.app_id)
        response = world(chat.create_chat_completion(ask("Count"), stream=True))
        pieces = world.open(response, "iter_answer")
        assert world.take(pieces) == "one "
        with pytest.raises(ConflictError, match="still generating"):
            world(chat.create_chat_completion(ask("Now?"), chatId=response.chatId, max_retries=0))
        assert world(chat.stop_chat(response.chatId)).data.success is True
        world.run(response, "reply")
        records = world(chat.get_chat_records(chatId=response.chatId)).data
        assert records.list[1].text.startswith("one")
        assert "three" not in records.list[1].text
        del pieces


def test_bad_requests(world: World, chat: Any, server: LocalServer) -> None:
    for streaming in (False, True):
        with pytest.raises(NotFoundError, match="app does not exist"):
            world(chat.create_chat_completion(ask("x"), appId="none", stream=streaming))
        with pytest.raises(ValidationError, match="messages is empty"):
            world(chat.create_chat_completion([], stream=streaming))
        with pytest.raises(ValidationError, match="detail: Invalid input"):
            world(chat.create_chat_completion(ask("x"), stream=streaming, extra_body={"detail": "yes"}))
    with LocalServer(api_keys=[KEY], require_app_id=True) as strict:
        nameless = world.make("ChatClient", KEY, strict.base_url)
        with pytest.raises(WrongKeyKindError, match="appId=…"):
            world(nameless.create_chat_completion(ask("x")))


def test_hidden_failures_are_told(world: World) -> None:
    rules = {
        "rules": [{"match": "half", "reply": "Half of", "error": "terminated"}, {"error": "401 Incorrect API key"}]
    }
    with LocalServer(api_keys=[KEY], script=rules) as server:
        chat = world.make("ChatClient", KEY, server.base_url)
        for streaming in (False, True):
            for version in ("v1", "v2"):
                response = world(chat.create_chat_completion(ask("x"), stream=streaming, detail=True, version=version))
                reply = world.run(response, "reply")
                assert reply.text == ""
                assert str(reply.error) == "AI Chat: 401 Incorrect API key"
                with pytest.raises(NodeError):
                    reply.raise_for_error()
        plain = world.run(world(chat.create_chat_completion(ask("x"))), "reply")
        assert str(plain.error) == "401 Incorrect API key"
        conversation = chat.conversation()
        with pytest.raises(NodeError, match="Incorrect") as caught:
            world(conversation.send("x"))
        assert caught.value.reply is not None
        reply = world(chat.conversation().send("half"))
        assert (reply.text, str(reply.error)) == ("Half of", "AI Chat: terminated")
        good = reply.raise_for_error if reply.error is None else None
        assert good is None


def test_thinking_tools_citations_and_variables(world: World) -> None:
    tool = {"name": "Search", "functionName": "search", "params": '{"q":1}', "response": "found"}
    quote = {"id": "6b03ff8ea84cf3a64dddcc98", "q": "What?", "a": "That.", "sourceName": "book.md"}
    quote |= {"collectionId": "c1", "score": []}
    rules = [
        {"match": "think", "reasoning": "Hm, let me see", "reply": "Yes."},
        {"match": "tool", "tools": [tool], "reply": "Done."},
        {"match": "cite", "quotes": [quote, quote], "reply": "See the book."},
        {"match": "variable", "variables": {"city": "Oslo"}, "reply": "Set."},
        {"match": "fixed", "fixed": True, "reply": "Fixed."},
    ]
    with LocalServer(api_keys=[KEY], script={"rules": rules}) as server:
        chat = world.make("ChatClient", KEY, server.base_url)
        for streaming in (False, True):
            for version in ("v1", "v2"):

                def reply(text: str, streaming: bool = streaming, version: str = version) -> Any:
                    call = chat.create_chat_completion(ask(text), stream=streaming, detail=True, version=version)
                    return world.run(world(call), "reply")

                thought = reply("think")
                assert (thought.reasoning, thought.text) == ("Hm, let me see", "Yes.")
                used = reply("tool")
                assert used.text == "Done."
                assert [(each.toolName, each.params, each.response) for each in used.tools] == [
                    ("Search", '{"q":1}', "found")
                ]
                cited = reply("cite")
                assert [(each.sourceName, each.a) for each in cited.citations] == [("book.md", "That.")]
                record = world(chat.get_chat_records(chatId=cited.chatId)).data.list[1]
                wanted = {
                    "chatItemDataId": record.dataId,
                    "datasetDataIdList": [quote["id"]],
                    "collectionIdList": ["c1"],
                }
                quotes = world(chat.get_quotes(chatId=cited.chatId, **wanted)).data
                assert [(each.id, each.a) for each in quotes] == [(quote["id"], "That.")]
                assert reply("variable").variables == {"city": "Oslo"}
                assert reply("fixed").text.strip() == "Fixed."


def test_an_old_server_that_says_no_id(world: World) -> None:
    with wire([http(completion("old").replace(b'"id": "x"', b'"id": ""'))]) as server:
        chat = world.make("ChatClient", KEY, server.url)
        response = world(chat.create_chat_completion(ask("x"), chatId="mine"))
        assert response.json()["chatId"] == response.chatId == "mine"
        response = world(chat.create_chat_completion(ask("x"), extra_body={"chatId": "other"}))
        assert response.chatId == "other"


def test_after_closing(world: World, server: LocalServer) -> None:
    client = world.make("FastGPTClient", KEY, server.base_url)
    world(client.chat.create_chat_completion(ask("x")))
    world(client.close())
    with pytest.raises(FastGPTError, match="client is closed"):
        world(client.chat.create_chat_completion(ask("x")))
    world(client.close())


def test_contexts(world: World, server: LocalServer) -> None:
    client = world.make("ChatClient", KEY, server.base_url)
    if world.asynchronous:

        async def talk() -> None:
            async with client as entered:
                assert entered is client
                await client.create_chat_completion(ask("x"))
            await client.__aenter__()
            await client.__aexit__(None, None, None)
            await client.aclose()

        world(talk())
    else:
        with client as entered:
            assert entered is client
            client.create_chat_completion(ask("x"))


def test_a_client_that_was_never_closed_says_so(world: World, server: LocalServer) -> None:
    import fastgpt_client

    kind = fastgpt_client.AsyncChatClient if world.asynchronous else fastgpt_client.ChatClient
    client: Any = kind(KEY, server.base_url)
    world(client.create_chat_completion(ask("x")))
    connections = client._io.connections
    with pytest.warns(ResourceWarning, match="never closed"):
        connections.__del__()
    world(client.close())
    connections.__del__()
    assert connections.transport.pool.closed
    assert not connections.transport.pool.idle


def test_the_log(world: World, server: LocalServer, caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("fastgpt_client")
    level = logger.level
    try:
        with caplog.at_level(logging.INFO, logger="fastgpt_client"):
            client = world.make("ChatClient", KEY, server.base_url, enable_logging=True)
            world(client.create_chat_completion(ask("geheim")))
    finally:
        logger.setLevel(level)
    assert "POST /api/v1/chat/completions → 200 in " in caplog.text
    assert "geheim" not in caplog.text
    assert KEY not in caplog.text


def test_logging_is_shown_where_nothing_is_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    logger = logging.getLogger("fastgpt_client")
    monkeypatch.setattr(logger, "hasHandlers", lambda: False)
    monkeypatch.setattr(logger, "handlers", [])
    monkeypatch.setattr(logger, "level", logging.NOTSET)
    from fastgpt_client import ChatClient

    ChatClient("k", enable_logging=True)
    assert len(logger.handlers) == 1


def test_bad_certificates_and_files(world: World) -> None:
    client = world.make("ChatClient", KEY, "https://localhost:1", verify="/no/such/ca.pem", max_retries=0)
    with pytest.raises(ArgumentError, match=r"no certificates can be read from '/no/such/ca\.pem'"):
        world(client.create_chat_completion(ask("x")))
