"""Everything that can go wrong, as one tree of exceptions.

::

    FastGPTError
    ├── ArgumentError (also a ValueError)        refused before anything was sent
    ├── APIConnectionError                       no answer: refused, reset, DNS, TLS
    │   └── APITimeoutError
    ├── APIError                                 the server answered, and the answer is a failure
    │   ├── AuthenticationError
    │   │   └── WrongKeyKindError
    │   ├── PermissionDeniedError
    │   ├── NotFoundError
    │   ├── ConflictError
    │   ├── ValidationError
    │   ├── RateLimitError
    │   ├── QuotaError
    │   ├── CommercialOnlyError
    │   ├── ServerError
    │   └── UnexpectedResponseError              not FastGPT's words: a web page, a proxy's text
    ├── NodeError                                a workflow node failed; FastGPT answers HTTP 200 all the same
    └── StreamError                              a stream failed after it began; has the reply so far
        ├── StreamTimeoutError (also an APITimeoutError)
        └── StreamParseError

What the body says decides the class (``statusText``, then ``code``), the HTTP status only where the body says nothing:
before 4.14.11 FastGPT answers nearly every error with HTTP 500.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ._json import as_list, as_object

if TYPE_CHECKING:
    from .events import Reply


class FastGPTError(Exception):
    """The base of every error of this package."""


class FastGPTWarning(UserWarning):
    """Something that is probably a mistake, and does not stop the work: an unknown variable, for one."""


class ArgumentError(FastGPTError, ValueError):
    """An argument that cannot be right; nothing was sent."""


class APIConnectionError(FastGPTError):
    """No answer: the server could not be reached, or the connection broke before it answered.

    ``certainly_unsent``: the request never left, so repeating it cannot do anything twice.
    """

    certainly_unsent: bool = False


class APITimeoutError(APIConnectionError):
    """No answer in time."""


class APIError(FastGPTError):
    """The server answered, and the answer is a failure.

    ``status_code`` is the HTTP status (200 for an error inside a stream), ``code`` and ``statusText`` are FastGPT's
    own, ``response_data`` is the decoded body (or its text), ``hint`` the way out where it is known.
    """

    def __init__(
        self,
        message: str,
        status_code: int | None = None,
        response_data: Any = None,
        code: int | None = None,
        statusText: str | None = None,
        *,
        hint: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status_code = status_code
        self.response_data = response_data
        self.code = code
        self.statusText = statusText
        self.hint = hint
        self.request_id = request_id

    def __str__(self) -> str:
        facts = [
            str((self.status_code and f"HTTP {self.status_code}") or ""),
            str(self.code or ""),
            self.statusText or "",
        ]
        where = ", ".join(fact for fact in facts if fact and fact != "error")
        text = f"{self.message} ({where})" if where else self.message
        return f"{text}\nHint: {self.hint}" if self.hint else text

    def __reduce__(self) -> Any:  # exceptions with keyword arguments do not pickle by themselves
        return _rebuild, (type(self), self.message, self.__dict__)


class AuthenticationError(APIError):
    """The key is missing, wrong, or not accepted by this endpoint."""


class WrongKeyKindError(AuthenticationError):
    """The key is good, but of the wrong kind: an account key where an app must be named, or the reverse."""


class PermissionDeniedError(APIError):
    """The key is known, and may not do this."""


class NotFoundError(APIError):
    """The app, chat, knowledge base, file or path does not exist."""


class ConflictError(APIError):
    """Not now: the chat is still generating, or an id is used already."""


class ValidationError(APIError):
    """The server refused the request's fields."""


class RateLimitError(APIError):
    """Too many requests. ``retry_after``: seconds to wait, when the server said so."""

    retry_after: float | None = None


class QuotaError(APIError):
    """Points, seats or sizes are used up."""


class CommercialOnlyError(APIError):
    """The endpoint belongs to FastGPT's commercial edition, and this server is the community one."""


class ServerError(APIError):
    """The server failed in a way that it does not explain further."""


class UnexpectedResponseError(APIError):
    """The answer is not FastGPT's: a web page, or the text of a proxy between here and there."""


class NodeError(FastGPTError):
    """A workflow node failed. FastGPT answers HTTP 200 all the same, often with an empty text.

    ``node`` is the node's name (empty when the server did not say), ``reply`` the whole reply when it was raised.
    """

    def __init__(self, message: str, node: str = "", reply: Reply | None = None) -> None:
        from ._error_texts import NODE_MEANINGS

        super().__init__(message, node)
        self.message: str = NODE_MEANINGS.get(message, message)
        self.node = node
        self.reply = reply

    def __str__(self) -> str:
        return f"{self.node}: {self.message}" if self.node else self.message


