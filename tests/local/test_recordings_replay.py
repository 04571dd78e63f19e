"""Requests that real FastGPT servers answered, sent to the local server: the answers must have the same shape.

Shape is: status, content type, the sequence of stream events, and the keys and types of the JSON, all the way down.
"""

from __future__ import annotations

import contextlib
import datetime
import gzip
import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from fastgpt_client.local import AppSpec, LocalServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DATA = Path(__file__).parent / "data"

ECHO = "你好, echo: {question}"
CITY: dict[str, Any] = {
    "id": "v1",
    "key": "city",
    "label": "city",
    "type": "input",
    "required": False,
    "valueType": "string",
    "defaultValue": "Paris",
    "description": "",
    "icon": "",
    "maxLen": 50,
    "list": [],
}


class Ids(NamedTuple):
    """What the apps of a recorded server were called, and what its knowledge base found: data and collection ids."""

    simple: str
    variables: str
    select: str
    form: str
    plugin: str
    rag: str
    fixed: str
    tool: str
    update: str
    empty: str
    quote: tuple[str, str]
    file_quote: tuple[str, str]


RELEASES = {
    "4.11": ("4.11.1", Ids(
        "6b040579b401f464f425e7fb", "6b040579b401f464f425e811", "6b040579b401f464f425e827",
        "6b040579b401f464f425e83d", "6b040579b401f464f425e853", "6b040727fb4dd32b7af5d360",
        "6b040728fb4dd32b7af5d376", "6b040728fb4dd32b7af5d3b5", "6b040728fb4dd32b7af5d3e8", "none",
        ("6b04071afb4dd32b7af5cfa2", "6b0406eefb4dd32b7af5cd60"),
        ("6b0406f1fb4dd32b7af5ce2c", "6b0406eefb4dd32b7af5cd85"),
    )),
    "4.14": ("4.14.4", Ids(
        "6b0405787946390090240c1d", "6b0405787946390090240c35", "6b0405787946390090240c4d",
        "6b0405787946390090240c65", "6b0405787946390090240c7c", "6b0406807946390090242cb0",
        "6b0406807946390090242cc8", "6b0406807946390090242cf8", "6b0406807946390090242d10", "none",
        ("6b04065679463900902427ca", "6b0406517946390090242513"),
        ("6b0406537946390090242663", "6b040651794639009024253a"),
    )),
    "4.16": ("4.16.0", Ids(
        "6b03fe80a84cf3a64ddda058", "6b03fe80a84cf3a64ddda070", "6b03fe80a84cf3a64ddda088",
        "6b03fe80a84cf3a64ddda0a0", "6b03fe80a84cf3a64ddda0b7", "6b03ffeda84cf3a64dddd18c",
        "6b03ffeda84cf3a64dddd1a4", "6b03ffeea84cf3a64dddd1d4", "6b03ffeea84cf3a64dddd1ec", "6b04026ca84cf3a64ddde23f",
        ("6b03ff8ea84cf3a64dddcc98", "6b03ff8ba84cf3a64dddca73"),
        ("6b03ff8ea84cf3a64dddcc57", "6b03ff8ba84cf3a64dddca9b"),
    )),
}  # fmt: skip

HUNG_UP = "the recording stops where its caller hung up; the replay reads to the end"
WEB_APP = "the settings of a web app that the local server does not have are left out"
DIFFERENCES: dict[str, dict[str, str]] = {
    "4.11": {"v1-disconnect": HUNG_UP, "system-getInitData-key": WEB_APP},
    "4.14": {
        "v1-disconnect": HUNG_UP,
        "system-getInitData-key": WEB_APP,
        "chat-file_url-records": "there the file was one that the server keeps itself, here it is on the web",
    },
    "4.16": {
        "v1-disconnect": HUNG_UP,
        "v1-midstream-infra-error-detail": "there the database died after the run, here a script ends the run itself",
    },
}


