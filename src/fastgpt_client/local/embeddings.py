"""`/v1/embeddings`, which FastGPT had until 4.11: vectors from the words of a text, without a model."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any
from zlib import crc32

from . import wire
from .knowledge.words import words

if TYPE_CHECKING:
    from starlette.responses import Response

    from .calls import Call

SIZE = 256


def vector(text: str) -> list[float]:
    """A vector of length 1: texts that share words point the same way. The same text has the same one everywhere."""
    counts = [0.0] * SIZE
    for word in words(text):
        counts[crc32(word.encode()) % SIZE] += 1
    length = math.hypot(*counts) or 1
    return [count / length for count in counts]


def embeddings(call: Call, _: object) -> Response:
    """Vectors of one text, or of several."""
    given: Any = call.params.get("input")
    texts = [str(text) for text in (given if wire.is_list(given) else [given or ""])]
    rows = [{"object": "embedding", "index": at, "embedding": vector(text)} for at, text in enumerate(texts)]
    count = sum(len(words(text)) for text in texts)
    usage = {"prompt_tokens": count, "total_tokens": count}
    model = str(call.params.get("model") or "local-embedding")
    return wire.answer(call.request, {"object": "list", "data": rows, "model": model, "usage": usage})
