"""Whether a value fits what an app says of it: a field of a form, a declared variable, an input of a plugin."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias, cast

from .._json import as_list, as_object, fit
from ..errors import ArgumentError
from ..events import FormField
from .attachments import File

if TYPE_CHECKING:
    from ..models._base import JSON

Check: TypeAlias = Callable[[FormField, object], object]


class UnfitError(Exception):
    """What is wrong with a value; ``fitting`` says of which."""


def declared(spec: JSON) -> FormField:
    """A variable of ``chatConfig.variables``, or an input of ``pluginInputs``, as a field."""
    kinds, at = as_list(spec.get("renderTypeList")), spec.get("selectedTypeIndex")
    kind = kinds[at if isinstance(at, int) and at < len(kinds) else 0] if kinds else "custom"
    options: object = spec.get("list") or [
        {"label": each.get("value"), **each} for each in map(as_object, as_list(spec.get("enums")))
    ]
    named = {"type": kind, **spec, "list": options}
    if "maxLength" not in spec and "maxLen" in spec:
        named["maxLength"] = spec["maxLen"]
    if "key" not in spec and "name" in spec:
        named["key"] = spec["name"]
    return cast("FormField", fit(named, FormField))


def missing(value: object) -> bool:
    """Whether this is as good as no value."""
    return value in (None, "", [], ())


def fitting(what: str, field: FormField, value: object) -> object:
    """The value as the app wants it: ``"3"`` becomes 3 for a number, a label its option, …

    Raises:
        ArgumentError: It does not fit; the message names the field, the value and the rule.
    """
    check = _CHECKS.get(field.type) or _BY_VALUE_TYPE.get(field.valueType or "")
    if check is None:
        return value
    try:
        return check(field, value)
    except UnfitError as error:
        shown = "the password" if field.type == "password" else repr(value)
        raise ArgumentError(f"{what} {field.key!r}: {shown} {error}") from None


def _text(field: FormField, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise UnfitError("is no text")
    text = str(value)
    if field.maxLength and len(text) > field.maxLength:
        raise UnfitError(f"has {len(text)} characters, more than {field.maxLength} (maxLength)")
    if field.minLength and len(text) < field.minLength:
        raise UnfitError(f"has {len(text)} characters, fewer than {field.minLength} (minLength)")
    return text


def _number(field: FormField, value: object) -> float:
    number = value
    if isinstance(value, str):
        try:
            number = int(value) if value.strip().lstrip("+-").isdecimal() else float(value)
        except ValueError:
            raise UnfitError("is no number") from None
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not math.isfinite(number):
        raise UnfitError("is no number")
    if field.max is not None and number > field.max:
        raise UnfitError(f"is more than {field.max:g} (max)")
    if field.min is not None and number < field.min:
        raise UnfitError(f"is less than {field.min:g} (min)")
    return number


_SWITCHES = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def _switch(field: FormField, value: object) -> bool:
    known = _SWITCHES.get(str(value).strip().lower()) if isinstance(value, (str, int)) else None
    if known is None:
        raise UnfitError("is neither true nor false")
    return known


def _choice(field: FormField, value: object) -> object:
    options = field.options
    if not options:
        return value
    chosen = next((each.value for each in options if str(value) == each.value), None)
    chosen = chosen or next((each.value for each in options if str(value) == each.key), None)
    if chosen is None:
        raise UnfitError(f"is none of the options: {', '.join(repr(each.value) for each in options)}")
    return chosen


def _choices(field: FormField, value: object) -> list[object]:
    found = [_choice(field, each) for each in _items(value)]
    return list(dict.fromkeys(found))


def _time(field: FormField, value: object) -> str:
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, str):
        for kind in (datetime.datetime, datetime.time):
            try:
                kind.fromisoformat(value)
            except ValueError:
                continue
            return value
    raise UnfitError("is no time: give a datetime, or a text like '2026-05-17T08:30:00'")


def _times(field: FormField, value: object) -> list[str]:
    times = [_time(field, each) for each in _items(value)]
    if len(times) != 2:
        raise UnfitError("is no range of times: give two, the earlier one first")
    first, last = map(_moment, times)
    if first is not None and last is not None and (first.tzinfo is None) == (last.tzinfo is None) and first > last:
        raise UnfitError("ends before it begins")
    return times


def _moment(time: str) -> datetime.datetime | None:
    """None for a time of day."""
    try:
        return datetime.datetime.fromisoformat(time)
    except ValueError:
        return None


def _files(field: FormField, value: object) -> list[File]:
    files = list(cast("Sequence[File]", value)) if isinstance(value, (list, tuple)) else [cast("File", value)]
    if field.maxFiles and len(files) > field.maxFiles:
        raise UnfitError(f"are {len(files)} files, more than {field.maxFiles} (maxFiles)")
    return files


def _object(field: FormField, value: object) -> object:
    if not isinstance(value, (Mapping, str)):
        raise UnfitError("is no object")
    return cast("object", value)


def _list(field: FormField, value: object) -> list[object]:
    return _items(value)


def _items(value: object) -> list[object]:
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise UnfitError("is no list")
    return list(cast("Iterable[object]", value))


FILES = "fileSelect"

_CHECKS: dict[str, Check] = {
    "input": _text,
    "textarea": _text,
    "password": _text,
    "numberInput": _number,
    "slider": _number,
    "switch": _switch,
    "select": _choice,
    "multipleSelect": _choices,
    "timePointSelect": _time,
    "timeRangeSelect": _times,
    FILES: _files,
    "file": _files,
    "ask": _text,
}
_BY_VALUE_TYPE: dict[str, Check] = {
    "string": _text,
    "number": _number,
    "boolean": _switch,
    "object": _object,
    "arrayString": _list,
    "arrayNumber": _list,
    "arrayBoolean": _list,
    "arrayObject": _list,
    "arrayAny": _list,
}
