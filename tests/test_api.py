"""Every endpoint against FastGPT's own description of itself, and against what real servers answered.

``data/systemopenapi-4.16.0.json.gz`` is what a server of 4.16.0 says of its API (names and types only),
``data/key-endpoints.json.gz`` what else is known to take keys, ``recordings/endpoints.json.gz`` what servers of three
versions answered.
"""

from __future__ import annotations

import gzip
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgpt_client import APIError, ArgumentError, ChatClient, ChatResponse
from fastgpt_client._flow import Read, Send
from fastgpt_client._versions import OLDER_FORMS
from fastgpt_client.api._arguments import ChatOptions, ChunkSettings, CollectionOptions
from fastgpt_client.api.apps import AppApi
from fastgpt_client.api.chat import ChatApi
from fastgpt_client.api.collections import CollectionApi
from fastgpt_client.api.data import MAX_ROWS, DataApi
from fastgpt_client.api.datasets import DatasetApi
from fastgpt_client.models.apps import McpApp
from fastgpt_client.models.data import DataInput, IndexInput

from .test_flow import OK, PAGE, answer, drive

HERE = Path(__file__).parent


def load(path: str) -> Any:
    return json.loads(gzip.decompress((HERE / path).read_bytes()))


SYSTEM = {
    f"{method.upper()} {path}": operation
    for path, methods in load("data/systemopenapi-4.16.0.json.gz")["paths"].items()
    for method, operation in methods.items()
}
ENDPOINTS = {f"{each['method']} {each['path']}": each for each in load("data/key-endpoints.json.gz")}
RECORDINGS = load("recordings/endpoints.json.gz")

BODY_OR_FILE = "a file goes out or comes in: with the uploads and downloads"
OLDER = "an older form of another endpoint"
LATER = {
    "POST /core/dataset/collection/create/localFile": BODY_OR_FILE,
    "POST /core/dataset/collection/create/images": BODY_OR_FILE,
    "POST /core/dataset/collection/create/backup": BODY_OR_FILE,
    "POST /core/dataset/collection/create/template": BODY_OR_FILE,
    "POST /core/dataset/data/insertImages": BODY_OR_FILE,
    "GET /core/dataset/collection/batchDownload": BODY_OR_FILE,
    "POST /core/dataset/collection/export": BODY_OR_FILE,
    "POST /core/chat/record/getSpeech": BODY_OR_FILE,
    "POST /core/chat/item/getSpeech": BODY_OR_FILE,
    "POST /common/file/upload": BODY_OR_FILE,
    "PUT /core/dataset/collection/update": OLDER,
    "DELETE /core/dataset/collection/delete": OLDER,
    "POST /core/dataset/collection/list": "superseded by listV2, which all versions since 4.8.19 have",
    "POST /core/dataset/collection/scrollList": "superseded by listV2, which all versions since 4.8.19 have",
    "POST /core/dataset/data/list": "superseded by v2/list, which all versions since 4.8.12 have",
    "GET /core/chat/feedback/getFeedbackIndices": "superseded by getFeedbackRecordIds; its answer is not known",
}
# What servers before 4.15 called otherwise or do not need any more.
OLD_NAMES = {"shareId", "outLinkUid", "teamId", "teamToken"}


class Calls(ChatApi[Any], AppApi[Any], DatasetApi[Any], CollectionApi[Any], DataApi[Any]):
    """All endpoints, giving flows."""

    def __init__(self) -> None:
        self._session = ChatClient("fastgpt-k", "http://host", app_id="app", max_retries=0)._session
        self._io = type("Give", (), {"run": staticmethod(lambda steps: steps)})()


NAMES = [name for name in dir(Calls) if not name.startswith("_")]


def example(name: str, annotation: str) -> Any:
    """Something that an argument takes."""
    if name in ("dateStart", "dateEnd"):
        return "2026-11-23"
    if name == "messages":
        return [{"role": "user", "content": "x"}]
    for word, value in (("Mapping[str, ", {"a": "b"}), ("Sequence[", ["x"]), ("bool", True), ("int", 1), ("float", 1)):
        if word in annotation.replace("Sequence[McpApp | Mapping[str, object]]", "Sequence["):
            return [value] if annotation.startswith("Sequence[") and isinstance(value, dict) else value
    return "v1" if name == "version" else "x"


def arguments(name: str, *, whole: bool = True) -> dict[str, Any]:
    """Arguments for an endpoint: all that it takes, or only what it cannot do without."""
    made: dict[str, Any] = {}
    for parameter in list(inspect.signature(getattr(Calls, name)).parameters.values())[1:]:
        annotation = str(parameter.annotation)
        if parameter.kind is parameter.VAR_KEYWORD:
            kinds = {"ChatOptions": ChatOptions, "CollectionOptions": CollectionOptions, "ChunkSettings": ChunkSettings}
            kind: Any = kinds.get(annotation.removeprefix("Unpack[").removesuffix("]"))
            ours = ("timeout", "max_retries", "extra_headers", "extra_body")
            made |= {option: "x" for option in (kind.__optional_keys__ if kind and whole else ()) if option not in ours}
        elif whole or parameter.default in (parameter.empty, ""):
            made[parameter.name] = example(parameter.name, annotation)
    if name in ("search_dataset", "rebuild_embedding", "update_collection"):
        made |= {"text": "x"} if name == "search_dataset" else {"vectorModel": "x"} if "rebuild" in name else {"id": "x"}
    return made


