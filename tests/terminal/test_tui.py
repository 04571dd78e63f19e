"""The whole screen, with keys and clicks, against a real server."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import Collapsible, Input, Markdown, OptionList, Static
from typer.testing import CliRunner

from fastgpt_client import AsyncChatClient, ChatClient, FormField, Interactive, InteractiveOption
from fastgpt_client.cli import tui as tui_command
from fastgpt_client.cli.app import app
from fastgpt_client.cli.chat import last
from fastgpt_client.local import LocalServer
from fastgpt_client.models.chat import ChatHistory
from fastgpt_client.tui import ChatScreenApp
from fastgpt_client.tui.chat import Answer, Messages, Prompt, Question
from fastgpt_client.tui.dialogs import ChoiceDialog, FormDialog, TextDialog, field_widget, widget_value
from fastgpt_client.tui.nodes import Nodes
from fastgpt_client.tui.search import find_chats
from fastgpt_client.tui.sidebar import Sidebar

from ..proxy import proxy
from .test_chat import LONG, RULES

Test = Callable[[Pilot[None]], Awaitable[None]]


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with LocalServer(script=RULES, delay=0) as server:
        yield server


@pytest.fixture
def client(server: LocalServer) -> Iterator[ChatClient]:
    with ChatClient(server.api_key, server.base_url) as client:
        yield client


@asynccontextmanager
async def opened(
    server: LocalServer, chatId: str | None = None, size: tuple[int, int] = (120, 40), **options: Any
) -> AsyncIterator[Pilot[None]]:
    key = options.pop("key", server.api_key)
    async with AsyncChatClient(key, server.base_url, max_retries=0) as client:
        async with ChatScreenApp(client, chatId, **options).run_test(size=size) as pilot:
            await pilot.pause()
            yield pilot
        await client.close()


def on_screen(test: Callable[..., Awaitable[None]]) -> Callable[[LocalServer], None]:
    """A test of an app that was just opened."""

    def run(server: LocalServer) -> None:
        async def whole() -> None:
            async with opened(server) as pilot:
                await test(pilot)

        asyncio.run(whole())

    run.__name__ = test.__name__
    return run


async def say(pilot: Pilot[None], text: str) -> None:
    pilot.app.query_one(Prompt).insert(text)
    await pilot.press("enter")


async def until(pilot: Pilot[None], what: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not happen"
        await pilot.pause(0.02)


def text_of(pilot: Pilot[None], kind: str) -> str:
    return "\n".join(str(each.render()) for each in pilot.app.query(kind).results(Static))


def questions(pilot: Pilot[None]) -> list[str]:
    return [str(each.render()) for each in pilot.app.query(Question)]


def answers(pilot: Pilot[None]) -> list[str]:
    return [each.body.source for each in pilot.app.query(Answer)]


def idle(pilot: Pilot[None]) -> bool:
    return all(worker.is_finished for worker in pilot.app.workers)


def titles(pilot: Pilot[None]) -> list[str]:
    chats = pilot.app.query_one("#chats", OptionList)
    return [str(chats.get_option_at_index(at).prompt) for at in range(chats.option_count)]


# Talking -------------------------------------------------------------------------------------------------------------


@on_screen
async def test_an_answer_comes_with_thinking_sources_and_nodes(pilot: Pilot[None]) -> None:
    await say(pilot, "Which colour?")
    await until(pilot, lambda: text_of(pilot, ".sources"))
    assert questions(pilot) == ["Which colour?"]
    assert answers(pilot) == ["# Colours\n\nBlue[1] and **red**[2]."]
    thinking = pilot.app.query_one(Collapsible)
    assert thinking.display
    assert thinking.query_one(Markdown).source == "I look it up."
    assert thinking.collapsed
    await pilot.click("CollapsibleTitle")
    assert not thinking.collapsed
    assert text_of(pilot, ".sources").splitlines() == [
        "[1] 天空.md: The sky is blue.",
        "[2] Tomatoes.pdf: Tomatoes are red.",
    ]
    await until(pilot, lambda: titles(pilot) == ["Which colour?"])
    tree: Any = pilot.app.query_one(Nodes).query_one(Static).content
    assert [str(node.label).split("  ")[0] for node in tree.children] == ["✓ Start", "✓ Dataset search", "✓ AI Chat"]


@on_screen
async def test_going_on_and_beginning_anew(pilot: Pilot[None]) -> None:
    await say(pilot, "My name is Ann.")
    await until(pilot, lambda: titles(pilot))
    await say(pilot, "What is my name?")
    await until(pilot, lambda: idle(pilot) and len(answers(pilot)) == 2)
    assert "Ann" in answers(pilot)[1]
    await pilot.press("ctrl+n")
    await until(pilot, lambda: idle(pilot) and not answers(pilot))
    await say(pilot, "What is my name?")
    await until(pilot, lambda: len(titles(pilot)) == 2)
    assert "Ann" not in answers(pilot)[0]


@on_screen
async def test_lines_and_keys_of_the_prompt(pilot: Pilot[None]) -> None:
    await pilot.press("enter", "a", "ctrl+j", "b", "enter")
    await until(pilot, lambda: answers(pilot) and idle(pilot))
    assert questions(pilot) == ["a\nb"]
    assert pilot.app.query_one(Prompt).text == ""


@on_screen
async def test_stopping(pilot: Pilot[None]) -> None:
    await say(pilot, "slow please")
    await until(pilot, lambda: answers(pilot) and "one" in answers(pilot)[0])
    await say(pilot, "more")
    assert pilot.app.query_one(Prompt).text == "more"  # it waits
    await pilot.press("escape")
    await until(pilot, lambda: idle(pilot) and text_of(pilot, ".failure"))
    assert text_of(pilot, ".failure") == "(stopped)"
    assert "three" not in answers(pilot)[0]
    await pilot.press("shift+tab", "escape")  # nothing runs: back to the prompt
    assert isinstance(pilot.app.focused, Prompt)


@on_screen
async def test_retrying_and_copying(pilot: Pilot[None]) -> None:
    await pilot.press("ctrl+r", "f4")
    await until(pilot, lambda: len(pilot.app._notifications) == 2)
    await say(pilot, "Which colour?")
    await until(pilot, lambda: idle(pilot) and text_of(pilot, ".sources"))
    await pilot.press("f4")
    assert pilot.app.clipboard == "# Colours\n\nBlue[1] and **red**[2]."
    before = pilot.app.query_one(Answer)
    await pilot.press("ctrl+r")
    await until(pilot, lambda: pilot.app.query(Answer) and pilot.app.query_one(Answer) is not before and idle(pilot))
    assert questions(pilot) == ["Which colour?"]
    assert answers(pilot) == ["# Colours\n\nBlue[1] and **red**[2]."]
    assert "Tomatoes.pdf" in text_of(pilot, ".sources")
    assert pilot.app.query_one(Collapsible).display


@pytest.mark.parametrize(
    ("question", "told"), [("half", "terminated"), ("broken", "terminated"), ("cut", "before the answer was complete")]
)
def test_failures_are_told(server: LocalServer, question: str, told: str) -> None:
    async def whole() -> None:
        async with opened(server) as pilot:
            await say(pilot, question)
            await until(pilot, lambda: idle(pilot) and text_of(pilot, ".failure"))
            assert told in text_of(pilot, ".failure")

    asyncio.run(whole())


def test_errors_say_what_to_do(server: LocalServer) -> None:
    async def whole() -> None:
        async with opened(server, key="fastgpt-geheim") as pilot:
            await until(pilot, lambda: len(pilot.app._notifications) == 1)  # the conversations
            await say(pilot, "Hello")
            await until(pilot, lambda: len(pilot.app._notifications) == 2)
            for notification in pilot.app._notifications:
                assert notification.title == "AuthenticationError"
                assert "geheim" not in notification.message

    asyncio.run(whole())


def test_files(server: LocalServer, tmp_path: Path) -> None:
    plan = tmp_path / "plan.txt"
    plan.write_text("Ship on Friday.")

    async def whole() -> None:
        async with opened(server, files=[str(plan)]) as pilot:
            assert "plan.txt" in text_of(pilot, "#files")
            await pilot.press("ctrl+o")
            await until(pilot, lambda: isinstance(pilot.app.screen, TextDialog))
            pilot.app.screen.query_one(Input).value = str(tmp_path / "none")
            await pilot.press("enter")
            await until(pilot, lambda: pilot.app._notifications)
            await pilot.press("ctrl+o")
            await until(pilot, lambda: isinstance(pilot.app.screen, TextDialog))
            pilot.app.screen.query_one(Input).value = str(plan)
            await pilot.press("enter")
            await until(pilot, lambda: text_of(pilot, "#files").count("plan.txt") == 2)
            await say(pilot, "Sum it up")
            await until(pilot, lambda: answers(pilot) and idle(pilot))
            assert questions(pilot)[0].count("plan.txt") == 2
            assert not pilot.app.query_one("#files").display
            plan.unlink()
            pilot.app.query_one(Prompt)
            pilot.app._files = [str(plan)]  # type: ignore[attr-defined]
            await say(pilot, "And now?")
            await until(pilot, lambda: pilot.app.query_one("#files").display and idle(pilot))

    asyncio.run(whole())


# Dialogs -------------------------------------------------------------------------------------------------------------


@on_screen
async def test_a_choice(pilot: Pilot[None]) -> None:
    await say(pilot, "choose")
    await until(pilot, lambda: isinstance(pilot.app.screen, ChoiceDialog))
    options = pilot.app.screen.query_one(OptionList)
    assert [str(options.get_option_at_index(at).prompt) for at in (0, 1)] == ["Apples [red]", "Pears"]
    await pilot.press("down", "enter")
    await until(pilot, lambda: idle(pilot))
    assert questions(pilot) == ["choose", "Pears"]
    assert "choose" in answers(pilot)[-1]


@on_screen
async def test_a_form(pilot: Pilot[None]) -> None:
    await say(pilot, "form")
    await until(pilot, lambda: isinstance(pilot.app.screen, FormDialog))
    await until(pilot, lambda: isinstance(pilot.app.focused, Input))
    await pilot.press("A", "n", "n", "enter", "x", "ctrl+s")
    screen = pilot.app.screen
    wrong = [str(each.render()) for each in screen.query(".wrong").results(Static) if each.display]
    assert wrong == ["field 'age': 'x' is no number", "PIN is needed"]
    screen.query_one("#field1", Input).value = "41"
    screen.query_one("#field2", Input).value = "geheim"
    assert "geheim" not in str(screen.query_one("#field2", Input).render())
    screen.query_one("#field3").focus()
    await pilot.press("space")
    await pilot.click("#send")
    await until(pilot, lambda: idle(pilot))
    assert questions(pilot)[1] == "Your name: Ann\nAge: 41\nPIN: •••\nLikes: ['tea']"
    assert "form" in answers(pilot)[-1]


@on_screen
async def test_a_dialog_may_be_left(pilot: Pilot[None]) -> None:
    for question, leave in (("choose", "escape"), ("form", "escape"), ("form", "#cancel")):
        await say(pilot, question)
        await until(pilot, lambda: len(pilot.app.screen_stack) == 2)
        if leave == "escape":
            await pilot.press(leave)
        else:
            await until(pilot, lambda: pilot.app.screen.query("#cancel"))
            await pilot.click(leave)
        await until(pilot, lambda: idle(pilot) and len(pilot.app.screen_stack) == 1)
        assert questions(pilot)[-1] == question
        await pilot.press("ctrl+n")
        await until(pilot, lambda: not questions(pilot))


@on_screen
async def test_an_answer_comes_first(pilot: Pilot[None]) -> None:
    await say(pilot, "choose")
    await until(pilot, lambda: isinstance(pilot.app.screen, ChoiceDialog))
    await pilot.press("escape")
    await until(pilot, lambda: idle(pilot) and len(pilot.app.screen_stack) == 1)
    await say(pilot, "Hello")  # it asks again, and what was written stays
    await until(pilot, lambda: isinstance(pilot.app.screen, ChoiceDialog))
    await pilot.press("enter")
    await until(pilot, lambda: answers(pilot) and idle(pilot))
    assert questions(pilot) == ["choose", "Apples [red]"]
    assert pilot.app.query_one(Prompt).text == "Hello"
    await pilot.press("enter")
    await until(pilot, lambda: questions(pilot)[-1] == "Hello" and idle(pilot))


def test_what_else_may_be_asked(server: LocalServer) -> None:
    async def whole() -> None:
        async with opened(server) as pilot:
            screen: Any = pilot.app
            asking = screen.run_worker(screen._ask(Interactive(description="Where?")))
            await until(pilot, lambda: isinstance(pilot.app.screen, TextDialog))
            await pilot.press("O", "enter")
            assert await asking.wait() == "O"

    asyncio.run(whole())


async def filled_in(field: FormField) -> object:
    class OneField(App[None]):
        def compose(self) -> ComposeResult:
            yield field_widget(field, "x")

    async with OneField().run_test() as pilot:
        return widget_value(pilot.app.query_one("#x"))


def test_every_kind_of_field() -> None:
    colours = [{"label": "Red", "value": "r"}, {"label": "Blue", "value": "b"}]
    for field, value in (
        (FormField(type="switch", defaultValue=True), True),
        (FormField(type="select", list=colours, defaultValue="b"), "b"),
        (FormField(type="select", list=colours), ""),
        (FormField(type="multipleSelect", list=colours, defaultValue=["r"]), ["r"]),
        (FormField(type="textarea", defaultValue="a"), "a"),
        (FormField(type="numberInput", defaultValue=3), "3"),
        (FormField(type="timePointSelect"), ""),
    ):
        assert asyncio.run(filled_in(field)) == value
    assert widget_value(Static()) is None
    assert isinstance(field_widget(FormField(type="password"), "x"), Input)


def test_a_question_that_was_left_open(server: LocalServer, client: ChatClient) -> None:
    conversation = client.conversation()
    conversation.send("choose")

    async def whole() -> None:
        async with opened(server, conversation.chatId) as pilot:
            await until(pilot, lambda: isinstance(pilot.app.screen, ChoiceDialog))
            await pilot.press("enter")
            await until(pilot, lambda: answers(pilot) and idle(pilot))
            assert questions(pilot) == ["choose", "Apples [red]"]

    asyncio.run(whole())


@on_screen
async def test_an_agent_proposes(pilot: Pilot[None]) -> None:
    screen: Any = pilot.app
    asked = Interactive(type="agentPlanAskQuery", options=[InteractiveOption(key="a", value="A")])
    asking = screen.run_worker(screen._ask(asked))
    await until(pilot, lambda: isinstance(pilot.app.screen, ChoiceDialog))
    await pilot.press("tab", "enter", "B", "enter")
    assert await asking.wait() == "B"


# Conversations -------------------------------------------------------------------------------------------------------


def filled(client: ChatClient, count: int) -> list[str]:
    chatIds = []
    for number in range(count):
        conversation = client.conversation()
        conversation.send(f"Question {number}")
        chatIds.append(conversation.chatId)
    return chatIds


def test_going_through_conversations(server: LocalServer, client: ChatClient) -> None:
    chatIds = filled(client, 35)

    async def whole() -> None:
        async with opened(server, chatIds[0]) as pilot:
            await until(pilot, lambda: questions(pilot) == ["Question 0"] and len(titles(pilot)) == 30)
            assert pilot.app.query_one(Sidebar).border_subtitle == "30+"
            pilot.app.query_one("#chats").focus()
            await pilot.press("end")
            await until(pilot, lambda: len(titles(pilot)) == 35)
            await pilot.press("home", "down", "enter")
            await until(pilot, lambda: questions(pilot) == ["Question 33"])
            assert isinstance(pilot.app.focused, Prompt)
            await pilot.press("ctrl+f", *"QUESTION", "space", *"34")
            await until(pilot, lambda: titles(pilot) == ["Question 34"])
            await pilot.press("enter", "down", "enter")
            await until(pilot, lambda: questions(pilot) == ["Question 34"])

    asyncio.run(whole())


def test_renaming_pinning_and_deleting(server: LocalServer, client: ChatClient) -> None:
    chatIds = filled(client, 2)

    async def whole() -> None:
        async with opened(server, chatIds[0]) as pilot:
            await until(pilot, lambda: len(titles(pilot)) == 2 and questions(pilot))
            chats = pilot.app.query_one("#chats", OptionList)
            chats.focus()
            chats.highlighted = 1
            await pilot.press("f3")
            await until(pilot, lambda: titles(pilot) == ["★ Question 0", "Question 1"])
            chats.highlighted = 0
            await pilot.press("f2")
            await until(pilot, lambda: isinstance(pilot.app.screen, TextDialog))
            await pilot.press("escape", "f2")
            await until(pilot, lambda: isinstance(pilot.app.screen, TextDialog))
            pilot.app.screen.query_one(Input).value = "First"
            await pilot.press("enter")
            await until(pilot, lambda: titles(pilot) == ["★ First", "Question 1"])
            for button in ("#no", "#yes"):
                chats.highlighted = 0
                await pilot.press("delete")
                await until(pilot, lambda: pilot.app.screen.query("#yes"))
                await pilot.click(button)
                await pilot.pause()
            await until(pilot, lambda: titles(pilot) == ["Question 1"] and not questions(pilot))

    asyncio.run(whole())
    assert [chat.chatId for chat in client.iter_chat_histories()] == [chatIds[1]]


@on_screen
async def test_there_is_nothing_to_change(pilot: Pilot[None]) -> None:
    pilot.app.query_one("#chats").focus()
    await pilot.press("f2", "f3", "delete")
    assert len(pilot.app.screen_stack) == 1


def test_the_latest_messages_are_shown_first(server: LocalServer, client: ChatClient) -> None:
    conversation = client.conversation()
    for number in range(25):
        conversation.send(f"Question {number}")

    async def whole() -> None:
        async with opened(server, conversation.chatId) as pilot:
            await until(pilot, lambda: idle(pilot) and questions(pilot))
            messages = pilot.app.query_one(Messages)
            assert questions(pilot) == [f"Question {number}" for number in range(15, 25)]
            await until(pilot, lambda: messages.scroll_y == messages.max_scroll_y > 0)
            messages.scroll_home(animate=False)
            await until(pilot, lambda: len(questions(pilot)) == 20)
            await until(pilot, lambda: 0 < messages.scroll_y < messages.max_scroll_y)  # what was in view stays
            messages.scroll_home(animate=False)
            await until(pilot, lambda: len(questions(pilot)) == 25)
            assert questions(pilot) == [f"Question {number}" for number in range(25)]
            messages.scroll_end(animate=False)
            await until(pilot, lambda: messages.scroll_y == messages.max_scroll_y)
            server.stop()
            pilot.app.open_chat("x" * 24, "")  # type: ignore[attr-defined]
            await until(pilot, lambda: pilot.app._notifications)

    asyncio.run(whole())


def test_where_there_is_room_more_messages_are_shown(
    server: LocalServer, client: ChatClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation = client.conversation()
    for number in range(3):
        conversation.send(f"Question {number}")
    monkeypatch.setattr("fastgpt_client.tui.app.RECORDS", 2)

    async def whole() -> None:
        async with opened(server, conversation.chatId) as pilot:
            await until(pilot, lambda: questions(pilot) == [f"Question {number}" for number in range(3)])

    asyncio.run(whole())


def test_searching_in_what_was_said(server: LocalServer, client: ChatClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastgpt_client.tui.sidebar.PAGE", 2)
    for text in ("Tea", "The night train to Oslo: when does it leave, and when does it arrive in Oslo?", "Milk"):
        conversation = client.conversation()
        conversation.send(text)
        conversation.rename(text[:4].strip())

    async def whole() -> None:
        async with opened(server) as pilot:
            await until(pilot, lambda: len(titles(pilot)) == 2)
            await pilot.press("ctrl+f", *"arrive")
            assert titles(pilot) == []
            await pilot.press("enter")
            await until(pilot, lambda: titles(pilot) == ["The"])
            sidebar = pilot.app.query_one(Sidebar)
            assert sidebar.border_subtitle == "1"
            await pilot.press("ctrl+f", *["backspace"] * 6)
            await until(pilot, lambda: len(titles(pilot)) == 3)
            server.stop()
            sidebar.texts.clear()
            await pilot.press(*"zzz", "enter")
            await until(pilot, lambda: pilot.app._notifications)

    asyncio.run(whole())


def test_a_search_may_be_left(server: LocalServer, client: ChatClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastgpt_client.tui.sidebar.AT_ONCE", 1)
    filled(client, 3)

    async def whole() -> None:
        async with opened(server) as pilot:
            await until(pilot, lambda: len(titles(pilot)) == 3)
            sidebar, going_on = pilot.app.query_one(Sidebar), asyncio.Event()

            async def learn(chat: ChatHistory) -> None:
                await going_on.wait()

            monkeypatch.setattr(sidebar, "_learn", learn)
            await pilot.press("ctrl+f", *"zzz", "enter")
            await until(pilot, lambda: sidebar.border_subtitle == "0 found, 3 to read")
            await pilot.press("escape")
            assert sidebar.border_subtitle == "0"
            await until(pilot, lambda: idle(pilot))

    asyncio.run(whole())


def test_a_broken_connection(server: LocalServer) -> None:
    with proxy(server.base_url) as gate:

        async def whole() -> None:
            async with AsyncChatClient(server.api_key, gate.url, max_retries=0) as client:
                async with ChatScreenApp(client).run_test() as pilot:
                    gate.cut = 1500
                    await say(pilot, "long")
                    await until(pilot, lambda: answers(pilot) == [LONG] and idle(pilot))
                    assert text_of(pilot, ".failure") == ""
                await client.close()

        asyncio.run(whole())


def test_changes_may_fail(server: LocalServer, client: ChatClient) -> None:
    [chatId] = filled(client, 1)

    async def whole() -> None:
        async with opened(server, chatId) as pilot:
            await until(pilot, lambda: questions(pilot))
            server.stop()
            chats = pilot.app.query_one("#chats", OptionList)
            chats.focus()
            chats.highlighted = 0
            for key in ("f3", "ctrl+r", "enter"):
                pilot.app._notifications.clear()
                await pilot.press(key)
                await until(pilot, lambda: pilot.app._notifications and idle(pilot))
                assert "is FastGPT running there" in next(iter(pilot.app._notifications)).message
                chats.focus()
                chats.highlighted = 0

    asyncio.run(whole())


def test_finding_conversations() -> None:
    chats = [
        ChatHistory(chatId="1", title="Tomatoes"),
        ChatHistory(chatId="2", title="x", customTitle="Potatoes", top=True),
        ChatHistory(chatId="3"),
    ]
    texts = {"3": "How do I grow a TOMATO?"}

    def found(words: str) -> list[str]:
        return [chat.chatId for chat in find_chats(chats, words, texts)]

    assert found("") == ["2", "1", "3"]
    assert found("tomato") == ["1", "3"]
    assert found("grow tomato") == ["3"]
    assert found("x") == []
    assert found("without title") == ["3"]


# The screen ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "panes"), [(60, (False, False)), (90, (True, False)), (130, (True, True))])
def test_panes_by_width(server: LocalServer, width: int, panes: tuple[bool, bool]) -> None:
    async def whole() -> None:
        async with opened(server, size=(width, 30)) as pilot:
            assert tuple(pilot.app.query_one(pane).display for pane in ("#sidebar", "#nodes")) == panes
            await pilot.press("ctrl+b", "ctrl+t")
            assert tuple(not pilot.app.query_one(pane).display for pane in ("#sidebar", "#nodes")) == panes
            assert pilot.app.query_one(Messages).display
            await pilot.resize_terminal(width, 31)
            await until(
                pilot,
                lambda: tuple(pilot.app.query_one(pane).display for pane in ("#sidebar", "#nodes")) == panes,
            )
            await pilot.press("ctrl+f")
            assert pilot.app.query_one("#sidebar").display

    asyncio.run(whole())


# The command ---------------------------------------------------------------------------------------------------------


def test_the_command(server: LocalServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    begun: list[Any] = []

    async def run_async(screen: ChatScreenApp) -> None:
        async with screen.run_test() as pilot:
            begun.append((screen.conversation.chatId, dict(screen.conversation.variables), list(screen._files)))
            await say(pilot, "Hello")
            await until(pilot, lambda: idle(pilot) and answers(pilot))

    monkeypatch.setattr(ChatScreenApp, "run_async", run_async)
    assert CliRunner().invoke(app, ["tui", "--api-key", "k"]).exit_code == 2  # no terminal
    monkeypatch.setattr(tui_command, "on_terminal", lambda: True)
    flags = ["--base-url", server.base_url, "--api-key", server.api_key]
    plan = tmp_path / "plan.txt"
    plan.write_text("Ship on Friday.")
    runner = CliRunner()
    for words in (["--var", "a=1", "-f", str(plan)], ["--last"], ["--resume", "x" * 24]):
        done = runner.invoke(app, ["tui", *words, *flags])
        assert done.exit_code == 0, done.output
    assert [each[0] for each in begun[1:]] == [begun[0][0], "x" * 24]
    assert begun[0][1:] == ({"a": 1}, [str(plan)])
    assert last.state_file().exists()
    assert runner.invoke(app, ["tui", "--last", "--resume", "x", *flags]).exit_code == 2
    assert runner.invoke(app, ["tui", "-f", str(tmp_path / "none"), *flags]).exit_code == 2
    assert runner.invoke(app, ["tui", "--var", "a", *flags]).exit_code == 2
    assert "No FastGPT server" in runner.invoke(app, ["tui"]).stderr
    assert runner.invoke(app, ["tui", "--base-url", "nonsense", "--api-key", "k"]).exit_code == 2


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("fastgpt_client.tui")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "textual", None)
    done = CliRunner().invoke(app, ["tui", "--api-key", "k"])
    assert done.exit_code == 2
    assert "install fastgpt-client[tui]" in done.stderr
    monkeypatch.delitem(sys.modules, "textual")
    monkeypatch.setitem(sys.modules, "fastgpt_client.tui.app", None)
    assert isinstance(CliRunner().invoke(app, ["tui", "--api-key", "k"]).exception, ModuleNotFoundError)
