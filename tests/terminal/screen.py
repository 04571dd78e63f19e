"""A terminal that is as high as it is, to see what is left on it: lines, and what scrolled away above them.

With a width it knows no letters that are made of several: an emoji of four people takes eight columns.
"""

from __future__ import annotations

import re
from unicodedata import category, east_asian_width

_PARTS = re.compile(r"\x1b\]8;[^\x1b\x07]*(?:\x1b\\|\x07)|\x1b\[([?\d;]*)([A-Za-z])|(\n|\r)|([^\x1b\n\r]+)")


class Screen:
    """Takes what a program writes; ``lines`` are all lines from the first to the last, trimmed on the right."""

    def __init__(self, height: int, width: int = 0) -> None:
        self.height = height
        self.width = width
        self._wraps = True
        self._lines: list[str] = [""]
        self._row = self._column = 0

    def feed(self, text: str) -> None:
        for part in _PARTS.finditer(text):
            number, command, move, letters = part.groups()
            if number == "?7":
                self._wraps = command == "h"
            elif command == "A":  # up, but not to what scrolled away
                top = max(0, len(self._lines) - self.height)
                self._row = max(top, self._row - int(number or 1))
            elif command == "K":
                self._lines[self._row] = ""
            elif command is not None and command not in "mhlJH":
                raise AssertionError(f"this terminal does not know {part[0]!r}")
            elif move == "\r":
                self._column = 0
            elif move == "\n":
                self._next_line()
            elif letters:
                if self.width and self._wraps and _columns(self._lines[self._row] + letters) > self.width:
                    self._next_line()
                line = self._lines[self._row].ljust(self._column)
                self._lines[self._row] = line[: self._column] + letters + line[self._column + len(letters) :]
                self._column += len(letters)

    def _next_line(self) -> None:
        self._row, self._column = self._row + 1, 0
        if self._row == len(self._lines):
            self._lines.append("")

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self._lines]

    @property
    def text(self) -> str:
        return "\n".join(self.lines).strip()


def _columns(text: str) -> int:
    joined = [letter for letter in text.rstrip() if category(letter) not in ("Cf", "Mn")]
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in joined)
