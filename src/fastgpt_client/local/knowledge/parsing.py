"""Files and pages as texts, texts as chunks."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

READABLE = ("txt", "md", "html", "htm", "csv", "json")
"""The kinds of files that are read."""
UPLOADABLE = (*READABLE, "pdf", "docx", "pptx", "xlsx")
"""The kinds that may be uploaded; of those that are not read the training fails."""
IMAGES = ("jpg", "jpeg", "png", "gif", "webp", "bmp", "svg")

DEFAULTS: dict[str, Any] = {
    "chunkSettingMode": "auto",
    "chunkSplitMode": "paragraph",
    "paragraphChunkAIMode": "forbid",
    "paragraphChunkDeep": 5,
    "paragraphChunkMinSize": 100,
    "chunkSize": 1000,
    "indexSize": 512,
}
"""How a text is cut when nothing else is said."""


class ParseError(Exception):
    """A file cannot be read; the text becomes the error of the training."""


def ending(name: str) -> str:
    """The ending of a file name."""
    return name.rpartition(".")[2].lower() if "." in name else ""


def decode(content: bytes) -> str:
    """The text in a file: UTF-8, or GB 18030 as older Chinese files have it."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1")


def to_text(name: str, content: bytes) -> str:
    """The text of a file, by the ending of its name."""
    kind = ending(name)
    if kind not in READABLE:
        raise ParseError(f"The local server cannot read .{kind} files")
    text = decode(content)
    if kind in ("html", "htm"):
        return page_text(text)[1]
    if kind == "json":
        try:
            return json.dumps(json.loads(text), ensure_ascii=False, indent=2)
        except ValueError as exc:
            raise ParseError(f"Not valid JSON: {exc}") from None
    return text.replace("\r\n", "\n").strip()


class _Page(HTMLParser):
    """Title and text of a page."""

    _HIDDEN = ("script", "style", "noscript", "template", "title", "svg")
    _INLINE = ("a", "abbr", "b", "code", "em", "i", "small", "span", "strong", "sub", "sup", "u")

    def __init__(self) -> None:
        super().__init__()
        self.title = ""
        self.parts: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._HIDDEN:
            self._open.append(tag)
        self._mark(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            self._open.remove(tag)
        self._mark(tag)

    def _mark(self, tag: str) -> None:
        if tag not in self._INLINE:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._open:
            self.parts.append(re.sub(r"\s+", " ", data))
        elif self._open == ["title"]:
            self.title += data


def page_text(html: str) -> tuple[str, str]:
    """Title and text of a page."""
    page = _Page()
    page.feed(html)
    page.close()
    lines = (line.strip() for line in "".join(page.parts).split("\n"))
    return page.title.strip(), "\n".join(line for line in lines if line)


def read_rows(content: bytes) -> list[tuple[str, str, list[str]]] | None:
    """Rows `q,a,indexes…` of a backup or template; `None` when the file is something else."""
    rows = list(csv.reader(io.StringIO(decode(content), newline="")))
    if not rows or [name.strip().lower() for name in rows[0][:2]] != ["q", "a"]:
        return None
    padded = ([*map(str.strip, row), "", ""] for row in rows[1:])
    return [(row[0], row[1], [cell for cell in row[2:] if cell]) for row in padded if row[0]]


def write_rows(rows: list[tuple[str, str]]) -> str:
    """Rows as FastGPT exports them, with its own heading."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(rows)
    return f"\ufeffindex,content\n{out.getvalue()}".rstrip("\n")


# --- cutting ----------------------------------------------------------------------------------------------------------

_BREAKS = (r"(?<=\n\n)", r"(?<=\n)", r"(?<=[。！？；])|(?<=[.!?;]\s)", r"(?<=[，,\s])")
"""Where a text may be cut, the best places first."""
_HEADING = r"(?m)(?=^#{1,6} )"


def cut(text: str, settings: Mapping[str, Any]) -> list[str]:
    """A text as chunks of at most `chunkSize` letters.

    `auto` and `paragraph` cut at headings and paragraphs, `size` at paragraphs and sentences only, `char` at
    `chunkSplitter` (one or more, with `|` between them) first. A text that fits into one chunk is only cut by `char`.
    """
    custom = settings.get("chunkSettingMode") == "custom"
    mode = settings.get("chunkSplitMode") if custom else None
    size = max(1, int((custom and settings.get("chunkSize")) or DEFAULTS["chunkSize"]))
    splitter = settings.get("chunkSplitter")
    parts = [text]
    if mode == "char" and splitter:
        parts = re.split("|".join(map(re.escape, filter(None, str(splitter).split("|")))), text)
    elif mode != "size" and len(text) > size:
        parts = re.split(_HEADING, text)
    chunks = (chunk.strip() for part in parts for chunk in _packed(part, size, 0))
    return [chunk for chunk in chunks if chunk]


def _packed(text: str, size: int, level: int) -> list[str]:
    """Pieces of a text, as few as fit."""
    if len(text) <= size:
        return [text]
    if level == len(_BREAKS):
        return [text[start : start + size] for start in range(0, len(text), size)]
    chunks = [""]
    for piece in re.split(_BREAKS[level], text):
        if len(chunks[-1]) + len(piece) <= size:
            chunks[-1] += piece
        else:
            chunks += _packed(piece, size, level + 1)
    return chunks


_ASKED = re.compile(r"^\s*(?:Q\d*|问题?\d*)\s*[:：.]\s*(.+?)\s*\n\s*(?:A\d*|答案?\d*)\s*[:：.]\s*", re.M | re.I | re.S)


def questions(text: str) -> list[tuple[str, str]]:
    """Questions and answers of a text, by rule: its `Q:` and `A:` where it has them, else each paragraph by its first
    sentence."""
    asked = list(_ASKED.finditer(text))
    if asked:
        ends = [*(match.start() for match in asked[1:]), len(text)]
        return [(match[1], text[match.end() : end].strip()) for match, end in zip(asked, ends, strict=True)]
    paragraphs = filter(None, map(str.strip, text.split("\n\n")))
    return [(re.split(_BREAKS[2], paragraph, maxsplit=1)[0].strip(), paragraph) for paragraph in paragraphs]
