from __future__ import annotations

import pickle

import pytest

import fastgpt_client
from fastgpt_client import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    ArgumentError,
    AuthenticationError,
    CommercialOnlyError,
    ConflictError,
    FastGPTError,
    NodeError,
    NotFoundError,
    PermissionDeniedError,
    QuotaError,
    RateLimitError,
    ServerError,
    StreamError,
    StreamParseError,
    StreamTimeoutError,
    UnexpectedResponseError,
    ValidationError,
    WrongKeyKindError,
)
from fastgpt_client._error_texts import MEANINGS
from fastgpt_client.errors import error_from_body

from .conftest import World
from .wire import http, wire


def envelope(code: int, statusText: str = "", message: str = "", **more: object) -> dict[str, object]:
    return {"code": code, "statusText": statusText, "message": message, "data": None, **more}


@pytest.mark.parametrize(
    ("body", "status", "kind", "said"),
    [
        (
            envelope(514, "unAuthApiKey", "common:code_error.error_message.514"),
            500,
            AuthenticationError,
            "key is wrong",
        ),
        (envelope(403, "unAuthorization", "common:code_error.error_message.403"), 403, AuthenticationError, "no key"),
        (envelope(504000, "unAuthChat"), 500, PermissionDeniedError, "may not see this chat"),
        (envelope(502000, "appUnExist"), 500, NotFoundError, "app does not exist"),
        (envelope(501002, "unExistDataset"), 500, NotFoundError, "knowledge base"),
        (envelope(504001, "chatIsGenerating"), 500, ConflictError, "still generating"),
        (envelope(500, "error", "Chat dataId already exists: x"), 500, ConflictError, "already exists: x"),
        (envelope(429, "error", "Rate limit exceeded. Please try again in 41 seconds."), 429, RateLimitError, "41"),
        (envelope(429, "error", "Rate limit exceeded."), 500, RateLimitError, "Rate limit"),
        (envelope(510, "insufficientQuota"), 500, QuotaError, "balance"),
        (envelope(500005, "aiPointsNotEnough"), 500, QuotaError, "points"),
        (envelope(400, "error", "Data validation error"), 400, ValidationError, "validation"),
        (envelope(500, "error", "messages is empty"), 500, ValidationError, "messages is empty"),
        (envelope(500, "error", "appId is empty"), 500, WrongKeyKindError, "bound to no app"),
        (envelope(500, "", "app is empty"), 500, NotFoundError, "app does not exist"),
        (
            envelope(500, "error", "Key is error. You need to use the app key rather than the account key."),
            500,
            WrongKeyKindError,
            "account key",
        ),
        (envelope(500, "error", "未配置商业版链接: core,app"), 500, CommercialOnlyError, "commercial edition"),
        (envelope(500, "error", "Chat item not found"), 500, NotFoundError, "not found"),
        (envelope(500, "error", "boom"), 500, ServerError, "boom"),
        (envelope(500, "error", "boom"), 200, ServerError, "boom"),
        ({"message": "messages is empty"}, 200, ValidationError, "messages is empty"),
        ({"error": {"message": "no quota", "code": "x"}}, 402, QuotaError, "no quota"),
        ("Body exceeded 10mb limit", 413, ValidationError, "10mb"),
        ("Invalid JSON", 400, ValidationError, "Invalid JSON"),
        ("<!DOCTYPE html><title>Login</title>", 200, UnexpectedResponseError, "'Login'"),
        ("<html></html>", 404, NotFoundError, "a web page"),
        ("<html><title>504 Gateway Time-out</title></html>", 504, ServerError, "504 Gateway Time-out"),
        ("", 500, ServerError, "no explanation"),
        ({}, 418, ServerError, "no explanation"),
    ],
)
def test_the_body_decides_first(body: object, status: int, kind: type[APIError], said: str) -> None:
    error = error_from_body(body, status)
    assert type(error) is kind
    assert said.lower() in str(error).lower()
    assert error.status_code == status
    assert error.response_data == body


def test_what_an_error_tells() -> None:
    body = envelope(514, "unAuthApiKey", "common:code_error.error_message.514")
    error = error_from_body(body, 500, request_id="r1")
    assert (error.code, error.statusText, error.status_code, error.request_id) == (514, "unAuthApiKey", 500, "r1")
    assert str(error).startswith(
        "the API key is wrong, was deleted, or has expired (HTTP 500, 514, unAuthApiKey)\nHint: "
    )


