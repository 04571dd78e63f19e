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

from fastgpt_client import (
    APIError,
    ArgumentError,
    AuthenticationError,
    ChatClient,
    ChatResponse,
    CommercialOnlyError,
    ConflictError,
    NotFoundError,
    PermissionDeniedError,
    Upload,
    ValidationError,
    _json,
)
from fastgpt_client._endpoint import endpoint
from fastgpt_client._files import Content, Form
from fastgpt_client._flow import Read, Send
from fastgpt_client._io import FlowIO
from fastgpt_client._response import Envelope
from fastgpt_client._versions import OLDER_FORMS
from fastgpt_client.api import _arguments
from fastgpt_client.api.apps import AppApi
from fastgpt_client.api.chat import ChatApi
from fastgpt_client.api.collections import CollectionApi
from fastgpt_client.api.data import MAX_ROWS, DataApi
from fastgpt_client.api.datasets import DatasetApi
from fastgpt_client.models import apps, chat, collections, data, datasets
from fastgpt_client.models._base import Payload
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

OLDER = "an older form of another endpoint"
LATER = {
    "POST /common/file/upload": "a step of upload_chat_file and upload_dataset_file on servers before 4.14",
    "PUT /core/dataset/collection/update": OLDER,
    "DELETE /core/dataset/collection/delete": OLDER,
    "POST /core/dataset/collection/scrollList": "superseded by listV2, which all versions since 4.8.19 have",
    "GET /core/chat/feedback/getFeedbackIndices": "superseded by getFeedbackRecordIds; its answer is not known",
}
# What servers before 4.15 called otherwise or do not need any more.
OLD_NAMES = {"shareId", "outLinkUid", "teamId", "teamToken"}


class Calls(ChatApi[Any], AppApi[Any], DatasetApi[Any], CollectionApi[Any], DataApi[Any]):
    """All endpoints, giving flows."""

    def __init__(self) -> None:
        self._session = ChatClient("fastgpt-k", "http://host", app_id="app", max_retries=0)._session
        self._io = FlowIO()


DOWNLOADS = {"get_speech", "download_collections", "export_collection"}
NAMES = [name for name in dir(Calls) if isinstance(inspect.getattr_static(Calls, name), endpoint)]


def example(name: str, annotation: str) -> Any:
    """Something that an argument takes."""
    if name in ("dateStart", "dateEnd"):
        return "2026-11-23"
    if "FileSource" in annotation:
        return [Upload(b"x", "x.txt")] if annotation.startswith("Sequence[") else Upload(b"x", "x.txt")
    if name in ("contentType", "progress"):
        return "text/plain" if name == "contentType" else None
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
            kind: Any = getattr(_arguments, annotation.removeprefix("Unpack[").removesuffix("]"))
            ours = ("timeout", "max_retries", "extra_headers", "extra_body")
            made |= {option: "x" for option in (kind.__optional_keys__ if whole else ()) if option not in ours}
        elif whole or parameter.default in (parameter.empty, ""):
            made[parameter.name] = example(parameter.name, annotation)
    if name in ("search_dataset", "rebuild_embedding", "update_collection"):
        made |= (
            {"text": "x"} if name == "search_dataset" else {"vectorModel": "x"} if "rebuild" in name else {"id": "x"}
        )
    return made


def sent(name: str, given: dict[str, Any]) -> Send:
    return cast("Send", next(getattr(Calls(), name)(**given)))


def body_of(request: Send) -> bytes:
    """The JSON that is sent: as it is, or as the field `data` of a form."""
    content = request.content
    if isinstance(content, Form):
        data = content.fields["data"]
        assert isinstance(data, bytes)
        return data
    assert not isinstance(content, Content)
    return content or b"{}"


def names_of(request: Send) -> tuple[set[str], set[str]]:
    file = {"file", "data"} if isinstance(request.content, Form) else set[str]()
    return set(request.params), set(json.loads(body_of(request))) | file


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
    in_body = set(next(iter(content.values()), {}).get("schema", {}).get("properties", {}))
    if operation == "DELETE /core/chat/record/delete":  # both are read; older servers read only the query
        in_query, in_body = in_body, set()
    assert in_query - query == set()
    assert in_body - body == set()


def test_41_operations() -> None:
    assert len(SYSTEM) == 41
    assert [each for each in SYSTEM if each in LATER] == []


