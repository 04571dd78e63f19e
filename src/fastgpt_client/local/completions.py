"""`/v1/chat/completions` and `/v2/chat/completions`."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.responses import Response

from . import wire
from .cites import Unmarked, without_marks
from .interactive import answer, is_open, opens_turn
from .runs import NO_RECORD, Run
from .store import GENERATING
from .workflow import Step, Turn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    from starlette.types import Receive, Scope, Send

    from .calls import Call
    from .settings import AppSpec
    from .versions import Version

SCHEMA = (
    "chatId?:string appId?:string messages?:array stream?:boolean detail?:boolean variables?:object metadata?:object"
    " responseChatItemId?:string customUid?:string retainDatasetCite?:boolean showSkillReferences?:boolean"
)
_OWNER = "acct"
_GATEWAY = "<html><head><title>504 Gateway Time-out</title></head><body><h1>504 Gateway Time-out</h1></body></html>"
_STREAM_HEADERS = {
    "content-type": "text/event-stream;charset=utf-8",
    "access-control-allow-origin": "*",
    "x-accel-buffering": "no",
    "cache-control": "no-cache, no-transform",
}


class View(NamedTuple):
    """How a run is shown to its caller."""

    version: Version
    api: int
    detail: bool
    marks: bool
    """Marks of citations are kept."""
    title: str | None
    """The title of a new chat, when it is told."""


class EventStream(Response):
    """A streamed answer. Without the last chunk the server breaks the connection, which is what `cut` wants."""

    def __init__(
        self, chunks: AsyncIterator[bytes | None], headers: Mapping[str, str], gone: Callable[[], None] | None = None
    ) -> None:
        super().__init__(status_code=200, headers=headers)
        del self.headers["content-length"]
        self._chunks = chunks
        self._gone = gone

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the chunks as they come."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        watch = asyncio.create_task(self._watch(receive))
        try:
            async for chunk in self._chunks:
                if chunk is None or watch.done():  # cut on purpose, or nobody listens any more
                    return
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
                await asyncio.sleep(0)  # lets the loop notice that the client left
        finally:
            watch.cancel()
        await send({"type": "http.response.body", "body": b""})

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        if self._gone is not None:
            self._gone()


async def completions(call: Call, api: int) -> Response:
    """Run an app; `api` is 1 or 2."""
    body, version = call.params, call.state.version
    if version.validates and (issues := wire.check(body, SCHEMA) or wire.check_messages(body.get("messages") or [])):
        raise wire.InvalidError(issues)
    try:
        call.authorize()
        app = _app(call, version)
        if not wire.is_list(body.get("messages") or []):
            raise wire.ApiError("messages is not array")
        call.headers = call.state.count_request()
        return await _run(call, app, api)
    except wire.ApiError as exc:
        if not body.get("stream") or exc.payload["code"] == 429:
            raise
        return EventStream(_aiter(_frame("error", exc.frame)), call.headers)


def _app(call: Call, version: Version) -> AppSpec:
    try:
        app = call.find_app(run=True)
    except wire.ApiError:
        if version.unknown_app is None:
            raise
        raise wire.ApiError(version.unknown_app) from None
    if app is None:
        raise wire.user_error(version.no_app)
    return app


async def _run(call: Call, app: AppSpec, api: int) -> Response:
    body, store, state, version = call.params, call.store, call.state, call.state.version
    question, system, sent = _messages(body.get("messages") or [], app)
    given = body.get("chatId") or ""
    made = not str(given).strip()
    chat_id = wire.new_id() if made else str(given).strip()
    recorded = chat_id != NO_RECORD
    chat = store.chat(app.id, chat_id) if recorded else None
    busy = (chat is not None and chat.status == GENERATING) or state.runs.get(app.id, chat_id) is not None
    if busy and version.checks_runs:
        raise wire.chat_is_generating()
    records = store.records(app.id, chat_id) if recorded else []
    data_id = str(body.get("responseChatItemId") or wire.new_id(16))
    if any(record.dataId == data_id for record in records):
        if version.checks_runs:
            raise wire.user_error(f"Chat dataId already exists: {data_id}")
        data_id = wire.new_id(16)
    pending = _pending(records[-1].value) if records else None
    opens = pending is None or opens_turn(pending)

    message = "\n".join(item["text"]["content"] for item in question if "text" in item)
    history = [(record.obj, record.text) for record in records if record.value] if records else sent
    turn = Turn(app, message, state.model, state.settings.delay, history, system, pending=pending)
    turn.files = [item["file"]["name"] or item["file"]["url"] for item in question if "file" in item]
    turn.number = 1 + sum(role == "Human" for role, _ in history)
    turn.variables = {str(spec.get("key")): spec["defaultValue"] for spec in app.variables if "defaultValue" in spec}
    turn.variables |= (chat.variables if chat else {}) | (body.get("variables") or {})
    if pending is not None:
        # The message answers a question of the first turn; that turn's own question is asked next, not remembered.
        turn.history = history[:-2]
        data_id = data_id if opens else records[-1].dataId
    # A turn that only asks back leaves the rules for the answer to the turn that gives one.
    asking = turn.asks is not None
    turn.rule = state.script.choose(app.id, message or turn.question, turn.number, only_http=asking)
    if turn.rule is not None and turn.rule.http is not None:
        return _http(turn.rule.http)

    title = _title(app, message) if recorded and chat is None else None
    sent_title = title if version.sends_titles else None
    if recorded:
        store.begin(
            app.id,
            chat_id,
            data_id,
            question if opens else None,
            question_id=wire.new_id() if version.own_question_ids else data_id,
            title=title or "",
            uid=body.get("customUid"),
            source_name=_OWNER,
            metadata=body.get("metadata"),
        )
        if pending is not None and opens:
            answer(pending, message)
            store.set_value(records[-1])
    run = state.runs.start(turn, chat_id, data_id, [] if opens else records[-1].value)
    detail = bool(body.get("detail")) or app.kind == "plugin"
    view = View(version, api, detail, bool(body.get("retainDatasetCite")), sent_title)
    # A v1 stream ends when nobody listens any more, all else goes on.
    gone = run.stop if api == 1 and body.get("stream") else None
    if turn.rule is not None and turn.rule.gateway is not None:
        await asyncio.sleep(turn.rule.gateway)
        if gone is not None:
            gone()
        return Response(_GATEWAY, 504, media_type="text/html")
    if not body.get("stream"):
        await run.done()
        told = given if not made else chat_id if api in version.tells_new_ids else ""
        return _whole(call, run, view, told)
    if api == 2 and call.request.headers.get("x-fastgpt-stream-resume") == "1":
        run.view = view
    return EventStream(_stream(run, view, state.settings.heartbeat), {**_STREAM_HEADERS, **call.headers}, gone)


def _messages(messages: list[dict[str, Any]], app: AppSpec) -> tuple[list[dict[str, Any]], list[str], list[Any]]:
    """The question as a record holds it, the system prompts, and the messages before."""
    if wire.check_messages(messages):
        raise wire.ApiError("User question is empty")
    last = max((index for index, message in enumerate(messages) if message["role"] == "user"), default=None)
    if last is None:
        if app.kind != "plugin":
            raise wire.user_error("messages is empty")
        return [], [], []
    roles = {"user": "Human", "assistant": "AI"}
    earlier = [(roles.get(message["role"], "System"), _items(message.get("content"))) for message in messages[:last]]
    texts = [(role, "\n".join(i["text"]["content"] for i in items if "text" in i)) for role, items in earlier]
    system = [text for role, text in texts if role == "System"]
    return _items(messages[last].get("content")), system, [pair for pair in texts if pair[0] != "System"]


def _items(content: Any) -> list[dict[str, Any]]:
    """The content of a message as items of a record."""
    if not wire.is_list(content):
        return [{"text": {"content": str(content or "")}, "type": "text"}]
    items: list[dict[str, Any]] = []
    for part in content:
        match part:
            case {"type": "text", "text": str(text)}:
                items.append({"text": {"content": text}, "type": "text"})
            case {"type": "image_url", "image_url": {"url": str(url)}}:
                items.append({"file": {"type": "image", "name": "", "url": url}, "type": "file"})
            case {"type": "file_url", "url": str(url)}:
                items.append({"file": {"type": "file", "name": part.get("name", ""), "url": url}, "type": "file"})
            case _:
                pass
    return items


def _pending(value: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The interactive node that an answer ends with, if it still waits."""
    interactive = value[-1].get("interactive") if value else None
    return interactive if interactive and is_open(interactive) else None


