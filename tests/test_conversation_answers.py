"""What apps ask: every kind of field with its rules, questions of agents, payment, what is nested."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgpt_client import ArgumentError, FormField, Interactive
from fastgpt_client.conversation.fields import declared, fitting
from fastgpt_client.local import AppSpec, LocalServer

from .conftest import KEY, World

OPTIONS = [{"label": "Small", "value": "s"}, {"label": "Large", "value": "l"}]
FORM = {
    "type": "userInput",
    "params": {
        "inputForm": [
            {"key": "name", "type": "input", "required": True, "maxLength": 5},
            {"key": "age", "type": "numberInput", "min": 0, "max": 150},
            {"key": "size", "type": "select", "list": OPTIONS, "defaultValue": "s"},
            {"key": "extras", "type": "multipleSelect", "list": OPTIONS},
            {"key": "news", "type": "switch"},
            {"key": "secret", "type": "password", "minLength": 3},
            {"key": "when", "type": "timePointSelect"},
            {"key": "stay", "type": "timeRangeSelect"},
            {"key": "photos", "type": "fileSelect", "maxFiles": 2, "canSelectImg": True, "canSelectFile": False},
        ]
    },
}


def app(name: str, asks: dict[str, Any]) -> AppSpec:
    return AppSpec(name, interactive=asks)


AGENT = {
    "type": "agentAsk",
    "params": {
        "description": "Two things",
        "questions": [
            {"question": "For whom?", "options": [{"summary": "Cooks", "value": "for cooks"}], "answer": ""},
            {"question": "How long?", "options": [], "answer": ""},
        ],
    },
}
PLAN = {"type": "agentPlanAskQuery", "params": {"content": "Which?", "options": ["A", "B"]}}
APPS = [
    app("form", FORM),
    app("agent", AGENT),
    app("plan", PLAN),
    app("pay", {"type": "paymentPause", "params": {"description": "Pay first"}}),
    app("loop", {**FORM, "inside": ["loopInteractive", "childrenInteractive"]}),
    app(
        "tool",
        {
            "type": "userSelect",
            "params": {"userSelectOptions": [{"key": "a", "value": "A"}]},
            "inside": ["toolChildrenInteractive"],
        },
    ),
]


@pytest.fixture(scope="module", params=["4.11", "4.16"])
def asking(request: pytest.FixtureRequest) -> Any:
    with LocalServer(api_keys=[KEY], apps=APPS, delay=0, version=request.param) as server:
        yield server


def conversation(world: World, server: Any, app: str) -> Any:
    return world.make("ChatClient", KEY, server.base_url, app_id=app).conversation()


def sent(world: World, talk: Any) -> dict[str, Any]:
    """The form as the server has it."""
    asked = world(talk.history()).data.list[1].value[0]["interactive"]
    while "childrenResponse" in asked["params"]:
        asked = asked["params"]["childrenResponse"]
    return {field["key"]: field["value"] for field in asked["params"]["inputForm"]}


@pytest.mark.parametrize("app", ["form", "loop"])
def test_a_form_with_everything(world: World, asking: Any, app: str, tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(b"\x89PNG")
    talk = conversation(world, asking, app)
    asked = world(talk.send("go")).interactive
    assert asked.type == "userInput"
    assert [option.value for option in asked.fields[3].options] == ["s", "l"]
    assert [field.key for field in asked.fields if field.multiple] == ["extras", "photos"]
    reply = world(
        talk.answer(
            {
                "name": "Ann",
                "age": "41",
                "size": "Large",
                "extras": ["Small", "l"],
                "news": "yes",
                "secret": "abc",
                "when": datetime.datetime(2026, 5, 17, 8, 30),
                "stay": ("2026-05-17", datetime.date(2026, 5, 18)),
                "photos": [tmp_path / "cat.png", "https://example.com/dog.jpg"],
            }
        )
    )
    assert reply.interactive is None
    form = sent(world, talk)
    photos = form.pop("photos")
    assert photos[0].startswith("http")
    assert photos[1] == "https://example.com/dog.jpg"
    assert form == {
        "name": "Ann",
        "age": 41,
        "size": "l",
        "extras": ["s", "l"],
        "news": True,
        "secret": "abc",
        "when": "2026-05-17T08:30:00",
        "stay": ["2026-05-17", "2026-05-18"],
    }


WRONG = [
    ({"name": "Annabel"}, "field 'name': 'Annabel' has 7 characters, more than 5 \\(maxLength\\)"),
    ({"name": ["Ann"]}, "field 'name': \\['Ann'\\] is no text"),
    ({"age": "old"}, "field 'age': 'old' is no number"),
    ({"age": True}, "field 'age': True is no number"),
    ({"age": float("nan")}, "field 'age': nan is no number"),
    ({"age": 200}, "field 'age': 200 is more than 150 \\(max\\)"),
    ({"age": -1}, "field 'age': -1 is less than 0 \\(min\\)"),
    ({"size": "huge"}, "field 'size': 'huge' is none of the options: 's', 'l'"),
    ({"extras": "s"}, "field 'extras': 's' is no list"),
    ({"extras": ["s", "huge"]}, "field 'extras': .* is none of the options"),
    ({"news": "perhaps"}, "field 'news': 'perhaps' is neither true nor false"),
    ({"news": 0.5}, "neither true nor false"),
    ({"secret": "ab"}, "field 'secret': the password has 2 characters, fewer than 3 \\(minLength\\)"),
    ({"when": "soon"}, "field 'when': 'soon' is no time"),
    ({"when": 3}, "field 'when': 3 is no time"),
    ({"stay": ["2026-05-18", "2026-05-17"]}, "field 'stay': .* ends before it begins"),
    ({"stay": ["2026-05-18"]}, "field 'stay': .* is no range of times"),
    ({"photos": ["https://a/a.png"] * 3}, "field 'photos': .* are 3 files, more than 2 \\(maxFiles\\)"),
    ({"photos": ["https://example.com/plan.pdf"]}, "does not take 'plan.pdf' .*canSelectFile is not on"),
    ({"nam": "Ann"}, "no field 'nam'; it has 'name', 'age'"),
    ({"age": 3}, "the form needs 'name'"),
    ({"name": ""}, "the form needs 'name'"),
    ("Ann", "answer with a dict of its fields"),
]


def test_what_a_form_refuses(world: World, asking: Any) -> None:
    talk = conversation(world, asking, "form")
    world(talk.send("go"))
    for value, said in WRONG:
        if (
            isinstance(value, dict)
            and "name" not in value
            and "age" not in str(said.split(":")[0])
            and "needs" not in said
        ):
            value = {"name": "Ann", **value}
        with pytest.raises(ArgumentError, match=said):
            world(talk.answer(value))
    assert talk.interactive is not None, "it still waits"
    world(talk.answer({"name": "Ann", "age": None, "secret": ""}))
    assert sent(world, talk)["size"] == "s", "defaults are sent, as on the web"


def test_questions_of_an_agent(world: World, asking: Any) -> None:
    talk = conversation(world, asking, "agent")
    asked = world(talk.send("go")).interactive
    assert (asked.type, asked.description) == ("agentAsk", "Two things")
    assert [(field.key, field.label, field.type) for field in asked.fields] == [
        ("0", "For whom?", "ask"),
        ("1", "How long?", "ask"),
    ]
    for wrong, said in (
        ("one", "asked 2 questions, not 1"),
        ({"2": "x"}, "no question '2'; there are '0', '1'"),
        ([["a"], "b"], "question '0': .* is no text"),
    ):
        with pytest.raises(ArgumentError, match=said):
            world(talk.answer(wrong))
    world(talk.answer(["Cooks", "short"]))
    assert world(talk.history()).data.list[1].value[0]["interactive"]["params"]["submitted"]


@pytest.mark.parametrize("value", [{"0": "Cooks"}, {0: "Cooks", 1: ""}, ["for cooks", ""]])
def test_the_words_for_an_agent(world: World, value: Any) -> None:
    from fastgpt_client.conversation.interactive import answer_text

    assert _result(answer_text(Interactive.from_wire(AGENT), value, _no_files)) == '{"answers":["for cooks",""]}'


def test_what_an_agent_proposes() -> None:
    from fastgpt_client.conversation.interactive import answer_text

    asked = {
        "type": "agentPlanAskQuery",
        "askId": "q1",
        "params": {"content": "?", "options": [{"label": "Go", "value": "go"}]},
    }
    assert _result(answer_text(Interactive.from_wire(asked), "Go", _no_files)) == '{"askId":"q1","optionValue":"go"}'
    assert _result(answer_text(Interactive.from_wire(asked), "rather not", _no_files)) == "rather not"
    assert _result(answer_text(Interactive.from_wire(PLAN), "A", _no_files)) == "A"
    assert _result(answer_text(Interactive.from_wire(PLAN), "neither", _no_files)) == "neither"


def test_the_others(world: World, asking: Any) -> None:
    for name, value in (("plan", "A"), ("pay", ""), ("tool", "a")):
        talk = conversation(world, asking, name)
        assert world(talk.send("go")).interactive is not None
        with pytest.raises(ArgumentError, match="asked for a text"):
            world(talk.answer({"a": 1}))
        assert world(talk.answer(value)).interactive is None


def test_ranges_of_times_in_several_zones() -> None:
    field = FormField(key="stay", type="timeRangeSelect")
    for times in (
        ["2026-05-17T10:00:00+05:00", "2026-05-17T09:00:00Z"],
        ["09:00", "10:00"],
        ["2026-05-17", "2026-05-17T09:00Z"],
    ):
        assert fitting("field", field, times) == times
    with pytest.raises(ArgumentError, match="ends before it begins"):
        fitting("field", field, ["2026-05-17T09:00:00Z", "2026-05-17T10:00:00+05:00"])


def test_saying_something_else(world: World, asking: Any) -> None:
    """FastGPT takes it for the answer, and ends without a word."""
    talk = conversation(world, asking, "tool")
    world(talk.send("go"))
    with pytest.raises(ArgumentError, match=r"the app asked \(userSelect\) .* use answer\(\)"):
        world(talk.send("What for?"))
    reply = world(talk.send("A"))
    assert (reply.interactive, len(world(talk.history()).data.list)) == (None, 2), "an option is an answer"
    talk = conversation(world, asking, "form")
    world(talk.send("go"))
    with pytest.raises(ArgumentError, match=r"the app asked \(userInput\)"):
        world(talk.send("What for?"))
    assert world(talk.regenerate()).interactive is not None


def test_run_answers_all(world: World, asking: Any) -> None:
    seen: list[str] = []

    def on_interactive(asked: Interactive) -> Any:
        seen.append(asked.type)
        return {"name": "Ann"} if asked.fields else None

    talk = conversation(world, asking, "loop")
    assert "go" in world(talk.run("go", on_interactive)).text
    assert seen == ["userInput"]
    assert world(conversation(world, asking, "pay").run("go", on_interactive)).interactive.type == "paymentPause"


def test_run_with_an_async_callback(world: World, asking: Any) -> None:
    async def on_interactive(asked: Interactive) -> str:
        return "a"

    talk = conversation(world, asking, "tool")
    if world.asynchronous:
        assert "go" in world(talk.run("go", on_interactive)).text
    else:
        with pytest.raises(ArgumentError, match="use an async client"):
            talk.run("go", on_interactive)


def test_streaming_the_answer(world: World, asking: Any) -> None:
    talk = conversation(world, asking, "tool")
    world(talk.send("go"))
    if world.asynchronous:

        async def answer() -> str:
            async with talk.stream_answer("A") as response:
                return "".join([piece async for piece in response.aiter_answer()])

        assert "go" in world(answer())
    else:
        with talk.stream_answer("A") as response:
            assert "go" in "".join(response.iter_answer())
    with pytest.raises(ArgumentError, match="did not ask"):
        world(talk.answer("A"))


def test_answering_elsewhere(world: World, asking: Any) -> None:
    talk = conversation(world, asking, "form")
    world(talk.send("go"))
    other = world.make("ChatClient", KEY, asking.base_url, app_id="form").conversation(talk.chatId)
    with pytest.raises(ArgumentError, match="needs 'name'"):
        world(other.answer({"age": 3}))
    assert world(other.answer({"name": "Ann"})).interactive is None
    state = json.loads(json.dumps(talk.save()))
    third = world.make("ChatClient", KEY, asking.base_url, app_id="form").conversation().load(state)
    assert third.interactive.fields[0].key == "name"


def test_nothing_was_asked_elsewhere(world: World, asking: Any) -> None:
    client = world.make("ChatClient", KEY, asking.base_url, app_id="form")
    with pytest.raises(ArgumentError, match="did not ask"):
        world(client.conversation("unheard of").answer("x"))


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.lists(st.text()),
    st.dictionaries(st.text(), st.text()),
)


@given(kind=st.sampled_from([*(field["type"] for field in FORM["params"]["inputForm"]), "ask", "odd"]), value=VALUES)
def test_any_value_fits_or_is_refused(kind: str, value: Any) -> None:
    field = FormField(key="f", type=kind, list=OPTIONS, maxLength=10, minLength=1, max=100, min=-100)
    said = ""
    try:
        fit = fitting("field", field, value)
    except ArgumentError as error:
        said, fit = str(error), None
    shown = "the password" if kind == "password" else repr(value)
    assert not said or said.startswith(f"field 'f': {shown} ")
    if not said and kind != "fileSelect":
        assert fit != fit or fitting("field", field, fit) == fit, "what fits once fits again"


def test_declared() -> None:
    field = declared(
        {
            "key": "k",
            "renderTypeList": ["reference", "select"],
            "selectedTypeIndex": 1,
            "enums": [{"value": "a"}],
            "maxLen": 3,
        }
    )
    assert (field.type, field.options[0].value, field.maxLength) == ("select", "a", 3)
    assert declared({"name": "n", "valueType": "number"}).key == "n"
    assert fitting("input", declared({"key": "n", "valueType": "number"}), "3") == 3
    assert fitting("input", declared({"key": "n", "valueType": "arrayString"}), ("a",)) == ["a"]
    assert fitting("input", declared({"key": "n", "valueType": "object"}), {"a": 1}) == {"a": 1}
    with pytest.raises(ArgumentError, match="is no object"):
        fitting("input", declared({"key": "n", "valueType": "object"}), 3)
    assert fitting("input", FormField(key="s", type="select"), "anything") == "anything"


def _no_files(field: FormField, files: list[Any]) -> Any:
    raise AssertionError("there are none")


def _result(steps: Any) -> Any:
    try:
        next(steps)
    except StopIteration as end:
        return end.value
    raise AssertionError("it has nothing to wait for")
