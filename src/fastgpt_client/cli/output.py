"""Data for machines, on stdout."""

from __future__ import annotations

import json
import sys
from typing import Any

import msgspec

from .. import _json


def dumped(value: Any) -> str:
    """As JSON in one line, which stdout can write."""
    try:
        text = _json.encode(value).decode()
        text.encode(sys.stdout.encoding or "utf-8")
        return text
    except UnicodeEncodeError:  # a half of an emoji, or a letter that stdout lacks, which only an escape can say
        return json.dumps(msgspec.to_builtins(value))
