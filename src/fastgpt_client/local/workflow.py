"""What an app does with a message: an async iterator of steps, each named after the stream event it becomes."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from . import interactive
from .models import Delta, Model, ModelError, Prompt, pieces_of
from .wire import is_list, new_id, object_id, seconds

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Mapping

    from .script import Rule
    from .settings import AppSpec

_ASKS = {"select": interactive.SELECT, "form": interactive.FORM}


_ASKERS = {"userSelect": ("User select", "userSelect", "sel"), "userInput": ("Form", "formInput", "form")}


class Step(NamedTuple):
    """One thing that happened."""

    event: str
    data: dict[str, Any]


@dataclass
class Turn:
    """A message to an app, and what the app knows when it comes in."""

    app: AppSpec
    message: str
    model: Model
    delay: float
    history: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    system: list[str] = field(default_factory=list[str])
    variables: dict[str, Any] = field(default_factory=dict[str, Any])
    files: list[str] = field(default_factory=list[str])
    """The names of the files that came with the message."""
    number: int = 1
    rule: Rule | None = None
    pending: dict[str, Any] | None = None
    """The interactive node that the message answers."""
    stopped: bool = False

    @property
    def question(self) -> str:
        """What the AI node is asked: after an interactive node the question that came before it."""
        if self.pending is not None:
            return next((out["value"] for out in self.pending["nodeOutputs"]), "")
        if self.app.kind == "plugin":
            return next((value for value in self.variables.values() if isinstance(value, str)), "")
        return self.message

    @property
    def asks(self) -> Mapping[str, Any] | None:
        """The interactive node that this turn stops at."""
        if self.pending is not None:
            return None
        return (self.rule and self.rule.interactive) or self.app.interactive or _ASKS.get(self.app.kind)

    @property
    def shown_variables(self) -> dict[str, Any]:
        """FastGPT shows the declared variables only; those that a script sets count as declared."""
        names = {str(spec.get("key", spec.get("name"))) for spec in self.app.variables}
        names |= set((self.rule and self.rule.variables) or {})
        return {name: value for name, value in self.variables.items() if name in names}


def node(name: str, kind: str, node_id: str, started: float | None = None, **detail: Any) -> dict[str, Any]:
    """What a node reports when it is done."""
    return {
        "moduleName": name,
        "moduleType": kind,
        "moduleLogo": "",
        **detail,
        "id": detail.get("id", new_id(16)),
        "nodeId": node_id,
        "runningTime": 0 if started is None else seconds(time.perf_counter() - started),
    }


def _done(*args: Any, **detail: Any) -> Step:
    return Step("flowNodeResponse", node(*args, **detail))


def _running(name: str) -> Step:
    return Step("flowNodeStatus", {"status": "running", "name": name})


async def steps(turn: Turn) -> AsyncGenerator[Step]:
    """Run the app of a turn."""
    rule, asks = turn.rule, turn.asks
    if turn.pending is not None:
        asked = interactive.innermost(turn.pending)
        result = interactive.answer(turn.pending, turn.message)
        if result is not None:
            yield _done(*_ASKERS[asked["type"]], **result, id=asked["nodeResponseId"])
        if asked["type"] == "userSelect" and turn.message not in interactive.options(asked):
            return  # no branch of the node leads on from here
    elif turn.app.kind == "plugin":
        yield _done("in", "pluginInput", "pluginInput")
    else:
        yield _done("Start", "workflowStart", "start")
    if asks is not None:
        yield Step("interactive", {"interactive": interactive.ask(asks, turn.message)})
        return
    if rule is not None and rule.variables is not None:
        yield _running("Set var")
        turn.variables |= rule.variables
        yield Step("updateVariables", dict(turn.shown_variables))
        yield _done("Set var", "variableUpdate", "vu", updateVarResult=list(rule.variables.values()))
    for reported in (rule is not None and rule.nodes) or ():
        yield _running(str(reported.get("moduleName", "")))
        yield Step("flowNodeResponse", _reported(reported))
    if rule is not None and rule.quotes is not None:
        async for step in _search(turn, rule.quotes):
            yield step
    if rule is not None and rule.fixed:
        text = rule.text(turn.question, turn.number) or ""
        yield _running("Answer")
        yield Step("fastAnswer", {"content": f"\n{text}"})
        yield _done("Answer", "answerNode", "ans", textOutput=text)
        return
    text = ""
    async for step in _ai(turn, rule.tools if rule is not None else None):
        text += step.data.get("content", "") if step.event == "answer" else ""
        yield step
    if turn.app.kind == "plugin" and text:
        yield _done("out", "pluginOutput", "pluginOutput", pluginOutput={"result": text})


def _reported(given: Mapping[str, Any], parent: str | None = None) -> dict[str, Any]:
    """A node as a script gives it, and the nodes that ran inside of it."""
    detail = {name: value for name, value in given.items() if name not in ("moduleName", "moduleType", "children")}
    if parent is not None:
        detail["parentId"] = parent
    kind = given.get("moduleType", "code")
    shown = node(given.get("moduleName", kind), kind, detail.pop("nodeId", kind), **detail)
    if "children" in given:
        shown["childrenResponses"] = [_reported(child, shown["id"]) for child in given["children"]]
    return shown


async def _ai(turn: Turn, tools: list[dict[str, Any]] | None) -> AsyncGenerator[Step]:
    """The AI node; with tools it is FastGPT's tool-call node."""
    started = time.perf_counter()
    names = ("AI Chat", "chatNode", "ai") if tools is None else ("Agent", "tools", "tools")
    yield _running(names[0])
    question = turn.question
    if not question and not turn.files:
        failed = "chat:AI_input_is_empty"
        yield _done(*names, started, errorText=failed, error=failed)
        return
    run_id, children = new_id(16), list[dict[str, Any]]()
    for index, tool in enumerate(tools or [], 1):
        for step in _call_tool(index, tool, run_id, children):
            yield step
            await asyncio.sleep(turn.delay)
    system = "\n".join([fill(turn.app.prompt, turn.variables), *turn.system]).strip()
    prompt = Prompt(system, turn.history, question, turn.files)
    text, reasoning, error, reason = "", "", None, "stop"
    try:
        async for kind, piece in _deltas(turn, prompt):
            if kind == "content":
                text += piece
            else:
                reasoning += piece
            yield Step("answer", {kind: piece})
    except ModelError as exc:
        error, reason = str(exc), "error"
    except asyncio.CancelledError:
        if not turn.stopped:
            raise
        reason = "close"
    if not text and not reasoning and reason == "stop":
        failed = "chat:LLM_model_response_empty"
        yield _done(*names, started, errorText=failed, error=failed)
        return
    preview = [{"obj": "System", "value": prompt.system}] if prompt.system else []
    preview += [{"obj": role, "value": value} for role, value in [*prompt.history, ("Human", question)]]
    preview += [{"obj": "AI", "value": text}] if text else []
    tokens = 0 if error and not text else sum(len(item["value"]) for item in preview) - len(text)
    detail: dict[str, Any] = {"errorText": error} if error else {}
    detail["totalPoints"] = 0
    if tools is None:
        detail |= {"model": turn.model.name, "inputTokens": tokens, "outputTokens": len(text), "query": question}
        detail |= {"reasoningText": reasoning, "historyPreview": preview, "contextTotalLen": len(preview)}
    else:
        detail |= {"toolCallInputTokens": tokens, "toolCallOutputTokens": len(text), "model": turn.model.name}
        detail |= {"query": question, "historyPreview": preview, "toolDetail": [], "mergeSignId": "tools"}
    detail |= {"finishReason": reason, "llmRequestIds": [new_id(12) for _ in range(1 if tools is None else 2)]}
    if error:
        detail["error"] = error
    done = _done(*names, started, **detail, id=run_id)
    if tools is not None:
        done.data["childrenResponses"] = children
    yield done


