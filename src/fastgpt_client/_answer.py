"""A response as it comes from the wire, before anything is made of it."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from . import _json
from ._sse import parse_lines
from .errors import APIConnectionError, APIError, APITimeoutError, error_from_body

if TYPE_CHECKING:
    import httpx2

    from ._session import Session, Timeout


class Answer:
    """The head of a response, and its body where that is read already."""

    __slots__ = ("content", "http", "session", "source", "timeout")

    def __init__(
        self,
        http: httpx2.Response,
        session: Session,
        timeout: Timeout,
    ) -> None:
        self.http: httpx2.Response = http
        self.session: Session = session
        self.timeout: Timeout = timeout
        self.content: bytes | None = None
        self.source: object = None  # the pieces of a stream, once reading began: the next loop goes on with them

    @property
    def content_type(self) -> str:
        return self.http.headers.get("content-type", "").partition(";")[0].strip().lower()

    def text(self) -> str:
        """The body for an error message: without the key, if it was echoed."""
        return self.session.redact((self.content or b"").decode("utf-8", "replace"))

    def failure(self, error: Exception) -> APIConnectionError | None:
        """Our exception for one that came while reading; None when it is no matter of the connection."""
        return connection_error(error, self.session)

    def error(self) -> APIError:
        """The exception that this answer stands for."""
        text = self.text()
        try:
            body = _json.loads(text.encode()) if text.lstrip()[:1] in ("{", "[") else text
        except ValueError:
            body = text
        frame = parse_lines(text.encode()) if text.startswith("event:") else None
        if frame is not None:
            with suppress(ValueError):
                body = _json.loads(frame[1])
        headers = self.http.headers
        return error_from_body(
            body,
            self.http.status_code,
            request_id=headers.get("x-request-id"),
            retry_after=retry_after(headers),
        )


def retry_after(headers: httpx2.Headers) -> float | None:
    """Seconds to wait, from ``Retry-After``, else from ``X-RateLimit-Reset`` when nothing remains."""
    if value := headers.get("retry-after"):
        return _seconds_until(value)
    if headers.get("x-ratelimit-remaining") == "0" and (value := headers.get("x-ratelimit-reset")):
        return _seconds_until(value)
    return None


def _seconds_until(value: str) -> float | None:
    """A number of seconds, a Unix time in seconds or milliseconds, or a date."""
    try:
        number = float(value)
    except ValueError:
        from email.utils import parsedate_to_datetime

        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        return max(moment.timestamp() - time.time(), 0.0)
    if number > 1e11:
        number /= 1000
    return max(number - time.time(), 0.0) if number > 1e9 else max(number, 0.0)


# The transport's exceptions → ours ------------------------------------------------------------------------------------

# By name, so that httpx2 need not be imported and clients of the older httpx are understood too.
_UNSENT = {"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError"}


def connection_error(error: BaseException, session: Session) -> APIConnectionError | None:
    names = [kind.__name__ for kind in type(error).__mro__]
    if "TransportError" not in names and "DecodingError" not in names:
        return None
    where = session.shown_url
    said = session.redact(str(error)) or names[0]
    ours: APIConnectionError
    if "TimeoutException" in names:
        what = {
            "ConnectTimeout": "no connection",
            "PoolTimeout": "no free connection",
            "WriteTimeout": "the request could not be sent",
        }
        ours = APITimeoutError(f"{what.get(names[0], 'no answer')} in time from {where}")
    elif "CERTIFICATE" in said:
        ours = APIConnectionError(
            f"the certificate of {where} is not trusted: {said}\n"
            "Hint: for a private certificate authority pass verify='/path/to/ca.pem' to the client"
        )
    elif "ConnectError" in names:
        ours = APIConnectionError(
            f"cannot connect to {where}: {said}\nHint: is FastGPT running there, and is base_url right?"
        )
    else:
        ours = APIConnectionError(f"the connection to {where} broke: {said}")
    ours.certainly_unsent = bool(_UNSENT.intersection(names))
    ours.__cause__ = error
    return ours
