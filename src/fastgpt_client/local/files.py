"""Files: where the server keeps them, and the endpoints that take and give them.

Uploads go to disk as they come. FastGPT hands out addresses that need no key: of an upload (`/system/file/u/…`), and of
a file to look at (`/system/file/d/…`).
"""

from __future__ import annotations

import base64
import hashlib
import json
import mimetypes
import re
import secrets
import shutil
import struct
import time
from asyncio import to_thread
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast
from urllib.parse import quote, unquote

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.responses import FileResponse, Response

from . import wire
from .endpoints import Endpoint

if TYPE_CHECKING:
    from collections.abc import AsyncIterable

    from python_multipart.multipart import MultipartCallbacks

    from .calls import Call
    from .settings import AppSpec

_BUCKET = "fastgpt-private"
_STORAGE = f"/system/file/s3/{_BUCKET}"
_CONCURRENCY = 3
_RETRIES = 3


# --- storage ----------------------------------------------------------------------------------------------------------


class StoredFile(NamedTuple):
    """A file that the server has. `id` is in its address, `path` where its bytes are."""

    id: str
    key: str
    name: str
    size: int
    content_type: str
    path: Path


class Received(NamedTuple):
    """A file that came in and is not stored yet: `Files.save` moves it to its place, or whoever read it unlinks it."""

    name: str
    size: int
    content_type: str
    path: Path


@dataclass(slots=True)
class Session:
    """An upload that was asked for. `fields`: what the form of it must repeat; `part_size`: 0 when it comes whole."""

    key: str
    name: str
    content_type: str
    total: int | None = None
    part_size: int = 0
    parts: dict[int, tuple[Path, str]] = field(default_factory=dict[int, tuple[Path, str]])
    fields: dict[str, str] = field(default_factory=dict[str, str])


