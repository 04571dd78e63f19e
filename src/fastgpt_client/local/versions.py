"""What differs between the FastGPT versions that the server can stand for: the one table of it.

The handlers make everything that any version has, and speak of paths as 4.16 names them. A version says under which
paths an endpoint answers, where it reads its arguments, how errors are told, and how objects look. Handlers ask it by
name; none of them asks which version it is.

Sources: recorded answers of 4.11.1, 4.14.4 and 4.16.0; where an endpoint was not recorded, and for 4.17, FastGPT's
history.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from .interactive import innermost
from .wire import ApiError, InvalidError, missing_params, unauthorized_chat

_DETAILS = {"tools": "toolDetail", "loop": "loopDetail"}
Source = Literal["body", "query", "both"]
"""Where an endpoint reads its arguments; "both": in the body, or in the query when there is no body."""


class Shape(NamedTuple):
    """How an object looks: which fields come first and last, and which ones it does not have."""

    first: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()

    def __call__(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """The object in this shape."""
        between = [name for name in value if name not in self.first and name not in self.last]
        order = (*self.first, *between, *self.last)
        return {name: value[name] for name in order if name in value and name not in self.lacks}


class Need(NamedTuple):
    """Arguments that a version asks for, and what it says when one is missing."""

    names: tuple[str, ...]
    error: Callable[[], ApiError]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of FastGPT."""

    name: str
    release: str
    """The release whose answers were recorded."""

    # --- paths and arguments

    paths: Mapping[str, tuple[str, ...]]
    """Under which paths the endpoints answer that moved, came or went; none: the version lacks the endpoint."""
    sources: Mapping[str, Source]
    """Where endpoints read their arguments, where that is another place than in 4.16."""
    schemas: Mapping[str, str]
    """What endpoints ask for, where that is not the same as in 4.16."""
    needs: Mapping[str, Need]
    """What endpoints ask for in a way of their own."""
    refused: frozenset[str]
    """Endpoints for people who are logged in, not for keys."""
    validates: bool
    """Runs are checked against a schema; an endpoint that is told of no app says that arguments are wrong."""
    unchecked: frozenset[str]
    """Endpoints that do not check their arguments."""
    checks_datasets: bool
    """Knowledge bases check arguments against a schema; else a code says that one is missing."""
    max_body: int | None
    """The largest body in bytes."""
    uploads: Literal["put", "form", "server"]
    """How files come in: put to an address, as a form for the storage, or to the server itself."""
    collection_delete: Literal["id", "id or collectionIds", "collectionIds"]
    """What `dataset/collection/delete` reads: `id` of the query, `collectionIds` of the body."""

    # --- errors

    real_statuses: bool
    """The HTTP status says what is wrong; else it is 500 and only the body says it."""
    missing_params: str
    """The sentence about arguments that are missing, where there is no schema."""
    key_has_parts: bool
    """A key is two or three words with hyphens between; anything else is no key at all."""
    plain_name: str
    """The `statusText` of an error without a name of its own."""
    key_decides_app: bool
    """For runs, the app that a key belongs to (`app_keys`) or ends with goes before the one that the body names."""
    no_app: str
    """What a run says when its app is not named."""
    unknown_app: str | None
    """What a run says when there is no such app; `None`: an error with a code and a name."""
    histories_need_app: bool
    """Asking for the histories of no app, or of an unknown one, is an error; else there are none."""
    feedback_needs_answer: bool
    """Judging an answer that does not exist is an error."""
    forgives_deleting: bool
    """A knowledge base that was deleted may be deleted again."""
    refuses_file_types: bool
    """Files that nobody can read are refused at once; else their training fails."""
    wrong_key_health: str | None
    """What `openapi/health` says of an unknown key; `None`: the same as every endpoint."""

    # --- runs

    tells_new_ids: frozenset[int]
    """The completions (v1, v2) that answer the chat id they made up; the others answer an empty one."""
    checks_runs: bool
    """A chat has one run at a time, and an id of an answer is used once."""
    tells_rate_limit: bool
    """Answers to runs say how many more are allowed."""
    sends_titles: bool
    """The title of a new chat is part of the answer."""
    done_is_last: bool
    """In v1 streams `[DONE]` follows `flowResponses`, not the other way round."""
    provider_call_ids: bool
    """Tool events carry the id that the model gave the call, not one of their own."""

    # --- whole answers

    tells_errors: bool
    """An answer has the error of its last failed node as `error`."""
    reasoning: Literal["field", "item", "field or item"]
    """Where reasoning stands: in `reasoning_content`, in `content` (with detail only), or there with detail."""
    shows_interactive: bool
    """With detail the content holds the interactive node."""
    unwraps_interactive: bool
    """A question inside of a loop or another workflow is shown without what is around it."""
    always_content: bool
    """An answer without text has content all the same: an empty text."""
    v2_types: bool
    """The items of v2 answers, and of `getRecords_v2`, say their type."""

    # --- objects

    node: Shape
    node_extras: Mapping[str, Mapping[str, Any]]
    """Fields that nodes of a type have."""
    search_node: Shape
    bare_failures: bool
    """A failed node tells its error only."""
    children_in_detail: bool
    """The nodes inside of a node are its `toolDetail`, `loopDetail` or `pluginDetail`, not `childrenResponses`."""
    item: Shape
    interactive: Shape
    whole_interactive: Shape
    """An interactive node in a whole answer."""
    edge: Shape
    init: Shape
    inits_new_chats: bool
    """A chat that is not there yet has a title, variables and a state all the same: empty ones."""
    chat_config: Shape
    input_guide: Shape
    history: Shape
    histories: Shape
    record: Shape
    records_tell_nodes: bool
    """A record lists the quotes behind it, and says how much the AI node was told."""
    found_quote: Shape
    """A quote of a node where its text is left out."""
    own_question_ids: bool
    """A question has a `dataId` of its own, not that of its answer."""
    quote: Shape
    quotes_need: str | None
    """The argument without which a collection has no quotes."""
    feedback_answer: dict[str, Any] | None
    dataset: Shape
    vector_model: Shape
    collection: Shape
    raw_collection: Shape
    """A collection as chunks and errors show it."""
    collection_file: Shape
    collection_row: Shape
    collection_scroll_row: Shape
    errors_while_waiting: bool
    """A row of a list tells of errors only while something waits."""
    pages: Shape
    """A page of a list of collections or chunks."""
    step_counts: Shape
    data: Shape
    data_row: Shape
    data_index: Shape
    data_quote: Shape
    data_deleted: str | None
    """What is answered when a chunk was deleted."""
    tells_updates: bool
    """A chunk that was changed is told."""
    search: Shape
    found: Shape
    app: Shape
    permission: Shape
    health: Shape
    init_data: Shape
    request_ids: bool
    """Every answer has an `x-request-id`."""

    def source(self, path: str, default: Source) -> Source:
        """Where an endpoint reads its arguments."""
        return self.sources.get(path, default)

    def where(self, path: str) -> tuple[str, ...]:
        """The paths under which an endpoint answers."""
        return self.paths.get(path, (path,))

    def invalid(self, path: str, issues: list[dict[str, Any]]) -> ApiError:
        """The error of arguments that do not fit."""
        if self.checks_datasets or not path.startswith("/core/dataset/") or "/file/" in path:
            return InvalidError(issues)
        bad_id = next((issue for issue in issues if issue["code"] == "invalid_format"), None)
        return missing_params() if bad_id is None else ApiError("Cast to ObjectId failed for value (type string)")

    def told(self, error: ApiError) -> tuple[int, dict[str, Any]]:
        """An error as status and payload."""
        payload = dict(error.payload)
        if error.plain:
            payload["statusText"] = self.plain_name
        if payload["statusText"] == "missingParams":
            payload["message"] = self.missing_params
        if self.real_statuses:
            return error.status, payload
        payload.pop("errorType", None)
        if payload.pop("zodError", None):
            payload["message"] = "Validation error"
        return 500, payload

    def shown_node(self, node: Mapping[str, Any]) -> dict[str, Any]:
        """What a node reports."""
        shown = {**self.node_extras.get(node["moduleType"], {}), **node}
        if node["moduleType"] == "datasetSearchNode":
            shown = self.search_node(shown)
        if self.bare_failures and "errorText" in node:
            shown = {name: node[name] for name in ("errorText", *self.node.last) if name in node}
        if "childrenResponses" in node:
            children = [self.shown_node(child) for child in node["childrenResponses"]]
            detail = _DETAILS.get(node["moduleType"], "pluginDetail")
            shown[detail if self.children_in_detail else "childrenResponses"] = children
        return self.node(shown)

    def shown_item(self, item: Mapping[str, Any], *, whole: bool = False) -> dict[str, Any]:
        """An item of a record, or of a whole answer."""
        shown = self.item(item)
        if "interactive" in item:
            asked = innermost(item["interactive"]) if whole and self.unwraps_interactive else item["interactive"]
            interactive = self.shown_interactive(asked)
            shown["interactive"] = self.whole_interactive(interactive) if whole else interactive
        return shown

    def shown_interactive(self, interactive: Mapping[str, Any]) -> dict[str, Any]:
        """An interactive node with what FastGPT needs to go on."""
        shown: dict[str, Any] = {**interactive, "memoryEdges": [self.edge(edge) for edge in interactive["memoryEdges"]]}
        if "childrenResponse" in shown["params"]:
            inner = self.shown_interactive(shown["params"]["childrenResponse"])
            shown["params"] = {**shown["params"], "childrenResponse": inner}
        return self.interactive(shown)

    def shown_event(self, event: str, data: dict[str, Any]) -> dict[str, Any]:
        """The data of a stream event."""
        if event == "flowNodeResponse":
            return self.shown_node(data)
        if event == "interactive":
            return {"interactive": self.shown_interactive(data["interactive"])}
        if event in ("toolCall", "toolParams", "toolResponse"):
            if self.provider_call_ids:
                return {"responseValueId": data["tool"]["id"], "tool": data["tool"]}
            return {"tool": {**data["tool"], "id": data["eventId"]}}
        return data


