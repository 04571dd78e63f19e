"""How a run is shown while it goes on: on a terminal, as plain text, as JSON."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.markdown import Heading, Markdown
from rich.segment import ControlType, Segment, Segments
from rich.spinner import Spinner
from rich.text import Text

from ...citations import footnotes, marked_ids
from ...handlers import ChatHandler
from ...trace import Trace
from ..notes import complain, notes
from ..output import dumped
from .blocks import Blocks
from .nodes import node_tree

if TYPE_CHECKING:
    from ..._response import ChatResponse
    from ...errors import FastGPTError
    from ...events import Reply, StreamEvent


class View(ChatHandler):
    """Shows a run, and nothing by itself."""

    def __init__(self, *, thinking: bool = False, trace: bool = False) -> None:
        self.thinking = thinking
        self.trace: Trace | None = Trace() if trace else None

    def show(self, response: ChatResponse) -> Reply:
        """Read a run to its end."""
        if self.trace is not None:
            self.trace = Trace()
        self.begin()
        try:
            reply = response.handle(self, citations="number")
        finally:
            self.end()
        self.after(reply)
        return reply

    def begin(self) -> None:
        """Before the first event."""

    def on_event(self, event: StreamEvent) -> None:
        if self.trace is not None:
            self.trace.add(event)

    def end(self) -> None:
        """However the run ended."""

    def after(self, reply: Reply) -> None:
        """When it ended well."""


class PlainView(View):
    """Text as it comes, for pipes and files: the answer on stdout, thinking and nodes on stderr."""

    _said = False
    _thought = False

    def begin(self) -> None:
        self._said = self._thought = False

    def on_thinking(self, text: str) -> None:
        if self.thinking:
            print(text, end="", file=sys.stderr, flush=True)
            self._thought = True

    def on_answer(self, text: str) -> None:
        print(text, end="", flush=True)
        self._said = True

    def end(self) -> None:
        if self._thought:
            print(file=sys.stderr)
        if self._said:
            print(flush=True)

    def after(self, reply: Reply) -> None:
        if lines := sources(reply):
            print("", *lines, sep="\n", flush=True)
        if self.trace is not None:
            notes.print(node_tree(self.trace))
        if reply.error is not None and reply.text:  # else it is raised
            complain(reply.error)


class LiveView(View):
    """Markdown on a terminal. Finished blocks are printed for good; only the last one, the nodes that run and what the
    app is busy with are drawn again and again, and never more of them than fits the screen.
    """

    def __init__(self, console: Console, *, thinking: bool = False, trace: bool = False) -> None:
        super().__init__(thinking=thinking, trace=trace)
        self.console = console
        self._blocks = Blocks()
        self._style = ""
        self._busy = Spinner("dots", Text("…", "dim"))
        self._moves: _Moving | None = None

    def begin(self) -> None:
        self._blocks, self._style = Blocks(), ""
        self._busy.update(text=Text("…", "dim"))
        self._moves = _Moving(
            console=self.console, get_renderable=self._moving, refresh_per_second=10, transient=True, screen=False
        )
        self._moves.start()

    def on_status(self, name: str) -> None:
        self._busy.update(text=Text(name, "dim"))

    def on_thinking(self, text: str) -> None:
        if self.thinking:
            self._add(text, "dim")
        else:
            self._busy.update(text=Text("thinking", "dim"))

    def on_answer(self, text: str) -> None:
        self._add(text, "")

    def end(self) -> None:
        if self._moves is not None:
            last, self._blocks = self._blocks.finish(), Blocks()
            self._moves.stop()
            self._moves = None
            self._print(*last)

    def after(self, reply: Reply) -> None:
        lines = sources(reply)
        for line in lines:
            self.console.print(Text(line, "dim"))
        if self.trace is not None:
            if lines:
                self.console.print()
            self.console.print(node_tree(self.trace))
        if reply.error is not None and reply.text:  # else it is raised
            complain(reply.error)

    def _add(self, text: str, style: str) -> None:
        if style != self._style:
            self._print(*self._blocks.finish())
            self._style = style
        self._print(*self._blocks.feed(text))

    def _print(self, *blocks: str) -> None:
        printer = self.console if self._moves is None else self._moves
        for block in blocks:
            printer.print(Answer(block, style=self._style or "none"), "")

    def _moving(self) -> RenderableType:
        room = max(self.console.height - 2, 1)
        parts: list[RenderableType] = []
        if self._blocks.rest.strip():
            parts.append(Answer(self._blocks.tail(room), style=self._style or "none"))
        if self.trace is not None and self.trace.roots:
            parts.append(node_tree(self.trace))
        return Group(_WRAP_OFF, Tail(Group(*parts), room), _WRAP_ON, self._busy)


class JsonView(View):
    """Shows nothing; with ``events`` every event as a line of JSON."""

    def __init__(self, *, events: bool = False) -> None:
        super().__init__()
        self._events = events

    def on_event(self, event: StreamEvent) -> None:
        if self._events:
            print(dumped({"event": event.event, "data": event.data}), flush=True)


class _Moving(Live):
    """What is drawn again and again; its thread does not draw while something is printed above it."""

    def print(self, *above: RenderableType) -> None:
        with self._lock:
            self._live_render.set_renderable(self.renderable)  # without what is now above
            self.console.print(*above)


def _control(code: str) -> Segments:
    return Segments([Segment(code, None, [(ControlType.CARRIAGE_RETURN,)])])


_WRAP_OFF, _WRAP_ON = _control("\x1b[?7l"), _control("\x1b[?7h")
"""A line stays one, also where the terminal takes a letter (an emoji of several) to be wider than it is taken here."""


class Tail:
    """The last lines of something."""

    def __init__(self, content: RenderableType, lines: int) -> None:
        self.content = content
        self.lines = lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = console.render_lines(self.content, options.update(height=None), pad=False)
        for line in lines[-self.lines :]:
            yield from line
            yield Segment.line()


class _LeftHeading(Heading):
    """A heading where text begins, not in the middle and not in a box."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        self.text.justify = "left"
        if self.tag == "h1":
            self.text.stylize("underline")
        yield self.text


