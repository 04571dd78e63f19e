"""Export and import: the same everywhere, whatever happens on the way."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
import sys
import uuid
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgpt_client import AsyncDatasetClient, Upload
from fastgpt_client.errors import ArgumentError, FastGPTError, NotFoundError
from fastgpt_client.knowledge import (
    ExportReport,
    ImportReport,
    Progress,
    calls,
    create_base,
    export_base,
    import_base,
    importing,
    lines,
    wait_trained,
    walk,
)
from fastgpt_client.local import LocalServer

from ..conftest import KEY
from ..wire import http, until, wire
from .conftest import Go, going, running
from .proxy import Fate, proxy

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
CHUNK = st.fixed_dictionaries(
    {
        "q": TEXT,
        "a": st.just("") | TEXT,
        "indexes": st.lists(TEXT.map(lambda text: {"text": f"i {text}", "type": "custom"}), max_size=2),
    }
)
COLLECTION = st.fixed_dictionaries(
    {
        "name": TEXT,
        "tags": st.lists(TEXT, max_size=2, unique=True),
        "forbid": st.booleans(),
        "chunks": st.lists(CHUNK, max_size=5),
    }
)
FOLDER = st.recursive(
    st.fixed_dictionaries({"name": TEXT, "inside": st.lists(COLLECTION, max_size=2)}),
    lambda inner: st.fixed_dictionaries({"name": TEXT, "inside": st.lists(inner | COLLECTION, max_size=3)}),
    max_leaves=4,
)


async def put(
    client: AsyncDatasetClient, datasetId: str, items: list[dict[str, Any]], parent: str | None = None
) -> None:
    for item in items:
        kind = "folder" if "inside" in item else "virtual"
        key = (await client.create_collection(datasetId, item["name"], kind, parent, item.get("tags") or None)).data
        if "inside" in item:
            await put(client, datasetId, item["inside"], key)
        elif item["chunks"]:
            for at in range(0, len(item["chunks"]), 200):
                await client.push_data(key, item["chunks"][at : at + 200])
        if item.get("forbid"):
            await client.update_collection(key, forbid=True)


async def trained(client: AsyncDatasetClient, items: list[dict[str, Any]]) -> str:
    base = await create_base(client, "Moving")
    await put(client, base.id, items)
    assert (await wait_trained(client, base.id)).state == "trained"
    return base.id


def lines_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def written(file: Path, lines: list[dict[str, Any]]) -> Path:
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines), "utf-8")
    return file


def chunks(count: int, size: int = 1) -> list[dict[str, Any]]:
    return [{"q": f"q{number} " + "x" * size} for number in range(count)]


async def exported(client: AsyncDatasetClient, datasetId: str, file: Path) -> bytes:
    await export_base(client, datasetId, file)
    return file.read_bytes()  # noqa: ASYNC240


@given(items=st.lists(COLLECTION | FOLDER, max_size=4))
@settings(max_examples=20)
def test_there_and_elsewhere_are_the_same(
    knowledge_server: LocalServer, other_server: LocalServer, tmp_path_factory: pytest.TempPathFactory, items: Any
) -> None:
    folder = tmp_path_factory.mktemp("moving")
    here, there = running(knowledge_server), running(other_server)
    base = here(lambda client: trained(client, items))
    first = here(lambda client: exported(client, base, folder / "first.jsonl"))
    assert here(lambda client: exported(client, base, folder / "again.jsonl")) == first
    copy = there(lambda client: create_base(client, "Copy")).id
    report = there(lambda client: import_base(client, copy, folder / "first.jsonl"))
    assert report.differences == []
    assert report.chunks == sum(len(line["chunks"]) for line in lines_of(folder / "first.jsonl"))
    assert there(lambda client: exported(client, copy, folder / "second.jsonl")) == first


ITEMS = [
    {"name": "a/b.md", "tags": ["x"], "chunks": [{"q": "one", "a": "1", "indexes": [{"text": "first"}]}, {"q": "two"}]},
    {"name": "folder", "inside": [{"name": "deep", "inside": []}, {"name": "large", "chunks": chunks(150)}]},
    {"name": "off", "forbid": True, "chunks": []},
]


def test_the_lines_on_every_version(every_version: LocalServer, tmp_path: Path) -> None:
    go, events = running(every_version), list[Progress]()

    async def work(client: AsyncDatasetClient) -> ExportReport:
        base = await trained(client, ITEMS)
        await client.create_text_collection(base, "Rules", "Twenty days off.")
        await client.push_data((await client.create_collection(base, "not yet")).data, [{"q": "stuck"}])
        await wait_trained(client, base, timeout=0.6)
        return await export_base(client, base, tmp_path / "out.jsonl", on_progress=events.append)

    report = go(work)
    lines = {line["path"]: line for line in lines_of(tmp_path / "out.jsonl")}
    assert list(lines) == ["Rules.txt", "a%2Fb.md", "folder", "folder/deep", "folder/large", "not yet", "off"]
    assert (report.folders, report.collections, report.chunks) == (2, 5, 153)
    assert report.incomplete == ["not yet"]
    assert sorted(lines["a%2Fb.md"].pop("chunks"), key=lambda chunk: chunk["q"]) == [
        {"q": "one", "a": "1", "indexes": [{"text": "first", "type": "custom"}]},
        {"q": "two", "a": "", "indexes": []},
    ]
    assert lines["a%2Fb.md"] == {"path": "a%2Fb.md", "name": "a/b.md", "type": "virtual", "tags": ["x"]}
    assert lines["off"]["forbid"] is True
    assert lines["Rules.txt"]["type"] == "file"
    assert [event.item for event in events] == list(lines)
    assert (events[-1].done, events[-1].total) == (153, 153)
    copy = go(lambda client: create_base(client, "Copy")).id
    report = go(lambda client: import_base(client, copy, tmp_path / "out.jsonl"))
    assert (report.folders, report.collections, report.chunks, report.differences) == (2, 5, 153, [])
    go(lambda client: export_base(client, copy, tmp_path / "back.jsonl"))
    back = {line["path"]: line for line in lines_of(tmp_path / "back.jsonl")}
    assert back["Rules.txt"]["type"] == "virtual"  # its original is not in the file
    assert back["folder/large"] == lines["folder/large"]


def test_through_all_versions_and_back(tmp_path: Path) -> None:
    async def fill(client: AsyncDatasetClient) -> str:
        base = await trained(client, ITEMS)
        await client.create_file_collection(base, b"# One\n\nTwo", filename="file 文件.md")
        await client.create_link_collection(base, f"{client.base_url}/nothing-here")
        await client.create_image_collection(base, "Pictures", [Upload(b"\x89PNG\r\n\x1a\n1", "picture.png")])
        await wait_trained(client, base)
        async for row in client.iter_collections(base, searchText="a/b"):
            async for chunk in client.iter_data(row.id):
                await client.update_data(chunk.id, q=f"{chunk.q} by hand", indexes=[{"text": "by hand"}])
        await wait_trained(client, base)
        return base

    async def pass_on(client: AsyncDatasetClient) -> None:
        if files:
            base = (await create_base(client, "Copy")).id
            assert (await import_base(client, base, files[-1])).differences == []
        else:
            base = await fill(client)
        files.append(tmp_path / f"{len(files)}.jsonl")
        await export_base(client, base, files[-1])

    files: list[Path] = []
    for version in ("4.11", "4.16", "4.14", "4.11"):
        with LocalServer(api_keys=[KEY], training_delay=0.01, version=version) as server:
            running(server)(pass_on)
    first, *later = map(lines_of, files)
    assert {line["type"] for line in first} == {"folder", "virtual", "file", "link", "images"}
    assert [len(line["chunks"]) for line in first if line["name"] == "Pictures"] == [1]
    for line in first:
        line["type"] = "folder" if line["type"] == "folder" else "virtual"
    assert all(lines == first for lines in later)
    assert files[1].read_bytes() == files[2].read_bytes() == files[3].read_bytes()


def test_a_large_collection_goes_through_in_pieces(go: Go, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "BATCH_BYTES", 2000)
    monkeypatch.setattr(lines, "_PIECE", 100)
    made = written(tmp_path / "in.jsonl", [{"path": "big", "chunks": chunks(500) + chunks(3, size=3000)}])
    base = go(lambda client: create_base(client, "Large")).id
    events: list[Progress] = []
    report = go(lambda client: import_base(client, base, made, on_progress=events.append))
    assert (report.chunks, report.differences) == (503, [])
    sent = [event.done for event in events if event.phase == "import"]
    assert sent == sorted(sent)
    assert sent[0] < 200
    assert sent[-1] == 503
    events.clear()
    go(lambda client: export_base(client, base, tmp_path / "out.jsonl", on_progress=events.append))
    assert [(event.done, event.total) for event in events] == [(200, 503), (400, 503), (503, 503)]
    content = go(lambda client: exported(client, base, tmp_path / "out.jsonl"))
    assert [chunk["q"] for chunk in json.loads(content)["chunks"]] == [
        chunk["q"] for chunk in chunks(500) + chunks(3, size=3000)
    ]


def test_a_failed_export_leaves_what_was_there(go: Go, tmp_path: Path) -> None:
    (tmp_path / "kept.jsonl").write_text("kept")
    with pytest.raises(NotFoundError):
        go(lambda client: export_base(client, "6b0406edfb4dd32b7af5cca3", tmp_path / "kept.jsonl"))
    assert [file.name for file in tmp_path.iterdir()] == ["kept.jsonl"]
    assert (tmp_path / "kept.jsonl").read_text() == "kept"


def test_half_of_a_surrogate_pair_is_written_as_text(tmp_path: Path) -> None:
    row = {"_id": "c", "name": "n", "type": "virtual", "dataAmount": 1}
    listed = {"code": 200, "data": {"list": [row], "total": 1}}
    chunk = {"code": 200, "data": {"list": [{"_id": "d"}], "total": 1}}
    data = {"code": 200, "data": {"id": "d", "q": "half \ud83d", "indexes": [{"type": "custom", "text": "\udc00"}]}}
    with wire(*[[http(json.dumps(answer).encode())] for answer in (listed, chunk, data)]) as server:
        going(lambda client: export_base(client, "6b0406edfb4dd32b7af5cca3", tmp_path / "out.jsonl"), server.url)
    assert lines_of(tmp_path / "out.jsonl")[0]["chunks"] == [
        {"q": "half \ufffd", "a": "", "indexes": [{"text": "\ufffd", "type": "custom"}]}
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"path": "a"}\n{"path": 1}\n', "line 2 of .*path"),
        ("no json\n", "line 1 of "),
        ('{"path": "sub/a"}\n', "line 1 of .*'sub/a' comes before its folder"),
        ('{"path": "a", "chunks": [{"q": 1}]}\n', "line 1 of .*"),
    ],
)
def test_a_line_that_cannot_be_right(go: Go, tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "in.jsonl"
    file.write_text(text)
    base = go(lambda client: create_base(client, "Wrong")).id
    with pytest.raises(ArgumentError, match=said):
        go(lambda client: import_base(client, base, file))
    assert go(lambda client: client.list_collections(base)).data.total == 0


def test_lines_by_hand(go: Go, tmp_path: Path) -> None:
    lines = '{"path": "f", "type": "folder"}\n\n{"path": "f/50%25 %2F", "chunks": [{"q": "one"}, {"q": ""}]}\n'
    (tmp_path / "in.jsonl").write_text(lines)
    base = go(lambda client: create_base(client, "By hand")).id
    report = go(lambda client: import_base(client, base, tmp_path / "in.jsonl"))
    assert (report.chunks, report.refused, report.differences) == (1, 1, [])

    async def names(client: AsyncDatasetClient) -> list[str]:
        return [row.name async for row in walk(client, base)]

    assert go(names) == ["f", "50% /"]


def test_the_state_belongs_to_one_file_and_one_base(go: Go, tmp_path: Path) -> None:
    file = written(tmp_path / "in.jsonl", [{"path": "a", "chunks": chunks(1)}])
    base, other = (go(lambda client: create_base(client, "State")).id for _ in "ab")
    state = tmp_path / "state"
    go(lambda client: import_base(client, base, file, state=state))
    go(lambda client: import_base(client, base, file, state=state))
    assert go(lambda client: client.list_collections(base)).data.total == 1
    with pytest.raises(ArgumentError, match=f"belongs to an import into {base}"):
        go(lambda client: import_base(client, other, file, state=state))
    written(file, [{"path": "b"}])
    with pytest.raises(ArgumentError, match="has changed"):
        go(lambda client: import_base(client, base, file, state=state))
    state.write_text("no database, but long enough to be looked at as one" * 10)
    with pytest.raises(ArgumentError, match="no state file"):
        go(lambda client: import_base(client, base, file, state=state))


def test_one_import_at_a_time(go: Go, tmp_path: Path) -> None:
    file = written(tmp_path / "in.jsonl", [{"path": "a", "chunks": chunks(1)}])
    base = go(lambda client: create_base(client, "Alone")).id
    with (
        closing(importing._Journal(tmp_path / "state", base, file)),
        pytest.raises(ArgumentError, match="running already"),
    ):
        go(lambda client: import_base(client, base, file, state=tmp_path / "state"))


def test_what_differs_is_said(go: Go, tmp_path: Path) -> None:
    lines = [{"path": "a", "chunks": [{"q": "fine"}, {"q": "broken"}]}, {"path": "b", "chunks": chunks(2)}]
    file = written(tmp_path / "in.jsonl", lines)
    base = go(lambda client: create_base(client, "Differs")).id
    report = go(lambda client: import_base(client, base, file))
    assert report.differences == ["a: 1 chunks instead of 2"]
    assert report.training.state == "failed"

    async def change(client: AsyncDatasetClient) -> ImportReport:
        async for row in client.iter_collections(base, searchText="b"):
            found = (await client.list_data(row.id)).data.list
            await client.update_data(found[1].id, "changed by hand")
        return await import_base(client, base, file)

    assert go(change).differences == ["a: 1 chunks instead of 2", "b: chunk 1 is another one"]


def test_not_waiting(go: Go, tmp_path: Path) -> None:
    file = written(tmp_path / "in.jsonl", [{"path": "a", "chunks": [{"q": "stuck"}]}])
    base = go(lambda client: create_base(client, "No waiting")).id
    report = go(lambda client: import_base(client, base, file, wait=False))
    assert (report.chunks, report.training, report.differences) == (1, None, [])
    # Interrupted after a batch that is not trained yet: it counts all the same.
    with sqlite3.connect(f"{file}.{base}.state") as state:
        state.execute("UPDATE lines SET doubt = 1, sent = 0, inserted = 0, done = 0")
    state.close()
    report = go(lambda client: import_base(client, base, file, wait=False))
    assert report.chunks == 1
    assert go(lambda client: client.list_collections(base)).data.list[0].trainingAmount == 1


MANY = [
    {"path": "f", "type": "folder"},
    *({"path": f"f/{number % 3}", "chunks": chunks(7), "forbid": number == 1} for number in range(6)),
    {"path": "g", "type": "folder"},
    {"path": "g/big", "chunks": chunks(25), "tags": ["t"]},
    {"path": "g/a_b%25", "chunks": chunks(3)},
]


def expected(lines: list[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    return sorted((line["path"], [chunk["q"] for chunk in line.get("chunks", [])]) for line in lines)


def imported(go: Go, base: str, file: Path) -> list[tuple[str, list[str]]]:
    go(lambda client: wait_trained(client, base))
    go(lambda client: export_base(client, base, file))
    return expected(lines_of(file))


@pytest.mark.parametrize("seed", range(6))
def test_a_wire_that_breaks_again_and_again(
    knowledge_server: LocalServer, go: Go, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(importing, "MAX_ROWS", 4)
    monkeypatch.setattr(importing, "_LATE", 0.1)
    monkeypatch.setattr(calls, "backoff", lambda attempt: 0.03)
    monkeypatch.setattr(calls, "ATTEMPTS", 6 if seed % 2 else 2)
    file = written(tmp_path / "in.jsonl", MANY)
    base = go(lambda client: create_base(client, f"Broken {seed}")).id
    dice = random.Random(seed)

    def fate(number: int, line: str) -> Fate:
        return dice.choices(["pass", "lost", "unheard"], [8, 1, 2])[0]  # type: ignore[return-value]

    with proxy(knowledge_server.base_url, fate) as between:
        for _ in range(300):
            try:
                report = going(lambda client: import_base(client, base, file, wait=False), between.url)
                break
            except FastGPTError:
                continue
    assert report.chunks == 70
    assert imported(go, base, tmp_path / "out.jsonl") == expected(MANY)


def test_killed_again_and_again(knowledge_server: LocalServer, go: Go, tmp_path: Path) -> None:
    lines = [{"path": "f", "type": "folder"}, *({"path": f"f/{n}", "chunks": chunks(450)} for n in range(3))]
    file = written(tmp_path / "in.jsonl", lines)
    name = f"Killed {uuid.uuid4().hex}"
    base = go(lambda client: create_base(client, name)).id
    with proxy(knowledge_server.base_url, delay=0.02) as between:
        flags = ["--base-url", between.url, "--api-key", KEY, "--kb", base, "--no-wait"]
        command = [sys.executable, "-m", "fastgpt_client", "kb", "import", str(file), *flags]
        for requests in (2, 5, 9):  # one is to find the base
            seen = len(between.lines)
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            assert until(lambda seen=seen, wanted=requests: len(between.lines) >= seen + wanted, 20)  # type: ignore[misc]
            process.send_signal(signal.SIGKILL)
            process.wait()
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "1 folders, 3 collections, 1350 chunks" in done.stderr
    assert imported(go, base, tmp_path / "out.jsonl") == expected(lines)


def test_what_others_made_is_not_taken(
    every_version: LocalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first request is lost, and somebody makes an empty collection of the same name: it stays as it is."""
    go = running(every_version)
    file = written(tmp_path / "in.jsonl", [{"path": "it's a", "chunks": chunks(2)}])
    base = go(lambda client: create_base(client, "Others")).id
    monkeypatch.setattr(importing, "_LATE", 0.0)
    foreign: list[str] = []

    def fate(number: int, line: str) -> Fate:
        if "collection/create" not in line or foreign:
            return "pass"
        foreign.append(go(lambda client: client.create_collection(base, "it's a")).data)
        return "lost"

    with proxy(every_version.base_url, fate) as between:
        report = going(lambda client: import_base(client, base, file), between.url)
        assert between.count("collection/create") == 2
    assert report.differences == []
    rows = {row.id: row.dataAmount for row in go(lambda client: client.list_collections(base)).data.list}
    assert len(rows) == 2
    assert not rows[foreign[0]]


