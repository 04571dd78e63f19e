"""HTTP/1.1: bytes in memory, cut anywhere; then both transports against sockets."""

from __future__ import annotations

import asyncio
import gc
import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgpt_client import APIConnectionError, APITimeoutError, AsyncChatClient, FastGPTError
from fastgpt_client import _http1 as http1
from fastgpt_client import _transport as transport
from fastgpt_client._http1 import Body, Head, Incoming, Outgoing, build_head, parse_head
from fastgpt_client._transport import AsyncTransport, SyncTransport

from .conftest import KEY, World, ask
from .wire import END, Step, Wire, chunk, completion, http, sse_head, until, wire

OK = http(completion("hi"), headers={"content-type": "application/json"})


# Bytes in memory ------------------------------------------------------------------------------------------------------


def head(*headers: tuple[bytes, bytes], status: int = 200, version: bytes = b"1.1") -> Head:
    return Head(version, status, b"", list(headers))


def decoded(body: Body, data: bytes, edges: list[int]) -> bytes:
    cuts = zip([0, *edges], [*edges, len(data)], strict=True)
    return b"".join(body.feed(data[start:end]) for start, end in cuts if start < end)


@st.composite
def chunked_bodies(draw: st.DrawFn) -> tuple[bytes, bytes]:
    pieces = draw(st.lists(st.binary(min_size=1, max_size=60), max_size=8))
    out = b""
    for piece in pieces:
        size = draw(st.sampled_from([b"%x", b"%X", b"00%x"])) % len(piece)
        out += size + draw(st.sampled_from([b"", b";a", b' ; a="\xff"', b"\t"])) + b"\r\n" + piece + b"\r\n"
    return b"".join(pieces), out + b"0\r\n" + draw(st.sampled_from([b"", b"x: y\r\n", b"a: b\r\nc: d\r\n"])) + b"\r\n"


def cuts(data: bytes) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(0, len(data)), max_size=30).map(sorted)


@given(chunked_bodies(), st.data())
def test_chunks_however_cut(bodies: tuple[bytes, bytes], data: st.DataObject) -> None:
    plain, wired = bodies
    for edges in (data.draw(cuts(wired)), list(range(1, len(wired))), []):
        body = Body("POST", head((b"Transfer-Encoding", b"Chunked")))
        assert decoded(body, wired, edges) == plain
        assert body.done
        assert body.keep
        body = Body("POST", head((b"Transfer-Encoding", b"chunked")))
        decoded(body, wired[:-1], [edge for edge in edges if edge < len(wired)])
        assert not body.done
        with pytest.raises(httpx2.RemoteProtocolError, match="before the end"):
            body.close()


@given(st.binary(min_size=1, max_size=80), st.data())
def test_a_body_of_known_length_however_cut(plain: bytes, data: st.DataObject) -> None:
    body = Body("GET", head((b"content-length", b"%d" % len(plain))))
    assert decoded(body, plain, data.draw(cuts(plain))) == plain
    assert body.done
    assert body.keep
    body = Body("GET", head((b"content-length", b"%d" % len(plain))))
    assert decoded(body, plain + b"more", data.draw(cuts(plain))) == plain
    assert not body.keep, "more came than was announced"


@given(st.data())
def test_a_response_however_cut(data: st.DataObject) -> None:
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
    wired = early + b"HTTP/1.1 200 Good Enough\r\nA:b \r\na:  c\r\nempty:\r\ncontent-length: 5\r\n\r\nhello"
    incoming = Incoming("GET")
    edges = data.draw(cuts(wired))
    body = b"".join(
        incoming.feed(wired[start:end]) if incoming.head is None else incoming.body.feed(wired[start:end])
        for start, end in zip([0, *edges], [*edges, len(wired)], strict=True)
    )
    assert body == b"hello"
    found = incoming.head
    assert found == (b"1.1", 200, b"Good Enough", found.headers if found else [])
    assert found.headers == [(b"A", b"b"), (b"a", b"c"), (b"empty", b""), (b"content-length", b"5")]


