"""Runs and servers that are killed at random moments; ``torture.py`` does many more."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .torture import torture

pytestmark = pytest.mark.skipif(
    not os.environ.get("FASTGPT_SLOW_TESTS"),
    reason="takes long: set FASTGPT_SLOW_TESTS=1, or run tests.knowledge.torture",
)


def test_runs_are_killed(tmp_path: Path) -> None:
    assert torture(tmp_path, kills=6, files=50, seed=11)["kills"] == 6


def test_servers_are_killed(tmp_path: Path) -> None:
    assert torture(tmp_path, server_kills=3, files=40, seed=12)["server kills"] == 3
