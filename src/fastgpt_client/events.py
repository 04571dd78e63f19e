"""What a run says while it goes on: the events of a stream as typed objects, and :class:`Reply`, their sum.

Every event has ``.event`` (the name on the wire) and ``.data`` (the whole payload, decoded, with every field that the
server sent). A name that this version does not know becomes :class:`UnknownEvent`, never an exception.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, cast

import msgspec

from . import _json
from ._json import as_list, as_object
from .citations import marked_ids
from .errors import APIError, NodeError, error_from_body
from .models._base import JSON, Payload, Rows
from .models.chat import content_of
from .thinking import ThinkSplitter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

# Parts of events ------------------------------------------------------------------------------------------------------


class AnswerDelta(Payload):
    """A piece of the answer: text, thinking, or neither (the last one, and heartbeats)."""

    content: str | None = None
    reasoning_content: str | None = None


class AnswerChoice(Payload):
    """The wrapping that FastGPT takes over from OpenAI; there is always one."""

    delta: AnswerDelta = msgspec.field(default_factory=AnswerDelta)
    finish_reason: str | None = None


class Tool(Payload):
    """A tool call. Pieces of one call share ``id``: parameters and response grow while they stream."""

    id: str = ""
    toolName: str = ""
    toolAvatar: str | None = None
    functionName: str = ""
    params: str = ""
    response: str | None = None

    @property
    def arguments(self) -> JSON | None:
        """``params``, decoded; None while they are not complete, or when they are no JSON object."""
        try:
            value = _json.loads(self.params.encode("utf-8", "surrogatepass"))
        except ValueError:
            return None
        return cast("JSON", value) if isinstance(value, dict) else None


class InteractiveOption(Payload):
    """One choice of a ``userSelect`` node. The answer is its ``value``, as text."""

    key: str = ""
    value: str = ""
    description: str | None = None


class FormField(Payload):
    """One value that an app wants: a field of a form, a declared variable, an input of a plugin.

    ``type`` is the kind on the wire (``input``, ``numberInput``, ``select``, …); ``ask`` for a question of an agent,
    which proposes ``options`` and takes any text.
    """

    key: str = ""
    type: str = "input"
    label: str = ""
    value: Any = None
    valueType: str | None = None
    description: str | None = None
    defaultValue: Any = None
    required: bool = False
    maxLength: int | None = None
    minLength: int | None = None
    max: float | None = None
    min: float | None = None
    list: Rows[JSON] | None = None
    maxFiles: int | None = None
    canSelectFile: bool | None = None
    canSelectImg: bool | None = None
    canSelectAudio: bool | None = None
    canSelectVideo: bool | None = None
    canSelectCustomFileExtension: bool | None = None
    customFileExtensionList: Rows[str] | None = None
    canLocalUpload: bool | None = None
    canUrlUpload: bool | None = None

    @property
    def options(self) -> Rows[InteractiveOption]:
        """What can be chosen: ``key`` is what is shown, ``value`` what is sent."""
        rows = filter(None, map(as_object, as_list(self.list)))
        return [InteractiveOption(str(each.get("label", each.get("value"))), str(each.get("value"))) for each in rows]

    @property
    def multiple(self) -> bool:
        """Whether several options, or files, may be chosen."""
        return self.type == "multipleSelect" or (self.type == "fileSelect" and self.maxFiles != 1)


class Interactive(Payload):
    """The workflow waits for the user: ``options`` to choose from, or ``fields`` to fill in.

    ``type`` is the type on the wire (``userSelect``, ``userInput``, ``paymentPause``, …); nodes inside loops and
    sub-workflows are unwrapped to the one that asks. The questions of an agent (``agentAsk``) are ``fields`` too.
    ``raw`` is the whole payload.
    """

    type: str = ""
    description: str = ""
    options: list[InteractiveOption] = []
    fields: list[FormField] = []
    askId: str = ""
    raw: JSON = {}

    @classmethod
    def from_wire(cls, payload: JSON) -> Interactive:
        """Read the ``interactive`` object of an event, a message or a record."""
        asking = payload
        while True:
            fields = as_object(asking.get("params"))
            if not (inner := as_object(fields.get("childrenResponse"))):
                break
            asking = inner
        options = as_list(fields.get("userSelectOptions") or fields.get("options"))
        form = [_json.fit(each, FormField) for each in as_list(fields.get("inputForm")) if isinstance(each, dict)]
        questions = enumerate(map(as_object, as_list(fields.get("questions"))))
        return cls(
            type=str(asking.get("type", "")),
            description=str(fields.get("description") or fields.get("content") or ""),
            options=[_option(each) for each in options if each and (isinstance(each, str) or as_object(each))],
            fields=form or [_question(number, question) for number, question in questions],
            askId=str(asking.get("askId") or ""),
            raw=payload,
        )


def is_answered(payload: JSON) -> bool:
    """Whether what an interactive node asked, here or further inside, was answered."""
    params = as_object(payload.get("params"))
    if inner := as_object(params.get("childrenResponse")):
        return is_answered(inner)
    return any(params.get(name) not in (None, False) for name in ("userSelectedVal", "submitted", "answer", "continue"))


def _option(given: str | JSON) -> InteractiveOption:
    """A choice of a ``userSelect`` node, or what an agent proposes: a text, or an object with ``label``."""
    if isinstance(given, str):
        return InteractiveOption(given, given)
    return cast("InteractiveOption", _json.fit({"key": given.get("label", ""), **given}, InteractiveOption))


def _question(number: int, question: JSON) -> FormField:
    """A question of an agent as a field; its key is its number, from 0, since it has no name."""
    proposed = [{"label": each.get("summary"), **each} for each in map(as_object, as_list(question.get("options")))]
    return FormField(key=str(number), type="ask", label=str(question.get("question") or ""), list=proposed)


class NodeResponse(Payload):
    """What one workflow node did. The common fields are named; ``raw`` has all that the server sent."""

    id: str = ""
    nodeId: str = ""
    moduleName: str = ""
    moduleType: str = ""
    runningTime: float | None = None
    model: str | None = None
    query: Any = None
    textOutput: str | None = None
    reasoningText: str | None = None
    inputTokens: float | None = None
    outputTokens: float | None = None
    totalPoints: float | None = None
    finishReason: str | None = None
    errorText: Any = None
    error: Any = None
    pluginOutput: JSON | None = None
    quoteList: list[Any] | None = None
    raw: JSON = {}

    @classmethod
    def from_wire(cls, payload: JSON) -> NodeResponse:
        node = cast("NodeResponse", _json.fit(payload, cls))
        node.raw = payload
        return node

    @property
    def children(self) -> list[NodeResponse]:
        """Nodes that ran inside this one: of a tool call, a sub-workflow, a loop."""
        found: list[NodeResponse] = []
        for value in self.raw.values():
            found += [NodeResponse.from_wire(each) for each in map(as_object, as_list(value)) if "moduleType" in each]
        return found

    @property
    def failure(self) -> str | None:
        """Why the node failed, or None."""
        for reason in (self.errorText, self.error):
            if fields := as_object(reason):
                reason = fields.get("message") or fields.get("msg") or _json.encode(fields).decode()
            if reason:
                return str(reason)
        return None


class Citation(Payload):
    """A chunk of a knowledge base that the answer rests on (an item of ``quoteList``)."""

    id: str = ""
    q: str | None = None
    a: str | None = None
    datasetId: str | None = None
    collectionId: str | None = None
    sourceId: str | None = None
    sourceName: str | None = None
    chunkIndex: int | None = None
    updateTime: str | None = None
    score: list[JSON] | JSON | None = None
    tokens: int | None = None


# Events ---------------------------------------------------------------------------------------------------------------


class StreamEvent(msgspec.Struct, gc=False):
    """One event of a stream. ``event`` is its name on the wire."""

    event: ClassVar[str] = ""
    # Set after decoding; under a name that no server sends.
    _payload: Any = msgspec.field(default=b"", name="$payload")

    @property
    def data(self) -> Any:
        """The whole payload, decoded: fields that this version has no attribute for are here too."""
        if isinstance(self._payload, bytes):
            try:
                return _json.loads(self._payload)
            except ValueError:
                return self._payload.decode("utf-8", "replace")
        return self._payload


class AnswerEvent(StreamEvent):
    """A piece of the answer. ``text`` and ``reasoning`` are empty in heartbeats and in the last one.

    Thinking between ``<think>`` tags is in ``reasoning``, not in ``text``; ``data`` has the piece as it came.
    """

    event = "answer"

    choices: list[AnswerChoice] = []
    responseValueId: str | None = None

    @property
    def text(self) -> str:
        """The piece of answer, ``""`` when there is none."""
        return (self.choices[0].delta.content or "") if self.choices else ""

    @property
    def reasoning(self) -> str:
        """The piece of thinking, ``""`` when there is none."""
        return (self.choices[0].delta.reasoning_content or "") if self.choices else ""

    @property
    def finish_reason(self) -> str | None:
        """``"stop"`` in the last piece."""
        return self.choices[0].finish_reason if self.choices else None


class FastAnswerEvent(AnswerEvent):
    """A text that the workflow says by itself (a fixed-reply node), in the form of an answer."""

    event = "fastAnswer"


class FlowNodeStatusEvent(StreamEvent):
    """A node starts to run."""

    event = "flowNodeStatus"

    name: str = ""
    status: str = ""


class ToolCallEvent(StreamEvent):
    """A tool is called; parameters and response follow in :class:`ToolParamsEvent` and :class:`ToolResponseEvent`."""

    event = "toolCall"

    tool: Tool = msgspec.field(default_factory=Tool)


class ToolParamsEvent(ToolCallEvent):
    """A piece of the parameters of a call; ``tool.id`` says of which."""

    event = "toolParams"


class ToolResponseEvent(ToolCallEvent):
    """A piece of what the tool gave back; ``tool.id`` says to which call."""

    event = "toolResponse"


class FlowResponsesEvent(StreamEvent):
    """All nodes of the run, at its end (v1). Old servers send it after ``[DONE]``."""

    event = "flowResponses"

    nodes: list[NodeResponse] = []


class FlowNodeResponseEvent(StreamEvent):
    """A node has finished (v2)."""

    event = "flowNodeResponse"

    node: NodeResponse = msgspec.field(default_factory=NodeResponse)


class UpdateVariablesEvent(StreamEvent):
    """The workflow has set its variables; these are their new values."""

    event = "updateVariables"

    variables: JSON = {}


class InteractiveEvent(StreamEvent):
    """The workflow stops and waits for the user."""

    event = "interactive"

    interactive: Interactive = msgspec.field(default_factory=Interactive)


class WorkflowDurationEvent(StreamEvent):
    """How long the run took, in seconds."""

    event = "workflowDuration"

    durationSeconds: float = 0.0


class ChatTitleEvent(StreamEvent):
    """The title of a new conversation (4.15 and later)."""

    event = "chatTitle"

    title: str = ""


class PlanEvent(StreamEvent):
    """An agent's plan; its fields are open, read ``data``."""

    event = "plan"


