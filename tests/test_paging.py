"""Going through whole lists: while they change, on servers that do not do as asked, and over HTTP in both worlds."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Generator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgpt_client import AppClient, ChatClient, DatasetClient, NotFoundError
from fastgpt_client._paging import PATIENCE, Pages, Rows, by_links, by_offset, of_folders
from fastgpt_client.local import LocalServer
from fastgpt_client.models._base import LinkedPage, Page

from .conftest import KEY, World, ask
from .wire import http, wire


class Row(msgspec.Struct):
    id: str
    type: str = "file"


class Answer:
    def __init__(self, data: Any) -> None:
        self.data = data


def at_once(answer: Callable[..., Any]) -> Callable[..., Any]:
    """What would be asked over HTTP, answered without."""

    def fetch(*args: Any) -> Generator[Any, Any, Answer]:
        return Answer(answer(*args))
        yield

    return fetch


def ids(pages: Pages[Row], most: int = 10_000) -> list[str]:
    found: list[str] = []
    for step in pages:
        assert isinstance(step, Rows)
        found += [row.id for row in step.rows]
        assert len(found) < most
    return found


class Shelf:
    """A list on a server, newest first, that changes between two pages."""

    def __init__(self, count: int, size: int, changes: list[tuple[str, int]]) -> None:
        self.rows = [str(number) for number in range(count)]
        self.stayed = set(self.rows)
        self.size = size
        self.changes = iter(changes)
        self.asked = 0

    def page(self, at: int) -> Page[Row]:
        if self.asked:
            what, number = next(self.changes, ("", 0))
            for each in range(number):
                if what == "add":
                    self.rows.insert(0, f"new{self.asked}-{each}")
                elif what == "delete" and self.rows:
                    self.stayed.discard(self.rows.pop((self.asked * 7 + each) % len(self.rows)))
        self.asked += 1
        return Page([Row(each) for each in self.rows[at : at + self.size]], len(self.rows))


@pytest.mark.parametrize("what", ["add", "delete"])
@given(count=st.integers(0, 60), size=st.integers(1, 12), numbers=st.lists(st.integers(0, 9), max_size=20))
def test_no_row_is_lost_or_doubled_while_the_list_changes(what: str, count: int, size: int, numbers: list[int]) -> None:
    shelf = Shelf(count, size, [(what, number) for number in numbers])
    found = ids(by_offset(at_once(shelf.page), "id"))
    assert len(found) == len(set(found))
    assert shelf.stayed - set(found) == set()


def test_a_list_that_is_emptied_on_the_way_is_seen_whole() -> None:
    shelf = Shelf(100, 10, [])
    found: list[str] = []
    for step in by_offset(at_once(shelf.page), "id"):
        assert isinstance(step, Rows)
        for row in step.rows:  # as `for item in client.iter_collections(…): client.delete_collection(item.id)`
            found.append(row.id)
            shelf.rows.remove(row.id)
    assert found == [str(number) for number in range(100)]


@pytest.mark.parametrize("total", [0, 3, 1000])
def test_a_server_that_ignores_the_offset_is_asked_twice(total: int) -> None:
    asked: list[int] = []

    def page(at: int) -> Page[Row]:
        asked.append(at)
        return Page([Row("a"), Row("b"), Row("c")], total)

    assert ids(by_offset(at_once(page), "id")) == ["a", "b", "c"]
    assert asked == ([0] if total == 3 else [0, 3])


@pytest.mark.parametrize("totals", [[10, 1000], [1000, 10], [5, 50, 500]])
def test_nor_does_one_whose_total_jumps_keep_anybody_going(totals: list[int]) -> None:
    asked: list[int] = []

    def page(at: int) -> Page[Row]:
        asked.append(at)
        return Page([Row("a"), Row("b")], totals[len(asked) % len(totals)] + len(asked))

    assert ids(by_offset(at_once(page), "id")) == ["a", "b"]
    assert len(asked) <= PATIENCE + 2


@pytest.mark.parametrize(
    "page", [Page(None, "x"), Page([None, 5, {"id": "a"}], None), Page([], 7), Page([Row(""), Row("")], 2)]
)
def test_odd_pages(page: Any) -> None:
    steps = list(by_offset(at_once(lambda at: page), "id"))
    assert sum(len(step.rows) for step in steps if isinstance(step, Rows)) in (0, 1, 3)


def test_fewer_rows_than_asked_for_are_not_the_end() -> None:
    rows = [Row(str(number)) for number in range(95)]
    assert len(ids(by_offset(at_once(lambda at: Page(rows[at : at + 30], 95)), "id"))) == 95


def test_no_total_no_end_but_an_empty_page() -> None:
    rows = [Row(str(number)) for number in range(9)]
    assert len(ids(by_offset(at_once(lambda at: Page(rows[at : at + 3], 0)), "id"))) == 9


@given(st.integers(0, 40), st.integers(1, 9), st.booleans())
def test_linked_pages(count: int, size: int, backwards: bool) -> None:
    rows = [Row(str(number)) for number in range(count)]

    def page(last: list[Row]) -> LinkedPage[Row]:
        if backwards:
            high = rows.index(last[0]) if last else count
            low = max(high - size, 0)
        else:
            low = rows.index(last[-1]) + 1 if last else 0
            high = min(low + size, count)
        return LinkedPage(rows[low:high], hasMorePrev=low > 0, hasMoreNext=high < count)

    expected = [row.id for row in rows]
    assert ids(by_links(at_once(page), "id", backwards=backwards)) == (expected[::-1] if backwards else expected)


def test_a_server_that_gives_the_same_linked_page_again() -> None:
    page = LinkedPage([Row("a")], hasMoreNext=True)
    assert ids(by_links(at_once(lambda last: page), "id")) == ["a"]


def test_folders_are_entered_once() -> None:
    tree = {None: [Row("a", "folder"), Row("b")], "a": [Row("c", "folder"), Row("a", "folder")], "c": [Row("d")]}
    assert ids(of_folders(at_once(lambda folder: tree[folder]), None)) == ["a", "b", "c", "a", "d"]


# Every list has an iterator ------------------------------------------------------------------------------------------


def test_every_page_can_be_gone_through() -> None:
    other = {"get_chat_histories": "iter_chat_histories", "get_collection_quotes": "iter_collection_quotes"}
    for client in (ChatClient, AppClient, DatasetClient):
        for name in dir(client):
            returns = (
                str(getattr(inspect.signature(getattr(client, name)), "return_annotation", ""))
                if (name[:1] != "_" and callable(getattr(client, name)))
                else ""
            )
            if "Page[" in returns:
                assert hasattr(client, other.get(name, name.replace("list_", "iter_").replace("get_", "iter_"))), name


@pytest.fixture(scope="module")
def talkative() -> Any:
    with LocalServer(api_keys=[KEY], apps=["app"], delay=0, script={"rules": [{"reply": "ok"}]}) as server:
        with ChatClient(KEY, server.base_url, app_id="app") as client:
            for number in range(23):
                client.create_chat_completion(ask(f"question {number}"), chatId=f"chat{number}")
            for number in range(7):
                client.create_chat_completion(ask(f"again {number}"), chatId="chat0")
        yield server


def rows(world: World, client: Any, name: str, *args: Any, **kwargs: Any) -> list[Any]:
    items = getattr(client, name)(*args, **kwargs)
    return world.loop.run_until_complete(_all(items)) if world.asynchronous else list(items)


async def _all(items: Any) -> list[Any]:
    return [each async for each in items]


def test_histories_and_records(world: World, talkative: LocalServer) -> None:
    client = world.make("ChatClient", KEY, talkative.base_url, app_id="app")
    found = rows(world, client, "iter_chat_histories", pageSize=5)
    assert sorted(chat.chatId for chat in found) == sorted(f"chat{number}" for number in range(23))
    assert rows(world, client, "iter_chat_histories", source="share") == []
    texts = [f"question {0}", *(f"again {number}" for number in range(7))]
    for name in ("iter_chat_records", "iter_chat_records_v2"):
        records = rows(world, client, name, chatId="chat0", pageSize=3)
        assert [record.text for record in records if record.obj == "Human"] == texts[::-1], name
        assert len(records) == 16


def test_logs_and_apps(world: World, talkative: LocalServer) -> None:
    client = world.make("AppClient", KEY, talkative.base_url, app_id="app")
    logs = rows(world, client, "iter_app_logs", "app", "2020-01-01", "2100-01-01", 10)
    assert len(logs) == 23
    assert [app.name for app in rows(world, client, "iter_apps")] == ["app"]
    assert [app.name for app in rows(world, client, "iter_apps", searchKey="nope")] == []


def test_a_loop_may_be_left(world: World, talkative: LocalServer) -> None:
    client = world.make("ChatClient", KEY, talkative.base_url, app_id="app")
    items = client.iter_chat_histories(pageSize=2)
    first, second = world.take(items), world.take(items)
    assert first.chatId != second.chatId
    world(items.aclose()) if world.asynchronous else items.close()


def test_nothing_is_asked_before_a_row_is_wanted_and_failures_are_raised(world: World) -> None:
    missing = {"code": 501002, "statusText": "unExistDataset", "message": "x", "data": None}
    with wire([http(json.dumps(missing).encode(), 500, {"content-type": "application/json"})]) as server:
        client = world.make("DatasetClient", KEY, server.url)
        items = client.iter_collections("d")
        assert server.requests == []
        with pytest.raises(NotFoundError):
            world.take(items)
