"""What can be done in a talk besides talking: lines that begin with ``/``."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from ... import _json
from ...citations import strip_citations
from ...errors import ArgumentError
from ..notes import notes
from .transcript import as_markdown
from .variables import read_variable
from .views import Answer

if TYPE_CHECKING:
    from .talk import Talk

HELP = """/new            begin another chat
/history        what was said so far
/file PATH      send a file along with what you say next
/stop           stop what the app is busy with
/retry          have the last question answered anew
/rename TITLE   give this chat a title
/save FILE      keep the chat: as JSON if FILE ends with .json, else as Markdown
/vars [K=V]     show the app's variables, or set one
/help           this
/quit           leave
A line that ends with \\ goes on in the next one. // at its beginning sends a text that begins with /."""


class Commands:
    """Carries out commands of a talk."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self._known: dict[str, Callable[[str], object]] = {
            "new": self._new,
            "history": self._history,
            "file": self._file,
            "stop": lambda _: talk.stop(),
            "retry": lambda _: talk.retry(),
            "rename": self._rename,
            "save": self._save,
            "vars": self._vars,
            "help": lambda _: notes.print(HELP, markup=False, soft_wrap=True),
        }

    def run(self, line: str) -> bool:
        """Carry out a line; False when the talk is to end.

        Raises:
            ArgumentError: There is no such command, or it was used wrongly.
        """
        name, _, rest = line.removeprefix("/").strip().partition(" ")
        if name in ("quit", "exit"):
            return False
        if name not in self._known:
            raise ArgumentError(f"there is no command /{name}: /help tells which there are")
        self._known[name](rest.strip())
        return True

    def _new(self, _: str) -> None:
        self.talk.begin_new()
        notes.print(f"[dim]Chat {self.talk.conversation.chatId}.[/dim]")

    def _history(self, _: str) -> None:
        records = self.talk.records()
        if not records:
            notes.print("[dim]Nothing was said yet.[/dim]")
        for record in records:
            text = strip_citations(record.text)
            if record.obj != "Human" and notes.is_terminal:
                notes.print("[bold]App[/bold]:", Answer(text))
            else:
                who = "You" if record.obj == "Human" else "App"
                notes.print(f"[bold]{who}[/bold]: {escape(text)}")

    def _file(self, path: str) -> None:
        for each in _words(path, "/file PATH"):
            self.talk.attach(each)
        names = ", ".join(Path(each).name for each in self.talk.files)
        notes.print(f"[dim]Goes along with what you say next: {escape(names)}[/dim]")

    def _rename(self, title: str) -> None:
        if not title:
            raise ArgumentError("write /rename TITLE")
        self.talk.rename(title)
        notes.print(f"[dim]This chat is now called {escape(title)}.[/dim]")

    def _save(self, path: str) -> None:
        target = Path(" ".join(_words(path, "/save FILE"))).expanduser()
        records = self.talk.records()
        text = _json.encode(records) if target.suffix == ".json" else as_markdown(records).encode()
        try:
            target.write_bytes(text)
        except OSError as error:
            raise ArgumentError(f"{target} cannot be written ({error.strerror})") from None
        notes.print(f"[dim]{len(records)} messages are in {escape(str(target))}.[/dim]")

    def _vars(self, written: str) -> None:
        variables = self.talk.conversation.variables
        if written:
            name, value = read_variable(written)
            variables[name] = value
        if not variables:
            notes.print("[dim]No variables are set.[/dim]")
        for name, value in variables.items():
            notes.print(f"{name} = {value!r}", markup=False)


def _words(text: str, usage: str) -> list[str]:
    """The paths in a line: with quotes where they hold spaces, unless the whole line is one."""
    if not text:
        raise ArgumentError(f"write {usage}")
    if Path(text).expanduser().exists():
        return [text]
    try:
        return shlex.split(text, posix="\\" not in text)  # a backslash is a part of Windows paths
    except ValueError as error:
        raise ArgumentError(f"{text!r}: {error}") from None
