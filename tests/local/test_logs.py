"""Logs and charts."""

from __future__ import annotations

import sqlite3
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from .conftest import Api

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SPAN = {"dateStart": "2020-01-01", "dateEnd": "2100-01-01T00:00:00.000Z"}
SPANS = {"userTimespan": "day", "chatTimespan": "day", "appTimespan": "day"}


def test_list_and_users(serve: Callable[..., Api]) -> None:
    api = serve(script=[{"match": "break", "error": "500 broken"}])
    api.say("hello", chatId="a", customUid="ann", responseChatItemId="r")
    api.say("break", chatId="b", customUid="ann")
    api.say("again", chatId="c")
    api.post("/core/chat/feedback/updateUserFeedback", {"chatId": "a", "dataId": "r", "userGoodFeedback": "yes"})

    def rows(**body: Any) -> list[str]:
        return [row["chatId"] for row in api.data("/core/app/logs/list", {**SPAN, **body})["list"]]

    assert rows() == ["c", "b", "a"]
    assert rows(pageSize=1) == ["c"]
    assert rows(outLinkUids=["ann"]) == ["b", "a"]
    assert rows(chatSearch="hell") == rows(feedbackType="good") == rows(feedbackType="has_feedback") == ["a"]
    assert rows(feedbackType="bad") == rows(sources=["share"]) == []
    assert rows(errorFilter="has_error") == ["b"]
    users = api.data("/core/app/logs/getUsers", SPAN)["list"]
    assert [(user["name"], user["count"]) for user in users] == [("ann", 2), ("Owner", 1)]
    assert len(api.data("/core/app/logs/getUsers", {**SPAN, "searchKey": "OWN"})["list"]) == 1
    assert api.post("/core/app/logs/list", {"dateStart": 5, "dateEnd": "soon"}).status_code == 400
    totals = api.get("/proApi/core/app/logs/getTotalData").json()["data"]
    assert totals == {"totalUsers": 2, "totalChats": 3, "totalPoints": 0}


def test_chart(serve: Callable[..., Api], tmp_path: Path) -> None:
    db = tmp_path / "chats.db"
    api = serve(db=db)
    api.say("old", chatId="old", customUid="ann")
    api.say("old", chatId="older", customUid="bob")
    yesterday = time.time() - 24 * 3600
    with sqlite3.connect(db) as other:
        other.execute("UPDATE records SET time = ?", (yesterday,))
    other.close()
    api.say("new", chatId="new", customUid="ann", responseChatItemId="r")
    api.say("new", chatId="newer", customUid="cid")
    api.post("/core/chat/feedback/updateUserFeedback", {"chatId": "new", "dataId": "r", "userBadFeedback": "no"})

    def chart(**body: Any) -> dict[str, Any]:
        return api.data("/proApi/core/app/logs/getChartData", {**SPAN, **SPANS, **body})

    data = chart(offset=1, source=["api"])
    before, today = data["userData"]
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    assert today["timestamp"] == day.timestamp() * 1000
    assert before["timestamp"] == (day - timedelta(days=1)).timestamp() * 1000
    assert before["summary"] == {
        "userCount": 2,
        "newUserCount": 2,
        "retentionUserCount": 0,
        "points": 0,
        "sourceCountMap": {"api": 2},
    }
    assert (today["summary"]["newUserCount"], today["summary"]["retentionUserCount"]) == (1, 1)
    assert data["chatData"][1]["summary"] == {"chatItemCount": 2, "chatCount": 2, "errorCount": 0, "points": 0}
    assert data["appData"][1]["summary"]["badFeedBackCount"] == 1
    assert chart(offset=2)["userData"][1]["summary"]["retentionUserCount"] == 0
    assert chart(source=["share"]) == {"userData": [], "chatData": [], "appData": []}
    assert chart(dateEnd="2020-01-02")["chatData"] == []
    for span, length in (("week", 7), ("month", 31), ("quarter", 92)):
        start = datetime.fromtimestamp(chart(userTimespan=span)["userData"][-1]["timestamp"] / 1000, UTC)
        assert start <= day < start + timedelta(days=length)
        assert start.day == 1 or span == "week"

    bad = api.post("/proApi/core/app/logs/getChartData", {**SPAN, **SPANS, "userTimespan": "year", "source": "api"})
    assert [issue["path"] for issue in bad.json()["zodError"]] == [["userTimespan"], ["source"]]


def test_community_edition(serve: Callable[..., Api]) -> None:
    response = serve(commercial=False).post("/proApi/core/app/logs/getChartData", {})
    assert (response.status_code, response.json()["message"]) == (500, "未配置商业版链接: core,app,logs,getChartData")