class PlanStatusEvent(StreamEvent):
    """How far an agent's plan is; its fields are open, read ``data``."""

    event = "planStatus"


class StepTitleEvent(StreamEvent):
    """The title of an agent's step (4.14 only); read ``data``."""

    event = "stepTitle"


class SandboxStatusEvent(StreamEvent):
    """The state of an agent's sandbox; read ``data``."""

    event = "sandboxStatus"


class SkillCallEvent(StreamEvent):
    """An agent uses a skill; ``skill`` is open."""

    event = "skillCall"

    skill: JSON = {}


class CollectionFormEvent(StreamEvent):
    """Sent by the helper bot of the web app only; read ``data``."""

    event = "collectionForm"


class TopAgentConfigEvent(StreamEvent):
    """Sent by the helper bot of the web app only; read ``data``."""

    event = "topAgentConfig"


class ResumePhaseEvent(StreamEvent):
    """A resumed stream: ``catchup`` repeats what was missed, ``live`` is new."""

    event = "resumePhase"

    phase: str = ""


class ResumeUnavailableEvent(StreamEvent):
    """The server cannot repeat the stream; ``reason`` says why."""

    event = "resumeUnavailable"

    reason: str = ""


class ResumeCompletedEvent(StreamEvent):
    """The run was over already; ``records`` has what was stored."""

    event = "resumeCompleted"

    chatGenerateStatus: int | None = None
    hasBeenRead: bool | None = None
    records: JSON = {}


