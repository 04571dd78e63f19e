"""Answers to what an app asks: checked against its rules before they are sent, and put into FastGPT's words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias, cast

from .. import _json
from .._flow import Flow
from ..errors import ArgumentError
from .fields import FILES, fitting, missing

if TYPE_CHECKING:
    from ..events import FormField, Interactive
    from .attachments import File

Answer: TypeAlias = str | Mapping[str, object] | Sequence[str]
"""What answers an app: an option or a text; ``{field key: value}`` for a form; of an agent's questions also a list."""

Attach: TypeAlias = "Callable[[FormField, list[File]], Flow[list[str]]]"
"""Puts files where the app can read them: their addresses."""


def answer_text(asked: Interactive | None, value: Answer, attach: Attach) -> Flow[str]:
    """The message that answers an interactive node; refuses what the node would not understand."""
    if asked is None:
        raise ArgumentError("the app did not ask anything in the last turn: use send()")
    if asked.fields and asked.fields[0].type == "ask":
        return _questions_text(asked.fields, value)
    if asked.fields:
        return _json.encode((yield from form_values("field", asked.fields, _by_key(asked, value), attach))).decode()
    if not isinstance(value, str):
        raise ArgumentError(f"the app asked for a text ({asked.type}), not {value!r}")
    if asked.type == "paymentPause":  # any word goes on, but an empty one is no question
        return value or "continue"
    if not asked.options:
        return value
    chosen = next((option for option in asked.options if value in (option.value, option.key)), None)
    if asked.type == "agentPlanAskQuery":
        return _proposal_text(asked, value if chosen is None else chosen.value, chosen is not None)
    if chosen is None:
        options = ", ".join(repr(option.value) for option in asked.options)
        raise ArgumentError(f"{value!r} is none of the options: {options}")
    return chosen.value


def form_values(
    what: str, fields: Sequence[FormField], given: Mapping[str, object], attach: Attach
) -> Flow[dict[str, object]]:
    """The values of a form, fit for sending; defaults stand where nothing is given, as on the web."""
    checked: dict[str, object] = {}
    for field in fields:
        value = given.get(field.key)
        if missing(value):
            if not missing(field.defaultValue):
                checked[field.key] = field.defaultValue
            elif field.key in given and value is not None and not field.required:
                checked[field.key] = value
            continue
        value = fitting(what, field, value)
        if field.type in (FILES, "file"):
            value = yield from attach(field, cast("list[File]", value))
        checked[field.key] = value
    needed = [repr(field.key) for field in fields if field.required and field.key not in checked]
    if needed:
        raise ArgumentError(f"the form needs {', '.join(needed)}")
    return checked


def _by_key(asked: Interactive, value: Answer) -> Mapping[str, object]:
    keys = {field.key for field in asked.fields}
    shown = ", ".join(repr(field.key) for field in asked.fields)
    if not isinstance(value, Mapping):
        raise ArgumentError(f"the app asked for a form: answer with a dict of its fields ({shown})")
    if unknown := [key for key in value if key not in keys]:
        raise ArgumentError(f"the form has no field {unknown[0]!r}; it has {shown}")
    return value


def _questions_text(questions: Sequence[FormField], value: Answer) -> str:
    """Answers to the questions of an agent, by number or in order; any text will do, an empty one skips.

    Their form is read from FastGPT's source (``parseAgentAskAnswers``), not recorded: what is no ``{"answers": [text,
    …]}`` counts as no answer to any.
    """
    if isinstance(value, str):
        value = [value]
    if isinstance(value, Mapping):
        if unknown := [key for key in value if str(key) not in {field.key for field in questions}]:
            keys = ", ".join(repr(field.key) for field in questions)
            raise ArgumentError(f"the agent asked no question {unknown[0]!r}; there are {keys}")
        by_key = {str(key): each for key, each in value.items()}
        given = [by_key.get(field.key, "") for field in questions]
    else:
        given = list(cast("Sequence[object]", value))
    if len(given) != len(questions):
        raise ArgumentError(f"the agent asked {len(questions)} questions, not {len(given)}: '' skips one")
    answers: list[object] = []
    for field, each in zip(questions, given, strict=True):
        text = fitting("question", field, each or "")
        answers.append(next((option.value for option in field.options if text == option.key), text))
    return _json.encode({"answers": answers}).decode()


def _proposal_text(asked: Interactive, value: str, proposed: bool) -> str:
    """What an agent of 4.14 to 4.16 asked: a proposal with a label goes back by its value, all else is a text.

    Read from FastGPT's source (``AgentPlanAskResponseSchema``), not recorded.
    """
    labelled = any(option.key != option.value for option in asked.options)
    if proposed and labelled and asked.askId:
        return _json.encode({"askId": asked.askId, "optionValue": value}).decode()
    return value
