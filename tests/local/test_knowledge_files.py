"""Files in knowledge bases: forms, formats, tables, pictures, downloads; and their vectors from another server."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import shutil
import sqlite3
import threading
import time
import zipfile
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fastgpt_client.local import Settings
from fastgpt_client.local.knowledge import parsing, words

from .conftest import running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from starlette.requests import Request

    from .conftest import Api

HERE = "/core/dataset/collection"


class Base:
    """A knowledge base, spoken to in bare HTTP."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.id: str = api.data("/core/dataset/create", {"name": "n", "intro": "", "avatar": ""})

    def upload(self, name: str, content: bytes | str, to: str = f"{HERE}/create/localFile", **data: Any) -> Any:
        content = content.encode() if isinstance(content, str) else content
        return self.form(to, [(name, content)], **data)

    def form(self, to: str, files: list[tuple[str, bytes]], **data: Any) -> httpx2.Response:
        parts: list[Any] = [("data", (None, json.dumps({"datasetId": self.id, **data})))]
        parts += [("file", (name, content)) for name, content in files]
        return self.api.http.post(f"/api{to}", files=parts)

    def collection(self, name: str, content: bytes | str, **data: Any) -> str:
        return self.upload(name, content, **data).json()["data"]["collectionId"]

    def wait(self) -> None:
        deadline = time.monotonic() + 10
        while any(row["activeTrainingAmount"] for row in self.list()):
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def list(self) -> list[dict[str, Any]]:
        return self.api.data(f"{HERE}/listV2", {"datasetId": self.id, "pageSize": 30})["list"]

    def rows(self, collection: str) -> list[dict[str, Any]]:
        return self.api.data("/core/dataset/data/v2/list", {"collectionId": collection, "pageSize": 30})["list"]

    def texts(self, collection: str) -> list[str]:
        self.wait()
        return [row["q"] for row in self.rows(collection)]

    def error(self, collection: str) -> str:
        self.wait()
        return self.api.data("/core/dataset/training/getTrainingError", {"collectionId": collection})["list"][0][
            "errorMsg"
        ]

    def find(self, text: str, **options: Any) -> list[dict[str, Any]]:
        return self.api.data("/core/dataset/searchTest", {"datasetId": self.id, "text": text, **options})["list"]


@pytest.fixture
def base(serve: Callable[..., Api]) -> Base:
    return Base(serve(training_delay=0.01, version="4.17"))  # which has all there is


def test_kinds_of_files(base: Base) -> None:
    page = "<html><head><title>T</title><style>b{}</style></head><body><h1>Hi</h1><p>one <b>two</b><br>three</p></body>"
    made = {
        "a.txt": ("\ufeffone\r\ntwo\r\n", "one\ntwo"),
        "b.md": ("# Title\n\ntext", "# Title\n\ntext"),
        "c.html": (page, "Hi\none two\nthree"),
        "d.csv": ("q,a\n1,2\n", "q,a\n1,2"),
        "e.json": ('{"名":[1,2]}', '{\n  "名": [\n    1,\n    2\n  ]\n}'),
        "f.txt": ("中文".encode("gb18030"), "中文"),
        "g.txt": (b"\xff\xff\xff", "ÿÿÿ"),
    }
    ids = {name: base.collection(name, content) for name, (content, _) in made.items()}
    for name, (_, text) in made.items():
        assert base.texts(ids[name]) == [text], name
    assert base.error(base.collection("broken.json", "{")).startswith("Not valid JSON")
    assert base.error(base.collection("report.docx", b"PK")) == "The local server cannot read .docx files"
    refused = base.upload("a.exe", b"MZ")
    assert refused.status_code == 500
    assert refused.json()["statusText"] == "InvalidUploadFileType"
    assert base.upload("noending", b"x").json()["code"] == 510000


def test_forms_that_are_not_right(base: Base) -> None:
    path = f"/api{HERE}/create/localFile"
    assert base.api.http.post(path, files={"data": (None, "{")}).json()["message"] == "File not found"
    assert base.upload("a.txt", "x", datasetId="0" * 24).json()["statusText"] == "unExistDataset"
    assert base.upload("a.txt", "x", parentId="0" * 24).json()["statusText"] == "unExistCollection"
    assert base.api.post(f"{HERE}/create/images", {"datasetId": base.id}).json()["message"] == "File not found"
    missing = base.api.post(f"{HERE}/create/fileId", {"datasetId": base.id, "fileId": "x"})
    assert missing.json()["message"] == "File not found"