@pytest.mark.parametrize("operation", [each for each in ENDPOINTS if each not in LATER])
def test_every_endpoint_that_takes_a_key_is_there(operation: str) -> None:
    described = ENDPOINTS[operation]
    path = described["path"]
    if operation not in TABLE:
        assert path in {form.path for forms in OLDER_FORMS.values() for form in forms}, "no method calls it"
        return
    _, query, body = TABLE[operation]
    assert set(described["params"]) - query - body - OLD_NAMES == set()


def test_what_is_left_for_later_is_not_there_yet() -> None:
    assert [each for each in LATER if each in TABLE] == []


@pytest.mark.parametrize("name", NAMES)
def test_none_never_leaves(name: str) -> None:
    request = sent(name, arguments(name, whole=False))
    query, body = names_of(request)
    if name != "move_datasets":
        assert b"null" not in body_of(request)
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


def use(payload: Any) -> None:
    """Look at all that a payload offers."""
    for struct in structs(payload):
        for name, member in inspect.getmembers(type(struct), lambda each: isinstance(each, property)):
            assert isinstance(member, property)
            getattr(struct, name)
        repr(struct)


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
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
    found = {each: schema for each, schema in found.items() if TABLE[each][0] not in DOWNLOADS}
    return [pytest.param(TABLE[each][0], schema, id=each) for each, schema in found.items()]


@pytest.mark.parametrize(("name", "schema"), _answers())
@settings(max_examples=25)
@given(drawn=st.data())
def test_no_answer_is_too_odd(name: str, schema: dict[str, Any], drawn: st.DataObject) -> None:
    payload = drawn.draw(of_schema(schema))
    if name == "create_chat_completion":
        body = {"choices": [], **(payload if isinstance(payload, dict) else {})}
        response = read(name, 200, json.dumps(body).encode())
        assert isinstance(response, ChatResponse), response
        use(response.data)
        return
    response = read(name, 200, json.dumps({"code": 200, "statusText": "", "message": "", "data": payload}).encode())
    assert not isinstance(response, APIError), response
    if name == "resume_chat":
        assert isinstance(response.reply().text, str)
        return
    use(response.data)


ODD: list[Any] = [
    None,
    True,
    5,
    2.5,
    "x",
    [],
    {},
    [None],
    [5],
    ["x"],
    [{"text": 5}],
    [{"text": {"content": 5}}],
    {"key": 5},
]
STRUCTS = [
    each
    for module in (apps, chat, collections, data, datasets)
    for each in vars(module).values()
    if isinstance(each, type) and issubclass(each, Payload) and each.__module__ == module.__name__
]


@pytest.mark.parametrize("kind", STRUCTS)
def test_every_field_may_be_odd(kind: type[Payload]) -> None:
    for field in kind.__struct_fields__:
        for value in ODD:
            body = json.dumps({"code": 200, "data": {field: value, "new": 1}}).encode()
            made = _json.decoder(Envelope[kind])(body).data  # type: ignore[valid-type]
            assert isinstance(made, kind)
            use(made)


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


# Codes of bodies, and messages where the code is 500; None is the web app's page for paths that do not exist.
ERRORS: dict[int | str | None, type[APIError]] = {
    None: NotFoundError,
    400: ValidationError,
    403: AuthenticationError,
    514: AuthenticationError,
    501002: NotFoundError,
    501003: NotFoundError,
    502000: NotFoundError,
    504000: PermissionDeniedError,
    507004: ValidationError,
    510000: ValidationError,
    "未配置商业版链接: core,app,logs,getChartData": CommercialOnlyError,
    "未配置商业版链接: core,app,logs,getTotalData": CommercialOnlyError,
    "common:core.dataset.error.Data not found": NotFoundError,
    "Chat item not found": NotFoundError,
    "File not found": NotFoundError,
    'Cast to ObjectId failed for value "zzz" (type string) at path "_id" for model "datasets"': ValidationError,
    "datasets validation failed: name: Path `name` is required.": ValidationError,
    "contentId or chatId is empty": ValidationError,
    "已经存在完全一致的数据": ConflictError,
    "APIKey invalid": AuthenticationError,
}


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
        if name == "resume_chat":  # its records become a reply
            assert result.reply().text == wire["data"]["records"]["list"][-1]["value"][0]["text"]["content"]
            return
        lost: set[str] = set()
        if "/collection/list" in recording["path"] and "data" in wire["data"]:  # the shape of before 4.8.19
            wire["data"] = {"list": wire["data"]["data"], "total": wire["data"]["total"]}
        if wire["data"] is not None and result.data is not None:
            compare(result.data, wire["data"], name, lost)
        assert lost == set()
        use(result.data)
        return
    assert isinstance(result, APIError)
    assert type(result) is ERRORS[wire.get("message") if wire.get("code") == 500 else wire.get("code")], str(result)


