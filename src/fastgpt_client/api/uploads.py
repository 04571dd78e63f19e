"""How a file gets to where a server wants it: steps that ``upload_chat_file`` and ``upload_dataset_file`` share.

FastGPT 4.14.5 and later want it with PUT, whole or in parts, 4.14.0 to 4.14.4 as the last field of a form that its
storage checks, and earlier versions themselves. The address may be the storage's own, so nothing of the client goes
there but the file.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urljoin

from .. import _json
from .._call import Call, Target
from .._files import Form, Meter, Progress, Raw, Upload
from .._flow import Flow, Together, exchange
from .._json import as_object
from .._response import Response
from .._session import Options, Session
from .._versions import UPLOAD_OF_OLD
from ..errors import APIError, ArgumentError, NotFoundError, UnexpectedResponseError
from ..models.chat import PresignedUpload, Stored

if TYPE_CHECKING:
    from .._answer import Answer

R = TypeVar("R")


def upload(
    presign: Callable[[], Flow[Response[PresignedUpload]]],
    bucket: str,
    owner: dict[str, object],
    file: Upload,
    progress: Progress | None,
    session: Session,
    options: Options,
) -> Flow[PresignedUpload | Stored]:
    """Upload a file the way that the server has; what it says of it tells which one that was.

    ``presign`` asks a server of 4.14 or later where to; an earlier one gets the file with ``bucket`` and ``owner``.
    """
    meter = Meter(progress, [file]) if progress is not None else None
    if UPLOAD_OF_OLD.path not in session.forms:
        try:
            asked = yield from presign()
        except NotFoundError as error:
            if not isinstance(error.response_data, str):
                raise
        else:
            yield from _store(asked.data, file, meter, session, options)
            return asked.data
    call = Call(
        method=UPLOAD_OF_OLD.method,
        path=UPLOAD_OF_OLD.path,
        read=lambda answer: Response(answer, Stored),
        body=UPLOAD_OF_OLD.adapt(owner),
        form=Form([file], meter, {"bucketName": bucket}),
        options=options,
    )
    stored = yield from exchange(call, session)
    session.forms[UPLOAD_OF_OLD.path] = UPLOAD_OF_OLD
    return stored.data


def _store(to: PresignedUpload, file: Upload, meter: Meter | None, session: Session, options: Options) -> Flow[None]:
    """Send a file to where the server said."""
    if to.maxSize is not None and file.size is not None and file.size > to.maxSize:
        raise ArgumentError(f"{file.name!r} has {file.size} bytes, and this server takes at most {to.maxSize}")
    url = urljoin(f"{session.base_url}/", to.url)
    if to.uploadMode == "multipart":
        yield from _store_parts(to, url, file, meter, session, options)
        return
    fields = {name: str(value) for name, value in as_object(to.fields).items()}
    if fields:
        # The storage compares the field Content-Type with what the form's signature allows; the file says the same.
        kind = next((value for name, value in fields.items() if name.lower() == "content-type"), None)
        target = Target(url, content=Form([Upload(file, contentType=kind)], meter, fields))
    else:
        target = Target(url, _headers(to), Raw(file, meter))
    yield from exchange(_to_storage("POST" if fields else "PUT", target, options, _stored), session)


def _store_parts(
    to: PresignedUpload, url: str, file: Upload, meter: Meter | None, session: Session, options: Options
) -> Flow[None]:
    """Send a file in parts, several at once (read from FastGPT's source, not recorded)."""
    size, total = to.partSize, file.size
    if not size or not total or not to.completeUrl:
        raise UnexpectedResponseError(f"the server wants {file.name!r} in parts, and does not say how", 200, to)
    patience: Options = {**options, "max_retries": 3 if to.maxRetry is None else to.maxRetry}
    parts = [
        exchange(
            _to_storage(
                "PUT",
                Target(
                    f"{url}{'&' if '?' in url else '?'}partNumber={number}",
                    _headers(to),
                    Raw(file.part(start, min(size, total - start)), meter),
                ),
                patience,
                _etag,
            ),
            session,
        )
        for number, start in enumerate(range(0, total, size), 1)
    ]
    try:
        etags = yield Together(parts, max(to.concurrency or 1, 1))
        if isinstance(etags, Exception):
            raise etags
        body = {"parts": [{"partNumber": number, "etag": etag} for number, etag in enumerate(etags, 1)]}
        complete = Target(urljoin(f"{session.base_url}/", to.completeUrl))
        yield from exchange(_to_storage("POST", complete, options, _stored, body), session)
    except Exception:
        if to.abortUrl:
            abort = Target(urljoin(f"{session.base_url}/", to.abortUrl))
            with suppress(Exception):  # what went wrong before is what the caller must hear
                yield from exchange(_to_storage("POST", abort, options, _stored, {}), session)
        raise


def _to_storage(
    method: str,
    target: Target,
    options: Options,
    read: Callable[[Answer], R],
    body: dict[str, Any] | None = None,
) -> Call[R]:
    """A call to an address that the server gave. Storing a file twice leaves one; completing it twice may fail."""
    kept: Options = {}  # what concerns FastGPT alone is not for there
    if "timeout" in options:
        kept["timeout"] = options["timeout"]
    if "max_retries" in options:
        kept["max_retries"] = options["max_retries"]
    return Call(method=method, path="", read=read, body=body, target=target, idempotent=body is None, options=kept)


def _headers(to: PresignedUpload) -> dict[str, str]:
    return {name.lower(): str(value) for name, value in as_object(to.headers).items()}


def _stored(answer: Answer) -> dict[str, Any]:
    """What is said when a file was stored: nothing by a storage, FastGPT's envelope by FastGPT."""
    content = answer.content or b""
    try:
        said = as_object(_json.loads(content)) if content else {}
    except ValueError:
        said = {}
    if answer.http.status_code >= 300 or said.get("code", 200) != 200:
        raise answer.error()
    return as_object(said.get("data"))


def _etag(answer: Answer) -> str:
    found = _stored(answer).get("etag") or answer.http.headers.get("etag")
    if not isinstance(found, str) or not found:
        raise APIError("the server took a part of the file and did not say its etag", answer.http.status_code)
    return found
