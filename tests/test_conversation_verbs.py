"""What is done with a conversation as a whole."""

from __future__ import annotations

import datetime
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from fastgpt_client import (
    APIError,
    ArgumentError,
    Citation,
    ConversationStore,
    MemoryStore,
    NotFoundError,
    Reply,
    SQLiteStore,
)
from fastgpt_client.local import AppSpec, LocalServer

from .conftest import KEY, World

QUOTE = "6a0000000000000000000001"
NOT_NOW = {"status": 500, "body": {"code": 500, "message": "not now"}}
RULES = {
    "rules": [
        {"match": "again", "reply": "first", "times": 1},
        {"match": "again", "reply": "second"},
        {"match": "later", "http": NOT_NOW, "times": 2},
        {"match": "later", "reply": "now", "times": 1},
        {"match": "later", "http": NOT_NOW, "times": 1},
        {"match": "later", "reply": "now, too"},
        {"match": "ponder", "reply": "<think>Hm.</think>\n\nYes"},
        {"match": "tomato", "reply": "Warm{cite:1}.", "quotes": [{"id": QUOTE, "q": "They like it warm."}]},
    ]
}
APPS = [AppSpec("app"), AppSpec("city", variables=({"key": "city", "type": "input"},)), "form:form"]


@pytest.fixture(scope="module", params=["4.11", "4.14", "4.16"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server(version: str) -> Any:
    with LocalServer(api_keys=[KEY], apps=APPS, script=RULES, delay=0, version=version) as server:
        yield server


@pytest.fixture
def chat(world: World, server: Any) -> Any:
    return world.make("ChatClient", KEY, server.base_url, app_id="app")


def said(world: World, conversation: Any) -> list[str]:
    return [record.text for record in world(conversation.history()).data.list]


def test_regenerate(world: World, chat: Any) -> None:
    conversation = chat.conversation()
    with pytest.raises(ArgumentError, match="nothing to regenerate"):
        world(conversation.regenerate())
    world(conversation.send("hello"))
    assert world(conversation.send("again")).text == "first"
    assert world(conversation.regenerate()).text == "second"
    assert len(said(world, conversation)) == 4, "question and answer are there once"
    other = chat.conversation(conversation.chatId)
    assert world(other.regenerate()).text == "second"
    assert said(world, other)[2:] == ["again", "second"]


def test_regenerate_what_was_sent_with_files(world: World, chat: Any) -> None:
    conversation = chat.conversation()
    parts = [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "file_url", "name": "b.pdf", "url": "https://example.com/b.pdf"},
    ]
    world(conversation.send(parts))
    assert "b.pdf" in world(chat.conversation(conversation.chatId).regenerate()).text
    value = world(conversation.history()).data.list[0].value
    assert [item.get("file", {}).get("url") for item in value][1:] == [
        "https://example.com/a.png",
        "https://example.com/b.pdf",
    ]


def test_regenerate_as_it_comes(world: World, chat: Any) -> None:
    conversation = chat.conversation()
    world(conversation.send("hello"))
    world(conversation.send("again"))
    response = world(conversation.stream_regenerate())
    assert "".join(world.run(response, "iter_answer")) == "second"
    assert said(world, conversation)[2:] == ["again", "second"]
    assert world(conversation.regenerate()).text == "second", "the streamed turn is the last one now"
    assert len(said(world, conversation)) == 4


def test_regenerate_what_did_not_start(world: World, chat: Any) -> None:
    """A failed turn leaves nothing in the history: the turn before it must stay there."""
    conversation = chat.conversation()
    world(conversation.send("hello"))
    for verb in (lambda: conversation.send("later"), conversation.regenerate):
        with pytest.raises(APIError, match="not now"):
            world(verb())
        assert said(world, conversation)[:1] == ["hello"]
        assert len(said(world, conversation)) == 2
    assert world(conversation.regenerate()).text == "now"
    with pytest.raises(APIError, match="not now"):
        world(conversation.regenerate())
    assert world(conversation.regenerate()).text == "now, too"
    assert said(world, conversation)[2:] == ["later", "now, too"]


def test_regenerate_what_was_left(world: World, chat: Any) -> None:
    """The server stores what was said a moment after the stream was left."""
    conversation = chat.conversation()
    world(conversation.send("hello"))
    response = world(conversation.stream("again"))
    events = world.open(response, "events")
    world.take(events)
    world(world.open(response, "close"))
    assert world(conversation.regenerate()).text
    assert said(world, conversation)[2] == "again"
    assert len(said(world, conversation)) == 4


def test_regenerate_after_a_form(world: World, chat: Any) -> None:
    conversation = chat.conversation(appId="form")
    world(conversation.send("go"))
    world(conversation.answer({"name": "Ann"}))
    assert world(conversation.regenerate()).interactive is not None
    assert len(said(world, conversation)) == 2


def test_fork(world: World, chat: Any) -> None:
    conversation = chat.conversation(customUid="ann")
    world(conversation.send("My name is Ann."))
    kept = world(conversation.send("I like tea."))
    world(conversation.send("I hate rain."))
    before = world(conversation._transcript(kept))
    assert before.startswith("This was said before:\n\nUser: My name is Ann.\n\nAssistant: ")
    assert "I like tea." in before
    assert "rain" not in before
    other = world(conversation.fork())
    assert other.chatId != conversation.chatId
    assert other.customUid == "ann"
    for _ in range(2):  # it goes along with every turn
        world(other.send("What is my name?"))
    assert len(said(world, conversation)) == 6
    assert len(said(world, other)) == 4
    preview = world(other.send("And?")).nodes[-1].raw["historyPreview"][0]
    assert (preview["obj"], "My name is Ann." in preview["value"]) == ("System", True)
    third = world(other.fork(until=world(other.history()).data.list[1]))
    assert third._before.count("This was said before") == 2, "forks of forks know it all"
    with pytest.raises(ArgumentError, match="no record 'nowhere'"):
        world(conversation.fork("nowhere"))
    assert world(chat.conversation().fork())._before == ""


def test_a_long_conversation_is_forked_whole(world: World, chat: Any) -> None:
    conversation = chat.conversation()
    for number in range(30):
        world(conversation.send(f"number {number}"))
    before = world(conversation.fork())._before
    assert [f"User: number {number}\n" in before for number in range(30)] == [True] * 30


def test_rename_pin_delete(world: World, chat: Any) -> None:
    conversation = chat.conversation()
    world(conversation.send("hello"))
    world(conversation.rename("Invoices"))
    world(conversation.pin())
    listed = world(chat.get_chat_histories()).data.list
    assert [(row.customTitle, row.top) for row in listed if row.chatId == conversation.chatId] == [("Invoices", True)]
    world(conversation.pin(False))
    assert not world(chat.get_chat_histories()).data.list[0].top
    world(conversation.delete())
    assert said(world, conversation) == []
    assert conversation.interactive is None


def test_thinking_in_the_history(world: World, chat: Any) -> None:
    conversation = chat.conversation()
    world(conversation.send("<think>no</think> ponder"))
    question, answer = world(conversation.history()).data.list
    assert (question.text, question.reasoning) == ("<think>no</think> ponder", "")
    assert (answer.text, answer.reasoning) == ("Yes", "Hm.")
    assert world(conversation.fork())._before.endswith("Assistant: Yes")


def test_what_save_did_not_give(chat: Any) -> None:
    for state in ({}, None, "{}"):
        with pytest.raises(ArgumentError, match="nothing that save"):
            chat.conversation().load(state)


def test_save_and_load(world: World, chat: Any) -> None:
    conversation = chat.conversation(appId="city", variables={"city": "Oslo"}, customUid="ann", version="v2")
    world(conversation.send("My name is Ann."))
    state = json.loads(json.dumps(conversation.save()))
    other = chat.conversation().load(state)
    assert (other.chatId, other.appId, other.variables) == (conversation.chatId, "city", {"city": "Oslo"})
    assert (other.customUid, other.version) == ("ann", "v2")
    assert "Ann" in world(other.send("What is my name?")).text


def test_a_cited_chunk(world: World, chat: Any, server: Any) -> None:
    reply = world(chat.conversation().send("tomato"))
    assert [citation.q for citation in reply.cited] == ["They like it warm."]
    quote = world(chat.fetch_citation(reply, reply.cited[0]))
    assert quote.q == "They like it warm."
    with pytest.raises(NotFoundError, match="not there any more"):
        world(chat.fetch_citation(reply, Citation(id="6a00000000000000000000ff")))
    with pytest.raises(ArgumentError, match="which record"):
        world(chat.fetch_citation(Reply(), reply.cited[0]))


# Stores ---------------------------------------------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now = datetime.datetime(2026, 5, 17, 12).timestamp()

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=["memory", "sqlite"])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    def make(**options: Any) -> ConversationStore:
        if request.param == "memory":
            return MemoryStore(**options)
        return SQLiteStore(tmp_path / "chats.db", **options)

    return make


