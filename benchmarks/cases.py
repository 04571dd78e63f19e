"""What is measured: every case, and how each contender does it, the way its users would.

A contender's library is imported when the contender is made, so that a process measures only what it uses.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, TypeAlias

from server import BURST_EVENTS, FRAME, PACED_EVENTS, STREAM_END

KEY = "sk-benchmark"
MESSAGES: Any = [{"role": "user", "content": "Hello!"}]
HELD_STREAMS = 500
UPLOAD_MB = 200

Costs: TypeAlias = dict[str, float]
"""Contender → cost of one unit (µs, ms, KB, MB), of one round."""

# Contenders, sync: a stream read to its end, its first event, a whole answer ------------------------------------------


class Ours:
    def __init__(self, url: str, mode: str) -> None:
        from fastgpt_client import ChatClient

        self.client = ChatClient(KEY, url, max_retries=0, headers={"x-bench": mode})
        self.close = self.client.close

    def stream(self) -> int:
        from fastgpt_client import AnswerEvent

        size = 0
        for event in self.client.create_chat_completion(MESSAGES, stream=True).events():
            if isinstance(event, AnswerEvent):
                size += len(event.text)
        return size

    def first(self) -> int:
        from fastgpt_client import AnswerEvent

        with self.client.create_chat_completion(MESSAGES, stream=True) as response:
            event = next(response.events())
            return len(event.text) if isinstance(event, AnswerEvent) else 0

    def request(self) -> int:
        return len(self.client.create_chat_completion(MESSAGES).reply().text)


class OpenAI:
    def __init__(self, url: str, mode: str) -> None:
        import openai

        headers = {"x-bench": mode}
        self.client = openai.OpenAI(api_key=KEY, base_url=f"{url}/v1", max_retries=0, default_headers=headers)
        self.close = self.client.close

    def stream(self) -> int:
        size = 0
        for chunk in self.client.chat.completions.create(messages=MESSAGES, model="bench", stream=True):
            size += len(chunk.choices[0].delta.content or "")
        return size

    def first(self) -> int:
        with self.client.chat.completions.create(messages=MESSAGES, model="bench", stream=True) as stream:
            return len(next(iter(stream)).choices[0].delta.content or "")

    def request(self) -> int:
        completion = self.client.chat.completions.create(messages=MESSAGES, model="bench")
        return len(completion.choices[0].message.content or "")


class Httpx2:
    """The HTTP library by itself, with ``json``."""

    def __init__(self, url: str, mode: str) -> None:
        import httpx2

        self.url = f"{url}/api/v1/chat/completions"
        headers = {"x-bench": mode, "authorization": f"Bearer {KEY}"}
        self.client = httpx2.Client(headers=headers, timeout=60)
        self.close = self.client.close

    def stream(self) -> int:
        size = 0
        with self.client.stream("POST", self.url, json={"messages": MESSAGES, "stream": True}) as response:
            for line in response.iter_lines():
                size += len(text_of(line))
        return size

    def first(self) -> int:
        with self.client.stream("POST", self.url, json={"messages": MESSAGES, "stream": True}) as response:
            return len(text_of(next(response.iter_lines())))

    def request(self) -> int:
        completion = self.client.post(self.url, json={"messages": MESSAGES, "stream": False}).json()
        return len(completion["choices"][0]["message"]["content"])


def text_of(line: str) -> str:
    if not line.startswith("data: ") or line == "data: [DONE]":
        return ""
    text: str = json.loads(line[6:])["choices"][0]["delta"].get("content", "")
    return text


# Contenders, async; hold() opens a stream, takes an event, and gives back what keeps it open --------------------------


class AsyncOurs:
    def __init__(self, url: str, mode: str) -> None:
        from fastgpt_client import AsyncChatClient

        self.client = AsyncChatClient(KEY, url, max_retries=0, headers={"x-bench": mode})
        self.close = self.client.close

    async def stream(self) -> int:
        from fastgpt_client import AnswerEvent

        size = 0
        async for event in (await self.client.create_chat_completion(MESSAGES, stream=True)).aevents():
            if isinstance(event, AnswerEvent):
                size += len(event.text)
        return size

    async def hold(self) -> object:
        events = (await self.client.create_chat_completion(MESSAGES, stream=True)).aevents()
        await anext(events)
        return events

    async def request(self) -> int:
        return len((await (await self.client.create_chat_completion(MESSAGES)).areply()).text)


class AsyncOpenAI:
    def __init__(self, url: str, mode: str) -> None:
        import openai

        headers = {"x-bench": mode}
        self.client = openai.AsyncOpenAI(api_key=KEY, base_url=f"{url}/v1", max_retries=0, default_headers=headers)
        self.close = self.client.close

    async def stream(self) -> int:
        size = 0
        async for chunk in await self.client.chat.completions.create(messages=MESSAGES, model="bench", stream=True):
            size += len(chunk.choices[0].delta.content or "")
        return size

    async def hold(self) -> object:
        stream = await self.client.chat.completions.create(messages=MESSAGES, model="bench", stream=True)
        await anext(stream)
        return stream

    async def request(self) -> int:
        completion = await self.client.chat.completions.create(messages=MESSAGES, model="bench")
        return len(completion.choices[0].message.content or "")


class AsyncHttpx2:
    def __init__(self, url: str, mode: str) -> None:
        import httpx2

        self.url = f"{url}/api/v1/chat/completions"
        headers = {"x-bench": mode, "authorization": f"Bearer {KEY}"}
        # Its own default is 100 connections: enough for requests, not for streams that stay open.
        limits = httpx2.Limits(max_connections=None) if mode == "hold" else httpx2.Limits(max_connections=100)
        self.client = httpx2.AsyncClient(headers=headers, timeout=60, limits=limits)
        self.close = self.client.aclose

    async def stream(self) -> int:
        size = 0
        async with self.client.stream("POST", self.url, json={"messages": MESSAGES, "stream": True}) as response:
            async for line in response.aiter_lines():
                size += len(text_of(line))
        return size

    async def hold(self) -> object:
        request = self.client.build_request("POST", self.url, json={"messages": MESSAGES, "stream": True})
        lines = (await self.client.send(request, stream=True)).aiter_lines()
        text_of(await anext(lines))
        return lines

    async def request(self) -> int:
        response = await self.client.post(self.url, json={"messages": MESSAGES, "stream": False})
        return len(response.json()["choices"][0]["message"]["content"])


SYNC: dict[str, Any] = {"ours": Ours, "openai": OpenAI, "httpx2": Httpx2}
ASYNC: dict[str, Any] = {"ours": AsyncOurs, "openai": AsyncOpenAI, "httpx2": AsyncHttpx2}

# Contenders, a large file: a form with a field `data` and the file, read from disk ------------------------------------


class Uploader:
    def __init__(self, url: str, mode: str) -> None:
        from fastgpt_client import DatasetClient

        self.client = DatasetClient(KEY, url, max_retries=0, headers={"x-bench": mode})
        self.close = self.client.close

    def upload(self, path: str) -> int:
        return self.client.create_file_collection("d", path).status_code


class Httpx2Uploader(Httpx2):
    def upload(self, path: str) -> int:
        with open(path, "rb") as file:
            files = {"file": ("large.txt", file, "text/plain")}
            return self.client.post(self.url, data={"data": '{"datasetId":"d"}'}, files=files).status_code


class AsyncUploader:
    def __init__(self, url: str, mode: str) -> None:
        from fastgpt_client import AsyncDatasetClient

        self.client = AsyncDatasetClient(KEY, url, max_retries=0, headers={"x-bench": mode})
        self.close = self.client.close

    async def upload(self, path: str) -> int:
        return (await self.client.create_file_collection("d", path)).status_code


class AsyncHttpx2Uploader(AsyncHttpx2):
    async def upload(self, path: str) -> int:
        with open(path, "rb") as file:  # noqa: ASYNC230  # as its users do it
            files = {"file": ("large.txt", file, "text/plain")}
            return (await self.client.post(self.url, data={"data": '{"datasetId":"d"}'}, files=files)).status_code


UPLOADERS: dict[str, Any] = {"ours": Uploader, "httpx2": Httpx2Uploader}
ASYNC_UPLOADERS: dict[str, Any] = {"ours": AsyncUploader, "httpx2": AsyncHttpx2Uploader}

# CPU per unit, contenders in turn -------------------------------------------------------------------------------------

Work: TypeAlias = Callable[[], int]
"""Does something several times, and gives back something to compare: contenders must have read the same."""


def in_turn(works: dict[str, Work], units: int, unit_seconds: float, rounds: int) -> Iterator[Costs]:
    """CPU time of this process per unit, every contender once a round, each time in another order."""
    results = {name: work() for name, work in works.items()}  # warms up
    assert len(set(results.values())) == 1, f"not the same work: {results}"
    order = list(works)
    for _ in range(rounds):
        costs: Costs = {}
        for name in order:
            gc.collect()
            started = time.process_time()
            works[name]()
            costs[name] = (time.process_time() - started) / units / unit_seconds
        order.append(order.pop(0))
        yield costs


def times(call: Work, count: int) -> Work:
    return lambda: sum(call() for _ in range(count))


def sync_case(mode: str, method: str, calls: int, units: int, url: str, rounds: int) -> Iterator[Costs]:
    with ExitStack() as stack:
        works: dict[str, Work] = {}
        for name, kind in SYNC.items():
            contender = kind(url, mode)
            stack.callback(contender.close)
            works[name] = times(getattr(contender, method), calls)
        yield from in_turn(works, units, 1e-6, rounds)


@contextmanager
def in_loop(kind: Any, url: str, mode: str) -> Iterator[tuple[asyncio.Runner, Any]]:
    """A contender with an event loop of its own, which waits between two rounds."""
    with asyncio.Runner() as runner:

        async def make() -> Any:
            return kind(url, mode)

        contender = runner.run(make())
        yield runner, contender
        runner.run(contender.close())


def run_once(runner: asyncio.Runner, call: Callable[[], Coroutine[Any, Any, int]]) -> int:
    return runner.run(call())


def async_stream_case(mode: str, units: int, url: str, rounds: int) -> Iterator[Costs]:
    with ExitStack() as stack:
        works: dict[str, Work] = {}
        for name, kind in ASYNC.items():
            runner, contender = stack.enter_context(in_loop(kind, url, mode))
            works[name] = partial(run_once, runner, contender.stream)
        yield from in_turn(works, units, 1e-6, rounds)


def async_request_case(url: str, rounds: int) -> Iterator[Costs]:
    """Every contender with 50 requests at once, ours and httpx2 also with 500."""
    count = 1000
    with ExitStack() as stack:
        works: dict[str, Work] = {}
        for name, width in {"ours": 50, "openai": 50, "httpx2": 50, "ours at 500": 500, "httpx2 at 500": 500}.items():
            runner, contender = stack.enter_context(in_loop(ASYNC[name.split()[0]], url, "request"))
            works[name] = partial(run_once, runner, partial(at_once, contender.request, count, width))
        yield from in_turn(works, count, 1e-6, rounds)


async def at_once(call: Callable[[], Coroutine[Any, Any, int]], count: int, width: int) -> int:
    """``count`` calls, ``width`` of them at a time."""
    todo = iter(range(count))

    async def worker() -> int:
        return sum([await call() for _ in todo])

    return sum(await asyncio.gather(*(worker() for _ in range(width))))


@contextmanager
def large_file() -> Iterator[str]:
    with tempfile.NamedTemporaryFile(suffix=".txt") as file:
        for _ in range(UPLOAD_MB):
            file.write(os.urandom(1024) * 1024)
        file.flush()
        yield file.name


def upload_case(url: str, rounds: int) -> Iterator[Costs]:
    with large_file() as path, ExitStack() as stack:
        works: dict[str, Work] = {}
        for name, kind in UPLOADERS.items():
            contender = kind(url, "upload")
            stack.callback(contender.close)
            works[name] = partial(contender.upload, path)
        yield from in_turn(works, UPLOAD_MB, 1e-3, rounds)


def async_upload_case(url: str, rounds: int) -> Iterator[Costs]:
    with large_file() as path, ExitStack() as stack:
        works: dict[str, Work] = {}
        for name, kind in ASYNC_UPLOADERS.items():
            runner, contender = stack.enter_context(in_loop(kind, url, "upload"))
            works[name] = partial(run_once, runner, partial(contender.upload, path))
        yield from in_turn(works, UPLOAD_MB, 1e-3, rounds)


def upload_memory_case(url: str, rounds: int) -> Iterator[Costs]:
    """MB that a process grows by at most while it sends the file."""
    with large_file() as path:
        for _ in range(min(rounds, 5)):
            costs: Costs = {}
            for name in ("ours", "ours async", "httpx2"):
                command = [sys.executable, __file__, "upload", name, url, path]
                costs[name] = float(subprocess.check_output(command, text=True)) / 1024
            yield costs


def memory_of_upload(name: str, url: str, path: str) -> None:
    """Print how many KB this process grows by at most for an upload, after a small one."""
    kinds, runner = (UPLOADERS, None) if name in UPLOADERS else (ASYNC_UPLOADERS, asyncio.Runner())
    contender = kinds[name.split()[0]](url, "upload")

    def upload(path: str) -> None:
        if runner is None:
            contender.upload(path)
        else:
            runner.run(contender.upload(path))

    upload(__file__)
    gc.collect()
    if sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = peak()
    upload(path)
    print(peak() - before, flush=True)
    os._exit(0)


def peak() -> float:
    """The most resident memory that this process had, in KB."""
    if sys.platform == "linux":  # what getrusage says there may be the peak of the parent
        status = Path("/proc/self/status").read_text()
        return float(status.partition("VmHWM:")[2].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def decode_case(url: str, rounds: int) -> Iterator[Costs]:
    """The bytes of a stream in memory, one event a piece: no HTTP, no sockets."""
    from httpx2._decoders import LineDecoder

    from fastgpt_client import AnswerEvent
    from fastgpt_client._response import EventStream

    count = 20_000
    pieces = [FRAME] * count + [STREAM_END]

    def ours() -> int:
        size = 0
        stream = EventStream("")
        for piece in pieces:
            for event in stream.feed(piece):
                if isinstance(event, AnswerEvent):
                    size += len(event.text)
        return size

    def lines_and_json() -> int:
        size = 0
        lines = LineDecoder()
        for piece in pieces:
            for line in lines.decode(piece.decode()):
                size += len(text_of(line))
        return size

    yield from in_turn({"ours": ours, "httpx2": lines_and_json}, count, 1e-6, rounds)


# A process for every measurement --------------------------------------------------------------------------------------

IMPORTS = {
    "python": "pass",
    "ours": "import fastgpt_client",
    "openai": "import openai",
    "httpx2": "import httpx2",
}
RESPONSES = {
    "python": "pass",
    "ours": """
