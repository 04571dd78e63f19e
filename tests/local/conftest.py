"""What the tests of the local server share."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
import uvicorn

from fastgpt_client.local import LocalServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.applications import Starlette

Event = tuple[str | None, Any]


class Api:
    """A server, and a client for it that speaks bare HTTP."""

    def __init__(self, server: LocalServer, http: httpx2.Client) -> None:
        self.server = server
        self.http = http

    def post(self, path: str, body: Any = None, **more: Any) -> httpx2.Response:
        return self.http.post(f"/api{path}", json={} if body is None else body, **more)

    def data(self, path: str, body: Any = None) -> Any:
        response = self.post(path, body)
        assert response.status_code == 200, response.text
        return response.json()["data"]

    def get(self, path: str, **query: Any) -> httpx2.Response:
        return self.http.get(f"/api{path}", params=query)

    def delete(self, path: str, **query: Any) -> httpx2.Response:
        return self.http.delete(f"/api{path}", params=query)

    def say(self, text: str, version: int = 1, **body: Any) -> httpx2.Response:
        body = {"messages": [{"role": "user", "content": text}], **body}
        return self.post(f"/v{version}/chat/completions", body)

    def answer(self, text: str, **body: Any) -> str:
        response = self.say(text, **body)
        assert response.status_code == 200, response.text
        return response.json()["choices"][0]["message"]["content"]

    def stream(self, text: str, version: int = 1, **body: Any) -> list[Event]:
        return frames(self.say(text, version, stream=True, **body).text)

    @contextlib.contextmanager
    def open(self, text: str, version: int = 1, **body: Any) -> Iterator[Iterator[str]]:
        """A stream, line by line."""
        body = {"messages": [{"role": "user", "content": text}], "stream": True, **body}
        with self.http.stream("POST", f"/api/v{version}/chat/completions", json=body) as response:
            yield response.iter_lines()

    def records(self, chat_id: str, **body: Any) -> list[dict[str, Any]]:
        return self.data("/core/chat/record/getPaginationRecords", {"chatId": chat_id, "pageSize": 100, **body})["list"]


def frames(text: str) -> list[Event]:
    """The frames of a stream."""
    found: list[Event] = []
    for frame in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in frame.strip("\n").split("\n") if ": " in line)
        if "data" in fields:
            data = fields["data"] if fields["data"] == "[DONE]" else json.loads(fields["data"])
            found.append((fields.get("event"), data))
    return found


def text_of(events: list[Event], kind: str = "content") -> str:
    """The answer in a stream."""
    deltas = [data["choices"][0]["delta"] for _, data in events if isinstance(data, dict) and "choices" in data]
    return "".join(delta.get(kind) or "" for delta in deltas)


def names(events: list[Event]) -> list[str | None]:
    """The event names, repeated ones once."""
    found: list[str | None] = []
    for name, _ in events:
        if not found or found[-1] != name:
            found.append(name)
    return found


@contextlib.contextmanager
def running(app: Starlette) -> Iterator[str]:
    """An application behind real HTTP; its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(5)


@pytest.fixture
def serve() -> Iterator[Callable[..., Api]]:
    """Start servers that end with the test."""
    with contextlib.ExitStack() as stack:

        def start(**settings: Any) -> Api:
            server = stack.enter_context(LocalServer(**{"delay": 0, **settings}))
            headers = {"authorization": f"Bearer {server.api_key}"}
            http = httpx2.Client(base_url=server.base_url, headers=headers, timeout=20, trust_env=False)
            return Api(server, stack.enter_context(http))

        yield start


@pytest.fixture
def api(serve: Callable[..., Api]) -> Api:
    """A server with the default settings."""
    return serve()
