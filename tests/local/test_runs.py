"""Runs: streams, stops, lost connections, many at once, ends and new beginnings."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from fastgpt_client.local import LocalServer, Settings
from fastgpt_client.local.models import pieces_of, respond

from .conftest import Api, frames, names, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SLOW = {"reply": "one two three four", "delay": 0.15}


def until(condition: Callable[[], Any], seconds: float = 5) -> Any:
    end = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
    return result


def status_of(api: Api, chat_id: str) -> int:
    return api.get("/core/chat/init", chatId=chat_id).json()["data"]["chatGenerateStatus"]


def read_one(lines: Iterator[str]) -> None:
    next(line for line in lines if line.startswith("data:"))


# --- streams


def test_the_lines_of_a_frame_come_apart(api: Api) -> None:
    """As FastGPT writes them."""
    body = {"messages": [{"role": "user", "content": "hi"}], "stream": True, "detail": True}
    with api.http.stream("POST", "/api/v2/chat/completions", json=body) as response:
        raw = b"".join(response.iter_raw())
    assert raw.startswith(b'event: chatTitle\ndata: {"title":"hi"}\n\n')


@pytest.mark.parametrize("version", [1, 2])
def test_heartbeats(serve: Callable[..., Api], version: int) -> None:
    api = serve(heartbeat=0.05, script=[{"wait": 0.3, "reply": "late"}])
    events = api.stream("hi", version)
    assert text_of(events) == "late"
    beats = [data for _, data in events if data != "[DONE]" and data["choices"][0]["delta"].get("content") == ""]
    assert len(beats) >= 3


def test_one_chat_one_run(serve: Callable[..., Api]) -> None:
    api = serve(script=[SLOW])
    with api.open("hi", chatId="c") as lines:
        read_one(lines)
        refused = api.say("me too", chatId="c")
        assert (refused.status_code, refused.json()["code"]) == (500, 504001)
        assert api.stream("me too", chatId="c")[0][1]["statusText"] == "chatIsGenerating"
        assert api.get("/core/chat/resume", chatId="c").status_code == 406
        assert api.records("c")[1]["value"] == []
        assert status_of(api, "c") == 0
        assert len([*lines]) > 3
    assert api.say("and now", chatId="c").status_code == 200


def test_of_requests_that_race_for_a_chat_one_wins(serve: Callable[..., Api]) -> None:
    api = serve(script=[{"reply": "done", "wait": 0.2}])

    async def main() -> list[int]:
        body = {"messages": [{"role": "user", "content": "hi"}], "chatId": "c"}
        async with httpx2.AsyncClient(
            base_url=api.server.base_url, headers=dict(api.http.headers), trust_env=False
        ) as http:
            calls = (http.post("/api/v1/chat/completions", json=body) for _ in range(5))
            return [response.json().get("code", 200) for response in await asyncio.gather(*calls)]

    assert sorted(asyncio.run(main())) == [200, 504001, 504001, 504001, 504001]
    assert len(api.records("c")) == 2


def test_many_chats_at_once(serve: Callable[..., Api]) -> None:
    api = serve(delay=0.001)

    async def talk(http: httpx2.AsyncClient, number: int) -> None:
        for turn in range(3):
            message = {"role": "user", "content": f"message {turn} of {number}"}
            body = {"chatId": f"c{number}", "messages": [message], "stream": turn % 2 == 0}
            response = await http.post(f"/api/v{1 + number % 2}/chat/completions", json=body)
            assert response.status_code == 200
            text = text_of(frames(response.text)) or json.loads(response.text)["choices"][0]["message"]["content"]
            assert f"message 0 of {number}" in text

    async def main() -> None:
        headers = dict(api.http.headers)
        limits = httpx2.Limits(max_connections=50)
        async with httpx2.AsyncClient(
            base_url=api.server.base_url, headers=headers, limits=limits, timeout=30, trust_env=False
        ) as http:
            await asyncio.gather(*(talk(http, number) for number in range(50)))

    asyncio.run(main())
    assert api.data("/core/chat/history/getHistories")["total"] == 50
    assert len(api.records("c7")) == 6


# --- ends


def test_a_v1_run_ends_when_nobody_listens(serve: Callable[..., Api]) -> None:
    api = serve(script=[SLOW])
    with api.open("hi", chatId="c", responseChatItemId="r") as lines:
        read_one(lines)
    until(lambda: status_of(api, "c") == 1)
    answer = api.records("c")[1]
    text = answer["value"][0]["text"]["content"]
    assert text != "one two three four"
    assert "one two three four".startswith(text)
    assert api.get("/core/chat/record/getResData", chatId="c", dataId="r").json()["data"][1]["finishReason"] == "close"


def test_a_v2_run_goes_on(serve: Callable[..., Api]) -> None:
    api = serve(script=[SLOW])
    with api.open("hi", 2, chatId="c") as lines:
        read_one(lines)
    assert status_of(api, "c") == 0
    assert api.say("hi again", 2, chatId="c").json()["code"] == 504001
    until(lambda: status_of(api, "c") == 1)
    assert api.records("c")[1]["value"][0]["text"]["content"] == "one two three four"


@pytest.mark.parametrize("version", [1, 2])
def test_stop(serve: Callable[..., Api], version: int) -> None:
    api = serve(script=[{**SLOW, "reasoning": "so", "delay": 0.05}])
    with api.open("hi", version, chatId="c", detail=True) as lines:
        read_one(lines)
        stopped = api.data("/v2/chat/stop", {"chatId": "c"})
        assert stopped == {"success": True, "completed": False, "chatGenerateStatus": 0}
        rest = "\n".join(lines)
    assert rest.rstrip().endswith("data: [DONE]")
    assert api.data("/v2/chat/stop", {"chatId": "c"})["completed"] is True
    assert api.data("/v2/chat/stop", {"chatId": "unknown"})["success"] is True
    assert status_of(api, "c") == 1


def test_a_chat_deleted_while_it_runs_stays_deleted(serve: Callable[..., Api]) -> None:
    api = serve(script=[{"reply": "one two", "delay": 0.1}])
    with api.open("hi", chatId="c") as lines:
        read_one(lines)
        api.delete("/core/chat/history/delHistory", chatId="c")
        assert len([*lines]) > 1
    assert api.records("c") == []


def test_the_server_ends_while_streams_are_open(serve: Callable[..., Api], tmp_path: Path) -> None:
    db = tmp_path / "chats.db"
    server = LocalServer(db=db, script=[{"reply": "word " * 1000, "delay": 0.05}]).start()
    headers = {"authorization": f"Bearer {server.api_key}"}
    with httpx2.Client(base_url=server.base_url, headers=headers, trust_env=False) as http:
        body = {"messages": [{"role": "user", "content": "hi"}], "stream": True, "chatId": "c"}
        with http.stream("POST", "/api/v1/chat/completions", json=body) as response:
            lines = response.iter_lines()
            read_one(lines)
            started = time.monotonic()
            server.stop()
            assert time.monotonic() - started < 2
            assert [*lines][-2:] == ["data: [DONE]", ""]
    server.stop()
    again = serve(db=db)
    assert again.records("c")[1]["value"][0]["text"]["content"].startswith("word ")


# --- beginnings


def test_server_life(tmp_path: Path) -> None:
    server = LocalServer()
    with pytest.raises(RuntimeError, match="not running"):
        _ = server.base_url
    with server:
        url = server.base_url
        with pytest.raises(RuntimeError, match="already"):
            server.start()
        port = int(url.rsplit(":", 1)[1])
        with pytest.raises(OSError, match="use"):
            LocalServer(port=port).start()
    with server:  # the same port, as far as the system lets it
        assert server.base_url == url
    with pytest.raises(ValueError, match="database"):
        LocalServer(db=tmp_path / "no" / "such.db").start()
    with LocalServer(host="::1") as six:
        assert httpx2.get(six.base_url, trust_env=False).status_code == 200


RUN = """
import sys
from fastgpt_client.local import Settings, run
script = [{"match": "long", "reply": "word " * 1000, "delay": 0.01}]
run(Settings(db=sys.argv[1], script=script), port=0, on_ready=lambda url: print(url, flush=True))
print("ended", flush=True)
"""


class Process:
    def __init__(self, db: Path) -> None:
        command = [sys.executable, "-c", RUN, str(db)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()

    def end(self, number: int) -> tuple[int, str, str]:
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=10)
        return self.process.returncode, out, err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_what_was_said_outlives_the_process(tmp_path: Path, serve: Callable[..., Api], number: int) -> None:
    db = tmp_path / "chats.db"
    process = Process(db)
    headers = {"authorization": "Bearer fastgpt-local"}
    message = {"messages": [{"role": "user", "content": "first"}], "chatId": "done"}
    with httpx2.Client(base_url=process.url, headers=headers, trust_env=False) as http:
        assert http.post("/api/v1/chat/completions", json=message).status_code == 200
        message = {"messages": [{"role": "user", "content": "long"}], "chatId": "cut", "stream": True}
        with http.stream("POST", "/api/v2/chat/completions", json=message) as response:
            lines = response.iter_lines()
            read_one(lines)
            code, out, err = process.end(number)
    crashed = number == signal.SIGKILL
    if not crashed:
        assert (code, out, err) == (0, "ended\n", "")
    api = serve(db=db)
    assert [len(api.records("done")), status_of(api, "done")] == [2, 1]
    question, answer = api.records("cut")
    assert question["value"][0]["text"]["content"] == "long"
    assert bool(answer["value"]) != crashed
    assert status_of(api, "cut") == (2 if crashed else 1)
    assert "first" in api.answer("what did I say first?", chatId="done")
    assert api.say("go on", chatId="cut").status_code == 200


def test_run_in_this_process(tmp_path: Path) -> None:
    """The same as above where coverage can see it."""
    from fastgpt_client.local import run

    urls: list[str] = []

    def ready(url: str) -> None:
        urls.append(url)
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()

    run(Settings(), port=0, on_ready=ready)
    assert urls
    with pytest.raises(ValueError, match="script"):
        run(Settings(script=tmp_path / "missing.yaml"), port=0)


def test_nothing_secret_in_the_log(serve: Callable[..., Api], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    api = serve(api_keys=["fastgpt-topsecret"], model_key="sk-topsecret", model_url="http://127.0.0.1:1")
    api.get("/support/openapi/health", apiKey="fastgpt-topsecret")
    api.say("hi")
    assert any("/api/support/openapi/health 200" in record.getMessage() for record in caplog.records)
    ours = [record.getMessage() for record in caplog.records if record.name.startswith(("fastgpt", "uvicorn"))]
    assert not [message for message in ours if "topsecret" in message]
    assert "topsecret" not in repr(api.server.settings)


def test_a_bug_is_an_error_answer(api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    from fastgpt_client.local import models
    from fastgpt_client.local.store import Store

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Store, "records", broken)
    assert api.post("/core/chat/record/getRecords_v2", {"chatId": "c"}).json()["message"] == "Internal server error"
    monkeypatch.undo()
    monkeypatch.setattr(models, "respond", broken)
    assert api.stream("hi", chatId="c")[-1] == ("error", {"message": "a bug"})
    assert api.say("hi", chatId="d").json()["message"] == "a bug"
    assert status_of(api, "c") == 2
    assert "a run failed" in caplog.text


# --- the built-in responder


def test_the_responder() -> None:
    first = respond("hello there", [])
    assert first.startswith("Hello!")
    assert "not a model" in first
    assert 'You began this chat with: "I am Ann"' in respond("and the weather?", ["I am Ann"])
    assert '"I am Ann"; "I like tea"' in respond("What is my name?", ["I am Ann", "I like tea"])
    assert "我叫小明" in respond("我叫什么？", ["我叫小明"])
    assert "不是模型" in respond("今天天气", [])
    assert "".join(pieces_of("Hello,  中文字 and\nmore ")) == "Hello,  中文字 and\nmore "
    assert pieces_of("abcde", 2) == ["ab", "cd", "e"]


def test_the_first_message_comes_back(api: Api) -> None:
    for version in (1, 2):
        chat = f"c{version}"
        api.answer("The code word is quince 木瓜.", version=version, chatId=chat)
        for question in ("what did I say before?", "tell me a joke", "之前说了什么"):
            assert "The code word is quince 木瓜." in api.answer(question, version=version, chatId=chat)
    assert names(api.stream("hi", chatId="c1", detail=True))[-1] == "answer"
