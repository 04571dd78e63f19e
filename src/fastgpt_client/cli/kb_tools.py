"""What the ``kb`` commands do: call ``knowledge/``, and show what it gives. Data on stdout, the rest on stderr."""

from __future__ import annotations

import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

from .. import knowledge
from .._session import DEFAULT_BASE_URL
from ..api.datasets import SearchMode
from ..clients import AsyncDatasetClient
from ..errors import ArgumentError, FastGPTError, NotFoundError
from ..knowledge.duplicates import By, Keep
from .notes import NO_SERVER
from .output import dumped
from .progress import show_progress

STUCK, FAILED, INTERRUPTED = 3, 4, 130
_SHOWN_ROWS = 1000
_SHOWN_FAILURES = 20
_SHOWN_LETTERS = 300

Work: TypeAlias = Callable[[AsyncDatasetClient], Awaitable[int]]


def carry_out(work: Work, base_url: str | None, api_key: str | None) -> int:
    """Run a command; returns its exit code."""
    if not (base_url or api_key):
        print(NO_SERVER, file=sys.stderr)
        return 2
    try:
        return knowledge.run_blocking(work, api_key, base_url or DEFAULT_BASE_URL)
    except (ArgumentError, knowledge.UnknownBaseError, knowledge.AmbiguousBaseError) as error:
        note(str(error))
        return 2
    except FastGPTError as error:
        note(f"{type(error).__name__}: {error}")
    except BrokenPipeError:  # head has seen enough; typer ends quietly
        raise
    except OSError as error:
        note(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except KeyboardInterrupt:
        return INTERRUPTED
    return 1


def note(text: str) -> None:
    """Say something to people."""
    print(text, file=sys.stderr)


def data(value: object) -> None:
    """A line for machines."""
    print(dumped(value), flush=True)


def out() -> Console | None:
    """For tables and trees, where stdout is a terminal."""
    console = Console(highlight=False)
    return console if console.is_terminal else None


def people_are_here() -> bool:
    """Whether somebody can answer."""
    return sys.stdin.isatty()


def confirmed(question: str, *, yes: bool) -> bool:
    """Whether to go on; asks people, and nobody else."""
    if yes:
        return True
    if not people_are_here():
        raise ArgumentError(f"{question} Nobody is here to answer: say --yes if you mean it")
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # asyncio's would wait for the answer
    try:
        return typer.confirm(question, err=True)
    except typer.Abort:
        raise KeyboardInterrupt from None
    finally:
        signal.signal(signal.SIGINT, handler)


# --- the commands


def list_bases(as_json: bool) -> Work:
    async def work(client: AsyncDatasetClient) -> int:
        bases = [base async for base in knowledge.iter_bases(client)]
        console = out()
        if as_json or console is None:
            for base in bases:
                data(base) if as_json else print(base.path, base.type, base.id, sep="\t")
            return 0
        table = Table("knowledge base", "type", "id", box=None, pad_edge=False)
        for base in bases:
            table.add_row(escape(base.path), f"[dim]{base.type}[/dim]", base.id)
        console.print(table)
        return 0

    return work


def create(name: str, folder: str | None, intro: str, vector_model: str | None, agent_model: str | None) -> Work:
    async def work(client: AsyncDatasetClient) -> int:
        path = "/".join(filter(None, [*(folder or "").split("/"), name]))
        async for base in knowledge.iter_bases(client):
            if base.path == path and base.type != "folder":
                raise ArgumentError(
                    f"{path} is there already ({base.id}); two of one name can only be told by their ids"
                )
        made = await knowledge.create_base(
            client, name, folder=folder, intro=intro, vectorModel=vector_model, agentModel=agent_model
        )
        note(f"{made.path} is there.")
        print(made.id)
        return 0

    return work


def show(name: str, as_json: bool) -> Work:
    async def work(client: AsyncDatasetClient) -> int:
        base = await knowledge.find_base(client, name)
        console = out()
        if as_json or console is None:
            folders = collections = chunks = 0
            async for row in knowledge.walk(client, base.id, ordered=False):
                data(row) if as_json else print(row.path, row.chunks, row.state, sep="\t")
                folders += row.type == "folder"
                collections += row.type != "folder"
                chunks += row.chunks
            note(f"{base.path}: {folders} folders, {collections} collections, {chunks} chunks.")
            return 0
        rows: list[knowledge.TreeRow] = []
        async for row in knowledge.walk(client, base.id):
            rows.append(row)
            if len(rows) > _SHOWN_ROWS:
                break
        console.print(as_tree(base, rows[:_SHOWN_ROWS]))
        if len(rows) > _SHOWN_ROWS:
            note(f"Only the first {_SHOWN_ROWS} are shown; --json gives all, as they come.")
        return 0

    return work


def as_tree(base: knowledge.Base, rows: list[knowledge.TreeRow]) -> Tree:
    """Rows as people like to see them."""
    chunks = sum(row.chunks for row in rows)
    tree = Tree(f"[bold]{escape(base.path)}[/bold] [dim]{base.id}, {chunks} chunks[/dim]", guide_style="dim")
    colours = {"ready": "green", "training": "yellow", "failed": "red"}
    branches = {None: tree, "": tree}
    for row in rows:
        branch = branches.get(row.parentId, tree)
        if row.type == "folder":
            branches[row.id] = branch.add(f"[bold blue]{escape(row.name)}/[/bold blue]")
            continue
        waiting = f", {row.waiting} waiting" if row.waiting else ""
        off = ", not searched" if row.forbid else ""
        tags = "".join(f" #{escape(tag)}" for tag in row.tags)
        counts = f"[dim]{row.chunks} chunks{waiting}{off}{tags}[/dim]"
        branch.add(f"{escape(row.name)} [{colours[row.state]}]{row.state}[/] {counts}")
    return tree


def remove(name: str, yes: bool) -> Work:
    async def work(client: AsyncDatasetClient) -> int:
        base = await knowledge.find_base(client, name)
        if not confirmed(f"Delete {base.path} ({base.id}) with all that is in it?", yes=yes):
            note("Nothing was deleted.")
            return 1
        await client.delete_dataset(base.id)
        note(f"{base.path} is deleted.")
        return 0

    return work


def wait(
    name: str, collections: list[str] | None, timeout: float | None, stuck_after: float, retry: bool, as_json: bool
) -> Work:
    async def work(client: AsyncDatasetClient) -> int:
        base = await knowledge.find_base(client, name)
        if retry:
            tried = await knowledge.retry_failed(client, base.id, collections)
            note(f"{len(tried)} chunks are tried again.")
        with show_progress(as_json=as_json) as on_progress:
            report = await knowledge.wait_trained(
                client, base.id, collections, timeout=timeout, stuck_after=stuck_after, on_progress=on_progress
            )
        if as_json:
            data({"report": report})
        return await tell_training(client, base.path, report)

    return work


async def tell_training(client: AsyncDatasetClient, name: str, report: knowledge.TrainingReport) -> int:
    """The summary of a training, and its exit code."""
    failures, unfinished = report.failures[:_SHOWN_FAILURES], report.unfinished[:_SHOWN_FAILURES]
    ids = [*(each.collectionId for each in failures), *(each.collectionId for each in unfinished)]
    called = {each: await _name_of(client, each) for each in dict.fromkeys(ids)}
    for failure in failures:
        where = f"{called[failure.collectionId]}, chunk {failure.chunkIndex} ({failure.mode})"
        text = f" {failure.q[:60]!r}" if failure.q else ""
        note(f"failed: {where}: {failure.error}{text}")
    if len(report.failures) > _SHOWN_FAILURES:
        note(f"… and {len(report.failures) - _SHOWN_FAILURES} more; --json has all.")
    for each in unfinished:
        note(f"{each.step}: {called[each.collectionId]}: {each.active} left, {each.trained} done")
    if len(report.unfinished) > _SHOWN_FAILURES:
        note(f"… and {len(report.unfinished) - _SHOWN_FAILURES} more; --json has all.")
    words = {
        "trained": "all is trained",
        "failed": f"{len(report.failures)} chunks could not be trained; kb wait --retry tries them again",
        "stuck": f"nothing moves any more; {sum(each.active for each in report.unfinished)} chunks are left",
        "timeout": f"not trained in time; {sum(each.active for each in report.unfinished)} chunks are left",
    }
    note(f"{name}: {words[report.state]} ({report.seconds:.1f} s).")
    return {"trained": 0, "failed": FAILED}.get(report.state, STUCK)


async def _name_of(client: AsyncDatasetClient, collectionId: str) -> str:
    """What a collection is called, with its id."""
    try:
        return f"{(await client.get_collection(collectionId)).data.name} ({collectionId})"
    except NotFoundError:
        return collectionId


def search(
    question: str,
    names: list[str],
    top: int,
    mode: SearchMode,
    tokens: int | None,
    similarity: float | None,
    rerank: bool,
    as_json: bool,
) -> Work:
    async def work(client: AsyncDatasetClient) -> int:
        bases = {base.id: base for base in [await knowledge.find_base(client, name) for name in names]}
        hits = await knowledge.search_bases(
            client,
            list(bases),
            question,
            top=top,
            mode=mode,
            tokens=tokens,
            similarity=similarity,
            rerank=rerank or None,
        )
        console = out()
        if console is None or as_json:
            for hit in hits:
                data(hit) if as_json else print(hit.rank, _scores(hit), hit.sourceName, _one_line(hit), sep="\t")
        else:
            table = Table("", "scores", "source", "chunk", box=None, pad_edge=False, padding=(0, 2, 1, 0))
            for hit in hits:
                base = bases.get(hit.datasetId)
                source = f"{escape(hit.sourceName)}\n[dim]{escape(base.path) if base else hit.datasetId}[/dim]"
                scores = f"[cyan]{_scores(hit).replace(' ', chr(10))}[/cyan]"
                table.add_row(str(hit.rank), scores, source, escape(_one_line(hit)))
            console.print(table)
        if not hits:
            note("Nothing fits.")
        return 0

    return work


def _scores(hit: knowledge.FoundChunk) -> str:
    return " ".join(f"{kind}={value:.3f}" for kind, value in hit.scores.items())


def _one_line(hit: knowledge.FoundChunk) -> str:
    text = " ".join(f"{hit.q} {hit.a}".split())
    return text if len(text) <= _SHOWN_LETTERS else f"{text[: _SHOWN_LETTERS - 1]}…"


def export(name: str, file: Path, indexes: bool, concurrency: int, as_json: bool) -> Work:
    async def work(client: AsyncDatasetClient) -> int:
        base = await knowledge.find_base(client, name)
        with show_progress(as_json=as_json) as on_progress:
            report = await knowledge.export_base(
                client, base.id, file, indexes=indexes, concurrency=concurrency, on_progress=on_progress
            )
        if as_json:
            data({"report": report})
        for path in report.incomplete:
            note(f"not all of {path} is trained: what is not is missing")
        counts = f"{report.folders} folders, {report.collections} collections, {report.chunks} chunks"
        note(f"{base.path}: {counts} in {report.file}.")
        return 0

    return work


def import_(
    file: Path,
    name: str,
    create: bool,
    state: Path | None,
    concurrency: int,
    wait: bool,
    timeout: float | None,
    stuck_after: float,
    as_json: bool,
) -> Work:
    async def work(client: AsyncDatasetClient) -> int:
        base = await knowledge.ensure_base(client, name, create=create)
        with show_progress(as_json=as_json) as on_progress:
            report = await knowledge.import_base(
                client,
                base.id,
                file,
                state=state,
                concurrency=concurrency,
                wait=wait,
                timeout=timeout,
                stuck_after=stuck_after,
                on_progress=on_progress,
            )
        if as_json:
            data({"report": report})
        for difference in report.differences[:_SHOWN_FAILURES]:
            note(difference)
        refused = f", {report.refused} refused" if report.refused else ""
        counts = f"{report.folders} folders, {report.collections} collections, {report.chunks} chunks{refused}"
        note(f"{base.path}: {counts} from {file}.")
        code = await tell_training(client, base.path, report.training) if report.training else 0
        return code or int(bool(report.differences))

    return work


def dedupe(name: str, by: By, keep: Keep, plan: bool, yes: bool, as_json: bool) -> Work:
    async def work(client: AsyncDatasetClient) -> int:
        base = await knowledge.find_base(client, name)
        with show_progress() as on_progress:
            groups = await knowledge.find_duplicates(client, base.id, by=by, on_progress=on_progress)
        surplus = [row for group in groups for row in group.surplus(keep)]
        for group in groups:
            gone = group.surplus(keep)
            for row in group.copies:
                verdict = "delete" if row in gone else "keep"
                if as_json:
                    data({"action": verdict, "path": row.path, "id": row.id, "chunks": row.chunks})
                else:
                    print(verdict, row.path, row.id, f"{row.chunks} chunks", sep="\t")
        if plan or not surplus:
            note(f"{base.path}: {len(surplus)} collections are too many.")
            return 0
        if not confirmed(f"Delete {len(surplus)} collections of {base.path}?", yes=yes):
            note("Nothing was deleted.")
            return 1
        with show_progress() as on_progress:
            removed = await knowledge.remove_duplicates(client, groups, keep=keep, on_progress=on_progress)
        note(f"{base.path}: {len(removed)} collections are deleted.")
        return 0

    return work