from fastgpt_client import ChatClient
with ChatClient({key!r}, {url!r}, max_retries=0, headers={{"x-bench": "request"}}) as client:
    print(client.create_chat_completion({messages!r}).reply().text)
""",
    "openai": """
import openai
with openai.OpenAI(api_key={key!r}, base_url={url!r} + "/v1", default_headers={{"x-bench": "request"}}) as client:
    completion = client.chat.completions.create(messages={messages!r}, model="bench")
    print(completion.choices[0].message.content)
""",
    "httpx2": """
import httpx2
with httpx2.Client(headers={{"x-bench": "request"}}) as client:
    response = client.post({url!r} + "/api/v1/chat/completions", json=dict(messages={messages!r}))
    print(response.json()["choices"][0]["message"]["content"])
""",
}


def cpu_of(code: str) -> float:
    """CPU milliseconds of a fresh interpreter that runs ``code``."""
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL, env=child_environment())
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, code
    return (usage.ru_utime + usage.ru_stime) * 1000


def child_environment() -> dict[str, str]:
    """Where every contender is compiled once: in ``.bench``, whatever pip or the caller's settings did."""
    compiled = Path(sys.prefix).with_name("pycache")
    return {**os.environ, "PYTHONPYCACHEPREFIX": str(compiled), "PYTHONDONTWRITEBYTECODE": ""}


