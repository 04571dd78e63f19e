"""The commands and their options. What a command does is in the module of its name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .._session import DEFAULT_BASE_URL
from .._version import __version__

app: typer.Typer = typer.Typer(
    help="FastGPT from the command line, and a local FastGPT-compatible server.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a traceback with local variables would show keys
    context_settings={"help_option_names": ["-h", "--help"]},
)

BaseUrl = Annotated[str | None, typer.Option(help="Where FastGPT is.", envvar="FASTGPT_BASE_URL", show_envvar=True)]
ApiKey = Annotated[
    str | None, typer.Option(help="The API key.", envvar="FASTGPT_API_KEY", show_envvar=True, show_default=False)
]
App = Annotated[
    str | None,
    typer.Option(help="The app's id, where the key does not say it.", envvar="FASTGPT_APP_ID", show_envvar=True),
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
    chat_id: Annotated[str | None, typer.Option(help="Go on with this conversation.")] = None,
) -> None:
    """Talk with an app. Ctrl-C stops the answer, Ctrl-D leaves."""
    from .chat import talk

    raise typer.Exit(
        talk(question, base_url or DEFAULT_BASE_URL, api_key, app, chat_id, configured=bool(base_url or api_key))
    )


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
        str, typer.Option(metavar="4.11|4.14|4.16", help="The FastGPT version that the server stands for.")
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
