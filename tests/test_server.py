"""What is known of a server: by itself, and by asking servers of three versions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgpt_client import (
    APIConnectionError,
    AuthenticationError,
    CommercialOnlyError,
    NotFoundError,
    ServerError,
    ServerInfo,
    UnexpectedResponseError,
)
from fastgpt_client._versions import GONE, LISTED_SINCE, OLDER_FORMS, SINCE, version_range
from fastgpt_client.local import LocalServer

from .conftest import KEY, World
from .replay import Replay, recorded, replay
from .wire import http, wire

APP = "6b040579b401f464f425e7fb"
READS = {
    "POST /api/core/app/list",
    "POST /api/core/dataset/list",
    "POST /api/core/app/logs/list",
    "POST /api/core/app/getChatLogs",
    "POST /api/core/chat/history/getHistories",
    "POST /api/core/chat/getHistories",
    "POST /api/core/chat/record/getQuote",
    "GET /api/core/chat/init",
    "GET /api/proApi/core/app/logs/getTotalData",
    "GET /api/common/system/getInitData",
    "GET /api/apidoc/systemopenapi.json",
    "GET /api/openapi.json",
    "GET /api/support/openapi/health",
}


def ask_server(world: World, url: str, *args: Any, key: str | None = KEY, **kwargs: Any) -> ServerInfo:
    info: ServerInfo = world(world.make("ChatClient", key, url, **kwargs).inspect_server(*args))
    return info


def test_ordinary_calls_tell_something(world: World, server: LocalServer) -> None:
    client = world.make("FastGPTClient", KEY, server.base_url, app_id="app")
    assert client.server == ServerInfo(base_url=server.base_url)
    assert client.server.versions == "unknown"
    assert client.server.inferred == frozenset()
    world(client.chat.get_chat_histories())
    assert client.with_options(timeout=1).server.since == "4.14.5"
    assert client.apps.server.versions == "at least 4.14.5 (inferred)"
    assert client.server.inferred == {"since"}
    with replay("4.11.1") as older:
        client = world.make("ChatClient", KEY, older.url, app_id=APP)
        world(client.get_chat_histories())
        assert client.server.versions == "older than 4.14.5 (inferred)"


@pytest.mark.parametrize(
    ("version", "since", "before", "commercial"),
    [
        ("4.11.1", None, "4.13.2", False),
        ("4.14.4", "4.14.4", "4.14.5", False),
        ("4.16.0", "4.15.4", None, False),
    ],
)
def test_servers_of_three_versions(
    world: World, version: str, since: str | None, before: str | None, commercial: bool
) -> None:
    with replay(version) as server:
        client = world.make("FastGPTClient", KEY, server.url, app_id=APP)
        info = world(client.inspect_server())
        assert client.with_options(timeout=1).chat.server == info
        assert (info.version, info.since, info.before) == (None, since, before)
        assert info.commercial is commercial
        assert info.key == "good"
        works = {name for name, error in info.checks.items() if error is None}
        assert works - {"logs"} == {"apps", "datasets", "chat", "histories"}
        assert isinstance(info.checks["charts"], CommercialOnlyError)
        refused = {"4.11.1": AuthenticationError, "4.14.4": AuthenticationError, "4.16.0": type(None)}
        assert isinstance(info.checks["logs"], refused[version])
        if version == "4.16.0":
            assert "POST /core/dataset/searchTest" in info.operations
            assert len(info.operations) == len(set(info.operations)) == 41
        else:
            assert info.operations is None
        assert info.latency > 0
        assert abs(info.clock_ahead) < 2
        assert {request.partition("?")[0] for request in server.requests} <= READS
        assert KEY not in "".join(server.requests) + repr(info)


def test_the_kind_of_a_key_is_asked_only_when_wanted(world: World) -> None:
    with replay("4.16.0") as server:
        assert ask_server(world, server.url, True).key == "account"
        assert f"GET /api/support/openapi/health?apiKey={KEY}" in server.requests
        server.answers["GET /api/support/openapi/health"] = (200, '{"code":200,"data":{"appId":"x"}}')
        assert ask_server(world, server.url, True).key == "app"
    with replay("4.11.1") as server:
        assert ask_server(world, server.url, True).key == "good"


def test_keys_that_do_not_work(world: World) -> None:
    for version in ("4.11.1", "4.14.4", "4.16.0"):
        with replay(version) as server:
            wrong = ask_server(world, server.url, key="fastgpt-nope", app_id=APP)
            assert wrong.key == "wrong"
            assert set(wrong.checks) == {"apps"}
            assert wrong.since == {"4.11.1": None, "4.14.4": "4.14.4", "4.16.0": "4.15.4"}[version]
            missing = ask_server(world, server.url, True, key=None)
            assert missing.key == "missing"
            # A key that may not list apps may be good for other things.
            server.answers["POST /api/core/app/list"] = recorded(version, "err-auth-bare-key")
            info = ask_server(world, server.url)
            assert info.key == "good"
            assert isinstance(info.checks["apps"], AuthenticationError)
            server.answers["POST /api/core/dataset/list"] = recorded(version, "err-auth-bare-key")
            assert ask_server(world, server.url).key is None


def test_what_servers_say_themselves(world: World) -> None:
    with replay("4.16.0") as server:
        said = '{"code":200,"data":{"systemVersion":"4.8.1","feConfigs":{"isPlus":true}}}'
        server.answers["GET /api/common/system/getInitData"] = (200, said)
        server.date = "some day"
        info = ask_server(world, server.url)
        assert (info.versions, info.commercial, info.clock_ahead) == ("4.8.1", True, None)
        # Neither says it: then the charts do.
        del server.answers["GET /api/common/system/getInitData"]
        assert ask_server(world, server.url).commercial is None
        assert ask_server(world, server.url, app_id=APP).commercial is False
        server.answers["GET /api/proApi/core/app/logs/getTotalData"] = (200, '{"code":200,"data":{}}')
        assert ask_server(world, server.url, app_id=APP).commercial is True
        server.answers["GET /api/proApi/core/app/logs/getTotalData"] = recorded("4.16.0", "openapi-list-with-key")
        assert ask_server(world, server.url, app_id=APP).commercial is None


def test_clocks(world: World) -> None:
    with replay("4.14.4") as server:
        server.clock_ahead = 3600.0
        assert abs((ask_server(world, server.url).clock_ahead or 0) - 3600) < 3


def gateway(server: Replay, path: str) -> None:
    server.answers[path] = (502, "<html><title>Bad Gateway</title></html>")


def test_a_gateway_in_between_tells_nothing_of_versions(world: World) -> None:
    with replay("4.16.0") as server:
        gateway(server, "GET /api/apidoc/systemopenapi.json")
        gateway(server, "POST /api/core/chat/record/getQuote")
        del server.answers["POST /api/core/app/logs/list"]  # hidden, as it were
        info = ask_server(world, server.url)
        assert info.paths.keys() == {
            "/openapi.json",
            "/core/app/logs/list",
            "/core/chat/history/getHistories",
        }
        assert (info.since, info.before) == ("4.14.5", None)


PAGE = {"content-type": "text/html"}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (http(b"<title>Other</title>", 404, PAGE), NotFoundError),
        (http(b"<title>Log in</title>", 200, PAGE), UnexpectedResponseError),
        (http(b"<title>502</title>", 502, PAGE), ServerError),
        (http(b'{"hello":1}', 200, {"content-type": "application/json"}), UnexpectedResponseError),
    ],
)
def test_what_is_no_fastgpt(world: World, answer: bytes, error: type[Exception]) -> None:
    with wire([answer]) as server:
        client = world.make("ChatClient", KEY, server.url, max_retries=3)
        with pytest.raises(error):
            world(client.inspect_server())
        assert client.server == ServerInfo(base_url=server.url)


def test_nobody_there(world: World) -> None:
    with pytest.raises(APIConnectionError):
        ask_server(world, "http://127.0.0.1:9")
    answers = http(b'{"code":200,"data":[]}', 200, {"content-type": "application/json"})
    with wire([answers], ["reset"]) as server, pytest.raises(APIConnectionError):
        ask_server(world, server.url)


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


VERSIONS = (
    "4.9.0",
    "4.11.1",
    "4.13.2",
    "4.14.0",
    "4.14.4",
    "4.14.5",
    "4.14.11",
    "4.15.0",
    "4.15.4",
    "4.16.0",
    "4.17.0",
)


@given(st.sampled_from(VERSIONS), st.sets(st.sampled_from(sorted(SINCE))))
def test_the_range_holds_the_version(version: str, asked: set[str]) -> None:
    at = numbers(version)
    known = {path: numbers(SINCE[path]) <= at < numbers(GONE.get(path, "99")) for path in asked}
    operations = [name for name, since in LISTED_SINCE.items() if numbers(since) <= at and at >= (4, 15)]
    since, before = version_range({**known, "/of/no/matter": True}, [*operations, "GET /of/no/matter"])
    assert since is None or numbers(since) <= at
    assert before is None or at < numbers(before)


def test_all_older_forms_have_a_version() -> None:
    without = OLDER_FORMS.keys() - SINCE.keys()
    assert without == {"/core/dataset/file/presignDatasetFilePostUrl"}, "its version is known only about"