# --- paths ------------------------------------------------------------------------------------------------------------

_HISTORY = ("getHistories", "updateHistory", "delHistory", "clearHistories")
_RECORD = ("getPaginationRecords", "getResData")
_GONE: tuple[str, ...] = ()
_SINCE_4_17 = (
    "/core/dataset/batch/move",
    "/core/dataset/batch/delete",
    "/core/dataset/collection/getDownloadTicket",
    "/core/dataset/collection/batchDownload",
)
_SINCE_RECENTLY = (
    *_SINCE_4_17,
    "/v2/chat/stop",
    "/core/chat/resume",
    "/core/chat/history/getHistoryStatus",
    "/core/chat/history/markRead",
    "/core/chat/history/batchDelete",
    "/core/dataset/file/presignSearchTestImage",
    "/system/file/u/{token}",
    "/system/file/u/{token}/complete",
    "/system/file/u/{token}/abort",
    "/core/app/logs/getUsers",
    "/core/dataset/data/index/create",
    "/core/dataset/data/index/update",
    "/core/dataset/data/index/delete",
    "/core/dataset/training/getDatasetTrainingError",
    "/core/dataset/training/hasDatasetTrainingError",
)
_PATHS_4_17 = {
    **{f"/core/chat/history/{name}": (f"/core/chat/history/{name}", f"/core/chat/{name}") for name in _HISTORY},
    **{f"/core/chat/record/{name}": (f"/core/chat/record/{name}", f"/core/chat/{name}") for name in _RECORD},
    "/v1/embeddings": _GONE,
    "/system/file/s3/fastgpt-private": _GONE,
    "/common/file/upload": _GONE,
    "/common/file/read/{name}": _GONE,
}
_PATHS_4_16 = {**_PATHS_4_17, **dict.fromkeys(_SINCE_4_17, _GONE)}
_PATHS_4_14 = {
    **dict.fromkeys(_SINCE_RECENTLY, _GONE),
    **{f"/core/chat/history/{name}": (f"/core/chat/{name}",) for name in _HISTORY},
    **{f"/core/chat/record/{name}": (f"/core/chat/{name}",) for name in (*_RECORD, "getRecords_v2")},
    "/apidoc/systemopenapi.json": ("/openapi.json",),
    "/core/chat/record/delete": ("/core/chat/item/delete",),
    "/core/chat/record/getQuote": ("/core/chat/quote/getQuote",),
    "/core/chat/record/getCollectionQuote": ("/core/chat/quote/getCollectionQuote",),
    "/core/chat/file/presignChatFilePostUrl": ("/core/chat/presignChatFilePostUrl",),
    "/core/chat/file/presignChatFileGetUrl": ("/core/chat/presignChatFileGetUrl",),
    "/core/dataset/file/presignDatasetFilePostUrl": ("/core/dataset/presignDatasetFilePostUrl",),
    "/core/chat/record/getSpeech": ("/core/chat/item/getSpeech",),
    "/v1/embeddings": _GONE,
    "/common/file/upload": _GONE,
    "/common/file/read/{name}": _GONE,
}
_PATHS_4_11 = {
    **_PATHS_4_14,
    "/core/chat/record/getRecords_v2": _GONE,
    "/core/chat/feedback/getFeedbackRecordIds": _GONE,
    "/core/chat/feedback/updateFeedbackReadStatus": _GONE,
    "/core/chat/file/presignChatFilePostUrl": _GONE,
    "/core/chat/file/presignChatFileGetUrl": _GONE,
    "/core/dataset/file/presignDatasetFilePostUrl": _GONE,
    "/core/app/logs/list": ("/core/app/getChatLogs",),
    "/support/openapi/health": _GONE,
    "/apidoc/systemopenapi.json": _GONE,
    "/v1/embeddings": ("/v1/embeddings",),
    "/common/file/upload": ("/common/file/upload",),
    "/common/file/read/{name}": ("/common/file/read/{name}",),
    "/system/file/s3/fastgpt-private": _GONE,
    "/system/file/d/{id}": _GONE,
}