def apps(ids: Ids) -> list[AppSpec]:
    return [
        AppSpec(ids.simple),
        AppSpec(ids.variables, variables=(CITY,), prompt="City is {{city}}"),
        AppSpec(ids.select, "select"),
        AppSpec(ids.form, "form"),
        AppSpec(ids.plugin, "plugin"),
        AppSpec(ids.rag),
        AppSpec(ids.fixed),
        AppSpec(ids.tool),
        AppSpec(ids.update, variables=(CITY,), prompt="City {{city}}"),
        AppSpec(ids.empty),
    ]


def quote(ids: tuple[str, str], **more: Any) -> dict[str, Any]:
    when = {"datasetId": "6b03ff8aa84cf3a64dddc9f9", "updateTime": "2026-11-23T08:55:42.930Z", "tokens": 7}
    return {**when, "id": ids[0], "collectionId": ids[1], **more}


def rules(ids: Ids) -> list[dict[str, Any]]:
    no_answer = {"a": ""} if ids == RELEASES["4.11"][1] else {}
    return [
        {"app": ids.fixed, "fixed": True, "reply": "Fixed answer\\nline2"},
        {"app": ids.empty, "fixed": True, "reply": ""},
        {"app": ids.update, "variables": {"city": "Oslo"}, "reply": ECHO},
        {
            "app": ids.rag,
            "reply": ECHO,
            "quotes": [
                quote(ids.quote, q="q", a="a"),
                quote(ids.file_quote, q="text", **no_answer, sourceId="dataset/x.txt"),
            ],
        },
        {
            "app": ids.tool,
            "match": "[[tool]]",
            "reply": ECHO,
            "tools": [{"name": "My tool", "functionName": "tool1", "params": "{}", "response": "tool result text"}],
        },
        {"match": "[[think]]", "reasoning": "let me think", "reply": ECHO},
        {"match": "[[empty]]", "reply": ""},
        {"match": "[[error-before]]", "error": "500 stub provider exploded"},
        {"match": "[[error-401]]", "error": "401 Incorrect API key provided"},
        {"match": "[[error-429]]", "error": "429 Rate limit reached"},
        {"match": "[[stall]]", "wait": 0.25, "reply": ECHO},
        {"match": "[[hold]]", "wait": 60, "reply": ECHO},
    ]


def stream_rules(older: bool) -> list[dict[str, Any]]:
    """The recorded model broke streams only; older versions lost what it had said before it dropped the line."""
    said = {} if older else {"reply": "你好, echo: [["}
    return [
        {"match": "[[error-mid]]", "reply": "你好, echo: [[", "error": "stub mid-stream failure"},
        {"match": "[[drop-mid]]", **said, "error": "terminated"},
        {
            "match": "database dies",
            "reply": ECHO,
            "stream_error": {"message": "Connection operation buffering timed out"},
        },
    ]


LAST = [{"reply": ECHO}]


