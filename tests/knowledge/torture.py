"""Kills runs and servers at random moments, and looks whether the knowledge base ends as the folder is.

Used by the tests with a few rounds; as a script with many:

    python -m tests.knowledge.torture --kills 200 --server-kills 50 --files 300
    python -m tests.knowledge.torture --large --files 2000
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import logging
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from fastgpt_client import AsyncDatasetClient, FastGPTError
from fastgpt_client.knowledge import ensure_base, export_base, find_base, import_base, wait_trained
from fastgpt_client.knowledge.rows import has_rows, read_rows
from fastgpt_client.knowledge.scan import KINDS, iter_paths

KEY = "fastgpt-torture-0123456789"
_NAMES = ("plan", "说明", "手册 第一章", "it's", "a%20b", "émile", "😀 emoji", "x" * 200, "[q] (1)", "a_b")
_READS = ("/list", "/listV2", "/detail", "/scroll", "/getQuoteData", "/trainingDetail", "/getDatasetTrainingQueue")
_ONCE = """
import logging, sys
logging.basicConfig(level=logging.INFO, format="%(message)s")
from fastgpt_client.knowledge import KnowledgeBase
folder, base, url, key, verb = sys.argv[1:]
kb = KnowledgeBase(base, key, url, create=True)
report = kb.sync(folder) if verb == "sync" else kb.push(folder)
print(report, report.failures)
sys.exit(not report.ok)
"""


class ServerProcess:
    """A local server that can be killed and started again, with the same knowledge bases."""

    def __init__(self, db: Path, training_delay: float = 0.01) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.base_url = f"http://127.0.0.1:{self.port}"
        self._db, self._delay = db, training_delay
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        code = (
            "import sys\nfrom fastgpt_client.local import LocalServer\n"
            "with LocalServer(api_keys=[sys.argv[1]], port=int(sys.argv[2]), db=sys.argv[3],"
            " training_delay=float(sys.argv[4])):\n    print('ready', flush=True); sys.stdin.read()\n"
        )
        command = [sys.executable, "-c", code, KEY, str(self.port), str(self._db), str(self._delay)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"

    def kill(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()


def make_folder(rng: random.Random, folder: Path, count: int) -> None:
    """A nested folder of texts and tables with all kinds of names."""
    places = [folder]
    for number in range(max(count // 20, 3)):
        place = rng.choice(places) / f"{rng.choice(_NAMES)[:60]} {number}"
        if len(str(place.relative_to(folder)).encode()) < 600:
            place.mkdir(parents=True)
            places.append(place)
    for number in range(count):
        write_file(rng, rng.choice(places) / f"{rng.choice(_NAMES)} {number}.md")
    write_table(rng, folder / "questions.csv", 900)
    write_table(rng, places[-1] / "more.jsonl", 450)


def write_file(rng: random.Random, path: Path) -> None:
    path.write_text(f"{path.name} {rng.random()} 内容")


def write_table(rng: random.Random, path: Path, count: int) -> None:
    mark = rng.random()
    rows = [{"q": f"question {number} of {mark}", "a": f"answer {number}"} for number in range(count)]
    if path.suffix == ".csv":
        path.write_text("q,a\n" + "".join(f"{row['q']},{row['a']}\n" for row in rows))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def change_folder(rng: random.Random, folder: Path) -> None:
    """Edit, delete, rename, move and add some files."""
    files = [folder / path for path in iter_paths(folder)]
    folders = [folder, *(path for path in folder.rglob("*") if path.is_dir() and ".fastgpt-kb" not in path.parts)]
    for number, path in enumerate(rng.sample(files, min(12, len(files)))):
        what = rng.choice(["edit", "edit", "delete", "rename", "move", "add", "copy"])
        if path.suffix in (".csv", ".jsonl") and what != "edit":
            continue
        fresh = rng.choice(folders) / f"{rng.choice(_NAMES)} {rng.randrange(10**9)}{path.suffix}"
        match what:
            case "edit":
                write_table(rng, path, rng.randrange(1, 900)) if path.suffix != ".md" else write_file(rng, path)
            case "delete":
                path.unlink()
            case "rename":
                path.rename(path.with_name(f"renamed {number} {rng.randrange(10**9)}.md"))
            case "move":
                path.rename(fresh)
            case "copy":
                shutil.copy(path, fresh)
            case _:
                write_file(rng, fresh)


def wanted(folder: Path) -> dict[str, list[str]]:
    """What the knowledge base must have: the texts of each path."""
    found: dict[str, list[str]] = {}
    for path in iter_paths(folder):
        file = folder / path
        if file.suffix not in KINDS or not file.stat().st_size:
            continue
        found[path] = [row.q or "" for row in read_rows(file)] if has_rows(file) else [file.read_text()]
    return found


async def there(base_url: str, base: str) -> dict[str, list[str]]:
    """What the knowledge base has, when it is trained. Two collections of one path fail."""
    found: dict[str, list[str]] = {}
    async with AsyncDatasetClient(KEY, base_url, max_retries=5) as client:
        [dataset] = [each for each in (await client.list_datasets()).data if each.name == base]
        report = await wait_trained(client, dataset.id, timeout=600)
        assert report.state == "trained", report
        waiting: list[tuple[str, str | None]] = [("", None)]
        while waiting:
            inside, parent = waiting.pop()
            names: set[str] = set()
            async for row in client.iter_collections(dataset.id, parent):
                assert row.name not in names, f"{inside}{row.name} is there twice"
                names.add(row.name)
                if row.type == "folder":
                    waiting.append((f"{inside}{row.name}/", row.id))
                    continue
                found[inside + row.name] = [each.q or "" async for each in client.iter_data(row.id)]
    return found


def check(base_url: str, base: str, folder: Path) -> None:
    """The knowledge base is what the folder is, exactly."""
    have, want = asyncio.run(there(base_url, base)), wanted(folder)
    assert have.keys() == want.keys(), (sorted(have.keys() - want.keys()), sorted(want.keys() - have.keys()))
    for path, texts in want.items():
        if len(texts[0]) > 1_000_000:  # it is cut into many chunks
            assert "".join("".join(have[path]).split()) == "".join(texts[0].split()), path
            continue
        assert have[path] == texts, (path, len(have[path]), len(texts), have[path][:3], texts[:3])


def start_run(folder: Path, base: str, base_url: str, verb: str = "sync") -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", _ONCE, str(folder), base, base_url, KEY, verb]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=_environment())


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}


def finish_run(folder: Path, base: str, base_url: str, *, idle: bool = False) -> float:
    """Run to the end; how long it took. A run that is to be ``idle`` sends nothing that writes."""
    begun = time.monotonic()
    run = start_run(folder, base, base_url)
    _, error = run.communicate(timeout=300)
    assert run.returncode == 0, error.decode()[-3000:]
    assert not (idle and writes(error.decode())), writes(error.decode())
    return time.monotonic() - begun


def writes(log: str) -> list[str]:
    """The requests in this log that are no reads."""
    return [
        f"{method} {path}"
        for method, path in re.findall(r"(GET|POST|PUT|DELETE) (/api/\S+) → ", log)
        if method != "GET" and not path.endswith(_READS)
    ]


def move(base: str, base_url: str, other_url: str, file: Path) -> list[str]:
    """Export a knowledge base, unless that is done, and import it into another server; what was written there."""
    fresh, logged = not file.exists(), io.StringIO()
    handler, logger = logging.StreamHandler(logged), logging.getLogger("fastgpt_client")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)

    async def both() -> None:
        if fresh:
            async with AsyncDatasetClient(KEY, base_url) as client:
                await export_base(client, (await find_base(client, base)).id, file)
            logged.truncate(0)
        async with AsyncDatasetClient(KEY, other_url) as client:
            report = await import_base(client, (await ensure_base(client, base)).id, file)
            assert not report.differences, report

    try:
        asyncio.run(both())
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    return writes(logged.getvalue())


def torture(
    place: Path, *, kills: int = 0, server_kills: int = 0, files: int = 100, seed: int = 0, loud: bool = False
) -> dict[str, Any]:
    """Kill runs, or the server under them, at random moments; check each time when a run has come to its end."""
    rng = random.Random(seed)
    folder = place / "docs"
    folder.mkdir(parents=True)
    make_folder(rng, folder, files)
    server = ServerProcess(place / "server.db")
    base, figures = "Tortured", {"kills": 0, "server kills": 0, "checks": 0, "not in time": 0}
    with suppress(FastGPTError):
        asyncio.run(_make(server.base_url, base))
    try:
        left = ["run"] * kills + ["server"] * server_kills
        rng.shuffle(left)
        longest = 2.5
        while left:
            for what in left[: rng.randrange(1, 4)]:  # some in a row, before a run may come to its end
                run = start_run(folder, base, server.base_url, rng.choice(["sync", "sync", "push"]))
                time.sleep(rng.uniform(0.15, longest))
                if run.poll() is not None:  # too late
                    figures["not in time"] += 1
                    change_folder(rng, folder)
                elif what == "run":
                    run.send_signal(signal.SIGKILL)
                    figures["kills"] += 1
                    left.remove(what)
                else:
                    server.kill()
                    figures["server kills"] += 1
                    left.remove(what)
                    time.sleep(rng.uniform(0, 0.5))
                    server.start()
                run.communicate(timeout=300)
                if rng.random() < 0.3:
                    change_folder(rng, folder)
            took = finish_run(folder, base, server.base_url)
            longest = max(0.4, min(longest, took * 1.2))
            check(server.base_url, base, folder)
            figures["checks"] += 1
            if loud:
                print(figures, f"last run {took:.1f} s", flush=True)
            change_folder(rng, folder)
            if rng.random() < 0.2:  # begin anew: all must come again
                base = f"Tortured {rng.randrange(10**9)}"
                asyncio.run(_make(server.base_url, base))
                longest = 2.5
    finally:
        server.kill()
    return figures


def large(place: Path, files: int, seed: int = 0) -> None:
    """Many files, one of them of 50 MB: put in, changed several times, followed. Nothing is killed."""
    rng = random.Random(seed)
    folder = place / "docs"
    folder.mkdir(parents=True)
    make_folder(rng, folder, files)
    line = "Fifty megabytes of text that nobody will read, line by line. "
    (folder / "large.txt").write_text("".join(f"{line}{number}\n\n" for number in range(50_000_000 // len(line))))
    (folder / "empty.md").touch()
    server, other = ServerProcess(place / "server.db"), ServerProcess(place / "other.db")
    asyncio.run(_make(server.base_url, "Large"))
    try:
        for number in range(4):
            print(
                f"{'followed' if number else 'put in'}: {finish_run(folder, 'Large', server.base_url):.1f} s",
                flush=True,
            )
            check(server.base_url, "Large", folder)
            print(f"again: {finish_run(folder, 'Large', server.base_url, idle=True):.1f} s, no write", flush=True)
            if number < 3:
                for _ in range(files // 100):
                    change_folder(rng, folder)
        begun = time.monotonic()
        assert move("Large", server.base_url, other.base_url, place / "large.jsonl")
        check(other.base_url, "Large", folder)
        print(f"moved to another server: {time.monotonic() - begun:.1f} s", flush=True)
        begun = time.monotonic()
        assert not move("Large", server.base_url, other.base_url, place / "large.jsonl")
        check(other.base_url, "Large", folder)
        print(f"again: {time.monotonic() - begun:.1f} s, no write", flush=True)
    finally:
        server.kill()
        other.kill()


async def _make(base_url: str, base: str) -> None:
    async with AsyncDatasetClient(KEY, base_url, max_retries=0) as client:
        await client.create_dataset(base)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--server-kills", type=int, default=50)
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--large", action="store_true", help="Kill nothing: many files, and one of 50 MB.")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    place = Path(tempfile.mkdtemp())
    try:
        if options.large:
            large(place, options.files, options.seed)
            return
        begun = time.monotonic()
        figures = torture(
            place,
            kills=options.kills,
            server_kills=options.server_kills,
            files=options.files,
            seed=options.seed,
            loud=True,
        )
        print(f"{figures} in {time.monotonic() - begun:.0f} s: nothing lost, nothing twice")
    finally:
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
