"""The screen: conversations, the chat, its nodes; and what the keys do."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Footer, Input, Static
from textual.worker import Worker, WorkerError

from ..cli.chat.last import remember
from ..cli.chat.talk import checked_file
from ..cli.notes import advice
from ..conversation.records import open_question
from ..errors import ArgumentError, FastGPTError, StreamError
from ..events import Interactive
from ..models.chat import ChatRecord
from ..trace import Trace
from .chat import Answer, Messages, Prompt, Question, Showing, answer_of
from .dialogs import ChoiceDialog, ConfirmDialog, FormDialog, TextDialog
from .nodes import Nodes
from .search import title_of
from .sidebar import Sidebar

if TYPE_CHECKING:
    from .._response import ChatResponse
    from ..clients import AsyncChatClient
    from ..conversation import AsyncConversation, Opening

RECORDS = 100
"""So many of the latest messages of a conversation are shown."""
THROTTLE = 0.05
"""Seconds between two drawings of what comes."""


class ChatScreenApp(App[None]):
    """Chats with an app on a whole screen.

    Args:
        client: Asks the server. It stays open.
        chatId: The conversation to begin with; without it a new one.
        variables: The app's variables, for every turn.
        files: To go along with what is said first.
    """

    TITLE = "FastGPT"
    CSS_PATH = "style.tcss"
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (76, "-medium"), (110, "-wide")]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+n", "new_chat", "New", priority=True),
        Binding("escape", "stop", "Stop"),
        Binding("ctrl+r", "retry", "Retry", priority=True),
        Binding("ctrl+o", "attach", "File", priority=True),
        Binding("ctrl+f", "search", "Search", priority=True),
        Binding("f4", "copy", "Copy", priority=True),
        Binding("ctrl+b", "show_chats", "Chats", priority=True),
        Binding("ctrl+t", "show_nodes", "Nodes", priority=True),
        Binding("ctrl+q", "quit", "Quit", priority=True),
    ]

    def __init__(
        self,
        client: AsyncChatClient,
        chatId: str | None = None,
        *,
        variables: Mapping[str, object] | None = None,
        files: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self._client = client
        self._variables = dict(variables or {})
        self._files: list[str] = list(files)
        self.conversation: AsyncConversation = client.conversation(chatId, variables=self._variables)
        self._begin_with = chatId
        self._busy_line = Static(id="busy", markup=False)
        self._files_line = Static(id="files", markup=False)

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Sidebar(self._client)
            with Vertical(id="chat"):
                yield Messages(id="messages")
                yield self._busy_line
                yield self._files_line
                yield Prompt()
            yield Nodes()
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self._show_files()
        self.query_one(Prompt).focus()
        if self._begin_with is not None:
            self.open_chat(self._begin_with, "")

    def on_resize(self) -> None:
        for pane in ("#sidebar", "#nodes"):  # which were shown or hidden by hand
            self.query_one(pane).styles.clear_rule("display")

    # Saying -----------------------------------------------------------------------------------------------------------

    def on_prompt_sent(self, event: Prompt.Sent) -> None:
        if self._at_work("run"):
            self.notify("The app still answers. Escape stops it.", severity="warning")
            return
        self.query_one(Prompt).clear()
        self.say(event.text)

    @work(exclusive=True, group="run")
    async def say(self, text: str) -> None:
        """Say something, and show what comes."""
        for opening in self._at_work("open"):
            with suppress(WorkerError):
                await opening.wait()
        files, self._files = self._files, []
        self._show_files()
        await self.query_one(Messages).add(Question(text, files))
        self._busy("uploading" if files else "…")
        if not await self._run(self.conversation.stream(text, files=files)):
            self._files = [*files, *self._files]
            self._show_files()

    @work(exclusive=True, group="run")
    async def again(self) -> None:
        """Have the last question answered anew."""
        self._busy("…")
        try:
            reply = await self.conversation.regenerate()
        except FastGPTError as error:
            self._failed(error)
        else:
            await self._show_records()
            messages = self.query_one(Messages)
            if (known := messages.last_answer) is not None:  # the reply tells more than its record
                await known.remove()
            await messages.add(answer_of(reply))
            self.query_one(Nodes).show(Trace.of(reply))
            await self._go_on(reply.interactive)
        finally:
            self._busy("")

    async def _run(self, opening: Opening) -> bool:
        """Show a run and all that follows from it; whether it began."""
        try:
            response = await opening
        except FastGPTError as error:
            self._failed(error)
            return False
        finally:
            self._busy("")
        try:
            await self._go_on(await self._show(response))
        except FastGPTError as error:
            self._failed(error)
        finally:
            self._busy("")
        return True

    async def _go_on(self, asked: Interactive | None) -> None:
        """Answer what the app asks, until it asks nothing more."""
        remember(self._client._session, self.conversation.chatId)  # pyright: ignore[reportPrivateUsage]
        while asked is not None:
            self._busy("")
            given = await self._ask(asked)
            if given is None:
                break
            await self.query_one(Messages).add(Question(_shown(asked, given)))
            asked = await self._show(await self.conversation.stream_answer(given))
        sidebar = self.query_one(Sidebar)
        sidebar.texts[self.conversation.chatId] = "\n".join(answer.text for answer in self.query(Answer))
        sidebar.mark_open(self.conversation.chatId)
        sidebar.reload()

    async def _show(self, response: ChatResponse) -> Interactive | None:
        """Show a run; what it asks at its end."""
        self._busy("…")
        self.query_one(Nodes).show(Trace())
        answer = Answer()
        await self.query_one(Messages).add(answer)
        showing = Showing(answer, self.query_one(Nodes).show, self._busy)
        try:
            reply = await response.ahandle(showing, THROTTLE, citations="number")
        except asyncio.CancelledError:  # leaving its stream stops the run
            answer.tell("(stopped)", "failure")
            raise
        except StreamError as error:
            answer.tell(str(error), "failure")
            raise
        if not reply.text and not reply.reasoning and reply.error is None:
            await answer.remove()
        return reply.interactive

    async def _ask(self, asked: Interactive) -> str | dict[str, Any] | None:
        if asked.fields:
            return await self.push_screen_wait(FormDialog(asked))
        if asked.options:
            return await self.push_screen_wait(ChoiceDialog(asked))
        return await self.push_screen_wait(TextDialog(asked.description or "The app asks"))

    def _at_work(self, group: str) -> list[Worker[Any]]:
        return [worker for worker in self.workers if worker.group == group and not worker.is_finished]

    def _stop(self) -> None:
        for worker in self._at_work("run"):
            worker.cancel()

    def _busy(self, what: str) -> None:
        self._busy_line.update(f"⋯ {what}" if what else "")

    def _failed(self, error: FastGPTError) -> None:
        text = Text(getattr(error, "message", "") or str(error))
        hint = advice(error)
        self.notify(
            f"{text}\n{hint}" if hint else str(text), title=type(error).__name__, severity="error", markup=False
        )

    # Conversations ----------------------------------------------------------------------------------------------------

    def action_new_chat(self) -> None:
        self.open_chat(None, "")

    def on_sidebar_chosen(self, event: Sidebar.Chosen) -> None:
        self.open_chat(event.chat.chatId, title_of(event.chat))

    def on_sidebar_failed(self, event: Sidebar.Failed) -> None:
        self._failed(event.error)

    @work(exclusive=True, group="open")
    async def open_chat(self, chatId: str | None, title: str) -> None:
        """Go on with a conversation, or begin one; what still runs in this one is stopped."""
        self._stop()
        self.conversation = self._client.conversation(chatId, variables=self._variables)
        self.query_one(Nodes).show(Trace())
        messages = self.query_one(Messages)
        messages.border_title = title or None
        self.query_one(Sidebar).mark_open(chatId or "")
        asked: Interactive | None = None
        if chatId is None:
            await messages.show([])
        else:
            try:
                asked = await self._show_records()
            except FastGPTError as error:
                self._failed(error)
        self.query_one(Prompt).focus()
        if asked is not None and (given := await self._ask(asked)) is not None:
            self.answer(asked, given)

    @work(exclusive=True, group="run")
    async def answer(self, asked: Interactive, given: str | dict[str, Any]) -> None:
        """Answer what the app asked when the conversation was left."""
        await self.query_one(Messages).add(Question(_shown(asked, given)))
        await self._run(self.conversation.stream_answer(given))

    async def _show_records(self) -> Interactive | None:
        """Show what was said in the conversation; what the app still asks."""
        chatId, records = self.conversation.chatId, list[ChatRecord]()
        async for record in self._client.iter_chat_records(chatId=chatId):
            records.append(record)
            if len(records) == RECORDS:
                break
        records.reverse()
        self.query_one(Sidebar).texts[chatId] = "\n".join(record.text for record in records)
        await self.query_one(Messages).show(records)
        raw, _ = open_question(records)
        return Interactive.from_wire(raw) if raw else None

    @work(group="change")
    async def on_sidebar_change(self, event: Sidebar.Change) -> None:
        chat = event.chat
        try:
            if event.what == "rename":
                if (title := await self.push_screen_wait(TextDialog("New title", title_of(chat)))) is None:
                    return
                await self._client.update_chat_history(chatId=chat.chatId, customTitle=title)
            elif event.what == "pin":
                await self._client.update_chat_history(chatId=chat.chatId, top=not chat.top)
            else:
                if not await self.push_screen_wait(ConfirmDialog(f"Delete “{title_of(chat)}”?", "Delete")):
                    return
                await self._client.delete_chat_history(chatId=chat.chatId)
                if chat.chatId == self.conversation.chatId:
                    self.action_new_chat()
        except FastGPTError as error:
            self._failed(error)
        self.query_one(Sidebar).reload()

    # Keys -------------------------------------------------------------------------------------------------------------

    def action_stop(self) -> None:
        if self._at_work("run"):
            self._stop()
        else:
            self.query_one(Prompt).focus()

    def action_retry(self) -> None:
        if self._at_work("run"):
            self.notify("The app still answers. Escape stops it.", severity="warning")
        else:
            self.again()

    @work(exclusive=True, group="attach")
    async def action_attach(self) -> None:
        path = await self.push_screen_wait(TextDialog("Path of a file to show to the app"))
        if path is not None:
            self.take_along(path)

    def take_along(self, written: str) -> None:
        """Send a file along with what is said next."""
        try:
            self._files.append(checked_file(written))
            self._show_files()
        except ArgumentError as error:
            self._failed(error)

    def action_search(self) -> None:
        sidebar = self.query_one(Sidebar)
        sidebar.display = True
        sidebar.query_one("#search", Input).focus()

    def action_copy(self) -> None:
        answer = self.query_one(Messages).last_answer
        if answer is None or not answer.text:
            self.notify("There is no answer to copy.", severity="warning")
            return
        self.copy_to_clipboard(answer.text)
        self.notify("The answer is in the clipboard.")

    def action_show_chats(self) -> None:
        self._toggle("#sidebar")

    def action_show_nodes(self) -> None:
        self._toggle("#nodes")

    def _toggle(self, pane: str) -> None:
        widget = self.query_one(pane)
        widget.display = not widget.display

    def _show_files(self) -> None:
        names = ", ".join(Path(path).name for path in self._files)
        self._files_line.update(f"📎 {names}")
        self._files_line.display = bool(names)


def _shown(asked: Interactive, given: str | dict[str, Any]) -> str:
    """An answer to a dialog as a message; passwords do not show."""
    if isinstance(given, str):
        return given
    hidden = {field.key for field in asked.fields if field.type == "password"}
    names = {field.key: field.label or field.key for field in asked.fields}
    return "\n".join(f"{names[key]}: {'•••' if key in hidden else value}" for key, value in islice(given.items(), 50))
