"""Bytes to frames and lines, cut where the SSE standard says: at CR, LF and CRLF and nowhere else.

``str.splitlines`` (and with it httpx's ``iter_lines``) also cuts at U+2028, U+2029, U+0085, VT and FF, which stand
unescaped inside FastGPT's JSON; so the cutting is done on bytes, before anything is decoded.
"""

from __future__ import annotations

from typing import TypeAlias

Frame: TypeAlias = tuple[bytes, bytes]
"""Event name (empty when the frame has no ``event:`` line) and data."""

_BOM = b"\xef\xbb\xbf"
CR, LF = b"\r\n"  # as numbers: looking for a byte is ten times as fast as looking for bytes


class _Newlines:
    """Turns CR and CRLF into LF, also where a CRLF is cut between two pieces."""

    __slots__ = ("_after_cr",)

    def __init__(self) -> None:
        self._after_cr = False

    def to_lf(self, piece: bytes) -> bytes:
        if self._after_cr:
            if not piece:
                return piece
            self._after_cr = False
            if piece[:1] == b"\n":
                piece = piece[1:]
        if CR in piece:
            self._after_cr = piece.endswith(b"\r")
            piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return piece


class FrameSplitter(_Newlines):
    """Feed it pieces of a stream as they come; it gives back the frames that are complete."""

    __slots__ = ("_pending", "_searched", "idle")

    def __init__(self) -> None:
        super().__init__()
        self._pending = bytearray()
        self._searched = 0
        self.idle: bool = True  # nothing is half here: the next piece begins with a new frame

    def feed(self, piece: bytes) -> list[Frame]:
        if self._after_cr or CR in piece:
            piece = self.to_lf(piece)
        if not self._pending and piece[-2:] == b"\n\n":  # the usual case: whole frames, nothing to keep
            blocks = piece[:-2].split(b"\n\n")
        else:
            self._pending += piece
            # Look only at what is new, so that a frame of megabytes in small pieces costs no more than its length.
            end = self._pending.rfind(b"\n\n", self._searched)
            if end < 0:
                self._searched = max(len(self._pending) - 1, 0)
                self.idle = False
                return []
            blocks = bytes(self._pending[:end]).split(b"\n\n")
            del self._pending[: end + 2]
            self._searched = max(len(self._pending) - 1, 0)
        self.idle = not self._pending and not self._after_cr
        return [frame for block in blocks if block and (frame := _parse(block))]

    def finish(self) -> bytes:
        """What the stream ended with, without the blank line that completes a frame."""
        rest = bytes(self._pending).strip(b"\n")
        self._pending.clear()
        self._searched = 0
        return rest


def _parse(block: bytes) -> Frame | None:
    """The lines between two blank lines, as a frame; None when they hold no data (a comment, a lone field)."""
    if block[:6] == b"data: ":
        if LF not in block:
            return b"", block[6:]
    elif block[:7] == b"event: ":
        name, _, rest = block[7:].partition(b"\n")
        if rest[:6] == b"data: " and LF not in rest:
            return name, rest[6:]
    return parse_lines(block)


def parse_lines(block: bytes) -> Frame | None:
    """The whole standard: comments, fields without a space or a colon, data over several lines."""
    event = b""
    data: list[bytes] = []
    for line in block.removeprefix(_BOM).split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            event = value
    return (event, b"\n".join(data)) if data else None


class LineSplitter(_Newlines):
    """Feed it pieces of a body; it gives back the lines that are complete, decoded as UTF-8."""

    __slots__ = ("_pending",)

    def __init__(self) -> None:
        super().__init__()
        self._pending: list[bytes] = []

    def feed(self, piece: bytes) -> list[str]:
        piece = self.to_lf(piece)
        if LF not in piece:
            if piece:
                self._pending.append(piece)
            return []
        lines = piece.split(b"\n")
        if self._pending:
            lines[0] = b"".join((*self._pending, lines[0]))
            self._pending.clear()
        if lines[-1]:
            self._pending.append(lines[-1])
        return [line.decode("utf-8", "replace") for line in lines[:-1]]

    def finish(self) -> list[str]:
        rest = b"".join(self._pending)
        self._pending.clear()
        return [rest.decode("utf-8", "replace")] if rest else []
