"""``fastgpt-client api``: any endpoint, by its name here or its path there. Fields in, JSON out."""

from __future__ import annotations

import collections.abc
import json
import sys
import types
import typing
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .. import _json, clients
from .._operations import Field, Operation, operations
from .._session import DEFAULT_BASE_URL
from ..errors import ArgumentError, FastGPTError
from .notes import NO_SERVER
from .output import dumped


class Words(NamedTuple):
    """What was written after the options of the command itself."""

    operation: str | None
    fields: list[tuple[str, str | None]]  # None: nothing was written after it
    help: bool


def run_api(
    words: list[str],
    base_url: str | None,
    api_key: str | None,
    app: str | None,
    *,
    whole: bool,
    yes: bool,
) -> int:
    try:
        said = read_words(words)
        operation = find_operation(said.operation or "")
        if said.help:
            print(describe(operation))
            return 0
        fields = read_fields(operation, said.fields)
        if operation.deletes and not yes:
            raise ArgumentError(f"{operation.name} deletes: say --yes if you mean it")
        if not (base_url or api_key):
            print(NO_SERVER, file=sys.stderr)
            return 2
        kind = getattr(clients, operation.client)
        with kind(api_key, base_url or DEFAULT_BASE_URL, app_id=app) as client:
            _answer(getattr(client, operation.name)(**fields), streamed=bool(fields.get("stream")), whole=whole)
    except ArgumentError as error:
        print(error, file=sys.stderr)
        return 2
    except FastGPTError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def list_operations(*, as_json: bool) -> int:
    """All operations: a table for people, JSON for machines."""
    found = operations()
    if as_json:
        print(
            _json.encode([{**msgspec.structs.asdict(each), "older_paths": each.older_paths} for each in found]).decode()
        )
        return 0
    if not sys.stdout.isatty():
        for each in found:
            print(f"{each.name:34} {f'{each.method} {each.path}':62} {each.since:8} {each.summary}".rstrip())
        return 0
    table = Table("operation", "since", "", box=None, pad_edge=False)
    for each in found:
        table.add_row(
            f"[bold]{each.name}[/bold]\n[cyan]{each.method} {each.path}[/cyan]", each.since, escape(each.summary)
        )
    Console(highlight=False).print(table)
    return 0


# What was written ----------------------------------------------------------------------------------------------------


def read_words(words: list[str]) -> Words:
    """An operation, and its fields as ``--name value`` or ``--name=value``."""
    rest = list(words)
    operation = rest.pop(0) if rest and not rest[0].startswith("-") else None
    fields: list[tuple[str, str | None]] = []
    wants_help = False
    while rest:
        word = rest.pop(0)
        if word in ("--help", "-h"):
            wants_help = True
        elif word.startswith("--") and len(word) > 2:
            name, equals, value = word[2:].partition("=")
            alone = not equals and (not rest or rest[0].startswith("--"))
            fields.append((name, None if alone else value if equals else rest.pop(0)))
        else:
            raise ArgumentError(f"{word!r} is no field: write --name value")
    return Words(operation, fields, wants_help)


def find_operation(text: str) -> Operation:
    """By its name, with dashes or underscores, or by its path at FastGPT, older ones too."""
    every = operations()
    name = text.replace("-", "_")
    path = "/" + text.rpartition(" ")[2].removeprefix("/").removeprefix("api/")
    found = [each for each in every if name == each.name or path in _paths(each)]
    if len(found) == 1:
        return found[0]
    if found:
        raise ArgumentError(f"{text} is several operations: {', '.join(each.name for each in found)}")
    like, words = (path, [each.path for each in every]) if "/" in text else (name, [each.name for each in every])
    close = get_close_matches(like, words)
    advice = f"; did you mean {', '.join(close)}?" if close else ": see fastgpt-client api --list"
    raise ArgumentError(f"there is no operation {text!r}{advice}")


def _paths(operation: Operation) -> set[str]:
    return {operation.path, *(older.partition(" ")[2] for older in operation.older_paths)}


def read_fields(operation: Operation, written: list[tuple[str, str | None]]) -> dict[str, Any]:
    """The arguments of a call."""
    known = operation.fields
    spelt = {_spelling(name): name for name in known}
    fields: dict[str, Any] = {}
    texts: dict[str, list[str | None]] = {}
    for name, text in written:
        if name == "json":
            fields |= {_field(operation, spelt, key): value for key, value in _json_object(text).items()}
        else:
            texts.setdefault(_field(operation, spelt, name), []).append(text)
    fields |= {name: read_value(known[name], given) for name, given in texts.items()}
    if missing := [name for name, field in known.items() if field.needed and name not in fields]:
        raise ArgumentError(f"{operation.name} needs {', '.join(f'--{name}' for name in missing)}")
    return fields


def _spelling(name: str) -> str:
    """Names are found with dashes, underscores and capitals or without."""
    return name.replace("-", "").replace("_", "").lower()


def _field(operation: Operation, spelt: dict[str, str], name: str) -> str:
    if found := spelt.get(_spelling(name)):
        return found
    close = [spelt[each] for each in get_close_matches(_spelling(name), spelt, cutoff=0.5)]
    advice = f"did you mean {' or '.join(f'--{each}' for each in close)}?" if close else "see --help"
    raise ArgumentError(f"{operation.name} has no field --{name}; {advice}")


