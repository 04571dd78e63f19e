"""The knowledge base endpoints: knowledge bases and folders, search, outside files, embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import NoneType
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar, Unpack

from .._call import Call
from .._endpoint import Api, as_steps, endpoint, flow, pages
from .._files import FileSource, Progress, Upload
from .._flow import Flow
from .._io import FlowIO
from .._paging import Pages, of_folders, of_list
from .._response import Response
from .._session import Options
from ..errors import ArgumentError
from ..models.chat import PresignedUpload
from ..models.datasets import ApiFile, BatchResult, Dataset, Embedding, PreviewChunks, SearchResult
from ._arguments import ChunkSettings, ids, needed, wire_arguments
from .uploads import upload

if TYPE_CHECKING:
    from .._io import AsyncIO, SyncIO

IO = TypeVar("IO", "SyncIO", "AsyncIO", "FlowIO", covariant=True)

DatasetType: TypeAlias = Literal[
    "dataset", "folder", "websiteDataset", "externalFile", "apiDataset", "feishu", "yuque", "dingtalk"
]
SearchMode: TypeAlias = Literal["embedding", "fullTextRecall", "mixedRecall"]


class DatasetApi(Api[IO]):
    """Everything under FastGPT's ``/core/dataset`` that concerns knowledge bases as a whole."""

    @endpoint
    def create_dataset(
        self,
        name: str,
        parentId: str | None = None,
        type: DatasetType = "dataset",  # noqa: A002  # FastGPT's name
        intro: str | None = None,
        avatar: str | None = None,
        vectorModel: str | None = None,
        agentModel: str | None = None,
        vlmModel: str | None = None,
        *,
        vectorModelId: str | None = None,
        agentModelId: str | None = None,
        vlmModelId: str | None = None,
        apiDatasetServer: Mapping[str, object] | None = None,
        **options: Unpack[Options],
    ) -> Call[Response[str]]:
        """Make a knowledge base. ``data`` is its id.

        FastGPT: ``POST /api/core/dataset/create``.

        Args:
            name: What it is called.
            parentId: A folder; without it at the top.
            type: ``dataset``, ``folder``, or where its files come from.
            intro: What it is about.
            avatar: The address of a picture.
            vectorModel, agentModel, vlmModel: Names of the models for indexes, for work on texts, and for pictures;
                without them the server's defaults. The first cannot be changed later by this SDK's other calls than
                ``rebuild_embedding``.
            vectorModelId, agentModelId, vlmModelId: The same by id (4.17+, read from the source).
            apiDatasetServer: For outside files: ``{"apiServer": {"baseUrl": …, "authorization": …}}``,
                ``{"feishuServer": …}``, ``{"yuqueServer": …}``.

        Raises:
            ValidationError: The name is missing.

        Example:
            >>> datasetId = client.create_dataset("Handbook", vectorModel="text-embedding-3-small").data
        """
        arguments = {
            "parentId": parentId,
            "type": type,
            "name": needed("name", name),
            "intro": intro or "",  # some versions want them, if only empty
            "avatar": avatar or "",
            "vectorModel": vectorModel,
            "agentModel": agentModel,
            "vlmModel": vlmModel,
            "vectorModelId": vectorModelId,
            "agentModelId": agentModelId,
            "vlmModelId": vlmModelId,
            "apiDatasetServer": apiDatasetServer,
        }
        return self._call("POST", "/core/dataset/create", str, arguments, options)

    @endpoint
    def create_dataset_folder(
        self, name: str, parentId: str | None = None, intro: str | None = None, **options: Unpack[Options]
    ) -> Call[Response[None]]:
        """Make a folder for knowledge bases. The answer has no id; ``create_dataset(type="folder")`` tells it.

        FastGPT: ``POST /api/core/dataset/folder/create`` (4.8.20+; read from the source, not recorded).

        Example:
            >>> client.create_dataset_folder("Products")
        """
        arguments = {"parentId": parentId, "name": needed("name", name), "intro": intro or ""}
        return self._call("POST", "/core/dataset/folder/create", NoneType, arguments, options)

    @endpoint
    def list_datasets(
        self,
        parentId: str | None = None,
        searchKey: str | None = None,
        type: DatasetType | None = None,  # noqa: A002  # FastGPT's name
        **options: Unpack[Options],
    ) -> Call[Response[list[Dataset]]]:
        """The knowledge bases and folders in a folder; without ``parentId`` at the top.

        FastGPT: ``POST /api/core/dataset/list``.

        Example:
            >>> {dataset.name: dataset.id for dataset in client.list_datasets().data}
        """
        arguments = {"parentId": parentId, "searchKey": searchKey, "type": type}
        return self._call("POST", "/core/dataset/list", list[Dataset], arguments, options, idempotent=True)

    @pages
    def iter_datasets(
        self: DatasetApi[FlowIO],
        parentId: str | None = None,
        searchKey: str | None = None,
        type: DatasetType | None = None,  # noqa: A002  # FastGPT's name
        **options: Unpack[Options],
    ) -> Pages[Dataset]:
        """The knowledge bases that the key's owner may see, folder after folder, with the folders themselves.

        FastGPT: ``POST /api/core/dataset/list``, once for each folder.

        Args:
            parentId: Where to begin; without it at the top.
            searchKey, type: As of ``list_datasets``; with either of them folders are not opened.

        Example:
            >>> [dataset.name for dataset in client.iter_datasets() if dataset.type != "folder"]
        """
        if searchKey or type:
            return of_list(self.list_datasets(parentId, searchKey, type, **options))
        return of_folders(lambda folder: self.list_datasets(folder, **options), parentId)

    @endpoint
    def get_dataset(self, id: str, **options: Unpack[Options]) -> Call[Response[Dataset]]:  # noqa: A002  # FastGPT's name
        """One knowledge base, with its models and settings.

        FastGPT: ``GET /api/core/dataset/detail`` (only its errors are recorded).

        Raises:
            NotFoundError: There is none with this id.

        Example:
            >>> client.get_dataset("…").data.name
        """
        return self._call("GET", "/core/dataset/detail", Dataset, {"id": id}, options)

    @endpoint
    def update_dataset(
        self,
        id: str,  # noqa: A002  # FastGPT's name
        name: str | None = None,
        intro: str | None = None,
        avatar: str | None = None,
        parentId: str | None = None,
        *,
        agentModel: str | None = None,
        vlmModel: str | None = None,
        agentModelId: str | None = None,
        vlmModelId: str | None = None,
        websiteConfig: Mapping[str, object] | None = None,
        externalReadUrl: str | None = None,
        apiDatasetServer: Mapping[str, object] | None = None,
        autoSync: bool | None = None,
        chunkSettings: Mapping[str, object] | None = None,
        **options: Unpack[Options],
    ) -> Call[Response[None]]:
        """Change a knowledge base; what is left out stays.

        FastGPT: ``PUT /api/core/dataset/update`` (takes API keys since 4.15.0; all but name read from the
        source).

        Args:
            name, intro, avatar: See ``create_dataset``.
            parentId: The folder to move it to. To the top: ``extra_body={"parentId": None}``.
            agentModel, vlmModel: Names of models (up to 4.16).
            agentModelId, vlmModelId: Ids of models (4.17+).
            websiteConfig: ``{"url": …, "selector": …}`` of a website knowledge base.
            externalReadUrl: Where the originals of outside files are read.
            apiDatasetServer: See ``create_dataset``.
            autoSync: Fetch outside files again from time to time.
            chunkSettings: How its texts are cut; fields as of ``create_text_collection``.

        Raises:
            AuthenticationError: The server is older than 4.15.

        Example:
            >>> client.update_dataset(datasetId, name="Handbook 2027")
        """
        arguments = {
            "id": needed("id", id),
            "parentId": parentId,
            "name": name,
            "intro": intro,
            "avatar": avatar,
            "agentModel": agentModel,
            "vlmModel": vlmModel,
            "agentModelId": agentModelId,
            "vlmModelId": vlmModelId,
            "websiteConfig": websiteConfig,
            "externalReadUrl": externalReadUrl,
            "apiDatasetServer": apiDatasetServer,
            "autoSync": autoSync,
            "chunkSettings": chunkSettings,
        }
        return self._call("PUT", "/core/dataset/update", NoneType, arguments, options)

    @endpoint
    def delete_dataset(self, id: str, **options: Unpack[Options]) -> Call[Response[None]]:  # noqa: A002  # FastGPT's name
        """Delete a knowledge base with all that is in it. From 4.14 on it goes in the background.

        FastGPT: ``DELETE /api/core/dataset/delete``.

        Raises:
            NotFoundError: There is none with this id (4.14 and later may answer success).

        Example:
            >>> client.delete_dataset(datasetId)
        """
        return self._call("DELETE", "/core/dataset/delete", NoneType, {"id": needed("id", id)}, options)

    @endpoint
    def move_datasets(
        self,
        ids: Sequence[str],
        parentId: str | None,
        **options: Unpack[Options],
    ) -> Call[Response[BatchResult]]:
        """Move knowledge bases and folders into a folder; None for the top (this one ``null`` is sent).

        FastGPT: ``POST /api/core/dataset/batch/move`` (4.17+; read from the source, not recorded).

        Example:
            >>> client.move_datasets([datasetId], folderId).data.failedIds
        """
        call = self._call(
            "POST", "/core/dataset/batch/move", BatchResult, {"ids": _ids("ids", ids)}, options, idempotent=True
        )
        assert call.body is not None
        call.body["parentId"] = parentId
        return call

    @endpoint
    def delete_datasets(self, ids: Sequence[str], **options: Unpack[Options]) -> Call[Response[BatchResult]]:
        """Delete knowledge bases and folders with all that is in them.

        FastGPT: ``POST /api/core/dataset/batch/delete`` (4.17+; read from the source, not recorded).

        Example:
            >>> client.delete_datasets([datasetId]).data.failedIds
        """
        return self._call("POST", "/core/dataset/batch/delete", BatchResult, {"ids": _ids("ids", ids)}, options)

    @endpoint
    def search_dataset(
        self,
        datasetId: str,
        text: str | None = None,
        limit: int | None = None,
        similarity: float | None = None,
        searchMode: SearchMode | None = None,
        *,
        usingReRank: bool | None = None,
        embeddingWeight: float | None = None,
        rerankModel: str | None = None,
        rerankWeight: float | None = None,
        datasetSearchUsingExtensionQuery: bool | None = None,
        datasetSearchExtensionModel: str | None = None,
        datasetSearchExtensionBg: str | None = None,
        datasetDeepSearch: bool | None = None,
        datasetDeepSearchModel: str | None = None,
        datasetDeepSearchMaxTimes: int | None = None,
        datasetDeepSearchBg: str | None = None,
        queryImageUrls: Sequence[str] | None = None,
        rerankModelId: str | None = None,
        datasetSearchExtensionModelId: str | None = None,
        datasetDeepSearchModelId: str | None = None,
        **options: Unpack[Options],
    ) -> Call[Response[SearchResult]]:
        """The chunks of a knowledge base that fit a text, best first, with their scores.

        FastGPT: ``POST /api/core/dataset/searchTest``.

        Args:
            datasetId: The knowledge base.
            text: What to look for.
            limit: A budget in **tokens**, not a number of chunks: chunks are given until their texts are this long.
            similarity: From 0 to 1: leave out chunks with a lower score, where scores can be compared.
            searchMode: By meaning (``embedding``), by words (``fullTextRecall``), or both (``mixedRecall``).
            usingReRank: Let a rerank model sort what was found.
            embeddingWeight: Of ``mixedRecall``: how much meaning counts against words, 0 to 1.
            rerankModel, rerankWeight: Which model, and how much it counts, 0 to 1.
            datasetSearchUsingExtensionQuery: Let a model word the question anew first.
            datasetSearchExtensionModel, datasetSearchExtensionBg: Which model, and what it should know.
            datasetDeepSearch, datasetDeepSearchModel, datasetDeepSearchMaxTimes, datasetDeepSearchBg: Search several
                times, led by a model.
            queryImageUrls: Pictures to look for (4.15+); keys of ``presign_search_image``; at most 10.
            rerankModelId, datasetSearchExtensionModelId, datasetDeepSearchModelId: Models by id (4.17+, read from
                the source).

        Raises:
            NotFoundError: There is no such knowledge base.
            ArgumentError: Neither a text nor pictures.

        Example:
            >>> for hit in client.search_dataset(datasetId, "How many days off?", limit=3000).data.list:
            ...     print(hit.score[0].value, hit.q)
        """
        if not text and not queryImageUrls:
            raise ArgumentError("text is needed (or queryImageUrls), and must not be empty")
        arguments = {
            "datasetId": needed("datasetId", datasetId),
            "text": text,
            "queryImageUrls": queryImageUrls,
            "limit": limit,
            "similarity": similarity,
            "searchMode": searchMode,
            "embeddingWeight": embeddingWeight,
            "usingReRank": usingReRank,
            "rerankModel": rerankModel,
            "rerankModelId": rerankModelId,
            "rerankWeight": rerankWeight,
            "datasetSearchUsingExtensionQuery": datasetSearchUsingExtensionQuery,
            "datasetSearchExtensionModel": datasetSearchExtensionModel,
            "datasetSearchExtensionModelId": datasetSearchExtensionModelId,
            "datasetSearchExtensionBg": datasetSearchExtensionBg,
            "datasetDeepSearch": datasetDeepSearch,
            "datasetDeepSearchModel": datasetDeepSearchModel,
            "datasetDeepSearchModelId": datasetDeepSearchModelId,
            "datasetDeepSearchMaxTimes": datasetDeepSearchMaxTimes,
            "datasetDeepSearchBg": datasetDeepSearchBg,
        }
        return self._call("POST", "/core/dataset/searchTest", SearchResult, arguments, options, idempotent=True)

    @endpoint
    def presign_search_image(
        self, datasetId: str, filename: str, **options: Unpack[Options]
    ) -> Call[Response[PresignedUpload]]:
        """Where to upload a picture to search with. Nothing is uploaded by this.

        FastGPT: ``POST /api/core/dataset/file/presignSearchTestImage`` (4.15+; read from the source, not
        recorded). Whether it takes keys is inferred.

        Example:
            >>> client.presign_search_image(datasetId, "part.png").data.url
        """
        arguments = {"datasetId": needed("datasetId", datasetId), "filename": needed("filename", filename)}
        path = "/core/dataset/file/presignSearchTestImage"
        return self._call("POST", path, PresignedUpload, arguments, options, idempotent=True)

    @endpoint
    def get_search_image_urls(
        self, datasetId: str, keys: Sequence[str], **options: Unpack[Options]
    ) -> Call[Response[list[object]]]:
        """Addresses to see pictures at that were uploaded to search with.

        FastGPT: ``POST /api/core/dataset/file/getSearchTestImagePreviewUrls`` (4.15+; arguments and answer inferred).

        Example:
            >>> client.get_search_image_urls(datasetId, [upload.file_key]).data
        """
        arguments = {"datasetId": needed("datasetId", datasetId), "keys": _ids("keys", keys)}
        path = "/core/dataset/file/getSearchTestImagePreviewUrls"
        return self._call("POST", path, list[object], arguments, options, idempotent=True)

    @endpoint
    def presign_dataset_file_post_url(
        self, datasetId: str, filename: str, size: int | None = None, **options: Unpack[Options]
    ) -> Call[Response[PresignedUpload]]:
        """Where to upload a file for ``create_file_id_collection``. Nothing is uploaded by this.

        FastGPT: ``POST /api/core/dataset/file/presignDatasetFilePostUrl`` (4.14.0+; before about 4.14.5
        ``/api/core/dataset/presignDatasetFilePostUrl``; the newer one read from the source). Before 4.14.5 the answer
        has other fields. Whether the newer one takes keys is inferred.

        Args:
            size: Bytes.

        Raises:
            NotFoundError: The server is older than 4.14.

        Example:
            >>> client.presign_dataset_file_post_url(datasetId, "handbook.pdf").data.url
        """
        arguments = {
            "datasetId": needed("datasetId", datasetId),
            "filename": needed("filename", filename),
            "size": size,
        }
        path = "/core/dataset/file/presignDatasetFilePostUrl"
        return self._call("POST", path, PresignedUpload, arguments, options, idempotent=True)

    @flow
    def upload_dataset_file(
        self,
        datasetId: str,
        file: FileSource | Upload,
        *,
        filename: str | None = None,
        contentType: str | None = None,
        progress: Progress | None = None,
        **options: Unpack[Options],
    ) -> Flow[str]:
        """Upload a file for a knowledge base and get its key, to be put in with ``create_file_id_collection``.

        FastGPT: ``POST /api/core/dataset/file/presignDatasetFilePostUrl``, then PUT to the address that it answers,
        whole or in parts (about 4.14.5+; parts 4.16+, read from the source); 4.14.0 to 4.14.4 a form to the storage;
        before ``POST /api/common/file/upload``. The key of the client goes to FastGPT only, never to a storage.

        Args:
            file: A path, bytes, a file opened in binary mode, or an iterator of bytes (see :class:`Upload`). A storage
                may refuse what has no known size, such as an iterator.
            filename, contentType: What it is called, and its MIME type, where the file does not tell.
            progress: Called with the bytes sent so far, and how many there are in all (None where that is not known).

        Raises:
            ArgumentError: There is no such file, or it is larger than the server takes.
            NotFoundError: There is no such knowledge base.

        Example:
            >>> key = client.upload_dataset_file(datasetId, "handbook.pdf")
            >>> client.create_file_id_collection(datasetId, key).data.collectionId
        """
        sending = Upload(file, filename, contentType)
        steps: DatasetApi[FlowIO] = as_steps(self)
        stored = yield from upload(
            lambda: steps.presign_dataset_file_post_url(datasetId, sending.name, sending.size or None, **options),
            "dataset",
            {"datasetId": needed("datasetId", datasetId)},
            sending,
            progress,
            self._session,
            options,
        )
        return stored.file_key if isinstance(stored, PresignedUpload) else stored.fileId

    @endpoint
    def preview_chunks(
        self,
        datasetId: str,
        type: str,  # noqa: A002  # FastGPT's name
        sourceId: str,
        *,
        selector: str | None = None,
        externalFileId: str | None = None,
        overlapRatio: float | None = None,
        **options: Unpack[ChunkSettings],
    ) -> Call[Response[PreviewChunks]]:
        """How a file, link or outside file would be cut, without putting anything in.

        FastGPT: ``POST /api/core/dataset/file/getPreviewChunks`` (read from the source, not recorded).

        Args:
            type: What ``sourceId`` is: ``fileLocal``, ``link``, ``apiFile``, ``externalFile``, ….
            sourceId: The file's id, or the address.
            selector: Of a link: the CSS selector of what counts.
            externalFileId: Of an outside file: its id there.
            overlapRatio: How much neighbouring chunks share, 0 to 1.
            **options: How to cut (see ``ChunkSettings``), and what every call takes.

        Example:
            >>> client.preview_chunks(datasetId, "link", "https://example.com", chunkSize=500).data.chunks
        """
        arguments = {
            **wire_arguments(options, ChunkSettings),
            "datasetId": needed("datasetId", datasetId),
            "type": type,
            "sourceId": needed("sourceId", sourceId),
            "selector": selector,
            "externalFileId": externalFileId,
            "overlapRatio": overlapRatio,
        }
        path = "/core/dataset/file/getPreviewChunks"
        return self._call("POST", path, PreviewChunks, arguments, options, idempotent=True)

    @endpoint
    def list_api_files(
        self,
        datasetId: str,
        parentId: str | None = None,
        searchKey: str | None = None,
        **options: Unpack[Options],
    ) -> Call[Response[list[ApiFile]]]:
        """The files of the outside service that a knowledge base reads from, in one folder.

        FastGPT: ``POST /api/core/dataset/apiDataset/list`` (4.9+; read from the source, not recorded).

        Example:
            >>> [file.name for file in client.list_api_files(datasetId).data if file.type == "file"]
        """
        arguments = {"datasetId": needed("datasetId", datasetId), "parentId": parentId, "searchKey": searchKey}
        path = "/core/dataset/apiDataset/list"
        return self._call("POST", path, list[ApiFile], arguments, options, idempotent=True)

    @pages
    def iter_api_files(
        self: DatasetApi[FlowIO],
        datasetId: str,
        parentId: str | None = None,
        searchKey: str | None = None,
        **options: Unpack[Options],
    ) -> Pages[ApiFile]:
        """The files of the outside service that a knowledge base reads from, folder after folder.

        FastGPT: ``POST /api/core/dataset/apiDataset/list``, once for each folder (4.9+; read from the source, not
        recorded).

        Args:
            parentId: Where to begin; without it at the top.
            searchKey: As of ``list_api_files``; with it folders are not opened.

        Example:
            >>> [file.name for file in client.iter_api_files(datasetId) if file.type == "file"]
        """
        if searchKey:
            return of_list(self.list_api_files(datasetId, parentId, searchKey, **options))
        return of_folders(lambda folder: self.list_api_files(datasetId, folder, **options), parentId)

    @endpoint
    def list_imported_api_files(self, datasetId: str, **options: Unpack[Options]) -> Call[Response[list[str]]]:
        """The ids of the outside files that are in a knowledge base already.

        FastGPT: ``GET /api/core/dataset/apiDataset/listExistId`` (4.9+; read from the source, not recorded).

        Example:
            >>> client.list_imported_api_files(datasetId).data
        """
        arguments = {"datasetId": needed("datasetId", datasetId)}
        return self._call("GET", "/core/dataset/apiDataset/listExistId", list[str], arguments, options)

    @endpoint
    def get_api_path_names(
        self,
        datasetId: str | None = None,
        parentId: str | None = None,
        apiDatasetServer: Mapping[str, object] | None = None,
        **options: Unpack[Options],
    ) -> Call[Response[str]]:
        """The path of a folder of an outside service, in names.

        FastGPT: ``POST /api/core/dataset/apiDataset/getPathNames`` (4.10+; read from the source, not recorded).

        Args:
            datasetId: The knowledge base that reads from the service; or else:
            apiDatasetServer: The service, as of ``create_dataset``.
            parentId: The folder.

        Example:
            >>> client.get_api_path_names(datasetId, "folder").data
        """
        arguments = {"datasetId": datasetId, "parentId": parentId, "apiDatasetServer": apiDatasetServer}
        path = "/core/dataset/apiDataset/getPathNames"
        return self._call("POST", path, str, arguments, options, idempotent=True)

    @endpoint
    def create_embeddings(
        self,
        input: str | Sequence[str],  # noqa: A002  # FastGPT's name
        model: str,
        *,
        type: Literal["db", "query"] | None = None,  # noqa: A002  # FastGPT's name
        billId: str | None = None,
        **options: Unpack[Options],
    ) -> Call[Response[list[Embedding]]]:
        """The vectors of texts. ``json()`` also has the model and the tokens used.

        FastGPT: ``POST /api/v1/embeddings`` (up to 4.13).

        Args:
            input: A text, or several.
            model: The embedding model's name.
            type: For storing (``db``) or for searching (``query``), where the model tells them apart.
            billId: The bill that this is put on.

        Raises:
            NotFoundError: The server does not offer it any more.

        Example:
            >>> client.create_embeddings("Hello", "text-embedding-3-small").data[0].embedding
        """
        arguments = {
            "input": input if isinstance(input, str) else list(input),
            "model": needed("model", model),
            "type": type,
            "billId": billId,
        }
        return self._call("POST", "/v1/embeddings", list[Embedding], arguments, options, idempotent=True)


_ids = ids  # two endpoints have an argument of this name
