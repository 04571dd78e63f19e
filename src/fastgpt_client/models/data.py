"""Payloads of data: the chunks of a collection, their indexes, and their training."""

from __future__ import annotations

from typing import Any

import msgspec

from ._base import JSON, Payload
from .collections import Collection


class IndexInput(msgspec.Struct, omit_defaults=True):
    """An index to give to a chunk: a text that it is found by. ``dataId``: the index to keep, when it has one."""

    text: str
    type: str | None = None
    dataId: str | None = None


class DataInput(msgspec.Struct, omit_defaults=True):
    """A chunk to put in: ``q`` is searched and shown, ``a`` is shown with it. A ``dict`` of these does as well."""

    q: str | None = None
    a: str | None = None
    indexes: list[IndexInput] | None = None
    chunkIndex: int | None = None
    imageId: str | None = None
    metadata: dict[str, Any] | None = None


class DataRow(Payload):
    """A chunk in a list."""

    _id: str = ""
    datasetId: str = ""
    collectionId: str = ""
    q: str | None = None
    a: str | None = None
    chunkIndex: int | None = None
    imageId: str | None = None
    imageSize: int | None = None
    imagePreviewUrl: str | None = None
    updated: bool | None = None
    teamId: str | None = None

    @property
    def id(self) -> str:
        """The chunk's id."""
        return self._id


class DataIndex(Payload):
    """A text that a chunk is found by. ``type``: ``default``, ``custom``, ``question``, ``summary``, ``image``, …"""

    type: str = ""
    dataId: str = ""
    text: str = ""
    _id: str | None = None


class Data(Payload):
    """A chunk with its indexes; ``imagePreivewUrl`` is FastGPT's spelling."""

    id: str = ""
    teamId: str | None = None
    datasetId: str = ""
    collectionId: str = ""
    q: str = ""
    a: str | None = None
    imageId: str | None = None
    imagePreivewUrl: str | None = None
    imageDescMap: dict[str, str] | None = None
    updateTime: str | None = None
    sourceName: str = ""
    sourceId: str | None = None
    chunkIndex: int | None = None
    indexes: list[DataIndex] = []
    isOwner: bool | None = None
    metadata: JSON | None = None


class UpdatedData(Payload):
    """What a chunk says now (4.16; older servers say nothing)."""

    q: str | None = None
    a: str | None = None


class QuoteData(Payload):
    """A chunk and where it comes from."""

    q: str = ""
    a: str | None = None
    collection: Collection | None = None


class DataRights(Payload):
    hasReadPer: bool = False
    hasWritePer: bool = False


class DataPermission(Payload):
    """What the key's owner may do with a chunk."""

    datasetName: str = ""
    permission: DataRights | None = None


class TrainingQueue(Payload):
    """How many chunks of a knowledge base wait."""

    rebuildingCount: int = 0
    trainingCount: int = 0


class TrainingData(Payload):
    """A chunk that waits for training, or failed in it. ``mode``: the step that it is at."""

    _id: str = ""
    datasetId: str = ""
    collectionId: str = ""
    mode: str = ""
    dataId: str | None = None
    q: str | None = None
    a: str | None = None
    imageId: str | None = None
    imagePreviewUrl: str | None = None
    chunkIndex: int | None = None
    indexes: list[JSON] = []
    retryCount: int | None = None
    errorMsg: str | None = None
    lockTime: str | None = None

    @property
    def id(self) -> str:
        """The waiting chunk's id."""
        return self._id


class CollectionErrors(Payload):
    """The failed chunks of one collection."""

    collection: Collection | None = None
    items: list[TrainingData] = []
    errorCount: int = 0
    hasMoreItems: bool = False

    @property
    def id(self) -> str:
        """The collection's id."""
        return self.collection.id if isinstance(self.collection, Collection) else ""


class HasErrors(Payload):
    hasError: bool = False
