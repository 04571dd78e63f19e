"""Data for machines, on stdout."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from .. import _json


def dumped(value: Any) -> str:
    """As JSON in one line."""
    try:
        return _json.encode(value).decode()
    except UnicodeEncodeError:  # a half of an emoji, which only an escape can say
        return json.dumps(msgspec.to_builtins(value))
