"""``fastgpt-client kb …``: knowledge bases from the shell. What a command does is in ``knowledge/``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from . import kb_push
from .options import ApiKey, BaseUrl

kb: typer.Typer = typer.Typer(help="Knowledge bases: fill, follow a folder, wait, search, move.", no_args_is_help=True)
kb.command()(kb_push.push)
kb.command()(kb_push.sync)


class Mode(StrEnum):
    """How to search, in FastGPT's words."""

    embedding = "embedding"
    fullTextRecall = "fullTextRecall"
    mixedRecall = "mixedRecall"


class By(StrEnum):
    """What makes collections the same."""

    content = "content"
    source = "source"


class Keep(StrEnum):
    """Which copy stays."""

    oldest = "oldest"
    newest = "newest"


Name = Annotated[str | None, typer.Argument(metavar="NAME", help="Name, path (Folder/Name) or id of a knowledge base.")]
NameToo = Annotated[str | None, typer.Option("--kb", metavar="NAME", help="The same, as other commands have it.")]
NameOption = Annotated[str, typer.Option("--kb", metavar="NAME", help="Name, path or id of a knowledge base.")]
Json = Annotated[bool, typer.Option("--json", help="For machines: lines of JSON on stdout.")]
Timeout = Annotated[float | None, typer.Option(min=0, help="Seconds to wait for the training at most.")]
StuckAfter = Annotated[float, typer.Option(min=0, help="Seconds without movement after which it is stuck.")]


def _one(name: str | None, kb: str | None) -> str:
    """The knowledge base, named in either way."""
    if name and kb and name != kb:
        raise typer.BadParameter(f"two knowledge bases are named: {name!r} and {kb!r}")
    if not (named := name or kb):
        raise typer.BadParameter("name the knowledge base: NAME or --kb NAME")
    return named


@kb.command("list")
def list_(base_url: BaseUrl = None, api_key: ApiKey = None, as_json: Json = False) -> None:
    """All knowledge bases, with their paths and ids."""
    from . import kb_tools

    raise typer.Exit(kb_tools.carry_out(kb_tools.list_bases(as_json), base_url, api_key))


@kb.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is called.")],
    folder: Annotated[str | None, typer.Option(help="Path of a folder; made where it is missing.")] = None,
    intro: Annotated[str, typer.Option(help="What it is about.")] = "",
    vector_model: Annotated[str | None, typer.Option(help="The model for vectors.")] = None,
    agent_model: Annotated[str | None, typer.Option(help="The model that works on texts.")] = None,
    base_url: BaseUrl = None,
    api_key: ApiKey = None,
) -> None:
    """Make a knowledge base, and print its id."""
    from . import kb_tools

    work = kb_tools.create(name, folder, intro, vector_model, agent_model)
    raise typer.Exit(kb_tools.carry_out(work, base_url, api_key))


@kb.command()
def show(
    name: Name = None, kb: NameToo = None, base_url: BaseUrl = None, api_key: ApiKey = None, as_json: Json = False
) -> None:
    """Its folders and collections, with the number of chunks and how far they are."""
    from . import kb_tools

    raise typer.Exit(kb_tools.carry_out(kb_tools.show(_one(name, kb), as_json), base_url, api_key))


@kb.command()
def rm(
    name: Name = None,
    kb: NameToo = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    base_url: BaseUrl = None,
    api_key: ApiKey = None,
) -> None:
    """Delete a knowledge base with all that is in it. Asks first."""
    from . import kb_tools

    raise typer.Exit(kb_tools.carry_out(kb_tools.remove(_one(name, kb), yes), base_url, api_key))


@kb.command()
def wait(
    name: Name = None,
    kb: NameToo = None,
    collection: Annotated[
        list[str] | None, typer.Option(help="Only this collection, by its id; may be repeated.")
    ] = None,
    timeout: Timeout = None,
    stuck_after: StuckAfter = 600,
    retry: Annotated[bool, typer.Option("--retry", help="Put what has failed in line again first.")] = False,
    base_url: BaseUrl = None,
    api_key: ApiKey = None,
    as_json: Json = False,
) -> None:
    """Wait until all is trained. What failed is told chunk by chunk, with FastGPT's words.

    Ends with 0 when all is trained, 3 when nothing moves any more or the time is over, 4 when something failed.
    """
    from . import kb_tools

    work = kb_tools.wait(_one(name, kb), collection, timeout, stuck_after, retry, as_json)
    raise typer.Exit(kb_tools.carry_out(work, base_url, api_key))


