"""A request as the handlers see it: parsed, allowed in, aimed at an app."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from . import wire
from .files import Files
from .knowledge.embeddings import Embedder
from .knowledge.store import KnowledgeStore
from .knowledge.training import Training
from .models import Model, OpenAIModel, Responder
from .runs import Runs
from .script import Script
from .store import Store
from .versions import VERSIONS, Version

if TYPE_CHECKING:
    from starlette.requests import Request

    from .files import Received
    from .settings import AppSpec, Settings

_WINDOW = 60
_DEFAULT_LIMIT = 5000


class State:
    """What the handlers share."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.version: Version = VERSIONS[settings.version]
        self.script: Script = Script.load(settings.script)
        self.store: Store = Store(settings.db)
        self.files: Files = Files(settings.db)
        self.runs: Runs = Runs(self.store)
        self.started: float = time.time()
        self.model: Model = Responder(settings.delay)
        if settings.model_url:
            self.model = OpenAIModel(settings.model_url, settings.model, settings.model_key)
        self.knowledge: KnowledgeStore = KnowledgeStore(settings.db, self.files)
        self.embedder: Embedder | None = None
        if settings.embedding_url:
            self.embedder = Embedder(settings.embedding_url, settings.embedding_model, settings.embedding_key)
        self.training: Training = Training(self)
        self._window = (0.0, 0)

    def count_request(self) -> dict[str, str]:
        """Count a run against the rate limit; returns the headers that say what is left."""
        limit = self.settings.rate_limit or _DEFAULT_LIMIT
        now = time.monotonic()
        since, used = self._window
        if not used or now - since >= _WINDOW:
            since, used = now, 0
        if self.settings.rate_limit and used >= limit:
            left = max(1, round(since + _WINDOW - now))
            raise wire.user_error(
                f"Rate limit exceeded. Maximum {limit} requests per {_WINDOW} seconds for this team."
                f" Please try again in {left} seconds.",
                code=429,
                status=429,
            )
        self._window = (since, used + 1)
        if not self.version.tells_rate_limit:
            return {}
        return {"x-ratelimit-limit": str(limit), "x-ratelimit-remaining": str(max(0, limit - used - 1))}

    async def close(self) -> None:
        """Stop the runs and the training, close the file."""
        await self.runs.stop_all()
        await self.training.stop()
        await self.model.aclose()
        if self.embedder is not None:
            await self.embedder.aclose()
        self.knowledge.close()
        self.store.close()
        self.files.close()


class Call:
    """One request."""

    def __init__(self, state: State, request: Request, params: dict[str, Any]) -> None:
        self.state = state
        self.store: Store = state.store
        self.request = request
        self.params = params
        self.fields: dict[str, str] = {}
        """The fields of a form."""
        self.files: list[Received] = []
        """The files of a form; those that nobody keeps are gone after the call."""
        self.headers: dict[str, str] = {}
        """What the answer gets, be it good or bad."""
        self._suffix: str | None = None
        self._bound: str | None = None

    def authorize(self) -> None:
        """Check the key; `KEY-APPID` carries an app id too."""
        words = self.request.headers.get("authorization", "").split(" ")
        if len(words) < 2 or not words[1]:
            raise wire.unauthorized()
        token, keys = words[1], self.state.settings.keys
        if token in keys:
            self._bound = self.state.settings.app_keys.get(token)
            return
        if self.state.version.key_has_parts and not 1 <= token.count("-") <= 2:
            raise wire.unauthorized()
        key = next((key for key in keys if token.startswith(f"{key}-")), None)
        suffix = token[len(key) + 1 :] if key is not None else ""
        if self.state.settings.app(suffix) is None and not re.fullmatch("[0-9a-fA-F]{24}", suffix):
            raise wire.wrong_key()
        self._suffix = suffix

    def find_app(self, *, run: bool = False, default: bool = True) -> AppSpec | None:
        """The app the request is about; `None` when it names none and there is no default. A key names one for runs."""
        settings = self.state.settings
        lenient = not settings.require_app_id
        named = self.params.get("appId")
        by_key = (self._bound or self._suffix) if run else self._suffix if lenient else None
        app_id = by_key or named if run and self.state.version.key_decides_app else named or by_key
        if not app_id:
            return settings.apps[0] if lenient and default else None
        app = settings.app(str(app_id))
        if app is None:
            raise wire.unknown_app()
        return app

    @property
    def key(self) -> str:
        """The id of the chat."""
        return self.params.get("chatId") or ""

    def number(self, name: str, default: int) -> int:
        """A paging number, as a number or as text."""
        value = self.params.get(name)
        try:
            return default if value is None or value == "" else max(0, int(value))
        except (ValueError, TypeError):
            raise wire.InvalidError([wire.expected("number", value, name)]) from None

    def flag(self, name: str) -> bool:
        """A boolean, as such or as text in a query."""
        return self.params.get(name) in (True, "true")

    def page(self, rows: list[Any]) -> list[Any]:
        """The part of a list that was asked for."""
        size = self.number("pageSize", 10)
        start = self.number("offset", 0) or (max(1, self.number("pageNum", 1)) - 1) * size
        return rows[start : start + size]
