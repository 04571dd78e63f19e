"""``fastgpt-client chat``: ask once, or talk.

``talk.py`` is a talk, ``views.py`` shows it, ``questions.py`` answers what the app asks, ``commands.py`` what begins
with ``/``, ``blocks.py`` cuts streamed Markdown, ``nodes.py`` draws the nodes, ``last.py`` remembers the last chat.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from ...clients import ChatClient
from ...errors import ArgumentError, FastGPTError
from ...events import Reply
from ..notes import NO_SERVER, complain, notes, warnings_to
from ..output import dumped
from .commands import Commands
from .last import last_chat
from .questions import FromFile, InPlace, Nobody, read_line, read_text
from .talk import Talk, checked_file
from .variables import read_variables
from .views import JsonView, LiveView, PlainView, View, error_object, reply_object


@dataclass(kw_only=True)
class Wanted:
    """What the command line asks for."""

    question: str | None = None
    chat_id: str | None = None
    last: bool = False
    files: list[str] = field(default_factory=list[str])
    variables: list[str] = field(default_factory=list[str])
    variables_file: Path | None = None
    answers: Path | None = None
    thinking: bool = False
    trace: bool = False
    as_json: bool = False
    events: bool = False


def run_chat(wanted: Wanted, base_url: str, api_key: str | None, app: str | None, *, configured: bool) -> int:
    if not configured:
        print(NO_SERVER, file=sys.stderr)
        return 2
    try:
        files = [checked_file(path) for path in wanted.files]
        variables = read_variables(wanted.variables, wanted.variables_file)
        answerer = FromFile(wanted.answers) if wanted.answers else _asker(wanted)
        if wanted.as_json and wanted.question is None:
            wanted.question = read_text(sys.stdin.read).strip()
        if wanted.question is not None and not wanted.question.strip():
            raise ArgumentError("there is nothing to ask: the question is empty")
    except ArgumentError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        with ChatClient(api_key, base_url, app_id=app, max_retries=1) as client, warnings_to(_warn):
            chat_id = wanted.chat_id
            if wanted.last:
                chat_id = last_chat(client._session)  # pyright: ignore[reportPrivateUsage]
                if chat_id is None:
                    print("No chat with this app is remembered here.", file=sys.stderr)
                    return 2
            talk = Talk(client, chat_id, _view(wanted), answerer, variables)
            talk.files = files
            if wanted.as_json:
                return _ask_for_machines(talk, str(wanted.question), events=wanted.events)
            return (
                _ask(talk, wanted.question)
                if wanted.question is not None
                else _converse(talk, going_on=chat_id is not None)
            )
    except FastGPTError as error:
        complain(error)
        return 1
    except EOFError:
        print("The app asks, and there is nothing more to read.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _warn(text: str) -> None:
    notes.print(f"[yellow]Note[/yellow]: {escape(text)}")


def _asker(wanted: Wanted) -> InPlace | Nobody:
    once_without_user = wanted.question is not None and not sys.stdin.isatty()
    return Nobody() if once_without_user or wanted.as_json else InPlace()


def _view(wanted: Wanted) -> View:
    if wanted.as_json:
        return JsonView(events=wanted.events)
    if sys.stdout.isatty():
        return LiveView(Console(highlight=False), thinking=wanted.thinking, trace=wanted.trace)
    return PlainView(thinking=wanted.thinking, trace=wanted.trace)


def _ask(talk: Talk, question: str) -> int:
    talk.say(question)
    if sys.stdout.isatty():
        notes.print(f"[dim]chatId: {talk.conversation.chatId}[/dim]")
    return 0


def _ask_for_machines(talk: Talk, question: str, *, events: bool) -> int:
    """One object: the reply, or what is known of it and the error."""
    try:
        told, code = reply_object(talk.say(question)), 0
    except FastGPTError as error:
        reply = getattr(error, "reply", None) or getattr(error, "partial", None)
        known = reply_object(reply) if isinstance(reply, Reply) else {}
        told, code = {"chatId": talk.conversation.chatId, **known, "error": error_object(error)}, 1
    print(dumped({"reply": told} if events else told), flush=True)
    return code


def _converse(talk: Talk, *, going_on: bool) -> int:
    commands = Commands(talk)
    notes.print(f"[dim]Chat {talk.conversation.chatId}. Ctrl-C stops an answer, /quit leaves, /help tells more.[/dim]")
    with suppress(ImportError):
        import_module("readline")  # lets what is typed be edited, and keeps it

    failed = False
    if going_on:
        talk.answer_open_question()
    while True:
        try:
            text = _read()
        except EOFError:
            return int(failed and not sys.stdin.isatty())
        except KeyboardInterrupt:
            notes.print("\n[dim]/quit leaves.[/dim]")
            continue
        if not text.strip():
            continue
        failed = False
        try:
            if text.startswith("/") and not text.startswith("//"):
                if not commands.run(text):
                    return 0
            else:
                talk.hear(text.removeprefix("/") if text.startswith("//") else text)
        except KeyboardInterrupt:  # leaving its stream stopped the run
            notes.print("[dim](stopped)[/dim]")
        except FastGPTError as error:
            complain(error)
            failed = True


def _read() -> str:
    """What the user says; a line that ends with a backslash goes on in the next one."""
    text = read_line("You: ")
    while text.endswith("\\"):
        text = f"{text[:-1]}\n{read_line('...: ')}"
    return text
