"""One run over a folder: scan it, compare it with what is on the server, carry out what is to be done."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ..errors import FastGPTError
from .apply import Applier
from .calls import Server
from .plan import Plan, Step, iter_steps, make_plan
from .progress import OnProgress, Progress
from .rebuild import rebuild
from .scan import Entry, Skipped, hash_link, scan_folder
from .settings import digest, load_settings
from .state import State, StateError, default_path

T = TypeVar("T")

_BATCH = 500
_FEW = 10  # removals that nobody needs to confirm


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A file that could not be put in, and why. The next run tries it again."""

    path: str
    reason: str


class SyncReport(msgspec.Struct, kw_only=True):
    """What a run has done. ``applied`` is False where it was only planned.

    ``skipped``: how many files were left out, by reason. ``rows``: of tables of questions, how many were sent; of these
    the server did not take ``refused_rows`` (older servers: those that are too long, or twice in a request).
    """

    plan: Plan
    applied: bool = False
    failures: list[Failure] = []
    skipped: dict[str, int] = {}
    rows: int = 0
    refused_rows: int = 0
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.failures

    def __str__(self) -> str:
        failed = f"  ✗ {len(self.failures)} failed" if self.failures else ""
        skipped = f"  ({sum(self.skipped.values())} skipped)" if self.skipped else ""
        refused = f" ({self.refused_rows} refused by the server)" if self.refused_rows else ""
        rows = f", {self.rows} rows{refused}" if self.rows else ""
        return f"{self.plan}{failed}{skipped}{rows} in {self.seconds:.1f} s"


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be put in: a folder, some files of it, or links.

    ``only``: paths in the folder; None for all of it. ``links``: pages instead of files.
    """

    folder: Path
    only: list[str] | None = None
    links: list[str] = []


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """How it is to be put in: see ``AsyncKnowledgeBase.sync``."""

    delete: bool = False
    max_delete: int | None = None
    plan_only: bool = False
    failed_only: bool = False
    rebuild: bool = False
    into: str = ""
    exclude: Sequence[str] = ()
    chunks: Mapping[str, object] = {}
    state: Path | None = None
    confirm: Callable[[Plan, Iterable[Step]], bool] | None = None
    on_progress: OnProgress | None = None


class RemovalRefusedError(FastGPTError):
    """More would be removed than may be; nothing was changed. ``plan``: what would be done."""

    def __init__(self, message: str, plan: Plan) -> None:
        super().__init__(message)
        self.plan = plan


async def run(server: Server, source: Source, wishes: Wishes) -> SyncReport:
    """Do it once. A knowledge base without an id is not there yet: it can only be planned for.

    Raises:
        StateError: Another run is at work with this folder, or its state cannot be written.
        RemovalRefusedError: More would be removed than may be.
        ArgumentError: There is no such folder, or its settings cannot be right.
        FastGPTError: It cannot go on: the key is refused, nobody answers. The next run goes on from here.
    """
    begun = time.monotonic()
    settings = load_settings(source.folder, wishes.exclude, wishes.chunks)
    into = "/".join(filter(None, wishes.into.split("/")))
    name = ("links of " if source.links else "") + settings.name + (f" in {into}" if into else "")
    try:
        path = (wishes.state or default_path(source.folder)) if server.datasetId else ":memory:"
    except OSError as error:
        raise StateError(f"no state can be kept in {source.folder}: {error.strerror}; name a file for it") from error
    try:
        with State(path) as state:
            state.choose(server.client.base_url, server.datasetId, name)
            applier = Applier(server, state, source.folder, name, into, settings.chunks, wishes.on_progress)
            report = await _run(server, state, applier, source, wishes, settings.exclude, digest(settings.chunks))
    except sqlite3.Error as error:
        raise StateError(f"the state in {path} cannot be written: {error}") from error
    report.seconds = round(time.monotonic() - begun, 3)
    return report


async def _run(
    server: Server,
    state: State,
    applier: Applier,
    source: Source,
    wishes: Wishes,
    exclude: Sequence[str],
    settings: str,
) -> SyncReport:
    if server.datasetId and (wishes.rebuild or not state.known_before):
        state.forget()
        links = settings if source.links else None
        await rebuild(server, state, applier.source, applier.into, links, wishes.on_progress)
        state.learned()
    else:
        applier.look_first = True
    if not wishes.plan_only:
        await applier.resume()
        await applier.count_again()
    whole = source.only is None and not source.links
    skipped, unread = await _scan(state, source, exclude, settings, wishes.on_progress)
    plan = make_plan(state, whole=whole, delete=wishes.delete, failed_only=wishes.failed_only)
    report = SyncReport(plan=plan, skipped=skipped, failures=unread)
    if not wishes.plan_only:
        _check_removals(plan, source.folder, wishes)
    go_on = plan.empty or wishes.confirm is None or wishes.confirm(plan, all_steps(state))
    if wishes.plan_only or not go_on:
        return report
    if whole:
        state.forget_gone()
    total = plan.add + plan.change + plan.rename
    await applier.apply(iter_steps(state, "rename"), total)
    await applier.apply(iter_steps(state, "add", "change"), total)
    for step in iter_steps(state, "remove"):
        state.leave(step.path)
    await applier.remove()
    if plan.remove or plan.rename:
        await applier.remove_empty_folders()
    await applier.look_again()
    state.take_times()
    report.applied = True
    report.failures += [Failure(path=path, reason=reason) for path, reason in state.failures()]
    report.rows, report.refused_rows = applier.sent_rows, applier.refused_rows
    return report


def _check_removals(plan: Plan, folder: Path, wishes: Wishes) -> None:
    """A disk that is not mounted, or another folder of this name, must not empty a knowledge base."""
    most = wishes.max_delete
    if most is None and wishes.confirm is None:
        most = max(plan.there // 2, _FEW)
    if most is None or plan.remove <= most:
        return
    left = plan.there - plan.remove
    raise RemovalRefusedError(
        f"{str(folder)!r} has {left} of the {plan.there} files that were put in from it: {plan.remove} would be "
        f"removed, and at most {most} may be. Nothing was changed. "
        "Is all of it there, and is it the right folder? (Another one of this name needs a name of its own, in "
        f"fastgpt-kb.toml.) If it is meant, say so with max_delete={plan.remove} (--max-delete {plan.remove}).",
        plan,
    )


def all_steps(state: State) -> Iterable[Step]:
    """What is to be done, by path."""
    return iter_steps(state, "add", "change", "rename", "remove")


async def _scan(
    state: State, source: Source, exclude: Sequence[str], settings: str, on_progress: OnProgress | None
) -> tuple[dict[str, int], list[Failure]]:
    """Write down what is in the folder; how many files are left out and why, and which cannot be read."""
    state.clear_scan()
    skipped: Counter[str] = Counter()
    unread: list[Failure] = []
    loop, stopped = asyncio.get_running_loop(), threading.Event()

    def work() -> None:
        entries: Iterable[Entry | Skipped]
        if source.links:
            entries = [Entry(path=link, kind="link", hash=hash_link(link)) for link in dict.fromkeys(source.links)]
        else:
            entries = scan_folder(source.folder, exclude, state.known, only=source.only)
        done, each = 0, iter(entries)
        while not stopped.is_set() and (batch := list(islice(each, _BATCH))):
            found = [entry for entry in batch if isinstance(entry, Entry)]
            state.add_scanned(found, settings)
            for entry in batch:
                if isinstance(entry, Entry):
                    continue
                if entry.reason == "cannot be read" or source.only is not None:
                    # It is not gone: what there is of it stays as it is.
                    state.keep_scanned(entry.path)
                    unread.append(Failure(path=entry.path, reason=entry.reason))
                else:
                    skipped[entry.reason] += 1
            done += len(found)
            if on_progress is not None:
                event = Progress(phase="scan", done=done, item=batch[-1].path)
                loop.call_soon_threadsafe(on_progress, event)

    await _in_thread(work, stopped)
    return dict(skipped), unread


async def _in_thread(work: Callable[[], T], stopped: threading.Event) -> T:
    """Run this in a thread, which is told when nobody waits for it any more, and waited for."""
    task: asyncio.Future[Any] = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    finally:
        if not task.done():
            stopped.set()
            await asyncio.wait([task])
