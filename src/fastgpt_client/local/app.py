"""The application: one small handler per endpoint, and the table that says where each one lives."""

from __future__ import annotations

import logging
import time
from contextlib import asynccontextmanager
from functools import partial
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from . import logs, wire
from .calls import Call, State
from .completions import completions
from .endpoints import Endpoint
from .forms import is_form, read_form
from .knowledge.endpoints import ENDPOINTS as KNOWLEDGE
from .store import DONE, GENERATING, Chat, Record

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from .settings import AppSpec, Settings

logger: logging.Logger = logging.getLogger("fastgpt_client.local")

_HOME = """<!doctype html><html lang="en"><title>fastgpt-client</title><h1>fastgpt-client local server</h1>
<p>A FastGPT-compatible server for development and tests. Its API is under <code>/api</code>.</p></html>"""
_NOT_FOUND = '<!doctype html><html lang="en"><title>404</title><h1>404</h1><p>This page could not be found.</p></html>'

# --- history ----------------------------------------------------------------------------------------------------------


def init(call: Call, app: AppSpec) -> dict[str, Any]:
    """What a chat window needs to start."""
    chat = call.store.chat(app.id, call.key)
    config: dict[str, Any] = {
        "welcomeText": "",
        "welcomeConfig": {"welcomeText": "", "welcomeQuestions": []},
        "variables": list(app.variables),
        "autoExecute": {"open": False, "defaultPrompt": ""},
        "questionGuide": {"open": False},
        "ttsConfig": {"type": "web"},
        "whisperConfig": {"open": False, "autoSend": False, "autoTTSResponse": False},
        "chatInputGuide": {"open": False, "customUrl": ""},
        "instruction": "",
    }
    shown = {"name": app.name or app.id, "avatar": "/icon/logo.svg", "intro": app.intro, "type": app.type}
    return {
        "chatId": call.key,
        "title": chat.customTitle or chat.title if chat else "",
        "variables": chat.variables if chat else {},
        "chatGenerateStatus": chat.status if chat else DONE,
        "hasBeenRead": chat.hasBeenRead if chat else True,
        "app": {"chatConfig": config, "chatModels": [call.state.model.name], **shown, "pluginInputs": []},
        "appId": app.id,
    }


def _status(chat: Chat) -> dict[str, Any]:
    return {"chatGenerateStatus": chat.status, "hasBeenRead": chat.hasBeenRead}


def get_histories(call: Call, app: AppSpec) -> dict[str, Any]:
    """The chats of an app."""
    chats = call.store.chats(app.id)
    for name, column in (("source", "source"), ("customUid", "uid")):
        if wanted := call.params.get(name):
            chats = [chat for chat in chats if getattr(chat, column) == wanted]
    for name in ("Create", "Update"):
        low, high = (call.params.get(f"{side}{name}Time") for side in ("start", "end"))
        column = f"{name.lower()}Time"
        chats = [chat for chat in chats if (low or "") <= wire.iso(getattr(chat, column)) <= (high or "~")]
    rows = [
        {
            "chatId": chat.chatId,
            "updateTime": wire.iso(chat.updateTime),
            "customTitle": chat.customTitle,
            "title": chat.title,
            "top": chat.top,
            **_status(chat),
            "appId": app.id,
        }
        for chat in chats
    ]
    return {"total": len(rows), "list": call.page(rows)}


def get_history_status(call: Call, app: AppSpec) -> dict[str, Any]:
    """Which chats are still at work."""
    chats = [call.store.chat(app.id, str(chat_id)) for chat_id in call.params["chatIds"]]
    rows = [{"chatId": c.chatId, "updateTime": wire.iso(c.updateTime), **_status(c)} for c in chats if c is not None]
    return {"list": rows}


def mark_read(call: Call, app: AppSpec) -> None:
    """The user has seen the chat."""
    call.store.update_chat(app.id, call.key, hasBeenRead=1)


def update_history(call: Call, app: AppSpec) -> None:
    """Rename or pin a chat."""
    names = ("title", "customTitle", "top")
    given = {name: call.params[name] for name in names if call.params.get(name) is not None}
    call.store.update_chat(app.id, call.key, **given)


def delete_history(call: Call, app: AppSpec) -> None:
    """Delete a chat."""
    call.store.delete_chats(app.id, [call.key])


def clear_histories(call: Call, app: AppSpec) -> None:
    """Delete all chats of an app."""
    call.store.delete_chats(app.id)