def test_nothing_is_left_of_what_was_refused_or_deleted(serve: Callable[..., Api], tmp_path: Path) -> None:
    base = Base(serve(training_delay=0.01, db=tmp_path / "kb.db", max_upload=1000))
    kept = base.collection("a.txt", "text")
    picture = base.form(f"{HERE}/create/images", [("a.png", b"x")]).json()["data"]["collectionId"]
    base.wait()
    folder = tmp_path / "kb.db.files"
    assert len(list(folder.glob("*"))) == 4, "two files, and what is known of each"
    assert base.upload("a.txt", "x" * 2000).status_code >= 400
    base.upload("a.exe", "x")
    base.upload("a.txt", "x", parentId="0" * 24)
    base.api.data(f"{HERE}/delete", {"collectionIds": [kept, picture]})
    deadline = time.monotonic() + 10
    while list(folder.glob("*")):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_file_that_was_uploaded_before(base: Base) -> None:
    for name, text in (("rules.txt", "二十天年假"), ("tool.exe", "MZ")):
        asked = {"datasetId": base.id, "filename": name}
        upload = base.api.data("/core/dataset/file/presignDatasetFilePostUrl", asked)
        assert httpx2.put(upload["url"], content=text.encode(), trust_env=False).status_code == 200
        made = base.api.post(f"{HERE}/create/fileId", {"datasetId": base.id, "fileId": upload["key"]})
        if name == "rules.txt":
            assert base.texts(made.json()["data"]["collectionId"]) == [text]
        else:
            assert made.json()["statusText"] == "InvalidUploadFileType"


def test_a_name_in_utf_8_comes_out_as_it_does_there(base: Base) -> None:
    base.collection("文档.md", "text")
    assert base.list()[0]["name"] == "文档.md".encode().decode("latin-1")


def test_tables(base: Base) -> None:
    table = "q,a,indexes\nWhere is Paris?,France,capital,town\n,no question\n"
    assert base.upload("t.csv", table, f"{HERE}/create/template").json()["data"] == {}
    backup = base.upload("b.csv", table, f"{HERE}/create/backup").json()["data"]["collectionId"]
    base.wait()
    assert [(row["trainingType"], row["dataAmount"]) for row in base.list()] == [("backup", 1), ("template", 1)]
    row = base.rows(backup)[0]
    assert (row["q"], row["a"]) == ("Where is Paris?", "France")
    detail = base.api.get("/core/dataset/data/detail", id=row["_id"]).json()["data"]
    assert [index["text"] for index in detail["indexes"]] == ["Where is Paris?", "France", "capital", "town"]
    assert (
        base.upload("x.csv", "a,b\n1,2", f"{HERE}/create/template").json()["message"].endswith("template_file_invalid")
    )
    assert base.upload("x.csv", "", f"{HERE}/create/backup").json()["message"].endswith("backup_template_invalid")
    assert base.upload("x.txt", table, f"{HERE}/create/backup").json()["statusText"] == "InvalidUploadFileType"


def test_pictures(base: Base) -> None:
    files = [("red car.png", b"\x89PNG"), ("blue boat.jpg", b"\xff\xd8")]
    made = base.form(f"{HERE}/create/images", files, collectionName="Pictures").json()["data"]
    assert made["results"] == {"insertLen": 2}
    collection = made["collectionId"]
    assert base.texts(collection) == ["red car.png", "blue boat.jpg"]
    more = [("green bike.webp", b"RIFF")]
    assert base.form("/core/dataset/data/insertImages", more, collectionId=collection).json()["data"] is None
    base.wait()
    row = base.find("green bike")[0]
    assert row["q"] == "green bike.webp"
    detail = base.api.get("/core/dataset/data/detail", id=row["id"]).json()["data"]
    assert detail["imageId"].startswith(f"dataset/{base.id}/green%20bike_")
    wrong = base.form(f"{HERE}/create/images", [("a.txt", b"x")])
    assert wrong.json()["statusText"] == "InvalidUploadFileType"
    nothing = base.form("/core/dataset/data/insertImages", [], collectionId=collection)
    assert nothing.json()["message"] == "File not found"


