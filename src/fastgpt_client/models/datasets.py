"""Payloads of the knowledge base endpoints."""

from __future__ import annotations

from typing import Any

from ._base import JSON, Payload, Rows


class Dataset(Payload):
    """A knowledge base. ``type``: ``dataset``, ``folder``, ``websiteDataset``, ``apiDataset``, …"""

    _id: str = ""
    parentId: str | None = None
    name: str = ""
    avatar: str | None = None
    intro: str | None = None
    type: str = ""
    status: str | None = None
    updateTime: str | None = None
    vectorModel: Any = None
    agentModel: Any = None
    vlmModel: Any = None
    permission: JSON = {}
    inheritPermission: bool | None = None
    private: bool | None = None
    teamId: str | None = None
    tmbId: str | None = None
    errorMsg: str | None = None
    sourceMember: JSON | None = None
    websiteConfig: JSON | None = None
    chunkSettings: JSON | None = None
    apiDatasetServer: JSON | None = None
    deleteTime: str | None = None

    @property
    def id(self) -> str:
        """The knowledge base's id."""
        return self._id


class BatchResult(Payload):
    """What became of many at once; ``affectedIds`` also names what was inside them."""

    successIds: list[str] = []
    failedIds: list[str] = []
    affectedIds: list[str] = []


class Score(Payload):
    """``type``: ``embedding``, ``fullText``, ``reRank``, ``rrf``. ``index``: the rank, from 0."""

    type: str = ""
    value: float | None = None
    index: int | None = None


class SearchHit(Payload):
    """A chunk that was found; ``imagePreivewUrl`` is FastGPT's spelling."""

    id: str = ""
    q: str = ""
    a: str | None = None
    chunkIndex: int | None = None
    datasetId: str = ""
    collectionId: str = ""
    sourceName: str = ""
    sourceId: str | None = None
    updateTime: str | None = None
    imageId: str | None = None
    imagePreivewUrl: str | None = None
    score: list[Score] = []
    tokens: int | None = None


class SearchResult(Payload):
    """The chunks, best first, and how the server searched. ``limit``: tokens, not chunks."""

    list: Rows[SearchHit] = []
    duration: str | None = None
    limit: int | None = None
    searchMode: str | None = None
    usingReRank: bool | None = None
    similarity: float | None = None
    usingSimilarityFilter: bool | None = None
    queryExtensionModel: str | None = None


class ApiFile(Payload):
    """A file or folder of an outside file service. ``type``: ``file``, ``folder``."""

    id: str = ""
    rawId: str | None = None
    parentId: str | None = None
    name: str = ""
    type: str = ""
    hasChild: bool | None = None
    updateTime: str | None = None
    createTime: str | None = None


class PreviewChunk(Payload):
    q: str = ""
    a: str | None = None


class PreviewChunks(Payload):
    """The first chunks that a text would be cut into, and how many there would be."""

    chunks: list[PreviewChunk] = []
    total: int = 0


class Embedding(Payload):
    """A vector of one input; ``index`` says of which."""

    index: int = 0
    embedding: list[float] = []
    object: str = "embedding"
