"""All endpoints, found by looking at the clients: for the command line and for docs/operations.md."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable
from typing import Any

import msgspec

from ._endpoint import endpoint
from ._versions import OLDER_FORMS
from .clients import AppClient, ChatClient, DatasetClient

CLIENTS = (ChatClient, AppClient, DatasetClient)

# The line that every endpoint's docstring has: FastGPT: ``POST /api/core/app/list`` (fact; fact).
_LINE = re.compile(r"FastGPT: ``([A-Z]+) /api(/\S+)``(?: \(([^)]*)\))?\.")
_INFERRED = re.compile("inferred|read from|only its errors")


class Field(msgspec.Struct, frozen=True):
    """An argument of an endpoint."""

    name: str
    kind: Any
    """Its annotation."""
    needed: bool = False
    default: Any = None


class Operation(msgspec.Struct, frozen=True):
    """An endpoint, as its docstring tells."""

    name: str
    client: str
    method: str
    path: str
    summary: str
    """The first sentence."""
    since: str
    """The first version that has it; empty: older than this SDK looks."""
    facts: tuple[str, ...]
    """What else is said of it: ``commercial edition``, ``deprecated``, which versions take keys."""
    inferred: str
    """What is not known from recordings of real servers; empty: recorded."""

    @property
    def older_paths(self) -> tuple[str, ...]:
        """What older servers are asked instead, as ``POST /core/chat/getHistories``."""
        return tuple(f"{form.method} {form.path}" for form in OLDER_FORMS.get(self.path, ()))

    @property
    def deletes(self) -> bool:
        return self.name.startswith(("delete_", "clear_"))

    @property
    def build(self) -> Callable[..., Any]:
        """The function that makes the call, with its annotations."""
        return _endpoints(next(client for client in CLIENTS if client.__name__ == self.client))[self.name].build

    @property
    def fields(self) -> dict[str, Field]:
        """Its arguments, and the options that every call takes."""
        hints = typing.get_type_hints(self.build)
        found: dict[str, Field] = {}
        for parameter in list(inspect.signature(self.build).parameters.values())[1:]:
            kind = hints[parameter.name]
            if parameter.kind is parameter.VAR_KEYWORD:  # Unpack[a TypedDict]
                options = typing.get_type_hints(typing.get_args(kind)[0])
                found |= {name: Field(name, option) for name, option in options.items()}
            else:
                # What every server needs has an empty default where an argument before it may be left out.
                needed = parameter.default in (parameter.empty, "")
                default = None if needed else parameter.default
                found[parameter.name] = Field(parameter.name, kind, needed, default)
        return found

    @property
    def doc(self) -> str:
        return inspect.getdoc(self.build) or ""


def operations() -> list[Operation]:
    """Every endpoint of the clients, client by client, in the order of the code."""
    return [
        _operation(client.__name__, name, found) for client in CLIENTS for name, found in _endpoints(client).items()
    ]


def _endpoints(client: type[Any]) -> dict[str, endpoint[Any, Any, Any]]:
    return {
        name: value
        for base in client.__mro__
        for name, value in vars(base).items()
        if isinstance(value, endpoint) and not name.startswith("_")
    }


def _operation(client: str, name: str, found: endpoint[Any, Any, Any]) -> Operation:
    doc = inspect.getdoc(found) or ""
    line = _LINE.search(" ".join(doc.split()))
    if line is None:
        raise ValueError(f"the docstring of {name} has no line like: FastGPT: ``POST /api/…`` (4.14.5+).")
    facts = [fact for fact in (line[3] or "").split("; ") if fact and not fact.startswith("before ")]
    since = next((fact.removesuffix("+") for fact in facts if re.fullmatch(r"[\d.]+\+", fact)), "")
    return Operation(
        name=name,
        client=client,
        method=line[1],
        path=line[2],
        summary=re.sub(r"(?<=\w)\. .*", ".", " ".join(doc.partition("\n\n")[0].split()).replace("``", "`")),
        since=since,
        facts=tuple(fact for fact in facts if fact != f"{since}+" and not _INFERRED.search(fact)),
        inferred="; ".join(fact for fact in facts if _INFERRED.search(fact)),
    )
