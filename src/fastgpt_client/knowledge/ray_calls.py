"""The same calls with Ray: files and rows are sent by workers of a cluster, which must see the folder under its path.

The journal stays with who started the run: workers send what they are told once, and say what came of it. A worker
that is lost leaves what it sent in doubt, as a connection that breaks does.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..clients import AsyncDatasetClient
from ..errors import ArgumentError, FastGPTError
from ..models.data import DataInput
from .calls import InDoubtError, Server
from .limits import AdaptiveLimit


class Worker:
    """Sends files and rows; lives in a process of the cluster."""

    def __init__(self, api_key: str | None, base_url: str, datasetId: str, most: int) -> None:
        self._server = Server(AsyncDatasetClient(api_key, base_url), datasetId, AdaptiveLimit(most))

    async def send_file(self, file: Path, options: Mapping[str, Any]) -> str | Exception:
        """The id of the new collection, or what went wrong."""
        try:
            return await self._server.send_file(file, options)
        except (FastGPTError, OSError) as error:
            return error

    async def send_rows(self, collectionId: str, rows: list[DataInput]) -> int | Exception:
        """How many rows were taken, or what went wrong."""
        try:
            return await self._server.send_rows(collectionId, rows)
        except (FastGPTError, OSError) as error:
            return error


class RayServer(Server):
    """Calls of which the large ones are made by workers, one for each processor of the cluster.

    Uses the cluster that the process is connected to; without one it starts Ray on this machine.

    Raises:
        ArgumentError: Ray is not installed.
    """

    def __init__(self, client: AsyncDatasetClient, datasetId: str, most: int) -> None:
        try:
            ray: Any = importlib.import_module("ray")
        except ModuleNotFoundError:
            raise ArgumentError("the engine ray needs Ray: install fastgpt-client[ray]") from None
        if not ray.is_initialized():
            ray.init(include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        count = max(int(ray.cluster_resources().get("CPU", 1)), 1)
        super().__init__(client, datasetId, AdaptiveLimit(most))
        kind = ray.remote(num_cpus=0, max_restarts=-1, max_concurrency=most, scheduling_strategy="SPREAD")(Worker)
        key = client._session.key  # pyright: ignore[reportPrivateUsage]
        self._lost: type[Exception] = ray.exceptions.RayError
        self._workers: list[Any] = [
            kind.remote(key, client.base_url, datasetId, max(most // count, 1)) for _ in range(count)
        ]
        self._next = 0

    def _worker(self) -> Any:
        self._next += 1
        return self._workers[self._next % len(self._workers)]

    async def send_file(self, file: Path, options: Mapping[str, Any]) -> str:
        told = self._worker().send_file.remote(file, dict(options))
        return str(await self._outcome(told))

    async def send_rows(self, collectionId: str, rows: list[DataInput]) -> int:
        return int(await self._outcome(self._worker().send_rows.remote(collectionId, rows)))

    async def _outcome(self, told: Any) -> Any:
        try:
            outcome = await told
        except self._lost as error:
            raise InDoubtError(f"a worker was lost: {type(error).__name__}") from error
        if isinstance(outcome, Exception):
            raise outcome
        return outcome