def _deltas(turn: Turn, prompt: Prompt) -> AsyncGenerator[Delta]:
    answer = turn.model.stream(prompt)
    if turn.rule is None:
        return answer
    return turn.rule.stream(prompt.question, turn.number, answer, turn.delay)


def _call_tool(index: int, tool: dict[str, Any], parent: str, children: list[Any]) -> Iterator[Step]:
    """What a call of a tool says; lists of texts come as they are, piece by piece."""
    params, response = tool.get("params", "{}"), tool.get("response", "")
    if not is_list(params):
        params = pieces_of(params if isinstance(params, str) else json.dumps(params, ensure_ascii=False))
    responses = [str(piece) for piece in (response if is_list(response) else [response])]
    call: dict[str, Any] = {
        "id": tool.get("id", f"call_{index}"),
        "toolName": tool.get("name", "Tool"),
        "toolAvatar": "",
        "functionName": tool.get("functionName", f"tool{index}"),
        "params": "",
        "response": "",
    }

    event_id = new_id()

    def step(event: str, **change: str) -> Step:
        return Step(event, {"eventId": event_id, "tool": {**call, **change}})

    yield step("toolCall")
    for piece in params:
        yield step("toolParams", params=piece)
    for piece in responses:
        yield step("toolResponse", response=piece)
    ids: dict[str, Any] = {"id": new_id(16), "parentId": parent}
    children.append(node(call["toolName"], "textEditor", call["functionName"], textOutput="".join(responses), **ids))
    children += [_reported(child, parent) for child in tool.get("nodes", ())]


async def _search(turn: Turn, quotes: list[dict[str, Any]]) -> AsyncGenerator[Step]:
    yield _running("Dataset search")
    defaults: dict[str, Any] = {"q": "", "datasetId": object_id(), "collectionId": object_id(), "sourceName": "script"}
    defaults["chunkIndex"] = 0
    defaults["score"] = [{"type": "embedding", "value": 1, "index": 0}]
    order = ("id", "updateTime", "q", "a", "chunkIndex", "datasetId", "collectionId", "sourceId", "sourceName", "score")
    given = [{**defaults, "id": object_id(), **quote} for quote in quotes]
    found = [{name: quote[name] for name in order if name in quote} | quote for quote in given]
    yield _done(
        "Dataset search",
        "datasetSearchNode",
        "ds",
        totalPoints=0,
        query=turn.question,
        datasetQueries=[turn.question],
        embeddingModel="local-embedding",
        embeddingTokens=len(turn.question),
        similarity=0.1,
        limit=5000,
        searchMode="embedding",
        searchUsingReRank=False,
        quoteList=found,
    )
    cites = "\n------\n".join(f"{quote['q']}\n{quote.get('a', '')}".strip() for quote in found)
    turn.system.append(f"Answer from these quotes:\n<Cites>\n{cites}\n</Cites>")


def fill(prompt: str, variables: dict[str, Any]) -> str:
    """Put variables into a prompt."""
    for name, value in variables.items():
        prompt = prompt.replace(f"{{{{{name}}}}}", str(value))
    return prompt
