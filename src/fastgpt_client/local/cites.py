"""Marks of citations, `[id](CITE)`, in answers: FastGPT takes them out unless the caller wants to keep them."""

from __future__ import annotations

import re

_MARK = re.compile(r"\[(?:[0-9a-f]{24}|id)\]\(CITE\)")
_BEGINNING = re.compile(r"\[(?:[0-9a-f]{0,24}|id?|(?:[0-9a-f]{24}|id)\](?:\((?:C(?:I(?:TE?)?)?)?)?)$")


def mark(quote_id: str) -> str:
    """The mark of a quote."""
    return f"[{quote_id}](CITE)"


def without_marks(text: str) -> str:
    """A text as it is shown to callers that did not ask for marks."""
    return _MARK.sub("", text)


class Unmarked:
    """Takes the marks out of a text that comes in pieces: what may be the beginning of one is held back."""

    def __init__(self) -> None:
        self._held = ""

    def add(self, piece: str) -> str:
        """What can be said now."""
        text = without_marks(self._held + piece)
        beginning = _BEGINNING.search(text)
        end = len(text) if beginning is None else beginning.start()
        self._held = text[end:]
        return text[:end]

    def rest(self) -> str:
        """What was held back, and was no mark."""
        held, self._held = self._held, ""
        return held
