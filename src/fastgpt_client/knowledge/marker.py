"""What is written into the metadata of a collection, so that it is recognised again: what it is made of, and by whom.

FastGPT keeps the metadata of folders and of collections made empty always, that of files in ``metadata`` (newer) or
``collectionMetadata`` (older servers), and none of links; ``detail`` gives it back (read from the source).
"""

from __future__ import annotations

import secrets

import msgspec

from .._json import as_object
from ..models.collections import Collection

_KEY = "fastgptClient"


class Marker(msgspec.Struct, frozen=True, kw_only=True):
    """``source``: which folder it is from. ``token``: which attempt made it."""

    source: str
    path: str
    hash: str
    settings: str
    token: str

    def metadata(self) -> dict[str, object]:
        """The metadata that carries it."""
        return {_KEY: msgspec.to_builtins(self)}


def import_mark(token: str) -> dict[str, object]:
    """The metadata of a collection that an import makes."""
    return {_KEY: {"import": token}}


def new_token() -> str:
    return secrets.token_hex(8)


def marker_of(collection: Collection) -> Marker | None:
    """The marker that a collection carries; only ``get_collection`` tells."""
    try:
        return msgspec.convert(as_object(collection.metadata).get(_KEY), Marker)
    except msgspec.ValidationError:
        return None
