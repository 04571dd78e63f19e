"""The only lines that wait: two drivers of flows. What they wait for is in ``_transport``, or in httpx2.

httpx2 is imported, and its TLS context built, when the first request is made.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import threading
import time
import warnings
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import msgspec

from ._answer import Answer, connection_error
from ._files import AsyncBody, Content, SyncBody
from ._flow import Collect, Contents, Guard, Invoke, Read, Send, Sleep, Step, Together
from ._paging import Rows
from .errors import APIConnectionError, ArgumentError, FastGPTError, StreamError

if TYPE_CHECKING:
    import asyncio
    import ssl
    from collections.abc import AsyncIterator, Callable, Generator, Iterator

    import httpx2

    from ._flow import Flow
    from ._paging import Pages
    from ._session import Session, Timeout
    from ._transport import AsyncTransport, SyncTransport

R = TypeVar("R")
X = TypeVar("X")  # a row of a list
T = TypeVar("T", bound="SyncTransport | AsyncTransport")
C = TypeVar("C")  # a client of httpx2

MOMENT = 1.0  # seconds that closing a stream may be held up


class Transport(msgspec.Struct, frozen=True):
    """How to reach the server."""

    verify: Any = True
    proxy: Any = None
    http2: bool = False


class _Connections(Generic[T, C]):
    """How a client reaches its server, made with its first request.

    Over `transport`, which is our own; or over `client`, one of httpx2, which the caller brought, or which does what
    ours does not: HTTP/2 and proxies.
    """

    def __init__(self, settings: Transport, brought: C | None, *, asynchronous: bool) -> None:
        self._settings = settings
        self._trusting = False  # certificates are loaded
        self._own = brought is None
        self._lock = threading.Lock()
        self.transport: T | None = None
        self.client: C | None = brought
        self.closed: bool = False
        if brought is not None and inspect.iscoroutinefunction(getattr(brought, "send", None)) != asynchronous:
            wanted = "an async" if asynchronous else "a sync"
            raise ArgumentError(f"http_client must be {wanted} client of httpx2 or httpx, not {type(brought).__name__}")

    @property
    def busy(self) -> int:
        """How many connections of our own are in use."""
        return 0 if self.transport is None else cast("Any", self.transport).pool.busy

    def open(self, url: str, new_transport: Callable[[ssl.SSLContext], T], new_client: Callable[..., C]) -> T | None:
        """Our transport; None when the way is `client`."""
        secure = url.startswith("https:")
        if self.closed or (self.transport is None and self.client is None):
            with self._lock:
                if self.closed:
                    raise FastGPTError("this client is closed: create a new one, or close it later")
                if self.transport is not None or self.client is not None:  # another thread was first
                    pass
                elif self._settings.http2 or _proxied(self._settings, url):
                    self.client = self._new_client(new_client)
                else:
                    self.transport = new_transport(_verification(self._settings, used=secure))
                    self._trusting = secure
        if secure and not self._trusting and self.transport is not None:  # a storage may use TLS where FastGPT does not
            with self._lock:
                self.transport.trust(_verification(self._settings))
                self._trusting = True
        return self.transport

    def _new_client(self, new_client: Callable[..., C]) -> C:
        import httpx2

        from ._transport import KEEPALIVE_SECONDS

        settings = self._settings
        return new_client(
            verify=_verification(settings),
            proxy=settings.proxy,
            http2=settings.http2,
            timeout=None,
            limits=httpx2.Limits(max_connections=None, keepalive_expiry=KEEPALIVE_SECONDS),
        )

    def close(self) -> T | C | None:
        """What is now to be closed: not a client that the caller brought."""
        with self._lock:
            self.closed = True
        return (self.transport or self.client) if self._own else None

    def __del__(self) -> None:
        if self._own and not self.closed and (self.transport or self.client) is not None:
            warnings.warn(
                "a FastGPT client was never closed: use `with`, `async with` or close()", ResourceWarning, stacklevel=2
            )


class SyncIO:
    """Carries out flows by blocking."""

    def __init__(self, transport: Transport, http_client: httpx2.Client | None = None) -> None:
        self.connections: _Connections[SyncTransport, httpx2.Client] = _Connections(
            transport, http_client, asynchronous=False
        )

    def run(self, steps: Generator[Step, Any, R]) -> R:
        outcome: Any = None
        try:
            while True:
                outcome = self._carry_out(steps.send(outcome))
        except StopIteration as end:
            return cast("R", end.value)
        finally:
            steps.close()

    def iterate(self, steps: Pages[X]) -> Iterator[X]:
        outcome: Any = None
        try:
            while True:
                step = steps.send(outcome)
                if isinstance(step, Rows):
                    outcome = None
                    yield from step.rows
                else:
                    outcome = self._carry_out(step)
        except StopIteration:
            pass
        finally:
            steps.close()

    def _carry_out(self, step: Step) -> Any:
        match step:
            case Send():
                return self._send(step)
            case Read(answer):
                try:
                    answer.content = answer.http.read()
                except Exception as error:
                    return raised(error, answer.session)
                finally:
                    answer.http.close()
                return answer
            case Sleep(seconds):
                return time.sleep(seconds)
            case Collect(response):
                try:
                    return response.reply()
                except StreamError as error:
                    return error
            case Invoke(function):
                result = function()
                if inspect.iscoroutine(result):
                    result.close()
                    raise ArgumentError(f"{function!r} is async: use an async client")
                return result
            case Contents(file):
                return b"".join(file.pieces())
            case Guard(flow, otherwise):
                try:
                    return self.run(flow)
                except Exception as error:
                    return error
                except BaseException:
                    self.aside(otherwise())
                    raise
            case Together(flows, at_once):
                return self._together(flows, at_once)

    def _send(self, step: Send) -> Answer | APIConnectionError:
        body = SyncBody(step.content) if isinstance(step.content, Content) else None
        try:
            transport = self.connections.open(step.url, _new_transport, _new_client)
            if transport is not None:
                http = transport.handle_request(_request(step, body))
            else:
                client = cast("httpx2.Client", self.connections.client)
                http = client.send(_client_request(client, step, body), stream=True, **_sending(step))
        except Exception as error:
            return raised(error, step.session)
        finally:
            if body is not None:
                body.close()
        return Answer(http, step.session, step.timeout)

    def aside(self, steps: Flow[object]) -> None:
        """Carry this out, waiting for it a moment only.

        In a thread: where a stream is closed by the garbage collector, this one may hold any lock.
        """
        thread = threading.Thread(target=self.run, args=(steps,), daemon=True, name="fastgpt-client")
        with contextlib.suppress(RuntimeError):  # the interpreter is about to end
            thread.start()
            thread.join(MOMENT)

    def _together(self, flows: list[Flow[Any]], at_once: int) -> list[Any] | Exception:
        from concurrent.futures import ThreadPoolExecutor

        failures: list[Exception] = []

        def carry_out(steps: Flow[Any]) -> Any:
            try:
                return None if failures else self.run(steps)
            except Exception as error:
                failures.append(error)

        pool = ThreadPoolExecutor(at_once, thread_name_prefix="fastgpt-client")
        try:
            results = list(pool.map(carry_out, flows))
        finally:
            pool.shutdown(cancel_futures=True)
        return failures[0] if failures else results

    def close(self) -> None:
        if (way := self.connections.close()) is not None:
            way.close()


class AsyncIO:
    """Carries out flows by awaiting."""

    def __init__(self, transport: Transport, http_client: httpx2.AsyncClient | None = None) -> None:
        self.connections: _Connections[AsyncTransport, httpx2.AsyncClient] = _Connections(
            transport, http_client, asynchronous=True
        )
        self._aside: set[asyncio.Task[object]] = set()

    async def run(self, steps: Generator[Step, Any, R]) -> R:
        outcome: Any = None
        try:
            while True:
                outcome = await self._carry_out(steps.send(outcome))
        except StopIteration as end:
            return cast("R", end.value)
        finally:
            steps.close()

    async def iterate(self, steps: Pages[X]) -> AsyncIterator[X]:
        outcome: Any = None
        try:
            while True:
                step = steps.send(outcome)
                if isinstance(step, Rows):
                    outcome = None
                    for row in step.rows:
                        yield row
                else:
                    outcome = await self._carry_out(step)
        except StopIteration:
            pass
        finally:
            steps.close()

    async def _carry_out(self, step: Step) -> Any:
        match step:
            case Send():
                return await self._send(step)
            case Read(answer):
                try:
                    answer.content = await answer.http.aread()
                except Exception as error:
                    return raised(error, answer.session)
                finally:
                    await answer.http.aclose()
                return answer
            case Sleep(seconds):
                import asyncio

                return await asyncio.sleep(seconds)
            case Collect(response):
                try:
                    return await response.areply()
                except StreamError as error:
                    return error
            case Invoke(function, blocks):
                import asyncio

                result = await asyncio.to_thread(function) if blocks else function()
                return await result if inspect.isawaitable(result) else result
            case Contents(file):
                return b"".join([piece async for piece in file.apieces()])
            case Guard(flow, otherwise):
                try:
                    return await self.run(flow)
                except Exception as error:
                    return error
                except BaseException:
                    await self.aside(otherwise())
                    raise
            case Together(flows, at_once):
                return await self._together(flows, at_once)

    async def _send(self, step: Send) -> Answer | APIConnectionError:
        body = AsyncBody(step.content) if isinstance(step.content, Content) else None
        try:
            transport = self.connections.open(step.url, _new_async_transport, _new_async_client)
            if transport is not None:
                http = await transport.handle_async_request(_request(step, body))
            else:
                client = cast("httpx2.AsyncClient", self.connections.client)
                http = await client.send(_client_request(client, step, body), stream=True, **_sending(step))
        except Exception as error:
            return raised(error, step.session)
        finally:
            if body is not None:
                await body.aclose()
        return Answer(http, step.session, step.timeout)

    async def aside(self, steps: Flow[object]) -> None:
        """Carry this out, waiting for it a moment only; it goes on when this task is cancelled (again)."""
        import asyncio

        task = asyncio.create_task(self.run(steps))
        self._aside.add(task)  # asyncio itself does not keep it
        task.add_done_callback(self._aside.discard)
        await asyncio.wait([task], timeout=MOMENT)

    async def _together(self, flows: list[Flow[Any]], at_once: int) -> list[Any] | Exception:
        import asyncio

        failures: list[Exception] = []
        gate = asyncio.Semaphore(at_once)

        async def carry_out(steps: Flow[Any]) -> Any:
            async with gate:
                try:
                    return None if failures else await self.run(steps)
                except Exception as error:
                    failures.append(error)

        results = await asyncio.gather(*map(carry_out, flows))  # which cancels them all when it is cancelled
        return failures[0] if failures else results

    async def close(self) -> None:
        if (way := self.connections.close()) is not None:
            await way.aclose()


class FlowIO:
    """Carries out nothing: a flow that is a part of another one."""

    def aside(self, steps: Flow[object]) -> None:
        raise NotImplementedError  # it is for who carries out flows

    def run(self, steps: Generator[Step, Any, R]) -> Generator[Step, Any, R]:
        return steps

    def iterate(self, steps: Pages[X]) -> Pages[X]:
        return steps


def _new_transport(context: ssl.SSLContext) -> SyncTransport:
    from ._transport import SyncTransport

    return SyncTransport(context)


def _new_async_transport(context: ssl.SSLContext) -> AsyncTransport:
    from ._transport import AsyncTransport

    return AsyncTransport(context)


def _new_client(**settings: Any) -> httpx2.Client:
    import httpx2

    return httpx2.Client(**settings)


def _new_async_client(**settings: Any) -> httpx2.AsyncClient:
    import httpx2

    return httpx2.AsyncClient(**settings)


def _proxied(transport: Transport, url: str) -> bool:
    """Whether a proxy is between us and the server; the environment may say so too."""
    if transport.proxy is not None:
        return True
    from urllib.parse import urlsplit
    from urllib.request import getproxies, proxy_bypass

    proxies = getproxies()
    parts = urlsplit(url)
    return bool(proxies.get(parts.scheme) or proxies.get("all")) and not proxy_bypass(parts.hostname or "")


def _verification(transport: Transport, *, used: bool = True) -> ssl.SSLContext:
    """Whom to trust; loading certificates is dear, so not where there is no TLS."""
    import ssl

    import httpx2

    if isinstance(transport.verify, str):
        try:
            return ssl.create_default_context(cafile=transport.verify)
        except OSError as error:
            raise ArgumentError(f"verify: no certificates can be read from {transport.verify!r} ({error})") from error
    if transport.verify is True and not used:
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody
    return httpx2.create_ssl_context(verify=transport.verify)


def _client_request(
    client: httpx2.Client | httpx2.AsyncClient, step: Send, body: SyncBody | AsyncBody | None
) -> httpx2.Request:
    """For a client of httpx2: it may have headers, cookies and more to add."""
    request = client.build_request(step.method, step.url, **_parts(step, body))
    if step.session.foreign:  # what the caller's client adds may hold the key
        for name in ("authorization", "cookie"):
            if name not in step.headers:
                request.headers.pop(name, None)
    return request


def _sending(step: Send) -> dict[str, Any]:
    """How a client of httpx2 is to send it: an address elsewhere gets no login of the caller's client."""
    return {"auth": None} if step.session.foreign else {}


