"""Between a client and a server: breaks connections before or after a request arrives, as it is told."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Literal
from urllib.parse import urlsplit

from ..wire import _read_request

Fate = Literal["pass", "lost", "unheard"]


class Proxy:
    """``fate`` decides about the n-th request (from 0) by its first line: it never arrives, or its answer does not."""

    def __init__(self, target: str, fate: Callable[[int, str], Fate], delay: float = 0) -> None:
        self._target = urlsplit(target)
        self._fate = fate
        self._delay = delay
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.lines: list[str] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def count(self, part: str) -> int:
        return sum(part in line for line in self.lines)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            request = _read_request(connection, head_only=False)
            if not request:
                return
            line = request.split(b"\r\n", 1)[0].decode()
            with self._lock:
                number = len(self.lines)
                self.lines.append(line)
            fate = self._fate(number, line)
            if fate == "lost":
                return
            time.sleep(self._delay)
            address = (self._target.hostname or "", self._target.port or 80)
            with socket.create_connection(address) as server:
                server.sendall(request.replace(b"connection: keep-alive", b"connection: close", 1))
                answer = b"".join(iter(lambda: server.recv(65536), b""))
            if fate == "pass":
                connection.sendall(answer)

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@contextmanager
def proxy(
    target: str, fate: Callable[[int, str], Fate] = lambda number, line: "pass", delay: float = 0
) -> Iterator[Proxy]:
    made = Proxy(target, fate, delay)
    try:
        yield made
    finally:
        made.stop()
