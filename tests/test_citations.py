"""Marks of citations, in all their variants, wherever a stream is cut."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgpt_client import (
    ArgumentError,
    Citation,
    CitationFilter,
    Reply,
    footnotes,
    link_citations,
    strip_citations,
)
from fastgpt_client.local import LocalServer

from .conftest import KEY, World, ask
from .pieces import cut
from .test_streams import open_stream, stream
from .wire import answer_frame, wire

A, B = "65f0c0ffee65f0c0ffee1234", "6b03ff8ea84cf3a64dddcc98"
CHUNKS = [
    Citation(id=B, q="Paris  is\nthe capital " + "of France, " * 9, sourceName="Paris.pdf"),
    Citation(id=A, q="Tomatoes are red.", sourceName="Tomatoes.pdf"),
]


@pytest.mark.parametrize(
    "mark",
    [
        f"[{A}](CITE)",
        f"[{A.upper()}](cite)",
        f"【{A}】(CITE)",
        f"【{A}】（CITE）",
        f"［{A}］（CITE）",
        f"[{A}】(CITE）",
        f"[ {A} ] ( CITE )",
        f"[{A}](CITE",
        f"[{A}]",
        f"[{A}](QUOTE)",
        f"[{A}]()",
        f"[{A}](CITE)[{A}](CITE)",
        f"[{A}, {A}](CITE)",
        f"【{A}、{A}】(CITE)",
        f"[id](CITE)[{A}](CITE)",
        f"[{A}](CITE【id】（CITE",
    ],
)
def test_variants(mark: str) -> None:
    assert strip_citations(f"Red{mark}.") == "Red."
    assert Reply(text=f"Red{mark}.", citations=CHUNKS).cited == [CHUNKS[1]]
    numbered, notes = footnotes(f"Red{mark}.", CHUNKS)
    assert (numbered.replace("[1][1]", "[1]"), notes) == ("Red[1].", ["[1] Tomatoes.pdf: Tomatoes are red."])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "a [link](http://x)",
        f"[{A[:-1]}](CITE)",
        f"[{A}0](CITE)",
        "[id]",
        "[id](x)",
        "[](CITE)",
        f"({A})",
        "【注】",
    ],
)
def test_what_is_no_mark(text: str) -> None:
    assert strip_citations(text) == text
    assert Reply(text=text, citations=CHUNKS).cited == []


def test_footnotes() -> None:
    unknown = "0" * 24
    text = f"a[{A}](CITE)b[{B}](CITE)[{A}](CITE)[{unknown}](CITE)"
    assert footnotes(text, CHUNKS) == (
        "a[1]b[2][1][3]",
        [
            "[1] Tomatoes.pdf: Tomatoes are red.",
            "[2] Paris.pdf: Paris is the capital of France, of France, of France, of Fr…",
            f"[3] {unknown}",
        ],
    )
    numbered, notes = footnotes(text, [Citation(id=A)], style="markdown")
    assert numbered == "a[^1]b[^2][^1][^3]"
    assert notes == [f"[^1]: {A}", f"[^2]: {B}", f"[^3]: {unknown}"]
    reply = Reply(text=text, citations=CHUNKS)
    assert [chunk.sourceName for chunk in reply.cited] == ["Tomatoes.pdf", "Paris.pdf"]


def test_links() -> None:
    text = f"a[{A}](CITE)b[{B}](CITE)"
    shown = link_citations(text, lambda chunk: f"<{chunk if isinstance(chunk, str) else chunk.sourceName}>", CHUNKS[:1])
    assert shown == f"a<{A}>b<Paris.pdf>"


TEXTS = st.lists(
    st.sampled_from(
        [
            A,
            B,
            A[:5],
            "[",
            "】",
            "]",
            "【",
            "［",
            "(",
            "（",
            ")",
            "CITE",
            "CI",
            "id",
            "i",
            " ",
            ",",
            "、",
            "x",
            f"[{A}](CITE)",
        ]
    ),
    max_size=14,
).map("".join)


@given(TEXTS, st.sampled_from(["keep", "strip", "number", lambda chunk: f"<{chunk}>"]), st.data())
def test_cut_anywhere(text: str, mode: Any, data: st.DataObject) -> None:
    whole = CitationFilter(mode)
    expected = whole.feed(text) + whole.finish()
    marks = CitationFilter(mode)
    assert "".join(map(marks.feed, cut(text, data))) + marks.finish() == expected
    assert marks.ids == whole.ids
    if mode == "keep":
        assert expected == text
    if mode == "number":
        assert expected == footnotes(text)[0]


@given(TEXTS)
def test_only_the_beginning_of_a_mark_is_held_back(text: str) -> None:
    marks = CitationFilter(lambda chunk: f"[{chunk}]")
    marks.feed(text)
    held = marks._held
    assert text.endswith(held)
    if held:
        endings = [
            f"{rest}{end}"
            for rest in ("", *(A[count:] for count in range(25)), "d", *(B[n:] for n in range(25)))
            for end in ("", "](CITE)", "(CITE)", ")", "CITE)", "ITE)", "TE)", "E)")
        ]
        assert any(strip_citations(held + ending) == "" for ending in endings), held


def test_a_function_is_told_the_chunk_when_it_is_known(world: World) -> None:
    node = {"moduleType": "datasetSearchNode", "quoteList": [{"id": A, "sourceName": "Tomatoes.pdf"}]}
    found = b"event: flowNodeResponse\ndata: %s\n\n" % json.dumps(node).encode()
    pieces = [found, answer_frame(f"a[{A}](CI"), answer_frame(f"TE)b[{B}]"), answer_frame("(CITE)", "stop")]

    def link(chunk: Citation | str) -> str:
        return f"<{chunk if isinstance(chunk, str) else chunk.sourceName}>"

    with wire(stream(*pieces, b"data: [DONE]\n\n")) as server:
        shown = world.run(open_stream(world, server), "iter_answer", citations=link)
        assert shown == ["a", "<Tomatoes.pdf>b", f"<{B}>"]
        assert "".join(world.run(open_stream(world, server), "iter_answer", citations="number")) == "a[1]b[2]"


RULES = {
    "rules": [
        {
            "reply": f"Tomatoes are red[{A}](CITE), and Paris is old[{B}](CITE).",
            "piece_size": 3,
            "quotes": [{"id": B, "q": "Paris", "sourceName": "Paris.pdf"}, {"id": A, "q": "Red"}, {"id": "0" * 24}],
        }
    ]
}


@pytest.mark.parametrize("stream", [True, False])
def test_against_a_server(world: World, stream: bool) -> None:
    def open_run() -> Any:
        return world(client.create_chat_completion(ask("?"), stream, detail=True, retainDatasetCite=True))

    with LocalServer(api_keys=[KEY], script=RULES, delay=0) as server:
        client = world.make("ChatClient", KEY, server.base_url)
        ways = {
            "keep": f"Tomatoes are red[{A}](CITE), and Paris is old[{B}](CITE).",
            "strip": "Tomatoes are red, and Paris is old.",
            "number": "Tomatoes are red[1], and Paris is old[2].",
        }
        for way, expected in ways.items():
            assert "".join(world.run(open_run(), "iter_answer", citations=way)) == expected
        reply = world.run(open_run(), "reply")
        assert [chunk.id for chunk in reply.citations] == [B, A, "0" * 24]
        assert [chunk.id for chunk in reply.cited] == [A, B]


def test_unknown_mode() -> None:
    with pytest.raises(ArgumentError, match="'keep', 'strip', 'number' or a function, not 'hide'"):
        CitationFilter("hide")  # type: ignore[arg-type]
