"""A file that the server answers with: read in pieces, or saved whole."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from ._response import Response
from .errors import ArgumentError, FastGPTError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, Self

    from ._answer import Answer
    from ._files import Progress

_BLOCK = 1024 * 1024  # that much is written at once, where writing is left to a thread

_EXTENDED_NAME = re.compile(r"filename\*\s*=\s*([\w-]+)'[^']*'([^;\s]+)", re.IGNORECASE)
_QUOTED_NAME = re.compile(r'filename\s*=\s*"((?:[^"\\]|\\.)*)"', re.IGNORECASE)
_PLAIN_NAME = re.compile(r"filename\s*=\s*([^;\s]+)", re.IGNORECASE)


class FileResponse(Response[bytes]):
    """A file, not read yet: read it in pieces (``iter_bytes()``), whole (``read()``), or ``save()`` it.

    On async clients ``aiter_bytes()``, ``aread()``, ``asave()``. It gives its connection back when it was read to its
    end, when a loop over it ends or breaks, and with ``close()`` or a ``with`` block.

    Example:
        >>> with client.export_collection(collectionId) as file:
        ...     file.save("exports/")
    """

    __slots__ = ("_closed",)

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._closed = False
        if answer.content is not None:  # it was read because it is no file
            raise answer.error()

    @property
    def data(self) -> bytes:
        """The whole file, after ``read()``."""
        return self.content

    @property
    def filename(self) -> str | None:
        """What the server calls the file: never with a folder in it."""
        return _filename(self.headers.get("content-disposition", ""))

    @property
    def contentType(self) -> str:  # noqa: N802  # a name of the wire, as everywhere
        """Its MIME type; empty where the server does not say (``get_speech``)."""
        return self._answer.content_type

    @property
    def size(self) -> int | None:
        """Bytes; None where the server does not say."""
        length = self.headers.get("content-length", "")
        return int(length) if length.isdigit() and "content-encoding" not in self.headers else None

    def save(self, path: str | os.PathLike[str], progress: Progress | None = None) -> Path:
        """Write the file to ``path``, or under its own name into the folder ``path``; gives back where it is.

        It is written beside its place and put there when it is whole: nothing is left of a download that fails, and
        what was there before stays.

        Args:
            progress: Called with the bytes so far, and how many there are in all (None where that is not known).

        Raises:
            APIConnectionError: The connection broke.

        Example:
            >>> client.get_speech("Hello!", {"type": "model", "model": "tts-1", "voice": "alloy"}).save("hello.mp3")
        """
        try:
            with _Saving(self._target(path), self.size, progress) as saving:
                for piece in self.iter_bytes():
                    saving.write(piece)
        finally:
            self.close()
        return saving.target

    async def asave(self, path: str | os.PathLike[str], progress: Progress | None = None) -> Path:
        """``save()`` for async clients; files are written in a thread."""
        from asyncio import to_thread

        try:
            with _Saving(self._target(path), self.size, progress) as saving:
                block = bytearray()
                async for piece in self.aiter_bytes():
                    block += piece
                    if len(block) >= _BLOCK:
                        await to_thread(saving.write, block)
                        block = bytearray()
                await to_thread(saving.write, block)
        finally:
            await self.aclose()
        return saving.target

    def close(self) -> None:
        super().close()
        self._closed = True

    async def aclose(self) -> None:
        await super().aclose()
        self._closed = True

    def _pieces(self, begin: Callable[[Any], object], decoded: str) -> object:
        if self._closed and self._answer.content is None:
            raise FastGPTError("this file was read or closed already: ask for it again")
        return super()._pieces(begin, decoded)

    def _target(self, path: str | os.PathLike[str]) -> Path:
        target = Path(path)
        if os.fspath(path).endswith(("/", os.sep)) or target.is_dir():
            if self.filename is None:
                raise ArgumentError(f"the server does not name this file: say what it is called in {os.fspath(path)!r}")
            target = target / self.filename
        return target


class _Saving:
    """A file that is written beside its place, and put there when all went well."""

    def __init__(self, target: Path, total: int | None, progress: Progress | None) -> None:
        self.target = target
        self._temporary = target.with_name(f".{target.name[:200]}.{os.urandom(4).hex()}.part")
        self._total = total
        self._progress = progress
        self._written = 0

    def write(self, data: bytes | bytearray) -> None:
        self._file.write(data)
        self._written += len(data)
        if self._progress is not None and data:
            self._progress(self._written, self._total)

    def __enter__(self) -> Self:
        self._file = open(self._temporary, "xb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._file.close()
            if kind is None:
                os.replace(self._temporary, self.target)
        finally:
            self._temporary.unlink(missing_ok=True)


def _filename(disposition: str) -> str | None:
    name = ""
    if found := _EXTENDED_NAME.search(disposition):
        try:
            name = unquote(found[2], found[1], "strict")
        except (LookupError, ValueError):
            name = ""
    if not name and (found := _QUOTED_NAME.search(disposition)):
        name = re.sub(r"\\(.)", r"\1", found[1])
    elif not name and (found := _PLAIN_NAME.search(disposition)):
        name = found[1]
    name = re.split(r"[/\\]", name)[-1]
    name = "".join(letter for letter in name if letter.isprintable()).strip()
    return name if name not in ("", ".", "..") else None
