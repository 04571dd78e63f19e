"""Long work on a terminal: a bar for each phase; for machines the same as lines of JSON."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, ProgressColumn, Task, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.text import Text

from ..knowledge.progress import Progress
from .notes import notes
from .output import dumped

_LONGEST_ITEM, _MOST_ERRORS = 40, 20


class ProgressDisplay:
    """Takes the events of long work, as ``on_progress``. Bars begin with the first of them.

    ``watch`` is between two runs: when the last had nothing to do its bars are erased.
    """

    def __init__(self, console: Console, *, as_json: bool) -> None:
        self._console = console
        self._as_json = as_json
        self._bars: Bars | None = None
        self._tasks: dict[str, TaskID] = {}
        self.told: dict[str, str] = {}
        """The items whose errors people have seen, and these."""

    def __call__(self, event: Progress) -> None:
        if self._as_json:
            print(dumped(event), flush=True)
            return
        if event.error and (event.phase == "watch" or self._is_news(event)):
            self._console.print(f"[red]{escape(': '.join(filter(None, (event.item, event.error))))}[/red]")
        if event.phase == "watch":
            self.stop(erase=True)
        elif self._console.is_terminal and event.total != 0:
            self._draw(event)

    def end(self) -> None:
        """Leave the bars as they are, so that something else can be said below; the next event begins new ones."""
        if self._bars is not None:
            for task in self._bars.tasks:  # a phase that never knew its end is over now
                self._bars.update(task.id, total=task.total if task.total is not None else task.completed, item="")
        self.stop()

    def stop(self, *, erase: bool = False) -> None:
        """The same, where the work was broken off. ``erase``: as if they had not been."""
        if self._bars is not None:
            self._bars.live.transient = erase
            self._bars.stop()
        self._bars = None
        self._tasks.clear()

    def _is_news(self, event: Progress) -> bool:
        if not self._console.is_terminal or len(self.told) >= _MOST_ERRORS or self.told.get(event.item) == event.error:
            return False
        self.told[event.item] = event.error or ""
        return True

    def _draw(self, event: Progress) -> None:
        if self._bars is None:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(24),
                TaskProgressColumn(show_speed=False),
                _Rate(),
                TimeRemainingColumn(compact=True),
                TextColumn("[dim]{task.fields[item]}"),
            )
            # What is printed meanwhile must not end up here: it may be meant for a file.
            self._bars = Bars(*columns, console=self._console, redirect_stdout=False, redirect_stderr=False)
            self._bars.start()
        if event.phase not in self._tasks:
            self._tasks[event.phase] = self._bars.add_task(event.phase, total=None, item="")
        failed = f" [red]{event.failed} failed[/red]" if event.failed else ""
        item = event.item if len(event.item) <= _LONGEST_ITEM else f"…{event.item[1 - _LONGEST_ITEM :]}"
        self._bars.update(
            self._tasks[event.phase],
            completed=event.done,
            total=event.total,
            description=f"{event.phase}{failed}",
            item=escape(item),
        )


@contextmanager
def show_progress(*, as_json: bool = False, console: Console | None = None) -> Generator[ProgressDisplay]:
    """What to give to long work as ``on_progress``.

    On a terminal a bar for each phase on stderr, with rate and remaining time; nothing where stderr is piped. With
    ``as_json`` each event is a line of JSON on stdout instead.
    """
    display = ProgressDisplay(console or notes, as_json=as_json)
    try:
        yield display
        display.end()
    finally:
        display.stop()


class _Rate(ProgressColumn):
    """How many a second; where the end is known, also how many of how many."""

    def render(self, task: Task) -> Text:
        # Of all the time: what comes in bursts has no speed of its own.
        seconds = task.finished_time or task.elapsed or 0
        speed = task.completed / seconds if seconds > 0.1 else 0
        count = _short(task.completed) + (f"/{_short(task.total)}" if task.total is not None else "")
        rate = f" {_short(speed) if speed >= 10 else f'{speed:.1f}'}/s" if speed >= 0.05 else ""
        return Text(f"{count}{rate}", style="progress.data.speed")


def _short(number: float) -> str:
    for size, sign in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if number >= size:
            return f"{number / (1e3 if sign == 'k' else size):.1f}{sign}"
    return f"{number:.0f}"
