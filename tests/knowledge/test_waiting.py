from __future__ import annotations

import json
from typing import Any
from unittest.mock import AsyncMock, patch

import pytest

from fastgpt_client import AsyncDatasetClient
from fastgpt_client.knowledge import (
    Progress,
    TrainingReport,
    create_base,
    find_failures,
    retry_failed,
    wait_trained,
)
from fastgpt_client.local import LocalServer

from ..wire import http, wire
from .conftest import Go, going, running

ID = "6b0406edfb4dd32b7af5cca3"


async def filled(client: AsyncDatasetClient, **collections: list[str]) -> tuple[str, dict[str, str]]:
    """A knowledge base with these collections of these chunks: its id, and theirs by name."""
    base = await create_base(client, "Waiting")
    made: dict[str, str] = {}
    for name, chunks in collections.items():
        made[name] = (await client.create_collection(base.id, name)).data
        await client.push_data(made[name], [{"q": q, "chunkIndex": at} for at, q in enumerate(chunks)])
    return base.id, made


def test_trained_on_every_version(every_version: LocalServer) -> None:
    events: list[Progress] = []

    async def work(client: AsyncDatasetClient) -> tuple[TrainingReport, int]:
        base, made = await filled(client, a=["slow one", "two"], b=["three"])
        await client.create_text_collection(base, "Rules", "Twenty days off.")
        report = await wait_trained(client, base, on_progress=events.append)
        return report, (await client.list_data(made["a"])).data.total

    report, total = running(every_version)(work)
    assert report.state == "trained"
    assert not report.unfinished
    assert not report.failures
    assert total == 2
    assert report.seconds >= 0.5
    assert events[-1] == Progress(phase="training", done=events[-1].total or 0, total=events[-1].total)
    assert events[-1].total


def test_failures_are_told_with_their_words_on_every_version(every_version: LocalServer) -> None:
    async def work(client: AsyncDatasetClient) -> tuple[TrainingReport, dict[str, str]]:
        base, made = await filled(client, good=["fine"], bad=["fine", "broken chunk"])
        return await wait_trained(client, base), made

    report, made = running(every_version)(work)
    assert report.state == "failed"
    assert [(each.collectionId, each.error, each.q, each.chunkIndex, each.mode) for each in report.failures] == [
        (made["bad"], "the model is gone", "broken chunk", 1, "chunk")
    ]


def test_a_file_that_cannot_be_read(go: Go) -> None:
    async def work(client: AsyncDatasetClient) -> TrainingReport:
        base, _ = await filled(client)
        await client.create_link_collection(base, "http://127.0.0.1:1/")
        return await wait_trained(client, base)

    report = go(work)
    assert [failure.mode for failure in report.failures] == ["parse"]


def test_stuck_and_out_of_time(go: Go) -> None:
    async def work(client: AsyncDatasetClient) -> tuple[TrainingReport, TrainingReport, dict[str, str]]:
        base, made = await filled(client, good=["fine"], bad=["stuck", "broken"])
        stuck = await wait_trained(client, base, stuck_after=0.6)
        late = await wait_trained(client, base, timeout=0.1)
        return stuck, late, made

    stuck, late, made = go(work)
    assert stuck.state == "stuck"
    assert stuck.seconds >= 0.6
    assert [(each.collectionId, each.active, each.failed) for each in stuck.unfinished] == [(made["bad"], 1, 1)]
    assert [failure.q for failure in stuck.failures] == ["broken"]
    assert late.state == "timeout"
    assert late.seconds < 0.6
    assert [each.collectionId for each in late.unfinished] == [made["bad"]]


def test_only_some_collections(go: Go) -> None:
    async def work(client: AsyncDatasetClient) -> list[Any]:
        base, made = await filled(client, good=["slow but fine"], bad=["stuck"])
        gone = "0" * 24
        good = await wait_trained(client, base, [made["good"], made["good"], gone])
        bad = await wait_trained(client, base, [made["bad"]], timeout=0.05)
        none = await wait_trained(client, base, [])
        return [good.state, bad.state, none.state]

    assert go(work) == ["trained", "timeout", "trained"]


