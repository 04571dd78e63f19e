"""What every call gives back: the response as httpx shows it, and the payload, typed."""

from __future__ import annotations

import contextlib
import inspect
import time
from types import NoneType
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import msgspec

from . import _json
from ._answer import Answer
from ._json import as_list, as_object
from ._sse import CR, LF, Frame, FrameSplitter, LineSplitter, parse_lines
from .citations import CitationFilter, CitationMode
from .errors import (
    APITimeoutError,
    FastGPTError,
    StreamError,
    StreamParseError,
    StreamTimeoutError,
)
from .events import (
    AnswerEvent,
    Citation,
    ErrorEvent,
    Reply,
    ReplyBuilder,
    ResumeCompletedEvent,
    ResumePhaseEvent,
    ResumeUnavailableEvent,
    StreamEvent,
    Told,
    completion_events,
    decode_answer,
    decode_event,
    stored_completion,
    untold,
)
from .handlers import ChatHandler, HandlerCalls
from .models.chat import ChatCompletion

if TYPE_CHECKING:
    import datetime
    from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
    from types import TracebackType
    from typing import Self

    import httpx2


T = TypeVar("T")
X = TypeVar("X")


class Envelope(msgspec.Struct, Generic[T]):
    """What FastGPT wraps nearly every answer in."""

    code: int | None = None  # /v1/embeddings has none
    statusText: str = ""
    message: str = ""
    data: T | msgspec.UnsetType | None = msgspec.UNSET


