from __future__ import annotations

import io
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

import fastgpt_client.cli as cli
from fastgpt_client import ChatClient, __version__
from fastgpt_client.cli import chat as chat_command
from fastgpt_client.cli.app import app
from fastgpt_client.cli.serve import run_server
from fastgpt_client.local import LocalServer, Settings

from .conftest import KEY
from .wire import until

runner = CliRunner()


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_command, "notes", Console(stderr=True, highlight=False, width=200))


@pytest.fixture
def flags(server: LocalServer) -> list[str]:
    return ["--base-url", server.base_url, "--api-key", KEY]


def test_asking_once(flags: list[str]) -> None:
    done = runner.invoke(app, ["chat", "Hello!", *flags])
    assert done.exit_code == 0
    assert "Hello!" in done.stdout
    assert done.stderr == ""


def test_talking(flags: list[str]) -> None:
    done = runner.invoke(app, ["chat", *flags], input="My name is Ann.\n\nWhat is my name?\n")
    assert done.exit_code == 0
    assert done.stdout.count("Ann") >= 2
    assert "Ctrl-D leaves" in done.stderr


def test_going_on_with_a_chat(flags: list[str], server: LocalServer) -> None:
    with ChatClient(KEY, server.base_url) as client:
        conversation = client.conversation()
        conversation.send("My name is Ann.")
    done = runner.invoke(app, ["chat", "What is my name?", "--chat-id", conversation.chatId, *flags])
    assert "Ann" in done.stdout


def test_answering_a_choice_and_a_form(flags: list[str]) -> None:
    done = runner.invoke(app, ["chat", "--app", "sel", *flags], input="start\n1\n")
    assert "Pick one" in done.stderr
    assert "1. Confirm" in done.stderr
    assert "start" in done.stdout
    done = runner.invoke(app, ["chat", "--app", "sel", *flags], input="start\nnothing\nCancel\n")
    assert "none of the options" in done.stderr
    assert "start" in done.stdout
    done = runner.invoke(app, ["chat", "--app", "form", *flags], input="start\nAnn, 41\n")
    assert "Fill in" in done.stderr
    assert "(may be left empty)" in done.stderr
    assert "start" in done.stdout
    done = runner.invoke(app, ["chat", "start", "--app", "form", *flags])
    assert "Answer with the values" in done.stderr


def test_nothing_configured() -> None:
    done = runner.invoke(app, ["chat", "Hello!"])
    assert done.exit_code == 2
    assert done.stdout == ""
    assert len(re.findall(r"^  fastgpt-client (serve|chat)", done.stderr, re.M)) == 2


def test_failures_have_an_exit_code_and_no_key(server: LocalServer) -> None:
    done = runner.invoke(app, ["chat", "x", "--base-url", server.base_url, "--api-key", "fastgpt-geheim"])
    assert done.exit_code == 1
    assert "AuthenticationError" in done.stderr
    assert "geheim" not in done.stderr
    done = runner.invoke(app, ["chat", "x", "--base-url", "http://127.0.0.1:9", "--api-key", "k"])
    assert done.exit_code == 1
    assert "fastgpt-client serve" in done.stderr
    done = runner.invoke(app, ["chat", "x", "--base-url", "nonsense", "--api-key", "k"])
    assert done.exit_code == 1
    assert "base_url must look like" in done.stderr


def test_a_failing_node_is_told() -> None:
    rules = {"rules": [{"reply": "Half", "error": "terminated"}]}
    with LocalServer(script=rules) as server:
        done = runner.invoke(app, ["chat", "x", "--base-url", server.base_url, "--api-key", server.api_key])
    assert "Half" in done.stdout
    assert "terminated" in done.stderr