class ErrorEvent(StreamEvent):
    """The run failed. Nothing follows; the stream raises :class:`~fastgpt_client.StreamError` after it."""

    event = "error"

    message: str = ""
    code: int | None = None
    statusText: str | None = None

    @property
    def error(self) -> APIError:
        """The exception that this failure would have been before the stream began."""
        return error_from_body(self.data, 200)


class UnknownEvent(StreamEvent):
    """An event that this version does not know; ``data`` is its decoded JSON, or its text."""

    event: str = ""  # type: ignore[misc]  # the one event whose name is not known beforehand


# Bytes → events -------------------------------------------------------------------------------------------------------


def _decode_nodes(data: bytes) -> FlowResponsesEvent:
    payload = _json.loads(data)
    if not isinstance(payload, list):
        raise TypeError
    return FlowResponsesEvent(nodes=[NodeResponse.from_wire(node) for node in map(as_object, as_list(payload))])


def _decode_node(data: bytes) -> FlowNodeResponseEvent:
    return FlowNodeResponseEvent(node=NodeResponse.from_wire(_open_object(data)))


def _decode_variables(data: bytes) -> UpdateVariablesEvent:
    return UpdateVariablesEvent(variables=_open_object(data))


def _decode_interactive(data: bytes) -> InteractiveEvent:
    payload = _open_object(data)
    inner = payload.get("interactive")
    return InteractiveEvent(
        interactive=Interactive.from_wire(cast("JSON", inner) if isinstance(inner, dict) else payload)
    )


