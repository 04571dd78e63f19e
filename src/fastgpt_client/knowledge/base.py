"""A knowledge base that folders are put into, and kept in step with."""

from __future__ import annotations

import asyncio
import gzip
import xml.etree.ElementTree as ElementTree
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from itertools import count
from os import PathLike
from pathlib import Path
from typing import Any, Literal, TypedDict, TypeVar, Unpack

from .._session import DEFAULT_BASE_URL
from ..api.datasets import SearchMode
from ..clients import AsyncDatasetClient
from ..errors import ArgumentError, FastGPTError
from .bases import UnknownBaseError, ensure_base, find_base, is_id
from .blocking import run_blocking
from .calls import Server
from .limits import MOST, AdaptiveLimit, passing
from .plan import Plan, Step
from .progress import OnProgress, Progress
from .run import Failure, RemovalRefusedError, Source, SyncReport, Wishes, run
from .searching import FoundChunk, search_bases
from .waiting import TrainingReport, wait_trained

R = TypeVar("R")

_MOST_SITEMAPS = 1000
_LONGEST_DELAY = 60.0  # seconds


class KeepOptions(TypedDict, total=False):
    """What ``push`` and ``sync`` take besides.

    ``into``: a folder of the knowledge base, ``a/b``, for all of it; without it the top. ``exclude``: patterns as of
    ``.gitignore``. ``chunks``: how texts are cut and indexed, ``{"chunkSize": 800}``, as of ``create_text_collection``;
    both come on top of what ``fastgpt-kb.toml`` in the folder says. ``state``: the file of the state, instead of
    ``.fastgpt-kb/state.db`` in the folder. ``retry_failed``: only what failed the last time. ``rebuild``: make the
    state anew from the server. ``concurrency``: at most so many requests at once. ``engine``: ``ray`` lets the workers
    of a Ray cluster send. ``confirm``: is shown the plan and its steps, and says whether to go on. ``on_progress``:
    told of ``scan``, ``rebuild``, ``upload``, ``training``, ``remove``.
    """

    into: str
    exclude: Sequence[str]
    chunks: Mapping[str, object]
    state: str | PathLike[str]
    retry_failed: bool
    rebuild: bool
    concurrency: int
    engine: Literal["local", "ray"]
    confirm: Callable[[Plan, Iterable[Step]], bool]
    on_progress: OnProgress


