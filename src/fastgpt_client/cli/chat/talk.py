"""A talk with an app: what is said, what the app asks back, and what goes along with it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ... import _json
from ...errors import ArgumentError, FastGPTError
from ...events import Reply
from .last import remember

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...clients import ChatClient
    from ...conversation import Content, Conversation
    from ...models.chat import ChatRecord
    from .questions import Answerer
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
        self._said: Content | None = None

    def begin_new(self) -> None:
        """Leave this conversation, and begin another one."""
        self.conversation = self.client.conversation(variables=self.conversation.variables)
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
        content: Content = text
        if self.files:
            chatId = self.conversation.chatId
            files = [self.client.upload_chat_file(chatId=chatId, file=path).as_part() for path in self.files]
            content = [{"type": "text", "text": text}, *files]
            self.files = []
        return self._say(content)

    def retry(self) -> Reply:
        """Have the last question answered anew."""
        if self._said is None:
            raise ArgumentError("nothing was said yet")
        return self._say(self._said)

    def records(self) -> list[ChatRecord]:
        """What was said so far, oldest first."""
        return list(self.client.iter_chat_records(chatId=self.conversation.chatId))[::-1]

    def rename(self, title: str) -> None:
        """Give the conversation a title."""
        self.client.update_chat_history(chatId=self.conversation.chatId, customTitle=title)

    def stop(self) -> None:
        """Stop what the app is busy with; older servers than 4.14.5 notice that nobody listens."""
        with suppress(FastGPTError):
            self.conversation.stop()

    def _say(self, content: Content) -> Reply:
        self._said = content
        response = self.conversation.stream(content)
        remember(self.client._session, self.conversation.chatId)  # pyright: ignore[reportPrivateUsage]
        reply = self.view.show(response)
        while reply.interactive is not None:
            given = self.answerer.answer(reply.interactive)
            if given is None:
                break
            text = given if isinstance(given, str) else _json.encode(given).decode()
            reply = self.view.show(self.conversation.stream(text))
        if reply.error is not None and not reply.text and reply.interactive is None:
            reply.error.reply = reply
            raise reply.error
        return reply
