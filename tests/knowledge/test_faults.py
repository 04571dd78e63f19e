"""What networks and servers do wrong while a folder is put in: nothing is lost, and nothing there twice."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from fastgpt_client import (
    APIConnectionError,
    ArgumentError,
    AsyncDatasetClient,
    AuthenticationError,
    DatasetClient,
    FastGPTError,
)
from fastgpt_client.knowledge import AsyncKnowledgeBase, Progress, StateError, SyncReport, apply, calls, counting
from fastgpt_client.knowledge.state import Doubted, State
from fastgpt_client.local import LocalServer
from fastgpt_client.models.collections import Collection

from .bad_network import Proxy
from .torture import KEY, check, write_table

CREATE, PUSH, EMPTY = "/collection/create/localFile", "/data/pushData", "/collection/create"


@pytest.fixture(scope="module")
def backend() -> Iterator[LocalServer]:
    with LocalServer(api_keys=[KEY], training_delay=0.01) as server:
        yield server


@pytest.fixture
def proxy(backend: LocalServer) -> Iterator[Proxy]:
    proxy = Proxy(backend.base_url)
    yield proxy
    proxy.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "backoff", lambda attempt: 0.05)
    monkeypatch.setattr(apply, "_LATE", 0.7)
    monkeypatch.setattr(counting, "_PAUSE", 0.1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    (folder / "deep" / "down").mkdir(parents=True)
    for number in range(12):
        (folder / ("deep/down" if number % 2 else ".") / f"it's {number}.md").write_text(f"text {number}")
    write_table(random.Random(1), folder / "faq.csv", 650)
    return folder


def sync(proxy: Proxy, folder: Path, timeout: float = 30.0) -> SyncReport:
    async def main() -> SyncReport:
        async with AsyncDatasetClient(KEY, proxy.base_url, timeout=timeout, retry_delay=0.05) as client:
            return await AsyncKnowledgeBase(client, folder.parent.name, create=True).sync(folder)

    return asyncio.run(main())


@pytest.mark.parametrize("fault", ["reset", "lost", "late", "half", "500", "429", "503"])
@pytest.mark.parametrize("path", [CREATE, EMPTY, PUSH])
def test_a_fault_in_what_must_not_be_done_twice(
    backend: LocalServer, proxy: Proxy, folder: Path, path: str, fault: str
) -> None:
    proxy.faults = lambda at, count: fault if at == path and count in (0, 2) else None
    report = sync(proxy, folder)
    assert report.ok, report.failures
    check(backend.base_url, folder.parent.name, folder)
    proxy.clear()
    assert sync(proxy, folder).plan.empty
    assert proxy.writes() == 0


def test_faults_everywhere(backend: LocalServer, proxy: Proxy, folder: Path) -> None:
    rng = random.Random(7)
    kinds = ["reset", "lost", "late", "half", "500", "503", "429"]
    proxy.retry_after = "0.05"
    sync(proxy, folder)
    (folder / "faq.csv").unlink()
    write_table(rng, folder / "more.csv", 450)
    for path in sorted(folder.rglob("*.md"))[:6]:
        path.write_text(f"again {path.name}")
    (folder / "it's 10.md").rename(folder / "deep" / "moved.md")
    proxy.faults = lambda at, count: rng.choice(kinds) if "/collection" in at and rng.random() < 0.25 else None
    for _ in range(10):
        report = sync(proxy, folder)
        if report.ok and report.plan.empty:
            break
    proxy.faults = lambda at, count: None
    sync(proxy, folder)
    check(backend.base_url, folder.parent.name, folder)


def test_an_answer_that_does_not_come(backend: LocalServer, proxy: Proxy, folder: Path) -> None:
    proxy.faults = lambda at, count: "stall" if at == "/collection/listV2" and count == 0 else None
    assert sync(proxy, folder, timeout=0.5).ok
    check(backend.base_url, folder.parent.name, folder)


def test_what_is_too_large_goes_in_smaller_pieces(backend: LocalServer, proxy: Proxy, folder: Path) -> None:
    proxy.faults = lambda at, count: "413" if at == PUSH and count == 0 else None
    report = sync(proxy, folder)
    assert report.ok
    assert report.rows == 650
    assert proxy.done[PUSH] == 5
    check(backend.base_url, folder.parent.name, folder)


def test_retry_after_is_waited_for(proxy: Proxy, folder: Path) -> None:
    proxy.retry_after = "1"
    proxy.faults = lambda at, count: "429" if at == CREATE and count == 3 else None
    assert sync(proxy, folder).ok
    at = [when for when, path in proxy.told if path == CREATE]
    assert max(later - sooner for sooner, later in pairwise(at)) >= 0.9


def test_a_file_that_never_goes_in(backend: LocalServer, proxy: Proxy, folder: Path) -> None:
    for path in folder.rglob("*.*"):
        path.unlink()
    (folder / "a.md").write_text("a")
    proxy.faults = lambda at, count: "500" if at == CREATE else None
    report = sync(proxy, folder)
    assert [failure.path for failure in report.failures] == ["a.md"]
    assert "tried 3 times" in report.failures[0].reason
    proxy.faults = lambda at, count: None
    assert sync(proxy, folder).ok
    check(backend.base_url, folder.parent.name, folder)


def test_rows_that_never_go_in(backend: LocalServer, proxy: Proxy, folder: Path) -> None:
    proxy.faults = lambda at, count: "reset" if at == PUSH and count > 0 else None
    report = sync(proxy, folder)
    assert [failure.path for failure in report.failures] == ["faq.csv"]
    proxy.faults = lambda at, count: None
    proxy.clear()
    assert sync(proxy, folder).ok
    assert proxy.counts[PUSH] == 3  # the first was there
    check(backend.base_url, folder.parent.name, folder)


def test_nobody_answers(proxy: Proxy, folder: Path) -> None:
    proxy.close()
    with pytest.raises(APIConnectionError):
        sync(proxy, folder)


def test_a_key_that_is_refused_ends_all(backend: LocalServer, proxy: Proxy, folder: Path) -> None:
    events: list[Progress] = []

    async def main() -> None:
        async with AsyncDatasetClient(KEY, backend.base_url) as good:
            id_ = await AsyncKnowledgeBase(good, folder.parent.name, create=True).id()
        async with AsyncDatasetClient("fastgpt-wrong", proxy.base_url) as client:
            base = AsyncKnowledgeBase(client, id_)
            base._id = id_
            await base.push(folder, on_progress=events.append)

    with pytest.raises(AuthenticationError):
        asyncio.run(main())
    assert not [event for event in events if event.phase == "upload"]


def test_watch_goes_on_when_nobody_answers(backend: LocalServer, proxy: Proxy, folder: Path) -> None:
    events: list[Progress] = []
    reports: list[SyncReport] = []

    async def main() -> None:
        async with AsyncDatasetClient(KEY, proxy.base_url) as client:
            base = AsyncKnowledgeBase(client, folder.parent.name, create=True)
            await base.id()
            proxy.faults = lambda at, count: "reset" if not events else None
            await base.sync(
                folder,
                watch=0.05,
                on_progress=lambda event: events.append(event) if event.phase == "watch" else None,
                on_report=reports.append,
            )

    async def until() -> None:
        task = asyncio.ensure_future(main())
        for number in range(600):
            await asyncio.sleep(0.05)
            if len(reports) == 1 and number:
                (folder / "late.md").write_text("late")
            if len(reports) == 2:
                break
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(until())
    assert [event.error is not None for event in events[:3]] == [True, False, False]
    assert [report.plan.add for report in reports] == [13, 1]
    check(backend.base_url, folder.parent.name, folder)


def test_watch_waits_for_a_disk_and_ends_when_waiting_is_no_use(
    backend: LocalServer, proxy: Proxy, folder: Path
) -> None:
    errors: list[str] = []

    async def main() -> None:
        async with AsyncDatasetClient(KEY, proxy.base_url) as client:
            base = AsyncKnowledgeBase(client, folder.parent.name, create=True)
            away = folder.parent / "away"

            def follow(event: Progress) -> None:
                if event.phase != "watch":
                    return
                errors.extend([event.error] if event.error else [])
                if event.done == 1:
                    folder.rename(away)
                    folder.mkdir()
                elif event.done == 4:
                    folder.rmdir()
                    away.rename(folder)
                elif event.done == 6:
                    shutil.rmtree(folder)

            await base.sync(folder, state=folder.parent / "state.db", watch=0.05, on_progress=follow)

    with pytest.raises(ArgumentError, match="there is no folder"):
        asyncio.run(main())
    assert len(errors) == 1  # told once
    assert "would be removed" in errors[0]


def test_what_comes_after_the_run_goes_with_the_next(
    backend: LocalServer, proxy: Proxy, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apply, "_LATE", 0.0)
    proxy.late = 1.5
    (folder / "faq.csv").unlink()
    proxy.faults = lambda at, count: "late" if at == CREATE and count == 11 else None
    assert sync(proxy, folder).ok
    for thread in proxy._later:
        thread.join()
    with pytest.raises(AssertionError, match="is there twice"):
        check(backend.base_url, folder.parent.name, folder)
    assert sync(proxy, folder).plan.empty
    check(backend.base_url, folder.parent.name, folder)
    monkeypatch.setattr(apply, "_TOO_LATE", 0.0)
    sync(proxy, folder)
    proxy.clear()
    sync(proxy, folder)
    assert sum(proxy.counts.values()) <= 1


@pytest.mark.parametrize("step", ["settle", "end_batch", "finish", "removed", "move_file", "drop_folder"])
@pytest.mark.parametrize("at", [0, 2])
def test_a_disk_that_is_full(
    backend: LocalServer, proxy: Proxy, folder: Path, monkeypatch: pytest.MonkeyPatch, step: str, at: int
) -> None:
    """What was done at the server and could not be written down is found there by the next run."""
    sync(proxy, folder)
    (folder / "faq.csv").unlink()
    write_table(random.Random(2), folder / "more.csv", 650)
    for number in (0, 2, 4):
        (folder / f"it's {number}.md").write_text(f"changed {number}")
    (folder / "deep" / "new").mkdir()
    (folder / "deep" / "new" / "x.md").write_text("x")
    for path in (folder / "deep" / "down").iterdir():
        path.rename(folder / path.name)
    counts, whole = [0], getattr(State, step)

    def full(self: State, *args: Any, **options: Any) -> Any:
        counts[0] += 1
        if counts[0] > at:
            raise sqlite3.OperationalError("database or disk is full")
        return whole(self, *args, **options)

    with monkeypatch.context() as patched:
        patched.setattr(State, step, full)
        if step in ("finish", "drop_folder") and at:
            sync(proxy, folder)  # there are not so many
        else:
            with pytest.raises(StateError, match="full"):
                sync(proxy, folder)
    proxy.clear()
    assert sync(proxy, folder).ok
    check(backend.base_url, folder.parent.name, folder)
    assert proxy.counts[PUSH] <= 4


def test_a_server_that_keeps_no_marks(
    backend: LocalServer, proxy: Proxy, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "marker_of", lambda collection: None)
    (folder / "faq.csv").unlink()
    proxy.faults = lambda at, count: "lost" if at == CREATE and count % 3 == 0 else None
    assert sync(proxy, folder).ok
    check(backend.base_url, folder.parent.name, folder)
    proxy.clear()
    with DatasetClient(KEY, backend.base_url) as client:
        [dataset] = [each for each in client.list_datasets().data if each.name == folder.parent.name]
        mine = client.create_file_collection(dataset.id, b"mine", filename="mine.md").data.collectionId
        client.update_collection(mine, createTime="2020-01-01T00:00:00.000Z")
    (folder / "mine.md").write_text("ours")  # of the name, place and size of somebody's, and newer
    proxy.faults = lambda at, count: "reset" if at == CREATE and count == 0 else None
    assert sync(proxy, folder).ok
    with DatasetClient(KEY, backend.base_url) as client:
        rows = [row for row in client.iter_collections(dataset.id) if row.name == "mine.md"]
        assert len(rows) == 2
        client.delete_collection(mine)
    check(backend.base_url, folder.parent.name, folder)
    proxy.clear()
    (folder / "it's 0.md").write_text("of another size")
    proxy.faults = lambda at, count: "lost" if at == CREATE and count == 0 else None
    assert sync(proxy, folder).ok  # neither the old one, nor anything of another size, is taken for the new
    check(backend.base_url, folder.parent.name, folder)


def test_rows_that_come_late(backend: LocalServer, proxy: Proxy, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply, "_LATE", 1.5)
    proxy.late = 1.2
    proxy.faults = lambda at, count: "late" if at == PUSH and count == 2 else None
    assert sync(proxy, folder).ok
    assert proxy.done[PUSH] == 4 + 1 + 4  # the third came twice, so all came again
    check(backend.base_url, folder.parent.name, folder)


def test_rows_that_come_after_the_run(
    backend: LocalServer, proxy: Proxy, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apply, "_LATE", 0.0)
    proxy.late = 2.0
    proxy.faults = lambda at, count: "late" if at == PUSH and count == 2 else None
    assert sync(proxy, folder).ok
    for thread in proxy._later:
        thread.join()
    with pytest.raises(AssertionError):
        check(backend.base_url, folder.parent.name, folder)
    assert sync(proxy, folder).plan.change == 1
    check(backend.base_url, folder.parent.name, folder)
    monkeypatch.setattr(apply, "_TOO_LATE", 0.0)
    sync(proxy, folder)
    proxy.clear()
    sync(proxy, folder)
    assert sum(proxy.counts.values()) <= 1


def test_a_table_that_somebody_deleted_half_way(backend: LocalServer, proxy: Proxy, folder: Path) -> None:
    proxy.faults = lambda at, count: "reset" if at == PUSH and count > 0 else None
    assert not sync(proxy, folder).ok
    with sqlite3.connect(folder / ".fastgpt-kb" / "state.db") as db:
        db.execute("UPDATE unfinished SET batch = 200")  # as if it had been killed
        [(collection,)] = db.execute("SELECT collection FROM unfinished").fetchall()
    db.close()
    with DatasetClient(KEY, backend.base_url) as client:
        client.delete_collection(collection)
    proxy.faults = lambda at, count: None
    assert sync(proxy, folder).ok
    check(backend.base_url, folder.parent.name, folder)


def test_a_table_that_changes_half_way(backend: LocalServer, proxy: Proxy, folder: Path) -> None:
    proxy.faults = lambda at, count: "reset" if at == PUSH and count > 0 else None
    assert not sync(proxy, folder).ok
    write_table(random.Random(3), folder / "faq.csv", 30)
    assert not sync(proxy, folder).ok
    proxy.faults = lambda at, count: None
    (folder / "faq.csv").rename(folder / "other.csv")
    assert sync(proxy, folder).ok
    check(backend.base_url, folder.parent.name, folder)


@pytest.mark.parametrize(
    ("looks", "came"),
    [
        ([(200, 0, 0), (200, 0, 0)], False),
        ([(120, 80, 80), (120, 80, 80)], False),
        ([(120, 81, 81), (121, 79, 79), (122, 78, 78), (122, 78, 78)], False),  # one row seen in both places
        ([(120, 280, 280), (120, 280, 280)], True),
        ([(201, 0, 0)], True),
        ([(200, 200, 200), (200, 200, 200), (200, 150, 150), (200, 0, 0), (200, 0, 0)], False),  # in both places always
        ([(200, 200, 200), (200, 200, 200), (201, 199, 199)], True),
    ],
)
def test_whether_rows_came(
    looks: list[tuple[int, int, int]], came: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Counting:
        async def like(self, name: str, parent: str | None) -> list[Collection]:
            done, waiting, active = looks.pop(0)
            return [Collection(_id="t", dataAmount=done, trainingAmount=waiting, activeTrainingAmount=active)]

    monkeypatch.setattr(counting, "_PAUSE", 0.0)
    applier = apply.Applier(Counting(), State(":memory:"), tmp_path, "docs")  # type: ignore[arg-type]
    table = Doubted(path="q.csv", collection="t", parent=None, stored=200, since=0.0)
    assert asyncio.run(applier._more_came(table)) is came
    assert looks == []
    applier.state.close()


def test_rows_that_do_not_move(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stuck:
        async def like(self, name: str, parent: str | None) -> list[Collection]:
            return [Collection(_id="t", dataAmount=200, trainingAmount=200)]

    monkeypatch.setattr(counting, "_PAUSE", 0.01)
    monkeypatch.setattr(counting, "STUCK_AFTER", 0.1)
    applier = apply.Applier(Stuck(), State(":memory:"), tmp_path, "docs")  # type: ignore[arg-type]
    table = Doubted(path="q.csv", collection="t", parent=None, stored=200, since=0.0)
    with pytest.raises(FastGPTError, match="does not move"):
        asyncio.run(applier._more_came(table))
    applier.state.close()