def _decode_phase(data: bytes) -> ResumePhaseEvent:
    return ResumePhaseEvent(phase=data.decode("utf-8", "replace").strip().strip('"'))


def _decode_error(data: bytes) -> ErrorEvent:
    try:
        payload = _json.loads(data)
    except ValueError:
        payload = data.decode("utf-8", "replace")
    if isinstance(payload, dict):
        return cast("ErrorEvent", _json.fit(payload, ErrorEvent))
    return ErrorEvent(message=str(payload))


def _open_object(data: bytes) -> JSON:
    payload = _json.loads(data)
    if not isinstance(payload, dict):
        raise TypeError
    return cast("JSON", payload)


def _plain(kind: type[StreamEvent]) -> Callable[[bytes], StreamEvent]:
    decode = _json.Decoder(kind)

    def decode_object(data: bytes) -> StreamEvent:
        event = decode(data)
        if not isinstance(event, kind):
            raise TypeError  # an array, a number: not this event
        return event

    return decode_object


decode_answer: Callable[[bytes], AnswerEvent] = msgspec.json.Decoder(AnswerEvent, strict=False).decode

_DECODERS: dict[bytes, Callable[[bytes], StreamEvent]] = {
    kind.event.encode(): _plain(kind)
    for kind in (
        AnswerEvent, FastAnswerEvent, FlowNodeStatusEvent, ToolCallEvent, ToolParamsEvent, ToolResponseEvent,
        WorkflowDurationEvent, ChatTitleEvent, PlanEvent, PlanStatusEvent, StepTitleEvent, SandboxStatusEvent,
        SkillCallEvent, CollectionFormEvent, TopAgentConfigEvent, ResumeUnavailableEvent, ResumeCompletedEvent,
    )
} | {
    b"flowResponses": _decode_nodes,
    b"flowNodeResponse": _decode_node,
    b"updateVariables": _decode_variables,
    b"interactive": _decode_interactive,
    b"resumePhase": _decode_phase,
    b"error": _decode_error,
}  # fmt: skip


