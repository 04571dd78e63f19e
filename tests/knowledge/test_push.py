"""Folders, tables and pages into knowledge bases, and kept in step."""

from __future__ import annotations

import gzip
import random
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from fastgpt_client import ArgumentError, DatasetClient
from fastgpt_client.knowledge import (
    AsyncKnowledgeBase,
    KnowledgeBase,
    Plan,
    Progress,
    RemovalRefusedError,
    StateError,
    SyncReport,
    UnknownBaseError,
)
from fastgpt_client.knowledge.apply import Applier
from fastgpt_client.local import LocalServer
from tests.conftest import World

from .bad_network import Proxy
from .torture import KEY, change_folder, check, make_folder, write_table


@pytest.fixture(scope="module")
def backend() -> Iterator[LocalServer]:
    with LocalServer(api_keys=[KEY], training_delay=0.01) as server:
        yield server


@pytest.fixture(scope="module")
def proxy(backend: LocalServer) -> Iterator[Proxy]:
    proxy = Proxy(backend.base_url)
    yield proxy
    proxy.close()


class Keeper:
    """A knowledge base of its own for each test, in the sync or the async world."""

    def __init__(self, world: World, base_url: str, name: str) -> None:
        self.name = name
        self._world = world
        self._base: Any = (
            AsyncKnowledgeBase(world.make("DatasetClient", KEY, base_url), name, create=True)
            if world.asynchronous
            else KnowledgeBase(name, KEY, base_url, create=True)
        )

    def push(self, *paths: Any, **options: Any) -> SyncReport:
        return self._world(self._base.push(*paths, **options))

    def sync(self, path: Any, **options: Any) -> SyncReport:
        return self._world(self._base.sync(path, **options))