class Files:
    """Files in a folder beside the database, or in a temporary one when that is in memory.

    Each file lies there under its id, and beside it what is known of it, as JSON.
    """

    def __init__(self, db: str | Path) -> None:
        self._temporary: TemporaryDirectory[str] | None = None
        self._folder = Path(f"{db}.files")
        if str(db) == ":memory:":
            self._temporary = TemporaryDirectory(prefix="fastgpt-files-")
            self._folder = Path(self._temporary.name)
        self.sessions: dict[str, Session] = {}
        self._reserved: dict[str, str] = {}  # key → the id of a file that is to come
        self._files: dict[str, StoredFile] = {}  # by key
        self._ids: dict[str, StoredFile] = {}
        for note in self._folder.glob("*.json"):
            self._remember(StoredFile(**json.loads(note.read_text("utf-8")), path=note.with_suffix("")))
        for leftover in self._folder.glob("*.part"):
            leftover.unlink()

    def get(self, key: str) -> StoredFile | None:
        """The file with this key."""
        return self._files.get(key)

    def with_id(self, file_id: str) -> StoredFile | None:
        """The file with this id."""
        return self._ids.get(file_id)

    def reserve(self, key: str) -> str:
        """The id that the file with this key has, or will have."""
        stored = self._files.get(key)
        return stored.id if stored else self._reserved.setdefault(key, wire.new_id())

    def save(self, key: str, name: str, content_type: str, content: Path | bytes) -> StoredFile:
        """Keep a file under a key, instead of what was there; a path is moved, not copied."""
        file_id = self.reserve(key)
        self._reserved.pop(key, None)
        path = self._folder / file_id
        if isinstance(content, bytes):
            self._folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        else:
            content.replace(path)
        stored = StoredFile(file_id, key, name, path.stat().st_size, content_type, path)
        note = {name: value for name, value in stored._asdict().items() if name != "path"}
        path.with_suffix(".json").write_text(json.dumps(note, ensure_ascii=False), "utf-8")
        self._remember(stored)
        return stored

    def delete(self, key: str) -> None:
        """Forget a file; a key that is not known does not matter."""
        stored = self._files.pop(key, None)
        if stored is not None:
            del self._ids[stored.id]
            stored.path.with_suffix(".json").unlink()
            stored.path.unlink()

    async def receive(self, pieces: AsyncIterable[bytes], limit: int) -> Path:
        """Write what comes to a new file; `save` moves it to its place."""
        path, file = self.incoming()
        size = 0
        try:
            with file:
                async for piece in pieces:
                    size += len(piece)
                    if size > limit:
                        raise _too_large()
                    file.write(piece)
        except BaseException:
            path.unlink()
            raise
        return path

    async def join(self, paths: list[Path]) -> Path:
        """One new file of several, which are gone then."""
        joined, file = self.incoming()

        def work() -> None:
            with file:
                for path in paths:
                    with path.open("rb") as part:
                        shutil.copyfileobj(part, file, 1024 * 1024)
                    path.unlink()

        await to_thread(work)
        return joined

    def close(self) -> None:
        """Remove what is temporary."""
        if self._temporary is not None:
            self._temporary.cleanup()

    def incoming(self) -> tuple[Path, BinaryIO]:
        """A new file to write to; `save` moves it to its place."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{wire.new_id()}.part"
        return path, path.open("wb")

    def _remember(self, stored: StoredFile) -> None:
        self._files[stored.key] = self._ids[stored.id] = stored


# --- forms ------------------------------------------------------------------------------------------------------------


async def read_form(call: Call) -> tuple[dict[str, str], list[Received]]:
    """The fields of a form (`multipart/form-data`), and its files in the order in which they came."""
    _, options = parse_options_header(call.request.headers.get("content-type"))
    form = _Form(call.state.files, call.state.settings.max_upload)
    if boundary := options.get(b"boundary"):
        parser = MultipartParser(boundary, form.callbacks())
        try:
            async for piece in call.request.stream():
                parser.write(piece)
            parser.finalize()
            form.check_end()
        except MultipartParseError as exc:
            form.drop()
            raise wire.ApiError(str(exc)) from exc
        except BaseException:
            form.drop()
            raise
    return form.fields, form.files


class _Form:
    """Takes a form as it comes. Files go to disk, fields are kept."""

    def __init__(self, files: Files, limit: int) -> None:
        self.fields: dict[str, str] = {}
        self.files: list[Received] = []
        self._storage = files
        self._limit = limit
        self._header, self._value = b"", b""
        self._disposition, self._type = "", ""
        self._data = bytearray()
        self._incoming: tuple[Path, BinaryIO] | None = None

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_part_data": self._on_part_data,
            "on_part_end": self._on_part_end,
        }

    def check_end(self) -> None:
        """Fail when a file is half there."""
        if self._incoming is not None:
            raise MultipartParseError("Unexpected end of form")

    def drop(self) -> None:
        """Forget the files, also one that is half there."""
        if self._incoming is not None:
            path, file = self._incoming
            file.close()
            path.unlink()
        for received in self.files:
            received.path.unlink()

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        match self._header.lower():
            case b"content-disposition":
                self._disposition = self._value.decode("latin-1")
            case b"content-type":
                self._type = self._value.decode("latin-1")
            case _:
                pass
        self._header, self._value = b"", b""

    def _on_headers_finished(self) -> None:
        if re.search(r";\s*filename\*?=", self._disposition):
            self._incoming = self._storage.incoming()

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._incoming is None:
            self._data += data[start:end]
            return
        _, file = self._incoming
        file.write(data[start:end])
        if file.tell() > self._limit:
            raise _too_large()

    def _on_part_end(self) -> None:
        if self._incoming is None:
            self.fields[_parameter(self._disposition, "name")] = self._data.decode("utf-8", "replace")
        else:
            path, file = self._incoming
            file.close()
            name = _parameter(self._disposition, "filename")
            self.files.append(Received(name, path.stat().st_size, self._type or "application/octet-stream", path))
        self._incoming, self._disposition, self._type, self._data = None, "", "", bytearray()


def _parameter(disposition: str, name: str) -> str:
    """A parameter as FastGPT reads it: RFC 5987 first, else raw bytes as Latin-1; then %XX undone."""
    if found := re.search(rf"{name}\*=[\w-]*'[^']*'([^;\s]+)", disposition):
        return unquote(found[1])
    found = re.search(rf'(?<![\w*]){name}="([^"]*)"', disposition)
    return unquote(found[1]) if found else ""


def read_data(fields: dict[str, str]) -> dict[str, Any]:
    """The field `data` of a form: a JSON object, or FastGPT takes it for an empty one."""
    try:
        data: Any = json.loads(fields.get("data", ""))
    except ValueError:
        data = {}
    return cast("dict[str, Any]", data) if isinstance(data, dict) else {}


# --- where to upload, and where to look -------------------------------------------------------------------------------


def new_key(call: Call, folder: str, name: str) -> str:
    """The key of a new file: where it lies in the storage, or its id in the database of older versions."""
    return wire.object_id() if call.state.version.uploads == "server" else f"{folder}/{_unique(name)}"


def _unique(name: str) -> str:
    """The name of a file as it ends its key."""
    stem, dot, ending = quote(name, safe="").rpartition(".")
    return f"{stem or ending}_{wire.new_id(6)}{dot if stem else ''}{ending if stem else ''}"


def _address(call: Call, path: str) -> str:
    return f"{call.request.base_url}api{path}"


def view_address(call: Call, name: str, file_id: str) -> str:
    """Where a file can be looked at, without a key."""
    if call.state.version.uploads == "server":
        return _address(call, f"/common/file/read/{quote(name, safe='')}?token={file_id}")
    return _address(call, f"/system/file/d/{file_id}")


def _presigned(call: Call, folder: str) -> dict[str, Any]:
    """Where a file goes, in the words of the server's version."""
    key = new_key(call, folder, call.params["filename"])
    return _put_form(call, key) if call.state.version.uploads == "put" else _post_form(call, key)