def decode_event(name: bytes, data: bytes) -> StreamEvent:
    """One frame as an event. ValueError when a frame of a known name holds no JSON at all (it was cut)."""
    if not name:
        return _decode_unnamed(data)
    decode = _DECODERS.get(name)
    try:
        event = decode(data) if decode else _unknown(name.decode("utf-8", "replace"), data)
    except TypeError:
        event = _unknown(name.decode("utf-8", "replace"), data)
    event._payload = data  # pyright: ignore[reportPrivateUsage]
    return event


def _unknown(name: str, data: bytes) -> UnknownEvent:
    return UnknownEvent(_payload=data, event=name)


def _decode_unnamed(data: bytes) -> StreamEvent:
    """Without ``detail`` answers have no name. Anything else without one is an error of a proxy, or unknown."""
    try:
        payload = _json.loads(data)
    except ValueError:
        if data.lstrip()[:1] in (b"{", b"["):
            raise  # JSON that was cut, not a text
        return _unknown("message", data)
    event: StreamEvent
    fields = as_object(payload)
    if "choices" in fields:
        event = _json.fit(fields, AnswerEvent)
    elif fields.get("error") or fields.get("statusText"):
        event = _decode_error(data)
    else:
        event = _unknown("message", data)
    event._payload = data  # pyright: ignore[reportPrivateUsage]
    return event


def completion_events(body: JSON) -> Iterator[StreamEvent]:
    """A whole (non-stream) answer as the events that the same run streams with ``detail=True``."""
    if isinstance(title := body.get("title"), str):
        yield ChatTitleEvent(_payload={"title": title}, title=title)
    message = as_object(as_object((as_list(body.get("choices")) or [None])[0]).get("message"))
    content = message.get("content")
    items = as_list(content) if isinstance(content, list) else [content]
    reasoning = message.get("reasoning_content")
    if isinstance(reasoning, str) and reasoning and not any("reasoning" in as_object(item) for item in items):
        yield _piece(reasoning_content=reasoning)
    texts = 0
    for item in (as_object(each) or {"text": each} for each in items):
        if thought := content_of(item.get("reasoning")):
            yield _piece(reasoning_content=thought)
        for tool in filter(as_object, [*as_list(item.get("tools")), item.get("tool")]):
            yield ToolCallEvent(_payload={"tool": tool}, tool=_json.fit(tool, Tool))
        if text := content_of(item.get("text")):
            # FastGPT itself joins the texts of several nodes with a line break.
            yield _piece("stop", content=f"\n{text}" if texts else text)
            texts += 1
        if asked := as_object(item.get("interactive")):
            yield InteractiveEvent(_payload=item, interactive=Interactive.from_wire(asked))
    if variables := as_object(body.get("newVariables")):
        yield UpdateVariablesEvent(_payload=variables, variables=variables)
    if (duration := body.get("durationSeconds")) is not None:
        yield WorkflowDurationEvent(_payload={"durationSeconds": duration}, durationSeconds=duration)
    if nodes := as_list(body.get("responseData")):
        yield FlowResponsesEvent(_payload=nodes, nodes=[NodeResponse.from_wire(as_object(node)) for node in nodes])


