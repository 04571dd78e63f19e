"""The application: one small handler per endpoint, and the table that says where each one lives."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from . import about, logs, wire
from .calls import Call, State
from .completions import SCHEMA, completions, resumed
from .embeddings import embeddings
from .endpoints import Endpoint
from .files import ENDPOINTS as FILES
from .knowledge.endpoints import ENDPOINTS as KNOWLEDGE
from .routing import logger, route, routes
from .store import DONE, GENERATING, Chat, Record

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from .settings import AppSpec, Settings

_HOME = """<!doctype html><html lang="en"><title>fastgpt-client</title><h1>fastgpt-client local server</h1>
<p>A FastGPT-compatible server for development and tests. Its API is under <code>/api</code>.</p></html>"""
_NOT_FOUND = '<!doctype html><html lang="en"><title>404</title><h1>404</h1><p>This page could not be found.</p></html>'

# --- history ----------------------------------------------------------------------------------------------------------


def init(call: Call, app: AppSpec) -> dict[str, Any]:
    """What a chat window needs to start."""
    version, chat = call.state.version, call.store.chat(app.id, call.key)
    config: dict[str, Any] = {
        "welcomeText": "",
        "welcomeConfig": {"welcomeText": "", "welcomeQuestions": []},
        "variables": list(app.variables) if app.kind != "plugin" else [],
        "autoExecute": {"open": False, "defaultPrompt": ""},
        "questionGuide": {"open": False},
        "ttsConfig": {"type": "web"},
        "whisperConfig": {"open": False, "autoSend": False, "autoTTSResponse": False},
        "chatInputGuide": version.input_guide({"open": bool(app.guide), "customUrl": "", "textList": []}),
        "instruction": "",
        "_id": app.id,
    }
    if app.files is not None:
        config["fileSelectConfig"] = {"maxFiles": 10, "canSelectFile": False, "canSelectImg": False, **app.files}
    shown = {"name": app.name or app.id, "avatar": "/icon/logo.svg", "intro": app.intro, "type": app.type}
    about_chat: dict[str, Any] = {"chatId": call.key} if "chatId" in call.params else {}
    if chat is not None:
        about_chat |= {"title": chat.customTitle or chat.title, "variables": chat.variables, **_status(chat)}
    elif version.inits_new_chats:
        about_chat |= {"title": "", "variables": {}, "chatGenerateStatus": DONE, "hasBeenRead": True}
    models = [call.state.model.name]
    about_app: dict[str, Any] = {"chatConfig": version.chat_config(config), "chatModels": models, **shown}
    about_app["pluginInputs"] = list(app.variables) if app.kind == "plugin" else []
    return version.init({**about_chat, "app": about_app, "appId": app.id})


def _status(chat: Chat) -> dict[str, Any]:
    return {"chatGenerateStatus": chat.status, "hasBeenRead": chat.hasBeenRead}


def get_histories(call: Call, _: AppSpec | None) -> dict[str, Any]:
    """The chats of an app."""
    version = call.state.version
    try:
        app = call.find_app()
        if app is None:
            raise wire.unauthorized_chat()
    except wire.ApiError:
        if version.histories_need_app:
            raise
        return {"list": [], "total": 0}
    chats = call.store.chats(app.id)
    for name, column in (("source", "source"), ("customUid", "uid")):
        if wanted := call.params.get(name):
            chats = [chat for chat in chats if getattr(chat, column) == wanted]
    for name in ("Create", "Update"):
        low, high = (call.params.get(f"{side}{name}Time") for side in ("start", "end"))
        column = f"{name.lower()}Time"
        chats = [chat for chat in chats if (low or "") <= wire.iso(getattr(chat, column)) <= (high or "~")]
    rows = [
        version.history(
            {
                "chatId": chat.chatId,
                "updateTime": wire.iso(chat.updateTime),
                "customTitle": chat.customTitle,
                "title": chat.title,
                "top": chat.top,
                **_status(chat),
                "appId": app.id,
            }
        )
        for chat in chats
    ]
    return version.histories({"total": len(rows), "list": call.page(rows)})


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
    version = call.state.version
    value = [version.shown_item(item) for item in record.value]
    if not typed and not version.v2_types:
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
        if version.records_tell_nodes:
            shown |= _told_by_nodes(call, record)
    return version.record(shown if typed else {**shown, "id": record.dataId})


def _told_by_nodes(call: Call, record: Record) -> dict[str, Any]:
    """The quotes behind an answer, and how much its AI node was told."""
    answer = call.store.answer(record.appId, record.chatId, record.dataId)
    nodes = answer.nodes if answer is not None else []
    found = [call.state.version.found_quote(quote) for node in nodes for quote in node.get("quoteList", [])]
    previews = [{"historyPreviewLength": len(node["historyPreview"])} for node in nodes if "historyPreview" in node]
    return {"totalQuoteList": found, **(previews[-1] if previews else {})}


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


def resume(call: Call, app: AppSpec) -> dict[str, Any] | Response:
    """The whole chat, for a client that comes back after the run; a stream for one that comes back in time."""
    run = call.state.runs.get(app.id, call.key)
    if run is None:
        return _after_run(call, app)
    if "text/event-stream" not in call.request.headers.get("accept", ""):
        raise wire.user_error("The chat is being generated: accept text/event-stream", code=406, status=406)
    return resumed(call, run, lambda: _after_run(call, app))


def _after_run(call: Call, app: AppSpec) -> dict[str, Any]:
    chat = call.store.chat(app.id, call.key)
    call.params |= {"loadCustomFeedbacks": True, "loadDeleteTime": True, "pageSize": 20}
    records = get_linked_records(call, app)
    status = {"hasBeenRead": chat.hasBeenRead, "chatGenerateStatus": chat.status} if chat else {}
    return {"hasBeenRead": True, "chatGenerateStatus": DONE, **status, "records": records}


def get_response_data(call: Call, app: AppSpec) -> list[dict[str, Any]]:
    """The nodes of an answer; the texts of their quotes are to be had from `getQuote`."""
    record = call.store.answer(app.id, call.key, str(call.params.get("dataId")))
    version = call.state.version
    nodes = [version.shown_node(node) for node in record.nodes] if record else []
    for node in nodes:
        if "quoteList" in node:
            node["quoteList"] = [version.found_quote(quote) for quote in node["quoteList"]]
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
        if "a" in quote:
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
    version = call.state.version
    found = [row for row in _quotes(call, app) if row.pop("of") == call.params["collectionId"]]
    if version.quotes_need is not None and version.quotes_need not in call.params:
        found = []
    rows = [version.quote({**row, "id": row["_id"], "anchor": row["index"]}) for row in found]
    size = call.number("pageSize", 15)
    return {"list": rows[:size], "hasMorePrev": False, "hasMoreNext": len(rows) > size}


# --- feedback ---------------------------------------------------------------------------------------------------------


def update_feedback(call: Call, app: AppSpec) -> dict[str, Any] | None:
    """Like or dislike an answer; a field that is left out takes the judgement back."""
    version, record = call.state.version, call.store.answer(app.id, call.key, call.params["dataId"])
    names = ("userGoodFeedback", "userBadFeedback")
    if record is not None:
        call.store.set_feedback(record, {name: call.params[name] for name in names if name in call.params})
    elif version.feedback_needs_answer:
        raise wire.ApiError("Chat item not found")
    return version.feedback_answer


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
_LOGS_ROLE = "app:permission.name.readChatLog"
_OLDER_ROLES = {"read": 4, "write": 6, "manage": 7}


def _role(name: str, value: int) -> dict[str, Any]:
    return {"name": f"app:permission.name.{name}", "description": "", "value": value, "checkBoxType": "single"}


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
    roles = {name: _role(name, value) for name, value in _ROLES.items()}
    roles["readChatLog"] = {"value": 8, "checkBoxType": "multiple", "name": _LOGS_ROLE, "description": ""}
    older = {name: _role(name, value) for name, value in _OLDER_ROLES.items()}
    lists = {"roleList": roles, "perList": {"owner": _ALL, **_ROLES}, "rolePerMap": {}}
    lists |= {"value": _ALL, "_permissionList": older}
    return {"role": _ALL, "isOwner": True, **{f"has{name}": True for name in has}, "permission": _ALL, **lists}


def list_apps(call: Call, _: AppSpec | None) -> list[dict[str, Any]]:
    """The apps of the server; folders are not a thing here, so every parent has the same ones."""
    version = call.state.version
    kinds: Any = call.params.get("type")
    search = str(call.params.get("searchKey") or "").lower()
    return [
        version.app(
            {
                "_id": app.id,
                "parentId": None,
                "tmbId": logs.TMB_ID,
                "name": app.name or app.id,
                "avatar": "/icon/logo.svg",
                "intro": app.intro,
                "type": app.type,
                "updateTime": wire.iso(call.state.started),
                "permission": version.permission(_permission()),
                "inheritPermission": True,
                "private": True,
                "sourceMember": logs.MEMBER,
                "hasInteractiveNode": app.kind in ("select", "form") or app.interactive is not None,
            }
        )
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


def query_input_guide(call: Call, app: AppSpec) -> list[str]:
    """What to propose while somebody types."""
    typed = str(call.params.get("searchKey") or "").lower()
    return [text for text in app.guide if typed in text.lower()][:5]


def create_question_guide(call: Call, app: AppSpec) -> list[str]:
    """What may be asked next: made by a model in FastGPT, by rule here."""
    asked = [record.text for record in call.store.records(app.id, call.key) if record.obj == "Human"]
    return _next_questions(asked)


def create_question_guide_of_messages(call: Call, _: AppSpec | None) -> list[str]:
    """The same for messages."""
    messages = call.params["messages"]
    return _next_questions([str(each.get("content")) for each in messages if each.get("role") == "user"])


def _next_questions(asked: list[str]) -> list[str]:
    return [f"Say more about: {asked[-1]}", "Why is that so?", "Can you give an example?"] if asked else []


def health(call: Call, _: AppSpec | None) -> dict[str, Any]:
    """Whether a key is good, asked without spending anything."""
    if call.params["apiKey"] not in call.state.settings.keys:
        message = call.state.version.wrong_key_health
        raise wire.wrong_key() if message is None else wire.ApiError(message)
    return call.state.version.health({"valid": True, "usagePoints": 0, "maxUsagePoints": -1})


# --- routes -----------------------------------------------------------------------------------------------------------


_TARGET = "appId?:string chatId:string"
_ENDPOINTS: dict[str, Endpoint] = {
    "/v1/embeddings": Endpoint(embeddings, about_app=False),
    "/v2/chat/stop": Endpoint(stop, "body", _TARGET),
    "/core/chat/init": Endpoint(init, "query", _TARGET, verb="get"),
    "/core/chat/resume": Endpoint(resume, "query", _TARGET, verb="get"),
    "/core/chat/history/getHistories": Endpoint(
        get_histories,
        "body",
        "appId?:string startCreateTime?:string endCreateTime?:string startUpdateTime?:string endUpdateTime?:string",
        about_app=False,
    ),
    "/core/chat/history/getHistoryStatus": Endpoint(get_history_status, "body", "appId?:string chatIds:array"),
    "/core/chat/history/markRead": Endpoint(mark_read, "body", _TARGET),
    "/core/chat/history/updateHistory": Endpoint(
        update_history, "body", f"{_TARGET} title?:string customTitle?:string top?:boolean", verb="put"
    ),
    "/core/chat/history/delHistory": Endpoint(delete_history, "query", _TARGET, verb="delete"),
    "/core/chat/history/clearHistories": Endpoint(clear_histories, "query", "appId?:string", verb="delete"),
    "/core/chat/history/batchDelete": Endpoint(batch_delete, "body", "appId?:string chatIds:array"),
    "/core/chat/record/getPaginationRecords": Endpoint(get_records, "body", "appId?:string chatId?:string"),
    "/core/chat/record/getRecords_v2": Endpoint(get_linked_records, "body", "appId?:string chatId?:string"),
    "/core/chat/record/getResData": Endpoint(
        get_response_data, "query", "appId?:string chatId?:string dataId:string", verb="get"
    ),
    "/core/chat/record/delete": Endpoint(delete_record, "both", _TARGET, verb="delete"),
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
    "/core/chat/inputGuide/query": Endpoint(query_input_guide, "body", "appId?:string"),
    "/core/ai/agent/v2/createQuestionGuide": Endpoint(create_question_guide, "body", _TARGET),
    "/core/ai/agent/createQuestionGuide": Endpoint(
        create_question_guide_of_messages, "body", "messages:array", about_app=False
    ),
    "/core/app/list": Endpoint(list_apps, "body", about_app=False),
    "/core/app/logs/list": Endpoint(
        logs.list_logs,
        "body",
        "appId?:string feedbackType?:string errorFilter?:string sources?:array outLinkUids?:array",
    ),
    "/core/app/logs/getUsers": Endpoint(logs.get_users, "body", "appId?:string sources?:array"),
    "/proApi/core/app/logs/getTotalData": Endpoint(logs.get_totals, "query", verb="get"),
    "/proApi/core/app/logs/getChartData": Endpoint(logs.get_chart, "body", "appId?:string"),
    "/common/system/getInitData": Endpoint(about.init_data, "query", about_app=False, needs_key=False, verb="get"),
    "/support/openapi/health": Endpoint(health, "query", "apiKey:string", about_app=False, needs_key=False, verb="get"),
    **FILES,
    **KNOWLEDGE,
}


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
    found: list[Route] = []
    if not settings.commercial:
        endpoints = {path: endpoint for path, endpoint in endpoints.items() if not path.startswith("/proApi")}
        found.append(route(state, "/proApi/{rest:path}", _no_pro))
    runs = {api: f"/v{api}/chat/completions" for api in (1, 2)}
    for api, path in runs.items():
        found.append(route(state, path, partial(completions, api=api)))
    described = {**dict.fromkeys(runs.values(), Endpoint(completions, schema=SCHEMA)), **endpoints}
    endpoints["/apidoc/systemopenapi.json"] = Endpoint(
        partial(about.openapi, described), about_app=False, needs_key=False, verb="get"
    )
    for path, endpoint in endpoints.items():
        found += routes(state, path, endpoint)
    found.append(Route("/", _home))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        state.training.start()
        yield
        await state.close()

    async def not_found(_: Request, __: Exception) -> Response:
        return HTMLResponse(_NOT_FOUND, 404)

    app = Starlette(routes=found, lifespan=lifespan, exception_handlers={404: not_found, 405: not_found})
    app.add_middleware(_Headers, request_ids=state.version.request_ids)
    app.state.local = state
    return app


class _Headers:
    """What every answer has, CORS preflights, and a line in the log: the path only, queries may hold keys."""

    _ALWAYS = (
        (b"x-frame-options", b"DENY"),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"strict-origin-when-cross-origin"),
    )

    def __init__(self, app: ASGIApp, request_ids: bool) -> None:
        self._app = app
        self._request_ids = request_ids

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 0

        async def send_more(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = [(b"x-request-id", wire.new_id().encode())] if self._request_ids else []
                message["headers"] = [*self._ALWAYS, *own, *message["headers"]]
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
