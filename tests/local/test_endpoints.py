"""Every endpoint, called as FastGPT's documentation has it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from fastgpt_client.local import AppSpec

from .conftest import Api, frames, names, text_of

if TYPE_CHECKING:
    from collections.abc import Callable


def chats(api: Api, **body: Any) -> list[str]:
    return [chat["chatId"] for chat in api.data("/core/chat/history/getHistories", body)["list"]]


def test_without_an_app_id_the_first_app_answers(serve: Callable[..., Api]) -> None:
    api = serve(api_keys=["fastgpt-one", "fastgpt-two"], apps=["your-app-id", "other"])
    assert (api.server.api_key, api.server.app_id) == ("fastgpt-one", "your-app-id")
    api.say("hi", chatId="a")
    assert chats(api) == chats(api, appId="your-app-id") == ["a"]
    for authorization in ("Bearer fastgpt-two-other", "bearer fastgpt-one-other"):
        headers = {"authorization": authorization}
        body = {"messages": [{"role": "user", "content": "x"}], "chatId": f"by {authorization}"}
        assert api.post("/v1/chat/completions", body, headers=headers).status_code == 200
    assert len(chats(api, appId="other")) == 2
    body["appId"], body["chatId"] = "your-app-id", "in the body"
    api.post("/v1/chat/completions", body, headers=headers)
    assert chats(api)[0] == "in the body"


def test_keys(api: Api) -> None:
    listed = "/core/app/list"
    for authorization, status, name in [
        ("", 403, "unAuthorization"),
        ("fastgpt-local", 403, "unAuthorization"),
        ("Bearer nonsense", 500, "unAuthApiKey"),
        ("Bearer fastgpt-local-unknown", 500, "unAuthApiKey"),
    ]:
        response = api.post(listed, headers={"authorization": authorization})
        assert (response.status_code, response.json()["statusText"]) == (status, name)
        assert "nonsense" not in response.text
    response = api.get("/support/openapi/health", apiKey="fastgpt-local")
    assert response.json()["data"] == {"valid": True, "usagePoints": 0, "maxUsagePoints": -1}
    assert api.get("/support/openapi/health", apiKey="no").json()["code"] == 514
    assert api.get("/support/openapi/health").status_code == 400


def test_pages_and_preflight(api: Api) -> None:
    assert "local server" in api.http.get("/").text
    missing = api.get("/core/nothing")
    assert missing.status_code == 404
    assert missing.headers["content-type"].startswith("text/html")
    preflight = api.http.options("/api/v1/chat/completions", headers={"origin": "http://page"})
    assert preflight.headers["access-control-allow-origin"] == "http://page"


def test_histories(api: Api) -> None:
    for number in range(3):
        api.say(f"question {number}", chatId=f"c{number}", customUid=f"u{number}", metadata={"n": number})
    assert chats(api) == ["c2", "c1", "c0"]
    assert chats(api, pageSize=1, offset=1) == chats(api, pageSize="1", pageNum="2") == ["c1"]
    assert chats(api, customUid="u1") == ["c1"]
    assert chats(api, source="api") == ["c2", "c1", "c0"]
    assert chats(api, source="share") == chats(api, endCreateTime="2020-01-01") == []
    assert len(chats(api, startUpdateTime="2020-01-01T00:00:00.000Z")) == 3
    assert api.post("/core/chat/history/getHistories", {"pageSize": "x"}).status_code == 400

    update = "/core/chat/history/updateHistory"
    for verb in ("PUT", "POST"):
        body = {"chatId": "c0", "customTitle": f"by {verb}", "top": True}
        assert api.http.request(verb, f"/api{update}", json=body).json()["data"] is None
    first = api.data("/core/chat/history/getHistories")["list"][0]
    assert (first["chatId"], first["customTitle"], first["top"]) == ("c0", "by POST", True)
    api.post(update, {"chatId": "c0", "top": False})
    assert chats(api)[0] == "c2"
    assert api.get("/core/chat/init", chatId="c0").json()["data"]["title"] == "by POST"

    status = api.data("/core/chat/history/getHistoryStatus", {"chatIds": ["c1", "unknown"]})["list"]
    assert [(chat["chatId"], chat["chatGenerateStatus"], chat["hasBeenRead"]) for chat in status] == [("c1", 1, False)]
    api.data("/core/chat/history/markRead", {"chatId": "c1"})
    assert api.data("/core/chat/history/getHistoryStatus", {"chatIds": ["c1"]})["list"][0]["hasBeenRead"] is True

    assert api.delete("/core/chat/history/delHistory", chatId="c1").json()["data"] is None
    assert chats(api) == ["c2", "c0"]
    assert api.records("c1") == []
    api.data("/core/chat/history/batchDelete", {"chatIds": ["c2", "unknown"]})
    assert chats(api) == ["c0"]
    # A body where the query should be must not clear the first app.
    assert api.post("/core/chat/history/clearHistories", {"appId": "select-app"}).status_code == 400
    assert chats(api) == ["c0"]
    api.delete("/core/chat/clearHistories")
    assert chats(api) == []


def test_init(serve: Callable[..., Api]) -> None:
    city = {"key": "city", "label": "City", "type": "input", "defaultValue": "Rome"}
    api = serve(apps=[AppSpec("a", name="My app", intro="Hello", variables=(city,), prompt="City is {{city}}")])
    data = api.get("/core/chat/init", chatId="new").json()["data"]
    assert (data["title"], data["variables"], data["app"]["name"], data["app"]["intro"]) == ("", {}, "My app", "Hello")
    assert data["app"]["chatConfig"]["variables"] == [city]
    node = api.say("hi", chatId="c", detail=True).json()
    assert node["newVariables"] == {"city": "Rome"}
    assert node["responseData"][1]["historyPreview"][0] == {"obj": "System", "value": "City is Rome"}
    assert api.say("hi", chatId="c", detail=True, variables={"city": "Oslo", "x": 1}).json()["newVariables"] == {
        "city": "Oslo"
    }
    assert api.get("/core/chat/init", chatId="c").json()["data"]["variables"] == {"city": "Oslo"}
    assert api.say("hi", chatId="c", detail=True).json()["newVariables"] == {"city": "Oslo"}


def test_records(api: Api) -> None:
    for number in range(4):
        api.say(f"question {number}", chatId="c", responseChatItemId=f"r{number}")
    records = api.records("c")
    assert [record["obj"] for record in records] == ["Human", "AI"] * 4
    assert records[0]["value"] == [{"text": {"content": "question 0"}, "type": "text"}]
    newest = api.data("/core/chat/record/getPaginationRecords", {"chatId": "c", "pageSize": 2})
    assert ([record["dataId"] for record in newest["list"]], newest["total"]) == (["r3", "r3"], 8)

    def linked(**body: Any) -> tuple[list[str], bool, bool]:
        data = api.data("/core/chat/record/getRecords_v2", {"chatId": "c", "pageSize": 2, **body})
        return [record["id"] for record in data["list"]], data["hasMorePrev"], data["hasMoreNext"]

    assert linked() == (["r3", "r3"], True, False)
    assert linked(prevId="r3") == (["r2", "r2"], True, True)
    assert linked(prevId="r1") == (["r0", "r0"], False, True)
    assert linked(nextId="r2") == (["r3", "r3"], True, False)
    assert linked(initialId="r1") == (["r0", "r1", "r1"], True, True)

    nodes = api.get("/core/chat/record/getResData", chatId="c", dataId="r0").json()["data"]
    assert [node["moduleType"] for node in nodes] == ["workflowStart", "chatNode"]
    resumed = api.get("/core/chat/resume", chatId="c").json()["data"]
    assert (resumed["chatGenerateStatus"], resumed["records"]["total"]) == (1, 8)
    assert api.get("/core/chat/resume", chatId="unknown").json()["data"]["records"]["total"] == 0

    api.delete("/core/chat/record/delete", chatId="c", contentId="r0")
    api.post("/core/chat/record/delete", {"chatId": "c", "contentIds": ["r1"]})
    api.delete("/core/chat/record/delete", chatId="c", contentIds="r2,unknown")
    assert {record["dataId"] for record in api.records("c")} == {"r3"}
    duplicate = api.say("again", chatId="c", responseChatItemId="r3")
    assert duplicate.json()["message"] == "Chat dataId already exists: r3"


def test_feedback(api: Api) -> None:
    for number in range(2):
        api.say("hi", chatId="c", responseChatItemId=f"r{number}")
    path = "/core/chat/feedback/"

    def judged(kind: str, **body: Any) -> list[str]:
        return api.data(f"{path}getFeedbackRecordIds", {"chatId": "c", "feedbackType": kind, **body})["dataIds"]

    api.data(f"{path}updateUserFeedback", {"chatId": "c", "dataId": "r0", "userGoodFeedback": "yes"})
    api.data(f"{path}updateUserFeedback", {"chatId": "c", "dataId": "r1", "userBadFeedback": "no"})
    assert (judged("has_feedback"), judged("good"), judged("bad")) == (["r0", "r1"], ["r0"], ["r1"])
    read = {"chatId": "c", "dataId": "r0", "isRead": True}
    assert api.data(f"{path}updateFeedbackReadStatus", read) == {"success": True}
    assert api.data(f"{path}updateFeedbackReadStatus", {**read, "dataId": "unknown"}) == {"success": True}
    assert judged("has_feedback", unreadOnly=True) == ["r1"]
    assert api.records("c")[1]["userGoodFeedback"] == "yes"
    api.data(f"{path}updateUserFeedback", {"chatId": "c", "dataId": "r0"})
    assert judged("good") == []
    missing = api.post(f"{path}updateUserFeedback", {"chatId": "c", "dataId": "zzz"})
    assert (missing.status_code, missing.json()["message"]) == (500, "Chat item not found")
    assert api.post(f"{path}getFeedbackRecordIds", {"chatId": "c", "feedbackType": "all"}).status_code == 400


def test_apps(api: Api) -> None:
    apps = api.data("/core/app/list")
    assert [(app["_id"], app["type"]) for app in apps] == [
        ("local-app", "simple"),
        ("select-app", "advanced"),
        ("form-app", "advanced"),
        ("plugin-app", "plugin"),
    ]
    assert len(api.data("/core/app/list", {"type": "advanced"})) == 2
    assert len(api.data("/core/app/list", {"type": ["simple", "plugin"], "searchKey": "PLUG"})) == 1


def test_quotes(serve: Callable[..., Api]) -> None:
    quotes = [
        {"id": "q2", "q": "Two?", "a": "2", "collectionId": "k", "updateTime": "2026-01-01T00:00:00.000Z"},
        {"id": "q1", "q": "One?", "collectionId": "k"},
        {"id": "q3", "q": "Three?", "collectionId": "other"},
    ]
    api = serve(script=[{"quotes": quotes}])
    answer = api.say("hi", chatId="c", responseChatItemId="r", detail=True).json()
    search = answer["responseData"][1]
    assert [quote["q"] for quote in search["quoteList"]] == ["Two?", "One?", "Three?"]
    assert "Two?" in answer["responseData"][2]["historyPreview"][0]["value"]
    stored = api.get("/core/chat/getResData", chatId="c", dataId="r").json()["data"][1]["quoteList"]
    assert "q" not in stored[0]
    body = {"chatId": "c", "chatItemDataId": "r"}
    both = {**body, "datasetDataIdList": ["q1", "q2"], "collectionIdList": []}
    found = api.data("/core/chat/record/getQuote", both)
    assert [(quote["_id"], quote.get("a")) for quote in found] == [("q1", None), ("q2", "2")]
    part = api.data("/core/chat/record/getCollectionQuote", {**body, "collectionId": "k", "pageSize": 1})
    assert ([quote["id"] for quote in part["list"]], part["hasMoreNext"]) == (["q1"], True)
    assert api.data("/core/chat/record/getQuote", {**both, "chatItemDataId": "unknown"}) == []


@pytest.mark.parametrize("version", [1, 2])
def test_interactive(api: Api, version: int) -> None:
    plain = api.say("start", version, appId="select-app", chatId="s").json()
    assert plain["choices"][0]["message"] == {"role": "assistant"}
    assert "start" in api.answer("Confirm", version=version, appId="select-app", chatId="s")
    (question, answer) = api.records("s", appId="select-app")
    assert question["value"][0]["text"]["content"] == "start"
    assert answer["value"][0]["interactive"]["params"]["userSelectedVal"] == "Confirm"
    assert "text" in answer["value"][1]
    nodes = api.get("/core/chat/record/getResData", appId="select-app", chatId="s", dataId=answer["dataId"])
    assert [node["moduleType"] for node in nodes.json()["data"]] == ["workflowStart", "userSelect", "chatNode"]
    # The third turn asks again.
    assert "content" not in api.say("more", version, appId="select-app", chatId="s").json()["choices"][0]["message"]

    (item,) = api.say("go", version, appId="form-app", chatId="f", detail=True).json()["choices"][0]["message"][
        "content"
    ]
    assert set(item["interactive"]) == {"type", "params"}
    assert ("type" in item) == (version == 1)
    result = api.say(json.dumps({"name": "Ann"}), version, appId="form-app", chatId="f", detail=True).json()
    assert result["responseData"][0]["formInputResult"] == {"name": "Ann"}
    api.say("go", version, appId="form-app", chatId="g")
    assert (
        api.say("no JSON", version, appId="form-app", chatId="g", detail=True).json()["responseData"][0][
            "formInputResult"
        ]
        == {}
    )


def test_plugin(api: Api) -> None:
    events = api.stream("", appId="plugin-app", variables={"q": "tool question"}, messages=[])
    assert names(events)[0] == "chatTitle"  # a plugin always streams with detail
    assert "tool question" in text_of(events)
    result = api.post("/v1/chat/completions", {"appId": "plugin-app", "variables": {"q": "x"}}).json()
    assert "x" in result["responseData"][-1]["pluginOutput"]["result"]


def test_messages_of_the_request_are_the_history_of_a_new_chat(api: Api) -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "my name is Ann"},
        {"role": "assistant", "content": [{"type": "text", "text": "ok"}]},
        {"role": "user", "content": "what is my name?"},
        {"role": "assistant"},
    ]
    result = api.post("/v1/chat/completions", {"messages": messages, "detail": True}).json()
    assert "my name is Ann" in result["choices"][0]["message"]["content"]
    preview = result["responseData"][1]["historyPreview"]
    assert [item["obj"] for item in preview] == ["System", "Human", "AI", "Human", "AI"]


def test_files_are_stored(api: Api) -> None:
    content = [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": "http://x/y.png"}},
        {"type": "file_url", "name": "a.pdf", "url": "http://x/a.pdf"},
        {"type": "video"},
    ]
    api.post("/v1/chat/completions", {"chatId": "c", "messages": [{"role": "user", "content": content}]})
    kinds = [item["type"] for item in api.records("c")[0]["value"]]
    assert kinds == ["text", "file", "file"]


def test_no_record_leaves_no_trace(api: Api) -> None:
    assert "hi" in api.answer("hi", chatId="NO_RECORD_HISTORIES")
    assert chats(api) == []


def test_invalid_requests(api: Api) -> None:
    def issue(body: Any, path: str = "/v1/chat/completions") -> Any:
        response = api.post(path, body)
        assert response.status_code == 400, response.text
        return response.json()["zodError"][0]["message"]

    assert issue({"stream": "yes"}) == "Invalid input: expected boolean, received string"
    assert issue({"messages": ["hi"]}) == "Invalid input: expected object, received string"
    assert issue([]) == "Invalid input: expected object, received array"
    assert issue({"variables": 3}) == "Invalid input: expected object, received number"
    assert issue({"chatId": None}, "/v2/chat/stop") == "Invalid input: expected string, received null"
    malformed = api.http.post("/api/v1/chat/completions", content=b'{"a": ')
    assert (malformed.status_code, malformed.text) == (400, "Invalid JSON")
    large = api.http.post("/api/v1/chat/completions", content=b" " * (10 * 1024 * 1024 + 1))
    assert (large.status_code, large.text) == (413, "Body exceeded 10mb limit")
    only_answers = api.post("/v1/chat/completions", {"messages": [{"role": "assistant", "content": "x"}]})
    assert only_answers.json()["message"] == "messages is empty"
    unknown = api.say("hi", stream=True, appId="unknown")
    assert "content-type" not in unknown.headers
    assert frames(unknown.text)[0][1]["statusText"] == "appUnExist"


def test_odd_text_survives(api: Api) -> None:
    body = rb'{"chatId":"c\ud83d","messages":[{"role":"user","content":"\ud83d \u2028 \ud83d\ude00"}]}'
    response = api.http.post("/api/v1/chat/completions", content=body)
    assert "\ufffd \u2028 \U0001f600" in response.json()["choices"][0]["message"]["content"]
    assert api.records("c\ufffd")[0]["value"][0]["text"]["content"] == "\ufffd \u2028 \U0001f600"


def test_compression(api: Api) -> None:
    long = "x" * 2000
    assert api.say(long).headers["content-encoding"] == "gzip"
    assert "content-encoding" not in api.say(long, stream=True).headers
    assert "content-encoding" not in api.post("/core/app/list", {"searchKey": "none"}).headers
    plain = api.post("/core/app/list", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert len(plain.content) > 1024


def test_rate_limit(serve: Callable[..., Api]) -> None:
    api = serve(rate_limit=2)
    assert api.say("hi").headers["x-ratelimit-limit"] == "2"
    assert api.say("hi", stream=True).headers["x-ratelimit-remaining"] == "0"
    for stream in (False, True):
        refused = api.say("hi", stream=stream)
        assert refused.status_code == 429
        assert "retry-after" not in refused.headers
        assert "Please try again in" in refused.json()["message"]
    assert api.post("/core/app/list").status_code == 200


@pytest.mark.parametrize("version", ["4.11", "4.14", "4.16"])
def test_guides(serve: Callable[..., Api], version: str) -> None:
    api = serve(apps=[AppSpec("a", guide=["Where is it?", "Why?"]), "b"], version=version)
    path = "/core/chat/inputGuide/query"
    found = [api.post(path, {"appId": "a", "searchKey": typed}).json()["data"] for typed in ("", "WH", "where", "x")]
    assert found == [["Where is it?", "Why?"], ["Where is it?", "Why?"], ["Where is it?"], []]
    assert api.post(path, {"appId": "b"}).json()["data"] == []
    api.say("tea", chatId="c", appId="a")
    made = api.post("/core/ai/agent/v2/createQuestionGuide", {"appId": "a", "chatId": "c"}).json()["data"]
    assert len(made) == 3
    assert "tea" in made[0]
    messages = [{"role": "user", "content": "tea"}, {"role": "assistant", "content": "Yes."}]
    assert api.post("/core/ai/agent/createQuestionGuide", {"messages": messages}).json()["data"] == made