@pytest.fixture
def base(world: World, proxy: Proxy, tmp_path: Path) -> Keeper:
    proxy.clear()
    return Keeper(world, proxy.base_url, tmp_path.name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    return folder


def rows_of(backend: LocalServer, name: str) -> list[Any]:
    with DatasetClient(KEY, backend.base_url) as client:
        [dataset] = [each for each in client.list_datasets().data if each.name == name]
        found, waiting = [], [None]
        while waiting:
            for row in client.iter_collections(dataset.id, waiting.pop()):
                found.append(client.get_collection(row.id).data)
                if row.type == "folder":
                    waiting.append(row.id)
        return found


def test_a_folder_goes_in_and_is_followed(base: Keeper, backend: LocalServer, proxy: Proxy, folder: Path) -> None:
    rng = random.Random(5)
    make_folder(rng, folder, 250)
    (folder / "large.txt").write_text("\n\n".join(f"paragraph {number} " + "x" * 3000 for number in range(20)))
    (folder / "empty.md").touch()
    report = base.push(folder)
    assert report.plan == Plan(add=253)
    assert report.skipped == {"empty": 1}
    assert report.rows == 1350
    (folder / "large.txt").unlink()
    assert base.sync(folder).plan == Plan(remove=1, same=252)
    check(backend.base_url, base.name, folder)
    for _ in range(3):
        change_folder(rng, folder)
        planned = base.sync(folder, plan=True)
        done = base.sync(folder)
        assert not planned.applied
        assert done.applied
        assert planned.plan == done.plan
        check(backend.base_url, base.name, folder)
    proxy.clear()
    again = base.sync(folder)
    assert again.plan.empty
    assert proxy.writes() == 0
    assert sum(proxy.counts.values()) <= 1  # which knowledge base is meant


def test_what_is_moved_is_not_sent_again(base: Keeper, backend: LocalServer, proxy: Proxy, folder: Path) -> None:
    (folder / "old" / "in").mkdir(parents=True)
    for number in range(6):
        (folder / "old" / "in" / f"{number}.md").write_text(f"text {number}")
    base.sync(folder)
    (folder / "old").rename(folder / "new")
    (folder / "new" / "in" / "3.md").rename(folder / "three.md")
    proxy.clear()
    assert base.sync(folder).plan == Plan(rename=6)
    assert proxy.counts["/collection/create/localFile"] == 0
    check(backend.base_url, base.name, folder)
    assert "old" not in [row.name for row in rows_of(backend, base.name)]


def test_folders_of_others_stay(base: Keeper, backend: LocalServer, folder: Path) -> None:
    (folder / "a").mkdir()
    (folder / "a" / "x.md").write_text("x")
    base.sync(folder)
    [place] = [row for row in rows_of(backend, base.name) if row.type == "folder"]
    with DatasetClient(KEY, backend.base_url) as client:
        mine = client.create_text_collection(place.datasetId or "", "mine", "mine", parentId=place.id).data
    shutil.rmtree(folder / "a")
    (folder / "y.md").write_text("y")
    base.sync(folder)
    names = {row.name: row.id for row in rows_of(backend, base.name)}
    assert names.keys() == {"a", "mine.txt", "y.md"}
    assert names["mine.txt"] == mine.collectionId


def test_the_old_version_stays_until_the_new_is_trained(world: World, tmp_path: Path, folder: Path) -> None:
    rules = [{"match": "broken", "training": {"error": "429 no"}}, {"match": "slow", "training": {"wait": 0.7}}]
    with LocalServer(api_keys=[KEY], training_delay=0.01, script={"rules": rules}) as server:
        base = Keeper(world, server.base_url, "B")
        (folder / "a.md").write_text("first")
        base.sync(folder)
        (folder / "a.md").write_text("second, slow")
        seen: list[int] = []

        def look(event: Progress) -> None:
            if event.phase == "training":
                seen.append(len(rows_of(server, "B")))

        base.sync(folder, on_progress=look)
        assert set(seen) == {2}
        assert len(rows_of(server, "B")) == 1
        (folder / "a.md").write_text("third, broken")
        report = base.sync(folder)
        assert "429 no" in report.failures[0].reason
        assert len(rows_of(server, "B")) == 2
        report = base.sync(folder)
        assert report.plan.empty
        assert not report.ok
        (folder / "a.md").write_text("fourth")
        assert base.sync(folder).ok
        check(server.base_url, "B", folder)


def test_files_and_tables_by_name(base: Keeper, backend: LocalServer, folder: Path) -> None:
    (folder / "a.md").write_text("a")
    (folder / "b.md").write_text("b")
    (folder / "picture.png").write_text("x")
    write_table(random.Random(1), folder / "q.jsonl", 250)
    report = base.push(folder / "a.md", folder / "q.jsonl", folder / "picture.png")
    assert report.plan == Plan(add=2)
    assert [failure.path for failure in report.failures] == ["picture.png"]
    (folder / "picture.png").unlink()
    assert base.push(folder).plan == Plan(add=1, same=2)
    check(backend.base_url, base.name, folder)
    (folder / "b.md").unlink()
    assert base.push(folder).plan == Plan(same=2)  # push removes nothing


def test_several_folders_into_folders(base: Keeper, backend: LocalServer, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep" / "x.md").write_text(name)
        assert base.push(tmp_path / name, into=f"all/{name}").plan.add == 1
    both = base.push(tmp_path / "one", tmp_path / "two", into="both")
    assert both.plan == Plan(add=2)
    shutil.rmtree(tmp_path / "one" / "deep")
    base.sync(tmp_path / "one", into="all/one")
    names = sorted(row.name for row in rows_of(backend, base.name))
    assert names == sorted(["all", "one", "two", "deep", "x.md", "both", "deep", "x.md", "x.md"])


def test_settings_of_a_folder(base: Keeper, backend: LocalServer, folder: Path) -> None:
    (folder / "drafts").mkdir()
    (folder / "drafts" / "x.md").write_text("x")
    (folder / "a.md").write_text("one---two")
    (folder / "b.md").write_text("b")
    (folder / "fastgpt-kb.toml").write_text('exclude = ["drafts/"]\n[chunks]\nchunkSplitter = "---"\n')
    assert base.sync(folder, exclude=["b.md"]).plan == Plan(add=1)
    [row] = rows_of(backend, base.name)
    assert row.chunkSplitter == "---"
    assert base.sync(folder, exclude=["b.md"], chunks={"chunkSplitter": "+"}).plan == Plan(change=1)
    [row] = rows_of(backend, base.name)
    assert row.chunkSplitter == "+"
    for text, said in (
        ("name = 5", "Expected `str`"),
        ("nane = 'x'", "nane"),
        ("[chunks]\nchunckSize = 5", "chunckSize"),
        ("=", "fastgpt-kb.toml"),
    ):
        (folder / "fastgpt-kb.toml").write_text(text)
        with pytest.raises(ArgumentError, match=said):
            base.sync(folder)


def test_the_state_can_be_made_anew(base: Keeper, backend: LocalServer, proxy: Proxy, folder: Path) -> None:
    make_folder(random.Random(9), folder, 30)
    base.sync(folder, into="/in/")
    path = next(folder.rglob("*.md"))
    path.rename(path.with_name("renamed.md"))
    base.sync(folder, into="in")
    shutil.rmtree(folder / ".fastgpt-kb")
    with DatasetClient(KEY, backend.base_url) as client:
        [dataset] = [each for each in client.list_datasets().data if each.name == base.name]
        client.create_text_collection(dataset.id, "somebody else's", "x")
    proxy.clear()
    events: list[Progress] = []
    report = base.sync(folder, into="in", on_progress=events.append)
    assert report.plan.empty
    assert report.plan.same == 32
    assert proxy.writes() == 0
    assert "rebuild" in {event.phase for event in events}


def test_two_states_of_one_folder(
    base: Keeper, backend: LocalServer, proxy: Proxy, folder: Path, tmp_path: Path
) -> None:
    def put(name: str, text: str) -> None:
        (folder / "in").mkdir(exist_ok=True)
        (folder / name).write_text(text)

    laptop, ci = tmp_path / "laptop.db", tmp_path / "ci.db"
    for name in ("a.md", "in/b.md", "in/c.md", "d.md"):
        put(name, f"{name} 1")
    write_table(random.Random(2), folder / "q.csv", 5)
    base.sync(folder, state=laptop)
    assert base.sync(folder, state=ci).plan.empty
    put("a.md", "a 2")
    put("in/b.md", "b 2")
    put("new.md", "new")
    write_table(random.Random(3), folder / "q.csv", 6)
    (folder / "in" / "c.md").rename(folder / "c.md")
    (folder / "d.md").unlink()
    base.sync(folder, state=laptop)
    put("in/b.md", "b 3")  # of this the other state knows neither the second nor the third
    proxy.clear()
    assert base.sync(folder, state=ci).plan == Plan(add=1, change=3, rename=1, remove=1)
    assert proxy.counts["/collection/create/localFile"] == 1
    check(backend.base_url, base.name, folder)
    assert base.sync(folder, state=ci).plan.empty


def test_what_is_there_twice_goes_when_the_state_is_made_anew(
    base: Keeper, backend: LocalServer, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def at_the_same_moment(*_: Any) -> bool:
        return False

    monkeypatch.setattr(Applier, "_made_elsewhere", at_the_same_moment)
    write_table(random.Random(9), folder / "q.csv", 10)
    (folder / "a.md").write_text("a")
    for number in range(2):  # a state that knows nothing of the other, and does not look
        state = tmp_path / f"{number}.db"
        base.sync(folder, exclude=["*"], state=state, delete=False)
        with sqlite3.connect(state) as db:
            db.execute("DELETE FROM files")
        db.close()
        base.sync(folder, state=state)
    assert len(rows_of(backend, base.name)) == 4
    base.sync(folder, rebuild=True)
    check(backend.base_url, base.name, folder)


def test_failures_are_told_and_tried_again(base: Keeper, backend: LocalServer, folder: Path) -> None:
    (folder / "good.md").write_text("good")
    (folder / "bad.csv").write_text("q,a\n,lost\n")
    report = base.sync(folder)
    assert not report.ok
    assert "no question" in report.failures[0].reason
    assert "1 failed" in str(report)
    (folder / "new.md").write_text("new")
    write_table(random.Random(1), folder / "bad.csv", 5)
    assert base.sync(folder, retry_failed=True).plan == Plan(add=1, same=2)
    assert {row.name for row in rows_of(backend, base.name)} == {"good.md", "bad.csv"}
    assert base.sync(folder).ok
    (folder / "bad.csv").write_text("q,a\n,lost\n")
    assert not base.sync(folder).ok
    (folder / "bad.csv").unlink()
    assert base.sync(folder).ok


def test_a_file_that_cannot_be_read_is_not_gone(
    base: Keeper, backend: LocalServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a.md").write_text("a")
    base.sync(folder)
    with monkeypatch.context() as patched:

        def refuse(path: Path) -> str:
            raise PermissionError(13, "no")

        patched.setattr("fastgpt_client.knowledge.scan.hash_file", refuse)
        report = base.sync(folder)
    assert report.plan == Plan(same=1)
    assert [failure.reason for failure in report.failures] == ["cannot be read"]
    check(backend.base_url, base.name, folder)


def test_a_file_that_changes_while_it_is_sent(base: Keeper, backend: LocalServer, proxy: Proxy, folder: Path) -> None:
    (folder / "a.md").write_text("first")

    def change(path: str, count: int) -> None:
        if path == "/collection/create/localFile":
            (folder / "a.md").write_text("and then another")

    proxy.faults = change
    try:
        base.sync(folder)
    finally:
        proxy.faults = lambda path, count: None
    assert base.sync(folder).plan == Plan(change=1)
    check(backend.base_url, base.name, folder)


def test_what_somebody_deleted_is_sent_when_it_is_moved(base: Keeper, backend: LocalServer, folder: Path) -> None:
    (folder / "a.md").write_text("a")
    base.sync(folder)
    with DatasetClient(KEY, backend.base_url) as client:
        client.delete_collection(rows_of(backend, base.name)[0].id)
    (folder / "a.md").rename(folder / "b.md")
    assert base.sync(folder).ok
    check(backend.base_url, base.name, folder)


def test_a_plan_that_is_refused(base: Keeper, proxy: Proxy, folder: Path) -> None:
    (folder / "a.md").write_text("a")
    seen: list[str] = []

    def refuse(plan: Plan, steps: Any) -> bool:
        seen.extend(map(str, steps))
        return False

    assert not base.sync(folder, confirm=refuse).applied
    assert seen == ["+ a.md"]
    assert proxy.counts["/collection/create/localFile"] == 0


def test_more_goes_than_may(base: Keeper, backend: LocalServer, proxy: Proxy, folder: Path) -> None:
    for number in range(13):
        (folder / f"{number}.md").write_text(f"text {number}")
    base.sync(folder)
    for number in range(11):
        (folder / f"{number}.md").unlink()
    (folder / "other.md").write_text("other")
    proxy.clear()
    for most in (None, 3):
        with pytest.raises(RemovalRefusedError, match=r"has 2 of the 13 files .* max_delete=11") as raised:
            base.sync(folder, max_delete=most)
        assert raised.value.plan == Plan(add=1, remove=11, same=2)
    assert proxy.writes() == 0
    assert base.sync(folder, plan=True).plan.remove == 11
    assert base.sync(folder, delete=False).ok
    assert base.sync(folder, confirm=lambda plan, steps: plan.remove < plan.there).ok  # people were asked
    check(backend.base_url, base.name, folder)
    for path in folder.glob("*.md"):
        path.unlink()
    assert base.sync(folder).plan == Plan(remove=3)  # a few may all go


def test_a_plan_for_what_is_not_there_makes_nothing(base: Keeper, backend: LocalServer, folder: Path) -> None:
    (folder / "a.md").write_text("a")
    assert base.sync(folder, plan=True).plan == Plan(add=1)
    assert not (folder / ".fastgpt-kb").exists()
    with DatasetClient(KEY, backend.base_url) as client:
        assert base.name not in [each.name for each in client.list_datasets().data]
    for name in (base.name, "0" * 24):
        with pytest.raises(UnknownBaseError):
            KnowledgeBase(name, KEY, backend.base_url, create=name != base.name).sync(folder, plan=True)


def test_wrong_use(base: Keeper, world: World, backend: LocalServer, folder: Path) -> None:
    (folder / "a.md").write_text("a")
    for work, said in (
        (partial(base.push), "nothing to push"),
        (partial(base.push, folder / "x"), "no file or folder"),
        (partial(base.sync, folder / "x"), "no file or folder"),
        (partial(base.sync, folder / "a.md"), "sync takes a folder"),
        (partial(base.sync, folder, plan=True, watch=1), "a plan is made once"),
        (partial(base.push, urls=["example.com"]), "a page is named by its address"),
        (partial(base.push, sitemap="http://127.0.0.1:9/x.xml"), "cannot be read"),
    ):
        with pytest.raises(ArgumentError, match=said):
            work()
    with pytest.raises(UnknownBaseError):
        KnowledgeBase("nothing", KEY, backend.base_url).push(folder)


def test_a_state_that_cannot_be_written(base: Keeper, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    (folder / "a.md").write_text("a")
    with monkeypatch.context() as patched:
        patched.setattr("fastgpt_client.knowledge.state.State.settle", full)
        with pytest.raises(StateError, match="disk is full"):
            base.sync(folder)
    assert base.sync(folder).ok  # what was made is found again
    assert base.sync(folder).plan == Plan(same=1)


@pytest.fixture(scope="module")
def pages() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            here = f"http://127.0.0.1:{self.server.server_address[1]}"  # type: ignore[str-bytes-safe]
            space = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
            body = {
                "/index.xml": f"<sitemapindex {space}><sitemap><loc>{here}/one.xml</loc></sitemap>"
                f"<sitemap><loc>{here}/index.xml</loc></sitemap></sitemapindex>",
                "/one.xml": f"<urlset {space}><url><loc> {here}/a.html </loc></url>"
                f"<url><loc>{here}/b.html</loc></url></urlset>",
            }.get(self.path.removesuffix(".gz"), f"<title>Page {self.path}</title><p>text of {self.path}")
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            packed = self.path.endswith(".gz")
            self.wfile.write(gzip.compress(body.encode()) if packed else body.encode())

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_pages(
    base: Keeper, backend: LocalServer, proxy: Proxy, pages: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    report = base.push(urls=[f"{pages}/c.html", f"{pages}/a.html"], sitemap=f"{pages}/index.xml.gz")
    assert report.plan == Plan(add=3)
    assert report.ok
    assert sorted(row.rawLink or "" for row in rows_of(backend, base.name)) == [
        f"{pages}/{each}.html" for each in "abc"
    ]
    assert base.push(urls=[f"{pages}/c.html"]).plan == Plan(same=1)
    (tmp_path / ".fastgpt-kb" / "state.db").unlink()
    assert base.push(urls=[f"{pages}/c.html"]).plan == Plan(same=1)  # known by its address
    proxy.faults = lambda path, count: "lost" if path == "/collection/create/link" and count == 0 else None
    proxy.clear()
    try:
        assert base.push(urls=[f"{pages}/d.html"]).ok
    finally:
        proxy.faults = lambda path, count: None
    assert len(rows_of(backend, base.name)) == 4


def test_a_base_is_waited_for_and_searched(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("Everybody has 30 days off a year.", "utf-8")
    with LocalServer(training_delay=0) as server:
        base = KnowledgeBase("Handbook", server.api_key, server.base_url, create=True)
        assert base.push(tmp_path).ok
        assert base.wait(timeout=20).state == "trained"
        assert [found.sourceName for found in base.search("days off", top=1)] == ["a.md"]


@pytest.mark.parametrize("version", ["4.11", "4.14"])
def test_older_servers(world: World, folder: Path, version: str) -> None:
    rng = random.Random(6)
    make_folder(rng, folder, 20)
    with LocalServer(api_keys=[KEY], training_delay=0.01, version=version) as server:
        base = Keeper(world, server.base_url, "B")
        assert base.push(folder).ok
        change_folder(rng, folder)
        assert base.sync(folder).ok
        check(server.base_url, "B", folder)
        shutil.rmtree(folder / ".fastgpt-kb")
        assert base.sync(folder).plan.empty
