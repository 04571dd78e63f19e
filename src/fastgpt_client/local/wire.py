"""FastGPT's wire: envelopes, errors, validation answers, stream frames."""

from __future__ import annotations

import gzip
import json
import re
import secrets
import string
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeGuard, cast

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request

_ALPHABET = string.ascii_letters + string.digits


def new_id(length: int = 24) -> str:
    """A random id; like FastGPT's it starts with a small letter."""
    return secrets.choice(string.ascii_lowercase) + "".join(secrets.choice(_ALPHABET) for _ in range(length - 1))


def object_id() -> str:
    """A random id in the form of a MongoDB one."""
    return f"{int(time.time()):08x}{secrets.token_hex(8)}"


def iso(moment: float) -> str:
    """Epoch seconds as FastGPT writes them."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds(duration: float) -> float:
    """A duration with two decimals, whole numbers without any, as JavaScript writes it."""
    rounded = round(duration, 2)
    return int(rounded) if rounded == int(rounded) else rounded


def is_list(value: object) -> TypeGuard[list[Any]]:
    """`isinstance`, in a way that every type checker takes for a list of anything."""
    return isinstance(value, list)


def encode(value: Any) -> bytes:
    """Compact JSON. A lone surrogate becomes its escape, as Node writes it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")


# --- errors -----------------------------------------------------------------------------------------------------------


