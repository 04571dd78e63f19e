"""Options that many commands have."""

from __future__ import annotations

from typing import Annotated

import typer

BaseUrl = Annotated[str | None, typer.Option(help="Where FastGPT is.", envvar="FASTGPT_BASE_URL", show_envvar=True)]
ApiKey = Annotated[
    str | None, typer.Option(help="The API key.", envvar="FASTGPT_API_KEY", show_envvar=True, show_default=False)
]
App = Annotated[
    str | None,
    typer.Option(help="The app's id, where the key does not say it.", envvar="FASTGPT_APP_ID", show_envvar=True),
]
