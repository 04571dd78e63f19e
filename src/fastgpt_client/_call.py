"""A request as data. Nothing is sent by making one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from ._session import Options
from .errors import ArgumentError

if TYPE_CHECKING:
    from ._answer import Answer
    from ._files import Content, Form

R = TypeVar("R")

OPTIONS = frozenset(Options.__annotations__)


class Target(msgspec.Struct, frozen=True):
    """An address that the server gave, such as one of its storage: it gets what is here, and never the key."""

    url: str
    headers: dict[str, str] = {}
    content: Content | None = None


class Call(msgspec.Struct, Generic[R], frozen=True, kw_only=True):
    """What to send, and how to read the answer."""

    method: str
    path: str  # below …/api
    read: Callable[[Answer], R]
    params: dict[str, Any] = {}
    body: dict[str, Any] | None = None
    form: Form | None = None  # sent instead of JSON; the body becomes its field `data`
    idempotent: bool = False  # may be sent again when it is unknown whether the server acted
    stream: bool = False
    download: bool = False  # the answer is a file; it is handed over before it is read
    target: Target | None = None  # where to send it instead, without the key
    options: Options = {}

    def __post_init__(self) -> None:
        if self.options:
            known = OPTIONS | self.params.keys() | (self.body or {}).keys()
            for name, value in self.options.items():
                if name not in known and value is not None:  # it would be lost without a word
                    raise ArgumentError(
                        f"there is no argument {name!r}; use extra_body for what this version does not know"
                    )
