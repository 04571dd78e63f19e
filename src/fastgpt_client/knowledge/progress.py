"""What long work says of itself while it goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a phase is.

    ``phase``: ``scan``, ``upload``, ``training``, ``remove``, ``export``, ``import``, … ``done`` and ``total`` count
    what the phase counts (files, chunks); ``total`` is None while it is not known. ``item`` is what was just done,
    ``error`` why it failed.
    """

    phase: str
    done: int
    total: int | None = None
    failed: int = 0
    item: str = ""
    error: str | None = None


OnProgress: TypeAlias = Callable[[Progress], None]