def _put_form(call: Call, key: str) -> dict[str, Any]:
    """What 4.14.5 and later say: the file is to be put to an address, whole or in parts."""
    name, size = str(call.params["filename"]), call.params.get("size")
    settings, files = call.state.settings, call.state.files
    session = Session(key, name, _kind_of(name))
    token = secrets.token_urlsafe(16)
    files.sessions[token] = session
    url = _address(call, f"/system/file/u/{token}")
    said: dict[str, Any] = {
        "url": url,
        "key": key,
        "headers": {"content-type": session.content_type},
        "previewUrl": view_address(call, name, files.reserve(key)),
        "maxSize": settings.max_upload,
        "uploadMode": "single",
    }
    if isinstance(size, int) and size > settings.multipart_threshold:
        session.total, session.part_size = size, settings.multipart_threshold
        said |= {"uploadMode": "multipart", "completeUrl": f"{url}/complete", "abortUrl": f"{url}/abort"}
        said |= {"partSize": session.part_size, "concurrency": _CONCURRENCY, "maxRetry": _RETRIES}
    return said


def _post_form(call: Call, key: str) -> dict[str, Any]:
    """What 4.14.0 to 4.14.4 say: a form for the storage, signed."""
    name = str(call.params["filename"])
    settings, token = call.state.settings, secrets.token_urlsafe(16)
    fields = {
        "key": key,
        "bucket": _BUCKET,
        "Content-Type": _kind_of(name),
        "x-amz-meta-content-disposition": f'attachment; filename="{quote(name)}"',
        "x-amz-meta-origin-filename": quote(name),
        "x-amz-meta-upload-time": wire.iso(time.time()),
        "x-amz-algorithm": "AWS4-HMAC-SHA256",
    }
    conditions: list[Any] = [["eq", f"${field}", value] for field, value in fields.items()]
    policy = {"conditions": [*conditions, ["content-length-range", 1, settings.max_upload]]}
    fields |= {"policy": base64.b64encode(wire.encode(policy)).decode(), "x-amz-signature": token}
    call.state.files.sessions[token] = Session(key, name, fields["Content-Type"], fields=fields)
    return {"url": _address(call, _STORAGE), "fields": fields, "maxSize": settings.max_upload}


