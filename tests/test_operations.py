"""All endpoints as ``fastgpt-client api`` and docs/operations.md know them, and calls of them from the command line."""

from __future__ import annotations

import inspect
import json
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from fastgpt_client import ArgumentError, ChatClient, _operations
from fastgpt_client._endpoint import endpoint
from fastgpt_client._operations import Operation, operations
from fastgpt_client._versions import OLDER_FORMS, SINCE
from fastgpt_client.cli import api
from fastgpt_client.cli.app import app
from fastgpt_client.local import LocalServer

from .conftest import KEY
from .test_api import NAMES, RECORDINGS, arguments, sent
from .wire import Wire, http, wire

ROOT = Path(__file__).parent.parent
ALL = {operation.name: operation for operation in operations()}
every = pytest.mark.parametrize("operation", [pytest.param(each, id=name) for name, each in ALL.items()])
runner = CliRunner()


# What is known of them ------------------------------------------------------------------------------------------------


def test_all_are_found() -> None:
    assert sorted(ALL) == sorted(NAMES)
    assert len(ALL) == len(operations()), "two clients have an endpoint of the same name"


@every
def test_docstrings_name_what_is_called(operation: Operation) -> None:
    request = sent(operation.name, arguments(operation.name, whole=False))
    assert f"{request.method} {request.url.removeprefix('http://host/api')}" == f"{operation.method} {operation.path}"
    doc = " ".join(operation.doc.split())
    for form in OLDER_FORMS.get(operation.path, ()):
        assert f"``/api{form.path}``" in doc, "an older path is not in the docstring"
        if operation.path in SINCE:
            assert f"before {SINCE[operation.path]} ``/api" in doc
    assert operation.summary.endswith(".")


@every
def test_docstrings_say_truly_what_is_recorded(operation: Operation) -> None:
    paths = {f"{operation.method} {operation.path}", *operation.older_paths}
    answers = [
        each
        for each in RECORDINGS
        if f"{each['method']} {each['path'].removeprefix('/api')}" in paths
        and each["status"] == 200
        and json.loads(each["body"]).get("code", 200) == 200
    ]
    runs = operation.path == "/v1/chat/completions"  # these are recorded apart
    in_part = "all but name" in operation.inferred or "the newer one" in operation.inferred
    assert bool(answers or runs) == (not operation.inferred or in_part)


@every
def test_fields(operation: Operation) -> None:
    fields = operation.fields
    spelt = {api._spelling(name) for name in fields}
    assert len(spelt) == len(fields)
    assert not spelt & {"json", "list", "envelope", "raw", "yes", "baseurl", "apikey", "app", "help"} - (
        {"apikey"} if operation.name == "check_api_key" else set()
    )
    assert {"timeout", "extra_body"} <= fields.keys()
    shown = api.describe(operation)
    for name, field in fields.items():
        assert f"--{name} " in shown
        assert api.kind_text(field.kind)
    assert operation.doc in shown


def test_a_docstring_without_its_line_is_refused() -> None:
    class Bad(ChatClient):
        @endpoint
        def bad(self) -> Any:
            """No such line."""

    with pytest.raises(ValueError, match="the docstring of bad has no line"):
        _operations._operation("ChatClient", "bad", vars(Bad)["bad"])


def test_the_page_is_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = runpy.run_path(str(ROOT / "docs/generate_operations.py"))
    assert script["PAGE"].read_text("utf-8") == script["page"](), "run python docs/generate_operations.py"
    for name in ALL:
        assert f"| `{name}`<br>" in script["page"]()
    main = script["main"]
    monkeypatch.setattr(sys, "argv", ["generate_operations.py", "--check"])
    assert main() == 0
    main.__globals__["PAGE"] = tmp_path / "operations.md"
    assert main() == 1
    assert "is out of date" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["generate_operations.py"])
    assert main() == 0
    assert (tmp_path / "operations.md").read_text("utf-8") == script["page"]()


# Values from texts ----------------------------------------------------------------------------------------------------


def read(name: str, *words: str) -> dict[str, Any]:
    """The arguments that these words make for an operation."""
    said = api.read_words([name, *words])
    return api.read_fields(api.find_operation(name), said.fields)


