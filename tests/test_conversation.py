from __future__ import annotations

from typing import Any

import pytest

from fastgpt_client import ArgumentError, Interactive, InteractiveOption, Reply

from .conftest import KEY, World
from .wire import END, chunk, sse_head, wire


def test_several_turns(world: World, chat: Any) -> None:
    conversation = chat.conversation()
    assert conversation.chatId in repr(conversation)
    assert isinstance(world(conversation.send("My name is Ann.")), Reply)
    assert "Ann" in world(conversation.send("What is my name?")).text
    records = world(conversation.history()).data
    assert [record.obj for record in records.list] == ["Human", "AI", "Human", "AI"]
    again = chat.conversation(conversation.chatId)
    assert "Ann" in world(again.send("What is my name?")).text
    assert world(again.stop()).status_code == 200


def test_streaming(world: World, chat: Any) -> None:
    conversation = chat.conversation(version="v2", customUid="ann", variables={"city": "Oslo"}, check_variables=False)
    if not world.asynchronous:
        with conversation.stream("Tell me") as response:
            assert "Tell me" in "".join(response.iter_answer())
        names = [event.event for event in conversation.stream("More", variables={"a": 1})]
    else:

        async def talk() -> list[str]:
            async with conversation.stream("Tell me") as response:
                assert "Tell me" in "".join([piece async for piece in response.aiter_answer()])
            response = await conversation.stream("Again")
            assert (await response.areply()).text
            return [event.event async for event in conversation.stream("More", variables={"a": 1})]

        names = world(talk())
    assert names[-1] == "answer"
    assert "flowNodeResponse" in names


def test_leaving_a_stream_early(world: World, chat: Any) -> None:
    conversation = chat.conversation()
    if world.asynchronous:

        async def leave() -> None:
            async for _ in conversation.stream("Tell me"):
                break

        world(leave())
    else:
        for _ in conversation.stream("Tell me"):
            break
    world.settle()
    assert world.busy(chat) == 0


def test_a_choice(world: World, chat: Any) -> None:
    for said in ("Confirm", "option1"):
        conversation = chat.conversation(appId="sel")
        assert conversation.interactive is None
        reply = world(conversation.send("start"))
        assert reply.text == ""
        asked = reply.interactive
        assert isinstance(asked, Interactive)
        assert (asked.type, asked.description) == ("userSelect", "Pick one")
        assert [(option.key, option.value) for option in asked.options] == [
            ("option1", "Confirm"),
            ("option2", "Cancel"),
        ]
        with pytest.raises(ArgumentError, match="'Perhaps' is none of the options: 'Confirm', 'Cancel'"):
            world(conversation.answer("Perhaps"))
        with pytest.raises(ArgumentError, match="asked for a text"):
            world(conversation.answer({"a": 1}))
        assert "start" in world(conversation.answer(said)).text
        assert conversation.interactive is None
        with pytest.raises(ArgumentError, match="did not ask anything"):
            world(conversation.answer("Confirm"))


def test_a_form(world: World, chat: Any) -> None:
    conversation = chat.conversation(appId="form")
    asked = world(conversation.send("start")).interactive
    assert [(field.key, field.type, field.required) for field in asked.fields] == [
        ("name", "input", True),
        ("age", "numberInput", False),
    ]
    for wrong, said in (
        ("Ann", "answer with a dict of its fields \\('name', 'age'\\)"),
        ({"nam": "Ann"}, "no field 'nam'; it has 'name', 'age'"),
        ({"age": 3}, "the form needs 'name'"),
    ):
        with pytest.raises(ArgumentError, match=said):
            world(conversation.answer(wrong))
    reply = world(conversation.answer({"name": "Ann", "age": 3}))
    assert reply.nodes[0].raw["formInputResult"] == {"name": "Ann", "age": 3}


def test_questions_of_other_kinds() -> None:
    inner = {"type": "userSelect", "params": {"description": "Deep", "userSelectOptions": [{"key": "a", "value": "A"}]}}
    wrapped = {
        "type": "loopInteractive",
        "params": {"childrenResponse": {"type": "x", "params": {"childrenResponse": inner}}},
    }
    asked = Interactive.from_wire(wrapped)
    assert (asked.type, asked.description, asked.options[0].value, asked.raw) == ("userSelect", "Deep", "A", wrapped)
    asked = Interactive.from_wire({"type": "agentPlanAskQuery", "params": {"content": "Which?", "options": ["odd"]}})
    assert (asked.description, asked.options) == ("Which?", [InteractiveOption("odd", "odd")])
    assert Interactive.from_wire({"type": "paymentPause"}).description == ""


def test_a_question_without_options_takes_any_text(world: World) -> None:
    asking = b'event: interactive\ndata: {"interactive":{"type":"paymentPause","params":{"description":"Pay"}}}\n\n'
    with wire([sse_head(), chunk(asking), chunk(b"data: [DONE]\n\n"), END]) as server:
        conversation = world.make("ChatClient", KEY, server.url).conversation()
        assert world(conversation.send("buy")).interactive.description == "Pay"
        world(conversation.answer("paid"))
        assert b'"content":"paid"' in server.requests[-1]


def test_nothing_to_say(world: World, chat: Any) -> None:
    for content, said in (
        ("  ", "content is empty"),
        ([], "content is empty"),
        (None, "must be a text, or a list of content parts, not None"),
        (b"hi", "must be a text"),
        ({"type": "text", "text": "hi"}, "must be a text"),
        ([{"role": "user", "content": "hi"}], 'must be like {"type": "text"'),
        (["hi"], 'must be like {"type": "text"'),
    ):
        with pytest.raises(ArgumentError, match=said):
            world(chat.conversation().send(content))


def test_content_parts(world: World, chat: Any) -> None:
    parts = [
        {"type": "text", "text": "describe"},
        {"type": "image_url", "image_url": {"url": "https://example.com/x.png"}},
    ]
    assert "describe" in world(chat.conversation().send(parts)).text
