from __future__ import annotations

from typing import Any, Generic, TypeAlias, TypeVar

import msgspec

T = TypeVar("T")

Rows = list  # under another name: these payloads have a field that is called list

JSON: TypeAlias = dict[str, Any]
"""An object whose fields FastGPT leaves open."""


class Payload(msgspec.Struct, gc=False):
    """Fields are named as on the wire, unknown ones are ignored, missing ones have defaults."""


class Page(msgspec.Struct, Generic[T], repr_omit_defaults=True):
    """A page of a list, and how many there are in all."""

    list: Rows[T] = []
    total: int = 0
    data: Rows[T] | msgspec.UnsetType = msgspec.UNSET
    """What servers before 4.8.19 call ``list``; moved there."""

    def __post_init__(self) -> None:
        if self.data is not msgspec.UNSET:
            self.list, self.data = self.data, msgspec.UNSET


class LinkedPage(msgspec.Struct, Generic[T]):
    """A page of a list that is read from a row on, in both directions: ask on with the first or last row's id."""

    list: Rows[T] = []
    total: int | None = None
    hasMorePrev: bool = False
    hasMoreNext: bool = False
