"""The file of an exported knowledge base, read a few chunks at a time: one line may hold a million of them."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

from ..errors import ArgumentError
from .exporting import ExportedChunk

_PIECE = 256 * 1024
_scan = json.JSONDecoder().raw_decode
_space = re.compile(r"[ \t\r\n]*").match


class Line(msgspec.Struct):
    """What a line says, without its chunks. ``at``: where it begins in the file; ``count``: how many chunks it has."""

    path: str
    type: str = "virtual"
    name: str = ""
    tags: list[str] | None = None
    forbid: bool = False
    number: int = 0
    at: int = 0
    count: int = 0

    def __post_init__(self) -> None:
        if not self.name:
            self.name = self.path.rpartition("/")[2].replace("%2F", "/").replace("%25", "%")


def read_lines(file: Path) -> Generator[Line]:
    """The lines of a file; their chunks are looked at, and not kept.

    Raises:
        ArgumentError: A line is not as it must be; the message has its number, from 1.
    """
    with file.open("rb") as source:
        number = at = 0
        while True:
            number += 1
            text = _Text(source)
            try:
                if text.next():
                    yield _line(text, number, at)
            except (ValueError, RecursionError) as error:
                raise ArgumentError(f"line {number} of {file}: {getattr(error, 'msg', error)}") from None
            if source.tell() == at:
                return
            at = source.tell()


def read_chunks_of(file: Path, line: Line) -> Generator[ExportedChunk]:
    """The chunks of a line, as they are read."""
    with file.open("rb") as source:
        source.seek(line.at)
        text = _Text(source)
        for name in _members(text):
            yield from _chunks(text) if name == "chunks" else _nothing(text.value())


def _nothing(_: object) -> Iterator[ExportedChunk]:
    return iter(())


def _line(text: _Text, number: int, at: int) -> Line:
    said: dict[str, Any] = {}
    count = 0
    for name in _members(text):
        if name == "chunks":
            count += sum(1 for _ in _chunks(text))
        else:
            said[name] = text.value()
    if text.next():
        raise ValueError("there is something after its end")
    return msgspec.convert({**said, "number": number, "at": at, "count": count}, Line)


def _members(text: _Text) -> Generator[str]:
    """The names in an object; whoever asks for the next has read the value."""
    for _ in text.items("{", "}"):
        name = text.value()
        if not isinstance(name, str):
            raise ValueError(f"the name of a field is expected, not {name!r:.80}")
        text.take(":")
        yield name


def _chunks(text: _Text) -> Generator[ExportedChunk]:
    for _ in text.items("[", "]"):
        yield msgspec.convert(text.value(), ExportedChunk)


class _Text:
    """The JSON of one line, value by value: no more of it is in memory than the largest of these."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._text, self._at, self._whole = "", 0, False

    def next(self) -> str:
        """The next letter that is no space, "" at the end of the line."""
        while True:
            found = _space(self._text, self._at)
            assert found is not None
            self._at = found.end()
            if self._at < len(self._text) or self._whole:
                return self._text[self._at : self._at + 1]
            self._more()

    def take(self, *wanted: str) -> str:
        """The next letter, which must be one of these."""
        letter = self.next()
        if letter not in wanted:
            raise ValueError(f"{' or '.join(wanted)} is expected, not {letter or 'its end'}")
        self._at += 1
        return letter

    def items(self, opening: str, closing: str) -> Generator[None]:
        """Stops where each item of an object or array begins; whoever asks for the next has read it."""
        self.take(opening)
        if self.next() == closing:
            self.take(closing)
            return
        yield
        while self.take(",", closing) == ",":
            yield

    def value(self) -> Any:
        """What comes next."""
        self.next()
        while True:
            try:
                value, end = _scan(self._text, self._at)
                if end < len(self._text) or self._whole:
                    self._at = end
                    return value
            except ValueError:  # it is not whole, or it is wrong
                if self._whole:
                    raise
            self._more()

    def _more(self) -> None:
        # Twice as much each time, so that a large value is not looked at too often.
        piece = self._source.readline(max(_PIECE, len(self._text) - self._at))
        self._whole = piece[-1:] in (b"", b"\n")
        self._text = self._text[self._at :] + self._decode(piece, self._whole)
        self._at = 0
