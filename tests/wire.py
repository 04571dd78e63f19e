"""A server that sends exactly the bytes that a test wants over a real socket, and breaks the connection as told."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Step = bytes | float | str  # bytes to send, seconds to wait, "reset", "close", or "body": now read the request's body


def http(
    body: bytes = b"", status: int = 200, headers: dict[str, str] | None = None, length: int | None = None
) -> bytes:
    """A whole response."""
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body) if length is None else length}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def sse_head() -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream;charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


END = b"0\r\n\r\n"


def answer_frame(text: str | None, finish: str | None = None) -> bytes:
    import json

    choice = {"delta": {"role": "assistant", "content": text}, "index": 0, "finish_reason": finish}
    frame = {"id": "", "object": "", "created": 0, "model": "", "choices": [choice]}
    return f"data: {json.dumps(frame, ensure_ascii=False)}\n\n".encode()


def completion(text: str = "hi", **more: Any) -> bytes:
    import json

    message = {"role": "assistant", "content": text}
    return json.dumps(
        {
            "id": "x",
            "model": "",
            "usage": {},
            "choices": [{"message": message, "finish_reason": "stop", "index": 0}],
            **more,
        }
    ).encode()


class Wire:
    """Answers the n-th request with the n-th script; the last script answers all further ones.

    A request is read whole before it is answered, unless ``heads``: then the steps begin after its head.
    """

    def __init__(self, *scripts: list[Step], tls: ssl.SSLContext | None = None, heads: bool = False) -> None:
        self.scripts = list(scripts)
        self._heads = heads
        self._tls = tls
        self.requests: list[bytes] = []
        self.hung_up = threading.Event()  # a client closed a connection that was being answered
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._stopping = False
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def paths(self) -> list[str]:
        return [request.split(b"\r\n")[0].decode().rsplit(" ", 1)[0] for request in self.requests]

    def _accept(self) -> None:
        while not self._stopping:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            while request := _read_request(connection, head_only=self._heads):
                with self._lock:
                    self.requests.append(request)
                    script = self.scripts[min(len(self.requests), len(self.scripts)) - 1]
                for step in script:
                    if isinstance(step, bytes):
                        connection.sendall(step)
                    elif step == "reset":  # RST, not FIN
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        connection.close()
                        return
                    elif step == "close":
                        connection.close()
                        return
                    elif step == "body":
                        self.requests[-1] = _read_body(connection, request)
                    elif isinstance(step, float):
                        self._wait(connection, step)
        except OSError:
            self.hung_up.set()
        finally:
            connection.close()

    def _wait(self, connection: socket.socket, seconds: float) -> None:
        end = time.monotonic() + seconds
        connection.settimeout(0.02)
        while time.monotonic() < end and not self._stopping:
            try:
                if connection.recv(1, socket.MSG_PEEK) == b"":
                    raise OSError
            except TimeoutError:
                pass
        connection.settimeout(None)

    def stop(self) -> None:
        self._stopping = True
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self._listener.close()
        for connection in self._open:
            connection.close()


def _read_request(connection: socket.socket, *, head_only: bool) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return b""
        data += piece
    return data if head_only else _read_body(connection, data)


def _read_body(connection: socket.socket, data: bytes) -> bytes:
    head, _, rest = data.partition(b"\r\n\r\n")
    body = bytearray(rest)
    chunked = b"\r\ntransfer-encoding: chunked" in head.lower()
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    while len(body) < length or (chunked and not body.endswith(b"0\r\n\r\n")):
        piece = connection.recv(1024 * 1024)
        if not piece:
            raise OSError("the client hung up")
        body += piece
    return head + b"\r\n\r\n" + bytes(body)


def body_of(request: bytes) -> bytes:
    """The body of a request that came, without its chunks."""
    head, _, body = request.partition(b"\r\n\r\n")
    if b"\r\ntransfer-encoding: chunked" not in head.lower():
        return body
    found = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        found += body[: int(size, 16)]
        body = body[int(size, 16) + 2 :]
    return found


def headers_of(request: bytes) -> dict[str, str]:
    """The headers of a request that came, by their names in small letters."""
    lines = request.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


@contextmanager
def wire(*scripts: list[Step], tls: ssl.SSLContext | None = None, heads: bool = False) -> Iterator[Wire]:
    server = Wire(*scripts, tls=tls, heads=heads)
    try:
        yield server
    finally:
        server.stop()


def until(condition: Callable[[], bool], seconds: float = 3.0) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()
