"""Fields of forms: what a person typed, as the value that FastGPT takes, checked before it is sent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from . import _json
from .errors import ArgumentError

if TYPE_CHECKING:
    from .events import FormField, Interactive

_YES = ("true", "yes", "y", "on", "1", "是")
_NO = ("false", "no", "n", "off", "0", "否")


def choices(field: FormField) -> list[tuple[str, str]]:
    """What a field lets choose from: labels and values."""
    rows = [(row.get("label"), row.get("value")) for row in field.list or []]
    return [(str(label or value), str(label if value is None else value)) for label, value in rows]


def hint(field: FormField) -> str:
    """What may be written into a field, in words."""
    low, high = (field.minLength, field.maxLength) if field.type != "numberInput" else (field.min, field.max)
    unit = "" if field.type == "numberInput" else " letters"
    words = {
        "numberInput": "a number",
        "switch": "yes or no",
        "select": "one of them",
        "multipleSelect": "any of them, separated by commas",
        "timePointSelect": "a time: 2026-01-31 or 2026-01-31 15:30",
        "timeRangeSelect": "two times, separated by a comma: 2026-01-31, 2026-02-28",
        "fileSelect": "paths of files, separated by commas",
        "JSONEditor": "JSON",
    }
    if low is not None and high is not None:
        bounds = f"{low:g} to {high:g}{unit}"
    elif high is not None:
        bounds = f"at most {high:g}{unit}"
    else:
        bounds = "" if low is None else f"at least {low:g}{unit}"
    return ", ".join(filter(None, (words.get(field.type, ""), bounds)))


def read_field(field: FormField, written: object) -> Any:
    """The value of a field, from a text that somebody typed, or from a value that a file holds.

    Nothing written is the field's default. Numbers become numbers, times ISO 8601 texts in UTC, choices their values
    (they are found by value, label, or number from 1). ``fileSelect`` gives a list of paths or addresses: uploading is
    up to the caller.

    Raises:
        ArgumentError: What was written does not fit the field, and why; or nothing was and it is required.
    """
    if written is None or written == "" or written == []:
        if field.required and field.defaultValue in (None, "", []):
            raise ArgumentError(f"{_name(field)} is needed")
        return field.defaultValue
    read = _READERS.get(field.type, _text)
    return read(field, written)


def read_form(asked: Interactive, written: Mapping[str, object]) -> dict[str, Any]:
    """The answer to a form, field by field; fields may be named by key or label. What stays empty is left out.

    Raises:
        ArgumentError: A value does not fit its field, one is missing, or there is no such field.
    """
    names = {name: field.key for field in asked.fields for name in (field.label, field.key)}
    if strange := [name for name in written if name not in names]:
        known = ", ".join(field.key for field in asked.fields)
        raise ArgumentError(f"the form has no field {strange[0]!r}; it has {known}")
    given = {names[name]: value for name, value in written.items()}
    values = {field.key: read_field(field, given.get(field.key)) for field in asked.fields}
    return {key: value for key, value in values.items() if value is not None}


def read_choice(asked: Interactive, written: str) -> str:
    """The value of the option that was named: by its value or key, or by its number from 1.

    Raises:
        ArgumentError: There is no such option.
    """
    named = {name: option.value for option in asked.options for name in (option.key, option.value)}
    found = named.get(written) or _by_number(written, [option.value for option in asked.options])
    if found is None:
        offered = ", ".join(repr(option.value) for option in asked.options)
        raise ArgumentError(f"{written!r} is none of the options: {offered}")
    return found


def _by_number(written: str, values: list[str]) -> str | None:
    number = int(written) if written.isascii() and written.isdigit() else 0
    return values[number - 1] if 0 < number <= len(values) else None


def _name(field: FormField) -> str:
    return field.label or field.key


def _refused(field: FormField, written: object, wanted: str) -> ArgumentError:
    shown = "what was given" if field.type == "password" else repr(written)
    return ArgumentError(f"{_name(field)} must be {wanted}, not {shown}")


def _text(field: FormField, written: object) -> str:
    if isinstance(written, (dict, list)):
        raise _refused(field, cast("object", written), "a text")
    text = str(written)
    if (field.minLength is not None and len(text) < field.minLength) or (
        field.maxLength is not None and len(text) > field.maxLength
    ):
        raise _refused(field, text, hint(field))
    return text


def _number(field: FormField, written: object) -> float:
    try:
        if isinstance(written, bool):
            raise ValueError
        number = float(str(written))
        if number != number or number in (float("inf"), float("-inf")):
            raise ValueError
    except ValueError:
        raise _refused(field, written, hint(field)) from None
    if (field.min is not None and number < field.min) or (field.max is not None and number > field.max):
        raise _refused(field, written, hint(field))
    return int(number) if number.is_integer() else number


def _switch(field: FormField, written: object) -> bool:
    word = str(written).strip().lower()
    if word not in _YES + _NO:
        raise _refused(field, written, hint(field))
    return word in _YES


def _select(field: FormField, written: object) -> str:
    offered = choices(field)
    named = {name: value for label, value in offered for name in (value, label)}
    word = str(written).strip()
    found = named.get(word) or _by_number(word, [value for _, value in offered])
    if found is None:
        raise _refused(field, word, f"one of {', '.join(label for label, _ in offered)}")
    return found


def _multiple(field: FormField, written: object) -> list[str]:
    return list(dict.fromkeys(_select(field, each) for each in _several(written)))


def _time(field: FormField, written: object) -> str:
    try:
        when = datetime.fromisoformat(str(written).strip())
    except ValueError:
        raise _refused(field, written, "a time such as 2026-01-31 or 2026-01-31 15:30") from None
    local = when if when.tzinfo else when.astimezone()
    return local.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _range(field: FormField, written: object) -> list[str]:
    times = _several(written)
    if len(times) != 2:
        raise _refused(field, written, hint(field))
    begin, end = (_time(field, each) for each in times)
    if begin > end:
        raise _refused(field, written, "two times, the earlier one first")
    return [begin, end]


def _files(field: FormField, written: object) -> list[Any]:
    return _several(written)


def _json_value(field: FormField, written: object) -> object:
    if not isinstance(written, str):
        return written
    try:
        _json.loads(written.encode())
    except ValueError:
        raise _refused(field, written, "JSON") from None
    return written


def _several(written: object) -> list[Any]:
    if isinstance(written, str):
        return [part.strip() for part in re.split(r"[,，]", written) if part.strip()]
    return list(cast("Iterable[Any]", written)) if isinstance(written, (list, tuple)) else [written]


_READERS = {
    "numberInput": _number,
    "switch": _switch,
    "select": _select,
    "multipleSelect": _multiple,
    "timePointSelect": _time,
    "timeRangeSelect": _range,
    "fileSelect": _files,
    "JSONEditor": _json_value,
}
