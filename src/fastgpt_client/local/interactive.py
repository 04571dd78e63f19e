"""Interactive nodes: what an app asks its user, and what becomes of the answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from .wire import is_list, new_id, object_id

if TYPE_CHECKING:
    from collections.abc import Mapping

FIELDS = {
    "input": "string",
    "textarea": "string",
    "password": "string",
    "numberInput": "number",
    "switch": "boolean",
    "select": "string",
    "multipleSelect": "arrayString",
    "timePointSelect": "string",
    "timeRangeSelect": "arrayString",
    "fileSelect": "arrayString",
    "selectLLMModel": "string",
    "selectDataset": "selectDataset",
}
"""The kinds of form fields, and what their values are."""
ASKING = ("userSelect", "userInput", "paymentPause", "agentAsk", "agentPlanAskQuery")
AROUND = ("childrenInteractive", "toolChildrenInteractive", "loopInteractive", "loopRunInteractive")
"""What a question may be inside of: a workflow, a tool, a loop."""
ALLOWED = (
    f"{{type: one of {', '.join(ASKING)}, params: {{...}}, inside: a list of {', '.join(AROUND)}}};"
    f" a field of inputForm has a key and a type: one of {', '.join(FIELDS)}"
)
SELECT: dict[str, Any] = {
    "type": "userSelect",
    "params": {
        "description": "Pick one",
        "userSelectOptions": [{"value": "Confirm", "key": "option1"}, {"value": "Cancel", "key": "option2"}],
    },
}
FORM: dict[str, Any] = {
    "type": "userInput",
    "params": {
        "description": "Fill in",
        "inputForm": [
            {
                "type": "input",
                "key": "name",
                "label": "name",
                "description": "your name",
                "value": "",
                "defaultValue": "",
                "valueType": "string",
                "required": True,
                "maxLength": 50,
            },
            {
                "type": "numberInput",
                "key": "age",
                "label": "age",
                "description": "",
                "value": "",
                "valueType": "number",
                "required": False,
            },
        ],
    },
}


def is_question(value: Any) -> bool:
    """Whether this can be asked; `ALLOWED` says what can."""
    if not isinstance(value, dict):
        return False
    asks = cast("dict[str, Any]", value)
    params, inside = asks.get("params"), asks.get("inside", [])
    if asks.get("type") not in ASKING or not isinstance(params, dict) or not is_list(inside):
        return False
    fields: Any = cast("dict[str, Any]", params).get("inputForm", [])
    return is_list(fields) and all(map(_is_field, fields)) and all(each in AROUND for each in inside)


def _is_field(value: Any) -> bool:
    field = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    return field.get("type") in FIELDS and isinstance(field.get("key"), str)


def ask(asks: Mapping[str, Any], question: str) -> dict[str, Any]:
    """A question as the stream and the records hold it: with what FastGPT needs to go on."""
    kind, params = asks["type"], json.loads(json.dumps(asks["params"]))  # the answer is written into it later
    for field in params.get("inputForm", []):
        known = {"label": field["key"], "description": "", "value": field.get("defaultValue", "")}
        known |= {"valueType": FIELDS[field["type"]], "required": False}
        field.update({name: value for name, value in known.items() if name not in field})
    here, targets = {"userSelect": ("sel", ["ai1", "ai2"]), "userInput": ("form", ["ai"])}.get(kind, ("ask", ["ai"]))
    exits = [f"sel-source-option{n}" for n in (1, 2)] if kind == "userSelect" else [f"{here}-source-right"]
    edges = [
        {
            "source": "start" if target == here else here,
            "sourceHandle": handle,
            "target": target,
            "targetHandle": f"{target}-target-left",
            "status": "active",
        }
        for target, handle in zip([here, *targets], ["start-source-right", *exits], strict=True)
    ]
    rest = {
        "interactiveId": new_id(16),
        "nodeResponseId": new_id(16),
        "skipNodeQueue": [],
        "entryNodeIds": [here],
        "memoryEdges": edges,
        "nodeOutputs": [{"nodeId": "start", "key": "userChatInput", "value": question}],
        "usageId": object_id(),
    }
    asked = {"type": kind, "params": params, **rest}
    for around in reversed(asks.get("inside", [])):
        loop: dict[str, Any] = {"loopResult": [], "currentIndex": 1} if around.startswith("loop") else {}
        asked = {"type": around, "params": {**loop, "childrenResponse": asked}, **rest}
    return asked


def innermost(interactive: dict[str, Any]) -> dict[str, Any]:
    """The question itself, without what it is inside of."""
    while "childrenResponse" in interactive["params"]:
        interactive = interactive["params"]["childrenResponse"]
    return interactive


def opens_turn(interactive: dict[str, Any]) -> bool:
    """Whether the answer is a turn of its own; else it goes on in the record that asked."""
    return bool(interactive["type"] == "agentPlanAskQuery")


_ANSWERS = {"userSelect": "userSelectedVal", "paymentPause": "continue", "agentPlanAskQuery": "answer"}


def is_open(interactive: dict[str, Any]) -> bool:
    """Whether a question still waits for its answer."""
    asked = innermost(interactive)
    return asked["params"].get(_ANSWERS.get(asked["type"], "submitted")) in (None, False)


def options(asked: dict[str, Any]) -> list[str]:
    """What can be chosen."""
    return [option["value"] for option in asked["params"].get("userSelectOptions", [])]


def answer(interactive: dict[str, Any], message: str) -> dict[str, Any] | None:
    """Write the user's answer into a question; what its node reports, if it is a node of its own."""
    asked = innermost(interactive)
    params, kind = asked["params"], asked["type"]
    if kind == "userSelect":
        params["userSelectedVal"] = message
        return {"userSelectResult": message}
    if kind != "userInput":
        params[_ANSWERS.get(kind, "submitted")] = message if kind == "agentPlanAskQuery" else True
        answers = _object(message).get("answers")
        for number, question in enumerate(params.get("questions", [])):
            question["answer"] = answers[number] if is_list(answers) and number < len(answers) else ""
        return None
    values = _object(message)
    for field in params.get("inputForm", []):
        if field["key"] in values:
            field["value"] = values[field["key"]]
    params["submitted"] = True
    return {"formInputResult": values}


def _object(message: str) -> dict[str, Any]:
    """The object that a message is as JSON; an empty one when it is none."""
    try:
        given: Any = json.loads(message)
    except ValueError:
        return {}
    return cast("dict[str, Any]", given) if isinstance(given, dict) else {}
