"""The command line: parse, call, show. Data goes to stdout, everything else to stderr.

Exit codes: 0 done, 1 it failed, 2 used wrongly or not configured, 130 interrupted.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point of ``fastgpt-client``."""
    try:
        from .app import app
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in ("typer", "rich", "click"):
            raise
        print(f"The command line needs {error.name!r}: install fastgpt-client[cli] (or [all]).", file=sys.stderr)
        raise SystemExit(2) from None
    app()