def batch_delete(call: Call, app: AppSpec) -> None:
    """Delete some chats of an app."""
    call.store.delete_chats(app.id, map(str, call.params["chatIds"]))


# --- records ----------------------------------------------------------------------------------------------------------


def _shown(call: Call, record: Record, *, typed: bool) -> dict[str, Any]:
    value = record.value
    if not typed:
        value = [{name: part for name, part in item.items() if name != "type"} for item in value]
    shown: dict[str, Any] = {"_id": record.id, "dataId": record.dataId, "hideInUI": False, "obj": record.obj}
    shown["value"] = value
    if call.flag("loadCustomFeedbacks"):
        shown["customFeedbacks"] = []
    if call.flag("loadDeleteTime"):
        shown["deleteTime"] = None
    shown["time"] = wire.iso(record.time)
    if record.duration is not None:
        shown |= {"durationSeconds": record.duration, **record.feedback, "useAgentSandbox": False}
        shown |= {"totalQuoteList": [], "llmModuleAccount": 1}
    return shown if typed else {**shown, "id": record.dataId}


def get_records(call: Call, app: AppSpec) -> dict[str, Any]:
    """A page of records: counted from the newest, shown oldest first."""
    records = call.store.records(app.id, call.key)
    page = call.page(records[::-1])[::-1]
    return {"list": [_shown(call, record, typed=True) for record in page], "total": len(records)}


def get_linked_records(call: Call, app: AppSpec) -> dict[str, Any]:
    """Records around, before or after a certain one; the newest when none is named."""
    records = call.store.records(app.id, call.key)
    size = call.number("pageSize", 10)
    initial, before, after = (
        [at for at, record in enumerate(records) if record.dataId == call.params.get(name)]
        for name in ("initialId", "prevId", "nextId")
    )
    if initial:
        low, high = initial[0] - size // 2, initial[0] + size // 2 + 1
    elif before:
        low, high = before[0] - size, before[0]
    elif after:
        low, high = after[-1] + 1, after[-1] + 1 + size
    else:
        low, high = len(records) - size, len(records)
    low = max(0, low)
    return {
        "list": [_shown(call, record, typed=False) for record in records[low:high]],
        "total": len(records),
        "hasMorePrev": low > 0,
        "hasMoreNext": high < len(records),
    }


def resume(call: Call, app: AppSpec) -> dict[str, Any]:
    """The whole chat, for a client that comes back after the run. Joining a run that goes on is not supported."""
    chat = call.store.chat(app.id, call.key)
    if chat is not None and chat.status == GENERATING:
        raise wire.user_error("The local server cannot resume a stream", code=406, status=406)
    call.params |= {"loadCustomFeedbacks": True, "loadDeleteTime": True, "pageSize": 20}
    records = get_linked_records(call, app)
    status = {"hasBeenRead": chat.hasBeenRead, "chatGenerateStatus": chat.status} if chat else {}
    return {"hasBeenRead": True, "chatGenerateStatus": DONE, **status, "records": records}


_QUOTE_TEXT = ("q", "a", "updateTime", "tokens")


def get_response_data(call: Call, app: AppSpec) -> list[dict[str, Any]]:
    """The nodes of an answer; the texts of their quotes are to be had from `getQuote`."""
    record = call.store.answer(app.id, call.key, call.params["dataId"])
    nodes = record.nodes if record else []
    for node in nodes:
        if "quoteList" in node:
            node["quoteList"] = [
                {name: value for name, value in quote.items() if name not in _QUOTE_TEXT} for quote in node["quoteList"]
            ]
    return nodes


def delete_record(call: Call, app: AppSpec) -> None:
    """Delete questions and answers."""
    given: Any = call.params.get("contentIds") or call.params.get("contentId") or ""
    ids = given if wire.is_list(given) else str(given).split(",")
    call.store.delete_records(app.id, call.key, map(str, ids))


def _quotes(call: Call, app: AppSpec) -> list[dict[str, Any]]:
    """The quotes behind an answer, as the knowledge base would show them."""
    record = call.store.answer(app.id, call.key, call.params["chatItemDataId"])
    found = {
        str(quote["id"]): quote for node in (record.nodes if record else []) for quote in node.get("quoteList", [])
    }
    rows: list[dict[str, Any]] = []
    for _, quote in sorted(found.items()):
        row: dict[str, Any] = {"_id": quote["id"], "q": quote["q"]}
        if quote.get("a"):
            row["a"] = quote["a"]
        updated = quote.get("updateTime") or wire.iso(record.time if record else 0)
        row |= {"history": [], "updateTime": updated, "index": quote["chunkIndex"], "of": quote["collectionId"]}
        rows.append(row)
    return rows