def _kind_of(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def presign_chat(call: Call, app: AppSpec) -> dict[str, Any]:
    """Where to upload a file of a conversation."""
    return _presigned(call, f"chat/{app.id}/{wire.object_id()}/{call.key}")


def presign_dataset(call: Call, _: None) -> dict[str, Any]:
    """Where to upload a file of a knowledge base."""
    return _presigned(call, f"dataset/{call.params['datasetId']}")


def presign_search_image(call: Call, _: None) -> dict[str, Any]:
    """Where to upload a picture to search with."""
    return _presigned(call, f"temp/{call.params['datasetId']}")


def presign_view(call: Call, _: AppSpec) -> str:
    """Where to look at a file of a conversation."""
    stored = _found(call.state.files.get(call.params["key"]))
    return view_address(call, stored.name, stored.id)


# --- uploads ----------------------------------------------------------------------------------------------------------


def _too_large() -> wire.ApiError:
    return wire.ApiError("EntityTooLarge", 413, status=413)


def _unauthorized_file() -> wire.ApiError:
    return wire.ApiError("error.unAuthFile", 507003, "unAuthFile", status=403)


def _found(stored: StoredFile | None) -> StoredFile:
    if stored is None:
        raise wire.ApiError("error.fileNotFound", 507002, "fileNotFound", status=404)
    return stored


def _session(call: Call) -> tuple[str, Session]:
    token = call.request.path_params["token"]
    session = call.state.files.sessions.get(token)
    if session is None:
        raise _unauthorized_file()
    return token, session


async def upload(call: Call, _: None) -> dict[str, Any]:
    """PUT: a file, or a part of one."""
    if call.request.method != "PUT":
        raise wire.ApiError("Method not allowed", 405, status=405)
    session = _session(call)[1]
    files, limit = call.state.files, call.state.settings.max_upload
    part = call.request.query_params.get("partNumber")
    if not session.part_size:
        if part is not None:
            raise wire.ApiError("Not a multipart upload session", 400, status=400)
        path = await files.receive(call.request.stream(), limit)
        files.save(session.key, session.name, session.content_type, path)
        return {"success": True}
    number, length = _part_of(session, part)
    if call.request.headers.get("content-length") != str(length):
        raise wire.ApiError("Multipart part length does not match session", 400, status=400)
    path = await files.receive(call.request.stream(), length)
    etag = f'"{await to_thread(_md5, path)}"'
    if number in session.parts:  # it is sent again
        session.parts[number][0].unlink()
    session.parts[number] = path, etag
    return {"etag": etag}


def _part_of(session: Session, part: str | None) -> tuple[int, int]:
    """The number of a part, and the bytes that it must have."""
    if part is None:
        raise wire.ApiError("Multipart upload requires partNumber", 400, status=400)
    total = session.total or 0
    start = (int(part) - 1) * session.part_size if part.isdigit() else -1
    if not 0 <= start < total:
        raise wire.ApiError("Multipart part number is out of range", 400, status=400)
    return int(part), min(session.part_size, total - start)


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


async def complete(call: Call, _: None) -> dict[str, Any]:
    """All parts are there: they become a file."""
    token, session = _session(call)
    expected = [{"partNumber": number, "etag": etag} for number, (_, etag) in sorted(session.parts.items())]
    if call.params["parts"] != expected or len(expected) * session.part_size < (session.total or 0):
        raise wire.ApiError("Multipart parts count does not match total size", 400, status=400)
    files = call.state.files
    path = await files.join([path for _, (path, _) in sorted(session.parts.items())])
    files.save(session.key, session.name, session.content_type, path)
    del files.sessions[token]
    return {"key": session.key}


def abort(call: Call, _: None) -> None:
    """The upload is given up."""
    token, session = _session(call)
    for path, _etag in session.parts.values():
        path.unlink()
    del call.state.files.sessions[token]


def storage_form(call: Call, _: None) -> Response:
    """What the storage does with a form: it checks the fields, and wants the file last."""
    files, found = call.state.files, call.files
    session = files.sessions.get(call.fields.get("x-amz-signature", ""))
    good = session is not None and session.fields == call.fields and len(found) == 1 and found[0].size > 0
    if session is None or not good:
        code, message = ("AccessDenied", "Access Denied.") if session is None else ("InvalidArgument", "Bad form.")
        said = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
        return Response(said, 403 if session is None else 400, media_type="application/xml")
    files.save(session.key, session.name, session.content_type, found[0].path)
    return Response(status_code=204)


def upload_here(call: Call, _: None) -> dict[str, str]:
    """A file for FastGPT itself; the first one counts."""
    bucket = call.fields.get("bucketName")
    if not call.files:
        raise wire.ApiError("File not found")
    if bucket not in ("chat", "dataset"):
        raise wire.ApiError("bucketName is empty")
    if bucket == "chat" and call.find_app() is None:
        raise wire.unauthorized_chat()
    received = call.files[0]
    stored = call.state.files.save(wire.object_id(), received.name, received.content_type, received.path)
    return {"fileId": stored.key, "previewUrl": view_address(call, stored.name, stored.id)}


# --- downloads --------------------------------------------------------------------------------------------------------


def view(call: Call, _: None) -> Response:
    """A file, to look at."""
    return _show(call.state.files.with_id(call.request.path_params["id"]))


def view_with_token(call: Call, _: None) -> Response:
    """The same, where its id is in the query."""
    return _show(call.state.files.with_id(call.request.query_params.get("token", "")))


def _show(stored: StoredFile | None) -> Response:
    stored = _found(stored)
    kind = stored.content_type
    return FileResponse(stored.path, media_type=kind, filename=stored.name, content_disposition_type="inline")


def speech(call: Call, _: AppSpec) -> Response:
    """A tenth of a second of silence, for any text."""
    config = call.params["ttsConfig"]
    if not (config.get("model") or config.get("modelId")) or not config.get("voice"):
        raise wire.ApiError("model or voice not found")
    return Response(_silence())


def _silence(rate: int = 8000) -> bytes:
    """A WAV file: 16 bits, one channel."""
    samples = bytes(2 * rate // 10)
    head = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", 36 + len(samples), b"WAVE", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16)
    return head + struct.pack("<4sI", b"data", len(samples)) + samples


_CHAT_FILE = "appId?:string chatId:string filename:string size?:number contentType?:string"
_DATASET_FILE = "datasetId:string filename:string size?:number"
_UPLOAD = "/system/file/u/{token}"
ENDPOINTS: dict[str, Endpoint] = {
    "/core/chat/file/presignChatFilePostUrl": Endpoint(presign_chat, "body", _CHAT_FILE),
    "/core/chat/file/presignChatFileGetUrl": Endpoint(presign_view, "body", "appId?:string key:string"),
    "/core/dataset/file/presignDatasetFilePostUrl": Endpoint(presign_dataset, "body", _DATASET_FILE, about_app=False),
    "/core/dataset/file/presignSearchTestImage": Endpoint(presign_search_image, "body", _DATASET_FILE, about_app=False),
    "/core/chat/record/getSpeech": Endpoint(speech, "body", "appId?:string ttsConfig:object input:string"),
    "/common/file/upload": Endpoint(upload_here, about_app=False),
    # Addresses that the server gives: who knows them is let in.
    _UPLOAD: Endpoint(upload, about_app=False, needs_key=False, verb="put", streamed=True),
    f"{_UPLOAD}/complete": Endpoint(complete, "body", "parts:array", about_app=False, needs_key=False),
    f"{_UPLOAD}/abort": Endpoint(abort, about_app=False, needs_key=False),
    _STORAGE: Endpoint(storage_form, about_app=False, needs_key=False),
    "/system/file/d/{id}": Endpoint(view, "query", about_app=False, needs_key=False, verb="get"),
    "/common/file/read/{name}": Endpoint(view_with_token, "query", about_app=False, needs_key=False, verb="get"),
}
