"""The policy of a call, without a network or a clock: the generator is driven by hand."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import httpx2
import pytest

from fastgpt_client import APIConnectionError, APIError, ArgumentError, ChatClient, RateLimitError, ServerError, Timeout
from fastgpt_client._answer import Answer
from fastgpt_client._flow import MAX_DELAY, Read, Send, Sleep, exchange
from fastgpt_client._session import Session
from fastgpt_client.api.apps import AppApi
from fastgpt_client.api.chat import ChatApi

from .conftest import ask
from .wire import completion

OK = b'{"code":200,"statusText":"","message":"","data":null}'
PAGE = b"<!DOCTYPE html><title>404</title>"


class Calls(ChatApi[Any], AppApi[Any]):
    """The endpoints, giving flows."""

    def __init__(self, **settings: Any) -> None:
        client = ChatClient("fastgpt-k", "http://host", app_id="app", **settings)
        self._session = client._session
        self._io = type("Give", (), {"run": staticmethod(lambda steps: steps)})()


def answer(session: Session, status: int, body: bytes = b"", **headers: str) -> Answer:
    http = httpx2.Response(
        status, headers={name.replace("_", "-"): value for name, value in headers.items()}, content=body
    )
    return Answer(http, session, Timeout())


def drive(flow: Generator[Any, Any, Any], calls: Calls, *outcomes: Any) -> tuple[Any, list[Send], list[float]]:
    """Run a flow against given outcomes: its result or exception, what it sent, how long it slept."""
    sent: list[Send] = []
    slept: list[float] = []
    todo = list(outcomes)
    reply: Any = None
    try:
        while True:
            step = flow.send(reply)
            if isinstance(step, Send):
                sent.append(step)
                outcome = todo.pop(0)
                reply = answer(calls._session, *outcome) if isinstance(outcome, tuple) else outcome
            elif isinstance(step, Read):
                step.answer.content = step.answer.http.content
                reply = step.answer
            elif isinstance(step, Sleep):
                slept.append(step.seconds)
                reply = None
    except StopIteration as end:
        assert not todo, "fewer requests than outcomes"
        return end.value, sent, slept
    except Exception as error:
        assert not todo, "fewer requests than outcomes"
        return error, sent, slept


def unsent() -> APIConnectionError:
    error = APIConnectionError("refused")
    error.certainly_unsent = True
    return error


@pytest.fixture
def calls() -> Calls:
    return Calls(max_retries=2, retry_delay=1.0)


def test_an_idempotent_call_is_tried_again(calls: Calls) -> None:
    for trouble in (APIConnectionError("reset"), (503, b"busy"), (502, b"<html>"), (504, b""), (429, b"slow")):
        result, sent, slept = drive(calls.get_chat_histories(), calls, trouble, trouble, (200, OK))
        assert result.data.list == []
        assert len(sent) == 3
        assert sent[0] == sent[2]
        assert 0.75 <= slept[0] <= 1.25
        assert 1.5 <= slept[1] <= 2.5


def test_retries_end(calls: Calls) -> None:
    result, sent, _ = drive(calls.get_chat_histories(), calls, (503, b""), (503, b""), (503, b""))
    assert isinstance(result, ServerError)
    assert len(sent) == 3


def test_a_failure_that_will_stay_is_not_tried_again(calls: Calls) -> None:
    for status, body in ((500, OK.replace(b"200", b"514")), (400, b"Invalid JSON"), (403, b""), (404, b'{"code":404}')):
        result, sent, _ = drive(calls.stop_chat("c"), calls, (status, body))
        assert isinstance(result, APIError)
        assert len(sent) == 1


def test_a_run_is_repeated_only_if_it_certainly_did_not_start(calls: Calls) -> None:
    run = calls.create_chat_completion
    for trouble in (APIConnectionError("reset"), (502, b""), (503, b""), (504, b"")):
        result, sent, _ = drive(run(ask("x")), calls, trouble)
        assert isinstance(result, (APIConnectionError, ServerError))
        assert len(sent) == 1
    for trouble in (unsent(), (429, b""), (500, b'{"code":429,"message":"Rate limit exceeded."}')):
        result, sent, _ = drive(run(ask("x")), calls, trouble, (200, completion()))
        assert result.reply().text == "hi"
        assert len(sent) == 2
        assert sent[0].content == sent[1].content, "the same chatId is used again"


def test_the_server_says_how_long(calls: Calls) -> None:
    busy = b'{"code":429,"statusText":"error","message":"Rate limit exceeded. Please try again in 7 seconds."}'
    _, _, slept = drive(calls.get_chat_histories(), calls, (429, busy), (200, OK))
    assert 7.0 <= slept[0] <= 7.1
    flow = calls.get_chat_histories()
    sent = flow.send(None)
    assert isinstance(sent, Send)
    read = flow.send(answer(calls._session, 429, b"", retry_after="3"))
    read.answer.content = b""
    assert 3.0 <= flow.send(read.answer).seconds <= 3.1


@pytest.mark.parametrize(
    ("headers", "low", "high"),
    [
        ({"retry_after": "2.5"}, 2.5, 2.6),
        ({"retry_after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0, 0.1),
        ({"retry_after": "soon"}, 0.75, 1.25),
        ({"x_ratelimit_remaining": "0", "x_ratelimit_reset": "4"}, 4, 4.1),
        ({"x_ratelimit_remaining": "3", "x_ratelimit_reset": "4"}, 0.75, 1.25),
        ({"x_ratelimit_remaining": "0", "x_ratelimit_reset": "1700000000"}, 0, 0.1),
        ({"x_ratelimit_remaining": "0", "x_ratelimit_reset": "1700000000000"}, 0, 0.1),
    ],
)
def test_headers_that_say_how_long(calls: Calls, headers: dict[str, str], low: float, high: float) -> None:
    flow = calls.get_chat_histories()
    flow.send(None)
    read = flow.send(answer(calls._session, 429, b"", **headers))
    read.answer.content = b""
    assert low <= flow.send(read.answer).seconds <= high


def test_nobody_waits_for_an_hour(calls: Calls) -> None:
    busy = b'{"code":429,"message":"Rate limit exceeded. Please try again in 3600 seconds."}'
    result, _, slept = drive(calls.get_chat_histories(), calls, (429, busy))
    assert isinstance(result, RateLimitError)
    assert result.retry_after == 3600
    assert slept == []


def test_a_backoff_is_capped() -> None:
    calls = Calls(max_retries=9, retry_delay=10)
    _, _, slept = drive(calls.get_chat_histories(), calls, *[(503, b"")] * 9, (200, OK))
    assert max(slept) <= MAX_DELAY * 1.25


def test_an_older_server_is_asked_its_way_and_remembered(calls: Calls) -> None:
    result, sent, _ = drive(calls.get_chat_histories(), calls, (404, PAGE), (200, OK))
    assert result.data.total == 0
    assert [step.url for step in sent] == [
        "http://host/api/core/chat/history/getHistories",
        "http://host/api/core/chat/getHistories",
    ]
    _, sent, _ = drive(calls.get_chat_histories(), calls, (200, OK))
    assert [step.url for step in sent] == ["http://host/api/core/chat/getHistories"]


def test_an_older_form_may_put_the_arguments_elsewhere(calls: Calls) -> None:
    _, sent, _ = drive(calls.delete_chat_record(chatId="c", contentId="r"), calls, (404, PAGE), (200, OK))
    assert (sent[0].method, sent[0].params, sent[0].content) == (
        "DELETE",
        {"appId": "app", "chatId": "c", "contentId": "r"},
        None,
    )
    assert sent[1].url.endswith("/core/chat/item/delete")
    assert sent[1].params == sent[0].params
    assert sent[1].content == b'{"appId":"app","chatId":"c","contentId":"r"}'


def test_an_old_form_that_is_unknown_too_is_not_found(calls: Calls) -> None:
    result, sent, _ = drive(calls.get_chat_histories(), calls, (404, PAGE), (404, PAGE))
    assert type(result).__name__ == "NotFoundError"
    assert len(sent) == 2
    assert calls._session.forms == {}


def test_a_404_in_words_is_an_answer(calls: Calls) -> None:
    result, sent, _ = drive(calls.get_chat_histories(), calls, (404, b'{"code":502000,"statusText":"appUnExist"}'))
    assert type(result).__name__ == "NotFoundError"
    assert len(sent) == 1


def test_none_never_leaves(calls: Calls) -> None:
    _, sent, _ = drive(calls.create_chat_completion(ask("x"), chatId="c", variables=None), calls, (200, completion()))
    assert sent[0].content == (
        b'{"chatId":"c","appId":"app","messages":[{"role":"user","content":"x"}],"stream":false,"detail":false}'
    )


def test_options_of_one_call(calls: Calls) -> None:
    options: Any = {"timeout": 5, "max_retries": 0, "extra_headers": {"X-One": "1"}, "extra_body": {"new": True}}
    result, sent, _ = drive(calls.stop_chat("c", **options), calls, (503, b""))
    assert isinstance(result, ServerError)
    assert sent[0].timeout == Timeout.of(5)
    assert sent[0].headers["x-one"] == "1"
    assert sent[0].content == b'{"chatId":"c","appId":"app","new":true}'
    _, sent, _ = drive(calls.get_chat_init(extra_body={"a": 1}), calls, (200, OK))
    assert sent[0].content == b'{"a":1}'
    with pytest.raises(ArgumentError, match="max_retries"):
        next(calls.stop_chat("c", max_retries=-1))


def test_queries_are_written_as_fastgpt_reads_them(calls: Calls) -> None:
    _, sent, _ = drive(calls.get_chat_init(chatId="c", loadCustomFeedbacks=True), calls, (200, OK))
    assert sent[0].params == {"appId": "app", "chatId": "c", "loadCustomFeedbacks": "true"}


def test_a_misspelt_argument_is_not_lost(calls: Calls) -> None:
    for call in (calls.create_chat_completion, calls.get_chat_histories, calls.get_chat_init):
        with pytest.raises(ArgumentError, match="there is no argument 'mesages'"):
            next(call(mesages=ask("x")))  # type: ignore[operator]


def test_what_cannot_be_sent(calls: Calls) -> None:
    with pytest.raises(ArgumentError, match="cannot be sent as JSON"):
        next(calls.create_chat_completion(ask("x"), variables={"a": object()}))
    for wrong in ("hello", {"role": "user"}, [["user", "x"]], [{"content": "x"}]):
        with pytest.raises(ArgumentError, match=r"messages"):
            next(calls.create_chat_completion(wrong))  # type: ignore[arg-type]
    for chatId in (5, "x" * 1025):
        with pytest.raises(ArgumentError, match="chatId must"):
            next(calls.create_chat_completion(ask("x"), chatId=chatId))  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="version must be"):
        next(calls.create_chat_completion(ask("x"), version="v3"))  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="chatId is needed"):
        next(calls.get_chat_records())
    with pytest.raises(ArgumentError, match="dateStart must be a day"):
        next(calls.get_app_logs_chart("app", "yesterday", "2026-01-01"))
    with pytest.raises(ArgumentError, match=r'source takes a list: \["api"\]'):
        next(calls.get_app_logs_chart("app", "2026-01-01", "2026-01-02", source="api"))


def test_the_flow_of_a_lent_function_is_the_exchange(calls: Calls) -> None:
    assert exchange.__name__ in calls.stop_chat("c").__qualname__
