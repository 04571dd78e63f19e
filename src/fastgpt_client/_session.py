"""What a client knows of its server and of itself: address, key, defaults, time-outs. No I/O here."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypedDict
from urllib.parse import urlsplit

import msgspec

from ._version import __version__
from .errors import ArgumentError

if TYPE_CHECKING:
    from ._versions import Form
    from .server import ServerInfo

# Made at run time, so that the default can be told from the same text given by a caller (who then means it).
DEFAULT_BASE_URL = "".join(("http://", "localhost:3000"))

_APP_SUFFIX = re.compile(r"^(.+)-([0-9a-fA-F]{24})$")
_API_TAIL = re.compile(r"(/api)?(/v[12])?(/chat/completions)?/*$")


class Secret(str):
    """A text that does not show itself: tools that print the variables of a traceback use ``repr``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class Timeout(msgspec.Struct, frozen=True):
    """Seconds to wait, each of its own kind; None means for ever.

    A plain number ``t`` stands for ``Timeout(connect=min(t, 15), reply=t, idle=t)``.

    Example:
        >>> Timeout(connect=3, reply=600, idle=30, total=900)
        Timeout(connect=3.0, reply=600.0, idle=30.0, total=900.0)
    """

    connect: float | None = 15.0
    """To open a connection."""
    reply: float | None = 60.0
    """For a whole answer. A run that does not stream sends nothing until it is done, which may take minutes."""
    idle: float | None = 60.0
    """Between two pieces of a stream. FastGPT sends something every 10 seconds while it works."""
    total: float | None = None
    """For a stream from its first byte to its last: some broken workflows never end, while heartbeats go on."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            seconds: object = getattr(self, name)
            if seconds is None:
                continue
            if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not seconds > 0:
                raise ArgumentError(
                    f"timeout: {name} must be a positive number of seconds, or None for no limit, not {seconds!r}"
                )
            msgspec.structs.force_setattr(self, name, float(seconds))

    @classmethod
    def of(cls, value: float | Timeout | None) -> Timeout:
        if isinstance(value, Timeout):
            return value
        timeout = cls(connect=value, reply=value, idle=value)
        return (
            cls(connect=min(timeout.connect or 15.0, 15.0), reply=value, idle=value) if value is not None else timeout
        )


class Options(TypedDict, total=False):
    """What every call takes besides FastGPT's own parameters.

    ``timeout``: seconds, or a :class:`Timeout`, for this call. ``max_retries``: how often to try again.
    ``extra_headers``: sent besides the client's. ``extra_body``: fields that this version has no parameter for.
    """

    timeout: float | Timeout | None
    max_retries: int
    extra_headers: Mapping[str, str]
    extra_body: Mapping[str, object]


class Defaults(TypedDict, total=False):
    """Settings of a client that a copy of it may have otherwise; ``headers`` come on top of the client's."""

    app_id: str | None
    timeout: float | Timeout | None
    max_retries: int
    retry_delay: float
    headers: Mapping[str, str]


class Inspected:
    """What the last inspection found: one for all copies of a client."""

    info: ServerInfo | None = None