class Response(Generic[T]):
    """The answer to a call: all that an httpx response offers, and ``data``, the typed payload without its envelope.

    ``http_response`` is the response of the HTTP library itself.
    """

    __slots__ = ("_answer", "_data", "_json")

    _answer: Answer
    _data: T

    def __init__(self, answer: Answer, payload: type[T]) -> None:
        self._answer = answer
        kind: Any = Envelope[Any] if payload is NoneType else Envelope[payload]  # type: ignore[valid-type]
        try:
            envelope: Any = _json.decoder(kind)(self.content)
        except ValueError:
            envelope = None
        code, data = getattr(envelope, "code", None), getattr(envelope, "data", msgspec.UNSET)
        if code != 200 and (code is not None or data is msgspec.UNSET):
            raise answer.error()
        if payload is NoneType or data is msgspec.UNSET:
            data = None
        self._data = cast("T", _empty(payload) if data is None else data)

    @property
    def data(self) -> T:
        """The payload, typed. What the server left out has its default; an unexpected type is left as it came."""
        return self._data

    # The surface of an httpx response ---------------------------------------------------------------------------------

    @property
    def http_response(self) -> httpx2.Response:
        """The response of the HTTP library, for what is not offered here."""
        return self._answer.http

    @property
    def status_code(self) -> int:
        return self._answer.http.status_code

    @property
    def reason_phrase(self) -> str:
        return self._answer.http.reason_phrase

    @property
    def headers(self) -> httpx2.Headers:
        return self._answer.http.headers

    @property
    def url(self) -> httpx2.URL:
        return self._answer.http.url

    @property
    def request(self) -> httpx2.Request:
        return self._answer.http.request

    @property
    def elapsed(self) -> datetime.timedelta:
        """From sending the request to the end of the body."""
        return self._answer.http.elapsed

    @property
    def is_success(self) -> bool:
        return self._answer.http.is_success

    @property
    def is_error(self) -> bool:
        return self._answer.http.is_error

    @property
    def content(self) -> bytes:
        """The body. Of a stream only after ``read()``."""
        if self._answer.content is None:
            raise FastGPTError(
                "this answer is a stream and has not been read: use events(), iter_answer() or reply() "
                "(aevents(), aiter_answer(), areply() on an async client), or read() it first"
            )
        return self._answer.content

    @property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body, decoded, envelope and all."""
        try:
            return self._json
        except AttributeError:
            self._json: Any = _json.loads(self.content)
            return self._json

    def raise_for_status(self) -> Self:
        """For code that calls it: every failure has been raised by the call already."""
        if self.is_error:  # pragma: no cover  # a call never returns one
            raise self._answer.error()
        return self

    def read(self) -> bytes:
        """Read the body to its end and give it back."""
        if self._answer.content is None:
            self._answer.content = b"".join(self.iter_bytes())
        return self._answer.content

    async def aread(self) -> bytes:
        """Read the body to its end and give it back."""
        if self._answer.content is None:
            self._answer.content = b"".join([piece async for piece in self.aiter_bytes()])
        return self._answer.content

    def iter_bytes(self) -> Iterator[bytes]:
        """The body in pieces, as they come."""
        return self._pump(_same, _nothing)

    def aiter_bytes(self) -> AsyncIterator[bytes]:
        """The body in pieces, as they come."""
        return self._apump(_same, _nothing)

    def iter_lines(self) -> Iterator[str]:
        """The body line by line, cut at CR, LF and CRLF only (httpx also cuts inside JSON, at U+2028 and others)."""
        lines = LineSplitter()
        return self._pump(lines.feed, lines.finish)

    def aiter_lines(self) -> AsyncIterator[str]:
        """The body line by line, cut at CR, LF and CRLF only (httpx also cuts inside JSON, at U+2028 and others)."""
        lines = LineSplitter()
        return self._apump(lines.feed, lines.finish)

    def close(self) -> None:
        """Give the connection back; a stream that has not ended is cut."""
        self._answer.http.close()

    async def aclose(self) -> None:
        """Give the connection back; a stream that has not ended is cut."""
        await self._answer.http.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} [{self.status_code}]>"

    # Reading: the same loop twice, once for each world ----------------------------------------------------------------

    def _pump(self, take: Callable[[bytes], Iterable[X]], end: Callable[[], Iterable[X]]) -> Iterator[X]:
        """Feed the body to ``take`` piece by piece; the connection is back when the loop ends, breaks or fails."""
        try:
            yield from take(b"")  # what an earlier loop left
            for piece in cast("Iterable[bytes]", self._pieces(iter, "iter_bytes")):
                self._check_total()
                yield from take(piece)
            yield from end()
        except Exception as error:
            if (broken := self._broken(error)) is not None:
                raise broken from broken.__cause__
        finally:
            self.close()

    async def _apump(self, take: Callable[[bytes], Iterable[X]], end: Callable[[], Iterable[X]]) -> AsyncIterator[X]:
        try:
            for each in take(b""):  # what an earlier loop left
                yield each
            source = self._pieces(aiter, "aiter_bytes")
            if isinstance(source, list):
                for piece in cast("list[bytes]", source):
                    for each in take(piece):
                        yield each
            else:
                async for piece in cast("AsyncIterable[bytes]", source):
                    self._check_total()
                    for each in take(piece):
                        yield each
            for each in end():
                yield each
        except Exception as error:
            if (broken := self._broken(error)) is not None:
                raise broken from broken.__cause__
        finally:
            await self.aclose()

    def _pieces(self, begin: Callable[[Any], object], decoded: str) -> object:
        answer = self._answer
        if answer.content is not None:
            return [answer.content]
        if answer.source is None:
            if "content-encoding" in answer.http.headers:
                answer.source = getattr(answer.http, decoded)()
            else:
                answer.source = begin(answer.http.stream)  # as it comes, past httpx2's layers
        return answer.source

    def _check_total(self) -> None:
        """Nothing to check: a whole body has been read within its time-out."""

    def _broken(self, error: Exception) -> Exception | None:
        """The exception to raise for one that came while reading; None when nothing is missing."""
        return self._answer.failure(error) or error


class ChatResponse(Response[ChatCompletion]):
    """The answer of a run, whole or as a stream; both are read the same way.

    - ``reply()`` / ``await areply()``: everything, as a :class:`~fastgpt_client.Reply`
    - ``iter_answer()`` / ``aiter_answer()``: the text of the answer as it comes
    - ``events()`` / ``aevents()``: typed events
    - ``chatId``: the conversation, also while streaming
    - ``json()``, ``iter_lines()`` and the rest of the surface of an httpx response

    A stream gives its connection back when it ends, when a loop over it ends or breaks, and with ``close()`` or a
    ``with`` block.

    Example:
        >>> response = client.create_chat_completion([{"role": "user", "content": "Hello!"}], stream=True)
        >>> for piece in response.iter_answer():
        ...     print(piece, end="")
        >>> response.reply().citations  # what the stream said besides
    """

    __slots__ = ("_deadline", "_events", "_expired", "_on_left", "chatId")

    def __init__(self, answer: Answer, chatId: str, dataId: str = "") -> None:
        self._answer = answer
        self.chatId: str = chatId
        self._events = EventStream(chatId, dataId, answer.session.redact)
        self._deadline: float | None = None
        self._expired = False  # the caller's patience is over, while the run may go on
        self._on_left: Callable[[], object] | None = None
        if answer.content is None:
            if answer.timeout.total is not None:
                self._deadline = time.monotonic() + answer.timeout.total
            return
        if answer.content.lstrip()[:5] in (b"event", b"data:"):  # a stream, read in one piece
            frames = FrameSplitter().feed(answer.content)
            if frames and frames[0][0] == b"error":
                raise answer.error()
            return
        try:
            body = _json.loads(answer.content)
        except ValueError:
            body = None
        if not isinstance(body, dict) or "choices" not in body:
            raise answer.error()
        self._json = cast("dict[str, Any]", body)
        if not self._json.get("chatId"):
            self._json["chatId"] = chatId

    @classmethod
    def stored(cls, source: Response[Any], chatId: str, dataId: str, completion: dict[str, Any]) -> ChatResponse:
        """The answer of a run that was read from the history: ``completion`` is what it would have answered."""
        answer = Answer(source._answer.http, source._answer.session, source._answer.timeout)
        answer.content = _json.encode(completion)
        response = cls(answer, chatId, dataId)
        response._events.builder.recovered = True
        return response

    @property
    def expired(self) -> bool:
        """Whether the stream lasted longer than ``timeout.total``."""
        return self._expired

    def of_record(self, dataId: str) -> None:
        """Say which record the answer is in: one to an interactive node goes on in the record that asked."""
        self._events.builder.dataId = dataId

    def on_left(self, call: Callable[[], object]) -> None:
        """Call this (and await it, on async clients) when the stream is closed while the run goes on."""
        self._on_left = call

    def follow(self, earlier: ChatResponse) -> None:
        """Go on where ``earlier`` broke off: events tell what it did not, and the reply has all."""
        self._events.follow(earlier._events)

    @property
    def is_stream(self) -> bool:
        """Whether the answer comes as a stream of events."""
        return not hasattr(self, "_json")

    @property
    def data(self) -> ChatCompletion:
        """The completion, typed. Streams have none: see ``reply()``."""
        try:
            return self._data
        except AttributeError:
            self._data = cast("ChatCompletion", _json.fit(self.json(), ChatCompletion))
            return self._data

    def events(self) -> Iterator[StreamEvent]:
        """Typed events, as they come; of a whole answer the events that it would have streamed.

        Raises:
            StreamError: The run failed after it began, or the stream was cut; ``partial`` has the reply so far.
        """
        if not self.is_stream:
            return self._new_events()
        return self._pump(self._events.feed, self._events.finish) if not self._events.over else iter(())

    def aevents(self) -> AsyncIterator[StreamEvent]:
        """Typed events, as they come; of a whole answer the events that it would have streamed.

        Raises:
            StreamError: The run failed after it began, or the stream was cut; ``partial`` has the reply so far.
        """
        if not self.is_stream:
            return _as_async(self._new_events())
        return self._apump(self._events.feed, self._events.finish) if not self._events.over else _as_async(())

    def iter_answer(self, *, citations: CitationMode = "keep") -> Iterator[str]:
        """The text of the answer, piece by piece; never an empty piece.

        Args:
            citations: What becomes of the marks of citations (see :class:`~fastgpt_client.CitationFilter`): ``"keep"``,
                ``"strip"``, ``"number"``, or a function that gives the text in place of one.

        Raises:
            StreamError: The run failed after it began, or the stream was cut; ``partial`` has the reply so far.

        Example:
            >>> for piece in response.iter_answer(citations="number"):
            ...     print(piece, end="")
        """
        texts = _Texts(self._events, self._filter(citations))
        if not self.is_stream:
            return texts.all(self._new_events())
        return self._pump(texts.feed, texts.finish) if not self._events.over else iter(())

    def aiter_answer(self, *, citations: CitationMode = "keep") -> AsyncIterator[str]:
        """The text of the answer, piece by piece; never an empty piece.

        Args:
            citations: What becomes of the marks of citations (see :class:`~fastgpt_client.CitationFilter`): ``"keep"``,
                ``"strip"``, ``"number"``, or a function that gives the text in place of one.

        Raises:
            StreamError: The run failed after it began, or the stream was cut; ``partial`` has the reply so far.

        Example:
            >>> async for piece in response.aiter_answer(citations="number"):
            ...     print(piece, end="")
        """
        texts = _Texts(self._events, self._filter(citations))
        if not self.is_stream:
            return _as_async(texts.all(self._new_events()))
        return self._apump(texts.feed, texts.finish) if not self._events.over else _as_async(())

    def handle(self, handler: ChatHandler, throttle: float = 0.0, *, citations: CitationMode = "keep") -> Reply:
        """Read to the end, calling the methods of ``handler`` for what comes; the reply, as from ``reply()``.

        Args:
            handler: A :class:`~fastgpt_client.ChatHandler`.
            throttle: Seconds between two calls for text: what comes meanwhile is joined. For chat platforms, which
                take only so many messages or edits a second. Text never waits longer than until the next event that
                is no text, and nothing is left at the end.
            citations: What becomes of the marks of citations in the answer, as with ``iter_answer``.

        Raises:
            StreamError: The run failed after it began, or the stream was cut; ``partial`` has the reply so far.

        Example:
            >>> class Bot(ChatHandler):
            ...     def on_answer(self, text):
            ...         print(text, end="", flush=True)
            >>> reply = response.handle(Bot(), throttle=0.5)
        """
        try:
            calls = HandlerCalls(handler, throttle, self._filter(citations), asynchronous=False)
            try:
                for event in self.events():
                    for name, argument in calls.of(event):
                        getattr(handler, name)(argument)
                    if handler.should_stop():
                        break
            except StreamError as error:
                if error is self._events.failure:
                    for name, argument in calls.failed(error):
                        getattr(handler, name)(argument)
                raise
            reply = self._whole_reply()
            for name, argument in calls.end(reply):
                getattr(handler, name)(argument)
            return reply
        finally:
            self.close()

    async def ahandle(self, handler: ChatHandler, throttle: float = 0.0, *, citations: CitationMode = "keep") -> Reply:
        """Read to the end, calling the methods of ``handler`` for what comes; the reply, as from ``areply()``.

        Args:
            handler: A :class:`~fastgpt_client.ChatHandler`; its methods may be ``async``.
            throttle: Seconds between two calls for text: what comes meanwhile is joined. For chat platforms, which
                take only so many messages or edits a second. Text never waits longer than until the next event that
                is no text, and nothing is left at the end.
            citations: What becomes of the marks of citations in the answer, as with ``aiter_answer``.

        Raises:
            StreamError: The run failed after it began, or the stream was cut; ``partial`` has the reply so far.

        Example:
            >>> class Bot(ChatHandler):
            ...     async def on_answer(self, text):
            ...         await channel.send(text)
            >>> reply = await response.ahandle(Bot(), throttle=0.5)
        """
        try:
            calls = HandlerCalls(handler, throttle, self._filter(citations), asynchronous=True)
            try:
                async for event in self.aevents():
                    for name, argument in calls.of(event):
                        await _awaited(getattr(handler, name)(argument))
                    if await _awaited(handler.should_stop()):
                        break
            except StreamError as error:
                if error is self._events.failure:
                    for name, argument in calls.failed(error):
                        await _awaited(getattr(handler, name)(argument))
                raise
            reply = self._whole_reply()
            for name, argument in calls.end(reply):
                await _awaited(getattr(handler, name)(argument))
            return reply
        finally:
            await self.aclose()

    def reply(self) -> Reply:
        """Everything that the run said; of a stream, what has not been read yet is read now.

        Raises:
            StreamError: The run failed after it began, or the stream was cut; ``partial`` has the reply so far.
        """
        if self.is_stream and not self._events.over:
            for _ in self.events():
                pass
        return self._whole_reply()

    async def areply(self) -> Reply:
        """Everything that the run said; of a stream, what has not been read yet is read now.

        Raises:
            StreamError: The run failed after it began, or the stream was cut; ``partial`` has the reply so far.
        """
        if self.is_stream and not self._events.over:
            async for _ in self.aevents():
                pass
        return self._whole_reply()

    def partial(self) -> Reply:
        """What is known so far, without waiting for more."""
        return self._events.builder.build() if self.is_stream else self._whole_reply()

    def __iter__(self) -> Iterator[StreamEvent]:
        return self.events()

    def __aiter__(self) -> AsyncIterator[StreamEvent]:
        return self.aevents()

    def close(self) -> None:
        left = self._left()
        super().close()
        if left is not None:
            left()

    async def aclose(self) -> None:
        left = self._left()
        await super().aclose()
        if left is not None:
            await _awaited(left())

    def _left(self) -> Callable[[], object] | None:
        """What is to be done when this is closed now: nothing where the run is over, or the connection broke."""
        events, self._events.closed = self._events, True
        running = self._answer.content is None and not events.done and (not events.over or self._expired)
        left, self._on_left = (self._on_left, None) if running else (None, self._on_left)
        return left

    def _whole_reply(self) -> Reply:
        if self.is_stream:
            return self._events.result()
        known = self._events.builder
        builder = ReplyBuilder(self.chatId, known.dataId, recovered=known.recovered)
        for _ in self._whole_events(builder):
            pass
        error: Any = self._json.get("error")
        builder.failure = error if isinstance(error, str) or not error else str(as_object(error).get("message", error))
        return builder.build()

    def _filter(self, mode: CitationMode) -> CitationFilter | None:
        return None if mode == "keep" else CitationFilter(mode, self._found)

    def _found(self, id: str) -> Citation | None:  # noqa: A002
        return next((each for each in self.partial().citations if each.id == id), None)

    def _new_events(self) -> Iterator[StreamEvent]:
        """The events of a whole answer; without the text that a stream of the same run has told."""
        yield from self._events.feed(b"")  # what that stream had decoded, and not told
        yield from untold(self._whole_events(ReplyBuilder()), self._events.told)

    def _whole_events(self, builder: ReplyBuilder) -> Iterator[StreamEvent]:
        for event in completion_events(self._json):
            builder.add(event)
            yield event

    def _pieces(self, begin: Callable[[Any], object], decoded: str) -> object:
        if self._events.closed and self._answer.content is None:
            raise StreamError("this stream was closed before its end", self.partial())
        return super()._pieces(begin, decoded)

    def _check_total(self) -> None:
        if self._deadline is not None and time.monotonic() > self._deadline:
            total = self._answer.timeout.total
            self._expired = True
            raise StreamTimeoutError(f"the run was not done within {total:g} s (timeout.total)", self.partial())

    def _broken(self, error: Exception) -> Exception | None:
        if isinstance(error, StreamError):
            return self._events.failed(error)
        if (found := self._answer.failure(error)) is None:
            return error
        if self._events.complete():  # only the goodbye is missing
            return None
        kind = StreamTimeoutError if isinstance(found, APITimeoutError) else StreamError
        what = f"nothing came for {self._answer.timeout.idle:g} s" if kind is StreamTimeoutError else "the stream broke"
        return self._events.failed(kind(f"{what} before the answer was complete: {found}", self.partial(), found))


class EventStream:
    """Bytes in, events out, and the reply as their sum. Knows when a stream has ended as it should."""

    __slots__ = (
        "_ready", "_redact", "_seen", "_skipped", "_splitter", "_to_skip",
        "builder", "closed", "done", "failure", "over", "told",
    )  # fmt: skip

    def __init__(self, chatId: str = "", dataId: str = "", redact: Callable[[str], str] = str) -> None:
        self.builder = ReplyBuilder(chatId, dataId)
        self._seen = 0  # events, without heartbeats
        self._skipped = 0  # so many of them an earlier stream of this run has told
        self._to_skip = 0  # of which so many are to come
        self.told = Told()  # what it told
        self.done = False  # [DONE] was seen; old servers send the nodes after it
        self.over = False  # read to the end
        self.closed = False
        self.failure: StreamError | None = None
        self._splitter = FrameSplitter()
        self._ready: Iterator[StreamEvent] = iter(())
        self._redact = redact

    def feed(self, piece: bytes) -> Iterable[StreamEvent]:
        """The events that are complete now; with ``b""`` those that an earlier loop left."""
        if piece:
            # Nearly every piece is one whole frame with a piece of answer: the shortest way for it.
            if piece[:7] == b"data: {" and piece[-2:] == b"\n\n" and self._splitter.idle and not self._to_skip:
                data = piece[6:-2]
                if LF not in data and CR not in data and (answer := self._answer(data)) is not None:
                    return (answer,)
            self._ready = iter(self._decode_all(self._splitter.feed(piece)))
        return self._ready

    def _answer(self, data: bytes) -> AnswerEvent | None:
        """The piece of answer in a frame; None when it is something else."""
        try:
            answer = decode_answer(data)
        except ValueError:
            return None
        choices = answer.choices
        if not choices:
            return None
        answer._payload = data  # pyright: ignore[reportPrivateUsage]
        delta = choices[0].delta
        if delta.content != "" or delta.reasoning_content:  # no heartbeat
            self._seen += 1
        self.builder.add_piece(choices[0])
        return answer

    def _decode_all(self, frames: list[Frame]) -> Iterable[StreamEvent]:
        events: list[StreamEvent] = []
        for name, data in frames:
            seen = self._seen
            if (not name or name == b"answer") and (answer := self._answer(data)) is not None:
                if self._seen == seen or not self._skips():
                    events.append(answer)
                continue
            if data == b"[DONE]":
                events += self._end()
                continue
            try:
                event = self._decode(name, data)
            except StreamError as error:
                return self._ending(events, error)
            if isinstance(event, ResumeCompletedEvent):
                events += [event, *self._stored(event)]
                continue
            self.builder.add(event)
            if isinstance(event, ResumePhaseEvent | ResumeUnavailableEvent):
                events.append(event)
                continue
            self._seen += 1
            if not self._skips():
                events.append(event)
            if isinstance(event, ErrorEvent):
                cause = event.error
                return self._ending(
                    events, StreamError(f"the run failed: {cause.message}", self.builder.build(), cause)
                )
        return events

    def _skips(self) -> bool:
        """Whether an event was told by an earlier stream of this run."""
        skips = self._to_skip > 0
        self._to_skip -= skips
        return skips

    def follow(self, earlier: EventStream) -> None:
        """Go on where another stream of this run broke off."""
        # One that followed another itself may not have come as far as that did.
        further = earlier._seen >= earlier._skipped
        self.told = earlier.builder.told if further else earlier.told
        self._to_skip = self._skipped = max(earlier._seen, earlier._skipped)
        self._ready = iter(list(_until_failure(earlier._ready)))  # decoded there, and not told

    def _stored(self, completed: ResumeCompletedEvent) -> Iterator[StreamEvent]:
        """The record of a run that was over before its stream could be resumed, as events."""
        records = [each for each in map(as_object, as_list(completed.records.get("list"))) if each.get("obj") == "AI"]
        ours = [each for each in records if each.get("dataId") == self.builder.dataId] or records
        if not ours:
            return iter(())
        more = {} if (seconds := ours[-1].get("durationSeconds")) is None else {"durationSeconds": seconds}
        completion = stored_completion(as_list(ours[-1].get("value")), as_list(ours[-1].get("responseData")), **more)
        events = list(completion_events(completion))
        for event in events:
            self.builder.add(event)  # which also takes thinking out of the texts
        return untold(iter(events), self.told)

    def _ending(self, events: list[StreamEvent], error: StreamError) -> Iterator[StreamEvent]:
        yield from events
        raise error

    def _end(self) -> list[StreamEvent]:
        self.done = True
        last = self.builder.last_piece()
        return [] if last is None else [last]

    def finish(self) -> Iterator[StreamEvent]:
        rest = self._splitter.finish()
        frame = parse_lines(rest) if rest else None
        if frame is not None:
            yield from self._decode_all([frame])  # a last frame without its blank line counts if it is whole
        if not self.done or (rest and frame is None):
            raise StreamError("the stream ended before the answer was complete", self.builder.build())
        self.over = True

    def complete(self) -> bool:
        """Whether the connection may break now without loss: ``[DONE]`` was seen, and no frame is half here."""
        if self.done and not self._splitter.finish():
            self.over = True
        return self.over

    def result(self) -> Reply:
        if self.failure is not None:
            raise self.failure
        return self.builder.build()

    def _decode(self, name: bytes, data: bytes) -> StreamEvent:
        try:
            event = decode_event(name, data)
            if isinstance(event, ErrorEvent):  # it may echo the request, and with it the key
                return decode_event(b"error", self._redact(data.decode("utf-8", "replace")).encode())
            return event
        except ValueError as error:
            shown = self._redact(data.decode("utf-8", "replace"))[:80]
            raise StreamParseError(f"an event cannot be decoded: {shown!r}", self.builder.build(), error) from error

    def failed(self, error: StreamError) -> StreamError:
        """Remember how it ended: a second look must not take it for a whole answer."""
        self.failure = error
        self.over = True
        return error


class _Texts:
    """The texts of answers."""

    __slots__ = ("_events", "_joiner", "_marks")

    def __init__(self, events: EventStream, marks: CitationFilter | None) -> None:
        self._events = events
        self._marks = marks
        self._joiner = _json.SurrogateJoiner()

    def of(self, events: Iterable[StreamEvent]) -> Iterator[str]:
        for event in events:
            if isinstance(event, AnswerEvent) and (text := event.text):
                if self._joiner.half or "\ud800" <= text[-1] <= "\udfff":
                    text = self._joiner.feed(text)
                if self._marks is not None:
                    text = self._marks.feed(text)
                if text:
                    yield text

    def all(self, events: Iterable[StreamEvent]) -> Iterator[str]:
        yield from self.of(events)
        rest = self._joiner.finish()
        if self._marks is not None:
            rest = self._marks.feed(rest) + self._marks.finish()
        if rest:
            yield rest

    def feed(self, piece: bytes) -> Iterator[str]:
        return self.of(self._events.feed(piece))

    def finish(self) -> Iterator[str]:
        return self.all(self._events.finish())


async def _awaited(value: object) -> object:
    return await value if inspect.isawaitable(value) else value


async def _as_async(items: Iterable[X]) -> AsyncIterator[X]:
    for each in items:
        yield each


def _until_failure(events: Iterable[StreamEvent]) -> Iterator[StreamEvent]:
    with contextlib.suppress(StreamError):
        yield from events


def _same(piece: bytes) -> tuple[bytes, ...]:
    return (piece,) if piece else ()


def _nothing() -> tuple[()]:
    return ()


def _empty(payload: Any) -> object:
    """What stands for a payload that the server left out."""
    origin: type[object] = getattr(payload, "__origin__", payload)
    return cast("object", origin()) if origin in (list, dict, str) or issubclass(origin, msgspec.Struct) else None