@pytest.mark.parametrize(
    ("name", "words", "fields"),
    [
        ("list_collections", ["--datasetId", "1", "--offset", "5"], {"datasetId": "1", "offset": 5}),
        ("list_collections", ["--dataset-id=a=b", "--page_size=7"], {"datasetId": "a=b", "pageSize": 7}),
        ("list-collections", ["--DATASETID", "-1", "--simple"], {"datasetId": "-1", "simple": True}),
        ("list_collections", ["--datasetId", "1", "--simple", "false"], {"datasetId": "1", "simple": False}),
        ("list_data", ["--collectionId", "1", "--searchText", ""], {"collectionId": "1", "searchText": ""}),
        ("list_collections", ["--simple", "--datasetId=1"], {"datasetId": "1", "simple": True}),
        ("list_collections", ["--datasetId", "@@x", "--timeout", "2.5"], {"datasetId": "@x", "timeout": 2.5}),
        ("list_apps", ["--type", "simple"], {"type": "simple"}),
        ("list_apps", ["--type", "simple", "--type", "plugin"], {"type": ["simple", "plugin"]}),
        ("list_apps", ["--type", '["simple"]'], {"type": ["simple"]}),
        ("delete_collections", ["--collectionIds", "a"], {"collectionIds": ["a"]}),
        ("delete_collections", ["--collectionIds", '["a","b"]'], {"collectionIds": ["a", "b"]}),
        ("delete_collections", ["--collectionIds", "a", "--collectionIds", "b"], {"collectionIds": ["a", "b"]}),
        ("create_chat_completion", ["--messages", "[]"], {"messages": []}),
        ("create_chat_completion", ["--variables", '{"a":1}'], {"variables": {"a": 1}}),
        ("create_chat_completion", ["--version", "v2"], {"version": "v2"}),
        ("get_chat_records_v2", ["--chatId", "c", "--anchor", "3"], {"chatId": "c", "anchor": 3}),
        ("get_chat_records_v2", ["--chatId", "c", "--anchor", "x"], {"chatId": "c", "anchor": "x"}),
        ("search_dataset", ["--datasetId", "d", "--similarity", "0.5"], {"datasetId": "d", "similarity": 0.5}),
        ("get_app_logs_totals", ["--appId", ""], {"appId": ""}),
    ],
)  # fmt: skip
def test_values(name: str, words: list[str], fields: dict[str, Any]) -> None:
    assert read(name, *words) == fields


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nope_nope"], "there is no operation 'nope_nope': see fastgpt-client api --list"),
        (["list_colections"], "did you mean list_collections"),
        (["/core/dataset/lists"], "did you mean /core/dataset/list,"),
        (["POST /core/dataset/collection/delete"], "is several operations: delete_collection, delete_collections"),
        (["list_collections"], "list_collections needs --datasetId"),
        (["list_collections", "x"], "'x' is no field: write --name value"),
        (["list_collections", "--datasetid"], "--datasetId needs a value (text)"),
        (["list_collections", "--dataset", "x"], "has no field --dataset; did you mean --datasetId"),
        (["list_collections", "--qqqq", "x"], "has no field --qqqq; see --help"),
        (["list_collections", "--offset", "x"], "--offset must be a whole number, not 'x'"),
        (["list_collections", "--simple", "perhaps"], "--simple must be true|false, not 'perhaps'"),
        (["list_collections", "--offset", "1", "--offset", "2"], "--offset is given more than once"),
        (["list_collections", "--tagFilters", "[x"], "--tagFilters must be a JSON list: "),
        (["list_collections", "--tagFilters", "{}"], "--tagFilters must be a JSON list, not '{}'"),
        (["create_chat_completion", "--variables", "[]"], "--variables must be a JSON object, not '[]'"),
        (["create_chat_completion", "--version", "v3"], "--version must be one of v1, v2, not 'v3'"),
        (["create_chat_completion", "--chatId", "@/no/such/file"], "--chatId: /no/such/file cannot be read"),
        (["create_chat_completion", "--json"], "--json takes a file with an object of fields, or - for"),
        (["create_chat_completion", "--json", "/no/such/file"], "--json: /no/such/file cannot be read"),
    ],
)  # fmt: skip
def test_what_is_refused(words: list[str], said: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        read(*words)
    assert said in str(caught.value)


def test_fields_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "fields.json"
    file.write_text('{"dataset_id": "d", "offset": 3}')
    assert read("list_collections", "--json", str(file), "--offset", "4") == {"datasetId": "d", "offset": 4}
    for content, said in (
        ("[]", "must hold an object"),
        ("{", "holds no JSON"),
        ('{"nope": 1}', "has no field --nope"),
    ):
        file.write_text(content)
        with pytest.raises(ArgumentError, match=said):
            read("list_collections", "--json", str(file))
    (tmp_path / "text").write_text("many\nlines ä")
    assert read("list_data", "--collectionId", f"@{tmp_path / 'text'}") == {"collectionId": "many\nlines ä"}


# Calls ----------------------------------------------------------------------------------------------------------------


def run(server: LocalServer | Wire, *words: str, input: str | None = None) -> Result:  # noqa: A002
    url = server.base_url if isinstance(server, LocalServer) else server.url
    done = runner.invoke(app, ["api", *words, "--base-url", url, "--api-key", KEY, "--app", "app"], input=input)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.stderr
    return done


def test_a_call_by_every_name(server: LocalServer) -> None:
    for name in (
        "list_apps",
        "list-apps",
        "/core/app/list",
        "core/app/list",
        "/api/core/app/list",
        "POST /core/app/list",
    ):
        done = run(server, name)
        assert done.exit_code == 0
        assert done.stderr == ""
        assert [each["_id"] for each in json.loads(done.stdout)] == ["app", "sel", "form", "plug"]
    assert json.loads(run(server, "/core/chat/getHistories", "--pageSize", "1").stdout).keys() == {"list", "total"}


def test_the_whole_body(server: LocalServer) -> None:
    for flag in ("--envelope", "--raw"):
        body = json.loads(run(server, flag, "list_apps").stdout)
        assert body["code"] == 200
        assert body["data"][0]["_id"] == "app"


def test_runs(server: LocalServer) -> None:
    fields = {"messages": [{"role": "user", "content": "Hello!"}]}
    done = run(server, "create_chat_completion", "--json", "-", input=json.dumps(fields))
    assert "Hello!" in json.loads(done.stdout)["choices"][0]["message"]["content"]
    done = run(server, "create_chat_completion", "--messages", json.dumps(fields["messages"]), "--stream", "--detail")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert {"answer", "flowNodeStatus", "flowResponses"} <= {event["event"] for event in events}
    assert all(event.keys() == {"event", "data"} for event in events)
    done = run(server, "create_chat_completion", "--messages", json.dumps(fields["messages"]), "--stream", "--raw")
    assert "data: [DONE]" in done.stdout.splitlines()


def test_deleting_wants_a_yes(server: LocalServer) -> None:
    for words in (["delete_chat_history", "--chatId", "c"], ["clear_chat_histories"]):
        done = run(server, *words)
        assert done.exit_code == 2
        assert "deletes: say --yes" in done.stderr
        assert done.stdout == ""
        done = run(server, *words, "--yes")
        assert done.exit_code == 0
        assert done.stdout == "null\n"
    assert {name for name, each in ALL.items() if each.method == "DELETE" and not each.deletes} == set()


def test_failures(server: LocalServer) -> None:
    done = run(server, "get_chat_init", "--appId", "nope")
    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr.startswith("NotFoundError: the app does not exist")
    done = run(server, "get_chat_histories", "--nope", "1")
    assert done.exit_code == 2
    done = run(server, "get_chat_records")
    assert done.exit_code == 2
    assert done.stderr == "get_chat_records needs --chatId\n"
    done = run(server, "get_chat_histories", "--timeout", "-1")
    assert done.exit_code == 2
    assert "must be a positive number" in done.stderr
    done = runner.invoke(app, ["api", "list_apps"])
    assert done.exit_code == 2
    assert "No FastGPT server is configured" in done.stderr


def test_a_stream_that_breaks() -> None:
    with LocalServer(api_keys=[KEY], apps=["app"], script={"rules": [{"reply": "Half of it", "cut": 1}]}) as server:
        done = run(server, "create_chat_completion", "--messages", '[{"role":"user","content":"x"}]', "--stream")
    assert done.exit_code == 1
    assert json.loads(done.stdout.splitlines()[0])["event"] == "answer"
    assert done.stderr.startswith("StreamError")


def test_odd_answers() -> None:
    body = b'{"code":200,"data":[{"_id":"x","name":"\\ud83d","n":12345678901234567890}]}'
    with wire([http(body, headers={"content-type": "application/json"})]) as server:
        done = run(server, "list_apps")
    assert done.stdout == '[{"_id": "x", "name": "\\ud83d", "n": 12345678901234567890}]\n'


def test_interrupted(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "_answer", interrupted)
    assert run(server, "list_apps").exit_code == 130


def test_the_list() -> None:
    done = runner.invoke(app, ["api", "--list"])
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert len(lines) == len(ALL)
    assert lines[1].split()[:4] == ["stop_chat", "POST", "/v2/chat/stop", "4.14.5"]
    said = json.loads(runner.invoke(app, ["api", "--list", "--json"]).stdout)
    assert [each["name"] for each in said] == list(ALL)
    assert said[1]["since"] == "4.14.5"
    assert {each["name"]: each["older_paths"] for each in said}["get_quotes"] == ["POST /core/chat/quote/getQuote"]


def test_help() -> None:
    whole = runner.invoke(app, ["api", "--help"])
    assert whole.exit_code == 0
    assert "OPERATION --help" in whole.stdout
    assert runner.invoke(app, ["api"]).exit_code == 2
    one = runner.invoke(app, ["api", "list_collections", "--help"])
    assert one.exit_code == 0
    assert "--datasetId      text (needed)" in one.stdout
    assert "--pageSize       a whole number, default 20" in one.stdout
    assert "``POST /api/core/dataset/collection/listV2`` (before 4.8.19" in one.stdout
    assert runner.invoke(app, ["api", "list_collections", "-h"]).stdout == one.stdout
    assert runner.invoke(app, ["api", "nope", "--help"]).exit_code == 2


def test_the_list_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "100")
    assert api.list_operations(as_json=False) == 0
    lines = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out).splitlines()
    assert max(map(len, lines)) <= 100
    at = next(number for number, line in enumerate(lines) if line.startswith("stop_chat"))
    assert lines[at].split()[1:4] == ["4.14.5", "Stop", "the"]
    assert lines[at + 1].startswith("POST /v2/chat/stop ")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pty")
