"""JSON in and out: msgspec, made tolerant of what FastGPT really sends.

Node writes lone surrogates (``"\\ud83d"``) that msgspec refuses and ``json`` accepts, and servers of other versions
send fields of other types. Nothing of that may cost the caller the answer.
"""

from __future__ import annotations

import functools
from typing import Any, Generic, TypeVar, cast

import msgspec

T = TypeVar("T")

encode = msgspec.json.Encoder().encode
_fast_loads = msgspec.json.Decoder().decode


def loads(data: bytes) -> Any:
    """Decode any JSON that Python can represent; ValueError when it is none."""
    try:
        return _fast_loads(data)
    except ValueError:  # msgspec.DecodeError and UnicodeDecodeError are both ValueErrors
        import json

        return json.loads(data.decode("utf-8", "replace"))


class Decoder(Generic[T]):
    """Decode bytes into ``T``; what does not fit keeps the place of its field as plain data."""

    __slots__ = ("_fast", "type")

    def __init__(self, type: type[T]) -> None:  # noqa: A002
        self.type = type
        self._fast = msgspec.json.Decoder(type, strict=False).decode

    def __call__(self, data: bytes) -> T:
        try:
            return self._fast(data)
        except ValueError:
            return cast("T", fit(loads(data), self.type))


@functools.cache
def decoder(type: Any) -> Decoder[Any]:  # noqa: A002
    """The one decoder of a type; making one costs more than using it."""
    return Decoder(type)


def fit(value: Any, type: Any) -> Any:  # noqa: A002
    """Convert plain data to ``type`` as far as it fits: a Struct field of the wrong type is left as it came."""
    try:
        return msgspec.convert(value, type, strict=False)
    except msgspec.ValidationError:
        return _fit_parts(value, msgspec.inspect.type_info(type))


def _fit_parts(value: Any, info: msgspec.inspect.Type) -> Any:
    if isinstance(info, msgspec.inspect.UnionType):
        if value is None:
            return None
        containers = (msgspec.inspect.StructType, msgspec.inspect.ListType, msgspec.inspect.DictType)
        inner = next((each for each in info.types if isinstance(each, containers)), None)
        return value if inner is None else _fit_parts(value, inner)
    if isinstance(info, msgspec.inspect.StructType) and isinstance(value, dict):
        fields = as_object(value)
        struct = info.cls()
        for field in info.fields:
            if field.encode_name in fields:
                setattr(struct, field.name, _fit_parts(fields[field.encode_name], field.type))
        return struct
    if isinstance(info, msgspec.inspect.ListType) and isinstance(value, list):
        return [_fit_parts(each, info.item_type) for each in as_list(value)]
    if isinstance(info, msgspec.inspect.DictType) and isinstance(value, dict):
        return {key: _fit_parts(each, info.value_type) for key, each in as_object(value).items()}
    return value


def as_object(value: Any) -> dict[str, Any]:
    """``value`` if it is an object, else an empty one."""
    fields: dict[str, Any] = value
    return fields if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """``value`` if it is a list, else an empty one."""
    items: list[Any] = value
    return items if isinstance(value, list) else []


def heal(text: str) -> str:
    """Join surrogate halves that came in two pieces; what stays alone becomes U+FFFD, so that it can be printed."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


class SurrogateJoiner:
    """Text in pieces, printable: half of a surrogate pair waits for its other half in the next piece."""

    __slots__ = ("half",)

    def __init__(self) -> None:
        self.half: str = ""

    def feed(self, piece: str) -> str:
        """The text that is whole now."""
        if not self.half and not "\ud800" <= piece[-1:] <= "\udfff":
            return piece
        text, self.half = self.half + piece, ""
        if "\ud800" <= text[-1] <= "\udbff":
            text, self.half = text[:-1], text[-1]
        return heal(text)

    def finish(self) -> str:
        """The rest, at the end of the text."""
        rest, self.half = self.half, ""
        return heal(rest)
