"""``kb push`` and ``kb sync``."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from fastgpt_client.cli.app import app
from fastgpt_client.local import LocalServer

from ..conftest import KEY
from . import torture
from .bad_network import Proxy

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


def test_failures(kb: Kb, folder: Path) -> None:
    for number in range(25):
        (folder / f"bad {number:02}.csv").write_text("q,a\n,lost\n")
    name = folder.parent.name
    failed = kb("push", folder, "--kb", name, "--create")
    assert failed.exit_code == 1
    assert "failed: bad 00.csv: bad 00.csv, line 2: there is an answer and no question" in failed.stderr
    assert "… and 5 more; --json has all." in failed.stderr
    assert "✗ 25 failed" in failed.stdout
    (folder / "bad 07.csv").write_text("q,a\nnow,good\n")
    again = kb("push", folder, "--kb", name, "--retry-failed")
    assert again.stdout.startswith("+ 25  ~ 0  - 0  = 5  ✗ 24 failed")
    wrong = kb("push", folder, "--kb", name, "--chunk", "chunkSize")
    assert wrong.exit_code == 2
    assert "--chunk takes NAME=VALUE" in wrong.stderr


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
