"""The command line: parse, call, show. Data goes to stdout, everything else to stderr.

Exit codes: 0 done, 1 it failed, 2 used wrongly or not configured, 130 interrupted.
"""

from __future__ import annotations

import io
import os
import sys


def main() -> None:
    """Entry point of ``fastgpt-client``."""
    mend_streams()
    try:
        from .app import app
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in ("typer", "rich", "click"):
            raise
        print(f"The command line needs {error.name!r}: install fastgpt-client[cli] (or [all]).", file=sys.stderr)
        raise SystemExit(2) from None
    try:
        app()
    except OSError as error:  # a full disk, a terminal that is gone
        print(f"fastgpt-client: {error}", file=sys.stderr)
        raise SystemExit(1) from None


def mend_streams() -> None:
    """Go without streams that are closed, and put ? where an encoding lacks a letter: neither is worth a traceback."""
    for name, mode, errors in (("stdin", "r", "strict"), ("stdout", "w", "replace"), ("stderr", "w", "replace")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)
