"""How a folder is to be put in: ``fastgpt-kb.toml`` in it, and what a caller says besides."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from .._call import OPTIONS
from ..api._arguments import ChunkSettings
from ..errors import ArgumentError

FILE_NAME = "fastgpt-kb.toml"


class FolderSettings(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What ``fastgpt-kb.toml`` says.

    ``name``: what the folder is called in markers; without it its own name. ``exclude``: patterns as of
    ``.gitignore``. ``chunks``: how texts are cut and indexed, as of ``create_text_collection``.
    """

    name: str = ""
    exclude: list[str] = []
    chunks: dict[str, Any] = {}


def load_settings(
    folder: Path, exclude: Sequence[str] = (), chunks: Mapping[str, object] | None = None
) -> FolderSettings:
    """The settings of a folder; what is given here comes on top.

    Raises:
        ArgumentError: The file cannot be read, or says something that is not known.
    """
    path = folder / FILE_NAME
    settings = FolderSettings()
    if path.is_file():
        try:
            settings = msgspec.convert(tomllib.loads(path.read_text("utf-8")), FolderSettings)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
            raise ArgumentError(f"{path}: {error}; there are name, exclude and the table [chunks]") from error
    settings.chunks = {**settings.chunks, **(chunks or {})}
    settings.exclude = [*settings.exclude, *exclude]
    known: frozenset[str] = getattr(ChunkSettings, "__optional_keys__")  # noqa: B009  # mypy does not see it
    known = known - OPTIONS
    if unknown := sorted(settings.chunks.keys() - known):
        raise ArgumentError(f"unknown chunk settings {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    try:
        msgspec.convert(settings.chunks, ChunkSettings)
    except msgspec.ValidationError as error:
        raise ArgumentError(f"chunk settings: {error}") from error
    settings.name = settings.name or folder.resolve().name or "/"
    return settings


def digest(chunks: Mapping[str, object]) -> str:
    """What tells whether the way of cutting has changed; nothing for the server's own."""
    if not chunks:
        return ""
    return hashlib.sha256(json.dumps(chunks, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:16]
