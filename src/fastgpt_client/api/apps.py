"""The app endpoints: which apps there are, who uses them, and how."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from types import NoneType
from typing import TYPE_CHECKING, TypeAlias, TypeVar, Unpack

from .._call import Call
from .._endpoint import Api, as_steps, endpoint, flow, pages
from .._flow import Flow
from .._paging import Pages, by_offset, of_folders, of_list
from .._response import Response
from .._session import Options
from ..errors import ArgumentError
from ..log_summary import Range, Spans, Timespan, read_summary
from ..models._base import Page
from ..models.apps import (
    App,
    AppLog,
    AppLogsChart,
    AppLogsSummary,
    AppLogsTotals,
    AppUsers,
    KeyHealth,
    McpApp,
    McpServer,
)
from ._arguments import LogFilters, listed, needed, page, wire_arguments
from .chat import ChatApi

if TYPE_CHECKING:
    from .._io import AsyncIO, FlowIO, SyncIO

IO = TypeVar("IO", "SyncIO", "AsyncIO", "FlowIO", covariant=True)

Day: TypeAlias = str | datetime.date
"""A ``date`` (the whole day, UTC), a ``datetime``, or an ISO 8601 text, which is sent as it is."""


class AppApi(Api[IO]):
    """Everything under FastGPT's ``/core/app`` and ``/proApi/core/app``."""

    @endpoint
    def get_app_logs_chart(
        self,
        appId: str,
        dateStart: Day,
        dateEnd: Day,
        offset: int = 1,
        source: Sequence[str] | None = None,
        userTimespan: Timespan = "day",
        chatTimespan: Timespan = "day",
        appTimespan: Timespan = "day",
        **options: Unpack[Options],
    ) -> Call[Response[AppLogsChart]]:
        """How an app was used over time: users, conversations, feedback. For charts.

        FastGPT: ``POST /api/proApi/core/app/logs/getChartData`` (4.13+; commercial edition; only its errors are
        recorded).

        Args:
            appId: The app.
            dateStart: The first day.
            dateEnd: The last day.
            offset: Retention: who came back this many periods later.
            source: Where the conversations came from (``["api", "share"]``); None for ``["api"]``.
            userTimespan: Length of a period of the users' series: ``day``, ``week``, ``month``, ``quarter``.
            chatTimespan: The same for the conversations.
            appTimespan: The same for the feedback.

        Raises:
            CommercialOnlyError: The server is a community edition: use ``summarize_app_logs``.

        Example:
            >>> chart = client.get_app_logs_chart("…", "2026-11-01", "2026-11-30").data
            >>> [point.summary.chatCount for point in chart.chatData]
        """
        arguments = {
            "appId": appId,
            "dateStart": _moment("dateStart", dateStart),
            "dateEnd": _moment("dateEnd", dateEnd),
            "offset": offset,
            "source": ["api"] if source is None else _sources(source),
            "userTimespan": userTimespan,
            "chatTimespan": chatTimespan,
            "appTimespan": appTimespan,
        }
        path = "/proApi/core/app/logs/getChartData"
        return self._call("POST", path, AppLogsChart, arguments, options, idempotent=True)

    @flow
    def summarize_app_logs(
        self,
        appId: str | None = None,
        dateStart: Day = "",
        dateEnd: Day = "",
        source: Sequence[str] | None = None,
        userTimespan: Timespan = "day",
        chatTimespan: Timespan = "day",
        appTimespan: Timespan = "day",
        *,
        timezone: datetime.tzinfo = datetime.UTC,
    ) -> Flow[AppLogsSummary]:
        """What ``get_app_logs_chart`` gives, computed here: for community servers, which have no charts.

        Reads the logs of the app. Where the key may not (before 4.15.4), it reads the histories and the records of the
        key's owner, which takes one request and more for each conversation. What could not be known is None, and
        ``unknown`` says why.

        FastGPT: ``POST /api/core/app/logs/list`` (4.15.4+), else ``POST /api/core/chat/history/getHistories``;
        ``POST /api/core/chat/record/getPaginationRecords``.

        Args:
            appId: The app, where the client does not know it.
            dateStart, dateEnd: First and last day; needed.
            source: Where the conversations came from (``["api", "share"]``); None for ``["api"]``.
            userTimespan, chatTimespan, appTimespan: ``day``, ``week`` (from Monday), ``month``, ``quarter``.
            timezone: Whose days count.

        Example:
            >>> summary = client.summarize_app_logs("…", "2026-11-01", "2026-11-30")
            >>> [(point.timestamp, point.summary.chatCount) for point in summary.chatData]
            >>> summary.unknown
        """
        start, end = _checked("dateStart", dateStart), _checked("dateEnd", dateEnd)
        asked = Range.of(start, end, timezone)
        spans: Spans = (userTimespan, chatTimespan, appTimespan)
        sources = ["api"] if source is None else listed("source", source)
        return read_summary(as_steps(self), as_steps(self, ChatApi), appId, asked, sources, spans)

    @endpoint
    def get_app_logs_totals(
        self, appId: str | None = None, **options: Unpack[Options]
    ) -> Call[Response[AppLogsTotals]]:
        """How many users, conversations and points an app has had.

        FastGPT: ``GET /api/proApi/core/app/logs/getTotalData`` (4.13+; commercial edition; only its errors are
        recorded).

        Raises:
            CommercialOnlyError: The server is a community edition.

        Example:
            >>> client.get_app_logs_totals("…").data.totalChats
        """
        arguments = {"appId": self._app(appId)}
        return self._call("GET", "/proApi/core/app/logs/getTotalData", AppLogsTotals, arguments, options)

    @endpoint
    def list_app_logs(
        self,
        appId: str | None = None,
        dateStart: Day = "",
        dateEnd: Day = "",
        offset: int = 0,
        pageSize: int = 20,
        sources: Sequence[str] | None = None,
        *,
        pageNum: int | None = None,
        **options: Unpack[LogFilters],
    ) -> Call[Response[Page[AppLog]]]:
        """A page of the conversations that everybody had with an app, with counts of messages, feedback and errors.

        FastGPT: ``POST /api/core/app/logs/list`` (takes API keys since 4.15.4; before 4.14.4
        ``/api/core/app/getChatLogs``).

        Args:
            appId: The app, where the client does not know it.
            dateStart, dateEnd: First and last day; needed.
            offset: How many to skip.
            pageSize: How many to give.
            sources: ``["api", "share", …]``; None for all.
            pageNum: The n-th page, from 1, instead of ``offset``.
            **options: ``chatSearch``, ``errorFilter``, … (see ``LogFilters``), and what every call takes.

        Raises:
            AuthenticationError: The server is older than 4.15.4.

        Example:
            >>> client.list_app_logs("…", "2026-11-01", "2026-11-30").data.total
        """
        arguments = {
            **wire_arguments(options, LogFilters),
            "appId": self._app(appId),
            "dateStart": _moment("dateStart", dateStart),
            "dateEnd": _moment("dateEnd", dateEnd),
            **page(offset, pageSize, pageNum),
            "sources": _sources(sources),
        }
        return self._call("POST", "/core/app/logs/list", Page[AppLog], arguments, options, idempotent=True)

    @pages
    def iter_app_logs(
        self: AppApi[FlowIO],
        appId: str | None = None,
        dateStart: Day = "",
        dateEnd: Day = "",
        pageSize: int = 50,
        sources: Sequence[str] | None = None,
        **options: Unpack[LogFilters],
    ) -> Pages[AppLog]:
        """All conversations that everybody had with an app, with counts of messages, feedback and errors.

        FastGPT: ``POST /api/core/app/logs/list`` (takes API keys since 4.15.4; see ``list_app_logs``).

        Args:
            dateStart, dateEnd: First and last day; needed.
            pageSize: How many to fetch at once.

        Example:
            >>> sum(log.errorCount or 0 for log in client.iter_app_logs("…", "2026-11-01", "2026-11-30"))
        """
        return by_offset(
            lambda at: self.list_app_logs(appId, dateStart, dateEnd, at, pageSize, sources, **options), "chatId"
        )

    @endpoint
    def list_app_users(
        self,
        appId: str | None = None,
        dateStart: Day = "",
        dateEnd: Day = "",
        searchKey: str | None = None,
        sources: Sequence[str] | None = None,
        **options: Unpack[Options],
    ) -> Call[Response[AppUsers]]:
        """Who used an app, and in how many conversations.

        FastGPT: ``POST /api/core/app/logs/getUsers`` (takes API keys since 4.16). Whether 4.15.4 takes them too is
        not known.

        Example:
            >>> client.list_app_users("…", "2026-11-01", "2026-11-30").data.list[0].name
        """
        arguments = {
            "appId": self._app(appId),
            "dateStart": _moment("dateStart", dateStart),
            "dateEnd": _moment("dateEnd", dateEnd),
            "searchKey": searchKey,
            "sources": _sources(sources),
        }
        return self._call("POST", "/core/app/logs/getUsers", AppUsers, arguments, options, idempotent=True)

    @endpoint
    def list_apps(
        self,
        parentId: str | None = None,
        searchKey: str | None = None,
        type: str | Sequence[str] | None = None,  # noqa: A002  # FastGPT's name
        getRecentlyChat: bool | None = None,
        **options: Unpack[Options],
    ) -> Call[Response[list[App]]]:
        """The apps that the key's owner may see in a folder; without ``parentId`` at the top.

        FastGPT: ``POST /api/core/app/list``.

        Args:
            parentId: The folder.
            searchKey: Only apps with this in their name or introduction.
            type: Only apps of this type, or these.
            getRecentlyChat: Only those that were used last (read from the source).

        Example:
            >>> {app.name: app.id for app in client.list_apps().data}
        """
        arguments = {"parentId": parentId, "searchKey": searchKey, "type": type, "getRecentlyChat": getRecentlyChat}
        return self._call("POST", "/core/app/list", list[App], arguments, options, idempotent=True)

    @pages
    def iter_apps(
        self: AppApi[FlowIO],
        parentId: str | None = None,
        searchKey: str | None = None,
        type: str | Sequence[str] | None = None,  # noqa: A002  # FastGPT's name
        **options: Unpack[Options],
    ) -> Pages[App]:
        """The apps that the key's owner may see, folder after folder, with the folders themselves.

        FastGPT: ``POST /api/core/app/list``, once for each folder.

        Args:
            parentId: Where to begin; without it at the top.
            searchKey, type: As of ``list_apps``; with either of them folders are not opened.

        Example:
            >>> [app.name for app in client.iter_apps() if app.type != "folder"]
        """
        if searchKey or type:
            return of_list(self.list_apps(parentId, searchKey, type, **options))
        return of_folders(lambda folder: self.list_apps(folder, **options), parentId)

    @endpoint
    def list_mcp_servers(self, **options: Unpack[Options]) -> Call[Response[list[McpServer]]]:
        """The MCP servers that offer apps of the key's owner as tools.

        FastGPT: ``GET /api/support/mcp/list`` (4.9.6+).

        Example:
            >>> {server.name: [app.toolName for app in server.apps] for server in client.list_mcp_servers().data}
        """
        return self._call("GET", "/support/mcp/list", list[McpServer], {}, options)

    @endpoint
    def create_mcp_server(
        self, name: str, apps: Sequence[McpApp | Mapping[str, object]], **options: Unpack[Options]
    ) -> Call[Response[None]]:
        """Offer apps as MCP tools. The answer does not tell the new server's id: list them.

        FastGPT: ``POST /api/support/mcp/create`` (4.9.6+; read from the source, not recorded).

        Args:
            name: What the server is called.
            apps: ``[McpApp(appId="…", toolName="…", description="…")]``, or dicts of these.

        Example:
            >>> client.create_mcp_server("Tools", [McpApp(appId="…", toolName="ask", description="Answers.")])
        """
        arguments = {"name": needed("name", name), "apps": list(apps)}
        return self._call("POST", "/support/mcp/create", NoneType, arguments, options)

    @endpoint
    def update_mcp_server(
        self,
        id: str,  # noqa: A002  # FastGPT's name
        name: str,
        apps: Sequence[McpApp | Mapping[str, object]],
        **options: Unpack[Options],
    ) -> Call[Response[None]]:
        """Change an MCP server; ``apps`` replaces all that it offers.

        FastGPT: ``PUT /api/support/mcp/update`` (4.9.6+; read from the source, not recorded).

        Example:
            >>> client.update_mcp_server(server.id, "Tools", server.apps)
        """
        arguments = {"id": needed("id", id), "name": name, "apps": list(apps)}
        return self._call("PUT", "/support/mcp/update", NoneType, arguments, options)

    @endpoint
    def delete_mcp_server(self, id: str, **options: Unpack[Options]) -> Call[Response[None]]:  # noqa: A002  # FastGPT's name
        """Delete an MCP server. Its apps stay.

        FastGPT: ``DELETE /api/support/mcp/delete`` (4.9.6+; read from the source, not recorded).

        Example:
            >>> client.delete_mcp_server(server.id)
        """
        return self._call("DELETE", "/support/mcp/delete", NoneType, {"id": needed("id", id)}, options)

    @endpoint
    def check_api_key(self, apiKey: str, **options: Unpack[Options]) -> Call[Response[KeyHealth]]:
        """Whether a key works, and how many points it has used.

        FastGPT: ``GET /api/support/openapi/health`` (4.14.4+). The key stands in the address, where proxies and
        servers may log it: for a key that must stay secret, try ``list_apps`` with it instead.

        Raises:
            AuthenticationError: The key does not work.

        Example:
            >>> client.check_api_key("fastgpt-…").data.usagePoints
        """
        return self._call("GET", "/support/openapi/health", KeyHealth, {"apiKey": needed("apiKey", apiKey)}, options)


def _moment(name: str, value: Day) -> str:
    value = _checked(name, value)
    if isinstance(value, str):
        return value
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    # a day: from its beginning, to its end
    return f"{value.isoformat()}T{'23:59:59.999' if name == 'dateEnd' else '00:00:00.000'}Z"


def _checked(name: str, value: Day) -> Day:
    try:
        if not isinstance(value, datetime.date):  # a datetime is one too
            datetime.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ArgumentError(f'{name} must be a day like "2026-11-23" or an ISO 8601 time, not {value!r}') from None
    return value


def _sources(value: Sequence[str] | None) -> list[str] | None:
    return None if value is None else listed("source", value)
