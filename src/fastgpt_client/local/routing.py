"""From a request to its handler: where an endpoint lives, what it asks for, how errors are answered."""

from __future__ import annotations

import logging
from inspect import isawaitable
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from . import wire
from .calls import Call, State
from .files import read_data, read_form

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .endpoints import Endpoint
    from .settings import AppSpec

logger: logging.Logger = logging.getLogger("fastgpt_client.local")

_VERBS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def routes(state: State, path: str, endpoint: Endpoint) -> list[Route]:
    """The routes of an endpoint, under the paths that the server's version has for it."""

    async def work(call: Call) -> Response:
        return await _call(call, path, endpoint)

    return [route(state, known, work, read=not endpoint.streamed) for known in state.version.where(path)]


async def _call(call: Call, path: str, endpoint: Endpoint) -> Response:
    """Check a request and hand it to its handler."""
    version = call.state.version
    source = version.source(path, endpoint.source)
    body, query = call.params, dict(call.request.query_params)
    call.params = query if source == "query" else body or query if source == "both" else body
    schema = version.schemas.get(path, endpoint.schema)
    untyped = schema and source == "body" and not body and "content-type" not in call.request.headers
    if untyped and version.validates:
        raise wire.InvalidError([wire.expected("object", "")])  # Next.js takes such a body for a text
    if path not in version.unchecked and (issues := wire.check(call.params, schema)):
        raise version.invalid(path, issues)
    if endpoint.needs_key:
        call.authorize()
    if path in version.refused:
        raise wire.unauthorized()
    need = version.needs.get(path)
    if need is not None and any(call.params.get(name) in (None, "") for name in need.names):
        raise need.error()
    app: AppSpec | None = None
    if endpoint.about_app:
        # A body where a query belongs must not end at the first app, least of all to delete its chats.
        app = call.find_app(default=source != "query" or not body)
        if app is None:
            raise endpoint.no_app() if version.validates else wire.unauthorized_chat()
    data = endpoint.handler(call, app)
    if isawaitable(data):
        data = await data
    return data if isinstance(data, Response) else wire.answer(call.request, wire.envelope(data), headers=call.headers)


def route(state: State, path: str, work: Callable[[Call], Awaitable[Response]], *, read: bool = True) -> Route:
    """A route under `/api`: reads the request unless `work` does, and turns errors into answers."""

    async def handle(request: Request) -> Response:
        call = Call(state, request, {})
        try:
            if read and request.headers.get("content-type", "").startswith("multipart/form-data"):
                call.fields, call.files = await read_form(call)
                call.params = read_data(call.fields)
            elif read:
                call.params = await wire.read_json(request, state.version.max_body)
            return await work(call)
        except wire.PlainError as exc:
            return Response(exc.text, exc.status)
        except wire.ApiError as exc:
            status, payload = state.version.told(exc)
            return wire.answer(request, payload, status, call.headers)
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception:
            logger.exception("%s failed", path)
            _, payload = state.version.told(wire.ApiError("Internal server error"))
            return wire.answer(request, payload, 500)
        finally:
            for received in call.files:
                received.path.unlink(missing_ok=True)

    return Route(f"/api{path}", handle, methods=_VERBS)
