"""Payloads of the knowledge base endpoints."""

from __future__ import annotations

from typing import Any

from ._base import JSON, Payload


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

    @property
    def id(self) -> str:
        """The knowledge base's id."""
        return self._id
