"""Knowledge bases by name: finding them in all folders, making them."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from difflib import get_close_matches

import msgspec

from ..clients import AsyncDatasetClient
from ..errors import ArgumentError, FastGPTError, NotFoundError

_ID = re.compile(r"[0-9a-f]{24}")


class UnknownBaseError(FastGPTError, LookupError):
    """There is no such knowledge base."""


class AmbiguousBaseError(FastGPTError, LookupError):
    """Several knowledge bases have this name. ``bases``: which."""

    def __init__(self, message: str, bases: list[Base]) -> None:
        super().__init__(message)
        self.bases = bases


class Base(msgspec.Struct, frozen=True, kw_only=True):
    """A knowledge base, or a folder of them. ``path``: the names of its folders and its own, joined by ``/``."""

    id: str
    name: str
    path: str
    type: str = "dataset"
    intro: str = ""


def is_id(name_or_id: str) -> bool:
    """Whether this is written as ids are."""
    return _ID.fullmatch(name_or_id) is not None


async def iter_bases(client: AsyncDatasetClient) -> AsyncGenerator[Base]:
    """All knowledge bases and folders that the key's owner may see, each folder before what is in it.

    FastGPT: ``POST /api/core/dataset/list``, once for each folder.

    Example:
        >>> [base.path async for base in iter_bases(client) if base.type != "folder"]
    """
    waiting: list[tuple[str | None, str]] = [(None, "")]
    entered: set[str | None] = set()
    while waiting:
        folder, path = waiting.pop(0)
        if folder in entered:
            continue
        entered.add(folder)
        for row in (await client.list_datasets(folder)).data:
            base = Base(id=row.id, name=row.name, path=f"{path}{row.name}", type=row.type, intro=row.intro or "")
            yield base
            if base.type == "folder":
                waiting.append((base.id, f"{base.path}/"))


async def find_base(client: AsyncDatasetClient, name_or_id: str) -> Base:
    """A knowledge base by its name, its path (``Products/Handbook``) or its id, wherever it is.

    Args:
        name_or_id: As it is written, capitals count. A path finds one of several of the same name.

    Raises:
        UnknownBaseError: There is none; names that are close are suggested.
        AmbiguousBaseError: There are several; the message lists their paths and ids.

    Example:
        >>> base = await find_base(client, "Handbook")
        >>> await client.list_collections(base.id)
    """
    if not name_or_id:
        raise ArgumentError("the name or id of a knowledge base is needed, and must not be empty")
    if is_id(name_or_id):
        try:
            row = (await client.get_dataset(name_or_id)).data
        except NotFoundError:
            raise UnknownBaseError(f"there is no knowledge base with the id {name_or_id}") from None
        return Base(id=name_or_id, name=row.name, path=row.name, type=row.type, intro=row.intro or "")
    every = [base async for base in iter_bases(client) if base.type != "folder"]
    found = [base for base in every if base.path == name_or_id] or [base for base in every if base.name == name_or_id]
    if len(found) == 1:
        return found[0]
    if found:
        listed = "".join(f"\n  {base.path} ({base.id})" for base in found)
        raise AmbiguousBaseError(
            f"{len(found)} knowledge bases are called {name_or_id!r}; say which by path or id:{listed}", found
        )
    close = get_close_matches(name_or_id, dict.fromkeys(text for base in every for text in (base.name, base.path)))
    advice = f"; did you mean {', '.join(map(repr, close))}?" if close else f" ({len(every)} others are there)"
    raise UnknownBaseError(f"there is no knowledge base called {name_or_id!r}{advice}")


async def create_base(
    client: AsyncDatasetClient,
    name: str,
    *,
    folder: str | None = None,
    intro: str = "",
    vectorModel: str | None = None,
    agentModel: str | None = None,
) -> Base:
    """Make a knowledge base, also where there is one of this name already.

    FastGPT: ``POST /api/core/dataset/create``.

    Args:
        name: What it is called.
        folder: The path of a folder, ``Products/Europe``; folders that are missing are made.
        intro: What it is about.
        vectorModel, agentModel: As of ``client.create_dataset``; without them the server's defaults.

    Example:
        >>> base = await create_base(client, "Handbook", folder="Staff")
    """
    parent: str | None = None
    steps = [step for step in (folder or "").split("/") if step]
    for step in steps:
        rows = (await client.list_datasets(parent)).data
        known = next((row.id for row in rows if row.type == "folder" and row.name == step), None)
        parent = known or (await client.create_dataset(step, parent, "folder")).data
    made = (await client.create_dataset(name, parent, intro=intro, vectorModel=vectorModel, agentModel=agentModel)).data
    return Base(id=made, name=name, path="/".join([*steps, name]), intro=intro)


async def ensure_base(client: AsyncDatasetClient, name_or_id: str, *, create: bool = True) -> Base:
    """The knowledge base of this name, made when there is none.

    Args:
        name_or_id: As of ``find_base``. ``Staff/Handbook`` is made in the folder ``Staff``; an id cannot be made.
        create: False is ``find_base``.

    Raises:
        UnknownBaseError: There is none, and it is not to be made.
        AmbiguousBaseError: There are several.

    Example:
        >>> base = await ensure_base(client, "Handbook")
    """
    try:
        return await find_base(client, name_or_id)
    except UnknownBaseError:
        if not create or is_id(name_or_id):
            raise
    folder, _, name = name_or_id.rpartition("/")
    return await create_base(client, name, folder=folder or None)
