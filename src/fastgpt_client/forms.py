"""What a person typed into a form, as the values that its fields want."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._json import as_list
from .conversation.fields import fitting, missing
from .errors import ArgumentError

if TYPE_CHECKING:
    from .events import FormField, Interactive, InteractiveOption


def hint(field: FormField) -> str:
    """What may be written into a field, in words."""
    number = field.type in ("numberInput", "slider")
    low, high = (field.min, field.max) if number else (field.minLength, field.maxLength)
    unit = "" if number else " letters"
    kinds = {
        "numberInput": "a number",
        "slider": "a number",
        "switch": "yes or no",
        "select": "one of them",
        "multipleSelect": "any of them, separated by commas",
        "timePointSelect": "a time: 2026-01-31 or 2026-01-31 15:30",
        "timeRangeSelect": "two times, separated by a comma: 2026-01-31, 2026-02-28",
        "fileSelect": "paths of files, separated by commas",
        "JSONEditor": "JSON",
        "ask": "one of them, or in your own words" if field.options else "in your own words",
    }
    if low is not None and high:
        bounds = f"{low:g} to {high:g}{unit}"
    elif high:
        bounds = f"at most {high:g}{unit}"
    else:
        bounds = f"at least {low:g}{unit}" if low else ""
    return ", ".join(filter(None, (kinds.get(field.type, ""), bounds)))


def read_field(field: FormField, written: object) -> Any:
    """The value of a field, from what was typed into it, or from a value that a file holds.

    Nothing written is the field's default, or None. Options are found by their value, their label, or their number
    from 1; lists are separated by commas; times without a zone are local ones. ``fileSelect`` gives a list of paths or
    addresses, which ``conversation.answer`` uploads.

    Raises:
        ArgumentError: What was written does not fit the field, or nothing was and it is required.
    """
    if missing(written):
        if field.required and missing(field.defaultValue):
            raise ArgumentError(f"{field.label or field.key} is needed")
        return None if missing(field.defaultValue) else field.defaultValue
    try:
        return fitting("field", field, _typed(field, written))
    except ArgumentError as error:
        if field.type != "password":
            raise
        del error  # it quotes what was typed
    raise ArgumentError(f"{field.label or field.key} must have {hint(field)}")


def read_form(asked: Interactive, written: Mapping[str, object]) -> dict[str, Any]:
    """The values of a form; fields may be named by key or label. What stays empty is left out.

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


def takes_any_text(asked: Interactive) -> bool:
    """Whether other answers than its options will do."""
    return asked.type == "agentPlanAskQuery" or not asked.options


def read_choice(asked: Interactive, written: str) -> str:
    """The option that was named: by its value or key, or by its number from 1; any text where that will do.

    Raises:
        ArgumentError: There is no such option.
    """
    found = _option(asked.options, written)
    if found is None and not takes_any_text(asked):
        offered = ", ".join(repr(option.value) for option in asked.options)
        raise ArgumentError(f"{written!r} is none of the options: {offered}")
    return written if found is None else found


def _option(options: list[InteractiveOption], written: str) -> str | None:
    if any(written in (option.value, option.key) for option in options):
        return next(option.value for option in options if written in (option.value, option.key))
    number = int(written) if written.isascii() and written.isdigit() else 0
    return options[number - 1].value if 0 < number <= len(options) else None


def _typed(field: FormField, written: object) -> object:
    """What was meant by a text."""
    if field.type == "password" or (field.type in ("input", "textarea") and isinstance(written, int | float)):
        return str(written)
    if field.type == "timeRangeSelect" and not isinstance(written, str):
        return list(map(_moment, as_list(written))) or written
    if not isinstance(written, str):
        return as_list(written) or [written] if field.multiple else written
    if field.type == "timePointSelect":
        return _moment(written)
    if field.type in ("select", "ask"):
        return _option(field.options, written.strip()) or written
    if field.type == "switch":
        return {"y": "yes", "n": "no", "是": "yes", "否": "no"}.get(written.strip().lower(), written)
    if not field.multiple and field.type not in ("timeRangeSelect", "fileSelect"):
        return written
    parts = [part.strip() for part in re.split("[,，]", written) if part.strip()]
    if field.type == "timeRangeSelect":
        return [_moment(part) for part in parts]
    if field.type == "fileSelect":
        return list(map(_file, parts))
    return [_option(field.options, part) or part for part in parts]


def _file(written: str) -> str:
    if "://" in written:
        return written
    path = Path(written).expanduser()
    if not path.is_file():
        raise ArgumentError(f"there is no file {written}")
    return str(path)


def _moment(written: object) -> object:
    """A time as FastGPT's own web page sends it, in UTC; what is no time stays as it is."""
    try:
        when = datetime.fromisoformat(str(written).strip())
    except ValueError:
        return written
    local = when if when.tzinfo else when.astimezone()
    return local.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
