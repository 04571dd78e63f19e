"""How an app was used, computed from its logs or its records: for servers that have no charts of it."""

from __future__ import annotations

import datetime
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias, TypeVar

from ._flow import Flow
from ._paging import collect
from .errors import AuthenticationError, NotFoundError, PermissionDeniedError
from .models.apps import (
    AppLogsSummary,
    AppPoint,
    AppSummary,
    ChatPoint,
    ChatSummary,
    UserPoint,
    UserSummary,
)

if TYPE_CHECKING:
    from ._io import FlowIO
    from .api.apps import AppApi
    from .api.chat import ChatApi
    from .models.apps import AppLog
    from .models.chat import ChatRecord

T = TypeVar("T")
N = TypeVar("N", int, float)
Timespan: TypeAlias = Literal["day", "week", "month", "quarter"]
Spans: TypeAlias = tuple[Timespan, Timespan, Timespan]
"""Lengths of a period of the users', the conversations' and the feedback's series."""

_BEFORE = "needs all logs from before dateStart, and FastGPT's rule is not published"
_ALWAYS = {"userData.newUserCount": _BEFORE, "userData.retentionUserCount": _BEFORE}
_FROM_LOGS = {
    "chatData.chatItemCount": "exact for conversations over several periods, else half of the messages in the log",
    "chatData.errorCount, *.points": "all of a conversation counted where it ended: the log does not say when",
}
_FROM_RECORDS = {
    "userData": "the server (before 4.15.4, or with this key) does not say who had a conversation",
    "*.points": "told by logs only",
    "chatData.errorCount": "told by logs only",
    "everything": "only the conversations of the key's owner: all that come over the API with it",
}


class Moment(NamedTuple):
    """What happened in a conversation at some time; None is what is not known."""

    when: datetime.datetime
    answers: int = 0
    good: int = 0
    bad: int = 0
    seconds: float = 0
    errors: int | None = 0
    points: float | None = 0


class Conversation(NamedTuple):
    source: str
    user: str | None
    moments: list[Moment]


class Range(NamedTuple):
    """The time that is asked for, in the time zone whose days count."""

    start: datetime.datetime
    end: datetime.datetime

    @classmethod
    def of(cls, dateStart: str | datetime.date, dateEnd: str | datetime.date, zone: datetime.tzinfo) -> Range:
        return cls(_moment(dateStart, datetime.time.min, zone), _moment(dateEnd, datetime.time.max, zone))

    def read(self, text: str | None) -> datetime.datetime:
        """A time of the server."""
        return datetime.datetime.fromisoformat(text or "1970-01-01T00:00:00Z").astimezone(self.start.tzinfo)


def _moment(value: str | datetime.date, of_day: datetime.time, zone: datetime.tzinfo) -> datetime.datetime:
    if isinstance(value, str):
        parsed = datetime.datetime.fromisoformat(value)
        value = parsed.date() if len(value) <= len("2026-01-01") else parsed
    if not isinstance(value, datetime.datetime):
        value = datetime.datetime.combine(value, of_day)
    return value.astimezone(zone) if value.tzinfo else value.replace(tzinfo=zone)


# What is read ---------------------------------------------------------------------------------------------------------


def read_summary(
    apps: AppApi[FlowIO], chats: ChatApi[FlowIO], appId: str | None, asked: Range, sources: Sequence[str], spans: Spans
) -> Flow[AppLogsSummary]:
    """Read what the key may, and sum it up."""
    try:
        # A conversation stands in the logs at its last message, which may be after the time that is asked for.
        now = max(asked.end, datetime.datetime.now(asked.end.tzinfo))
        logs = yield from collect(apps.iter_app_logs(appId, asked.start, now, sources=list(sources)))
    except (AuthenticationError, NotFoundError, PermissionDeniedError):
        own = yield from _from_records(chats, appId, asked, sources)
        return summarize(own, asked, spans, "records", {**_ALWAYS, **_FROM_RECORDS})
    found: list[Conversation] = []
    for log in logs:
        if asked.read(log.createTime or log.updateTime) > asked.end:
            continue
        found.append((yield from _from_log(chats, appId, asked, log, spans)))
    return summarize(found, asked, spans, "logs", {**_ALWAYS, **_FROM_LOGS})


