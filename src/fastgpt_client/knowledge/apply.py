"""Carrying out a plan at the server, so that it can be broken off anywhere and done again.

The order keeps searches whole: what is new is put in first, what it replaces is removed when the new is trained.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from ..api.data import MAX_ROWS
from ..errors import (
    APIConnectionError,
    AuthenticationError,
    FastGPTError,
    NotFoundError,
    PermissionDeniedError,
    QuotaError,
    UnexpectedResponseError,
)
from ..models.collections import Collection
from .calls import PATIENCE, InDoubtError, Server
from .counting import more_came, push_once
from .marker import Marker, new_token
from .plan import Step
from .progress import OnProgress, Progress
from .rows import batches, count_rows, read_rows
from .scan import Entry
from .state import Attempt, Doubted, Leftover, State, Unfinished
from .waiting import wait_trained

_SLOWEST = 250_000  # bytes a second that an upload must make
_LATE, _TOO_LATE = 2.0, 600.0  # seconds after which what was in doubt has come, or will not come any more
_CLOCKS = 300.0  # seconds by which the clocks here and there may differ
_FATAL = (AuthenticationError, PermissionDeniedError, QuotaError)
"""What would come of every further step as well."""


class Applier:
    """Carries out steps; what fails is written down, and the rest goes on.

    Args:
        folder: Where the files are.
        source: What the folder is called in markers.
        into: A folder of the knowledge base to put all in, ``a/b``; "" for the top.
        settings: How texts are cut, as the endpoints take it.
    """

    def __init__(
        self,
        server: Server,
        state: State,
        folder: Path,
        source: str,
        into: str = "",
        settings: Mapping[str, Any] | None = None,
        on_progress: OnProgress | None = None,
    ) -> None:
        self.server = server
        self.state = state
        self.sent_rows: int = 0
        self.refused_rows: int = 0
        self.look_first: bool = False
        """Whether what is on the server may be more than is known: another run may have worked with another state."""
        self._folder = folder.absolute()
        self.source = source
        self.into: str = into.strip("/")
        self._settings: Mapping[str, Any] = settings or {}
        self._on_progress = on_progress
        self._folder_locks: dict[str, asyncio.Lock] = {}
        self._done = self._failed = 0
        self._stuck = False
        self._fresh: set[str] = set()  # folders made by this run: nothing is in them that it did not put there

    # --- all steps

    async def apply(self, steps: Iterable[Step], total: int) -> None:
        """Do these steps, many at once.

        Raises:
            FastGPTError: The rest would fail as well: the key is refused, nothing is left to spend, nobody answers.
        """
        waiting = iter(steps)

        async def work() -> None:
            for step in waiting:
                reason = await self._try(step)
                self._done += 1
                self._failed += reason is not None
                self._tell("upload", self._done, total, self._failed, step.path, reason)

        await together(work for _ in range(self.server.limit.most))

    async def _try(self, step: Step) -> str | None:
        """Do a step; returns why it failed."""
        try:
            await (self._rename(step) if step.verb == "rename" else self._put(step.path))
        except _FATAL:
            raise
        except (FastGPTError, OSError) as error:
            if isinstance(error, APIConnectionError) and error.certainly_unsent:
                raise
            reason = str(error).replace("\n", " ")
            self.state.fail(step.path, reason)
            return reason
        return None

    def _tell(
        self, phase: str, done: int, total: int | None, failed: int = 0, item: str = "", error: str | None = None
    ) -> None:
        if self._on_progress is not None:
            self._on_progress(Progress(phase=phase, done=done, total=total, failed=failed, item=item, error=error))

    # --- one step

    async def _put(self, path: str) -> None:
        entry, settings = self.state.scanned(path)
        parent = await self._parent(path)
        if await self._made_elsewhere(entry, settings, parent):
            return
        if entry.kind == "rows":
            await self._put_table(entry, settings, parent)
            return
        attempt = _attempt(entry, settings, parent)
        await self._create(attempt, self._link if entry.kind == "link" else self._file)

    async def _made_elsewhere(self, entry: Entry, settings: str, parent: str | None) -> bool:
        """Take over what a run with another state has put in of this path; whether it is just what is to be there."""
        folder, _, name = entry.path.rpartition("/")
        if not self.look_first or entry.kind == "link" or "/".join(filter(None, (self.into, folder))) in self._fresh:
            return False
        found: list[tuple[bool, str, Marker]] = []
        for row in await self.server.named(name, parent):
            if row.type != "folder" and not self.state.knows(row.id):
                there = await self.server.marker(row.id)
                if there is not None and (marker := there[1]) is not None and marker.source == self.source:
                    same = (marker.hash, marker.settings) == (entry.hash, settings)
                    found.append((same, row.id, marker))
        for same, collection, marker in sorted(found, key=lambda each: each[0]):
            taken = entry if same else replace(entry, size=0, mtime=0, hash=marker.hash)
            self.state.take(taken, marker.settings, collection)
        return any(same for same, _, _ in found)

    async def _rename(self, step: Step) -> None:
        collection = self.state.collection(step.origin or "") or ""
        parent = await self._parent(step.path)
        name = step.path.rpartition("/")[2]
        to_top: Mapping[str, object] = {} if parent else {"parentId": None}
        try:
            await self.server.again(
                lambda: self.server.client.update_collection(collection, name, parent, extra_body=to_top)
            )
        except NotFoundError:  # somebody deleted it
            self.state.drop_file(step.origin or "")
            await self._put(step.path)
        else:
            self.state.move_file(step.origin or "", step.path)

    async def _file(self, attempt: Attempt, metadata: dict[str, object]) -> str:
        options: dict[str, Any] = {
            **self._options(attempt),
            "metadata": metadata,
            "extra_body": {"collectionMetadata": metadata},
            "timeout": max(PATIENCE, attempt.size / _SLOWEST),
        }
        return await self.server.send_file(self._folder / attempt.path, options)

    async def _link(self, attempt: Attempt, metadata: dict[str, object]) -> str:
        options = self._options(attempt)
        made = await self.server.once(
            lambda: self.server.client.create_link_collection(
                self.server.datasetId, attempt.path, metadata=metadata, **options
            )
        )
        return made.collectionId

    def _options(self, attempt: Attempt) -> dict[str, Any]:
        return {**self._settings, **({"parentId": attempt.parent} if attempt.parent else {})}

    async def _empty(self, attempt: Attempt, metadata: dict[str, object]) -> str:
        return await self.server.once(
            lambda: self.server.client.create_collection(
                self.server.datasetId,
                attempt.name,
                "folder" if attempt.kind == "folder" else "virtual",
                attempt.parent,
                metadata=metadata,
            )
        )

    # --- making something exactly once

    async def _create(self, attempt: Attempt, make: Callable[[Attempt, dict[str, object]], Awaitable[str]]) -> str:
        """Make it, and write it down. When it is not known whether it was made, look before trying again."""

        async def send() -> str:
            self.state.begin(attempt)
            try:
                collection = await make(attempt, self._marker(attempt).metadata())
            except InDoubtError:
                raise
            except (FastGPTError, OSError):
                self.state.refuse(attempt)
                raise
            if not collection:
                raise UnexpectedResponseError("the server does not say what it made", 200)
            self.state.settle(self._checked(attempt), collection)
            return collection

        async def look() -> str | None:
            nonlocal attempt
            if found := await self.find(attempt):
                self.state.settle(attempt, found[0], doubted=True)
                return found[0]
            self.state.miss(attempt)
            attempt = replace(attempt, token=new_token(), begun=time.time())
            return None

        return await self.server.certainly(send, look)

    def _marker(self, attempt: Attempt) -> Marker:
        return Marker(
            source=self.source, path=attempt.path, hash=attempt.hash, settings=attempt.settings, token=attempt.token
        )

    def _checked(self, attempt: Attempt) -> Attempt:
        """A file that was changed while it was sent is not what its hash says: the next run sends it again."""
        if attempt.kind != "file":
            return attempt
        try:
            now = (self._folder / attempt.path).stat()
        except OSError:
            return attempt
        same = now.st_size == attempt.size and attempt.mtime in (0, now.st_mtime_ns)
        return attempt if same else replace(attempt, hash="", mtime=0)

    async def find(self, attempt: Attempt) -> list[str]:
        """What an attempt has made, as far as the server shows it: it has its marker.

        A server that does not keep markers (of links none does) is believed by name, place, size and time, if nothing
        else accounts for what it has.
        """
        if attempt.kind == "link":
            # It may be called by the page's title.
            rows = [row for row in await self.server.rows(attempt.parent) if row.rawLink == attempt.path]
        else:
            rows = await self.server.named(attempt.name, attempt.parent)
        marked: list[str] = []
        others: list[str] = []
        for row in rows:
            if (row.type == "folder") != (attempt.kind == "folder"):
                continue
            found = await self.server.marker(row.id)
            if found is None:
                continue
            collection, marker = found
            if marker is not None:
                if marker.token == attempt.token:
                    marked.append(row.id)
            elif attempt.kind in ("file", "link") and not self.state.knows(row.id) and _fits(collection, attempt):
                others.append(row.id)
        return marked or others[:1]

    async def resume(self) -> None:
        """Find out what became of what an earlier run began."""
        for attempt in self.state.attempts(open_only=True):
            found = await self.find(attempt)
            if found:
                self.state.settle(attempt, found[0], doubted=True)
            else:
                self.state.miss(attempt)

    async def look_again(self) -> None:
        """What was in doubt may have come late, and then twice: remove that. The next runs look too, for a while."""
        attempts = self.state.attempts(open_only=False)
        if attempts:
            await asyncio.sleep(max(0.0, max(attempt.begun for attempt in attempts) + _LATE - time.time()))
        for attempt in attempts:
            for collection in await self.find(attempt):
                if collection != attempt.collection and not self.state.knows(collection):
                    found = await self.server.marker(collection)
                    if found is not None and found[1] is not None:
                        await self.server.delete(collection)
            if time.time() > attempt.begun + _TOO_LATE:
                self.state.refuse(attempt)

    async def count_again(self) -> None:
        """Rows that were in doubt may have come late, and then twice: such a table is put in anew."""
        for table in self.state.doubted():
            if table.collection == self.state.collection(table.path):
                with suppress(NotFoundError):
                    if await self._more_came(table):
                        self.state.spoil(table.path)
            if time.time() > table.since + _TOO_LATE or not self.state.knows(table.collection):
                self.state.trust(table)

    # --- folders

    async def _parent(self, path: str) -> str | None:
        """The id of the folder that a path is in; it is made when there is none."""
        inside = "" if "://" in path else path.rpartition("/")[0]
        return await self._ensure("/".join(filter(None, (self.into, inside))))

    async def _ensure(self, folder: str) -> str | None:
        if not folder:
            return None
        if known := self.state.folder(folder):
            return known
        async with self._folder_locks.setdefault(folder, asyncio.Lock()):
            if known := self.state.folder(folder):
                return known
            above, _, name = folder.rpartition("/")
            parent = await self._ensure(above)
            if above not in self._fresh or not above:
                there = [row.id for row in await self.server.named(name, parent) if row.type == "folder"]
                if there:
                    self.state.add_folder(folder, min(there))
                    return min(there)
            attempt = Attempt(token=new_token(), path=folder, kind="folder", parent=parent)
            made = await self._create(attempt, self._empty)
            self._fresh.add(folder)
            return made

    async def remove_empty_folders(self) -> None:
        """Folders that nothing is in any more go too, if nobody else has put something in."""
        for path, collection in self.state.empty_folders():
            if path == self.into or self.into.startswith(f"{path}/"):
                continue
            with suppress(NotFoundError):
                if await self.server.rows(collection):
                    continue
                await self.server.delete(collection)
            self.state.drop_folder(path)

    # --- tables of questions

    async def _put_table(self, entry: Entry, settings: str, parent: str | None) -> None:
        for _ in range(2):
            if await self._fill(entry, settings, parent):
                return
        raise FastGPTError("rows came twice, and once more when it was begun anew: is another program at work here?")

    async def _fill(self, entry: Entry, settings: str, parent: str | None) -> bool:
        """Put a table in, from where it was broken off; False when rows came twice and it must be begun anew."""
        file = self._folder / entry.path
        await asyncio.to_thread(count_rows, file)  # what cannot be read is known before something is sent
        table = self.state.unfinished(entry.path)
        if table is None or (table.hash, table.settings, table.parent) != (entry.hash, settings, parent):
            await self._create(_attempt(entry, settings, parent), self._empty)
            table = self._table(entry.path)
        elif table.batch:
            try:
                await self._resolve(table)
            except NotFoundError:  # somebody deleted it
                self.state.give_up(entry.path)
                return await self._fill(entry, settings, parent)
            table = self._table(entry.path)
        rows = read_rows(file)
        for _ in range(table.rows):
            next(rows, None)
        for batch in batches(rows, MAX_ROWS):
            await push_once(
                self.server,
                table.collection,
                batch,
                begin=partial(self.state.begin_batch, entry.path),
                end=partial(self._sent, entry.path),
                arrived=partial(self._arrived, entry.path),
            )
        table = self._table(entry.path)
        if table.doubted:
            await asyncio.sleep(_LATE)
            if await self._more_came(table):
                self.state.give_up(entry.path)
                return False
        name = entry.path.rpartition("/")[2]
        await self.server.again(lambda: self.server.client.update_collection(table.collection, name))
        self.state.finish(table)
        return True

    def _table(self, path: str) -> Unfinished:
        table = self.state.unfinished(path)
        assert table is not None
        return table

    def _sent(self, path: str, sent: int, taken: int) -> None:
        self.state.end_batch(path, sent, taken)
        self.sent_rows += sent
        self.refused_rows += sent - taken

    async def _arrived(self, path: str) -> bool:
        table = self._table(path)
        came = await self._resolve(table)
        self.sent_rows += table.batch if came else 0
        return came

    async def _resolve(self, table: Unfinished) -> bool:
        """Whether the rows that were on their way have come."""
        came = await self._more_came(table)
        sent = table.batch if came else 0
        # How many of them the server took it told nobody: all, as it nearly always does.
        self.state.end_batch(table.path, sent, sent, doubted=True)
        return came

    async def _more_came(self, table: Unfinished | Doubted) -> bool:
        """Whether a table has more rows at the server than are known to be there."""
        name = table.path.rpartition("/")[2]
        return await more_came(self.server, table.collection, name, table.parent, table.stored)

    # --- removing

    async def remove(self) -> None:
        """Remove what is to go, and what is replaced once its successor is trained."""
        total, done, failed = self.state.count_leftovers(), 0, 0
        for waiting in (False, True):
            after = ""
            while batch := self.state.leftovers(waiting=waiting, after=after):
                after = batch[-1].collection
                untrained = await self._untrained([each.successor or "" for each in batch]) if waiting else {}
                ready = [each for each in batch if each.successor not in untrained]
                await self._remove_all(ready)
                for each in batch:
                    reason = untrained.get(each.successor or "")
                    if reason is not None:
                        reason = f"the new version is not trained, the old one stays: {reason}"
                        self.state.fail(each.path, reason, untrained=True)
                        failed += 1
                    done += 1
                    self._tell("remove", done, total, failed, each.path, reason)

    async def _remove_all(self, leftovers: Iterable[Leftover]) -> None:
        waiting = iter(leftovers)

        async def work() -> None:
            for each in waiting:
                await self.server.delete(each.collection)
                self.state.removed(each)

        await together(work for _ in range(self.server.limit.most))

    async def _untrained(self, ids: list[str]) -> dict[str, str]:
        """Wait for the training of these; those that were not trained, and why."""
        # Once nothing moves any more, one look at each of the others is enough.
        timeout = 0.0 if self._stuck else None
        server = self.server
        report = await server.again(
            lambda: wait_trained(server.client, server.datasetId, ids, timeout=timeout, on_progress=self._on_progress)
        )
        self._stuck = self._stuck or report.state == "stuck"
        reasons = {each.collectionId: f"still {each.step}" for each in report.unfinished}
        return {**reasons, **{each.collectionId: each.error or "it failed" for each in report.failures}}


async def together(work: Iterable[Callable[[], Awaitable[None]]]) -> None:
    """Do these at the same time; the first that fails ends all, and is raised."""
    tasks = [asyncio.ensure_future(each()) for each in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _attempt(entry: Entry, settings: str, parent: str | None) -> Attempt:
    return Attempt(
        token=new_token(),
        path=entry.path,
        kind=entry.kind,
        parent=parent,
        size=entry.size,
        mtime=entry.mtime,
        hash=entry.hash,
        settings=settings,
    )


def _fits(collection: Collection, attempt: Attempt) -> bool:
    """Whether a collection may be what an attempt made: not older, and of this size, where the server tells that."""
    with suppress(ValueError):
        if datetime.fromisoformat(collection.createTime or "").timestamp() < attempt.begun - _CLOCKS:
            return False
    file = collection.file or {}
    size = file.get("contentLength", file.get("length"))
    return attempt.kind == "link" or not isinstance(size, int) or size == attempt.size