def stored_completion(value: list[Any], nodes: list[Any], **more: object) -> JSON:
    """The value of a record as the whole answer that the last run in it would have given.

    An answer to an interactive node goes on in the record that asked.
    """
    answered = [at for at, item in enumerate(value) if is_answered(as_object(as_object(item).get("interactive")))]
    message = {"role": "assistant", "content": value[answered[-1] + 1 :] if answered else value}
    return {"choices": [{"message": message, "finish_reason": "stop", "index": 0}], "responseData": nodes, **more}


class Told(NamedTuple):
    """What a stream has told of a run before it broke."""

    thinking: str = ""
    text: str = ""
    tools: Sequence[Tool] = ()
    asked: bool = False


def untold(events: Iterator[StreamEvent], told: Told) -> Iterator[StreamEvent]:
    """The events of a stored answer without what was told already."""
    thought, said, tools = told.thinking, told.text, iter(told.tools)
    for event in events:
        if isinstance(event, ToolCallEvent) and (begun := next(tools, None)) is not None:
            yield from _rest_of_call(event.tool, begun)
            continue
        if isinstance(event, InteractiveEvent) and told.asked:
            continue
        if isinstance(event, AnswerEvent) and event.choices:
            delta = event.choices[0].delta
            delta.reasoning_content, thought = _cut(delta.reasoning_content or "", thought)
            delta.content, said = _cut(delta.content or "", said)
            if not delta.content and not delta.reasoning_content:
                continue
        yield event


def _rest_of_call(tool: Tool, begun: Tool) -> Iterator[StreamEvent]:
    params, response = _cut(tool.params, begun.params)[0], _cut(tool.response or "", begun.response or "")[0]
    for kind, new in ((ToolParamsEvent, {"params": params}), (ToolResponseEvent, {"response": response})):
        if any(new.values()):
            piece = {"id": begun.id, "toolName": tool.toolName, "functionName": tool.functionName, **new}
            yield kind(_payload={"tool": piece}, tool=Tool(**piece))


def _cut(text: str, told: str) -> tuple[str, str]:
    """What is new in a text, and what is left of what was told."""
    if not text.startswith(told) and not told.startswith(text):
        return text, ""  # it was stored in other words: rather twice than never
    return text[len(told) :], told[len(text) :]


def _piece(finish_reason: str | None = None, **delta: str) -> AnswerEvent:
    wire = {"choices": [{"delta": {"role": "assistant", **delta}, "index": 0, "finish_reason": finish_reason}]}
    return AnswerEvent(_payload=wire, choices=[AnswerChoice(AnswerDelta(**delta), finish_reason)])


# Events → reply -------------------------------------------------------------------------------------------------------


class Reply(msgspec.Struct, kw_only=True):
    """The whole answer of a run, however it came: streamed or at once, v1 or v2, with detail or without.

    What needs ``detail=True`` to be known (nodes, citations, tools, interactive, variables) is empty without it.
    """

    text: str = ""
    """The answer; always a string."""
    reasoning: str = ""
    """The model's thinking."""
    tools: list[Tool] = []
    """Tool calls with their parameters and responses, in order."""
    interactive: Interactive | None = None
    """What the workflow asks the user, when it stopped to ask."""
    citations: list[Citation] = []
    """Chunks of knowledge bases that the run found, wherever in the tree of nodes; each once."""
    nodes: list[NodeResponse] = []
    """The nodes that ran."""
    variables: dict[str, Any] = {}
    """New values of the workflow's variables."""
    title: str | None = None
    """Title of the conversation, in its first turn (4.15 and later)."""
    duration: float | None = None
    """Seconds that the run took."""
    error: NodeError | None = None
    """The first node that failed. FastGPT answers HTTP 200 all the same."""
    chatId: str = ""
    """The conversation."""
    dataId: str = ""
    """The answer's record, for feedback and quotes; known where its id was made here, as conversations do."""
    recovered: bool = False
    """The connection broke, and this was read from the conversation's history."""

    def __str__(self) -> str:
        return self.text

    @property
    def cited(self) -> list[Citation]:
        """The citations that the text marks, in the order of their first marks, each once.

        FastGPT takes the marks out of an answer unless it is asked with ``retainDatasetCite=True``.
        """
        found = {citation.id: citation for citation in self.citations}
        return [found[each] for each in marked_ids(self.text) if each in found]

    @property
    def plugin_output(self) -> JSON | None:
        """What a tool app (a plugin) gives back, by output; None for other apps, or without detail."""
        ends = [node.pluginOutput for node in self.nodes if node.moduleType == "pluginOutput"]
        return ends[-1] if ends else None

    def raise_for_error(self) -> Reply:
        """Raise the :class:`~fastgpt_client.NodeError` if a node failed; else give the reply back."""
        if self.error is not None:
            raise self.error
        return self


