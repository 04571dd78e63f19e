"""Payloads of the chat endpoints: completions, histories, records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from .._json import as_list, as_object
from ..thinking import split_thinking
from ._base import JSON, Payload, Rows


def content_of(part: Any) -> str:
    """The text of a part of an answer, which is a text or ``{"content": …}``."""
    if isinstance(part, dict):
        part = as_object(part).get("content")
    return part if isinstance(part, str) else ""


class CompletionMessage(Payload):
    """``content`` is a text, or with ``detail`` a list of items, or missing: ``Reply`` knows them all."""

    role: str = "assistant"
    content: Any = None
    reasoning_content: str | None = None


class CompletionChoice(Payload):
    message: CompletionMessage | None = None
    finish_reason: str | None = None
    index: int = 0


class ChatCompletion(Payload):
    """A whole answer. ``id`` is the chatId; ``usage`` is always 1/1/1, real figures are in ``responseData``."""

    id: str = ""
    title: str | None = None
    model: str = ""
    usage: JSON = {}
    choices: list[CompletionChoice] = []
    responseData: list[JSON] = []
    newVariables: JSON = {}
    error: Any = None


class StopResult(Payload):
    """``chatGenerateStatus``: 0 generating, 1 done, 2 failed."""

    success: bool = False
    completed: bool | None = None
    chatGenerateStatus: int | None = None


class ChatApp(Payload):
    """What an app shows of itself in a chat window."""

    name: str = ""
    avatar: str | None = None
    intro: str = ""
    type: str = ""
    chatConfig: JSON = {}
    chatModels: list[str] = []
    pluginInputs: list[JSON] = []
    canUse: bool | None = None


class ChatInit(Payload):
    """A conversation as a chat window opens it."""

    chatId: str | None = None
    appId: str | None = None
    title: str | None = None
    userAvatar: str | None = None
    variables: JSON = {}
    chatGenerateStatus: int | None = None
    hasBeenRead: bool | None = None
    app: ChatApp | None = None


class ChatHistory(Payload):
    """A conversation in a list. Times are ISO 8601 texts."""

    chatId: str = ""
    appId: str = ""
    title: str = ""
    customTitle: str | None = None
    top: bool = False
    updateTime: str = ""
    chatGenerateStatus: int | None = None
    hasBeenRead: bool | None = None
    skillId: str | None = None
    sourceType: str | None = None


class ChatStatus(Payload):
    """What a conversation is doing. ``chatGenerateStatus``: 0 generating, 1 done, 2 failed."""

    chatId: str = ""
    updateTime: str | None = None
    chatGenerateStatus: int | None = None
    hasBeenRead: bool | None = None


class ChatStatuses(Payload):
    """Unknown conversations are left out."""

    list: Rows[ChatStatus] = []


class FeedbackRecords(Payload):
    """The records of a conversation that were judged."""

    total: int = 0
    dataIds: list[str] = []


class Done(Payload):
    success: bool = False


class PresignedUpload(Payload):
    """Where and how to upload a file. ``maxSize``: bytes.

    4.14 answers a form to POST (``fields``, the file last); later servers answer ``headers`` to PUT with, whole or in
    parts of ``partSize`` bytes (``uploadMode``).
    """

    url: str = ""
    key: str | None = None
    uploadMode: str | None = None
    headers: dict[str, str] = {}
    fields: dict[str, str] = {}
    previewUrl: str | None = None
    maxSize: int | None = None
    completeUrl: str | None = None
    abortUrl: str | None = None
    partSize: int | None = None
    concurrency: int | None = None
    maxRetry: int | None = None

    @property
    def file_key(self) -> str:
        """What the file is called in the storage."""
        return self.key or as_object(self.fields).get("key", "")


class UploadedFile(Payload):
    """A file that a conversation can show to its app: see ``as_part()``. ``type``: ``img`` or ``file``.

    ``url`` and ``previewUrl`` are the same address, good for a while. Can be read like a dict too (``file["url"]``).
    """

    name: str = ""
    key: str = ""
    url: str = ""
    previewUrl: str = ""
    type: str = "file"

    def as_part(self) -> JSON:
        """The file as a part of a message.

        Example:
            >>> UploadedFile("plan.pdf", "k", "http://host/plan.pdf").as_part()
            {'type': 'file_url', 'name': 'plan.pdf', 'url': 'http://host/plan.pdf', 'key': 'k'}
        """
        if self.type == "img":
            return {"type": "image_url", "image_url": {"url": self.url}, "key": self.key}
        return {"type": "file_url", "name": self.name, "url": self.url, "key": self.key}

    def keys(self) -> tuple[str, ...]:
        return self.__struct_fields__

    def __getitem__(self, name: str) -> str:
        if name not in self.__struct_fields__:
            raise KeyError(name)
        return cast("str", getattr(self, name))

    def get(self, name: str, default: str | None = None) -> str | None:
        return self[name] if name in self.__struct_fields__ else default

    def __iter__(self) -> Iterator[str]:
        return iter(self.__struct_fields__)

    def __len__(self) -> int:
        return len(self.__struct_fields__)


class Stored(Payload):
    """What servers before 4.14 say of a file that they took."""

    fileId: str = ""
    previewUrl: str = ""


class ChatRecord(Payload):
    """One side of one turn. ``obj`` is ``Human`` or ``AI``; both sides of a turn may share ``dataId``."""

    dataId: str = ""
    obj: str = ""
    value: list[JSON] = []
    time: str | None = None
    id: str | None = None
    hideInUI: bool | None = None
    durationSeconds: float | None = None
    userGoodFeedback: str | None = None
    userBadFeedback: str | None = None
    customFeedbacks: list[Any] = []
    adminFeedback: JSON | None = None
    responseData: list[JSON] = []
    totalQuoteList: list[JSON] = []
    llmModuleAccount: int | None = None
    historyPreviewLength: int | None = None
    errorMsg: str | None = None
    anchor: Any = None
    useAgentSandbox: bool | None = None
    isFeedbackRead: bool | None = None
    deleteTime: str | None = None
    _id: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from all others of its conversation: both sides of a turn may share ``dataId``."""
        return (self.dataId, self.obj)

    @property
    def text(self) -> str:
        """The texts of the record, joined; of an answer without its thinking, as in ``reply.text``."""
        return self._split()[1]

    @property
    def reasoning(self) -> str:
        """What the model thought: in items of its own, or in ``<think>`` tags."""
        return self._split()[0]

    def _split(self) -> tuple[str, str]:
        thoughts: list[str] = []
        texts: list[str] = []
        for item in map(as_object, as_list(self.value)):
            thought, text = content_of(item.get("reasoning")), content_of(item.get("text"))
            if self.obj == "AI" and not thought:
                thought, text = split_thinking(text)
            thoughts.append(thought)
            texts.append(text)
        return "\n".join(filter(None, thoughts)), "\n".join(filter(None, texts))


class Quote(Payload):
    """A chunk that an answer cites, as it is now; ``imagePreivewUrl`` is FastGPT's spelling."""

    _id: str = ""
    q: str = ""
    a: str | None = None
    index: int | None = None
    updateTime: str | None = None
    updated: bool | None = None
    history: list[JSON] = []
    imagePreivewUrl: str | None = None
    anchor: int | None = None

    @property
    def id(self) -> str:
        """The chunk's id, as in a citation."""
        return self._id
