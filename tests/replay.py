"""A FastGPT of a certain version, made of what a real one answered. It knows one key, and only what lists things."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import time
from typing import Any
from urllib.parse import urlsplit

from .conftest import KEY

HERE = Path(__file__).parent
RECORDED = json.loads(gzip.decompress((HERE / "recordings/endpoints.json.gz").read_bytes()))
SYSTEM = gzip.decompress((HERE / "data/systemopenapi-4.16.0.json.gz").read_bytes())
NAMES = (
    "app-list",
    "ds-list",
    "chat-init",
    "chat-getHistories-source-api",
    "chat-history-getHistories",
    "customUid-logs",
    "app-getChatLogs",
    "app-logs-pro-getTotalData",
    "openapi-health",
    "system-getInitData-key",
    "quote-record-getQuote-empty",
)
OPEN = ("/api/common/system/getInitData", "/api/apidoc/systemopenapi.json", "/api/openapi.json")  # no key needed

Answer = tuple[int, str]  # status and body


def recorded(version: str, name: str) -> Answer:
    found = next(each for each in RECORDED if each["version"] == version and each["name"] == name)
    return found["status"], found["body"]


class Replay(ThreadingHTTPServer):
    """``answers`` may be changed; ``requests`` has what was asked, ``headers`` how."""

    daemon_threads = True

    def __init__(self, version: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.version = version
        self.clock_ahead = 0.0
        self.date: str | None = None
        self.requests: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.answers: dict[str, Answer] = {
            f"{each['method']} {each['path']}": (each["status"], each["body"])
            for each in RECORDED
            if each["version"] == version and each["name"] in NAMES
        }
        # Said of these in the contract, recorded in structure only.
        if version == "4.14.4":
            self.answers["GET /api/openapi.json"] = (200, '{"openapi":"3.1.0","paths":{}}')
        if version == "4.16.0":
            self.answers["GET /api/apidoc/systemopenapi.json"] = (200, SYSTEM.decode())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Replay

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        path = urlsplit(self.path).path  # as a proxy, it is asked for whole addresses
        self.server.requests.append(f"{self.command} {self.path}")
        self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
        status, body = self.server.answers.get(f"{self.command} {path}", (404, "<html><title>404</title></html>"))
        key = (self.headers.get("authorization") or "").removeprefix("Bearer ")
        if path not in OPEN and status != 404 and "<" not in body[:1] and key != KEY:
            name = "ds-list-wrong-key" if key else "err-auth-bare-key"
            status, body = recorded(self.server.version, name)
        data = body.encode()
        kind = "text/html" if body.startswith("<") else "application/json; charset=utf-8"
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_GET

    def date_time_string(self, timestamp: float | None = None) -> str:
        return self.server.date or formatdate(time() + self.server.clock_ahead, usegmt=True)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def replay(version: str) -> Iterator[Replay]:
    server = Replay(version)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
