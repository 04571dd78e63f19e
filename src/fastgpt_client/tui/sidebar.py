"""The conversations: a list that loads its next page when its end comes near, and a field to search in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option
from textual.worker import Worker, WorkerError

from ..clients import AsyncChatClient
from ..errors import FastGPTError
from ..models.chat import ChatHistory
from .search import find_chats, title_of

PAGE = 30
AT_ONCE = 8
LOOKED_INTO = 300
"""So many conversations are looked into by one search, the latest first, and into so many of their latest messages."""
LATEST = 30


class Sidebar(Vertical):
    """The conversations with an app, the latest first, pinned ones above."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f2", "rename", "Rename"),
        Binding("delete", "delete", "Delete"),
        Binding("f3", "pin", "Pin"),
    ]

    class Chosen(Message):
        """A conversation is to be opened."""

        def __init__(self, chat: ChatHistory) -> None:
            super().__init__()
            self.chat = chat

    class Change(Message):
        """A conversation is to be renamed, deleted or pinned."""

        def __init__(self, chat: ChatHistory, what: str) -> None:
            super().__init__()
            self.chat = chat
            self.what = what

    class Failed(Message):
        """The conversations could not be read."""

        def __init__(self, error: FastGPTError) -> None:
            super().__init__()
            self.error = error

    def __init__(self, client: AsyncChatClient) -> None:
        super().__init__(id="sidebar")
        self._client = client
        self._more: AsyncIterator[ChatHistory] | None = None
        self._chats: list[ChatHistory] = []
        self._shown: list[ChatHistory] = []
        self._open = ""
        self._looking: Worker[None] | None = None
        self._unread = 0
        self.texts: dict[str, str] = {}
        """What was said in the conversations that were opened or looked into, for searching."""

    def compose(self) -> ComposeResult:
        yield Input(placeholder="Search, ⏎ in texts too", id="search")
        yield OptionList(id="chats")

    def on_mount(self) -> None:
        self.border_title = "Chats"
        self.reload()

    def reload(self) -> None:
        """Read the list anew, as far as it was read."""
        self._read(self._client.iter_chat_histories(pageSize=PAGE), [], max(len(self._chats), PAGE))

    def mark_open(self, chatId: str) -> None:
        """Show which conversation is open."""
        self._open = chatId
        self._show()

    @work(exclusive=True, group="chats")
    async def _read(self, source: AsyncIterator[ChatHistory], chats: list[ChatHistory], count: int) -> None:
        """Read so many conversations more."""
        more: AsyncIterator[ChatHistory] | None = source
        try:
            for _ in range(count):
                chats.append(await anext(source))
        except StopAsyncIteration:
            more = None
        except FastGPTError as error:
            self.post_message(self.Failed(error))
            return  # what is known stays
        self._chats, self._more = chats, more
        self._show()

    def _show(self) -> None:
        options = self.query_one(OptionList)
        at = self.selected if options.has_focus else None
        self._shown = find_chats(self._chats, self.query_one(Input).value, self.texts)
        options.clear_options()
        options.add_options([Option(self._line(chat)) for chat in self._shown])
        with suppress(ValueError):
            ids = [chat.chatId for chat in self._shown]
            options.highlighted = ids.index(at.chatId if at is not None and at.chatId in ids else self._open)
        looks = f" found, {self._unread} to read" if self._unread else ""
        self.border_subtitle = f"{len(self._shown)}{'+' if self._more is not None else ''}{looks}"

    def _line(self, chat: ChatHistory) -> Text:
        mark = "★ " if chat.top else ""
        return Text(
            mark + title_of(chat), "bold" if chat.chatId == self._open else "", no_wrap=True, overflow="ellipsis"
        )

    @property
    def selected(self) -> ChatHistory | None:
        """The conversation under the cursor."""
        at = self.query_one(OptionList).highlighted
        return self._shown[at] if at is not None and at < len(self._shown) else None

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.stop_looking()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.query_one(OptionList).focus()
        if event.value.strip():
            self._looking = self._look()

    def stop_looking(self) -> None:
        """Look into no more conversations."""
        if self._looking is not None:
            self._looking.cancel()
        self._unread = 0
        self._show()

    @work(exclusive=True, group="look")
    async def _look(self) -> None:
        """Read what was said in conversations that were not opened, and show which of them are sought as well."""
        while self._more is not None and len(self._chats) < LOOKED_INTO:
            more, self._more = self._more, None
            with suppress(WorkerError):
                await self._read(more, list(self._chats), LOOKED_INTO).wait()
        found = {chat.chatId for chat in self._shown}
        unread = [chat for chat in self._chats if chat.chatId not in self.texts and chat.chatId not in found]
        try:
            for at in range(0, len(unread), AT_ONCE):
                self._unread = len(unread) - at
                self._show()
                await asyncio.gather(*map(self._learn, unread[at : at + AT_ONCE]))
        except FastGPTError as error:
            self.post_message(self.Failed(error))
        self._unread = 0
        self._show()

    async def _learn(self, chat: ChatHistory) -> None:
        records = (await self._client.get_chat_records(chatId=chat.chatId, pageSize=LATEST)).data.list
        self.texts[chat.chatId] = "\n".join(record.text for record in records)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        if self._more is not None and event.option_index >= len(self._shown) - 5:
            more, self._more = self._more, None  # which is read once
            self._read(more, list(self._chats), PAGE)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.post_message(self.Chosen(self._shown[event.option_index]))

    def action_rename(self) -> None:
        self._change("rename")

    def action_delete(self) -> None:
        self._change("delete")

    def action_pin(self) -> None:
        self._change("pin")

    def _change(self, what: str) -> None:
        if (chat := self.selected) is not None:
            self.post_message(self.Change(chat, what))
