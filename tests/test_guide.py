"""The guide that users follow: every program in it runs, unmodified, against the command-line server on port 3000."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .wire import until

PROGRAMS = Path(__file__).parent / "guide"
QUESTIONS = "My favourite colour is ultramarine.\nWhat is my favourite colour?\nquit\n"


def _reachable() -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", 3000)) == 0


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    assert not _reachable(), "port 3000 is in use: the programs of the guide need it"
    command = [sys.executable, "-m", "fastgpt_client", "serve", "--port", "3000"]
    command += ["--api-key", "fastgpt-xxxxx", "--app", "your-app-id"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    assert until(_reachable, 20), process.stderr and process.stderr.read()
    yield "http://localhost:3000"
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
    assert process.stderr
    process.stderr.close()


def _run(program: str, said: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(PROGRAMS / f"{program}.py")],
        input=said,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_initialization(served: str) -> None:
    assert _run("initialization") == ""


def test_basic_usage(served: str) -> None:
    assert "Hello!" in _run("basic_usage")


def test_streaming(served: str) -> None:
    assert "Tell me a story" in _run("streaming")


def test_multiple_concurrent_requests(served: str) -> None:
    shown = _run("multiple_concurrent_requests")
    for concept in ("AI", "Machine Learning", "Deep Learning"):
        assert f"\n{concept}:\n" in shown
        assert f"What is {concept}?" in shown


def test_app_client(served: str) -> None:
    shown = _run("app_client")
    assert "'code': 200" in shown
    assert "chatData" in shown


def test_chat_application_remembers_and_keeps_one_chat(served: str) -> None:
    from fastgpt_client import ChatClient

    with ChatClient("fastgpt-xxxxx", served, app_id="your-app-id") as client:
        client.clear_chat_histories()
        shown = _run("chat_application", QUESTIONS)
        first, second = shown.split("AI: ")[1:3]
        assert "ultramarine" in first
        assert "My favourite colour is ultramarine." in second
        histories = client.get_chat_histories().data
        assert histories.total == 1
        records = client.get_chat_records(chatId=histories.list[0].chatId).data
        assert [record.obj for record in records.list] == ["Human", "AI", "Human", "AI"]