class Servers:
    """One server for each way the recorded one was set up."""

    def __init__(self, stack: contextlib.ExitStack, version: str) -> None:
        self.seen: set[str] = set()
        self.older = version != "4.16"
        self.known: dict[str, str] = {}
        """Ids of the recorded server's knowledge bases: what they are here."""
        self.made: dict[str, str] = {}
        """What the cases made: name of the case, id here."""
        self.release, self.ids = RELEASES[version]
        every = rules(self.ids)

        def start(rules: list[dict[str, Any]], **settings: Any) -> httpx2.Client:
            fixed: dict[str, Any] = {"api_keys": ["fastgpt-secret"], "apps": apps(self.ids), "version": version}
            fixed |= {"commercial": False, "delay": 0}
            server = stack.enter_context(LocalServer(script=rules, **(fixed | settings)))
            client = httpx2.Client(base_url=server.base_url, timeout=20, trust_env=False)
            client.headers["authorization"] = "Bearer fastgpt-secret"
            return stack.enter_context(client)

        rules_of_main = [*every, *stream_rules(self.older), *LAST]
        self.main = start(rules_of_main, require_app_id=True, training_delay=0.4)
        self.whole = start([*every, *LAST], require_app_id=True)
        self.bound = start([*every, *LAST], app_keys={"fastgpt-secret": self.ids.simple}, api_keys=["other"])
        self.plugin = start(LAST, app_keys={"fastgpt-secret": self.ids.plugin}, api_keys=["other"])
        self.stall = start([*every, *LAST], heartbeat=0.1)
        self.limited = start(LAST, rate_limit=1)
        self.limited.post("/api/v1/chat/completions", json={"messages": [{"role": "user", "content": "x"}]})

    def pick(self, case: dict[str, Any]) -> httpx2.Client:
        name = case["name"]
        if "ratelimit" in name:
            return self.limited
        if re.match(r"v\d-(legacy|appkey|.*appkey-other)", name):
            return self.plugin if "plugin" in name else self.bound
        if re.match(r"v\d-provider-(error|drop)-mid-json|v1-infra-error-json", name):
            return self.whole
        return self.stall if "heartbeat" in name else self.main

    def say(self, content: str | list[dict[str, str]], **body: Any) -> None:
        self.seen.add(body["chatId"])
        message = {"role": "user", "content": content}
        self.main.post("/api/v1/chat/completions", json={"appId": self.ids.simple, "messages": [message], **body})

    @contextlib.contextmanager
    def held(self, **body: Any) -> Iterator[None]:
        """A chat that is busy."""
        body = {"appId": self.ids.simple, "messages": [{"role": "user", "content": "[[hold]]"}], "stream": True, **body}
        with self.main.stream("POST", "/api/v2/chat/completions", json=body):
            yield
            self.main.post("/api/v2/chat/stop", json=body)

    @contextlib.contextmanager
    def state(self, case: dict[str, Any]) -> Iterator[None]:
        """What must be so before a case that does not stand on its own."""
        name, body = case["name"].removesuffix("-old"), json.loads(case["body"]) if case["body"][:1] == "{" else {}
        chat = body.get("chatId", "")
        if re.match(r"v\d-(concurrent-second|after-disconnect|stop-call)", name):
            with self.held(chatId=chat):
                yield
            return
        if name == "v2-disconnect-record-2s":
            self.main.delete("/api/core/chat/delHistory", params={"appId": self.ids.simple, "chatId": chat})
            if self.older:  # whose recording was made when the run was done
                self.say("hi", chatId=chat)
                yield
                return
            with self.held(chatId=chat):
                yield
            return
        if re.match(r"v\d-(userSelect|formInput)-(2|invalid-option-2)", name) and chat not in self.seen:
            self.say("start please", appId=body["appId"], chatId=chat)
        elif re.search(r"chat-variables-stream$", name) and chat not in self.seen:
            self.say("hi", appId=self.ids.variables, chatId=chat)
        elif re.search(r"dup-responseChatItemId", name):
            self.say("hi", chatId=chat, responseChatItemId=body["responseChatItemId"])
        elif re.search(r"record-after|generated-id|v1-disconnect-record|quote-records", name) and chat not in self.seen:
            self.say("hi", chatId=chat, appId=body["appId"])
        elif name == "v2-long-chatId":
            self.say("hi", chatId=chat)
        elif name == "chat-file_url-records":
            file = {"type": "file_url", "name": "hello.txt", "url": "http://localhost/hello.txt"}
            self.say([{"type": "text", "text": "read it"}, file], chatId=chat)
        elif name == "v1-sel-answered-records":
            self.say("Confirm", chatId=chat, appId=body["appId"])
        elif name == "feedback-records":
            judged = {"appId": self.ids.simple, "chatId": chat, "dataId": "h2-2", "userBadFeedback": "bad"}
            self.main.post("/api/core/chat/feedback/updateUserFeedback", json=judged)
        elif name == "appkey-chat-init":
            self.say("hi", chatId=parse_qs(urlsplit(case["url"]).query)["chatId"][0])
        elif name == "appkey-histories-other-app":
            self.main.delete("/api/core/chat/clearHistories", params={"appId": body["appId"]})
        self.seen.add(chat)
        if name in ("coll-del-fresh-DELETE-query-id", "coll-del-fresh-POST-query-id"):
            body = {"datasetId": self.made["ds-create"], "name": "a", "type": "virtual"}
            made = self.main.post("/api/core/dataset/collection/create", json=body).json()["data"]
            self.known[parse_qs(urlsplit(case["url"]).query)["id"][0]] = made
        self.prepare(name)
        yield

    # --- knowledge bases

    def translated(self, text: str) -> str:
        """With the ids of this server instead of those of the recorded one."""
        return re.sub("[0-9a-f]{24}", lambda match: self.known.get(match[0], match[0]), text)

    def learn(self, there: Any, here: Any) -> None:
        """Which id of the recorded server is which one here."""
        if isinstance(there, dict) and isinstance(here, dict):
            for key in there:
                self.learn(there[key], here.get(key))
        elif isinstance(there, list) and isinstance(here, list):
            for one, other in zip(there, here, strict=False):
                self.learn(one, other)
        elif isinstance(there, str) and isinstance(here, str) and re.fullmatch("[0-9a-f]{24}", there):
            self.known.setdefault(there, here)

    def learn_made(self, case: dict[str, Any], here: Any) -> None:
        self.learn(json.loads(case["answer"]), here)
        data = here.get("data")
        made = data.get("collectionId") if isinstance(data, dict) else data
        if isinstance(made, str):
            self.made[case["name"]] = made

    def prepare(self, name: str) -> None:
        """What must have happened before a case about knowledge bases: requests that were not kept, and waiting."""
        if name in ("coll-detail-text", "coll-trainingDetail"):
            self.wait(self.made["coll-create-text"], lambda detail: detail["trainingCounts"]["chunk"] == 1)
        elif name == "data-insertData-dup":
            body = {"collectionId": self.made["coll-create"], "data": [{"q": "ok"}]}
            self.main.post("/api/core/dataset/data/pushData", json=body)
            for collection in ("coll-create", "coll-create-text"):
                self.wait(self.made[collection], lambda detail: not any(detail["trainingCounts"].values()))
        elif name == "data-delete-again":
            self.main.delete("/api/core/dataset/data/delete", params={"id": self.made["data-insertData"]})
        elif name == "ds-delete-again":
            self.main.delete("/api/core/dataset/delete", params={"id": self.made["ds-create-todelete"]})
        elif name == ("coll-create-localFile-bad-ext" if self.older else "coll-listV2-after-names"):
            data = json.dumps({"datasetId": self.made["ds-create"]})
            for file in ("文件甲.txt", "文档.md"):
                files = {"data": (None, data), "file": (file, b"hello", "text/plain")}
                self.main.post("/api/core/dataset/collection/create/localFile", files=files)
        elif name == "coll-delete-array-again":
            self.delete("coll-create-forsync")
        elif name == "coll-delete-post" and self.release == "4.14.4":  # where it was gone already
            self.delete("coll-create-folder")
        elif re.match("coll-list(V2)?-page-", name):
            newest = self.made["coll-create-text-trainingType-missing"]
            self.wait(newest, lambda detail: detail["trainedCount"] == 1)

    def delete(self, made_by: str) -> None:
        collection = self.made[made_by]
        path = "/api/core/dataset/collection/delete"
        self.main.post(path, params={"id": collection}, json={"collectionIds": [collection]})

    def wait(self, collection: str, done: Callable[[dict[str, Any]], bool]) -> None:
        deadline = time.monotonic() + 10
        query = {"collectionId": collection}
        while not done(self.main.get("/api/core/dataset/collection/trainingDetail", params=query).json()["data"]):
            assert time.monotonic() < deadline
            time.sleep(0.02)


