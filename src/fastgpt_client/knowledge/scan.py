"""What is in a folder: its files, their sizes, times and hashes."""

from __future__ import annotations

import hashlib
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from ..errors import ArgumentError
from .rows import has_rows
from .settings import FILE_NAME

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

Kind: TypeAlias = Literal["file", "rows", "link"]

STATE_FOLDER = ".fastgpt-kb"
KINDS = (".txt", ".md", ".html", ".pdf", ".docx", ".pptx", ".csv", ".xlsx", ".jsonl")
"""The endings of files that FastGPT reads, and of tables of questions."""
_IGNORE_FILES = (".gitignore", ".fastgptignore")
_NEVER = (".git", STATE_FOLDER, FILE_NAME, *_IGNORE_FILES)
_PIECE = 1024 * 1024
_FRESH_NS = 2_000_000_000  # a file changed so recently may change again without a new time


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was found, or a link. ``path``: from the folder on, with ``/``. ``mtime``: ns, 0 where it cannot be
    trusted."""

    path: str
    size: int = 0
    mtime: int = 0
    kind: Kind = "file"
    hash: str = ""


class Skipped(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is left out, and why."""

    path: str
    reason: Literal["empty", "not a kind that FastGPT reads", "its name is not text", "cannot be read"]


Known: TypeAlias = Callable[[str], Entry | None]
"""What was there the last time under a path."""


def scan_folder(
    folder: Path,
    exclude: Sequence[str] = (),
    known: Known = lambda path: None,
    *,
    only: Sequence[str] | None = None,
    threads: int = 8,
) -> Iterator[Entry | Skipped]:
    """All files in a folder with the hashes of their contents.

    ``.gitignore`` and ``.fastgptignore`` count, in each folder; links to folders are not followed. Files whose size and
    time are as of the last time are not read. Empty ones are skipped: there is nothing in them to be found.

    Args:
        exclude: Patterns as of ``.gitignore``.
        known: What was there the last time.
        only: Only these paths.
        threads: How many files to read at once.

    Raises:
        ArgumentError: There is no such folder.

    Example:
        >>> {entry.path: entry.hash for entry in scan_folder(Path("docs")) if isinstance(entry, Entry)}
    """
    if not folder.is_dir():
        raise ArgumentError(f"there is no folder {str(folder)!r}")
    paths = iter_paths(folder, exclude) if only is None else iter(only)
    waiting: deque[Future[Entry | Skipped]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for path in paths:
                waiting.append(pool.submit(_look, folder, path, known(path) if _is_text(path) else None))
                if len(waiting) >= threads * 8:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def iter_paths(folder: Path, exclude: Sequence[str] = ()) -> Iterator[str]:
    """The paths of all files that are not excluded, folder by folder."""
    specs = [("", _spec(exclude, "exclude"))] if exclude else []
    yield from _walk(str(folder), "", specs)


def _walk(top: str, inside: str, specs: list[tuple[str, GitIgnoreSpec]]) -> Iterator[str]:
    try:
        with os.scandir(os.path.join(top, inside)) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except FileNotFoundError:  # it went away meanwhile
        return
    except OSError as error:  # what is in it must not seem to be gone
        raise ArgumentError(f"the folder {os.path.join(top, inside)} cannot be read: {error.strerror}") from error
    names = {entry.name for entry in entries}
    for name in _IGNORE_FILES:
        if name in names:
            path = os.path.join(top, inside, name)
            with open(path, encoding="utf-8", errors="replace") as file:
                specs = [*specs, (inside, _spec(file.read().splitlines(), path))]
    for entry in entries:
        path = inside + entry.name
        if entry.name in _NEVER:
            continue
        if entry.is_dir(follow_symlinks=False):
            if not _excluded(f"{path}/", specs):
                yield from _walk(top, f"{path}/", specs)
        elif entry.is_file() and not _excluded(path, specs):
            yield path


def _spec(patterns: Sequence[str], where: str) -> GitIgnoreSpec:
    try:
        from pathspec import GitIgnoreSpec
    except ModuleNotFoundError:
        raise ArgumentError("patterns of files need pathspec: install fastgpt-client[kb] (or [all])") from None
    try:
        return GitIgnoreSpec.from_lines(patterns)
    except ValueError as error:
        raise ArgumentError(f"{where}: {error}") from error


def _excluded(path: str, specs: list[tuple[str, GitIgnoreSpec]]) -> bool:
    """The last word counts, as in git: of the innermost file that says something."""
    for inside, spec in reversed(specs):
        said = spec.check_file(path[len(inside) :]).include
        if said is not None:
            return said
    return False


def _is_text(path: str) -> bool:
    return path.isprintable() or not any("\ud800" <= letter <= "\udfff" for letter in path)


def _look(folder: Path, path: str, known: Entry | None) -> Entry | Skipped:
    if not _is_text(path):
        return Skipped(path=path.encode("utf-8", "replace").decode(), reason="its name is not text")
    if os.path.splitext(path)[1].lower() not in KINDS:
        return Skipped(path=path, reason="not a kind that FastGPT reads")
    file = folder / path
    try:
        found = file.stat()
        if not found.st_size:
            return Skipped(path=path, reason="empty")
        if known is not None and known.mtime and (known.size, known.mtime) == (found.st_size, found.st_mtime_ns):
            return known
        fresh = found.st_mtime_ns > time.time_ns() - _FRESH_NS
        kind: Kind = "rows" if has_rows(file) else "file"
        digest = hash_file(file)
    except OSError:
        return Skipped(path=path, reason="cannot be read")
    return Entry(path=path, size=found.st_size, mtime=0 if fresh else found.st_mtime_ns, kind=kind, hash=digest)


def hash_link(link: str) -> str:
    """What stands for the content of a page, which only the server reads."""
    return hashlib.blake2b(link.encode("utf-8", "replace"), digest_size=20).hexdigest()


def hash_file(path: Path) -> str:
    """What tells whether a content has changed."""
    digest = hashlib.blake2b(digest_size=20)
    with path.open("rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()
