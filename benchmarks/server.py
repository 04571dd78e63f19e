"""A loopback server that costs nothing to wait for: a process of its own that sends bytes rendered beforehand.

What it answers is said by the request header ``x-bench``; the path is not looked at, so FastGPT's and OpenAI's both do,
and every contender gets the same bytes in the same pieces.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from functools import partial

BURST_EVENTS = 2000
PACED_EVENTS = 200
PACE_SECONDS = 0.001  # longer than any contender needs for an event: each receive gets one

TEXT = "你好 world "  # of every event


def _event(delta: dict[str, str], finish: str | None = None) -> bytes:
    """One HTTP chunk with one event, as FastGPT writes it without ``detail``: no name, and empty fields of OpenAI."""
    body = {
        "id": "",
        "object": "",
        "created": 0,
        "model": "",
        "choices": [{"delta": delta, "index": 0, "finish_reason": finish}],
    }
    return b"data: %s\n\n" % json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _json(body: object) -> bytes:
    content = json.dumps(body, ensure_ascii=False).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % len(content) + content


FRAME = _event({"role": "assistant", "content": TEXT})
STREAM_END = _event({}, "stop") + b"data: [DONE]\n\n"

_STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_LAST = _chunk(STREAM_END) + b"0\r\n\r\n"
_COMPLETION = {
    "id": "chat",
    "model": "",
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    "choices": [{"message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop", "index": 0}],
}
ANSWERS = {
    b"request": _json(_COMPLETION),
    b"burst": _STREAM_HEAD + _chunk(FRAME) * BURST_EVENTS + _LAST,
    b"short": _STREAM_HEAD + _chunk(FRAME) + _LAST,
    b"paced": _STREAM_HEAD + _chunk(FRAME),  # the rest follows event by event
    b"hold": _STREAM_HEAD + _chunk(FRAME),  # nothing follows
    b"upload": _json({"code": 200, "statusText": "", "message": "", "data": {}}),
}


class Connection(asyncio.Protocol):
    """Reads requests one after the other (bodies are counted, not kept), and answers each at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.head = b""
        self.body_left = 0
        self.mode = b""

    def data_received(self, data: bytes) -> None:
        if not self.mode:
            head, found, data = (self.head + data).partition(b"\r\n\r\n")
            self.head = b"" if found else head
            if not found:
                return
            fields = dict(line.partition(b":")[::2] for line in head.lower().split(b"\r\n"))
            self.mode = fields[b"x-bench"].strip()
            self.body_left = int(fields.get(b"content-length", 0))
        self.body_left -= len(data)
        if self.body_left <= 0:
            mode, self.mode = self.mode, b""
            self.transport.write(ANSWERS[mode])
            if mode == b"paced":
                self.pace(PACED_EVENTS - 1)

    def pace(self, left: int) -> None:
        asyncio.get_running_loop().call_later(PACE_SECONDS, partial(self.send_next, left))

    def send_next(self, left: int) -> None:
        self.transport.write(_chunk(FRAME) if left else _LAST)
        if left:
            self.pace(left - 1)


def use_core(number: int) -> None:
    """Keep this process on one core: 0 is the client's, -1 the server's."""
    if hasattr(os, "sched_setaffinity"):  # Linux
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[number]})


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    use_core(-1)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    asyncio.run(serve())
