"""A run as calls: what applications do with each kind of event, as methods of one object."""

from __future__ import annotations

import inspect
import time
from typing import TYPE_CHECKING, TypeAlias

from ._json import SurrogateJoiner
from .errors import ArgumentError
from .events import (
    AnswerEvent,
    FlowNodeResponseEvent,
    FlowNodeStatusEvent,
    FlowResponsesEvent,
    InteractiveEvent,
    ToolCallEvent,
    ToolCalls,
    ToolParamsEvent,
    find_citations,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .citations import CitationFilter
    from .errors import FastGPTError
    from .events import Citation, Interactive, Reply, StreamEvent, Tool

    Call: TypeAlias = tuple[str, object]  # name of a method, argument


class ChatHandler:
    """What to do while a run goes on: override what you need, and give it to ``response.handle()``.

    All methods do nothing by themselves. For ``ahandle()`` they may be ``async``. An exception in one of them ends the
    run's stream and comes out of ``handle()``. All but thinking and answer need ``detail=True``.

    Example:
        >>> class Bot(ChatHandler):
        ...     def on_answer(self, text):
        ...         send_to_channel(text)
        >>> with client.conversation().stream("Hello!") as response:
        ...     reply = response.handle(Bot(), throttle=0.5)
    """

    def on_event(self, event: StreamEvent) -> object:
        """Any event, when it comes, before the other methods are called for it: for a :class:`Trace`, or a log."""

    def on_status(self, name: str) -> object:
        """A node of the workflow starts."""

    def on_thinking(self, text: str) -> object:
        """The model thinks: a piece, or several joined (see ``throttle``)."""

    def on_answer(self, text: str) -> object:
        """The app answers: a piece, or several joined (see ``throttle``)."""

    def on_tool(self, tool: Tool) -> object:
        """A tool is called, and again with ``params`` and ``response`` when it answers."""

    def on_interactive(self, interactive: Interactive) -> object:
        """The app asks the user something and waits."""

    def on_citation(self, citation: Citation) -> object:
        """A chunk of a knowledge base was found; each once. Those that the answer marks are in ``reply.cited``."""

    def on_error(self, error: FastGPTError) -> object:
        """The stream failed (a StreamError, which is raised after this), or a node did (a NodeError)."""

    def on_done(self, reply: Reply) -> object:
        """All is said, or ``should_stop`` said so."""

    def should_stop(self) -> object:
        """Asked after every event: True leaves the run and gives the connection back."""
        return False


class HandlerCalls:
    """Events in, calls of a handler out; nothing is called or awaited here."""

    def __init__(
        self, handler: ChatHandler, throttle: float, marks: CitationFilter | None, *, asynchronous: bool
    ) -> None:
        if not asynchronous:
            for name in (name for name in vars(ChatHandler) if not name.startswith("_")):
                if inspect.iscoroutinefunction(getattr(handler, name)):
                    raise ArgumentError(f"{type(handler).__name__}.{name} is async: use ahandle() of an async client")
        self._throttle = throttle
        self._marks = marks
        self._tools = ToolCalls()
        self._cited: set[str] = set()
        self._thinking, self._answer = SurrogateJoiner(), SurrogateJoiner()
        self._last = float("-inf")  # when text was last told
        self._text = ""  # what was not told yet
        self._tell = "on_answer"

    def of(self, event: StreamEvent) -> Iterator[Call]:
        """What an event calls for."""
        yield "on_event", event
        if isinstance(event, AnswerEvent):
            yield from self._add("on_thinking", self._thinking.feed(event.reasoning))
            yield from self._add("on_answer", self._marked(self._answer.feed(event.text)))
            if time.monotonic() - self._last >= self._throttle:
                yield from self._tell_text()
            return
        yield from self._tell_text()  # so that things are told in their order
        if isinstance(event, FlowNodeStatusEvent):
            yield "on_status", event.name
        elif isinstance(event, ToolCallEvent):
            self._tools.add(event)
            if not isinstance(event, ToolParamsEvent):
                yield "on_tool", self._tools.get(event.tool.id)
        elif isinstance(event, InteractiveEvent):
            yield "on_interactive", event.interactive
        elif isinstance(event, FlowNodeResponseEvent | FlowResponsesEvent):
            nodes = [event.node] if isinstance(event, FlowNodeResponseEvent) else event.nodes
            for citation in find_citations(nodes):
                if citation.id not in self._cited:
                    self._cited.add(citation.id)
                    yield "on_citation", citation

    def end(self, reply: Reply) -> Iterator[Call]:
        """What the end calls for."""
        yield from self._rest()
        if reply.error is not None:
            yield "on_error", reply.error
        yield "on_done", reply

    def failed(self, error: FastGPTError) -> Iterator[Call]:
        """What the failure of a stream calls for."""
        yield from self._rest()
        yield "on_error", error

    def _rest(self) -> Iterator[Call]:
        yield from self._add("on_thinking", self._thinking.finish())
        yield from self._add("on_answer", self._marked(self._answer.finish()))
        if self._marks is not None:
            yield from self._add("on_answer", self._marks.finish())
        yield from self._tell_text()

    def _marked(self, text: str) -> str:
        return text if self._marks is None else self._marks.feed(text)

    def _add(self, tell: str, text: str) -> Iterator[Call]:
        if text and tell != self._tell:
            yield from self._tell_text()
            self._tell = tell
        self._text += text

    def _tell_text(self) -> Iterator[Call]:
        if self._text:
            text, self._text, self._last = self._text, "", time.monotonic()
            yield self._tell, text