_UNCHECKED = frozenset(
    {
        "/core/chat/init",
        *(f"/core/chat/history/{name}" for name in _HISTORY),
        *(f"/core/chat/record/{name}" for name in (*_RECORD, "getRecords_v2", "delete")),
    }
)


def _nothing_to_delete() -> ApiError:
    return ApiError("contentId or chatId is empty")


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# --- the versions -----------------------------------------------------------------------------------------------------

_PERMISSIONS = ("hasManagePer", "hasWritePer", "hasReadPer", "hasManageRole", "hasWriteRole", "hasReadRole")
_FILE = ("_id", "length", "chunkSize", "uploadDate", "metadata", "extension", "contentType")
_PROGRESS = ("activeTrainingAmount", "finalErrorAmount", "slowestTrainingMode", "slowestTrainingStatus")
_COLLECTION = Shape(
    first=_names("_id parentId teamId tmbId datasetId type name tags fileId rawLink trainingType metadata"),
    last=_names(
        "createTime updateTime __v forbid hashRawText rawTextLength dataset indexAmount sourceId sourceName permission"
        " file errorCount"
    ),
    lacks=("trainingAmount", "hasError", *_PROGRESS),
)
_NODE_END = ("id", "nodeId", "moduleName", "moduleType", "runningTime")