def _title(app: AppSpec, message: str) -> str:
    return time.strftime("%Y-%m-%d %H:%M") if app.kind == "plugin" else message[:20]


def _http(answer: dict[str, Any]) -> Response:
    """A scripted HTTP answer."""
    content = answer.get("body", "")
    headers = {str(name): str(value) for name, value in answer.get("headers", {}).items()}
    if isinstance(content, str):
        return Response(content, answer.get("status", 200), headers, None if "content-type" in headers else "text/html")
    return Response(wire.encode(content), answer.get("status", 200), {"content-type": "application/json", **headers})


# --- whole answers ----------------------------------------------------------------------------------------------------


def _whole(call: Call, run: Run, view: View, chat_id: str | int) -> Response:
    version = view.version
    if run.cut:
        return EventStream(_aiter([b'{"id":"', None]), {"content-type": "application/json; charset=utf-8"})
    if run.failure is not None:
        failure = {"code": 500, "statusText": version.plain_name, "data": None, **run.failure}
        return wire.answer(call.request, failure, 500, call.headers)
    payload: dict[str, Any] = {}
    if view.detail:
        nodes = [version.shown_node(node) for node in run.nodes]
        payload |= {"responseData": nodes, "newVariables": run.turn.shown_variables}
    if view.title is not None:
        payload["title"] = view.title
    if run.error is not None and version.tells_errors:
        payload["error"] = run.error
    choice = {"message": _message(run, view), "finish_reason": "stop", "index": 0}
    payload |= {"id": chat_id, "model": "", "usage": wire.USAGE, "choices": [choice]}
    return wire.answer(call.request, payload, headers=call.headers)


