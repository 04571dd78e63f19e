"""What a server is: its version, what it offers, what the key may do there. Nothing here runs, writes or costs."""

from __future__ import annotations

import datetime
import time
from collections.abc import Mapping
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

import msgspec

from . import _json
from ._answer import Answer
from ._call import Call
from ._endpoint import Api, flow
from ._flow import Flow, Read, build
from ._io import FlowIO
from ._json import as_object
from ._response import Response
from ._versions import Form, version_range
from .api.apps import AppApi
from .api.chat import ChatApi
from .api.datasets import DatasetApi
from .errors import APIConnectionError, APIError, AuthenticationError, CommercialOnlyError, UnexpectedResponseError

if TYPE_CHECKING:
    from ._io import AsyncIO, SyncIO
    from ._session import Session

IO = TypeVar("IO", "SyncIO", "AsyncIO", "FlowIO", covariant=True)

KeyState: TypeAlias = Literal["app", "account", "good", "wrong", "missing"]

VERBS = ("get", "post", "put", "patch", "delete")
# Paths that come and go with versions. Asked for nothing, they answer nothing, or an error of their own.
SIGNS = (
    ("GET", "/apidoc/systemopenapi.json"),
    ("GET", "/openapi.json"),
    ("POST", "/core/app/logs/list"),
    ("POST", "/core/chat/history/getHistories"),
    ("POST", "/core/chat/record/getQuote"),
)


class ServerInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a server so far. See ``inspect_server``, which asks for all of it."""

    base_url: str
    """Where it is."""
    version: str | None = None
    """What it says itself. Current ones say it to nobody but the web app's users."""
    since: str | None = None
    """Inferred: it is at least of this version, by the paths it answers and the operations it lists."""
    before: str | None = None
    """Inferred: it is older than this version."""
    commercial: bool | None = None
    """Whether it is the commercial edition."""
    key: KeyState | None = None
    """``app``: bound to an app. ``account``: of a person, so calls name the app. ``good``: one of the two."""
    operations: tuple[str, ...] | None = None
    """What its System OpenAPI lists (4.15+), as ``POST /core/app/list``; None where there is none."""
    checks: Mapping[str, APIError | None] = {}
    """What was tried with the key (``apps``, ``datasets``; with an app ``chat``, ``histories``, ``logs``, ``charts``),
    and the error where it failed."""
    paths: Mapping[str, bool] = {}
    """Paths that older or newer servers do not have, and whether this one has them."""
    latency: float | None = None
    """Seconds of the fastest answer."""
    clock_ahead: float | None = None
    """Seconds that its clock is ahead of the one here."""

    @property
    def inferred(self) -> frozenset[str]:
        """The names of what was not said by the server, but follows from what it answers."""
        return frozenset(name for name in ("since", "before") if getattr(self, name) is not None)

    @property
    def versions(self) -> str:
        """The version in words: what the server says, else the range that fits.

        >>> ServerInfo(base_url="http://host", since="4.14.5", before="4.14.11").versions
        'at least 4.14.5, older than 4.14.11 (inferred)'
        """
        if self.version is not None:
            return self.version
        bounds = [f"{word} {bound}" for word, bound in (("at least", self.since), ("older than", self.before)) if bound]
        return f"{', '.join(bounds)} (inferred)" if bounds else "unknown"


class ServerApi(Api[IO]):
    """What every client knows, and can find out, of its server."""

    @property
    def server(self) -> ServerInfo:
        """What is known of the server so far, from ordinary calls and from ``inspect_server``. Nothing is sent.

        Example:
            >>> client.server.versions
        """
        session = self._session
        info = session.inspected.info or ServerInfo(base_url=session.shown_url)
        paths = {**info.paths, **{path: form.path == path for path, form in session.forms.items()}}
        since, before = version_range(paths, info.operations or ())
        return msgspec.structs.replace(info, paths=paths, since=since, before=before)

    @flow
    def inspect_server(self, key_in_url: bool = False) -> Flow[ServerInfo]:
        """Ask the server what it is and what the key may do there. Cheap reads only: no run, no change, no points.

        Copies of this client (``with_options``) know the outcome too. What the app is asked for needs ``app_id``.

        FastGPT: ``GET /api/common/system/getInitData``, ``GET /api/apidoc/systemopenapi.json``, and what lists things.

        Args:
            key_in_url: Also ask whether the key is bound to an app (4.14.4+). The only way puts it into the address,
                where proxies and servers may log it.

        Raises:
            APIConnectionError: No answer.
            UnexpectedResponseError, NotFoundError, ServerError: Something answers, but not FastGPT.

        Example:
            >>> info = client.inspect_server()
            >>> info.versions, info.key, info.checks["datasets"]
        """
        session = self._session.with_defaults({"max_retries": 0})
        info = yield from _inspect(session, key_in_url)
        session.inspected.info = info
        return self.server


