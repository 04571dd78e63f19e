"""All endpoints of knowledge bases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import collections, data, datasets, search

if TYPE_CHECKING:
    from ..endpoints import Endpoint

ENDPOINTS: dict[str, Endpoint] = {
    **datasets.ENDPOINTS,
    **collections.ENDPOINTS,
    **data.ENDPOINTS,
    **search.ENDPOINTS,
}