def _unmarked(item: dict[str, Any]) -> dict[str, Any]:
    return {**item, "text": {"content": without_marks(item["text"]["content"])}} if "text" in item else item


def _message(run: Run, view: View) -> dict[str, Any]:
    """The message of a whole answer: its content is a text, with detail a list where that does not say it all."""
    message: dict[str, Any] = {"role": "assistant"}
    version, api, detail = view.version, view.api, view.detail
    items = [item if view.marks else _unmarked(item) for item in run.items[run.start :]]
    texts = [item["text"]["content"] for item in items if "text" in item]
    in_items = detail and version.reasoning != "field"
    listed = [item for item in items if version.shows_interactive or "interactive" not in item]
    if run.reasoning and in_items:
        listed = [{"type": "reasoning", "reasoning": {"content": run.reasoning}}, *listed]
    if not items and version.always_content:
        listed = [{"type": "text", "text": {"content": ""}}]
    if detail and (any("text" not in item for item in listed) or (not items and version.always_content)):
        shown = [version.shown_item(item, whole=True) for item in listed]
        if api == 2 and not version.v2_types:
            shown = [{name: value for name, value in item.items() if name != "type"} for item in shown]
        message["content"] = shown
    elif texts or not items or version.always_content:
        message["content"] = "\n".join(texts)
    if run.reasoning and not in_items and version.reasoning != "item":
        message["reasoning_content"] = run.reasoning
    return message


# --- streams ----------------------------------------------------------------------------------------------------------


def _frame(event: str | None, data: Any) -> Iterator[bytes]:
    """A frame: FastGPT writes its two lines apart."""
    if event is not None:
        yield f"event: {event}\n".encode()
    yield b"data: " + (data if isinstance(data, bytes) else wire.encode(data)) + b"\n\n"


async def _aiter(chunks: Iterator[bytes] | list[bytes | None]) -> AsyncIterator[bytes | None]:
    for chunk in chunks:
        yield chunk


class _Frames:
    """Steps as frames: without detail there are only answers, and they are not named."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._unmarked = Unmarked()

    def of(self, step: Step) -> Iterator[bytes]:
        """The frames of a step."""
        view, data = self._view, step.data
        if step.event not in ("answer", "fastAnswer"):
            yield from self.rest()
            if view.detail and not (view.api == 1 and step.event == "flowNodeResponse"):
                yield from _frame(step.event, view.version.shown_event(step.event, data))
            return
        if data.get("content") and not view.marks:
            data = {"content": self._unmarked.add(data["content"])}
            if not data["content"]:
                return
        yield from _frame(step.event if view.detail else None, wire.answer_frame(data))

    def rest(self) -> Iterator[bytes]:
        """What was held back of the answer."""
        if held := self._unmarked.rest():
            yield from _frame("answer" if self._view.detail else None, wire.answer_frame({"content": held}))


async def _stream(run: Run, view: View, heartbeat: float, *, joined: bool = False) -> AsyncIterator[bytes | None]:
    """A run from its beginning; who joins it is told when that is over, and the end in another way."""
    frames, version = _Frames(view), view.version
    last = run.log[-1] if joined and run.log else None
    if joined:
        for chunk in _frame("resumePhase", b"catchup"):
            yield chunk
    if view.title is not None:
        for chunk in frames.of(Step("chatTitle", {"title": view.title})):
            yield chunk
    if joined and last is None:
        for chunk in _frame("resumePhase", b"live"):
            yield chunk
    async with aclosing(run.steps(heartbeat)) as steps:
        async for step in steps:
            for chunk in frames.of(step):
                yield chunk
            if step is last:
                for chunk in _frame("resumePhase", b"live"):
                    yield chunk
    for chunk in frames.rest():
        yield chunk
    if run.cut:
        yield None
        return
    if run.failure is not None:
        for chunk in _frame("error", run.failure):
            yield chunk
        return
    ending = [*frames.of(Step("workflowDuration", {"durationSeconds": run.duration}))]
    name = "answer" if view.detail else None
    ending += _frame(name, wire.answer_frame({"content": None}, "stop"))
    done = [*_frame("done" if joined else name, b"[DONE]")]
    nodes = [version.shown_node(node) for node in run.nodes]
    responses = [*_frame("flowResponses", nodes)] if view.detail and view.api == 1 else []
    for chunk in (*ending, *responses, *done) if version.done_is_last else (*ending, *done, *responses):
        yield chunk


def resumed(call: Call, run: Run, after: Callable[[], dict[str, Any]]) -> Response:
    """A run that is joined while it goes on; one that keeps no copy of its stream is waited for (inferred)."""

    async def waiting() -> AsyncIterator[bytes]:
        for chunk in _frame("resumeUnavailable", {"reason": "mirrorUnavailable"}):
            yield chunk
        await run.done()
        for chunk in (*_frame("resumeCompleted", after()), *_frame("done", b"[DONE]")):
            yield chunk

    heartbeat = call.state.settings.heartbeat
    chunks = _stream(run, run.view, heartbeat, joined=True) if run.view is not None else waiting()
    return EventStream(chunks, {**_STREAM_HEADERS, **call.headers})
