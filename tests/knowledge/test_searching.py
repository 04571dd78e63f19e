from __future__ import annotations

import json

import pytest

from fastgpt_client import AsyncDatasetClient
from fastgpt_client.errors import ArgumentError, NotFoundError
from fastgpt_client.knowledge import FoundChunk, create_base, search_bases, wait_trained
from fastgpt_client.local import LocalServer

from ..wire import body_of, http, wire
from .conftest import Go, going, running

ID, OTHER = "6b0406edfb4dd32b7af5cca3", "6b0406edfb4dd32b7af5cca4"


async def filled(client: AsyncDatasetClient, *chunks: str) -> str:
    base = await create_base(client, "Searched")
    key = (await client.create_collection(base.id, "questions")).data
    await client.push_data(key, [{"q": q, "a": f"about {q}"} for q in chunks])
    assert (await wait_trained(client, base.id)).state == "trained"
    return base.id


def test_several_bases_on_every_version(every_version: LocalServer) -> None:
    async def work(client: AsyncDatasetClient) -> tuple[list[FoundChunk], str, str]:
        pets = await filled(client, "cats and dogs", "cats sleep", "fish swim")
        food = await filled(client, "cats eat fish", "bread")
        both = await search_bases(client, [pets, food, pets], "what do cats eat", top=3, mode="mixedRecall")
        return both, pets, food

    hits, pets, food = running(every_version)(work)
    assert [hit.rank for hit in hits] == [1, 2, 3]
    assert hits[0].q == "cats eat fish"  # both bases have a first one; its score decides
    assert {hit.datasetId for hit in hits} == {pets, food}
    assert {"embedding", "fullText", "rrf"} == set(hits[0].scores)
    assert hits[0].sourceName == "questions"
    assert hits[0].a == "about cats eat fish"
    assert hits[0].fused == hits[1].fused == round(1 / 61, 6)
    assert hits[0].scores["embedding"] >= hits[1].scores["embedding"]


def test_modes_and_scores(go: Go) -> None:
    async def work(client: AsyncDatasetClient) -> tuple[list[FoundChunk], ...]:
        base = await filled(client, "cats and dogs", "cats sleep", "a fish")
        words = await search_bases(client, [base], "cats", mode="fullTextRecall")
        ranked = await search_bases(client, [base], "cats", top=1, rerank=True)
        good = await search_bases(client, [base], "cats and dogs", similarity=0.9)
        return words, ranked, good

    words, ranked, good = go(work)
    assert len(words) == 2
    assert "fullText" in words[0].scores
    assert len(ranked) == 1
    assert "reRank" in ranked[0].scores
    assert [hit.q for hit in good] == ["cats and dogs"]


def test_what_is_asked_and_how_ranks_are_merged() -> None:
    def answer(*values: tuple[str, float]) -> bytes:
        hits = [
            {"id": q, "q": q, "score": [{"type": "embedding", "value": value}, {"type": "odd"}]} for q, value in values
        ]
        return http(json.dumps({"code": 200, "data": {"list": hits, "limit": 900}}).encode())

    with wire([answer(("a", 0.5), ("b", 0.4), ("c", 0.3))]) as server:
        hits = going(
            lambda client: search_bases(client, [ID, OTHER], "x", top=4, tokens=900, extra={"embeddingWeight": 0.3}),
            server.url,
        )
    bodies = [json.loads(body_of(request)) for request in server.requests]
    assert sorted(body.pop("datasetId") for body in bodies) == [ID, OTHER]
    assert bodies[0] == {"text": "x", "limit": 900, "embeddingWeight": 0.3}
    assert [hit.q for hit in hits] == ["a", "a", "b", "b"]
    assert hits[0].scores == {"embedding": 0.5}


def test_bad_arguments(go: Go) -> None:
    with pytest.raises(ArgumentError, match="datasetIds must be a list"):
        go(lambda client: search_bases(client, [], "x"))
    with pytest.raises(ArgumentError, match="datasetIds must be a list"):
        go(lambda client: search_bases(client, ID, "x"))
    with pytest.raises(ArgumentError, match="top must be 1 or more"):
        go(lambda client: search_bases(client, [ID], "x", top=0))
    with pytest.raises(ArgumentError, match="text is needed"):
        go(lambda client: search_bases(client, [ID], ""))
    with pytest.raises(NotFoundError):
        go(lambda client: search_bases(client, [ID, OTHER], "x"))
