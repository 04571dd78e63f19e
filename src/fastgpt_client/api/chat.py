"""The chat endpoints: runs, conversations and their records, feedback, quotes.

Arguments keep FastGPT's spelling. ``appId`` may be left out wherever the client knows the app (``app_id=``,
``FASTGPT_APP_ID``, or a key with the app's id at its end).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, Unpack, cast

from .._call import Call
from .._endpoint import Api, endpoint, without_none
from .._response import ChatResponse, Response
from .._session import Options
from ..errors import ArgumentError
from ..models._base import Page
from ..models.chat import ChatHistory, ChatInit, ChatRecord, Quote, StopResult

if TYPE_CHECKING:
    from .._io import AsyncIO, FlowIO, SyncIO
    from ..events import JSON

IO = TypeVar("IO", "SyncIO", "AsyncIO", "FlowIO", covariant=True)

NO_HISTORY: Final = "NO_RECORD_HISTORIES"
"""Pass it as ``chatId`` and the server stores nothing of the run: no history, no log."""


def new_chat_id() -> str:
    """A chatId, as long as FastGPT makes them: 24 letters and digits."""
    return os.urandom(12).hex()


class ChatApi(Api[IO]):
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

        FastGPT: ``POST /api/v1/chat/completions``, with ``version="v2"`` ``POST /api/v2/chat/completions`` (4.9.4+).

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
            outLinkAuthData: ``{"shareId": …, "outLinkUid": …}``, to speak as a user of a share link (4.15+).
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
            read=lambda answer: ChatResponse(answer, chat),
            body=body,
            stream=stream,
            options=options,
        )

    @endpoint
    def stop_chat(
        self, chatId: str, appId: str | None = None, **options: Unpack[Options]
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
        arguments = {"chatId": chatId, "appId": self._app(appId)}
        return self._call("POST", "/v2/chat/stop", StopResult, arguments, options, idempotent=True)

    @endpoint
    def get_chat_init(
        self,
        appId: str | None = None,
        chatId: str | None = None,
        loadCustomFeedbacks: bool | None = None,
        **options: Unpack[Options],
    ) -> Call[Response[ChatInit]]:
        """What a chat window needs to open: the app's name, welcome text, declared variables, and the chat's title.

        FastGPT: ``GET /api/core/chat/init``. From 4.15 on it wants a chatId; a new one is made when you give none.

        Example:
            >>> client.get_chat_init(appId="…").data.app.name
        """
        arguments = {
            "appId": self._app(appId),
            "chatId": chatId or new_chat_id(),
            "loadCustomFeedbacks": loadCustomFeedbacks,
        }
        return self._call("GET", "/core/chat/init", ChatInit, arguments, options)

    @endpoint
    def get_chat_histories(
        self,
        appId: str | None = None,
        offset: int = 0,
        pageSize: int = 20,
        source: str | None = "api",
        *,
        customUid: str | None = None,
        startCreateTime: str | None = None,
        endCreateTime: str | None = None,
        startUpdateTime: str | None = None,
        endUpdateTime: str | None = None,
        **options: Unpack[Options],
    ) -> Call[Response[Page[ChatHistory]]]:
        """A page of an app's conversations, latest first.

        FastGPT: ``POST /api/core/chat/history/getHistories`` (before 4.14.5 ``/api/core/chat/getHistories``). Before
        4.15 a server answers an empty list, not an error, when no app is named.

        Args:
            appId: The app, where the client does not know it.
            offset: How many to skip.
            pageSize: How many to give.
            source: ``api``, ``online``, ``share``, ``test``, …; None for all.
            customUid: Only this user's (4.18; inferred from the documentation).
            startCreateTime, endCreateTime, startUpdateTime, endUpdateTime: ISO 8601 bounds.

        Example:
            >>> for chat in client.get_chat_histories().data.list:
            ...     print(chat.updateTime, chat.title)
        """
        arguments = {
            "appId": self._app(appId),
            "offset": offset,
            "pageSize": pageSize,
            "source": source,
            "customUid": customUid,
            "startCreateTime": startCreateTime,
            "endCreateTime": endCreateTime,
            "startUpdateTime": startUpdateTime,
            "endUpdateTime": endUpdateTime,
        }
        path = "/core/chat/history/getHistories"
        return self._call("POST", path, Page[ChatHistory], arguments, options, idempotent=True)

    @endpoint
    def update_chat_history(
        self,
        appId: str | None = None,
        chatId: str = "",
        customTitle: str | None = None,
        top: bool | None = None,
        *,
        title: str | None = None,
        **options: Unpack[Options],
    ) -> Call[Response[None]]:
        """Rename a conversation, or pin it to the top. An unknown chatId is answered with success.

        FastGPT: ``PUT /api/core/chat/history/updateHistory`` (before 4.14.5 ``/api/core/chat/updateHistory``).

        Example:
            >>> client.update_chat_history(chatId=chat.chatId, customTitle="Invoices", top=True)
        """
        arguments = {
            "appId": self._app(appId),
            "chatId": _needed("chatId", chatId),
            "title": title,
            "customTitle": customTitle,
            "top": top,
        }
        return self._call("PUT", "/core/chat/history/updateHistory", NoneType, arguments, options)

    @endpoint
    def delete_chat_history(
        self, appId: str | None = None, chatId: str = "", **options: Unpack[Options]
    ) -> Call[Response[None]]:
        """Delete a conversation. An unknown one counts as deleted.

        FastGPT: ``DELETE /api/core/chat/history/delHistory`` (before 4.14.5 ``/api/core/chat/delHistory``).

        Example:
            >>> client.delete_chat_history(chatId=chat.chatId)
        """
        arguments = {"appId": self._app(appId), "chatId": _needed("chatId", chatId)}
        return self._call("DELETE", "/core/chat/history/delHistory", NoneType, arguments, options)

    @endpoint
    def clear_chat_histories(self, appId: str | None = None, **options: Unpack[Options]) -> Call[Response[None]]:
        """Delete all conversations that this key's owner has with an app.

        FastGPT: ``DELETE /api/core/chat/history/clearHistories`` (before 4.14.5 ``/api/core/chat/clearHistories``).

        Example:
            >>> client.clear_chat_histories(appId="…")
        """
        arguments = {"appId": self._app(appId)}
        return self._call("DELETE", "/core/chat/history/clearHistories", NoneType, arguments, options)

    @endpoint
    def get_chat_records(
        self,
        appId: str | None = None,
        chatId: str = "",
        offset: int = 0,
        pageSize: int = 20,
        loadCustomFeedbacks: bool | None = None,
        *,
        type: str | None = None,  # noqa: A002  # FastGPT's name
        includeDeleted: bool | None = None,
        **options: Unpack[Options],
    ) -> Call[Response[Page[ChatRecord]]]:
        """A page of what was said in a conversation, oldest first; ``offset`` counts from the latest.

        FastGPT: ``POST /api/core/chat/record/getPaginationRecords`` (before 4.14.5
        ``/api/core/chat/getPaginationRecords``). An unknown chat has no records.

        Example:
            >>> for record in client.get_chat_records(chatId=response.chatId).data.list:
            ...     print(record.obj, record.text)
        """
        arguments = {
            "appId": self._app(appId),
            "chatId": _needed("chatId", chatId),
            "offset": offset,
            "pageSize": pageSize,
            "loadCustomFeedbacks": loadCustomFeedbacks,
            "type": type,
            "includeDeleted": includeDeleted,
        }
        path = "/core/chat/record/getPaginationRecords"
        return self._call("POST", path, Page[ChatRecord], arguments, options, idempotent=True)

    @endpoint
    def get_record_detail(
        self, appId: str | None = None, chatId: str = "", dataId: str = "", **options: Unpack[Options]
    ) -> Call[Response[list[JSON]]]:
        """The nodes that ran for one answer, with all that they recorded. An unknown record gives an empty list.

        FastGPT: ``GET /api/core/chat/record/getResData`` (before 4.14.5 ``/api/core/chat/getResData``).

        Example:
            >>> client.get_record_detail(chatId=chat.chatId, dataId=record.dataId).data[0]["moduleName"]
        """
        arguments = {
            "appId": self._app(appId),
            "chatId": _needed("chatId", chatId),
            "dataId": _needed("dataId", dataId),
        }
        return self._call("GET", "/core/chat/record/getResData", list[dict[str, Any]], arguments, options)

    @endpoint
    def delete_chat_record(
        self, appId: str | None = None, chatId: str = "", contentId: str = "", **options: Unpack[Options]
    ) -> Call[Response[None]]:
        """Delete one record of a conversation; both sides of a turn share an id and go together.

        FastGPT: ``DELETE /api/core/chat/record/delete`` (before 4.14.11 ``/api/core/chat/item/delete``).

        Args:
            contentId: The record's ``dataId``.

        Example:
            >>> client.delete_chat_record(chatId=chat.chatId, contentId=record.dataId)
        """
        arguments = {
            "appId": self._app(appId),
            "chatId": _needed("chatId", chatId),
            "contentId": _needed("contentId", contentId),
        }
        return self._call("DELETE", "/core/chat/record/delete", NoneType, arguments, options)

    @endpoint
    def get_quotes(
        self,
        appId: str | None = None,
        chatId: str = "",
        chatItemDataId: str = "",
        datasetDataIdList: Sequence[str] = (),
        collectionIdList: Sequence[str] = (),
        **options: Unpack[Options],
    ) -> Call[Response[list[Quote]]]:
        """The chunks that an answer cites, as they are in the knowledge base now. Unknown ids are left out.

        FastGPT: ``POST /api/core/chat/record/getQuote`` (before 4.14.11 ``/api/core/chat/quote/getQuote``).

        Args:
            chatItemDataId: The answer's record.
            datasetDataIdList: Ids of citations (``reply.citations[0].id``); at most 200.
            collectionIdList: Ids of their collections.

        Example:
            >>> cited = reply.citations
            >>> client.get_quotes(
            ...     chatId=reply.chatId,
            ...     chatItemDataId=record.dataId,
            ...     datasetDataIdList=[citation.id for citation in cited],
            ...     collectionIdList=[citation.collectionId for citation in cited],
            ... )
        """
        arguments = {
            "appId": self._app(appId),
            "chatId": _needed("chatId", chatId),
            "chatItemDataId": _needed("chatItemDataId", chatItemDataId),
            "datasetDataIdList": list(datasetDataIdList),
            "collectionIdList": list(collectionIdList),
        }
        path = "/core/chat/record/getQuote"
        return self._call("POST", path, list[Quote], arguments, options, idempotent=True)

    @endpoint
    def update_user_feedback(
        self,
        appId: str | None = None,
        chatId: str = "",
        dataId: str = "",
        userGoodFeedback: str | None = None,
        userBadFeedback: str | None = None,
        **options: Unpack[Options],
    ) -> Call[Response[None]]:
        """Say that an answer was good, or what was bad about it; with neither, take it back.

        FastGPT: ``POST /api/core/chat/feedback/updateUserFeedback``.

        Args:
            dataId: The answer's record.
            userGoodFeedback: Any text (the web app sends ``"yes"``) for good.
            userBadFeedback: What was wrong.

        Raises:
            NotFoundError: There is no such record (4.11 answers success).

        Example:
            >>> client.update_user_feedback(chatId=chat.chatId, dataId=record.dataId, userGoodFeedback="yes")
        """
        arguments = {
            "appId": self._app(appId),
            "chatId": _needed("chatId", chatId),
            "dataId": _needed("dataId", dataId),
            "userGoodFeedback": userGoodFeedback,
            "userBadFeedback": userBadFeedback,
        }
        path = "/core/chat/feedback/updateUserFeedback"
        return self._call("POST", path, NoneType, arguments, options, idempotent=True)


def _needed(name: str, value: str) -> str:
    if not value:
        raise ArgumentError(f"{name} is needed, and must not be empty")
    return value


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
