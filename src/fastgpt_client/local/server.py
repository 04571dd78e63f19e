"""Running the server: in a thread for tests, or for good."""

from __future__ import annotations

import contextlib
import logging
import signal
import socket
import threading
from typing import TYPE_CHECKING, Any

import uvicorn

from .app import create_app
from .settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from starlette.applications import Starlette

    from .settings import AppSpec


def _not_a_cut(record: logging.LogRecord) -> bool:
    # `cut` in a script breaks a connection on purpose; uvicorn reports that as an error.
    return record.msg != "ASGI callable returned without completing response."


def _nothing(*_: object) -> None:
    """Stand in for a signal handler."""


class _Server(uvicorn.Server):
    """uvicorn, but open streams do not hold up the end: their runs are stopped first."""

    def __init__(self, app: Starlette, host: str, port: int, on_ready: Callable[[], None]) -> None:
        config = uvicorn.Config(
            app,
            host,
            port,
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            lifespan="on",
            ws="none",
            timeout_graceful_shutdown=3,
        )
        super().__init__(config)
        self._local = app.state.local
        self._on_ready = on_ready
        logging.getLogger("uvicorn.error").addFilter(_not_a_cut)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._local.runs.stop_all()
        await super().shutdown(sockets)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle off only on sockets that say they are TCP; without, every small write waits 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


class LocalServer:
    """A FastGPT-compatible server in a thread of this process, for tests.

    ```python
    with LocalServer(apps=["my-app"], script={"rules": [{"reply": "42"}]}) as server:
        client = ChatClient(server.api_key, server.base_url)
    ```

    Takes the fields of `Settings`, and a `host` and `port` (0: a free one).
    """

    def __init__(
        self,
        *,
        api_keys: Iterable[str] = (),
        apps: Iterable[AppSpec | str] = (),
        host: str = "127.0.0.1",
        port: int = 0,
        **settings: Any,
    ) -> None:
        specs: Any = tuple(apps)  # `Settings` reads those that are texts
        self.settings: Settings = Settings(api_keys=tuple(api_keys), apps=specs, **settings)
        self._host = host
        self._port = port
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def api_key(self) -> str:
        """The first key."""
        return self.settings.api_keys[0]

    @property
    def app_id(self) -> str:
        """The id of the first app."""
        return self.settings.apps[0].id

    @property
    def base_url(self) -> str:
        """Where the server listens."""
        if self._server is None:
            raise RuntimeError("the server is not running")
        return f"http://{f'[{self._host}]' if ':' in self._host else self._host}:{self._port}"

    def start(self) -> LocalServer:
        """Start, and return when requests can come in."""
        if self._server is not None:
            raise RuntimeError("the server is running already")
        listener = _listen(self._host, self._port)
        try:
            app = create_app(self.settings)
        except BaseException:
            listener.close()
            raise
        self._port = listener.getsockname()[1]
        ready = threading.Event()
        self._server = _Server(app, self._host, self._port, ready.set)
        run = self._server.run
        self._thread = threading.Thread(target=lambda: run([listener]), name="fastgpt-local-server", daemon=True)
        self._thread.start()
        if not ready.wait(10):
            raise RuntimeError("the server did not start")
        return self

    def stop(self) -> None:
        """End; what runs is stopped and kept. A second call does nothing."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(10)
        self._server = self._thread = None

    def __enter__(self) -> LocalServer:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


def run(
    settings: Settings,
    host: str = "127.0.0.1",
    port: int = 3000,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until Ctrl-C or SIGTERM. `on_ready` gets the base URL once requests can come in."""
    listener = _listen(host, port)
    try:
        app = create_app(settings)
    except BaseException:
        listener.close()
        raise
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{listener.getsockname()[1]}"
    server = _Server(app, host, port, lambda: on_ready(url) if on_ready is not None else None)
    # uvicorn ends cleanly, then raises the signal again: that must not make it look like a crash.
    before = signal.signal(signal.SIGTERM, _nothing)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            server.run([listener])
    finally:
        signal.signal(signal.SIGTERM, before)
