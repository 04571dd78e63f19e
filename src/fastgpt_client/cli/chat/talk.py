"""A talk with an app: what is said, what the app asks back, and what goes along with it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ...conversation.records import open_question
from ...conversation.recovery import patience
from ...errors import ArgumentError, FastGPTError, NotFoundError, StreamError
from ...events import Interactive, Reply
from ...forms import read_choice
from ..notes import notes
from .last import remember

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..._response import ChatResponse
    from ...clients import ChatClient
    from ...conversation import Conversation
    from ...models.chat import ChatRecord
    from .questions import Answerer, Given
    from .views import View


def checked_file(path: str) -> str:
    """The path of a file, where ``~`` may stand for the user's folder.

    Raises:
        ArgumentError: There is no such file.
    """
    found = Path(path).expanduser()
    if not found.is_file():
        raise ArgumentError(f"there is no file {path}")
    return str(found)


class Talk:
    """A conversation, how it is shown, and who answers what the app asks."""

    def __init__(
        self,
        client: ChatClient,
        chatId: str | None,
        view: View,
        answerer: Answerer,
        variables: Mapping[str, object],
    ) -> None:
        self.client = client
        self.view = view
        self.answerer = answerer
        self.files: list[str] = []
        """To go along with what is said next."""
        self.conversation: Conversation = client.conversation(chatId, variables=variables)
        self._waiting: Interactive | None = None

    def begin_new(self) -> None:
        """Leave this conversation, and begin another one."""
        self.conversation = self.client.conversation(variables=self.conversation.variables)
        self._waiting = None
        self.files.clear()

    def attach(self, path: str) -> None:
        """Send a file along with what is said next.

        Raises:
            ArgumentError: There is no such file.
        """
        self.files.append(checked_file(path))

    def say(self, text: str) -> Reply:
        """Say something, and answer what the app asks about it.

        Raises:
            NodeError: A node failed, and the app said nothing.
        """
        response = self.conversation.stream(text, files=self.files)
        self.files = []
        return self._show(response)

    def hear(self, text: str) -> None:
        """Say what the user says; while the app waits for an answer, that is asked for first: it takes all for one."""
        asked = self._waiting
        if asked is None:
            self.say(text)
            return
        given: Given | None = None if asked.fields or asked.options else text
        if asked.options:
            with suppress(ArgumentError):
                given = read_choice(asked, text.strip())
        if given is None:
            notes.print("[dim]The app waits for an answer first. What you wrote was not sent.[/dim]")
        self._answer(asked, given)

    def retry(self) -> Reply:
        """Have the last question answered anew."""
        return self._show(self.conversation.stream_regenerate())

    def answer_open_question(self) -> None:
        """Answer what the app asked when this conversation was left."""
        raw, _ = open_question(self.conversation.history(0, 2).data.list)
        if raw:
            self._answer(Interactive.from_wire(raw))

    def _answer(self, asked: Interactive, given: Given | None = None) -> None:
        self._waiting = asked
        if given is None:
            given = self.answerer.answer(asked)
        if given is not None:
            self._show(self.conversation.stream_answer(given))

    def records(self) -> list[ChatRecord]:
        """What was said so far, oldest first."""
        return list(self.client.iter_chat_records(chatId=self.conversation.chatId))[::-1]

    def rename(self, title: str) -> None:
        """Give the conversation a title."""
        self.conversation.rename(title)

    def stop(self) -> None:
        """Stop what the app is busy with (4.14.5+)."""
        try:
            self.conversation.stop()
        except NotFoundError:
            raise ArgumentError(
                "this server cannot stop what was begun elsewhere: FastGPT 4.14.5 and later can"
            ) from None

    def _show(self, response: ChatResponse) -> Reply:
        remember(self.client._session, self.conversation.chatId)  # pyright: ignore[reportPrivateUsage]
        reply = self._read(response)
        while (asked := reply.interactive) is not None and (given := self.answerer.answer(asked)) is not None:
            reply = self._read(self.conversation.stream_answer(given))
        self._waiting = asked
        if reply.error is not None and not reply.text and reply.interactive is None:
            reply.error.reply = reply
            raise reply.error
        return reply

    def _read(self, response: ChatResponse) -> Reply:
        """Show a run; when its connection breaks, go on with it."""
        try:
            return self.view.show(response)
        except StreamError as broken:
            if patience(broken, 1) is None:
                raise
            notes.print("[dim]The connection broke. Looking for the rest of the answer …[/dim]")
            try:
                rest = self.conversation.resume()
            except FastGPTError:
                raise broken from None
            return self.view.show(rest)
