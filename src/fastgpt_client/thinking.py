"""Thinking inside the text of an answer: ``<think>…</think>``, as some models write it and servers pass it on."""

from __future__ import annotations

from enum import Enum, auto

_OPEN, _CLOSE = "<think>", "</think>"


class _Place(Enum):
    START = auto()  # nothing but blank space so far
    OPENED = auto()  # after the opening tag, nothing but blank space
    INSIDE = auto()
    CLOSED = auto()  # after the closing tag, nothing but blank space
    ANSWER = auto()


class ThinkSplitter:
    """Tells thinking from answer in a text that comes in pieces, cut anywhere, also inside a tag.

    Only a block at the start of an answer is thinking: there models put it. Further on ``<think>`` is something that
    the answer talks about, often in code. So nothing that was shown as answer has to be taken back, and past the
    start there is nothing to look for. Blank space after the opening tag and around the closing one is layout and
    dropped.

    Example:
        >>> splitter = ThinkSplitter()
        >>> [splitter.feed(piece) for piece in ("<thi", "nk>Hm.</think>\\n\\nYes", "!")]
        [('', ''), ('Hm.', 'Yes'), ('', '!')]
    """

    __slots__ = ("_held", "_place", "watching")

    def __init__(self) -> None:
        self.watching: bool = True  # False where the answer has begun: the text need not be fed any more
        self._place: _Place = _Place.START
        self._held: str = ""  # what may turn out to be the beginning of a tag, or layout before it

    @property
    def held(self) -> tuple[str, str]:
        """What would follow, as thinking and answer, if nothing more came."""
        return (self._held.rstrip(), "") if self._place is _Place.INSIDE else ("", self._held)

    def feed(self, text: str) -> tuple[str, str]:
        """The thinking and the answer that are certain now."""
        text, self._held = self._held + text, ""
        thinking = answer = ""
        if self._place is _Place.START:
            tag = text.lstrip()
            answer = text[: len(text) - len(tag)]
            if tag.startswith(_OPEN):
                text, self._place = tag[len(_OPEN) :], _Place.OPENED
            elif _OPEN.startswith(tag):
                self._held = tag
                return "", answer
            else:
                return "", self._answer(text)
        if self._place is _Place.OPENED and (text := text.lstrip()):
            self._place = _Place.INSIDE
        if self._place is _Place.INSIDE:
            thinking, closed, rest = text.partition(_CLOSE)
            if not closed:
                thinking = text[: _beginning_of(_CLOSE, text)].rstrip()
                self._held = text[len(thinking) :]
                return thinking, answer
            thinking, text, self._place = thinking.rstrip(), rest, _Place.CLOSED
        if self._place is _Place.CLOSED and (text := text.lstrip()):
            self._answer(text)
        return thinking, answer + text

    def finish(self) -> tuple[str, str]:
        """The rest, at the end of an answer; what follows is a new one.

        A block that was never closed is thinking to its end: the model was cut while it thought.
        """
        rest = self.held
        self._place, self._held, self.watching = _Place.START, "", True
        return rest

    def skip(self) -> str:
        """Tags in the rest of this answer are text. Gives what was held back."""
        return self._answer("".join(self.held))

    def restart(self) -> None:
        """Another answer may begin here. A block that is open stays open, and what is held back stays."""
        if self._place is _Place.ANSWER:
            self._place, self.watching = _Place.START, True

    def _answer(self, text: str) -> str:
        self._place, self._held, self.watching = _Place.ANSWER, "", False
        return text


def split_thinking(text: str) -> tuple[str, str]:
    """The thinking and the answer in a text that begins with ``<think>``; no thinking in any other.

    Example:
        >>> split_thinking("<think>Two and two …</think>Four.")
        ('Two and two …', 'Four.')
    """
    splitter = ThinkSplitter()
    pieces = splitter.feed(text), splitter.finish()
    return "".join(piece[0] for piece in pieces), "".join(piece[1] for piece in pieces)


def _beginning_of(tag: str, text: str) -> int:
    """Where at the end of ``text`` the tag may begin; the end itself when nowhere."""
    start = text.rfind("<", max(len(text) - len(tag) + 1, 0))
    return start if start >= 0 and tag.startswith(text[start:]) else len(text)