class _Markdown(Markdown):
    elements = {**Markdown.elements, "heading_open": _LeftHeading}


class Answer:
    """A block of an answer as Markdown, without the blank lines that go before and after some kinds of blocks."""

    def __init__(self, text: str, *, style: str = "none") -> None:
        self.markdown: Markdown = _Markdown(text, style=style, code_theme="ansi_dark", inline_code_theme="ansi_dark")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = console.render_lines(self.markdown, options.update(height=None), pad=False)
        filled = [number for number, line in enumerate(lines) if any(part.text.strip() for part in line)]
        for line in lines[filled[0] : filled[-1] + 1] if filled else []:
            yield from line
            yield Segment.line()


def numbered(text: str) -> str:
    """The text with numbers for the marks of citations."""
    return footnotes(text)[0]


def sources(reply: Reply) -> list[str]:
    """Where an answer comes from: notes for the numbers in it, or the names of what was found, each once."""
    if marked_ids(reply.text):
        return footnotes(reply.text, reply.citations)[1]
    names = dict.fromkeys(each.sourceName for each in reply.citations if each.sourceName)
    return [f"Found in: {', '.join(names)}"] if names else []


def reply_object(reply: Reply) -> dict[str, Any]:
    """A reply for machines."""
    return {
        "chatId": reply.chatId,
        "text": reply.text,
        "reasoning": reply.reasoning,
        "interactive": reply.interactive,
        "tools": reply.tools,
        "citations": reply.citations,
        "nodes": [node.raw for node in reply.nodes],
        "variables": reply.variables,
        "title": reply.title,
        "duration": reply.duration,
        "error": reply.error and error_object(reply.error),
    }


def error_object(error: FastGPTError) -> dict[str, Any]:
    """An error for machines."""
    facts = {name: getattr(error, name, None) for name in ("node", "status_code", "code", "statusText", "hint")}
    told = {name: value for name, value in facts.items() if value}
    return {"type": type(error).__name__, "message": getattr(error, "message", str(error)), **told}
