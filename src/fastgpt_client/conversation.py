"""Talking over several turns: a :class:`Conversation` keeps the chatId, asks for detail, and answers forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

from . import _json
from ._endpoint import Lender, flow
from ._flow import Collect, Flow
from ._io import AsyncIO, SyncIO
from .api.chat import ChatApi, ChatSteps, new_chat_id
from .errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator
    from types import TracebackType

    from ._io import FlowIO
    from ._response import ChatResponse, Response
    from .events import Interactive, Reply, StreamEvent
    from .models._base import Page
    from .models.chat import ChatRecord, StopResult

IO = TypeVar("IO", "SyncIO", "AsyncIO", "FlowIO", covariant=True)

Content: TypeAlias = str | Sequence[Mapping[str, object]]
"""A text, or a list of content parts (``{"type": "text", …}``, ``{"type": "image_url", …}``, …)."""


class _Conversation(Lender[IO]):
    """What both worlds share: everything but waiting."""

    def __init__(
        self,
        chat: ChatApi[IO],
        chatId: str | None = None,
        *,
        appId: str | None = None,
        variables: Mapping[str, object] | None = None,
        customUid: str | None = None,
        version: Literal["v1", "v2"] = "v1",
    ) -> None:
        self._io = chat._io  # pyright: ignore[reportPrivateUsage]
        self._chat = ChatSteps(chat)
        self._last: ChatResponse | None = None
        self.chatId: str = chatId or new_chat_id()
        self.appId = appId
        self.variables: dict[str, object] = dict(variables or {})
        self.customUid = customUid
        self.version: Literal["v1", "v2"] = version

    @property
    def interactive(self) -> Interactive | None:
        """What the app asked in the last turn and waits for, if it does: see ``answer``."""
        return self._last.partial().interactive if self._last is not None else None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.chatId}>"

    @flow
    def send(self, content: Content, *, variables: Mapping[str, object] | None = None) -> Flow[Reply]:
        """Say something and get the whole reply.

        Works by streaming with detail, so that questions to the user, citations and failures are seen on every
        server version, and a long run is not cut by a proxy.

        Args:
            content: A text, or a list of content parts.
            variables: The app's variables for this turn, besides the conversation's own.

        Raises:
            NodeError: A node of the workflow failed and the app said nothing; ``reply`` has the rest. When it said
                something all the same, ``reply.error`` tells.
            StreamError: The run failed half-way; ``partial`` has what was said.

        Example:
            >>> client.conversation().send("Hello!").text
        """
        response = yield from self._open(content, variables)
        return (yield from self._collect(response))

    @flow
    def answer(self, value: str | Mapping[str, object]) -> Flow[Reply]:
        """Answer what the app asked: an option's value or key for a choice, ``{field key: value}`` for a form.

        Raises:
            ArgumentError: The app asked nothing, there is no such option or field, or a required field is missing.

        Example:
            >>> reply = conversation.send("I want to order")
            >>> reply = conversation.answer(reply.interactive.options[0].value)
        """
        response = yield from self._open(_answer_text(self.interactive, value), None)
        return (yield from self._collect(response))

    @flow
    def history(self, offset: int = 0, pageSize: int = 20) -> Flow[Response[Page[ChatRecord]]]:
        """A page of what was said so far, oldest first; ``offset`` counts from the latest.

        FastGPT: ``POST /api/core/chat/record/getPaginationRecords``.

        Example:
            >>> [(record.obj, record.text) for record in conversation.history().data.list]
        """
        return (yield from self._chat.get_chat_records(self.appId, self.chatId, offset, pageSize))

    @flow
    def stop(self) -> Flow[Response[StopResult]]:
        """Stop the run that this conversation is busy with; what was said is kept.

        FastGPT: ``POST /api/v2/chat/stop`` (4.14.5+).

        Example:
            >>> conversation.stop().data.success
        """
        return (yield from self._chat.stop_chat(self.chatId, self.appId))

    @flow
    def _start(self, content: Content, variables: Mapping[str, object] | None) -> Flow[ChatResponse]:
        return (yield from self._open(content, variables))

    def _open(self, content: Content, variables: Mapping[str, object] | None) -> Flow[ChatResponse]:
        if isinstance(content, str) and not content.strip():
            raise ArgumentError("there is nothing to send: content is empty")
        self._last = yield from self._chat.create_chat_completion(
            [{"role": "user", "content": content}],
            stream=True,
            chatId=self.chatId,
            detail=True,
            variables={**self.variables, **(variables or {})} or None,
            appId=self.appId,
            customUid=self.customUid,
            version=self.version,
        )
        return self._last

    def _collect(self, response: ChatResponse) -> Flow[Reply]:
        reply: Reply = yield Collect(response)
        if reply.error is not None and not reply.text and reply.interactive is None:
            reply.error.reply = reply
            raise reply.error
        return reply


class Conversation(_Conversation[SyncIO]):
    """A conversation with an app. It owns the ``chatId``; the server keeps what was said.

    Made by ``client.conversation()``. To go on with an earlier one, give its chatId.

    Example:
        >>> conversation = client.conversation()
        >>> conversation.send("My name is Ann.")
        >>> print(conversation.send("What is my name?").text)
    """

    def stream(self, content: Content, *, variables: Mapping[str, object] | None = None) -> ChatResponse:
        """Say something and get the reply as it comes.

        The response can be looped over (events), read as text (``iter_answer()``) and summed up (``reply()``).

        Example:
            >>> with conversation.stream("Tell me a story") as response:
            ...     for piece in response.iter_answer():
            ...         print(piece, end="", flush=True)
        """
        return self._start(content, variables)


class AsyncConversation(_Conversation[AsyncIO]):
    """A conversation with an app, for async code. It owns the ``chatId``; the server keeps what was said.

    Example:
        >>> conversation = client.conversation()
        >>> await conversation.send("My name is Ann.")
        >>> print((await conversation.send("What is my name?")).text)
    """

    _asynchronous = True

    def stream(self, content: Content, *, variables: Mapping[str, object] | None = None) -> Opening:
        """Say something and get the reply as it comes.

        Loop over it for events, use it with ``async with``, or await it for the response.

        Example:
            >>> async with conversation.stream("Tell me a story") as response:
            ...     async for piece in response.aiter_answer():
            ...         print(piece, end="", flush=True)
        """
        return Opening(self, content, variables)


class Opening:
    """A stream that is about to be opened: await it, loop over it, or use it with ``async with``."""

    def __init__(
        self, conversation: AsyncConversation, content: Content, variables: Mapping[str, object] | None
    ) -> None:
        self._conversation = conversation
        self._arguments = (content, variables)
        self._response: ChatResponse | None = None

    async def _open(self) -> ChatResponse:
        if self._response is None:
            self._response = await self._conversation._start(*self._arguments)  # pyright: ignore[reportPrivateUsage]
        return self._response

    def __await__(self) -> Generator[Any, None, ChatResponse]:
        return self._open().__await__()

    async def __aiter__(self) -> AsyncIterator[StreamEvent]:
        response = await self._open()
        try:
            async for event in response.aevents():
                yield event
        finally:
            await response.aclose()

    async def __aenter__(self) -> ChatResponse:
        return await self._open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await (await self._open()).aclose()


def _answer_text(asked: Interactive | None, value: str | Mapping[str, object]) -> str:
    """The message that answers an interactive node; refuses what the node would not understand."""
    if asked is None:
        raise ArgumentError("the app did not ask anything in the last turn: use send()")
    if asked.fields:
        return _form_text(asked, value)
    if not isinstance(value, str):
        raise ArgumentError(f"the app asked for a text ({asked.type}), not {value!r}")
    if asked.options:
        chosen = next((option for option in asked.options if value in (option.value, option.key)), None)
        if chosen is None:
            raise ArgumentError(
                f"{value!r} is none of the options: {', '.join(repr(option.value) for option in asked.options)}"
            )
        return chosen.value
    return value


def _form_text(asked: Interactive, value: str | Mapping[str, object]) -> str:
    keys = {field.key: field for field in asked.fields}
    shown = ", ".join(repr(key) for key in keys)
    if isinstance(value, str):
        raise ArgumentError(f"the app asked for a form: answer with a dict of its fields ({shown})")
    if unknown := [key for key in value if key not in keys]:
        raise ArgumentError(f"the form has no field {unknown[0]!r}; it has {shown}")
    missing = [
        key for key, field in keys.items() if field.required and value.get(key) in (None, "") and not field.defaultValue
    ]
    if missing:
        raise ArgumentError(f"the form needs {', '.join(repr(key) for key in missing)}")
    return _json.encode(dict(value)).decode()