def test_on_a_terminal_it_shows_what_the_app_is_busy_with(
    flags: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(chat_command, "notes", Console(stderr=True, force_terminal=True, width=100))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    code = chat_command.talk("Hello!", flags[1], flags[3], None, None, configured=True)
    assert code == 0
    shown = capsys.readouterr()
    assert "Hello!" in shown.out
    assert "chatId" in shown.err


def test_version_and_help() -> None:
    assert runner.invoke(app, ["--version"]).stdout == f"fastgpt-client {__version__}\n"
    shown = runner.invoke(app, ["serve", "--help"]).stdout
    for option in (
        "--host",
        "--port",
        "--db",
        "--embedding-url",
        "--api-key",
        "--app",
        "--model-url",
        "--model",
        "--model-key",
        "--script",
        "--version",
    ):
        assert option in shown


def test_the_entry_point(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["fastgpt-client", "--version"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    monkeypatch.setitem(sys.modules, "fastgpt_client.cli.app", None)
    with pytest.raises(ModuleNotFoundError):
        cli.main()


def test_without_the_extras(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "typer", None)
    monkeypatch.delitem(sys.modules, "fastgpt_client.cli.app")
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "install fastgpt-client[cli]" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "fastgpt_client.local", None)
    assert run_server("127.0.0.1", 0, [], {}) == 2
    assert "[server]" in capsys.readouterr().err


def test_serving_refuses_what_cannot_be(tmp_path: Path) -> None:
    script = tmp_path / "script.yaml"
    script.write_text("rules: [{nonsense: 1}]")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for arguments, said in (
            (["--app", "x:dragon"], "unknown app kind 'dragon'"),
            (["--script", str(script)], "rule 1: unknown field 'nonsense'"),
            (["--script", str(tmp_path / "none.yaml")], "cannot be read"),
            (["--port", port], "ddress already in use"),
            (["--version", "4.12"], "unknown FastGPT version '4.12': use one of 4.11, 4.14, 4.16"),
        ):
            done = runner.invoke(app, ["serve", *arguments])
            assert done.exit_code == 2, done.stderr
            assert said in done.stderr


def test_serving_a_version(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[Settings] = []
    monkeypatch.setattr("fastgpt_client.local.run", lambda settings, *_, **__: served.append(settings))
    for arguments in ([], ["--version", "4.14"]):
        assert runner.invoke(app, ["serve", *arguments]).exit_code == 0
    assert [settings.version for settings in served] == ["4.16", "4.14"]


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "fastgpt_client", "serve", "--host", "0.0.0.0", "--port", "0"]
    command += ["--db", str(tmp_path / "chats.db"), "--app", "shop", "--script", str(tmp_path / "rules.yaml")]
    (tmp_path / "rules.yaml").write_text("rules: [{match: slow, pieces: [one, two, three], delay: 1}]")
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    lines = [process.stderr.readline() for _ in range(5)]
    assert "everybody who can reach this machine" in lines[0]
    assert "FastGPT 4.16" in lines[1]
    assert "shop (chat)" in lines[2]
    url = re.search(r"http://0\.0\.0\.0:(\d+)", lines[1])
    assert url, lines
    yield process, f"http://127.0.0.1:{url[1]}"
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    process.stderr.close()


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_stops_the_answer_not_the_program(serving: tuple[subprocess.Popen[str], str]) -> None:
    _, url = serving
    command = [sys.executable, "-u", "-m", "fastgpt_client", "chat", "--base-url", url, "--api-key", "fastgpt-local"]
    talking = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    )
    assert talking.stdin
    assert talking.stdout
    talking.stdin.write("slow please\n")
    talking.stdin.flush()
    assert talking.stdout.read(3) == "one"
    talking.send_signal(signal.SIGINT)
    time.sleep(0.5)
    talking.stdin.write("Are you there?\n")
    talking.stdin.close()
    assert until(lambda: talking.poll() is not None, 20)
    rest = talking.stdout.read()
    assert talking.returncode == 0
    assert "three" not in rest
    assert "Are you there?" in rest
    assert talking.stderr
    assert "(stopped)" in talking.stderr.read()
    talking.stdout.close()
    talking.stderr.close()


def test_ctrl_c_at_the_prompt_and_while_asking_once(flags: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    said = iter([KeyboardInterrupt(), EOFError()])

    def interrupted(_: str) -> str:
        raise next(said)

    monkeypatch.setattr("builtins.input", interrupted)
    done = runner.invoke(app, ["chat", *flags])
    assert done.exit_code == 0
    assert done.stderr.count("Ctrl-D leaves") == 2

    def broken(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(chat_command, "_ask", broken)
    assert runner.invoke(app, ["chat", "x", *flags]).exit_code == 130


def test_the_demo_tells_its_story(monkeypatch: pytest.MonkeyPatch) -> None:
    from fastgpt_client.cli import demo

    story = Console(record=True, width=120, file=io.StringIO(), highlight=False)
    monkeypatch.setattr(demo, "out", story)
    assert runner.invoke(app, ["demo"]).exit_code == 0
    shown = story.export_text()
    for part in (
        "Hello! Who are you?",
        "My name is Ann",
        "Form",
        "20 answers in",
        "█",
        "~ 1",
        "holidays.md: ",
        "Done.",
    ):
        assert part in shown