def test_a_user_keeps_the_conversation(world: World, chat: Any, make_store: Any) -> None:
    store = make_store()
    ann = world(chat.conversation_for("ann", store))
    world(ann.send("My name is Ann."))
    bob = world(chat.conversation_for("bob", store, customUid="b"))
    assert (ann.customUid, bob.customUid) == ("ann", "b")
    assert bob.chatId != ann.chatId
    again = world(chat.conversation_for("ann", store))
    assert again.chatId == ann.chatId
    assert "Ann" in world(again.send("What is my name?")).text


def test_what_is_asked_is_kept(world: World, chat: Any, make_store: Any) -> None:
    store = make_store()
    world(world(chat.conversation_for("ann", store, appId="form")).send("go"))
    later = world(chat.conversation_for("ann", store))
    assert later.interactive.fields[0].key == "name"
    assert world(later.answer({"name": "Ann"})).interactive is None
    assert world(chat.conversation_for("ann", store)).interactive is None


@pytest.mark.parametrize(
    ("reset", "steps"),
    [
        ("daily", [(11, True), (2, False), (20, True)]),
        (datetime.timedelta(hours=2), [(1.9, True), (1.9, True), (2.1, False)]),
        (None, [(1000, True)]),
    ],
)
def test_resets(make_store: Any, reset: Any, steps: list[tuple[float, bool]]) -> None:
    clock = Clock()
    store = make_store(reset=reset, clock=clock)
    ids = iter(range(100))

    def new() -> dict[str, Any]:
        return {"chatId": str(next(ids))}

    last = store.open("ann", new)
    for hours, kept in steps:
        clock.now += hours * 3600
        found = store.open("ann", new)
        assert (found == last) is kept
        last = found