class _Steps(ChatApi[FlowIO], AppApi[FlowIO], DatasetApi[FlowIO]):
    """The endpoints as steps of a flow."""

    def __init__(self, session: Session) -> None:
        self._io, self._session = FlowIO(), session


class _Look(msgspec.Struct):
    """How the server answers a path."""

    status: int
    body: dict[str, Any]
    seconds: float
    clock_ahead: float | None

    @property
    def known(self) -> bool | None:
        """Whether FastGPT has this path; None when somebody else answered."""
        if self.body.keys() & {"code", "openapi"}:
            return True
        return False if self.status in (404, 405) else None


def _inspect(session: Session, key_in_url: bool) -> Flow[ServerInfo]:
    steps = _Steps(session)
    checks: dict[str, APIError | None] = {}
    checks["apps"] = yield from _tried(steps.list_apps())
    if checks["apps"] is not None and checks["apps"].code is None:  # not FastGPT's words
        raise checks["apps"]
    data = yield from _look(session, "GET", "/common/system/getInitData")
    looks: dict[str, _Look] = {}
    for method, path in SIGNS:
        looks[path] = yield from _look(session, method, path)
    every = [data, *looks.values()]
    if not any(look.known for look in every):
        raise UnexpectedResponseError("something answers, but not in FastGPT's words", data.status, data.body)
    said = as_object(data.body.get("data"))
    version, plus = said.get("systemVersion"), as_object(said.get("feConfigs")).get("isPlus")
    commercial = plus if isinstance(plus, bool) else None

    key = _key_state(session, checks["apps"])
    if key in ("good", None):
        checks["datasets"] = yield from _tried(steps.list_datasets())
        if session.app_id:
            today = datetime.datetime.now(datetime.UTC).date()
            checks["chat"] = yield from _tried(steps.get_chat_init())
            checks["histories"] = yield from _tried(steps.get_chat_histories(pageSize=1))
            checks["logs"] = yield from _tried(steps.list_app_logs(dateStart=today, dateEnd=today, pageSize=1))
            checks["charts"] = charts = yield from _tried(steps.get_app_logs_totals())
            if commercial is None and (charts is None or isinstance(charts, CommercialOnlyError)):
                commercial = charts is None
        if None in checks.values():
            key = "good"
        if key_in_url and session.key:
            health = yield from _look(session, "GET", "/support/openapi/health", {"apiKey": session.key})
            if health.body.get("code") == 200:
                key = "app" if as_object(health.body.get("data")).get("appId") else "account"
    return ServerInfo(
        base_url=session.shown_url,
        version=version if isinstance(version, str) and version else None,
        commercial=commercial,
        key=key,
        operations=_operations(looks["/apidoc/systemopenapi.json"].body),
        checks=checks,
        paths={path: look.known for path, look in looks.items() if look.known is not None},
        latency=min(look.seconds for look in every),
        clock_ahead=next((look.clock_ahead for look in every if look.clock_ahead is not None), None),
    )


def _key_state(session: Session, error: APIError | None) -> KeyState | None:
    """What a first answer says of the key; None when it may be good all the same, but not for this."""
    if session.key is None:
        return "missing"
    if isinstance(error, AuthenticationError) and error.statusText == "unAuthApiKey":
        return "wrong"
    return "good" if error is None else None


def _tried(steps: Flow[Response[Any]]) -> Flow[APIError | None]:
    try:
        yield from steps
    except APIError as error:
        return error
    return None


def _look(session: Session, method: str, path: str, arguments: Mapping[str, object] | None = None) -> Flow[_Look]:
    call: Call[Response[None]] = Call(
        method=method,
        path=path,
        read=lambda answer: Response(answer, NoneType),
        params=dict(arguments or {}),
        body={} if method == "POST" else None,
    )
    began, started = time.time(), time.monotonic()
    outcome: Answer | APIConnectionError = yield build(call, Form(method, path), session)
    seconds = time.monotonic() - started
    if isinstance(outcome, Answer):
        outcome = yield Read(outcome)
    if not isinstance(outcome, Answer):
        raise outcome
    try:
        body = as_object(_json.loads(outcome.content or b""))
    except ValueError:
        body = {}
    date = _moment(outcome.http.headers.get("date"))
    # A date has whole seconds, cut off.
    ahead = None if date is None else date + 0.5 - (began + seconds / 2)
    return _Look(outcome.http.status_code, body, seconds, ahead)


def _moment(date: str | None) -> float | None:
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(date).timestamp() if date else None
    except ValueError:
        return None


def _operations(document: Mapping[str, Any]) -> tuple[str, ...] | None:
    if "openapi" not in document:
        return None
    paths = as_object(document.get("paths"))
    return tuple(f"{verb.upper()} {path}" for path in paths for verb in VERBS if verb in as_object(paths[path]))
