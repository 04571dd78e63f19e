"""Long work on a terminal: a bar for each phase; for machines the same as lines of JSON."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, ProgressColumn, Task, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.text import Text

from .._json import encode
from ..knowledge.progress import OnProgress, Progress

_LONGEST_ITEM = 40


@contextmanager
def show_progress(*, as_json: bool = False, console: Console | None = None) -> Generator[OnProgress]:
    """What to give to long work as ``on_progress``.

    On a terminal a bar for each phase on stderr, with rate and remaining time; nothing where stderr is piped. With
    ``as_json`` each event is a line of JSON on stdout instead.
    """
    if as_json:
        yield lambda event: print(encode(event).decode(), flush=True)
        return
    notes = console or Console(stderr=True, highlight=False)
    if not notes.is_terminal:
        yield lambda event: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(24),
        TaskProgressColumn(show_speed=False),
        _Rate(),
        TimeRemainingColumn(compact=True),
        TextColumn("[dim]{task.fields[item]}"),
    )
    with Bars(*columns, console=notes) as bars:
        tasks: dict[str, TaskID] = {}

        def show(event: Progress) -> None:
            if event.phase not in tasks:
                tasks[event.phase] = bars.add_task(event.phase, total=None, item="")
            failed = f" [red]{event.failed} failed[/red]" if event.failed else ""
            item = event.item if len(event.item) <= _LONGEST_ITEM else f"…{event.item[1 - _LONGEST_ITEM :]}"
            if event.error:
                bars.console.print(f"[red]{escape(event.item)}: {escape(event.error)}[/red]")
            bars.update(
                tasks[event.phase],
                completed=event.done,
                total=event.total,
                description=f"{event.phase}{failed}",
                item=escape(item),
            )

        yield show
        for task in bars.tasks:  # a phase that never knew its end is over now
            bars.update(task.id, total=task.total if task.total is not None else task.completed, item="")


class _Rate(ProgressColumn):
    """How many a second; where the end is known, also how many of how many."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        count = _short(task.completed) + (f"/{_short(task.total)}" if task.total is not None else "")
        return Text(f"{count}{f' {_short(speed)}/s' if speed else ''}", style="progress.data.speed")


def _short(number: float) -> str:
    for size, sign in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if number >= size:
            return f"{number / (1e3 if sign == 'k' else size):.1f}{sign}"
    return f"{number:.0f}"