class ReplyBuilder:
    """Adds up events. Text is kept in pieces and joined once."""

    __slots__ = (
        "_nodes",
        "_reasoning",
        "_splitting",
        "_text",
        "_thinking",
        "_tools",
        "chatId",
        "dataId",
        "duration",
        "failure",
        "interactive",
        "recovered",
        "title",
        "variables",
    )

    def __init__(self, chatId: str = "", dataId: str = "", *, recovered: bool = False) -> None:
        self.chatId: str = chatId
        self.dataId: str = dataId
        self.recovered: bool = recovered
        self.title: str | None = None
        self.duration: float | None = None
        self.interactive: Interactive | None = None
        self.variables: JSON = {}
        self.failure: str | None = None
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._nodes: list[NodeResponse] = []
        self._tools = ToolCalls()
        self._thinking = ThinkSplitter()
        self._splitting = True  # as long as the splitter watches, at hand because every piece asks

    def add(self, event: StreamEvent) -> None:
        """Add an event. The text of an answer is split into thinking and answer, in the event itself."""
        if isinstance(event, AnswerEvent):
            if event.choices:
                self.add_piece(event.choices[0])
            if event.finish_reason:
                self._restart()
            return
        self._restart()  # a node starts, a tool is called: the next text is another answer
        if isinstance(event, ToolCallEvent):
            self._tools.add(event)
        elif isinstance(event, FlowResponsesEvent):
            # v1 lists all nodes once more at the end: the list replaces what was known.
            self._nodes = list(event.nodes)
        elif isinstance(event, FlowNodeResponseEvent):
            self._nodes.append(event.node)
        elif isinstance(event, InteractiveEvent):
            self.interactive = event.interactive
        elif isinstance(event, UpdateVariablesEvent):
            self.variables.update(event.variables)
        elif isinstance(event, WorkflowDurationEvent):
            self.duration = event.durationSeconds
        elif isinstance(event, ChatTitleEvent):
            self.title = event.title

    def add_piece(self, choice: AnswerChoice) -> None:
        delta = choice.delta
        if self._splitting:
            self._split(choice)
        if content := delta.content:
            self._text.append(content)
        if thinking := delta.reasoning_content:
            self._reasoning.append(thinking)

    def _split(self, choice: AnswerChoice) -> None:
        delta, thinking = choice.delta, ""
        if delta.reasoning_content:  # the server tells them apart by itself
            delta.content = self._thinking.skip() + (delta.content or "")
        elif delta.content:
            thinking, delta.content = self._thinking.feed(delta.content)
        if choice.finish_reason:
            last_thinking, last_text = self._thinking.finish()
            thinking += last_thinking
            if last_text:
                delta.content = (delta.content or "") + last_text
        if thinking:
            delta.reasoning_content = thinking
        self._splitting = self._thinking.watching

    def _restart(self) -> None:
        self._thinking.restart()
        self._splitting = self._thinking.watching

    def last_piece(self) -> AnswerEvent | None:
        """What was held back of the text, as an event, when nothing can follow any more."""
        thinking, text = self._thinking.finish()
        if not thinking and not text:
            return None
        event = _piece(content=text, reasoning_content=thinking)
        self._splitting = False
        self.add_piece(event.choices[0])
        return event

    def build(self) -> Reply:
        """The reply so far."""
        thinking, text = self._thinking.held
        return Reply(
            text=heal_join([*self._text, text]),
            reasoning=heal_join([*self._reasoning, thinking]),
            tools=self._tools.build(),
            interactive=self.interactive,
            citations=find_citations(self._nodes),
            nodes=list(self._nodes),
            variables=dict(self.variables),
            title=self.title,
            duration=self.duration,
            error=self._error(),
            chatId=self.chatId,
            dataId=self.dataId,
            recovered=self.recovered,
        )

    @property
    def told(self) -> Told:
        """What was told so far, without what is held back."""
        asked = self.interactive is not None
        return Told(heal_join(self._reasoning), heal_join(self._text), self._tools.build(), asked)

    def _error(self) -> NodeError | None:
        for node in walk_nodes(self._nodes):
            if failure := node.failure:
                return NodeError(failure, node.moduleName)
        return NodeError(self.failure) if self.failure else None