def _json_object(source: str | None) -> dict[str, Any]:
    """The fields of a file, or of standard input."""
    if source is None:
        raise ArgumentError("--json takes a file with an object of fields, or - for standard input")
    data = sys.stdin.buffer.read() if source == "-" else _file("json", source)
    try:
        fields = _json.loads(data)
    except ValueError as error:
        raise ArgumentError(f"--json: {source} holds no JSON ({error})") from error
    if not isinstance(fields, dict):
        raise ArgumentError(f"--json: {source} must hold an object of fields")
    return _json.as_object(fields)


def _file(name: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ArgumentError(f"--{name}: {path} cannot be read ({error.strerror})") from error


# A text as the type that an argument has -----------------------------------------------------------------------------


def read_value(field: Field, written: list[str | None]) -> Any:
    """A value from its text, by the field's annotation; ``@file`` stands for the text of a file."""
    kinds = _kinds(field.kind)
    if written == [None] and bool in kinds:
        return True
    texts = [_text(field, each) for each in written]
    lists = [kind for kind in kinds if _is(kind, collections.abc.Sequence)]
    if lists and str in [inner for kind in lists for inner in _kinds(typing.get_args(kind)[0])]:
        if len(texts) > 1 or not (texts[0].startswith("[") or str in kinds):
            return texts
        return _parsed(field, texts[0], list) if texts[0].startswith("[") else texts[0]
    if len(texts) > 1:
        raise ArgumentError(f"--{field.name} is given more than once")
    return _one(field, kinds, texts[0])


def _text(field: Field, written: str | None) -> str:
    if written is None:
        raise ArgumentError(f"--{field.name} needs a value ({kind_text(field.kind)})")
    if not written.startswith("@"):
        return written
    if written.startswith("@@"):  # a text that begins with @
        return written[1:]
    return _file(field.name, written[1:]).decode("utf-8", "replace")


def _one(field: Field, kinds: list[Any], text: str) -> Any:
    literals = [value for kind in kinds if _is(kind, Literal) for value in typing.get_args(kind)]
    if literals:
        if text not in literals:
            raise ArgumentError(f"--{field.name} must be one of {', '.join(literals)}, not {text!r}")
        return text
    for kind in kinds:
        if kind in (bool, int, float):
            try:
                return msgspec.convert(text, kind, strict=False)
            except msgspec.ValidationError:
                raise ArgumentError(f"--{field.name} must be {kind_text(kind)}, not {text!r}") from None
        if _is(kind, collections.abc.Mapping):
            return _parsed(field, text, dict)
        if _is(kind, collections.abc.Sequence):
            return _parsed(field, text, list)
        if kind is object:
            try:
                return _json.loads(text.encode())
            except ValueError:
                return text
    return text


def _parsed(field: Field, text: str, kind: type[Any]) -> Any:
    try:
        value = _json.loads(text.encode())
    except ValueError as error:
        raise ArgumentError(f"--{field.name} must be {kind_text(field.kind)}: {error}") from error
    if not isinstance(value, kind):
        raise ArgumentError(f"--{field.name} must be {kind_text(field.kind)}, not {text[:60]!r}")
    return value


def _kinds(annotation: Any) -> list[Any]:
    """The alternatives of an annotation, without None."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [kind for each in typing.get_args(annotation) for kind in _kinds(each)]
    return [] if annotation is type(None) else [annotation]


def _is(kind: Any, origin: Any) -> bool:
    return typing.get_origin(kind) is origin


def kind_text(annotation: Any) -> str:
    """What to write for an annotation, in words."""
    words = [_word(kind) for kind in _kinds(annotation)]
    return " or ".join(dict.fromkeys(word for word in words if word)) or "text"


def _word(kind: Any) -> str:
    if _is(kind, Literal):
        return "|".join(map(str, typing.get_args(kind)))
    if _is(kind, collections.abc.Mapping):
        return "a JSON object"
    if _is(kind, collections.abc.Sequence):
        texts = str in _kinds(typing.get_args(kind)[0])
        return "texts (repeat it, or a JSON list)" if texts else "a JSON list"
    words: dict[Any, str] = {bool: "true|false", int: "a whole number", float: "a number", str: "text", object: "JSON"}
    return words.get(kind, "")  # what only Python can give is not told


# Showing -------------------------------------------------------------------------------------------------------------


def describe(operation: Operation) -> str:
    """The help of an operation: its docstring, and its fields."""
    lines = [
        f"fastgpt-client api {operation.name} [--FIELD VALUE ...] [--json FILE|-]",
        "",
        operation.doc,
        "",
        "Fields:",
    ]
    width = max(map(len, operation.fields)) + 4
    for name, field in operation.fields.items():
        default = "" if field.default is None else f", default {json.dumps(field.default, default=str)}"
        more = " (needed)" if field.needed else default
        lines.append(f"  {f'--{name}':{width}}{kind_text(field.kind)}{more}")
    return "\n".join(lines)


def _answer(response: Any, *, streamed: bool, whole: bool) -> None:
    """The payload as JSON; the events of a stream as lines of JSON."""
    if streamed:
        if whole:
            for line in response.iter_lines():
                print(line, flush=True)
            return
        for event in response.events():
            print(dumped({"event": event.event, "data": event.data}), flush=True)
        return
    body = response.json()
    if not whole and isinstance(body, dict) and "code" in body:
        body = _json.as_object(body).get("data")
    text = dumped(body)
    print(msgspec.json.format(text, indent=2) if sys.stdout.isatty() else text)