_4_16 = Version(
    name="4.16",
    release="4.16.0",
    paths=_PATHS_4_16,
    sources={},
    schemas={},
    needs={},
    refused=frozenset(),
    validates=True,
    unchecked=frozenset(),
    checks_datasets=True,
    max_body=10 * 1024 * 1024,
    uploads="put",
    collection_delete="collectionIds",
    real_statuses=True,
    missing_params="common:error.missingParams",
    key_has_parts=False,
    plain_name="error",
    key_decides_app=False,
    no_app="appId is empty",
    unknown_app=None,
    histories_need_app=True,
    feedback_needs_answer=True,
    forgives_deleting=True,
    refuses_file_types=True,
    wrong_key_health=None,
    tells_new_ids=frozenset({1, 2}),
    checks_runs=True,
    tells_rate_limit=True,
    sends_titles=True,
    done_is_last=True,
    provider_call_ids=True,
    tells_errors=True,
    reasoning="field",
    shows_interactive=True,
    unwraps_interactive=True,
    always_content=False,
    v2_types=False,
    node=Shape(),
    node_extras={},
    search_node=Shape(lacks=("query",)),
    bare_failures=False,
    children_in_detail=False,
    item=Shape(),
    interactive=Shape(),
    whole_interactive=Shape(
        lacks=(
            "interactiveId",
            "nodeResponseId",
            "skipNodeQueue",
            "entryNodeIds",
            "memoryEdges",
            "nodeOutputs",
            "usageId",
        )
    ),
    edge=Shape(),
    init=Shape(),
    inits_new_chats=True,
    chat_config=Shape(lacks=("_id",)),
    input_guide=Shape(lacks=("textList",)),
    history=Shape(),
    histories=Shape(),
    record=Shape(),
    records_tell_nodes=False,
    found_quote=Shape(lacks=("q", "a", "updateTime", "tokens")),
    own_question_ids=False,
    quote=Shape(lacks=("anchor",)),
    quotes_need=None,
    feedback_answer=None,
    dataset=Shape(lacks=("__v",)),
    vector_model=Shape(),
    collection=Shape(lacks=("__v",)),
    raw_collection=Shape(lacks=("__v", "metadata")),
    collection_file=Shape(first=("filename", "contentLength"), lacks=_FILE),
    collection_row=Shape(),
    collection_scroll_row=Shape(),
    errors_while_waiting=False,
    pages=Shape(first=("total",)),
    step_counts=Shape(),
    data=Shape(),
    data_row=Shape(lacks=("teamId",)),
    data_index=Shape(lacks=("_id",)),
    data_quote=Shape(),
    data_deleted=None,
    tells_updates=True,
    search=Shape(lacks=("usingSimilarityFilter",)),
    found=Shape(lacks=("tokens",)),
    app=Shape(),
    permission=Shape(lacks=("value", "_permissionList")),
    health=Shape(),
    init_data=Shape(),
    request_ids=True,
)

