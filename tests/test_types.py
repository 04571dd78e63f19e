"""What people, editors and type checkers see of an endpoint that is written once."""

from __future__ import annotations

import inspect
import json
import os
import pydoc
import subprocess
import sys
from pathlib import Path
from unittest.mock import AsyncMock, Mock

import pytest

import fastgpt_client
from fastgpt_client import AppClient, AsyncAppClient, AsyncChatClient, AsyncDatasetClient, ChatClient, DatasetClient

ROOT = Path(__file__).parent.parent
PAIRS = [(ChatClient, AsyncChatClient), (AppClient, AsyncAppClient), (DatasetClient, AsyncDatasetClient)]


def endpoints(client: type) -> list[str]:
    return [name for name in dir(client) if not name.startswith("_") and inspect.isfunction(getattr(client, name))]


@pytest.mark.parametrize(("sync", "asynchronous"), PAIRS)
def test_both_worlds_have_the_same_methods(sync: type, asynchronous: type) -> None:
    assert set(endpoints(asynchronous)) - set(endpoints(sync)) == {"aclose"}
    for name in endpoints(sync):
        one, two = getattr(sync, name), getattr(asynchronous, name)
        assert inspect.signature(one).parameters == inspect.signature(two).parameters
        assert inspect.getdoc(one)
        if name.startswith("iter_"):
            assert inspect.signature(two).return_annotation == f"Async{inspect.signature(one).return_annotation}"
        elif name not in ("conversation", "with_options"):
            assert not inspect.iscoroutinefunction(one)
            assert inspect.iscoroutinefunction(two), name


def test_a_signature_ends_in_the_response() -> None:
    signature = inspect.signature(ChatClient.create_chat_completion)
    assert signature.return_annotation == "ChatResponse"
    assert list(signature.parameters)[1:7] == [
        "messages",
        "stream",
        "chatId",
        "detail",
        "variables",
        "responseChatItemId",
    ]
    assert signature.parameters["stream"].default is False
    assert inspect.signature(AsyncChatClient("k").stop_chat).return_annotation == "Response[StopResult]"
    chart = inspect.signature(AppClient.get_app_logs_chart)
    assert [str(parameter.default) for parameter in list(chart.parameters.values())[4:9]] == [
        "1",
        "None",
        "day",
        "day",
        "day",
    ]
    assert str(inspect.signature(ChatClient)).startswith(
        "(api_key: 'str | None' = None, base_url: 'str' = 'http://localhost:3000', *"
    )


def test_help_shows_the_docstring() -> None:
    shown = pydoc.plain(pydoc.render_doc(AsyncChatClient))
    assert "Run an app: ask it something, or start it with variables." in shown
    assert "create_chat_completion(self, messages:" in shown


def test_every_public_endpoint_is_documented() -> None:
    for sync, _ in PAIRS:
        for name in endpoints(sync):
            if name in ("close", "conversation", "conversation_for", "with_options"):
                continue
            text = inspect.getdoc(getattr(sync, name)) or ""
            assert "FastGPT: ``" in text, f"{name} does not say which endpoint it calls"
            assert "Example:" in text, f"{name} has no example"


def test_mocks_of_the_clients() -> None:
    assert isinstance(AsyncMock(spec=AsyncChatClient).create_chat_completion, AsyncMock)
    assert not isinstance(Mock(spec=ChatClient).create_chat_completion, AsyncMock)


def test_all_names_are_there() -> None:
    assert sorted(fastgpt_client.__all__) == fastgpt_client.__all__ or set(fastgpt_client.__all__) <= set(
        dir(fastgpt_client)
    )
    earlier = (
        "FastGPTClient ChatClient AppClient AsyncFastGPTClient AsyncChatClient AsyncAppClient FastGPTError APIError"
    )
    earlier += (
        " AuthenticationError RateLimitError ValidationError StreamParseError iter_stream_events aiter_stream_events"
    )
    earlier += (
        " FastGPTStreamEvent FastGPTInteractiveEvent encode_image_data_url decode_data_url is_data_url image_url_part"
    )
    earlier += " image_part_from_bytes image_part_from_path"
    assert [name for name in earlier.split() if name not in fastgpt_client.__all__] == []


def test_importing_loads_no_http_client() -> None:
    late = "('httpx2', 'h11', 'rich', 'typer', 'starlette', 'uvicorn', 'yaml')"
    code = f"import sys, fastgpt_client; print([name for name in sys.modules if name.split('.')[0] in {late}])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


@pytest.mark.parametrize("world", ["sync", "async"])
def test_type_checkers_see_every_method(world: str) -> None:
    seen = (ROOT / "tests" / "typing" / f"every_{world}.py").read_text("utf-8")
    for area, client in (("chat", ChatClient), ("apps", AppClient), ("datasets", DatasetClient)):
        for name in endpoints(client):
            if name not in ("close", "conversation", "conversation_for", "with_options"):
                assert f"{area}.{name}(" in seen, f"tests/typing/every_{world}.py does not use {area}.{name}"


def test_the_types_are_complete() -> None:
    tools = Path(sys.executable).parent
    done = subprocess.run(
        [tools / "pyright", "--verifytypes", "fastgpt_client", "--ignoreexternal", "--outputjson"],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"},  # where it looks for the package
        capture_output=True,
        text=True,
    )
    report = json.loads(done.stdout)["typeCompleteness"]
    incomplete = [symbol["name"] for symbol in report["symbols"] if symbol["isExported"] and not symbol["isTypeKnown"]]
    # The screen is a program, not a library; Textual's attributes are overridden there as Textual shows it.
    assert [name for name in incomplete if not name.startswith("fastgpt_client.tui.")] == []