def get_quote(call: Call, app: AppSpec) -> list[dict[str, Any]]:
    """The full text of some quotes."""
    wanted = call.params["datasetDataIdList"]
    rows = [row for row in _quotes(call, app) if row["_id"] in wanted]
    return [{name: value for name, value in row.items() if name != "of"} for row in rows]


def get_collection_quote(call: Call, app: AppSpec) -> dict[str, Any]:
    """The quotes of one collection."""
    rows = [{**row, "id": row["_id"]} for row in _quotes(call, app) if row.pop("of") == call.params["collectionId"]]
    size = call.number("pageSize", 15)
    return {"list": rows[:size], "hasMorePrev": False, "hasMoreNext": len(rows) > size}


# --- feedback ---------------------------------------------------------------------------------------------------------


def update_feedback(call: Call, app: AppSpec) -> None:
    """Like or dislike an answer; a field that is left out takes the judgement back."""
    record = call.store.answer(app.id, call.key, call.params["dataId"])
    if record is None:
        raise wire.ApiError("Chat item not found")
    names = ("userGoodFeedback", "userBadFeedback")
    call.store.set_feedback(record, {name: call.params[name] for name in names if name in call.params})


def get_feedback_ids(call: Call, app: AppSpec) -> dict[str, Any]:
    """Which answers were judged."""
    kind = call.params.get("feedbackType")
    kinds = {"has_feedback": ("Good", "Bad"), "good": ("Good",), "bad": ("Bad",)}
    if kind not in kinds:
        raise wire.InvalidError([wire.one_of(list(kinds), "feedbackType")])
    ids = [
        record.dataId
        for record in call.store.records(app.id, call.key)
        if any(record.feedback.get(f"user{name}Feedback") for name in kinds[str(kind)])
        and not (call.flag("unreadOnly") and record.feedback.get("isFeedbackRead"))
    ]
    return {"total": len(ids), "dataIds": ids}


def mark_feedback_read(call: Call, app: AppSpec) -> dict[str, Any]:
    """The judgement was seen."""
    record = call.store.answer(app.id, call.key, call.params["dataId"])
    if record is not None:
        call.store.set_feedback(record, {**record.feedback, "isFeedbackRead": call.params["isRead"]})
    return {"success": True}


# --- apps and the rest ------------------------------------------------------------------------------------------------

_ALL = 2**32 - 1
_ROLES = {"read": 4, "write": 2, "manage": 1, "readChatLog": 8}


def _permission() -> dict[str, Any]:
    has = [
        "ManagePer",
        "WritePer",
        "ReadPer",
        "ManageRole",
        "WriteRole",
        "ReadRole",
        "ReadChatLogPer",
        "ReadChatLogRole",
    ]
    roles: dict[str, Any] = {}
    for name, value in _ROLES.items():
        box = "multiple" if name == "readChatLog" else "single"
        roles[name] = {"name": f"app:permission.name.{name}", "description": "", "value": value, "checkBoxType": box}
    lists = {"roleList": roles, "perList": {"owner": _ALL, **_ROLES}, "rolePerMap": {}}
    return {"role": _ALL, "isOwner": True, **{f"has{name}": True for name in has}, "permission": _ALL, **lists}


def list_apps(call: Call, _: AppSpec | None) -> list[dict[str, Any]]:
    """The apps of the server; folders are not a thing here, so every parent has the same ones."""
    kinds: Any = call.params.get("type")
    search = str(call.params.get("searchKey") or "").lower()
    return [
        {
            "_id": app.id,
            "parentId": None,
            "tmbId": logs.TMB_ID,
            "name": app.name or app.id,
            "avatar": "/icon/logo.svg",
            "intro": app.intro,
            "type": app.type,
            "updateTime": wire.iso(call.state.started),
            "permission": _permission(),
            "inheritPermission": True,
            "private": True,
            "sourceMember": logs.MEMBER,
            "hasInteractiveNode": app.kind in ("select", "form"),
        }
        for app in call.state.settings.apps
        if (not kinds or app.type in kinds) and search in (app.name or app.id).lower()
    ]