def test_originals_and_tables_are_read(base: Base) -> None:
    collection = base.collection("rules.txt", 'Paris, "capital"\nof France')
    address = base.api.data(f"{HERE}/read", {"collectionId": collection})["value"]
    original = httpx2.get(address, trust_env=False)  # without a key
    assert original.text == 'Paris, "capital"\nof France'
    assert httpx2.get(f"{address}x", trust_env=False).status_code >= 400
    base.wait()
    exported = base.api.post(f"{HERE}/export", {"collectionId": collection})
    assert exported.headers["content-type"].startswith("text/csv")
    assert exported.text == '\ufeffindex,content\n"Paris, ""capital""\nof France",'

    given = {"datasetId": base.id, "collectionIds": [collection]}
    ticket = base.api.data(f"{HERE}/getDownloadTicket", given)
    packed = base.api.get(f"{HERE}/batchDownload", ticket=ticket["ticket"])
    with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
        assert archive.read("1 rules.txt") == original.content
    assert base.api.get(f"{HERE}/batchDownload", ticket="wrong").status_code == 404
    rows = base.api.data(f"{HERE}/create", {"datasetId": base.id, "name": "rows", "type": "virtual"})
    assert base.api.post(f"{HERE}/read", {"collectionId": rows}).json()["message"] == "The collection has no original"


def test_what_is_not_for_keys(base: Base) -> None:
    for path in ("paths", "exportAll", "getPermission", "collection/paths"):
        assert base.api.get(f"/core/dataset/{path}", id=base.id).json()["code"] == 403
    missing = base.api.post("/core/dataset/training/rebuildEmbedding", {"datasetId": base.id})
    assert missing.json()["statusText"] == "missingParams"


def test_a_page_that_changes(base: Base) -> None:
    said = ["first"]

    async def page(_: Request) -> Response:
        return Response(said[0], media_type="text/plain")

    async def large(_: Request) -> Response:
        return Response(b"x" * (5 * 1024 * 1024 + 1))

    with running(Starlette(routes=[Route("/page", page), Route("/large", large)])) as url:
        link = {"datasetId": base.id, "link": f"{url}/page"}
        collection = base.api.data(f"{HERE}/create/link", link)["collectionId"]
        assert base.texts(collection) == ["first"]
        said[0] = "second"
        assert base.api.data(f"{HERE}/sync", {"collectionId": collection}) == "success"
        assert base.texts(collection) == ["second"]
        assert base.list()[0]["name"] == link["link"]
        link = {"datasetId": base.id, "link": f"{url}/large"}
        assert base.error(base.api.data(f"{HERE}/create/link", link)["collectionId"]).endswith("is too long")


def test_a_broken_database_is_told(serve: Callable[..., Api], tmp_path: Path) -> None:
    base = Base(serve(training_delay=0.01, db=tmp_path / "kb.db"))
    collection = base.collection("a.txt", "text")
    with contextlib.closing(sqlite3.connect(tmp_path / "kb.db")) as db:
        db.execute("DROP TABLE words")
    assert base.error(collection) == "Internal server error"