def test_its_own_is_found_and_late_ones_go(
    every_version: LocalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = running(every_version)
    file = written(tmp_path / "in.jsonl", [{"path": "a", "chunks": chunks(2)}])
    base = go(lambda client: create_base(client, "Own")).id
    monkeypatch.setattr(importing, "_LATE", 0.0)
    with proxy(
        every_version.base_url,
        lambda number, line: "unheard" if "collection/create" in line and number < 2 else "pass",
    ) as between:
        report = going(lambda client: import_base(client, base, file), between.url)
        assert between.count("collection/create") == 1
    assert (report.chunks, report.differences) == (2, [])
    # Another request of the same line that came late.
    with sqlite3.connect(f"{file}.{base}.state") as state:
        [token] = state.execute("SELECT token FROM import").fetchone()
        state.execute("UPDATE lines SET begun = 2")
    state.close()
    mark = importing.import_mark(f"{token}/1")
    go(lambda client: client.create_collection(base, "a", metadata=mark))
    go(lambda client: import_base(client, base, file))
    assert [row.dataAmount for row in go(lambda client: client.list_collections(base)).data.list] == [2]


@pytest.mark.parametrize(
    "text", ['{"path": "a"} 1\n', '{"path": "a", 1: 2}\n', '{"path" "a"}\n', '{"path": "a"', "[" * 99_999]
)
def test_a_line_that_is_no_object(go: Go, tmp_path: Path, text: str) -> None:
    (tmp_path / "in.jsonl").write_text(text)
    base = go(lambda client: create_base(client, "Wrong")).id
    with pytest.raises(ArgumentError, match="line 1 of "):
        go(lambda client: import_base(client, base, tmp_path / "in.jsonl"))
    assert [file.name for file in tmp_path.iterdir()] == ["in.jsonl"]


def test_an_export_without_indexes(go: Go, tmp_path: Path) -> None:
    items = [
        {"name": "a", "chunks": [{"q": "one", "indexes": [{"text": "first"}]}]},
        {"name": "b", "chunks": chunks(250)},
    ]
    base = go(lambda client: trained(client, items))
    go(lambda client: export_base(client, base, tmp_path / "out.jsonl", indexes=False))
    small, large = lines_of(tmp_path / "out.jsonl")
    assert small["chunks"] == [{"q": "one", "a": "", "indexes": []}]
    go(lambda client: export_base(client, base, tmp_path / "all.jsonl"))
    assert large == lines_of(tmp_path / "all.jsonl")[1]


def test_what_is_deleted_while_it_is_exported(
    knowledge_server: LocalServer, go: Go, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A chunk of a large collection goes between two pages, then a small collection before it is read."""
    base = go(
        lambda client: trained(client, [{"name": "a", "chunks": chunks(250)}, {"name": "b", "chunks": chunks(2)}])
    )
    rows = {row.name: row.id for row in go(lambda client: client.list_collections(base)).data.list}
    lists = 0

    def fate(number: int, line: str) -> Fate:
        nonlocal lists
        lists += "data/v2/list" in line
        if lists == 3 and "data/v2/list" in line:
            gone = go(lambda client: client.list_data(rows["a"], offset=249, pageSize=1)).data.list[0].id
            go(lambda client: client.delete_data(gone))
        return "pass"

    with proxy(knowledge_server.base_url, fate) as between:
        report = going(lambda client: export_base(client, base, tmp_path / "out.jsonl", indexes=False), between.url)
    assert report.chunks == 251
    assert [len(line["chunks"]) for line in lines_of(tmp_path / "out.jsonl")] == [249, 2]


def test_a_collection_that_is_deleted_meanwhile(go: Go, tmp_path: Path) -> None:
    file = written(tmp_path / "in.jsonl", [{"path": "a", "chunks": chunks(2)}])
    base = go(lambda client: create_base(client, "Deleted")).id
    go(lambda client: import_base(client, base, file))

    async def delete(client: AsyncDatasetClient) -> None:
        await client.delete_collection((await client.list_collections(base)).data.list[0].id)

    go(delete)
    with sqlite3.connect(f"{file}.{base}.state") as state:
        state.execute("UPDATE lines SET doubt = 2, sent = 0, inserted = 0, done = 0")
    state.close()
    with pytest.raises(FastGPTError, match=r"a .* was deleted while it was filled"):
        go(lambda client: import_base(client, base, file))
