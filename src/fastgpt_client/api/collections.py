"""The collection endpoints: the files, links and texts of a knowledge base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import NoneType
from typing import TYPE_CHECKING, Literal, TypeVar, Unpack

from .._call import Call
from .._download import FileResponse
from .._endpoint import Api, endpoint
from .._files import FileSource, Form, Progress, Upload, uploads_of
from .._response import Response
from .._session import Options
from ..models._base import Page
from ..models.collections import (
    Collection,
    CollectionSource,
    CollectionTraining,
    CreatedCollection,
    DownloadTicket,
)
from ..models.datasets import ApiFile
from ._arguments import ChatOptions, CollectionOptions, Tag, ids, needed, page, wire_arguments

if TYPE_CHECKING:
    from .._io import AsyncIO, FlowIO, SyncIO

IO = TypeVar("IO", "SyncIO", "AsyncIO", "FlowIO", covariant=True)


class CollectionApi(Api[IO]):
    """Everything under FastGPT's ``/core/dataset/collection``."""

    @endpoint
    def create_collection(
        self,
        datasetId: str,
        name: str,
        type: Literal["folder", "virtual"] = "virtual",  # noqa: A002  # FastGPT's name
        parentId: str | None = None,
        tags: Sequence[Tag] | None = None,
        metadata: Mapping[str, object] | None = None,
        **options: Unpack[Options],
    ) -> Call[Response[str]]:
        """Make an empty collection to push data into, or a folder. ``data`` is its id.

        FastGPT: ``POST /api/core/dataset/collection/create``.

        Args:
            type: ``virtual`` for data, ``folder`` for collections.
            parentId: A folder; without it at the top.
            tags: Names of tags.
            metadata: Stored with it.

        Raises:
            NotFoundError: There is no such knowledge base.

        Example:
            >>> collectionId = client.create_collection(datasetId, "Questions").data
        """
        arguments = {
            "datasetId": needed("datasetId", datasetId),
            "parentId": parentId,
            "name": needed("name", name),
            "type": type,
            "tags": tags,
            "metadata": metadata,
        }
        return self._call("POST", "/core/dataset/collection/create", str, arguments, options)

    @endpoint
    def create_text_collection(
        self, datasetId: str, name: str, text: str, **options: Unpack[CollectionOptions]
    ) -> Call[Response[CreatedCollection]]:
        """Put a text into a knowledge base; it is cut and indexed in the background.

        FastGPT: ``POST /api/core/dataset/collection/create/text``.

        Args:
            datasetId: The knowledge base.
            name: What the collection is called.
            text: The text, Markdown or plain.
            **options: Where it goes and how it is cut (see ``CollectionOptions``), and what every call takes.

        Raises:
            NotFoundError: There is no such knowledge base.

        Example:
            >>> made = client.create_text_collection(datasetId, "Rules", text, trainingType="chunk", chunkSize=500)
            >>> made.data.collectionId
        """
        arguments = {**_base(datasetId, options), "name": needed("name", name), "text": text}
        return self._call("POST", "/core/dataset/collection/create/text", CreatedCollection, arguments, options)

    @endpoint
    def create_link_collection(
        self, datasetId: str, link: str, **options: Unpack[CollectionOptions]
    ) -> Call[Response[CreatedCollection]]:
        """Put a web page into a knowledge base; the server reads, cuts and indexes it in the background.

        FastGPT: ``POST /api/core/dataset/collection/create/link``.

        Args:
            datasetId: The knowledge base.
            link: The page. ``metadata={"webPageSelector": "…"}`` says which part of it counts.
            **options: As of ``create_text_collection``.

        Example:
            >>> client.create_link_collection(datasetId, "https://example.com/rules").data.collectionId
        """
        arguments = {**_base(datasetId, options), "link": needed("link", link)}
        return self._call("POST", "/core/dataset/collection/create/link", CreatedCollection, arguments, options)

    @endpoint
    def create_file_collection(
        self,
        datasetId: str,
        file: FileSource | Upload,
        *,
        filename: str | None = None,
        contentType: str | None = None,
        progress: Progress | None = None,
        **options: Unpack[CollectionOptions],
    ) -> Call[Response[CreatedCollection]]:
        """Put a file into a knowledge base: txt, md, html, pdf, docx, pptx, csv, xlsx.

        The way for most files: one request, on every version. For large ones, and where a proxy in front of FastGPT
        limits bodies, ``upload_dataset_file`` sends the file to FastGPT's storage, in parts where the server has that,
        and ``create_file_id_collection`` then puts it in; also to put one file into several collections.

        FastGPT: ``POST /api/core/dataset/collection/create/localFile``. Not sent again by itself after it may have
        arrived, and never after bytes of an iterator were read.

        Args:
            datasetId: The knowledge base.
            file: A path, bytes, a file opened in binary mode, or an iterator of bytes (see :class:`Upload`).
            filename, contentType: What it is called, and its MIME type, where the file does not tell. The collection
                gets this name.
            progress: Called with the bytes sent so far, and how many there are in all (None where that is not known).
            **options: As of ``create_text_collection``.

        Raises:
            ArgumentError: There is no such file, or it has no name.
            ValidationError: The server does not take files of this type or size.
            NotFoundError: There is no such knowledge base.

        Example:
            >>> client.create_file_collection(datasetId, "handbook.pdf", trainingType="chunk").data.collectionId
        """
        form = Form(*uploads_of([Upload(file, filename, contentType)], progress))
        path = "/core/dataset/collection/create/localFile"
        return self._call("POST", path, CreatedCollection, _base(datasetId, options), options, form=form)

    @endpoint
    def create_image_collection(
        self,
        datasetId: str,
        collectionName: str,
        files: Sequence[FileSource | Upload],
        parentId: str | None = None,
        tags: Sequence[Tag] | None = None,
        *,
        progress: Progress | None = None,
        **options: Unpack[Options],
    ) -> Call[Response[CreatedCollection]]:
        """Put pictures into a knowledge base as one collection. A model that sees describes them.

        FastGPT: ``POST /api/core/dataset/collection/create/images`` (4.10+; read from the source, not recorded).

        Args:
            collectionName: What the collection is called.
            files: Pictures, each as of ``create_file_collection``; :class:`Upload` gives one a name or type.
            parentId: A folder.
            tags: Names of tags.
            progress: As of ``create_file_collection``, over all files.

        Example:
            >>> client.create_image_collection(datasetId, "Parts", ["bolt.png", "nut.png"]).data.collectionId
        """
        arguments = {
            "datasetId": needed("datasetId", datasetId),
            "parentId": parentId,
            "collectionName": needed("collectionName", collectionName),
            "tags": tags,
        }
        form = Form(*uploads_of(files, progress))
        path = "/core/dataset/collection/create/images"
        return self._call("POST", path, CreatedCollection, arguments, options, form=form)

    @endpoint
    def create_backup_collection(
        self,
        datasetId: str,
        file: FileSource | Upload,
        parentId: str | None = None,
        tags: Sequence[Tag] | None = None,
        *,
        filename: str | None = None,
        progress: Progress | None = None,
        **options: Unpack[Options],
    ) -> Call[Response[CreatedCollection]]:
        """Put what was exported (``export_collection``) back into a knowledge base, chunk by chunk.

        FastGPT: ``POST /api/core/dataset/collection/create/backup`` (4.9.11+; read from the source, not recorded). Only
        the newest servers tell the ``collectionId``.

        Args:
            file: CSV or XLSX, as of ``create_file_collection``.
            parentId: A folder.
            tags: Names of tags.
            filename, progress: As of ``create_file_collection``.

        Example:
            >>> client.create_backup_collection(datasetId, "data.csv")
        """
        arguments = {"datasetId": needed("datasetId", datasetId), "parentId": parentId, "tags": tags}
        form = Form(*uploads_of([Upload(file, filename)], progress))
        path = "/core/dataset/collection/create/backup"
        return self._call("POST", path, CreatedCollection, arguments, options, form=form)

    @endpoint
    def create_template_collection(
        self,
        datasetId: str,
        file: FileSource | Upload,
        *,
        filename: str | None = None,
        progress: Progress | None = None,
        **options: Unpack[CollectionOptions],
    ) -> Call[Response[None]]:
        """Put rows of FastGPT's template file into a knowledge base: ``q``, ``a`` and indexes, one chunk a row.

        FastGPT: ``POST /api/core/dataset/collection/create/template`` (4.11+; read from the source; only an error is
        recorded).

        Args:
            file: CSV or XLSX, as of ``create_file_collection``.
            filename, progress: As of ``create_file_collection``.
            **options: As of ``create_text_collection``.

        Example:
            >>> client.create_template_collection(datasetId, "questions.csv")
        """
        form = Form(*uploads_of([Upload(file, filename)], progress))
        path = "/core/dataset/collection/create/template"
        return self._call("POST", path, NoneType, _base(datasetId, options), options, form=form)

    @endpoint
    def create_file_id_collection(
        self, datasetId: str, fileId: str, **options: Unpack[CollectionOptions]
    ) -> Call[Response[CreatedCollection]]:
        """Put a file into a knowledge base that has been uploaded already.

        FastGPT: ``POST /api/core/dataset/collection/create/fileId`` (read from the source, not recorded).

        Args:
            fileId: The file's id or key, from ``upload_dataset_file``.
            **options: As of ``create_text_collection``.

        Example:
            >>> key = client.upload_dataset_file(datasetId, "handbook.pdf")
            >>> client.create_file_id_collection(datasetId, key).data.collectionId
        """
        arguments = {**_base(datasetId, options), "fileId": needed("fileId", fileId)}
        return self._call("POST", "/core/dataset/collection/create/fileId", CreatedCollection, arguments, options)

    @endpoint
    def create_api_collection(
        self, datasetId: str, name: str, apiFileId: str, **options: Unpack[CollectionOptions]
    ) -> Call[Response[CreatedCollection]]:
        """Put one file of an outside service into a knowledge base.

        FastGPT: ``POST /api/core/dataset/collection/create/apiCollection`` (4.9+; deprecated there for
        ``create_api_collections``).

        Args:
            apiFileId: The file's id in the service.
            **options: As of ``create_text_collection``.

        Example:
            >>> client.create_api_collection(datasetId, file.name, file.id).data.collectionId
        """
        arguments = {
            **_base(datasetId, options),
            "name": needed("name", name),
            "apiFileId": needed("apiFileId", apiFileId),
        }
        path = "/core/dataset/collection/create/apiCollection"
        return self._call("POST", path, CreatedCollection, arguments, options)

    @endpoint
    def create_api_collections(
        self,
        datasetId: str,
        apiFiles: Sequence[ApiFile | Mapping[str, object]],
        **options: Unpack[CollectionOptions],
    ) -> Call[Response[None]]:
        """Put files and folders of an outside service into a knowledge base.

        FastGPT: ``POST /api/core/dataset/collection/create/apiCollectionV2`` (4.11+).

        Args:
            apiFiles: What ``list_api_files`` gave, or dicts of the same.
            **options: As of ``create_text_collection``.

        Example:
            >>> client.create_api_collections(datasetId, client.list_api_files(datasetId).data)
        """
        arguments = {**_base(datasetId, options), "apiFiles": list(apiFiles)}
        return self._call("POST", "/core/dataset/collection/create/apiCollectionV2", NoneType, arguments, options)

    @endpoint
    def create_external_file_collection(
        self,
        datasetId: str,
        externalFileUrl: str,
        externalFileId: str | None = None,
        filename: str | None = None,
        **options: Unpack[CollectionOptions],
    ) -> Call[Response[CreatedCollection]]:
        """Put a file that lies at an address into a knowledge base of outside files.

        FastGPT: ``POST /api/proApi/core/dataset/collection/create/externalFileUrl`` (commercial edition; deprecated
        there; read from the documentation, not recorded).

        Raises:
            CommercialOnlyError: The server is a community edition.

        Example:
            >>> client.create_external_file_collection(datasetId, "https://example.com/a.pdf", "42")
        """
        arguments = {
            **_base(datasetId, options),
            "externalFileUrl": needed("externalFileUrl", externalFileUrl),
            "externalFileId": externalFileId,
            "filename": filename,
        }
        path = "/proApi/core/dataset/collection/create/externalFileUrl"
        return self._call("POST", path, CreatedCollection, arguments, options)

    @endpoint
    def retrain_collection(
        self, collectionId: str, datasetId: str | None = None, **options: Unpack[CollectionOptions]
    ) -> Call[Response[CreatedCollection]]:
        """Cut and index a collection anew. It gets **another id**; what was changed by hand in its chunks is lost.

        FastGPT: ``POST /api/core/dataset/collection/create/reTrainingCollection`` (4.9+; only its errors are recorded).

        Args:
            collectionId: The collection as it is now.
            datasetId: Its knowledge base (newer servers know it).
            **options: As of ``create_text_collection``.

        Raises:
            NotFoundError: There is no such collection.

        Example:
            >>> collectionId = client.retrain_collection(collectionId, datasetId, chunkSize=800).data.collectionId
        """
        arguments = {
            **wire_arguments(options, CollectionOptions),
            "datasetId": datasetId,
            "collectionId": needed("collectionId", collectionId),
        }
        path = "/core/dataset/collection/create/reTrainingCollection"
        return self._call("POST", path, CreatedCollection, arguments, options)

    @endpoint
    def list_collections(
        self,
        datasetId: str,
        parentId: str | None = None,
        searchText: str | None = None,
        offset: int = 0,
        pageSize: int = 20,
        *,
        selectFolder: bool | None = None,
        filterTags: Sequence[str] | None = None,
        tagFilters: Sequence[Mapping[str, object]] | None = None,
        simple: bool | None = None,
        pageNum: int | None = None,
        **options: Unpack[Options],
    ) -> Call[Response[Page[Collection]]]:
        """A page of the collections and folders in a folder, last changed first; without ``parentId`` at the top.

        FastGPT: ``POST /api/core/dataset/collection/listV2`` (4.8.19+).

        Args:
            datasetId: The knowledge base.
            parentId: A folder.
            searchText: Only those with this in their name.
            offset: How many to skip.
            pageSize: How many to give; servers give at most 30, newer than 4.16 at most 100 (read from the source).
            selectFolder: Only folders.
            filterTags: Only those with these tags (ids).
            tagFilters: The same from 4.17 on (read from the source).
            simple: Without counts and rights.
            pageNum: The n-th page, from 1, instead of ``offset``.

        Raises:
            NotFoundError: There is no such knowledge base.

        Example:
            >>> {item.name: item.dataAmount for item in client.list_collections(datasetId).data.list}
        """
        arguments = {
            "datasetId": needed("datasetId", datasetId),
            "parentId": parentId,
            "searchText": searchText,
            **page(offset, pageSize, pageNum),
            "selectFolder": selectFolder,
            "filterTags": filterTags,
            "tagFilters": tagFilters,
            "simple": simple,
        }
        path = "/core/dataset/collection/listV2"
        return self._call("POST", path, Page[Collection], arguments, options, idempotent=True)

    @endpoint
    def get_collection(self, id: str, **options: Unpack[Options]) -> Call[Response[Collection]]:  # noqa: A002  # FastGPT's name
        """One collection, with its knowledge base, settings and counts.

        FastGPT: ``GET /api/core/dataset/collection/detail``.

        Raises:
            NotFoundError: There is none with this id.

        Example:
            >>> client.get_collection(collectionId).data.rawTextLength
        """
        return self._call("GET", "/core/dataset/collection/detail", Collection, {"id": needed("id", id)}, options)

    @endpoint
    def update_collection(
        self,
        id: str | None = None,  # noqa: A002  # FastGPT's name
        name: str | None = None,
        parentId: str | None = None,
        tags: Sequence[Tag] | None = None,
        forbid: bool | None = None,
        createTime: str | None = None,
        *,
        datasetId: str | None = None,
        externalFileId: str | None = None,
        **options: Unpack[Options],
    ) -> Call[Response[None]]:
        """Change a collection; what is left out stays.

        FastGPT: ``POST /api/core/dataset/collection/update``.

        Args:
            id: The collection; or ``datasetId`` with ``externalFileId``.
            name: What it is called.
            parentId: The folder to move it to. To the top: ``extra_body={"parentId": None}``.
            tags: Names of tags, instead of those that it has.
            forbid: True leaves it out of searches.
            createTime: ISO 8601.
            datasetId, externalFileId: Name the collection by its outside file.

        Example:
            >>> client.update_collection(collectionId, name="Rules 2027", forbid=False)
        """
        arguments = {
            "id": needed("id", id or "") if not externalFileId else id,
            "parentId": parentId,
            "name": name,
            "tags": tags,
            "forbid": forbid,
            "createTime": createTime,
            "datasetId": datasetId,
            "externalFileId": externalFileId,
        }
        return self._call("POST", "/core/dataset/collection/update", NoneType, arguments, options, idempotent=True)

    @endpoint
    def delete_collection(self, id: str, **options: Unpack[Options]) -> Call[Response[None]]:  # noqa: A002  # FastGPT's name
        """Delete a collection, or a folder with all that is in it.

        FastGPT: ``POST /api/core/dataset/collection/delete``. The id is sent in the query, where servers before 4.12.2
        read it, and in the body, where later ones do.

        Raises:
            NotFoundError: There is none with this id.

        Example:
            >>> client.delete_collection(collectionId)
        """
        path, params = "/core/dataset/collection/delete", {"id": needed("id", id)}
        return self._call("POST", path, NoneType, {"collectionIds": [id]}, options, params=params)

    @endpoint
    def delete_collections(self, collectionIds: Sequence[str], **options: Unpack[Options]) -> Call[Response[None]]:
        """Delete collections, and folders with all that is in them.

        FastGPT: ``POST /api/core/dataset/collection/delete`` (several at once: 4.12.2+).

        Raises:
            NotFoundError: There is none with one of these ids.
            ValidationError: The server is older than 4.12.2: use ``delete_collection``.

        Example:
            >>> client.delete_collections([item.id for item in client.list_collections(datasetId).data.list])
        """
        arguments = {"collectionIds": ids("collectionIds", collectionIds)}
        return self._call("POST", "/core/dataset/collection/delete", NoneType, arguments, options)

    @endpoint
    def get_collection_training(
        self, collectionId: str, **options: Unpack[Options]
    ) -> Call[Response[CollectionTraining]]:
        """How far the indexing of a collection is: chunks that wait, are worked on, failed, are done.

        FastGPT: ``GET /api/core/dataset/collection/trainingDetail`` (4.9+).

        Example:
            >>> sum(client.get_collection_training(collectionId).data.queuedCounts.values())
        """
        arguments = {"collectionId": needed("collectionId", collectionId)}
        return self._call("GET", "/core/dataset/collection/trainingDetail", CollectionTraining, arguments, options)

    @endpoint
    def sync_collection(self, collectionId: str, **options: Unpack[Options]) -> Call[Response[str]]:
        """Read a link or outside file again. ``data``: ``success``, ``sameRaw`` (nothing new) or ``failed``.

        FastGPT: ``POST /api/core/dataset/collection/sync`` (4.8.20+; read from the source, not recorded).

        Example:
            >>> client.sync_collection(collectionId).data
        """
        arguments = {"collectionId": needed("collectionId", collectionId)}
        return self._call("POST", "/core/dataset/collection/sync", str, arguments, options)

    @endpoint
    def read_collection(
        self,
        collectionId: str,
        *,
        appId: str | None = None,
        chatId: str | None = None,
        chatItemDataId: str | None = None,
        **options: Unpack[ChatOptions],
    ) -> Call[Response[CollectionSource]]:
        """Where the original of a collection can be read.

        FastGPT: ``POST /api/core/dataset/collection/read`` (read from the source, not recorded).

        Args:
            appId, chatId, chatItemDataId: The answer that cites it, for who may read it only for that.

        Example:
            >>> client.read_collection(collectionId).data.value
        """
        arguments = {
            **wire_arguments(options, ChatOptions),
            "collectionId": needed("collectionId", collectionId),
            "appId": appId,
            "chatId": chatId,
            "chatItemDataId": chatItemDataId,
        }
        path = "/core/dataset/collection/read"
        return self._call("POST", path, CollectionSource, arguments, options, idempotent=True)

    @endpoint
    def get_download_ticket(
        self, datasetId: str, collectionIds: Sequence[str], **options: Unpack[Options]
    ) -> Call[Response[DownloadTicket]]:
        """A ticket to download the originals of collections with, for a while.

        FastGPT: ``POST /api/core/dataset/collection/getDownloadTicket`` (4.17+; read from the source, not recorded).

        Example:
            >>> client.get_download_ticket(datasetId, [collectionId]).data.ticket
        """
        arguments = {
            "datasetId": needed("datasetId", datasetId),
            "collectionIds": ids("collectionIds", collectionIds),
        }
        path = "/core/dataset/collection/getDownloadTicket"
        return self._call("POST", path, DownloadTicket, arguments, options, idempotent=True)

    @endpoint
    def download_collections(self, ticket: str, **options: Unpack[Options]) -> Call[FileResponse]:
        """The originals of collections, as a zip file; the ticket comes from ``get_download_ticket``.

        FastGPT: ``GET /api/core/dataset/collection/batchDownload`` (4.17+; the argument's name is inferred).

        Example:
            >>> ticket = client.get_download_ticket(datasetId, [collectionId]).data.ticket
            >>> client.download_collections(ticket).save("originals.zip")
        """
        arguments = {"ticket": needed("ticket", ticket)}
        # A ticket is good for one download, so that it must not be tried twice.
        path = "/core/dataset/collection/batchDownload"
        return self._download("GET", path, arguments, options, idempotent=False)

    @endpoint
    def export_collection(
        self,
        collectionId: str,
        *,
        appId: str | None = None,
        chatId: str | None = None,
        chatItemDataId: str | None = None,
        chatTime: str | None = None,
        **options: Unpack[ChatOptions],
    ) -> Call[FileResponse]:
        """The chunks of a collection as CSV (UTF-8 with a mark at its beginning; ``q`` and ``a`` of each).

        FastGPT: ``POST /api/core/dataset/collection/export`` (4.9+; read from the source, not recorded). One a minute.

        Args:
            appId, chatId, chatItemDataId: The answer that cites it, for who may read it only for that.
            chatTime: ISO 8601; only what is older.

        Example:
            >>> client.export_collection(collectionId).save("data.csv")
        """
        arguments = {
            **wire_arguments(options, ChatOptions),
            "collectionId": needed("collectionId", collectionId),
            "appId": appId,
            "chatId": chatId,
            "chatItemDataId": chatItemDataId,
            "chatTime": chatTime,
        }
        return self._download("POST", "/core/dataset/collection/export", arguments, options)


def _base(datasetId: str, options: CollectionOptions) -> dict[str, object]:
    """What all ways of making a collection share."""
    return {**wire_arguments(options, CollectionOptions), "datasetId": needed("datasetId", datasetId)}