def sent(name: str, given: dict[str, Any]) -> Send:
    return cast("Send", next(getattr(Calls(), name)(**given)))


def names_of(request: Send) -> tuple[set[str], set[str]]:
    return set(request.params), set(json.loads(request.content or b"{}"))


def endpoint_of(request: Send) -> str:
    return f"{request.method} {request.url.removeprefix('http://host/api')}"


def _table() -> dict[str, tuple[str, set[str], set[str]]]:
    """Endpoint → the method that calls it, and the names that it can send in the query and in the body."""
    table: dict[str, tuple[str, set[str], set[str]]] = {}
    for name in NAMES:
        whole = arguments(name)
        variants = [whole]
        if "pageNum" in whole:
            variants.append({**whole, "pageNum": None})
        if "version" in whole:
            variants.append({**whole, "version": "v2"})
        for variant in variants:
            request = sent(name, variant)
            query, body = names_of(request)
            _, old_query, old_body = table.get(endpoint_of(request), (name, set(), set()))
            table[endpoint_of(request)] = (name, query | old_query, body | old_body)
    return table


TABLE = _table()
PATHS = {key.split(" ", 1)[1]: value[0] for key, value in TABLE.items()}
for newest, forms in OLDER_FORMS.items():
    PATHS |= {form.path: PATHS[newest] for form in forms}


# What is sent --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", [each for each in SYSTEM if each not in LATER])
def test_every_operation_of_the_system_openapi_is_there(operation: str) -> None:
    assert operation in TABLE, "no method calls it"
    _, query, body = TABLE[operation]
    described = SYSTEM[operation]
    in_query = {each["name"] for each in described.get("parameters", [])}
    content = described.get("requestBody", {}).get("content", {})
    in_body = set(content.get("application/json", {}).get("schema", {}).get("properties", {}))
    if operation == "DELETE /core/chat/record/delete":  # both are read; older servers read only the query
        in_query, in_body = in_body, set()
    assert in_query - query == set()
    assert in_body - body == set()


def test_41_operations() -> None:
    assert len(SYSTEM) == 41
    assert [each for each in SYSTEM if each in LATER] == ["POST /core/dataset/collection/create/localFile"]


@pytest.mark.parametrize("operation", [each for each in ENDPOINTS if each not in LATER])
def test_every_endpoint_that_takes_a_key_is_there(operation: str) -> None:
    described = ENDPOINTS[operation]
    path = described["path"]
    if operation not in TABLE:
        assert path in {form.path for forms in OLDER_FORMS.values() for form in forms}, "no method calls it"
        return
    _, query, body = TABLE[operation]
    assert set(described["params"]) - query - body - OLD_NAMES - {"customUid"} == set() or path == "/core/chat/init"


def test_what_is_left_for_later_is_not_there_yet() -> None:
    assert [each for each in LATER if each in TABLE] == []


@pytest.mark.parametrize("name", NAMES)
def test_none_never_leaves(name: str) -> None:
    request = sent(name, arguments(name, whole=False))
    query, body = names_of(request)
    if name != "move_datasets":
        assert b"null" not in (request.content or b"")
    assert "None" not in str(sorted(query | body))


# What comes ----------------------------------------------------------------------------------------------------------


def read(name: str, status: int, body: bytes, kind: str = "application/json") -> Any:
    """What a method makes of an answer: the result, or the exception. Every form of it is answered like this."""
    calls = Calls()
    flow = getattr(calls, name)(**arguments(name, whole=False))
    step = next(flow)
    try:
        while True:
            if isinstance(step, Read):
                step.answer.content = step.answer.http.content
                step = flow.send(step.answer)
            else:
                assert isinstance(step, Send)
                step = flow.send(answer(calls._session, status, body, content_type=kind))
    except StopIteration as end:
        return end.value
    except APIError as error:
        return error


