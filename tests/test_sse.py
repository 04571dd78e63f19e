from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from fastgpt_client._sse import Frame, FrameSplitter, LineSplitter, parse_lines


def frames(pieces: list[bytes]) -> tuple[list[Frame], bytes]:
    splitter = FrameSplitter()
    found = [frame for piece in pieces for frame in splitter.feed(piece)]
    return found, splitter.finish()


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


def test_frames_of_fastgpt() -> None:
    data = b'data: {"a":1}\n\nevent: answer\ndata: {"b":2}\n\ndata: [DONE]\n\n'
    assert frames([data])[0] == [(b"", b'{"a":1}'), (b"answer", b'{"b":2}'), (b"", b"[DONE]")]


def test_the_rest_of_the_standard() -> None:
    data = (
        b"\xef\xbb\xbfdata:no space\n\n"  # byte order mark
        b": a comment\n\n"
        b"event: lonely\n\n"  # no data: no event
        b"id: 7\nretry: 3\ndata: one\ndata: two\nevent: x\n\n"  # several lines, any order
        b"data\n\n"  # no colon: empty data
        b"data:  two spaces\n\n"
        b"\n\n\ndata: after blank lines\n\n"
    )
    assert frames([data])[0] == [
        (b"", b"no space"),
        (b"x", b"one\ntwo"),
        (b"", b""),
        (b"", b" two spaces"),
        (b"", b"after blank lines"),
    ]


def test_line_ends_of_all_kinds() -> None:
    for end in (b"\n", b"\r\n", b"\r"):
        data = b"event: a" + end + b"data: 1" + end * 2 + b"data: 2" + end * 2
        assert frames([data])[0] == [(b"a", b"1"), (b"", b"2")], end
        assert frames([bytes([byte]) for byte in data])[0] == [(b"a", b"1"), (b"", b"2")], end


def test_nothing_else_cuts() -> None:
    text = '{"t":"a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg"}'
    assert frames([f"data: {text}\n\n".encode()])[0] == [(b"", text.encode())]
    lines = LineSplitter()
    assert lines.feed(f"data: {text}\nnext\n".encode()) == [f"data: {text}", "next"]


def test_an_unfinished_frame_is_left_over() -> None:
    found, rest = frames([b"data: 1\n\ndata: 2\n"])
    assert found == [(b"", b"1")]
    assert parse_lines(rest) == (b"", b"2")


def test_a_large_frame_in_small_pieces_is_not_searched_again_and_again() -> None:
    import time

    data = b"data: " + b"x" * 4_000_000 + b"\n\n"
    pieces = [data[start : start + 1000] for start in range(0, len(data), 1000)]
    started = time.process_time()
    assert len(frames(pieces)[0][0][1]) == 4_000_000
    assert time.process_time() - started < 2  # quadratic would take minutes


line = st.binary(max_size=12).map(lambda raw: raw.replace(b"\r", b"").replace(b"\n", b""))
block = st.tuples(st.sampled_from([b"data: ", b"data:", b"event: ", b": ", b"", b"other: "]), line).map(b"".join)
stream = st.lists(
    st.tuples(block, st.sampled_from([b"\n", b"\r\n", b"\r", b"\n\n", b"\r\n\r\n", b"\r\r"])), max_size=12
).map(lambda parts: b"".join(a + b for a, b in parts))


@given(stream, st.lists(st.integers(0, 400), max_size=20))
def test_any_cut_gives_the_same_frames(data: bytes, places: list[int]) -> None:
    assert frames(cut(data, places)) == frames([data]) == frames([bytes([byte]) for byte in data])


@given(stream)
def test_against_a_plain_reading_of_the_standard(data: bytes) -> None:
    expected: list[Frame] = []
    event, lines = b"", list[bytes]()
    text = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    for row in text.split(b"\n")[:-1]:
        if not row:
            if lines:
                expected.append((event, b"\n".join(lines)))
            event, lines = b"", []
            continue
        field, _, value = row.partition(b":")
        value = value[1:] if value[:1] == b" " else value
        if field == b"data":
            lines.append(value)
        elif field == b"event":
            event = value
    assert frames([data])[0] == expected


@given(st.text(alphabet="ab\r\n\u2028é", max_size=40), st.lists(st.integers(0, 100), max_size=8))
def test_lines_are_the_same_however_cut(text: str, places: list[int]) -> None:
    splitter = LineSplitter()
    found = [each for piece in cut(text.encode(), places) for each in splitter.feed(piece)] + splitter.finish()
    expected = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert found == (expected[:-1] if expected[-1] == "" else expected)