def process_case(scripts: dict[str, str], url: str, rounds: int) -> Iterator[Costs]:
    """What a script takes beyond an interpreter that does nothing."""
    codes = {name: script.format(key=KEY, url=url, messages=MESSAGES) for name, script in scripts.items()}
    for code in codes.values():
        cpu_of(code)  # writes the .pyc files
    for _ in range(rounds):
        costs = {name: cpu_of(code) for name, code in codes.items()}
        bare = costs.pop("python")
        yield {name: cost - bare for name, cost in costs.items()}


def held_case(url: str, rounds: int) -> Iterator[Costs]:
    for _ in range(min(rounds, 5)):
        yield {name: float(subprocess.check_output([sys.executable, __file__, name, url], text=True)) for name in ASYNC}


async def memory_per_stream(name: str, url: str) -> None:
    """Print how many KB this process grows by for every stream that it holds open, and end."""
    contender = ASYNC[name](url, "hold")
    held: list[object] = [await contender.hold()]
    gc.collect()
    before = resident()
    held += await asyncio.gather(*(contender.hold() for _ in range(HELD_STREAMS)))
    gc.collect()
    print((resident() - before) / HELD_STREAMS, flush=True)
    os._exit(0)  # without closing 500 streams


def resident() -> float:
    """Resident memory of this process in KB."""
    if sys.platform == "linux":
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024 if sys.platform == "darwin" else peak


