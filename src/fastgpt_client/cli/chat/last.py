"""The chat that was talked in last, of every server and app: a small file in the user's state directory."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from platformdirs import user_state_path

from ... import _json
from ..._session import Session

KEPT = 200
"""So many servers and apps are remembered."""


def state_file() -> Path:
    """Where it is kept: in ``FASTGPT_STATE_DIR``, or where the system keeps such files."""
    folder = os.environ.get("FASTGPT_STATE_DIR")
    return (Path(folder) if folder else user_state_path("fastgpt-client")) / "last-chats.json"


def last_chat(session: Session) -> str | None:
    """The chatId, if there was one."""
    found = _read().get(_name(session))
    return found if isinstance(found, str) else None


def remember(session: Session, chatId: str) -> None:
    """Keep a chatId. Where nothing can be written, nothing is."""
    known = _read()
    known.pop(_name(session), None)
    known[_name(session)] = chatId
    path = state_file()
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps(dict(list(known.items())[-KEPT:]), indent=1), "utf-8")
        part.replace(path)


def _name(session: Session) -> str:
    """Of server and app. Where the key says the app, a hash stands for it, from which the key cannot be found."""
    app = session.app_id or hashlib.sha256((session.key or "").encode()).hexdigest()[:16]
    return f"{session.base_url.rpartition('@')[2].removeprefix('https://').removeprefix('http://')} {app}"


def _read() -> dict[str, Any]:
    try:
        known = json.loads(state_file().read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return _json.as_object(known)
