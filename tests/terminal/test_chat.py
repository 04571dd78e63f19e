"""``fastgpt-client chat`` over real HTTP: in pipes, for machines, and on a terminal."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from fastgpt_client import ChatClient, Interactive, Reply
from fastgpt_client.cli import chat as chat_command
from fastgpt_client.cli import main
from fastgpt_client.cli.app import app
from fastgpt_client.cli.chat import last, questions
from fastgpt_client.cli.chat.talk import Talk
from fastgpt_client.cli.chat.views import LiveView, PlainView
from fastgpt_client.cli.output import dumped
from fastgpt_client.local import AppSpec, LocalServer

from ..proxy import TIMED_OUT, proxy
from ..wire import until
from .screen import Screen

runner = CliRunner()
RED = "6b03ff8ea84cf3a64dddcc98"
BLUE = "6b03ff8ea84cf3a64dddcc99"
FORM = {
    "type": "userInput",
    "params": {
        "description": "Who are you?",
        "inputForm": [
            {"type": "input", "key": "name", "label": "Your name", "required": True},
            {"type": "numberInput", "key": "age", "label": "Age", "min": 18, "defaultValue": 30},
            {"type": "password", "key": "pin", "label": "PIN", "minLength": 4, "required": True},
            {
                "type": "multipleSelect",
                "key": "likes",
                "label": "Likes",
                "list": [{"label": "Tea", "value": "tea"}, {"label": "Rice [hot]", "value": "rice"}],
            },
        ],
    },
}
CHOICE = {
    "type": "userSelect",
    "params": {
        "description": "Which?",
        "userSelectOptions": [{"key": "a", "value": "Apples [red]"}, {"key": "b", "value": "Pears"}],
    },
}
APP = AppSpec("app", variables=({"key": "city", "type": "input"}, {"key": "size", "type": "numberInput"}))
LONG = "\n".join(["## Long", "", "```text", *[f"line {number}" for number in range(60)], "```", "", "The end."])
RULES: dict[str, Any] = {
    "rules": [
        {
            "match": "colour",
            "reasoning": "I look it up.",
            "quotes": [
                {"id": RED, "q": "Tomatoes are red.", "sourceName": "Tomatoes.pdf"},
                {"id": BLUE, "q": "The sky is blue.", "sourceName": "天空.md"},
            ],
            "reply": f"# Colours\n\nBlue[{BLUE}](CITE) and **red**[{RED}](CITE).",
        },
        {"match": "found", "quotes": [{"q": "x", "sourceName": "x.pdf"}], "reply": "Yes."},
        {"match": "form", "interactive": FORM},
        {"match": "choose", "interactive": CHOICE},
        {"match": "half", "reply": "Half", "error": "terminated"},
        {"match": "broken", "error": "terminated"},
        {"match": "cut", "pieces": ["one ", "two "], "cut": 1},
        {"match": "slow", "pieces": ["one ", "two ", "three"], "delay": 1},
        {"match": "long", "reply": LONG, "piece_size": 3, "delay": 0.003},
        {"match": "family", "reply": "A family of four 👨‍👩‍👧‍👦 and one more\n\nDone.", "piece_size": 1, "delay": 0.01},
        {"match": "table", "reply": "| a |\n|---|\n| 1 |\n\nThe end."},
        {"match": "tool", "tools": [{"name": "Search", "functionName": "search", "response": "found"}], "reply": "So."},
    ]
}


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    with LocalServer(apps=[APP], script=RULES, delay=0) as server:
        yield server


@pytest.fixture
def flags(server: LocalServer) -> list[str]:
    return ["--base-url", server.base_url, "--api-key", server.api_key]


@pytest.fixture
def chat(flags: list[str]) -> Callable[..., Result]:
    def run(*words: str, say: str | None = None) -> Result:
        return runner.invoke(app, ["chat", *words, *flags], input=say)

    return run


@pytest.fixture
def client(server: LocalServer) -> Iterator[ChatClient]:
    with ChatClient(server.api_key, server.base_url) as client:
        yield client


Chat = Callable[..., Result]


# In pipes ------------------------------------------------------------------------------------------------------------


def test_asking_once(chat: Chat) -> None:
    done = chat("Hello!")
    assert done.exit_code == 0
    assert "Hello!" in done.stdout
    assert done.stderr == ""


def test_talking(chat: Chat) -> None:
    done = chat(say="My name is Ann.\n\nWhat is \\\nmy name?\n")
    assert done.exit_code == 0
    assert done.stdout.count("Ann") >= 2
    assert "/quit leaves" in done.stderr


def test_the_answer_is_plain_text_with_its_sources(chat: Chat) -> None:
    done = chat("Which colour?", "--show-thinking", "--trace")
    assert done.stdout == (
        "# Colours\n\nBlue[1] and **red**[2].\n\n[1] 天空.md: The sky is blue.\n[2] Tomatoes.pdf: Tomatoes are red.\n"
    )
    assert "\x1b" not in done.stdout + done.stderr
    assert done.stderr.startswith("I look it up.\nNodes\n")
    assert "✓ Dataset search" in done.stderr
    assert "✓ AI Chat" in done.stderr
    assert "I look it up" not in chat("Which colour?").stderr
    assert chat("found?").stdout == "Yes.\n\nFound in: x.pdf\n"


def test_going_on_with_a_chat(chat: Chat, server: LocalServer) -> None:
    assert chat("Hello", "--last").exit_code == 2
    chat("My name is Ann.")
    assert "Ann" in chat("What is my name?", "--last").stdout
    known = json.loads(last.state_file().read_text("utf-8"))
    assert len(known) == 1
    assert server.api_key not in last.state_file().read_text("utf-8")
    [chatId] = known.values()
    for option in ("--resume", "--chat-id"):
        assert "Ann" in chat("What is my name?", option, chatId).stdout
    assert "Ann" not in chat("What is my name?", "--new").stdout
    assert chat("Hello", "--new", "--last").exit_code == 2


def test_what_is_remembered_may_be_broken(chat: Chat, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    chat("Hello")
    for broken in ("nonsense", "[]", '{"a": 1}'):
        last.state_file().write_text(broken)
        assert chat("Hello", "--last").exit_code == 2
        assert chat("Hello").exit_code == 0
    (tmp_path / "file").touch()
    monkeypatch.setenv("FASTGPT_STATE_DIR", str(tmp_path / "file"))
    assert chat("Hello").exit_code == 0
    monkeypatch.delenv("FASTGPT_STATE_DIR")
    assert "fastgpt-client" in str(last.state_file())


def test_files_and_variables_go_along(chat: Chat, client: ChatClient, tmp_path: Path) -> None:
    plan = tmp_path / "my plan.txt"
    plan.write_text("Ship on Friday.")
    (tmp_path / "vars.yaml").write_text("city: Oslo\nsize: 3")
    done = chat("Sum it up", "-f", str(plan), "--var", "city=Rome", "--var-file", str(tmp_path / "vars.yaml"), "--json")
    assert (done.exit_code, done.stderr) == (0, "")
    said = client.get_chat_records(chatId=json.loads(done.stdout)["chatId"]).data.list[0]
    assert "my plan.txt" in json.dumps(said.value)
    done = chat("--var", "city=true", say=f'/file "{plan}"\n/file {plan}\nWhat is in it?\n/vars size=1\n/vars\nHello\n')
    assert "Goes along with what you say next: my plan.txt, my plan.txt" in done.stderr
    assert "city = True\nsize = 1\n" in done.stderr
    assert "Note: the app declares no variable 'other'" in chat("Hello", "--var", "other=1").stderr
    assert "No variables" in chat(say="/vars").stderr


def test_used_wrongly(chat: Chat, tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    (tmp_path / "broken.yaml").write_text("a: [")
    (tmp_path / "text.yaml").write_text("text")
    for words, said in (
        (["--var", "city"], "written as name=value, not as 'city'"),
        (["--var-file", str(broken)], "holds no JSON"),
        (["--var-file", str(tmp_path / "broken.yaml")], "holds no YAML"),
        (["--var-file", str(tmp_path / "text.yaml")], "must hold an object of variables"),
        (["--var-file", str(tmp_path / "none")], "cannot be read"),
        (["--answers", str(tmp_path / "text.yaml")], "must hold a list of answers"),
        (["-f", str(tmp_path / "none")], "there is no file"),
        (["--events"], "--events goes with --json"),
    ):
        done = chat("Hello", *words)
        assert done.exit_code == 2, said
        assert said in done.stderr
        assert done.stdout == ""
    assert chat(" ").exit_code == 2
    assert chat("--json", say="").exit_code == 2


def test_failures_have_an_exit_code_and_no_key(server: LocalServer) -> None:
    for url, key, said in (
        (server.base_url, "fastgpt-geheim", "AuthenticationError"),
        ("http://127.0.0.1:9", "k", "fastgpt-client serve"),
        ("nonsense", "k", "base_url must look like"),
    ):
        done = runner.invoke(app, ["chat", "x", "--base-url", url, "--api-key", key])
        assert done.exit_code == 1
        assert said in done.stderr
        assert "geheim" not in done.stderr


def test_failing_runs_are_told(chat: Chat) -> None:
    done = chat("half")
    assert (done.exit_code, done.stdout) == (0, "Half\n")
    assert "terminated" in done.stderr
    assert chat("broken").exit_code == 1
    assert chat("cut").exit_code == 1
    assert chat(say="cut\n").exit_code == 1
    assert chat(say="cut\nHello\n").exit_code == 0


def test_a_broken_connection(server: LocalServer) -> None:
    with proxy(server.base_url) as gate:
        words = ["--base-url", gate.url, "--api-key", server.api_key]
        gate.cut = 1500
        done = runner.invoke(app, ["chat", "long", *words])
        assert done.exit_code == 0, done.stderr
        assert "Looking for the rest" in done.stderr
        assert "".join(done.stdout.split()) == "".join(LONG.split())
        gate.instead = TIMED_OUT
        done = runner.invoke(app, ["chat", "long", *words])
        assert (done.exit_code, done.stdout) == (0, LONG + "\n")
        assert re.search(r"^Note: the answer in chat \w+ was read from its history", done.stderr)


# Streams that lack letters, or are closed ----------------------------------------------------------------------------


Program = Callable[..., tuple[int, str, str]]


@pytest.fixture
def program(flags: list[str], monkeypatch: pytest.MonkeyPatch) -> Program:
    """The program as a whole, with streams in an encoding."""

    def run(*words: str, encoding: str = "utf-8", say: bytes = b"", out: io.RawIOBase | None = None) -> Any:
        written = [io.BytesIO(), io.BytesIO()]
        for name, stream in (("stdin", io.BytesIO(say)), ("stdout", out or written[0]), ("stderr", written[1])):
            monkeypatch.setattr(sys, name, io.TextIOWrapper(stream, encoding, write_through=True))
        monkeypatch.setattr(sys, "argv", ["fastgpt-client", "chat", *words, *flags])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, *(each.getvalue().decode(encoding) for each in written)

    return run


def test_letters_that_an_encoding_lacks(program: Program) -> None:
    code, told, _ = program("Which colour?", encoding="cp1252")
    assert code == 0
    assert "[1] ??.md: The sky is blue." in told
    code, told, _ = program("Which colour?", "--json", encoding="ascii")
    assert code == 0
    assert json.loads(told)["citations"][1]["sourceName"] == "天空.md"
    assert program("half an emoji \ud83d")[0] == 1  # which cannot be sent


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_what_comes_in_another_encoding(program: Program, words: list[str]) -> None:
    code, _, said = program(*words, say="Grüße".encode("cp1252"))
    assert code in (1, 2)
    assert "what comes in is not utf-8" in said


def test_closed_streams(flags: list[str]) -> None:
    for closed in (0, 1, 2):
        done = subprocess.run(
            [sys.executable, "-m", "fastgpt_client", "chat", "found?", *flags],
            capture_output=True,
            timeout=30,
            preexec_fn=lambda closed=closed: os.close(closed),
        )
        assert (done.returncode, done.stderr) == (0, b""), closed
        assert done.stdout == (b"" if closed == 1 else b"Yes.\n\nFound in: x.pdf\n"), closed


class Full(io.RawIOBase):
    def writable(self) -> bool:
        return True

    def write(self, _: object) -> int:
        raise OSError(28, "No space left on device")


def test_a_full_disk(program: Program) -> None:
    code, _, said = program("found?", out=Full())
    assert code == 1
    assert said.endswith("No space left on device\n")
    assert "Traceback" not in said


# What the app asks ----------------------------------------------------------------------------------------------------


def test_answering_in_place(chat: Chat) -> None:
    done = chat(say="choose\nnothing\n2\n")
    assert done.exit_code == 0, done.stderr
    assert "Which?\n  1. Apples [red]\n  2. Pears\n" in done.stderr
    assert "none of the options" in done.stderr
    assert "choose" in done.stdout
    done = chat(say="form\n\nAnn\n12\n\n1\n4321\nRice [hot], 1\n/history\n")
    assert done.exit_code == 0, done.stderr
    for said in ("Your name is needed", "field 'age': '12' is less than 18", "PIN must have at least 4 letters"):
        assert said in done.stderr
    assert "2. Rice [hot]" in done.stderr
    assert "(a number, at least 18; empty: 30)" in done.stderr
    assert "(any of them, separated by commas; may be left empty)" in done.stderr
    done = chat(say="form\nAnn\n")
    assert done.exit_code == 1
    assert "nothing more to read" in done.stderr


def test_nobody_is_there_to_answer(chat: Chat) -> None:
    done = chat("form")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "Who are you?" in done.stderr
    assert "Age: a number, at least 18" in done.stderr
    assert "--answers FILE" in done.stderr


def test_a_question_that_was_left_open(chat: Chat) -> None:
    assert "Which?" in chat("choose").stderr
    assert chat("--last", say="").exit_code == 1  # there is nobody to answer
    done = chat("--last", say="2\n")
    assert "Which?" in done.stderr
    assert "choose" in done.stdout


def test_what_is_said_while_the_app_waits(client: ChatClient) -> None:
    asked: list[str] = []

    class EverySecond(questions.InPlace):
        def answer(self, asked_now: Interactive) -> questions.Given | None:
            asked.append(asked_now.description)
            return None if len(asked) % 2 else super().answer(asked_now)

    def said() -> list[str]:
        return [record.text for record in talk.conversation.history().data.list if record.obj == "Human"]

    talk = Talk(client, None, PlainView(), EverySecond(lambda _: "1"), {})
    talk.hear("choose")
    talk.hear("something else")  # it is asked again instead
    assert asked == ["Which?", "Which?"]
    assert said() == ["choose"]
    talk.hear("choose")
    talk.hear("2")  # this is an answer
    assert len(asked) == 3
    assert said() == ["choose", "choose"]
    assert client.conversation(talk.conversation.chatId).history().data.list[-1].text.startswith("You said")
    asked.append("")
    talk.hear("choose")
    asked.append("")
    talk.begin_new()
    talk.hear("Hello")
    assert said() == ["Hello"]


def form_of(client: ChatClient, done: Result) -> dict[str, object]:
    records = client.get_chat_records(chatId=json.loads(done.stdout)["chatId"]).data.list
    values = [item["interactive"]["params"] for item in records[-1].value if "interactive" in item]
    return {field["key"]: field.get("value") for field in values[0]["inputForm"]}


def test_answers_of_a_file(chat: Chat, client: ChatClient, tmp_path: Path) -> None:
    answers = tmp_path / "answers.yaml"
    answers.write_text("- {Your name: Ann, pin: 4321, likes: [tea]}\n")
    done = chat("form", "--answers", str(answers), "--json")
    assert done.exit_code == 0, done.stdout
    assert form_of(client, done) == {"name": "Ann", "age": 30, "pin": "4321", "likes": ["tea"]}
    answers.write_text("Which?: b\n")
    assert "choose" in chat("choose", "--answers", str(answers)).stdout
    answers.write_text("1: Pears\n")
    assert "choose" in chat("choose", "--answers", str(answers)).stdout


def test_answers_that_do_not_fit(chat: Chat, tmp_path: Path) -> None:
    answers = tmp_path / "answers.json"
    for question, written, said in (
        ("form", [], "answers.json has no answer to question 1 of the app ('Who are you?')"),
        ("form", {"other": 1}, "has no answer to question 1"),
        ("form", ["Ann"], "an object of its fields is wanted"),
        (
            "form",
            [{"name": "Ann", "pin": "1"}],
            "does not answer question 1 of the app ('Who are you?'): PIN must have",
        ),
        ("choose", ["c"], "none of the options"),
    ):
        answers.write_text(json.dumps(written))
        done = chat(question, "--answers", str(answers))
        assert done.exit_code == 1
        assert said in done.stderr
        done = chat(question, "--answers", str(answers), "--json")
        assert done.exit_code == 1
        assert said in json.loads(done.stdout)["error"]["message"]


def test_an_open_question(monkeypatch: pytest.MonkeyPatch) -> None:
    assert questions.InPlace(lambda _: "Oslo").answer(Interactive(description="Where?")) == "Oslo"

    def interrupted(_: str) -> str:
        raise KeyboardInterrupt

    assert questions.InPlace(interrupted).answer(Interactive(description="Where?")) is None


# For machines --------------------------------------------------------------------------------------------------------


def test_one_object(chat: Chat) -> None:
    done = chat("Which colour?", "--json")
    assert (done.exit_code, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert told["text"].startswith("# Colours")
    assert told["reasoning"] == "I look it up."
    assert [each["sourceName"] for each in told["citations"]] == ["Tomatoes.pdf", "天空.md"]
    assert [node["moduleName"] for node in told["nodes"]] == ["Start", "Dataset search", "AI Chat"]
    assert told["error"] is None
    assert len(told["chatId"]) == 24
    assert json.loads(chat("--json", say="Hello\n").stdout)["text"].startswith("Hello!")
    assert json.loads(chat("choose", "--json").stdout)["interactive"]["options"][1]["value"] == "Pears"


def test_lines_of_events(chat: Chat) -> None:
    lines = [json.loads(line) for line in chat("Which colour?", "--json", "--events").stdout.splitlines()]
    assert {"answer", "flowNodeStatus", "flowResponses"} <= {line.get("event") for line in lines}
    assert lines[-1]["reply"]["text"].startswith("# Colours")


def test_failures_as_objects(chat: Chat) -> None:
    told = json.loads(chat("half", "--json").stdout)
    assert (told["text"], told["error"]["node"]) == ("Half", "AI Chat")
    done = chat("broken", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["error"]["type"] == "NodeError"
    done = chat("cut", "--json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert (told["text"], told["error"]["type"]) == ("one ", "StreamError")


def test_a_half_of_an_emoji() -> None:
    assert dumped({"text": "\ud83d", "reply": Reply(text="\ud83d").text}) == '{"text": "\\ud83d", "reply": "\\ud83d"}'


# Commands ------------------------------------------------------------------------------------------------------------


def test_commands(chat: Chat, client: ChatClient, tmp_path: Path) -> None:
    said = "/history\nMy name is Ann.\n/rename About Ann\n/history\n/retry\n/stop\n/help\n//path\n"
    said += f"/save {tmp_path / 'chat.md'}\n/save {tmp_path / 'chat.json'}\n/new\nWhat is my name?\n/quit\nnot said\n"
    done = chat(say=said)
    assert done.exit_code == 0, done.stderr
    assert "Nothing was said yet." in done.stderr
    assert "You: My name is Ann.\nApp: I am" in done.stderr
    assert "(CITE)" not in chat(say="Which colour?\n/history\n").stderr
    assert "/retry          have the last question" in done.stderr
    assert "not said" not in done.stdout
    assert "Ann" not in done.stdout.splitlines()[-1]
    chatIds = re.findall(r"Chat (\w{24})\.", done.stderr)
    assert len(set(chatIds)) == 2
    titles = {each.chatId: each.customTitle for each in client.iter_chat_histories()}
    assert titles[chatIds[0]] == "About Ann"
    kept = (tmp_path / "chat.md").read_text("utf-8")
    assert kept.startswith("**You**\n\nMy name is Ann.\n\n**App**\n\n")
    assert "/path" in kept
    assert json.loads((tmp_path / "chat.json").read_bytes())[0]["obj"] == "Human"


def test_stopping_where_it_is_not_known() -> None:
    with LocalServer(version="4.11") as server:
        words = ["chat", "--base-url", server.base_url, "--api-key", server.api_key]
        assert "4.14.5 and later can" in runner.invoke(app, words, input="/stop\n").stderr


def test_commands_used_wrongly(chat: Chat, tmp_path: Path) -> None:
    lines = {
        "/nonsense": "there is no command /nonsense",
        "/file": "write /file PATH",
        "/file 'a": "No closing quotation",
        f"/file {tmp_path / 'none'}": "there is no file",
        "/rename": "write /rename TITLE",
        f"/save {tmp_path / 'none' / 'x'}": "cannot be written",
        "/vars x": "written as name=value",
        "/retry": "nothing to regenerate",
    }
    done = chat(say="\n".join([*lines, "Hello"]))
    assert done.exit_code == 0
    for told in lines.values():
        assert told in done.stderr


# On a terminal -------------------------------------------------------------------------------------------------------


def shown(
    client: ChatClient, question: str, *, width: int = 60, height: int = 12, as_wide: int = 0, **how: bool
) -> Screen:
    screen, written = Screen(height, as_wide), io.StringIO()
    console = Console(file=written, force_terminal=True, width=width, height=height, highlight=False, _environ={})
    LiveView(console, **how).show(client.conversation().stream(question))
    screen.feed(written.getvalue())
    return screen


def test_markdown_on_a_terminal(client: ChatClient) -> None:
    screen = shown(client, "Which colour?", thinking=True, trace=True)
    assert screen.text.startswith("I look it up.\n\nColours\n\nBlue[1] and red[2].\n\n[1] 天空.md")
    assert "└── ✓ AI Chat" in screen.text
    assert "I look it up" not in shown(client, "Which colour?").text


@pytest.mark.parametrize("height", [3, 12])
def test_a_long_answer_leaves_every_line_once(client: ChatClient, height: int) -> None:
    screen = shown(client, "long", height=height)
    assert [line.strip() for line in screen.lines if "line" in line] == [f"line {number}" for number in range(60)]
    assert screen.text.endswith("The end.")


def test_nodes_inside_others(client: ChatClient) -> None:
    text = shown(client, "tool", trace=True).text
    assert re.search(r"└── ✓ Agent.*\n    └── ✓ Search", text), text


def test_the_command_on_a_terminal(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    wanted = chat_command.Wanted(question="Which colour?", variables=["other=1"])
    assert chat_command.run_chat(wanted, server.base_url, server.api_key, None, configured=True) == 0
    shown = capsys.readouterr()
    assert "Colours" in shown.out
    assert "declares no variable" in shown.err
    assert re.search(r"chatId: \w{24}", shown.err)


def test_an_emoji_that_the_terminal_takes_to_be_wider(client: ChatClient) -> None:
    screen = shown(client, "family", width=24, as_wide=24)
    assert screen.lines[:2] == [
        "",
        "A family of four 👨‍👩‍👧‍👦 and",
    ]  # which goes on another line once, not each time it is drawn


def test_nothing_is_drawn_while_a_block_is_printed(client: ChatClient) -> None:
    screen, written = Screen(12), io.StringIO()
    console = Console(file=written, force_terminal=True, width=60, height=12, highlight=False, _environ={})
    view = LiveView(console)

    class Busy:
        """Has another thread draw what moves, once, while it is drawn itself."""

        drawing: threading.Thread | None = None

        def __rich_console__(self, *_: object) -> Iterator[str]:
            if self.drawing is None:
                self.drawing = threading.Thread(target=view._moves.refresh)  # type: ignore[union-attr]
                self.drawing.start()
                self.drawing.join(0.2)
            yield "busy"

    view.begin()
    view.on_answer("one")
    view._moves.refresh()  # type: ignore[union-attr]
    view._busy = Busy()  # type: ignore[assignment]
    view.on_answer("\n\n- two\n- three\n- four\n")
    view.end()
    screen.feed(written.getvalue())
    assert [line.strip() for line in screen.lines if line] == ["one", "• two", "• three", "• four"]


def test_the_last_blocks_have_one_line_between_them(client: ChatClient) -> None:
    assert shown(client, "table").text == "a\n ─\n 1\n\nThe end."


def test_retrying_on_a_terminal(client: ChatClient) -> None:
    screen, written = Screen(30), io.StringIO()
    console = Console(file=written, force_terminal=True, width=60, height=30, highlight=False, _environ={})
    conversation = client.conversation()
    conversation.send("Which colour?")
    LiveView(console, trace=True, thinking=True).show(conversation.stream_regenerate())
    screen.feed(written.getvalue())
    assert "I look it up.\n\nColours\n\nBlue[1] and red[2]." in screen.text
    assert "✓ Dataset search" in screen.text


def test_a_narrow_terminal(client: ChatClient) -> None:
    screen = shown(client, "Which colour?", width=20, trace=True)
    assert max(len(line) for line in screen.lines) <= 20


def test_failures_on_a_terminal(client: ChatClient, capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(client, "half").text == "Half"
    assert "terminated" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="terminals of POSIX")
def test_the_whole_program_on_a_terminal(server: LocalServer) -> None:
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
    command = [sys.executable, "-m", "fastgpt_client", "chat"]
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")},
        "TERM": "xterm-256color",
        "FASTGPT_BASE_URL": server.base_url,
        "FASTGPT_API_KEY": server.api_key,
    }
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    )
    os.close(theirs)
    written = bytearray()

    def read() -> None:
        while True:
            try:
                data = os.read(ours, 4096)
            except OSError:  # the other side is closed
                return
            if not data:
                return
            written.extend(data)

    reading = threading.Thread(target=read, daemon=True)
    reading.start()

    def says(what: str) -> bool:
        return until(lambda: what in written.decode("utf-8", "replace"), 20)

    for wait, typed in (
        ("You: ", "form\n"),
        ("Your name", "Ann\n"),
        ("Age", "\n"),
        ("PIN", "geheim\n"),
        ("Likes", "1\n"),
        ("stand-in", "slow\n"),
    ):
        assert says(wait), written
        time.sleep(0.3)  # until it reads
        os.write(ours, typed.encode())
    assert says("one"), written
    process.send_signal(signal.SIGINT)
    assert says("(stopped)"), written
    os.write(ours, b"/quit\n")
    assert process.wait(20) == 0
    reading.join(5)
    os.close(ours)
    text = written.decode()
    assert "\x1b[" in text
    assert "geheim" not in text
    assert "three" not in text


# Interrupts ----------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_stops_the_answer_not_the_program(flags: list[str]) -> None:
    command = [sys.executable, "-u", "-m", "fastgpt_client", "chat", *flags]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    ) as talking:
        assert talking.stdin
        assert talking.stdout
        assert talking.stderr
        talking.stdin.write("slow please\n")
        talking.stdin.flush()
        assert talking.stdout.read(3) == "one"
        talking.send_signal(signal.SIGINT)
        time.sleep(0.5)
        talking.stdin.write("Are you there?\n")
        talking.stdin.close()
        assert until(lambda: talking.poll() is not None, 20)
        rest = talking.stdout.read()
        assert talking.returncode == 0
        assert "three" not in rest
        assert "Are you there?" in rest
        assert "(stopped)" in talking.stderr.read()


def test_ctrl_c_at_the_prompt_and_while_asking_once(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    said = iter([KeyboardInterrupt(), EOFError()])

    def interrupted(_: str) -> str:
        raise next(said)

    monkeypatch.setattr("builtins.input", interrupted)
    done = chat()
    assert done.exit_code == 0
    assert done.stderr.count("/quit leaves") == 2

    def broken(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(chat_command.Talk, "say", broken)
    assert chat("x").exit_code == 130
