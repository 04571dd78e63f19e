"""Charts that are computed here: against the server's own, and where the server says less."""

from __future__ import annotations

import datetime
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from fastgpt_client import ArgumentError, ChatClient, CommercialOnlyError
from fastgpt_client.local import LocalServer
from fastgpt_client.log_summary import Conversation, Moment, Range, period_of, summarize
from fastgpt_client.models.apps import AppLogsSummary

from .conftest import KEY, World, ask

UTC = datetime.UTC


def point(series: list[Any], day: str) -> Any:
    """The summary of a day."""
    when = datetime.datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000
    return next((each.summary for each in series if each.timestamp == when), None)


def at(path: Path, dataId: str, when: str) -> None:
    """Let a turn have happened then."""
    moment = datetime.datetime.fromisoformat(when).replace(tzinfo=UTC).timestamp()
    with sqlite3.connect(path) as db:
        db.execute("UPDATE records SET time = ? WHERE dataId = ?", (moment, dataId))
        for name, which in (("createTime", "min"), ("updateTime", "max")):
            times = f"SELECT {which}(time) FROM records WHERE records.chatId = chats.chatId"
            db.execute(f"UPDATE chats SET {name} = ({times})")
    db.close()


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A server with conversations of several days: two users, one conversation over two days, one afterwards."""
    script = {"rules": [{"match": "fail", "error": "500 broken"}, {"reply": "ok"}]}
    path = tmp_path_factory.mktemp("used") / "chats.db"
    with LocalServer(api_keys=[KEY], apps=["app", "other"], delay=0, db=path, script=script) as server:
        with ChatClient(KEY, server.base_url, app_id="app") as client:
            for chat, text, uid in [
                ("a", "hi", "ann"),
                ("a", "fail", "ann"),
                ("b", "hi", "bob"),
                ("c", "hi", "ann"),
                ("later", "hi", "ann"),
            ]:
                client.create_chat_completion(
                    ask(text), chatId=chat, customUid=uid, responseChatItemId=f"{chat}-{text}"
                )
            client.update_user_feedback(chatId="a", dataId="a-hi", userGoodFeedback="yes")
            client.update_user_feedback(chatId="b", dataId="b-hi", userBadFeedback="wrong")
        at(path, "a-hi", "2026-11-02T23:50:00")
        at(path, "a-fail", "2026-11-03T00:10:00")
        at(path, "b-hi", "2026-11-03T09:00:00")
        at(path, "c-hi", "2026-11-05T09:00:00")
        at(path, "later-hi", "2026-12-15T09:00:00")
        yield server


def client(world: World, server: LocalServer) -> Any:
    return world.make("AppClient", KEY, server.base_url, app_id="app", max_retries=0)


def test_the_same_as_the_servers_chart(world: World, used: LocalServer) -> None:
    apps = client(world, used)
    chart = world(apps.get_app_logs_chart("app", "2026-11-01", "2026-11-04")).data
    summary = world(apps.summarize_app_logs(None, "2026-11-01", datetime.date(2026, 11, 4)))
    assert isinstance(summary, AppLogsSummary)
    assert summary.basis == "logs"
    for name in ("userData", "chatData", "appData"):
        assert [each.timestamp for each in getattr(summary, name)] == [each.timestamp for each in getattr(chart, name)]
    for day in ("2026-11-02", "2026-11-03"):
        assert point(summary.chatData, day) == point(chart.chatData, day)
        assert point(summary.appData, day) == point(chart.appData, day)
        ours, theirs = point(summary.userData, day), point(chart.userData, day)
        assert (ours.userCount, ours.sourceCountMap) == (theirs.userCount, theirs.sourceCountMap)
        assert (ours.newUserCount, ours.retentionUserCount) == (None, None)
        assert "userData.newUserCount" in summary.unknown
    assert point(summary.chatData, "2026-11-03").errorCount == 1
    assert point(summary.appData, "2026-11-02").goodFeedBackCount == 1


def test_weeks_and_quarters(world: World, used: LocalServer) -> None:
    summary = world(
        client(world, used).summarize_app_logs("app", "2026-11-01", "2026-11-30", None, "week", "quarter", "month")
    )
    assert [each.summary.userCount for each in summary.userData] == [2]
    assert point(summary.userData, "2026-11-02").userCount == 2
    assert point(summary.chatData, "2026-10-01").chatCount == 3
    assert point(summary.appData, "2026-11-01").chatCount == 3


def test_the_days_of_another_time_zone(world: World, used: LocalServer) -> None:
    summary = world(
        client(world, used).summarize_app_logs("app", "2026-11-01", "2026-11-03", timezone=ZoneInfo("Asia/Shanghai"))
    )
    assert [each.summary.chatCount for each in summary.chatData] == [2]  # all on the 3rd there


def test_other_sources(world: World, used: LocalServer) -> None:
    summary = world(client(world, used).summarize_app_logs("app", "2026-11-01", "2026-11-30", ["share"]))
    assert (summary.userData, summary.chatData, summary.appData) == ([], [], [])


def test_where_logs_take_no_keys_histories_do(world: World, used: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from fastgpt_client.local import logs, wire

    def refuse(*_: object) -> None:
        raise wire.unauthorized()

    monkeypatch.setattr(logs, "date_range", refuse)
    summary = world(client(world, used).summarize_app_logs("app", "2026-11-01", "2026-11-04"))
    assert summary.basis == "records"
    third = point(summary.chatData, "2026-11-03")
    assert (third.chatCount, third.chatItemCount, third.errorCount, third.points) == (2, 2, None, None)
    assert point(summary.userData, "2026-11-03").userCount is None
    assert point(summary.appData, "2026-11-03").badFeedBackCount == 1
    assert "chatData.errorCount" in summary.unknown


def test_a_community_server_names_the_way_out(world: World) -> None:
    with LocalServer(api_keys=[KEY], apps=["app"], commercial=False) as server:
        apps = client(world, server)
        with pytest.raises(CommercialOnlyError, match="summarize_app_logs"):
            world(apps.get_app_logs_chart("app", "2026-11-01", "2026-11-04"))
        with pytest.raises(CommercialOnlyError) as told:
            world(apps.get_app_logs_totals("app"))
        assert told.value.hint is None


@pytest.mark.parametrize("arguments", [("app", "yesterday", "2026-11-01"), ("app", "2026-11-01"), ("app",)])
def test_dates_that_are_none(world: World, used: LocalServer, arguments: tuple[str, ...]) -> None:
    with pytest.raises(ArgumentError, match="must be a day"):
        world(client(world, used).summarize_app_logs(*arguments))


def test_a_sum_with_an_unknown_part_is_unknown() -> None:
    when = datetime.datetime(2026, 11, 3, tzinfo=UTC)
    asked = Range.of("2026-11-03", "2026-11-03", UTC)
    moments = [Moment(when, 1, points=2.5), Moment(when, 1, points=None)]
    summary = summarize([Conversation("api", "u", moments)], asked, ("day", "day", "day"), "logs", {})
    assert summary.chatData[0].summary is not None
    assert (summary.chatData[0].summary.points, summary.chatData[0].summary.chatItemCount) == (None, 2)


def test_periods() -> None:
    moment = datetime.datetime(2026, 11, 22, 13, 5, tzinfo=UTC)
    assert [period_of(moment, span).date().isoformat() for span in ("day", "week", "month", "quarter")] == [
        "2026-11-22",
        "2026-11-16",
        "2026-11-01",
        "2026-10-01",
    ]