class Session:
    """Settings of a client, ready to use; copies that differ in some of them share what was learned of the server."""

    def __init__(
        self,
        api_key: str | None,
        base_url: str,
        app_id: str | None,
        timeout: float | Timeout | None,
        max_retries: int,
        retry_delay: float,
        headers: Mapping[str, str] | None,
    ) -> None:
        if base_url is DEFAULT_BASE_URL:
            base_url = os.environ.get("FASTGPT_BASE_URL") or base_url
        key = api_key if api_key is not None else os.environ.get("FASTGPT_API_KEY") or None
        suffix = None
        if key is not None:
            key = _check_key(key)
            if found := _APP_SUFFIX.match(key):
                key, suffix = found[1], found[2]
        self.base_url: str = normalize_base_url(base_url)
        self.app_id: str | None = app_id or os.environ.get("FASTGPT_APP_ID") or suffix
        self.timeout: Timeout = Timeout.of(timeout)
        self.max_retries: int = _check_count("max_retries", max_retries)
        self.retry_delay: float = _check_seconds("retry_delay", retry_delay)
        self._key: Secret | None = Secret(key) if key else None
        self.headers: dict[str, str] = {
            "user-agent": f"fastgpt-client/{__version__}",
            "accept": "application/json, text/event-stream",
            "accept-encoding": "gzip, deflate",
            "connection": "keep-alive",
            **({"authorization": Secret(f"Bearer {key}")} if key else {}),
            **{name.lower(): value for name, value in (headers or {}).items()},
        }
        self.forms: dict[str, Form] = {}  # path → the form of it that this server answers
        self.apps: dict[str, Any] = {}  # app → what it declares, for a while (see `conversation.app`)
        self.foreign: bool = False  # see `elsewhere`
        self.inspected: Inspected = Inspected()

    @property
    def key(self) -> str | None:
        """The key, for what must have it elsewhere than in the header. It does not show itself."""
        return self._key

    @property
    def shown_url(self) -> str:
        """The address for messages: without a password, if it holds one."""
        return re.sub(r"//[^/@]*@", "//***@", self.base_url)

    def redact(self, text: str) -> str:
        """``text`` without the key, which a server or proxy may echo."""
        if not self._key or self._key not in text:
            return text
        # A very short key may be a part of any word.
        pattern = re.escape(self._key) if len(self._key) >= 8 else rf"\b{re.escape(self._key)}\b"
        return re.sub(pattern, "fastgpt-***", text)

    def timeout_of(self, options: Options) -> Timeout:
        return Timeout.of(options["timeout"]) if "timeout" in options else self.timeout

    def retries_of(self, options: Options) -> int:
        return _check_count("max_retries", options["max_retries"]) if "max_retries" in options else self.max_retries

    def headers_of(self, options: Options) -> dict[str, str]:
        extra = options.get("extra_headers")
        return {**self.headers, **{name.lower(): value for name, value in extra.items()}} if extra else self.headers

    def elsewhere(self, url: str) -> Session:
        """A copy for an address that is not FastGPT's API: no key and no headers of the caller's may go there."""
        copy = self.with_defaults({})
        parts = urlsplit(url)
        copy.base_url = f"{parts.scheme}://{parts.netloc}"
        copy.headers = {
            "user-agent": f"fastgpt-client/{__version__}",
            "accept": "*/*",
            "accept-encoding": "gzip, deflate",
            "connection": "keep-alive",
        }
        copy.forms = {}
        copy.foreign = True
        return copy

    def with_defaults(self, defaults: Defaults) -> Session:
        """A copy with other defaults; what is learned of the server is shared."""
        copy = object.__new__(Session)
        copy.__dict__.update(self.__dict__)
        if "app_id" in defaults:
            copy.app_id = defaults["app_id"]
            copy.inspected = Inspected()  # what the key may do was asked for the other app
        if "timeout" in defaults:
            copy.timeout = Timeout.of(defaults["timeout"])
        if "max_retries" in defaults:
            copy.max_retries = _check_count("max_retries", defaults["max_retries"])
        if "retry_delay" in defaults:
            copy.retry_delay = _check_seconds("retry_delay", defaults["retry_delay"])
        if "headers" in defaults:
            copy.headers = self.headers_of({"extra_headers": defaults["headers"]})
        return copy


def normalize_base_url(base_url: str) -> str:
    """The address of the server itself, from any of ``host``, ``host/api``, ``host/api/v1``, a full completions URL.

    >>> normalize_base_url("http://localhost:3000/api/v1/chat/completions")
    'http://localhost:3000'
    """
    text = base_url.strip()
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 0) >= 0
    except ValueError:
        good = False
        parts = urlsplit("")
    if not good:
        shown = re.sub(r"//[^/@]*@", "//***@", text)
        advice = f": write http://{shown} or https://{shown}" if shown and "://" not in shown else ""
        raise ArgumentError(f"base_url must look like http://localhost:3000, not {shown!r}{advice}")
    return f"{parts.scheme}://{parts.netloc}{_API_TAIL.sub('', parts.path)}"


def _check_key(key: str) -> str:
    key = key.strip().removeprefix("Bearer ").strip()
    if not key:
        raise ArgumentError("api_key is empty; leave it out to use FASTGPT_API_KEY")
    if not key.isascii() or any(letter.isspace() for letter in key):
        raise ArgumentError(
            "api_key holds spaces or letters that cannot be sent in a header; was more than the key pasted?"
        )
    return key


def _check_count(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ArgumentError(f"{name} must be 0 or a positive whole number, not {value!r}")
    return value


def _check_seconds(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        raise ArgumentError(f"{name} must be a number of seconds, 0 or more, not {value!r}")
    return float(value)
