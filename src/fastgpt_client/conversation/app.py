"""What an app declares: its variables, the inputs of a plugin, the files it takes. Asked once, kept for a while."""

from __future__ import annotations

import inspect
import logging
import time
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import msgspec

from .._flow import Flow
from .._json import as_object
from ..errors import APIConnectionError, ArgumentError, FastGPTError, FastGPTWarning
from ..events import FormField
from ..models._base import JSON
from .fields import FILES, declared, fitting, missing

if TYPE_CHECKING:
    from .._io import FlowIO
    from .._session import Session
    from ..api.chat import ChatApi
    from ..models.chat import ChatInit
    from .attachments import File
    from .interactive import Attach

logger: logging.Logger = logging.getLogger("fastgpt_client")

KEPT_SECONDS = 300.0
PACKAGE = __name__.partition(".")[0]
PATIENCE = 10.0  # seconds; a turn is not to wait for long only to be checked
_SYSTEM = frozenset(("userId", "appId", "chatId", "responseChatItemId", "histories", "cTime", "files"))
_FROM_ELSEWHERE = frozenset(("internal", "custom", "hidden"))  # which nobody fills in


class AppConfig(msgspec.Struct, frozen=True):
    """``files``: its ``fileSelectConfig``, or None where the server says nothing."""

    variables: list[FormField] = []
    inputs: list[FormField] = []
    files: JSON | None = None
    known: bool = False
    asked: float = 0.0


def app_config(chat: ChatApi[FlowIO], session: Session, appId: str | None, chatId: str) -> Flow[AppConfig]:
    """What an app declares. A server that does not tell does not stop the work: then nothing is checked."""
    key = appId or session.app_id or ""
    config: AppConfig | None = session.apps.get(key)
    if config is None or time.monotonic() - config.asked > KEPT_SECONDS:
        try:
            config = _config((yield from chat.get_chat_init(appId, chatId, timeout=PATIENCE, max_retries=0)).data)
        except FastGPTError as error:
            logger.info("variables and files are not checked, the app's settings cannot be read: %s", error)
            config = AppConfig(asked=time.monotonic())
            if isinstance(error, APIConnectionError):
                return config  # next time it may be there
        session.apps[key] = config
    return config


def _config(init: ChatInit) -> AppConfig:
    app = init.app
    if app is None:
        return AppConfig(asked=time.monotonic())
    settings = as_object(app.chatConfig)
    return AppConfig(
        variables=[declared(each) for each in _objects(settings.get("variables"))],
        inputs=[declared(each) for each in _objects(app.pluginInputs)],
        files=as_object(settings.get("fileSelectConfig")) or None,
        known=True,
        asked=time.monotonic(),
    )


def _objects(rows: object) -> list[JSON]:
    return [as_object(each) for each in cast("list[object]", rows if isinstance(rows, list) else [])]


def checked_variables(
    fields: list[FormField], given: Mapping[str, object], attach: Attach, *, whole: bool, what: str = "variable"
) -> Flow[dict[str, object]]:
    """The variables as the app wants them.

    ``whole``: these are all that it will get, so that required ones must be there. An unknown name is a warning: the
    app ignores it, and it may be meant for another one.
    """
    known = {field.key: field for field in fields}
    checked: dict[str, object] = {}
    for name, value in given.items():
        field = known.get(name)
        if field is None:
            if name not in _SYSTEM:
                names = ", ".join(map(repr, known)) or "none"
                warnings.warn(f"the app declares no {what} {name!r}; it has {names}", FastGPTWarning, _outside())
            checked[name] = value
            continue
        if missing(value):
            if value is not None:
                checked[name] = value
            continue
        value = fitting(what, field, value)
        if field.type in (FILES, "file"):
            value = yield from attach(field, cast("list[File]", value))
        checked[name] = value
    needed = [
        repr(field.key)
        for field in fields
        if field.required
        and missing(checked.get(field.key))
        and missing(field.defaultValue)
        and field.type not in _FROM_ELSEWHERE
    ]
    if whole and needed:
        raise ArgumentError(f"the app needs {what} {', '.join(needed)}")
    return checked


def _outside() -> int:
    """How far up the line of the caller is, for a warning that shows it."""
    frame, level = inspect.currentframe(), 0
    while frame is not None and str(frame.f_globals.get("__name__", "")).startswith(PACKAGE):
        frame, level = frame.f_back, level + 1
    return level
