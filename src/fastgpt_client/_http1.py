"""HTTP/1.1 as bytes: a request to send, an answer that comes. No I/O here.

A stream of tokens is thousands of tiny pieces, and for each of them httpx2 goes through half a dozen layers. This
module and ``_transport`` are two: the bytes of one request and one answer, and a socket.
"""

from __future__ import annotations

import re
from typing import NamedTuple, TypeAlias

import httpx2

Headers: TypeAlias = list[tuple[bytes, bytes]]

MAX_HEAD = 256 * 1024
MAX_LINE = 16 * 1024  # the line before a chunk, and each trailer

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_NAME = re.compile(_TOKEN)
_REQUEST = re.compile(_TOKEN + rb" [!-~\x80-\xff]+ HTTP/1\.1\r\n(?:" + _TOKEN + rb": [^\0\r\n]*\r\n)*\r\n")
_STATUS = re.compile(rb"HTTP/(1\.[01]) ([1-9][0-9]{2})(?: (.*))?", re.DOTALL)
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\0\r\n]*)?\r\n")


# What is sent ---------------------------------------------------------------------------------------------------------


def build_head(request: httpx2.Request) -> bytes:
    lines = [b"%b %b HTTP/1.1\r\n" % (request.method.encode(), request.url.raw_path)]
    lines += [b"%b: %b\r\n" % pair for pair in request.headers.raw]
    lines.append(b"\r\n")
    head = b"".join(lines)
    # A line break in a value would be a header, or a request, of its own.
    if head.count(b"\n") != len(lines) or _REQUEST.fullmatch(head) is None:
        raise httpx2.LocalProtocolError("a header of this request holds what no header may hold")
    return head


class Outgoing:
    """A request as bytes. The head goes with the first piece of the body, in one packet where they fit."""

    __slots__ = ("_chunked", "_head", "_left", "keep")

    def __init__(self, request: httpx2.Request) -> None:
        headers = request.headers
        self._head = build_head(request)
        self._chunked = "transfer-encoding" in headers
        try:
            self._left = int(headers.get("content-length", 0))
        except ValueError as error:
            raise httpx2.LocalProtocolError("Content-Length is no number") from error
        self.keep: bool = headers.get("connection", "").lower() != "close"

    def piece(self, data: bytes) -> bytes:
        head, self._head = self._head, b""
        if self._chunked:
            return b"%b%x\r\n%b\r\n" % (head, len(data), data) if data else head
        self._left -= len(data)
        if self._left < 0:
            raise httpx2.LocalProtocolError("the body is longer than its Content-Length")
        return head + data

    def end(self) -> bytes:
        if self._left > 0:
            raise httpx2.LocalProtocolError("the body is shorter than its Content-Length")
        return self._head + (b"0\r\n\r\n" if self._chunked else b"")


# What comes -----------------------------------------------------------------------------------------------------------


class Head(NamedTuple):
    version: bytes
    status: int
    reason: bytes
    headers: Headers


def parse_head(data: bytes) -> Head:
    """The head of a response, without the blank line at its end."""
    first, *lines = data.split(b"\r\n")
    status = _STATUS.fullmatch(first)
    breaks = len(lines)
    if status is None or data.count(b"\r") != breaks or data.count(b"\n") != breaks or b"\0" in data:
        raise _garbage("the head of a response", data)
    headers: Headers = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or _NAME.fullmatch(name) is None:
            raise _garbage("a header", line)
        headers.append((name, value.strip(b" \t")))
    return Head(status[1], int(status[2]), status[3] or b"", headers)