def test_a_late_save_does_not_bring_an_old_conversation_back(make_store: Any) -> None:
    clock = Clock()
    store = make_store(reset="daily", clock=clock)
    old = store.open("ann", lambda: {"chatId": "old"})
    store.save("ann", {**old, "variables": {"a": 1}})
    assert store.open("ann", dict)["variables"] == {"a": 1}
    clock.now += 24 * 3600
    store.open("ann", lambda: {"chatId": "new"})
    store.save("ann", old)
    store.save("nobody", old)
    assert store.open("ann", dict) == {"chatId": "new"}


def test_many_at_once_get_the_same(make_store: Any) -> None:
    store = make_store()
    barrier = threading.Barrier(16)

    def open_(number: int) -> str:
        barrier.wait()
        return str(store.open("ann", lambda: {"chatId": str(number)})["chatId"])

    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(open_, range(16)))) == 1


def _worker(path: str, number: int) -> list[str]:
    store = SQLiteStore(path)
    return [str(store.open(f"user {n}", lambda: {"chatId": f"{number}"})["chatId"]) for n in range(50)]


def test_many_processes_get_the_same(tmp_path: Path) -> None:
    with get_context("spawn").Pool(3) as pool:
        results = pool.starmap(_worker, [(str(tmp_path / "chats.db"), number) for number in range(6)])
    assert len(set(map(tuple, results))) == 1


def test_stores_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="use MemoryStore"):
        SQLiteStore(":memory:")
    with pytest.raises(ArgumentError, match="cannot keep conversations in"):
        SQLiteStore(tmp_path / "nowhere" / "chats.db")
    with pytest.raises(ArgumentError, match="reset must be"):
        MemoryStore(reset="weekly")  # type: ignore[arg-type]
    store = SQLiteStore(tmp_path / "chats.db")
    with pytest.raises(RuntimeError):
        store.open("ann", _failing)
    assert store.open("ann", lambda: {"chatId": "x"}) == {"chatId": "x"}, "nothing is locked or half done"


def _failing() -> Any:
    raise RuntimeError


def test_a_store_of_their_own(world: World, chat: Any) -> None:
    """Async ones are for async clients."""
    if not world.asynchronous:
        return
    kept: dict[str, Any] = {}

    class Remote:
        async def open(self, user: str, new: Any) -> Any:
            return kept.setdefault(user, new())

        async def save(self, user: str, state: Any) -> None:
            kept[user] = state

    conversation = world(chat.conversation_for("ann", Remote()))
    world(conversation.send("hello"))
    assert kept["ann"]["new"] is False


def test_whose_conversation_it_is(world: World, chat: Any) -> None:
    store = MemoryStore()
    first = world(chat.conversation_for(7, store))
    assert world(chat.conversation_for("7", store)).chatId == first.chatId
    assert first.customUid == "7"
    for user in ("", None, True, ["ann"]):
        with pytest.raises(ArgumentError, match="user must be a name or number"):
            world(chat.conversation_for(user, store))
    with pytest.raises(ArgumentError, match="store must be a ConversationStore"):
        world(chat.conversation_for("ann", "chats.db"))
