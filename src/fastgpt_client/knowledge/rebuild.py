"""The state of a folder from what its collections carry at the server, for when there is no other any more."""

from __future__ import annotations

from contextlib import aclosing

from .calls import Server
from .concurrency import in_order
from .progress import OnProgress, Progress
from .scan import Entry, Kind, hash_link
from .state import PART, State


async def rebuild(
    server: Server,
    state: State,
    source: str,
    into: str = "",
    links: str | None = None,
    on_progress: OnProgress | None = None,
) -> None:
    """Find the collections with markers of this folder, and write down where and what they are.

    Reads every collection of the knowledge base once. Where they are now counts, not where they were made. Of several
    for one path the last changed is taken; the others, and tables that are not whole, are to be removed.

    Args:
        source: What the folder is called in markers.
        into: The folder of the knowledge base that all is in.
        links: The settings of links, which carry no markers and are known by their address; None when none are wanted.
    """
    looked = 0
    waiting: list[tuple[str, str | None]] = [("", None)]
    entered: set[str | None] = set()
    while waiting:
        folder, parent = waiting.pop()
        if parent in entered:
            continue
        entered.add(parent)
        rows = await server.rows(parent)
        for row in rows:
            if row.type == "folder":
                path = f"{folder}/{row.name}" if folder else row.name
                if state.folder(path) is None:
                    state.add_folder(path, row.id)
                waiting.append((path, row.id))
        inside = folder == into or folder.startswith(f"{into}/") or not into
        files = [row for row in rows if row.type != "folder"] if inside else []
        async with aclosing(in_order((row.id for row in files), server.marker, server.limit.most)) as found:
            at = iter(files)
            async for each in found:
                row = next(at)
                looked += 1
                if on_progress is not None:
                    on_progress(Progress(phase="rebuild", done=looked, item=row.name))
                if row.rawLink and links is not None:
                    _take(state, Entry(path=row.rawLink, kind="link", hash=hash_link(row.rawLink)), links, row.id)
                elif each is not None and each[1] is not None and each[1].source == source:
                    path = f"{folder}/{row.name}" if folder else row.name
                    kind: Kind = "rows" if row.type == "virtual" else "file"
                    entry = Entry(path=path.removeprefix(f"{into}/" if into else ""), kind=kind, hash=each[1].hash)
                    _take(state, entry, each[1].settings, row.id)


def _take(state: State, entry: Entry, settings: str, collection: str) -> None:
    if state.collection(entry.path) is not None or (entry.kind == "rows" and entry.path.endswith(PART)):
        state.leave_other(collection, entry.path)
    else:
        state.add_file(entry, settings, collection)
