"""The chat endpoints: runs, and what a chat window needs; histories and records are in ``history``.

Arguments keep FastGPT's spelling. ``appId`` may be left out wherever the client knows the app (``app_id=``,
``FASTGPT_APP_ID``, or a key with the app's id at its end). A skill, or a user of a share link, is meant with the
options ``skillId``, ``sourceType`` and ``outLinkAuthData`` (see :class:`ChatOptions`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, Unpack, cast

from .. import _json
from .._call import Call
from .._download import FileResponse
from .._endpoint import as_steps, endpoint, flow, without_none
from .._files import FileSource, Progress, Upload
from .._flow import Flow
from .._io import FlowIO
from .._response import ChatResponse, Response
from .._session import Options
from ..errors import ArgumentError
from ..models.chat import (
    ChatInit,
    PresignedUpload,
    StopResult,
    UploadedFile,
)
from ._arguments import ChatOptions, needed
from .history import HistoryApi
from .uploads import upload

if TYPE_CHECKING:
    from .._answer import Answer
    from .._io import AsyncIO, SyncIO

IO = TypeVar("IO", "SyncIO", "AsyncIO", "FlowIO", covariant=True)

NO_HISTORY: Final = "NO_RECORD_HISTORIES"
"""Pass it as ``chatId`` and the server stores nothing of the run: no history, no log."""


def new_chat_id() -> str:
    """A chatId, as long as FastGPT makes them: 24 letters and digits."""
    return os.urandom(12).hex()


class ChatApi(HistoryApi[IO]):
    """Everything under FastGPT's ``/v1/chat``, ``/v2/chat`` and ``/core/chat``."""

    @endpoint
    def create_chat_completion(
        self,
        messages: Sequence[Mapping[str, object]] | None = None,
        stream: bool = False,
        chatId: str | None = None,
        detail: bool = False,
        variables: Mapping[str, object] | None = None,
        responseChatItemId: str | None = None,
        *,
        appId: str | None = None,
        customUid: str | None = None,
        metadata: Mapping[str, object] | None = None,
        retainDatasetCite: bool | None = None,
        showSkillReferences: bool | None = None,
        outLinkAuthData: Mapping[str, str] | None = None,
        authProxy: Mapping[str, str] | None = None,
        version: Literal["v1", "v2"] = "v1",
        **options: Unpack[Options],
    ) -> Call[ChatResponse]:
        """Run an app: ask it something, or start it with variables.

        FastGPT: ``POST /api/v1/chat/completions`` (with ``version="v2"`` ``/api/v2/chat/completions``: 4.9.4+).

        Args:
            messages: ``[{"role": "user", "content": "…"}]``. With a chatId the server adds the stored history
                itself, so send only what is new. Leave out for plugins and tools, which take ``variables``.
            stream: Get the answer piece by piece. Also the way for long runs: a proxy sees that work goes on.
            chatId: The conversation to go on with. None starts a new one under an id made here
                (``response.chatId``); :data:`NO_HISTORY` leaves no trace.
            detail: Also tell nodes, citations, tools, questions to the user, and why something failed. Without it
                FastGPT hides failures behind an empty answer.
            variables: The app's global variables; of a plugin, its inputs.
            responseChatItemId: Id for the answer's record; must be new in its chat.
            appId: The app, where the key does not say it.
            customUid: Your own id of the user, for logs.
            metadata: Stored with the chat.
            retainDatasetCite: Keep ``[id](CITE)`` marks in the text.
            showSkillReferences: Show what an agent's skills refer to (4.15+).
            outLinkAuthData: ``{"shareId": …, "outLinkUid": …}``, to speak as a user of a share link; the two are
                also sent beside the other arguments, where servers before 4.15 read them.
            authProxy: ``{"username": …}`` or ``{"tmbId": …}``, to run as another member (4.15+).
            version: v2 also streams every node as it finishes, and goes on when the client hangs up.
            **options: ``timeout``, ``max_retries``, ``extra_headers``, ``extra_body`` for this call.

        Returns:
            The answer; ``reply()`` reads it whatever its form.

        Raises:
            AuthenticationError: The key is missing or wrong.
            WrongKeyKindError: The key names no app, and neither did you.
            ConflictError: This chat is still generating, or ``responseChatItemId`` is used.
            RateLimitError: Too many requests.
            APIConnectionError, APITimeoutError: No answer. A run is repeated only if it certainly did not start.

        Example:
            >>> response = client.create_chat_completion([{"role": "user", "content": "Hello!"}])
            >>> print(response.reply().text)
        """
        if version not in ("v1", "v2"):
            raise ArgumentError(f'version must be "v1" or "v2", not {version!r}')
        chat = _check_chat_id(chatId) or new_chat_id()
        if extra := options.get("extra_body"):
            chat = str(extra.get("chatId") or chat)
        body = without_none(
            {
                "chatId": chat,
                "appId": self._app(appId),
                "messages": None if messages is None else _check_messages(messages),
                "stream": stream,
                "detail": detail,
                "variables": variables,
                "responseChatItemId": responseChatItemId,
                "customUid": customUid,
                "metadata": metadata,
                "retainDatasetCite": retainDatasetCite,
                "showSkillReferences": showSkillReferences,
                "outLinkAuthData": outLinkAuthData,
                "authProxy": authProxy,
            }
        )
        return Call(
            method="POST",
            path=f"/{version}/chat/completions",
            read=lambda answer: ChatResponse(answer, chat, responseChatItemId or ""),
            body=body,
            stream=stream,
            options=options,
        )

    @endpoint
    def stop_chat(
        self, chatId: str, appId: str | None = None, **options: Unpack[ChatOptions]
    ) -> Call[Response[StopResult]]:
        """Stop the run that a conversation is busy with. What was said so far is kept.

        FastGPT: ``POST /api/v2/chat/stop`` (4.14.5+).

        Args:
            chatId: The conversation.
            appId: The app, where the client does not know it.

        Raises:
            NotFoundError: The server is older than 4.14.5: close the stream instead.

        Example:
            >>> client.stop_chat(response.chatId).data.success
        """
        arguments = {"chatId": chatId, **self._target(appId, options)}
        return self._call("POST", "/v2/chat/stop", StopResult, arguments, options, idempotent=True)

    @endpoint
    def resume_chat(self, chatId: str, appId: str | None = None, **options: Unpack[ChatOptions]) -> Call[ChatResponse]:
        """Join the run that a conversation is busy with, from its beginning, as a stream of events.

        The server repeats what it kept (after ``resumePhase`` ``catchup``) and goes on with what comes (``live``). It
        keeps something only of v2 streams that were asked for with the header ``x-fastgpt-stream-resume: 1``, as
        conversations do; else the stream tells the stored records when the run is over. A run that is over is
        answered with its records; that is recorded, the rest is read from FastGPT's source.

        FastGPT: ``GET /api/core/chat/resume`` (4.15+).

        Args:
            chatId: The conversation.
            appId: The app, where the client does not know it.

        Raises:
            NotFoundError: The server is older, or has no such conversation.

        Example:
            >>> client.resume_chat(chat.chatId).reply().text
        """
        headers = {"accept": "text/event-stream", **options.get("extra_headers", {})}
        return Call(
            method="GET",
            path="/core/chat/resume",
            read=lambda answer: _resumed(answer, chatId),
            params=without_none(self._chat(appId, chatId, options)),
            idempotent=True,
            stream=True,
            options=cast("ChatOptions", {**options, "extra_headers": headers}),
        )

    @endpoint
    def get_chat_init(
        self,
        appId: str | None = None,
        chatId: str | None = None,
        loadCustomFeedbacks: bool | None = None,
        **options: Unpack[ChatOptions],
    ) -> Call[Response[ChatInit]]:
        """What a chat window needs to open: the app's name, welcome text, declared variables, and the chat's title.

        FastGPT: ``GET /api/core/chat/init``. From 4.15 on it wants a chatId; a new one is made when you give none.

        Example:
            >>> client.get_chat_init(appId="…").data.app.name
        """
        arguments = {
            **self._target(appId, options),
            "chatId": chatId or new_chat_id(),
            "loadCustomFeedbacks": loadCustomFeedbacks,
        }
        return self._call("GET", "/core/chat/init", ChatInit, arguments, options)

    @endpoint
    def presign_chat_file_post_url(
        self,
        filename: str,
        appId: str | None = None,
        chatId: str = "",
        *,
        contentType: str | None = None,
        size: int | None = None,
        declaredExtension: str | None = None,
        declaredFilename: str | None = None,
        **options: Unpack[ChatOptions],
    ) -> Call[Response[PresignedUpload]]:
        """Where to upload a file that a conversation will show to its app. Nothing is uploaded by this.

        FastGPT: ``POST /api/core/chat/file/presignChatFilePostUrl`` (4.14.0+; before 4.14.5
        ``/api/core/chat/presignChatFilePostUrl``). Before 4.14.5 the answer has other fields.

        Args:
            filename: Its name, with the extension.
            appId: The app, where the client does not know it.
            chatId: The conversation.
            contentType, declaredExtension, declaredFilename: What the file is said to be (read from the source).
            size: Bytes (read from the source).

        Raises:
            NotFoundError: The server is older than 4.14.

        Example:
            >>> client.presign_chat_file_post_url("plan.pdf", chatId=chat.chatId).data.url
        """
        arguments = {
            **self._chat(appId, chatId, options),
            "filename": needed("filename", filename),
            "contentType": contentType,
            "size": size,
            "declaredExtension": declaredExtension,
            "declaredFilename": declaredFilename,
        }
        path = "/core/chat/file/presignChatFilePostUrl"
        return self._call("POST", path, PresignedUpload, arguments, options, idempotent=True)

    @endpoint
    def presign_chat_file_get_url(
        self, key: str, appId: str | None = None, chatId: str = "", **options: Unpack[ChatOptions]
    ) -> Call[Response[str]]:
        """An address that an uploaded file can be read at for a while.

        FastGPT: ``POST /api/core/chat/file/presignChatFileGetUrl`` (4.14.0+; before 4.14.5
        ``/api/core/chat/presignChatFileGetUrl``).

        Args:
            key: What the storage calls the file (``file_key`` of the presigned upload).

        Example:
            >>> client.presign_chat_file_get_url(upload.file_key, chatId=chat.chatId).data
        """
        arguments = {
            **self._chat(appId, chatId, options),
            "key": needed("key", key),
        }
        return self._call("POST", "/core/chat/file/presignChatFileGetUrl", str, arguments, options, idempotent=True)

    @flow
    def upload_chat_file(
        self,
        appId: str | None = None,
        chatId: str = "",
        file: FileSource | Upload | None = None,
        file_type: str | None = None,
        *,
        filename: str | None = None,
        contentType: str | None = None,
        progress: Progress | None = None,
        file_path: str | os.PathLike[str] | None = None,
        **options: Unpack[ChatOptions],
    ) -> Flow[UploadedFile]:
        """Upload a file, so that a conversation can show it to its app: ``as_part()`` is the part of the message.

        FastGPT: ``POST /api/core/chat/file/presignChatFilePostUrl``, then PUT to the address that it answers, whole or
        in parts (4.14.5+; parts 4.16+, read from the source); 4.14.0 to 4.14.4 a form to the storage; before
        ``POST /api/common/file/upload``. The key goes to FastGPT only, never to a storage. The app must allow files.

        Args:
            appId: The app, where the client does not know it.
            chatId: The conversation (``conversation.chatId``).
            file: A path, bytes, a file opened in binary mode, or an iterator of bytes (see :class:`Upload`). A storage
                may refuse what has no known size, such as an iterator.
            file_type: ``"img"`` or ``"image"`` for a picture, anything else for a file; without it the type tells.
            filename, contentType: What it is called, and its MIME type, where the file does not tell.
            progress: Called with the bytes sent so far, and how many there are in all (None where that is not known).
            file_path: What ``file`` was called in the earlier SDK.

        Raises:
            ArgumentError: There is no such file, or it is larger than the server takes.
            PermissionDeniedError, ValidationError: The app, or the storage, does not take it.

        Example:
            >>> file = client.upload_chat_file(chatId=chat.chatId, file="plan.pdf")
            >>> chat.send([{"type": "text", "text": "Sum it up"}, file.as_part()])
        """
        source = file if file is not None else file_path
        if source is None:
            raise ArgumentError("file is needed: a path, bytes, or a file opened in binary mode")
        sending = Upload(source, filename, contentType)
        steps: ChatApi[FlowIO] = as_steps(self)
        stored = yield from upload(
            lambda: steps.presign_chat_file_post_url(
                sending.name, appId, chatId, contentType=contentType, size=sending.size or None, **options
            ),
            "chat",
            without_none(self._chat(appId, chatId, options)),
            sending,
            progress,
            self._session,
            options,
        )
        if isinstance(stored, PresignedUpload):
            key, url = stored.file_key, stored.previewUrl
            if not url:
                url = (yield from steps.presign_chat_file_get_url(key, appId, chatId, **options)).data
        else:
            key, url = stored.fileId, stored.previewUrl
        picture = sending.type.startswith("image/") if file_type is None else file_type in ("img", "image")
        return UploadedFile(sending.name, key, url, url, "img" if picture else "file")

    @flow
    def upload_chat_image(
        self,
        appId: str | None = None,
        chatId: str = "",
        file: FileSource | Upload | None = None,
        *,
        filename: str | None = None,
        contentType: str | None = None,
        progress: Progress | None = None,
        file_path: str | os.PathLike[str] | None = None,
        **options: Unpack[ChatOptions],
    ) -> Flow[UploadedFile]:
        """``upload_chat_file`` for a picture: its part of the message is an ``image_url``, whatever its name says.

        FastGPT: ``POST /api/core/chat/file/presignChatFilePostUrl`` and what follows, as ``upload_chat_file``.

        Example:
            >>> client.upload_chat_image(chatId=chat.chatId, file="cat.png").as_part()["type"]
            'image_url'
        """
        steps: ChatApi[FlowIO] = as_steps(self)
        return (
            yield from steps.upload_chat_file(
                appId,
                chatId,
                file,
                "img",
                filename=filename,
                contentType=contentType,
                progress=progress,
                file_path=file_path,
                **options,
            )
        )

    @endpoint
    def get_speech(
        self,
        input: str,  # noqa: A002  # FastGPT's name
        ttsConfig: Mapping[str, object],
        appId: str | None = None,
        **options: Unpack[ChatOptions],
    ) -> Call[FileResponse]:
        """A text, spoken. The answer is a sound file: ``save()`` it, or read it in pieces.

        FastGPT: ``POST /api/core/chat/record/getSpeech`` (before 4.14.11 ``/api/core/chat/item/getSpeech``; both read
        from the source, not recorded).

        Args:
            input: The text.
            ttsConfig: ``{"type": "model", "model": …, "voice": …, "speed": 1}``; the newest servers want ``modelId``.
            appId: The app, where the client does not know it.

        Example:
            >>> config = {"type": "model", "model": "tts-1", "voice": "alloy"}
            >>> client.get_speech("Hello!", config).save("hello.mp3")
        """
        arguments = {**self._target(appId, options), "ttsConfig": dict(ttsConfig), "input": needed("input", input)}
        return self._download("POST", "/core/chat/record/getSpeech", arguments, options, idempotent=False)

    @endpoint
    def query_input_guide(
        self, searchKey: str | None = None, appId: str | None = None, **options: Unpack[ChatOptions]
    ) -> Call[Response[list[str]]]:
        """What an app proposes while its user types. An empty list where it has no such words.

        FastGPT: ``POST /api/core/chat/inputGuide/query``.

        Example:
            >>> client.query_input_guide("inv").data
        """
        arguments = {**self._target(appId, options), "searchKey": searchKey or ""}
        return self._call("POST", "/core/chat/inputGuide/query", list[str], arguments, options, idempotent=True)

    @endpoint
    def create_question_guide(
        self,
        appId: str | None = None,
        chatId: str = "",
        questionGuide: Mapping[str, object] | None = None,
        **options: Unpack[ChatOptions],
    ) -> Call[Response[list[str]]]:
        """Questions that a user may want to ask next, made by a model from the conversation.

        FastGPT: ``POST /api/core/ai/agent/v2/createQuestionGuide`` (4.8.18+; read from the source, not recorded).

        Args:
            questionGuide: ``{"open": True, "model": …, "customPrompt": …}``; without it the app's settings.

        Example:
            >>> client.create_question_guide(chatId=chat.chatId).data
        """
        arguments = {
            **self._chat(appId, chatId, options),
            "questionGuide": questionGuide,
        }
        return self._call("POST", "/core/ai/agent/v2/createQuestionGuide", list[str], arguments, options)

    @endpoint
    def create_question_guide_of_messages(
        self, messages: Sequence[Mapping[str, object]], **options: Unpack[Options]
    ) -> Call[Response[list[str]]]:
        """Questions that a user may want to ask next, made by a model from messages.

        FastGPT: ``POST /api/core/ai/agent/createQuestionGuide`` (deprecated).

        Example:
            >>> client.create_question_guide_of_messages([{"role": "user", "content": "What is FastGPT?"}]).data
        """
        arguments = {"messages": _check_messages(messages)}
        return self._call("POST", "/core/ai/agent/createQuestionGuide", list[str], arguments, options)


