from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from fastgpt_client import ArgumentError, FormField, Interactive, InteractiveOption
from fastgpt_client.forms import hint, read_choice, read_field, read_form

COLOURS = [{"label": "Red", "value": "r"}, {"label": "Blue", "value": "b"}]


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if not hasattr(time, "tzset"):
        pytest.skip("the time zone cannot be set here")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("field", "written", "value"),
    [
        ({"type": "input"}, "Ann", "Ann"),
        ({"type": "input"}, 7, "7"),
        ({"type": "password", "minLength": 3}, "abc", "abc"),
        ({"type": "numberInput"}, "41", 41),
        ({"type": "numberInput", "min": 0, "max": 1}, "0.5", 0.5),
        ({"type": "numberInput"}, 3, 3),
        ({"type": "switch"}, "Yes", True),
        ({"type": "switch"}, False, False),
        ({"type": "switch"}, "否", False),
        ({"type": "select", "list": COLOURS}, "Red", "r"),
        ({"type": "select", "list": COLOURS}, "b", "b"),
        ({"type": "select", "list": COLOURS}, "2", "b"),
        ({"type": "multipleSelect", "list": COLOURS}, "1，Blue, b", ["r", "b"]),
        ({"type": "multipleSelect", "list": COLOURS}, ["r"], ["r"]),
        ({"type": "timePointSelect"}, "2026-01-31T12:00:00+08:00", "2026-01-31T04:00:00.000Z"),
        (
            {"type": "timeRangeSelect"},
            "2026-01-31T00:00Z, 2026-02-01T00:00Z",
            ["2026-01-31T00:00:00.000Z", "2026-02-01T00:00:00.000Z"],
        ),
        ({"type": "fileSelect"}, f"https://a/b.pdf, {__file__}", ["https://a/b.pdf", __file__]),
        ({"type": "fileSelect"}, {"url": "u"}, [{"url": "u"}]),
        ({"type": "JSONEditor"}, '{"a": 1}', '{"a": 1}'),
        ({"type": "ask", "list": COLOURS}, "2", "b"),
        ({"type": "ask", "list": COLOURS}, "Green", "Green"),
        ({"type": "input", "defaultValue": "here", "required": True}, "", "here"),
        ({"type": "input"}, "", None),
        ({"type": "of a later version"}, "x", "x"),
    ],
)
def test_a_field_takes(field: dict[str, Any], written: object, value: object) -> None:
    assert read_field(FormField(key="k", **field), written) == value


@pytest.mark.parametrize(
    ("field", "written"),
    [
        ({"type": "input", "required": True}, ""),
        ({"type": "input", "maxLength": 2}, "Ann"),
        ({"type": "input"}, {"a": 1}),
        ({"type": "password", "minLength": 4}, "pin"),
        ({"type": "numberInput"}, "x"),
        ({"type": "numberInput", "min": 2}, "1"),
        ({"type": "switch"}, "maybe"),
        ({"type": "select", "list": COLOURS}, "3"),
        ({"type": "multipleSelect", "list": COLOURS}, "Red, Green"),
        ({"type": "timePointSelect"}, "soon"),
        ({"type": "timeRangeSelect"}, "2026-01-31"),
        ({"type": "timeRangeSelect"}, "2026-02-01,2026-01-31"),
        ({"type": "timeRangeSelect"}, 7),
    ],
)
def test_a_field_refuses(field: dict[str, Any], written: object) -> None:
    with pytest.raises(ArgumentError, match=r"'k'|Name"):
        read_field(FormField(key="k", label="Name", **field), written)


def test_a_password_does_not_show() -> None:
    with pytest.raises(ArgumentError) as refused:
        read_field(FormField(key="k", type="password", minLength=9), "geheim")
    assert str(refused.value) == "k must have at least 9 letters"
    assert refused.value.__context__ is None


@pytest.mark.usefixtures("tokyo")
def test_times_without_a_zone_are_local() -> None:
    assert read_field(FormField(key="k", type="timePointSelect"), "2026-01-31 09:00") == "2026-01-31T00:00:00.000Z"


def test_hints() -> None:
    assert hint(FormField(type="numberInput", min=1, max=5)) == "a number, 1 to 5"
    assert hint(FormField(type="input")) == ""
    assert hint(FormField(type="input", minLength=1, maxLength=5)) == "1 to 5 letters"
    assert hint(FormField(type="password", minLength=4)) == "at least 4 letters"
    assert hint(FormField(type="input", maxLength=4)) == "at most 4 letters"


def test_a_form() -> None:
    asked = Interactive(
        type="userInput",
        fields=[
            FormField(key="name", label="Your name", required=True),
            FormField(key="age", type="numberInput"),
        ],
    )
    assert read_form(asked, {"Your name": "Ann", "age": 41}) == {"name": "Ann", "age": 41}
    assert read_form(asked, {"name": "Ann"}) == {"name": "Ann"}
    with pytest.raises(ArgumentError, match="no field 'size'; it has name, age"):
        read_form(asked, {"size": 1})
    with pytest.raises(ArgumentError, match="Your name is needed"):
        read_form(asked, {})


def test_a_choice() -> None:
    asked = Interactive(options=[InteractiveOption(key="a", value="Apples"), InteractiveOption(key="b", value="Pears")])
    assert [read_choice(asked, each) for each in ("a", "Pears", "2")] == ["Apples", "Pears", "Pears"]
    assert read_choice(Interactive(type="agentPlanAskQuery", options=asked.options), "Both") == "Both"
    for wrong in ("0", "3", "x", "²"):
        with pytest.raises(ArgumentError, match="none of the options: 'Apples', 'Pears'"):
            read_choice(asked, wrong)


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(ArgumentError, match="there is no file nowhere"):
        read_field(FormField(type="fileSelect", key="plan"), f"{__file__}, nowhere")