def test_bodies_that_are_none() -> None:
    announced = (b"content-length", b"5")
    assert Body("HEAD", head(announced)).done
    assert Body("GET", head(announced, status=304)).done
    assert Body("GET", head((b"transfer-encoding", b"chunked"), status=204)).done
    assert Body("GET", head((b"content-length", b"0"))).done


def test_when_a_connection_may_be_kept() -> None:
    length = (b"Content-Length", b"1")
    assert Body("GET", head(length)).keep
    assert Body("GET", head(length, (b"connection", b"keep-alive"))).keep
    assert not Body("GET", head(length, (b"connection", b"x, Close"))).keep
    assert not Body("GET", head(length, version=b"1.0")).keep
    assert not Body("GET", head(length, (b"transfer-encoding", b"chunked"))).keep
    assert not Body("GET", head()).keep
    body = Body("GET", head((b"content-length", b"3, 3"), (b"content-length", b"3")))
    assert body.feed(b"abc") == b"abc"
    assert body.done
    body = Body("GET", head((b"transfer-encoding", b"chunked")))
    assert body.feed(chunk(b"a") + END + b"more") == b"a"
    assert body.done
    assert not body.keep


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"HTTP/2 200",
        b"HTTP/1.1 20",
        b"HTTP/1.1 099 X",
        b"HTTP/1.1 200 X\nfoo: bar",
        b"HTTP/1.1 200 X\r\nfoo",
        b"HTTP/1.1 200 X\r\nfoo : bar",
        b"HTTP/1.1 200 X\r\n: bar",
        b"HTTP/1.1 200 X\r\nfoo: b\r\n folded",
        b"HTTP/1.1 200 X\r\nfoo: b\0r",
        b"HTTP/1.1 200 X\r\nfoo: b\rr",
    ],
)
def test_heads_that_make_no_sense(bad: bytes) -> None:
    with pytest.raises(httpx2.RemoteProtocolError):
        parse_head(bad)


@pytest.mark.parametrize(
    "headers",
    [
        [(b"content-length", b"-1")],
        [(b"content-length", b"")],
        [(b"content-length", b"1"), (b"content-length", b"2")],
        [(b"content-length", b"1, 2")],
        [(b"content-length", b"9" * 30)],
        [(b"transfer-encoding", b"gzip")],
        [(b"transfer-encoding", b"chunked"), (b"transfer-encoding", b"chunked")],
    ],
)
def test_framing_that_makes_no_sense(headers: http1.Headers) -> None:
    with pytest.raises(httpx2.RemoteProtocolError):
        Body("GET", head(*headers))


@pytest.mark.parametrize(
    "bad",
    [
        b"x\r\n",
        b"\r\n",
        b"-1\r\n",
        b"0x5\r\n",
        b"1_0\r\n",
        b" 5\r\n",
        b"1" * 17 + b"\r\n",
        b"1\r\nabc",
        b"1\r\na\rb",
        b"1;" + b"x" * http1.MAX_LINE,
        b"0\r\n" + b"x" * http1.MAX_LINE,
        b"0\r\n" + (b"x" * 1000 + b"\r\n") * 300,
    ],
)
def test_chunks_that_make_no_sense(bad: bytes) -> None:
    for edges in ([], list(range(1, len(bad))) if len(bad) < 100 else [1, 500]):
        with pytest.raises(httpx2.RemoteProtocolError):
            decoded(Body("GET", head((b"transfer-encoding", b"chunked"))), bad, edges)


def test_heads_have_a_limit() -> None:
    for lines in (b"a: " + b"x" * http1.MAX_HEAD, b"a: b\r\n" * 50_000 + b"\r\n"):
        incoming = Incoming("GET")
        incoming.feed(b"HTTP/1.1 200 X\r\n" + lines[:200_000])
        with pytest.raises(httpx2.RemoteProtocolError, match="too long"):
            incoming.feed(lines[200_000:])
    with pytest.raises(httpx2.RemoteProtocolError, match="without being asked"):
        Incoming("GET").feed(b"HTTP/1.1 101 X\r\n\r\n")
    with pytest.raises(httpx2.RemoteProtocolError, match="makes no sense"):
        Incoming("GET").feed(b"SSH-2.0-OpenSSH")


