"""The only lines that wait: two drivers of flows, and the connections they use.

httpx2 is imported, and its TLS context built, when the first request is made.
"""

from __future__ import annotations

import functools
import threading
import time
import warnings
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import msgspec

from ._answer import Answer, connection_error
from ._flow import Collect, Read, Send, Sleep, Step
from .errors import APIConnectionError, ArgumentError, FastGPTError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    import httpx2

    from ._session import Session, Timeout

R = TypeVar("R")
C = TypeVar("C")

# A pool of httpx2 looks at all its connections for every request, so a large one is slow. Several small ones are not.
POOL_SIZE = 10
# Node closes idle connections after 5 s: leave them first, or a request may go into a connection that just closed.
KEEPALIVE_SECONDS = 4.0


class Lease:
    """One place in a pool, for as long as an answer is being read."""

    __slots__ = ("_pool",)

    def __init__(self, pool: Pool[Any]) -> None:
        self._pool: Pool[Any] | None = pool
        pool.busy += 1

    def release(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.busy -= 1


class Pool(Generic[C]):
    """An HTTP client of httpx2, and how many of its connections are in use."""

    __slots__ = ("busy", "client")

    def __init__(self, client: C) -> None:
        self.client: C = client
        self.busy: int = 0


class Transport(msgspec.Struct, frozen=True):
    """How to reach the server; given to httpx2 as it is."""

    plain: bool = False  # http://, without TLS
    verify: Any = True
    proxy: Any = None
    http2: bool = False
    trust_env: bool = True


class _Connections(Generic[C]):
    """The pools of a client, made when needed; or the one HTTP client that the caller brought."""

    def __init__(self, transport: Transport, brought: C | None) -> None:
        self._transport = transport
        self._brought = brought
        self._pools: list[Pool[C]] = [Pool(brought)] if brought is not None else []
        self._lock = threading.Lock()
        self._verify: Any = None
        self.closed = False

    @property
    def own(self) -> bool:
        return self._brought is None

    def lease(self, make: Callable[..., C]) -> tuple[C, Lease]:
        if self.closed:
            raise FastGPTError("this client is closed: create a new one, or close it later")
        with self._lock:
            for pool in self._pools:
                if pool.busy < POOL_SIZE or self._brought is not None:
                    return pool.client, Lease(pool)
            pool = Pool(self._make(make))
            self._pools.append(pool)
            return pool.client, Lease(pool)

    def _make(self, make: Callable[..., C]) -> C:
        import httpx2

        settings = self._transport
        if self._verify is None:  # loading certificates is the dearest part: once for all pools
            self._verify = _verification(settings)
        return make(
            verify=self._verify,
            proxy=settings.proxy,
            http2=settings.http2,
            trust_env=settings.trust_env,
            follow_redirects=False,
            timeout=None,
            limits=httpx2.Limits(
                max_connections=None, max_keepalive_connections=POOL_SIZE, keepalive_expiry=KEEPALIVE_SECONDS
            ),
        )

    def close(self) -> list[C]:
        """The HTTP clients that are now to be closed: not one that the caller brought."""
        with self._lock:
            self.closed = True
            pools, self._pools = self._pools, []
        return [] if self._brought is not None else [pool.client for pool in pools]

    def __del__(self) -> None:
        if self._pools and self._brought is None and not self.closed:
            warnings.warn(
                "a FastGPT client was never closed: use `with`, `async with` or close()", ResourceWarning, stacklevel=2
            )


class SyncIO:
    """Carries out flows by blocking."""

    def __init__(self, transport: Transport, http_client: httpx2.Client | None = None) -> None:
        self.connections: _Connections[httpx2.Client] = _Connections(transport, http_client)

    def run(self, steps: Generator[Step, Any, R]) -> R:
        outcome: Any = None
        try:
            while True:
                outcome = self._carry_out(steps.send(outcome))
        except StopIteration as end:
            return cast("R", end.value)
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
                    answer.release()
                return answer
            case Sleep(seconds):
                return time.sleep(seconds)
            case Collect(response):
                return response.reply()

    def _send(self, step: Send) -> Answer | APIConnectionError:
        client, lease = self.connections.lease(_new_client)
        try:
            http = client.send(_request(client, step, own=self.connections.own), stream=True)
        except BaseException as error:
            lease.release()
            return raised(error, step.session)
        return Answer(http, step.session, step.timeout, lease.release)

    def close(self) -> None:
        for client in self.connections.close():
            client.close()


class AsyncIO:
    """Carries out flows by awaiting."""

    def __init__(self, transport: Transport, http_client: httpx2.AsyncClient | None = None) -> None:
        self.connections: _Connections[httpx2.AsyncClient] = _Connections(transport, http_client)

    async def run(self, steps: Generator[Step, Any, R]) -> R:
        outcome: Any = None
        try:
            while True:
                outcome = await self._carry_out(steps.send(outcome))
        except StopIteration as end:
            return cast("R", end.value)
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
                    answer.release()
                return answer
            case Sleep(seconds):
                import asyncio

                return await asyncio.sleep(seconds)
            case Collect(response):
                return await response.areply()

    async def _send(self, step: Send) -> Answer | APIConnectionError:
        client, lease = self.connections.lease(_new_async_client)
        try:
            http = await client.send(_request(client, step, own=self.connections.own), stream=True)
        except BaseException as error:
            lease.release()
            return raised(error, step.session)
        return Answer(http, step.session, step.timeout, lease.release)

    async def close(self) -> None:
        for client in self.connections.close():
            await client.aclose()


class FlowIO:
    """Carries out nothing: a flow that is a part of another one."""

    def run(self, steps: Generator[Step, Any, R]) -> Generator[Step, Any, R]:
        return steps


def _new_client(**settings: Any) -> httpx2.Client:
    import httpx2

    return httpx2.Client(**settings)


def _new_async_client(**settings: Any) -> httpx2.AsyncClient:
    import httpx2

    return httpx2.AsyncClient(**settings)


def _verification(transport: Transport) -> Any:
    """What httpx2 calls ``verify``."""
    import ssl
    from urllib.request import getproxies

    import httpx2

    if isinstance(transport.verify, str):
        try:
            return ssl.create_default_context(cafile=transport.verify)
        except OSError as error:
            raise ArgumentError(f"verify: no certificates can be read from {transport.verify!r} ({error})") from error
    if transport.verify is True:
        if transport.plain and transport.proxy is None and not (transport.trust_env and getproxies()):
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never used; trusts nobody, and costs nothing
        return httpx2.create_ssl_context()
    return transport.verify


def _request(client: httpx2.Client | httpx2.AsyncClient, step: Send, *, own: bool) -> httpx2.Request:
    settings: dict[str, Any] = {
        "params": step.params or None,
        "headers": step.headers,
        "content": step.content,
        "extensions": {"timeout": _timeouts(step.timeout, step.stream)},
    }
    if not own:  # a client that the caller brought has headers, cookies and more to add
        return client.build_request(step.method, step.url, **settings)

    import httpx2

    return httpx2.Request(step.method, _url(step.url), **settings)


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
