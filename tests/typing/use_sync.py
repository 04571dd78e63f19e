"""What a type checker must see of the sync clients. Never run: pyright strict and mypy read it."""

from __future__ import annotations

from typing import assert_type

from fastgpt_client import (
    ChatClient,
    ChatResponse,
    Conversation,
    FastGPTClient,
    Interactive,
    NodeError,
    Reply,
    Response,
)
from fastgpt_client.models._base import Page
from fastgpt_client.models.apps import App, AppLogsChart
from fastgpt_client.models.chat import ChatCompletion, ChatHistory, ChatInit, ChatRecord, StopResult
from fastgpt_client.models.datasets import Dataset

client = ChatClient(
    api_key="k", base_url="http://localhost:3000", app_id="a", timeout=60.0, max_retries=3, retry_delay=1.0
)
response = client.create_chat_completion(messages=[{"role": "user", "content": "hi"}], chatId=None, stream=True)
assert_type(response, ChatResponse)
assert_type(response.raise_for_status(), ChatResponse)
assert_type(response.chatId, str)
assert_type(response.data, ChatCompletion)
assert_type(response.reply(), Reply)
assert_type(response.reply().interactive, Interactive | None)
assert_type(response.reply().error, NodeError | None)
assert_type(list(response.iter_answer()), list[str])
assert_type(list(response.iter_lines()), list[str])
assert_type(client.stop_chat("c"), Response[StopResult])
assert_type(client.get_chat_init(chatId="c").data, ChatInit)
assert_type(client.get_chat_histories("app", 0, 20, "api"), Response[Page[ChatHistory]])
assert_type(client.get_chat_records(chatId="c").data.list, list[ChatRecord])
assert_type(client.delete_chat_record(chatId="c", contentId="r"), Response[None])
assert_type(ChatClient.stop_chat(client, "c"), Response[StopResult])

client.create_chat_completion([], timeout=5, max_retries=0, extra_headers={"a": "b"}, extra_body={"c": 1})
client.create_chat_completion(mesages=[])  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
client.create_chat_completion([], chatId=3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
client.create_chat_completion([], timeout="x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

conversation = client.conversation()
assert_type(client.with_options(timeout=None, max_retries=0), ChatClient)
assert_type(conversation, Conversation)
assert_type(conversation.send("hi"), Reply)
assert_type(conversation.answer({"a": 1}), Reply)
assert_type(conversation.stream("hi"), ChatResponse)
assert_type(conversation.history().data.list, list[ChatRecord])
assert_type(conversation.stop(), Response[StopResult])

with FastGPTClient() as everything:
    assert_type(everything.chat, ChatClient)
    assert_type(everything.apps.list_apps().data, list[App])
    assert_type(everything.apps.get_app_logs_chart("a", "2026-01-01", "2026-01-02", source=["api"]).data, AppLogsChart)
    assert_type(everything.datasets.list_datasets().data, list[Dataset])
