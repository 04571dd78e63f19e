from __future__ import annotations

import asyncio
import json

from fastgpt_client import AsyncDatasetClient
from fastgpt_client.knowledge import (
    DuplicateGroup,
    Progress,
    create_base,
    find_duplicates,
    remove_duplicates,
    wait_trained,
    walk,
)
from fastgpt_client.local import LocalServer

from ..wire import http, wire
from .conftest import going, running


async def filled(client: AsyncDatasetClient) -> str:
    base = await create_base(client, "Doubled")
    folder = (await client.create_collection(base.id, "old", "folder")).data
    for parent, name, chunks in (
        (None, "faq", ["one", "two"]),
        (folder, "faq copy", ["two", "one"]),
        (None, "third", ["two", "one"]),
        (None, "other", ["one", "three"]),
        (None, "empty", []),
        (folder, "empty", []),
        (None, "stuck", ["stuck"]),
        (None, "single", ["single"]),
    ):
        key = (await client.create_collection(base.id, name, parentId=parent)).data
        if chunks:
            await client.push_data(key, [{"q": q} for q in chunks])
        await asyncio.sleep(0.002)
    for text in ("same text", "same text", "another"):
        await client.create_text_collection(base.id, "Rules", text)
        await asyncio.sleep(0.002)
    await wait_trained(client, base.id, timeout=1.5)
    return base.id


def test_found_and_removed_on_every_version(every_version: LocalServer) -> None:
    events: list[Progress] = []

    async def work(
        client: AsyncDatasetClient,
    ) -> tuple[list[DuplicateGroup], list[DuplicateGroup], list[str], list[str]]:
        base = await filled(client)
        content = await find_duplicates(client, base, on_progress=events.append)
        source = await find_duplicates(client, base, by="source")
        removed = await remove_duplicates(client, content, keep="newest", on_progress=events.append)
        assert await find_duplicates(client, base) == []
        return content, source, [row.path for row in removed], [row.path async for row in walk(client, base)]

    content, source, removed, left = running(every_version)(work)
    assert [[row.path for row in group.copies] for group in content] == [
        ["Rules.txt", "Rules.txt"],
        ["faq", "old/faq copy", "third"],
    ]
    assert [[row.path for row in group.copies] for group in source] == [["Rules.txt", "Rules.txt"]]
    assert source[0].copies == content[0].copies
    assert [row.path for row in content[1].surplus("oldest")] == ["old/faq copy", "third"]
    assert sorted(removed) == ["Rules.txt", "faq", "old/faq copy"]
    assert {"third", "other", "old/empty", "empty", "stuck"} <= set(left)
    assert left.count("Rules.txt") == 2
    assert {event.phase for event in events} == {"compare", "remove"}
    assert events[-1].done == events[-1].total == 3


def test_what_is_gone_meanwhile_is_no_duplicate() -> None:
    rows = [{"_id": key, "name": "n", "type": "virtual", "dataAmount": 1} for key in "ab"]
    listed = http(json.dumps({"code": 200, "data": {"list": rows, "total": 2}}).encode())
    gone = http(b'{"code":501003,"statusText":"unExistCollection","message":"gone","data":null}', 404)
    with wire([listed], [gone]) as server:
        assert going(lambda client: find_duplicates(client, "6b0406edfb4dd32b7af5cca3"), server.url) == []
