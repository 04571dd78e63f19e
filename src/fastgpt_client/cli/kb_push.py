"""``kb push`` and ``kb sync``: files, folders and pages into a knowledge base. Data on stdout, the rest on stderr."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import ApiKey, BaseUrl

if TYPE_CHECKING:
    from ..clients import AsyncDatasetClient
    from ..knowledge import AsyncKnowledgeBase, KeepOptions, OnProgress, Plan, Step, SyncReport

_SHOWN = 20

Base = Annotated[str, typer.Option("--kb", metavar="NAME", help="Name, path or id of a knowledge base.")]
Create = Annotated[bool, typer.Option("--create", help="Make the knowledge base where there is none.")]
Into = Annotated[str, typer.Option(metavar="FOLDER", help="Folder of the knowledge base for all of it.")]
Exclude = Annotated[
    list[str] | None, typer.Option(metavar="PATTERN", help="Leave these out, as in .gitignore; may be repeated.")
]
Chunk = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=VALUE", help="How texts are cut: chunkSize=800, trainingType=qa; may be repeated."),
]
State = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Where it is kept what is done. Default: .fastgpt-kb/state.db in the folder."),
]
Concurrency = Annotated[int, typer.Option(min=1, help="At most so many requests at once.")]


class Engine(StrEnum):
    """Who sends."""

    local = "local"
    ray = "ray"


WithEngine = Annotated[Engine, typer.Option(help="ray lets the workers of a Ray cluster send.")]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Only what failed the last time.")]
Rebuild = Annotated[bool, typer.Option("--rebuild", help="Find out anew from the server what is there.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Json = Annotated[bool, typer.Option("--json", help="For machines: events as lines of JSON, the summary last.")]


def push(
    kb: Base,
    paths: Annotated[list[Path] | None, typer.Argument(metavar="PATH…", help="Folders and files.")] = None,
    url: Annotated[list[str] | None, typer.Option(help="A page, which the server reads; may be repeated.")] = None,
    sitemap: Annotated[str | None, typer.Option(metavar="URL", help="All pages of a sitemap.xml.")] = None,
    create: Create = False,
    into: Into = "",
    exclude: Exclude = None,
    chunk: Chunk = None,
    state: State = None,
    concurrency: Concurrency = 16,
    engine: WithEngine = Engine.local,
    retry_failed: RetryFailed = False,
    rebuild: Rebuild = False,
    base_url: BaseUrl = None,
    api_key: ApiKey = None,
    as_json: Json = False,
) -> None:
    """Put folders, files and pages in. Removes nothing but what it replaces.

    Folders are mirrored; .gitignore, .fastgptignore and fastgpt-kb.toml in them count. Each row of a table of questions
    (.jsonl, or .csv with a column q or question) becomes a chunk. Interrupted, it goes on when it is started again.
    Ends with 0 when all is in, 1 when something failed, 2 when used wrongly.
    """

    async def work(base: AsyncKnowledgeBase, on_progress: OnProgress) -> SyncReport:
        options = _options(into, exclude, chunk, state, concurrency, engine, retry_failed, rebuild, on_progress)
        return await base.push(*(paths or ()), urls=url or (), sitemap=sitemap, **options)

    raise typer.Exit(_carry_out(work, kb, create, base_url, api_key, as_json))


def sync(
    kb: Base,
    path: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder.")],
    plan: Annotated[bool, typer.Option("--plan", help="Only show what would be done.")] = False,
    delete: Annotated[bool, typer.Option(help="Remove what is not in the folder any more.")] = True,
    watch: Annotated[
        float | None, typer.Option(min=0.1, metavar="SECONDS", help="Go on, looking every so many seconds.")
    ] = None,
    yes: Yes = False,
    create: Create = False,
    into: Into = "",
    exclude: Exclude = None,
    chunk: Chunk = None,
    state: State = None,
    concurrency: Concurrency = 16,
    engine: WithEngine = Engine.local,
    retry_failed: RetryFailed = False,
    rebuild: Rebuild = False,
    base_url: BaseUrl = None,
    api_key: ApiKey = None,
    as_json: Json = False,
) -> None:
    """Make a knowledge base what a folder is. Asks before it removes something.

    Touches only what it put in itself. New versions are put in first, and old ones removed when these are trained.
    Interrupted, it goes on when it is started again.
    Ends with 0 when it is so, 1 when something failed, 2 when used wrongly.
    """
    from . import kb_tools

    def confirm(counts: Plan, steps: Iterable[Step]) -> bool:
        if plan:
            for step in steps:
                kb_tools.data({"step": step.verb, "path": step.path, "origin": step.origin}) if as_json else print(step)
            return False
        if yes or not counts.remove:
            return True
        kb_tools.note(str(counts))
        for step in islice((step for step in steps if step.verb == "remove"), _SHOWN):
            kb_tools.note(str(step))
        return kb_tools.confirmed(f"Remove {counts.remove} of {kb}?", yes=False)

    async def work(base: AsyncKnowledgeBase, on_progress: OnProgress) -> SyncReport:
        options = _options(into, exclude, chunk, state, concurrency, engine, retry_failed, rebuild, on_progress)
        options["confirm"] = confirm
        return await base.sync(
            path,
            plan=plan,
            delete=delete,
            watch=watch,
            on_report=lambda report: _show_report(report, as_json),
            **options,
        )

    raise typer.Exit(_carry_out(work, kb, create and not plan, base_url, api_key, as_json))


def _options(
    into: str,
    exclude: list[str] | None,
    chunk: list[str] | None,
    state: Path | None,
    concurrency: int,
    engine: Engine,
    retry_failed: bool,
    rebuild: bool,
    on_progress: OnProgress,
) -> KeepOptions:
    options: KeepOptions = {
        "into": into,
        "exclude": exclude or (),
        "chunks": dict(map(_setting, chunk or ())),
        "concurrency": concurrency,
        "engine": engine.value,
        "retry_failed": retry_failed,
        "rebuild": rebuild,
        "on_progress": on_progress,
    }
    return options if state is None else {**options, "state": state}


def _setting(text: str) -> tuple[str, Any]:
    """``chunkSize=800`` as a name and a value; what is not JSON is a text."""
    from .._json import loads
    from ..errors import ArgumentError

    name, sign, value = text.partition("=")
    if not sign:
        raise ArgumentError(f"--chunk takes NAME=VALUE, not {text!r}")
    try:
        return name, loads(value.encode())
    except ValueError:
        return name, value


def _carry_out(
    work: Callable[[AsyncKnowledgeBase, OnProgress], Awaitable[SyncReport]],
    kb: str,
    create: bool,
    base_url: str | None,
    api_key: str | None,
    as_json: bool,
) -> int:
    from ..knowledge import AsyncKnowledgeBase
    from . import kb_tools
    from .progress import show_progress

    async def main(client: AsyncDatasetClient) -> int:
        with show_progress(as_json=as_json) as on_progress:
            report = await work(AsyncKnowledgeBase(client, kb, create=create), on_progress)
        _show_report(report, as_json)
        return 0 if report.ok else 1

    return kb_tools.carry_out(main, base_url, api_key)


def _show_report(report: SyncReport, as_json: bool) -> None:
    from . import kb_tools

    if as_json:
        kb_tools.data({"report": report, "ok": report.ok})
    else:
        for failure in report.failures[:_SHOWN]:
            kb_tools.note(f"failed: {failure.path}: {failure.reason}")
        if len(report.failures) > _SHOWN:
            kb_tools.note(f"… and {len(report.failures) - _SHOWN} more; --json has all.")
        for reason, count in report.skipped.items():
            kb_tools.note(f"skipped: {count}, {reason}")
        print(report)
