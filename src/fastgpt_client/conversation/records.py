"""Records of a conversation, read for what was said last, and what is still asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .._json import as_list, as_object
from ..errors import ArgumentError
from ..events import is_answered
from ..models._base import JSON

if TYPE_CHECKING:
    from ..models.chat import ChatRecord


def last_turn(records: Sequence[ChatRecord]) -> list[ChatRecord]:
    """The last question and what answers it."""
    asked = [at for at, record in enumerate(records) if record.obj == "Human"]
    return list(records[asked[-1] :]) if asked else []


def open_question(records: Sequence[ChatRecord]) -> tuple[JSON, str]:
    """What the last answer asks, and the id of its record; nothing where it does not."""
    if not records or records[-1].obj != "AI":
        return {}, ""
    items = as_list(records[-1].value)
    asked = as_object(as_object(items[-1]).get("interactive")) if items else {}
    return ({}, records[-1].dataId) if is_answered(asked) else (asked, records[-1].dataId)


def content_of(question: ChatRecord) -> str | list[Mapping[str, object]]:
    """A question as it was sent."""
    parts: list[Mapping[str, object]] = []
    for item in map(as_object, as_list(question.value)):
        text, file = as_object(item.get("text")), as_object(item.get("file"))
        if text:
            parts.append({"type": "text", "text": text.get("content", "")})
        elif file.get("type") == "image":
            parts.append({"type": "image_url", "image_url": {"url": file.get("url", "")}})
        elif file:
            parts.append({"type": "file_url", "name": file.get("name", ""), "url": file.get("url", "")})
    return str(parts[0]["text"]) if len(parts) == 1 and parts[0]["type"] == "text" else parts


def transcript(records: Sequence[ChatRecord], until: str | None) -> str:
    """What was said, as one text; ``until``: the last record that counts, by its ``dataId``.

    Raises:
        ArgumentError: There is no such record.
    """
    if until is not None:
        last = [at for at, record in enumerate(records) if record.dataId == until]
        if not last:
            raise ArgumentError(f"this conversation has no record {until!r}")
        records = records[: last[-1] + 1]
    said = [f"{'User' if record.obj == 'Human' else 'Assistant'}: {_said(record)}" for record in records]
    return "\n\n".join(["This was said before:", *said]) if said else ""


def _said(record: ChatRecord) -> str:
    names = [as_object(as_object(item).get("file")).get("name") for item in as_list(record.value)]
    return "\n".join(filter(None, (record.text, *(f"[{name}]" for name in names if name))))
