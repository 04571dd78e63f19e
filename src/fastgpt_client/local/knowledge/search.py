"""Search: by meaning, by words, or both.

By meaning: vectors of an embedding endpoint, compared one by one; without one, a stand-in that counts which words two
texts share. By words: SQLite's full-text search.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import wire
from ..endpoints import Endpoint
from .embeddings import EmbeddingError, product, unpacked
from .shapes import collection_of, dataset_of, source_of
from .words import for_query, likeness, tokens, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..calls import Call
    from .store import Data

_MODES = ("embedding", "fullTextRecall", "mixedRecall")
_MOST = 100
"""How many chunks each way of searching finds."""
_CANDIDATES = 500
_SLICE = 500
_RANK = 60
"""The constant of reciprocal rank fusion."""


class Hit(NamedTuple):
    """A chunk, and its scores by type, each with its rank."""

    data: Data
    scores: dict[str, tuple[float, int]]


def _hits(kind: str, found: Sequence[tuple[Data, float]]) -> list[Hit]:
    return [Hit(data, {kind: (value, index)}) for index, (data, value) in enumerate(found)]


async def _by_meaning(call: Call, dataset: str, text: str) -> list[tuple[Data, float]]:
    if call.state.embedder is None:
        return _alike(call, dataset, text)
    try:
        vectors = await call.state.embedder.vectors([text])
    except EmbeddingError as exc:
        raise wire.ApiError(str(exc)) from None
    store, wanted, best, after = call.state.knowledge, unpacked(vectors[text]), dict[int, float](), 0
    while rows := store.vectors(dataset, after, _SLICE):
        for _, seq, vector in rows:
            best[seq] = max(best.get(seq, -1.0), product(wanted, unpacked(vector)))
        best = dict(heapq.nlargest(_MOST, best.items(), key=lambda item: item[1]))
        after = rows[-1][0]
        await asyncio.sleep(0)  # others are served in between
    data = store.data_by_number(list(best))
    return [(data[seq], value) for seq, value in best.items() if seq in data]


def _alike(call: Call, dataset: str, text: str) -> list[tuple[Data, float]]:
    """The stand-in: the cosine of the words of two texts, for the chunks that share any."""
    wanted = Counter(words(text))
    found: list[tuple[Data, float]] = []
    for data, _ in call.state.knowledge.by_words(dataset, for_query(text), _CANDIDATES):
        scores = (likeness(wanted, Counter(words(index["text"]))) for index in data.indexes)
        found.append((data, max(scores, default=0.0)))
    return heapq.nlargest(_MOST, found, key=lambda item: item[1])


def _fused(one: list[Hit], other: list[Hit], weight: float) -> list[Hit]:
    """Two lists as one, by reciprocal rank fusion; the weight is that of the first."""
    if not one or not other:
        return one or other
    scores: dict[str, dict[str, tuple[float, int]]] = {}
    totals: defaultdict[str, float] = defaultdict(float)
    chunks = {hit.data.id: hit.data for hit in (*one, *other)}
    for hits, share in ((one, weight), (other, 1 - weight)):
        for rank, hit in enumerate(hits, 1):
            scores[hit.data.id] = {**scores.get(hit.data.id, {}), **hit.scores}
            totals[hit.data.id] += share / (_RANK + rank)
    ranked = sorted(totals.items(), key=lambda item: -item[1])
    return [Hit(chunks[key], {**scores[key], "rrf": (value, index)}) for index, (key, value) in enumerate(ranked)]


def _reranked(hits: list[Hit], text: str) -> list[Hit]:
    """What a rerank model would do: sort by the words that question and chunk share."""
    wanted = Counter(words(text))
    scored = [(hit.data, likeness(wanted, Counter(words(f"{hit.data.q}\n{hit.data.a}")))) for hit in hits]
    return _hits("reRank", sorted(scored, key=lambda item: -item[1]))


def _weight(call: Call, name: str) -> float:
    value = call.params.get(name)
    return 0.5 if value is None else min(1.0, max(0.0, value))


async def search(call: Call, _: None) -> dict[str, Any]:
    """The chunks that fit a text."""
    started, params = time.perf_counter(), call.params
    text, mode = params.get("text") or "", params.get("searchMode") or "embedding"
    if not text and not params.get("queryImageUrls"):
        issue: dict[str, Any] = {"code": "custom", "path": [], "message": "text or queryImageUrls is required"}
        raise call.state.version.invalid(_PATH, [issue])
    if mode not in _MODES:
        raise wire.InvalidError([wire.one_of(list(_MODES), "searchMode")])
    dataset = dataset_of(call, params["datasetId"])
    call.headers |= call.state.count_request()
    limit = 5000 if params.get("limit") is None else params["limit"]
    similarity, rerank = params.get("similarity") or 0, call.flag("usingReRank")
    hits: list[Hit] = []
    if mode != "fullTextRecall":
        hits = _hits("embedding", await _by_meaning(call, dataset.id, text))
    if mode != "embedding":
        found = _hits("fullText", call.state.knowledge.by_words(dataset.id, for_query(text), _MOST))
        hits = _fused(hits, found, _weight(call, "embeddingWeight"))
    if rerank:
        hits = _fused(hits, _reranked(hits, text), 1 - _weight(call, "rerankWeight"))
    judge = "reRank" if rerank else "embedding"
    good = [hit for hit in hits if judge not in hit.scores or hit.scores[judge][0] >= similarity]
    shown = {
        "list": [_shown(call, hit) for hit in _within(good, limit)],
        "duration": f"{time.perf_counter() - started:.3f}s",
        "limit": limit,
        "searchMode": mode,
        "usingReRank": rerank,
        "similarity": similarity,
        "usingSimilarityFilter": True,
    }
    return call.state.version.search(shown)


def _within(hits: list[Hit], limit: float) -> list[Hit]:
    """As many as fit into a number of tokens, but one at least."""
    total, kept = 0, list[Hit]()
    for hit in hits:
        total += tokens(hit.data.q + hit.data.a)
        if kept and total > limit:
            break
        kept.append(hit)
    return kept


def _shown(call: Call, hit: Hit) -> dict[str, Any]:
    data = hit.data
    shown = {
        "q": data.q,
        **({"a": data.a} if data.a else {}),
        "id": data.id,
        "datasetId": data.datasetId,
        "collectionId": data.collectionId,
        "updateTime": wire.iso(data.updateTime),
        **source_of(collection_of(call, data.collectionId)),
        "chunkIndex": data.chunkIndex,
        "score": [
            {"type": kind, "value": hit.scores[kind][0], "index": hit.scores[kind][1]}
            for kind in ("embedding", "fullText", "reRank", "rrf")
            if kind in hit.scores
        ],
        "tokens": tokens(data.q + data.a),
    }
    return call.state.version.found(shown)


_PATH = "/core/dataset/searchTest"
ENDPOINTS: dict[str, Endpoint] = {
    _PATH: Endpoint(
        search,
        "body",
        "datasetId:id text?:string limit?:number similarity?:number searchMode?:string queryImageUrls?:array"
        " embeddingWeight?:number rerankWeight?:number",
        about_app=False,
    ),
}
