"""Multipart forms as FastGPT reads them: a part `data` with JSON, parts `file`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import unquote_to_bytes

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from . import wire

if TYPE_CHECKING:
    from starlette.requests import Request

MAX_FILE = 500 * 1024 * 1024


class FormFile(NamedTuple):
    """A file of a form."""

    name: str
    content: bytes
    content_type: str


def is_form(request: Request) -> bool:
    """Whether the body is a multipart form."""
    return request.headers.get("content-type", "").startswith("multipart/form-data")


async def read_form(request: Request) -> tuple[dict[str, Any], list[FormFile]]:
    """The JSON of the part `data`, and the files, in whatever order they come."""
    if int(request.headers.get("content-length", 0)) > MAX_FILE:
        raise wire.PlainError(413, "Body exceeded 500mb limit")
    data: dict[str, Any] = {}
    files: list[FormFile] = []
    try:
        async with request.form(max_part_size=wire.MAX_BODY) as form:
            for name, part in form.multi_items():
                if isinstance(part, UploadFile):
                    disposition = part.headers.get("content-disposition", "")
                    kind = part.content_type or "application/octet-stream"
                    files.append(FormFile(file_name(disposition), await part.read(), kind))
                elif name == "data":
                    value: Any = json.loads(part)
                    if not isinstance(value, dict):
                        raise wire.InvalidError([wire.expected("object", value)])
                    data = cast("dict[str, Any]", value)
    except (HTTPException, ValueError):
        raise wire.ApiError("Invalid form") from None
    return data, files


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