def test_what_failed_is_tried_again(go: Go) -> None:
    async def work(client: AsyncDatasetClient) -> tuple[Any, ...]:
        base, made = await filled(client, a=["fails once", "broken"], b=["fine"])
        first = await wait_trained(client, base)
        elsewhere = await retry_failed(client, base, [made["b"]])
        tried = await retry_failed(client, base)
        return first, elsewhere, tried, await wait_trained(client, base), await find_failures(client, base)

    first, elsewhere, tried, second, failures = go(work)
    assert sorted(each.error for each in first.failures) == ["429 Rate limit reached", "the model is gone"]
    assert elsewhere == []
    assert len(tried) == 2
    assert [each.q for each in second.failures] == ["broken"]
    assert failures == second.failures


def test_large_ones_are_asked_for_their_line_only(go: Go) -> None:
    async def work(client: AsyncDatasetClient) -> int:
        base, _ = await filled(client)
        for number in range(40):
            key = (await client.create_collection(base, str(number))).data
            await client.push_data(key, [{"q": "fine"}, {"q": f"slow {number}"}])
        asked = AsyncMock(wraps=client.get_collection_training)
        with patch.object(AsyncDatasetClient, "get_collection_training", asked):
            assert (await wait_trained(client, base)).state == "trained"
        return asked.await_count

    assert go(work) <= 80  # it looked closely once or twice


def training(queued: int = 0, own: int = 0, failed: int = 0, mode: str = "chunk") -> bytes:
    counts = {"queuedCounts": {mode: queued}, "trainingCounts": {mode: own}, "errorCounts": {mode: failed}}
    return http(json.dumps({"code": 200, "data": {**counts, "trainedCount": 1}}).encode())


DETAIL = http(b'{"code":200,"data":{"activeTrainingAmount":5}}')
NONE_FAILED = http(b'{"code":200,"data":{"list":[],"total":0}}')


@pytest.mark.parametrize(
    ("answers", "state", "steps"),
    [
        ([training(own=1)], "timeout", ["vectorising"]),
        ([training(own=1, mode="parse")], "timeout", ["parsing"]),
        ([training(queued=5, own=1)], "timeout", ["waiting"]),  # what is before it, as servers up to 4.16 count
        ([training(queued=5), DETAIL, training(queued=5), DETAIL], "timeout", ["waiting"]),  # its own, as later ones do
        ([training(queued=5, failed=1), http(b'{"code":200,"data":{}}'), NONE_FAILED], "failed", []),
    ],
)
def test_the_step_that_a_collection_is_at(answers: list[bytes], state: str, steps: list[str]) -> None:
    with wire(*[[answer] for answer in answers]) as server:
        report = going(lambda client: wait_trained(client, ID, ["c"], timeout=0), server.url)
    assert report.state == state
    assert [each.step for each in report.unfinished] == steps


def test_a_server_that_does_not_count_its_line() -> None:
    """As the newest ones: ``hasTrainingTask`` instead of counts."""
    line = http(b'{"code":200,"data":{"hasTrainingTask":true}}')
    row = {"_id": "c", "name": "c", "type": "virtual", "trainingAmount": 1, "activeTrainingAmount": 1}
    rows = http(json.dumps({"code": 200, "data": {"list": [row], "total": 1}}).encode())
    none = http(b'{"code":200,"data":{"list":[],"total":0}}')
    answers = [line, rows, training(own=1), line, training(own=1), line, training(), line, none]
    with wire(*[[answer] for answer in answers]) as server:
        report = going(lambda client: wait_trained(client, ID), server.url)
    assert report.state == "trained"
    assert len(server.requests) == 7 or len(server.requests) == 9


def test_an_index_that_is_made_anew_is_waited_for() -> None:
    busy = http(b'{"code":200,"data":{"rebuildingCount":2,"trainingCount":0}}')
    idle = http(b'{"code":200,"data":{"rebuildingCount":0,"trainingCount":0}}')
    none = http(b'{"code":200,"data":{"list":[],"total":0}}')
    with wire([busy], [busy], [none], [idle], [none]) as server:
        report = going(lambda client: wait_trained(client, ID), server.url)
    assert report.state == "trained"
    assert len([path for path in server.paths() if "Queue" in path]) == 3
