"""When a connection breaks while an app works: what became of the run, from the history of its conversation."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from .._flow import Flow, Sleep
from .._json import as_list, as_object
from ..errors import APIConnectionError, APIError, APITimeoutError, FastGPTError, StreamError, StreamParseError
from ..events import is_answered, stored_completion
from ..models._base import JSON

if TYPE_CHECKING:
    from .._io import FlowIO
    from .._response import Response
    from ..api.chat import ChatApi
    from ..models.chat import ChatInit, ChatRecord

GENERATING, FAILED = 0, 2  # FastGPT's chatGenerateStatus (4.15+)
GATEWAYS = (502, 503, 504, 524)
RETRIES = 3  # of what asks for the answer, whatever the client does otherwise: its connections just broke
GRACE = 3.0  # seconds in which a run shows that was taken, if it was


class Stored(msgspec.Struct, frozen=True):
    """The answer of a run in the history. ``whole`` is False when the run was broken off."""

    completion: JSON
    source: Response[ChatInit]
    whole: bool


def patience(error: FastGPTError, limit: float) -> float | None:
    """How long to look for a sign of the run after such a failure, in seconds; None when it certainly has none.

    A stream that began, and a gateway or client that got tired of waiting, mean that the server has the run. When the
    connection broke otherwise it may not: then the history must show it soon.
    """
    if limit <= 0:
        return None
    if isinstance(error, StreamError):
        broken = error.response_data is None and error.code is None and not isinstance(error, StreamParseError)
        return limit if broken else None
    if isinstance(error, APITimeoutError):
        return None if error.certainly_unsent else limit
    if isinstance(error, APIConnectionError):
        return None if error.certainly_unsent else min(GRACE, limit)
    if isinstance(error, APIError) and error.status_code in GATEWAYS and error.code is None:
        return limit if error.status_code in (504, 524) else min(GRACE, limit)
    return None


def stored_answer(
    chat: ChatApi[FlowIO], appId: str | None, chatId: str, dataId: str, *, answering: bool, grace: float, limit: float
) -> Flow[Stored | None]:
    """Wait until the run is over, and read its answer; None when the history does not know it.

    Args:
        dataId: The record of the answer.
        answering: The run answers an interactive node, so its record was there before.
        grace: How many seconds to wait for a sign of the run (4.15+ tells that it goes on, older ones only its end).
        limit: How many to wait for its end.
    """
    started, pause = time.monotonic(), 0.25
    until = started + grace
    while True:
        init = yield from chat.get_chat_init(appId, chatId, max_retries=RETRIES)
        status = init.data.chatGenerateStatus
        record = (yield from _record(chat, appId, chatId, dataId)) if status != GENERATING else None
        if answering and record is not None and not _answered(record):
            record = None
        nodes: list[JSON] = []
        if record is not None:
            nodes = (yield from chat.get_record_detail(appId, chatId, dataId, max_retries=RETRIES)).data
            if status is None and not record.value:
                # Before 4.15 nothing says that a run goes on. This one may have ended between the two questions.
                record = (yield from _record(chat, appId, chatId, dataId)) if nodes else None
        if record is not None:
            if status is None:  # what was read before may be older than the end of the run
                init = yield from chat.get_chat_init(appId, chatId, max_retries=RETRIES)
            more = {} if record.durationSeconds is None else {"durationSeconds": record.durationSeconds}
            variables = as_object(init.data.variables)
            completion = stored_completion(as_list(record.value), nodes, newVariables=variables, **more)
            if record.errorMsg:
                completion["error"] = record.errorMsg
            explained = bool(record.errorMsg) or any(each.get("errorText") or each.get("error") for each in nodes)
            return Stored(completion, init, whole=(status != FAILED or explained) and not _broken_off(nodes))
        if status == GENERATING:
            until = started + limit
        if time.monotonic() + pause > until:
            return None
        yield Sleep(pause)
        pause = min(pause * 1.5, 5.0)


def _record(chat: ChatApi[FlowIO], appId: str | None, chatId: str, dataId: str) -> Flow[ChatRecord | None]:
    latest = (yield from chat.get_chat_records(appId, chatId, 0, 10, max_retries=RETRIES)).data.list
    return next((each for each in latest if each.obj == "AI" and each.dataId == dataId), None)


def _answered(record: ChatRecord) -> bool:
    asked = [as_object(as_object(each).get("interactive")) for each in as_list(record.value)]
    return any(map(is_answered, asked))


def _broken_off(nodes: list[JSON]) -> bool:
    """Whether the run was ended from outside: its model node says that it was closed."""
    return any(node.get("finishReason") == "close" for node in nodes)
