from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fastgpt_client.cli.chat.blocks import Blocks

PARTS = [
    "# Title",
    "Some words\nand more.",
    "- one\n- two",
    "```python\na = 1\n\nb = 2\n```",
    "| a | b |\n|---|---|\n| 1 | 2 |",
]
TEXT = "\n\n".join(PARTS)


def blocks_of(pieces: list[str]) -> list[str]:
    blocks = Blocks()
    found = [block for piece in pieces for block in blocks.feed(piece)]
    return [*found, *blocks.finish()]


@given(st.sets(st.integers(0, len(TEXT))))
def test_wherever_it_is_cut_the_blocks_are_the_same(cuts: set[int]) -> None:
    ends = [*sorted(cuts), len(TEXT)]
    starts = [0, *ends]
    assert blocks_of([TEXT[start:end] for start, end in zip(starts, ends, strict=False)]) == PARTS


@given(st.lists(st.text(alphabet="ab \n#-`>|1.*[]:", max_size=9)))
def test_nothing_is_lost(pieces: list[str]) -> None:
    found = "".join(blocks_of(pieces))
    assert "".join(found.split()) == "".join("".join(pieces).split())


def test_a_block_is_finished_when_the_next_one_has_begun() -> None:
    blocks = Blocks()
    assert blocks.feed("One\n\n") == []
    assert blocks.feed("Two") == []  # a new line tells
    assert blocks.feed("\n") == ["One"]
    assert blocks.rest == "Two\n"
    assert blocks.feed("\n") == blocks.feed("Three") == []
    assert blocks.finish() == ["Two", "Three"]
    assert blocks.finish() == []


def test_the_tail_of_code_is_code_and_of_a_table_a_table() -> None:
    blocks = Blocks()
    blocks.feed("```python\n1\n2\n3")
    assert blocks.tail(9) == "```python\n1\n2\n3"
    assert blocks.tail(2) == "```python\n2\n3"
    blocks = Blocks()
    blocks.feed("| a |\n|:-:|\n| 1 |\n| 2 |\n| 3 |")
    assert blocks.tail(2) == "| a |\n|:-:|\n| 2 |\n| 3 |"
    assert blocks.tail(4) == "| a |\n|:-:|\n| 1 |\n| 2 |\n| 3 |"
    blocks = Blocks()
    blocks.feed("a\nb\nc")
    assert blocks.tail(2) == "b\nc"
