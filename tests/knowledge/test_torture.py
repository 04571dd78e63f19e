"""Runs and servers that are killed at random moments; ``torture.py`` does many more."""

from __future__ import annotations

from pathlib import Path

from .torture import torture


def test_runs_are_killed(tmp_path: Path) -> None:
    assert torture(tmp_path, kills=6, files=50, seed=11)["kills"] == 6


def test_servers_are_killed(tmp_path: Path) -> None:
    assert torture(tmp_path, server_kills=3, files=40, seed=12)["server kills"] == 3