@pytest.mark.parametrize("one_chunk", [True, False])
def test_large_bodies_take_no_more_than_their_size(one_chunk: bool) -> None:
    size = 50_000_000
    if one_chunk:
        body = Body("GET", head((b"transfer-encoding", b"chunked")))
        body.feed(b"%x\r\n" % size)
    else:
        body = Body("GET", head((b"content-length", b"%d" % size)))
    piece = bytes(1000)
    started = time.process_time()
    assert sum(len(body.feed(piece)) for _ in range(size // 1000)) == size
    assert time.process_time() - started < 5, "not linear"
    assert body.done is not one_chunk
    if one_chunk:
        assert body.feed(b"\r\n0\r\n\r\n") == b""
        assert body.done


def test_a_long_head_byte_by_byte_is_linear() -> None:
    incoming = Incoming("GET")
    started = time.process_time()
    for byte in b"HTTP/1.1 200 X\r\na: " + b"x" * 200_000 + b"\r\n\r\n":
        incoming.feed(bytes([byte]))
    assert incoming.head is not None
    assert time.process_time() - started < 5


def test_what_is_sent() -> None:
    request = httpx2.Request("POST", "http://u:p@[::1]:81/a%20b?q=é", content=b"body", headers=[(b"x", b"\xc3\xbc")])
    assert build_head(request) == (
        b"POST /a%20b?q=%C3%A9 HTTP/1.1\r\nHost: [::1]:81\r\nx: \xc3\xbc\r\nContent-Length: 4\r\n\r\n"
    )
    for headers in ({"content-length": "x"}, {"content-length": "-"}):
        with pytest.raises(httpx2.LocalProtocolError):
            Outgoing(httpx2.Request("GET", "http://h/", headers=headers))
    for headers in ({"x": "a\r\nb: c"}, {"x": "a\nb"}, {"a b": "c"}, {"x": "\0"}):
        with pytest.raises(httpx2.LocalProtocolError):
            build_head(httpx2.Request("GET", "http://h/", headers=headers))

    out = Outgoing(httpx2.Request("POST", "http://h/", content=iter([b"abc", b"", b"d"])))
    sent = out.piece(b"abc") + out.piece(b"") + out.piece(b"d") + out.end()
    assert sent.endswith(b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n")
    given = httpx2.Request("POST", "http://h/", content=iter([b"abc"]), headers={"content-length": "3"})
    with pytest.raises(httpx2.LocalProtocolError, match="longer"):
        Outgoing(given).piece(b"abcd")
    out = Outgoing(given)
    out.piece(b"ab")
    with pytest.raises(httpx2.LocalProtocolError, match="shorter"):
        out.end()


# Over sockets ---------------------------------------------------------------------------------------------------------


class Caller:
    """A transport of either world."""

    def __init__(self, world: World, context: ssl.SSLContext | None = None) -> None:
        context = context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.world = world
        self.transport: Any = AsyncTransport(context) if world.asynchronous else SyncTransport(context)

    def send(self, url: str, method: str = "GET", timeout: float | None = 5, **parts: Any) -> httpx2.Response:
        limits = dict.fromkeys(("connect", "read", "write", "pool"), timeout)
        request = httpx2.Request(method, url, extensions={"timeout": limits}, **parts)
        transport = self.transport
        handle = transport.handle_async_request if self.world.asynchronous else transport.handle_request
        response: httpx2.Response = self.world(handle(request))
        return response

    def read(self, response: httpx2.Response) -> bytes:
        data: bytes = self.world(response.aread() if self.world.asynchronous else response.read())
        return data

    def get(self, url: str, method: str = "GET", **parts: Any) -> bytes:
        return self.read(self.send(url, method, **parts))

    def leave(self, response: httpx2.Response) -> None:
        self.world(response.aclose() if self.world.asynchronous else response.close())

    def wait(self, seconds: float) -> None:
        self.world.loop.run_until_complete(asyncio.sleep(seconds))

    def body(self, *pieces: bytes) -> Any:
        async def each() -> AsyncIterator[bytes]:
            for piece in pieces:
                yield piece

        return each() if self.world.asynchronous else iter(pieces)

    def close(self) -> None:
        self.world(self.transport.aclose() if self.world.asynchronous else self.transport.close())
        self.world.settle()


@pytest.fixture
def caller(world: World) -> Iterator[Caller]:
    caller = Caller(world)
    yield caller
    assert caller.transport.pool.busy == 0
    caller.close()
    assert not caller.transport.pool.idle


def test_a_response_is_one_of_httpx2(caller: Caller) -> None:
    with wire([b"HTTP/1.1 404 Nowhere\r\nX-A: 1\r\ncontent-length: 2\r\n\r\nno"]) as server:
        response = caller.send(server.url + "/x")
        with pytest.raises(RuntimeError):
            _ = response.elapsed
        assert caller.read(response) == b"no"
        assert (response.status_code, response.reason_phrase, response.http_version) == (404, "Nowhere", "HTTP/1.1")
        assert response.headers["x-a"] == "1"
        assert response.request.url.path == "/x"
        assert 0 < response.elapsed.total_seconds() < 5


def test_a_connection_is_used_again(caller: Caller) -> None:
    empty = b"HTTP/1.1 204 X\r\n\r\n"
    not_new = b"HTTP/1.1 304 X\r\ncontent-length: 3\r\n\r\n"
    early = b"HTTP/1.1 100 Continue\r\n\r\n"
    trailers = sse_head() + chunk(b"abc") + b"0\r\nx: y\r\n\r\n"
    scripts: list[list[Step]] = [[http(b"a")], [empty], [not_new], [early, 0.02, http(b"b")], [trailers], [http(b"c")]]
    with wire(*scripts) as server:
        got = [caller.get(server.url) for _ in range(5)]
        assert got == [b"a", b"", b"", b"b", b"abc"]
        assert caller.get(server.url, "POST", content=caller.body(b"x", b"yz"), headers={"content-length": "3"}) == b"c"
        assert server.requests[-1].endswith(b"\r\n\r\nxyz")
        assert len(server._open) == 1
    with wire([http(b"", length=5)]) as server:
        assert [caller.get(server.url, "HEAD") for _ in range(2)] == [b"", b""]
        assert len(server._open) == 1


@pytest.mark.parametrize(
    "script",
    [
        [http(b"x", headers={"connection": "close"})],
        [http(b"x").replace(b"1.1", b"1.0")],
        [b"HTTP/1.1 200 X\r\n\r\nx", "close"],
        [http(b"x"), "close"],  # while it is idle
        [http(b"x") + http(b"y")],
        [http(b"x"), 0.02, b"HTTP/1.1 408 X\r\n\r\n"],
    ],
)
def test_a_connection_that_is_not_used_again(caller: Caller, script: list[Step]) -> None:
    with wire(script) as server:
        for _ in range(3):
            assert caller.get(server.url) == b"x"
            caller.wait(0.1)
        assert len(server._open) == 3


def test_one_that_asked_to_close_is_not_kept(caller: Caller) -> None:
    with wire([http(b"x")]) as server:
        caller.get(server.url, headers={"connection": "close"})
        assert not caller.transport.pool.idle


def test_idle_connections_expire_and_are_not_too_many(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MAX_IDLE", 1)
    with wire([sse_head(), 0.1, chunk(b"a"), END]) as server, wire([http(b"o")]) as other:
        first, second = caller.send(server.url), caller.send(server.url)
        assert caller.transport.pool.busy == 2
        assert caller.read(first) == caller.read(second) == b"a"
        assert len(caller.transport.pool.idle) == 1
        assert caller.get(other.url) == b"o"  # another server has no use for it
        assert caller.get(server.url) == b"a"
        assert len(server._open) == 2
        monkeypatch.setattr(transport, "KEEPALIVE_SECONDS", 0.05)
        caller.wait(0.1)
        assert caller.get(server.url) == b"a"
        assert len(server._open) == 3


def test_leaving_early_and_closing(caller: Caller) -> None:
    with wire([sse_head(), chunk(b"a"), 5.0]) as server:
        response = caller.send(server.url)
        assert caller.transport.pool.busy == 1
        caller.close()  # what is in use goes on
        assert caller.transport.pool.busy == 1
        caller.leave(response)
        caller.world.settle()
        assert until(server.hung_up.is_set)
    with wire([http(b"x")]) as server:
        assert caller.get(server.url) == b"x"
        assert not caller.transport.pool.idle, "the transport is closed"


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (["close"], httpx2.RemoteProtocolError),
        (["reset"], httpx2.ReadError),
        ([b"HTTP/1.1 2", "close"], httpx2.RemoteProtocolError),
        ([b"SSH-2.0\r\n"], httpx2.RemoteProtocolError),
        ([http(b"x", length=5), "close"], httpx2.RemoteProtocolError),
        ([http(b"x", length=5), 0.05, "reset"], httpx2.ReadError),
        ([sse_head(), chunk(b"x"), "close"], httpx2.RemoteProtocolError),
        ([sse_head() + b"zz\r\n", 5.0], httpx2.RemoteProtocolError),
        ([5.0], httpx2.ReadTimeout),
        ([sse_head(), 5.0], httpx2.ReadTimeout),
        ([sse_head(), chunk(b"x"), 5.0], httpx2.ReadTimeout),
    ],
)
def test_failures(caller: Caller, script: list[Step], kind: type[Exception]) -> None:
    with wire(script) as server:
        with pytest.raises(kind) as caught:
            caller.get(server.url, timeout=0.3)
        assert isinstance(caught.value, httpx2.TransportError)
        assert caught.value.request.url == server.url
        assert str(caught.value)
        assert caller.transport.pool.busy == 0


def test_time_outs_are_those_of_the_request(caller: Caller) -> None:
    slow: list[Step] = [sse_head(), 0.15, chunk(b"a"), 0.15, chunk(b"b"), END]
    with wire([http(b"x")], slow, slow, slow) as server:
        assert caller.get(server.url, timeout=60) == b"x"
        with pytest.raises(httpx2.ReadTimeout):
            caller.get(server.url, timeout=0.05)
        assert caller.get(server.url, timeout=0.25) == b"ab"  # each wait by itself
        assert caller.get(server.url, timeout=None) == b"ab"


def test_no_connection(caller: Caller) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(httpx2.ConnectTimeout) as caught:  # nobody answers the TLS handshake
            caller.send(f"https://127.0.0.1:{port}/", timeout=0.2)
        assert caught.value.request.url.port == port
        with pytest.raises(httpx2.WriteTimeout):  # nobody reads
            caller.send(f"http://127.0.0.1:{port}/", "POST", content=bytes(30_000_000), timeout=0.2)
    with pytest.raises(httpx2.ConnectError):
        caller.send(f"http://127.0.0.1:{port}/")
    with pytest.raises(httpx2.ConnectError):
        caller.send(f"http://{'x' * 63}.{'y' * 10}.invalid/")
    with pytest.raises(httpx2.ConnectTimeout):
        caller.send(f"http://127.0.0.1:{port}/", timeout=1e-9)
    with pytest.raises(httpx2.UnsupportedProtocol):
        caller.send("ftp://127.0.0.1/")


def test_a_hint_while_the_body_is_sent(caller: Caller) -> None:
    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            time.sleep(0.1)
            left = 10_000_000
            data = b""
            while b"\r\n\r\n" not in data:
                data += connection.recv(65536)
            left -= len(data.partition(b"\r\n\r\n")[2])
            while left:
                left -= len(connection.recv(min(left, 65536)))
            connection.sendall(http(b"all of it"))
            connection.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        assert caller.get(url, "POST", content=bytes(10_000_000)) == b"all of it"
        assert len(caller.transport.pool.idle) == 1
        caller.close()
        thread.join()


@pytest.mark.parametrize("hang_up", [True, False])
def test_an_answer_before_all_is_sent(caller: Caller, hang_up: bool) -> None:
    def serve(listener: socket.socket) -> None:
        for _ in range(2):
            connection, _ = listener.accept()
            open_until_the_end.append(connection)
            while b"\r\n\r\n" not in connection.recv(65536):
                pass
            connection.sendall(http(b"too much", 413))
            if hang_up:
                time.sleep(0.2)
                connection.close()

    open_until_the_end: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        try:
            # Who blocks while writing cannot read: a sync client that is stuck looks when its time is up.
            for pieces in ([bytes(1_000_000)] * 30, [bytes(30_000_000)]):
                headers = {"content-length": "30000000"}
                response = caller.send(url, "POST", content=caller.body(*pieces), headers=headers, timeout=0.5)
                assert (response.status_code, caller.read(response)) == (413, b"too much")
        finally:
            thread.join()
            for connection in open_until_the_end:
                connection.close()
    assert not caller.transport.pool.idle


def test_a_reader_that_is_slower_than_the_server(caller: Caller) -> None:
    data = bytes(range(256)) * 40_000
    with wire([http(data)]) as server:
        response = caller.send(server.url)
        caller.wait(0.3)
        if caller.world.asynchronous:
            stream: Any = response.stream
            assert stream._connection._size < 2 * transport.MAX_BUFFERED
        assert caller.read(response) == data
        assert len(caller.transport.pool.idle) == 1


def test_ipv6(caller: Caller) -> None:
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 here")
    server = Wire([http(b"six")])
    server._listener.shutdown(socket.SHUT_RDWR)
    server._listener.close()
    server._listener = listener
    threading.Thread(target=server._accept, daemon=True).start()
    port = listener.getsockname()[1]
    try:
        assert caller.get(f"http://[::1]:{port}/") == b"six"
        assert f"host: [::1]:{port}\r\n".encode() in server.requests[0].lower()
    finally:
        server.stop()


def test_cancelling(loop: asyncio.AbstractEventLoop) -> None:
    async def cancelled(url: str, read: bool) -> None:
        transport = AsyncTransport(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        request = httpx2.Request("GET", url)
        if read:
            response = await transport.handle_async_request(request)
            task = asyncio.create_task(response.aread())
        else:
            task = asyncio.create_task(transport.handle_async_request(request))  # type: ignore[arg-type]
        await asyncio.sleep(0.1)
        assert transport.pool.busy == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert transport.pool.busy == 0
        assert not transport.pool.idle
        await transport.aclose()

    for script in ([5.0], [sse_head(), chunk(b"a"), 5.0]):
        with wire(script) as server:
            loop.run_until_complete(cancelled(server.url, read=len(script) > 1))
            assert until(server.hung_up.is_set)


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of asyncio: the first loops left their connections open
def test_one_client_in_two_event_loops() -> None:
    with wire([OK]) as server:
        client = AsyncChatClient(KEY, server.url)

        async def call(close: bool) -> str:
            reply = await (await client.create_chat_completion(ask("x"))).areply()
            if close:
                await client.close()
            return reply.text

        assert asyncio.run(call(False)) == asyncio.run(call(False)) == "hi"
        assert len(server._open) == 2
        other = asyncio.new_event_loop()
        assert other.run_until_complete(call(False)) == "hi"
        assert asyncio.run(call(True)) == "hi"  # the other loop still lives, and may close it itself
        other.run_until_complete(asyncio.sleep(0))
        other.run_until_complete(asyncio.sleep(0))
        other.close()
        gc.collect()


def test_threads_get_connections_of_their_own() -> None:
    from concurrent.futures import ThreadPoolExecutor

    with wire([sse_head(), chunk(b"a"), 0.01, chunk(b"b"), END]) as server:
        transport = SyncTransport(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))

        def one(_: int) -> bytes:
            return transport.handle_request(httpx2.Request("GET", server.url)).read()

        with ThreadPoolExecutor(8) as threads:
            assert list(threads.map(one, range(80))) == [b"ab"] * 80
        assert transport.pool.busy == 0
        assert 1 <= len(server._open) <= 8
        transport.close()


# Through the clients --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "script",
    [
        [b"garbage\r\n\r\n"],
        [b"HTTP/1.1 200 X\r\na: " + b"x" * 300_000, 5.0],
        [sse_head().replace(b"text/event-stream", b"application/json"), b"zz\r\n"],
        ["close"],
    ],
)
def test_garbage_is_a_connection_error(world: World, script: list[Step]) -> None:
    with wire(script) as server:
        client = world.make("ChatClient", KEY, server.url, max_retries=0)
        with pytest.raises(APIConnectionError, match="broke"):
            world(client.create_chat_completion(ask("x")))


def test_a_header_that_would_be_two_is_not_sent(world: World) -> None:
    with wire([OK]) as server:
        client = world.make("ChatClient", KEY, server.url, max_retries=0)
        with pytest.raises(APIConnectionError, match="no header may hold"):
            world(client.create_chat_completion(ask("x"), extra_headers={"x-a": "b\r\nx-c: d"}))
        assert not server.requests


def test_a_password_in_the_address(world: World) -> None:
    with wire([OK]) as server:
        client = world.make("ChatClient", KEY, server.url.replace("//", "//user:p%40ss@"))
        world(client.create_chat_completion(ask("x")))
        assert b"authorization: Basic dXNlcjpwQHNz\r\n" in server.requests[0]
        assert b"user" not in server.requests[0].split(b"\r\n\r\n")[0].replace(b"user-agent", b"")


def test_elapsed_of_streams_too(world: World) -> None:
    with wire([sse_head(), 0.05, chunk(b"data: [DONE]\n\n"), END]) as server:
        client = world.make("ChatClient", KEY, server.url)
        response = world(client.create_chat_completion(ask("x"), stream=True))
        world.run(response, "reply")
        assert response.elapsed.total_seconds() >= 0.05


def test_proxies_of_the_environment_are_used(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with wire([OK]) as proxy, wire([OK]) as server:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        client = world.make("ChatClient", KEY, "http://fastgpt.invalid")
        assert world.run(world(client.create_chat_completion(ask("x"))), "reply").text == "hi"
        assert proxy.paths() == ["POST http://fastgpt.invalid/api/v1/chat/completions"]
        assert client._io.connections.transport is None
        direct = world.make("ChatClient", KEY, server.url)
        world(direct.create_chat_completion(ask("x")))
        assert server.paths() == ["POST /api/v1/chat/completions"]
        assert direct._io.connections.transport is not None
        given = world.make("ChatClient", KEY, server.url, proxy=proxy.url)
        world(given.create_chat_completion(ask("x")))
        assert len(proxy.requests) == 2


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for this machine, signed by itself, and its key in the same file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl here")
    path = tmp_path_factory.mktemp("tls")
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    files = ["-keyout", str(path / "key.pem"), "-out", str(path / "cert.pem")]
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names, *files]
    subprocess.run(command, check=True, capture_output=True)
    return path


@pytest.fixture
def tls_server(certificate: Path) -> Iterator[Wire]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    names: list[str | None] = []
    context.sni_callback = lambda _connection, name, _context: names.append(name)
    body = [sse_head(), 0.05, chunk(b'data: {"choices":[{"delta":{"content":"safe"}}]}\n\ndata: [DONE]\n\n'), END]
    script: list[Step] = [step for step in body if isinstance(step, bytes)]
    with wire(script, tls=context) as server:
        server.names = names  # type: ignore[attr-defined]
        yield server


def test_tls(world: World, tls_server: Any, certificate: Path) -> None:
    url = tls_server.url.replace("http://", "https://")
    for address, name in ((url, None), (url.replace("127.0.0.1", "localhost"), "localhost")):
        for verify in (str(certificate / "cert.pem"), False):
            client = world.make("ChatClient", KEY, address, verify=verify)
            for _ in range(2):
                response = world(client.create_chat_completion(ask("x"), stream=True))
                assert world.run(response, "reply").text == "safe"
            assert tls_server.names[-1] == name
    with pytest.raises(APIConnectionError, match="certificate") as caught:
        world(world.make("ChatClient", KEY, url, max_retries=0).create_chat_completion(ask("x")))
    assert caught.value.certainly_unsent


def test_tls_reuses_and_leaves_connections(world: World, tls_server: Any, certificate: Path) -> None:
    url = tls_server.url.replace("http://", "https://")
    client = world.make("ChatClient", KEY, url, verify=str(certificate / "cert.pem"))
    for _ in range(4):
        world.run(world(client.create_chat_completion(ask("x"), stream=True)), "reply")
    assert len(tls_server._open) <= 4, "each connection is in the list twice: plain, then with TLS"
    response = world(client.create_chat_completion(ask("x"), stream=True))
    world(response.aclose() if world.asynchronous else response.close())


def test_tls_with_much_data(world: World, certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    caller = Caller(world, ssl.create_default_context(cafile=certificate / "cert.pem"))
    data = bytes(range(256)) * 20_000
    with wire([http(data)], tls=context) as server:
        url = server.url.replace("http://", "https://")
        for _ in range(2):
            response = caller.send(url, "POST", content=data)
            caller.wait(0.2)
            assert caller.read(response) == data
        assert server.requests[1].endswith(data)
        assert caller.transport.pool.busy == 0
        caller.close()


def test_tls_with_a_body_in_pieces(world: World, certificate: Path) -> None:
    """What a TLS server says right after the handshake is no answer to the request."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    caller = Caller(world, ssl.create_default_context(cafile=certificate / "cert.pem"))
    with wire([http(b"done")], tls=context) as server:
        url = server.url.replace("http://", "https://")
        for _ in range(2):
            body = caller.body(*[bytes(100_000)] * 20)
            response = caller.send(url, "POST", content=body, headers={"content-length": "2000000"})
            assert caller.read(response) == b"done"
        assert [len(request) > 2_000_000 for request in server.requests] == [True, True]
        assert len(caller.transport.pool.idle) == 1
        caller.close()


def test_to_be_continued_while_sending(caller: Caller) -> None:
    go_on = b"HTTP/1.1 100 Continue\r\n\r\n"
    with wire([go_on, 0.05, "body", http(b"done")], heads=True) as server:
        body = caller.body(*[bytes(1_000_000)] * 20)
        response = caller.send(server.url, "POST", content=body, headers={"content-length": "20000000"})
        assert caller.read(response) == b"done"
        assert len(server.requests[0]) > 20_000_000


def test_a_storage_with_tls_behind_a_server_without(
    world: World, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    with wire([http()], tls=context) as storage:
        url = storage.url.replace("http://", "https://")
        said = {"code": 200, "data": {"url": f"{url}/x", "key": "k", "previewUrl": "p"}}
        with wire([http(json.dumps(said).encode(), headers={"content-type": "application/json"})]) as server:
            client = world.make("ChatClient", KEY, server.url, max_retries=0)
            for _ in range(2):
                assert world(client.upload_chat_file("app", "c", b"x", filename="a.txt")).key == "k"
        assert storage.paths() == ["PUT /x", "PUT /x"]


def test_connect_time_out_of_a_client(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        client = world.make("ChatClient", KEY, url, max_retries=0, timeout=0.2, verify=False)
        with pytest.raises(APITimeoutError, match="no connection in time") as caught:
            world(client.create_chat_completion(ask("x")))
        assert caught.value.certainly_unsent


def test_a_closed_client_says_so(world: World) -> None:
    with wire([OK]) as server:
        client = world.make("ChatClient", KEY, server.url)
        world(client.create_chat_completion(ask("x")))
        world(client.close())
        with pytest.raises(FastGPTError, match="is closed"):
            world(client.create_chat_completion(ask("x")))
