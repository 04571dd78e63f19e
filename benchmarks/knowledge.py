"""Folders and tables into a knowledge base: time, memory and requests, and the same without this SDK's help.

    python benchmarks/knowledge.py naive              # 300 files and 3 000 rows, one call after the other, against push
    python benchmarks/knowledge.py files 100000       # so many small files: push, a second run, a sync after changes
    python benchmarks/knowledge.py rows 1000000       # so many questions in one table
    python benchmarks/knowledge.py moving 1000000     # so many chunks in one collection: import, export
    python benchmarks/knowledge.py spread 1000000     # the same in a thousand collections

The server is the local one, in a process of its own: what is measured is the client's part of it.
"""

from __future__ import annotations

import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from fastgpt_client import DatasetClient
from fastgpt_client.knowledge import (
    ImportReport,
    KnowledgeBase,
    SyncReport,
    ensure_base,
    export_base,
    import_base,
    run_blocking,
)

KEY = "fastgpt-benchmark-0123456789"
_SERVER = """
import sys
from fastgpt_client.local import LocalServer
with LocalServer(api_keys=[sys.argv[1]], db=sys.argv[2], training_delay=0.05) as server:
    print(server.base_url, flush=True)
    sys.stdin.read()
"""


def memory() -> int:
    """The most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def processor() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measured(what: str, work: Callable[[], Any]) -> Any:
    requests = Requests()
    before, begun = processor(), time.monotonic()
    with requests:
        report = work()
    figures = {
        "what": what,
        "seconds": round(time.monotonic() - begun, 1),
        "cpu": round(processor() - before, 1),
        "memory MB": memory(),
        "requests": requests.count,
        "report": str(report)[:200],
    }
    print(json.dumps(figures, ensure_ascii=False), flush=True)
    return report


def kept(what: str, base_url: str, folder: Path, verb: str) -> None:
    base = KnowledgeBase("Bench", KEY, base_url, create=True)
    report: SyncReport = measured(what, lambda: base.push(folder) if verb == "push" else base.sync(folder))
    assert report.ok, report.failures[:5]


class Requests:
    """Counts what the logger of the SDK tells."""

    def __enter__(self) -> Requests:
        import logging

        self.count = 0
        self._logger = logging.getLogger("fastgpt_client")
        self._logger.setLevel(logging.INFO)
        self._logger.propagate = False
        self._handler = logging.Handler()
        self._handler.emit = self._seen  # type: ignore[method-assign]
        self._logger.addHandler(self._handler)
        return self

    def _seen(self, record: object) -> None:
        self.count += 1

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self._handler)


def files(base_url: str, place: Path, count: int) -> None:
    for number in range(count):
        path = place / f"{number // 5000}" / f"{number % 5000 // 100}" / f"{number}.md"
        if number % 100 == 0:
            path.parent.mkdir(parents=True)
        path.write_text(f"text {number}")
    print(f"start: {memory()} MB", flush=True)
    kept(f"push {count} files", base_url, place, "push")
    kept("again", base_url, place, "sync")
    for number in range(0, count, 1000):
        path = place / f"{number // 5000}" / f"{number % 5000 // 100}"
        (path / f"{number}.md").write_text(f"changed {number}")
        (path / f"{number + 1}.md").unlink()
        (path / f"{number + 2}.md").rename(path / f"moved {number}.md")
    kept("sync after changes", base_url, place, "sync")


def rows(base_url: str, place: Path, count: int) -> None:
    with (place / "questions.csv").open("w") as file:
        file.write("q,a\n")
        for number in range(count):
            file.write(f"What is the number after {number}?,It is {number + 1}.\n")
    print(f"start: {memory()} MB", flush=True)
    kept(f"push {count} rows", base_url, place, "push")
    kept("again", base_url, place, "sync")


def moving(base_url: str, place: Path, count: int, collections: int = 1) -> None:
    file = place / "in.jsonl"
    with file.open("w") as out:
        each = count // collections
        for number in range(collections):
            out.write(json.dumps({"path": f"{number:06}", "name": f"{number:06}", "type": "virtual", "tags": []})[:-1])
            out.write(', "chunks": [')
            for at in range(number * each, number * each + each):
                chunk = {"q": f"What is the number after {at}?", "a": f"It is {at + 1}.", "indexes": []}
                out.write(("," if at % each else "") + json.dumps(chunk))
            out.write("]}\n")
    print(f"{file.stat().st_size // 1_000_000} MB; start: {memory()} MB", flush=True)
    base = run_blocking(lambda client: ensure_base(client, "Moved"), KEY, base_url)
    put = partial(run_blocking, lambda client: import_base(client, base.id, file), KEY, base_url)
    report: ImportReport = measured(f"import {count} chunks in {collections} collections", put)
    assert report.chunks == count
    assert not report.differences
    measured("again", put)
    back = place / "out.jsonl"
    quick = partial(run_blocking, lambda client: export_base(client, base.id, back, indexes=False), KEY, base_url)
    measured("export without indexes", quick)
    seen = hashlib.file_digest(back.open("rb"), "md5").digest()
    measured("export", partial(run_blocking, lambda client: export_base(client, base.id, back), KEY, base_url))
    assert hashlib.file_digest(back.open("rb"), "md5").digest() == seen


def spread(base_url: str, place: Path, count: int) -> None:
    moving(base_url, place, count, 1000)


def naive(base_url: str, place: Path, count: int) -> None:
    """What scripts do: one file after the other, one row a call."""
    for number in range(count):
        (place / f"{number}.md").write_text(f"text {number}")
    table = [(f"What is the number after {number}?", f"It is {number + 1}.") for number in range(count * 10)]
    with DatasetClient(KEY, base_url) as client:
        datasetId = client.create_dataset("Naive").data
        begun = time.monotonic()
        for path in sorted(place.iterdir()):
            client.create_file_collection(datasetId, path)
        slow_files = time.monotonic() - begun
        collectionId = client.create_collection(datasetId, "questions").data
        begun = time.monotonic()
        for q, a in table:
            client.push_data(collectionId, [{"q": q, "a": a}])
        slow_rows = time.monotonic() - begun
    begun = time.monotonic()
    KnowledgeBase("Quick", KEY, base_url, create=True).push(place)
    quick_files = time.monotonic() - begun
    csv = place / "questions.csv"
    csv.write_text("q,a\n" + "".join(f"{q},{a}\n" for q, a in table))
    begun = time.monotonic()
    KnowledgeBase("Quick", KEY, base_url).push(csv)
    quick_rows = time.monotonic() - begun
    print(f"{count} files: {slow_files:.2f} s one by one, {quick_files:.2f} s: {slow_files / quick_files:.1f} times")
    print(f"{len(table)} rows: {slow_rows:.2f} s one by one, {quick_rows:.2f} s: {slow_rows / quick_rows:.1f} times")


def main() -> None:
    what, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 300
    delay = float(sys.argv[3]) if len(sys.argv) > 3 else 0.0  # seconds that each request takes on its way
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, "-c", _SERVER, KEY, f"{place}/server.db"]
        server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        try:
            base_url = server.stdout.readline().strip()
            if delay:
                base_url = _far(base_url, delay)
            folder = Path(place) / "docs"
            folder.mkdir()
            {"files": files, "rows": rows, "moving": moving, "spread": spread, "naive": naive}[what](
                base_url, folder, count
            )
        finally:
            server.kill()
            server.communicate()


def _far(base_url: str, delay: float) -> str:
    """A server that is so far away: bytes to it take so long."""
    import asyncio
    import threading
    from urllib.parse import urlsplit

    port = urlsplit(base_url).port
    ready: list[int] = []
    there = threading.Event()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, wait: float) -> None:
        try:
            while data := await reader.read(65536):
                await asyncio.sleep(wait)
                writer.write(data)
        except OSError:
            pass
        finally:
            writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        out_reader, out_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, out_writer, delay), pump(out_reader, writer, 0))

    async def serve() -> None:
        server = await asyncio.start_server(connected, "127.0.0.1", 0, backlog=256)
        ready.append(server.sockets[0].getsockname()[1])
        there.set()
        await server.serve_forever()

    threading.Thread(target=lambda: asyncio.run(serve()), daemon=True).start()
    there.wait()
    return f"http://127.0.0.1:{ready[0]}"


if __name__ == "__main__":
    main()