class ApiError(Exception):
    """An error answer of FastGPT."""

    def __init__(
        self, message: str, code: int = 500, name: str = "error", *, status: int = 500, kind: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.plain: bool = name == "error"
        self.payload: dict[str, Any] = {"code": code, "statusText": name, "message": message, "data": None}
        if kind is not None:
            self.payload["errorType"] = kind

    @property
    def frame(self) -> dict[str, Any]:
        """What an `error` frame of a stream says: an error without a code of its own is only a message."""
        return {"message": self.payload["message"]} if self.plain else self.payload


def user_error(message: str, *, code: int = 500, status: int = 500) -> ApiError:
    """An error that is the caller's doing."""
    return ApiError(message, code, status=status, kind="UserError")


def unauthorized() -> ApiError:
    """No key was sent."""
    return ApiError("common:code_error.error_message.403", 403, "unAuthorization", status=403)


def wrong_key() -> ApiError:
    """The key is not one of ours."""
    return ApiError("common:code_error.error_message.514", 514, "unAuthApiKey")


def unknown_app() -> ApiError:
    """There is no such app."""
    return ApiError("common:code_error.app_error.not_exist", 502000, "appUnExist")


def unauthorized_chat() -> ApiError:
    """The chats of no app were asked for."""
    return ApiError("common:code_error.chat_error.un_auth", 504000, "unAuthChat")


def chat_is_generating() -> ApiError:
    """The chat is busy with another run."""
    return ApiError("common:code_error.chat_error.chat_generating", 504001, "chatIsGenerating")


def unknown_dataset() -> ApiError:
    """There is no such knowledge base."""
    return ApiError("common:core.dataset.error.unExistDataset", 501002, "unExistDataset")


def unknown_collection() -> ApiError:
    """There is no such collection."""
    return ApiError("common:error_collection_not_exist", 501003, "unExistCollection")


def unknown_data() -> ApiError:
    """There is no such chunk."""
    return ApiError("common:core.dataset.error.Data not found")


def missing_params() -> ApiError:
    """Something that is needed was not sent."""
    return ApiError("common:error.missingParams", 507004, "missingParams")


def bad_file_type() -> ApiError:
    """A file that FastGPT does not take."""
    return ApiError("common:error.s3_upload_invalid_file_type", 510000, "InvalidUploadFileType")


class InvalidError(ApiError):
    """The request does not fit the schema; carries the list of issues as zod writes it."""

    def __init__(self, issues: list[dict[str, Any]]) -> None:
        super().__init__("Data validation error", 400, status=400)
        self.payload["zodError"] = issues


class PlainError(Exception):
    """An error that FastGPT's web server answers as bare text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


# --- validation -------------------------------------------------------------------------------------------------------

_TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "null": lambda value: value is None,
}
ROLES = ("system", "developer", "user", "assistant", "tool", "function")
MISSING = object()


def expected(kind: str, value: Any, *path: str | int) -> dict[str, Any]:
    """The issue of a value with the wrong type."""
    received = next((name for name, test in _TYPES.items() if test(value)), "undefined")
    message = f"Invalid input: expected {kind}, received {received}"
    return {"expected": kind, "code": "invalid_type", "path": list(path), "message": message}


def one_of(values: list[str], *path: str | int) -> dict[str, Any]:
    """The issue of a value that is not in a list."""
    message = "Invalid option: expected one of " + "|".join(json.dumps(value) for value in values)
    return {"code": "invalid_value", "values": values, "path": list(path), "message": message}


def bad_date(value: Any, name: str) -> dict[str, Any]:
    """The issue of something that should be a date."""
    errors = [[expected("string", value)], [expected("date", value)]]
    return {"code": "invalid_union", "errors": errors, "path": [name], "message": "Invalid input"}


OBJECT_ID = re.compile("[0-9a-fA-F]{24}")


def _bad_id(name: str) -> dict[str, Any]:
    pattern = f"/^{OBJECT_ID.pattern}$/"
    issue = {"origin": "string", "code": "invalid_format", "format": "regex", "pattern": pattern, "path": [name]}
    return {**issue, "message": f"Invalid string: must match pattern {pattern}"}


def too_many(most: int, name: str) -> dict[str, Any]:
    """The issue of a list that is too long."""
    issue = {"origin": "array", "code": "too_big", "maximum": most, "inclusive": True, "path": [name]}
    return {**issue, "message": f"Too big: expected array to have <={most} items"}


NO_TARGET: dict[str, Any] = {
    "code": "custom",
    "message": "appId, skillId or share auth must be provided",
    "path": [],
}


def check(params: Mapping[str, Any], schema: str) -> list[dict[str, Any]]:
    """Issues of the fields named in a schema such as `id:id top?:boolean` (`?`: may be absent or null).

    The kinds are those of JSON, and `id`: a text in the form of a MongoDB id.
    """
    issues: list[dict[str, Any]] = []
    for item in schema.split():
        name, kind = item.split(":")
        optional = name.endswith("?")
        value = params.get(name := name.rstrip("?"), MISSING)
        if kind == "id":
            if isinstance(value, str) and not OBJECT_ID.fullmatch(value) and not (optional and not value):
                issues.append(_bad_id(name))
            kind = "string"
        if not (_TYPES[kind](value) or (optional and value in (MISSING, None))):
            issues.append(expected(kind, value, name))
    return issues


def check_messages(messages: list[Any]) -> list[dict[str, Any]]:
    """Issues of chat messages."""
    issues: list[dict[str, Any]] = []
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            issues.append(expected("object", message, "messages", index))
        elif cast("dict[str, Any]", message).get("role") not in ROLES:
            note = {"note": "No matching discriminator", "discriminator": "role"}
            path = ["messages", index, "role"]
            issues.append({"code": "invalid_union", "errors": [], **note, "path": path, "message": "Invalid input"})
    return issues


# --- requests and answers ---------------------------------------------------------------------------------------------


async def read_json(request: Request, max_size: int | None) -> dict[str, Any]:
    """The JSON object in a body; no body is an empty one."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if max_size is not None and len(body) > max_size:
            raise PlainError(413, f"Body exceeded {max_size >> 20}mb limit")
    if not body.strip():
        return {}
    try:
        value: Any = json.loads(body)
        if b"\\u" in body:
            # MongoDB cannot hold lone surrogates either: they become replacement characters.
            value = json.loads(re.sub("[\ud800-\udfff]", "\ufffd", json.dumps(value, ensure_ascii=False)))
    except (ValueError, RecursionError):
        raise PlainError(400, "Invalid JSON") from None
    if not isinstance(value, dict):
        raise InvalidError([expected("object", value)])
    return cast("dict[str, Any]", value)


def answer(request: Request, payload: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON, compressed when that is worth it and the caller can read it."""
    body = encode(payload)
    sent = {"content-type": "application/json; charset=utf-8", "vary": "Accept-Encoding", **(headers or {})}
    if len(body) > 1024 and "gzip" in request.headers.get("accept-encoding", ""):
        body = gzip.compress(body, compresslevel=1)
        sent["content-encoding"] = "gzip"
    return Response(body, status, sent)


def envelope(data: Any) -> dict[str, Any]:
    """A good answer of everything but chat completions."""
    return {"code": 200, "statusText": "", "message": "", "data": data}


USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 1}
"""FastGPT's constant; the real numbers are in the nodes."""


def answer_frame(delta: Mapping[str, Any], finish: str | None = None) -> dict[str, Any]:
    """The data of an `answer` frame."""
    choice = {"delta": {"role": "assistant", **delta}, "index": 0, "finish_reason": finish}
    return {"id": "", "object": "", "created": 0, "model": "", "choices": [choice]}
