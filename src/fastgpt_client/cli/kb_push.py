"""``kb push`` and ``kb sync``: files, folders and pages into a knowledge base. Data on stdout, the rest on stderr."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import ApiKey, BaseUrl

if TYPE_CHECKING:
    from ..clients import AsyncDatasetClient
    from ..knowledge import AsyncKnowledgeBase, KeepOptions, OnProgress, Plan, Step, SyncReport
    from .progress import ProgressDisplay

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

    async def work(base: AsyncKnowledgeBase, display: ProgressDisplay) -> SyncReport:
        options = _options(into, exclude, chunk, state, concurrency, engine, retry_failed, rebuild, display)
        return await base.push(*(paths or ()), urls=url or (), sitemap=sitemap, **options)

    raise typer.Exit(_carry_out(work, kb, create, base_url, api_key, as_json))


def sync(
    kb: Base,
    path: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder.")],
    plan: Annotated[bool, typer.Option("--plan", help="Only show what would be done.")] = False,
    delete: Annotated[
        bool, typer.Option(help="Remove what is not in the folder any more, after asking; or leave it.")
    ] = True,
    yes: Annotated[bool, typer.Option("--yes", help="Remove without asking, up to --max-delete.")] = False,
    max_delete: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help="Change nothing where more than N would be removed. With --yes by default ten, or half.",
        ),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on for ever, and follow what changes.")] = False,
    every: Annotated[float, typer.Option(min=0.1, metavar="SECONDS", help="How often --watch looks.")] = 2,
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
    """Make a knowledge base what a folder is. Asks before it removes something; --yes and --no-delete do not ask.

    Touches only what it put in itself. New versions are put in first, and old ones removed when these are trained.
    Interrupted, it goes on when it is started again.
    Ends with 0 when it is so, 1 when something failed or was refused, 2 when used wrongly.
    """
    from ..errors import ArgumentError
    from . import kb_tools

    async def work(base: AsyncKnowledgeBase, display: ProgressDisplay) -> SyncReport:
        def confirm(counts: Plan, steps: Iterable[Step]) -> bool:
            display.end()
            if plan:
                for step in steps:
                    line = {"step": step.verb, "path": step.path, "origin": step.origin}
                    kb_tools.data(line) if as_json else print(step)
                return False
            if not counts.remove:
                return True
            kb_tools.note(str(counts))
            for step in islice((step for step in steps if step.verb == "remove"), _SHOWN):
                kb_tools.note(str(step))
            if counts.remove > _SHOWN:
                kb_tools.note(f"… and {counts.remove - _SHOWN} more; --plan shows all.")
            if kb_tools.confirmed(f"Remove {counts.remove} of {counts.there} from {kb}?", yes=False):
                return True
            kb_tools.note("Nothing was changed. --no-delete does the rest, and removes nothing.")
            return False

        def show(report: SyncReport) -> None:
            display.end()
            _show_report(report, as_json, display.told)

        if watch:
            if delete and not (yes or kb_tools.people_are_here()):
                raise ArgumentError("nobody is here to answer when a file is gone: say --yes or --no-delete")
            kb_tools.note(f"Following {path}, every {every:g} s. Ctrl-C ends it.")
        options = _options(into, exclude, chunk, state, concurrency, engine, retry_failed, rebuild, display)
        if plan or not yes:
            options["confirm"] = confirm
        return await base.sync(
            path,
            plan=plan,
            delete=delete,
            max_delete=max_delete,
            watch=every if watch else None,
            on_report=show,
            **options,
        )

    raise typer.Exit(_carry_out(work, kb, create, base_url, api_key, as_json, plan))


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
    work: Callable[[AsyncKnowledgeBase, ProgressDisplay], Awaitable[SyncReport]],
    kb: str,
    create: bool,
    base_url: str | None,
    api_key: str | None,
    as_json: bool,
    plan: bool = False,
) -> int:
    from ..knowledge import AsyncKnowledgeBase, UnknownBaseError
    from . import kb_tools
    from .progress import show_progress

    async def main(client: AsyncDatasetClient) -> int:
        with show_progress(as_json=as_json) as display:
            try:
                report = await work(AsyncKnowledgeBase(client, kb, create=create), display)
            except UnknownBaseError as error:
                raise error if create else UnknownBaseError(f"{error}\n--create makes it.") from None
        if report.applied or plan:
            _show_report(report, as_json, display.told)
        return 0 if report.ok and (report.applied or plan) else 1

    code = kb_tools.carry_out(main, base_url, api_key)
    if code == kb_tools.INTERRUPTED and not plan:
        kb_tools.note("Interrupted. The same command goes on where it was.")
    return code


def _show_report(report: SyncReport, as_json: bool, told: Collection[str]) -> None:
    from . import kb_tools

    if as_json:
        kb_tools.data({"report": report, "ok": report.ok})
    else:
        failures = [failure for failure in report.failures if failure.path not in told]
        for failure in failures[:_SHOWN]:
            kb_tools.note(f"failed: {failure.path}: {failure.reason}")
        if len(failures) > _SHOWN:
            kb_tools.note(f"… and {len(failures) - _SHOWN} more; --json has all.")
        for reason, count in report.skipped.items():
            kb_tools.note(f"skipped: {count}, {reason}")
        print(report)
