"""Training: what was put in is read, cut and indexed in the background, step by step, as FastGPT does it.

The line of steps is a table, so it survives a restart. `parse` makes chunks of a file or page, `qa` questions and
answers of a chunk, `imageParse` a chunk of a picture; `chunk` puts a chunk among the data and indexes it. Each step
takes `training_delay` seconds. A step that fails stays in line with its error until it is tried again or given up.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import sqlite3
import time
from typing import TYPE_CHECKING, Any

import httpx2

from .embeddings import EmbeddingError
from .parsing import ParseError, cut, ending, page_text, questions, read_rows, to_text
from .store import Data, Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..calls import State
    from .store import Collection

logger: logging.Logger = logging.getLogger("fastgpt_client.local")

_BATCH = 100
_PAGE_LIMIT = 5 * 1024 * 1024


class Training:
    """The workers: one reads files and pages, which may be slow to come, one does the rest and clears up."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._store = state.knowledge
        self._wake = (asyncio.Event(), asyncio.Event())
        self._tasks: list[asyncio.Task[None]] = []
        self._web: httpx2.AsyncClient | None = None

    def start(self) -> None:
        """Begin, with what is left from before."""
        self._tasks = [asyncio.create_task(self._work(parse)) for parse in (False, True)]

    async def stop(self) -> None:
        """End; what waits stays in line."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._web is not None:
            await self._web.aclose()

    def wake(self) -> None:
        """There is something new to do."""
        for event in self._wake:
            event.set()

    def due(self) -> float:
        """When a step that begins now is done."""
        return time.time() + self._state.settings.training_delay

    def add(self, steps: Sequence[dict[str, Any]]) -> int:
        """Put steps in line; returns how many."""
        with self._store.transaction():
            count = self._queue(steps)
        self.wake()
        return count

    def parse(self, collection: str, dataset: str) -> None:
        """Put the original of a collection in line."""
        self.add([{"datasetId": dataset, "collectionId": collection, "mode": "parse"}])

    async def _work(self, parse: bool) -> None:
        event = self._wake[parse]
        while True:
            event.clear()
            steps: list[Step] = []
            try:
                steps = self._store.due(parse, time.time(), _BATCH)
                if parse:
                    for step in steps:
                        await self._parse(step)
                else:
                    await self._train(steps)
                    if self._store.sweep(_BATCH * 2) or steps:
                        await asyncio.sleep(0)  # requests come first
                        continue
            except Exception:
                logger.exception("training failed")
                with contextlib.suppress(sqlite3.Error):
                    for step in steps:
                        self._store.update_step(step.id, errorMsg="Internal server error")
                await asyncio.sleep(1)
            if parse and steps:
                continue
            due = self._store.next_due(parse)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(event.wait(), None if due is None else max(0.0, due - time.time()))

    # --- parse

    async def _parse(self, step: Step) -> None:
        collection = self._store.collection(step.collectionId)
        if collection is None:
            self._store.end_step(step.id)
            return
        try:
            name, text, rows = await self._read(collection)
            self._check(name)
        except ParseError as exc:
            self._store.update_step(step.id, errorMsg=str(exc))
            return
        base: dict[str, Any] = {"datasetId": step.datasetId, "collectionId": step.collectionId}
        base |= {"mode": "qa" if collection.trainingType == "qa" else "chunk"}
        base |= {"indexSize": collection.settings.get("indexSize", 512)}
        if rows is None:
            made: list[dict[str, Any]] = [{"q": chunk} for chunk in cut(text, collection.settings)]
        else:
            made = [{"q": q, "a": a, "indexes": [{"text": text} for text in more]} for q, a, more in rows]
        with self._store.transaction():
            if not self._store.end_step(step.id):
                return
            columns = {"name": name, "rawTextLength": len(text), "hashRawText": digest(text)}
            self._store.update_collection(collection.id, **columns, updateTime=collection.updateTime)
            self._queue({**base, **chunk, "chunkIndex": index} for index, chunk in enumerate(made))
        self.wake()

    async def _read(self, collection: Collection) -> tuple[str, str, list[tuple[str, str, list[str]]] | None]:
        """Name and text of a collection, and its rows where it is a table of questions."""
        if collection.rawLink is not None:
            title, text = await self.fetch(collection.rawLink)
            return (title or collection.name) if collection.name == collection.rawLink else collection.name, text, None
        original = self._state.files.get(collection.fileId or "")
        if original is None:
            raise ParseError("The file is gone")
        content = original.path.read_bytes()
        rows = read_rows(content) if collection.trainingType in ("backup", "template") else None
        return collection.name, to_text(original.name, content), rows

    async def fetch(self, link: str) -> tuple[str, str]:
        """Title and text of a page."""
        if self._web is None:
            self._web = httpx2.AsyncClient(timeout=httpx2.Timeout(10, connect=3), follow_redirects=True)
        try:
            async with self._web.stream("GET", link) as response:
                content = bytearray()
                async for chunk in response.aiter_bytes():
                    content += chunk
                    if len(content) > _PAGE_LIMIT:
                        raise ParseError(f"{link} is too long")
        except (httpx2.HTTPError, httpx2.InvalidURL) as exc:
            raise ParseError(f"{link} cannot be read: {type(exc).__name__}") from None
        if response.status_code >= 400:
            raise ParseError(f"{link} cannot be read: HTTP {response.status_code}")
        if "html" in response.headers.get("content-type", "") or ending(link) in ("html", "htm"):
            return page_text(to_text("page.txt", bytes(content)))
        return "", to_text("page.txt", bytes(content))

    # --- the other steps

    async def _train(self, steps: Sequence[Step]) -> None:
        """Do a batch of steps, in one transaction."""
        ready: list[tuple[Step, list[dict[str, Any]]]] = []
        for step in steps:
            try:
                self._check(f"{step.q}\n{step.a}")
                ready.append((step, self._texts(step)))
            except ParseError as exc:
                self._store.update_step(step.id, errorMsg=str(exc))
        vectors: dict[str, bytes] = {}
        if self._state.embedder is not None and ready:
            try:
                vectors = await self._state.embedder.vectors(
                    list(dict.fromkeys(text["text"] for _, texts in ready for text in texts))
                )
            except EmbeddingError as exc:
                for step, _ in ready:
                    self._store.update_step(step.id, errorMsg=str(exc))
                return
        with self._store.transaction():
            for step, texts in ready:
                if self._store.end_step(step.id):  # it may have been given up meanwhile
                    self._finish(step, texts, vectors)

    def _texts(self, step: Step) -> list[dict[str, Any]]:
        """The texts that a chunk will be found by."""
        if step.mode == "qa":
            return []
        if step.dataId is not None:
            data = self._store.data(step.dataId)
            return data.indexes if data is not None else []
        default = default_texts(step.q, step.a, step.indexSize)
        known = {text["text"] for text in default}
        return [*default, *(text for text in step.indexes if text["text"] not in known)]

    def _finish(self, step: Step, texts: list[dict[str, Any]], vectors: dict[str, bytes]) -> None:
        base: dict[str, Any] = {"datasetId": step.datasetId, "collectionId": step.collectionId}
        if step.mode == "qa":
            found = [{**base, "mode": "chunk", "q": q, "a": a} for q, a in questions(step.q)]
            self._queue({**row, "chunkIndex": step.chunkIndex} for row in found)
            return
        data: Data | None
        if step.dataId is not None:
            data = self._store.data(step.dataId)
        else:
            base |= {"q": step.q, "a": step.a, "chunkIndex": step.chunkIndex, "imageId": step.imageId}
            data = self._store.add_data(base, texts)
        if data is not None and vectors:
            self._store.set_vectors(data, vectors)

    def _check(self, text: str) -> None:
        """Fail, when a script says so."""
        rule = self._state.script.training(text, "error")
        if rule is not None and rule.training is not None:
            raise ParseError(rule.training["error"])

    def _queue(self, steps: Iterable[dict[str, Any]]) -> int:
        """Put steps in line, each for when it is due; a script may let one wait longer."""
        rows: list[dict[str, Any]] = []
        for step in steps:
            rule = self._state.script.training(f"{step.get('q', '')}\n{step.get('a', '')}", "wait")
            wait = rule.training["wait"] if rule is not None and rule.training is not None else 0
            rows.append({**step, "dueTime": self.due() + wait})
        return self._store.add_steps(rows)


def default_texts(q: str, a: str, size: int) -> list[dict[str, Any]]:
    """The texts that a chunk is found by when nobody gives others: what it says, in pieces of an index."""
    settings = {"chunkSettingMode": "custom", "chunkSplitMode": "size", "chunkSize": size}
    pieces = dict.fromkeys(piece for text in (q, a) for piece in cut(text, settings))
    return [{"type": "default", "text": piece} for piece in pieces]


def digest(text: str) -> str:
    """What tells whether a text has changed."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
