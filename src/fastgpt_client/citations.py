"""The marks with which an answer cites chunks of knowledge bases, ``[<id>](CITE)``: found, removed, numbered, linked.

FastGPT keeps them in an answer when it is asked with ``retainDatasetCite=True``. Models write them in variants: with
full-width brackets, with spaces, without the part in parentheses or its end, several ids in one mark, or with the word
``id`` of their instructions in place of one. All are understood; the last cites nothing and is always removed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Literal, TypeAlias

from .errors import ArgumentError

if TYPE_CHECKING:
    from .events import Citation

Link: TypeAlias = "Callable[[Citation | str], str]"
"""Makes the text that stands for a mark, from the chunk, or from its id where the chunk is not known."""

CitationMode: TypeAlias = "Literal['keep', 'strip', 'number'] | Link"

# Compiled when first used: importing the package is to stay cheap.
_OPENING = r"\[【［"
_GAP = r"[ \t]{0,4}"
_ID = r"[0-9a-f]{24}"
_IDS = rf"(?:{_ID}{_GAP}[,，、;；]{_GAP})*"  # those before the last one
_MARK = (
    rf"(?ia)[{_OPENING}]{_GAP}(?:({_IDS}{_ID}){_GAP}[\]】］](?:{_GAP}[(（]{_GAP}(?:[a-z]{{0,8}}{_GAP}[)）]|cite))?"
    rf"|id{_GAP}[\]】］]{_GAP}[(（]{_GAP}cite{_GAP}[)）]?)"
)
# All beginnings of a mark, and marks that may still grow.
_BEGINNING = (
    rf"(?ia)[{_OPENING}]{_GAP}(?:{_IDS}[0-9a-f]{{0,23}}|i|(?:{_IDS}{_ID}|id){_GAP}"
    rf"(?:[\]】］]{_GAP}(?:[(（]{_GAP}[a-z]{{0,8}}{_GAP})?)?)"
)


class CitationFilter:
    """Treats the marks in a text that comes in pieces; holds back only what may be the beginning of a mark.

    Args:
        mode: What becomes of a mark. ``"strip"`` removes it, ``"number"`` puts ``[1]``, ``[2]``, … in its place,
            counted by the first mark of each chunk; a function gives the text itself; ``"keep"`` changes nothing.
        find: Gives the chunk of an id, where it is known, for a function as ``mode``.

    Example:
        >>> marks = CitationFilter("number")
        >>> marks.feed("Red [65f0"), marks.feed("c0ffee65f0c0ffee1234](CITE)."), marks.finish()
        ('Red ', '[1].', '')
    """

    __slots__ = ("_find", "_held", "_mode", "ids")

    def __init__(self, mode: CitationMode = "strip", find: Callable[[str], Citation | None] | None = None) -> None:
        if not callable(mode) and mode not in ("keep", "strip", "number"):
            raise ArgumentError(f"citations must be 'keep', 'strip', 'number' or a function, not {mode!r}")
        self._mode = mode
        self._find = find
        self._held: str = ""
        self.ids: dict[str, int] = {}
        """The ids marked so far, with their numbers."""

    def feed(self, piece: str) -> str:
        """The text that is certain now."""
        if self._mode == "keep" or (not self._held and "[" not in piece and "【" not in piece and "［" not in piece):
            return piece
        text = self._held + piece
        start = max(map(text.rfind, "[【［"))
        if not re.compile(_BEGINNING).fullmatch(text, start):
            start = len(text)
        self._held = text[start:]
        return self._replaced(text[:start])

    def finish(self) -> str:
        """The rest, at the end of the text."""
        rest, self._held = self._held, ""
        return self._replaced(rest)

    def _replaced(self, text: str) -> str:
        return re.sub(_MARK, lambda mark: "".join(map(self._shown, _ids_of(mark))), text)

    def _shown(self, id: str) -> str:  # noqa: A002
        number = self.ids.setdefault(id, len(self.ids) + 1)
        if callable(self._mode):
            return self._mode((self._find and self._find(id)) or id)
        return f"[{number}]" if self._mode == "number" else ""


def strip_citations(text: str) -> str:
    """The text without the marks of citations.

    Example:
        >>> strip_citations("Red[65f0c0ffee65f0c0ffee1234](CITE).")
        'Red.'
    """
    return _treated(text, "strip")


def link_citations(text: str, link: Link, citations: Iterable[Citation] = ()) -> str:
    """The text with every mark replaced by what ``link`` makes of its chunk, or of its id if that is not known.

    Example:
        >>> reply = client.create_chat_completion(messages, detail=True, retainDatasetCite=True).reply()
        >>> link_citations(reply.text, lambda chunk: f" ({getattr(chunk, 'sourceName', chunk)})", reply.citations)
        'Red (Tomatoes.pdf).'
    """
    return _treated(text, link, {citation.id: citation for citation in citations}.get)


def footnotes(
    text: str, citations: Iterable[Citation] = (), style: Literal["plain", "markdown"] = "plain"
) -> tuple[str, list[str]]:
    """The text with numbers for marks, and the notes for under it: one for each chunk, in the order of first marks.

    A note has the name of the chunk's source and how the chunk begins, or its id if the chunk is not known.

    Args:
        text: A text with marks.
        citations: The chunks, as in ``reply.citations``.
        style: ``"plain"`` for ``[1]``, ``"markdown"`` for Markdown's own footnotes, ``[^1]``.

    Example:
        >>> text, notes = footnotes(reply.text, reply.citations)
        >>> print(text, *notes, sep="\\n")
        Red[1].
        [1] Tomatoes.pdf: Tomatoes are red when …
    """
    known = {citation.id: citation for citation in citations}
    mark, colon = ("[^{}]", ":") if style == "markdown" else ("[{}]", "")
    numbers: dict[str, int] = {}

    def number(chunk: Citation | str) -> str:
        return mark.format(numbers.setdefault(chunk if isinstance(chunk, str) else chunk.id, len(numbers) + 1))

    numbered = link_citations(text, number, known.values())
    notes = [f"{mark.format(count)}{colon} {_note(known.get(id), id)}" for id, count in numbers.items()]  # noqa: A001
    return numbered, notes


def marked_ids(text: str) -> list[str]:
    """The ids that the text marks, in the order of their first marks, each once."""
    return list(dict.fromkeys(id for mark in re.finditer(_MARK, text) for id in _ids_of(mark)))  # noqa: A001


def _treated(text: str, mode: CitationMode, find: Callable[[str], Citation | None] | None = None) -> str:
    marks = CitationFilter(mode, find)
    return marks.feed(text) + marks.finish()


def _ids_of(mark: re.Match[str]) -> list[str]:
    return re.findall(_ID, (mark[1] or "").lower())


def _note(citation: Citation | None, id: str) -> str:  # noqa: A002
    if citation is None:
        return id
    words = " ".join((citation.q or "").split())
    begins = words if len(words) <= 60 else f"{words[:59]}…"
    return ": ".join(filter(None, (citation.sourceName, begins))) or id
