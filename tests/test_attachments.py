"""Files that go with a message."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest

from fastgpt_client import NO_HISTORY, ArgumentError, Upload, UploadedFile
from fastgpt_client.conversation.attachments import check
from fastgpt_client.local import AppSpec, LocalServer

from .conftest import KEY, World
from .proxy import proxy

PNG = b"\x89PNG\r\n\x1a\n"
APPS = [
    AppSpec("any"),
    AppSpec("images", files={"canSelectImg": True, "maxFiles": 2}),
    AppSpec("custom", files={"canSelectCustomFileExtension": True, "customFileExtensionList": [".log"]}),
]


@pytest.fixture(scope="module", params=["4.11", "4.14", "4.16"])
def storing(request: pytest.FixtureRequest) -> Any:
    with LocalServer(api_keys=[KEY], apps=APPS, delay=0, version=request.param) as server:
        yield server


def parts(gate: Any) -> list[Any]:
    """The content of the last question, as it was sent."""
    body = gate.asked("/chat/completions")[-1].split(b"\r\n\r\n", 1)[1]
    body = body or gate.requests[gate.requests.index(gate.asked("/chat/completions")[-1]) + 1]
    return json.loads(body)["messages"][-1]["content"]


def test_all_kinds_of_files(world: World, storing: Any, tmp_path: Path) -> None:
    (tmp_path / "计划.txt").write_text("the plan")
    (tmp_path / "cat.png").write_bytes(PNG)
    with proxy(storing.base_url) as gate, open(tmp_path / "cat.png", "rb") as opened:
        client = world.make("ChatClient", KEY, gate.url, app_id="any")
        conversation = client.conversation()
        files = [
            tmp_path / "计划.txt",
            str(tmp_path / "cat.png"),
            opened,
            Upload(b"a,b", "table.csv"),
            "https://example.com/a%20b.pdf?x=1",
            "HTTPS://example.com/dog.jpg",
            "data:image/png;base64,AAAA",
            UploadedFile("done.pdf", "k", "http://h/done.pdf", "http://h/done.pdf"),
            {"type": "file_url", "name": "own", "url": "http://h/own"},
        ]
        reply = world(conversation.send("look", files=files))
        assert "计划.txt" in reply.text
        sent = parts(gate)
    assert [part["type"] for part in sent] == [
        "text", "file_url", "image_url", "image_url", "file_url", "file_url", "image_url", "image_url", "file_url",
        "file_url",
    ]  # fmt: skip
    assert sent[0] == {"type": "text", "text": "look"}
    assert sent[1]["url"].startswith("http")
    assert sent[5]["name"] == "a b.pdf"
    assert sent[7]["image_url"]["url"] == "data:image/png;base64,AAAA"


def test_files_alone_and_beside_parts(world: World, storing: Any) -> None:
    with proxy(storing.base_url) as gate:
        conversation = world.make("ChatClient", KEY, gate.url, app_id="any").conversation()
        world(conversation.send([{"type": "text", "text": "see"}], files=["https://example.com/a.png"]))
        assert [part["type"] for part in parts(gate)] == ["text", "image_url"]
        assert "a.txt" in world(conversation.send("", files=[Upload(b"x", "a.txt")])).text
        assert [part["type"] for part in parts(gate)] == ["file_url"], "no empty text goes with it"
        assert len(world(conversation.history()).data.list) == 4


def test_bytes_that_show_what_they_are(world: World, storing: Any) -> None:
    pictures = [PNG, b"\xff\xd8\xff\xe0", b"GIF89a", b"RIFF\x00\x00\x00\x00WEBP"]
    named = io.BytesIO(b"a,b")
    named.name = "table.csv"
    with proxy(storing.base_url) as gate:
        conversation = world.make("ChatClient", KEY, gate.url, app_id="any").conversation()
        world(conversation.send("look", files=[*pictures, io.BytesIO(PNG), b"%PDF-1.7", bytearray(PNG), named]))
        sent = parts(gate)[1:]
    assert [part["type"] for part in sent] == ["image_url"] * 5 + ["file_url", "image_url", "file_url"]
    assert [part["name"] for part in sent if "name" in part] == ["file.pdf", "table.csv"]


def test_inline(world: World, storing: Any, tmp_path: Path) -> None:
    with proxy(storing.base_url) as gate:
        client = world.make("ChatClient", KEY, gate.url, app_id="any")
        for conversation in (client.conversation(upload="inline"), client.conversation(NO_HISTORY)):
            world(conversation.send("look", files=[Upload(PNG, "cat.png")]))
            assert parts(gate)[1]["image_url"]["url"] == "data:image/png;base64," + base64.b64encode(PNG).decode()
        assert gate.asked("/file/") == gate.asked("resign") == [], "nothing is uploaded"
        inline = client.conversation(upload="inline")
        with pytest.raises(ArgumentError, match=r"'a\.txt' is no picture: with upload=\"inline\""):
            world(inline.send("look", files=[Upload(b"x", "a.txt")]))
        with pytest.raises(ArgumentError, match="a conversation that leaves no trace"):
            world(client.conversation(NO_HISTORY).send("look", files=[Upload(b"x", "a.txt")]))
        with pytest.raises(ArgumentError, match='has 5242881 bytes, more than 5242880: use upload="server"'):
            world(inline.send("look", files=[Upload(bytes(5242881), "a.png")]))
        with pytest.raises(ArgumentError, match='has 5242881 bytes, more than 5242880: use upload="server"'):
            world(inline.send("look", files=[Upload(iter([bytes(5242881)]), "a.png")]))
        with pytest.raises(ArgumentError, match="upload must be one of auto, server, inline, not 'base64'"):
            client.conversation(upload="base64")


def test_what_the_app_does_not_take(world: World, storing: Any) -> None:
    client = world.make("ChatClient", KEY, storing.base_url)
    images, custom = client.conversation(appId="images"), client.conversation(appId="custom")
    with pytest.raises(ArgumentError, match=r"does not take 'plan\.pdf' \(application/pdf\): canSelectFile is not on"):
        world(images.send("look", files=[Upload(b"x", "plan.pdf")]))
    with pytest.raises(ArgumentError, match="these are 3 files, and the app takes 2 at once"):
        world(images.send("look", files=[Upload(PNG, "cat.png")] * 3))
    assert world(images.send("look", files=[Upload(PNG, "cat.png"), "https://example.com/what"])).text
    with pytest.raises(ArgumentError, match=r"does not take 'a\.bin': of other files only \.log"):
        world(custom.send("look", files=[Upload(b"x", "a.bin")]))
    assert world(custom.send("look", files=[Upload(b"x", "a.log")])).text


def test_what_is_no_file(world: World, storing: Any) -> None:
    conversation = world.make("ChatClient", KEY, storing.base_url, app_id="any").conversation()
    for file, said in (
        (b"x", r'give Upload\(data, "plan\.docx"\)'),
        (io.BytesIO(b"x"), r'give Upload\(data, "plan\.docx"\)'),
        (Upload(b"", "a.txt"), "'a.txt' is empty, or was read to its end"),
        (io.StringIO("x"), "open it in binary mode"),
        ("nowhere.txt", "cannot read 'nowhere.txt'"),
    ):
        with pytest.raises(ArgumentError, match=said):
            world(conversation.send("look", files=[file]))
    for files in ("a.txt", b"abc", {"type": "file_url"}, None):
        with pytest.raises(ArgumentError, match="files must be a list"):
            world(conversation.send("look", files=files))


def test_rules() -> None:
    check(["https://a/b.pdf"], None)
    check(["https://a/b.pdf"], {"maxFiles": 1})
    check([], {"maxFiles": 0})
    check([{"type": "file_url"}], {"canSelectFile": False})
    check([UploadedFile("cat", type="img")], {"canSelectImg": True})
    check(["https://a/b.mp4", "https://a/b.mp3"], {"canSelectVideo": True, "canSelectAudio": True})
    check(["https://a/b.xyz"], {"canSelectCustomFileExtension": True, "customFileExtensionList": []})
    for file in ("https://a/b.mp4", "data:text/plain,x", "data:,x", "https://a"):
        with pytest.raises(ArgumentError):
            check([file], {"canSelectImg": False})
