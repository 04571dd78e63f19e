"""The app's variables, as they are written in a terminal or in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from ... import _json
from ...errors import ArgumentError
from .questions import read_data


def read_variables(written: list[str], path: Path | None) -> dict[str, Any]:
    """Those of a file, and above them those that were written as ``name=value``."""
    found: dict[str, Any] = {}
    if path is not None:
        held = read_data(path)
        if not isinstance(held, dict):
            raise ArgumentError(f"{path} must hold an object of variables")
        found = {str(name): value for name, value in cast("dict[object, Any]", held).items()}
    return found | dict(map(read_variable, written))


def read_variable(written: str) -> tuple[str, Any]:
    """``name=value``: the value as JSON where it is some (numbers, true, lists), as a text otherwise."""
    name, equals, value = written.partition("=")
    if not equals or not name.strip():
        raise ArgumentError(f"a variable is written as name=value, not as {written!r}")
    try:
        return name.strip(), _json.loads(value.encode())
    except ValueError:
        return name.strip(), value
