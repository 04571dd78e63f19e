"""Markdown that comes in pieces, cut into blocks: a block is finished when the next one has begun."""

from __future__ import annotations

import re
from itertools import pairwise

from markdown_it import MarkdownIt

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_TABLE = re.compile(r"[ |:]*-[-| :]*")


class Blocks:
    """Takes pieces, gives out finished blocks; ``rest`` is the block that may still grow.

    Example:
        >>> blocks = Blocks()
        >>> blocks.feed("# Title\\n\\nSome "), blocks.rest
        (['# Title'], 'Some ')
    """

    def __init__(self) -> None:
        self.rest: str = ""
        self._parser = MarkdownIt().enable(["table", "strikethrough"])

    def feed(self, piece: str) -> list[str]:
        """The blocks that are finished now."""
        self.rest += piece
        if "\n" not in piece:  # only a new line can begin a block
            return []
        starts = [token.map[0] for token in self._parser.parse(self.rest) if token.level == 0 and token.map]
        starts = sorted(set(starts))
        if len(starts) < 2:
            return []
        lines = self.rest.split("\n")
        self.rest = "\n".join(lines[starts[-1] :])
        return ["\n".join(lines[here:there]).rstrip() for here, there in pairwise(starts)]

    def finish(self) -> list[str]:
        """The last blocks, at the end of the text."""
        blocks = self.feed("\n")
        rest, self.rest = self.rest.rstrip(), ""
        return [*blocks, rest] if rest else blocks

    def tail(self, count: int) -> str:
        """The last lines of ``rest``, for a screen that has no room for all; code stays code, a table a table."""
        lines = self.rest.split("\n")
        if len(lines) <= count:
            return self.rest
        opening = 1 if _FENCE.match(lines[0]) else 2 if "|" in lines[0] and _TABLE.fullmatch(lines[1]) else 0
        return "\n".join([*lines[:opening], *lines[max(opening, len(lines) - count) :]])
