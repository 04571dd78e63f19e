"""What each recorded completion says, read by the rules of FastGPT's contract and without the SDK.

    python derive.py

writes ``expected.json``: the outcome that is right for every recording, one a line, empty fields left out. Nothing of
``fastgpt_client`` is imported here on purpose: the body is split at blank lines and decoded with ``json``, so that a
mistake in the SDK's parsing cannot hide in the expectation.

An ``error`` is of one of three kinds: ``raised`` by the call itself, ``stream`` (raised while the stream is read, with
the reply so far) or ``node`` (a node of the workflow failed, which FastGPT answers with HTTP 200: ``reply.error``).
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

HERE = Path(__file__).parent
PACKED = HERE / "completions.json.gz"
EXPECTED = HERE / "expected.json"

JSON: TypeAlias = dict[str, Any]

# What FastGPT says → the class of fastgpt_client.errors that means it: the body decides first, the HTTP status second.
BY_NAME = {
    "unAuthApiKey": "AuthenticationError",  # a wrong key
    "unAuthorization": "AuthenticationError",  # no key
    "appUnExist": "NotFoundError",
    "chatIsGenerating": "ConflictError",
}
BY_SENTENCE = {
    "need to use the app key": "WrongKeyKindError",  # 4.11, 4.14: the key is of no app, and none is named
    "appId is empty": "WrongKeyKindError",  # the same, in 4.16
    "app is empty": "NotFoundError",  # 4.11, 4.14: an app is named, and it does not exist (4.16: appUnExist)
    "messages is empty": "ValidationError",
    "messages is not array": "ValidationError",
    "question is empty": "ValidationError",
    "dataId already exists": "ConflictError",
}
BY_CODE = {400: "ValidationError", 413: "ValidationError", 429: "RateLimitError"}


def load() -> list[JSON]:
    recordings: list[JSON] = json.loads(gzip.decompress(PACKED.read_bytes()))
    return recordings


def key_of(recording: JSON) -> str:
    return f"{recording['version']}/{recording['name']}"


def wire_body(recording: JSON) -> bytes:
    """The body as it was sent, perhaps compressed."""
    response = recording["response"]
    return base64.b64decode(response["body_base64"]) if "body_base64" in response else response["body"].encode()


def body_text(recording: JSON) -> str:
    body = wire_body(recording)
    if recording["response"]["headers"].get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    return body.decode()


def sent_body(recording: JSON) -> JSON:
    """The fields of the request; none where it was empty or too large to be kept."""
    text = recording["request"]["body"]
    return json.loads(text) if text.startswith("{") else {}


def frames(text: str) -> list[tuple[str, str]]:
    """Name and data of every frame. Without ``detail`` the frames of answers have no name."""
    found: list[tuple[str, str]] = []
    for block in text.split("\n\n"):
        name, data = "answer", ""
        for line in block.split("\n"):
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                data = line.removeprefix("data: ")
        if data:
            found.append((name, data))
    return found


def is_stream(recording: JSON) -> bool:
    kind: str = recording["response"]["headers"].get("content-type", "")
    return kind.startswith("text/event-stream")


def ends_early(recording: JSON) -> bool:
    """Whether the connection broke: its pieces stop, with neither ``[DONE]`` nor an error."""
    if "read_error" in recording["response"]:
        return True
    if not is_stream(recording):
        return False
    read = frames(body_text(recording))
    return not any(name == "error" or data == "[DONE]" for name, data in read)


# Outcomes -------------------------------------------------------------------------------------------------------------


def outcome(recording: JSON) -> JSON:
    text = body_text(recording)
    status = recording["response"]["status"]
    sent = sent_body(recording).get("chatId")
    result: JSON = {"chatId": sent} if isinstance(sent, str) and sent else {}
    if status >= 400 or text.startswith("event: error\n"):
        return {"error": raised(recording)}
    if is_stream(recording):
        result |= stream_outcome(text, ends_early(recording))
    else:
        result |= json_outcome(json.loads(text))
    return {name: value for name, value in result.items() if value not in ("", [], {}, None)}


def raised(recording: JSON) -> JSON:
    """A failure that is known before anything of the run is: an HTTP status, or one error frame with HTTP 200."""
    text = body_text(recording)
    status = recording["response"]["status"]
    if text.startswith("{"):
        return api_error(json.loads(text), status)
    if text.startswith("event: error\n"):
        return api_error(json.loads(frames(text)[0][1]), status)
    return api_error({"message": text}, status)


def api_error(body: JSON, status: int) -> JSON:
    code, name, message = body.get("code"), body.get("statusText"), body["message"]
    kind = BY_NAME.get(name or "")
    kind = kind or next((each for sentence, each in BY_SENTENCE.items() if sentence in message), None)
    kind = kind or BY_CODE.get(code or 0) or BY_CODE.get(status) or "ServerError"
    said = [message]
    for issue in body.get("zodError", []):  # 4.16 says which field is wrong
        said += [issue["message"], ".".join(map(str, issue["path"]))]
    error = {"kind": "raised", "type": kind, "status": status, "code": code, "statusText": name, "contains": said}
    if wait := re.search(r"try again in (\d+) seconds", message):  # there is no Retry-After
        error["retryAfter"] = int(wait[1])
    return error


def stream_outcome(text: str, early: bool) -> JSON:
    said = Said()
    events: list[str] = []
    for name, data in frames(text):
        if data == "[DONE]":
            continue  # not an event, and not the end: before 4.15 v1 sends flowResponses after it
        events.append(name)
        said.event(name, json.loads(data))
    result = said.result() | {"events": " ".join(events)}
    if events[-1] == "error":
        failure = api_error(json.loads(frames(text)[-1][1]), 200)
        result["error"] = {"kind": "stream", "type": "StreamError", "cause": failure["type"]} | {
            name: failure[name] for name in ("code", "statusText", "contains")
        }
    elif early:
        result["error"] = {"kind": "stream", "type": "StreamError", "code": None, "statusText": None, "contains": []}
    return result


def json_outcome(body: JSON) -> JSON:
    said = Said()
    message = body["choices"][0]["message"]
    content = message.get("content")  # 4.14.4 and 4.16 leave it out when a node asks
    if isinstance(content, list):
        for item in content:
            said.item(item)
    else:
        said.texts.append(content or "")
    said.reasoning.append(message.get("reasoning_content") or "")
    said.nodes = body.get("responseData", [])
    said.variables = body.get("newVariables", {})
    said.title = body.get("title")
    result = said.result()
    # The texts of several nodes are lines of one answer; FastGPT's own plain answer leaves the empty ones out.
    result["text"] = "\n".join(filter(None, said.texts))
    if "error" not in result and body.get("error"):
        result["error"] = node_error(body["error"], "")
    return result


class Said:
    """Adds up what the parts of an answer say."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.reasoning: list[str] = []
        self.interactive: JSON | None = None
        self.tools: dict[str, str] = {}
        self.nodes: list[JSON] = []
        self.variables: JSON = {}
        self.title: str | None = None
        self.duration: float | None = None

    def event(self, name: str, data: Any) -> None:
        if name in ("answer", "fastAnswer"):
            delta = data["choices"][0]["delta"]
            self.texts.append(delta.get("content") or "")
            self.reasoning.append(delta.get("reasoning_content") or "")
        elif name == "toolCall":
            self.tools[data["tool"]["id"]] = data["tool"]["toolName"]
        elif name == "interactive":
            self.interactive = data["interactive"]
        elif name == "flowResponses":
            self.nodes = data
        elif name == "flowNodeResponse":
            self.nodes.append(data)
        elif name == "updateVariables":
            self.variables |= data
        elif name == "chatTitle":
            self.title = data["title"]
        elif name == "workflowDuration":
            self.duration = data["durationSeconds"]

    def item(self, item: JSON) -> None:
        """One item of a ``content`` that is a list."""
        if "text" in item:
            self.texts.append(item["text"]["content"])
        if "reasoning" in item:
            self.reasoning.append(item["reasoning"]["content"])
        for tool in item.get("tools", []):
            self.tools[tool["id"]] = tool["toolName"]
        if "interactive" in item:
            self.interactive = item["interactive"]

    def result(self) -> JSON:
        result: JSON = {
            "text": "".join(self.texts),
            "reasoning": "".join(self.reasoning),
            "interactive": asked(self.interactive) if self.interactive else None,
            "tools": list(self.tools.values()),
            "nodes": [node["moduleName"] for node in self.nodes],
            "citations": list(dict.fromkeys(quotes(self.nodes))),
            "variables": self.variables,
            "title": self.title,
            "duration": self.duration,
        }
        for node in walk(self.nodes):
            if failure := node.get("errorText") or node.get("error"):
                result["error"] = node_error(failure, node["moduleName"])
                break
        return result


