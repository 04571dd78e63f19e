"""``kb push`` and ``kb sync``."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from fastgpt_client.cli import kb_tools
from fastgpt_client.cli.app import app
from fastgpt_client.local import LocalServer

from ..conftest import KEY
from ..terminal.screen import Screen
from . import torture
from .bad_network import Proxy

if os.name != "nt":
    import fcntl
    import pty
    import termios

Kb = Callable[..., Result]


@pytest.fixture
def kb(other_server: LocalServer) -> Kb:
    flags = ["--base-url", other_server.base_url, "--api-key", KEY]
    return lambda *words, **settings: CliRunner().invoke(app, ["kb", *map(str, words), *flags], **settings)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "docs" / "in").mkdir(parents=True)
    for number in range(5):
        (tmp_path / "docs" / "in" / f"{number}.md").write_text(f"text {number}")
    (tmp_path / "docs" / "picture.png").write_text("x")
    return tmp_path / "docs"


def test_push_and_sync(kb: Kb, folder: Path) -> None:
    name = folder.parent.name
    missing = kb("push", folder, "--kb", name)
    assert missing.exit_code == 2
    assert "there is no knowledge base called" in missing.stderr
    assert "--create makes it" in missing.stderr
    new = kb("sync", folder, "--kb", name, "--create", "--plan")
    assert new.stdout.splitlines()[0] == "+ in/0.md"
    assert new.stdout.splitlines()[-1].startswith("+ 5  ~ 0  - 0  = 0")
    assert name not in kb("list").stdout
    pushed = kb("push", folder, "--kb", name, "--create", "--chunk", "chunkSize=500", "--chunk", "trainingType=chunk")
    assert pushed.exit_code == 0, pushed.stderr
    assert pushed.stdout.startswith("+ 5  ~ 0  - 0  = 0  (1 skipped) in ")
    assert "skipped: 1, not a kind that FastGPT reads" in pushed.stderr
    chunks = ("--chunk", "chunkSize=500", "--chunk", "trainingType=chunk")
    (folder / "in" / "0.md").unlink()
    (folder / "in" / "1.md").rename(folder / "1.md")
    (folder / "in" / "2.md").write_text("changed")
    planned = kb("sync", folder, "--kb", name, "--plan", *chunks)
    assert planned.exit_code == 0
    assert planned.stdout.splitlines()[:3] == ["→ in/1.md → 1.md", "- in/0.md", "~ in/2.md"]
    assert planned.stdout.splitlines()[3].startswith("+ 0  ~ 1  - 1  → 1 renamed  = 2")
    as_json = kb("sync", folder, "--kb", name, "--plan", "--json", *chunks).stdout.splitlines()
    assert [json.loads(line).get("step") for line in as_json[1:-1]] == ["rename", "remove", "change"]
    asked = kb("sync", folder, "--kb", name, *chunks)
    assert asked.exit_code == 2
    assert "- in/0.md" in asked.stderr
    assert "say --yes if you mean it" in asked.stderr
    watched = kb("sync", folder, "--kb", name, "--watch", *chunks)
    assert watched.exit_code == 2
    assert "say --yes or --no-delete" in watched.stderr
    done = kb("sync", folder, "--kb", name, "--yes", "--json", *chunks)
    assert done.exit_code == 0
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["phase"] for line in lines[:-1]} == {"scan", "upload", "training", "remove"}
    assert lines[-1]["ok"] is True
    assert lines[-1]["report"]["plan"] == {"add": 0, "change": 1, "remove": 1, "rename": 1, "same": 2}
    again = kb("sync", folder, "--kb", name, *chunks)  # nothing to remove: nobody is asked
    assert again.exit_code == 0
    assert again.stdout.startswith("+ 0  ~ 0  - 0  = 4")
    kept = kb("sync", folder, "--kb", name, "--no-delete", "--state", folder.parent / "other.db", *chunks)
    assert kept.stdout.startswith("+ 0  ~ 0  - 0  = 4")


def test_a_folder_that_is_suddenly_empty(kb: Kb, folder: Path) -> None:
    name = folder.parent.name
    for number in range(5, 12):
        (folder / "in" / f"{number}.md").write_text(f"text {number}")
    kb("push", folder, "--kb", name, "--create")
    (folder / "in").rename(folder.parent / "elsewhere")
    refused = kb("sync", folder, "--kb", name, "--yes")
    assert refused.exit_code == 1
    assert (
        "has 0 of the 12 files that were put in from it: 12 would be removed, and at most 10 may be" in refused.stderr
    )
    assert "--max-delete 12" in refused.stderr
    assert kb("sync", folder, "--kb", name, "--yes", "--max-delete", "11").exit_code == 1
    assert kb("show", name).stdout.count(".md") == 12
    assert kb("sync", folder, "--kb", name, "--yes", "--max-delete", "12").exit_code == 0
    assert ".md" not in kb("show", name).stdout


def test_failures(kb: Kb, folder: Path) -> None:
    for number in range(25):
        (folder / f"bad {number:02}.csv").write_text("q,a\n,lost\n")
    name = folder.parent.name
    failed = kb("push", folder, "--kb", name, "--create")
    assert failed.exit_code == 1
    assert "failed: bad 00.csv: line 2: there is an answer and no question" in failed.stderr
    assert "… and 5 more; --json has all." in failed.stderr
    assert "✗ 25 failed" in failed.stdout
    (folder / "bad 07.csv").write_text("q,a\nnow,good\n")
    again = kb("push", folder, "--kb", name, "--retry-failed")
    assert again.stdout.startswith("+ 25  ~ 0  - 0  = 5  ✗ 24 failed")
    unread = kb("push", folder, "--kb", name, "--chunk", "chunkSize=many")
    assert unread.exit_code == 2
    assert "Expected `float`, got `str` - at `$.chunkSize`" in unread.stderr
    wrong = kb("push", folder, "--kb", name, "--chunk", "chunkSize")
    assert wrong.exit_code == 2
    assert "--chunk takes NAME=VALUE" in wrong.stderr


def test_people_see_what_is_removed(kb: Kb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(22):
        (tmp_path / f"{number:02}.md").write_text(f"text {number}")
    kb("push", tmp_path, "--kb", tmp_path.name, "--create")
    for number in range(21):
        (tmp_path / f"{number:02}.md").unlink()
    asked: list[str] = []

    def answer(question: str, err: bool) -> bool:
        if not asked:
            asked.append(question)
            raise typer.Abort
        asked.append(question)
        return len(asked) > 2

    monkeypatch.setattr(kb_tools, "people_are_here", lambda: True)
    monkeypatch.setattr(typer, "confirm", answer)
    stopped, refused, done = (kb("sync", tmp_path, "--kb", tmp_path.name) for _ in range(3))
    assert asked == [f"Remove 21 of 22 from {tmp_path.name}?"] * 3
    assert stopped.exit_code == 130
    assert "Interrupted. The same command goes on where it was." in stopped.stderr
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "- 19.md\n… and 1 more; --plan shows all.\nNothing was changed." in refused.stderr
    assert done.exit_code == 0
    assert done.stdout.startswith("+ 0  ~ 0  - 21  = 1")


class Terminal:
    """Runs a command with a terminal of 100 columns as stdin and stderr, and as stdout unless that is a file."""

    def __init__(self, server: LocalServer, *words: object, stdout: IO[bytes] | None = None) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 100, 0, 0))
        environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fastgpt_client", "kb", *map(str, words)],
            stdin=theirs,
            stdout=stdout or theirs,
            stderr=theirs,
            env={
                **environment,
                "TERM": "xterm-256color",
                "FASTGPT_BASE_URL": server.base_url,
                "FASTGPT_API_KEY": KEY,
            },
            start_new_session=True,
        )
        os.close(theirs)
        self.written = bytearray()
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        with suppress(OSError):  # the other side is closed
            while data := os.read(self._ours, 4096):
                self.written.extend(data)

    def wait_for(self, text: str) -> None:
        end = time.monotonic() + 20
        while text not in self.written.decode("utf-8", "replace"):
            assert time.monotonic() < end, self.written
            time.sleep(0.02)

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def end(self) -> tuple[int, str]:
        """The exit code, and what is left on the screen."""
        code = self.process.wait(20)
        self._reading.join(5)
        os.close(self._ours)
        screen = Screen(50)
        screen.feed(self.written.decode("utf-8", "replace"))
        return code, screen.text


@pytest.mark.skipif(os.name == "nt", reason="terminals of POSIX")
def test_the_question_stands_alone(kb: Kb, other_server: LocalServer, folder: Path) -> None:
    name = folder.parent.name
    kb("push", folder, "--kb", name, "--create")
    (folder / "in" / "0.md").unlink()
    (folder / "in" / "1.md").write_text("changed")
    question = f"- in/0.md\nRemove 1 of 5 from {name}? [y/N]: "
    for typed, code, said in (
        ("n\n", 1, "n\nNothing was changed. --no-delete does the rest, and removes nothing."),
        ("\x03", 130, "^C"),
        ("y\n", 0, "y\nupload "),
    ):
        terminal = Terminal(other_server, "sync", folder, "--kb", name)
        terminal.wait_for("[y/N]: ")
        time.sleep(0.3)  # bars would be drawn over it now
        if typed == "\x03":
            terminal.process.send_signal(signal.SIGINT)
        terminal.type("" if typed == "\x03" else typed)
        ended, screen = terminal.end()
        assert ended == code, screen
        assert re.search(r"^scan +━+ 100% 4/4.*\n\+ 0  ~ 1  - 1  = 3\n", screen), screen
        assert question in screen.replace("\n\n", "\n"), screen
        assert typed == "\x03" or question + said in screen, screen
    assert re.search(r"remove +━+ 100% 2/2", screen)
    assert "= 3  (1 skipped) in" in screen


@pytest.mark.skipif(os.name == "nt", reason="terminals of POSIX")
def test_data_goes_into_the_file_that_it_is_meant_for(
    kb: Kb, other_server: LocalServer, folder: Path, tmp_path: Path
) -> None:
    kb("create", folder.parent.name)
    with (tmp_path / "plan").open("wb") as file:
        code, screen = Terminal(other_server, "sync", folder, "--kb", folder.parent.name, "--plan", stdout=file).end()
    assert code == 0
    assert (tmp_path / "plan").read_text().splitlines()[:2] == ["+ in/0.md", "+ in/1.md"]
    assert "in/1.md" not in screen


@pytest.mark.skipif(os.name == "nt", reason="terminals of POSIX")
def test_following_on_a_terminal(kb: Kb, other_server: LocalServer, folder: Path) -> None:
    name = folder.parent.name
    (folder / "bad.csv").write_text("q,a\n,lost\n")
    terminal = Terminal(other_server, "sync", folder, "--kb", name, "--create", "--watch", "--every", "0.1", "--yes")
    terminal.wait_for("+ 6  ~ 0  - 0  = 0  ✗ 1 failed")
    time.sleep(0.5)
    (folder / "in" / "new.md").write_text("new")
    terminal.wait_for("+ 2  ~ 0  - 0  = 5  ✗ 1 failed")
    time.sleep(0.5)
    terminal.process.send_signal(signal.SIGINT)
    code, screen = terminal.end()
    assert code == 130
    assert screen.startswith(f"Following {folder}"[:90])
    assert screen.endswith("Interrupted. The same command goes on where it was.")
    assert screen.count("there is an answer and no question") == 1  # nobody wants to read it every 0.1 s
    assert screen.count("✗ 1 failed") == 2
    assert screen.count("scan") == 2  # looks that found nothing leave nothing


def test_ctrl_c_leaves_a_state_that_goes_on(folder: Path) -> None:
    rng = random.Random(3)
    for number in range(40):
        torture.write_file(rng, folder / f"{number}.md")
    torture.write_table(rng, folder / "faq.csv", 900)
    (folder / "picture.png").unlink()
    with LocalServer(api_keys=[torture.KEY], training_delay=0.01) as server:
        proxy = Proxy(server.base_url, lambda path, count: time.sleep(0.02))
        try:
            command = [sys.executable, "-m", "fastgpt_client", "kb", "sync", str(folder), "--kb", "B", "--create"]
            flags = ["--base-url", proxy.base_url, "--api-key", torture.KEY, "--yes"]
            environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
            for stopped in (True, True, False):
                process = subprocess.Popen(
                    [*command, *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
                )
                if stopped:
                    before = proxy.counts["/collection/create/localFile"]
                    while proxy.counts["/collection/create/localFile"] < before + 10 and process.poll() is None:
                        time.sleep(0.01)
                    process.send_signal(signal.SIGINT)
                out, error = process.communicate(timeout=60)
                assert process.returncode == (130 if stopped else 0), error
                assert b"Traceback" not in error
                assert stopped or b"= " in out
            torture.check(server.base_url, "B", folder)
        finally:
            proxy.close()
