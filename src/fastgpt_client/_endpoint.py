""":class:`endpoint` lends a function that makes a :class:`~._call.Call` to both worlds, sync and async.

An endpoint is written once, as a pure function of its arguments::

    class ChatApi(Api[IO]):
        @endpoint
        def stop_chat(self, chatId: str, **options: Unpack[Options]) -> Call[Response[StopResult]]:
            '''Stop the run …'''
            return self._call("POST", "/v2/chat/stop", StopResult, {"chatId": chatId}, options)

``ChatClient().stop_chat(…)`` then returns ``Response[StopResult]`` and ``AsyncChatClient().stop_chat(…)`` a coroutine
of it, with names, defaults and docstring intact for people, editors and type checkers.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, Generic, ParamSpec, TypeVar, cast, overload

from ._call import Call
from ._download import FileResponse
from ._flow import Flow, exchange
from ._response import Response

if TYPE_CHECKING:
    from ._files import Form
    from ._io import AsyncIO, FlowIO, SyncIO
    from ._session import Options, Session

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")
IO = TypeVar("IO", "SyncIO", "AsyncIO", "FlowIO", covariant=True)


class Lender(Generic[IO]):
    """Lends its way of waiting to endpoints and flows."""

    _asynchronous: ClassVar[bool] = False
    _io: IO


class Api(Lender[IO]):
    """What the endpoints of an area need from the client that has them."""

    _session: Session

    def _app(self, appId: str | None) -> str | None:
        """The app that is meant: the argument, else the client's. Keys that are bound to an app (4.18) need none."""
        return appId or self._session.app_id

    def _call(
        self,
        method: str,
        path: str,
        payload: type[T],
        arguments: Mapping[str, object],
        options: Options,
        *,
        idempotent: bool | None = None,
        params: Mapping[str, object] | None = None,
        form: Form | None = None,
    ) -> Call[Response[T]]:
        """A call that is answered with FastGPT's envelope around ``payload``; GET and DELETE carry a query.

        ``params`` is a query besides the body; ``form`` has the files that go with the body.
        """
        given = without_none(arguments)
        query = method in ("GET", "DELETE")
        return Call(
            method=method,
            path=path,
            read=lambda answer: Response(answer, payload),
            params=given if query else without_none(params or {}),
            body=None if query else given,
            form=form,
            idempotent=method in ("GET", "PUT", "DELETE") if idempotent is None else idempotent,
            options=options,
        )

    def _download(
        self,
        method: str,
        path: str,
        arguments: Mapping[str, object],
        options: Options,
        *,
        idempotent: bool = True,
    ) -> Call[FileResponse]:
        """A call that is answered with a file."""
        given = without_none(arguments)
        query = method == "GET"
        return Call(
            method=method,
            path=path,
            read=FileResponse,
            params=given if query else {},
            body=None if query else given,
            download=True,
            idempotent=idempotent,
            options=options,
        )


def without_none(arguments: Mapping[str, object]) -> dict[str, Any]:
    """FastGPT reads a missing field and ``null`` the same in most places, and not in all: None never leaves."""
    return {name: value for name, value in arguments.items() if value is not None}


A = TypeVar("A", bound=Lender[Any])


class _Lent(Generic[A, P, R]):
    """Lends a function to clients: as it is to a sync client, as a coroutine function to an async one.

    Both are made when the class is, as real functions, so that ``help()``, ``inspect.signature``,
    ``inspect.iscoroutinefunction`` and ``AsyncMock(spec=AsyncChatClient)`` see what they expect.
    """

    def __init__(
        self, function: Callable[..., Any], run: Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]
    ) -> None:
        def call(self: Any, /, *args: Any, **kwargs: Any) -> Any:
            return self._io.run(run(self, args, kwargs))

        async def acall(self: Any, /, *args: Any, **kwargs: Any) -> Any:
            return await self._io.run(run(self, args, kwargs))

        shown = _returning_result(function)
        for made in (call, acall):
            functools.update_wrapper(made, shown)  # inspect.signature follows __wrapped__
        self._functions = (call, acall)
        self.__doc__ = function.__doc__

    @overload
    def __get__(self, obj: None, owner: type[Lender[SyncIO]]) -> Callable[Concatenate[Any, P], R]: ...
    @overload
    def __get__(
        self, obj: None, owner: type[Lender[AsyncIO]]
    ) -> Callable[Concatenate[Any, P], Coroutine[Any, Any, R]]: ...
    @overload
    def __get__(self, obj: Lender[SyncIO], owner: Any = None) -> Callable[P, R]: ...
    @overload
    def __get__(self, obj: Lender[AsyncIO], owner: Any = None) -> Callable[P, Coroutine[Any, Any, R]]: ...
    @overload
    def __get__(self, obj: Lender[FlowIO], owner: Any = None) -> Callable[P, Flow[R]]: ...
    def __get__(self, obj: Any, owner: Any = None) -> Any:
        call, acall = self._functions
        function = acall if getattr(owner or obj, "_asynchronous", False) else call
        return function if obj is None else types.MethodType(function, obj)


class endpoint(_Lent[A, P, R]):  # noqa: N801  # reads as a decorator
    """Marks a function that makes a :class:`Call`: the client sends it."""

    def __init__(self, build: Callable[Concatenate[A, P], Call[R]]) -> None:
        super().__init__(build, lambda self, args, kwargs: exchange(build(self, *args, **kwargs), self._session))


class flow(_Lent[A, P, R]):  # noqa: N801
    """Marks a generator function that yields steps (see ``_flow``): the client carries them out."""

    def __init__(self, steps: Callable[Concatenate[A, P], Flow[R]]) -> None:
        super().__init__(steps, lambda self, args, kwargs: steps(self, *args, **kwargs))


def _returning_result(function: Callable[..., Any]) -> Callable[..., Any]:
    """A copy whose annotation says what the caller gets: ``Call[X]`` and ``Flow[X]`` become ``X``."""
    source = cast("types.FunctionType", function)
    copy = types.FunctionType(
        source.__code__, source.__globals__, source.__name__, source.__defaults__, source.__closure__
    )
    copy.__kwdefaults__ = source.__kwdefaults__
    copy.__annotations__ = dict(source.__annotations__)
    returns = str(copy.__annotations__.get("return", ""))
    copy.__annotations__["return"] = returns[returns.find("[") + 1 : -1]
    return copy
