"""Files to send: what they are called, how large they are, and their bytes, piece by piece.

A file is never in memory as a whole. :class:`Upload` is one file, wherever it comes from; :class:`Content` is a body
made of files, raw or as a form. Both worlds read the same sources; the async one leaves reading to a thread where it
may wait.
"""

from __future__ import annotations

import io
import mimetypes
import os
import re
import stat
import threading
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Iterable, Mapping, Sequence
from typing import IO, Any, TypeAlias, cast
from urllib.parse import quote

from .errors import ArgumentError, FastGPTError

PIECE = 512 * 1024  # less costs more calls (and in the async world, threads), more costs memory and helps little

FileSource: TypeAlias = str | os.PathLike[str] | bytes | bytearray | IO[bytes] | Iterable[bytes] | AsyncIterable[bytes]
"""A path, bytes, a file opened in binary mode, or an iterator of bytes; on async clients also an async one."""

Progress: TypeAlias = Callable[[int, int | None], object]
"""Called with the bytes that are through so far, and how many there are in all, where that is known."""

# What mimetypes knows of these depends on the machine.
_TYPES = {
    ".csv": "text/csv",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".md": "text/markdown",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_TYPE = re.compile(r"[\w.+*-]+/[\w.+*-]+(?: *;[ -~]*)?", re.ASCII)


class Upload:
    """A file to send: every method that takes a file takes one of these too, for a name or type of its own.

    ``size`` is in bytes, None when it is not known beforehand; the file is sent in chunks then.

    Args:
        file: A path, bytes, a file opened in binary mode (sent from where it stands), or an iterator of bytes; on
            async clients also an async iterator.
        filename: What it is called; needed where neither a path nor the file itself says it.
        contentType: Its MIME type; without it the name tells.

    Raises:
        ArgumentError: There is no such file, or it has no name.

    Example:
        >>> Upload(b"a,b", "table.csv").type
        'text/csv'
    """

    def __init__(self, file: FileSource | Upload, filename: str | None = None, contentType: str | None = None) -> None:
        given = file if isinstance(file, Upload) else None
        self._source: _Source = given._source if given else _source_of(file)
        self._start: int = given._start if given else 0
        name = filename or (given.name if given else self._source.name)
        if not name:
            raise ArgumentError("this file has no name, and FastGPT goes by it: pass filename='plan.pdf'")
        self.name: str = name
        self.size: int | None = given.size if given else self._source.size
        self.type: str = _check_type(contentType or (given.type if given and not filename else _guess(name)))

    @property
    def repeatable(self) -> bool:
        """Whether it can be read more than once: an iterator, or a pipe, cannot."""
        return self._source.repeatable

    @property
    def sendable(self) -> bool:
        """Whether it can be sent now: always, or as long as nothing of it was read."""
        return self._source.repeatable or not self._source.begun

    def part(self, start: int, size: int) -> Upload:
        """``size`` bytes of it."""
        part = Upload(self)
        part._start, part.size = self._start + start, size
        return part

    def pieces(self) -> Generator[bytes]:
        """Its bytes, piece by piece."""
        read, close = self._source.open(self._start)
        left = self.size
        try:
            while (left is None or left > 0) and (piece := read(_next_size(left))):
                left = None if left is None else left - len(piece)
                yield piece
        finally:
            close()
        self._check_whole(left)

    async def apieces(self) -> AsyncGenerator[bytes]:
        """Its bytes, piece by piece."""
        from asyncio import to_thread

        if isinstance(self._source, _AsyncPieces):
            pieces = self._source.begin()
            try:
                async for piece in pieces:
                    yield piece
            finally:
                await pieces.aclose()
            return
        waits = self._source.waits
        read, close = await to_thread(self._source.open, self._start) if waits else self._source.open(self._start)
        left = self.size
        try:
            while left is None or left > 0:
                size = _next_size(left)
                piece = await to_thread(read, size) if waits else read(size)
                if not piece:
                    break
                left = None if left is None else left - len(piece)
                yield piece
        finally:
            close()
        self._check_whole(left)

    def _check_whole(self, left: int | None) -> None:
        if left:
            raise FastGPTError(f"{self.name!r} became shorter while it was sent: {left} bytes are missing")

    def __repr__(self) -> str:
        return f"<Upload {self.name!r} {self.type} {'?' if self.size is None else self.size} bytes>"


def _next_size(left: int | None) -> int:
    return PIECE if left is None else min(PIECE, left)


def _guess(name: str) -> str:
    ending = os.path.splitext(name)[1].lower()
    return _TYPES.get(ending) or mimetypes.guess_type(f"file{ending}")[0] or "application/octet-stream"


def _check_type(contentType: str) -> str:
    if _TYPE.fullmatch(contentType) is None:
        raise ArgumentError(f"contentType must look like 'text/plain', not {contentType!r}")
    return contentType


# Where the bytes come from --------------------------------------------------------------------------------------------

_Read: TypeAlias = Callable[[int], bytes]
_Close: TypeAlias = Callable[[], object]


class _Source:
    name: str | None = None
    size: int | None = None
    repeatable = True
    begun = False
    waits = True  # reading may take its time, and must not hold up an event loop

    def open(self, start: int) -> tuple[_Read, _Close]:
        """Begin to read at ``start``."""
        raise NotImplementedError

    def _begin_once(self) -> None:
        if self.begun:
            raise FastGPTError("this file can be read only once, and was: give a path, bytes, or a new iterator")
        self.begun = True


class _Data(_Source):
    waits = False

    def __init__(self, data: bytes | bytearray) -> None:
        self._data = memoryview(data)
        self.size = len(data)

    def open(self, start: int) -> tuple[_Read, _Close]:
        stream = _Cursor(self._data, start)
        return stream.read, _nothing


class _Cursor:
    def __init__(self, data: memoryview, at: int) -> None:
        self._data = data
        self._at = at

    def read(self, size: int) -> bytes:
        piece = bytes(self._data[self._at : self._at + size])
        self._at += len(piece)
        return piece


class _OnDisk(_Source):
    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)
        self.name = os.path.basename(self._path)
        try:
            found = os.stat(self._path)
            self.repeatable = not stat.S_ISFIFO(found.st_mode)
            if self.repeatable:
                self.size = found.st_size
                open(self._path, "rb").close()
        except OSError as error:
            raise ArgumentError(f"cannot read {self._path!r}: {error.strerror or error}") from error

    def open(self, start: int) -> tuple[_Read, _Close]:
        if not self.repeatable:
            self._begin_once()
        file = open(self._path, "rb", buffering=0)  # noqa: SIM115  # closed by whoever reads
        if start:
            file.seek(start)
        return file.read, file.close


