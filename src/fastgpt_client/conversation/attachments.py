"""Files that go with a message: checked against what the app takes, uploaded, and made parts of the message."""

from __future__ import annotations

import base64
import io
import os
import re
from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING, Literal, TypeAlias, cast
from urllib.parse import unquote, urlsplit

from .._files import Upload
from .._flow import Contents, Flow
from .._json import as_list, as_object
from ..errors import ArgumentError
from ..models.chat import UploadedFile

if TYPE_CHECKING:
    from .._io import FlowIO
    from ..api.chat import ChatApi
    from ..models._base import JSON

File: TypeAlias = str | os.PathLike[str] | bytes | IO[bytes] | Upload | UploadedFile | Mapping[str, object]
"""A path, a URL, the bytes of a picture or PDF, a file opened in binary mode, ``Upload(data, name)``, what
``upload_chat_file`` gave, or a part."""

UploadMode: TypeAlias = Literal["auto", "server", "inline"]
UPLOAD_MODES = ("auto", "server", "inline")

INLINE_LIMIT = 5 * 1024 * 1024  # FastGPT refuses bodies of 10 MB (recorded on 4.16), and base64 adds a third
_OTHERS = "canSelectCustomFileExtension"
_DOCUMENTS = frozenset((".txt", ".md", ".html", ".docx", ".pdf", ".pptx", ".csv", ".xlsx"))


_BEGINNINGS = {
    rb"\x89PNG": "image.png",
    rb"\xff\xd8\xff": "image.jpg",
    rb"GIF8": "image.gif",
    rb"RIFF....WEBP": "image.webp",
    rb"%PDF-": "file.pdf",
}


def kind_of(name: str, type_: str) -> str:
    """Which of FastGPT's switches allows such a file."""
    general = type_.partition("/")[0]
    if general in ("image", "audio", "video"):
        return {"image": "canSelectImg", "audio": "canSelectAudio", "video": "canSelectVideo"}[general]
    return "canSelectFile" if _ending(name) in _DOCUMENTS else _OTHERS


def check(files: Sequence[File], rules: JSON | None) -> None:
    """Refuse what the app does not take: ``fileSelectConfig``, or a field with such rules; None says nothing.

    FastGPT says nothing of sizes there. The most that a server takes comes with the address for an upload (4.14+), and
    is checked before a byte is sent.
    """
    if rules is None or not files:
        return
    most = rules.get("maxFiles")
    if isinstance(most, int) and len(files) > most:
        raise ArgumentError(f"these are {len(files)} files, and the app takes {most} at once (maxFiles)")
    said = [name for name in rules if name.startswith("canSelect")]
    for file in files if said else ():
        if isinstance(file, Mapping):
            continue
        name, type_ = _described(file)
        switch = kind_of(name, type_)
        if is_url(file) and not _ending(name) and switch == _OTHERS:  # what it is, only its server knows
            allowed = any(rules.get(each) for each in said)
        else:
            endings = [f".{str(each).lower().lstrip('.')}" for each in as_list(rules.get("customFileExtensionList"))]
            allowed = bool(rules.get(switch))
            if allowed and switch == _OTHERS and endings and _ending(name) not in endings:
                raise ArgumentError(f"the app does not take {name!r}: of other files only {', '.join(endings)}")
        if not allowed:
            raise ArgumentError(f"the app does not take {name!r} ({type_}): {switch} is not on in its settings")


def parts(
    chat: ChatApi[FlowIO], appId: str | None, chatId: str, files: Sequence[File], mode: UploadMode, traceless: bool
) -> Flow[list[Mapping[str, object]]]:
    """The files as parts of a message; those that are not on a server yet get there first."""
    made: list[Mapping[str, object]] = []
    for file in files:
        if isinstance(file, UploadedFile):
            made.append(file.as_part())
        elif isinstance(file, Mapping):
            made.append(file)
        elif is_url(file):
            made.append(_url_part(cast("str", file)))
        elif mode == "inline" or (mode == "auto" and traceless):
            made.append((yield from _inline(_upload(file), mode)))
        else:
            uploaded = yield from chat.upload_chat_file(appId, chatId, _upload(file))
            made.append(uploaded.as_part())
    return made


def _inline(file: Upload, mode: UploadMode) -> Flow[Mapping[str, object]]:
    if not file.type.startswith("image/"):
        why = 'upload="inline"' if mode == "inline" else "a conversation that leaves no trace"
        raise ArgumentError(f"{file.name!r} is no picture: with {why} only pictures go into a message; give a URL")
    if file.size is not None and file.size > INLINE_LIMIT:
        raise ArgumentError(f'{file.name!r} has {file.size} bytes, more than {INLINE_LIMIT}: use upload="server"')
    data: bytes = yield Contents(file)
    if len(data) > INLINE_LIMIT:
        raise ArgumentError(f'{file.name!r} has {len(data)} bytes, more than {INLINE_LIMIT}: use upload="server"')
    return {"type": "image_url", "image_url": {"url": f"data:{file.type};base64,{base64.b64encode(data).decode()}"}}


def is_url(file: object) -> bool:
    """Whether this is an address, not a path."""
    return isinstance(file, str) and file[:8].lower().startswith(("http://", "https://", "data:"))


def url_of(part: Mapping[str, object]) -> str:
    """Where the file of a part is."""
    return str(as_object(part.get("image_url")).get("url") or part.get("url", ""))


def _url_part(url: str) -> Mapping[str, object]:
    name, type_ = _described(url)
    if type_.startswith("image/"):
        return {"type": "image_url", "image_url": {"url": url}}
    return {"type": "file_url", "name": name, "url": url}


def _described(file: File) -> tuple[str, str]:
    """Name and MIME type."""
    if isinstance(file, UploadedFile):
        return file.name, "image/*" if file.type == "img" else Upload(b"", file.name).type
    if is_url(file):
        url = cast("str", file)
        if url.startswith("data:"):
            return "data:", url[5:].partition(";")[0].partition(",")[0] or "text/plain"
        parts = urlsplit(url)
        name = unquote(parts.path.rstrip("/").rpartition("/")[2]) or parts.netloc
        return name, Upload(b"", name).type
    upload = _upload(file)
    return upload.name, upload.type


def _upload(file: File) -> Upload:
    if isinstance(file, io.TextIOBase):
        raise ArgumentError("this file is opened as text: open it in binary mode ('rb')")
    if isinstance(file, (UploadedFile, Mapping)):  # pragma: no cover  # they are parts already
        raise TypeError
    made = file if isinstance(file, Upload) else Upload(file, _name_of(file))
    if made.size == 0:
        raise ArgumentError(f"{made.name!r} is empty, or was read to its end already")
    return made


def _name_of(file: object) -> str | None:
    """A name for bytes that have none, by how they begin: FastGPT goes by it."""
    if isinstance(file, io.BytesIO) and not hasattr(file, "name"):
        file = bytes(file.getbuffer()[file.tell() :][:16])
    if not isinstance(file, (bytes, bytearray)):
        return None  # a file knows its own
    found = next((name for begin, name in _BEGINNINGS.items() if re.match(begin, file, re.DOTALL)), None)
    if found is None:
        raise ArgumentError('these bytes are no picture and no PDF, and have no name: give Upload(data, "plan.docx")')
    return found


def _ending(name: str) -> str:
    return os.path.splitext(name)[1].lower()
