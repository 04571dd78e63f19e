from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgpt_client import _json
from fastgpt_client._response import Envelope
from fastgpt_client.models._base import Page
from fastgpt_client.models.apps import AppLogsChart
from fastgpt_client.models.chat import ChatHistory, ChatRecord


def test_lone_surrogates_are_accepted() -> None:
    assert _json.loads(rb'{"a": "x\ud83d"}') == {"a": "x\ud83d"}
    assert _json.decoder(dict[str, str])(rb'{"a": "x\ud83d"}') == {"a": "x\ud83d"}


def test_bytes_that_are_no_utf8_do_not_cost_the_rest() -> None:
    assert _json.loads(b'{"a": "\xff", "b": 1}') == {"a": "\ufffd", "b": 1}


def test_no_json_is_a_value_error() -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        _json.loads(b"<html>")


def test_a_field_of_another_type_is_left_as_it_came() -> None:
    page: Any = _json.decoder(Envelope[Page[ChatHistory]])(
        b'{"code":200,"data":{"total":"2","list":[{"chatId":"a","top":"perhaps","new":1},{"chatId":null,"title":5}]}}'
    )
    first, second = page.data.list
    assert page.data.total in (2, "2")
    assert isinstance(first, ChatHistory)
    assert (first.chatId, first.top) == ("a", "perhaps")
    assert isinstance(second, ChatHistory)
    assert (second.chatId, second.title) == (None, 5)


def test_wholly_other_shapes_are_given_as_they_are() -> None:
    assert _json.fit([1, 2], ChatHistory) == [1, 2]
    assert _json.fit({"list": "none"}, Page[ChatHistory]).list == "none"
    chart = _json.fit({"userData": [{"timestamp": "x", "summary": {"sourceCountMap": {"api": "many"}}}]}, AppLogsChart)
    assert chart.userData[0].timestamp == "x"
    assert chart.userData[0].summary.sourceCountMap == {"api": "many"}
    assert _json.fit({"adminFeedback": None, "value": None}, ChatRecord).adminFeedback is None


def test_halves_of_a_pair_are_joined_and_lone_ones_replaced() -> None:
    assert _json.heal("a\ud83d\ude00b") == "a😀b"
    assert _json.heal("a\ud83d") == "a\ufffd"
    assert _json.heal("plain") == "plain"
    assert _json.heal("é") == "é"


json_values: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(("chatId", "top", "title", "hasBeenRead", "zzz"), json_values)))
def test_no_payload_is_refused(payload: dict[str, Any]) -> None:
    history = _json.fit(payload, ChatHistory)
    assert isinstance(history, ChatHistory)
    for name in msgspec.structs.asdict(history).keys() & payload.keys():
        value = getattr(history, name)
        assert (
            value == payload[name]
            or str(value).lower() == str(payload[name]).lower()
            or float(value) == float(payload[name])
        )
