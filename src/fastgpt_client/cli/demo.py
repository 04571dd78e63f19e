"""``fastgpt-client demo``: the SDK at work on a local server, printed for people."""

from __future__ import annotations

import asyncio
import datetime
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from ..clients import AsyncFastGPTClient, FastGPTClient
from ..knowledge import KnowledgeBase
from ..local import LocalServer

out: Console = Console(highlight=False)


def run_demo() -> int:
    with LocalServer(apps=["demo-app", "order:form"], delay=0.02) as server:
        out.print(
            Panel(
                f"A FastGPT-compatible server runs on {server.base_url}.\n"
                "It has no model: a small responder answers. All that follows goes over real HTTP.",
                title="fastgpt-client demo",
                border_style="cyan",
            )
        )
        with FastGPTClient(server.api_key, server.base_url, app_id="demo-app") as client:
            _plain(client)
            _remembered_and_streamed(client)
            _form(client)
        asyncio.run(_several_at_once(server.api_key, server.base_url))
        with FastGPTClient(server.api_key, server.base_url, app_id="demo-app") as client:
            _chart(client)
        _folder(server.api_key, server.base_url)
    out.print("\n[green]Done.[/green] The server is stopped. Start your own with [bold]fastgpt-client serve[/bold].")
    return 0


def _step(number: int, title: str, code: str) -> None:
    out.print(f"\n[bold cyan]{number}. {title}[/bold cyan]")
    out.print(f"   [dim]{code}[/dim]", markup=True)


def _you(text: str) -> None:
    out.print(f"   [yellow]You[/yellow] {text}")


def _plain(client: FastGPTClient) -> None:
    _step(1, "A question and its answer", "client.chat.create_chat_completion(messages).reply()")
    _you("Hello! Who are you?")
    reply = client.chat.create_chat_completion([{"role": "user", "content": "Hello! Who are you?"}]).reply()
    out.print(f"   [green]AI[/green]  {reply.text}")


def _remembered_and_streamed(client: FastGPTClient) -> None:
    _step(2, "A conversation that streams, and remembers", "conversation.stream(text).iter_answer()")
    conversation = client.chat.conversation()
    for text in ("My name is Ann and I grow tomatoes.", "What is my name?"):
        _you(text)
        out.print("   [green]AI[/green]  ", end="")
        with conversation.stream(text) as response:
            for piece in response.iter_answer():
                out.print(piece, end="", soft_wrap=True)
        out.print()
    nodes = ", ".join(f"{node.moduleName} {node.runningTime or 0:.2f} s" for node in response.reply().nodes)
    out.print(f"   [dim]chatId {conversation.chatId} · nodes: {nodes}[/dim]", markup=True)


def _form(client: FastGPTClient) -> None:
    _step(3, "An app that asks back", 'conversation.answer({"name": "Ann", "age": 41})')
    conversation = client.chat.conversation(appId="order")
    _you("I want to order")
    asked = conversation.send("I want to order").interactive
    assert asked is not None
    fields = ", ".join(f"{field.key}{'' if field.required else ' (optional)'}" for field in asked.fields)
    out.print(f"   [magenta]Form[/magenta] {asked.description}: {fields}")
    _you('{"name": "Ann", "age": 41}')
    out.print(f"   [green]AI[/green]  {conversation.answer({'name': 'Ann', 'age': 41}).text}")


async def _several_at_once(api_key: str, base_url: str) -> None:
    _step(4, "Twenty questions at once", "await asyncio.gather(*calls)")
    async with AsyncFastGPTClient(api_key, base_url, app_id="demo-app") as client:
        questions = [f"What is {number} times {number}?" for number in range(1, 21)]
        started = time.perf_counter()
        responses = await asyncio.gather(
            *(client.chat.create_chat_completion([{"role": "user", "content": text}]) for text in questions)
        )
        seconds = time.perf_counter() - started
    took = sum(response.elapsed.total_seconds() for response in responses)
    out.print(f"   {len(responses)} answers in {seconds:.2f} s; one after the other they would have taken {took:.2f} s")


def _chart(client: FastGPTClient) -> None:
    _step(5, "What the logs say", "client.apps.get_app_logs_chart(appId, dateStart, dateEnd)")
    today = datetime.datetime.now(datetime.UTC).date()
    chart = client.apps.get_app_logs_chart("demo-app", today - datetime.timedelta(days=6), today).data
    days = {point.timestamp: point.summary for point in chart.chatData if point.summary}
    table = Table(box=None, show_header=True, pad_edge=False)
    for title in ("   day", "chats", "messages", ""):
        table.add_column(title, justify="right" if title in ("chats", "messages") else "left")
    most = max((summary.chatCount for summary in days.values()), default=1)
    for timestamp, summary in days.items():
        day = datetime.datetime.fromtimestamp(timestamp / 1000, datetime.UTC).date().isoformat()
        bar = "[cyan]" + "█" * max(round(30 * summary.chatCount / most), 1) + "[/cyan]"
        table.add_row(f"   {day}", str(summary.chatCount), str(summary.chatItemCount), bar)
    out.print(table)


def _folder(api_key: str, base_url: str) -> None:
    _step(6, "A folder becomes a knowledge base, and stays in step with it", 'KnowledgeBase("Handbook").sync("docs")')
    base = KnowledgeBase("Handbook", api_key, base_url, create=True)
    with TemporaryDirectory() as folder:
        docs = Path(folder)
        (docs / "holidays.md").write_text("# Holidays\n\nEverybody has 30 days off a year.", "utf-8")
        (docs / "travel.md").write_text("# Travel\n\nTrains are paid, first class is not.", "utf-8")
        (docs / "假期.md").write_text("# 假期\n\n员工每年有三十天年假。", "utf-8")
        out.print(f"   first   {base.sync(docs).plan}")
        (docs / "travel.md").write_text("# Travel\n\nTrains are paid, first class too.", "utf-8")
        out.print(f"   changed {base.sync(docs).plan}")
        out.print(f"   again   {base.sync(docs).plan}")
    for question in ("How many days off do I have?", "年假有几天"):
        _you(question)
        for found in base.search(question, top=1):
            out.print(f"   [green]KB[/green]  {found.sourceName}: {found.q.splitlines()[-1]}")
