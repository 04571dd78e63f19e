"""Searching several knowledge bases at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing

import msgspec

from ..api.datasets import SearchMode
from ..clients import AsyncDatasetClient
from ..errors import ArgumentError
from ..models.datasets import SearchHit
from .concurrency import in_order

_AT_ONCE = 8
_RANK = 60
"""The usual constant of reciprocal rank fusion: the larger, the less the first places count."""


class FoundChunk(msgspec.Struct, frozen=True, kw_only=True):
    """A chunk that was found.

    ``rank``: its place among all, from 1. ``fused``: what it was ranked by, 1 / (60 + its place in its knowledge base).
    ``scores``: what FastGPT says, by type: ``embedding``, ``fullText``, ``reRank``, ``rrf``.
    """

    rank: int
    fused: float
    scores: dict[str, float]
    datasetId: str
    collectionId: str
    id: str
    sourceName: str
    q: str
    a: str = ""
    chunkIndex: int | None = None
    tokens: int | None = None


async def search_bases(
    client: AsyncDatasetClient,
    datasetIds: Sequence[str],
    text: str,
    *,
    top: int = 5,
    mode: SearchMode | None = None,
    tokens: int | None = None,
    similarity: float | None = None,
    rerank: bool | None = None,
    extra: Mapping[str, object] | None = None,
) -> list[FoundChunk]:
    """The chunks of several knowledge bases that fit a text, best first.

    Each is asked at the same time, and the answers are merged by rank (reciprocal rank fusion): the scores of different
    knowledge bases, with different models, cannot be compared. Where the ranks are equal, the better score goes first.

    FastGPT: ``POST /api/core/dataset/searchTest``, once for each knowledge base.

    Args:
        datasetIds: The knowledge bases; one named twice is asked once.
        text: What to look for.
        top: How many chunks to give at most.
        mode: By meaning (``embedding``, the server's default), by words (``fullTextRecall``), or both
            (``mixedRecall``).
        tokens: How many tokens of text each knowledge base may give (FastGPT calls it ``limit``; its default is 5000).
            Long chunks and few tokens give fewer than ``top``.
        similarity: From 0 to 1: leave out chunks with a lower score, where scores can be compared.
        rerank: Let a rerank model sort what was found.
        extra: Further fields as of ``client.search_dataset``, by FastGPT's names.

    Raises:
        ArgumentError: No knowledge base, no text, or ``top`` below 1.
        NotFoundError: One of the knowledge bases is not there.

    Example:
        >>> for hit in await search_bases(client, [handbook, faq], "How many days off?", mode="mixedRecall"):
        ...     print(hit.rank, hit.sourceName, hit.scores, hit.q)
    """
    if not datasetIds or isinstance(datasetIds, str):
        raise ArgumentError(f"datasetIds must be a list with at least one id, not {datasetIds!r}")
    if top < 1:
        raise ArgumentError(f"top must be 1 or more, not {top}")

    async def one(datasetId: str) -> list[SearchHit]:
        response = await client.search_dataset(
            datasetId,
            text,
            limit=tokens,
            similarity=similarity,
            searchMode=mode,
            usingReRank=rerank,
            extra_body=extra or {},
        )
        return response.data.list

    async with aclosing(in_order(dict.fromkeys(datasetIds), one, _AT_ONCE)) as answers:
        found = [(place, hit, _scores(hit)) async for hits in answers for place, hit in enumerate(hits, 1)]
    found.sort(key=lambda each: (each[0], -_best(each[2])))
    return [_found(rank, *each) for rank, each in enumerate(found[:top], 1)]


def _scores(hit: SearchHit) -> dict[str, float]:
    return {score.type: score.value for score in hit.score if score.value is not None}


def _best(scores: Mapping[str, float]) -> float:
    """What tells best how good a chunk is."""
    return next((scores[kind] for kind in ("reRank", "embedding", "fullText", "rrf") if kind in scores), 0.0)


def _found(rank: int, place: int, hit: SearchHit, scores: dict[str, float]) -> FoundChunk:
    return FoundChunk(
        rank=rank,
        fused=round(1 / (_RANK + place), 6),
        scores=scores,
        datasetId=hit.datasetId,
        collectionId=hit.collectionId,
        id=hit.id,
        sourceName=hit.sourceName,
        q=hit.q,
        a=hit.a or "",
        chunkIndex=hit.chunkIndex,
        tokens=hit.tokens,
    )
