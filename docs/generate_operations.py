"""Writes operations.md, the table of all endpoints, from the code: ``python docs/generate_operations.py [--check]``."""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

from fastgpt_client._operations import Operation, operations

PAGE = Path(__file__).with_name("operations.md")

HEAD = """# Operations

Every endpoint that the clients have, and the FastGPT endpoint behind it. Each takes and gives FastGPT's own names.
The table is made from the docstrings and from `_versions.py` by `python docs/generate_operations.py`.

- **Versions**: which FastGPT versions have it; empty where all that this SDK is for (4.8 and later) do. Older paths are
  tried by themselves.
- **Known from**: `recorded` where a real server's answer is among the recordings, else what the rest is known from.

From the command line: `fastgpt-client api --list`, and `fastgpt-client api OPERATION --help`.
"""


def page() -> str:
    parts = [HEAD]
    for client, found in groupby(operations(), key=lambda operation: operation.client):
        parts += [f"\n## {client}\n", "| method | FastGPT | versions | known from |", "|---|---|---|---|"]
        parts += [row(operation) for operation in found]
    return "\n".join(parts) + "\n"


def row(operation: Operation) -> str:
    older = "".join(f"<br>older: `{path}`" for path in operation.older_paths)
    since = [f"{operation.since}+"] if operation.since else []
    versions = ", ".join([*since, *operation.facts]).replace("``", "`")
    name = f"`{operation.name}`<br>{operation.summary}"
    return (
        f"| {name} | `{operation.method} {operation.path}`{older} | {versions} | {operation.inferred or 'recorded'} |"
    )


def main() -> int:
    text = page()
    if "--check" in sys.argv:
        if not PAGE.exists() or PAGE.read_text("utf-8") != text:
            print(f"{PAGE.name} is out of date: run python docs/generate_operations.py", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