def _request(step: Send, body: SyncBody | AsyncBody | None) -> httpx2.Request:
    """For a transport. Cookies are neither kept nor sent: FastGPT's API goes by the key alone."""
    import httpx2

    url = _url(step.url)
    request = httpx2.Request(step.method, url, **_parts(step, body))
    if url.userinfo:  # as httpx2 does it: the password in an address goes before the key
        import base64

        login = f"{url.username}:{url.password}".encode()
        request.headers["authorization"] = f"Basic {base64.b64encode(login).decode()}"
    return request


def _parts(step: Send, body: SyncBody | AsyncBody | None) -> dict[str, Any]:
    return {
        "params": step.params or None,
        "headers": step.headers,
        "content": step.content if body is None else body,
        "extensions": {"timeout": _timeouts(step.timeout, step.stream)},
    }


@functools.lru_cache(maxsize=64)
def _url(url: str) -> httpx2.URL:
    import httpx2

    return httpx2.URL(url)


def _timeouts(timeout: Timeout, stream: bool) -> dict[str, float | None]:
    quiet = timeout.idle if stream else timeout.reply
    return {"connect": timeout.connect, "read": quiet, "write": quiet, "pool": timeout.reply}


def raised(error: BaseException, session: Session) -> APIConnectionError:
    """The outcome that a flow is told; raises what is no matter of the connection."""
    found = connection_error(error, session)
    if found is None:
        raise error
    return found
