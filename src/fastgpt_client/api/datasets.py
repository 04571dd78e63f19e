"""The knowledge base endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, Unpack

from .._call import Call
from .._endpoint import Api, endpoint
from .._response import Response
from .._session import Options
from ..models.datasets import Dataset

if TYPE_CHECKING:
    from .._io import AsyncIO, FlowIO, SyncIO

IO = TypeVar("IO", "SyncIO", "AsyncIO", "FlowIO", covariant=True)


class DatasetApi(Api[IO]):
    """Everything under FastGPT's ``/core/dataset``."""

    @endpoint
    def list_datasets(
        self, parentId: str | None = None, searchKey: str | None = None, **options: Unpack[Options]
    ) -> Call[Response[list[Dataset]]]:
        """The knowledge bases and folders in a folder; without ``parentId`` at the top.

        FastGPT: ``POST /api/core/dataset/list``.

        Example:
            >>> {dataset.name: dataset.id for dataset in client.list_datasets().data}
        """
        arguments = {"parentId": parentId, "searchKey": searchKey}
        return self._call("POST", "/core/dataset/list", list[Dataset], arguments, options, idempotent=True)

    @endpoint
    def get_dataset(self, id: str, **options: Unpack[Options]) -> Call[Response[Dataset]]:  # noqa: A002  # FastGPT's name
        """One knowledge base, with its models and settings.

        FastGPT: ``GET /api/core/dataset/detail``.

        Raises:
            NotFoundError: There is none with this id.

        Example:
            >>> client.get_dataset("…").data.name
        """
        return self._call("GET", "/core/dataset/detail", Dataset, {"id": id}, options)
