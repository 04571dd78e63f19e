"""Questions and answers in CSV and JSON Lines, read row by row."""

from __future__ import annotations

import codecs
import csv
import json
import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TextIO, TypeAlias, cast

from .._json import as_list, as_object
from ..errors import FastGPTError
from ..models.data import DataInput, IndexInput

_QUESTION, _ANSWER, _INDEXES = ("q", "question"), ("a", "answer"), ("indexes", "index")
BATCH_BYTES = 1024 * 1024
"""FastGPT takes bodies of some MB; proxies before it often of 1 MB only."""


_Cells: TypeAlias = tuple[int, str, str, list[str]]  # line, question, answer, indexes


class RowError(FastGPTError, ValueError):
    """A row cannot be read. Nothing of its file was sent."""


def has_rows(path: Path) -> bool:
    """Whether a file is a table of questions: ``.jsonl``, or a ``.csv`` with a column ``q`` or ``question``."""
    if path.suffix.lower() == ".jsonl":
        return True
    if path.suffix.lower() != ".csv":
        return False
    try:
        with _open(path) as file:
            return _column(next(csv.reader(file), list[str]()), _QUESTION) is not None
    except (csv.Error, UnicodeDecodeError):
        return False


def read_rows(path: Path) -> Iterator[DataInput]:
    """The rows of a file, one after the other; blank ones are left out.

    CSV has a head with ``q`` (or ``question``), ``a`` (``answer``), ``indexes`` (a text, or a JSON list of texts; each
    further column holds one more). JSON Lines have objects with the same names, ``indexes`` a list. UTF-8, or GB 18030
    as older Chinese files have it. ``chunkIndex`` is the place among the rows, from 0.

    Raises:
        RowError: A row has no question, or cannot be read; the line is named.
    """
    place = 0
    with closing(_read_json(path) if path.suffix.lower() == ".jsonl" else _read_csv(path)) as rows:
        for line, q, a, indexes in rows:
            if not q.strip():
                if a.strip() or indexes:
                    raise RowError(f"line {line}: there is an answer and no question")
                continue
            found = [IndexInput(text=text) for text in indexes if text.strip()]
            yield DataInput(q=q, a=a or None, indexes=found or None, chunkIndex=place)
            place += 1


def count_rows(path: Path) -> int:
    """How many rows a file has; all of them are checked."""
    return sum(1 for _ in read_rows(path))


def batches(rows: Iterable[DataInput], most: int, most_bytes: int = BATCH_BYTES) -> Iterator[list[DataInput]]:
    """The rows in lists of at most ``most``, and of at most about ``most_bytes`` unless one row alone has more."""
    batch: list[DataInput] = []
    size = 0
    for row in rows:
        length = _size(row)
        if batch and (len(batch) >= most or size + length > most_bytes):
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += length
    if batch:
        yield batch


def _size(row: DataInput) -> int:
    texts = [row.q or "", row.a or "", *(index.text for index in row.indexes or ())]
    return sum(len(text.encode("utf-8", "replace")) + 32 for text in texts)


def _read_csv(path: Path) -> Generator[_Cells]:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    with _open(path) as file:
        reader = csv.reader(file)
        try:
            head = next(reader, list[str]())
            question, answer, index = (_column(head, names) for names in (_QUESTION, _ANSWER, _INDEXES))
            if question is None:
                raise RowError(f"there is no column q or question in {head!r:.100}")
            for cells in reader:
                indexes = [] if index is None else [text for cell in cells[index:] for text in _texts(cell)]
                yield reader.line_num, _cell(cells, question), _cell(cells, answer), indexes
        except csv.Error as error:
            raise RowError(f"line {reader.line_num}: {error}") from error


def _read_json(path: Path) -> Generator[_Cells]:
    with _open(path) as file:
        for line, text in enumerate(file, 1):
            if not text.strip():
                continue
            try:
                row: Any = json.loads(text)
            except ValueError as error:
                raise RowError(f"line {line}: not JSON: {error}") from error
            if not isinstance(row, dict):
                raise RowError(f"line {line}: not an object with q and a, but {text.strip()!r:.80}")
            row = cast("dict[str, Any]", row)
            indexes: list[str] = []
            for index in as_list(_first(row, _INDEXES)):
                found = index if isinstance(index, str) else as_object(index).get("text")
                if not isinstance(found, str):
                    raise RowError(f"line {line}: an index must be a text, not {index!r:.80}")
                indexes.append(found)
            yield line, _text(_first(row, _QUESTION)), _text(_first(row, _ANSWER)), indexes


def _open(path: Path) -> TextIO:
    return path.open(encoding=_encoding(path), newline="" if path.suffix.lower() == ".csv" else "\n")


def _encoding(path: Path) -> str:
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        try:
            while piece := file.read(1024 * 1024):
                decoder.decode(piece)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "gb18030"
    return "utf-8-sig"


def _column(head: list[str], names: tuple[str, ...]) -> int | None:
    found = [at for at, name in enumerate(head) if name.strip().lower() in names]
    return found[0] if found else None


def _cell(cells: list[str], at: int | None) -> str:
    return cells[at] if at is not None and at < len(cells) else ""


def _texts(cell: str) -> list[str]:
    """One text, or a JSON list of them."""
    if cell.lstrip().startswith("["):
        try:
            found: Any = json.loads(cell)
        except ValueError:
            return [cell]
        texts = as_list(found)
        if isinstance(found, list) and all(isinstance(text, str) for text in texts):
            return texts
    return [cell] if cell.strip() else []


def _first(row: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((row[name] for name in names if row.get(name) is not None), None)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