@pytest.fixture(params=RELEASES)
def version(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def servers(version: str) -> Iterator[Servers]:
    with contextlib.ExitStack() as stack:
        yield Servers(stack, version)


def shape(value: Any) -> Any:
    """Keys and types; of a list, what its items have, each kind of item for itself."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        kinds: dict[str, Any] = {}
        for item in value:
            kind = (
                next((item[key] for key in ("moduleType", "obj") if key in item), "") if isinstance(item, dict) else ""
            )
            kinds[kind] = merge(kinds.get(kind), shape(item))
        return [kinds]
    if value is None or isinstance(value, bool):
        return str((value is None and "null") or "boolean")
    return "string" if isinstance(value, str) else "number"


def merge(one: Any, other: Any) -> Any:
    if isinstance(one, dict) and isinstance(other, dict):
        return {key: merge(one.get(key), other.get(key)) for key in {**one, **other}}
    if isinstance(one, list) and isinstance(other, list):
        return [merge(one[0], other[0])]
    return one if other is None or one == other else other if one is None else [str(one), str(other)]


def events(text: str) -> list[tuple[str | None, Any]]:
    found: list[tuple[str | None, Any]] = []
    for frame in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in frame.strip("\n").split("\n") if ": " in line)
        if "data" in fields:
            data = fields["data"] if fields["data"] == "[DONE]" else shape(json.loads(fields["data"]))
            if not found or found[-1] != (fields.get("event"), data):
                found.append((fields.get("event"), data))
    return found


def seen(status: int, kind: str | None, text: str) -> tuple[Any, ...]:
    if "data: " in text:
        return status, kind, events(text)
    if kind is not None and "json" in kind:
        return status, kind, shape(json.loads(text))
    return status, kind, "HTML" if kind is not None and "html" in kind else text


RECORDED_DAYS = "2026-11-20T", "2026-11-25T"
"""The days that logs were asked for: they end after the day of the recording."""


def days_now() -> tuple[str, str]:
    """The same for chats of today."""
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)
    return f"{end - datetime.timedelta(days=5):%Y-%m-%dT}", f"{end:%Y-%m-%dT}"


def replay(servers: Servers, case: dict[str, Any]) -> tuple[Any, ...]:
    client = servers.pick(case)
    headers = {"content-type": "application/json", **case["headers"]}
    with servers.state(case):
        url, text = case["url"], case["body"]
        for recorded, now in zip(RECORDED_DAYS, days_now(), strict=True):
            text = text.replace(recorded, now)
        if "/core/dataset/" in url:
            url, text = servers.translated(url), servers.translated(text)
        body = text.encode()
        if size := re.fullmatch(r"<(\d+) bytes>", text):
            message = {"role": "user", "content": "x" * int(size[1])}
            body = json.dumps({"appId": servers.ids.simple, "messages": [message]}).encode()
        sent = {name: value for name, value in headers.items() if value is not None}
        request = client.build_request(case["method"], url, content=body, headers=sent)
        if "authorization" not in case["headers"]:
            del request.headers["authorization"]
        response = client.send(request)
    if "/core/dataset/" in case["url"] and "json" in str(case["type"]):
        servers.learn_made(case, response.json())
    assert response.status_code == 404 or response.headers.get("content-encoding") == case["encoding"]
    return seen(response.status_code, response.headers.get("content-type"), response.text)


def test_the_same_shape(servers: Servers, version: str) -> None:
    """Exactly the cases listed as different differ, so that the list can only become shorter."""
    different: dict[str, tuple[Any, Any]] = {}
    cases = json.loads(gzip.decompress((DATA / f"recordings-{servers.release}.json.gz").read_bytes()))
    for case in cases:
        expected = seen(case["status"], case["type"], case["answer"])
        got = replay(servers, case)
        if json.dumps(got) != json.dumps(expected):  # which sees the order of the keys too
            different[case["name"]] = (got, expected)
    for name in different.keys() - DIFFERENCES[version].keys():
        print(name, *different[name], sep="\n")
    assert different.keys() == DIFFERENCES[version].keys()