class _Opened(_Source):
    """A file that the caller opened, and closes."""

    def __init__(self, file: IO[bytes]) -> None:
        if isinstance(file, io.TextIOBase):
            raise ArgumentError("a file must be opened in binary mode: open(path, 'rb')")
        self._file = file
        self._lock = threading.Lock()  # parts may be read at the same time
        name: object = getattr(file, "name", None)
        self.name = os.path.basename(name) if isinstance(name, str) else None
        self.repeatable = file.seekable()
        self._at = file.tell() if self.repeatable else 0
        if self.repeatable:
            self.size = max(file.seek(0, os.SEEK_END) - self._at, 0)
            file.seek(self._at)

    def open(self, start: int) -> tuple[_Read, _Close]:
        if not self.repeatable:
            self._begin_once()
            return self._file.read, _nothing
        at = self._at + start

        def read(size: int) -> bytes:
            nonlocal at
            with self._lock:
                self._file.seek(at)
                piece = self._file.read(size)
            at += len(piece)
            return piece

        return read, _nothing


class _Pieces(_Source):
    repeatable = False

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces

    def open(self, start: int) -> tuple[_Read, _Close]:
        self._begin_once()
        pieces = iter(self._pieces)

        def read(size: int) -> bytes:
            piece = b""
            while not piece:  # an empty one is not the end
                found = next(pieces, None)
                if found is None:
                    return b""
                piece = _check_piece(found)
            return piece

        return read, _nothing


class _AsyncPieces(_Source):
    repeatable = False

    def __init__(self, pieces: AsyncIterable[bytes]) -> None:
        self._pieces = pieces

    def open(self, start: int) -> tuple[_Read, _Close]:
        raise ArgumentError("an async iterator can be sent by an async client only")

    async def begin(self) -> AsyncGenerator[bytes]:
        self._begin_once()
        async for piece in self._pieces:
            if piece:
                yield _check_piece(piece)


def _source_of(file: object) -> _Source:
    match file:
        case str() | os.PathLike():
            return _OnDisk(cast("str | os.PathLike[str]", file))
        case bytes() | bytearray():
            return _Data(file)
        case _ if hasattr(file, "read"):
            return _Opened(cast("IO[bytes]", file))
        case AsyncIterable():
            return _AsyncPieces(cast("AsyncIterable[bytes]", file))
        case Iterable():
            return _Pieces(cast("Iterable[bytes]", file))
        case _:
            raise ArgumentError(
                f"a file is a path, bytes, a file opened in binary mode, or an iterator of bytes, not {file!r:.80}"
            )


def _check_piece(piece: object) -> bytes:
    if not isinstance(piece, (bytes, bytearray)):
        raise ArgumentError(f"an iterator of a file must give bytes, not {type(piece).__name__}")
    return bytes(piece)


def _nothing() -> None:
    pass


# Bodies made of files -------------------------------------------------------------------------------------------------


class Meter:
    """Adds up what is through, and tells it."""

    def __init__(self, progress: Progress, uploads: Iterable[Upload]) -> None:
        sizes = [upload.size for upload in uploads]
        self._progress = progress
        self._total = None if None in sizes else sum(cast("list[int]", sizes))
        self._through = 0
        self._lock = threading.Lock()  # parts may be sent at the same time

    def add(self, count: int) -> None:
        with self._lock:
            self._through += count
            self._progress(self._through, self._total)


