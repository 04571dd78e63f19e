"""The ``kb`` commands, and bars."""

from __future__ import annotations

import io
import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from click.testing import Result
from rich.console import Console
from typer.testing import CliRunner

from fastgpt_client.cli import kb_tools
from fastgpt_client.cli.app import app
from fastgpt_client.cli.progress import show_progress
from fastgpt_client.knowledge import CollectionState, Progress, TrainingReport, create_base, wait_trained
from fastgpt_client.local import LocalServer

from ..conftest import KEY
from .conftest import Go

Kb = Callable[..., Result]


@pytest.fixture
def kb(knowledge_server: LocalServer) -> Kb:
    flags = ["--base-url", knowledge_server.base_url, "--api-key", KEY]
    return lambda *words, **settings: CliRunner().invoke(app, ["kb", *words, *flags], **settings)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is shown where stdout is a terminal."""
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, width=120, highlight=False)
    monkeypatch.setattr(kb_tools, "out", lambda: console)
    return shown


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def fill(go: Go, name: str, collections: dict[str, list[str]]) -> str:
    async def work(client: Any) -> str:
        base = await create_base(client, name)
        folder = (await client.create_collection(base.id, "folder", "folder")).data
        for each, chunks in collections.items():
            key = (await client.create_collection(base.id, each, parentId=folder, tags=["new"])).data
            await client.push_data(key, [{"q": q} for q in chunks])
        await wait_trained(client, base.id, stuck_after=0.4)
        return base.id

    return go(work)


def test_made_listed_and_deleted(kb: Kb, terminal: io.StringIO) -> None:
    made = kb("create", "Made here", "--folder", "By command", "--intro", "x")
    assert made.exit_code == 0
    assert re.fullmatch(r"[0-9a-f]{24}\n", made.stdout)
    assert "By command/Made here is there" in made.stderr
    assert kb("list").exit_code == 0
    assert "By command/Made here" in plain(terminal.getvalue())
    again = kb("create", "Made here", "--folder", "/By command/")
    assert again.exit_code == 2
    assert f"By command/Made here is there already ({made.stdout.strip()})" in again.stderr
    assert kb("rm", "Made here", "--yes").exit_code == 0
    gone = kb("rm", "Made here", "--yes")
    assert gone.exit_code == 2
    assert "there is no knowledge base called 'Made here'" in gone.stderr


def test_lists_for_machines(kb: Kb) -> None:
    key = kb("create", "For machines").stdout.strip()
    assert f"For machines\tdataset\t{key}\n" in kb("list").stdout
    rows = [json.loads(line) for line in kb("list", "--json").stdout.splitlines()]
    assert {"id": key, "name": "For machines", "path": "For machines", "type": "dataset", "intro": ""} in rows


def test_deleting_asks_people_and_refuses_machines(kb: Kb, monkeypatch: pytest.MonkeyPatch) -> None:
    kb("create", "Kept")
    refused = kb("rm", "Kept")
    assert refused.exit_code == 2
    assert "say --yes" in refused.stderr
    monkeypatch.setattr(kb_tools, "confirmed", lambda question, *, yes: "with all that is in it" not in question)
    kept = kb("rm", "Kept")
    assert kept.exit_code == 1
    assert "Nothing was deleted" in kept.stderr
    assert "Kept" in kb("list").stdout


def test_people_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    asked: list[str] = []
    monkeypatch.setattr(typer, "confirm", lambda question, err: asked.append(question) or err)
    assert kb_tools.confirmed("Sure?", yes=False)
    assert kb_tools.confirmed("Not asked", yes=True)
    assert asked == ["Sure?"]


def test_the_tree(kb: Kb, go: Go, terminal: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(go, "Shown", {"good [x]": ["one", "two"], "bad": ["fine", "broken"], "stuck": ["stuck"]})
    assert kb("show", "Shown").exit_code == 0
    tree = plain(terminal.getvalue())
    assert re.search(r"Shown [0-9a-f]{24}, 3 chunks\n└── folder/\n    ├── bad failed 1 chunks #new\n", tree)
    assert "good [x] ready 2 chunks #new" in tree
    assert "stuck training 0 chunks, 1 waiting #new" in tree
    monkeypatch.setattr(kb_tools, "_SHOWN_ROWS", 2)
    assert "Only the first 2 are shown" in kb("show", "Shown").stderr


def test_the_tree_for_machines(kb: Kb, go: Go) -> None:
    fill(go, "Piped", {"good": ["one"]})
    piped = kb("show", "Piped")
    assert kb("show", "--kb", "Piped").stdout == piped.stdout
    assert kb("show").exit_code == kb("show", "Piped", "--kb", "Other").exit_code == 2
    assert piped.stdout == "folder\t0\tfolder\nfolder/good\t1\tready\n"
    assert piped.stderr == "Piped: 1 folders, 1 collections, 1 chunks.\n"
    rows = [json.loads(line) for line in kb("show", "Piped", "--json").stdout.splitlines()]
    assert [(row["path"], row["chunks"], row["tags"]) for row in rows] == [
        ("folder", 0, []),
        ("folder/good", 1, ["new"]),
    ]


def test_waiting_ends_with_a_code_that_means_something(kb: Kb, go: Go, capsys: pytest.CaptureFixture[str]) -> None:
    fill(go, "Good", {"good": ["one"]})
    good = kb("wait", "Good")
    assert (good.exit_code, good.stdout) == (0, "")
    assert "Good: all is trained" in good.stderr
    bad_key = fill(go, "Bad", {"bad": [f"broken {n}" for n in range(25)]})
    bad = kb("wait", "Bad", "--retry")
    assert bad.exit_code == kb_tools.FAILED
    assert "25 chunks are tried again" in bad.stderr
    assert re.search(r"failed: bad \([0-9a-f]{24}\), chunk 0 \(chunk\): the model is gone 'broken", bad.stderr)
    assert "… and 5 more" in bad.stderr
    lines = [json.loads(line) for line in kb("wait", bad_key, "--json").stdout.splitlines()]
    assert lines[0]["phase"] == "training"
    assert len(lines[-1]["report"]["failures"]) == 25
    fill(go, "Stuck", {f"stuck {number}": ["stuck"] for number in range(21)})
    stuck = kb("wait", "Stuck", "--stuck-after", "0.3")
    assert stuck.exit_code == kb_tools.STUCK
    assert "nothing moves any more; 21 chunks are left" in stuck.stderr
    assert re.search(r"(waiting|vectorising): stuck 5 \([0-9a-f]{24}\): 1 left, 0 done", stuck.stderr)
    assert "… and 1 more" in stuck.stderr
    late = kb("wait", "Stuck", "--timeout", "0.1")
    assert late.exit_code == kb_tools.STUCK
    assert "not trained in time" in late.stderr
    none = kb("wait", "Stuck", "--collection", "0" * 24)
    assert none.exit_code == 0
    left = CollectionState(collectionId="0" * 24, step="waiting", active=1)  # and deleted since
    late_report = TrainingReport(state="timeout", seconds=1.0, unfinished=[left])
    assert go(lambda client: kb_tools.tell_training(client, "Gone", late_report)) == kb_tools.STUCK
    assert f"waiting: {'0' * 24}: 1 left" in capsys.readouterr().err


def test_searching(kb: Kb, go: Go, terminal: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(go, "Pets", {"animals": ["cats sleep all day", "dogs run " + "far " * 200]})
    fill(go, "Food", {"meals": ["cats eat fish"]})
    words = ["search", "cats and dogs", "--kb", "Pets", "--kb", "Food", "--top", "3"]
    assert kb(*words, "--mode", "mixedRecall").exit_code == 0
    table = plain(terminal.getvalue())
    assert "embedding=" in table
    assert "animals" in table
    assert "Food" in table
    assert "…" in table
    monkeypatch.setattr(kb_tools, "out", lambda: None)
    piped = kb(*words, "--tokens", "500", "--similarity", "0", "--rerank").stdout.splitlines()
    assert len(piped) == 3
    assert piped[0].startswith("1\t")
    hits = [json.loads(line) for line in kb(*words, "--json").stdout.splitlines()]
    assert [hit["rank"] for hit in hits] == [1, 2, 3]
    nothing = kb("search", "zebra", "--kb", "Pets", "--similarity", "0.9")
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    assert "Nothing fits" in nothing.stderr


def test_moving(kb: Kb, go: Go, tmp_path: Path) -> None:
    fill(go, "Moved", {"good": ["one", "two"], "stuck": ["stuck"]})
    file = str(tmp_path / "moved.jsonl")
    out = kb("export", "--kb", "Moved", "-o", file)
    assert (out.exit_code, out.stdout) == (0, "")
    assert "not all of folder/stuck is trained" in out.stderr
    assert f"Moved: 1 folders, 2 collections, 2 chunks in {file}." in out.stderr
    lines = [json.loads(line) for line in kb("export", "--kb", "Moved", "-o", file, "--json").stdout.splitlines()]
    assert [line.get("phase") for line in lines] == ["export", "export", "export", None]
    assert lines[-1]["report"]["chunks"] == 2
    missing = kb("import", file, "--kb", "Moved there")
    assert missing.exit_code == 2
    there = kb("import", file, "--kb", "Moved there", "--create")
    assert there.exit_code == 0, there.stderr
    assert "Moved there: 1 folders, 2 collections, 2 chunks from" in there.stderr
    again = [json.loads(line) for line in kb("import", file, "--kb", "Moved there", "--json").stdout.splitlines()]
    assert again[-1]["report"]["chunks"] == 2
    assert {line.get("phase") for line in again} == {"import", "training", "verify", None}


def test_an_import_that_did_not_go_well(kb: Kb, tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    file.write_text('{"path": "a", "chunks": [{"q": "broken"}, {"q": ""}]}\n')
    failed = kb("import", str(file), "--kb", "Not well", "--create")
    assert failed.exit_code == kb_tools.FAILED
    assert "a: 0 chunks instead of 1" in failed.stderr
    assert "1 refused" in failed.stderr
    gone = kb("import", str(tmp_path / "none.jsonl"), "--kb", "Not well")
    assert gone.exit_code == 1
    assert "none.jsonl: No such file" in gone.stderr
    nowhere = kb("export", "--kb", "Not well", "-o", str(tmp_path / "no" / "where.jsonl"))
    assert nowhere.exit_code == 1


def test_duplicates(kb: Kb, go: Go, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(go, "Twice", {"first": ["same"], "second": ["same"], "other": ["else"]})
    planned = kb("dedupe", "--kb", "Twice", "--plan")
    assert planned.exit_code == 0
    rows = [line.split("\t") for line in planned.stdout.splitlines()]
    assert [(row[0], row[1], row[3]) for row in rows] == [
        ("keep", "folder/first", "1 chunks"),
        ("delete", "folder/second", "1 chunks"),
    ]
    assert "1 collections are too many" in planned.stderr
    lines = [json.loads(each) for each in kb("dedupe", "--kb", "Twice", "--plan", "--json").stdout.splitlines()]
    assert [line["action"] for line in lines] == ["keep", "delete"]
    assert kb("dedupe", "--kb", "Twice").exit_code == 2
    with monkeypatch.context() as patched:
        patched.setattr(kb_tools, "confirmed", lambda question, *, yes: False)
        assert kb("dedupe", "--kb", "Twice").exit_code == 1
    done = kb("dedupe", "--kb", "Twice", "--keep", "newest", "--yes")
    assert done.exit_code == 0
    assert "1 collections are deleted" in done.stderr
    assert "folder/first" not in kb("show", "Twice").stdout
    assert "0 collections are too many" in kb("dedupe", "--kb", "Twice", "--yes").stderr


def test_what_goes_wrong_has_a_code(kb: Kb) -> None:
    nowhere = CliRunner().invoke(app, ["kb", "list"])
    assert nowhere.exit_code == 2
    assert "No FastGPT server is configured" in nowhere.stderr
    refused = CliRunner().invoke(app, ["kb", "list", "--base-url", "http://127.0.0.1:1", "--api-key", KEY])
    assert refused.exit_code == 1
    assert "APIConnectionError" in refused.stderr
    assert KEY not in refused.stderr
    assert kb("search", "x").exit_code == 2

    async def interrupted(client: Any) -> int:
        raise KeyboardInterrupt

    assert kb_tools.carry_out(interrupted, "http://127.0.0.1:1", KEY) == 130

    async def seen_enough(client: Any) -> int:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):  # kb show … | head: typer ends it quietly
        kb_tools.carry_out(seen_enough, "http://127.0.0.1:1", KEY)


# --- bars


def test_bars_on_a_terminal() -> None:
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, width=140, highlight=False)
    with show_progress(console=console) as on_progress:
        on_progress(Progress(phase="export", done=1, item="a"))
        for done in range(1, 6):
            on_progress(
                Progress(phase="import", done=done * 30_000, total=150_000, failed=2, item="folder/" + "x" * 60)
            )
            time.sleep(0.05)
        on_progress(Progress(phase="import", done=150_000, total=150_000, item="bad [file]", error="it is gone"))
        on_progress(Progress(phase="export", done=12_345_678, item="b"))
    text = plain(shown.getvalue())
    assert "export" in text
    assert "12.3M" in text
    assert "150.0k/150.0k" in text
    assert "100%" in text
    assert re.search(r"import 2 failed .*\d+k?/150", text)
    assert "bad [file]: it is gone" in text
    assert "…" + "x" * 39 in text


def test_no_bars_when_piped_and_lines_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    with show_progress(console=Console(file=io.StringIO())) as on_progress:
        on_progress(Progress(phase="scan", done=1))
    assert capsys.readouterr() == ("", "")
    with show_progress(as_json=True) as on_progress:
        on_progress(Progress(phase="scan", done=1))
    assert json.loads(capsys.readouterr().out) == {
        "phase": "scan",
        "done": 1,
        "total": None,
        "failed": 0,
        "item": "",
        "error": None,
    }


def test_whether_stdout_is_a_terminal() -> None:
    assert kb_tools.out() is None or sys.stdout.isatty()