def stop(call: Call, app: AppSpec) -> dict[str, Any]:
    """Stop the run of a chat."""
    run = call.state.runs.get(app.id, call.key)
    if run is None:
        chat = call.store.chat(app.id, call.key)
        return {"success": True, "completed": True, "chatGenerateStatus": chat.status if chat else DONE}
    run.stop()
    return {"success": True, "completed": False, "chatGenerateStatus": GENERATING}


def health(call: Call, _: AppSpec | None) -> dict[str, Any]:
    """Whether a key is good, asked without spending anything."""
    if call.params["apiKey"] not in call.state.settings.api_keys:
        raise wire.wrong_key()
    return {"valid": True, "usagePoints": 0, "maxUsagePoints": -1}


# --- routes -----------------------------------------------------------------------------------------------------------


_TARGET = "appId?:string chatId:string"
_ENDPOINTS: dict[str, Endpoint] = {
    "/v2/chat/stop": Endpoint(stop, "body", _TARGET),
    "/core/chat/init": Endpoint(init, "query", _TARGET),
    "/core/chat/resume": Endpoint(resume, "query", _TARGET),
    "/core/chat/history/getHistories": Endpoint(
        get_histories,
        "body",
        "appId?:string startCreateTime?:string endCreateTime?:string startUpdateTime?:string endUpdateTime?:string",
        no_app=wire.unauthorized_chat,
    ),
    "/core/chat/history/getHistoryStatus": Endpoint(get_history_status, "body", "appId?:string chatIds:array"),
    "/core/chat/history/markRead": Endpoint(mark_read, "body", _TARGET),
    "/core/chat/history/updateHistory": Endpoint(
        update_history, "body", f"{_TARGET} title?:string customTitle?:string top?:boolean"
    ),
    "/core/chat/history/delHistory": Endpoint(delete_history, "query", _TARGET),
    "/core/chat/history/clearHistories": Endpoint(clear_histories, "query"),
    "/core/chat/history/batchDelete": Endpoint(batch_delete, "body", "appId?:string chatIds:array"),
    "/core/chat/record/getPaginationRecords": Endpoint(get_records, "body", "appId?:string chatId?:string"),
    "/core/chat/record/getRecords_v2": Endpoint(get_linked_records, "body", "appId?:string chatId?:string"),
    "/core/chat/record/getResData": Endpoint(get_response_data, "query", "chatId?:string dataId:string"),
    "/core/chat/record/delete": Endpoint(delete_record, "both", _TARGET),
    "/core/chat/record/getQuote": Endpoint(
        get_quote, "body", f"{_TARGET} chatItemDataId:string datasetDataIdList:array collectionIdList:array"
    ),
    "/core/chat/record/getCollectionQuote": Endpoint(
        get_collection_quote, "body", f"{_TARGET} chatItemDataId:string collectionId:string"
    ),
    "/core/chat/feedback/updateUserFeedback": Endpoint(
        update_feedback, "body", f"{_TARGET} dataId:string userGoodFeedback?:string userBadFeedback?:string"
    ),
    "/core/chat/feedback/getFeedbackRecordIds": Endpoint(get_feedback_ids, "body", _TARGET),
    "/core/chat/feedback/updateFeedbackReadStatus": Endpoint(
        mark_feedback_read, "body", f"{_TARGET} dataId:string isRead:boolean"
    ),
    "/core/app/list": Endpoint(list_apps, "body", about_app=False),
    "/core/app/logs/list": Endpoint(
        logs.list_logs,
        "body",
        "appId?:string feedbackType?:string errorFilter?:string sources?:array outLinkUids?:array",
    ),
    "/core/app/logs/getUsers": Endpoint(logs.get_users, "body", "appId?:string sources?:array"),
    "/proApi/core/app/logs/getTotalData": Endpoint(logs.get_totals, "query"),
    "/proApi/core/app/logs/getChartData": Endpoint(logs.get_chart, "body", "appId?:string"),
    "/support/openapi/health": Endpoint(health, "query", "apiKey:string", about_app=False, needs_key=False),
    **KNOWLEDGE,
}
# Old paths that FastGPT 4.16 still answers.
_OLD = ("getHistories", "updateHistory", "delHistory", "clearHistories")
_ENDPOINTS.update({f"/core/chat/{name}": _ENDPOINTS[f"/core/chat/history/{name}"] for name in _OLD})
_OLD_RECORDS = ("getPaginationRecords", "getResData")
_ENDPOINTS.update({f"/core/chat/{name}": _ENDPOINTS[f"/core/chat/record/{name}"] for name in _OLD_RECORDS})
_VERBS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


