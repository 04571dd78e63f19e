"""What an endpoint is: a handler, and how it is called."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from . import wire

if TYPE_CHECKING:
    from .calls import Call


class Endpoint(NamedTuple):
    """How an endpoint is called: where its parameters are, which must be there, whether it is about an app.

    A handler gives the `data` of its answer, a whole `Response`, or something to await that gives one of these.
    """

    handler: Callable[[Call, Any], Any]
    source: Literal["body", "query", "both"] = "body"
    schema: str = ""
    about_app: bool = True
    no_app: Callable[[], wire.ApiError] = lambda: wire.InvalidError([wire.NO_TARGET])
    needs_key: bool = True
