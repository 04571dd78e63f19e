"""Every example runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fastgpt_client.local import LocalServer

EXAMPLES = Path(__file__).parent.parent / "examples"
PROGRAMS = sorted(EXAMPLES.glob("*.py"))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_example(program: Path) -> None:
    with LocalServer(delay=0, script=EXAMPLES / "rules.json") as server:
        environment = {**os.environ, "FASTGPT_BASE_URL": server.base_url, "FASTGPT_API_KEY": server.api_key}
        command = [sys.executable, "-W", "error", str(program)]
        if program.name.startswith("test_"):
            command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(program)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout


def test_all_are_listed() -> None:
    listed = (EXAMPLES / "README.md").read_text("utf-8")
    assert [program.name for program in PROGRAMS if f"`{program.name}`" not in listed] == []