# Disk -----------------------------------------------------------------------------------------------------------------


def size_case(url: str, rounds: int) -> Iterator[Costs]:
    """MB that a plain ``pip install`` brings, with all it pulls, without what Python compiles."""
    import fastgpt_client

    package = sum(size(path) for path in Path(fastgpt_client.__file__).parent.rglob("*"))
    yield {
        "ours": (package + installed_size("fastgpt-client")) / 1e6,
        "openai": installed_size("openai") / 1e6,
        "httpx2": installed_size("httpx2") / 1e6,
    }


def installed_size(name: str) -> int:
    found: dict[str, Distribution] = {}
    todo = [name]
    while todo:
        try:
            each = distribution(todo.pop())
        except PackageNotFoundError:  # a requirement of another platform or Python
            continue
        if each.name not in found:
            found[each.name] = each
            plain = [text for text in each.requires or [] if "extra ==" not in text]
            todo += [re.split(r"[^\w.-]", text, maxsplit=1)[0] for text in plain]
    return sum(size(Path(str(file.locate()))) for each in found.values() for file in each.files or [])


def size(path: Path) -> int:
    return path.stat().st_size if path.is_file() and path.suffix != ".pyc" else 0


# All together ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    title: str
    unit: str
    run: Callable[[str, int], Iterator[Costs]]
    """Given the server's address and a number of rounds, the costs of each round."""