def test_on_a_terminal(server: LocalServer) -> None:
    """On a terminal JSON is broken into lines, and the list is a table."""
    import os
    import pty

    def shown(*words: str) -> str:
        main, side = pty.openpty()
        command = [sys.executable, "-m", "fastgpt_client", "api", *words]
        environment = {**os.environ, "FASTGPT_BASE_URL": server.base_url, "FASTGPT_API_KEY": KEY, "TERM": "dumb"}
        done = subprocess.Popen(command, stdout=side, env={**environment, "COLUMNS": "120"})
        os.close(side)
        text = b""
        while True:
            try:
                piece = os.read(main, 65536)
            except OSError:  # the other side is closed
                break
            if not piece:
                break
            text += piece
        os.close(main)
        assert done.wait(20) == 0
        return text.decode().replace("\r\n", "\n")

    assert '[\n  {\n    "_id": "app",\n' in shown("list_apps")
    table = shown("--list")
    assert "operation" in table.splitlines()[0]


def test_builders_are_kept() -> None:
    assert inspect.signature(ALL["list_apps"].build).parameters.keys() >= {"self", "parentId"}


@every
def test_what_is_needed_is_what_a_call_refuses_to_go_without(operation: Operation) -> None:
    given = arguments(operation.name, whole=False)
    for name, field in operation.fields.items():
        if field.needed:
            with pytest.raises((ArgumentError, TypeError), match=f"{name}|day"):
                sent(operation.name, {other: value for other, value in given.items() if other != name})