def _from_log(chats: ChatApi[FlowIO], appId: str | None, asked: Range, log: AppLog, spans: Spans) -> Flow[Conversation]:
    """A conversation by its log; one that went on over several periods also by its records."""
    begun, ended = asked.read(log.createTime or log.updateTime), asked.read(log.updateTime)
    errors, points = log.errorCount, log.totalPoints
    if all(period_of(begun, span) == period_of(ended, span) for span in spans):
        answers = ((log.messageCount or 0) + 1) // 2
        good, bad = log.userGoodFeedbackCount or 0, log.userBadFeedbackCount or 0
        moments = [Moment(ended, answers, good, bad, answers * (log.averageResponseTime or 0), errors, points)]
    else:
        records = yield from collect(chats.iter_chat_records(appId, log.chatId))
        moments = [*_moments(asked, records), Moment(ended, errors=errors, points=points)]
    return Conversation(log.source, log.outLinkUid or log.tmbId or "", moments)


def _from_records(
    chats: ChatApi[FlowIO], appId: str | None, asked: Range, sources: Sequence[str]
) -> Flow[list[Conversation]]:
    found: list[Conversation] = []
    since = asked.start.isoformat()
    for source in sources:
        histories = yield from collect(chats.iter_chat_histories(appId, source=source, startUpdateTime=since))
        for chat in histories:
            if asked.read(chat.updateTime) >= asked.start:  # older servers do not know startUpdateTime
                records = yield from collect(chats.iter_chat_records(appId, chat.chatId))
                moments = [moment._replace(errors=None, points=None) for moment in _moments(asked, records)]
                found.append(Conversation(source, None, moments))
    return found


def _moments(asked: Range, records: Iterable[ChatRecord]) -> list[Moment]:
    return [
        Moment(
            asked.read(record.time),
            answers=1,
            good=int(bool(record.userGoodFeedback)),
            bad=int(bool(record.userBadFeedback)),
            seconds=record.durationSeconds or 0,
        )
        for record in records
        if record.obj == "AI"
    ]


# What is made of it ---------------------------------------------------------------------------------------------------


def summarize(
    conversations: Iterable[Conversation],
    asked: Range,
    spans: Spans,
    basis: Literal["logs", "records"],
    unknown: dict[str, str],
) -> AppLogsSummary:
    """Three series, with one point for each period in which something happened."""
    happened = [
        (number, conversation, moment)
        for number, conversation in enumerate(conversations)
        for moment in conversation.moments
        if asked.start <= moment.when <= asked.end
    ]

    def series(span: Timespan, make: Callable[[int, list[tuple[int, Conversation, Moment]]], T]) -> list[T]:
        periods: defaultdict[int, list[tuple[int, Conversation, Moment]]] = defaultdict(list)
        for each in happened:
            periods[int(period_of(each[2].when, span).timestamp() * 1000)].append(each)
        return [make(timestamp, periods[timestamp]) for timestamp in sorted(periods)]

    def users(timestamp: int, here: list[tuple[int, Conversation, Moment]]) -> UserPoint:
        known = basis == "logs"
        return UserPoint(
            timestamp,
            UserSummary(
                userCount=len({each.user for _, each, _ in here}) if known else None,
                newUserCount=None,
                retentionUserCount=None,
                points=_sum(moment.points for _, _, moment in here),
                sourceCountMap=dict(Counter(source for _, source in {(at, each.source) for at, each, _ in here})),
            ),
        )

    def talks(timestamp: int, here: list[tuple[int, Conversation, Moment]]) -> ChatPoint:
        return ChatPoint(
            timestamp,
            ChatSummary(
                chatItemCount=sum(moment.answers for _, _, moment in here),
                chatCount=len({at for at, _, _ in here}),
                errorCount=_sum(moment.errors for _, _, moment in here),
                points=_sum(moment.points for _, _, moment in here),
            ),
        )

    def opinions(timestamp: int, here: list[tuple[int, Conversation, Moment]]) -> AppPoint:
        return AppPoint(
            timestamp,
            AppSummary(
                goodFeedBackCount=sum(moment.good for _, _, moment in here),
                badFeedBackCount=sum(moment.bad for _, _, moment in here),
                chatCount=len({at for at, _, _ in here}),
                totalResponseTime=round(sum(moment.seconds for _, _, moment in here), 2),
            ),
        )

    return AppLogsSummary(series(spans[0], users), series(spans[1], talks), series(spans[2], opinions), basis, unknown)


def _sum(values: Iterable[N | None]) -> N | int | None:
    """The sum; None when a part of it is not known."""
    given = list(values)
    known = [value for value in given if value is not None]
    return sum(known) if len(known) == len(given) else None


def period_of(moment: datetime.datetime, span: Timespan) -> datetime.datetime:
    """When the day, week (from Monday), month or quarter began."""
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    match span:
        case "day":
            return day
        case "week":
            return day - datetime.timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "quarter":
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