@kb.command()
def search(
    question: Annotated[str, typer.Argument(help="What to look for.")],
    kb: Annotated[list[str], typer.Option("--kb", metavar="NAME", help="A knowledge base; may be repeated.")],
    top: Annotated[int, typer.Option(min=1, help="How many chunks.")] = 5,
    mode: Annotated[Mode, typer.Option(help="By meaning, by words, or both.")] = Mode.embedding,
    tokens: Annotated[
        int | None, typer.Option(min=1, help="How many tokens of text each may give (FastGPT's limit; 5000).")
    ] = None,
    similarity: Annotated[float | None, typer.Option(min=0, max=1, help="Leave out lower scores.")] = None,
    rerank: Annotated[bool, typer.Option("--rerank", help="Let a rerank model sort them.")] = False,
    base_url: BaseUrl = None,
    api_key: ApiKey = None,
    as_json: Json = False,
) -> None:
    """Chunks that fit a question, of one or several knowledge bases, best first."""
    from . import kb_tools

    work = kb_tools.search(question, kb, top, mode.value, tokens, similarity, rerank, as_json)
    raise typer.Exit(kb_tools.carry_out(work, base_url, api_key))


@kb.command()
def export(
    name: NameOption,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE.jsonl", help="Where to write.")],
    no_indexes: Annotated[
        bool,
        typer.Option("--no-indexes", help="Leave out the indexes that were added to chunks: much faster."),
    ] = False,
    concurrency: Annotated[int, typer.Option(min=1, help="How many requests at once.")] = 8,
    base_url: BaseUrl = None,
    api_key: ApiKey = None,
    as_json: Json = False,
) -> None:
    """Write its folders, collections and chunks into a file, without vectors, to keep or to move them."""
    from . import kb_tools

    work = kb_tools.export(name, output, not no_indexes, concurrency, as_json)
    raise typer.Exit(kb_tools.carry_out(work, base_url, api_key))


@kb.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE.jsonl", help="What kb export wrote.")],
    name: NameOption,
    create: Annotated[bool, typer.Option("--create", help="Make the knowledge base where there is none.")] = False,
    state: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where it is kept how far it is. Default: beside the file.")
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="How many collections are filled at once.")] = 4,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Do not wait for the training, and do not compare.")
    ] = False,
    timeout: Timeout = None,
    stuck_after: StuckAfter = 600,
    base_url: BaseUrl = None,
    api_key: ApiKey = None,
    as_json: Json = False,
) -> None:
    """Put an exported file into a knowledge base, wait for its training, and compare.

    Interrupted, it goes on where it stopped when it is started again; done, it does nothing more.
    Ends with 0 when all is there, 1 when something differs or failed on the way, 3 and 4 as kb wait.
    """
    from . import kb_tools

    work = kb_tools.import_(file, name, create, state, concurrency, not no_wait, timeout, stuck_after, as_json)
    raise typer.Exit(kb_tools.carry_out(work, base_url, api_key))


@kb.command()
def dedupe(
    name: NameOption,
    by: Annotated[By, typer.Option(help="The same chunks, or the same name and original text.")] = By.content,
    keep: Annotated[Keep, typer.Option(help="Which copy stays.")] = Keep.oldest,
    plan: Annotated[bool, typer.Option("--plan", help="Only show what would be deleted.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    base_url: BaseUrl = None,
    api_key: ApiKey = None,
    as_json: Json = False,
) -> None:
    """Delete collections that are there several times. Asks first."""
    from . import kb_tools

    work = kb_tools.dedupe(name, by.value, keep.value, plan, yes, as_json)
    raise typer.Exit(kb_tools.carry_out(work, base_url, api_key))
