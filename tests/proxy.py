"""A gateway in front of a server: passes bytes on, and breaks the answers of runs as a test wants."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

PAGE = b"<html><head><title>504 Gateway Time-out</title></head></html>"
TIMED_OUT = b"HTTP/1.1 504 X\r\ncontent-type: text/html\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%s" % (
    len(PAGE),
    PAGE,
)
UNREACHABLE = TIMED_OUT.replace(b"504", b"502")


class Proxy:
    """``cut``: bytes of the next run's answer that still come through, then the connection breaks.

    ``instead``: sent instead of the next run's answer; the run is started. ``refuse``: the same, and it is not.
    ``delay``: seconds that a run is held back.
    """

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname or "", parts.port or 80)
        self.cut: int | None = None
        self.instead: bytes | None = None
        self.refuse: bytes | None = None
        self.delay = 0.0
        self.requests: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def asked(self, path: str) -> list[bytes]:
        return [request for request in self.requests if path.encode() in request.split(b"\r\n")[0]]

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(self._target) as server:
            broken = _Break()
            threading.Thread(target=self._down, args=(client, server, broken), daemon=True).start()
            while request := client.recv(1 << 20):
                self.requests.append(request)
                if b"/chat/completions" in request.split(b"\r\n")[0]:
                    if (page := self.refuse) is not None:
                        self.refuse = None
                        client.sendall(page)
                        return
                    time.sleep(self.delay)
                    broken.page, self.instead = self.instead, None
                    broken.left, self.cut = self.cut, None
                server.sendall(request)
            broken.gone.wait(5)  # the run is not told that who asked is gone

    def _down(self, client: socket.socket, server: socket.socket, broken: _Break) -> None:
        try:
            with suppress(OSError):
                while piece := server.recv(1 << 16):
                    if broken.page is not None:
                        piece, broken.left = broken.page, len(broken.page)
                    left = broken.left  # looked at before the client gets the piece, and asks for more
                    client.sendall(piece if left is None else piece[:left])
                    if left is not None:
                        broken.left = left - len(piece)
                        if left <= len(piece):
                            client.shutdown(socket.SHUT_RDWR)
                            while server.recv(1 << 16):
                                pass
                            return
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        finally:
            broken.gone.set()


class _Break:
    """How the answer that is on its way is to break."""

    def __init__(self) -> None:
        self.page: bytes | None = None
        self.left: int | None = None
        self.gone = threading.Event()


@contextmanager
def proxy(target: str) -> Iterator[Proxy]:
    made = Proxy(target)
    try:
        yield made
    finally:
        made.close()