_4_17 = replace(_4_16, name="4.17", release="4.17.0", paths=_PATHS_4_17)

_4_14 = replace(
    _4_16,
    name="4.14",
    release="4.14.4",
    paths=_PATHS_4_14,
    sources={"/core/chat/record/delete": "body"},
    schemas={"/core/dataset/create": "name:string type?:string parentId?:id"},
    needs={
        "/core/chat/record/delete": Need(("chatId", "contentId"), _nothing_to_delete),
        "/core/chat/record/getCollectionQuote": Need(("anchor",), unauthorized_chat),
    },
    refused=frozenset({"/core/app/logs/list", "/core/dataset/update"}),
    validates=False,
    unchecked=_UNCHECKED,
    checks_datasets=False,
    max_body=None,
    uploads="form",
    collection_delete="id or collectionIds",
    real_statuses=False,
    missing_params="error.missingParams",
    key_has_parts=True,
    key_decides_app=True,
    no_app="Key is error. You need to use the app key rather than the account key.",
    unknown_app="app is empty",
    histories_need_app=False,
    refuses_file_types=False,
    wrong_key_health="APIKey invalid",
    tells_new_ids=frozenset(),
    checks_runs=False,
    sends_titles=False,
    done_is_last=False,
    provider_call_ids=False,
    reasoning="field or item",
    shows_interactive=False,
    unwraps_interactive=False,
    v2_types=True,
    node=Shape(
        first=("totalPoints", "toolCallInputTokens", "toolCallOutputTokens", "childTotalPoints"),
        last=_NODE_END,
        lacks=("moduleLogo", "llmRequestIds", "error", "parentId", "childrenResponses"),
    ),
    node_extras={"tools": {"childTotalPoints": 0}},
    search_node=Shape(lacks=("datasetQueries",)),
    bare_failures=True,
    children_in_detail=True,
    item=Shape(first=("type",), lacks=("id",)),
    interactive=Shape(lacks=("interactiveId", "nodeResponseId")),
    whole_interactive=Shape(),
    edge=Shape(first=("source", "target", "sourceHandle", "targetHandle")),
    init=Shape(first=("chatId", "appId"), lacks=("chatGenerateStatus", "hasBeenRead")),
    inits_new_chats=False,
    chat_config=Shape(
        first=("questionGuide", "ttsConfig", "whisperConfig", "chatInputGuide", "instruction", "autoExecute"),
        lacks=("welcomeConfig",),
    ),
    input_guide=Shape(first=("open", "textList")),
    history=Shape(first=("chatId", "updateTime", "appId"), lacks=("chatGenerateStatus", "hasBeenRead")),
    histories=Shape(first=("list",)),
    record=Shape(
        first=("_id", "dataId", "hideInUI", "obj", "value", "durationSeconds", "customFeedbacks"),
        last=("llmModuleAccount", "totalQuoteList", "historyPreviewLength", "id"),
        lacks=("useAgentSandbox", "deleteTime"),
    ),
    records_tell_nodes=True,
    own_question_ids=True,
    quote=Shape(),
    feedback_answer={},
    dataset=Shape(
        first=("_id", "parentId", "teamId", "tmbId", "type", "avatar", "name", "vectorModel", "agentModel", "intro"),
        last=("inheritPermission", "deleteTime", "updateTime", "__v"),
        lacks=("vlmModel",),
    ),
    collection=_COLLECTION,
    raw_collection=_COLLECTION,
    collection_file=Shape(first=("filename", "extension", "contentType", "contentLength"), lacks=_FILE[:5]),
    collection_row=Shape(
        first=_names(
            "_id parentId tmbId type name tags fileId rawLink trainingType createTime updateTime forbid trainingAmount"
            " dataAmount hasError permission"
        ),
        lacks=_PROGRESS,
    ),
    collection_scroll_row=Shape(lacks=("hasError", *_PROGRESS)),
    errors_while_waiting=True,
    pages=Shape(first=("list",)),
    step_counts=Shape(first=("parse", "qa", "chunk", "image", "auto", "imageParse")),
    data=Shape(
        first=("id", "teamId", "updateTime", "q", "a", "imageId", "chunkIndex", "indexes", "datasetId", "collectionId")
    ),
    data_row=Shape(first=("_id", "teamId")),
    data_index=Shape(),
    data_quote=Shape(first=("collection",)),
    data_deleted="success",
    tells_updates=False,
    search=Shape(first=("list", "duration", "usingReRank", "searchMode")),
    found=Shape(first=("id", "updateTime", "q", "a", "chunkIndex", "datasetId", "collectionId")),
    app=Shape(
        first=("_id", "parentId", "tmbId", "name", "type", "avatar", "intro", "inheritPermission", "updateTime"),
        last=("private", "hasInteractiveNode", "sourceMember"),
    ),
    permission=Shape(
        first=("permission", "isOwner", *_PERMISSIONS, "role", "roleList", "perList", "rolePerMap"),
        lacks=("value", "_permissionList"),
    ),
    health=Shape(lacks=("valid", "usagePoints", "maxUsagePoints")),
    request_ids=False,
)

