"""The same work with knowledge bases and files against every FastGPT version that was recorded."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from fastgpt_client import AuthenticationError, ConflictError, NotFoundError, Upload, ValidationError
from fastgpt_client.local import LocalServer

from .conftest import KEY, World

VERSIONS = ("4.11", "4.14", "4.16")


@pytest.fixture(scope="session")
def servers() -> Iterator[dict[str, LocalServer]]:
    with contextlib.ExitStack() as stack:
        yield {
            name: stack.enter_context(
                LocalServer(api_keys=[KEY], apps=["app"], delay=0, training_delay=0, require_app_id=True, version=name)
            )
            for name in VERSIONS
        }


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def old(servers: dict[str, LocalServer], version: str) -> LocalServer:
    return servers[version]


class Base:
    """A knowledge base of its own for each test, and the client for it."""

    def __init__(self, world: World, client: Any) -> None:
        self.world = world
        self.client = client
        self.id: str = self.create_dataset("Handbook", intro="rules")

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """What an endpoint answers."""
        return lambda *args, **more: self.world(getattr(self.client, name)(*args, **more)).data

    def every(self, name: str, *args: Any, **more: Any) -> list[Any]:
        items = getattr(self.client, name)(*args, **more)
        return self.world(_collected(items)) if hasattr(items, "__aiter__") else list(items)

    def wait(self) -> None:
        """Until nothing waits any more."""
        deadline = time.monotonic() + 20
        while self.get_training_queue(self.id).trainingCount:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def texts(self, collectionId: str) -> list[str]:
        return [row.q for row in self.list_data(collectionId).list]


async def _collected(items: Any) -> list[Any]:
    return [each async for each in items]


@pytest.fixture
def kb(world: World, old: LocalServer) -> Base:
    return Base(world, world.make("DatasetClient", KEY, old.base_url, max_retries=0))


@pytest.fixture
def on_disk(tmp_path: Path) -> Path:
    path = tmp_path / "假期.txt"
    path.write_text("员工每年有二十天年假。", "utf-8")
    return path


def test_knowledge_bases(kb: Base, version: str) -> None:
    folder = kb.create_dataset(f"Folder {kb.id}", type="folder")
    inner = kb.create_dataset("Inner", parentId=folder)
    assert [each.id for each in kb.every("iter_datasets", folder)] == [inner]
    listed = {each.id: each for each in kb.list_datasets()}
    assert listed[folder].type == "folder"
    assert listed[kb.id].permission["isOwner"]
    kb.create_dataset_folder("Deep", parentId=folder)
    assert {each.name for each in kb.list_datasets(folder)} == {"Inner", "Deep"}
    shown = kb.get_dataset(kb.id)
    assert (shown.name, shown.intro, shown.type) == ("Handbook", "rules", "dataset")
    if version == "4.16":
        kb.update_dataset(kb.id, name="Rules")
        assert kb.get_dataset(kb.id).name == "Rules"
    else:
        with pytest.raises(AuthenticationError, match="does not take API keys"):
            kb.update_dataset(kb.id, name="Rules")
    kb.delete_dataset(folder)
    assert folder not in {each.id for each in kb.list_datasets()}
    if version == "4.11":
        with pytest.raises(NotFoundError):
            kb.delete_dataset(folder)
    else:
        kb.delete_dataset(folder)
    for call in (kb.get_dataset, kb.list_collections, kb.get_training_queue):
        with pytest.raises(NotFoundError):
            call("0" * 24)


def test_collections_of_every_kind(kb: Base, on_disk: Path, version: str) -> None:
    folder = kb.create_collection(kb.id, "Folder", "folder")
    empty = kb.create_collection(kb.id, "Empty", "virtual", parentId=folder, tags=["a", "b"], metadata={"x": 1})
    text = kb.create_text_collection(kb.id, "Text", "Paris is the capital of France.").collectionId
    local = kb.create_file_collection(kb.id, on_disk).collectionId
    key = kb.world(kb.client.upload_dataset_file(kb.id, on_disk))
    uploaded = kb.create_file_id_collection(kb.id, key).collectionId
    table = Upload(b"q,a,indexes\nWhere?,Here,\nWhen?,Now,later\n", "rows.csv")
    backup = kb.create_backup_collection(kb.id, table).collectionId
    kb.create_template_collection(kb.id, Upload(b"q,a\nWho?,Me\n", "faq.csv"))
    kb.create_image_collection(kb.id, "cat.png", [Upload(b"\x89PNG", "cat.png")])
    link = kb.create_link_collection(kb.id, "http://127.0.0.1:9/none.html").collectionId
    deadline = time.monotonic() + 20
    while not kb.list_training_errors(link).total:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    kb.delete_collection(link)
    kb.wait()

    assert kb.texts(text) == ["Paris is the capital of France."]
    assert kb.texts(local) == kb.texts(uploaded) == ["员工每年有二十天年假。"]
    assert kb.texts(backup) == ["Where?", "When?"]
    rows = kb.every("iter_collections", kb.id, pageSize=2)
    assert {row.name for row in rows} == {"Folder", "Text.txt", "假期.txt", "rows.csv", "faq.csv", "cat.png"}
    assert len(rows) == 7
    assert {row.id: row.trainingAmount for row in rows}[text] == 0
    assert {row.id: row.dataAmount for row in rows}[backup] == 2
    assert not any(row.hasError for row in rows)
    assert [row.id for row in kb.list_collections(kb.id, folder).list] == [empty]
    assert kb.list_collections(kb.id, searchText="假").total == 2

    shown = kb.get_collection(local)
    assert (shown.name, shown.type, shown.trainingType) == ("假期.txt", "file", "chunk")
    assert (shown.dataset.id, shown.indexAmount, shown.errorCount) == (kb.id, 1, 0)
    assert shown.file["filename"] == "假期.txt"
    assert kb.get_collection_training(local).trainedCount == 1
    assert kb.get_collection(empty).tags == ["a", "b"]
    kb.update_collection(empty, name="Notes", forbid=True, parentId="")
    changed = {row.id: row for row in kb.list_collections(kb.id, pageSize=30).list}[empty]
    assert (changed.name, changed.forbid) == ("Notes", True)
    if version == "4.16":
        with pytest.raises(ValidationError):
            kb.create_file_collection(kb.id, Upload(b"MZ", "a.exe"))
    else:
        broken = kb.create_file_collection(kb.id, Upload(b"MZ", "a.exe")).collectionId
        deadline = time.monotonic() + 20
        while not kb.get_collection(broken).errorCount:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    again = kb.retrain_collection(text).collectionId
    assert kb.get_collection(again).name == "Text.txt"
    with pytest.raises(NotFoundError):
        kb.get_collection(text)


def test_deleting_one_and_many(kb: Base, version: str) -> None:
    one, two, three = (kb.create_collection(kb.id, name, "virtual") for name in ("1", "2", "3"))
    kb.delete_collection(one)
    with pytest.raises(NotFoundError):
        kb.delete_collection(one)
    if version == "4.11":
        with pytest.raises(ValidationError):
            kb.delete_collections([two, three])
        kb.delete_collection(two)
        kb.delete_collection(three)
    else:
        kb.delete_collections([two, three])
    assert kb.list_collections(kb.id).total == 0


def test_chunks(kb: Base, version: str) -> None:
    collection = kb.create_collection(kb.id, "Chunks", "virtual")
    rows = [{"q": f"Question {number}", "a": f"Answer {number}"} for number in range(5)]
    assert kb.push_data(collection, rows).insertLen == 5
    kb.wait()
    one = kb.insert_data(collection, "What is a chunk?", "A piece of text", indexes=[{"text": "fragment"}])
    with pytest.raises(ConflictError):
        kb.insert_data(collection, "What is a chunk?", "A piece of text")
    listed = kb.every("iter_data", collection, pageSize=2)
    assert len({row.id for row in listed}) == kb.list_data(collection).total == 6
    shown = kb.get_data(one)
    assert (shown.q, shown.a, shown.datasetId, shown.collectionId) == (
        "What is a chunk?", "A piece of text", kb.id, collection,
    )  # fmt: skip
    assert [index.text for index in shown.indexes if index.type != "default"] == ["fragment"]
    assert kb.get_quote_data(one).collection.name == "Chunks"

    kb.update_data(one, q="What is a piece?", a="A chunk")
    assert (kb.get_data(one).q, kb.get_data(one).a) == ("What is a piece?", "A chunk")
    if version == "4.16":
        assert kb.create_data_index(one, "slice")["index"]["text"] == "slice"
        assert not kb.has_dataset_training_errors(kb.id).hasError
    else:
        with pytest.raises(NotFoundError):
            kb.create_data_index(one, "slice")
        with pytest.raises(NotFoundError):
            kb.has_dataset_training_errors(kb.id)

    for mode in ("embedding", "fullTextRecall", "mixedRecall"):
        found = kb.search_dataset(kb.id, "Question 3", searchMode=mode, usingReRank=mode == "mixedRecall")
        assert (found.list[0].q, found.list[0].a, found.list[0].sourceName) == ("Question 3", "Answer 3", "Chunks")
        assert found.searchMode == mode
        assert found.list[0].score
    with pytest.raises(NotFoundError):
        kb.search_dataset("0" * 24, "x")

    kb.delete_data(one)
    with pytest.raises(NotFoundError):
        kb.delete_data(one)
    with pytest.raises(NotFoundError):
        kb.get_data(one)
    assert kb.list_data(collection).total == 5


def test_what_came_after_all_of_them(kb: Base) -> None:
    for call in (kb.delete_datasets, lambda ids: kb.get_download_ticket(kb.id, ids)):
        with pytest.raises(NotFoundError):
            call([kb.id])


def test_files_of_chats(world: World, old: LocalServer, on_disk: Path) -> None:
    chat = world.make("ChatClient", KEY, old.base_url, app_id="app", max_retries=0)
    file = world(chat.upload_chat_file(chatId="c", file=on_disk))
    assert (file.name, file.type) == ("假期.txt", "file")
    looked = httpx2.get(file.url, trust_env=False)
    assert looked.content.decode() == "员工每年有二十天年假。"
    parts = [{"type": "text", "text": "read it"}, {"type": "file_url", "name": file.name, "url": file.url}]
    world(chat.create_chat_completion([{"role": "user", "content": parts}], chatId="with-file"))
    question = world(chat.get_chat_records(chatId="with-file")).data.list[0]
    assert file.url in str(question.value)
    world(chat.delete_chat_history(chatId="with-file"))
