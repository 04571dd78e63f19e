"""Make the pictures of `chat` and `tui` in docs/pictures/ from real runs against the local server.

Needs `chromium`, Pillow, and a monospaced font with Chinese letters.
"""

from __future__ import annotations

import asyncio
import io
import re
import subprocess
import sys
from html import unescape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image
from rich.cells import cell_len
from rich.console import Console
from textual.widgets import Input

from fastgpt_client import AsyncChatClient, ChatClient
from fastgpt_client.cli.chat.views import LiveView
from fastgpt_client.local import LocalServer
from fastgpt_client.tui import ChatScreenApp
from fastgpt_client.tui.chat import Prompt

PICTURES = Path(__file__).parent / "pictures"
QUESTION = "How do I grow a tomato?"
REPLY = """## Growing tomatoes

Tomatoes turn **red** when *lycopene* builds up {cite:1}. Water them in the morning {cite:2}, at the root.

| month | what to do | 中文 |
|---|---|---|
| March | sow indoors | 播种 |
| May | plant out | 移栽 |
| August | pick | 采摘 |

```python
def ripe(tomato: Tomato) -> bool:
    return tomato.colour == "red"
```
"""
FORM = {
    "type": "userInput",
    "params": {
        "description": "Where shall we send it?",
        "inputForm": [
            {"type": "input", "key": "city", "label": "City", "required": True},
            {"type": "numberInput", "key": "boxes", "label": "Boxes", "min": 1, "max": 20},
            {
                "type": "select",
                "key": "speed",
                "label": "Speed",
                "required": True,
                "list": [{"label": "Slow", "value": "slow"}, {"label": "Fast", "value": "fast"}],
            },
            {"type": "password", "key": "pin", "label": "Customer PIN", "required": True},
        ],
    },
}
SCRIPT: dict[str, Any] = {
    "rules": [
        {
            "match": "tomato",
            "reasoning": "The user wants to grow tomatoes. I look into the handbook, and answer briefly.",
            "quotes": [
                {"q": "Tomatoes turn red when lycopene builds up.", "sourceName": "Tomatoes.pdf"},
                {"q": "Water them in the morning.", "sourceName": "园艺手册.md"},
            ],
            "reply": REPLY,
        },
        {"match": "order", "interactive": FORM},
    ]
}


def _as_wide_as_it_is(text: re.Match[str]) -> str:
    """An SVG text whose length counts Chinese letters double, which rich forgets."""
    shown = unescape(text[4])
    return f'{text[1]}textLength="{float(text[2]) * cell_len(shown) / len(shown):.1f}"{text[3]}>{text[4]}<'


def save(svg: str, name: str) -> None:
    target = PICTURES / f"{name}.png"
    width, height = map(float, re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)[0])
    svg = re.sub(r'(<text [^>]*?)textLength="([\d.]+)"([^>]*)>([^<]+)<', _as_wide_as_it_is, svg)
    with TemporaryDirectory() as folder:
        source, drawn = Path(folder) / "it.svg", Path(folder) / "it.png"
        source.write_text(svg.replace("<svg ", f'<svg width="{width}" height="{height}" ', 1), "utf-8")
        browser = ["chromium", "--headless", "--no-sandbox", "--hide-scrollbars", f"--screenshot={drawn}"]
        size = f"--window-size={round(width)},{round(height)}"
        subprocess.run([*browser, size, source.as_uri()], stderr=subprocess.DEVNULL, check=True)
        Image.open(drawn).convert("RGB").quantize(256).save(target, optimize=True)
    print(target, target.stat().st_size, file=sys.stderr)


def chat(client: ChatClient) -> None:
    console = Console(
        record=True,
        force_terminal=True,
        width=92,
        highlight=False,
        file=io.StringIO(),
        color_system="truecolor",
        _environ={"TERM": "dumb"},  # what moves is not drawn
    )
    console.print("$ fastgpt-client chat --show-thinking --trace")
    console.print(f"You: {QUESTION}")
    LiveView(console, thinking=True, trace=True).show(client.conversation().stream(QUESTION))
    save(console.export_svg(title="fastgpt-client chat"), "chat")


async def tui(client: AsyncChatClient) -> None:
    for title in ("When do the shops open?", "A poem about rain", "Compare the two offers"):
        await client.conversation().send(title)
    screen = ChatScreenApp(client)
    screen.title = "fastgpt-client tui"
    async with screen.run_test(size=(118, 36)) as pilot:

        async def say(text: str) -> None:
            screen.query_one(Prompt).insert(text)
            await pilot.press("enter")
            await pilot.pause(2)

        await say(QUESTION)
        save(screen.export_screenshot(title="fastgpt-client tui"), "tui")
        await pilot.press("ctrl+n")
        await say("I want to order")
        for field, value in (("#field0", "Oslo"), ("#field1", "99")):
            screen.screen.query_one(field, Input).value = value
        await pilot.press("ctrl+s")
        await pilot.pause(1)
        save(screen.export_screenshot(title="fastgpt-client tui"), "form")
        await pilot.press("escape")
        await pilot.pause(1)


async def main() -> None:
    with LocalServer(script=SCRIPT, delay=0.005) as server, ChatClient(server.api_key, server.base_url) as client:
        chat(client)
    with LocalServer(script=SCRIPT, delay=0.005) as server:
        async with AsyncChatClient(server.api_key, server.base_url) as client:
            await tui(client)


if __name__ == "__main__":
    asyncio.run(main())
