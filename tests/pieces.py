"""Cutting things anywhere, for property tests."""

from __future__ import annotations

from typing import TypeVar

from hypothesis import strategies as st

Text = TypeVar("Text", str, bytes)


def cut(whole: Text, data: st.DataObject, most: int = 12) -> list[Text]:
    """``whole`` in pieces; every cut is possible, and every piece of one."""
    if data.draw(st.booleans()):
        return [whole[place : place + 1] for place in range(len(whole))]
    places = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=most)))
    return [whole[start:end] for start, end in zip([0, *places], [*places, len(whole)], strict=True)]
