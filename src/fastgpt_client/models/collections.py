"""Payloads of collections: the files, links and texts of a knowledge base."""

from __future__ import annotations

from typing import Any

from ._base import JSON, Payload
from .datasets import Dataset


class Collection(Payload):
    """A file, link, text or folder. ``type``: ``folder``, ``virtual`` (a text), ``file``, ``link``, ``apiFile``, …

    Lists and single collections tell different parts of this.
    """

    _id: str = ""
    parentId: str | None = None
    datasetId: str | None = None
    teamId: str | None = None
    tmbId: str | None = None
    name: str = ""
    type: str = ""
    createTime: str | None = None
    updateTime: str | None = None
    forbid: bool | None = None
    tags: list[Any] | None = None
    metadata: JSON | None = None
    permission: JSON = {}
    fileId: str | None = None
    rawLink: str | None = None
    externalFileId: str | None = None
    externalFileUrl: str | None = None
    apiFileId: str | None = None
    nextSyncTime: str | None = None
    sourceName: str | None = None
    sourceId: str | None = None
    file: JSON | None = None
    dataset: Dataset | None = None
    dataAmount: int | None = None
    indexAmount: int | None = None
    trainingAmount: int | None = None
    activeTrainingAmount: int | None = None
    finalErrorAmount: int | None = None
    errorCount: int | None = None
    hasError: bool | None = None
    slowestTrainingMode: str | None = None
    slowestTrainingStatus: str | None = None
    rawTextLength: int | None = None
    hashRawText: str | None = None
    trainingType: str | None = None
    chunkTriggerType: str | None = None
    chunkTriggerMinSize: float | None = None
    dataEnhanceCollectionName: bool | None = None
    imageIndex: bool | None = None
    autoIndexes: bool | None = None
    indexPrefixTitle: bool | None = None
    chunkSettingMode: str | None = None
    chunkSplitMode: str | None = None
    paragraphChunkAIMode: str | None = None
    paragraphChunkDeep: float | None = None
    paragraphChunkMinSize: float | None = None
    chunkSize: float | None = None
    chunkSplitter: str | None = None
    indexSize: float | None = None
    qaPrompt: str | None = None
    customPdfParse: bool | None = None

    @property
    def id(self) -> str:
        """The collection's id."""
        return self._id


class InsertResult(Payload):
    """How many rows were put in at once. 0 while the text waits to be cut."""

    insertLen: int = 0


class CreatedCollection(Payload):
    """The new collection, and how many chunks it has already."""

    collectionId: str = ""
    results: InsertResult | None = None


class AdvancedTraining(Payload):
    customPdfParse: bool = False
    imageIndex: bool = False
    autoIndexes: bool = False


class CollectionTraining(Payload):
    """How far the chunks of a collection are; counts by step (``parse``, ``chunk``, ``qa``, ``image``, …)."""

    trainingType: str | None = None
    advancedTraining: AdvancedTraining | None = None
    queuedCounts: dict[str, int] = {}
    trainingCounts: dict[str, int] = {}
    errorCounts: dict[str, int] = {}
    trainedCount: int = 0


class CollectionSource(Payload):
    """Where the original can be read. ``type``: ``url``."""

    type: str = ""
    value: str = ""


class DownloadTicket(Payload):
    """Lets the originals be downloaded once."""

    ticket: str = ""
    expiresAt: str | None = None
