"""Long answers as several messages, for platforms that limit the length of one."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Literal

import msgspec

from .errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable

    _Size = Callable[[str], int]


def split_message(text: str, limit: int, *, unit: Literal["chars", "bytes"] = "chars") -> list[str]:
    """A text in pieces of at most ``limit``, cut where it hurts least; no pieces for a blank text.

    Cut between paragraphs, else between lines, sentences or words, and inside a word only where nothing else is. Blank
    space at a cut is dropped. Markdown stays whole: a code block that is cut is closed and opened again, a table gets
    its head again, links and inline code are not cut, and neither is what shows as one character (an emoji with a skin
    tone, a letter with its accent), as long as they are not longer than ``limit`` by themselves.

    Args:
        text: An answer, plain or Markdown.
        limit: The most that a piece may have.
        unit: What ``limit`` counts: ``"chars"`` (code points) or ``"bytes"`` (of UTF-8).

    Raises:
        ArgumentError: ``limit`` is too small for a character.

    Example:
        >>> for piece in split_message(reply.text, 2048, unit="bytes"):
        ...     send(piece)
    """
    if unit not in ("chars", "bytes"):
        raise ArgumentError(f"unit must be 'chars' or 'bytes', not {unit!r}")
    if limit < (least := 4 if unit == "bytes" else 1):
        raise ArgumentError(f"limit must be at least {least} {unit}, not {limit}")
    size = _bytes if unit == "bytes" else len
    cuts = _Cuts(text, limit, size)
    pieces: list[str] = []
    start, before = _after_blank(text, 0), ""
    while rest := text[start:].rstrip():
        room = limit - size(before)
        if size(rest) <= room:
            pieces.append(before + rest)
            break
        indent = rest[: len(rest) - len(rest.lstrip())]
        if size(f"{indent}😀") > room // 2:  # so that there is always room for a character and the end of a block
            start, indent = start + len(indent), ""
        end = cuts.best(start, room, start + len(indent))
        after, again = cuts.frame(end)
        pieces.append(before + text[start:end].rstrip() + after)
        start, before = _after_blank(text, end), again
    return pieces


class _Block(msgspec.Struct):
    """A code block: its lines are from ``start`` to ``end``, what they say from ``inner`` to ``last``."""

    start: int
    inner: int
    last: int
    end: int
    after: str  # closes it
    before: str  # opens it again


# What a cut breaks, from least to most.
_PARAGRAPH, _LINE, _LINE_OF_BLOCK, _SENTENCE, _WORD, _TABLE_HEAD, _TABLE_ROW = _RANKS = range(7)

# Compiled when first used: importing the package is to stay cheap.
_FENCE = r"([ \t]*)(`{3,}|~{3,})(.*)"
_TABLE_RULE = r"(?=.*\|)(?=.*-)[ \t|:-]+"
_LINE_END = r"[ \t\r]*\n\s*"
_SENTENCE_END = r"[.!?…]+[\"')\]]*(?=\s)|[。！？；]+[”’」』）]*"
_WORD_END = r"(?<=\S)(?=[ \t])|(?<=[，、：])"
_WHOLE = r"!?\[[^\]\n]*\]\([^)\s]*\)|https?://[^\s<>)\]，。）】]+|(`+)[^`\n]+\1"


class _Cuts:
    """The places where a text may be cut, and what each of them breaks."""

    def __init__(self, text: str, limit: int, size: _Size) -> None:
        self._text = text
        self._limit = limit
        self._size = size
        self._blocks: list[_Block] = []
        self._rows: dict[int, str] = {}  # end of a row that others follow → the head of its table
        self._whole = [match.span() for match in re.finditer(_WHOLE, text)]  # what should not be cut
        self._ranks = {match.end(): _WORD for match in re.finditer(_WORD_END, text)}
        self._ranks |= {match.end(): _SENTENCE for match in re.finditer(_SENTENCE_END, text)}
        for match in re.finditer(_LINE_END, text):
            self._ranks[match.start()] = _PARAGRAPH if match[0].count("\n") > 1 else _LINE
        self._find_blocks()
        self._whole.sort()
        self._places = sorted(
            place for place in self._ranks if not self._inside_whole(place) and not _is_joined(text, place)
        )

    def best(self, start: int, room: int, least: int) -> int:
        """Where to end the piece that begins at ``start``, after ``least``: as late as it fits, and breaking little."""
        stop = start + self._fitting(start, room)
        places = [
            place
            for place in self._places[bisect_right(self._places, least) : bisect_right(self._places, stop)]
            if self._fits(start, place, room)
        ]
        outside = [place for place in places if self._ranks[place] < _TABLE_HEAD]
        late = outside[bisect_left(outside, start + (stop - start) // 3) :]
        for some in (late, outside, places):
            for rank in _RANKS:
                if found := [place for place in some if self._ranks[place] == rank]:
                    return found[-1]
        hard = [place for place in range(stop, least, -1) if self._fits(start, place, room)]
        characters = [place for place in hard if not _is_joined(self._text, place)]
        return next((place for place in characters if not self._inside_whole(place)), (characters or hard)[0])

    def frame(self, place: int) -> tuple[str, str]:
        """What a cut there adds after the piece, and before the next one."""
        if (block := self._block(place)) is not None:
            return block.after, block.before
        return "", self._rows.get(place, "")

    def _find_blocks(self) -> None:
        lines: list[tuple[int, int]] = []  # without the blank space at their ends
        start = 0
        for line in self._text.split("\n"):
            lines.append((start, start + len(line.rstrip())))
            start += len(line) + 1
        number = 0
        while number < len(lines):
            if fence := re.compile(_FENCE).fullmatch(self._text, *lines[number]):
                number = self._add_code(lines, number, fence)
            elif number + 1 < len(lines) and re.compile(_TABLE_RULE).fullmatch(self._text, *lines[number + 1]):
                number = self._add_table(lines, number)
            else:
                number += 1

    def _add_code(self, lines: list[tuple[int, int]], first: int, fence: re.Match[str]) -> int:
        """Note a code block; the number of the line after it."""
        number, mark = first + 1, fence[2]
        while number < len(lines) and not self._closes(lines[number], mark):
            number += 1
        start, inner = lines[first]
        end = lines[number][1] if number < len(lines) else len(self._text)
        last = inner + len(self._text[inner : lines[number][0] if number < len(lines) else end].rstrip())
        block = _Block(start, inner, last, end, f"\n{fence[1]}{mark}", f"{fence[0]}\n")
        if last > inner and self._size(block.after) + self._size(block.before) <= self._limit // 2:
            self._blocks.append(block)
            self._whole += [(start, inner + 1), (last - 1, end)]
            self._worsen(inner, last, {_PARAGRAPH: _LINE_OF_BLOCK, _LINE: _LINE_OF_BLOCK})
        return number + 1

    def _closes(self, line: tuple[int, int], mark: str) -> bool:
        text = self._text[slice(*line)].strip()
        return text.startswith(mark) and not text.strip(mark[0])

    def _add_table(self, lines: list[tuple[int, int]], first: int) -> int:
        """Note a table; the number of the line after it."""
        number, (start, _), (_, inner) = first + 2, lines[first], lines[first + 1]
        while number < len(lines) and "|" in self._text[slice(*lines[number])]:
            number += 1
        end = lines[number - 1][1]
        self._whole.append((start, inner))
        self._worsen(inner, end, {_LINE: _LINE_OF_BLOCK, _SENTENCE: _TABLE_ROW, _WORD: _TABLE_ROW})
        self._ranks[inner] = _TABLE_HEAD if end > inner else _LINE
        head = f"{self._text[start:inner]}\n"
        if self._size(head) <= self._limit // 2:
            self._rows |= dict.fromkeys((row_end for _, row_end in lines[first + 2 : number - 1]), head)
        return number

    def _worsen(self, start: int, end: int, ranks: dict[int, int]) -> None:
        for place in range(start, end):
            if place in self._ranks:
                self._ranks[place] = ranks.get(self._ranks[place], self._ranks[place])

    def _block(self, place: int) -> _Block | None:
        """The code block that a cut at ``place`` would break."""
        number = bisect_right(self._blocks, place, key=lambda block: block.inner) - 1
        return self._blocks[number] if number >= 0 and place < self._blocks[number].last else None

    def _inside_whole(self, place: int) -> bool:
        number = bisect_left(self._whole, (place,)) - 1
        return number >= 0 and place < self._whole[number][1]

    def _fits(self, start: int, place: int, room: int) -> bool:
        after, _ = self.frame(place)
        return not after or self._size(self._text[start:place].rstrip()) + self._size(after) <= room

    def _fitting(self, start: int, room: int) -> int:
        """How many characters from ``start`` have room; at least one."""
        some = self._text[start : start + room]
        if self._size is _bytes:
            some = some.encode("utf-8", "surrogatepass")[:room].decode("utf-8", "ignore")
        return max(len(some), 1)


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _after_blank(text: str, start: int) -> int:
    """Past the blank space at ``start``, but for what indents a line."""
    blank = len(text) - start - len(text[start:].lstrip())
    line = text.rfind("\n", start, start + blank) + 1
    return line or (start + blank if start else 0)


_FLAG = range(0x1F1E6, 0x1F200)
_ZERO_WIDTH_JOINER = "\u200d"


def _is_joined(text: str, place: int) -> bool:
    """Whether the characters before and after ``place`` show as one."""
    if not 0 < place < len(text):
        return False
    one, two = text[place - 1], text[place]
    code = ord(two)
    if unicodedata.category(two)[0] == "M" or two in (_ZERO_WIDTH_JOINER, "\u200c"):
        return True
    if one == _ZERO_WIDTH_JOINER or (one, two) == ("\r", "\n"):
        return True
    if 0x1F3FB <= code <= 0x1F3FF or 0xE0020 <= code <= 0xE007F or 0x1160 <= code <= 0x11FF:
        return True  # skin tones, the letters of flags of regions, the later parts of Korean syllables
    if 0xDC00 <= code <= 0xDFFF and 0xD800 <= ord(one) <= 0xDBFF:
        return True
    if code in _FLAG and ord(one) in _FLAG:
        before = len(text[:place]) - len(text[:place].rstrip("".join(map(chr, _FLAG))))
        return before % 2 == 1
    return False
