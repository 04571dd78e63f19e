"""The logs of an app, and the charts that FastGPT's commercial edition draws from them."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from . import wire

if TYPE_CHECKING:
    from .calls import Call
    from .settings import AppSpec
    from .store import Chat, Record

TMB_ID = "000000000000000000000001"
"""The one team member: every key is theirs."""
MEMBER = {"name": "Owner", "avatar": "/imgs/avatar/BlueAvatar.svg", "status": "active"}
_SPANS = ("day", "week", "month", "quarter")


def _moment(value: Any) -> datetime | None:
    """A date, or a date and time; without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def date_range(call: Call) -> tuple[float, float]:
    """`dateStart` and `dateEnd` in epoch seconds."""
    moments = {name: _moment(call.params.get(name)) for name in ("dateStart", "dateEnd")}
    bad = [wire.bad_date(call.params.get(name, wire.MISSING), name) for name, value in moments.items() if value is None]
    if bad:
        raise wire.InvalidError(bad)
    start, end = (moment.timestamp() for moment in moments.values() if moment is not None)
    if len(call.params["dateEnd"]) == len("2026-11-23"):  # a day without a time is meant whole
        end += timedelta(days=1).total_seconds() - 0.001
    return start, end


def _user(chat: Chat) -> str:
    return chat.uid or TMB_ID


def _chosen(call: Call, app: AppSpec, sources: Any) -> list[Chat]:
    """Chats that were active between the dates, newest first."""
    start, end = date_range(call)
    chats = [chat for chat in call.store.chats(app.id) if start <= chat.updateTime <= end]
    chats = [chat for chat in chats if not sources or chat.source in sources]
    return sorted(chats, key=lambda chat: -chat.updateTime)


def list_logs(call: Call, app: AppSpec) -> dict[str, Any]:
    """`/core/app/logs/list`."""
    chats = _chosen(call, app, call.params.get("sources"))
    if uids := call.params.get("outLinkUids"):
        chats = [chat for chat in chats if chat.uid in uids]
    if search := call.params.get("chatSearch"):
        chats = [chat for chat in chats if search in f"{chat.title} {chat.customTitle}"]
    records: defaultdict[str, list[Record]] = defaultdict(list)
    for record in call.store.records(app.id):
        records[record.chatId].append(record)
    rows = [_log(app, chat, records[chat.chatId]) for chat in chats]
    good, bad = "userGoodFeedbackCount", "userBadFeedbackCount"
    filters = {"has_feedback": [good, bad], "good": [good], "bad": [bad], "has_error": ["errorCount"]}
    for name in ("feedbackType", "errorFilter"):
        if counts := filters.get(call.params.get(name) or "all"):
            rows = [row for row in rows if any(row[count] for count in counts)]
    return {"total": len(rows), "list": call.page(rows)}


def _log(app: AppSpec, chat: Chat, records: list[Record]) -> dict[str, Any]:
    durations = [record.duration for record in records if record.duration is not None]
    return {
        "_id": chat.id,
        "chatId": chat.chatId,
        "title": chat.title,
        "customTitle": chat.customTitle,
        "source": chat.source,
        "sourceName": chat.sourceName,
        "updateTime": wire.iso(chat.updateTime),
        "createTime": wire.iso(chat.createTime),
        "messageCount": len(records),
        "userGoodFeedbackCount": sum(bool(record.feedback.get("userGoodFeedback")) for record in records),
        "userBadFeedbackCount": sum(bool(record.feedback.get("userBadFeedback")) for record in records),
        "customFeedbacksCount": 0,
        "markCount": 0,
        "averageResponseTime": wire.seconds(sum(durations) / len(durations)) if durations else 0,
        "errorCount": sum(record.error for record in records),
        "totalPoints": 0,
        **({"outLinkUid": chat.uid} if chat.uid else {}),
        "tmbId": TMB_ID,
        "sourceMember": MEMBER,
        "versionName": app.name or app.id,
        "originIp": "127.0.0.1",
        "region": "Other",
    }


