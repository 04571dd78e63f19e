"""Multipart forms as FastGPT reads them: a part `data` with JSON, parts `file`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import unquote_to_bytes

from . import wire

if TYPE_CHECKING:
    from starlette.requests import Request

MAX_FORM = 500 * 1024 * 1024


class FormFile(NamedTuple):
    """A file of a form."""

    name: str
    content: bytes
    content_type: str


def is_form(request: Request) -> bool:
    """Whether the body is a multipart form."""
    return request.headers.get("content-type", "").startswith("multipart/form-data")


async def read_form(request: Request) -> tuple[dict[str, Any], list[FormFile]]:
    """The JSON of the part `data`, and the files, in whatever order they come.

    Form libraries do not show a part's own headers, where FastGPT's ways with file names are decided.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM:
            raise wire.PlainError(413, "Body exceeded 500mb limit")
    boundary = re.search(r'boundary="?([^";]+)', request.headers["content-type"])
    data: dict[str, Any] = {}
    files: list[FormFile] = []
    parts = (b"\r\n" + body).split(b"\r\n--" + boundary[1].encode("latin-1")) if boundary else []
    for part in parts[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        fields = dict(line.split(":", 1) for line in head.decode("latin-1").split("\r\n") if ":" in line)
        headers = {name.lower(): value.strip() for name, value in fields.items()}
        disposition = headers.get("content-disposition", "")
        if "filename" in disposition:
            kind = headers.get("content-type", "application/octet-stream")
            files.append(FormFile(file_name(disposition), bytes(content), kind))
        elif re.search(r'\bname="?data\b', disposition):
            data = _object(bytes(content))
    return data, files


def _object(content: bytes) -> dict[str, Any]:
    try:
        value: Any = json.loads(content)
    except ValueError:
        raise wire.ApiError("Invalid JSON in the part data") from None
    if not isinstance(value, dict):
        raise wire.InvalidError([wire.expected("object", value)])
    return cast("dict[str, Any]", value)


def file_name(disposition: str) -> str:
    """The name in a `Content-Disposition`, as FastGPT reads it.

    A plain name counts as Latin-1, so one in UTF-8 comes out garbled. `filename*` and percent-encoding come out right.
    """
    if extended := re.search(r"filename\*=([\w-]+)'[^']*'([^;]+)", disposition):
        try:
            return unquote_to_bytes(extended[2].strip()).decode(extended[1])
        except (LookupError, UnicodeDecodeError):
            pass
    plain = re.search(r'filename="((?:[^"\\]|\\.)*)"|filename=([^;\s]+)', disposition)
    name = re.sub(r"\\(.)", r"\1", plain[1] or plain[2] or "") if plain else ""
    try:
        return unquote_to_bytes(name.encode()).decode() if "%" in name else name
    except UnicodeDecodeError:
        return name