class Body:
    """Takes the bytes after a head as they come, gives those of the body back, and knows when it is whole.

    Nothing is kept but the beginning of a line, so the time it takes grows with the bytes, however they are cut.
    """

    __slots__ = ("_chunked", "_gap", "_left", "_line", "_trailers", "done", "keep")

    def __init__(self, method: str, head: Head) -> None:
        self.keep = head.version == b"1.1"  # whether the connection can take another request afterwards
        self.done = False
        self._chunked = False
        self._left: int | None = None  # bytes of the body, or of this chunk; None: until the connection closes
        self._line: bytes = b""  # the beginning of a line
        self._gap = False  # a chunk has ended, its line break has not come
        self._trailers: int | None = None  # bytes of trailers so far, once they began
        for name, value in head.headers:
            match name.lower():
                case b"content-length":
                    self._length(value)
                case b"transfer-encoding":
                    if value.lower() != b"chunked" or self._chunked:
                        raise _garbage("Transfer-Encoding", value)
                    self._chunked = True
                case b"connection":
                    if b"close" in [each.strip() for each in value.lower().split(b",")]:
                        self.keep = False
                case _:
                    pass
        if method == "HEAD" or head.status in (204, 304):
            self._chunked, self._left = False, 0
        elif self._chunked:
            if self._left is not None:  # one of both is a lie, and may be an attempt to smuggle
                self.keep = False
            self._left = 0
        if self._left is None:
            self.keep = False
        self.done = self._left == 0 and not self._chunked

    def _length(self, value: bytes) -> None:
        lengths = {each.strip() for each in value.split(b",")}  # a proxy may repeat it
        length = lengths.pop()
        if lengths or not length.isdigit() or len(length) > 18 or self._left not in (None, int(length)):
            raise _garbage("Content-Length", value)
        self._left = int(length)

    def feed(self, data: bytes) -> bytes:
        if self._chunked and not self.done:
            return self._chunks(data)
        if self._left is None:
            return data
        if len(data) > self._left:  # what comes after the body was not asked for
            self.keep = False
            data = data[: self._left]
        self._left -= len(data)
        self.done = self._left == 0
        return data

    def close(self) -> None:
        """The connection was closed: right for a body that ends with it, and too early for any other."""
        if self._left is not None:
            raise httpx2.RemoteProtocolError("the connection was closed before the end of the answer")
        self.done = True

    def _chunks(self, data: bytes) -> bytes:
        """All that these bytes hold of chunks, in one piece."""
        if self._line:
            data, self._line = self._line + data, b""
        found: list[bytes] = []
        at, end = 0, len(data)
        while at < end:
            if self._left:
                piece = data[at : at + self._left]
                found.append(piece)
                at += len(piece)
                self._left -= len(piece)
                self._gap = self._left == 0
            elif self._gap:
                if data[at : at + 2] == b"\r\n":
                    at += 2
                    self._gap = False
                elif data[at:] == b"\r":
                    self._line = b"\r"
                    break
                else:
                    raise _garbage("the end of a chunk", data[at:])
            elif self._trailers is None and (line := _CHUNK.match(data, at)) is not None:
                at = line.end()
                self._left = int(line[1], 16)
                if not self._left:
                    self._trailers = 0
            else:
                stop = data.find(b"\r\n", at, at + MAX_LINE)
                if stop < 0:  # the rest comes later
                    self._line = data[at:]
                    if len(self._line) >= MAX_LINE:
                        raise _garbage("a line between chunks", self._line)
                    break
                if self._trailers is None:
                    raise _garbage("the size of a chunk", data[at:stop])
                self._trailers += stop - at
                if self._trailers > MAX_HEAD:
                    raise httpx2.RemoteProtocolError("the trailers of an answer are too long")
                self.done = stop == at  # of trailers nothing is wanted
                at = stop + 2
                if self.done:
                    self.keep = self.keep and at == end
                    break
        return found[0] if len(found) == 1 else b"".join(found)


class Incoming:
    """Takes the bytes of a connection as they come: first a head (`body` is set then), then pieces of its body."""

    __slots__ = ("_method", "_raw", "body", "head")

    body: Body  # set with the head

    def __init__(self, method: str) -> None:
        self._method = method
        self._raw = bytearray()
        self.head: Head | None = None

    def feed(self, data: bytes) -> bytes:
        """Bytes of the body, if the head is whole."""
        raw = self._raw
        searched = max(len(raw) - 3, 0)
        raw += data
        while True:
            end = raw.find(b"\r\n\r\n", searched)
            if not raw.startswith(b"HTTP/"[: len(raw)]):
                raise _garbage("the head of a response", raw)
            if (end if end >= 0 else len(raw)) > MAX_HEAD:
                raise httpx2.RemoteProtocolError("the head of a response is too long")
            if end < 0:
                return b""
            head = parse_head(bytes(raw[:end]))
            del raw[: end + 4]
            if head.status >= 200:
                break
            if head.status == 101:
                raise httpx2.RemoteProtocolError("the server changed the protocol without being asked")
            searched = 0  # 1xx: the answer is still to come
        self.body = Body(self._method, head)
        self.head = head
        self._raw = bytearray()
        return self.body.feed(bytes(raw)) if raw else b""


def _garbage(what: str, data: bytes | bytearray) -> httpx2.RemoteProtocolError:
    return httpx2.RemoteProtocolError(f"{what} makes no sense: {bytes(data[:40])!r}")
