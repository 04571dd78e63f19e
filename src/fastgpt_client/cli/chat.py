"""``fastgpt-client chat``: ask once, or talk."""

from __future__ import annotations

import sys
from contextlib import suppress

from rich.console import Console

from ..clients import ChatClient
from ..conversation import Conversation
from ..errors import APIConnectionError, FastGPTError
from ..events import AnswerEvent, FlowNodeStatusEvent, Interactive, Reply

NO_SERVER = """No FastGPT server is configured. Two commands get you one to try:

  fastgpt-client serve                                   (leave it running, in another terminal)
  fastgpt-client chat --api-key fastgpt-local "Hello!"

For a FastGPT of your own set FASTGPT_BASE_URL and FASTGPT_API_KEY, and FASTGPT_APP_ID where the key does not say it."""

notes: Console = Console(stderr=True, highlight=False)


def talk(
    question: str | None, base_url: str, api_key: str | None, app: str | None, chat_id: str | None, *, configured: bool
) -> int:
    if not configured:
        print(NO_SERVER, file=sys.stderr)
        return 2
    try:
        with ChatClient(api_key, base_url, app_id=app, max_retries=1) as client:
            conversation = client.conversation(chat_id)
            return _ask(conversation, question) if question is not None else _converse(conversation)
    except FastGPTError as error:
        _complain(error)
        return 1
    except KeyboardInterrupt:
        return 130


def _ask(conversation: Conversation, question: str) -> int:
    reply = _show(conversation, question)
    if reply.interactive:
        _show_question(reply.interactive)
    if sys.stdout.isatty():
        notes.print(f"[dim]chatId: {conversation.chatId}[/dim]", end="")
    return 0


def _converse(conversation: Conversation) -> int:
    notes.print(f"[dim]Chat {conversation.chatId}. Ctrl-C stops an answer, Ctrl-D leaves.[/dim]")
    asked: Interactive | None = None
    while True:
        try:
            text = input("You: " if sys.stdin.isatty() else "")
        except EOFError:
            return 0
        except KeyboardInterrupt:
            notes.print("\n[dim]Ctrl-D leaves.[/dim]")
            continue
        if not text.strip():
            continue
        try:
            asked = _show(conversation, _form(asked, text) if asked else text, answering=asked is not None).interactive
        except KeyboardInterrupt:
            with suppress(FastGPTError):  # 4.14.5 and later; on older ones hanging up has to do
                conversation.stop()
            notes.print("\n[dim](stopped)[/dim]")
            asked = None
        except FastGPTError as error:
            _complain(error)
        if asked:
            _show_question(asked)


def _show(conversation: Conversation, said: str | dict[str, object], *, answering: bool = False) -> Reply:
    """Print the answer as it comes; on a terminal also what the app is busy with before it."""
    if answering:
        reply = conversation.answer(said)
        print(reply.text)
        return reply
    with conversation.stream(str(said)) as response:
        status = notes.status("…") if notes.is_terminal and sys.stdout.isatty() else None
        if status:
            status.start()
        try:
            for event in response:
                if isinstance(event, AnswerEvent) and event.text:
                    if status:
                        status.stop()
                    print(event.text, end="", flush=True)
                elif isinstance(event, FlowNodeStatusEvent) and status:
                    status.update(f"[dim]{event.name}[/dim]")
        finally:
            if status:
                status.stop()
        print(flush=True)
        reply = response.reply()
    if reply.error:
        _complain(reply.error)
    return reply


def _show_question(asked: Interactive) -> None:
    notes.print(f"[bold]{asked.description or 'The app asks'}[/bold]")
    for number, option in enumerate(asked.options, 1):
        notes.print(f"  {number}. {option.value}")
    for field in asked.fields:
        needed = "" if field.required else " [dim](may be left empty)[/dim]"
        notes.print(f"  {field.label or field.key}: {field.description or field.type}{needed}")
    if asked.fields:
        notes.print("[dim]Answer with the values in this order, separated by commas.[/dim]")


def _form(asked: Interactive, text: str) -> str | dict[str, object]:
    """What was typed, as the answer that the app wants."""
    if asked.fields:
        values = [value.strip() for value in text.split(",")]
        return {field.key: value for field, value in zip(asked.fields, values, strict=False) if value}
    if text.isdigit() and 0 < int(text) <= len(asked.options):
        return asked.options[int(text) - 1].value
    return text


def _complain(error: FastGPTError) -> None:
    notes.print(f"[red]{type(error).__name__}[/red]: {error}", markup=True)
    if isinstance(error, APIConnectionError):
        notes.print("[dim]To try things without FastGPT: fastgpt-client serve[/dim]")
