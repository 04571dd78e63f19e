"""HTTP/1.1 over plain sockets and over asyncio, as transports of httpx2.

A stream of tokens is thousands of tiny pieces, and for each of them httpx2 goes through half a dozen layers. Here are
two: a socket, and the bytes of one request and one answer. What is built above them stays httpx2's: requests,
responses, exceptions.

From top to bottom: bytes to send, bytes that came (both without any I/O), idle connections, the sync world, the async
world. What those two share is in `_Stream`.
"""

from __future__ import annotations

import asyncio
import datetime
import re
import select
import socket
import threading
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeAlias, TypeVar, cast

import httpx2

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterable, Iterable, Iterator

Headers: TypeAlias = list[tuple[bytes, bytes]]
Origin: TypeAlias = tuple[bool, str, int]  # TLS or not, host, port

KEEPALIVE_SECONDS = 4.0  # Node closes idle connections after 5 s: leave them first, or a request may meet the closing
MAX_IDLE = 1000  # they were all in use within the last seconds, so there is room for them
MAX_HEAD = 256 * 1024
MAX_LINE = 16 * 1024  # the line before a chunk, and each trailer
MAX_BUFFERED = 1024 * 1024  # of an answer that nobody reads yet; then the server has to wait
READ_SIZE = 64 * 1024

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


# Connections, and those that wait for work ----------------------------------------------------------------------------


class Connection(Protocol):
    origin: Origin
    since: float  # when it became idle

    def usable(self) -> bool:
        """Whether it can take a request: not one that the server closed, or said something on unasked."""
        ...

    def close(self) -> None: ...


C = TypeVar("C", bound=Connection)


class Pool(Generic[C]):
    """Idle connections, oldest first, and how many are in use. The newest is used first, so that others can expire."""

    def __init__(self) -> None:
        self.busy: int = 0
        self.closed: bool = False
        self.idle: deque[C] = deque()
        self._lock = threading.Lock()

    def take(self, origin: Origin) -> C | None:
        """An idle connection, or None: then make one. It is in use either way, until ``give`` or ``lose``."""
        with self._lock:
            self.busy += 1
            self._expire()
            for place in range(len(self.idle) - 1, -1, -1):
                connection = self.idle[place]
                if connection.origin == origin:
                    del self.idle[place]
                    if connection.usable():
                        return connection
                    connection.close()
        return None

    def give(self, connection: C) -> None:
        connection.since = time.monotonic()
        with self._lock:
            self.busy -= 1
            self._expire()
            if self.closed or len(self.idle) >= MAX_IDLE:
                connection.close()
            else:
                self.idle.append(connection)

    def lose(self, connection: C | None) -> None:
        with self._lock:
            self.busy -= 1
        if connection is not None:
            connection.close()

    def close(self) -> None:
        """Close what is idle. What is in use is closed when its answer is."""
        with self._lock:
            self.closed = True
            while self.idle:
                self.idle.pop().close()

    def _expire(self) -> None:
        oldest = time.monotonic() - KEEPALIVE_SECONDS
        while self.idle and self.idle[0].since < oldest:
            self.idle.popleft().close()


class _Limits(NamedTuple):
    connect: float | None
    read: float | None
    write: float | None


def _limits(request: httpx2.Request) -> _Limits:
    limits: dict[str, float | None] = request.extensions.get("timeout", {})
    return _Limits(limits.get("connect"), limits.get("read"), limits.get("write"))


def _origin(url: httpx2.URL) -> Origin:
    secure = url.scheme == "https"
    if not secure and url.scheme != "http":
        raise httpx2.UnsupportedProtocol(f"neither http nor https: {url.scheme!r}")
    return secure, url.raw_host.decode("ascii"), url.port or (443 if secure else 80)


