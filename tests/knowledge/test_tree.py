from __future__ import annotations

import json

from fastgpt_client import AsyncDatasetClient
from fastgpt_client.knowledge import TreeRow, create_base, wait_trained, walk
from fastgpt_client.local import LocalServer

from ..wire import http, wire
from .conftest import Go, going, running


async def rows_of(client: AsyncDatasetClient, datasetId: str, *, ordered: bool = True) -> list[TreeRow]:
    return [row async for row in walk(client, datasetId, ordered=ordered)]


def test_folders_and_counts_on_every_version(every_version: LocalServer) -> None:
    async def work(client: AsyncDatasetClient) -> tuple[list[TreeRow], list[TreeRow]]:
        base = await create_base(client, "Tree")
        folder = (await client.create_collection(base.id, "b/c%", "folder")).data
        inner = (await client.create_collection(base.id, "inner", "folder", folder)).data
        for name in ("two", "one", "two"):
            key = (await client.create_collection(base.id, name, parentId=inner, tags=["t"])).data
            await client.push_data(key, [{"q": "fine"}, {"q": f"{name} broken"}])
        stuck = (await client.create_collection(base.id, "a")).data
        await client.push_data(stuck, [{"q": "stuck"}])
        await client.update_collection(stuck, forbid=True)
        await wait_trained(client, base.id, stuck_after=0.4)
        return await rows_of(client, base.id), await rows_of(client, base.id, ordered=False)

    ordered, as_they_come = running(every_version)(work)
    shown = [(row.path, row.state, row.chunks, row.waiting) for row in ordered]
    waiting = int(every_version.settings.version != "4.16")  # before 4.15 failed ones are counted there too
    assert shown == [
        ("a", "training", 0, 1),
        ("b%2Fc%25", "folder", 0, 0),
        ("b%2Fc%25/inner", "folder", 0, 0),
        ("b%2Fc%25/inner/one", "failed", 1, waiting),
        ("b%2Fc%25/inner/two", "failed", 1, waiting),
        ("b%2Fc%25/inner/two", "failed", 1, waiting),
    ]
    assert ordered[-2].createTime <= ordered[-1].createTime
    assert ordered[1].name == "b/c%"
    assert ordered[0].forbid
    assert ordered[-1].tags == ["t"]
    assert sorted(as_they_come, key=lambda row: row.id) == sorted(ordered, key=lambda row: row.id)


def test_many_in_one_folder(go: Go) -> None:
    async def work(client: AsyncDatasetClient) -> list[str]:
        base = await create_base(client, "Wide")
        for number in range(65):
            await client.create_collection(base.id, f"{number:02}")
        return [row.name for row in await rows_of(client, base.id)]

    assert go(work) == [f"{number:02}" for number in range(65)]


def test_rows_of_older_servers() -> None:
    rows = [  # as 4.11.1 and 4.14.4 have them
        {"_id": "1", "name": "a.exe", "type": "file", "trainingAmount": 1, "dataAmount": 0, "hasError": True},
        {"_id": "2", "name": "doc.txt", "type": "file", "trainingAmount": 2, "dataAmount": 1, "hasError": False},
        {"_id": "3", "name": "old", "type": "virtual", "trainingAmount": 0, "dataAmount": 3},
    ]
    body = json.dumps({"code": 200, "data": {"list": rows, "total": 3}}).encode()
    with wire([http(body)]) as server:
        found = going(lambda client: rows_of(client, "6b0406edfb4dd32b7af5cca3"), server.url)
    assert [(row.state, row.waiting, row.chunks) for row in found] == [
        ("failed", 1, 0),
        ("training", 2, 1),
        ("ready", 0, 3),
    ]


def test_a_server_that_ignores_folders_leads_nowhere() -> None:
    body = json.dumps({"code": 200, "data": {"list": [{"_id": "f", "name": "F", "type": "folder"}], "total": 1}})
    with wire([http(body.encode())]) as server:
        found = going(lambda client: rows_of(client, "6b0406edfb4dd32b7af5cca3"), server.url)
    assert [row.path for row in found] == ["F", "F/F"]
