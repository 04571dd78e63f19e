"""``fastgpt-client kb …``: knowledge bases from the shell. What a command does is in ``knowledge/``."""

from __future__ import annotations

import typer

kb: typer.Typer = typer.Typer(help="Knowledge bases: fill, follow a folder, wait, search, move.", no_args_is_help=True)
