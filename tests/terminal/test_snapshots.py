"""What the screen looks like, as texts in ``snapshots/``. ``SNAPSHOTS=new pytest tests/terminal`` writes them anew."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input

from fastgpt_client.local import LocalServer, workflow
from fastgpt_client.tui.chat import Answer

from .test_chat import RULES
from .test_tui import idle, opened, say, titles, until

SNAPSHOTS = Path(__file__).parent / "snapshots"
SIZES = {"narrow": (60, 20), "medium": (90, 24), "wide": (130, 24)}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalServer]:
    monkeypatch.setattr(workflow, "seconds", lambda spent: 0)  # nodes take no time: longer ones are wrapped otherwise
    with LocalServer(script=RULES, delay=0) as server:
        yield server


def text_of(app: App[None]) -> str:
    """What is on the screen, dialogs above the rest."""
    size = app.size
    console = Console(
        width=size.width, height=size.height, file=io.StringIO(), force_terminal=True, record=True, legacy_windows=False
    )
    drawn = app.screen._compositor.render_update(full=True, screen_stack=app._background_screens)
    console.print(drawn)
    lines = [line.rstrip() for line in console.export_text().rstrip().splitlines()]
    return "\n".join(lines) + "\n"


async def matches(pilot: Pilot[None], name: str) -> None:
    await pilot.pause()
    path, now = SNAPSHOTS / f"{name}.txt", text_of(pilot.app)
    if os.environ.get("SNAPSHOTS") == "new":
        path.write_text(now, "utf-8")
    assert now == path.read_text("utf-8")


@pytest.mark.parametrize("size", SIZES)
def test_the_screen(server: LocalServer, size: str) -> None:
    async def whole() -> None:
        async with opened(server, size=SIZES[size]) as pilot:
            pilot.app.query_one("#prompt").cursor_blink = False  # type: ignore[attr-defined]
            await say(pilot, "Which colour?")
            await until(pilot, lambda: idle(pilot) and titles(pilot) and pilot.app.query(".sources"))
            await matches(pilot, f"answer-{size}")
            await say(pilot, "broken")
            await until(pilot, lambda: idle(pilot) and pilot.app.query(".failure"))
            await matches(pilot, f"failure-{size}")

    asyncio.run(whole())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("asked", ["form", "choose"])
def test_dialogs(server: LocalServer, asked: str, size: str) -> None:
    async def whole() -> None:
        async with opened(server, size=SIZES[size]) as pilot:
            await say(pilot, asked)
            await until(pilot, lambda: len(pilot.app.screen_stack) == 2 and pilot.app.screen.query("*:focus"))
            for each in pilot.app.screen.query(Input):
                each.cursor_blink = False
            if asked == "form":
                await pilot.press("ctrl+s")
            await matches(pilot, f"{asked}-{size}")

    asyncio.run(whole())


def test_a_snapshot_can_fail(server: LocalServer) -> None:
    async def whole() -> None:
        async with opened(server, size=SIZES["narrow"]) as pilot:
            with pytest.raises(AssertionError):
                await matches(pilot, "answer-narrow")
            assert not pilot.app.query(Answer)

    if os.environ.get("SNAPSHOTS") != "new":
        asyncio.run(whole())
