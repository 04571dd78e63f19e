"""The data endpoints: the chunks of collections, their indexes, and their training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, TypeVar, Unpack

from .._call import Call
from .._endpoint import Api, endpoint
from .._files import FileSource, Form, Progress, Upload, uploads_of
from .._response import Response
from .._session import Options
from ..errors import ArgumentError
from ..models._base import Page
from ..models.collections import InsertResult
from ..models.data import (
    Data,
    DataInput,
    DataPermission,
    DataRow,
    DatasetErrors,
    HasErrors,
    IndexInput,
    QuoteData,
    TrainingData,
    TrainingQueue,
    UpdatedData,
)
from ._arguments import ChatOptions, TrainingType, needed, page, wire_arguments

if TYPE_CHECKING:
    from .._io import AsyncIO, FlowIO, SyncIO
    from ..models._base import JSON

IO = TypeVar("IO", "SyncIO", "AsyncIO", "FlowIO", covariant=True)

MAX_ROWS: Final = 200
"""How many rows a server takes with one ``push_data``."""


class DataApi(Api[IO]):
    """Everything under FastGPT's ``/core/dataset/data`` and ``/core/dataset/training``."""

    @endpoint
    def push_data(
        self,
        collectionId: str,
        data: Sequence[DataInput | Mapping[str, object]],
        trainingType: TrainingType | None = None,
        *,
        prompt: str | None = None,
        indexSize: int | None = None,
        autoIndexes: bool | None = None,
        imageIndex: bool | None = None,
        billId: str | None = None,
        trainingMode: TrainingType | None = None,
        **options: Unpack[Options],
    ) -> Call[Response[InsertResult]]:
        """Put chunks into a collection; they are indexed in the background.

        FastGPT: ``POST /api/core/dataset/data/pushData``. Not sent again by itself after it may have arrived.

        Args:
            collectionId: The collection.
            data: ``[{"q": "…", "a": "…", "indexes": [{"text": "…"}]}]`` or :class:`DataInput` objects; at most 200.
            trainingType: ``chunk`` indexes them as they are, ``qa`` lets a model make questions of them.
            prompt: Of ``qa``: what the model is told.
            indexSize: Letters of an index.
            autoIndexes, imageIndex: Let a model add indexes.
            billId: The bill that this is put on (``create_training_usage``).
            trainingMode: What ``trainingType`` was called before 4.9; servers still read it.

        Raises:
            ArgumentError: More than 200 rows: push them in several calls.
            NotFoundError: There is no such collection.

        Example:
            >>> client.push_data(collectionId, [{"q": "What is FastGPT?", "a": "A platform."}]).data.insertLen
        """
        if isinstance(data, (str, bytes, Mapping)):
            raise ArgumentError(f'data must be a list of rows like {{"q": "…", "a": "…"}}, not {data!r:.80}')
        if len(data) > MAX_ROWS:
            raise ArgumentError(f"a server takes at most {MAX_ROWS} rows at once, not {len(data)}: use several calls")
        arguments = {
            "collectionId": needed("collectionId", collectionId),
            "data": list(data),
            "trainingType": trainingType,
            "indexSize": indexSize,
            "autoIndexes": autoIndexes,
            "imageIndex": imageIndex,
            "prompt": prompt,
            "billId": billId,
            "trainingMode": trainingMode,
        }
        return self._call("POST", "/core/dataset/data/pushData", InsertResult, arguments, options)

    @endpoint
    def insert_data(
        self,
        collectionId: str,
        q: str,
        a: str | None = None,
        indexes: Sequence[IndexInput | Mapping[str, object]] | None = None,
        *,
        chunkIndex: int | None = None,
        imageId: str | None = None,
        **options: Unpack[Options],
    ) -> Call[Response[str]]:
        """Put one chunk into a collection and index it at once. ``data`` is its id.

        FastGPT: ``POST /api/core/dataset/data/insertData``.

        Args:
            q: What is searched and shown.
            a: What is shown with it.
            indexes: Further texts that it is found by.
            chunkIndex: Its place in the collection.
            imageId: The picture that it shows.

        Raises:
            ConflictError: The collection has exactly this chunk already.
            NotFoundError: There is no such collection.

        Example:
            >>> client.insert_data(collectionId, "What is a chunk?", "A piece of a text.").data
        """
        arguments = {
            "collectionId": needed("collectionId", collectionId),
            "q": needed("q", q),
            "a": a,
            "indexes": None if indexes is None else list(indexes),
            "chunkIndex": chunkIndex,
            "imageId": imageId,
        }
        return self._call("POST", "/core/dataset/data/insertData", str, arguments, options)

    @endpoint
    def insert_images(
        self,
        collectionId: str,
        files: Sequence[FileSource | Upload],
        *,
        progress: Progress | None = None,
        **options: Unpack[Options],
    ) -> Call[Response[None]]:
        """Put further pictures into a collection of pictures. A model that sees describes them.

        FastGPT: ``POST /api/core/dataset/data/insertImages`` (4.10+; read from the source, not recorded).

        Args:
            collectionId: The collection (``create_image_collection``).
            files: Paths, bytes, files opened in binary mode, iterators of bytes; :class:`Upload` gives one a name.
            progress: Called with the bytes sent so far, and how many there are in all (None where that is not known).

        Example:
            >>> client.insert_images(collectionId, ["washer.png"])
        """
        arguments = {"collectionId": needed("collectionId", collectionId)}
        form = Form(*uploads_of(files, progress))
        return self._call("POST", "/core/dataset/data/insertImages", NoneType, arguments, options, form=form)

    @endpoint
    def list_data(
        self,
        collectionId: str,
        searchText: str | None = None,
        offset: int = 0,
        pageSize: int = 20,
        *,
        pageNum: int | None = None,
        **options: Unpack[Options],
    ) -> Call[Response[Page[DataRow]]]:
        """A page of the chunks of a collection, in their order.

        FastGPT: ``POST /api/core/dataset/data/v2/list`` (4.8.12+).

        Args:
            collectionId: The collection.
            searchText: Only chunks with these words.
            offset: How many to skip.
            pageSize: How many to give; servers give at most 30 (read from the source).
            pageNum: The n-th page, from 1, instead of ``offset``.

        Example:
            >>> for row in client.list_data(collectionId).data.list:
            ...     print(row.chunkIndex, row.q)
        """
        arguments = {
            "collectionId": needed("collectionId", collectionId),
            "searchText": searchText,
            **page(offset, pageSize, pageNum),
        }
        return self._call("POST", "/core/dataset/data/v2/list", Page[DataRow], arguments, options, idempotent=True)

    @endpoint
    def get_data(self, id: str, **options: Unpack[Options]) -> Call[Response[Data]]:  # noqa: A002  # FastGPT's name
        """One chunk, with its indexes.

        FastGPT: ``GET /api/core/dataset/data/detail``.

        Raises:
            NotFoundError: There is none with this id.

        Example:
            >>> [index.text for index in client.get_data(row.id).data.indexes]
        """
        return self._call("GET", "/core/dataset/data/detail", Data, {"id": needed("id", id)}, options)

    @endpoint
    def update_data(
        self,
        dataId: str,
        q: str,
        a: str | None = None,
        indexes: Sequence[IndexInput | Mapping[str, object]] | None = None,
        *,
        imageId: str | None = None,
        indexPrefix: str | None = None,
        **options: Unpack[Options],
    ) -> Call[Response[UpdatedData]]:
        """Change a chunk; it is indexed anew at once.

        FastGPT: ``PUT /api/core/dataset/data/update``.

        Args:
            q, a: What it says from now on. Without ``a`` it stays; ``""`` empties it.
            indexes: All the texts that it is found by besides ``q``; ``dataId`` keeps one that it has. Others that it
                has go, with None all of them (read from the source).
            imageId: The picture that it shows.
            indexPrefix: Put before the indexes.

        Example:
            >>> client.update_data(row.id, q="What is a chunk?", a="A piece of a text.")
        """
        arguments = {
            "dataId": needed("dataId", dataId),
            "q": q,
            "a": a,
            "indexes": None if indexes is None else list(indexes),
            "imageId": imageId,
            "indexPrefix": indexPrefix,
        }
        return self._call("PUT", "/core/dataset/data/update", UpdatedData, arguments, options)

    @endpoint
    def delete_data(self, id: str, **options: Unpack[Options]) -> Call[Response[None]]:  # noqa: A002  # FastGPT's name
        """Delete a chunk.

        FastGPT: ``DELETE /api/core/dataset/data/delete``.

        Raises:
            NotFoundError: There is none with this id.

        Example:
            >>> client.delete_data(row.id)
        """
        return self._call("DELETE", "/core/dataset/data/delete", NoneType, {"id": needed("id", id)}, options)

    @endpoint
    def get_quote_data(
        self,
        id: str,  # noqa: A002  # FastGPT's name
        *,
        appId: str | None = None,
        chatId: str | None = None,
        chatItemDataId: str | None = None,
        **options: Unpack[ChatOptions],
    ) -> Call[Response[QuoteData]]:
        """A cited chunk, and the collection that it comes from.

        FastGPT: ``POST /api/core/dataset/data/getQuoteData`` (4.9+).

        Args:
            id: The chunk's id, as in a citation.
            appId, chatId, chatItemDataId: The answer that cites it, for who may read it only for that.

        Example:
            >>> client.get_quote_data(reply.citations[0].id).data.q
        """
        arguments = {
            **wire_arguments(options, ChatOptions),
            "id": needed("id", id),
            "appId": appId,
            "chatId": chatId,
            "chatItemDataId": chatItemDataId,
        }
        return self._call("POST", "/core/dataset/data/getQuoteData", QuoteData, arguments, options, idempotent=True)

    @endpoint
    def get_data_permission(self, id: str, **options: Unpack[Options]) -> Call[Response[DataPermission]]:  # noqa: A002  # FastGPT's name
        """What the key's owner may do with a chunk, and the name of its knowledge base.

        FastGPT: ``GET /api/core/dataset/data/getPermission`` (read from the source of 4.11.1, not recorded).

        Example:
            >>> client.get_data_permission(row.id).data.datasetName
        """
        return self._call("GET", "/core/dataset/data/getPermission", DataPermission, {"id": needed("id", id)}, options)

    @endpoint
    def create_data_index(
        self,
        dataId: str,
        text: str,
        type: str | None = None,  # noqa: A002  # FastGPT's name
        **options: Unpack[Options],
    ) -> Call[Response[JSON]]:
        """Give a chunk one more text that it is found by.

        FastGPT: ``POST /api/core/dataset/data/index/create`` (4.15+; arguments and answer inferred).

        Example:
            >>> client.create_data_index(row.id, "holidays")
        """
        arguments = {"dataId": needed("dataId", dataId), "text": needed("text", text), "type": type}
        return self._call("POST", "/core/dataset/data/index/create", dict[str, Any], arguments, options)

    @endpoint
    def update_data_index(
        self, dataId: str, indexDataId: str, text: str, **options: Unpack[Options]
    ) -> Call[Response[JSON]]:
        """Change one of the texts that a chunk is found by.

        FastGPT: ``POST /api/core/dataset/data/index/update`` (4.15+; arguments and answer inferred).

        Args:
            indexDataId: ``dataId`` of the index.

        Example:
            >>> client.update_data_index(chunk.id, chunk.indexes[0].dataId, "holidays")
        """
        arguments = {
            "dataId": needed("dataId", dataId),
            "indexDataId": needed("indexDataId", indexDataId),
            "text": needed("text", text),
        }
        path = "/core/dataset/data/index/update"
        return self._call("POST", path, dict[str, Any], arguments, options, idempotent=True)

    @endpoint
    def delete_data_index(self, dataId: str, indexDataId: str, **options: Unpack[Options]) -> Call[Response[JSON]]:
        """Take one of the texts away that a chunk is found by.

        FastGPT: ``POST /api/core/dataset/data/index/delete`` (4.15+; arguments and answer inferred).

        Example:
            >>> client.delete_data_index(chunk.id, chunk.indexes[-1].dataId)
        """
        arguments = {"dataId": needed("dataId", dataId), "indexDataId": needed("indexDataId", indexDataId)}
        return self._call("POST", "/core/dataset/data/index/delete", dict[str, Any], arguments, options)

    @endpoint
    def get_training_queue(self, datasetId: str, **options: Unpack[Options]) -> Call[Response[TrainingQueue]]:
        """How many chunks of a knowledge base wait to be indexed.

        FastGPT: ``GET /api/core/dataset/training/getDatasetTrainingQueue`` (4.9+).

        Example:
            >>> client.get_training_queue(datasetId).data.trainingCount
        """
        path, arguments = (
            "/core/dataset/training/getDatasetTrainingQueue",
            {"datasetId": needed("datasetId", datasetId)},
        )
        return self._call("GET", path, TrainingQueue, arguments, options)

    @endpoint
    def list_training_errors(
        self,
        collectionId: str,
        offset: int = 0,
        pageSize: int = 20,
        *,
        pageNum: int | None = None,
        **options: Unpack[Options],
    ) -> Call[Response[Page[TrainingData]]]:
        """A page of the chunks of a collection that could not be indexed, with the reason.

        FastGPT: ``POST /api/core/dataset/training/getTrainingError`` (4.9+; read from the source, not recorded).

        Example:
            >>> [failed.errorMsg for failed in client.list_training_errors(collectionId).data.list]
        """
        arguments = {"collectionId": needed("collectionId", collectionId), **page(offset, pageSize, pageNum)}
        path = "/core/dataset/training/getTrainingError"
        return self._call("POST", path, Page[TrainingData], arguments, options, idempotent=True)

    @endpoint
    def list_dataset_training_errors(
        self,
        datasetId: str,
        collectionId: str | None = None,
        offset: int = 0,
        pageSize: int = 20,
        *,
        itemOffset: int | None = None,
        itemPageSize: int | None = None,
        pageNum: int | None = None,
        **options: Unpack[Options],
    ) -> Call[Response[DatasetErrors]]:
        """A page of the collections with chunks that could not be indexed, each with its first such chunks.

        FastGPT: ``POST /api/core/dataset/training/getDatasetTrainingError`` (4.15+; read from the source, whether it
        takes keys is inferred).

        Args:
            collectionId: Only this collection.
            offset, pageSize, pageNum: Which collections; at most 20 at once.
            itemOffset, itemPageSize: Which chunks of each; at most 20 at once.

        Example:
            >>> [group.errorCount for group in client.list_dataset_training_errors(datasetId).data.list]
        """
        arguments = {
            "datasetId": needed("datasetId", datasetId),
            "collectionId": collectionId,
            **page(offset, pageSize, pageNum),
            "itemOffset": itemOffset,
            "itemPageSize": itemPageSize,
        }
        path = "/core/dataset/training/getDatasetTrainingError"
        return self._call("POST", path, DatasetErrors, arguments, options, idempotent=True)

    @endpoint
    def has_dataset_training_errors(self, datasetId: str, **options: Unpack[Options]) -> Call[Response[HasErrors]]:
        """Whether some chunk of a knowledge base could not be indexed.

        FastGPT: ``GET /api/core/dataset/training/hasDatasetTrainingError`` (4.15+; read from the source, whether it
        takes keys is inferred).

        Example:
            >>> client.has_dataset_training_errors(datasetId).data.hasError
        """
        path, arguments = (
            "/core/dataset/training/hasDatasetTrainingError",
            {"datasetId": needed("datasetId", datasetId)},
        )
        return self._call("GET", path, HasErrors, arguments, options)

    @endpoint
    def get_training_data(
        self, collectionId: str, dataId: str, datasetId: str | None = None, **options: Unpack[Options]
    ) -> Call[Response[TrainingData]]:
        """A chunk that waits to be indexed, or could not be.

        FastGPT: ``POST /api/core/dataset/training/getTrainingDataDetail`` (4.9+; read from the source, not recorded).

        Args:
            datasetId: The knowledge base; older servers need it.

        Example:
            >>> client.get_training_data(collectionId, failed.id, datasetId).data.q
        """
        arguments = {
            "datasetId": datasetId,
            "collectionId": needed("collectionId", collectionId),
            "dataId": needed("dataId", dataId),
        }
        path = "/core/dataset/training/getTrainingDataDetail"
        return self._call("POST", path, TrainingData, arguments, options, idempotent=True)

    @endpoint
    def update_training_data(
        self,
        datasetId: str | None = None,
        collectionId: str | None = None,
        dataId: str | None = None,
        q: str | None = None,
        a: str | None = None,
        chunkIndex: int | None = None,
        **options: Unpack[Options],
    ) -> Call[Response[None]]:
        """Change a chunk that could not be indexed, and try it again; without ``dataId`` try all failed ones again.

        FastGPT: ``PUT /api/core/dataset/training/updateTrainingData`` (4.9+; read from the source, not recorded).

        Example:
            >>> client.update_training_data(datasetId, collectionId, failed.id)
        """
        arguments = {
            "datasetId": datasetId,
            "collectionId": collectionId,
            "dataId": dataId,
            "q": q,
            "a": a,
            "chunkIndex": chunkIndex,
        }
        return self._call("PUT", "/core/dataset/training/updateTrainingData", NoneType, arguments, options)

    @endpoint
    def delete_training_data(
        self, collectionId: str, dataId: str, datasetId: str | None = None, **options: Unpack[Options]
    ) -> Call[Response[None]]:
        """Give up a chunk that waits to be indexed, or could not be.

        FastGPT: ``POST /api/core/dataset/training/deleteTrainingData`` (4.9+; read from the source, not recorded).

        Args:
            datasetId: The knowledge base; older servers need it.

        Example:
            >>> client.delete_training_data(collectionId, failed.id, datasetId)
        """
        arguments = {
            "datasetId": datasetId,
            "collectionId": needed("collectionId", collectionId),
            "dataId": needed("dataId", dataId),
        }
        return self._call("POST", "/core/dataset/training/deleteTrainingData", NoneType, arguments, options)

    @endpoint
    def rebuild_embedding(
        self,
        datasetId: str,
        vectorModel: str | None = None,
        vectorModelId: str | None = None,
        **options: Unpack[Options],
    ) -> Call[Response[None]]:
        """Index a whole knowledge base anew with another model, in the background.

        FastGPT: ``POST /api/core/dataset/training/rebuildEmbedding`` (read from the source, not recorded).

        Args:
            vectorModel: The model's name (up to 4.16).
            vectorModelId: The model's id (4.17+).

        Example:
            >>> client.rebuild_embedding(datasetId, "text-embedding-3-large")
        """
        if not vectorModel and not vectorModelId:
            raise ArgumentError("vectorModel is needed (from 4.17 on vectorModelId), and must not be empty")
        arguments = {
            "datasetId": needed("datasetId", datasetId),
            "vectorModel": vectorModel,
            "vectorModelId": vectorModelId,
        }
        return self._call("POST", "/core/dataset/training/rebuildEmbedding", NoneType, arguments, options)

    @endpoint
    def create_training_usage(self, datasetId: str, name: str, **options: Unpack[Options]) -> Call[Response[str]]:
        """Open a bill that several ``push_data`` are put on together. ``data`` is its ``billId``.

        FastGPT: ``POST /api/support/wallet/usage/createTrainingUsage``.

        Example:
            >>> billId = client.create_training_usage(datasetId, "Handbook").data
        """
        arguments = {"name": needed("name", name), "datasetId": needed("datasetId", datasetId)}
        return self._call("POST", "/support/wallet/usage/createTrainingUsage", str, arguments, options)