class Content:
    """A body: bytes and files, one after the other."""

    def __init__(self, type: str, segments: Sequence[bytes | Upload], meter: Meter | None = None) -> None:  # noqa: A002
        sizes = [len(each) if isinstance(each, bytes) else each.size for each in segments]
        self.type: str = type
        self.size: int | None = None if None in sizes else sum(cast("list[int]", sizes))
        self._segments = segments
        self._meter = meter
        self._told = 0  # of the file bytes of this body

    @property
    def headers(self) -> dict[str, str]:
        length = {"content-length": str(self.size)} if self.size is not None else {}
        return {"content-type": self.type, **length}

    @property
    def sendable(self) -> bool:
        return all(isinstance(each, bytes) or each.sendable for each in self._segments)

    def pieces(self) -> Generator[bytes]:
        self._restart()
        for segment in self._segments:
            if isinstance(segment, bytes):
                yield segment
                continue
            for piece in segment.pieces():
                yield piece
                self._tell(len(piece))

    async def apieces(self) -> AsyncGenerator[bytes]:
        self._restart()
        for segment in self._segments:
            if isinstance(segment, bytes):
                yield segment
                continue
            pieces = segment.apieces()
            try:
                async for piece in pieces:
                    yield piece
                    self._tell(len(piece))
            finally:
                await pieces.aclose()

    def _restart(self) -> None:
        if self._told:  # it is sent again
            self._tell(-self._told)

    def _tell(self, count: int) -> None:
        if self._meter is not None:
            self._told += count
            self._meter.add(count)


class Raw(Content):
    """One file, and nothing else."""

    def __init__(self, file: Upload, meter: Meter | None = None) -> None:
        super().__init__(file.type, [file], meter)


class Form(Content):
    """A form (``multipart/form-data``): fields, then files, which FastGPT reads in this order only."""

    def __init__(
        self, files: Sequence[Upload], meter: Meter | None = None, fields: Mapping[str, str | bytes] | None = None
    ) -> None:
        self._files, self._form_meter = files, meter
        self.fields: Mapping[str, str | bytes] = fields or {}
        boundary = os.urandom(16).hex()
        lines: list[bytes | Upload] = []
        for name, value in self.fields.items():
            text = value.encode("utf-8", "replace") if isinstance(value, str) else value
            lines.append(_part_head(boundary, name) + text + b"\r\n")
        for file in files:
            lines += [_part_head(boundary, "file", file), file, b"\r\n"]
        lines.append(f"--{boundary}--\r\n".encode())
        super().__init__(f"multipart/form-data; boundary={boundary}", lines, meter)

    def with_data(self, data: bytes) -> Form:
        """The same with a field ``data``."""
        return Form(self._files, self._form_meter, {**self.fields, "data": data})


def _part_head(boundary: str, name: str, file: Upload | None = None) -> bytes:
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"'
    if file is not None:
        head += f'; filename="{_quoted(file.name)}"\r\nContent-Type: {file.type}'
    return f"{head}\r\n\r\n".encode()


def _quoted(name: str) -> str:
    """A name as it may stand between quotes in the head of a part: letters outside ASCII, quotes, % and breaks as %XX.

    FastGPT reads raw UTF-8 there as Latin-1, and stores it garbled. It undoes %XX in every version: recorded in 4.11.1,
    4.14.4 and 4.16.0. The form of RFC 5987, ``filename*=``, was right there too, but the source undoes %XX once more
    in what comes of that, and fails with a name that holds a % of its own. Source newer than 4.16 leaves %XX alone
    where only ASCII comes of it: a quote or a % in an ASCII name is then stored as %22 or %25, which harms nothing.
    """
    return quote(name, safe=" !#$&'()*+,-./:;<=>?@[]^_`{|}~", errors="replace")


class SyncBody:
    """A body for the sync world: HTTP libraries tell the worlds apart by ``__iter__`` and ``__aiter__``."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._pieces: Generator[bytes] | None = None

    def __iter__(self) -> Generator[bytes]:
        self._pieces = self._content.pieces()
        return self._pieces

    def close(self) -> None:
        """Close files that are open still: not all of the body was sent."""
        if self._pieces is not None:
            self._pieces.close()


class AsyncBody:
    """A body for the async world."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._pieces: AsyncGenerator[bytes] | None = None

    def __aiter__(self) -> AsyncGenerator[bytes]:
        self._pieces = self._content.apieces()
        return self._pieces

    async def aclose(self) -> None:
        """Close files that are open still: not all of the body was sent."""
        if self._pieces is not None:
            await self._pieces.aclose()


def uploads_of(
    files: Sequence[FileSource | Upload], progress: Progress | None = None
) -> tuple[list[Upload], Meter | None]:
    """Several files to send; one alone would be taken apart."""
    if isinstance(files, (str, bytes, bytearray, os.PathLike, Upload)) or hasattr(files, "read"):
        raise ArgumentError("files takes a list of files: [file]")
    uploads = [Upload(cast("Any", file)) for file in files]
    if not uploads:
        raise ArgumentError("files takes at least one file")
    return uploads, Meter(progress, uploads) if progress else None
