"""What a type checker must see of the sync clients. Never run: pyright strict and mypy read it."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any, assert_type

from fastgpt_client import (
    ChatClient,
    ChatResponse,
    Citation,
    Conversation,
    FastGPTClient,
    FileResponse,
    Interactive,
    MemoryStore,
    NodeError,
    Reply,
    Response,
    ServerInfo,
    SQLiteStore,
    Upload,
    UploadedFile,
)
from fastgpt_client.models import LinkedPage, Page
from fastgpt_client.models.apps import App, AppLogsChart
from fastgpt_client.models.chat import (
    ChatCompletion,
    ChatHistory,
    ChatInit,
    ChatRecord,
    ChatStatuses,
    PresignedUpload,
    Quote,
    StopResult,
)
from fastgpt_client.models.collections import Collection, CollectionTraining, CreatedCollection, InsertResult
from fastgpt_client.models.data import Data, DataInput, DataRow, IndexInput, TrainingData, UpdatedData
from fastgpt_client.models.datasets import Dataset, SearchHit

client = ChatClient(
    api_key="k", base_url="http://localhost:3000", app_id="a", timeout=60.0, max_retries=3, retry_delay=1.0
)
response = client.create_chat_completion(messages=[{"role": "user", "content": "hi"}], chatId=None, stream=True)
assert_type(response, ChatResponse)
assert_type(client.inspect_server(), ServerInfo)
assert_type(client.server, ServerInfo)
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
assert_type(client.get_chat_statuses(["c"]).data, ChatStatuses)
assert_type(client.get_chat_records_v2(chatId="c").data, LinkedPage[ChatRecord])
assert_type(client.get_collection_quotes(chatId="c", chatItemDataId="r", collectionId="k").data.list, list[Quote])
assert_type(client.presign_chat_file_post_url("a.txt", chatId="c").data, PresignedUpload)
assert_type(client.presign_chat_file_get_url("k", chatId="c").data, str)
assert_type(client.query_input_guide("x").data, list[str])
assert_type(client.upload_chat_file("app", "c", "a.txt", "doc"), UploadedFile)
assert_type(client.upload_chat_image(chatId="c", file=Path("a.png")).as_part(), dict[str, Any])
assert_type(client.get_speech("x", {"model": "m"}), FileResponse)
assert_type(client.get_speech("x", {"model": "m"}).save("x.mp3", progress=print), Path)
client.upload_chat_file(chatId="c", file=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
client.get_chat_records(chatId="c", outLinkAuthData={"shareId": "s", "outLinkUid": "u"}, timeout=3)
client.get_chat_records(chatId="c", sourceType="web")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
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
    datasets = everything.datasets
    assert_type(datasets.create_dataset("Docs", vectorModel="m").data, str)
    assert_type(datasets.search_dataset("d", "x", limit=3000, searchMode="mixedRecall").data.list, list[SearchHit])
    assert_type(datasets.create_text_collection("d", "n", "t", chunkSize=500, tags=["a"]).data, CreatedCollection)
    assert_type(datasets.list_collections("d").data, Page[Collection])
    assert_type(datasets.get_collection_training("c").data, CollectionTraining)
    assert_type(datasets.delete_collections(["c"]), Response[None])
    rows = [DataInput("q", "a", [IndexInput("i")])]
    assert_type(datasets.push_data("c", rows, "chunk"), Response[InsertResult])
    assert_type(datasets.push_data("c", [{"q": "x"}]), Response[InsertResult])
    assert_type(datasets.list_data("c").data.list, list[DataRow])
    assert_type(datasets.get_data("i").data, Data)
    assert_type(datasets.update_data("i", "q").data, UpdatedData)
    assert_type(datasets.list_training_errors("c").data.list, list[TrainingData])
    datasets.create_text_collection("d", "n", "t", chunkSzie=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    assert_type(datasets.create_file_collection("d", BytesIO(), chunkSize=5).data, CreatedCollection)
    assert_type(datasets.create_image_collection("d", "n", ["a.png", Upload(b"", "b.png")]).data, CreatedCollection)
    assert_type(datasets.insert_images("c", [iter([b""])]), Response[None])
    assert_type(datasets.upload_dataset_file("d", b"", filename="a.txt"), str)
    assert_type(list(datasets.export_collection("c").iter_bytes()), list[bytes])

talk = client.conversation("c", appId="a", variables={"x": 1}, upload="inline", stop_on_close=False, recover=60)
assert_type(talk, Conversation)
assert_type(talk.send("hi", files=["a.txt", Path("b"), Upload(b"", "c"), BytesIO()], variables={"x": 1}), Reply)
assert_type(talk.answer({"name": "Ann"}), Reply)
assert_type(talk.stream("hi", files=[UploadedFile()]), ChatResponse)
assert_type(talk.stream_answer("yes"), ChatResponse)
assert_type(talk.stream_regenerate(), ChatResponse)
assert_type(talk.run("hi", lambda asked: asked.options[0].value), Reply)
assert_type(talk.regenerate(), Reply)
assert_type(talk.fork(), Conversation)
assert_type(talk.resume(), ChatResponse)
assert_type(talk.rename("x"), None)
assert_type(talk.load(talk.save()), Conversation)
assert_type(client.conversation_for("ann", MemoryStore(reset="daily"), version="v2"), Conversation)
assert_type(client.conversation_for("ann", SQLiteStore("x.db")), Conversation)
assert_type(client.run_plugin({"a": 1}, appId="a"), dict[str, Any])
assert_type(client.fetch_citation(Reply(), Citation()), Quote)
assert_type(client.resume_chat("c"), ChatResponse)
