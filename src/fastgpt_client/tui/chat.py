"""The messages of a conversation, and the field to write in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.events import Key
from textual.message import Message
from textual.widgets import Collapsible, Markdown, Static, TextArea

from .. import _json
from ..citations import strip_citations
from ..cli.chat.views import numbered, sources
from ..events import Citation, NodeResponse, Reply, find_citations
from ..handlers import ChatHandler
from ..trace import Trace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..events import StreamEvent
    from ..models.chat import ChatRecord


class Prompt(TextArea):
    """Where the user writes. Enter sends, Ctrl-J begins a new line."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "send", "Send"),
        Binding("ctrl+j", "newline", "New line", show=False),
    ]

    class Sent(Message):
        """Something is to be said."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self) -> None:
        super().__init__(id="prompt", placeholder="Write, Enter sends", compact=True, highlight_cursor_line=False)

    async def _on_key(self, event: Key) -> None:
        if event.key == "enter":  # which would begin a new line
            event.prevent_default().stop()
            self.action_send()
            return
        await super()._on_key(event)

    def action_send(self) -> None:
        if text := self.text.strip():
            self.post_message(self.Sent(text))

    def action_newline(self) -> None:
        self.insert("\n")


class Question(Static):
    """What the user said, or answered in a dialog."""

    def __init__(self, text: str, files: Sequence[str] = (), *, answers: bool = False) -> None:
        names = "".join(f"\n📎 {Path(file).name}" for file in files)
        super().__init__(text + names, classes="question", markup=False)
        self.answers: bool = answers


class Answer(Vertical):
    """What the app said: thinking, answer, and where it comes from."""

    def __init__(self, text: str = "", thinking: str = "", sources: Sequence[str] = ()) -> None:
        super().__init__(classes="answer")
        self.text = text
        self._thought = bool(thinking)
        self.thinking: Markdown = Markdown(thinking)
        self.body: Markdown = Markdown(text)
        self._sources = "\n".join(sources)

    def compose(self) -> ComposeResult:
        with Collapsible(title="Thinking", classes="thinking") as thinking:
            thinking.display = self._thought
            yield self.thinking
        yield self.body
        if self._sources:
            yield Static(self._sources, classes="sources", markup=False)

    def tell(self, text: str, classes: str) -> None:
        """Put a text under the answer: ``sources``, or a ``failure``."""
        if text:
            self.mount(Static(text, classes=classes, markup=False))


class Messages(VerticalScroll):
    """What was said in a conversation; stays at the end while something comes, unless the user scrolled up."""

    class Top(Message):
        """The first message that is shown is in view: what was said before it may be wanted."""

    def on_mount(self) -> None:
        self.anchor()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if new_value <= 0 < old_value:
            self.post_message(self.Top())

    async def show(self, records: Sequence[ChatRecord]) -> None:
        """Show what was said last."""
        await self.remove_children()
        await self.mount_all(_message(record) for record in records if record.text)
        self.anchor()
        self.call_after_refresh(self._fill)

    async def show_before(self, records: Sequence[ChatRecord]) -> None:
        """Show what was said before; what is in view stays there."""
        below = self.max_scroll_y - self.scroll_y
        await self.mount_all((_message(record) for record in records if record.text), before=0)
        self.call_after_refresh(lambda: self.scroll_to(y=self.max_scroll_y - below, animate=False, force=True))
        self.call_after_refresh(self._fill)

    def _fill(self) -> None:
        if not self.max_scroll_y:
            self.post_message(self.Top())

    async def add(self, message: Question | Answer) -> None:
        await self.mount(message)
        self.anchor()

    async def take_back(self) -> None:
        """Remove all that came after the last thing that was said."""
        said = [child for child in self.children if isinstance(child, Question) and not child.answers]
        for child in self.children[self.children.index(said[-1]) + 1 :] if said else ():
            await child.remove()

    @property
    def last_answer(self) -> Answer | None:
        return self.query(Answer).last() if self.query(Answer) else None


def _message(record: ChatRecord) -> Question | Answer:
    if record.obj == "Human":
        return Question(record.text)
    nodes = [NodeResponse.from_wire(node) for node in record.responseData]
    found: list[Citation] = [_json.fit(quote, Citation) for quote in record.totalQuoteList]
    return answer_of(Reply(text=record.text, citations=[*find_citations(nodes), *found]))


def answer_of(reply: Reply) -> Answer:
    """An answer that is there as a whole; marks of chunks of which nothing is known are left out."""
    if not reply.citations:
        return Answer(strip_citations(reply.text), reply.reasoning)
    return Answer(numbered(reply.text), reply.reasoning, sources(reply))


class Showing(ChatHandler):
    """Shows a run in an answer while it comes."""

    def __init__(self, answer: Answer, told: Callable[[Trace], None], busy: Callable[[str], None]) -> None:
        self._answer = answer
        self._told = told
        self._busy = busy
        self._trace = Trace()

    def on_event(self, event: StreamEvent) -> None:
        before = str(self._trace)
        self._trace.add(event)
        if str(self._trace) != before:
            self._told(self._trace)

    def on_status(self, name: str) -> None:
        self._busy(name)

    async def on_thinking(self, text: str) -> None:
        self._answer.query_one(Collapsible).display = True
        self._busy("thinking")
        await self._answer.thinking.append(text)

    async def on_answer(self, text: str) -> None:
        self._busy("answering")
        self._answer.text += text
        await self._answer.body.append(text)

    def on_done(self, reply: Reply) -> None:
        self._answer.tell("\n".join(sources(reply)), "sources")
        if reply.error is not None:
            self._answer.tell(str(reply.error), "failure")
