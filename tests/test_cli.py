from __future__ import annotations

import io
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

import fastgpt_client.cli as cli
from fastgpt_client import ChatClient, __version__
from fastgpt_client.cli.app import app
from fastgpt_client.cli.serve import run_server
from fastgpt_client.local import LocalServer, Settings

from .conftest import KEY

runner = CliRunner()


@pytest.fixture
def flags(server: LocalServer) -> list[str]:
    return ["--base-url", server.base_url, "--api-key", KEY]


def test_nothing_configured() -> None:
    done = runner.invoke(app, ["chat", "Hello!"])
    assert done.exit_code == 2
    assert done.stdout == ""
    assert len(re.findall(r"^  fastgpt-client (serve|chat)", done.stderr, re.M)) == 2


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


def test_serving_until_it_is_ended(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fastgpt_client", "serve", "--host", "0.0.0.0", "--port", "0"]
    command += ["--db", str(tmp_path / "chats.db"), "--app", "shop", "--script", str(tmp_path / "rules.yaml")]
    (tmp_path / "rules.yaml").write_text("rules: [{match: price, reply: Three.}]")
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        lines = [process.stderr.readline() for _ in range(5)]
        assert "everybody who can reach this machine" in lines[0]
        assert "FastGPT 4.16" in lines[1]
        assert "shop (chat)" in lines[2]
        url = re.search(r"http://0\.0\.0\.0:(\d+)", lines[1])
        assert url, lines
        with ChatClient("fastgpt-local", f"http://127.0.0.1:{url[1]}") as client:
            assert client.conversation().send("The price?").text == "Three."
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


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
