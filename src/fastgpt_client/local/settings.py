"""What a local server is told: its keys, its apps, its model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from .interactive import ALLOWED, is_question
from .versions import VERSIONS

KINDS = ("chat", "select", "form", "plugin")
DEFAULT_KEY = "fastgpt-local"

ScriptSource = str | Path | Mapping[str, Any] | list[Any]


@dataclass(frozen=True, slots=True)
class AppSpec:
    """An app of the server.

    `variables` are the declared ones, as `init` shows them in `chatConfig.variables`; `prompt` is the system prompt,
    where `{{name}}` stands for a variable; `interactive` is what the app asks first, as in a script; `files` are fields
    of `chatConfig.fileSelectConfig`, which says what may be sent with a message: `maxFiles`, `canSelectImg`, …; `guide`
    is what it proposes while somebody types. The `variables` of a plugin are its inputs, shown in `pluginInputs`.
    """

    id: str
    kind: str = "chat"
    name: str = ""
    intro: str = ""
    variables: tuple[Mapping[str, Any], ...] = ()
    prompt: str = ""
    interactive: Mapping[str, Any] | None = None
    files: Mapping[str, Any] | None = None
    guide: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.id:
            raise ValueError("an app needs an id: write ID or ID:kind")
        if self.kind not in KINDS:
            raise ValueError(f"unknown app kind {self.kind!r} of app {self.id!r}: use one of {', '.join(KINDS)}")
        if self.interactive is not None and not is_question(self.interactive):
            raise ValueError(f"interactive of app {self.id!r} must be {ALLOWED}, not {self.interactive!r}")
        object.__setattr__(self, "variables", tuple(self.variables))
        object.__setattr__(self, "guide", tuple(self.guide))

    @classmethod
    def parse(cls, text: str) -> AppSpec:
        """Read `ID` or `ID:kind`."""
        app_id, _, kind = text.strip().partition(":")
        return cls(app_id.strip(), kind.strip() or "chat")

    @property
    def type(self) -> str:
        """FastGPT's own word for the kind."""
        return {"chat": "simple", "plugin": "plugin"}.get(self.kind, "advanced")


_INPUT = {"key": "text", "label": "text", "renderTypeList": ["input"], "valueType": "string"}
_DEFAULT_APPS = (
    "local-app",
    "select-app:select",
    "form-app:form",
    AppSpec("plugin-app", "plugin", variables=(_INPUT,)),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set on a local server.

    `app_keys` are keys that belong to one app, as FastGPT made them before 4.15: the key and the app's id.
    `rate_limit` is in requests a minute; `delay` the pause between two pieces of an answer; `require_app_id` asks for
    an app id as FastGPT 4.16 does instead of falling back to the first app; `commercial` answers the commercial
    endpoints (log charts); `version` is the FastGPT version that the server stands for: "4.11", "4.14", "4.16"
    or "4.17";
    `embedding_url` is an OpenAI-compatible endpoint for vectors; `training_delay` the seconds that each step of
    indexing a chunk takes; `max_upload` is in bytes, and so is `multipart_threshold`: larger files are taken in parts
    of that size.
    """

    api_keys: tuple[str, ...] = field(default=(), repr=False)
    apps: tuple[AppSpec, ...] = ()
    db: str | Path = ":memory:"
    model_url: str | None = None
    model: str | None = None
    model_key: str | None = field(default=None, repr=False)
    embedding_url: str | None = None
    embedding_model: str | None = None
    embedding_key: str | None = field(default=None, repr=False)
    script: ScriptSource | None = None
    training_delay: float = 0.05
    heartbeat: float = 10.0
    rate_limit: int | None = None
    delay: float = 0.005
    require_app_id: bool = False
    commercial: bool = True
    version: str = "4.16"
    app_keys: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    max_upload: int = 500 * 1024 * 1024
    multipart_threshold: int = 100 * 1024 * 1024

    def __post_init__(self) -> None:
        # Lists, and apps written as text, are welcome.
        keys = (self.api_keys,) if isinstance(self.api_keys, str) else tuple(self.api_keys)
        apps = cast("Iterable[AppSpec | str]", self.apps or _DEFAULT_APPS)
        specs = tuple(AppSpec.parse(app) if isinstance(app, str) else app for app in apps)
        if len({app.id for app in specs}) < len(specs):
            raise ValueError("two apps have the same id")
        if not all((*keys, *self.app_keys)):
            raise ValueError("an API key must not be empty")
        if self.version not in VERSIONS:
            raise ValueError(f"unknown FastGPT version {self.version!r}: use one of {', '.join(VERSIONS)}")
        if stray := [app for app in self.app_keys.values() if app not in {spec.id for spec in specs}]:
            raise ValueError(f"app_keys name an app that the server does not have: {stray[0]!r}")
        if self.heartbeat <= 0:
            raise ValueError("heartbeat must be more than 0 seconds")
        if self.rate_limit is not None and self.rate_limit < 1:
            raise ValueError("rate_limit must be at least 1 request a minute")
        if self.training_delay < 0:
            raise ValueError("training_delay must be 0 seconds or more")
        if self.max_upload < 1 or self.multipart_threshold < 1:
            raise ValueError("max_upload and multipart_threshold must be at least 1 byte")
        object.__setattr__(self, "api_keys", keys or (DEFAULT_KEY,))
        object.__setattr__(self, "apps", specs)

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys that are accepted."""
        return (*self.api_keys, *self.app_keys)

    def app(self, app_id: str) -> AppSpec | None:
        """The app with this id."""
        return next((app for app in self.apps if app.id == app_id), None)