async def _call(call: Call, endpoint: Endpoint) -> Response:
    """Check a request and hand it to its handler."""
    body, query = call.params, dict(call.request.query_params)
    call.params = query if endpoint.source == "query" else body or query if endpoint.source == "both" else body
    untyped = not body and "content-type" not in call.request.headers
    if untyped and endpoint.source == "body" and endpoint.schema:
        raise wire.InvalidError([wire.expected("object", "")])  # Next.js takes such a body for a text
    if issues := wire.check(call.params, endpoint.schema):
        raise wire.InvalidError(issues)
    if endpoint.needs_key:
        call.authorize()
    app: AppSpec | None = None
    if endpoint.about_app:
        # A body where a query belongs must not end at the first app, least of all to delete its chats.
        app = call.find_app(default=endpoint.source != "query" or not body)
        if app is None:
            raise endpoint.no_app()
    data = endpoint.handler(call, app)
    if isawaitable(data):
        data = await data
    if isinstance(data, Response):
        return data
    return wire.answer(call.request, wire.envelope(data), headers=call.headers)


def _route(path: str, state: State, work: Callable[[Call], Awaitable[Response]]) -> Route:
    """A route under `/api`: reads the request, and turns errors into answers."""

    async def handle(request: Request) -> Response:
        call = Call(state, request, {})
        try:
            if is_form(request):
                call.params, call.files = await read_form(request)
            else:
                call.params = await wire.read_json(request)
            return await work(call)
        except wire.PlainError as exc:
            return Response(exc.text, exc.status)
        except wire.ApiError as exc:
            return wire.answer(request, exc.payload, exc.status, call.headers)
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception:
            logger.exception("%s failed", path)
            return wire.answer(request, wire.ApiError("Internal server error").payload, 500)

    return Route(f"/api{path}", handle, methods=_VERBS)


def _no_pro(call: Call) -> Awaitable[Response]:
    """What a community server says about commercial endpoints."""
    name = call.request.url.path.removeprefix("/api/proApi/").replace("/", ",")
    raise wire.ApiError(f"未配置商业版链接: {name}")


async def _home(_: Request) -> Response:
    return HTMLResponse(_HOME)


def create_app(settings: Settings) -> Starlette:
    """The server as an ASGI application."""
    state = State(settings)
    endpoints = dict(_ENDPOINTS)
    routes: list[Route] = []
    if not settings.commercial:
        endpoints = {path: endpoint for path, endpoint in endpoints.items() if not path.startswith("/proApi")}
        routes.append(_route("/proApi/{rest:path}", state, _no_pro))
    for version in (1, 2):
        routes.append(_route(f"/v{version}/chat/completions", state, partial(completions, version=version)))
    for path, endpoint in endpoints.items():
        routes.append(_route(path, state, partial(_call, endpoint=endpoint)))
    routes.append(Route("/", _home))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        state.training.start()
        yield
        await state.close()

    async def not_found(_: Request, __: Exception) -> Response:
        return HTMLResponse(_NOT_FOUND, 404)

    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers={404: not_found, 405: not_found})
    app.add_middleware(_Headers)
    app.state.local = state
    return app


class _Headers:
    """What every answer has, CORS preflights, and a line in the log: the path only, queries may hold keys."""

    _ALWAYS = (
        (b"x-frame-options", b"DENY"),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"strict-origin-when-cross-origin"),
    )

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 0

        async def send_more(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*self._ALWAYS, *message["headers"]]
            await send(message)

        if scope["method"] == "OPTIONS":
            origin = Headers(scope=scope).get("origin", "*")
            verbs = {"access-control-allow-methods": "GET,HEAD,PUT,PATCH,POST,DELETE"}
            allowed = {"access-control-allow-headers": "authorization,content-type"}
            preflight = Response(headers={"access-control-allow-origin": origin, **verbs, **allowed})
            await preflight(scope, receive, send_more)
        else:
            await self._app(scope, receive, send_more)
        took = (time.perf_counter() - started) * 1000
        logger.info("%s %s %d %.0f ms", scope["method"], scope["path"], status, took)
