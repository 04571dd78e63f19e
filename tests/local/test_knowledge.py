"""Knowledge bases of the local server, used as people use them: through the SDK, over HTTP."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from fastgpt_client import (
    APIError,
    CommercialOnlyError,
    ConflictError,
    DatasetClient,
    NotFoundError,
    ValidationError,
)
from fastgpt_client.local import LocalServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ..conftest import World

HANDBOOK = """# 假期

员工每年有二十天年假。病假需要医生证明。

# Pay

Salaries are paid on the 25th of each month.

# Travel

Trains are booked in second class. Flights need the consent of a manager.
"""
SMALL = {"chunkSettingMode": "custom", "chunkSplitMode": "paragraph", "chunkSize": 100}


class Base:
    """A client of a server, in either world."""

    def __init__(self, world: World, server: LocalServer) -> None:
        self.world = world
        self.client: Any = world.make("DatasetClient", server.api_key, server.base_url, max_retries=0)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """What an endpoint answers."""
        return lambda *args, **more: self.world(getattr(self.client, name)(*args, **more)).data

    def wait(self, datasetId: str) -> None:
        """Until nothing waits any more."""
        deadline = time.monotonic() + 20
        while True:
            rows = self.list_collections(datasetId, pageSize=30).list
            if not any(row.activeTrainingAmount for row in rows):
                return
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def found(self, datasetId: str, text: str, **options: Any) -> list[str]:
        return [hit.q for hit in self.search_dataset(datasetId, text, **options).list]


@pytest.fixture
def start() -> Iterator[Callable[..., LocalServer]]:
    servers: list[LocalServer] = []

    def start(**settings: Any) -> LocalServer:
        servers.append(LocalServer(**{"training_delay": 0.01, **settings}).start())
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def kb(world: World, start: Callable[..., LocalServer]) -> Base:
    return Base(world, start(version="4.17"))  # which has all there is


def test_a_text_is_cut_indexed_found_changed_and_deleted(kb: Base) -> None:
    datasetId = kb.create_dataset("Handbook", intro="rules")
    made = kb.create_text_collection(datasetId, "Rules", HANDBOOK, **SMALL)
    assert made.results.insertLen == 0
    kb.wait(datasetId)
    collection = kb.get_collection(made.collectionId)
    assert (collection.name, collection.type, collection.rawTextLength) == ("Rules.txt", "file", len(HANDBOOK.strip()))
    assert collection.indexAmount == 3
    assert collection.dataset.name == "Handbook"
    rows = kb.list_data(made.collectionId).list
    assert [row.chunkIndex for row in rows] == [0, 1, 2]
    assert [row.q.split("\n")[0] for row in rows] == ["# 假期", "# Pay", "# Travel"]

    for mode in ("embedding", "fullTextRecall", "mixedRecall"):
        assert "二十天" in kb.found(datasetId, "年假有几天？", searchMode=mode)[0]
        assert "25th" in kb.found(datasetId, "When are salaries paid?", searchMode=mode)[0]
    assert kb.found(datasetId, "病", searchMode="fullTextRecall")
    assert kb.found(datasetId, "zebra") == []

    pay = rows[1]
    assert kb.update_data(pay.id, "Bonus in December", a="For all").a == "For all"
    assert kb.found(datasetId, "bonus") == ["Bonus in December"]
    assert "25th" not in "".join(kb.found(datasetId, "salaries"))
    kb.delete_data(pay.id)
    assert kb.found(datasetId, "bonus") == []
    with pytest.raises(NotFoundError):
        kb.get_data(pay.id)

    kb.update_collection(made.collectionId, name="Old rules", forbid=True, tags=["old"])
    assert kb.found(datasetId, "年假") == []
    listed = kb.list_collections(datasetId, searchText="old").list[0]
    assert (listed.name, listed.forbid, listed.tags) == ("Old rules", True, ["old"])
    kb.delete_collection(made.collectionId)
    assert kb.list_collections(datasetId).total == 0
    with pytest.raises(NotFoundError):
        kb.get_data(rows[0].id)
    kb.delete_dataset(datasetId)
    kb.delete_dataset(datasetId)  # as FastGPT says nothing either
    for call in (kb.get_dataset, kb.list_collections, kb.get_training_queue):
        with pytest.raises(NotFoundError):
            call(datasetId)


def test_scores_limits_and_ways_of_searching(kb: Base) -> None:
    datasetId = kb.create_dataset("Search")
    collectionId = kb.create_collection(datasetId, "rows")
    rows = [
        {"q": "Where is Paris?", "a": "France"},
        {"q": "Where is Rome?", "a": "Italy"},
        {"q": "Paris hotels", "a": "Many " * 200},
    ]
    assert kb.push_data(collectionId, rows).insertLen == 3
    kb.wait(datasetId)
    exact = kb.search_dataset(datasetId, "Where is Paris?", searchMode="embedding").list
    assert exact[0].score[0].value == pytest.approx(1)
    assert exact[0].score[0].type == "embedding"
    assert [hit.score[0].value for hit in exact] == sorted((hit.score[0].value for hit in exact), reverse=True)
    assert kb.found(datasetId, "Where is Paris?", similarity=0.99) == ["Where is Paris?"]
    assert len(kb.found(datasetId, "Paris", limit=1)) == 1, "one at least"
    assert len(kb.found(datasetId, "Paris", limit=300)) == 2

    mixed = kb.search_dataset(datasetId, "Paris", searchMode="mixedRecall", usingReRank=True)
    assert [score.type for score in mixed.list[0].score] == ["embedding", "fullText", "reRank", "rrf"]
    assert mixed.usingReRank
    assert mixed.searchMode == "mixedRecall"
    only_words = kb.search_dataset(datasetId, "Paris", searchMode="mixedRecall", embeddingWeight=0).list
    assert [score.type for score in only_words[0].score] == ["embedding", "fullText", "rrf"]
    with pytest.raises(ValidationError, match="searchMode"):
        kb.search_dataset(datasetId, "Paris", searchMode="magic")
    with pytest.raises(NotFoundError):
        kb.search_dataset("0" * 24, "Paris")
    assert kb.search_dataset(datasetId, queryImageUrls=["key"]).list == []


def test_folders_of_knowledge_bases(kb: Base) -> None:
    kb.create_dataset_folder("Products")
    folder = kb.list_datasets(searchKey="prod")[0]
    inner = kb.create_dataset("Inner", parentId=folder.id)
    outer = kb.create_dataset("Outer", vectorModel="my-model")
    assert [each.name for each in kb.list_datasets(folder.id)] == ["Inner"]
    assert [each.name for each in kb.list_datasets(type="dataset")] == ["Outer"]
    assert kb.get_dataset(outer).vectorModel["model"] == "my-model"
    kb.update_dataset(outer, name="Renamed", intro="new", agentModel="m", chunkSettings={"chunkSize": 10})
    changed = kb.get_dataset(outer)
    assert (changed.name, changed.intro, changed.agentModel["model"]) == ("Renamed", "new", "m")
    assert changed.chunkSettings == {"chunkSize": 10}

    assert kb.move_datasets([outer, "0" * 24], folder.id).failedIds == ["0" * 24]
    assert {each.name for each in kb.list_datasets(folder.id)} == {"Inner", "Renamed"}
    assert kb.move_datasets([outer], None).successIds == [outer]
    with pytest.raises(APIError, match="itself"):
        kb.update_dataset(folder.id, parentId=folder.id)
    with pytest.raises(NotFoundError):
        kb.create_dataset("x", parentId="0" * 24)
    gone = kb.delete_datasets([folder.id])
    assert set(gone.affectedIds) == {folder.id, inner}
    with pytest.raises(NotFoundError):
        kb.get_dataset(inner)
    assert len(kb.create_training_usage(outer, "bill")) == 24
    assert kb.list_imported_api_files(outer) == []
    with pytest.raises(APIError, match="outside file services"):
        kb.list_api_files(outer)


def test_folders_of_collections(kb: Base) -> None:
    datasetId = kb.create_dataset("Folders")
    folder = kb.create_collection(datasetId, "folder", type="folder", metadata={"a": 1})
    inner = kb.create_collection(datasetId, "inner", type="folder", parentId=folder)
    leaf = kb.create_collection(datasetId, "leaf", parentId=inner, tags=["one", "two"])
    assert kb.get_collection(folder).metadata == {"a": 1}
    assert kb.get_collection(leaf).tags == ["one", "two"]
    assert [each.id for each in kb.list_collections(datasetId, inner).list] == [leaf]
    assert kb.list_collections(datasetId, selectFolder=True).total == 1
    kb.update_collection(leaf, createTime="2020-01-02T03:04:05.000Z", extra_body={"parentId": None})
    assert {each.id for each in kb.list_collections(datasetId).list} == {leaf, folder}
    assert kb.get_collection(leaf).createTime == "2020-01-02T03:04:05.000Z"
    with pytest.raises(ValidationError, match="createTime"):
        kb.update_collection(leaf, createTime="yesterday")
    with pytest.raises(APIError, match="itself"):
        kb.update_collection(folder, parentId=inner)
    row = kb.insert_data(leaf, "question")
    tag = kb.get_quote_data(row).collection.tags[0]
    assert kb.list_collections(datasetId, filterTags=[tag]).total == 1
    assert kb.list_collections(datasetId, filterTags=["0" * 24]).total == 0
    kb.update_collection(leaf, parentId=inner)
    kb.delete_collections([folder])
    assert kb.list_collections(datasetId).total == 0
    for gone in (folder, inner, leaf):
        with pytest.raises(NotFoundError):
            kb.get_collection(gone)
    with pytest.raises(NotFoundError):
        kb.create_collection(datasetId, "x", parentId=folder)
    with pytest.raises(ValidationError, match="type"):
        kb.create_collection(datasetId, "x", type="file")
    with pytest.raises(ValidationError, match="tags"):
        kb.create_collection(datasetId, "x", extra_body={"tags": "one"})


def test_data_and_its_indexes(kb: Base) -> None:
    datasetId = kb.create_dataset("Data")
    collectionId = kb.create_collection(datasetId, "rows")
    row = kb.insert_data(collectionId, "What is a chunk?", "A piece.", [{"text": "part"}, {"text": " "}])
    with pytest.raises(ConflictError):
        kb.insert_data(collectionId, "What is a chunk?", "A piece.")
    data = kb.get_data(row)
    assert [(index.type, index.text) for index in data.indexes] == [
        ("default", "What is a chunk?"),
        ("default", "A piece."),
        ("custom", "part"),
    ]
    assert len({index.dataId for index in data.indexes}) == 3
    assert kb.found(datasetId, "part") == ["What is a chunk?"]
    kb.create_data_index(row, "fragment", type="question")
    assert kb.found(datasetId, "fragment") == ["What is a chunk?"]
    added = kb.get_data(row).indexes[-1]
    assert added.type == "question"
    kb.update_data_index(row, added.dataId, "morsel")
    assert kb.found(datasetId, "fragment") == []
    assert kb.get_data(row).indexes[-1] == type(added)(type="question", dataId=added.dataId, text="morsel")
    kb.delete_data_index(row, added.dataId)
    assert kb.found(datasetId, "morsel") == []
    with pytest.raises(NotFoundError):
        kb.delete_data_index(row, added.dataId)

    kept = kb.get_data(row).indexes
    kb.update_data(row, "What is a chunk?", indexes=[{"text": "slice"}, {"text": "A piece."}])
    after = kb.get_data(row).indexes
    assert after[:2] == kept[:2], "what it says still is found by the same indexes"
    assert [index.text for index in after[2:]] == ["slice"]
    quote = kb.get_quote_data(row)
    assert (quote.a, quote.collection.name) == ("A piece.", "rows")
    rights = kb.get_data_permission(row)
    assert rights.datasetName == "Data"
    assert rights.permission.hasWritePer

    with pytest.raises(ValidationError, match="indexes"):
        kb.insert_data(collectionId, "x", indexes=[{"type": "custom"}])
    with pytest.raises(ValidationError, match="indexes"):
        kb.insert_data(collectionId, "x", extra_body={"indexes": "text"})
    with pytest.raises(ValidationError, match="data"):
        kb.push_data(collectionId, ["text"])
    with pytest.raises(ValidationError, match="200"):
        kb.push_data(collectionId, [], extra_body={"data": [{"q": str(number)} for number in range(201)]})
    assert kb.push_data(collectionId, [{"q": ""}, {"a": "no question"}]).insertLen == 0


def test_pages_of_data(kb: Base) -> None:
    datasetId = kb.create_dataset("Pages")
    collectionId = kb.create_collection(datasetId, "rows")
    for start in (0, 200):
        rows = [{"q": f"row {number}", "chunkIndex": number} for number in range(start, start + 200)]
        kb.push_data(collectionId, rows)
    kb.wait(datasetId)
    page = kb.list_data(collectionId, offset=390, pageSize=30)
    assert page.total == 400
    assert [row.q for row in page.list] == [f"row {number}" for number in range(390, 400)]
    assert len(kb.list_data(collectionId, pageSize=100).list) == 30, "as many as FastGPT gives"
    assert [row.q for row in kb.list_data(collectionId, pageNum=2, pageSize=3).list] == ["row 3", "row 4", "row 5"]
    assert kb.list_data(collectionId, "w 39").total == 11
    assert kb.list_data(collectionId, "100%").total == 0


def test_questions_are_made_by_rule(kb: Base) -> None:
    datasetId = kb.create_dataset("Questions")
    text = "Q: Where is Paris?\nA: In France.\n\n问：巴黎在哪里？\n答：法国。"
    asked = kb.create_text_collection(datasetId, "asked", text, trainingType="qa").collectionId
    told = kb.create_text_collection(
        datasetId, "told", "One thing. More of it.\n\nTwo.", trainingType="qa"
    ).collectionId
    kb.wait(datasetId)
    rows = {(row.q, row.a) for row in kb.list_data(asked).list}
    assert rows == {("Where is Paris?", "In France."), ("巴黎在哪里？", "法国。")}
    rows = {(row.q, row.a) for row in kb.list_data(told).list}
    assert rows == {("One thing.", "One thing. More of it."), ("Two.", "Two.")}
    row = {"q": "Three. Four.", "a": ""}
    kb.push_data(told, [row], trainingType="qa")
    kb.wait(datasetId)
    assert kb.list_data(told).total == 3


def test_a_collection_is_cut_anew(kb: Base) -> None:
    datasetId = kb.create_dataset("Again")
    made = kb.create_text_collection(datasetId, "Rules.txt", HANDBOOK, tags=["t"], metadata={"k": "v"})
    kb.wait(datasetId)
    assert kb.list_data(made.collectionId).total == 1
    again = kb.retrain_collection(made.collectionId, datasetId, **SMALL).collectionId
    kb.wait(datasetId)
    assert again != made.collectionId
    assert kb.list_data(again).total == 3
    collection = kb.get_collection(again)
    assert (collection.name, collection.tags, collection.metadata) == ("Rules.txt", ["t"], {"k": "v"})
    with pytest.raises(NotFoundError):
        kb.retrain_collection(made.collectionId)
    with pytest.raises(APIError, match="no original"):
        kb.retrain_collection(kb.create_collection(datasetId, "rows"))
    shown = kb.preview_chunks(datasetId, "fileLocal", collection.fileId, **SMALL)
    assert shown.total == 3
    assert shown.chunks[0].q.startswith("# 假期")
    with pytest.raises(APIError, match="File not found"):
        kb.preview_chunks(datasetId, "fileLocal", "nothing")


def test_pages_of_the_web(kb: Base, start: Callable[..., LocalServer], world: World) -> None:
    web = start()
    datasetId = kb.create_dataset("Web")
    made = kb.create_link_collection(datasetId, f"{web.base_url}/").collectionId
    kb.wait(datasetId)
    page = kb.get_collection(made)
    assert (page.name, page.type, page.rawLink) == ("fastgpt-client", "link", f"{web.base_url}/")
    assert "FastGPT-compatible server" in kb.list_data(made).list[0].q
    assert kb.read_collection(made).value == page.rawLink
    assert kb.sync_collection(made) == "sameRaw"
    row = kb.list_data(made).list[0]
    assert kb.preview_chunks(datasetId, "link", page.rawLink).chunks[0].q == row.q

    lost = kb.create_link_collection(datasetId, f"{web.base_url}/api/nothing").collectionId
    kb.wait(datasetId)
    failed = kb.list_training_errors(lost).list[0]
    assert failed.mode == "parse"
    assert "HTTP 404" in failed.errorMsg
    address = page.rawLink
    web.stop()
    away = kb.create_link_collection(datasetId, address).collectionId
    kb.wait(datasetId)
    assert "cannot be read" in kb.list_training_errors(away).list[0].errorMsg
    with pytest.raises(APIError, match="cannot be read"):
        kb.sync_collection(made)
    with pytest.raises(APIError, match="cannot be read"):
        kb.preview_chunks(datasetId, "link", address)
    with pytest.raises(APIError) as caught:
        kb.sync_collection(kb.create_collection(datasetId, "rows"))
    assert caught.value.statusText == "notSupportSync"


def test_training_waits_fails_and_is_tried_again(world: World, start: Callable[..., LocalServer]) -> None:
    rules = [
        {"match": "broken", "training": {"error": "429 Rate limit reached"}, "times": 2},
        {"match": "stuck", "training": {"wait": 3600}},
    ]
    kb = Base(world, start(script=rules))
    datasetId = kb.create_dataset("Failures")
    collectionId = kb.create_collection(datasetId, "rows")
    kb.push_data(collectionId, [{"q": "a broken row"}, {"q": "another broken row"}, {"q": "stuck"}, {"q": "good"}])
    deadline = time.monotonic() + 10
    while kb.get_collection_training(collectionId).trainedCount < 1:
        assert time.monotonic() < deadline
    state = kb.get_collection_training(collectionId)
    assert (state.trainingCounts["chunk"], state.errorCounts["chunk"]) == (1, 2)
    listed = kb.list_collections(datasetId).list[0]
    assert (listed.dataAmount, listed.trainingAmount, listed.finalErrorAmount, listed.hasError) == (1, 3, 2, True)
    assert kb.get_training_queue(datasetId).trainingCount == 3
    assert kb.has_dataset_training_errors(datasetId).hasError
    failed = kb.list_training_errors(collectionId).list
    assert [step.errorMsg for step in failed] == ["429 Rate limit reached"] * 2
    group = kb.list_dataset_training_errors(datasetId, itemPageSize=1).list[0]
    assert (group.collection.name, group.errorCount, len(group.items), group.hasMoreItems) == ("rows", 2, 1, True)
    assert kb.list_dataset_training_errors(datasetId, collectionId).list[0].errorCount == 2

    step = kb.get_training_data(collectionId, failed[0].id)
    assert (step.q, step.mode) == ("a broken row", "chunk")
    kb.delete_training_data(collectionId, failed[1].id)
    kb.update_training_data(datasetId, collectionId, failed[0].id, q="mended")
    while kb.get_collection_training(collectionId).trainedCount < 2:
        assert time.monotonic() < deadline
    assert kb.found(datasetId, "mended") == ["mended"]
    assert not kb.has_dataset_training_errors(datasetId).hasError
    with pytest.raises(NotFoundError):
        kb.get_training_data(collectionId, failed[1].id)

    assert kb.get_collection_training(collectionId).trainingCounts["chunk"] == 1, "the stuck one"
    later = kb.create_text_collection(datasetId, "later", "text").collectionId
    assert kb.get_collection_training(later).queuedCounts["chunk"] == 1, "it stands before"


@pytest.mark.parametrize("of", ["collection", "dataset"])
def test_all_that_failed_is_tried_again(world: World, start: Callable[..., LocalServer], of: str) -> None:
    kb = Base(world, start(script=[{"match": "broken", "training": {"error": "no"}, "times": 2}]))
    datasetId = kb.create_dataset("Again")
    collectionId = kb.create_collection(datasetId, "rows")
    kb.push_data(collectionId, [{"q": "broken 1"}, {"q": "broken 2"}])
    kb.wait(datasetId)
    assert kb.list_training_errors(collectionId).total == 2
    kb.update_training_data(datasetId, collectionId if of == "collection" else None)
    kb.wait(datasetId)
    assert kb.list_data(collectionId).total == 2


def test_what_is_kept_survives_a_restart(world: World, start: Callable[..., LocalServer], tmp_path: Path) -> None:
    db = tmp_path / "kb.db"
    server = start(db=db, training_delay=60)
    kb = Base(world, server)
    datasetId = kb.create_dataset("Kept")
    made = kb.create_text_collection(datasetId, "Rules", HANDBOOK).collectionId
    collectionId = kb.create_collection(datasetId, "rows")
    row = kb.insert_data(collectionId, "kept row")
    server.stop()

    again = Base(world, start(db=db, script=[]))
    assert again.get_data(row).q == "kept row"
    assert again.get_collection(made).activeTrainingAmount == 1, "it goes on waiting"
    again.update_training_data(datasetId, made)  # only what failed is hurried
    assert again.get_collection_training(made).trainingCounts["parse"] == 1


def test_what_waits_goes_on_after_a_restart(world: World, start: Callable[..., LocalServer], tmp_path: Path) -> None:
    db = tmp_path / "kb.db"
    server = start(db=db, training_delay=0.5)
    kb = Base(world, server)
    datasetId = kb.create_dataset("Kept")
    made = kb.create_text_collection(datasetId, "Rules", HANDBOOK).collectionId
    server.stop()
    again = Base(world, start(db=db))
    again.wait(datasetId)
    assert again.list_data(made).total == 1
    assert again.found(datasetId, "年假")
    again.delete_dataset(datasetId)


def test_everything_is_indexed_anew(kb: Base) -> None:
    datasetId = kb.create_dataset("Rebuild")
    collectionId = kb.create_collection(datasetId, "rows")
    kb.insert_data(collectionId, "some row")
    kb.rebuild_embedding(datasetId, "another-model")
    assert kb.get_dataset(datasetId).vectorModel["model"] == "another-model"
    kb.wait(datasetId)
    assert kb.get_training_queue(datasetId).rebuildingCount == 0
    assert kb.list_data(collectionId).total == 1


def test_outside_services_are_refused(kb: Base) -> None:
    datasetId = kb.create_dataset("Outside")
    kb.create_api_collections(datasetId, [])
    with pytest.raises(APIError, match="outside file services"):
        kb.create_api_collection(datasetId, "a", "1")
    with pytest.raises((CommercialOnlyError, NotFoundError)):
        kb.create_external_file_collection(datasetId, "https://example.com/a.pdf")


def test_many_rows(start: Callable[..., LocalServer]) -> None:
    server = start(training_delay=0)
    with DatasetClient(server.api_key, server.base_url, timeout=60) as client:
        datasetId = client.create_dataset("Large").data
        collectionId = client.create_collection(datasetId, "rows").data
        for start_at in range(0, 50_000, 200):
            rows = [{"q": f"item {number} of 仓库{number % 7}"} for number in range(start_at, start_at + 200)]
            client.push_data(collectionId, rows)
        deadline = time.monotonic() + 120
        while client.get_training_queue(datasetId).data.trainingCount:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert client.list_collections(datasetId).data.list[0].dataAmount == 50_000
        assert client.list_data(collectionId, offset=49_990).data.total == 50_000
        for mode in ("embedding", "fullTextRecall", "mixedRecall"):
            assert client.search_dataset(datasetId, "43210", searchMode=mode).data.list[0].q.startswith("item 43210 ")
        assert len(client.search_dataset(datasetId, "仓库3", limit=100).data.list) > 1
        client.delete_dataset(datasetId)
        assert client.list_datasets().data == [], "large ones go in the background"


def test_many_at_once(start: Callable[..., LocalServer]) -> None:
    server = start()
    made: list[str] = []

    def work(number: int) -> None:
        with DatasetClient(server.api_key, server.base_url, max_retries=0) as client:
            for step in range(5):
                text = f"worker {number} step {step}"
                made.append(client.create_text_collection(datasetId, text, text, tags=["same"]).data.collectionId)
                client.search_dataset(datasetId, text)

    with DatasetClient(server.api_key, server.base_url) as client:
        datasetId = client.create_dataset("Busy").data
        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        deadline = time.monotonic() + 20
        while client.get_training_queue(datasetId).data.trainingCount:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert len(set(made)) == 40 == client.list_collections(datasetId).data.total
        assert client.search_dataset(datasetId, "worker 7 step 4").data.list[0].q == "worker 7 step 4"
