"""How a turn goes, and what is known between turns: once for both worlds, everything but waiting."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict, TypeVar, cast

import msgspec

from .._endpoint import Lender, as_steps, flow, without_none
from .._flow import Collect, Flow, Guard, Invoke, Sleep
from .._io import MOMENT
from .._response import ChatResponse
from ..api.chat import NO_HISTORY, ChatApi, new_chat_id
from ..errors import ArgumentError, ConflictError, FastGPTError, StreamError
from ..events import Interactive
from ..models._base import JSON
from . import attachments, records
from .app import AppConfig, app_config, checked_variables
from .interactive import Answer, answer_text
from .recovery import patience, stored_answer

if TYPE_CHECKING:
    from .._io import AsyncIO, FlowIO, SyncIO
    from .._session import Session
    from ..events import FormField, Reply
    from .attachments import File, UploadMode
    from .stores import ConversationStore

IO = TypeVar("IO", "SyncIO", "AsyncIO", "FlowIO", covariant=True)

logger: logging.Logger = logging.getLogger("fastgpt_client")

Content: TypeAlias = str | Sequence[Mapping[str, object]]
"""A text, or a list of content parts (``{"type": "text", …}``, ``{"type": "image_url", …}``, …)."""

AGAIN = 0.3  # seconds until a run that had not begun is told to stop once more
SETTLING = 3.0  # seconds after a stream was left in which its chat may still be said to be busy


class ConversationOptions(TypedDict, total=False):
    """How a conversation is to be; see ``client.conversation``."""

    appId: str | None
    variables: Mapping[str, object] | None
    customUid: str | None
    version: Literal["v1", "v2"]
    upload: UploadMode
    stop_on_close: bool
    check_variables: bool
    recover: float


class Core(Lender[IO]):
    """The state of a conversation, and the steps that its verbs (see ``turns``) are made of."""

    def __init__(
        self,
        chat: ChatApi[IO],
        chatId: str | None = None,
        *,
        appId: str | None = None,
        variables: Mapping[str, object] | None = None,
        customUid: str | None = None,
        version: Literal["v1", "v2"] = "v1",
        upload: UploadMode = "auto",
        stop_on_close: bool = True,
        check_variables: bool = True,
        recover: float = 600.0,
    ) -> None:
        if upload not in attachments.UPLOAD_MODES:
            raise ArgumentError(f"upload must be one of {', '.join(attachments.UPLOAD_MODES)}, not {upload!r}")
        self._io = chat._io  # pyright: ignore[reportPrivateUsage]
        self._aside: Callable[[Flow[object]], object] = chat._io.aside  # pyright: ignore[reportPrivateUsage]
        self._session: Session = chat._session  # pyright: ignore[reportPrivateUsage]
        self._client: ChatApi[IO] = chat
        self._chat: ChatApi[FlowIO] = as_steps(chat)
        self._upload: UploadMode = upload
        self._stop_on_close = stop_on_close
        self._check_variables = check_variables
        self._recover = recover
        self._new = chatId is None  # the server has nothing of it
        self._last: ChatResponse | None = None
        self._asked: Interactive | None = None  # by a turn that another conversation object had
        self._question: tuple[Content | None, Mapping[str, object]] | None = None  # of the last turn
        self._dataId = ""  # the record of the last answer
        self._latest = ""  # the id that the last turn brought
        self._answering = False  # it was there before, and asked
        self._before = ""  # what was said before a fork
        self._left = float("-inf")  # when a stream was left
        self._keep: Callable[[JSON], object] | None = None  # where a store wants the state
        self.chatId: str = chatId or new_chat_id()
        self.appId = appId
        self.variables: dict[str, object] = _checked_mapping("variables", variables)
        self.customUid = customUid
        self.version: Literal["v1", "v2"] = version

    @property
    def interactive(self) -> Interactive | None:
        """What the app asked in the last turn and waits for, if it does: see ``answer``."""
        return self._last.partial().interactive if self._last is not None else self._asked

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.chatId}>"

    # How a turn goes --------------------------------------------------------------------------------------------------

    @flow
    def _start(
        self, content: Content, files: Sequence[File], variables: Mapping[str, object] | None
    ) -> Flow[ChatResponse]:
        return (yield from self._ask(content, files, variables))

    @flow
    def _start_answer(self, value: Answer) -> Flow[ChatResponse]:
        return (yield from self._reply_to_question(value))

    @flow
    def _start_again(self) -> Flow[ChatResponse]:
        return (yield from self._ask_again())

    @flow
    def run_plugin(self, inputs: Mapping[str, object]) -> Flow[Reply]:
        checked = _checked_mapping("variables", inputs)
        if self._check_variables:
            config = yield from self._config()
            if config.known:
                checked = yield from checked_variables(config.inputs, inputs, self._attach, whole=True, what="input")
        return (yield from self._collect((yield from self._open(None, checked))))

    def _ask(
        self, content: Content, files: Sequence[File], variables: Mapping[str, object] | None
    ) -> Flow[ChatResponse]:
        _check_content(content, files)
        asked = self.interactive
        if asked is not None and asked.type in ("userSelect", "userInput"):
            if any(content == option.value for option in asked.options):
                return (yield from self._reply_to_question(str(content)))
            raise ArgumentError(
                f"the app asked ({asked.type}) and takes the next message for the answer: use answer(), or regenerate()"
            )
        self._learn()
        given = {**self.variables, **_checked_mapping("variables", variables)}
        if self._check_variables:
            config = yield from self._config()
            if config.known:
                whole = self._new or self.chatId == NO_HISTORY
                given = yield from checked_variables(config.variables, given, self._attach, whole=whole)
        if files:
            attachments.check(files, (yield from self._config()).files)
            if isinstance(content, str):
                content = [{"type": "text", "text": content}] if content else []
            content = [*content, *(yield from self._parts(files))]
        return (yield from self._open(content, given))

    def _reply_to_question(self, value: Answer) -> Flow[ChatResponse]:
        self._learn()
        asked = self.interactive
        if asked is None and self._last is None and not self._new:
            asked = yield from self._open_question()
        text: str = yield from answer_text(asked, value, self._attach)
        # FastGPT stores what answers an agent of 4.14 to 4.16 as a turn of its own (read from the source).
        goes_on = asked is not None and asked.raw.get("type") != "agentPlanAskQuery"
        return (yield from self._open(text, self.variables, answering=goes_on))

    def _ask_again(self) -> Flow[ChatResponse]:
        """The last question once more; what is stored of it goes first. One that failed to start has left nothing."""
        while True:
            latest = (yield from self._chat.get_chat_records(self.appId, self.chatId, 0, 10)).data.list
            turn = records.last_turn(latest)
            stored = bool(turn) and (self._question is None or self._dataId in {record.dataId for record in turn})
            if stored or not self._settling():
                break
            yield Sleep(0.4)
        if not stored and self._question is None:
            raise ArgumentError("there is nothing to regenerate: nothing was asked in this conversation yet")
        content, variables = self._question or (records.content_of(turn[0]), self.variables)
        for dataId in dict.fromkeys(record.dataId for record in turn if stored):  # 4.16 has one for both sides
            yield from self._chat.delete_chat_record(self.appId, self.chatId, dataId)
        self._last = self._asked = None
        return (yield from self._open(content, variables))

    def _open_question(self) -> Flow[Interactive | None]:
        """What the app waits for according to the history, in a conversation that was begun elsewhere."""
        latest = (yield from self._chat.get_chat_records(self.appId, self.chatId, 0, 2)).data.list
        raw, self._dataId = records.open_question(latest)
        return Interactive.from_wire(raw) if raw else None

    def _open(
        self, content: Content | None, variables: Mapping[str, object], *, answering: bool = False
    ) -> Flow[ChatResponse]:
        made = new_chat_id()
        if not answering:
            self._dataId, self._question = made, (content, variables)
        self._answering = answering
        self._latest = made
        opening = self._opening(content, variables, made)
        outcome: ChatResponse | FastGPTError = yield Guard(opening, lambda: self._abandoning(made))
        if isinstance(outcome, Exception):
            outcome = yield from self._read_stored(outcome, patience(outcome, self._recover))
        self._watch(outcome)
        self._last, self._asked, self._new = outcome, None, False
        yield from self._keep_state()
        return outcome

    def _opening(self, content: Content | None, variables: Mapping[str, object], dataId: str) -> Flow[ChatResponse]:
        """Start the run; a chat that is still busy with a stream that was left here gets a little time."""
        before: list[Mapping[str, object]] = [{"role": "system", "content": self._before}] if self._before else []
        while True:
            try:
                return (
                    yield from self._chat.create_chat_completion(
                        None if content is None else [*before, {"role": "user", "content": content}],
                        stream=True,
                        chatId=self.chatId,
                        detail=True,
                        variables=dict(variables) or None,
                        responseChatItemId=dataId,
                        appId=self.appId,
                        customUid=self.customUid,
                        retainDatasetCite=True,
                        version=self.version,
                        extra_headers={"x-fastgpt-stream-resume": "1"} if self.version == "v2" else {},
                    )
                )
            except ConflictError as error:
                if error.statusText != "chatIsGenerating" or not self._settling():
                    raise
            if self._stop_on_close:
                yield from self._stopping()  # the one that was left; it may have begun after it was told to stop
            yield Sleep(0.4)

    def _watch(self, response: ChatResponse) -> None:
        """Know the record, and notice when the stream is left."""
        response.of_record(self._dataId)
        response.on_left(self._leave)

    def _leave(self) -> object:
        self._left = time.monotonic()
        return self._aside(self._stopping()) if self._stop_on_close else None

    def _settling(self) -> bool:
        """Whether a stream was left a moment ago: the server may still be busy with it, or not have stored it."""
        return time.monotonic() - self._left < SETTLING

    def _abandoning(self, made: str) -> Flow[None]:
        """Stop a run that was given up before its stream began: its server may take it only after it was told to."""
        self._left = time.monotonic()
        for pause in (0.0, AGAIN) if self._stop_on_close else ():
            yield Sleep(pause)
            if self._latest != made or not (yield from self._stopping()):
                return

    def _stopping(self) -> Flow[bool]:
        """Stop the run on the server, where it can be stopped (4.14.5+); True when none was going on."""
        if self.chatId == NO_HISTORY:
            return False  # all that leave no trace have this id: it would be anybody's run
        try:
            stopped = yield from self._chat.stop_chat(self.chatId, self.appId, timeout=MOMENT, max_retries=0)
        except FastGPTError as error:
            logger.debug("the run of %s was not stopped: %s", self.chatId, error)
            return False
        return bool(stopped.data.completed)

    def _collect(self, response: ChatResponse) -> Flow[Reply]:
        outcome: Reply | StreamError = yield Collect(response)
        if isinstance(outcome, StreamError):
            limit = None if response.expired else patience(outcome, self._recover)
            self._last = yield from self._read_stored(outcome, limit)
            outcome = yield Collect(self._last)
            assert not isinstance(outcome, StreamError)  # it is whole
        yield from self._keep_state()
        if outcome.error is not None and not outcome.text and outcome.interactive is None:
            outcome.error.reply = outcome
            raise outcome.error
        return outcome

    def _read_stored(self, error: FastGPTError | None, grace: float | None) -> Flow[ChatResponse]:
        """The answer from the history, instead of a failure; or that failure."""
        if self.chatId == NO_HISTORY or not self._dataId:
            grace = None
        found = None
        if grace is not None:
            try:
                found = yield from stored_answer(
                    self._chat,
                    self.appId,
                    self.chatId,
                    self._dataId,
                    answering=self._answering,
                    grace=grace,
                    limit=max(grace, self._recover),
                )
            except FastGPTError as failure:
                logger.info("the answer could not be looked for in the history: %s", failure)
        if found is None:
            raise error or FastGPTError(
                "there is nothing to resume: the history of this conversation has no such answer"
            )
        response = ChatResponse.stored(found.source, self.chatId, self._dataId, found.completion)
        if not found.whole:
            message = "the connection broke, and with it the run: the answer is not whole"
            raise StreamError(message, response.partial(), error)
        if error is not None:  # else it is what the caller asked for
            why = str(error).partition("\n")[0]
            logger.warning("the answer in chat %s was read from its history: %s", self.chatId, why)
        return response

    # What is known between turns --------------------------------------------------------------------------------------

    def _learn(self) -> None:
        """Variables that the workflow has set stay set: else the next turn would send the old values."""
        if self._last is not None:
            new = self._last.partial().variables
            self.variables.update({name: new[name] for name in self.variables.keys() & new.keys()})

    @flow
    def bind(self, store: ConversationStore, user: str | int) -> Flow[None]:
        """Become the conversation that the store has for a user, and tell it what changes."""
        if isinstance(user, bool) or not isinstance(cast("object", user), (str, int)) or user == "":
            raise ArgumentError(
                f"user must be a name or number, not {user!r}: all without one would share a conversation"
            )
        if not hasattr(store, "open"):
            raise ArgumentError(f"store must be a ConversationStore, such as SQLiteStore(path), not {store!r:.60}")
        name = str(user)
        state = yield Invoke(lambda: store.open(name, self.save), blocks=True)
        self._load(state)
        self._keep = lambda state: store.save(name, state)

    def save(self) -> JSON:
        """What is known here and not on the server, to be kept as JSON: see ``load``.

        Example:
            >>> path.write_text(json.dumps(conversation.save()))
        """
        self._learn()
        asked = self.interactive
        return {
            "chatId": self.chatId,
            "appId": self.appId,
            "variables": self.variables,
            "customUid": self.customUid,
            "version": self.version,
            "dataId": self._dataId,
            "interactive": asked.raw if asked else None,
            "answering": self._answering,
            "before": self._before,
            "new": self._new,
        }

    def _settings(self) -> ConversationOptions:
        self._learn()
        return {
            "appId": self.appId,
            "variables": self.variables,
            "customUid": self.customUid,
            "version": self.version,
            "upload": self._upload,
            "stop_on_close": self._stop_on_close,
            "check_variables": self._check_variables,
            "recover": self._recover,
        }

    def _load(self, state: JSON) -> None:
        if not isinstance(cast("object", state), Mapping) or "chatId" not in state:
            raise ArgumentError(f"this is nothing that save() gave: {state!r:.60}")
        self.chatId = str(state["chatId"])
        self.appId = state.get("appId") or self.appId
        self.variables = dict(state.get("variables") or {})
        self.customUid = state.get("customUid") or self.customUid
        self.version = state.get("version") or self.version
        self._dataId = str(state.get("dataId") or "")
        self._answering = bool(state.get("answering"))
        self._before = str(state.get("before") or "")
        self._new = bool(state.get("new"))
        raw = state.get("interactive")
        self._asked = Interactive.from_wire(raw) if raw else None
        self._last = self._question = None

    def _keep_state(self) -> Flow[None]:
        if (keep := self._keep) is not None:
            yield Invoke(call_with(keep, self.save()), blocks=True)

    def _config(self) -> Flow[AppConfig]:
        return app_config(self._chat, self._session, self.appId, self.chatId)

    def _parts(self, files: Sequence[File]) -> Flow[list[Mapping[str, object]]]:
        traceless = self.chatId == NO_HISTORY
        return attachments.parts(self._chat, self.appId, self.chatId, files, self._upload, traceless)

    def _attach(self, field: FormField, files: list[File]) -> Flow[list[str]]:
        """The addresses of the files of a field."""
        attachments.check(files, without_none(msgspec.to_builtins(field)))
        return [attachments.url_of(part) for part in (yield from self._parts(files))]


def _check_content(content: object, files: object) -> None:
    """Refuse what FastGPT would answer with an opaque error, or take for something else."""
    if isinstance(files, (str, bytes, Mapping)) or not isinstance(files, Sequence):
        raise ArgumentError(f"files must be a list, not {files!r:.60}: files=[…]")
    if isinstance(content, str):
        if not content.strip() and not files:
            raise ArgumentError("there is nothing to send: content is empty")
        return
    if isinstance(content, (bytes, Mapping)) or not isinstance(content, Sequence):
        raise ArgumentError(f"content must be a text, or a list of content parts, not {content!r:.60}")
    if not content and not files:
        raise ArgumentError("there is nothing to send: content is empty")
    for part in cast("Sequence[object]", content):
        if not isinstance(part, Mapping) or "type" not in part:
            raise ArgumentError(f'a content part must be like {{"type": "text", "text": "…"}}, not {part!r:.60}')


def _checked_mapping(name: str, given: object) -> dict[str, object]:
    if given is not None and not isinstance(given, Mapping):
        raise ArgumentError(f"{name} must be a dict of names and values, not {given!r:.60}")
    return dict(cast("Mapping[str, object]", given or {}))


def call_with(function: Callable[[Any], Any], argument: object) -> Callable[[], Any]:
    return lambda: function(argument)
