"""What an endpoint is: a handler, and how it is called."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from . import wire

if TYPE_CHECKING:
    from .calls import Call
    from .versions import Source


class Endpoint(NamedTuple):
    """How an endpoint of 4.16 is called: where its parameters are, which must be there, whether it is about an app.

    A handler gives the `data` of its answer, a whole `Response`, or something to await that gives one of these.
    """

    handler: Callable[[Call, Any], Any]
    source: Source = "body"
    schema: str = ""
    about_app: bool = True
    no_app: Callable[[], wire.ApiError] = lambda: wire.InvalidError([wire.NO_TARGET])
    needs_key: bool = True
    verb: str = "post"
    """The one that FastGPT's documents name; the others work too."""
    streamed: bool = False
    """The handler reads the body itself, piece by piece."""