class _Stream(Generic[C]):
    """The body of a response. Its connection is given back with its last byte, and closed when it is left before."""

    elapsed: datetime.timedelta | None = None  # read by httpx2.Response

    def __init__(self, pool: Pool[C], connection: C, request: httpx2.Request, started: float) -> None:
        self._pool = pool
        self._connection: C | None = connection
        self._request = request
        self._started = started
        self._incoming = Incoming(request.method)
        self._first = b""  # what came together with the head
        self.keep = True  # False: not all of the request was sent

    def begin(self, data: bytes) -> bool:
        """Feed bytes until it returns True: then the head is whole."""
        if not data:
            raise httpx2.RemoteProtocolError("the connection was closed without an answer")
        self._first = self._incoming.feed(data)
        if self._incoming.head is None:
            return False
        if self._incoming.body.done:
            self._release()
        return True

    def response(self) -> httpx2.Response:
        head = cast("Head", self._incoming.head)
        return httpx2.Response(
            head.status,
            headers=head.headers,
            stream=cast("Any", self),
            request=self._request,
            extensions={"http_version": b"HTTP/" + head.version, "reason_phrase": head.reason},
        )

    def _take(self, data: bytes) -> bytes:
        """A piece of the body; empty when nothing of it came."""
        body = self._incoming.body
        if data:
            piece = body.feed(data)
        else:
            body.close()
            piece = b""
        if body.done:
            self._release()
        return piece

    def _release(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            whole = self._incoming.head is not None and self._incoming.body.done
            if whole and self._incoming.body.keep and self.keep:
                self._pool.give(connection)
            else:
                self._pool.lose(connection)

    def fail(self, error: BaseException) -> None:
        self._release()
        _name(error, self._request)

    def _end(self) -> None:
        self.elapsed = datetime.timedelta(seconds=time.perf_counter() - self._started)
        self._release()


def _name(error: BaseException, request: httpx2.Request) -> None:
    if isinstance(error, httpx2.RequestError):
        error.request = request


# The sync world -------------------------------------------------------------------------------------------------------


class SyncConnection:
    __slots__ = ("_limit", "_recv", "_socket", "limits", "origin", "since")

    def __init__(self, origin: Origin, limits: _Limits, context: ssl.SSLContext) -> None:
        self.origin: Origin = origin
        self.since: float = 0.0
        self.limits: _Limits = limits
        try:
            self._socket = _connect(origin, limits.connect, context)
        except TimeoutError as error:
            raise httpx2.ConnectTimeout(str(error)) from error
        except (OSError, UnicodeError) as error:  # UnicodeError: a name that cannot be one
            raise httpx2.ConnectError(str(error)) from error
        self._recv = self._socket.recv
        self._limit = self._socket.gettimeout()

    def write(self, data: bytes) -> bool:
        """Whether it could be sent: a server may answer and hang up before it has read all."""
        self._set(self.limits.write)
        try:
            self._socket.sendall(data)
        except TimeoutError as error:
            raise httpx2.WriteTimeout(str(error)) from error
        except OSError:
            return False
        return True

    def read(self) -> bytes:
        """What has come; ``b""`` at the end."""
        self._set(self.limits.read)
        try:
            return self._recv(READ_SIZE)
        except TimeoutError as error:
            raise httpx2.ReadTimeout(str(error)) from error
        except OSError as error:
            raise httpx2.ReadError(str(error)) from error

    def _set(self, limit: float | None) -> None:
        if limit != self._limit:
            self._socket.settimeout(limit)
            self._limit = limit

    def usable(self) -> bool:
        if hasattr(select, "poll"):
            poll = select.poll()
            poll.register(self._socket, select.POLLIN)
            readable = bool(poll.poll(0))
        else:  # pragma: no cover  # Windows
            readable = bool(select.select([self._socket], [], [], 0)[0])
        return not readable and not (self.origin[0] and cast("ssl.SSLSocket", self._socket).pending())

    def close(self) -> None:
        self._socket.close()


def _connect(origin: Origin, limit: float | None, context: ssl.SSLContext) -> socket.socket:
    """Try each address of the host. All must be done within the limit, but for the resolver, which has its own."""
    secure, host, port = origin
    deadline = None if limit is None else time.monotonic() + limit
    failure: OSError = OSError("the name of the host has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        connection = socket.socket(family, kind, protocol)
        try:
            _wait_until(connection, deadline)
            connection.connect(address)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if secure:
                _wait_until(connection, deadline)
                connection = context.wrap_socket(connection, server_hostname=host)
            return connection
        except BaseException as error:
            connection.close()
            if not isinstance(error, OSError):
                raise
            failure = error
    raise failure


def _wait_until(connection: socket.socket, deadline: float | None) -> None:
    if deadline is not None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        connection.settimeout(left)


class SyncStream(_Stream[SyncConnection], httpx2.SyncByteStream):
    def __iter__(self) -> Iterator[bytes]:
        piece, self._first = self._first, b""
        if piece:
            yield piece
        while (connection := self._connection) is not None:
            try:
                piece = self._take(connection.read())
            except BaseException as error:
                self.fail(error)
                raise
            if piece:
                yield piece

    def close(self) -> None:
        self._end()


class SyncTransport(httpx2.BaseTransport):
    """Sends requests over connections of its own. May be used by many threads."""

    def __init__(self, context: ssl.SSLContext) -> None:
        context.set_alpn_protocols(["http/1.1"])
        self._context = context
        self.pool: Pool[SyncConnection] = Pool()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        started = time.perf_counter()
        connection = self._connection(request)
        stream = SyncStream(self.pool, connection, request, started)
        try:
            stream.keep = _send(connection, request)
            while not stream.begin(connection.read()):
                pass
        except BaseException as error:
            stream.fail(error)
            raise
        return stream.response()

    def _connection(self, request: httpx2.Request) -> SyncConnection:
        origin, limits = _origin(request.url), _limits(request)
        connection = self.pool.take(origin)
        if connection is not None:
            connection.limits = limits
            return connection
        try:
            return SyncConnection(origin, limits, self._context)
        except BaseException as error:
            self.pool.lose(None)
            _name(error, request)
            raise

    def close(self) -> None:
        self.pool.close()


def _send(connection: SyncConnection, request: httpx2.Request) -> bool:
    """Whether all of it was sent, and the connection may be kept."""
    outgoing = Outgoing(request)
    for data in cast("Iterable[bytes]", request.stream):
        if not connection.write(outgoing.piece(data)):
            return False
    rest = outgoing.end()
    return (not rest or connection.write(rest)) and outgoing.keep


# The async world ------------------------------------------------------------------------------------------------------


class AsyncConnection(asyncio.Protocol):
    """A connection and its event loop."""

    __slots__ = (
        "_deadline", "_error", "_full", "_loop", "_over", "_pieces", "_size", "_stuck", "_timer", "_transport",
        "_waiter", "limits", "origin", "since",
    )  # fmt: skip

    _transport: asyncio.Transport

    def __init__(self, origin: Origin, limits: _Limits, loop: asyncio.AbstractEventLoop) -> None:
        self.origin: Origin = origin
        self.since: float = 0.0
        self.limits: _Limits = limits
        self._loop = loop
        self._pieces: list[bytes] = []  # what came and was not read yet
        self._size = 0
        self._full = False  # too much of it: reading is paused
        self._stuck = False  # writing is paused
        self._over = False
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    @classmethod
    async def open(cls, origin: Origin, limits: _Limits, context: ssl.SSLContext) -> AsyncConnection:
        loop = asyncio.get_running_loop()
        secure, host, port = origin
        try:
            async with asyncio.timeout(limits.connect):
                _, connection = await loop.create_connection(
                    lambda: cls(origin, limits, loop),
                    host,
                    port,
                    ssl=context if secure else None,
                    server_hostname=host if secure else None,
                )
        except TimeoutError as error:
            raise httpx2.ConnectTimeout(str(error) or "timed out") from error
        except (OSError, UnicodeError) as error:
            raise httpx2.ConnectError(str(error)) from error
        return connection

    # Called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(0)

    def data_received(self, data: bytes) -> None:
        self._pieces.append(data)
        self._size += len(data)
        if self._size > MAX_BUFFERED and not self._full:
            self._full = True
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._over = True
        self._error = exc
        self._wake()

    def eof_received(self) -> None:  # the loop closes the connection then
        self._over = True
        self._wake()

    def pause_writing(self) -> None:
        self._stuck = True

    def resume_writing(self) -> None:
        self._stuck = False
        self._wake()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    # Called by us

    async def write(self, data: bytes) -> bool:
        """Whether it could be sent: a server may answer and hang up before it has read all."""
        self._transport.write(data)
        while self._stuck and not self._over and not self._answered():
            try:
                await self._wait(self.limits.write)
            except TimeoutError as error:
                raise httpx2.WriteTimeout("timed out") from error
        return not self._stuck and not self._over

    def _answered(self) -> bool:
        """Whether an answer came already; 1xx is none."""
        return bool(self._pieces) and not b"".join(self._pieces).startswith(b"HTTP/1.1 1")

    async def read(self) -> bytes:
        """What has come; ``b""`` at the end."""
        pieces = self._pieces
        while not pieces:
            if self._error is not None:
                raise httpx2.ReadError(str(self._error)) from self._error
            if self._over:
                return b""
            try:
                await self._wait(self.limits.read)
            except TimeoutError as error:
                raise httpx2.ReadTimeout("timed out") from error
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self._size = 0
        if self._full:
            self._full = False
            self._transport.resume_reading()
        return data

    async def _wait(self, limit: float | None) -> None:
        """Until something happens. One timer for the whole connection: most waits end long before it, and leave it."""
        if limit is None:
            self._deadline = None
        else:
            self._deadline = deadline = self._loop.time() + limit
            if self._timer is None or self._timer.when() > deadline:
                self._stop_timer()
                self._timer = self._loop.call_at(deadline, self._check)
        self._waiter = waiter = self._loop.create_future()
        await waiter

    def _check(self) -> None:
        self._timer = None
        if self._waiter is None or self._waiter.done() or self._deadline is None:
            return
        if self._loop.time() < self._deadline:  # there were other waits since
            self._timer = self._loop.call_at(self._deadline, self._check)
        else:
            self._waiter.set_exception(TimeoutError())
            self._waiter = None

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def usable(self) -> bool:
        return self._loop is asyncio.get_running_loop() and not self._over and not self._pieces

    def close(self) -> None:
        self._stop_timer()
        if asyncio.get_running_loop() is self._loop:
            self._transport.abort()
            return
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._transport.abort)
            return
        with suppress(OSError):  # its loop is closed, and does nothing more for it
            self._transport.get_extra_info("socket").shutdown(socket.SHUT_RDWR)


class AsyncStream(_Stream[AsyncConnection], httpx2.AsyncByteStream):
    def __aiter__(self) -> AsyncStream:
        return self

    async def __anext__(self) -> bytes:
        piece, self._first = self._first, b""
        while not piece:
            connection = self._connection
            if connection is None:
                raise StopAsyncIteration
            try:
                piece = self._take(await connection.read())
            except BaseException as error:  # also when it is cancelled
                self.fail(error)
                raise
        return piece

    async def aclose(self) -> None:
        self._end()


class AsyncTransport(httpx2.AsyncBaseTransport):
    """Sends requests over connections of its own. A connection is used only in the event loop that made it."""

    def __init__(self, context: ssl.SSLContext) -> None:
        context.set_alpn_protocols(["http/1.1"])
        self._context = context
        self.pool: Pool[AsyncConnection] = Pool()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        started = time.perf_counter()
        connection = await self._connection(request)
        stream = AsyncStream(self.pool, connection, request, started)
        try:
            stream.keep = await _asend(connection, request)
            while not stream.begin(await connection.read()):
                pass
        except BaseException as error:
            stream.fail(error)
            raise
        return stream.response()

    async def _connection(self, request: httpx2.Request) -> AsyncConnection:
        origin, limits = _origin(request.url), _limits(request)
        connection = self.pool.take(origin)
        if connection is not None:
            connection.limits = limits
            return connection
        try:
            return await AsyncConnection.open(origin, limits, self._context)
        except BaseException as error:
            self.pool.lose(None)
            _name(error, request)
            raise

    async def aclose(self) -> None:
        self.pool.close()
        await asyncio.sleep(0)  # the loop closes the sockets in its next round


async def _asend(connection: AsyncConnection, request: httpx2.Request) -> bool:
    """Whether all of it was sent, and the connection may be kept."""
    outgoing = Outgoing(request)
    async for data in cast("AsyncIterable[bytes]", request.stream):
        if not await connection.write(outgoing.piece(data)):
            return False
    rest = outgoing.end()
    return (not rest or await connection.write(rest)) and outgoing.keep