def _stream(mode: str, units: int) -> Callable[[str, int], Iterator[Costs]]:
    return lambda url, rounds: sync_case(mode, "stream", 1, units, url, rounds)


def _astream(mode: str, units: int) -> Callable[[str, int], Iterator[Costs]]:
    return lambda url, rounds: async_stream_case(mode, units, url, rounds)


CASES = {
    "burst": Case("sync burst", "µs per event", _stream("burst", BURST_EVENTS)),
    "burst-async": Case("async burst", "µs per event", _astream("burst", BURST_EVENTS)),
    "paced": Case("sync paced", "µs per event", _stream("paced", PACED_EVENTS)),
    "paced-async": Case("async paced", "µs per event", _astream("paced", PACED_EVENTS)),
    "request": Case("sync request", "µs", lambda url, rounds: sync_case("request", "request", 200, 200, url, rounds)),
    "request-async": Case("async request, 50 at once", "µs", async_request_case),
    "first": Case("stream of one event", "µs", lambda url, rounds: sync_case("short", "stream", 200, 200, url, rounds)),
    "first-closed": Case(
        "first event, then close", "µs", lambda url, rounds: sync_case("hold", "first", 100, 100, url, rounds)
    ),
    "held": Case("open stream, 500 at once", "KB", held_case),
    "import": Case("import", "ms", lambda url, rounds: process_case(IMPORTS, url, rounds)),
    "response": Case("import + first response", "ms", lambda url, rounds: process_case(RESPONSES, url, rounds)),
    "decode": Case("decode in memory", "µs per event", decode_case),
    "size": Case("installed", "MB", size_case),
    "upload": Case("sync upload of 200 MB", "ms per MB", upload_case),
    "upload-async": Case("async upload of 200 MB", "ms per MB", async_upload_case),
    "upload-memory": Case("growth during an upload of 200 MB", "MB", upload_memory_case),
}

if __name__ == "__main__":
    if sys.argv[1] == "upload":
        memory_of_upload(*sys.argv[2:])
    asyncio.run(memory_per_stream(sys.argv[1], sys.argv[2]))