class StreamError(FastGPTError):
    """A stream failed after it began. ``partial`` is the :class:`~fastgpt_client.Reply` so far.

    When the server sent an error frame, ``code``, ``statusText`` and ``response_data`` are FastGPT's own and
    ``__cause__`` is the :class:`APIError` that a failure before the stream would have raised.
    """

    def __init__(self, message: str, partial: Reply | None = None, cause: BaseException | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.partial = partial
        self.code: int | None = getattr(cause, "code", None)
        self.statusText: str | None = getattr(cause, "statusText", None)
        self.response_data: Any = getattr(cause, "response_data", None)
        self.__cause__ = cause


class StreamTimeoutError(StreamError, APITimeoutError):
    """A stream was silent, or lasted, longer than the time-out allows."""


class StreamParseError(StreamError):
    """A frame of the stream cannot be decoded."""


def _rebuild(kind: type[APIError], message: str, fields: dict[str, Any]) -> APIError:
    error = kind(message)
    error.__dict__.update(fields)
    return error


# What a body says → which class --------------------------------------------------------------------------------------

_KINDS: dict[str, type[APIError]] = {
    "authentication": AuthenticationError,
    "permission": PermissionDeniedError,
    "not_found": NotFoundError,
    "conflict": ConflictError,
    "validation": ValidationError,
    "rate_limit": RateLimitError,
    "quota": QuotaError,
    "commercial": CommercialOnlyError,
    "server": ServerError,
}
_BY_STATUS: dict[int, type[APIError]] = {
    400: ValidationError,
    401: AuthenticationError,
    402: QuotaError,
    403: PermissionDeniedError,
    404: NotFoundError,
    405: NotFoundError,
    409: ConflictError,
    411: ValidationError,
    413: ValidationError,
    422: ValidationError,
    429: RateLimitError,
}
_BY_CODE = {
    403: "unAuthorization",
    429: "tooManyRequest",
    510: "insufficientQuota",
    511: "unAuthModel",
    514: "unAuthApiKey",
}

# Plain sentences of FastGPT that carry no code of their own: a pattern, the class, a readable text, the way out.
_APP_NEEDED = (
    "name the app: pass appId=…, or make the client with app_id=…, or set FASTGPT_APP_ID, or use key-appId as key"
)
_SENTENCES: list[tuple[re.Pattern[str], type[APIError], str | None, str | None]] = [
    (
        re.compile("need to use the app key"),
        WrongKeyKindError,
        "this account key does not say which app is meant",
        _APP_NEEDED,
    ),
    (
        re.compile("appId is empty"),
        WrongKeyKindError,
        "the key is bound to no app, and the request names none",
        _APP_NEEDED,
    ),
    (re.compile("^app is empty"), NotFoundError, "the app does not exist", "check appId"),  # 4.14 and before
    (
        re.compile("(未配置商业版链接|Commercial version not configured).*app,logs,getChartData"),
        CommercialOnlyError,
        "this endpoint belongs to FastGPT's commercial edition, and this server is the community one",
        "summarize_app_logs(…) computes the same series from what the key may read",
    ),
    (
        re.compile("未配置商业版链接|Commercial version not configured"),
        CommercialOnlyError,
        "this endpoint belongs to FastGPT's commercial edition, and this server is the community one",
        None,
    ),
    (re.compile("(?i)rate limit exceeded"), RateLimitError, None, None),
    (re.compile("dataId already exists"), ConflictError, None, "responseChatItemId must be new in its chat"),
    (re.compile("(?i)data validation error|validation error|validation failed: "), ValidationError, None, None),
    (re.compile("Cast to ObjectId failed"), ValidationError, None, "an id has 24 hex digits"),
    (re.compile("已经存在完全一致的数据"), ConflictError, "the collection has exactly this data already", None),
    (re.compile("^APIKey invalid"), AuthenticationError, "the key that was asked about does not work", None),
    (
        re.compile("messages is (empty|not array)|question is empty|contentId or chatId is empty"),
        ValidationError,
        None,
        None,
    ),
    (re.compile("dataset.error.Data not found$"), NotFoundError, "this data does not exist", "check its id"),
    (re.compile("not found$"), NotFoundError, None, None),
]
_STORAGE_ERROR = re.compile(r"<Error>.*?<Code>([^<]*)</Code>(?:.*?<Message>([^<]*)</Message>)?", re.DOTALL)
_TOO_LARGE = "the server, or a proxy in front of it, takes no body of this size (nginx: client_max_body_size)"
_HTML_HINT = (
    "base_url answers with a web page: give the address of FastGPT itself (http://host:3000, with or without /api/v1) "
    "and check that no login page or proxy stands in between"
)


def error_from_body(
    body: Any, status: int, *, request_id: str | None = None, retry_after: float | None = None
) -> APIError:
    """The exception that an error envelope, an SSE ``error`` frame or a plain text stands for."""
    from ._error_texts import MEANINGS

    fields = as_object(body)
    if (inner := as_object(fields.get("error"))) and "message" not in fields:
        fields = {**fields, **inner}  # the OpenAI shape, which proxies in front of FastGPT use
    code = fields.get("code") if isinstance(fields.get("code"), int) else None
    status_text = fields.get("statusText") if isinstance(fields.get("statusText"), str) else None
    raw = fields.get("message") or fields.get("msg") or fields.get("error") or (body if isinstance(body, str) else "")
    said = raw if isinstance(raw, str) else str(raw)

    if isinstance(body, str) and (found := _STORAGE_ERROR.search(body)):  # S3 and its likes
        kind: type[APIError] = _BY_STATUS.get(status) or ServerError
        hint = "it wants to know the size: give a path, bytes or an open file" if status == 411 else None
        return kind(f"the storage refused: {found[2] or found[1]}", status, body, None, found[1], hint=hint)
    if not fields and isinstance(body, str) and body.lstrip()[:1] == "<":
        title = re.search(r"(?is)<title[^>]*>(.*?)</title>", body)
        page = f"a web page ({title[1].strip()[:80]!r})" if title and title[1].strip() else "a web page"
        if status == 413:
            return ValidationError(f"too large, says {page}", status, body, request_id=request_id, hint=_TOO_LARGE)
        kind = NotFoundError if status == 404 else UnexpectedResponseError
        if status >= 500:
            return ServerError(
                f"a proxy answered with {page}", status, body, request_id=request_id, hint=_gateway(status)
            )
        return kind(f"the server answered with {page}", status, body, request_id=request_id, hint=_HTML_HINT)

    if status < 400 and fields and not fields.keys() & {"code", "statusText", "message", "msg"}:
        return UnexpectedResponseError(
            "the answer is JSON, but not FastGPT's", status, body, request_id=request_id, hint=_HTML_HINT
        )
    name = status_text if status_text in MEANINGS else _BY_CODE.get(code or 0)
    text, fix = said, None
    if name in MEANINGS:
        meaning = MEANINGS[name]
        kind, fix = _KINDS[meaning.kind], meaning.fix or None
        # The server's own words are an i18n key here, unless it says more than that.
        text = meaning.text if not said or re.fullmatch(r"[\w.-]+(:[\w.-]+)?", said) else f"{meaning.text}: {said}"
    else:
        kind = _BY_STATUS.get(code or 0) or _BY_STATUS.get(status) or ServerError
        if code == 500 and status < 500:
            kind = ServerError
        for pattern, sentence_kind, readable, hint in _SENTENCES:
            if pattern.search(said):
                kind, fix = sentence_kind, hint
                text = f"{readable} (the server says: {said})" if readable else said
                break
    text += _zod(as_list(fields.get("zodError")))
    if not text:
        text = "the server answered with an error and no explanation"
    if fix is None and status in (502, 503, 504, 524):
        fix = _gateway(status)
    elif fix is None and status == 413:
        fix = _TOO_LARGE
    error = kind(text, status, body, code, status_text, hint=fix, request_id=request_id)
    if isinstance(error, RateLimitError):
        error.retry_after = retry_after if retry_after is not None else _seconds_in(said)
    return error


def _gateway(status: int) -> str:
    if status in (504, 524):
        return (
            "the proxy in front of FastGPT gave up waiting: raise its read time-out (nginx: proxy_read_timeout), "
            "or use stream=True, which sends something every 10 seconds"
        )
    return "the proxy in front of FastGPT could not reach it: is FastGPT running?"


def _seconds_in(said: str) -> float | None:
    """FastGPT says how long to wait in the sentence, not in a header."""
    found = re.search(r"try again in (\d+) second", said)
    return float(found[1]) if found else None


def _zod(issues: list[Any]) -> str:
    """FastGPT's validation issues, as ``field: what is wrong``."""
    texts: list[str] = []
    for issue in issues[:5]:
        fields = as_object(issue)
        path = ".".join(map(str, as_list(fields.get("path"))))
        texts.append(f"{path or 'body'}: {fields.get('message', 'invalid')}")
    return f": {'; '.join(texts)}" if texts else ""
