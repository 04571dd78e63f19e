"""What a type checker must see of the async clients. Never run: pyright strict and mypy read it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any, assert_type

from fastgpt_client import (
    AsyncChatClient,
    AsyncConversation,
    AsyncFastGPTClient,
    ChatResponse,
    FileResponse,
    Interactive,
    MemoryStore,
    Reply,
    Response,
    ServerInfo,
)
from fastgpt_client.models import LinkedPage, Page
from fastgpt_client.models.apps import App, AppLogsChart
from fastgpt_client.models.chat import ChatHistory, ChatRecord, StopResult
from fastgpt_client.models.collections import Collection, CreatedCollection, InsertResult
from fastgpt_client.models.datasets import SearchResult


async def use() -> None:
    async with AsyncChatClient() as client:
        messages = [{"role": "user", "content": "hi"}]
        call = client.create_chat_completion(messages=messages, chatId=None, stream=True)
        pending = assert_type(call, Coroutine[Any, Any, ChatResponse])
        response = await pending
        assert_type(await client.inspect_server(), ServerInfo)
        assert_type(client.server, ServerInfo)
        assert_type(await response.areply(), Reply)
        assert_type([piece async for piece in response.aiter_answer()], list[str])
        assert_type(await client.stop_chat("c"), Response[StopResult])
        assert_type(await client.get_chat_histories("app", 0, 20, "api"), Response[Page[ChatHistory]])
        assert_type((await client.get_chat_records_v2(chatId="c")).data, LinkedPage[ChatRecord])
        assert_type(await AsyncChatClient.stop_chat(client, "c"), Response[StopResult])
        _ = await client.create_chat_completion(mesages=[])  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
        _ = await client.create_chat_completion([], chatId=3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

        conversation = client.conversation()
        assert_type(conversation, AsyncConversation)
        assert_type(await conversation.send("hi"), Reply)
        assert_type(await conversation.stream("hi"), ChatResponse)
        async with conversation.stream("hi") as opened:
            assert_type(opened, ChatResponse)
        async with conversation.stream_answer({"a": 1}) as answered:
            assert_type(answered, ChatResponse)
        async with conversation.stream_regenerate() as again:
            assert_type(again, ChatResponse)

        async def answer(asked: Interactive) -> str:
            return asked.options[0].value

        assert_type(await conversation.run("hi", answer), Reply)
        assert_type(await conversation.fork(), AsyncConversation)
        assert_type(await conversation.resume(), ChatResponse)
        assert_type(await client.conversation_for("ann", MemoryStore()), AsyncConversation)
        assert_type(await client.run_plugin({"a": 1}), dict[str, Any])

    async with AsyncFastGPTClient() as everything:
        assert_type(everything.chat, AsyncChatClient)
        assert_type((await everything.apps.list_apps()).data, list[App])
        chart = await everything.apps.get_app_logs_chart("a", "2026-01-01", "2026-01-02", source=["api"])
        assert_type(chart.data, AppLogsChart)
        datasets = everything.datasets
        assert_type((await datasets.create_dataset("Docs")).data, str)
        assert_type((await datasets.search_dataset("d", "x")).data, SearchResult)
        made = await datasets.create_link_collection("d", "https://example.com", trainingType="qa")
        assert_type(made.data, CreatedCollection)
        assert_type((await datasets.list_collections("d")).data, Page[Collection])
        assert_type(await datasets.push_data("c", [{"q": "x"}]), Response[InsertResult])

        async def pieces() -> AsyncIterator[bytes]:
            yield b""

        assert_type(await datasets.upload_dataset_file("d", pieces(), filename="a.txt"), str)
        file = await datasets.export_collection("c")
        assert_type(file, FileResponse)
        assert_type(await file.asave("x"), Path)
