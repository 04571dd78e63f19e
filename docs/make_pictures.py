"""Make the pictures of the command line in docs/pictures/ from real runs against the local server."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from unittest.mock import patch

from rich.console import Console

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


if __name__ == "__main__":
    main()
