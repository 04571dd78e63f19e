"""Transports of httpx2 over plain sockets and over asyncio, for HTTP/1.1.

From top to bottom: idle connections, what the body of an answer does in both worlds (``_Stream``), the sync world, the
async world. What is above them stays httpx2's: requests, responses, exceptions.
"""

from __future__ import annotations

import asyncio
import datetime
import select
import socket
import ssl
import threading
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeAlias, TypeVar, cast

import httpx2

from ._http1 import Head, Incoming, Outgoing

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterable, Iterator

Origin: TypeAlias = tuple[bool, str, int]  # TLS or not, host, port

KEEPALIVE_SECONDS = 4.0  # Node closes idle connections after 5 s: leave them first, or a request may meet the closing
MAX_IDLE = 1000  # they were all in use within the last seconds, so there is room for them
MAX_BUFFERED = 1024 * 1024  # of an answer that nobody reads yet; then the server has to wait
READ_SIZE = 64 * 1024


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


def _continues(answer: bytes) -> bool:
    """Whether this is only the beginning of a 1xx, after which the server waits for more."""
    return answer.startswith(b"HTTP/1.1 1")


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
    __slots__ = ("_early", "_limit", "_recv", "_socket", "limits", "origin", "since")

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
        self._early = b""  # what came while a request was being sent
        self._recv = self._socket.recv
        self._limit = self._socket.gettimeout()

    def write(self, data: bytes) -> bool:
        """Whether it could be sent: a server may answer and hang up before it has read all."""
        self._set(self.limits.write)
        try:
            self._socket.sendall(data)
        except TimeoutError as error:
            if self.answered():
                return False
            raise httpx2.WriteTimeout(str(error)) from error
        except OSError:
            return False
        return True

    def answered(self) -> bool:
        """Whether an answer came already, or the end: then it is no use to send on. 1xx is no answer."""
        if self._readable():
            self._set(0.0)  # over TLS what can be read may be no answer, and nothing
            try:
                piece = self._recv(READ_SIZE)
            except (BlockingIOError, ssl.SSLWantReadError):
                return False
            except OSError:
                return True
            self._early += piece
            return not piece or not _continues(self._early)
        return False

    def read(self) -> bytes:
        """What has come; ``b""`` at the end."""
        if self._early:
            piece, self._early = self._early, b""
            return piece
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
        return not self._readable()

    def _readable(self) -> bool:
        if hasattr(select, "poll"):
            poll = select.poll()
            poll.register(self._socket, select.POLLIN)
            readable = bool(poll.poll(0))
        else:  # pragma: no cover  # Windows
            readable = bool(select.select([self._socket], [], [], 0)[0])
        return readable or bool(self.origin[0] and cast("ssl.SSLSocket", self._socket).pending())

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
        self.trust(context)
        self.pool: Pool[SyncConnection] = Pool()

    def trust(self, context: ssl.SSLContext) -> None:
        """Whom to trust from now on."""
        context.set_alpn_protocols(["http/1.1"])
        self._context = context

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
    first = True
    for data in cast("Iterable[bytes]", request.stream):
        if (not first and connection.answered()) or not connection.write(outgoing.piece(data)):
            return False
        first = False
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
        # Not 0: over TLS asyncio then takes an empty buffer for a full one, and may never say that we can go on.
        self._transport.set_write_buffer_limits(high=1, low=0)

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
        while self._stuck and not self._over and not self.answered():
            try:
                await self._wait(self.limits.write)
            except TimeoutError as error:
                raise httpx2.WriteTimeout("timed out") from error
        return not self._stuck and not self._over

    def answered(self) -> bool:
        """Whether an answer came already: then it is no use to send on. 1xx is no answer."""
        return bool(self._pieces) and not _continues(b"".join(self._pieces))

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
        self.trust(context)
        self.pool: Pool[AsyncConnection] = Pool()

    def trust(self, context: ssl.SSLContext) -> None:
        """Whom to trust from now on."""
        context.set_alpn_protocols(["http/1.1"])
        self._context = context

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
    first = True
    async for data in cast("AsyncIterable[bytes]", request.stream):
        if not first:
            await asyncio.sleep(0)  # a file in memory and a fast socket would keep the loop to themselves
            if connection.answered():
                return False
        if not await connection.write(outgoing.piece(data)):
            return False
        first = False
    rest = outgoing.end()
    return (not rest or await connection.write(rest)) and outgoing.keep
