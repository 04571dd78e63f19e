"""What several areas ask of arguments before they leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from .._call import OPTIONS
from .._session import Options
from ..errors import ArgumentError


class ChatOptions(Options, total=False):
    """Whose chat is meant, where it is not an app's own, and what every call takes.

    ``skillId``: a skill instead of an app. ``sourceType``: ``app``, or ``chatAgentHelper`` for the helper that edits
    the app. ``outLinkAuthData``: ``{"shareId": …, "outLinkUid": …}``, a user of a share link; the two are also sent
    beside the other arguments, where servers before 4.15 read them. Of ``appId``, ``skillId``
    and ``outLinkAuthData`` a server takes exactly one (4.15+), so the client's own app is left out beside them.
    """

    skillId: str
    sourceType: Literal["app", "chatAgentHelper"]
    outLinkAuthData: Mapping[str, str]


class HistoryFilters(ChatOptions, total=False):
    """Which conversations; and whose, and what every call takes, as of :class:`ChatOptions`.

    ``customUid``: only this user's (4.18; inferred from the documentation). The others are ISO 8601 bounds.
    """

    customUid: str
    startCreateTime: str
    endCreateTime: str
    startUpdateTime: str
    endUpdateTime: str


class LogFilters(Options, total=False):
    """Which conversations in the logs of an app, and what every call takes.

    ``chatSearch``: only those with this text. ``tmbIds``, ``outLinkUids``: only of these members, or of these users
    (``customUid``). ``feedbackType``, ``unreadOnly``, ``errorFilter``: only those with feedback, unread feedback or
    errors.
    """

    chatSearch: str
    tmbIds: Sequence[str]
    outLinkUids: Sequence[str]
    feedbackType: Literal["all", "has_feedback", "good", "bad"]
    unreadOnly: bool
    errorFilter: Literal["all", "has_error"]


class CollectionFilters(Options, total=False):
    """Which collections, and what every call takes.

    ``selectFolder``: only folders. ``filterTags``: only those with these tags (ids). ``tagFilters``: the same from 4.17
    on (read from the source). ``simple``: without counts and rights.
    """

    selectFolder: bool
    filterTags: Sequence[str]
    tagFilters: Sequence[Mapping[str, object]]
    simple: bool


TrainingType: TypeAlias = Literal["chunk", "qa", "imageParse", "backup", "template", "auto"]
Tag: TypeAlias = str | Mapping[str, object]
"""The name of a tag; from 4.17 on also ``{"tag": …, "value": …}`` (inferred from the source)."""


class ChunkSettings(Options, total=False):
    """How a text is cut into chunks and indexed, and what every call takes. What is left out the server decides.

    ``trainingType``: ``chunk`` (cut), ``qa`` (a model makes questions and answers). ``chunkSettingMode``: ``custom`` to
    make the sizes below count. ``chunkSplitMode``: at paragraphs, at ``chunkSize`` (letters) or at ``chunkSplitter``.
    ``indexSize``: letters of an index. ``autoIndexes``, ``imageIndex``: let a model add indexes. ``qaPrompt``: how it
    is asked. ``autoIndexesPrompt``, ``imageIndexPrompt``: newer than 4.16 (inferred from the source).
    ``customPdfParse``: read PDFs with the configured service.
    """

    trainingType: TrainingType
    chunkTriggerType: Literal["minSize", "forceChunk", "maxSize"]
    chunkTriggerMinSize: float
    dataEnhanceCollectionName: bool
    imageIndex: bool
    autoIndexes: bool
    indexPrefixTitle: bool
    chunkSettingMode: Literal["auto", "custom"]
    chunkSplitMode: Literal["paragraph", "size", "char"]
    paragraphChunkAIMode: Literal["auto", "force", "forbid"]
    paragraphChunkDeep: float
    paragraphChunkMinSize: float
    chunkSize: float
    chunkSplitter: str
    indexSize: float
    qaPrompt: str
    autoIndexesPrompt: str
    imageIndexPrompt: str
    customPdfParse: bool


class CollectionOptions(ChunkSettings, total=False):
    """Where a new collection goes, how its text is cut (see :class:`ChunkSettings`), and what every call takes.

    ``parentId``: a folder. ``tags``: names of tags. ``metadata``: stored with it.
    """

    parentId: str
    tags: Sequence[Tag]
    metadata: Mapping[str, object]


def wire_arguments(options: Options, kind: type[Options]) -> dict[str, object]:
    """The wire arguments among the options of a call; ``kind`` says which there are. Call refuses misspelt ones."""
    known: frozenset[str] = getattr(kind, "__optional_keys__")  # noqa: B009  # mypy does not see it on a TypedDict
    return {name: value for name, value in options.items() if name in known and name not in OPTIONS}


def page(offset: int, pageSize: int, pageNum: int | None) -> dict[str, object]:
    """From a row on, or the n-th page: servers take one or the other."""
    if pageNum is not None:
        return {"pageNum": pageNum, "pageSize": pageSize}
    return {"offset": offset, "pageSize": pageSize}


def needed(name: str, value: str) -> str:
    if not value:
        raise ArgumentError(f"{name} is needed, and must not be empty")
    return value


def listed(name: str, value: Sequence[str]) -> list[str]:
    """A list of texts; one text alone would be sent letter by letter."""
    if isinstance(value, str):
        raise ArgumentError(f'{name} takes a list: ["{value}"]')
    return list(value)


def ids(name: str, value: Sequence[str], at_most: int | None = None) -> list[str]:
    """A list of ids that is not empty."""
    if not (given := listed(name, value)) or (at_most is not None and len(given) > at_most):
        most = f" and at most {at_most}" if at_most is not None else ""
        raise ArgumentError(f"{name} takes at least one id{most}, not {len(given)}")
    return given
