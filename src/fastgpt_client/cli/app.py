"""The commands and their options. What a command does is in the module of its name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .._session import DEFAULT_BASE_URL
from .._version import __version__
from .kb import kb
from .options import ApiKey, App, BaseUrl

app: typer.Typer = typer.Typer(
    help="FastGPT from the command line, and a local FastGPT-compatible server.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a traceback with local variables would show keys
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(kb, name="kb")

Files = Annotated[
    list[str] | None, typer.Option("--file", "-f", metavar="PATH", help="Show the app a file; may be repeated.")
]
Variables = Annotated[
    list[str] | None,
    typer.Option("--var", metavar="NAME=VALUE", help="A variable of the app, a text or JSON; may be repeated."),
]
VariablesFile = Annotated[
    Path | None, typer.Option("--var-file", help="Variables, as an object in a YAML or JSON file.")
]


def _version(wanted: bool) -> None:
    if wanted:
        print(f"fastgpt-client {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """FastGPT from the command line, and a local FastGPT-compatible server."""


@app.command()
def chat(
    question: Annotated[str | None, typer.Argument(help="Ask this and leave; without it, talk.")] = None,
    base_url: BaseUrl = None,
    api_key: ApiKey = None,
    app: App = None,
    new: Annotated[
        bool, typer.Option("--new", help="Begin a conversation. So it is without --resume and --last.")
    ] = False,
    resume: Annotated[
        str | None, typer.Option("--resume", "--chat-id", metavar="ID", help="Go on with this conversation.")
    ] = None,
    last: Annotated[bool, typer.Option("--last", help="Go on with the last conversation with this app.")] = False,
    file: Files = None,
    var: Variables = None,
    var_file: VariablesFile = None,
    answers: Annotated[
        Path | None,
        typer.Option(help="Answers to what the app asks back, as YAML or JSON: a list, or an object by question."),
    ] = None,
    show_thinking: Annotated[bool, typer.Option("--show-thinking", help="Show what the model thinks.")] = False,
    trace: Annotated[bool, typer.Option("--trace", help="Show the nodes that run.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the reply to one question as an object.")] = False,
    events: Annotated[
        bool, typer.Option("--events", help="With --json: every event first, a line of JSON each.")
    ] = False,
) -> None:
    """Talk with an app. Ctrl-C stops the answer, /quit leaves, /help tells more.

    The question may come from stdin. The answer goes to stdout, everything else to stderr.
    Ends with 0 when done, 1 when it failed, 2 when used wrongly.
    """
    from .chat import Wanted, run_chat

    if sum((new, resume is not None, last)) > 1:
        raise typer.BadParameter("only one of --new, --resume and --last can be meant")
    if events and not as_json:
        raise typer.BadParameter("--events goes with --json")
    wanted = Wanted(
        question=question,
        chat_id=resume,
        last=last,
        files=file or [],
        variables=var or [],
        variables_file=var_file,
        answers=answers,
        thinking=show_thinking,
        trace=trace,
        as_json=as_json,
        events=events,
    )
    raise typer.Exit(run_chat(wanted, base_url or DEFAULT_BASE_URL, api_key, app, configured=bool(base_url or api_key)))


@app.command()
def tui(
    base_url: BaseUrl = None,
    api_key: ApiKey = None,
    app: App = None,
    resume: Annotated[
        str | None, typer.Option("--resume", "--chat-id", metavar="ID", help="Begin with this conversation.")
    ] = None,
    last: Annotated[bool, typer.Option("--last", help="Begin with the last conversation with this app.")] = False,
    file: Files = None,
    var: Variables = None,
    var_file: VariablesFile = None,
) -> None:
    """Chats with an app on a whole screen: conversations, the chat, the nodes that run."""
    from .tui import run_tui

    if resume is not None and last:
        raise typer.BadParameter("only one of --resume and --last can be meant")
    raise typer.Exit(
        run_tui(
            base_url or DEFAULT_BASE_URL,
            api_key,
            app,
            configured=bool(base_url or api_key),
            chat_id=resume,
            last=last,
            files=file or [],
            variables=var or [],
            variables_file=var_file,
        )
    )


@app.command()
def doctor(
    base_url: BaseUrl = None,
    api_key: ApiKey = None,
    app: App = None,
    key_kind: Annotated[
        bool,
        typer.Option("--key-kind", help="Also ask whose key it is. Puts it into an address, which proxies may log."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Find out what is wrong between here and FastGPT. Changes nothing; safe to paste into an issue.

    Ends with 0 when all is good, 1 when there are problems.
    """
    from .doctor import run_doctor

    raise typer.Exit(run_doctor(base_url, api_key, app, key_in_url=key_kind, as_json=as_json))


