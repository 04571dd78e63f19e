"""Whole files, both ways: what is sent byte for byte, what happens when it breaks, and what is left of it."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

import httpx
import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_multipart import parse_form
from python_multipart.multipart import Field, File

from fastgpt_client import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    ArgumentError,
    AuthenticationError,
    FastGPTError,
    NotFoundError,
    PermissionDeniedError,
    ServerError,
    Timeout,
    UnexpectedResponseError,
    Upload,
    UploadedFile,
    ValidationError,
)
from fastgpt_client._download import _filename
from fastgpt_client._files import PIECE, Content, Form, Meter, Raw, _quoted
from fastgpt_client._versions import Form as VersionForm
from fastgpt_client.local import LocalServer

from .conftest import KEY, World
from .wire import Step, Wire, body_of, chunk, headers_of, http, until, wire

MADE = json.dumps({"code": 200, "data": {"collectionId": "k", "results": {"insertLen": 1}}}).encode()
DONE = http(MADE, headers={"content-type": "application/json"})
DATA = bytes(range(256)) * 5000  # 2.5 pieces


def envelope(data: object, status: int = 200, **more: Any) -> bytes:
    body = json.dumps({"code": status, "statusText": "", "message": "", "data": data, **more}).encode()
    return http(body, status, {"content-type": "application/json"})


def asynchronously(pieces: list[bytes]) -> AsyncIterator[bytes]:
    async def generate() -> AsyncIterator[bytes]:
        for piece in pieces:
            await asyncio.sleep(0)
            yield piece

    return generate()


class Pipe(io.RawIOBase):
    """A file without a position, as standard input may be one."""

    name = "piped.txt"

    def __init__(self, data: bytes) -> None:
        self._stream = io.BytesIO(data)

    def read(self, size: int = -1) -> bytes:
        return self._stream.read(size)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False


def datasets(world: World, url: str, **settings: Any) -> Any:
    return world.make("DatasetClient", KEY, url, **{"max_retries": 0, "retry_delay": 0.0, **settings})


def chats(world: World, url: str, **settings: Any) -> Any:
    return world.make("ChatClient", KEY, url, **{"app_id": "app", "max_retries": 0, "retry_delay": 0.0, **settings})


def parts_of(request: bytes) -> tuple[list[tuple[str, bytes]], list[tuple[str, bytes]]]:
    """The fields and files of a form, as an independent parser reads them."""
    headers = headers_of(request)
    return parsed(headers["content-type"], body_of(request))


def parsed(content_type: str, body: bytes) -> tuple[list[tuple[str, bytes]], list[tuple[str, bytes]]]:
    fields: list[tuple[str, bytes]] = []
    found: list[tuple[str, bytes]] = []

    def on_field(field: Any) -> None:
        assert isinstance(field, Field)
        fields.append((field.field_name.decode(), field.value or b""))

    def on_file(file: Any) -> None:
        assert isinstance(file, File)
        file.file_object.seek(0)
        found.append(((file.file_name or b"").decode(), file.file_object.read()))
        file.file_object.close()

    sent: dict[str, bytes] = {"Content-Type": content_type.encode()}
    parse_form(cast("Any", sent), io.BytesIO(body), on_field, on_file)
    return fields, found


# What a file is -------------------------------------------------------------------------------------------------------


@pytest.fixture
def on_disk(tmp_path: Path) -> Path:
    path = tmp_path / "文件.txt"
    path.write_bytes(DATA)
    return path


SOURCES: dict[str, Callable[[Path], Any]] = {
    "path": lambda path: path,
    "text": str,
    "bytes": lambda path: Upload(path.read_bytes(), path.name),
    "bytearray": lambda path: Upload(bytearray(path.read_bytes()), path.name),
    "open file": lambda path: path.open("rb"),
    "unbuffered": lambda path: path.open("rb", buffering=0),
    "memory": lambda path: Upload(io.BytesIO(path.read_bytes()), path.name),
    "pipe": lambda path: Upload(Pipe(path.read_bytes()), path.name),
    "iterator": lambda path: Upload(iter([DATA[:10], b"", DATA[10:]]), path.name),
    "async iterator": lambda path: Upload(asynchronously([DATA[:10], b"", DATA[10:]]), path.name),
}
UNKNOWN_SIZE = ("pipe", "iterator", "async iterator")


@pytest.mark.parametrize("kind", SOURCES)
def test_every_kind_of_file_is_sent(world: World, on_disk: Path, kind: str) -> None:
    if kind == "async iterator" and not world.asynchronous:
        return
    file = SOURCES[kind](on_disk)
    seen: list[tuple[int, int | None]] = []
    with wire([DONE]) as server:
        made = world(
            datasets(world, server.url).create_file_collection(
                "d", file, progress=lambda sent, total: seen.append((sent, total)), parentId="p", chunkSize=5
            )
        )
    assert (made.data.collectionId, made.data.results.insertLen) == ("k", 1)
    (request,) = server.requests
    headers = headers_of(request)
    if kind in UNKNOWN_SIZE:
        assert headers["transfer-encoding"] == "chunked"
        assert "content-length" not in headers
    else:
        assert int(headers["content-length"]) == len(body_of(request))
        assert "transfer-encoding" not in headers
    fields, found = parts_of(request)
    assert fields == [("data", b'{"parentId":"p","chunkSize":5,"datasetId":"d"}')]
    assert found == [("%E6%96%87%E4%BB%B6.txt", DATA)]
    assert body_of(request).index(b'name="data"') < body_of(request).index(b'name="file"'), "FastGPT wants this order"
    assert b"Content-Type: text/plain\r\n" in request
    total = None if kind in UNKNOWN_SIZE else len(DATA)
    assert seen[-1] == (len(DATA), total)
    assert [sent for sent, _ in seen] == sorted(sent for sent, _ in seen)
    if hasattr(file, "close"):
        assert not file.closed, "who opened it closes it"
        file.close()


def test_a_file_is_sent_from_where_it_stands(world: World, on_disk: Path) -> None:
    with wire([DONE]) as server, on_disk.open("rb") as file:
        file.seek(300)
        world(datasets(world, server.url).create_file_collection("d", file))
        assert parts_of(server.requests[0])[1][0][1] == DATA[300:]


def test_what_an_upload_knows(tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    path.write_bytes(b"123")
    upload = Upload(path)
    assert (upload.name, upload.size, upload.repeatable) == ("a.docx", 3, True)
    assert upload.type.endswith("wordprocessingml.document")
    assert repr(upload) == f"<Upload 'a.docx' {upload.type} 3 bytes>"
    other = Upload(upload, filename="b.md")
    assert (other.name, other.size, other.type) == ("b.md", 3, "text/markdown")
    assert Upload(upload, contentType="text/x-y; charset=utf-8").type == "text/x-y; charset=utf-8"
    assert Upload(b"", "strange").type == "application/octet-stream"
    once = Upload(iter([b"x"]), "a.txt")
    assert (once.size, once.repeatable, once.sendable) == (None, False, True)
    assert repr(once) == "<Upload 'a.txt' text/plain ? bytes>"
    assert list(once.pieces()) == [b"x"]
    assert not once.sendable
    with pytest.raises(FastGPTError, match="can be read only once"):
        list(once.pieces())
    assert b"".join(upload.part(1, 1).part(0, 1).pieces()) == b"2"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_can_be_read_once(tmp_path: Path) -> None:
    import threading

    path = tmp_path / "pipe.txt"
    os.mkfifo(path)
    upload = Upload(path)
    assert (upload.size, upload.repeatable) == (None, False)
    writer = threading.Thread(target=path.write_bytes, args=(b"through",))
    writer.start()
    assert b"".join(upload.pieces()) == b"through"
    writer.join()
    assert not upload.sendable


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("/no/such/file.txt",), "cannot read '/no/such/file.txt': No such file"),
        (("/",), "cannot read '/': Is a directory"),
        ((b"x",), "this file has no name"),
        ((io.BytesIO(b"x"),), "this file has no name"),
        ((io.StringIO("x"), "a.txt"), "opened in binary mode"),
        ((5, "a.txt"), "a file is a path, bytes, a file opened in binary mode, or an iterator of bytes, not 5"),
        ((b"x", "a.txt", "text/plain\r\nX-Evil: 1"), "contentType must look like"),
        ((b"x", "a.txt", "plain"), "contentType must look like"),
    ],
)
def test_what_is_no_file(arguments: tuple[Any, ...], said: str) -> None:
    with pytest.raises(ArgumentError, match=re.escape(said)):
        Upload(*arguments)


def test_several_files_are_a_list(world: World) -> None:
    client = datasets(world, "http://127.0.0.1:1")
    for files_, said in ((b"x", r"takes a list of files: \[file\]"), ([], "takes at least one file")):
        with pytest.raises(ArgumentError, match=said):
            world(client.insert_images("k", files_))


def test_what_turns_out_to_be_no_file(world: World, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"x" * 100)
    shrinking = Upload(path)
    path.write_bytes(b"x")
    with wire([DONE]) as server:
        client = datasets(world, server.url)
        for file, kind, said in (
            (shrinking, FastGPTError, "'a.txt' became shorter while it was sent: 99 bytes are missing"),
            (Upload(iter(["text"]), "a.txt"), ArgumentError, "must give bytes, not str"),  # type: ignore[list-item]
            (Upload(failing(), "a.txt"), OSError, "disk on fire"),
        ):
            with pytest.raises(kind, match=said):
                world(client.create_file_collection("d", file))
        if not world.asynchronous:
            with pytest.raises(ArgumentError, match="by an async client only"):
                client.create_file_collection("d", Upload(asynchronously([b"x"]), "a.txt"))


def failing() -> Iterator[bytes]:
    yield b"first"
    raise OSError("disk on fire")


def test_a_file_that_grows_is_sent_as_it_was(world: World, tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"12345")
    upload = Upload(path)
    path.write_bytes(b"1234567")
    with wire([DONE]) as server:
        world(datasets(world, server.url).create_file_collection("d", upload))
        assert parts_of(server.requests[0])[1] == [("a.log", b"12345")]


# Forms ----------------------------------------------------------------------------------------------------------------


def test_names_as_real_servers_understood_them() -> None:
    """What was stored as 文件乙.txt by 4.11.1, 4.14.4 and 4.16.0 (coll-create-localFile-name-percent)."""
    assert _quoted("文件乙.txt") == "%E6%96%87%E4%BB%B6%E4%B9%99.txt"
    assert _quoted("a plan (2).txt") == "a plan (2).txt"
    assert _quoted('a"b\\c%d\r\n\0.txt') == "a%22b%5Cc%25d%0D%0A%00.txt"
    assert _quoted("\ud83d.txt") == "?.txt", "half an emoji cannot be sent"


FILES = st.tuples(st.text(min_size=1, max_size=20), st.binary(max_size=50))


@given(
    st.lists(FILES, min_size=1, max_size=3),
    st.dictionaries(st.text(min_size=1, max_size=10), st.text(max_size=20), max_size=2),
)
def test_a_form_is_read_as_it_was_meant(given_files: list[tuple[str, bytes]], fields: dict[str, str]) -> None:
    form = Form([Upload(data, name, "text/plain") for name, data in given_files], None, fields).with_data(b'{"a": 1}')
    body = b"".join(form.pieces())
    assert len(body) == form.size
    told, found = parsed(form.type, body)
    readable = {name: value.encode("utf-8", "replace") for name, value in fields.items() if name != "data"}
    expected = {name.encode("utf-8", "replace").decode(): value for name, value in readable.items()}
    assert {unquote(name): value for name, value in told} == {**expected, "data": b'{"a": 1}'}
    assert [(unquote(name), data) for name, data in found] == [
        (name.encode("utf-8", "replace").decode(), data) for name, data in given_files
    ]


def test_several_files_in_one_form(world: World, on_disk: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    with wire([DONE]) as server:
        client = datasets(world, server.url)
        made = world(
            client.create_image_collection(
                "d", "Parts", [on_disk, Upload(b"12", "b.png")], "p", ["t"], progress=lambda *now: seen.append(now)
            )
        )
        assert made.data.collectionId == "k"
        world(client.insert_images("k", [Upload(b"3", "c.jpg")]))
        world(client.create_backup_collection("d", b"q,a", filename="d.csv", tags=["t"]))
        world(client.create_template_collection("d", b"q,a", filename="e.csv", trainingType="chunk"))
    assert server.paths() == [
        f"POST /api/core/dataset/{path}"
        for path in ("collection/create/images", "data/insertImages", "collection/create/backup",
                     "collection/create/template")
    ]  # fmt: skip
    sent = [parts_of(request) for request in server.requests]
    assert [json.loads(fields[0][1]) for fields, _ in sent] == [
        {"datasetId": "d", "parentId": "p", "collectionName": "Parts", "tags": ["t"]},
        {"collectionId": "k"},
        {"datasetId": "d", "tags": ["t"]},
        {"trainingType": "chunk", "datasetId": "d"},
    ]
    assert sent[0][1] == [("%E6%96%87%E4%BB%B6.txt", DATA), ("b.png", b"12")]
    assert seen[-1] == (len(DATA) + 2, len(DATA) + 2)
    assert b"Content-Type: image/jpeg" in server.requests[1]


def test_more_for_the_data_of_a_form(world: World) -> None:
    with wire([DONE]) as server:
        client = datasets(world, server.url)
        world(client.create_file_collection("d", b"x", filename="a.txt", extra_body={"new": 1}))
        assert json.loads(parts_of(server.requests[0])[0][0][1]) == {"datasetId": "d", "new": 1}
        with pytest.raises(ArgumentError, match="'chunksize'"):
            world(client.create_file_collection("d", b"x", filename="a.txt", chunksize=1))


@pytest.mark.parametrize("library", [httpx, httpx2])
@pytest.mark.parametrize("kind", ["path", "bytes", "pipe", "iterator"])
def test_over_a_client_of_the_caller(world: World, on_disk: Path, library: Any, kind: str) -> None:
    with wire([DONE]) as server:
        brought = (library.AsyncClient if world.asynchronous else library.Client)(trust_env=False)
        client = datasets(world, server.url, http_client=brought)
        world(client.create_file_collection("d", SOURCES[kind](on_disk)))
        world(brought.aclose() if world.asynchronous else brought.close())
    headers = headers_of(server.requests[0])
    assert ("content-length" in headers) is (kind in ("path", "bytes"))
    assert ("transfer-encoding" in headers) is (kind in ("pipe", "iterator"))
    assert parts_of(server.requests[0])[1] == [("%E6%96%87%E4%BB%B6.txt", DATA)]


# When it breaks -------------------------------------------------------------------------------------------------------


def test_a_reset_in_the_middle(world: World) -> None:
    seen: list[int] = []
    with wire(["reset"], heads=True) as server:
        client = datasets(world, server.url, max_retries=3)
        with pytest.raises(APIConnectionError) as caught:
            world(client.create_file_collection("d", bytes(50_000_000), filename="a.txt",
                                                progress=lambda sent, _: seen.append(sent)))  # fmt: skip
        assert not caught.value.certainly_unsent
        assert len(server.requests) == 1, "it may have arrived"
        assert not seen or seen[-1] < 50_000_000


def test_what_certainly_never_left_is_sent_again(world: World, on_disk: Path) -> None:
    """Nobody listens: a file is tried again, an iterator too, as nothing was taken from it."""
    with wire([DONE]) as gone:
        url = gone.url
    for kind in ("path", "iterator"):
        file = SOURCES[kind](on_disk)
        upload = Upload(file)
        with pytest.raises(APIConnectionError, match="cannot connect"):
            world(datasets(world, url, max_retries=1).create_file_collection("d", upload))
        assert upload.sendable


@pytest.mark.parametrize("kind", ["path", "open file", "iterator", "pipe"])
def test_a_body_is_sent_again_only_if_it_can_be(world: World, on_disk: Path, kind: str) -> None:
    file = SOURCES[kind](on_disk)
    busy = envelope(None, 429, message="Rate limit exceeded. Please try again in 0 seconds")
    with wire([busy], [DONE]) as server:
        client = datasets(world, server.url, max_retries=2)
        if kind in UNKNOWN_SIZE:
            with pytest.raises(APIError) as caught:
                world(client.create_file_collection("d", file))
            assert caught.value.status_code == 429
            assert len(server.requests) == 1
        else:
            world(client.create_file_collection("d", file))
            assert [parts_of(request)[1][0][1] for request in server.requests] == [DATA, DATA]
    if hasattr(file, "close"):
        file.close()


@pytest.mark.parametrize("kind", ["path", "iterator"])
def test_an_older_path_gets_a_body_that_is_still_there(
    world: World, on_disk: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = {"/core/dataset/collection/create/localFile": (VersionForm("POST", "/older"),)}
    monkeypatch.setattr("fastgpt_client._flow.OLDER_FORMS", older)
    page = http(b"<!DOCTYPE html>", 404, {"content-type": "text/html"})
    with wire([page], [DONE]) as server:
        client, file = datasets(world, server.url), SOURCES[kind](on_disk)
        if kind == "path":
            world(client.create_file_collection("d", file))
            assert [parts_of(request)[1][0][1] for request in server.requests] == [DATA, DATA]
        else:
            with pytest.raises(NotFoundError):
                world(client.create_file_collection("d", file))
            assert len(server.requests) == 1


def test_told_progress_goes_back_when_it_is_sent_again(world: World, on_disk: Path) -> None:
    seen: list[int] = []
    with wire([http(status=503)], [DONE]) as server:
        url = f"{server.url}/put"
        presigned = envelope({"url": url, "key": "k", "previewUrl": "p"})
        server.scripts[:0] = [[presigned]]
        client = chats(world, server.url, max_retries=1)
        world(client.upload_chat_file("app", "c", on_disk, progress=lambda sent, _: seen.append(sent)))
    assert seen == [PIECE, 2 * PIECE, len(DATA), 0, PIECE, 2 * PIECE, len(DATA)]


@pytest.mark.parametrize("answered", [http(b"Body exceeded", 413), http(b"<html>nginx</html>", 413)])
def test_an_early_no(world: World, answered: bytes) -> None:
    """The server answers after the head, and hangs up or not: the answer is told, not the broken pipe."""
    for rest in (["close"], [1.0]):
        script: list[Step] = [answered, 0.1, *cast("list[Step]", rest)]
        with wire(script, heads=True) as server:
            client = datasets(world, server.url, timeout=5, max_retries=2)
            with pytest.raises(ValidationError) as caught:
                world(client.create_file_collection("d", Upload(iter([bytes(100_000)] * 300), "a.txt")))
            assert caught.value.status_code == 413
            assert "client_max_body_size" in str(caught.value)
            assert len(server.requests) == 1


def test_a_server_that_takes_nothing_more(world: World) -> None:
    with wire([3.0], heads=True) as server:
        client = datasets(world, server.url, timeout=0.3)
        with pytest.raises(APITimeoutError, match="could not be sent in time"):
            world(client.create_file_collection("d", Upload(iter([bytes(PIECE)] * 200), "a.txt")))


def test_files_are_closed_when_sending_breaks(world: World, tmp_path: Path) -> None:
    path = tmp_path / "large.bin"
    path.write_bytes(bytes(30_000_000))
    with wire([0.05, "reset"], heads=True) as server:
        with pytest.raises(APIConnectionError) as caught:
            world(datasets(world, server.url).create_file_collection("d", path))
        held = [os.readlink(f"/proc/self/fd/{each}") for each in open_files()]
        assert str(path) not in held
        del caught


def open_files() -> list[str]:
    """Descriptors that can be looked at; none where there is no such list."""
    try:
        found = os.listdir("/proc/self/fd")
    except OSError:
        return []
    return [each for each in found if os.path.islink(f"/proc/self/fd/{each}")]


# Downloads ------------------------------------------------------------------------------------------------------------

CSV = {"content-type": "text/csv; charset=utf-8;", "content-disposition": "attachment; filename=data.csv; "}


def test_a_download_in_pieces(world: World) -> None:
    with wire([http(DATA, headers=CSV)]) as server:
        client = datasets(world, server.url)
        file = world(client.export_collection("k"))
        assert (file.filename, file.contentType, file.size, file.status_code) == (
            "data.csv",
            "text/csv",
            len(DATA),
            200,
        )
        with pytest.raises(FastGPTError, match="has not been read"):
            _ = file.data
        assert b"".join(world.run(file, "iter_bytes")) == DATA
        with pytest.raises(FastGPTError, match="read or closed already"):
            world.run(file, "iter_bytes")
        file = world(client.export_collection("k"))
        assert world.run(file, "read") == DATA == file.data
        assert b"".join(world.run(file, "iter_bytes")) == DATA, "what was read whole stays"
        assert json.loads(body_of(server.requests[0])) == {"collectionId": "k"}


def test_a_download_is_saved(world: World, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    with wire([http(DATA, headers=CSV)]) as server:
        client = datasets(world, server.url)
        path = world.run(world(client.download_collections("t")), "save", tmp_path, lambda *now: seen.append(now))
        assert path == tmp_path / "data.csv"
        assert path.read_bytes() == DATA
        assert seen[-1] == (len(DATA), len(DATA))
        assert server.paths() == ["GET /api/core/dataset/collection/batchDownload?ticket=t"]
        other = tmp_path / "other.csv"
        other.write_bytes(b"before")
        assert world.run(world(client.export_collection("k")), "save", str(other)) == other
        assert other.read_bytes() == DATA
        assert other.stat().st_mode & 0o777 == 0o666 & ~umask()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["data.csv", "other.csv"]


def umask() -> int:
    now = os.umask(0)
    os.umask(now)
    return now


def test_a_large_download_is_written_in_blocks(world: World, tmp_path: Path) -> None:
    data = os.urandom(3_000_001)
    with wire([http(data, headers=CSV)]) as server:
        path = world.run(world(datasets(world, server.url).export_collection("k")), "save", tmp_path / "x")
    assert path.read_bytes() == data


@pytest.mark.parametrize(
    "broken",
    [
        [http(DATA, headers=CSV, length=len(DATA) + 5), "close"],
        [http(DATA, headers=CSV, length=len(DATA) + 5), "reset"],
        [b"HTTP/1.1 200 OK\r\ncontent-type: text/csv\r\ntransfer-encoding: chunked\r\n\r\n" + chunk(DATA), "close"],
    ],
)
def test_nothing_is_left_of_a_download_that_is_cut(world: World, tmp_path: Path, broken: list[Step]) -> None:
    kept = tmp_path / "a.csv"
    kept.write_bytes(b"before")
    with wire(broken) as server:
        file = world(datasets(world, server.url).export_collection("k"))
        with pytest.raises(APIConnectionError):
            world.run(file, "save", kept)
    assert kept.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [kept]


def test_a_place_that_cannot_be_written(world: World, tmp_path: Path) -> None:
    nameless = http(DATA)
    with wire([http(DATA, headers=CSV)], [nameless]) as server:
        client = datasets(world, server.url)
        with pytest.raises(FileNotFoundError):
            world.run(world(client.export_collection("k")), "save", tmp_path / "no" / "where")
        with pytest.raises(ArgumentError, match="does not name this file"):
            world.run(world(client.export_collection("k")), "save", tmp_path)
        assert not list(tmp_path.iterdir())


def test_a_download_that_is_closed(world: World) -> None:
    with wire([http(DATA, headers=CSV)]) as server:
        client = datasets(world, server.url)
        file = world(client.export_collection("k"))
        world(file.aclose() if world.asynchronous else file.close())
        with pytest.raises(FastGPTError, match="read or closed already"):
            world.run(file, "save", "nowhere")
        assert not Path("nowhere").exists()


@pytest.mark.parametrize(
    ("answered", "kind"),
    [
        (envelope(None, 514, statusText="unAuthApiKey"), AuthenticationError),
        (http(b'{"code":514,"statusText":"unAuthApiKey"}', headers={"content-type": "application/json"}),
         AuthenticationError),
        (http(b'{"code":500,"message":"x"}', 500), ServerError),
        (http(b"<html><title>Log in</title>", headers={"content-type": "text/html"}), UnexpectedResponseError),
        (http(b"<html>", 404, {"content-type": "text/html"}), NotFoundError),
    ],
)  # fmt: skip
def test_an_error_instead_of_a_file(world: World, answered: bytes, kind: type[Exception]) -> None:
    with wire([answered]) as server, pytest.raises(kind):
        world(datasets(world, server.url).export_collection("k"))


def test_speech_is_found_on_older_servers(world: World) -> None:
    page = http(b"<!DOCTYPE html>", 404, {"content-type": "text/html"})
    with wire([page], [http(b"RIFF")]) as server:
        client = chats(world, server.url)
        for _ in range(2):
            file = world(client.get_speech("Hello", {"model": "m", "voice": "v"}))
            assert (world.run(file, "read"), file.contentType, file.filename) == (b"RIFF", "", None)
    assert [path.split("/api/core/chat/")[1] for path in server.paths()] == [
        "record/getSpeech", "item/getSpeech", "item/getSpeech",
    ]  # fmt: skip
    assert json.loads(body_of(server.requests[0])) == {
        "appId": "app", "ttsConfig": {"model": "m", "voice": "v"}, "input": "Hello",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ("attachment; filename=data.csv; ", "data.csv"),
        ('attachment; filename="a b.zip"', "a b.zip"),
        ("inline; filename=\"x.txt\"; filename*=UTF-8''%E6%96%87.txt", "文.txt"),
        ("attachment; filename*=nonsense''%E6.txt; filename=\"y.txt\"", "y.txt"),
        ("attachment; filename*=utf-8''%FF.txt", None),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="C:\\\\temp\\\\a.txt"', "a.txt"),
        ('attachment; filename=".."', None),
        ('attachment; filename="a\\"b"', 'a"b'),
        ("inline", None),
        ("", None),
    ],
)
def test_file_names_of_the_server(disposition: str, name: str | None) -> None:
    assert _filename(disposition) == name


@given(st.text())
def test_a_name_of_the_server_is_never_a_path(disposition: str) -> None:
    name = _filename(f"attachment; filename=\"{disposition}\"; filename*=UTF-8''{disposition}")
    assert name is None or (Path(name).name == name and name.isprintable())


# Uploads to where the server says -------------------------------------------------------------------------------------


def test_the_whole_way_on_a_local_server(world: World, server: LocalServer, on_disk: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    client = chats(world, server.base_url)
    file = world(client.upload_chat_file("app", "c", on_disk, progress=lambda *now: seen.append(now)))
    assert isinstance(file, UploadedFile)
    assert (file.name, file.type, file.url) == ("文件.txt", "file", file.previewUrl)
    assert seen[-1] == (len(DATA), len(DATA))
    with httpx2.Client(trust_env=False) as plain:
        assert plain.get(file.url).content == DATA
        picture = world(client.upload_chat_image(chatId="c", file=Upload(b"\x89PNG", "b.png")))
        looked = plain.get(picture.url)
        assert (looked.content, looked.headers["content-type"]) == (b"\x89PNG", "image/png")
    assert world(client.presign_chat_file_get_url(file.key, chatId="c")).data == file.url


def test_the_forms_of_the_earlier_sdk(world: World, server: LocalServer, on_disk: Path) -> None:
    client = chats(world, server.base_url, app_id=None)
    file = world(client.upload_chat_file(appId="app", chatId="c", file_path=str(on_disk), file_type="doc"))
    assert dict(file) == {each: file[each] for each in ("name", "key", "url", "previewUrl", "type")}
    assert (file["type"], file["name"], file.get("key"), file.get("none", "x")) == ("file", "文件.txt", file.key, "x")
    assert ("url" in file, "nothing" in file, len(file), list(file)) == (True, False, 5, list(file.keys()))
    with pytest.raises(KeyError):
        file["nothing"]
    assert world(client.upload_chat_image("app", "c", str(on_disk)))["type"] == "img"
    with pytest.raises(ArgumentError, match="file is needed"):
        world(client.upload_chat_file("app", "c"))


def test_parts_of_messages() -> None:
    file = UploadedFile("a.pdf", "k", "u", "u", "file")
    assert file.as_part() == {"type": "file_url", "name": "a.pdf", "url": "u", "key": "k"}
    picture = UploadedFile("a.png", "k", "u", "u", "img")
    assert picture.as_part() == {"type": "image_url", "image_url": {"url": "u"}, "key": "k"}


@pytest.mark.parametrize("version", ["4.14", "4.11"])
def test_the_whole_way_on_older_servers(world: World, version: str, on_disk: Path) -> None:
    with LocalServer(api_keys=[KEY], apps=["app"], delay=0, version=version) as server:
        client = chats(world, server.base_url)
        for _ in range(2):
            file = world(client.upload_chat_file("app", "c", on_disk))
            assert (file.name, file.type) == ("文件.txt", "file")
            assert file.key
            with httpx2.Client(trust_env=False) as plain:
                looked = plain.get(file.url)
                assert looked.content == DATA
                assert "%E6%96%87%E4%BB%B6.txt" in looked.headers["content-disposition"]
        key = world(datasets(world, server.base_url).upload_dataset_file("d" * 24, on_disk))
        assert key.startswith("dataset/") or len(key) == 24


def test_an_old_server_is_remembered(world: World) -> None:
    page = http(b"<!DOCTYPE html>", 404, {"content-type": "text/html"})
    stored = envelope({"fileId": "f", "previewUrl": "p"})
    with wire([page], [page], [stored], [stored]) as server:
        client = chats(world, server.url)
        share = {"shareId": "s", "outLinkUid": "u"}
        for _ in range(2):
            file = world(client.upload_chat_file(chatId="c", file=Upload(b"x", "a.png"), outLinkAuthData=share))
            assert file == UploadedFile("a.png", "f", "p", "p", "img")
    assert [path.split("/api/")[1] for path in server.paths()] == [
        "core/chat/file/presignChatFilePostUrl", "core/chat/presignChatFilePostUrl",
        "common/file/upload", "common/file/upload",
    ]  # fmt: skip
    fields, found = parts_of(server.requests[2])
    assert fields[0] == ("bucketName", b"chat")
    assert json.loads(fields[1][1]) == {"outLinkAuthData": share, "chatId": "c", **share}
    assert found == [("a.png", b"x")]


def test_what_is_not_there_is_no_old_server(world: World) -> None:
    gone = envelope(None, 500, code=502000, statusText="appUnExist")
    with wire([gone]) as server, pytest.raises(NotFoundError, match="app"):
        world(chats(world, server.url).upload_chat_file("app", "c", b"x", filename="a.txt"))
    assert len(server.requests) == 1
    page = http(b"<!DOCTYPE html>", 404, {"content-type": "text/html"})
    with wire([page]) as server:
        client = chats(world, server.url)
        with pytest.raises(NotFoundError):
            world(client.upload_chat_file("app", "c", b"x", filename="a.txt"))
        assert len(server.requests) == 3
        assert client._session.forms == {}


def presigned(server: Wire, storage: Wire, **said: Any) -> None:
    """Let a server say where in the storage to upload to."""
    server.scripts[:] = [[envelope({"url": f"{storage.url}/bucket/key?X-Amz-Signature=s", "key": "k", **said})]]


HEADERS = {"content-type": "text/plain", "x-amz-meta-origin-filename": "a.txt"}


@pytest.mark.parametrize("library", [None, httpx, httpx2])
@pytest.mark.parametrize("form", [True, False])
def test_the_key_never_goes_to_a_storage(world: World, library: Any, form: bool) -> None:
    stored = http(status=204) if form else http(status=200, headers={"etag": '"e"'})
    brought: Any = None
    if library is not None:
        made = library.AsyncClient if world.asynchronous else library.Client
        brought = made(trust_env=False, headers={"authorization": f"Bearer {KEY}"}, cookies={"token": KEY},
                       auth=("user", KEY))  # fmt: skip
    with wire([stored]) as storage, wire([]) as server:
        said = (
            {"fields": {"key": "k", "Content-Type": "text/x-signed", "policy": "p"}} if form else {"headers": HEADERS}
        )
        presigned(server, storage, previewUrl="http://host/p", **said)
        client = chats(world, server.url, http_client=brought, headers={"x-gateway": KEY})
        world(client.upload_chat_file("app", "c", b"hello", filename="a.txt", extra_headers={"x-more": KEY}))
        if brought is not None:
            world(brought.aclose() if world.asynchronous else brought.close())
    (request,) = storage.requests
    assert KEY.encode() not in request
    assert KEY.encode() in server.requests[0]
    headers = headers_of(request)
    assert not {"authorization", "cookie", "x-gateway", "x-more"} & set(headers)
    if form:
        assert storage.paths() == ["POST /bucket/key?X-Amz-Signature=s"]
        fields, found = parts_of(request)
        assert fields == [("key", b"k"), ("Content-Type", b"text/x-signed"), ("policy", b"p")]
        assert found == [("a.txt", b"hello")]
        assert b"Content-Type: text/x-signed\r\n\r\nhello" in request, "the storage compares it with the field"
    else:
        assert storage.paths() == ["PUT /bucket/key?X-Amz-Signature=s"]
        assert body_of(request) == b"hello"
        assert headers["content-length"] == "5"
        assert {name: headers[name] for name in HEADERS} == HEADERS


@pytest.mark.parametrize("library", [None, httpx2])
def test_a_storage_may_want_a_key_of_its_own(world: World, library: Any) -> None:
    brought: Any = None
    if library is not None:
        headers = {"authorization": f"Bearer {KEY}"}
        brought = (library.AsyncClient if world.asynchronous else library.Client)(trust_env=False, headers=headers)
    with wire([http()]) as storage, wire([]) as server:
        presigned(server, storage, previewUrl="p", headers={"Authorization": "storage"})
        world(chats(world, server.url, http_client=brought).upload_chat_file("app", "c", b"x", filename="a.txt"))
        assert headers_of(storage.requests[0])["authorization"] == "storage"
        if brought is not None:
            world(brought.aclose() if world.asynchronous else brought.close())


def test_signed_addresses_are_not_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "fastgpt_client"), wire([http()]) as storage, wire([]) as server:
        presigned(server, storage, previewUrl="p")
        world(chats(world, server.url).upload_chat_file("app", "c", b"x", filename="a.txt"))
        assert f"PUT {storage.url} → 200" in caplog.text
        assert "/api/core/chat/file/presignChatFilePostUrl → 200" in caplog.text
        assert "Signature" not in caplog.text


def test_an_address_without_a_host_is_the_servers_own(world: World) -> None:
    with wire([envelope({"url": "/api/system/file/u/t", "key": "k", "previewUrl": "/p"})], [envelope({})]) as server:
        file = world(chats(world, server.url).upload_chat_file("app", "c", b"x", filename="a.txt"))
        assert server.paths()[1] == "PUT /api/system/file/u/t"
        assert file.url == "/p"


XML = b'<?xml version="1.0"?><Error><Code>%b</Code><Message>%b</Message></Error>'


@pytest.mark.parametrize(
    ("answered", "kind", "said"),
    [
        (http(XML % (b"EntityTooLarge", b"too big"), 400), ValidationError, "the storage refused: too big"),
        (http(XML % (b"SignatureDoesNotMatch", b"no"), 403), PermissionDeniedError, "SignatureDoesNotMatch"),
        (http(b"<Error><Code>MissingContentLength</Code></Error>", 411), ValidationError, "MissingContentLength"),
        (envelope(None, 403, code=507003, statusText="unAuthFile"), PermissionDeniedError, "unAuthFile"),
        (envelope(None, 200, code=500, message="odd"), ServerError, "odd"),
        (http(b"moved", 307, {"location": "/x"}), ServerError, "moved"),
    ],
)
def test_a_storage_that_refuses(world: World, answered: bytes, kind: type[Exception], said: str) -> None:
    with wire([answered]) as storage, wire([]) as server:
        presigned(server, storage)
        with pytest.raises(kind, match=said):
            world(chats(world, server.url).upload_chat_file("app", "c", b"x", filename="a.txt"))


def test_a_storage_is_tried_again(world: World, on_disk: Path) -> None:
    trouble: list[list[Step]] = [
        ["reset"],
        [http(XML % (b"InternalError", b"oops"), 500)],
        [http(status=503)],
        [http()],
    ]
    for kind in ("path", "iterator"):
        with wire(*trouble) as storage, wire([]) as server:
            presigned(server, storage, previewUrl="p")
            client, file = chats(world, server.url, max_retries=3), SOURCES[kind](on_disk)
            if kind == "path":
                world(client.upload_chat_file("app", "c", file))
                assert [body_of(request) for request in storage.requests] == [DATA] * 4
            else:
                with pytest.raises(APIConnectionError):
                    world(client.upload_chat_file("app", "c", file))
                assert len(storage.requests) == 1


def test_a_storage_that_is_not_there_is_named(world: World) -> None:
    with wire([]) as storage:
        url = storage.url
    with wire([envelope({"url": f"{url}/x?Signature=s", "key": "k"})]) as server:
        client = chats(world, server.url)
        with pytest.raises(APIConnectionError, match=f"cannot connect to {url}:"):
            world(client.upload_chat_file("app", "c", b"x", filename="a.txt"))


def test_a_server_that_does_not_say_where(world: World) -> None:
    with wire([envelope(None)]) as server:
        with pytest.raises(UnexpectedResponseError, match="does not say where"):
            world(chats(world, server.url).upload_chat_file("app", "c", b"1234", filename="a.txt"))
        assert len(server.requests) == 1


def test_a_file_that_is_too_large_is_not_sent(world: World) -> None:
    with wire([envelope({"url": "http://127.0.0.1:1/x", "key": "k", "maxSize": 3})]) as server:
        client = chats(world, server.url)
        with pytest.raises(ArgumentError, match=r"'a\.txt' has 4 bytes, and this server takes at most 3"):
            world(client.upload_chat_file("app", "c", b"1234", filename="a.txt"))


# In parts -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["path", "bytes", "open file"])
def test_in_parts_on_a_local_server(world: World, on_disk: Path, kind: str) -> None:
    seen: list[tuple[int, int | None]] = []
    with LocalServer(apps=["app"], delay=0, multipart_threshold=100_000) as server:
        client = world.make("ChatClient", server.api_key, server.base_url, max_retries=0)
        file = SOURCES[kind](on_disk)
        uploaded = world(client.upload_chat_file("app", "c", file, progress=lambda *now: seen.append(now)))
        with httpx2.Client(trust_env=False) as plain:
            assert plain.get(uploaded.url).content == DATA
        if hasattr(file, "close"):
            file.close()
    assert seen[-1] == (len(DATA), len(DATA))
    assert len(seen) == 13


class Storage(Wire):
    """A server that takes parts, and answers a part as told until it has no more to say."""

    def __init__(self, troubles: dict[str, list[list[Step]]], **said: Any) -> None:
        super().__init__([])
        self.troubles = troubles
        url = f"{self.url}/u?t=1"
        self.presigned = {
            "url": url, "key": "k", "previewUrl": "p", "headers": {"x-part": "1"}, "uploadMode": "multipart",
            "completeUrl": f"{self.url}/complete", "abortUrl": f"{self.url}/abort", "partSize": 2, "concurrency": 2,
            "maxRetry": 2, **said,
        }  # fmt: skip
        self.scripts = cast("Any", self)
        self.came: list[float] = []  # when

    def __len__(self) -> int:
        return 1_000_000

    def __getitem__(self, number: int) -> list[Step]:
        self.came.append(time.monotonic())
        request = self.requests[-1]
        path = request.split(b" ", 2)[1].decode()
        if todo := self.troubles.get(path):
            return todo.pop(0)
        if "presign" in path:
            return [envelope(self.presigned)]
        if part := re.search(r"partNumber=(\d+)", path):
            return [envelope({"etag": f'"e{part[1]}"'})]
        return [envelope({"key": "k"})]

    def asked(self) -> list[str]:
        return [path for path in self.paths() if "presign" not in path]


@pytest.fixture
def storage() -> Iterator[Callable[..., Storage]]:
    made: list[Storage] = []

    def make(troubles: dict[str, list[list[Step]]] | None = None, **said: Any) -> Storage:
        made.append(Storage(troubles or {}, **said))
        return made[-1]

    yield make
    for each in made:
        each.stop()


def test_parts_byte_for_byte(world: World, storage: Callable[..., Storage]) -> None:
    server = storage()
    key = world(datasets(world, server.url).upload_dataset_file("d", b"12345", filename="a.txt"))
    assert key == "k"
    assert sorted(server.asked()) == [
        "POST /complete", "PUT /u?t=1&partNumber=1", "PUT /u?t=1&partNumber=2", "PUT /u?t=1&partNumber=3",
    ]  # fmt: skip
    assert server.asked()[-1] == "POST /complete"
    bodies = {request.split(b" ", 2)[1][-1:]: request for request in server.requests if request.startswith(b"PUT")}
    assert {number: body_of(request) for number, request in bodies.items()} == {b"1": b"12", b"2": b"34", b"3": b"5"}
    assert all(headers_of(request)["x-part"] == "1" for request in bodies.values())
    assert all(KEY.encode() not in request for request in server.requests[1:])
    assert json.loads(body_of(server.requests[-1])) == {
        "parts": [{"partNumber": number, "etag": f'"e{number}"'} for number in (1, 2, 3)]
    }
    assert json.loads(body_of(server.requests[0])) == {"datasetId": "d", "filename": "a.txt", "size": 5}


def test_a_part_that_fails_is_sent_again(world: World, storage: Callable[..., Storage]) -> None:
    path = "/u?t=1&partNumber=2"
    server = storage({path: [[envelope(None, 500)], ["reset"]]})
    seen: list[int] = []
    client = datasets(world, server.url)  # the server says how often, not the client
    world(client.upload_dataset_file("d", b"12345", filename="a.txt", progress=lambda sent, _: seen.append(sent)))
    assert server.asked().count(f"PUT {path}") == 3
    assert server.asked()[-1] == "POST /complete"
    assert seen[-1] == 5
    assert max(seen) == 5


@pytest.mark.parametrize("aborted", [[], [[http(status=500)]], [["reset"]]])
def test_an_upload_that_fails_for_good_is_given_up(
    world: World, storage: Callable[..., Storage], aborted: list[list[Step]]
) -> None:
    trouble: list[list[Step]] = [[envelope(None, 500, message="broken disk")]]
    server = storage({"/u?t=1&partNumber=1": trouble * 3, "/abort": aborted}, concurrency=1)
    with pytest.raises(ServerError, match="broken disk"):
        world(datasets(world, server.url).upload_dataset_file("d", b"12345", filename="a.txt"))
    assert server.asked() == ["PUT /u?t=1&partNumber=1"] * 3 + ["POST /abort"]


def test_an_upload_that_cannot_be_completed_is_given_up(world: World, storage: Callable[..., Storage]) -> None:
    server = storage({"/complete": [[envelope(None, 400, message="count")]]}, abortUrl=None)
    with pytest.raises(ValidationError, match="count"):
        world(datasets(world, server.url).upload_dataset_file("d", b"12345", filename="a.txt"))
    assert server.asked()[-1] == "POST /complete"


def test_options_of_an_upload_are_those_of_its_steps(world: World, storage: Callable[..., Storage]) -> None:
    server = storage({"/u?t=1&partNumber=1": [[1.0, http()]]}, partSize=5, maxRetry=0)
    client = datasets(world, server.url, timeout=5)
    with pytest.raises(APITimeoutError):
        world(client.upload_dataset_file("d", b"12345", filename="a.txt", timeout=0.2, max_retries=0))


@pytest.mark.parametrize("said", [{"partSize": 0}, {"completeUrl": None}])
def test_parts_that_make_no_sense(world: World, storage: Callable[..., Storage], said: dict[str, Any]) -> None:
    server = storage(None, **said)
    with pytest.raises(UnexpectedResponseError, match="does not say how"):
        world(datasets(world, server.url).upload_dataset_file("d", b"12345", filename="a.txt"))


def test_the_etag_of_a_part_may_be_a_header(world: World, storage: Callable[..., Storage]) -> None:
    server = storage({"/u?t=1&partNumber=1": [[http(headers={"etag": '"h"'})]]}, partSize=5, maxRetry=None,
                     concurrency=None)  # fmt: skip
    world(datasets(world, server.url).upload_dataset_file("d", b"12345", filename="a.txt"))
    assert json.loads(body_of(server.requests[-1]))["parts"] == [{"partNumber": 1, "etag": '"h"'}]
    server = storage({"/u?t=1&partNumber=1": [[http()]]}, partSize=5)
    with pytest.raises(APIError, match="did not say its etag"):
        world(datasets(world, server.url).upload_dataset_file("d", b"12345", filename="a.txt"))


def test_parts_go_at_the_same_time(world: World, storage: Callable[..., Storage]) -> None:
    server = storage({f"/u?t=1&partNumber={number}": [[1.0, envelope({"etag": "e"})]] for number in (1, 2)}, partSize=3)
    world(datasets(world, server.url).upload_dataset_file("d", b"12345", filename="a.txt"))
    assert server.came[2] - server.came[1] < 0.9, "the second came before the first was answered"


def test_a_cancelled_upload_gives_its_connections_back(loop: asyncio.AbstractEventLoop) -> None:
    world = World(True, loop)
    server = Storage({f"/u?t=1&partNumber={number}": [[5.0]] for number in (1, 2)}, partSize=3)
    try:
        client = datasets(world, server.url, timeout=Timeout(reply=10))

        async def cancelled() -> None:
            task = asyncio.ensure_future(client.upload_dataset_file("d", b"12345", filename="a.txt"))
            assert await asyncio.to_thread(until, lambda: len(server.requests) == 3)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        loop.run_until_complete(cancelled())
        assert until(lambda: world.busy(client) == 0)
    finally:
        server.stop()
    world.close()


def test_pieces_are_told_once_however_often_they_are_read() -> None:
    seen: list[int] = []
    upload = Upload(b"abc", "a.txt")
    raw = Raw(upload, Meter(lambda sent, total: seen.append(sent), [upload]))
    assert isinstance(raw, Content)
    assert list(raw.pieces()) == list(raw.pieces()) == [b"abc"]
    assert seen == [3, 0, 3]