def structs(value: Any) -> Iterator[msgspec.Struct]:
    if isinstance(value, msgspec.Struct):
        yield value
        for field in value.__struct_fields__:
            yield from structs(getattr(value, field))
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from structs(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from structs(each)


def use(response: Any) -> None:
    """Look at all that an answer offers."""
    for struct in structs(response.data):
        for name, member in inspect.getmembers(type(struct), lambda each: isinstance(each, property)):
            assert isinstance(member, property)
            getattr(struct, name)
        repr(struct)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@st.composite
def of_schema(draw: st.DrawFn, schema: dict[str, Any], depth: int = 0) -> Any:
    """An answer as described, with fields missing, null, extra, and of other types."""
    if draw(st.integers(0, 11)) == 0:
        return draw(ANYTHING)
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return draw(of_schema(draw(st.sampled_from(schema[word])), depth + 1))
    if "allOf" in schema:
        merged: dict[str, Any] = {}
        for part in schema["allOf"]:
            value = draw(of_schema(part, depth + 1))
            merged |= value if isinstance(value, dict) else {}
        return merged
    if "const" in schema or "enum" in schema:
        return draw(st.sampled_from(schema.get("enum") or [schema["const"]]))
    kind = schema.get("type")
    if depth > 7:
        return None
    if kind == "object":
        made = {name: draw(of_schema(each, depth + 1)) for name, each in schema.get("properties", {}).items()}
        for name in draw(st.sets(st.sampled_from(sorted(made)), max_size=2)) if made else ():
            del made[name]
        return {**made, **draw(st.dictionaries(st.text(max_size=5), ANYTHING, max_size=1))}
    if kind == "array":
        return [draw(of_schema(schema.get("items", {}), depth + 1)) for _ in range(draw(st.integers(0, 2)))]
    simple: dict[str, Any] = {
        "string": st.text(max_size=5),
        "integer": st.integers(0, 9),
        "number": st.integers(0, 9) | st.floats(0, 9),
        "boolean": st.booleans(),
    }
    return draw(simple.get(str(kind), ANYTHING))


def described(returns: Any) -> dict[str, Any]:
    """The shape in the list of endpoints as a schema."""
    if isinstance(returns, dict):
        fields = {name: described(each) for name, each in returns.items() if name[:2] != "_b" and name != "_envelope"}
        return {"type": "object", "properties": fields}
    if isinstance(returns, list):
        return {"type": "array", "items": described(returns[0])}
    text = str(returns)
    for word, kind in (("int", "integer"), ("number", "number"), ("bool", "boolean"), ("0|1", "integer")):
        if text.startswith(word) and "[]" not in text:
            return {"type": kind}
    if text.endswith("[]") or text.startswith("array"):
        return {"type": "array", "items": {}}
    if text.startswith(("map", "object")) and not text.startswith("objectId"):
        return {"type": "object"}
    return {} if text in ("null", "any") else {"type": "string"}


def _answers() -> list[Any]:
    found: dict[str, Any] = {}
    for operation, each in ENDPOINTS.items():
        if operation in TABLE:
            found[operation] = described(each["returns"])
    for operation, each in SYSTEM.items():
        content = each.get("responses", {}).get("200", {}).get("content", {})
        if operation in TABLE and "application/json" in content:
            found[operation] = content["application/json"].get("schema") or {}
    for operation in TABLE:
        found.setdefault(operation, {})
    return [pytest.param(TABLE[each][0], schema, id=each) for each, schema in found.items()]


@pytest.mark.parametrize(("name", "schema"), _answers())
@settings(max_examples=25)
@given(data=st.data())
def test_no_answer_is_too_odd(name: str, schema: dict[str, Any], data: st.DataObject) -> None:
    payload = data.draw(of_schema(schema))
    if name == "create_chat_completion":
        body = {"choices": [], **(payload if isinstance(payload, dict) else {})}
        response = read(name, 200, json.dumps(body).encode())
        assert isinstance(response, ChatResponse), response
        use(response)
        return
    response = read(name, 200, json.dumps({"code": 200, "statusText": "", "message": "", "data": payload}).encode())
    assert not isinstance(response, APIError), response
    use(response)


# Fields that say nothing to a caller.
UNNAMED = {"__v", "active", "uid"}


def compare(ours: Any, wire: Any, where: str, lost: set[str]) -> None:
    """Nothing that the server said is missing or different."""
    if isinstance(ours, msgspec.Struct):
        assert isinstance(wire, dict), where
        for name, value in wire.items():
            if hasattr(ours, name):
                compare(getattr(ours, name), value, f"{type(ours).__name__}.{name}", lost)
            elif name not in UNNAMED:
                lost.add(f"{type(ours).__name__}.{name}")
    elif isinstance(ours, list):
        assert len(ours) == len(wire), where
        for one, other in zip(ours, wire, strict=True):
            compare(one, other, where, lost)
    else:
        assert ours == wire or wire is None, where


def _recorded() -> list[Any]:
    return [
        pytest.param(each, id=f"{each['version']}-{each['name']}")
        for each in RECORDINGS
        if each["path"].removeprefix("/api") in PATHS
    ]


@pytest.mark.parametrize("recording", _recorded())
def test_what_real_servers_answered(recording: dict[str, Any]) -> None:
    name = PATHS[recording["path"].removeprefix("/api")]
    result = read(name, recording["status"], recording["body"].encode(), recording["type"])
    wire = json.loads(recording["body"]) if recording["body"][:1] == "{" else {}
    if recording["status"] == 200:
        lost: set[str] = set()
        if result.data is not None:
            compare(result.data, wire["data"], name, lost)
        assert lost == set()
        use(result)
        return
    assert isinstance(result, APIError)
    key = (recording["status"] if not wire else 0, wire.get("code"), wire.get("statusText") or "error")
    assert type(result).__name__ == ERRORS.get(key, "?"), (key, str(result))


ERRORS: dict[tuple[int, int | None, str], str] = {}
