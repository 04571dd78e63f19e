"""A request as data. Nothing is sent by making one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

if TYPE_CHECKING:
    from ._answer import Answer
    from ._session import Options

R = TypeVar("R")


class Call(msgspec.Struct, Generic[R], frozen=True, kw_only=True):
    """What to send, and how to read the answer."""

    method: str
    path: str  # below …/api
    read: Callable[[Answer], R]
    params: dict[str, Any] = {}
    body: dict[str, Any] | None = None
    idempotent: bool = False  # may be sent again when it is unknown whether the server acted
    stream: bool = False
    options: Options = {}
