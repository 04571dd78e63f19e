"""Deciding, apart from waiting: generators that yield what to do next and are told how it went.

``exchange`` is the life of one call: older forms of a path, retries, turning failures into exceptions. It neither
sends nor sleeps; the drivers in ``_io`` do. So the policy is tested without a network or a clock.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import msgspec

from . import _json
from ._answer import Answer, retry_after
from ._versions import OLDER_FORMS, Form
from .errors import APIConnectionError, APIError, ArgumentError, RateLimitError

if TYPE_CHECKING:
    from ._call import Call
    from ._files import Content, Upload
    from ._response import ChatResponse
    from ._session import Session, Timeout

R = TypeVar("R")

logger = logging.getLogger("fastgpt_client")

MAX_DELAY = 30.0  # a backoff does not grow beyond this
MAX_RETRY_AFTER = 60.0  # when the server asks for a longer wait than this, the caller decides


class Send(msgspec.Struct, frozen=True):
    """Send this request. The outcome is an :class:`Answer`, or an :class:`APIConnectionError` (not raised)."""

    method: str
    url: str
    params: dict[str, Any]
    headers: dict[str, str]
    content: bytes | Content | None
    stream: bool
    timeout: Timeout
    session: Session


class Read(msgspec.Struct, frozen=True):
    """Read this answer to its end, and give its connection back. The outcome is as of :class:`Send`."""

    answer: Answer


class Sleep(msgspec.Struct, frozen=True):
    seconds: float


class Collect(msgspec.Struct, frozen=True):
    """The reply of this run. The outcome is a :class:`~fastgpt_client.Reply`, or a StreamError (not raised)."""

    response: ChatResponse


class Invoke(msgspec.Struct, frozen=True):
    """Call this. The outcome is what it gives, awaited where it can be; what ``blocks`` is called in a thread there."""

    function: Callable[[], Any]
    blocks: bool = False


class Contents(msgspec.Struct, frozen=True):
    """Read this file. The outcome are its bytes."""

    file: Upload


class Guard(msgspec.Struct, frozen=True):
    """Carry out this flow; if that is broken off (cancelled, Ctrl-C), also the other one, for a moment at most.

    The outcome is the result of the first, or its failure (not raised).
    """

    flow: Flow[Any]
    otherwise: Callable[[], Flow[object]]


class Together(msgspec.Struct, frozen=True):
    """Carry out these flows, ``at_once`` of them at a time. The outcome is the list of their results; or the first
    failure (not raised), after which no further one begins.
    """

    flows: list[Flow[Any]]
    at_once: int


Step: TypeAlias = Send | Read | Sleep | Collect | Invoke | Contents | Guard | Together
Flow: TypeAlias = Generator[Step, Any, R]


def exchange(call: Call[R], session: Session) -> Flow[R]:
    """Send a call until it is answered or cannot be, and read the answer."""
    if call.target is not None:
        session = session.elsewhere(call.target.url)
    known = session.forms.get(call.path)
    forms = (known,) if known else (Form(call.method, call.path), *OLDER_FORMS.get(call.path, ()))
    for form in forms:
        request = build(call, form, session)
        for attempt in range(1, session.retries_of(call.options) + 2):
            started = time.monotonic()
            outcome: Answer | APIConnectionError = yield request
            failure: Exception
            if isinstance(outcome, Answer):
                outcome = outcome if _goes_on(call, outcome) else (yield Read(outcome))
            if isinstance(outcome, Answer):
                _log(request, outcome.http.status_code, started, attempt)
                if _unknown_path(outcome) and form is not forms[-1] and _sendable(request):
                    break
                try:
                    if outcome.http.status_code >= 400:
                        raise outcome.error()
                    result = call.read(outcome)
                except APIError as error:
                    failure = error
                else:
                    if len(forms) > 1:
                        session.forms[call.path] = form
                    return result
                wait = retry_after(outcome.http.headers)
            else:
                _log(request, type(outcome).__name__, started, attempt)
                failure, wait = outcome, None
            delay = _delay(call, session, failure, attempt, wait) if _sendable(request) else None
            if delay is None:
                raise failure
            yield Sleep(delay)
    raise AssertionError("unreachable: the last form returns or raises")  # pragma: no cover


def build(call: Call[Any], form: Form, session: Session) -> Send:
    """The request that a call is, in the form that the server wants."""
    options = call.options
    params, body = call.params, call.body
    if extra := options.get("extra_body"):
        body = {**(body or {}), **extra}
    params, body = form.adapt(params) if params else params, form.adapt(body) if body is not None else None
    if form.arguments == "both":
        params = body = {**params, **(body or {})}
    headers = session.headers_of(options)
    content: bytes | Content | None = None
    url = f"{session.base_url}/api{form.path}"
    if call.target is not None:
        headers, content, url = {**headers, **call.target.headers}, call.target.content, call.target.url
    if body is not None:
        try:
            text = _json.encode(body)
        except (TypeError, ValueError) as error:
            raise ArgumentError(f"an argument cannot be sent as JSON: {error}") from error
        content = text if call.form is None else call.form.with_data(text)
    if isinstance(content, bytes):
        headers = {**headers, "content-type": "application/json"}
    elif content is not None:
        headers = {**content.headers, **headers}
    return Send(
        method=form.method,
        url=url,
        params={name: _query(value) for name, value in params.items()},
        headers=headers,
        content=content,
        stream=call.stream or call.download,
        timeout=session.timeout_of(options),
        session=session,
    )


def _query(value: object) -> str:
    if isinstance(value, str):
        return value
    return _json.encode(value).decode()  # true, 3, and objects as JSON text, as FastGPT reads them


def _goes_on(call: Call[Any], answer: Answer) -> bool:
    """Whether this is to hand over unread. Errors before a stream come as one event without a content type."""
    if answer.http.status_code >= 400:
        return False
    if call.download:  # an error is JSON, and a proxy's word a page
        return answer.content_type not in ("application/json", "text/html")
    return call.stream and answer.content_type == "text/event-stream"


def _sendable(request: Send) -> bool:
    """Whether its body is still there: not where an iterator has been read."""
    return request.content is None or isinstance(request.content, bytes) or request.content.sendable


def _unknown_path(answer: Answer) -> bool:
    """FastGPT answers a path it does not know with a page of its web app."""
    return answer.http.status_code in (404, 405) and not (answer.content or b"").lstrip().startswith(b"{")


def _delay(call: Call[Any], session: Session, failure: Exception, attempt: int, wait: float | None) -> float | None:
    """How long to wait before the next attempt; None when there must not be one."""
    if attempt > session.retries_of(call.options) or not _may_repeat(call, failure):
        return None
    if wait is None and isinstance(failure, RateLimitError):
        wait = failure.retry_after
    if wait is not None:
        # A server that asks for more than a caller would wait is not asked again.
        return wait + random.uniform(0, 0.1) if wait <= MAX_RETRY_AFTER else None
    return min(session.retry_delay * 2.0 ** (attempt - 1), MAX_DELAY) * random.uniform(0.75, 1.25)


def _may_repeat(call: Call[Any], failure: Exception) -> bool:
    """A run must not be started (and paid for) twice: repeat it only when the server certainly did not take it."""
    if isinstance(failure, APIConnectionError):
        return call.idempotent or failure.certainly_unsent
    if isinstance(failure, RateLimitError):
        return True
    passing = (429, 500, 502, 503, 504) if call.target is not None else (429, 502, 503, 504)
    return call.idempotent and isinstance(failure, APIError) and failure.status_code in passing


def _log(request: Send, outcome: object, started: float, attempt: int) -> None:
    if logger.isEnabledFor(logging.INFO):
        again = f" (attempt {attempt})" if attempt > 1 else ""
        base = request.session.base_url
        # Of addresses elsewhere no more is said: they let everybody in who knows them.
        where = request.session.shown_url if request.session.foreign else request.url.removeprefix(base)
        took = (time.monotonic() - started) * 1000
        logger.info("%s %s → %s in %.0f ms%s", request.method, where, outcome, took, again)
