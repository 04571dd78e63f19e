"""Many conversations at once, with cancels, stops and faults, for minutes; then: is anything left behind?

    python benchmarks/soak.py --minutes 10 --conversations 300

Prints what happened as JSON, and ends with 1 when a connection, a task, a run on the server or memory was left behind.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import gc
import json
import multiprocessing
import random
import resource
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from fastgpt_client import AsyncChatClient, AsyncConversation, FastGPTError

KEY = "fastgpt-soak-0123456789"
PAGE = {"status": 502, "body": "<html><title>502 Bad Gateway</title></html>"}
RULES = {
    "rules": [
        {"match": "long", "reply": "a word and " * 40, "piece_size": 11, "delay": 0.02},
        {"match": "cut", "reply": "one two three four", "piece_size": 4, "cut": 3},
        {"match": "model", "error": "the model is gone"},
        {"match": "frame", "reply": "one two", "piece_size": 4, "stream_error": {"message": "broken", "code": 500}},
        {"match": "proxy", "http": PAGE},
        {"match": "gateway", "reply": "after all", "gateway": 0.2},
        {
            "match": "ask",
            "interactive": {"type": "userInput", "params": {"inputForm": [{"key": "n", "type": "input"}]}},
        },
    ]
}
ENOUGH = 40  # MB that the process may grow after its first minute


def serve(pipe: Connection) -> None:
    from fastgpt_client.local import LocalServer

    with LocalServer(api_keys=[KEY], apps=["app"], script=RULES, delay=0.002) as server:
        pipe.send(server.base_url)
        pipe.recv()


async def turn(conversation: AsyncConversation, chance: random.Random) -> str:
    """One turn, as users have them; what became of it."""
    if conversation.interactive is not None:  # a turn that was left, or streamed, may have asked
        await conversation.answer({"n": "1"})
        return "answered back"
    question = chance.choice(["short", "short", "long", "long", "cut", "model", "frame", "proxy", "gateway", "ask"])
    way = chance.choice(["send", "send", "stream", "leave", "cancel", "cancel", "stop"])
    if way == "send":
        reply = await conversation.send(question)
        return "recovered" if reply.recovered else "answered"
    if way == "stream":
        async with conversation.stream(question) as response:
            async for _ in response.aiter_answer():
                pass
        return "streamed"
    if way == "leave":
        async for event in conversation.stream(question):
            if event.event == "answer" and chance.random() < 0.3:
                break
        return "left"
    task = asyncio.create_task(conversation.send(question))
    await asyncio.sleep(chance.random() * 0.3)
    if way == "stop":
        await conversation.stop()
        await task
        return "stopped"
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return "cancelled"
    return "answered before it was cancelled"


async def talk(client: AsyncChatClient, until: float, seed: int, counts: collections.Counter[str]) -> str:
    chance = random.Random(seed)
    conversation = client.conversation(recover=5)
    while time.monotonic() < until:
        if chance.random() < 0.2:
            conversation = client.conversation(version=chance.choice(["v1", "v2"]), recover=5)
        try:
            counts[await turn(conversation, chance)] += 1
        except FastGPTError as error:
            counts[type(error).__name__] += 1
    return conversation.chatId


def memory() -> float:
    """MB that this process holds now."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return next(int(line.split()[1]) / 1024 for line in status.read_text().splitlines() if line.startswith("VmRSS"))


async def soak(url: str, minutes: float, conversations: int) -> dict[str, Any]:
    counts: collections.Counter[str] = collections.Counter()
    started = time.monotonic()
    until = started + minutes * 60
    series: list[float] = []

    async def watch() -> None:
        while True:
            await asyncio.sleep(min(60.0, minutes * 60 / 10))
            gc.collect()
            series.append(round(memory(), 1))

    async with AsyncChatClient(KEY, url, app_id="app", max_retries=1, retry_delay=0.1) as client:
        watcher = asyncio.create_task(watch())
        chats = await asyncio.gather(*(talk(client, until, seed, counts) for seed in range(conversations)))
        watcher.cancel()
        await asyncio.sleep(3)
        busy = client._io.connections.busy
        states = [
            state
            for at in range(0, len(chats), 200)
            for state in (await client.get_chat_statuses(chats[at : at + 200])).data.list
        ]
        running = sum(state.chatGenerateStatus == 0 for state in states)
    gc.collect()
    tasks = len(asyncio.all_tasks()) - 1
    grown = round(series[-1] - series[0], 1) if len(series) > 1 else 0.0
    turns = sum(counts.values())
    return {
        "minutes": round((time.monotonic() - started) / 60, 2),
        "conversations": conversations,
        "turns": turns,
        "turns_per_second": round(turns / (until - started), 1),
        "outcomes": dict(counts.most_common()),
        "memory_mb": series,
        "memory_grown_mb": grown,
        "connections_left": busy,
        "tasks_left": tasks,
        "runs_left": running,
        "ok": busy == 0 and tasks == 0 and running == 0 and grown < ENOUGH,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--conversations", type=int, default=300)
    arguments = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    try:
        result = asyncio.run(soak(ours.recv(), arguments.minutes, arguments.conversations))
    finally:
        ours.send(None)
        server.join(10)
    print(json.dumps(result, indent=2))
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