def node_error(failure: Any, node: str) -> JSON:
    said = failure["message"] if isinstance(failure, dict) else failure
    return {"kind": "node", "type": "NodeError", "code": None, "statusText": None, "contains": [said], "node": node}


def asked(interactive: JSON) -> JSON:
    params = interactive["params"]
    return {
        "type": interactive["type"],
        "description": params.get("description", ""),
        "options": [option["value"] for option in params.get("userSelectOptions", [])],
        "fields": [field["key"] for field in params.get("inputForm", [])],
    }


def walk(value: Any) -> Iterator[JSON]:
    """Nodes, and the nodes that ran inside them."""
    if isinstance(value, dict):
        if "moduleType" in value:
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from walk(each)


def quotes(value: Any) -> Iterator[str]:
    """Ids of the chunks that nodes found, wherever they stand."""
    if isinstance(value, dict):
        for each in value.get("quoteList") or []:
            yield each["id"]
        value = [each for name, each in value.items() if name != "quoteList"]
    if isinstance(value, list):
        for each in value:
            yield from quotes(each)


def expected_text() -> str:
    """One recording a line, so that a change shows as one line."""
    lines = (
        f"{json.dumps(key_of(each))}: {json.dumps(outcome(each), ensure_ascii=False, sort_keys=True)}"
        for each in load()
    )
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    EXPECTED.write_text(expected_text(), "utf-8")
    print(f"{EXPECTED.stat().st_size} bytes")
