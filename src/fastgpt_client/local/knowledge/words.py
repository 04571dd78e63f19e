"""Texts as words: what full-text search looks for, and the stand-in for an embedding model.

A word is a run of letters and digits; Chinese, Japanese and Korean, which are written without spaces, count by letters
and pairs of letters.
"""

from __future__ import annotations

import math
import re
from collections import Counter

_CJK = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0002ffff"
_RUN = re.compile(rf"([{_CJK}]+)|[^\W_{_CJK}]+")


def words(text: str, *, letters: bool = True) -> list[str]:
    """The words of a text; without `letters` only pairs of them where there are pairs."""
    found: list[str] = []
    for run in _RUN.finditer(text.lower()):
        if run[1] is None:
            found.append(run[0])
            continue
        if letters or len(run[1]) == 1:
            found += run[1]
        found += map("".join, zip(run[1], run[1][1:], strict=False))
    return found


def for_index(text: str) -> str:
    """A text as it goes into the full-text table."""
    return " ".join(words(text))


def for_query(text: str, most: int = 64) -> str:
    """A question as full-text search takes it: any of its words will do."""
    return " OR ".join(f'"{word}"' for word in list(dict.fromkeys(words(text, letters=False)))[:most])


def likeness(one: Counter[str], other: Counter[str]) -> float:
    """The cosine of two counts of words: 1 for the same words, 0 for none in common."""
    product = sum(count * other[word] for word, count in one.items())
    return product / (_length(one) * _length(other)) if product else 0.0


def _length(counts: Counter[str]) -> float:
    return math.sqrt(sum(count * count for count in counts.values()))


def tokens(text: str) -> int:
    """About how many tokens a text has: a Chinese letter is one, elsewhere four letters are."""
    cjk = sum(len(run[1]) for run in _RUN.finditer(text) if run[1] is not None)
    return cjk + math.ceil((len(text) - cjk) / 4)