def _resumed(answer: Answer, chatId: str) -> ChatResponse:
    """A stream; or of a run that is over its records, which are then made into one."""
    if answer.content is not None and answer.content_type != "text/event-stream":
        records = Response(answer, dict[str, Any]).data
        answer.content = b"event: resumeCompleted\ndata: %s\n\ndata: [DONE]\n\n" % _json.encode(records)
    return ChatResponse(answer, chatId)


def _check_chat_id(chatId: object) -> str | None:
    if chatId is None or chatId == "":
        return None
    if not isinstance(chatId, str):
        raise ArgumentError(f"chatId must be a string, not {chatId!r}")
    if len(chatId) > 1024:
        raise ArgumentError(
            f"chatId must have fewer than 250 characters to be safe on every version; this one has {len(chatId)}"
        )
    return chatId


def _check_messages(messages: Iterable[Mapping[str, object]]) -> list[Mapping[str, object]]:
    """Refuse what FastGPT would answer with an opaque error, and what would be sent letter by letter."""
    if isinstance(messages, (str, bytes, Mapping)):
        raise ArgumentError(
            f"messages must be a list of messages, not {messages!r:.80}; for one question: "
            '[{"role": "user", "content": "…"}]'
        )
    checked = list(messages)
    for position, message in enumerate(checked):
        if not isinstance(cast("object", message), Mapping) or "role" not in message:
            raise ArgumentError(
                f'messages[{position}] must be like {{"role": "user", "content": "…"}}, not {message!r:.80}'
            )
    return checked
