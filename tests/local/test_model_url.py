"""A real model behind the server: any OpenAI-compatible endpoint."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from .conftest import Api, running, text_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from starlette.requests import Request

SEEN: list[dict[str, Any]] = []


async def complete(request: Request) -> Response:
    body = await request.json()
    SEEN.append(body)
    question = body["messages"][-1]["content"]
    if "401" in question:
        key = request.headers["authorization"].split()[1]
        return JSONResponse({"error": {"message": f"Incorrect API key provided: {key}"}}, 401)
    if "502" in question:
        return Response("Bad gateway", 502)

    async def slow() -> AsyncIterator[bytes]:
        while True:
            yield b'data: {"choices": [{"delta": {"content": "word "}}]}\n\n'
            await asyncio.sleep(0.02)

    if "slow" in question:
        return StreamingResponse(slow(), media_type="text/event-stream")

    async def frames() -> AsyncIterator[bytes]:
        def frame(delta: dict[str, str]) -> bytes:
            return b"data: " + json.dumps({"choices": [{"delta": delta}]}, ensure_ascii=False).encode() + b"\n\n"

        yield b": comment\n\n" + frame({"reasoning_content": "hmm"}) + frame({"role": "assistant"})
        text = frame({"content": "line\u2028two "})
        yield text[:30]
        yield text[30:]
        if "mid" in question:
            yield b'data: {"error": "quota"}\n\n'
        if "junk" in question:
            yield b"data: {junk\n\n"
        if "drop" in question:
            raise ConnectionResetError
        yield frame({"content": f"after {len(body['messages'])} messages"}) + b'data: {"choices": []}\r\n\r\n'
        yield b"data: [DONE]\n\n"

    return StreamingResponse(frames(), media_type="text/event-stream")


@pytest.fixture(scope="module")
def model_url() -> Iterator[str]:
    with running(Starlette(routes=[Route("/v1/chat/completions", complete, methods=["POST"])])) as url:
        yield url


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/", "/v1/chat/completions"])
def test_answers(serve: Callable[..., Api], model_url: str, path: str) -> None:
    api = serve(model_url=model_url + path, model="my-model", model_key="sk-secret")
    events = api.stream("hi", chatId="c", detail=True)
    assert text_of(events) == "line\u2028two after 1 messages"
    assert text_of(events, "reasoning_content") == "hmm"
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "again"}]
    result = api.post("/v1/chat/completions", {"chatId": "c", "messages": messages, "detail": True}).json()
    assert result["responseData"][1]["model"] == SEEN[-1]["model"] == "my-model"
    assert [message["role"] for message in SEEN[-1]["messages"]] == ["system", "user", "assistant", "user"]


@pytest.mark.parametrize(
    ("question", "error", "text"),
    [
        ("401", "401 Incorrect API key provided: ***", ""),
        ("502", "502 Bad gateway", ""),
        ("mid", "quota", "line\u2028two "),
        ("junk", "The model does not answer in the form of OpenAI", "line\u2028two "),
        ("drop", "terminated", "line\u2028two "),
    ],
)
def test_failures(serve: Callable[..., Api], model_url: str, question: str, error: str, text: str) -> None:
    result = serve(model_url=model_url, model_key="sk-secret").say(question).json()
    assert (result["error"], result["choices"][0]["message"]["content"]) == (error, text)


def test_stop(serve: Callable[..., Api], model_url: str) -> None:
    """Ends the model too: its connection is closed."""
    api = serve(model_url=model_url)
    with api.open("slow", chatId="c", responseChatItemId="r") as lines:
        next(lines)
        api.data("/v2/chat/stop", {"chatId": "c"})
        assert [*lines][-2:] == ["data: [DONE]", ""]
    assert api.records("c")[1]["value"][0]["text"]["content"].startswith("word ")
    nodes = api.get("/core/chat/record/getResData", chatId="c", dataId="r").json()["data"]
    assert nodes[1]["finishReason"] == "close"


def test_no_connection(serve: Callable[..., Api]) -> None:
    assert serve(model_url="http://127.0.0.1:1").say("hi").json()["error"] == "Connection error."