# What older servers are asked ----------------------------------------------------------------------------------------


def bodies(steps: list[Send]) -> list[dict[str, Any]]:
    return [json.loads(body_of(step)) for step in steps]


def test_a_quote_in_its_place_on_older_servers() -> None:
    calls = Calls()
    cited = {"chatId": "c", "chatItemDataId": "r", "collectionId": "k", "initialId": "d"}
    _, steps, _ = drive(calls.get_collection_quotes(**cited), calls, (404, PAGE), (200, OK))  # type: ignore[arg-type]
    assert [step.url.removeprefix("http://host/api/core/chat/") for step in steps] == [
        "record/getCollectionQuote",
        "quote/getCollectionQuote",
    ]
    first, second = bodies(steps)
    assert first == {"appId": "app", **cited, "pageSize": 15}
    assert second == {**first, "anchor": 0, "initialIndex": 0, "nextIndex": 0, "prevIndex": 0}
    _, steps, _ = drive(calls.get_collection_quotes(**cited, anchor=7), calls, (200, OK))  # type: ignore[arg-type]
    assert bodies(steps) == [{**first, "anchor": 7, "initialIndex": 7, "nextIndex": 7, "prevIndex": 7}]


def test_the_user_of_a_share() -> None:
    calls = Calls()
    share = {"shareId": "s", "outLinkUid": "u"}
    _, steps, _ = drive(calls.get_chat_records(chatId="c", outLinkAuthData=share), calls, (404, PAGE), (200, OK))
    first, second = bodies(steps)
    said = {"outLinkAuthData": share, "chatId": "c", "offset": 0, "pageSize": 20}
    assert first == second == {**said, **share}, "no app beside a share"
    _, steps, _ = drive(calls.delete_chat_history(chatId="c", outLinkAuthData=share), calls, (404, PAGE), (200, OK))
    assert steps[0].params == {"outLinkAuthData": '{"shareId":"s","outLinkUid":"u"}', "chatId": "c", **share}
    assert steps[1].params == steps[0].params
    _, steps, _ = drive(calls.get_chat_init(chatId="c", outLinkAuthData=share), calls, (200, OK))
    assert steps[0].params == {"outLinkAuthData": '{"shareId":"s","outLinkUid":"u"}', "chatId": "c", **share}
    say = calls.create_chat_completion([{"role": "user", "content": "Hi"}], chatId="c", outLinkAuthData=share)
    _, steps, _ = drive(say, calls, (200, OK))
    assert bodies(steps)[0]["outLinkAuthData"] == share
    assert bodies(steps)[0].items() >= share.items(), "4.14 reads them here, under the same path"


@pytest.mark.parametrize(
    ("name", "newer", "older"),
    [
        ("get_chat_records_v2", "/core/chat/record/getRecords_v2", "/core/chat/getRecords_v2"),
        (
            "presign_chat_file_post_url",
            "/core/chat/file/presignChatFilePostUrl",
            "/core/chat/presignChatFilePostUrl",
        ),
        ("presign_chat_file_get_url", "/core/chat/file/presignChatFileGetUrl", "/core/chat/presignChatFileGetUrl"),
        (
            "presign_dataset_file_post_url",
            "/core/dataset/file/presignDatasetFilePostUrl",
            "/core/dataset/presignDatasetFilePostUrl",
        ),
    ],
)
def test_paths_that_moved(name: str, newer: str, older: str) -> None:
    calls = Calls()
    call = getattr(calls, name)
    _, steps, _ = drive(call(**arguments(name, whole=False)), calls, (404, PAGE), (200, OK))
    assert [endpoint_of(step) for step in steps] == [f"POST {newer}", f"POST {older}"]
    assert steps[0].content == steps[1].content
    _, steps, _ = drive(call(**arguments(name, whole=False)), calls, (200, OK))
    assert [endpoint_of(step) for step in steps] == [f"POST {older}"], "what answered is remembered"