class AsyncKnowledgeBase:
    """A knowledge base that folders are put into, and kept in step with. For async code.

    Args:
        client: What to ask with.
        name_or_id: Which one; see ``find_base``.
        create: Make it when there is none.

    Example:
        >>> async with AsyncDatasetClient(api_key="fastgpt-…") as client:
        ...     report = await AsyncKnowledgeBase(client, "Handbook").sync("docs")
        ...     print(report)
    """

    def __init__(self, client: AsyncDatasetClient, name_or_id: str, *, create: bool = False) -> None:
        self._client = client
        self._name = name_or_id
        self._create = create
        self._id: str | None = None

    async def id(self) -> str:
        """Its id.

        Raises:
            UnknownBaseError: There is none of this name.
        """
        if self._id is None:
            self._id = (await ensure_base(self._client, self._name, create=self._create)).id
        return self._id

    async def push(
        self,
        *paths: str | PathLike[str],
        urls: Sequence[str] = (),
        sitemap: str | None = None,
        **options: Unpack[KeepOptions],
    ) -> SyncReport:
        """Put files, folders and pages in; nothing is removed but what is replaced. Doing it again changes nothing.

        Folders are mirrored, ``.gitignore`` and ``.fastgptignore`` count. Tables of questions (``.jsonl``, and ``.csv``
        with a column ``q`` or ``question``) become one chunk a row. Interrupted in any way, the same call goes on.

        Args:
            paths: Folders and files.
            urls: Pages, which the server reads.
            sitemap: The address of a ``sitemap.xml``: all pages in it.
            **options: See :class:`KeepOptions`.

        Returns:
            What was done; files that failed are in it, and do not stop the others.

        Raises:
            ArgumentError: There is no such file or folder, or nothing is given.
            StateError: Another run is at work with the same folder.
            FastGPTError: It cannot go on: the key is refused, nobody answers.

        Example:
            >>> report = await base.push("docs", "faq.csv", urls=["https://example.com/rules"])
        """
        sources = _sources(paths)
        links = [*urls, *(await read_sitemap(sitemap) if sitemap else ())]
        for link in links:
            if "://" not in link:
                raise ArgumentError(f"a page is named by its address, https://…, not {link!r}")
        if links:
            sources.append(Source(folder=Path(), links=links))
        if not sources:
            raise ArgumentError("nothing to push: name files, folders or urls")
        server = await self._server(options)
        reports = [await run(server, source, _wishes(options)) for source in sources]
        return reports[0] if len(reports) == 1 else _sum(reports)

    async def sync(
        self,
        path: str | PathLike[str],
        *,
        plan: bool = False,
        delete: bool = True,
        max_delete: int | None = None,
        watch: float | None = None,
        on_report: Callable[[SyncReport], None] | None = None,
        **options: Unpack[KeepOptions],
    ) -> SyncReport:
        """Make a knowledge base what a folder is: add, replace, move and remove, and nothing else.

        Only what this put in is ever changed or removed. A file is told by its content: moved and renamed ones are
        moved, not sent again. What replaces something is put in first, and the old removed when the new is trained, so
        that a search always finds one of them.

        Args:
            path: The folder.
            plan: Only compare; nothing is changed, and a knowledge base that is not there is not made.
            delete: Remove what is not in the folder any more.
            max_delete: Change nothing where more than so many files would be removed. Without it, ten or half of those
                that were put in; any number where ``confirm`` is given and says so.
            watch: Go on for ever, looking every so many seconds; where files keep failing more seldom, up to a minute.
                A server or a disk that is not there is waited for. ``on_progress`` is told of the phase ``watch``
                after each look, with the ``error`` where it is a new one.
            on_report: Of ``watch``: told of each run that changed something, or failed otherwise than the last.
            **options: See :class:`KeepOptions`.

        Returns:
            What was done, or with ``plan`` what would be.

        Raises:
            ArgumentError: There is no such folder; or ``plan`` and ``watch`` at once.
            RemovalRefusedError: More would be removed than may be: is the disk there, is it the right folder?
            StateError: Another run is at work with the same folder.
            FastGPTError: It cannot go on: the key is refused, nobody answers.

        Example:
            >>> print((await base.sync("docs", plan=True)).plan)
            + 12  ~ 3  - 1  → 2 renamed  = 840
        """
        [source] = _sources([path])
        if source.only is not None:
            raise ArgumentError(f"sync takes a folder, and {str(path)!r} is a file: push puts files in")
        if plan and watch is not None:
            raise ArgumentError("a plan is made once: leave out watch, or plan")
        server = await self._server(options, plan_only=plan)
        wishes = _wishes(options, delete=delete, max_delete=max_delete, plan_only=plan)
        if watch is None:
            return await run(server, source, wishes)
        told: str | None = None
        failures: list[Failure] = []
        delay = watch
        for done in count(1):
            try:
                report, trouble = await run(server, source, wishes), None
            except FastGPTError as error:
                if not (passing(error) or isinstance(error, RemovalRefusedError)):
                    raise
                trouble = str(error)  # the server, or the disk, will be there again
            else:
                again = report.failures == failures and report.plan.steps <= len(failures)
                if on_report is not None and not again:
                    on_report(report)
                # What keeps failing is tried ever more seldom.
                delay = max(watch, min(2 * delay, _LONGEST_DELAY)) if again and failures else watch
                failures = report.failures
            if wishes.on_progress is not None:
                wishes.on_progress(Progress(phase="watch", done=done, error=trouble if trouble != told else None))
            told = trouble
            await asyncio.sleep(delay)
        raise AssertionError("unreachable")  # pragma: no cover

    async def wait(self, *, timeout: float | None = None, on_progress: OnProgress | None = None) -> TrainingReport:
        """Wait until everything in it is trained, or has failed; see ``wait_trained``.

        Example:
            >>> (await base.wait()).state
        """
        return await wait_trained(self._client, await self.id(), timeout=timeout, on_progress=on_progress)

    async def search(self, text: str, *, top: int = 5, mode: SearchMode | None = None) -> list[FoundChunk]:
        """The chunks that fit a text, best first; see ``search_bases``, which has more to choose.

        Example:
            >>> [chunk.q for chunk in await base.search("How many days off?")]
        """
        return await search_bases(self._client, [await self.id()], text, top=top, mode=mode)

    async def _server(self, options: KeepOptions, *, plan_only: bool = False) -> Server:
        most = options.get("concurrency", MOST)
        try:
            datasetId = (await find_base(self._client, self._name)).id if plan_only else await self.id()
        except UnknownBaseError:
            if not self._create or is_id(self._name):
                raise
            datasetId = ""  # it would be made
        if options.get("engine") == "ray":
            from .ray_calls import RayServer

            return RayServer(self._client, datasetId, most)
        return Server(self._client, datasetId, AdaptiveLimit(most))


