"""A chat as a text to keep."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ...citations import strip_citations

if TYPE_CHECKING:
    from ...models.chat import ChatRecord


def as_markdown(records: Iterable[ChatRecord]) -> str:
    """Who said what, oldest first."""
    names = {"Human": "You", "AI": "App"}
    said = [f"**{names.get(record.obj, record.obj)}**\n\n{strip_citations(record.text)}\n" for record in records]
    return "\n".join(said)