def test_validation_issues_are_named() -> None:
    issues = [{"path": ["messages", 0, "role"], "message": "Invalid input"}, {"message": "Bad"}, "odd"]
    error = error_from_body(envelope(400, "error", "Data validation error", zodError=issues), 400)
    assert "messages.0.role: Invalid input; body: Bad; body: invalid" in str(error)


def test_the_servers_own_words_stay_when_they_say_more() -> None:
    error = error_from_body(envelope(502000, "appUnExist", "No app named Max"), 500)
    assert "the app does not exist: No app named Max" in str(error)


def test_how_long_to_wait() -> None:
    said = envelope(429, "error", "Rate limit exceeded. … Please try again in 41 seconds.")
    from_sentence = error_from_body(said, 429)
    from_header = error_from_body(said, 429, retry_after=2.0)
    unknown = error_from_body(envelope(429, "tooManyRequest"), 429)
    waits = [error.retry_after for error in (from_sentence, from_header, unknown) if isinstance(error, RateLimitError)]
    assert waits == [41.0, 2.0, None]


def test_gateway_errors_say_what_helps() -> None:
    assert "proxy_read_timeout" in str(error_from_body("<html>", 504))
    assert "is FastGPT running" in str(error_from_body("bad gateway", 502))


def test_every_name_of_the_contract_has_words() -> None:
    contract = """
    unAuthorization tooManyRequest insufficientQuota unAuthModel unAuthFile unAuthApiKey notUser teamOverSize
    unAuthTeam aiPointsNotEnough datasetSizeNotEnough datasetAmountNotEnough appAmountNotEnough unPermission
    unExistDataset unExistCollection unAuthDataset unCreateCollection unAuthDatasetCollection unAuthDatasetData
    unAuthDatasetFile unLinkCollection invalidVectorModelOrQAModel notSupportSync sameApiCollection noApiServer
    appUnExist unAuthApp invalidOwner invalidAppType userExist unAuthRole account_psw_error unAuthSso unAuthChat
    chatIsGenerating outlinkUnExist unAuthLink linkUnInvalid unAuthUser openapiUnExist openapiUnAuth
    openapiExceedLimit invalidParams invalidResource fileNotFound missingParams inheritPermissionError
    pluginUnExist pluginUnAuth communityVersionNumLimit licenseAppAmountLimit licenseDatasetAmountLimit
    licenseUserAmountLimit
    """
    assert [name for name in contract.split() if name not in MEANINGS] == []
    for name, meaning in MEANINGS.items():
        error = error_from_body(envelope(500, name, f"common:x.{name}"), 500)
        assert meaning.text in str(error)
        assert "common:" not in str(error)


def test_one_tree() -> None:
    names = [name for name in fastgpt_client.__all__ if name.endswith("Error")]
    assert len(names) == 20
    for name in names:
        assert issubclass(getattr(fastgpt_client, name), FastGPTError)
    assert issubclass(ArgumentError, ValueError)
    assert issubclass(APITimeoutError, APIConnectionError)
    assert issubclass(StreamTimeoutError, StreamError)
    assert issubclass(StreamTimeoutError, APITimeoutError)
    assert issubclass(StreamParseError, StreamError)


def test_the_constructor_of_the_earlier_sdk() -> None:
    error = APIError("no", 500, {"a": 1})
    assert (error.message, error.status_code, error.response_data, str(error)) == ("no", 500, {"a": 1}, "no (HTTP 500)")
    assert RateLimitError("slow", 429).retry_after is None


def test_errors_survive_a_process_boundary() -> None:
    error = error_from_body(envelope(429, "error", "Rate limit exceeded. try again in 3 seconds"), 429)
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.retry_after) == (RateLimitError, str(error), 3.0)


def test_node_errors() -> None:
    assert str(NodeError("401 Incorrect API key provided", "AI Chat")) == "AI Chat: 401 Incorrect API key provided"
    assert str(NodeError("chat:LLM_model_response_empty")) == "the model answered nothing"


@pytest.mark.parametrize("body", ["{}", '{"hello": 1}', '{"code": null}', '{"statusText": "", "message": "hi"}'])
def test_json_of_others_is_no_answer(world: World, body: str) -> None:
    with wire([http(body.encode(), 200, {"content-type": "application/json"})]) as server:
        client = world.make("AppClient", "k", server.url, max_retries=0)
        kind = UnexpectedResponseError if "hello" in body else ServerError
        with pytest.raises(kind):
            world(client.list_apps())
