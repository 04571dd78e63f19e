"""The screen: conversations, the chat, its nodes; and what the keys do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Footer, Input, Static
from textual.worker import Worker, WorkerError

from ..cli.chat.last import remember
from ..cli.chat.talk import checked_file
from ..conversation.records import open_question
from ..conversation.recovery import patience
from ..errors import ArgumentError, FastGPTError, StreamError
from ..events import Interactive, Reply
from ..models.chat import ChatRecord
from ..trace import Trace
from .chat import Answer, Messages, Prompt, Question, Showing
from .dialogs import ChoiceDialog, ConfirmDialog, FormDialog, TextDialog
from .nodes import Nodes
from .search import title_of
from .sidebar import Sidebar

if TYPE_CHECKING:
    from .._response import ChatResponse
    from ..clients import AsyncChatClient
    from ..conversation import AsyncConversation, Opening

RECORDS = 20
"""So many messages of a conversation are shown, and so many more when the user comes to the first of them."""
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
        self._waiting: Interactive | None = None
        self._older: AsyncIterator[ChatRecord] | None = None
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
        yield Footer(show_command_palette=False, compact=True)

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
        if self._waiting is not None:  # it would take all for the answer
            self.notify("The app waits for an answer first.", severity="warning")
            self.answer(self._waiting)
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
        await self._run(self.conversation.stream_regenerate(), self.query_one(Messages).take_back)

    async def _run(self, opening: Opening, begun: Callable[[], Awaitable[None]] | None = None) -> bool:
        """Show a run and all that follows from it; whether it began."""
        try:
            response = await opening
            if begun is not None:
                await begun()
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
            self._waiting = asked
            given = await self._ask(asked)
            if given is None:
                break
            self._waiting = None
            await self.query_one(Messages).add(Question(_shown(asked, given), answers=True))
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
            reply = await self._read(response, showing)
        except asyncio.CancelledError:  # leaving its stream stops the run
            answer.tell("(stopped)", "failure")
            raise
        except StreamError as error:
            answer.tell(str(error), "failure")
            raise
        if not reply.text and not reply.reasoning and reply.error is None:
            await answer.remove()
        return reply.interactive

    async def _read(self, response: ChatResponse, showing: Showing) -> Reply:
        """Read a run; when its connection breaks, go on with it."""
        try:
            return await response.ahandle(showing, THROTTLE, citations="number")
        except StreamError as broken:
            if patience(broken, 1) is None:
                raise
            self._busy("the connection broke, looking for the rest")
            try:
                rest = await self.conversation.resume()
            except FastGPTError:
                raise broken from None
            return await rest.ahandle(showing, THROTTLE, citations="number")

    async def _ask(self, asked: Interactive) -> str | dict[str, Any] | None:
        if asked.fields:
            return await self.push_screen_wait(FormDialog(asked))
        if asked.options:
            return await self.push_screen_wait(ChoiceDialog(asked))
        return await self.push_screen_wait(TextDialog(asked.description or "The app asks"))

    def _at_work(self, group: str) -> list[Worker[Any]]:
        return [worker for worker in self.workers if worker.group == group and not worker.is_finished]

    def _stop(self, group: str = "run") -> None:
        for worker in self._at_work(group):
            worker.cancel()

    def _busy(self, what: str) -> None:
        self._busy_line.update(f"⋯ {what}" if what else "")

    def _failed(self, error: FastGPTError) -> None:
        self.notify(str(error), title=type(error).__name__, severity="error", markup=False)

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
        self._stop("older")
        self._waiting = None
        self.conversation = self._client.conversation(chatId, variables=self._variables)
        self.query_one(Nodes).show(Trace())
        messages = self.query_one(Messages)
        messages.border_title = title or None
        self.query_one(Sidebar).mark_open(chatId or "")
        asked: Interactive | None = None
        self._older = None
        if chatId is None:
            await messages.show([])
        else:
            try:
                asked = await self._show_records()
            except FastGPTError as error:
                self._failed(error)
        self.query_one(Prompt).focus()
        if asked is not None:
            self.answer(asked)

    @work(exclusive=True, group="run")
    async def answer(self, asked: Interactive) -> None:
        """Answer what the app asked before, when the conversation or its dialog was left."""
        try:
            await self._go_on(asked)
        except FastGPTError as error:
            self._failed(error)
        finally:
            self._busy("")

    async def _show_records(self) -> Interactive | None:
        """Show what was said last in the conversation; what the app still asks."""
        self._older = self._client.iter_chat_records(chatId=self.conversation.chatId)
        records = await self._read_older()
        await self.query_one(Messages).show(records)
        raw, _ = open_question(records)
        return Interactive.from_wire(raw) if raw else None

    async def _read_older(self) -> list[ChatRecord]:
        """The messages before those that were read, oldest first."""
        records, older, self._older = list[ChatRecord](), self._older, None
        texts, chatId = self.query_one(Sidebar).texts, self.conversation.chatId
        while older is not None and len(records) < RECORDS:
            try:
                records.insert(0, await anext(older))
            except StopAsyncIteration:
                older = None
        self._older = older
        texts[chatId] = "\n".join([texts.get(chatId, ""), *(record.text for record in records)])
        return records

    @work(exclusive=True, group="older")
    async def on_messages_top(self) -> None:
        """Show what was said before."""
        if self._older is None:
            return
        try:
            if records := await self._read_older():
                await self.query_one(Messages).show_before(records)
        except FastGPTError as error:
            self._failed(error)

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
            self.query_one(Sidebar).stop_looking()
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
