from __future__ import annotations

from pathlib import Path

import pytest

from fastgpt_client import (
    ArgumentError,
    FastGPTInteractiveEvent,
    FastGPTStreamEvent,
    InteractiveEvent,
    StreamEvent,
    decode_data_url,
    encode_image_data_url,
    file_url_part,
    image_part_from_bytes,
    image_part_from_path,
    image_url_part,
    is_data_url,
    strip_item_prefix,
    text_part,
)


def test_names_of_the_earlier_sdk() -> None:
    assert FastGPTStreamEvent is StreamEvent
    assert FastGPTInteractiveEvent is InteractiveEvent


def test_pictures(tmp_path: Path) -> None:
    assert image_url_part("https://x/y.png") == {"type": "image_url", "image_url": {"url": "https://x/y.png"}}
    assert encode_image_data_url(b"abc") == "data:image/jpeg;base64,YWJj"
    assert decode_data_url("data:image/png;base64,YWJj") == ("image/png", b"abc")
    assert decode_data_url("data:,a%20b") == ("text/plain", b"a b")
    assert image_part_from_bytes(b"abc", "image/png")["image_url"]["url"] == "data:image/png;base64,YWJj"
    picture = tmp_path / "猫.png"
    picture.write_bytes(b"abc")
    assert image_part_from_path(picture)["image_url"]["url"] == "data:image/png;base64,YWJj"
    assert image_part_from_path(picture, "image/webp")["image_url"]["url"].startswith("data:image/webp")
    assert [is_data_url(value) for value in (None, 3, "http://x", "data:x")] == [False, False, False, True]


def test_what_is_no_picture(tmp_path: Path) -> None:
    for url in ("http://x", "data:image/png;base64", "data:;base64,***"):
        with pytest.raises(ValueError, match="data: URL"):
            decode_data_url(url)
    with pytest.raises(ArgumentError, match=r"notes.txt' does not look like a picture"):
        image_part_from_path(tmp_path / "notes.txt")


def test_other_parts() -> None:
    assert text_part("hi") == {"type": "text", "text": "hi"}
    assert file_url_part("https://x/y", "a.pdf") == {"type": "file_url", "name": "a.pdf", "url": "https://x/y"}


def test_item_prefix() -> None:
    for text in ("0: Hi 0: x", "0:Hi 0: x", " 0： Hi 0: x", "Hi 0: x"):
        assert strip_item_prefix(text) == "Hi 0: x"
    assert strip_item_prefix("10: x") == "10: x"