@app.command(
    name="api",
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    options_metavar="",
)
def call_api(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="OPERATION --FIELD VALUE", show_default=False, help="See --list."),
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="Show all operations; with --json for machines.")] = False,
    envelope: Annotated[
        bool, typer.Option("--envelope", "--raw", help="Print the whole body, not only its data.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Yes, delete. Operations that delete want it.")] = False,
    base_url: BaseUrl = None,
    api_key: ApiKey = None,
    app: App = None,
) -> None:
    """Call any endpoint: by its name here, list_collections, or its path at FastGPT.

    Fields are FastGPT's own: --datasetId 6b04… or --dataset-id 6b04….
    @notes.txt as a value reads that file; lists and objects are JSON.
    --json FILE gives all fields as one object, --json - reads it from stdin.
    OPERATION --help tells the fields of an operation.

    Prints the answer's data as JSON, of a stream every event as a line of JSON.
    Ends with 0 when done, 1 when FastGPT refuses or fails, 2 when used wrongly.
    """
    from .api import list_operations, run_api

    if listed:
        raise typer.Exit(list_operations(as_json="--json" in (words or [])))
    if not words or words[0] in ("--help", "-h"):
        print(context.get_help())
        raise typer.Exit(0 if words else 2)
    raise typer.Exit(run_api(words, base_url, api_key, app, whole=envelope, yes=yes))


@app.command()
def serve(
    host: Annotated[
        str, typer.Option(help="The address to listen on. Beyond loopback everybody on the network can call it.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 picks a free one.")] = 3000,
    db: Annotated[
        str, typer.Option(help="SQLite file for chats, logs and knowledge bases; :memory: forgets them at the end.")
    ] = ":memory:",
    api_key: Annotated[
        list[str] | None, typer.Option(help="A key that is accepted; may be repeated. Default: fastgpt-local.")
    ] = None,
    app: Annotated[
        list[str] | None, typer.Option(help="An app, as ID or ID:kind (chat, select, form, plugin); may be repeated.")
    ] = None,
    model_url: Annotated[
        str | None, typer.Option(help="An OpenAI-compatible endpoint that answers; else a built-in responder does.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="The model's name there.")] = None,
    model_key: Annotated[
        str | None,
        typer.Option(help="The key there.", envvar="FASTGPT_MODEL_KEY", show_envvar=True, show_default=False),
    ] = None,
    embedding_url: Annotated[
        str | None, typer.Option(help="An OpenAI-compatible endpoint for vectors; else words are compared.")
    ] = None,
    embedding_model: Annotated[str | None, typer.Option(help="The embedding model's name there.")] = None,
    embedding_key: Annotated[
        str | None,
        typer.Option(help="The key there.", envvar="FASTGPT_EMBEDDING_KEY", show_envvar=True, show_default=False),
    ] = None,
    script: Annotated[
        Path | None,
        typer.Option(help="YAML or JSON file with fixed replies, delays, failures: see docs/local-server.md."),
    ] = None,
    version: Annotated[
        str, typer.Option(metavar="4.11|4.14|4.16|4.17", help="The FastGPT version that the server stands for.")
    ] = "4.16",
) -> None:
    """Run a FastGPT-compatible server for development and tests."""
    from .serve import run_server

    options = {
        "api_keys": api_key or (),
        "db": db,
        "model_url": model_url,
        "model": model,
        "model_key": model_key,
        "embedding_url": embedding_url,
        "embedding_model": embedding_model,
        "embedding_key": embedding_key,
        "script": script,
        "version": version,
    }
    raise typer.Exit(run_server(host, port, app or [], options))


@app.command()
def demo() -> None:
    """See what the SDK does: a conversation with a local server, from start to chart."""
    from .demo import run_demo

    raise typer.Exit(run_demo())
