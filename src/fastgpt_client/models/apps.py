"""Payloads of the app endpoints: the list of apps, logs and their charts."""

from __future__ import annotations

import msgspec

from ._base import JSON, Payload, Rows


class App(Payload):
    """An app in a list. ``type``: ``simple``, ``advanced`` (a workflow), ``plugin``, ``folder``, …"""

    _id: str = ""
    parentId: str | None = None
    tmbId: str | None = None
    name: str = ""
    avatar: str | None = None
    intro: str | None = None
    type: str = ""
    updateTime: str | None = None
    permission: JSON = {}
    inheritPermission: bool | None = None
    private: bool | None = None
    sourceMember: JSON | None = None
    hasInteractiveNode: bool | None = None

    @property
    def id(self) -> str:
        """The app's id."""
        return self._id


class AppLog(Payload):
    """One conversation in the logs of an app. Durations are seconds, times ISO 8601 texts."""

    _id: str = ""
    chatId: str = ""
    title: str | None = None
    customTitle: str | None = None
    source: str = ""
    sourceName: str | None = None
    createTime: str | None = None
    updateTime: str | None = None
    messageCount: int | None = None
    userGoodFeedbackCount: int | None = None
    userBadFeedbackCount: int | None = None
    customFeedbacksCount: int | None = None
    markCount: int | None = None
    averageResponseTime: float | None = None
    errorCount: int | None = None
    totalPoints: float | None = None
    outLinkUid: str | None = None
    tmbId: str | None = None
    sourceMember: JSON | None = None
    versionName: str | None = None
    originIp: str | None = None
    region: str | None = None


class AppUser(Payload):
    """Somebody who used an app: a ``customUid`` or share user (``outLinkUid``), or a member (``tmbId``)."""

    outLinkUid: str | None = None
    tmbId: str | None = None
    name: str = ""
    avatar: str | None = None
    count: int = 0


class AppUsers(Payload):
    list: Rows[AppUser] = []


class AppLogsTotals(Payload):
    """Since the app exists."""

    totalUsers: int = 0
    totalChats: int = 0
    totalPoints: float = 0


class UserSummary(Payload):
    """None is what a summary that was computed here could not know; the server's own charts always say."""

    userCount: int | None = 0
    newUserCount: int | None = 0
    retentionUserCount: int | None = 0
    points: float | None = 0
    sourceCountMap: dict[str, int] = {}


class ChatSummary(Payload):
    """None is what a summary that was computed here could not know; the server's own charts always say."""

    chatItemCount: int = 0
    chatCount: int = 0
    errorCount: int | None = 0
    points: float | None = 0


class AppSummary(Payload):
    goodFeedBackCount: int = 0
    badFeedBackCount: int = 0
    chatCount: int = 0
    totalResponseTime: float = 0


class UserPoint(Payload):
    """``timestamp``: start of the period, milliseconds since 1970."""

    timestamp: int = 0
    summary: UserSummary | None = None


class ChatPoint(Payload):
    """``timestamp``: start of the period, milliseconds since 1970."""

    timestamp: int = 0
    summary: ChatSummary | None = None


class AppPoint(Payload):
    """``timestamp``: start of the period, milliseconds since 1970."""

    timestamp: int = 0
    summary: AppSummary | None = None


class AppLogsChart(Payload):
    """Three series over the asked time: users, conversations, and what users thought of the answers."""

    userData: list[UserPoint] = []
    chatData: list[ChatPoint] = []
    appData: list[AppPoint] = []


class AppLogsSummary(AppLogsChart):
    """The same three series, computed from logs or records.

    ``basis``: what it was computed from. ``unknown``: which figures could not be known, or not exactly, and why; what
    could not be known at all is None.
    """

    basis: str = ""
    unknown: dict[str, str] = {}


class McpApp(msgspec.Struct, omit_defaults=True):
    """An app as a tool of an MCP server: ``toolName`` and ``description`` are what a model reads."""

    appId: str = ""
    toolName: str = ""
    description: str = ""
    appName: str | None = None


class McpServer(Payload):
    """Apps that FastGPT offers as MCP tools. ``key`` is a part of its address."""

    _id: str = ""
    key: str = ""
    name: str = ""
    teamId: str | None = None
    tmbId: str | None = None
    apps: list[McpApp] = []

    @property
    def id(self) -> str:
        """The server's id."""
        return self._id


class KeyHealth(Payload):
    """Whether a key works; points used and allowed (-1: no limit)."""

    valid: bool | None = None
    usagePoints: float | None = None
    maxUsagePoints: float | None = None
    appId: str | None = None
