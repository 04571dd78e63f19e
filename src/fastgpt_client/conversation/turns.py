"""What a conversation can do, once for both worlds."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from .._endpoint import flow
from .._flow import Flow, Invoke
from ..errors import NotFoundError
from ..events import Interactive
from . import records
from .core import Content, Core, call_with
from .interactive import Answer
from .recovery import GENERATING

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from .._io import AsyncIO, FlowIO, SyncIO
    from .._response import ChatResponse, Response
    from ..events import Reply
    from ..models._base import Page
    from ..models.chat import ChatRecord, StopResult
    from .attachments import File

IO = TypeVar("IO", "SyncIO", "AsyncIO", "FlowIO", covariant=True)

OnInteractive: TypeAlias = "Callable[[Interactive], Answer | Awaitable[Answer]]"
"""Answers what an app asks; on async clients it may be async."""


class Turns(Core[IO]):
    """The verbs of a conversation that need no word of their own in one of the worlds."""

    # Turns ------------------------------------------------------------------------------------------------------------

    @flow
    def send(
        self, content: Content, *, files: Sequence[File] = (), variables: Mapping[str, object] | None = None
    ) -> Flow[Reply]:
        """Say something and get the whole reply.

        Works by streaming with detail, so that questions to the user, citations and failures are seen on every
        server version, and a long run is not cut by a proxy. When the connection breaks all the same, the answer is
        read from the history as soon as the run is over (``reply.recovered``).

        Args:
            content: A text, or a list of content parts.
            files: What goes with it: paths, URLs, files opened in binary mode, ``Upload(data, name)``, what
                ``upload_chat_file`` gave. Local ones get there as ``upload`` of the conversation says.
            variables: The app's variables for this turn, besides the conversation's own.

        Raises:
            ArgumentError: Nothing was said, the app does not take such files, a variable does not fit, or the app asked
                something in the last turn: then it takes any message for the answer (see ``answer``).
            NodeError: A node of the workflow failed and the app said nothing; ``reply`` has the rest. When it said
                something all the same, ``reply.error`` tells.
            StreamError: The run failed half-way; ``partial`` has what was said.

        Example:
            >>> client.conversation().send("Sum it up", files=["plan.pdf"]).text
        """
        response = yield from self._ask(content, files, variables)
        return (yield from self._collect(response))

    @flow
    def answer(self, value: Answer) -> Flow[Reply]:
        """Answer what the app asked.

        Args:
            value: Of a choice an option's value or key. Of a form ``{field key: value}``: numbers, options, times and
                files are checked against its rules, and made what they ask for (``"3"`` becomes 3, a path an
                uploaded file). Of an agent's questions their answers in order, or by number.

        Raises:
            ArgumentError: The app asked nothing, or the answer does not fit; the message names field, value and rule.

        Example:
            >>> reply = conversation.send("I want to order")
            >>> reply = conversation.answer(reply.interactive.options[0].value)
        """
        response = yield from self._reply_to_question(value)
        return (yield from self._collect(response))

    @flow
    def run(
        self,
        question: Content,
        on_interactive: OnInteractive,
        *,
        files: Sequence[File] = (),
        variables: Mapping[str, object] | None = None,
    ) -> Flow[Reply]:
        """Say something and answer all that the app asks back, until it has nothing to ask any more.

        Args:
            question: A text, or a list of content parts.
            on_interactive: Called with each :class:`Interactive`; gives what ``answer`` takes. May be async on async
                clients. None leaves the question open: the reply that asks it is returned.
            files, variables: As of ``send``.

        Example:
            >>> conversation.run("I want to order", lambda asked: asked.options[0].value).text
        """
        reply = yield from self._collect((yield from self._ask(question, files, variables)))
        while (asked := reply.interactive) is not None:
            value: Answer | None = yield Invoke(call_with(on_interactive, asked))
            if value is None:
                break
            reply = yield from self._collect((yield from self._reply_to_question(value)))
        return reply

    @flow
    def regenerate(self) -> Flow[Reply]:
        """Ask the last question once more. Its records are deleted first, so that the app does not see its old answer.

        A question that was sent here and is not in the history, because its run failed to start, is asked again. To
        get the reply as it comes, see ``stream_regenerate``.

        FastGPT: ``DELETE /api/core/chat/record/delete``, then a completion. If that fails, the question is gone from
        the history, and is asked when this is called again.

        Raises:
            ArgumentError: Nothing was asked yet.

        Example:
            >>> conversation.send("A name for a cat?")
            >>> print(conversation.regenerate().text)
        """
        return (yield from self._collect((yield from self._ask_again())))

    @flow
    def resume(self) -> Flow[ChatResponse]:
        """Go on with a stream that broke off while the run goes on, here or in another process.

        The events are those that the broken stream did not tell; the reply has all. Servers repeat v2 streams only
        (4.15+): else this waits for the end of the run and gives the answer from the history, of which text, tool
        calls and questions are told that were not there yet. A run that was started elsewhere is joined with
        ``client.conversation(chatId).resume()``.

        FastGPT: ``GET /api/core/chat/resume``.

        Raises:
            FastGPTError: There is no such run, or its answer did not come in time (``recover``).

        Example:
            >>> try:
            ...     for event in conversation.stream("Tell me a story"):
            ...         show(event)
            ... except StreamError:
            ...     for event in conversation.resume():
            ...         show(event)
        """
        earlier, response = self._last, None
        status = (yield from self._chat.get_chat_init(self.appId, self.chatId)).data.chatGenerateStatus
        repeatable = self.version == "v2" or not self._dataId  # without a record all that is left is to ask
        if status == GENERATING and repeatable:
            try:
                response = yield from self._chat.resume_chat(self.chatId, self.appId)
            except NotFoundError:
                pass
            else:
                self._watch(response)
        if response is None:
            response = yield from self._read_stored(None, self._recover)
        if earlier is not None and earlier.is_stream:
            response.follow(earlier)
        self._last = response
        return response

    # The conversation as a whole --------------------------------------------------------------------------------------

    @flow
    def history(self, offset: int = 0, pageSize: int = 20) -> Flow[Response[Page[ChatRecord]]]:
        """A page of what was said so far, oldest first; ``offset`` counts from the latest.

        FastGPT: ``POST /api/core/chat/record/getPaginationRecords``.

        Example:
            >>> [(record.obj, record.text) for record in conversation.history().data.list]
        """
        return (yield from self._chat.get_chat_records(self.appId, self.chatId, offset, pageSize))

    @flow
    def rename(self, title: str) -> Flow[None]:
        """Give it a title.

        FastGPT: ``PUT /api/core/chat/history/updateHistory``.

        Example:
            >>> conversation.rename("Invoices")
        """
        yield from self._chat.update_chat_history(self.appId, self.chatId, title)

    @flow
    def pin(self, pinned: bool = True) -> Flow[None]:
        """Pin it to the top of the list, or take it down.

        FastGPT: ``PUT /api/core/chat/history/updateHistory``.

        Example:
            >>> conversation.pin()
        """
        yield from self._chat.update_chat_history(self.appId, self.chatId, top=pinned)

    @flow
    def delete(self) -> Flow[None]:
        """Delete it on the server.

        FastGPT: ``DELETE /api/core/chat/history/delHistory``.

        Example:
            >>> conversation.delete()
        """
        yield from self._chat.delete_chat_history(self.appId, self.chatId)
        self._last = self._asked = self._question = None

    @flow
    def stop(self) -> Flow[Response[StopResult]]:
        """Stop the run that this conversation is busy with; what was said is kept.

        FastGPT: ``POST /api/v2/chat/stop`` (4.14.5+).

        Example:
            >>> conversation.stop().data.success
        """
        self._left = time.monotonic()
        return (yield from self._chat.stop_chat(self.chatId, self.appId))

    @flow
    def _transcript(self, until: str | ChatRecord | Reply | None) -> Flow[str]:
        """What was said so far, for a fork."""
        found: list[ChatRecord] = []
        while True:
            page: Page[ChatRecord] = (
                yield from self._chat.get_chat_records(self.appId, self.chatId, len(found), 50)
            ).data
            found = [*page.list, *found]
            if not page.list or len(found) >= page.total:
                break
        end = until if until is None or isinstance(until, str) else until.dataId
        said = records.transcript(found, end)
        return "\n\n".join(filter(None, (self._before, said)))
