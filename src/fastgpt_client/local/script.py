"""Scripts: rules that decide how the server answers, for tests that need a certain answer or a certain failure."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import yaml

from .cites import mark
from .interactive import ALLOWED, is_question
from .models import Delta, ModelError, pieces_of
from .wire import is_list, object_id

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from .settings import ScriptSource


class CutError(Exception):
    """The connection is to break here."""


class StreamFailureError(Exception):
    """The stream is to end here with an error frame."""

    def __init__(self, payload: dict[str, Any]) -> None:
        super().__init__(payload)
        self.payload = payload


@dataclass(slots=True)
class Rule:
    """One rule of a script; `_ALLOWED` below says what each field holds."""

    match: str | None = None
    app: str | None = None
    turn: int | None = None
    times: int | None = None
    reply: str | None = None
    reasoning: str | None = None
    pieces: list[str] | None = None
    piece_size: int | None = None
    delay: float | None = None
    wait: float = 0.0
    fixed: bool = False
    tools: list[dict[str, Any]] | None = None
    quotes: list[dict[str, Any]] | None = None
    variables: dict[str, Any] | None = None
    error: str | None = None
    stream_error: dict[str, Any] | None = None
    cut: int | None = None
    http: dict[str, Any] | None = None
    interactive: dict[str, Any] | None = None
    nodes: list[dict[str, Any]] | None = None
    gateway: float | None = None
    training: dict[str, Any] | None = None

    def fits(self, app: str, message: str, turn: int) -> bool:
        """Whether the rule is about this message."""
        if self.times == 0 or self.app not in (None, app) or self.turn not in (None, turn):
            return False
        if self.match is None:
            return True
        pattern = _regex(self.match)
        return bool(re.search(pattern, message)) if pattern is not None else self.match in message

    def text(self, question: str, turn: int) -> str | None:
        """The reply, filled in; `None` when the rule leaves the answer to the model."""
        if self.pieces is not None:
            return "".join(self.pieces)
        if self.reply is not None:
            text = self.reply.replace("{question}", question).replace("{turn}", str(turn))
            quotes = self.quotes or []
            return _CITE.sub(lambda cite: mark(quotes[int(cite[1]) - 1]["id"]), text)
        return "" if self.error is not None else None

    async def stream(
        self, question: str, turn: int, model: AsyncGenerator[Delta], delay: float
    ) -> AsyncGenerator[Delta]:
        """The answer in pieces, with the failures the rule asks for; `model` answers when the rule has no reply."""
        await asyncio.sleep(self.wait)
        pause = delay if self.delay is None else self.delay
        count = 0
        async with aclosing(self._deltas(self.text(question, turn), model, pause)) as deltas:
            async for delta in deltas:
                if count == self.cut:
                    break
                yield delta
                count += 1
        if self.cut is not None:
            raise CutError
        if self.stream_error is not None:
            raise StreamFailureError(self.stream_error)
        if self.error is not None:
            raise ModelError(self.error)

    async def _deltas(self, text: str | None, model: AsyncGenerator[Delta], pause: float) -> AsyncGenerator[Delta]:
        for piece in pieces_of(self.reasoning or "", self.piece_size):
            yield "reasoning_content", piece
            await asyncio.sleep(pause)
        if text is None:
            async for delta in model:
                yield delta
            return
        for piece in self.pieces if self.pieces is not None else pieces_of(text, self.piece_size):
            yield "content", piece
            await asyncio.sleep(pause)


class Script:
    """The rules of a server; the first one that fits decides."""

    def __init__(self, rules: list[Rule]) -> None:
        self.rules = rules

    def choose(self, app: str, message: str, turn: int, *, only_http: bool = False) -> Rule | None:
        """The rule for this message; counts it as used."""
        return self._use(
            rule
            for rule in self.rules
            if rule.training is None and (rule.http is not None or not only_http) and rule.fits(app, message, turn)
        )

    def training(self, text: str, kind: Literal["wait", "error"]) -> Rule | None:
        """The rule for a text that is being indexed; counts it as used."""
        return self._use(
            rule
            for rule in self.rules
            if rule.training is not None and kind in rule.training and rule.fits("", text, 0)
        )

    def _use(self, rules: Iterator[Rule]) -> Rule | None:
        rule = next(rules, None)
        if rule is not None and rule.times is not None:
            rule.times -= 1
        return rule

    @classmethod
    def load(cls, source: ScriptSource | None) -> Script:
        """Read a script; a `ValueError` says what is wrong with it, and where."""
        if source is None:
            return cls([])
        where = "the script"
        data: Any = source
        if isinstance(source, str | Path):
            where = f"the script {str(source)!r}"
            try:
                text = Path(source).read_text(encoding="utf-8")
                data = json.loads(text) if str(source).endswith(".json") else yaml.safe_load(text)
            except OSError as exc:
                raise ValueError(f"{where} cannot be read: {exc.strerror or exc}") from None
            except (UnicodeDecodeError, json.JSONDecodeError, yaml.YAMLError) as exc:
                raise ValueError(f"{where} is not valid YAML or JSON: {exc}") from None
        if isinstance(data, Mapping):
            data = cast("Mapping[str, Any]", data).get("rules")
        if not is_list(data):
            raise ValueError(f"{where} must hold a list under `rules:`")
        return cls([_rule(number, item) for number, item in enumerate(data, 1)])


_CITE = re.compile(r"\{cite:(\d+)\}")
_ALLOWED: dict[str, tuple[tuple[type, ...], str]] = {
    "match": ((str,), "a text, or /a regular expression/"),
    "app": ((str,), "the id of an app"),
    "turn": ((int,), "a whole number from 1"),
    "times": ((int,), "a whole number from 1"),
    "reply": ((str,), "a text, with {question}, {turn} and {cite:1} if you like"),
    "reasoning": ((str,), "a text"),
    "pieces": ((list,), "a list of texts"),
    "piece_size": ((int,), "a whole number from 1"),
    "delay": ((int, float), "seconds, 0 or more"),
    "wait": ((int, float), "seconds, 0 or more"),
    "fixed": ((bool,), "true or false"),
    "tools": ((list,), "a list of {name, functionName, params, response}"),
    "quotes": ((list,), "a list of quotes: {id, q, a, datasetId, collectionId, sourceName, ...}"),
    "variables": ((dict,), "a map of names to values"),
    "error": ((str,), "the error text of the node"),
    "stream_error": ((dict,), "{message} or {code, statusText, message}"),
    "cut": ((int,), "after how many pieces, 0 or more"),
    "http": ((dict,), "{status, body, headers}"),
    "interactive": ((dict,), ALLOWED),
    "nodes": ((list,), "a list of nodes: {moduleName, moduleType, ..., children: a list of nodes}"),
    "gateway": ((int, float), "seconds, 0 or more"),
    "training": ((dict,), "{error: a text} or {wait: seconds}"),
}
_LEAST = {"turn": 1, "times": 1, "piece_size": 1, "delay": 0, "wait": 0, "cut": 0, "gateway": 0}


def _rule(number: int, item: Any) -> Rule:
    if not isinstance(item, Mapping):
        raise ValueError(f"rule {number} must be a map of fields, not {type(item).__name__}")
    given = cast("Mapping[str, Any]", item)
    names = [spec.name for spec in fields(Rule)]
    for name, value in given.items():
        if name not in names:
            raise ValueError(f"rule {number}: unknown field {name!r}; allowed are {', '.join(names)}")
        types, allowed = _ALLOWED[name]
        good = isinstance(value, types) and (bool in types or not isinstance(value, bool))
        if not (good and (name not in _LEAST or value >= _LEAST[name]) and _inner(name, value)):
            raise ValueError(f"rule {number}: {name} must be {allowed}, not {value!r}")
    rule = Rule(**given)
    if rule.quotes is not None:
        rule.quotes = [{"id": object_id(), **quote} for quote in rule.quotes]
    if any(not 0 < int(cite) <= len(rule.quotes or ()) for cite in _CITE.findall(rule.reply or "")):
        raise ValueError(f"rule {number}: reply cites a quote that the rule does not have")
    return rule


def _inner(name: str, value: Any) -> bool:
    """Whether what a field holds is right."""
    if name == "pieces":
        return all(isinstance(piece, str) for piece in value)
    if name in ("tools", "quotes"):
        return all(isinstance(entry, dict) for entry in value)
    if name == "stream_error":
        return isinstance(value.get("message"), str)
    if name == "interactive":
        return is_question(value)
    if name == "nodes":
        return is_list(value) and all(map(_is_node, value))
    if name == "training":
        return isinstance(value.get("error", ""), str) and isinstance(value.get("wait", 0), int | float)
    if name == "http":
        return isinstance(value.get("status", 200), int) and isinstance(value.get("headers", {}), dict)
    try:
        return name != "match" or _regex(value) is not None or True
    except re.error:
        return False


def _is_node(value: Any) -> bool:
    return isinstance(value, dict) and _inner("nodes", cast("dict[str, Any]", value).get("children", []))


def _regex(match: str) -> re.Pattern[str] | None:
    return re.compile(match[1:-1]) if len(match) > 2 and match[0] == match[-1] == "/" else None