def get_users(call: Call, app: AppSpec) -> dict[str, Any]:
    """`/core/app/logs/getUsers`: who chatted, the busiest first."""
    counts = Counter(chat.uid for chat in _chosen(call, app, call.params.get("sources")))
    rows: list[dict[str, Any]] = []
    for uid, count in counts.most_common():
        who = {"outLinkUid": uid, "tmbId": None if uid else TMB_ID, "name": uid or MEMBER["name"]}
        rows.append({**who, "avatar": None if uid else MEMBER["avatar"], "count": count})
    search = str(call.params.get("searchKey") or "").lower()
    return {"list": [row for row in rows if search in str(row["name"]).lower()]}


def get_totals(call: Call, app: AppSpec) -> dict[str, Any]:
    """`/proApi/core/app/logs/getTotalData`."""
    chats = call.store.chats(app.id)
    return {"totalUsers": len({_user(chat) for chat in chats}), "totalChats": len(chats), "totalPoints": 0}


def _period(moment: float, span: str) -> datetime:
    """The start of the day, week, month or quarter, in UTC."""
    day = datetime.fromtimestamp(moment, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if span == "week":
        return day - timedelta(days=day.weekday())
    if span == "month":
        return day.replace(day=1)
    return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1) if span == "quarter" else day


def _before(period: datetime, span: str, offset: int) -> datetime:
    """The period `offset` periods earlier."""
    for _ in range(offset):
        period = _period((period - timedelta(days=1)).timestamp(), span)
    return period


def get_chart(call: Call, app: AppSpec) -> dict[str, Any]:
    """`/proApi/core/app/logs/getChartData`: one entry for each period that has data."""
    start, end = date_range(call)
    names = ("userTimespan", "chatTimespan", "appTimespan")
    spans = [call.params.get(name) for name in names]
    issues = [wire.one_of([*_SPANS], name) for name, span in zip(names, spans, strict=True) if span not in _SPANS]
    issues += wire.check(call.params, "source?:array")
    if issues:
        raise wire.InvalidError(issues)
    user_span, chat_span, app_span = map(str, spans)
    sources = call.params.get("source")
    chats = {chat.chatId: chat for chat in call.store.chats(app.id) if not sources or chat.source in sources}
    everything = [record for record in call.store.records(app.id) if record.chatId in chats]

    def group(span: str) -> dict[datetime, list[Record]]:
        groups: defaultdict[datetime, list[Record]] = defaultdict(list)
        for record in everything:
            if start <= record.time <= end:
                groups[_period(record.time, span)].append(record)
        return dict(sorted(groups.items()))

    def user(record: Record) -> str:
        return _user(chats[record.chatId])

    def entry(period: datetime, summary: dict[str, Any]) -> dict[str, Any]:
        return {"timestamp": int(period.timestamp() * 1000), "summary": summary}

    # Who is new, and who came back, depends on what happened before the first date too.
    seen: defaultdict[datetime, set[str]] = defaultdict(set)
    first: dict[str, datetime] = {}
    for record in everything:
        period = _period(record.time, user_span)
        seen[period].add(user(record))
        first[user(record)] = min(period, first.get(user(record), period))

    offset = call.number("offset", 1)
    users: list[dict[str, Any]] = []
    for period, records in group(user_span).items():
        now = {user(record) for record in records}
        then = seen.get(_before(period, user_span, offset), set[str]())
        ids = {record.chatId for record in records}
        summary = {
            "userCount": len(now),
            "newUserCount": sum(first[name] == period for name in now),
            "retentionUserCount": len(now & then),
            "points": 0,
            "sourceCountMap": dict(Counter(chats[chat_id].source for chat_id in ids)),
        }
        users.append(entry(period, summary))
    chat_data: list[dict[str, Any]] = []
    for period, records in group(chat_span).items():
        summary = {
            "chatItemCount": sum(record.obj == "AI" for record in records),
            "chatCount": len({record.chatId for record in records}),
            "errorCount": sum(record.error for record in records),
            "points": 0,
        }
        chat_data.append(entry(period, summary))
    app_data: list[dict[str, Any]] = []
    for period, records in group(app_span).items():
        summary = {
            "goodFeedBackCount": sum(bool(record.feedback.get("userGoodFeedback")) for record in records),
            "badFeedBackCount": sum(bool(record.feedback.get("userBadFeedback")) for record in records),
            "chatCount": len({record.chatId for record in records}),
            "totalResponseTime": wire.seconds(sum(record.duration or 0 for record in records)),
        }
        app_data.append(entry(period, summary))
    return {"userData": users, "chatData": chat_data, "appData": app_data}
