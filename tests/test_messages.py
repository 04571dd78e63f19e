"""Long answers in several messages."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgpt_client import ArgumentError, split_message

FAMILY, THUMB, FLAG, ACCENT = "👩‍👩‍👧‍👦", "👍🏽", "🇩🇪", "e\u0301"


def size(text: str, unit: str) -> int:
    return len(text.encode("utf-8", "surrogatepass")) if unit == "bytes" else len(text)


@given(
    st.one_of(
        st.text(),
        st.lists(
            st.sampled_from(
                ["word", "Satz。", "End. ", "\n", "\n\n", "  ", "```", "```py\n", "~~~~", "| a | b |\n", "|---|---|\n",
                 "[x y](http://x.y/z)", "`a b`", FAMILY, THUMB, FLAG, ACCENT, "\ud83d", "\r\n", "，"]
            ),
            max_size=60,
        ).map("".join),
    ),
    st.integers(4, 60),
    st.sampled_from(["chars", "bytes"]),
)  # fmt: skip
def test_no_piece_is_too_long_and_nothing_is_lost(text: str, limit: int, unit: str) -> None:
    pieces = split_message(text, limit, unit=unit)  # type: ignore[arg-type]
    assert all(0 < size(piece, unit) <= limit for piece in pieces)
    assert all(piece == piece.rstrip() for piece in pieces)
    if "```" not in text and "~~~" not in text and "|" not in text:
        assert "".join("".join(pieces).split()) == "".join(text.split())
    if size(text, unit) <= limit:
        assert len(pieces) == (1 if text.strip() else 0)


WORDS = st.integers(0, 9999).map(lambda number: f"w{number}")
BLOCKS = st.one_of(
    st.lists(WORDS, min_size=1, max_size=30).map(" ".join),
    st.lists(st.lists(WORDS, min_size=1, max_size=5).map(" ".join), min_size=1, max_size=8).map(
        lambda lines: "\n".join(["```py", *lines, "```"])
    ),
    st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=8).map(
        lambda rows: "\n".join(["| h | k |", "|---|---|", *(f"| {a} | {b} |" for a, b in rows)])
    ),
)


@given(st.lists(BLOCKS, min_size=1, max_size=6), st.integers(60, 120), st.sampled_from(["chars", "bytes"]))
def test_markdown_stays_whole(blocks: list[str], limit: int, unit: str) -> None:
    text = "\n\n".join(blocks)
    pieces = split_message(text, limit, unit=unit)  # type: ignore[arg-type]
    assert all(size(piece, unit) <= limit for piece in pieces)
    assert [word for piece in pieces for word in re.findall(r"w\d+", piece)] == re.findall(r"w\d+", text)
    for piece in pieces:
        fences = [line for line in piece.splitlines() if line.startswith("```")]
        assert fences == ["```py", "```"] * (len(fences) // 2)
        assert "```py\n```" not in piece
        lines = piece.splitlines()
        for number, line in enumerate(lines):  # every row is under the head of its table
            if line.startswith("|") and "w" in line:
                assert lines[number - 1].startswith("|")
        assert not lines[-1].startswith(("|---", "| h"))


@given(st.lists(st.sampled_from([FAMILY, THUMB, FLAG, ACCENT, "한", "é"]), max_size=30), st.integers(25, 40))
def test_what_shows_as_one_character_is_not_cut(characters: list[str], limit: int) -> None:
    pieces = split_message("".join(characters), limit, unit="bytes")
    cuts = {len("".join(pieces[:count])) for count in range(1, len(pieces))}
    assert cuts <= {len("".join(characters[:count])) for count in range(len(characters))}
    assert "".join(pieces) == "".join(characters)


def test_where_it_is_cut() -> None:
    text = "One two. Three four.\nFive six\n\nSeven eight nine"
    assert split_message(text, 35) == ["One two. Three four.\nFive six", "Seven eight nine"]
    assert split_message(text, 25) == ["One two. Three four.", "Five six", "Seven eight nine"]
    assert split_message(text, 13) == ["One two.", "Three four.", "Five six", "Seven eight", "nine"]
    assert split_message("abcdefgh", 3) == ["abc", "def", "gh"]
    assert split_message("一二。三四，五六七八九", 5) == ["一二。", "三四，", "五六七八九"]
    assert split_message("  - a\n  - b\n", 6) == ["  - a", "  - b"]
    assert split_message(" \n ", 6) == split_message("", 6) == []


def test_links_and_code_are_not_cut() -> None:
    text = "See [the long page](https://example.com/a) or `some code` or https://example.com/another/page now"
    assert split_message(text, 44) == [
        "See [the long page](https://example.com/a)",
        "or `some code` or",
        "https://example.com/another/page now",
    ]
    mark = "[65f0c0ffee65f0c0ffee1234](CITE)"
    assert split_message(f"红色{mark}{mark}", 40) == [f"红色{mark}", mark]
    assert split_message("[x](http://too.long)", 8) == ["[x](http", "://too.l", "ong)"]


def test_blocks() -> None:
    code = "Look:\n\n```py\n" + "\n".join(f"line{n} = {n}" for n in range(6)) + "\n```\nDone."
    assert split_message(code, 40) == [
        "Look:\n\n```py\nline0 = 0\nline1 = 1\n```",
        "```py\nline2 = 2\nline3 = 3\nline4 = 4\n```",
        "```py\nline5 = 5\n```\nDone.",
    ]
    assert split_message("~~~\n" + "x" * 30 + "\n\n~~~", 20) == [f"~~~\n{'x' * 12}\n~~~"] * 2 + ["~~~\nxxxxxx\n\n~~~"]
    assert split_message("```\nnever closed\nnever\nclosed", 24) == ["```\nnever closed\n```", "```\nnever\nclosed"]
    assert split_message("```\n\n```\n" + "word " * 6, 20) == ["```\n\n```", "word word word word", "word word"]
    table = "| a | b |\n|---|---|\n" + "\n".join(f"| {n} | x |" for n in range(5))
    assert split_message(table, 45) == [
        "| a | b |\n|---|---|\n| 0 | x |\n| 1 | x |",
        "| a | b |\n|---|---|\n| 2 | x |\n| 3 | x |",
        "| a | b |\n|---|---|\n| 4 | x |",
    ]
    no_room_for_the_head = ["| a | b |\n|---|---|", "| 0 | x |\n| 1 | x |", "| 2 | x |\n| 3 | x |", "| 4 | x |"]
    assert split_message(table, 24) == no_room_for_the_head
    assert split_message("| a | b |\n|---|---|\n\nText", 20) == ["| a | b |\n|---|---|", "Text"]


def test_wrong_limits() -> None:
    assert split_message("ab\ud83d\ude00", 3) == ["ab", "\ud83d\ude00"]
    assert split_message("aé😀", 4, unit="bytes") == ["aé", "😀"]
    for limit, unit in ((0, "chars"), (3, "bytes")):
        with pytest.raises(ArgumentError, match=f"limit must be at least . {unit}, not {limit}"):
            split_message("x", limit, unit=unit)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="unit must be"):
        split_message("x", 9, unit="words")  # type: ignore[arg-type]