class ToolCalls:
    """Tool calls whose parameters and responses come in pieces, in the order in which they began.

    An id belongs to a call until another one begins with it: some models count their calls anew in every round.
    """

    __slots__ = ("_calls", "_latest")

    def __init__(self) -> None:
        self._calls: list[_ToolPieces] = []
        self._latest: dict[str, _ToolPieces] = {}

    def add(self, event: ToolCallEvent) -> None:
        piece = event.tool
        if piece.id not in self._latest or not isinstance(event, ToolParamsEvent | ToolResponseEvent):
            self._latest[piece.id] = _ToolPieces()
            self._calls.append(self._latest[piece.id])
        self._latest[piece.id].add(piece)

    def get(self, id: str) -> Tool:  # noqa: A002
        """The latest call with this id, as far as it is known."""
        return self._latest[id].build()

    def build(self) -> list[Tool]:
        return [pieces.build() for pieces in self._calls]


class _ToolPieces:
    __slots__ = ("call", "params", "responses")

    def __init__(self) -> None:
        self.call = Tool()
        self.params: list[str] = []
        self.responses: list[str] = []

    def add(self, piece: Tool) -> None:
        for name in ("id", "toolName", "toolAvatar", "functionName"):
            if value := getattr(piece, name):
                setattr(self.call, name, value)
        if piece.params:
            self.params.append(piece.params)
        if piece.response is not None:
            self.responses.append(piece.response)

    def build(self) -> Tool:
        return msgspec.structs.replace(
            self.call,
            params=heal_join(self.params),
            response=heal_join(self.responses) if self.responses else None,
        )


def heal_join(pieces: list[str]) -> str:
    return _json.heal("".join(pieces))


def walk_nodes(nodes: list[NodeResponse]) -> Iterator[NodeResponse]:
    """The nodes and all that ran inside them, outermost first."""
    for node in nodes:
        yield node
        yield from walk_nodes(node.children)


def find_citations(nodes: list[NodeResponse]) -> list[Citation]:
    """Every item of every ``quoteList``, however deep, each once."""
    found: dict[str, Citation] = {}
    todo: list[Any] = [node.raw for node in reversed(nodes)]
    while todo:
        value = todo.pop()
        todo.extend(reversed(as_list(value)))
        fields = as_object(value)
        for quote in filter(as_object, as_list(fields.get("quoteList"))):
            citation = cast("Citation", _json.fit(quote, Citation))
            found.setdefault(citation.id or str(len(found)), citation)
        todo.extend(each for key, each in reversed(fields.items()) if key != "quoteList")
    return list(found.values())