def test_a_lost_original_is_told(serve: Callable[..., Api], tmp_path: Path) -> None:
    server = serve(training_delay=1, db=tmp_path / "kb.db")
    collection = Base(server).collection("a.txt", "text")
    server.server.stop()
    shutil.rmtree(tmp_path / "kb.db.files")
    base = Base(serve(training_delay=0.01, db=tmp_path / "kb.db"))
    error = {"collectionId": collection}
    deadline = time.monotonic() + 10
    while not base.api.data("/core/dataset/training/getTrainingError", error)["list"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert base.error(collection) == "The file is gone"


def test_what_is_deleted_while_it_is_read_or_waits_for_that(base: Base) -> None:
    asked = {name: threading.Event() for name in "ab"}
    answer = {name: threading.Event() for name in "ab"}

    async def page(request: Request) -> Response:
        name = request.path_params["name"]
        asked[name].set()
        await asyncio.to_thread(answer[name].wait, 10)
        return Response("slow")

    def link(name: str) -> str:
        body = {"datasetId": base.id, "link": f"{url}/{name}"}
        return base.api.data(f"{HERE}/create/link", body)["collectionId"]

    with running(Starlette(routes=[Route("/{name}", page)])) as url:
        first = link("a")
        assert asked["a"].wait(10)
        second, third = link("b"), base.collection("a.txt", "text")
        time.sleep(0.05)  # both are due
        base.api.data(f"{HERE}/delete", {"collectionIds": [first]})
        answer["a"].set()
        assert asked["b"].wait(10)
        base.api.data(f"{HERE}/delete", {"collectionIds": [third]})
        answer["b"].set()
        assert base.texts(second) == ["slow"]
    assert [row["_id"] for row in base.list()] == [second]


def test_what_is_deleted_meanwhile_is_not_trained(serve: Callable[..., Api]) -> None:
    base = Base(serve(training_delay=0.1))
    collection = base.collection("a.txt", "text")
    row = base.api.data(f"{HERE}/create", {"datasetId": base.id, "name": "rows", "type": "virtual"})
    data = base.api.data("/core/dataset/data/insertData", {"collectionId": row, "q": "q"})
    base.api.data("/core/dataset/training/rebuildEmbedding", {"datasetId": base.id, "vectorModel": "m"})
    assert base.api.delete("/core/dataset/data/delete", id=data).status_code == 200
    base.api.data(f"{HERE}/delete", {"collectionIds": [collection]})
    base.wait()
    assert [(each["name"], each["dataAmount"]) for each in base.list()] == [("rows", 0)]


# --- vectors ----------------------------------------------------------------------------------------------------------

ASKED: list[dict[str, Any]] = []
MEANINGS = {"dog": [1.0, 0.1], "puppy": [0.9, 0.2], "car": [0.1, 1.0], "zero": [0.0, 0.0]}


async def embed(request: Request) -> Response:
    body = await request.json()
    ASKED.append(body)
    if "fail" in body["input"]:
        return JSONResponse({"error": f"bad key {request.headers.get('authorization')}"}, 401)
    if "odd" in body["input"]:
        return JSONResponse({"vectors": []})
    if "slow" in body["input"]:
        await asyncio.sleep(0.5)
    rows = [{"index": at, "embedding": MEANINGS.get(text, [0.5, 0.5])} for at, text in enumerate(body["input"])]
    return JSONResponse({"data": rows[::-1]})


@pytest.fixture
def embeddings() -> Iterator[str]:
    ASKED.clear()
    with running(Starlette(routes=[Route("/v1/embeddings", embed, methods=["POST"])])) as url:
        yield url


def test_vectors_of_an_endpoint(serve: Callable[..., Api], embeddings: str) -> None:
    base = Base(serve(training_delay=0.01, embedding_url=embeddings, embedding_model="m", embedding_key="geheim"))
    collection = base.api.data(f"{HERE}/create", {"datasetId": base.id, "name": "rows", "type": "virtual"})

    def push(*texts: str) -> None:
        rows = [{"q": text} for text in texts]
        base.api.data("/core/dataset/data/pushData", {"collectionId": collection, "data": rows})
        base.wait()

    push("dog", "car", "zero")
    assert {"model": "m", "input": ["dog", "car", "zero"]} in ASKED
    found = base.find("puppy")
    assert [hit["q"] for hit in found] == ["dog", "car", "zero"], "by meaning, without a word in common"
    assert found[0]["score"][0]["value"] > 0.99 > found[1]["score"][0]["value"]
    assert [hit["q"] for hit in base.find("puppy", similarity=0.5)] == ["dog"]
    assert base.api.get("/core/dataset/detail", id=base.id).json()["data"]["vectorModel"]["model"] == "m"

    inserted = base.api.data("/core/dataset/data/insertData", {"collectionId": collection, "q": "puppy"})
    assert base.find("puppy")[0]["id"] == inserted
    base.api.data("/core/dataset/data/update", {"dataId": inserted, "q": "other"})
    assert base.find("puppy")[0]["q"] == "dog"
    base.api.data("/core/dataset/training/rebuildEmbedding", {"datasetId": base.id, "vectorModel": "n"})
    base.wait()
    assert base.find("puppy")[0]["q"] == "dog"
    push(*(f"row {number}" for number in range(150)))
    assert len(base.find("row")) == 100
    update = {"id": collection, "forbid": True}
    base.api.data(f"{HERE}/update", update)
    assert base.find("puppy") == []

    row = {"collectionId": collection, "data": [{"q": "slow"}]}
    base.api.data("/core/dataset/data/pushData", row)
    while ASKED[-1]["input"] != ["slow"]:
        time.sleep(0.01)
    base.api.data(f"{HERE}/delete", {"collectionIds": [collection]})
    collection = base.api.data(f"{HERE}/create", {"datasetId": base.id, "name": "rows", "type": "virtual"})
    push("dog")
    assert [hit["q"] for hit in base.find("slow")] == ["dog"]

    push("fail")
    assert base.error(collection) == '401 {"error":"bad key Bearer ***"}'
    for text, message in (("fail", "401"), ("odd", "form of OpenAI")):
        answer = base.api.post("/core/dataset/searchTest", {"datasetId": base.id, "text": text})
        assert message in answer.json()["message"]
    body = {"collectionId": collection, "q": "odd"}
    assert "form of OpenAI" in base.api.post("/core/dataset/data/insertData", body).json()["message"]


def test_an_endpoint_that_is_away(serve: Callable[..., Api]) -> None:
    base = Base(serve(training_delay=0.01, embedding_url="http://127.0.0.1:9/x"))
    answer = base.api.post("/core/dataset/searchTest", {"datasetId": base.id, "text": "x"}).json()
    assert answer["message"] == "The embedding endpoint cannot be reached: ConnectError"


def test_settings() -> None:
    with pytest.raises(ValueError, match="training_delay"):
        Settings(training_delay=-1)
    assert "geheim" not in repr(Settings(embedding_key="geheim"))


# --- texts ------------------------------------------------------------------------------------------------------------


@given(st.text(max_size=400), st.integers(1, 50), st.sampled_from(["paragraph", "size", "char"]))
def test_cutting_loses_nothing(text: str, size: int, mode: str) -> None:
    settings = {"chunkSettingMode": "custom", "chunkSplitMode": mode, "chunkSize": size}
    chunks = parsing.cut(text, settings)
    assert all(0 < len(chunk) <= size and chunk == chunk.strip() for chunk in chunks)
    assert "".join("".join(chunks).split()) == "".join(text.split())


def test_where_texts_are_cut() -> None:
    custom = {"chunkSettingMode": "custom", "chunkSize": 12}
    assert parsing.cut("one.\n\ntwo.\n\nthree is long. four", custom) == ["one.\n\ntwo.", "three is", "long. four"]
    assert parsing.cut("甲。乙乙乙乙乙乙乙乙乙乙。丙", custom) == ["甲。", "乙乙乙乙乙乙乙乙乙乙。丙"]
    char = {**custom, "chunkSplitMode": "char", "chunkSplitter": "---|==="}
    assert parsing.cut("a---b===c", char) == ["a", "b", "c"]
    assert parsing.cut("x" * 2500, {"chunkSize": 10}) == ["x" * 1000, "x" * 1000, "x" * 500], "auto has its own size"
    headed = "# A\n" + "a" * 600 + "\n## B\n" + "b" * 600
    assert [chunk[:4] for chunk in parsing.cut(headed, {})] == ["# A\n", "## B"]


@given(st.text())
def test_any_text_can_be_looked_for(text: str) -> None:
    found = words.words(text)
    assert set(words.words(text, letters=False)) <= set(found)
    assert all(word == word.lower() and '"' not in word for word in found)
    assert words.tokens(text) <= len(text)


def test_words() -> None:
    assert words.words("Hello, 你好吗 x") == ["hello", "你", "好", "吗", "你好", "好吗", "x"]
    assert words.for_query("你好吗 好") == '"你好" OR "好吗" OR "好"'