class KnowledgeBase:
    """A knowledge base that folders are put into, and kept in step with.

    Args:
        name_or_id: Which one; see ``find_base``.
        api_key, base_url, **settings: As of ``DatasetClient``; without them the environment's.
        create: Make it when there is none.

    Example:
        >>> print(KnowledgeBase("Handbook").sync("docs"))
    """

    def __init__(
        self,
        name_or_id: str,
        api_key: str | None = None,
        base_url: str = DEFAULT_BASE_URL,
        *,
        create: bool = False,
        **settings: Any,
    ) -> None:
        self._name, self._create = name_or_id, create
        self._client: tuple[str | None, str, dict[str, Any]] = api_key, base_url, settings

    def push(
        self,
        *paths: str | PathLike[str],
        urls: Sequence[str] = (),
        sitemap: str | None = None,
        **options: Unpack[KeepOptions],
    ) -> SyncReport:
        """Put files, folders and pages in: see :meth:`AsyncKnowledgeBase.push`.

        Example:
            >>> report = KnowledgeBase("Handbook", create=True).push("docs", "faq.csv")
        """
        return self._run(lambda base: base.push(*paths, urls=urls, sitemap=sitemap, **options))

    def sync(
        self,
        path: str | PathLike[str],
        *,
        plan: bool = False,
        delete: bool = True,
        max_delete: int | None = None,
        watch: float | None = None,
        on_report: Callable[[SyncReport], None] | None = None,
        **options: Unpack[KeepOptions],
    ) -> SyncReport:
        """Make a knowledge base what a folder is: see :meth:`AsyncKnowledgeBase.sync`.

        Example:
            >>> report = KnowledgeBase("Handbook").sync("docs", delete=False)
        """
        return self._run(
            lambda base: base.sync(
                path, plan=plan, delete=delete, max_delete=max_delete, watch=watch, on_report=on_report, **options
            )
        )

    def wait(self, *, timeout: float | None = None, on_progress: OnProgress | None = None) -> TrainingReport:
        """Wait until everything in it is trained, or has failed; see ``wait_trained``.

        Example:
            >>> KnowledgeBase("Handbook").wait().state
        """
        return self._run(lambda base: base.wait(timeout=timeout, on_progress=on_progress))

    def search(self, text: str, *, top: int = 5, mode: SearchMode | None = None) -> list[FoundChunk]:
        """The chunks that fit a text, best first; see ``search_bases``, which has more to choose.

        Example:
            >>> [chunk.q for chunk in KnowledgeBase("Handbook").search("How many days off?")]
        """
        return self._run(lambda base: base.search(text, top=top, mode=mode))

    def _run(self, work: Callable[[AsyncKnowledgeBase], Awaitable[R]]) -> R:
        api_key, base_url, settings = self._client

        async def main(client: AsyncDatasetClient) -> R:
            return await work(AsyncKnowledgeBase(client, self._name, create=self._create))

        return run_blocking(main, api_key, base_url, **settings)


async def read_sitemap(url: str) -> list[str]:
    """The addresses of all pages in a sitemap, and in those that it names.

    Raises:
        ArgumentError: It cannot be read.
    """
    import httpx2

    found: list[str] = []
    waiting, seen = [url], {url}
    async with httpx2.AsyncClient(follow_redirects=True, timeout=30) as web:
        while waiting:
            at = waiting.pop(0)
            try:
                answer = await web.get(at)
                answer.raise_for_status()
                packed = answer.content.startswith(b"\x1f\x8b")  # sitemap.xml.gz
                tree = ElementTree.fromstring(gzip.decompress(answer.content) if packed else answer.content)
            except (httpx2.HTTPError, httpx2.InvalidURL, ElementTree.ParseError, EOFError, OSError) as error:
                said = str(error).partition("\n")[0]
                raise ArgumentError(f"the sitemap {at} cannot be read: {said}") from error
            places = [(each.text or "").strip() for each in tree.iter() if each.tag.rpartition("}")[2] == "loc"]
            if tree.tag.rpartition("}")[2] == "sitemapindex":
                fresh = [place for place in dict.fromkeys(places) if place not in seen][:_MOST_SITEMAPS]
                seen.update(fresh)
                waiting += fresh
            else:
                found += places
    return list(dict.fromkeys(filter(None, found)))


def _sources(paths: Sequence[str | PathLike[str]]) -> list[Source]:
    """Folders as they are; files by the folders that they are in, as these have the state."""
    sources: list[Source] = []
    files: dict[Path, list[str]] = {}
    for path in map(Path, paths):
        if path.is_dir():
            sources.append(Source(folder=path))
        elif path.is_file():
            files.setdefault(path.parent, []).append(path.name)
        else:
            raise ArgumentError(f"there is no file or folder {str(path)!r}")
    return [*sources, *(Source(folder=folder, only=names) for folder, names in files.items())]


def _wishes(
    options: KeepOptions, *, delete: bool = False, max_delete: int | None = None, plan_only: bool = False
) -> Wishes:
    state = options.get("state")
    return Wishes(
        delete=delete,
        max_delete=max_delete,
        plan_only=plan_only,
        failed_only=options.get("retry_failed", False),
        rebuild=options.get("rebuild", False),
        into=options.get("into", ""),
        exclude=options.get("exclude", ()),
        chunks=options.get("chunks", {}),
        state=Path(state) if state is not None else None,
        confirm=options.get("confirm"),
        on_progress=options.get("on_progress"),
    )


def _sum(reports: Sequence[SyncReport]) -> SyncReport:
    names = Plan.__struct_fields__
    plan = Plan(**{name: sum(getattr(report.plan, name) for report in reports) for name in names})
    skipped: dict[str, int] = {}
    for report in reports:
        for reason, number in report.skipped.items():
            skipped[reason] = skipped.get(reason, 0) + number
    return SyncReport(
        plan=plan,
        applied=all(report.applied for report in reports),
        failures=[failure for report in reports for failure in report.failures],
        skipped=skipped,
        rows=sum(report.rows for report in reports),
        refused_rows=sum(report.refused_rows for report in reports),
        seconds=sum(report.seconds for report in reports),
    )
