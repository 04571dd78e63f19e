"""Who answers: the built-in responder, or any OpenAI-compatible endpoint."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import httpx2

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

Delta = tuple[str, str]
"""A piece of an answer: `("content", text)` or `("reasoning_content", text)`."""


class ModelError(Exception):
    """The model failed; the text becomes the `errorText` of the node."""


class Prompt(NamedTuple):
    """What a model gets."""

    system: str
    history: list[tuple[str, str]]
    """Earlier messages, oldest first: `("Human" or "AI", text)`."""
    question: str
    files: Sequence[str] = ()
    """The names of the files that came with the question."""


class Model(Protocol):
    """Something that answers."""

    name: str

    def stream(self, prompt: Prompt) -> AsyncGenerator[Delta]: ...

    async def aclose(self) -> None: ...


_CJK = "\u3400-\u9fff"
_PIECE = re.compile(rf"[{_CJK}]{{1,2}}|[^\s{_CJK}]+\s*|\s+")


def pieces_of(text: str, size: int | None = None) -> list[str]:
    """Cut a text into stream pieces: words, or `size` characters each."""
    if size:
        return [text[start : start + size] for start in range(0, len(text), size)]
    return _PIECE.findall(text)


class Responder:
    """The built-in responder. It makes nothing up: it repeats what it was told, the same way every time."""

    name = "local-stand-in"

    def __init__(self, delay: float) -> None:
        self.delay = delay

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta]:
        """Answer word by word."""
        earlier = [text for role, text in prompt.history if role == "Human"]
        answer = respond(prompt.question, earlier)
        if prompt.files:
            chinese = bool(re.search(f"[{_CJK}]", prompt.question))
            answer += (_CHINESE if chinese else _ENGLISH)["files"].format(", ".join(prompt.files))
        for piece in pieces_of(answer):
            yield "content", piece
            await asyncio.sleep(self.delay)

    async def aclose(self) -> None:
        """Nothing to close."""


_HELLO = re.compile(r"\b(hi|hello|hey|good (morning|day|evening))\b|你好|您好|嗨", re.I)
_BEFORE = re.compile(
    r"\b(my name|who am i|remember|before|earlier|previous(ly)?|first|so far)\b"
    r"|\b(did i (say|tell|ask)|i (said|told|asked))\b"
    r"|我叫什么|我是谁|我的名字|之前|刚才|刚刚|记得|以前|第一|上一|说过|说了什么",
    re.I,
)
_ENGLISH = {
    "hello": "Hello!",
    "who": "I am a local stand-in, not a model: I can only repeat what you tell me.",
    "said": 'You said: "{}".',
    "told": "Earlier in this chat you told me: {}.",
    "each": '"{}"',
    "before": 'Your previous message was: "{}".',
    "began": 'You began this chat with: "{}".',
    "files": " With it came: {}.",
}
_CHINESE = {
    "hello": "你好！",
    "who": "我是本地替身，不是模型，只会重复你告诉我的话。",
    "said": "你说：“{}”。",
    "told": "在这次对话里你之前告诉过我：{}。",
    "each": "“{}”",
    "before": "你上一条消息是：“{}”。",
    "began": "这次对话以你的这句话开始：“{}”。",
    "files": "随附文件：{}。",
}


def respond(question: str, earlier: list[str]) -> str:
    """The built-in answer to a question, given the user's earlier messages of this chat.

    From the second turn on it always holds the first message word for word, so that a test can see the history work.
    """
    chinese = bool(re.search(f"[{_CJK}]", question))
    say = _CHINESE if chinese else _ENGLISH
    parts = [say["hello"]] if _HELLO.search(question) else []
    if not earlier:
        parts += [say["who"], say["said"].format(question)]
    elif _BEFORE.search(question):
        parts.append(say["told"].format(("；" if chinese else "; ").join(say["each"].format(text) for text in earlier)))
    else:
        parts += [say["said"].format(question), say["who"], say["before"].format(earlier[-1])]
    if earlier:
        parts.append(say["began"].format(earlier[0]))
    return ("" if chinese else " ").join(parts)


class OpenAIModel:
    """A model behind an OpenAI-compatible `chat/completions`."""

    def __init__(self, url: str, name: str | None, key: str | None) -> None:
        base = url.rstrip("/").removesuffix("/chat/completions")
        # `https://host` means `https://host/v1`; any other path is taken as it is.
        self.url: str = (
            f"{base}/v1/chat/completions" if re.fullmatch(r"\w+://[^/]+", base) else f"{base}/chat/completions"
        )
        self.name: str = name or "default"
        self._key = key
        self._client: httpx2.AsyncClient | None = None

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta]:
        """Ask the endpoint, and hand on what it streams."""
        messages = [{"role": "system", "content": prompt.system}] if prompt.system else []
        roles = {"Human": "user", "AI": "assistant"}
        messages += [{"role": roles.get(role, "system"), "content": text} for role, text in prompt.history]
        files = f"\n\nFiles: {', '.join(prompt.files)}" if prompt.files else ""
        messages.append({"role": "user", "content": f"{prompt.question}{files}"})
        if self._client is None:
            self._client = httpx2.AsyncClient(timeout=httpx2.Timeout(600, connect=10))
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        body = {"model": self.name, "messages": messages, "stream": True}
        try:
            async with self._client.stream("POST", self.url, json=body, headers=headers) as response:
                if response.status_code >= 400:
                    raise self._error(await response.aread(), f"{response.status_code} ")
                async for delta in self._deltas(response):
                    yield delta
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.UnsupportedProtocol):
            raise ModelError("Connection error.") from None
        except httpx2.TimeoutException:
            raise ModelError("Request timed out.") from None
        except httpx2.HTTPError:
            raise ModelError("terminated") from None
        except (ValueError, AttributeError, LookupError, TypeError):
            raise ModelError("The model does not answer in the form of OpenAI") from None

    async def _deltas(self, response: httpx2.Response) -> AsyncGenerator[Delta]:
        rest = b""
        async for chunk in response.aiter_bytes():
            # Only newlines end a line here: httpx's own line splitter also cuts at U+2028 inside the JSON.
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                data = line.removeprefix(b"data:").strip()
                if not line.startswith(b"data:") or data == b"[DONE]":
                    continue
                frame: Any = json.loads(data)
                if "error" in frame:
                    raise self._error(data, "")
                choices: Any = frame.get("choices") or [{}]
                delta: Any = choices[0].get("delta") or {}
                for kind in ("reasoning_content", "content"):
                    if delta.get(kind):
                        yield kind, delta[kind]

    def _error(self, body: bytes, prefix: str) -> ModelError:
        text = body.decode(errors="replace")
        try:
            error: Any = json.loads(body)["error"]
            text = error if isinstance(error, str) else str(error["message"])
        except (ValueError, KeyError, TypeError):
            pass
        if self._key:
            text = text.replace(self._key, "***")  # providers like to quote the key that they refuse
        return ModelError(f"{prefix}{text[:500]}".strip())

    async def aclose(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()