_4_11 = replace(
    _4_14,
    name="4.11",
    release="4.11.1",
    paths=_PATHS_4_11,
    sources={"/core/chat/record/delete": "query"},
    needs={"/core/chat/record/delete": _4_14.needs["/core/chat/record/delete"]},
    uploads="server",
    collection_delete="id",
    plain_name="",
    feedback_needs_answer=False,
    forgives_deleting=False,
    tells_new_ids=frozenset({1}),
    tells_rate_limit=False,
    tells_errors=False,
    reasoning="item",
    shows_interactive=True,
    always_content=True,
    node_extras={**_4_14.node_extras, "pluginOutput": {"totalPoints": 0}},
    interactive=Shape(lacks=("interactiveId", "nodeResponseId", "skipNodeQueue", "usageId")),
    record=_4_14.record._replace(
        first=("_id", "dataId", "hideInUI", "obj", "value", "customFeedbacks", "durationSeconds")
    ),
    quote=Shape(lacks=("id", "anchor")),
    found_quote=Shape(lacks=("q", "a", "updateTime")),
    quotes_need="initialIndex",
    feedback_answer=None,
    dataset=_4_14.dataset._replace(lacks=("vlmModel", "deleteTime")),
    vector_model=Shape(lacks=("avatar",)),
    collection_file=Shape(
        first=("_id", "length", "chunkSize", "uploadDate", "filename", "metadata"),
        lacks=("extension", "contentType", "contentLength"),
    ),
    init_data=Shape(lacks=("modelProviders", "aiproxyIdMap")),
    permission=Shape(
        first=("isOwner", *_PERMISSIONS[:3], "value", "_permissionList"),
        lacks=(
            *_PERMISSIONS[3:],
            "hasReadChatLogPer",
            "hasReadChatLogRole",
            "permission",
            "role",
            "roleList",
            "perList",
            "rolePerMap",
        ),
    ),
)

VERSIONS: dict[str, Version] = {version.name: version for version in (_4_11, _4_14, _4_16, _4_17)}
