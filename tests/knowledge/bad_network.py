"""A proxy before a server that counts requests, and does to some what bad networks and busy servers do."""

from __future__ import annotations

import http.client
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

Faults = Callable[[str, int], str | None]
"""Takes the path and how often it was asked for, from 0; gives what goes wrong, or None.

``reset``: the connection breaks before the server hears of it. ``lost``: after it did it. ``late``: before, and the
server does it a little later. ``half``: half of the answer comes. ``stall``: nothing comes for a while. ``500``,
``503``, ``413``: the status. ``429``: with Retry-After.
"""


class Proxy:
    def __init__(self, base_url: str, faults: Faults = lambda path, count: None) -> None:
        self.faults = faults
        self.counts: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        self.stall = 1.0
        self.late = 0.4
        self.retry_after = "0.3"
        self.told: list[tuple[float, str]] = []
        self._lock = threading.Lock()
        self._later: list[threading.Thread] = []
        parts = urlsplit(base_url)
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except OSError:
                    self.close_connection = True

            def do_POST(self) -> None:
                path = urlsplit(self.path).path.removeprefix("/api/core/dataset")
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                with proxy._lock:
                    count = proxy.counts[path]
                    proxy.counts[path] += 1
                    proxy.told.append((time.monotonic(), path))
                match proxy.faults(path, count):
                    case None:
                        self.answer(*self.forward(body))
                    case "reset":
                        self.reset()
                    case "lost":
                        self.forward(body)
                        self.reset()
                    case "late":
                        self.reset()
                        thread = threading.Thread(target=self.forward_late, args=(body,))
                        proxy._later.append(thread)
                        thread.start()
                    case "half":
                        status, headers, content = self.forward(body)
                        self.answer(status, headers, content, content[: len(content) // 2])
                        self.reset()
                    case "stall":
                        time.sleep(proxy.stall)
                        self.reset()
                    case "429":
                        content = b'{"code":429,"statusText":"tooManyRequest","message":"Too many"}'
                        self.answer(429, {"retry-after": proxy.retry_after}, content)
                    case status:
                        self.answer(int(str(status)), {}, b"<html><title>Bad</title></html>")

            do_GET = do_PUT = do_DELETE = do_POST

            def forward_late(self, body: bytes) -> None:
                time.sleep(proxy.late)
                with suppress(OSError):  # the test is over
                    self.forward(body)

            def forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
                server = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
                headers = {name: value for name, value in self.headers.items() if name.lower() != "accept-encoding"}
                server.request(self.command, self.path, body, headers)
                answer = server.getresponse()
                content = answer.read()
                server.close()
                with proxy._lock:
                    proxy.done[urlsplit(self.path).path.removeprefix("/api/core/dataset")] += 1
                return answer.status, {"content-type": answer.headers.get("content-type", "")}, content

            def answer(self, status: int, headers: dict[str, str], content: bytes, sent: bytes | None = None) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content if sent is None else sent)

            def reset(self) -> None:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                with suppress(OSError):
                    self.connection.shutdown(socket.SHUT_RDWR)
                self.connection.close()
                self.close_connection = True

        class Server(ThreadingHTTPServer):
            request_queue_size = 128

            def handle_error(self, *_: Any) -> None:  # connections break on purpose
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.base_url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def clear(self) -> None:
        self.counts.clear()
        self.done.clear()

    def writes(self) -> int:
        """How many requests could have changed something."""
        reads = ("/list", "/detail", "/collection/listV2", "/collection/detail", "/collection/trainingDetail")
        return sum(count for path, count in self.counts.items() if path not in reads)

    def close(self) -> None:
        self._server.shutdown()
        for thread in self._later:
            thread.join()
        self._server.server_close()
        self._thread.join()
