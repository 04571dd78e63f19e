"""Every recorded completion, through both clients, from a socket that sends it whole, byte by byte, and cut at random.

The outcome must be the same each time, and be the one in ``expected.json``, which ``derive.py`` makes without the SDK.
Every failure that the bytes show must be reported, and none may say the key or keep a connection.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import socket
import threading
import traceback
from collections.abc import Iterator
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgpt_client import AsyncChatClient, ChatClient, FastGPTError, RateLimitError, StreamError, StreamParseError
from fastgpt_client import errors as sdk_errors
from fastgpt_client._response import EventStream
from fastgpt_client._transport import AsyncConnection, SyncConnection

from . import derive

JSON: TypeAlias = dict[str, Any]

KEY = "fastgpt-verysecretkey123"
CUTS = ("whole", "bytes", "random")
RECORDINGS = {derive.key_of(each): each for each in derive.load()}
EXPECTED: dict[str, JSON] = json.loads(derive.EXPECTED.read_text("utf-8"))
STREAMS = {key: each for key, each in RECORDINGS.items() if derive.is_stream(each)}

# The server ---------------------------------------------------------------------------------------------------------


def wire(recording: JSON, cut: str) -> bytes:
    """The response as it goes over the socket, with a Content-Length or in chunks, as it was recorded.

    The SDK gets each chunk by itself, so what is to reach it in one piece is one chunk here.
    """
    response = recording["response"]
    body = derive.wire_body(recording)
    early = derive.ends_early(recording)
    lines = [f"HTTP/1.1 {response['status']} -", *(f"{name}: {value}" for name, value in response["headers"].items())]
    if "chunks" not in response:
        # One byte more than comes, where the connection broke.
        return "\r\n".join([*lines, f"content-length: {len(body) + early}", "", ""]).encode() + body
    parts = ["\r\n".join([*lines, "transfer-encoding: chunked", "", ""]).encode()]
    for length in [len(body)] if cut == "whole" else response["chunks"]:
        parts.append(b"%x\r\n%s\r\n" % (length, body[:length]))
        body = body[length:]
    assert not body
    return b"".join(parts if early else [*parts, b"0\r\n\r\n"])


def pieces(data: bytes, cut: str, seed: str) -> Iterator[bytes]:
    """``data`` as the server writes it, each piece in its own ``send``.

    Every byte alone, but where a response has more than 3000: between its first and last 1500 pieces of 1 to 9.
    """
    if cut == "whole":
        yield data
        return
    dice = random.Random(f"{cut} {seed}")
    if cut == "random":
        edges = sorted(dice.sample(range(1, len(data)), min(8, len(data) - 1)))
    else:
        edges = list(range(1, min(1500, len(data))))
        while edges[-1] < len(data) - 1500:
            edges.append(edges[-1] + dice.randint(1, 9))
        edges += range(edges[-1] + 1, len(data))
    for start, end in zip([0, *edges], [*edges, len(data)], strict=True):
        yield data[start:end]


class Reads:
    """Cuts what the client reads from its connections.

    The kernel joins what is written in pieces as soon as the reader is slower than the writer; what is read in pieces
    it cannot join. So each recording is cut twice: by the writer, as a network does it, and by the reader, where the
    cuts are certain. A whole (non-stream) answer is joined before the SDK looks at it, and is read in pieces of
    1 to 9 for "byte by byte", to save time.
    """

    def __init__(self) -> None:
        self._smallest = self._largest = 65536
        self._dice = random.Random()

    def cut(self, cut: str, key: str) -> None:
        sizes = {"whole": (65536, 65536), "bytes": (1, 1 if key in STREAMS else 9), "random": (1, 400)}
        self._smallest, self._largest = sizes[cut]
        self._dice.seed(f"{cut} {key}")

    def install(self, patch: pytest.MonkeyPatch) -> None:
        rest: dict[object, bytes] = {}  # read from the socket, and not given to the client yet
        read, aread = SyncConnection.read, AsyncConnection.read

        def cut(connection: object, data: bytes) -> bytes:
            size = self._dice.randint(self._smallest, self._largest)
            if len(data) > size:
                rest[connection] = data[size:]
            return data[:size]

        def cut_read(connection: SyncConnection) -> bytes:
            return cut(connection, rest.pop(connection, b"") or read(connection))

        async def cut_aread(connection: AsyncConnection) -> bytes:
            return cut(connection, rest.pop(connection, b"") or await aread(connection))

        patch.setattr(SyncConnection, "read", cut_read)
        patch.setattr(AsyncConnection, "read", cut_aread)


class Server:
    """Answers every request with the recording that its header names, cut as another one says."""

    def __init__(self) -> None:
        self.received: JSON = {}  # the request that is answered: path, headers, body
        self.extra: dict[str, bytes] = {}  # answers besides the recordings, already in the form of the wire
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self._serving: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while await self._answer(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client left, as it may between two requests
        finally:
            self._serving.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        fields = (line.split(": ", 1) for line in lines)
        headers = {name.lower(): value for name, value in fields}
        body = await reader.readexactly(int(headers["content-length"]))
        key, cut, by = headers["x-recording"], headers["x-cut"], headers["x-by"]
        self.received = {"path": first.split(" ")[1], "headers": headers, "body": json.loads(body)}
        recording = RECORDINGS.get(key)
        data = wire(recording, cut) if recording else self.extra[key]
        for piece in pieces(data, cut if by == "writer" else "whole", key):
            writer.write(piece)
            await asyncio.sleep(0)
        await writer.drain()
        return recording is None or not derive.ends_early(recording)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _stop(self) -> None:
        self._server.close()
        for task in list(self._serving):
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await asyncio.sleep(0)  # lets the transports close


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


# The clients ----------------------------------------------------------------------------------------------------------


class Face:
    """The sync or the async client, with and without a key; what they do looks the same from here."""

    def __init__(self, asynchronous: bool, url: str, reads: Reads) -> None:
        self._reads = reads
        self.runner = asyncio.Runner() if asynchronous else None
        make: Any = AsyncChatClient if asynchronous else ChatClient
        self.clients: dict[bool, Any] = {
            key: make(KEY if key else None, url, max_retries=0, timeout=30) for key in (True, False)
        }

    def wait(self, value: Any) -> Any:
        return self.runner.run(value) if self.runner else value

    def ask(self, key: bool, name: str, cut: str, request: JSON, *, by: str = "reader") -> Any:
        self._reads.cut(cut if by == "reader" else "whole", name)
        headers = {"x-recording": name, "x-cut": cut, "x-by": by}
        return self.wait(self.clients[key].create_chat_completion(extra_headers=headers, **request))

    def collect(self, response: Any, way: str) -> tuple[list[Any], FastGPTError | None]:
        """All that ``events`` or ``iter_answer`` yields, and what it then raises."""
        items: list[Any] = []

        async def collect() -> None:
            async for item in getattr(response, f"a{way}")():
                items.append(item)

        try:
            if self.runner:
                self.runner.run(collect())
            else:
                for item in getattr(response, way)():
                    items.append(item)
        except FastGPTError as error:
            return items, error
        return items, None

    def reply(self, response: Any) -> Any:
        return self.wait(response.areply() if self.runner else response.reply())

    def busy(self) -> int:
        return sum(client._io.connections.busy for client in self.clients.values())

    def close(self) -> None:
        for client in self.clients.values():
            self.wait(client.close())
        if self.runner:
            self.runner.close()


@pytest.fixture(scope="module", params=["sync", "async"])
def face(request: pytest.FixtureRequest, server: Server) -> Iterator[Face]:
    reads = Reads()
    with pytest.MonkeyPatch.context() as patch:
        for name in (
            "FASTGPT_API_KEY",
            "FASTGPT_BASE_URL",
            "FASTGPT_APP_ID",
            "HTTP_PROXY",
            "http_proxy",
            "ALL_PROXY",
            "all_proxy",
        ):
            patch.delenv(name, raising=False)
        reads.install(patch)
        face = Face(request.param == "async", server.url, reads)
        yield face
        face.close()


def request_of(recording: JSON) -> JSON:
    """The recorded request as arguments. What the SDK itself refuses to send is replaced by something plain."""
    sent = derive.sent_body(recording)
    messages = sent.get("messages", [] if not sent else None)
    if messages is not None and not (isinstance(messages, list) and messages):
        messages = [{"role": "user", "content": "hi"}]
    chat = sent.get("chatId")
    return {
        "messages": messages,
        "stream": bool(sent.get("stream")),
        "detail": bool(sent.get("detail")),
        "chatId": chat if isinstance(chat, str) else None,
        "version": recording["request"]["path"].split("/")[2],
        **{
            name: sent.get(name)
            for name in ("variables", "responseChatItemId", "appId", "customUid", "retainDatasetCite", "authProxy")
        },
    }


# What came out --------------------------------------------------------------------------------------------------------


def outcome(face: Face, server: Server, key: str, cut: str, way: str) -> tuple[JSON, list[JSON]]:
    """The outcome in the form of ``expected.json``, and the events in full."""
    recording = RECORDINGS[key]
    request = request_of(recording)
    try:
        by = "reader" if way == "events" else "writer"
        response = face.ask(recording["request"]["key"], key, cut, request, by=by)
    except FastGPTError as raised:
        check_request(server, recording, request, None)
        return {"error": described(raised)}, []
    check_request(server, recording, request, response.chatId)
    assert response.is_stream == derive.is_stream(recording)

    items, error = face.collect(response, way)
    if error is None:
        reply = face.reply(response)
        error = reply.error
    else:
        assert isinstance(error, StreamError)
        reply = error.partial
        with pytest.raises(type(error)):  # asked again it says the same, and does not call half a reply whole
            face.reply(response)
    assert isinstance(reply.text, str)
    assert reply.chatId == response.chatId
    if not response.is_stream:
        assert response.json()["chatId"] == response.chatId

    names, events = "", []
    if way == "iter_answer":
        assert all(items)
        assert "".join(items) == reply.text
    else:
        assert "".join(getattr(event, "text", "") for event in items) == reply.text
        events = [{"event": event.event, "data": event.data} for event in items]
        names = " ".join(event.event for event in items) if response.is_stream else ""
    asked = reply.interactive
    result = {
        "chatId": response.chatId if request["chatId"] else None,
        "text": reply.text,
        "reasoning": reply.reasoning,
        "events": names,
        "interactive": asked
        and {
            "type": asked.type,
            "description": asked.description,
            "options": [option.value for option in asked.options],
            "fields": [field.key for field in asked.fields],
        },
        "tools": [tool.toolName for tool in reply.tools],
        "nodes": [node.moduleName for node in reply.nodes],
        "citations": [citation.id for citation in reply.citations],
        "variables": reply.variables,
        "title": reply.title,
        "duration": reply.duration,
        "error": error and described(error),
    }
    return {name: value for name, value in result.items() if value not in ("", [], {}, None)}, events


def check_request(server: Server, recording: JSON, request: JSON, chat: str | None) -> None:
    """The server got what was recorded: path, key, stream; and a chatId, which the SDK makes where none is given."""
    received = server.received
    assert received["path"] == recording["request"]["path"]
    assert ("authorization" in received["headers"]) == recording["request"]["key"]
    assert received["body"]["stream"] == request["stream"]
    if request["chatId"]:
        assert received["body"]["chatId"] == request["chatId"]
    else:
        assert re.fullmatch("[A-Za-z0-9]{24}", received["body"]["chatId"])
    assert chat in (None, received["body"]["chatId"])


def described(error: FastGPTError) -> JSON:
    """An error in the form of ``expected.json``; ``said`` is all that it says, to be searched."""
    check_secret(error)
    result: JSON = {
        "type": type(error).__name__,
        "code": getattr(error, "code", None),
        "statusText": getattr(error, "statusText", None),
        "said": [str(error), *map(str, error.args), json.dumps(getattr(error, "response_data", None))],
    }
    if isinstance(error, StreamError):
        if isinstance(error.__cause__, sdk_errors.APIError):
            result["cause"] = type(error.__cause__).__name__
        return result | {"kind": "stream"}
    if isinstance(error, sdk_errors.NodeError):
        return result | {"kind": "node", "node": error.node}
    assert isinstance(error, sdk_errors.APIError)
    result |= {"kind": "raised", "status": error.status_code}
    if isinstance(error, RateLimitError):
        result["retryAfter"] = error.retry_after
    return result


def check_secret(error: BaseException) -> None:
    shown = "".join(traceback.format_exception(error))
    for text in (str(error), repr(error), repr(error.args), shown):
        assert KEY not in text


def check(found: JSON, expected: JSON) -> None:
    if "error" in found and "error" in expected:
        found, expected = {**found, "error": dict(found["error"])}, {**expected, "error": dict(expected["error"])}
        said, contains = found["error"].pop("said"), expected["error"].pop("contains")
        for text in contains:
            assert any(text in each for each in said)
            if re.fullmatch(r"\w+:[\w.]+", text):  # a key of FastGPT's translations is not for people
                assert text not in said[0]
            else:
                assert text in said[0]
    assert found == expected


@pytest.mark.parametrize("key", RECORDINGS)
def test_recording(face: Face, server: Server, key: str) -> None:
    in_full: list[list[JSON]] = []
    for cut in CUTS:
        for way in ("events", "iter_answer"):
            found, events = outcome(face, server, key, cut, way)
            expected = EXPECTED[key]
            if way == "iter_answer":
                expected = {name: value for name, value in expected.items() if name != "events"}
            else:
                in_full.append(events)
            check(found, expected)
            assert face.busy() == 0, "a connection was not given back"
    assert in_full[0] == in_full[1] == in_full[2]
    if key in STREAMS:
        frames = derive.frames(derive.body_text(RECORDINGS[key]))
        assert in_full[0] == [{"event": name, "data": json.loads(data)} for name, data in frames if data != "[DONE]"]


def test_the_reader_gets_single_bytes(face: Face) -> None:
    """Should the transport stop to read with `read`, the tests above would cut less than they say."""
    for key in ("4.11.1/v1-rag-stream-detail", "4.16.0/v2-chat-think-stream-detail"):
        response = face.ask(True, key, "bytes", request_of(RECORDINGS[key]))
        items, _ = face.collect(response, "iter_bytes")
        assert {len(item) for item in items} == {1}


def test_expectations_are_those_of_the_recordings() -> None:
    assert derive.expected_text() == derive.EXPECTED.read_text("utf-8")
    assert {each["version"] for each in RECORDINGS.values()} == {"4.11.1", "4.14.4", "4.16.0"}
    kinds = {each["error"]["kind"] for each in EXPECTED.values() if "error" in each}
    assert kinds == {"raised", "stream", "node"}


# A server that repeats the key ----------------------------------------------------------------------------------------


def chunked(body: str, content_type: str = "") -> bytes:
    data = body.encode()
    head = f"HTTP/1.1 200 -\r\n{content_type}transfer-encoding: chunked\r\n\r\n"
    return head.encode() + b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data)


SSE = "content-type: text/event-stream\r\n"
ECHO = json.dumps({"code": 514, "statusText": "error", "message": f"no such key: {KEY}"})
ECHOES = {
    "json": f"HTTP/1.1 500 -\r\ncontent-type: application/json\r\ncontent-length: {len(ECHO)}\r\n\r\n{ECHO}".encode(),
    "text": f"HTTP/1.1 502 -\r\ncontent-length: {len(KEY)}\r\n\r\n{KEY}".encode(),
    "before": chunked(f"event: error\ndata: {ECHO}\n\n"),
    "inside": chunked(f'data: {{"choices":[{{"delta":{{"content":"a"}}}}]}}\n\nevent: error\ndata: {ECHO}\n\n', SSE),
    "cut": chunked(f'data: {{"choices":[{{"delta":{{"content":"{KEY}\n\n', SSE),
}


@pytest.mark.parametrize("name", ECHOES)
def test_an_error_that_repeats_the_key_is_shown_without_it(face: Face, server: Server, name: str) -> None:
    server.extra = ECHOES
    error: FastGPTError | None = None
    try:
        response = face.ask(True, name, "whole", {"messages": [{"role": "user", "content": "x"}], "stream": True})
    except FastGPTError as raised:
        error = raised
    else:
        _, error = face.collect(response, "events")
    assert error is not None
    check_secret(error)
    assert face.busy() == 0


# In memory: any cuts --------------------------------------------------------------------------------------------------


def read(body: bytes, edges: list[int]) -> JSON:
    """Events, reply and error of a stream whose bytes come cut at ``edges``."""
    stream = EventStream("chat")
    events: list[JSON] = []
    error: StreamError | None = None
    try:
        for start, end in zip([0, *edges], [*edges, len(body)], strict=True):
            events += ({"event": event.event, "data": event.data} for event in stream.feed(body[start:end]))
        events += ({"event": event.event, "data": event.data} for event in stream.finish())
    except StreamError as raised:
        error = raised
    reply = error.partial if error else stream.result()
    return {"events": events, "reply": reply, "error": error and (type(error), str(error))}


def same(one: JSON, other: JSON) -> bool:
    texts = [repr({**each, "reply": repr(each["reply"])}) for each in (one, other)]
    return texts[0] == texts[1]


BY_HAND = (
    # Letters at which str.splitlines cuts, and no standard does; CR and CRLF, which end lines as LF does.
    'data: {"choices":[{"delta":{"content":"a\u2028b\u2029c\x85d"}}]}\n\n'
    'event: fastAnswer\r\ndata: {"choices":[{"delta":{"content":"é好🙂"}}]}\r\n\r\n'
    # Node cuts an emoji in two: each half alone is no text.
    'event: answer\rdata: {"choices":[{"delta":{"content":"\\ud83d"}}]}\r\r'
    'data: {"choices":[{"delta":{"content":"\\ude42!"}}]}\n\n'
    'data: {"choices":[{"delta":{"content":"\\ud83d"}}]}\n\n'
    'id: 1\ndata:{"choices":[{"delta":{"content":"e\u2028\x85"}}]}\nretry: 5\n\n'
    ": ping\n\n"
    'event: futureEvent\ndata: {"a":\ndata: 1}\n\n'
    "event: futureEvent\ndata: words\n\n"
    'event: flowResponses\ndata: [{"moduleName":"\\udc00\u2028","moduleType":"chatNode"}]\n\n'
    "data: [DONE]\n\n"
).encode()

SOME = [
    "4.11.1/v1-rag-stream-detail",
    "4.11.1/v1-provider-error-mid-stream-detail",
    "4.14.4/v1-formInput-1-stream-detail",
    "4.16.0/v1-plugin-stream-plain",
    "4.16.0/v2-varupd-stream-detail",
    "4.16.0/v1-heartbeat-plain",
    "4.16.0/v1-midstream-infra-error-detail",
    "4.16.0/v1-disconnect",
]
BODIES = {key: derive.wire_body(RECORDINGS[key]) for key in SOME} | {"by hand": BY_HAND}
WHOLE = {key: read(body, []) for key, body in BODIES.items()}


@settings(max_examples=200)
@given(st.data())
def test_any_cut_gives_the_same(data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(list(BODIES)))
    body = BODIES[key]
    edges = data.draw(st.lists(st.integers(0, len(body)), max_size=40).map(sorted))
    assert same(read(body, edges), WHOLE[key])


@pytest.mark.parametrize("key", [key for key, body in BODIES.items() if len(body) < 3000])
def test_every_place_to_cut_once(key: str) -> None:
    body = BODIES[key]
    for edge in range(1, len(body)):
        assert same(read(body, [edge]), WHOLE[key])


def test_every_stream_byte_by_byte() -> None:
    for body in (BY_HAND, *map(derive.wire_body, STREAMS.values())):
        assert same(read(body, list(range(1, len(body)))), read(body, []))


@settings(max_examples=200)
@given(st.data())
def test_a_stream_that_ends_before_its_end_is_reported(data: st.DataObject) -> None:
    key = data.draw(st.sampled_from([key for key in SOME if b"[DONE]" in BODIES[key]]))
    body = BODIES[key]
    end = data.draw(st.integers(0, body.index(b"[DONE]") + len(b"[DONE]") - 1))
    found = read(body[:end], [])
    assert found["error"] is not None
    assert WHOLE[key]["reply"].text.startswith(found["reply"].text)


def test_made_by_hand() -> None:
    found = read(BY_HAND, [])
    assert found["error"] is None
    assert found["reply"].text == "a\u2028b\u2029c\x85dé好🙂🙂!\ufffde\u2028\x85"
    assert [event["event"] for event in found["events"]] == [
        "answer", "fastAnswer", "answer", "answer", "answer", "answer", "futureEvent", "futureEvent", "flowResponses",
    ]  # fmt: skip
    assert found["events"][6]["data"] == {"a": 1}
    assert found["events"][7]["data"] == "words"
    assert found["reply"].nodes[0].moduleName[1:] == "\u2028"


def test_a_frame_that_is_half_here_is_no_answer() -> None:
    found = read(b'data: {"choices":[{"delta":{"content":"a"}}]}\n\ndata: {"choices":[{"del', [])
    assert found["error"][0] in (StreamError, StreamParseError)
    assert found["reply"].text == "a"