def test_lists_of_before_4_8_19() -> None:
    calls = Calls()
    old = b'{"code":200,"data":{"pageNum":3,"pageSize":20,"data":[{"_id":"k"}],"total":41}}'
    result, steps, _ = drive(calls.list_collections("d", offset=40), calls, (404, PAGE), (200, old))  # type: ignore[arg-type]
    assert endpoint_of(steps[1]) == "POST /core/dataset/collection/list"
    assert bodies(steps)[1] == {"datasetId": "d", "pageSize": 20, "pageNum": 3}
    assert ([item.id for item in result.data.list], result.data.total) == (["k"], 41)
    assert json.loads(msgspec.json.encode(result.data)) == {
        "list": [msgspec.to_builtins(result.data.list[0])],
        "total": 41,
    }


def test_one_collection_is_deleted_on_every_version() -> None:
    calls = Calls()
    _, steps, _ = drive(calls.delete_collection("k"), calls, (200, OK))
    assert (steps[0].method, steps[0].params, bodies(steps)) == ("POST", {"id": "k"}, [{"collectionIds": ["k"]}])
    _, steps, _ = drive(calls.delete_collections(["k", "l"]), calls, (200, OK))
    assert (steps[0].params, bodies(steps)) == ({}, [{"collectionIds": ["k", "l"]}])
    missing = b'{"code":507004,"statusText":"missingParams","message":"error.missingParams","data":null}'
    error, steps, _ = drive(calls.delete_collections(["k", "l"]), calls, (500, missing))
    assert isinstance(error, ValidationError)


@pytest.mark.parametrize(
    "name",
    [
        "create_text_collection",
        "push_data",
        "insert_data",
        "delete_collections",
        "retrain_collection",
        "close_custom_feedback",
        "create_question_guide",
    ],
)
def test_a_write_is_never_sent_twice(name: str) -> None:
    calls = Calls()
    calls._session.max_retries = 2
    error, steps, _ = drive(getattr(calls, name)(**arguments(name, whole=False)), calls, (503, b"busy"))
    assert isinstance(error, APIError)
    assert len(steps) == 1


# Arguments -----------------------------------------------------------------------------------------------------------


def test_rows_may_be_structs_or_dicts() -> None:
    rows = [DataInput("q", indexes=[IndexInput("i")]), {"q": "p", "a": "b"}]
    (body,) = bodies([sent("push_data", {"collectionId": "k", "data": rows, "trainingType": "chunk"})])
    assert body["data"] == [{"q": "q", "indexes": [{"text": "i"}]}, {"q": "p", "a": "b"}]
    (body,) = bodies([sent("create_mcp_server", {"name": "m", "apps": [McpApp("a", "t", "d")]})])
    assert body["apps"] == [{"appId": "a", "toolName": "t", "description": "d"}]


def test_to_the_top_is_a_null() -> None:
    assert bodies([sent("move_datasets", {"ids": ["d"], "parentId": None})]) == [{"ids": ["d"], "parentId": None}]


def test_a_page_or_an_offset() -> None:
    (body,) = bodies([sent("list_collections", {"datasetId": "d", "pageNum": 2})])
    assert body == {"datasetId": "d", "pageNum": 2, "pageSize": 20}


def test_several_records_are_deleted_by_their_ids() -> None:
    assert sent("delete_chat_record", {"chatId": "c", "contentIds": ["a", "b"]}).params["contentIds"] == "a,b"


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        (
            "push_data",
            {"collectionId": "k", "data": [{"q": "x"}] * (MAX_ROWS + 1)},
            "at most 200 rows at once, not 201",
        ),
        ("push_data", {"collectionId": "k", "data": {"q": "x"}}, "data must be a list of rows"),
        ("search_dataset", {"datasetId": "d"}, "text is needed"),
        ("rebuild_embedding", {"datasetId": "d"}, "vectorModel is needed"),
        ("delete_collections", {"collectionIds": "k"}, r'takes a list: \["k"\]'),
        ("delete_collections", {"collectionIds": []}, "takes at least one id, not 0"),
        ("get_chat_statuses", {"chatIds": ["c"] * 201}, "at least one id and at most 200, not 201"),
        ("update_collection", {"name": "x"}, "id is needed"),
        ("get_collection", {"id": ""}, "id is needed"),
        ("create_text_collection", {"datasetId": "d", "name": "n", "text": "t", "chunksize": 5}, "'chunksize'"),
    ],
)
def test_what_cannot_be_asked(name: str, given: dict[str, Any], said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        sent(name, given)
