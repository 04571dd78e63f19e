"""``fastgpt-client tui``: the chat on a whole screen."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path

from ..clients import AsyncChatClient
from ..errors import ArgumentError
from .chat.last import last_chat
from .chat.talk import checked_file
from .chat.variables import read_variables
from .notes import NO_SERVER, warnings_to


def on_terminal() -> bool:
    """Whether there is a terminal to draw on."""
    return all(stream is not None and stream.isatty() for stream in (sys.__stdin__, sys.__stdout__))


def run_tui(
    base_url: str,
    api_key: str | None,
    app: str | None,
    *,
    configured: bool,
    chat_id: str | None = None,
    last: bool = False,
    files: list[str],
    variables: list[str],
    variables_file: Path | None = None,
) -> int:
    try:
        from ..tui import ChatScreenApp
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != "textual":
            raise
        print("The screen needs 'textual': install fastgpt-client[tui] (or [all]).", file=sys.stderr)
        return 2
    if not configured:
        print(NO_SERVER, file=sys.stderr)
        return 2

    if not on_terminal():
        print("The screen needs a terminal. For pipes and scripts there is fastgpt-client chat.", file=sys.stderr)
        return 2

    async def show(known: Mapping[str, object]) -> None:
        async with AsyncChatClient(api_key, base_url, app_id=app, max_retries=1) as client:
            begin_with = last_chat(client._session) if last else chat_id  # pyright: ignore[reportPrivateUsage]
            screen = ChatScreenApp(client, begin_with, variables=known, files=files)
            with warnings_to(lambda text: screen.notify(text, severity="warning", markup=False)):
                await screen.run_async()

    try:
        files = [checked_file(path) for path in files]
        asyncio.run(show(read_variables(variables, variables_file)))
    except ArgumentError as error:
        print(error, file=sys.stderr)
        return 2
    return 0
