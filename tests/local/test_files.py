"""Files of the local server: addresses to upload to, forms, parts, what stays on disk."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from fastgpt_client.local import Settings
from fastgpt_client.local.files import Files

from .conftest import Api

if TYPE_CHECKING:
    from collections.abc import Callable

PRESIGN = "/core/chat/file/presignChatFilePostUrl"
DATASET = "/core/dataset/file/presignDatasetFilePostUrl"


def put(api: Api, url: str, data: bytes, **more: Any) -> httpx2.Response:
    with httpx2.Client(trust_env=False) as plain:  # without a key
        return plain.put(url, content=data, **more)


def get(url: str) -> httpx2.Response:
    with httpx2.Client(trust_env=False) as plain:
        return plain.get(url)


def folder(api: Api) -> Path:
    """Where the server keeps its files."""
    app: Any = api.server._server
    return app._local.files._folder


def test_a_file_of_a_chat(api: Api) -> None:
    said = api.data(PRESIGN, {"chatId": "c", "filename": "文件 1.txt"})
    assert set(said) == {"url", "key", "headers", "previewUrl", "maxSize", "uploadMode"}
    assert (said["uploadMode"], said["headers"]) == ("single", {"content-type": "text/plain"})
    assert said["key"].startswith("chat/local-app/")
    assert "/c/%E6%96%87%E4%BB%B6%201_" in said["key"]
    assert get(said["previewUrl"]).status_code == 404, "nothing is there yet"
    assert put(api, said["url"], b"hello").json()["data"] == {"success": True}
    looked = get(said["previewUrl"])
    assert (looked.content, looked.headers["content-type"]) == (b"hello", "text/plain; charset=utf-8")
    assert "%E6%96%87%E4%BB%B6%201.txt" in looked.headers["content-disposition"]
    looked = {"chatId": "c", "key": said["key"]}
    assert api.data("/core/chat/file/presignChatFileGetUrl", looked) == said["previewUrl"]
    assert put(api, said["url"], b"again").status_code == 200
    assert get(said["previewUrl"]).content == b"again"


@pytest.mark.parametrize(
    ("path", "body"),
    [(DATASET, {"datasetId": "d"}), ("/core/dataset/file/presignSearchTestImage", {"datasetId": "d"})],
)
def test_files_of_knowledge_bases(api: Api, path: str, body: dict[str, Any]) -> None:
    said = api.data(path, {**body, "filename": "noending"})
    assert "/d/noending_" in said["key"]
    assert put(api, said["url"], b"x").status_code == 200
    assert get(said["previewUrl"]).headers["content-type"] == "application/octet-stream"


def test_what_is_asked_wrongly(api: Api, serve: Callable[..., Api]) -> None:
    response = api.post(PRESIGN, {"filename": "a.txt"})
    assert (response.status_code, response.json()["zodError"][0]["path"]) == (400, ["chatId"])
    assert api.post(PRESIGN, {"chatId": "c", "filename": "a"}, headers={"authorization": ""}).status_code == 403
    assert api.post(PRESIGN, {"chatId": "c", "filename": "a", "appId": "no"}).json()["statusText"] == "appUnExist"
    missing = api.post("/core/chat/file/presignChatFileGetUrl", {"chatId": "c", "key": "no"})
    assert (missing.status_code, missing.json()["statusText"]) == (404, "fileNotFound")
    strict = serve(require_app_id=True)
    assert strict.post(PRESIGN, {"chatId": "c", "filename": "a"}).status_code == 400
    for path, verb, status in (("u/none", "PUT", 403), ("u/none", "GET", 405), ("u/none/complete", "POST", 403),
                               ("u/none/abort", "POST", 403), ("d/none", "GET", 404)):  # fmt: skip
        body = None if verb == "GET" else {"parts": []}
        assert api.http.request(verb, f"/api/system/file/{path}", json=body).status_code == status


def test_a_file_that_is_too_large(serve: Callable[..., Api]) -> None:
    api = serve(max_upload=4)
    said = api.data(PRESIGN, {"chatId": "c", "filename": "a.txt"})
    response = put(api, said["url"], b"12345")
    assert (response.status_code, response.json()["message"]) == (413, "EntityTooLarge")
    assert not list(folder(api).iterdir()), "nothing is left of it"
    api = serve(max_upload=4, version="4.11")
    response = upload(api, {"file": ("a.txt", b"12345")}, bucketName="chat", data='{"appId": "local-app"}')
    assert (response.status_code, response.json()["code"]) == (500, 413)
    assert not list(folder(api).iterdir()), "nothing is left of it"


def test_in_parts(serve: Callable[..., Api]) -> None:
    api = serve(multipart_threshold=4)
    whole = api.data(DATASET, {"datasetId": "d", "filename": "a.txt", "size": 4})
    assert whole["uploadMode"] == "single"
    response = put(api, f"{whole['url']}?partNumber=1", b"1234")
    assert (response.status_code, response.json()["message"]) == (400, "Not a multipart upload session")
    said = api.data(DATASET, {"datasetId": "d", "filename": "a.txt", "size": 10})
    assert (said["uploadMode"], said["partSize"], said["concurrency"], said["maxRetry"]) == ("multipart", 4, 3, 3)
    assert put(api, said["url"], b"1234567890").json()["message"] == "Multipart upload requires partNumber"
    for part, data, message in (("0", b"1234", "out of range"), ("4", b"1234", "out of range"),
                                ("x", b"1234", "out of range"), ("1", b"12", "does not match session")):  # fmt: skip
        response = put(api, f"{said['url']}?partNumber={part}", data)
        assert response.status_code == 400
        assert message in response.json()["message"]
    etags: dict[int, str] = {}
    for part, data in ((3, b"90"), (1, b"oops"), (1, b"1234"), (2, b"5678")):
        etags[part] = put(api, f"{said['url']}?partNumber={part}", data).json()["data"]["etag"]
    parts = [{"partNumber": part, "etag": etags[part]} for part in (1, 2, 3)]
    with httpx2.Client(trust_env=False) as plain:
        assert plain.post(said["completeUrl"], json={}).status_code == 400
        assert "count" in plain.post(said["completeUrl"], json={"parts": parts[:2]}).json()["message"]
        assert plain.post(said["completeUrl"], json={"parts": parts}).json()["data"] == {"key": said["key"]}
        assert plain.post(said["completeUrl"], json={"parts": parts}).status_code == 403, "it is over"
    assert get(said["previewUrl"]).content == b"1234567890"
    assert len(list(folder(api).iterdir())) == 2, "the file and its note"


def test_an_upload_in_parts_is_given_up(serve: Callable[..., Api]) -> None:
    api = serve(multipart_threshold=4)
    said = api.data(DATASET, {"datasetId": "d", "filename": "a.txt", "size": 5})
    put(api, f"{said['url']}?partNumber=1", b"1234")
    with httpx2.Client(trust_env=False) as plain:
        assert "count" in plain.post(said["completeUrl"], json={"parts": []}).json()["message"]
        assert plain.post(said["abortUrl"]).json()["data"] is None
        assert plain.post(said["abortUrl"]).status_code == 403
    assert not list(folder(api).iterdir())


def test_a_form_for_the_storage(serve: Callable[..., Api]) -> None:
    api = serve(version="4.14")
    for path, body in (
        ("/core/chat/presignChatFilePostUrl", {"chatId": "c"}),
        ("/core/dataset/presignDatasetFilePostUrl", {"datasetId": "d"}),
    ):
        said = api.data(path, {**body, "filename": "a.txt"})
        assert set(said) == {"url", "fields", "maxSize"}
        assert said["fields"]["Content-Type"] == "text/plain"
        with httpx2.Client(trust_env=False) as plain:
            file = {"file": ("x", b"hello", "text/plain")}
            wrong = plain.post(said["url"], data={**said["fields"], "Content-Type": "text/html"}, files=file)
            assert (wrong.status_code, "<Code>InvalidArgument</Code>" in wrong.text) == (400, True)
            unsigned = plain.post(said["url"], data={"key": "k"}, files=file)
            assert (unsigned.status_code, "<Code>AccessDenied</Code>" in unsigned.text) == (403, True)
            stored = plain.post(said["url"], data=said["fields"], files=file)
            assert (stored.status_code, stored.content) == (204, b"")
    link = api.data("/core/chat/presignChatFileGetUrl", {"chatId": "c", "key": said["fields"]["key"]})
    assert get(link).content == b"hello"


def upload(api: Api, files: Any, **fields: str) -> httpx2.Response:
    return api.http.post("/api/common/file/upload", data=fields, files=files)


def test_a_file_for_the_server_itself(serve: Callable[..., Api]) -> None:
    api = serve(version="4.11")
    response = upload(api, {"file": ("a.txt", b"hello", "text/plain")}, bucketName="chat", data='{"appId":"local-app"}')
    said = response.json()["data"]
    assert set(said) == {"fileId", "previewUrl"}
    assert "/api/common/file/read/a.txt?token=" in said["previewUrl"]
    assert get(said["previewUrl"]).content == b"hello"
    response = upload(
        api, [("file", ("b", b"1")), ("file", ("c", b"2"))], bucketName="dataset", data='{"datasetId":"d"}'
    )
    assert get(response.json()["data"]["previewUrl"]).content == b"1"
    assert get(f"{api.server.base_url}/api/common/file/read/a.txt").json()["statusText"] == "fileNotFound"
    for given, files, message in (
        ({"data": "{}"}, {"file": ("a", b"x")}, "bucketName is empty"),
        ({"bucketName": "chat"}, {"data": (None, b"[]")}, "File not found"),
        ({"bucketName": "other"}, {"file": ("a", b"x")}, "bucketName is empty"),
    ):
        response = upload(api, files, **given)
        assert (response.status_code, response.json()["message"]) == (500, message)
    assert upload(api, {"file": ("a", b"x")}, bucketName="chat", data="no json").status_code == 200
    unknown = upload(api, {"file": ("a", b"x")}, bucketName="chat", data='{"appId": "no"}').json()
    assert unknown["statusText"] == "appUnExist"
    strict = serve(version="4.11", require_app_id=True)
    assert upload(strict, {"file": ("a", b"x")}, bucketName="chat").json()["statusText"] == "unAuthChat"
    assert not list(folder(strict).iterdir()), "nothing is left of it"
    kind = {"content-type": "multipart/form-data; boundary=x"}
    assert api.http.post("/api/common/file/upload", content=b"--x\r\nnonsense", headers=kind).status_code == 500
    one = b'--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n1\r\n'
    for rest in (b"--xNO", one[:-3]):
        broken = api.http.post("/api/common/file/upload", content=one + rest, headers=kind)
        assert (broken.status_code, broken.json()["code"]) == (500, 500)
    assert len(list(folder(api).iterdir())) == 6, "nothing is left of what was refused"


PATHS = {
    "4.11": {"/common/file/upload", "/common/file/read/{name}", "/core/chat/item/getSpeech"},
    "4.14": {
        "/core/chat/presignChatFilePostUrl",
        "/core/chat/presignChatFileGetUrl",
        "/core/dataset/presignDatasetFilePostUrl",
        "/core/chat/item/getSpeech",
        "/system/file/s3/fastgpt-private",
        "/system/file/d/{id}",
    },
    "4.16": {
        PRESIGN,
        "/core/chat/file/presignChatFileGetUrl",
        DATASET,
        "/core/dataset/file/presignSearchTestImage",
        "/core/chat/record/getSpeech",
        "/system/file/u/{token}",
        "/system/file/u/{token}/complete",
        "/system/file/u/{token}/abort",
        "/system/file/d/{id}",
    },
}


@pytest.mark.parametrize("version", PATHS)
def test_each_version_knows_its_own_paths(serve: Callable[..., Api], version: str) -> None:
    api = serve(version=version)
    for path in set().union(*PATHS.values()):
        response = api.http.request("PUT", f"/api{path}")
        known = "html" not in response.headers.get("content-type", "")
        assert known == (path in PATHS[version]), path


def test_names_as_fastgpt_reads_them(serve: Callable[..., Api]) -> None:
    """Recorded: raw UTF-8 is read as Latin-1, %XX and RFC 5987 are right."""
    api = serve(version="4.11")
    for disposition, name in (
        (b'filename="\xe6\x96\x87.txt"', "æ\x96\x87.txt"),
        (b'filename="%E6%96%87.txt"', "文.txt"),
        (b"filename*=UTF-8''%E6%96%87.txt", "文.txt"),
    ):
        body = b'--b\r\ncontent-disposition: form-data; name="bucketName"\r\n\r\nchat\r\n--b\r\n'
        body += b'content-disposition: form-data; name="file"; ' + disposition + b"\r\n\r\nx\r\n--b--\r\n"
        kind = {"content-type": "multipart/form-data; boundary=b"}
        said = api.http.post("/api/common/file/upload", content=body, headers=kind).json()["data"]
        app: Any = api.server._server
        assert app._local.files.get(said["fileId"]).name == name


def test_speech(serve: Callable[..., Api]) -> None:
    for version, path in (("4.16", "/core/chat/record/getSpeech"), ("4.14", "/core/chat/item/getSpeech")):
        api = serve(version=version)
        response = api.post(path, {"ttsConfig": {"model": "m", "voice": "v"}, "input": "x"})
        assert "content-type" not in response.headers, "as FastGPT's"
        riff, size, wave = struct.unpack("<4sI4s", response.content[:12])
        assert (riff, size + 8, wave) == (b"RIFF", len(response.content), b"WAVE")
        import io
        import wave as sound

        with sound.open(io.BytesIO(response.content)) as opened:
            assert opened.getnframes() / opened.getframerate() == 0.1
        response = api.post(path, {"ttsConfig": {"model": "m"}, "input": "x"})
        assert (response.status_code, response.json()["message"]) == (500, "model or voice not found")


def test_files_stay_with_the_database(tmp_path: Path, serve: Callable[..., Api]) -> None:
    db = tmp_path / "chats.db"
    api = serve(db=db)
    assert not Path(f"{db}.files").exists(), "only when there is something to keep"
    said = api.data(PRESIGN, {"chatId": "c", "filename": "文.txt"})
    put(api, said["url"], b"hello")
    api.server.stop()
    (Path(f"{db}.files") / "left.part").write_bytes(b"half")
    files = Files(db)
    stored = files.get(said["key"])
    assert stored is not None
    assert (stored.name, stored.size, stored.content_type) == ("文.txt", 5, "text/plain")
    assert stored.path.read_bytes() == b"hello"
    assert files.with_id(stored.id) == stored
    assert json.loads(stored.path.with_suffix(".json").read_text("utf-8"))["name"] == "文.txt"
    assert files.save(said["key"], "b.txt", "text/html", b"new").id == stored.id
    files.delete(said["key"])
    files.delete(said["key"])
    assert files.get(said["key"]) is None
    assert files.with_id(stored.id) is None
    assert not list(Path(f"{db}.files").iterdir())
    assert files.save("k", "b.txt", "text/html", b"new").path.read_bytes() == b"new"
    files.close()


def test_files_in_memory_are_gone_at_the_end() -> None:
    files = Files(":memory:")
    stored = files.save("k", "a.txt", "text/plain", b"x")
    files.close()
    assert not stored.path.parent.exists()


def test_limits_make_sense() -> None:
    for settings in ({"max_upload": 0}, {"multipart_threshold": 0}):
        with pytest.raises(ValueError, match="at least 1 byte"):
            Settings(**settings)
