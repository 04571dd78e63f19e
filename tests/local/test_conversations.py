"""What applications meet in conversations: citations, questions of every kind, joined streams, gateways, files."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgpt_client.local import AppSpec, Settings
from fastgpt_client.local.cites import Unmarked, mark, without_marks
from fastgpt_client.local.interactive import ASKING, FIELDS
from fastgpt_client.local.script import Script

from .conftest import Api, Event, frames, names, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

QUOTE = "6b03ff8ea84cf3a64dddcc98"
CITED = {"quotes": [{"id": QUOTE, "q": "Where?"}, {"q": "When?"}], "reply": "In Oslo{cite:1}, soon{cite:2}. [b] [12"}


# --- citations --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("detail", [False, True])
def test_marks_of_citations(serve: Callable[..., Api], version: int, detail: bool) -> None:
    api = serve(script=[{**CITED, "piece_size": 3}])

    def said(**more: Any) -> tuple[str, str]:
        whole = api.say("x", version, detail=detail, **more).json()["choices"][0]["message"]["content"]
        return whole, text_of(api.stream("x", version, detail=detail, **more))

    assert said(chatId="c") == ("In Oslo, soon. [b] [12",) * 2
    whole, streamed = said(retainDatasetCite=True)
    assert whole == streamed
    assert whole.startswith(f"In Oslo[{QUOTE}](CITE), soon[")
    assert whole.count("](CITE)") == 2
    kept = api.records("c")[1]["value"][0]["text"]["content"]
    assert kept == whole, "records keep the marks"


def test_the_beginning_of_a_mark_is_said_when_the_run_breaks(serve: Callable[..., Api]) -> None:
    api = serve(script=[{"reply": "see [12", "piece_size": 3, "stream_error": {"message": "gone"}}])
    events = api.stream("x", 2, detail=True)
    assert text_of(events) == "see [12"
    assert events[-1] == ("error", {"message": "gone"})


def test_quotes_that_are_not_there() -> None:
    for quotes in ([], None, [{"q": "one"}]):
        with pytest.raises(ValueError, match="rule 1: reply cites a quote that the rule does not have"):
            Script.load([{"reply": "x{cite:2}", **({} if quotes is None else {"quotes": quotes})}])


@given(st.lists(st.one_of(st.text(alphabet="[]()idCITEa0", max_size=8), st.just(mark(QUOTE)), st.just(mark("id")))))
def test_pieces_say_what_the_whole_says(pieces: list[str]) -> None:
    unmarked, whole = Unmarked(), "".join(pieces)
    shown = "".join(map(unmarked.add, pieces)) + unmarked.rest()
    assert "[" in whole or shown == whole
    while (shorter := without_marks(whole)) != whole:  # taking one out may make another
        whole = shorter
    while (shorter := without_marks(shown)) != shown:
        shown = shorter
    assert shown == whole


# --- questions --------------------------------------------------------------------------------------------------------


def asked(events: list[Event]) -> dict[str, Any]:
    return next(data["interactive"] for name, data in events if name == "interactive")


def form(**more: Any) -> dict[str, Any]:
    fields: list[dict[str, Any]] = [{"type": kind, "key": kind} for kind in FIELDS]
    fields[0] |= {"required": True, "maxLength": 5, "label": "Name", "defaultValue": "Ann"}
    fields[3] |= {"min": 1, "max": 9}
    fields[5] |= {"list": [{"label": "Red", "value": "red"}]}
    return {"type": "userInput", "params": {"description": "Say", "inputForm": fields}, **more}


@pytest.mark.parametrize("by", ["rule", "app"])
def test_a_form_with_every_kind_of_field(serve: Callable[..., Api], by: str) -> None:
    app = AppSpec("app", interactive=form() if by == "app" else None)
    api = serve(apps=[app], script=[{"turn": 1, "interactive": form()}] if by == "rule" else None)
    question = asked(api.stream("hi", detail=True, chatId="c"))
    fields = {field["key"]: field for field in question["params"]["inputForm"]}
    assert fields.keys() == FIELDS.keys()
    assert {key: field["valueType"] for key, field in fields.items()} == FIELDS
    assert (fields["input"]["label"], fields["input"]["value"], fields["input"]["required"]) == ("Name", "Ann", True)
    assert (fields["switch"]["label"], fields["switch"]["value"], fields["switch"]["required"]) == ("switch", "", False)
    assert fields["select"]["list"] == [{"label": "Red", "value": "red"}]
    given = {"input": "Bob", "switch": True, "multipleSelect": ["a"], "other": 1}
    answered = api.say(json.dumps(given), chatId="c", detail=True).json()
    assert answered["responseData"][0]["formInputResult"] == given
    kept = api.records("c")[1]["value"][0]["interactive"]["params"]
    assert kept["submitted"]
    values = {field["key"]: field["value"] for field in kept["inputForm"]}
    assert (values["input"], values["switch"], values["multipleSelect"]) == ("Bob", True, ["a"])


@pytest.mark.parametrize(
    ("kind", "params", "answer"),
    [
        ("paymentPause", {"description": "No points"}, {"continue": True}),
        ("agentPlanAskQuery", {"content": "Which?", "options": ["a", "b"]}, {"answer": "a"}),
        ("agentAsk", {"questions": [{"question": "Which?"}, {"question": "Why?"}]}, {"submitted": True}),
    ],
)
def test_other_questions(serve: Callable[..., Api], kind: str, params: dict[str, Any], answer: dict[str, Any]) -> None:
    api = serve(script=[{"turn": 1, "match": "start", "interactive": {"type": kind, "params": params}}])
    assert asked(api.stream("start", detail=True, chatId="c"))["type"] == kind
    said = '{"answers":["a"]}' if kind == "agentAsk" else "a"
    after = api.say(said, chatId="c", detail=True).json()
    assert "start" in after["choices"][0]["message"]["content"], "the run goes on with the first question"
    assert [node["moduleType"] for node in after["responseData"]] == ["chatNode"], "it is no node of its own"
    kept = api.records("c")[1]["value"][0]["interactive"]["params"]
    assert kept.items() >= answer.items()
    if kind == "agentAsk":
        assert [question["answer"] for question in kept["questions"]] == ["a", ""]
    own = kind == "agentPlanAskQuery"
    assert len(api.records("c")) == (4 if own else 2), "only this answer is a turn of its own"


@pytest.mark.parametrize("version", ["4.11", "4.14", "4.16"])
def test_a_question_inside_of_a_loop_of_a_workflow(serve: Callable[..., Api], version: str) -> None:
    select = {"type": "userSelect", "params": {"userSelectOptions": [{"key": "a", "value": "A"}]}}
    rule = {
        "turn": 1,
        "match": "start",
        "interactive": {**select, "inside": ["childrenInteractive", "loopInteractive"]},
    }
    api = serve(script=[rule], version=version)
    outer = asked(api.stream("start", detail=True, chatId="c"))
    loop = outer["params"]["childrenResponse"]
    inner = loop["params"]["childrenResponse"]
    assert [each["type"] for each in (outer, loop, inner)] == ["childrenInteractive", "loopInteractive", "userSelect"]
    assert (loop["params"]["loopResult"], loop["params"]["currentIndex"]) == ([], 1)
    assert inner["entryNodeIds"] == ["sel"]
    records = "/core/chat/getPaginationRecords"
    again = api.data(records, {"chatId": "c"})["list"][1]["value"][0]["interactive"]
    assert again["params"]["childrenResponse"]["params"]["childrenResponse"]["type"] == "userSelect"
    answered = api.say("A", chatId="c", detail=True).json()
    assert answered["responseData"][0]["userSelectResult"] == "A"
    content = api.say("start", detail=True, chatId="d").json()["choices"][0]["message"].get("content")
    if version == "4.16":
        assert content[0]["interactive"] == {"type": "userSelect", "params": select["params"]}
    elif version == "4.11":
        assert content[0]["interactive"]["type"] == "childrenInteractive"
    else:
        assert content is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "other", "params": {}},
        {"type": "userInput", "params": {"inputForm": [{"type": "colour", "key": "a"}]}},
        {"type": "userInput", "params": {"inputForm": [{"type": "input"}]}},
        {"type": "userInput", "params": {"inputForm": ["x"]}},
        {"type": "userSelect", "params": {}, "inside": ["box"]},
        {"type": "userSelect", "params": {}, "inside": "loopInteractive"},
        "text",
    ],
)
def test_what_cannot_be_asked(wrong: Any) -> None:
    with pytest.raises(ValueError, match="rule 1: interactive must be"):
        Script.load([{"interactive": wrong}])
    with pytest.raises(ValueError, match=f"interactive of app 'a' must be .*{ASKING[-1]}"):
        Settings(apps=(AppSpec("a", interactive=wrong),))


# --- tools and nodes --------------------------------------------------------------------------------------------------


def test_tools_in_pieces_and_nodes_inside_of_nodes(serve: Callable[..., Api]) -> None:
    tool = {"name": "Search", "params": ['{"q":', ' "x"}'], "response": ["one ", "two"]}
    tool["nodes"] = [{"moduleName": "Inner", "moduleType": "pluginModule", "children": [{"moduleType": "code"}]}]
    loop = {"moduleName": "Loop", "moduleType": "loop", "children": [{"moduleName": "Code", "moduleType": "code"}]}
    rule = {"tools": [tool], "nodes": [{**loop, "loopResult": [1]}], "reply": "done"}
    for version, under in (
        ("4.16", ("childrenResponses",) * 3),
        ("4.14", ("loopDetail", "toolDetail", "pluginDetail")),
    ):
        api = serve(script=[rule], version=version)
        events = api.stream("x", 2, detail=True)
        said = [data["tool"] for name, data in events if name in ("toolParams", "toolResponse")]
        assert [each["params"] or each["response"] for each in said] == ['{"q":', ' "x"}', "one ", "two"]
        nodes = {data["moduleType"]: data for name, data in events if name == "flowNodeResponse"}
        assert nodes["loop"]["loopResult"] == [1]
        assert nodes["loop"][under[0]][0]["moduleName"] == "Code"
        search, plugin = nodes["tools"][under[1]]
        assert search["textOutput"] == "one two"
        assert plugin[under[2]][0]["moduleType"] == "code"
        assert {data["name"] for name, data in events if name == "flowNodeStatus"} == {"Loop", "Agent"}
    with pytest.raises(ValueError, match="nodes must be"):
        Script.load([{"nodes": [{"children": ["x"]}]}])


# --- runs that are joined ---------------------------------------------------------------------------------------------

RESUMABLE = {"x-fastgpt-stream-resume": "1"}
SSE = {"accept": "text/event-stream"}


def begin(api: Api, headers: dict[str, str], **more: Any) -> None:
    """Start a stream, and leave it when its first piece is there."""
    body = {"messages": [{"role": "user", "content": "x"}], "stream": True, "detail": True, "chatId": "c", **more}
    with api.http.stream("POST", "/api/v2/chat/completions", json=body, headers=headers) as response:
        next(line for line in response.iter_lines() if '"content":"one"' in line)


def join(api: Api) -> list[Event]:
    response = api.http.get("/api/core/chat/resume", params={"chatId": "c"}, headers=SSE)
    assert response.headers["content-type"].startswith("text/event-stream")
    words = response.text.replace("data: catchup", 'data: "catchup"').replace("data: live", 'data: "live"')
    return frames(words)


def test_a_stream_is_joined_while_it_goes_on(serve: Callable[..., Api]) -> None:
    api = serve(script=[{"pieces": ["one", "two", "three"], "delay": 0.3}], heartbeat=0.1)
    begin(api, RESUMABLE)
    refused = api.get("/core/chat/resume", chatId="c")
    assert (refused.status_code, refused.json()["code"]) == (406, 406)
    events = join(api)
    phases = [(at, data) for at, (name, data) in enumerate(events) if name == "resumePhase"]
    assert phases[0] == (0, "catchup")
    assert phases[1][1] == "live"
    assert text_of(events[: phases[1][0]]) == "one"
    assert text_of(events) == "onetwothree"
    assert names(events[:2]) == ["resumePhase", "chatTitle"]
    assert events[-1] == ("done", "[DONE]")
    assert [data for _, data in events].count("[DONE]") == 1
    assert api.get("/core/chat/resume", chatId="c").json()["data"]["records"]["total"] == 2


def test_a_stream_without_a_copy_is_waited_for(serve: Callable[..., Api]) -> None:
    api = serve(script=[{"pieces": ["one", "two"], "delay": 0.2}])
    begin(api, {})
    events = join(api)
    assert [name for name, _ in events] == ["resumeUnavailable", "resumeCompleted", "done"]
    assert events[0][1] == {"reason": "mirrorUnavailable"}
    completed = events[1][1]
    assert (completed["chatGenerateStatus"], completed["records"]["total"]) == (1, 2)
    assert completed["records"]["list"][1]["value"][0]["text"]["content"] == "onetwo"


def test_a_joined_stream_can_be_stopped(serve: Callable[..., Api]) -> None:
    api = serve(script=[{"pieces": ["one", "two"], "delay": 30}])
    begin(api, RESUMABLE)
    assert api.data("/v2/chat/stop", {"chatId": "c"})["success"]
    deadline = time.monotonic() + 10
    while not (kept := api.records("c")[1]["value"]):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert kept[0]["text"]["content"] == "one"


# --- gateways and files -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("version", "stream"), [(1, False), (2, False), (2, True), (1, True)])
def test_a_gateway_gives_up_before_the_run_does(serve: Callable[..., Api], version: int, stream: bool) -> None:
    api = serve(script=[{"gateway": 0.1, "pieces": ["one", "two"], "delay": 0.6}])
    response = api.say("x", version, stream=stream, chatId="c")
    assert (response.status_code, "504 Gateway Time-out" in response.text) == (504, True)
    deadline = time.monotonic() + 10
    while not api.records("c")[1].get("value"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    said = api.records("c")[1]["value"][0]["text"]["content"]
    assert said == ("one" if version == 1 and stream else "onetwo"), "a v1 stream ends with its caller"


def test_files_of_messages(serve: Callable[..., Api]) -> None:
    api = serve(apps=["plain", AppSpec("app", files={"maxFiles": 3, "canSelectImg": True})])
    parts = [
        {"type": "text", "text": "What is in it?"},
        {"type": "file_url", "name": "plan.pdf", "url": "http://files/plan.pdf"},
        {"type": "image_url", "image_url": {"url": "http://files/cat.png"}},
    ]
    body = {"messages": [{"role": "user", "content": parts}]}
    said = api.post("/v1/chat/completions", body).json()["choices"][0]["message"]["content"]
    assert said.endswith("With it came: plan.pdf, http://files/cat.png.")
    parts[0]["text"] = "里面是什么？"
    said = api.post("/v1/chat/completions", body).json()["choices"][0]["message"]["content"]
    assert said.endswith("随附文件：plan.pdf, http://files/cat.png。")
    config = api.get("/core/chat/init", appId="app", chatId="c").json()["data"]["app"]["chatConfig"]
    assert config["fileSelectConfig"] == {"maxFiles": 3, "canSelectFile": False, "canSelectImg": True}
    plain = api.get("/core/chat/init", appId="plain", chatId="c").json()["data"]["app"]["chatConfig"]
    assert "fileSelectConfig" not in plain
