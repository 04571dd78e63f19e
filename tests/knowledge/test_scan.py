"""What is in a folder."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from fastgpt_client import ArgumentError
from fastgpt_client.knowledge.scan import Entry, Skipped, hash_file, iter_paths, scan_folder


def make(folder: Path, *paths: str, text: str = "x") -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def entries(folder: Path, **options: object) -> dict[str, Entry]:
    return {each.path: each for each in scan_folder(folder, **options) if isinstance(each, Entry)}  # type: ignore[arg-type]


def test_ignore_files_count_as_in_git(tmp_path: Path) -> None:
    make(tmp_path, "a.md", "b.md", "build/x.md", "sub/a.md", "sub/b.md", "sub/deep/keep.md", "sub/deep/c.md", "n/a.md")
    make(tmp_path, ".git/config.md", ".fastgpt-kb/x.md", "drafts/y.md")
    (tmp_path / ".gitignore").write_text("# words\nbuild/\n/b.md\nc.md\n")
    (tmp_path / "sub/.fastgptignore").write_text("*.md\n!keep.md\n")
    assert list(iter_paths(tmp_path, ["drafts"])) == ["a.md", "n/a.md", "sub/deep/keep.md"]


def test_a_pattern_that_means_nothing(tmp_path: Path) -> None:
    make(tmp_path, "sub/a.md")
    (tmp_path / "sub/.gitignore").write_text("!\n")
    with pytest.raises(ArgumentError, match=r"exclude: .*'!'"):
        list(iter_paths(tmp_path, ["!"]))
    with pytest.raises(ArgumentError, match=r"sub/\.gitignore: .*'!'"):
        list(iter_paths(tmp_path))


def test_what_is_skipped_and_why(tmp_path: Path) -> None:
    make(tmp_path, "a.md", "b.png", "B.PDF", "fastgpt-kb.toml")
    make(tmp_path, "empty.md", text="")
    found = {each.path: each.reason for each in scan_folder(tmp_path) if isinstance(each, Skipped)}
    assert found == {"b.png": "not a kind that FastGPT reads", "empty.md": "empty"}
    assert entries(tmp_path).keys() == {"a.md", "B.PDF"}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are text")
def test_a_name_that_is_not_text(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/\xff.md", "wb") as file:
        file.write(b"x")
    make(tmp_path, "\U0001f600 ü.md")
    assert [each.reason for each in scan_folder(tmp_path) if isinstance(each, Skipped)] == ["its name is not text"]
    assert entries(tmp_path).keys() == {"\U0001f600 ü.md"}


def test_a_link_to_nowhere_and_a_folder_that_is_gone(tmp_path: Path) -> None:
    make(tmp_path, "a.md")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "dead.md").symlink_to(tmp_path / "nothing.md")
    assert entries(tmp_path).keys() == {"a.md"}
    assert [each.reason for each in scan_folder(tmp_path, only=["nothing.md"])] == ["cannot be read"]  # type: ignore[union-attr]
    with pytest.raises(ArgumentError, match="no folder"):
        list(scan_folder(tmp_path / "nothing"))


def test_what_has_not_changed_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "a.md", "b.md")
    for name in ("a.md", "b.md"):
        os.utime(tmp_path / name, (time.time() - 100, time.time() - 100))
    first = entries(tmp_path)
    assert first["a.md"].mtime
    (tmp_path / "b.md").write_text("y")
    read: list[str] = []

    def spy(path: Path) -> str:
        read.append(path.name)
        return hash_file(path)

    monkeypatch.setattr("fastgpt_client.knowledge.scan.hash_file", spy)
    second = entries(tmp_path, known=first.get)
    assert read == ["b.md"]
    assert second["a.md"] == first["a.md"]
    assert second["b.md"].hash != first["b.md"].hash
    assert second["b.md"].mtime == 0  # so fresh that it may change again without a new time


def test_order_and_many(tmp_path: Path) -> None:
    make(tmp_path, *(f"{number // 50}/{number}.md" for number in range(300)))
    assert list(entries(tmp_path, threads=3)) == list(iter_paths(tmp_path))


def test_a_folder_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "a.md", "in/b.md", "out/c.md")
    whole = os.scandir

    def refuse(path: str) -> object:
        if path.endswith("in/"):
            raise PermissionError(13, "Permission denied")
        if path.endswith("out/"):
            raise FileNotFoundError(2, "No such file")  # it went away meanwhile
        return whole(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(ArgumentError, match="in/ cannot be read: Permission denied"):
        list(iter_paths(tmp_path))
    make(tmp_path, ".gitignore", text="in/")
    assert list(iter_paths(tmp_path)) == ["a.md"]
