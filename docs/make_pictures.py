"""Make the pictures of the command line in docs/pictures/ from real runs against the local server."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
from contextlib import suppress
from pathlib import Path
from unittest.mock import patch

from rich.console import Console
from rich.text import Text

from fastgpt_client import AsyncDatasetClient
from fastgpt_client.cli import kb_tools
from fastgpt_client.knowledge import create_base, run_blocking, wait_trained
from fastgpt_client.local import LocalServer

PICTURES = Path(__file__).parent / "pictures"
SVG = """<svg viewBox="0 0 {terminal_width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>.{unique_id}-matrix {{ font: {char_height}px/{line_height}px Menlo, Consolas, monospace; }} {styles}</style>
<defs>{lines}</defs>
<rect width="100%" height="100%" rx="8" fill="#0d1117"/>
<g transform="translate(14, 20)">{backgrounds}<g class="{unique_id}-matrix">{matrix}</g></g>
</svg>
"""
SCRIPT = {
    "rules": [
        {"match": "price list", "training": {"error": "429 Rate limit reached"}},
        {"match": "minutes", "training": {"wait": 3600}},
    ]
}
TEXTS = {
    "Staff": {
        "Holidays": ["How many days off are there? Twenty-five, and all public holidays.", "Days off move to March."],
        "Travel": ["Who pays for the train? The company does, second class."],
    },
    "Sales": {"Prices": ["The price list of 2027", "Rebates start at ten pieces."], "Minutes": ["minutes of May"]},
}


async def fill(client: AsyncDatasetClient) -> str:
    base = await create_base(client, "Handbook", folder="Company")
    for folder, collections in TEXTS.items():
        parent = (await client.create_collection(base.id, folder, "folder")).data
        for name, chunks in collections.items():
            made = (await client.create_collection(base.id, name, parentId=parent, tags=["2027"])).data
            await client.push_data(made, [{"q": chunk} for chunk in chunks])
    await wait_trained(client, base.id, timeout=1)
    return base.id


def save(console: Console, name: str) -> None:
    target = PICTURES / f"{name}.svg"
    console.save_svg(str(target), title="", code_format=SVG, unique_id=name)
    print(target, target.stat().st_size, file=sys.stderr)


def on_a_terminal(words: list[str], typed: str, until: str, environment: dict[str, str], folder: Path) -> str:
    """What stands on a terminal, as ANSI, when a command that asks once has come to a line like this."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 90, 0, 0))
    command = [sys.executable, "-m", "fastgpt_client", *words]
    environment = {**os.environ, **environment, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, cwd=folder)
    os.close(theirs)
    lines, row, written, screen = [""], 0, "", ""
    with suppress(OSError):  # it has ended
        while data := os.read(ours, 65536):
            written += data.decode()
            if written.endswith("[y/N]: "):
                os.write(ours, typed.encode())
            if not screen:
                lines, row = [""], 0
                for part in re.finditer(r"\x1b\[([?\d;]*)([A-Za-z])|(\n|\r)|([^\x1b\n\r]+)", written):
                    number, verb, move, letters = part.groups()
                    if verb == "A":
                        row -= int(number or 1)
                    elif verb == "K":
                        lines[row] = ""
                    elif verb == "m" or letters:
                        lines[row] += part[0]
                    elif move == "\n":
                        row += 1
                        lines += [""] * (row == len(lines))
                if re.search(until, Text.from_ansi("\n".join(lines)).plain):
                    screen = "\n".join(lines).rstrip()
    os.close(ours)
    assert process.wait() == 0, written
    assert screen, written
    return screen


def follow(server: LocalServer) -> str:
    """A folder that was put in and has changed since is synced."""
    environment = {"FASTGPT_BASE_URL": server.base_url, "FASTGPT_API_KEY": server.api_key}
    words = ["kb", "sync", "docs", "--kb", "Guide"]
    with tempfile.TemporaryDirectory() as home:
        docs = Path(home, "docs")
        docs.mkdir()
        for number in range(600):
            (docs / f"page {number:03}.md").write_text(f"This is page {number} of the guide.")
        command = [sys.executable, "-m", "fastgpt_client", *words, "--create"]
        subprocess.run(command, env={**os.environ, **environment}, cwd=home, check=True)
        for number in range(600):
            page = docs / f"page {number:03}.md"
            if number < 3:
                page.unlink()
            elif number < 9:
                page.rename(docs / f"chapter {number}.md")
            elif number < 250:
                page.write_text(f"This is the new page {number} of the guide.")
        shown = on_a_terminal(words, "y\n", r"training .* [1-9]\d% ", environment, Path(home))
    return f"$ fastgpt-client {' '.join(words)}\n{shown}"


def recorder() -> Console:
    return Console(record=True, force_terminal=True, width=100, highlight=False, file=io.StringIO())


def main() -> None:
    with LocalServer(training_delay=0.2, script=SCRIPT) as server:
        run_blocking(fill, server.api_key, server.base_url)
        for name, work in {
            "kb-show": kb_tools.show("Handbook", as_json=False),
            "kb-search": kb_tools.search(
                "How many days off?", ["Handbook"], 3, "mixedRecall", None, None, False, as_json=False
            ),
        }.items():
            console = recorder()
            with patch.object(kb_tools, "out", lambda console=console: console):
                kb_tools.carry_out(work, server.base_url, server.api_key)
            save(console, name)
    with LocalServer(training_delay=1) as server:
        console = recorder()
        console.print(Text.from_ansi(follow(server)))
        save(console, "kb-sync")


if __name__ == "__main__":
    main()
