"""Vectors from any OpenAI-compatible `embeddings` endpoint."""

from __future__ import annotations

import math
import re
from array import array
from operator import mul
from typing import TYPE_CHECKING

import httpx2

if TYPE_CHECKING:
    from collections.abc import Sequence


_AT_ONCE = 64


class EmbeddingError(Exception):
    """The endpoint failed; the text becomes the error of the training or of the search."""


class Embedder:
    """An endpoint for vectors. They come as packed 32-bit floats of length 1, so that a product is a cosine."""

    def __init__(self, url: str, name: str | None, key: str | None) -> None:
        base = url.rstrip("/").removesuffix("/embeddings")
        # `https://host` means `https://host/v1`; any other path is taken as it is.
        self.url: str = f"{base}/v1/embeddings" if re.fullmatch(r"\w+://[^/]+", base) else f"{base}/embeddings"
        self.name: str = name or "default"
        self._key = key
        self._client: httpx2.AsyncClient | None = None

    async def vectors(self, texts: Sequence[str]) -> dict[str, bytes]:
        """The vectors of texts, by text."""
        found: dict[str, bytes] = {}
        for start in range(0, len(texts), _AT_ONCE):
            found |= await self._some(list(texts[start : start + _AT_ONCE]))
        return found

    async def _some(self, texts: list[str]) -> dict[str, bytes]:
        if self._client is None:
            self._client = httpx2.AsyncClient(timeout=httpx2.Timeout(60, connect=10))
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        body = {"model": self.name, "input": texts}
        try:
            response = await self._client.post(self.url, json=body, headers=headers)
            if response.status_code >= 400:
                raise EmbeddingError(f"{response.status_code} {self._error(response.text)}")
            rows = sorted(response.json()["data"], key=lambda row: row["index"])
            return {text: _packed(row["embedding"]) for text, row in zip(texts, rows, strict=True)}
        except httpx2.HTTPError as exc:
            raise EmbeddingError(f"The embedding endpoint cannot be reached: {type(exc).__name__}") from None
        except (ValueError, LookupError, TypeError):
            raise EmbeddingError("The embedding endpoint does not answer in the form of OpenAI") from None

    def _error(self, text: str) -> str:
        # Providers like to quote the key that they refuse.
        return (text.replace(self._key, "***") if self._key else text)[:500]

    async def aclose(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()


def _packed(vector: Sequence[float]) -> bytes:
    length = math.hypot(*vector) or 1.0
    return array("f", (value / length for value in vector)).tobytes()


def unpacked(vector: bytes) -> array[float]:
    """The numbers of a vector."""
    return array("f", vector)


def product(one: array[float], other: array[float]) -> float:
    """The cosine of two vectors of length 1."""
    cosine: float = sum(map(mul, one, other))
    return cosine
