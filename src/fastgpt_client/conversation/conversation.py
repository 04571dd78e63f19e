"""The two faces of a conversation; what they do is in ``turns``."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .._io import AsyncIO, SyncIO
from .turns import Turns

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator
    from types import TracebackType
    from typing import Self

    from .._response import ChatResponse
    from ..events import Reply, StreamEvent
    from ..models._base import JSON
    from ..models.chat import ChatRecord
    from .attachments import File
    from .core import Content
    from .interactive import Answer


class Conversation(Turns[SyncIO]):
    """A conversation with an app. It owns the ``chatId``; the server keeps what was said.

    Made by ``client.conversation()``. To go on with an earlier one, give its chatId. One at a time: a chat runs one
    request, and a conversation belongs to one thread.

    Example:
        >>> conversation = client.conversation()
        >>> conversation.send("My name is Ann.")
        >>> print(conversation.send("What is my name?").text)
    """

    def stream(
        self, content: Content, *, files: Sequence[File] = (), variables: Mapping[str, object] | None = None
    ) -> ChatResponse:
        """Say something and get the reply as it comes.

        The response can be looped over (events), read as text (``iter_answer()``) and summed up (``reply()``). Leaving
        it before its end stops the run on the server (``stop_on_close``). When it breaks, see ``resume()``.

        Args:
            content, files, variables: As of ``send``.

        Example:
            >>> with conversation.stream("Tell me a story") as response:
            ...     for piece in response.iter_answer():
            ...         print(piece, end="", flush=True)
        """
        return self._start(content, files, variables)

    def stream_answer(self, value: Answer) -> ChatResponse:
        """Answer what the app asked (see ``answer``), and get the reply as it comes.

        Example:
            >>> with conversation.stream_answer("Confirm") as response:
            ...     print(response.reply().text)
        """
        return self._start_answer(value)

    def stream_regenerate(self) -> ChatResponse:
        """Ask the last question once more (see ``regenerate``), and get the reply as it comes.

        Example:
            >>> with conversation.stream_regenerate() as response:
            ...     print(response.reply().text)
        """
        return self._start_again()

    def fork(self, until: str | ChatRecord | Reply | None = None) -> Conversation:
        """A new conversation that knows what was said here so far, with the same app, settings and variables.

        FastGPT cannot copy a chat. What was said goes along as a system message with every turn, as text: questions,
        answers and names of files. Thinking, tool calls, chunks of knowledge bases, files themselves and what a
        workflow remembers between turns do not; and the new ``history()`` begins empty.

        Args:
            until: The last answer that counts: its record, its ``dataId``, or the reply; without it all.

        Example:
            >>> other = conversation.fork()
            >>> print(other.send("Answer that once more, in one sentence.").text)
        """
        made = Conversation(self._client, **self._settings())
        made._before = self._transcript(until)
        return made

    def load(self, state: JSON) -> Self:
        """Become the conversation that ``save`` has given. Nothing is sent.

        Example:
            >>> client.conversation().load(json.loads(path.read_text())).send("Where were we?")
        """
        self._load(state)
        return self


class AsyncConversation(Turns[AsyncIO]):
    """A conversation with an app, for async code. It owns the ``chatId``; the server keeps what was said.

    Example:
        >>> conversation = client.conversation()
        >>> await conversation.send("My name is Ann.")
        >>> print((await conversation.send("What is my name?")).text)
    """

    _asynchronous = True

    def stream(
        self, content: Content, *, files: Sequence[File] = (), variables: Mapping[str, object] | None = None
    ) -> Opening:
        """Say something and get the reply as it comes.

        Loop over it for events, use it with ``async with``, or await it for the response. Leaving it before its end,
        or a cancelled task, stops the run on the server (``stop_on_close``). When it breaks, see ``resume()``.

        Args:
            content, files, variables: As of ``send``.

        Example:
            >>> async with conversation.stream("Tell me a story") as response:
            ...     async for piece in response.aiter_answer():
            ...         print(piece, end="", flush=True)
        """
        return Opening(lambda: self._start(content, files, variables))

    def stream_answer(self, value: Answer) -> Opening:
        """Answer what the app asked (see ``answer``), and get the reply as it comes.

        Example:
            >>> async with conversation.stream_answer("Confirm") as response:
            ...     print((await response.areply()).text)
        """
        return Opening(lambda: self._start_answer(value))

    def stream_regenerate(self) -> Opening:
        """Ask the last question once more (see ``regenerate``), and get the reply as it comes.

        Example:
            >>> async with conversation.stream_regenerate() as response:
            ...     print((await response.areply()).text)
        """
        return Opening(self._start_again)

    async def fork(self, until: str | ChatRecord | Reply | None = None) -> AsyncConversation:
        """A new conversation that knows what was said here so far, with the same app, settings and variables.

        FastGPT cannot copy a chat. What was said goes along as a system message with every turn, as text: questions,
        answers and names of files. Thinking, tool calls, chunks of knowledge bases, files themselves and what a
        workflow remembers between turns do not; and the new ``history()`` begins empty.

        Args:
            until: The last answer that counts: its record, its ``dataId``, or the reply; without it all.

        Example:
            >>> other = await conversation.fork()
            >>> print((await other.send("Answer that once more, in one sentence.")).text)
        """
        made = AsyncConversation(self._client, **self._settings())
        made._before = await self._transcript(until)
        return made

    def load(self, state: JSON) -> Self:
        """Become the conversation that ``save`` has given. Nothing is sent.

        Example:
            >>> await client.conversation().load(json.loads(path.read_text())).send("Where were we?")
        """
        self._load(state)
        return self


class Opening:
    """A stream that is about to be opened: await it, loop over it, or use it with ``async with``."""

    def __init__(self, start: Callable[[], Coroutine[Any, Any, ChatResponse]]) -> None:
        self._start = start
        self._response: ChatResponse | None = None

    async def _open(self) -> ChatResponse:
        if self._response is None:
            self._response = await self._start()
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
