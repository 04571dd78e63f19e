"""Small helpers, most of them known from the earlier SDK of this name."""

from __future__ import annotations

import base64
import mimetypes
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from ._response import ChatResponse, EventStream
from .errors import ArgumentError
from .events import InteractiveEvent, StreamEvent

if TYPE_CHECKING:
    import os

FastGPTStreamEvent = StreamEvent
FastGPTInteractiveEvent = InteractiveEvent


def iter_stream_events(response: Any) -> Iterator[StreamEvent]:
    """The events of a response: one of ours, or any with ``iter_bytes()`` (httpx, httpx2).

    Example:
        >>> for event in iter_stream_events(response):
        ...     print(event.event, event.data)
    """
    if isinstance(response, ChatResponse):
        yield from response.events()
        return
    stream = EventStream()
    for piece in response.iter_bytes():
        yield from stream.feed(piece)
    yield from stream.finish()


async def aiter_stream_events(response: Any) -> AsyncIterator[StreamEvent]:
    """The events of a response: one of ours, or any with ``aiter_bytes()`` (httpx, httpx2).

    Example:
        >>> async for event in aiter_stream_events(response):
        ...     print(event.event, event.data)
    """
    if isinstance(response, ChatResponse):
        async for event in response.aevents():
            yield event
        return
    stream = EventStream()
    async for piece in response.aiter_bytes():
        for event in stream.feed(piece):
            yield event
    for event in stream.finish():
        yield event


def image_url_part(url: str) -> dict[str, Any]:
    """A picture in a message, by its URL (``https://…`` or ``data:…``).

    Example:
        >>> image_url_part("https://example.com/cat.png")
        {'type': 'image_url', 'image_url': {'url': 'https://example.com/cat.png'}}
    """
    return {"type": "image_url", "image_url": {"url": url}}


def file_url_part(url: str, name: str) -> dict[str, Any]:
    """A document in a message, by its URL; FastGPT reads it where the app allows files, and tells its type by ``name``.

    Example:
        >>> file_url_part("https://example.com/a?id=7", "report.pdf")
        {'type': 'file_url', 'name': 'report.pdf', 'url': 'https://example.com/a?id=7'}
    """
    return {"type": "file_url", "name": name, "url": url}


def text_part(text: str) -> dict[str, Any]:
    """A text in a message that has other parts besides.

    Example:
        >>> [text_part("What is this?"), image_url_part("https://example.com/cat.png")]
        [{'type': 'text', 'text': 'What is this?'}, {'type': 'image_url', 'image_url': {'url': …}}]
    """
    return {"type": "text", "text": text}


def strip_item_prefix(text: str) -> str:
    """An answer without the ``0: `` before it, which apps with tools and models without function calls say.

    FastGPT up to 4.8.8 leaves it there in whole (non-stream) answers, where the model said whether it calls a tool. It
    could also be the answer's own, so nothing removes it unless you do.

    Example:
        >>> strip_item_prefix("0: Hello!")
        'Hello!'
    """
    return re.sub(r"^\s*0[:：]\s*", "", text)


def image_part_from_bytes(data: bytes, mime_type: str = "image/jpeg") -> dict[str, Any]:
    """A picture in a message, from its bytes.

    Example:
        >>> image_part_from_bytes(b"abc", "image/png")["image_url"]["url"]
        'data:image/png;base64,YWJj'
    """
    return image_url_part(encode_image_data_url(data, mime_type))


def image_part_from_path(path: str | os.PathLike[str], mime_type: str | None = None) -> dict[str, Any]:
    """A picture in a message, from a file; its name tells the type unless you do.

    Raises:
        ArgumentError: The name does not tell that it is a picture.

    Example:
        >>> part = image_part_from_path("cat.png")
    """
    kind = mime_type or mimetypes.guess_type(str(path))[0]
    if kind is None or not kind.startswith("image/"):
        raise ArgumentError(f"{str(path)!r} does not look like a picture; pass mime_type='image/…'")
    return image_part_from_bytes(Path(path).read_bytes(), kind)


def encode_image_data_url(data: bytes, mime_type: str = "image/jpeg") -> str:
    """Bytes as a ``data:`` URL.

    Example:
        >>> encode_image_data_url(b"abc")
        'data:image/jpeg;base64,YWJj'
    """
    return f"data:{mime_type};base64,{base64.b64encode(data).decode()}"


def decode_data_url(url: str) -> tuple[str, bytes]:
    """The MIME type and the bytes of a ``data:`` URL.

    Raises:
        ValueError: It is none.

    Example:
        >>> decode_data_url("data:image/png;base64,YWJj")
        ('image/png', b'abc')
    """
    head, comma, body = url.partition(",") if is_data_url(url) else ("", "", "")
    if not comma:
        raise ArgumentError(f"not a data: URL: {url!r:.60}")
    kind, *parameters = head.removeprefix("data:").split(";")
    try:
        data = base64.b64decode(body, validate=True) if "base64" in parameters else unquote_to_bytes(body)
    except ValueError as error:
        raise ArgumentError(f"the data: URL holds no base64: {error}") from error
    return kind or "text/plain", data


def is_data_url(url: object) -> bool:
    """Whether this is a ``data:`` URL.

    Example:
        >>> is_data_url(None)
        False
    """
    return isinstance(url, str) and url.startswith("data:")
