"""What the app asks back: put to the user in place, or answered from a file."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar, cast

import msgspec
from rich.markup import escape

from ... import _json
from ...errors import ArgumentError
from ...forms import hint, read_choice, read_field, read_form
from ..notes import notes

if TYPE_CHECKING:
    from ...events import FormField, Interactive

T = TypeVar("T")
Given: TypeAlias = "str | dict[str, Any]"


class Answerer(Protocol):
    """Who answers what the app asks."""

    def answer(self, asked: Interactive) -> Given | None:
        """The answer; None leaves the question open."""
        ...


class Nobody:
    """Only shows what the app asks."""

    def answer(self, asked: Interactive) -> Given | None:
        show_question(asked)
        for field in asked.fields:
            notes.print(f"  {_label(field)}: [dim]{escape(hint(field) or field.type)}[/dim]")
        notes.print("[dim]Answer it with --answers FILE, or in a chat of your own (fastgpt-client chat --last).[/dim]")
        return None


class InPlace:
    """Asks the user, field by field; what does not fit is asked again. Ctrl-C, or Ctrl-D, leaves the question open."""

    def __init__(self, read: Callable[[str], str] | None = None) -> None:
        self._read = read or read_line

    def answer(self, asked: Interactive) -> Given | None:
        show_question(asked)
        try:
            if asked.fields:
                found = {field.key: self._field(field) for field in asked.fields}
                return {key: value for key, value in found.items() if value is not None}
            if asked.options:
                return self._again(lambda: read_choice(asked, self._read("Which one? ").strip()))
            return self._read("> ")
        except (KeyboardInterrupt, EOFError) as left:
            if isinstance(left, EOFError) and not sys.stdin.isatty():
                raise
            notes.print("\n[dim](not answered)[/dim]")
            return None

    def _field(self, field: FormField) -> Any:
        notes.print(f"[bold]{_label(field)}[/bold]{_about(field)}")
        for number, option in enumerate(field.options, 1):
            notes.print(f"  {number}. {escape(option.key)}", soft_wrap=True)
        read = read_secret if field.type == "password" else self._read
        return self._again(lambda: read_field(field, read("> ").strip()))

    def _again(self, ask: Callable[[], T]) -> T:
        while True:
            try:
                return ask()
            except ArgumentError as error:
                notes.print(f"[red]{escape(str(error))}[/red]")


class FromFile:
    """Answers of a YAML or JSON file, for scripts.

    A list is taken in order; an object gives answers by the description of what asks, or by its number (from 1).
    """

    def __init__(self, path: Path) -> None:
        self._answers = _answers(path)
        self._name = path.name
        self._asked = 0

    def answer(self, asked: Interactive) -> Given | None:
        self._asked += 1
        what = f"question {self._asked} of the app ({asked.description or asked.type!r})"
        found = self._find(asked.description)
        if found is None:
            raise ArgumentError(f"{self._name} has no answer to {what}")
        try:
            if asked.fields:
                if not isinstance(found, dict):
                    raise ArgumentError("it is a form: an object of its fields is wanted")
                return read_form(asked, cast("dict[str, object]", found))
            return read_choice(asked, str(found)) if asked.options else str(found)
        except ArgumentError as error:
            raise ArgumentError(f"{self._name} does not answer {what}: {error}") from None

    def _find(self, description: str) -> Any:
        if isinstance(self._answers, list):
            return self._answers[self._asked - 1] if self._asked <= len(self._answers) else None
        return self._answers.get(description, self._answers.get(str(self._asked)))


def show_question(asked: Interactive) -> None:
    """What the app asks, and the options where it is a choice."""
    notes.print(f"[bold]{escape(asked.description or 'The app asks')}[/bold]")
    for number, option in enumerate(asked.options, 1):
        notes.print(f"  {number}. {escape(option.value)}")


def read_line(prompt: str) -> str:
    """A line from the user, or from what is piped in. The prompt is no data: it does not go into a pipe."""
    if sys.stdin.isatty() and not sys.stdout.isatty():
        print(prompt, end="", file=sys.stderr, flush=True)
    return read_text(lambda: input(prompt if sys.stdin.isatty() and sys.stdout.isatty() else ""))


def read_text(read: Callable[[], str]) -> str:
    """What is typed or piped in.

    Raises:
        ArgumentError: It is in another encoding.
    """
    try:
        return read()
    except UnicodeDecodeError as error:
        raise ArgumentError(
            f"what comes in is not {error.encoding}: convert it, or say with PYTHONIOENCODING how it is encoded"
        ) from None


def read_secret(prompt: str) -> str:
    """A line that does not show while it is typed."""
    return getpass.getpass(prompt) if sys.stdin.isatty() else input()


def _label(field: FormField) -> str:
    return escape(field.label or field.key)


def _about(field: FormField) -> str:
    facts = [field.description, hint(field)]
    if field.defaultValue not in (None, "", []) and field.type != "password":
        facts.append(f"empty: {field.defaultValue}")
    elif not field.required:
        facts.append("may be left empty")
    return f" [dim]({escape('; '.join(filter(None, facts)))})[/dim]" if any(facts) else ""


def _answers(path: Path) -> list[Any] | dict[str, Any]:
    found = read_data(path)
    if isinstance(found, list):
        return _json.as_list(found)
    if isinstance(found, dict):
        return {str(name): value for name, value in _json.as_object(found).items()}
    raise ArgumentError(f"{path} must hold a list of answers, or an object of them by question")


def read_data(path: Path) -> Any:
    """What a YAML or JSON file holds."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ArgumentError(f"{path} cannot be read ({error.strerror})") from None
    try:
        return _json.loads(text) if path.suffix == ".json" else _yaml(text)
    except (ValueError, msgspec.DecodeError) as error:
        raise ArgumentError(f"{path} holds no {'JSON' if path.suffix == '.json' else 'YAML'}: {error}") from None


def _yaml(text: bytes) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None
