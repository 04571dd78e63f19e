"""Questions and answers in CSV and JSON Lines."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgpt_client.knowledge.rows import RowError, batches, count_rows, has_rows, read_rows
from fastgpt_client.models.data import DataInput, IndexInput

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=30)
ROWS = st.lists(st.tuples(TEXTS.filter(str.strip), TEXTS, st.lists(TEXTS.filter(str.strip), max_size=3)), max_size=8)


def plain(path: Path) -> list[tuple[str, str, list[str]]]:
    return [(row.q or "", row.a or "", [index.text for index in row.indexes or ()]) for row in read_rows(path)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rows")


@given(ROWS)
def test_what_is_written_as_csv_is_read(place: Path, rows: list[tuple[str, str, list[str]]]) -> None:
    path = place / "a.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["q", "a", "indexes"])
        writer.writerows([q, a, json.dumps(indexes)] for q, a, indexes in rows)
    assert plain(path) == rows
    assert [row.chunkIndex for row in read_rows(path)] == list(range(len(rows)))


@given(ROWS)
def test_what_is_written_as_json_is_read(place: Path, rows: list[tuple[str, str, list[str]]]) -> None:
    path = place / "a.jsonl"
    lines = [json.dumps({"question": q, "answer": a, "indexes": more}, ensure_ascii=False) for q, a, more in rows]
    path.write_text("\n".join(lines), encoding="utf-8", newline="\n")
    assert plain(path) == rows


def test_columns_and_encodings(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("\ufeffid,Question,Answer,index,\n1,甲,乙,one,two\n2,丙,,,\n,,,,\n".encode())
    assert plain(path) == [("甲", "乙", ["one", "two"]), ("丙", "", [])]
    path.write_bytes("q,a\n问题,答案\n".encode("gb18030"))
    assert plain(path) == [("问题", "答案", [])]
    path.write_text("q,a\nonly\n")
    assert plain(path) == [("only", "", [])]
    path.write_text("q,a,indexes\nx,y,[1]\nx,y,[not json\n")
    assert [indexes for _, _, indexes in plain(path)] == [["[1]"], ["[not json"]]
    path = tmp_path / "a.jsonl"
    path.write_text('\n{"q": "x", "a": 5, "indexes": [{"text": "y"}, "z", " "]}\n')
    assert plain(path) == [("x", "5", ["y", "z"])]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "x,y\n1,2\n", "no column q or question"),
        ("a.csv", "q,a\nx,y\n,z\n", "line 3: there is an answer and no question"),
        ("a.csv", 'q,a\n"x\n', "line 2: unexpected end of data"),
        ("a.jsonl", '{"q": "x"}\n{"q": \n', "line 2: not JSON"),
        ("a.jsonl", '["q"]\n', "line 1: not an object with q and a"),
        ("a.jsonl", '{"q": "x", "indexes": [5]}\n', "line 1: an index must be a text, not 5"),
        ("a.jsonl", '{"a": "x"}\n', "line 1: there is an answer and no question"),
    ],
)
def test_rows_that_cannot_be_read(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    if said.endswith("end of data"):
        assert count_rows(tmp_path / name) == 1  # as every reader of CSV takes it
        return
    with pytest.raises(RowError, match=said):
        count_rows(tmp_path / name)


def test_which_files_have_rows(tmp_path: Path) -> None:
    for name, text in (("a.jsonl", ""), ("b.csv", "Q,A\n"), ("c.csv", "name,age\n"), ("d.csv", ""), ("e.md", "q,a\n")):
        (tmp_path / name).write_text(text)
    assert [path.name for path in sorted(tmp_path.iterdir()) if has_rows(path)] == ["a.jsonl", "b.csv"]
    (tmp_path / "f.csv").write_bytes(b"\xff\xff\xff\n")
    assert not has_rows(tmp_path / "f.csv")


@given(st.lists(st.integers(0, 300), max_size=60), st.integers(1, 10), st.integers(1, 1000))
def test_batches_hold_all_rows_in_order(lengths: list[int], most: int, most_bytes: int) -> None:
    rows = [DataInput(q="x" * length, indexes=[IndexInput(text="é")]) for length in lengths]
    found = list(batches(rows, most, most_bytes))
    assert [row for batch in found for row in batch] == rows
    assert all(1 <= len(batch) <= most for batch in found)
    sizes = [sum(len(row.q or "") + 66 + 32 for row in batch) for batch in found]
    assert all(size <= most_bytes or len(batch) == 1 for size, batch in zip(sizes, found, strict=True))
