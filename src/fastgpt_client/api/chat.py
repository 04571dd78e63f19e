"""The chat endpoints: runs, conversations and their records, feedback, quotes.

Arguments keep FastGPT's spelling. ``appId`` may be left out wherever the client knows the app (``app_id=``,
``FASTGPT_APP_ID``, or a key with the app's id at its end). A skill, or a user of a share link, is meant with the
options ``skillId``, ``sourceType`` and ``outLinkAuthData`` (see :class:`ChatOptions`).
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
from ..models._base import LinkedPage, Page
from ..models.chat import (
    ChatHistory,
    ChatInit,
    ChatRecord,
    ChatStatuses,
    Done,
    FeedbackRecords,
    PresignedUpload,
    Quote,
    StopResult,
)
from ._arguments import ChatOptions, ids, needed, page, wire_arguments

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

    def _target(self, appId: str | None, options: ChatOptions) -> dict[str, object]:
        """Whose chat is meant: an app's, a skill's, or a share's; servers refuse two at once."""
        given = wire_arguments(options, ChatOptions)
        if not appId and ("skillId" in given or "outLinkAuthData" in given):
            return given
        return {"appId": self._app(appId), **given}

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
    def get_chat_histories(
        self,
        appId: str | None = None,
        offset: int = 0,
        pageSize: int = 20,
        source: str | None = "api",
        *,
        pageNum: int | None = None,
        customUid: str | None = None,
        startCreateTime: str | None = None,
        endCreateTime: str | None = None,
        startUpdateTime: str | None = None,
        endUpdateTime: str | None = None,
        **options: Unpack[ChatOptions],
    ) -> Call[Response[Page[ChatHistory]]]:
        """A page of an app's conversations, latest first.

        FastGPT: ``POST /api/core/chat/history/getHistories`` (before 4.14.5 ``/api/core/chat/getHistories``). Before
        4.15 a server answers an empty list, not an error, when no app is named.

        Args:
            appId: The app, where the client does not know it.
            offset: How many to skip.
            pageSize: How many to give.
            pageNum: The n-th page, from 1, instead of ``offset``.
            source: ``api``, ``online``, ``share``, ``test``, …; None for all.
            customUid: Only this user's (4.18; inferred from the documentation).
            startCreateTime, endCreateTime, startUpdateTime, endUpdateTime: ISO 8601 bounds.

        Example:
            >>> for chat in client.get_chat_histories().data.list:
            ...     print(chat.updateTime, chat.title)
        """
        arguments = {
            **self._target(appId, options),
            **page(offset, pageSize, pageNum),
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
        **options: Unpack[ChatOptions],
    ) -> Call[Response[None]]:
        """Rename a conversation, or pin it to the top. An unknown chatId is answered with success.

        FastGPT: ``PUT /api/core/chat/history/updateHistory`` (before 4.14.5 ``/api/core/chat/updateHistory``).

        Example:
            >>> client.update_chat_history(chatId=chat.chatId, customTitle="Invoices", top=True)
        """
        arguments = {
            **self._target(appId, options),
            "chatId": needed("chatId", chatId),
            "title": title,
            "customTitle": customTitle,
            "top": top,
        }
        return self._call("PUT", "/core/chat/history/updateHistory", NoneType, arguments, options)

    @endpoint
    def delete_chat_history(
        self, appId: str | None = None, chatId: str = "", **options: Unpack[ChatOptions]
    ) -> Call[Response[None]]:
        """Delete a conversation. An unknown one counts as deleted.

        FastGPT: ``DELETE /api/core/chat/history/delHistory`` (before 4.14.5 ``/api/core/chat/delHistory``).

        Example:
            >>> client.delete_chat_history(chatId=chat.chatId)
        """
        arguments = {**self._target(appId, options), "chatId": needed("chatId", chatId)}
        return self._call("DELETE", "/core/chat/history/delHistory", NoneType, arguments, options)

    @endpoint
    def clear_chat_histories(self, appId: str | None = None, **options: Unpack[ChatOptions]) -> Call[Response[None]]:
        """Delete all conversations that this key's owner has with an app.

        FastGPT: ``DELETE /api/core/chat/history/clearHistories`` (before 4.14.5 ``/api/core/chat/clearHistories``).

        Example:
            >>> client.clear_chat_histories(appId="…")
        """
        arguments = {**self._target(appId, options)}
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
        pageNum: int | None = None,
        type: str | None = None,  # noqa: A002  # FastGPT's name
        includeDeleted: bool | None = None,
        **options: Unpack[ChatOptions],
    ) -> Call[Response[Page[ChatRecord]]]:
        """A page of what was said in a conversation, oldest first; ``offset`` counts from the latest.

        FastGPT: ``POST /api/core/chat/record/getPaginationRecords`` (before 4.14.5
        ``/api/core/chat/getPaginationRecords``). An unknown chat has no records.

        Example:
            >>> for record in client.get_chat_records(chatId=response.chatId).data.list:
            ...     print(record.obj, record.text)
        """
        arguments = {
            **self._target(appId, options),
            "chatId": needed("chatId", chatId),
            **page(offset, pageSize, pageNum),
            "loadCustomFeedbacks": loadCustomFeedbacks,
            "type": type,
            "includeDeleted": includeDeleted,
        }
        path = "/core/chat/record/getPaginationRecords"
        return self._call("POST", path, Page[ChatRecord], arguments, options, idempotent=True)

    @endpoint
    def get_chat_statuses(
        self, chatIds: Sequence[str], appId: str | None = None, **options: Unpack[ChatOptions]
    ) -> Call[Response[ChatStatuses]]:
        """Which of these conversations are still generating, and which have not been read.

        FastGPT: ``POST /api/core/chat/history/getHistoryStatus`` (4.15+).

        Args:
            chatIds: At most 200. Unknown ones are left out of the answer (inferred).
            appId: The app, where the client does not know it.

        Example:
            >>> {chat.chatId: chat.chatGenerateStatus for chat in client.get_chat_statuses(["…"]).data.list}
        """
        arguments = {**self._target(appId, options), "chatIds": ids("chatIds", chatIds, 200)}
        path = "/core/chat/history/getHistoryStatus"
        return self._call("POST", path, ChatStatuses, arguments, options, idempotent=True)

    @endpoint
    def mark_chat_read(
        self, appId: str | None = None, chatId: str = "", **options: Unpack[ChatOptions]
    ) -> Call[Response[None]]:
        """Say that a conversation has been read.

        FastGPT: ``POST /api/core/chat/history/markRead`` (4.15+).

        Example:
            >>> client.mark_chat_read(chatId=chat.chatId)
        """
        arguments = {**self._target(appId, options), "chatId": needed("chatId", chatId)}
        return self._call("POST", "/core/chat/history/markRead", NoneType, arguments, options, idempotent=True)

    @endpoint
    def delete_chat_histories(
        self, chatIds: Sequence[str], appId: str | None = None, **options: Unpack[ChatOptions]
    ) -> Call[Response[None]]:
        """Delete conversations for good, whoever had them. Needs the right to manage the app's logs.

        FastGPT: ``POST /api/core/chat/history/batchDelete`` (4.14.5+).

        Example:
            >>> client.delete_chat_histories([chat.chatId for chat in client.get_chat_histories().data.list])
        """
        arguments = {**self._target(appId, options), "chatIds": ids("chatIds", chatIds)}
        return self._call("POST", "/core/chat/history/batchDelete", NoneType, arguments, options)

    @endpoint
    def get_chat_records_v2(
        self,
        appId: str | None = None,
        chatId: str = "",
        pageSize: int = 20,
        *,
        initialId: str | None = None,
        nextId: str | None = None,
        prevId: str | None = None,
        anchor: object = None,
        loadCustomFeedbacks: bool | None = None,
        type: str | None = None,  # noqa: A002  # FastGPT's name
        includeDeleted: bool | None = None,
        **options: Unpack[ChatOptions],
    ) -> Call[Response[LinkedPage[ChatRecord]]]:
        """Records of a conversation around one of them, or on from one of them. Stable while records are added.

        FastGPT: ``POST /api/core/chat/record/getRecords_v2`` (4.14.5+; 4.14.4 ``/api/core/chat/getRecords_v2``).

        Args:
            appId: The app, where the client does not know it.
            chatId: The conversation.
            pageSize: How many to give.
            initialId: The record (its ``id``) to give with its neighbours. Without an id: the latest records.
            nextId: Only what comes after this record; for the next page the ``id`` of the last row.
            prevId: Only what comes before this record; for the page before the ``id`` of the first row.
            anchor: What the row said of its place, where it said something.

        Raises:
            NotFoundError: The server is older than 4.14.4: use ``get_chat_records``.

        Example:
            >>> page = client.get_chat_records_v2(chatId=chat.chatId).data
            >>> while page.hasMorePrev:
            ...     page = client.get_chat_records_v2(chatId=chat.chatId, prevId=page.list[0].id).data
        """
        arguments = {
            **self._target(appId, options),
            "chatId": needed("chatId", chatId),
            "pageSize": pageSize,
            "initialId": initialId,
            "nextId": nextId,
            "prevId": prevId,
            "anchor": anchor,
            "loadCustomFeedbacks": loadCustomFeedbacks,
            "type": type,
            "includeDeleted": includeDeleted,
        }
        path = "/core/chat/record/getRecords_v2"
        return self._call("POST", path, LinkedPage[ChatRecord], arguments, options, idempotent=True)

    @endpoint
    def get_record_detail(
        self, appId: str | None = None, chatId: str = "", dataId: str = "", **options: Unpack[ChatOptions]
    ) -> Call[Response[list[JSON]]]:
        """The nodes that ran for one answer, with all that they recorded. An unknown record gives an empty list.

        FastGPT: ``GET /api/core/chat/record/getResData`` (before 4.14.5 ``/api/core/chat/getResData``).

        Example:
            >>> client.get_record_detail(chatId=chat.chatId, dataId=record.dataId).data[0]["moduleName"]
        """
        arguments = {
            **self._target(appId, options),
            "chatId": needed("chatId", chatId),
            "dataId": needed("dataId", dataId),
        }
        return self._call("GET", "/core/chat/record/getResData", list[dict[str, Any]], arguments, options)

    @endpoint
    def delete_chat_record(
        self,
        appId: str | None = None,
        chatId: str = "",
        contentId: str = "",
        *,
        contentIds: Sequence[str] | None = None,
        **options: Unpack[ChatOptions],
    ) -> Call[Response[None]]:
        """Delete one record of a conversation; both sides of a turn share an id and go together.

        FastGPT: ``DELETE /api/core/chat/record/delete`` (before 4.14.11 ``/api/core/chat/item/delete``).

        Args:
            contentId: The record's ``dataId``.
            contentIds: Several of them instead (4.15+, inferred).

        Example:
            >>> client.delete_chat_record(chatId=chat.chatId, contentId=record.dataId)
        """
        arguments = {
            **self._target(appId, options),
            "chatId": needed("chatId", chatId),
            "contentId": needed("contentId", contentId) if contentIds is None else contentId or None,
            "contentIds": None if contentIds is None else ",".join(ids("contentIds", contentIds)),
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
        **options: Unpack[ChatOptions],
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
            **self._target(appId, options),
            "chatId": needed("chatId", chatId),
            "chatItemDataId": needed("chatItemDataId", chatItemDataId),
            "datasetDataIdList": list(datasetDataIdList),
            "collectionIdList": list(collectionIdList),
        }
        path = "/core/chat/record/getQuote"
        return self._call("POST", path, list[Quote], arguments, options, idempotent=True)

    @endpoint
    def get_collection_quotes(
        self,
        appId: str | None = None,
        chatId: str = "",
        chatItemDataId: str = "",
        collectionId: str = "",
        pageSize: int = 15,
        *,
        initialId: str | None = None,
        nextId: str | None = None,
        prevId: str | None = None,
        anchor: float | None = None,
        **options: Unpack[ChatOptions],
    ) -> Call[Response[LinkedPage[Quote]]]:
        """The chunks of a cited collection around a citation, as a reader needs them to see it in its place.

        FastGPT: ``POST /api/core/chat/record/getCollectionQuote`` (before 4.14.11
        ``/api/core/chat/quote/getCollectionQuote``).

        Args:
            chatItemDataId: The answer's record.
            collectionId: The collection that it cites.
            pageSize: How many to give, at most 30.
            initialId: The chunk to give with its neighbours.
            nextId: Only what comes after this chunk.
            prevId: Only what comes before this chunk.
            anchor: The ``index`` of that chunk. Before 4.14.11 servers need it to find its neighbours; without it
                they are asked for those of index 0.

        Raises:
            PermissionDeniedError: The answer does not cite this collection, or the app hides its sources.

        Example:
            >>> cited = reply.citations[0]
            >>> client.get_collection_quotes(
            ...     chatId=reply.chatId,
            ...     chatItemDataId=record.dataId,
            ...     collectionId=cited.collectionId,
            ...     initialId=cited.id,
            ... )
        """
        arguments = {
            **self._target(appId, options),
            "chatId": needed("chatId", chatId),
            "chatItemDataId": needed("chatItemDataId", chatItemDataId),
            "collectionId": needed("collectionId", collectionId),
            "pageSize": pageSize,
            "initialId": initialId,
            "nextId": nextId,
            "prevId": prevId,
            "anchor": anchor,
        }
        path = "/core/chat/record/getCollectionQuote"
        return self._call("POST", path, LinkedPage[Quote], arguments, options, idempotent=True)

    @endpoint
    def update_user_feedback(
        self,
        appId: str | None = None,
        chatId: str = "",
        dataId: str = "",
        userGoodFeedback: str | None = None,
        userBadFeedback: str | None = None,
        **options: Unpack[ChatOptions],
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
            **self._target(appId, options),
            "chatId": needed("chatId", chatId),
            "dataId": needed("dataId", dataId),
            "userGoodFeedback": userGoodFeedback,
            "userBadFeedback": userBadFeedback,
        }
        path = "/core/chat/feedback/updateUserFeedback"
        return self._call("POST", path, NoneType, arguments, options, idempotent=True)

    @endpoint
    def get_feedback_record_ids(
        self,
        appId: str | None = None,
        chatId: str = "",
        feedbackType: Literal["has_feedback", "good", "bad"] = "has_feedback",
        unreadOnly: bool | None = None,
        **options: Unpack[ChatOptions],
    ) -> Call[Response[FeedbackRecords]]:
        """Which records of a conversation were judged by its user.

        FastGPT: ``POST /api/core/chat/feedback/getFeedbackRecordIds`` (4.14.4+, read from the source; not in 4.11).

        Example:
            >>> client.get_feedback_record_ids(chatId=chat.chatId, feedbackType="bad").data.dataIds
        """
        arguments = {
            **self._target(appId, options),
            "chatId": needed("chatId", chatId),
            "feedbackType": feedbackType,
            "unreadOnly": unreadOnly,
        }
        path = "/core/chat/feedback/getFeedbackRecordIds"
        return self._call("POST", path, FeedbackRecords, arguments, options, idempotent=True)

    @endpoint
    def update_feedback_read_status(
        self,
        appId: str | None = None,
        chatId: str = "",
        dataId: str = "",
        isRead: bool = True,
        **options: Unpack[ChatOptions],
    ) -> Call[Response[Done]]:
        """Say that the feedback on a record was seen, or was not.

        FastGPT: ``POST /api/core/chat/feedback/updateFeedbackReadStatus`` (4.14.4+).

        Example:
            >>> client.update_feedback_read_status(chatId=chat.chatId, dataId=record.dataId).data.success
        """
        arguments = {
            **self._target(appId, options),
            "chatId": needed("chatId", chatId),
            "dataId": needed("dataId", dataId),
            "isRead": isRead,
        }
        path = "/core/chat/feedback/updateFeedbackReadStatus"
        return self._call("POST", path, Done, arguments, options, idempotent=True)

    @endpoint
    def update_admin_feedback(
        self,
        appId: str | None = None,
        chatId: str = "",
        dataId: str = "",
        *,
        datasetId: str,
        feedbackDataId: str,
        q: str,
        a: str | None = None,
        **options: Unpack[ChatOptions],
    ) -> Call[Response[None]]:
        """Note on an answer what it should have been: the chunk that was put into a knowledge base for it.

        The chunk itself is made with ``insert_data``; this only notes it.

        FastGPT: ``POST /api/core/chat/feedback/adminUpdate`` (read from the source, not recorded).

        Args:
            dataId: The answer's record.
            datasetId: The knowledge base with the correction.
            feedbackDataId: The chunk with the correction.
            q, a: What it says.

        Example:
            >>> client.update_admin_feedback(
            ...     chatId=chat.chatId, dataId=record.dataId, datasetId="…", feedbackDataId=chunk, q="…", a="…"
            ... )
        """
        arguments = {
            **self._target(appId, options),
            "chatId": needed("chatId", chatId),
            "dataId": needed("dataId", dataId),
            "datasetId": datasetId,
            "feedbackDataId": feedbackDataId,
            "q": q,
            "a": a,
        }
        return self._call("POST", "/core/chat/feedback/adminUpdate", NoneType, arguments, options, idempotent=True)

    @endpoint
    def close_custom_feedback(
        self,
        appId: str | None = None,
        chatId: str = "",
        dataId: str = "",
        index: int = 0,
        **options: Unpack[ChatOptions],
    ) -> Call[Response[None]]:
        """Take one custom feedback (of a workflow's node) off a record.

        FastGPT: ``POST /api/core/chat/feedback/closeCustom`` (read from the source, not recorded). Never sent again
        by itself: the next feedback would have moved to this index.

        Args:
            dataId: The answer's record.
            index: Which of its ``customFeedbacks``, from 0.

        Example:
            >>> client.close_custom_feedback(chatId=chat.chatId, dataId=record.dataId, index=0)
        """
        arguments = {
            **self._target(appId, options),
            "chatId": needed("chatId", chatId),
            "dataId": needed("dataId", dataId),
            "index": index,
        }
        return self._call("POST", "/core/chat/feedback/closeCustom", NoneType, arguments, options)

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

        FastGPT: ``POST /api/core/chat/file/presignChatFilePostUrl`` (4.14.5+; 4.14.0 to 4.14.4
        ``/api/core/chat/presignChatFilePostUrl``, with other fields in the answer).

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
            **self._target(appId, options),
            "chatId": needed("chatId", chatId),
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

        FastGPT: ``POST /api/core/chat/file/presignChatFileGetUrl`` (4.14.5+; 4.14.0 to 4.14.4
        ``/api/core/chat/presignChatFileGetUrl``).

        Args:
            key: What the storage calls the file (``file_key`` of the presigned upload).

        Example:
            >>> client.presign_chat_file_get_url(upload.file_key, chatId=chat.chatId).data
        """
        arguments = {
            **self._target(appId, options),
            "chatId": needed("chatId", chatId),
            "key": needed("key", key),
        }
        return self._call("POST", "/core/chat/file/presignChatFileGetUrl", str, arguments, options, idempotent=True)

    @endpoint
    def query_input_guide(
        self, searchKey: str = "", appId: str | None = None, **options: Unpack[ChatOptions]
    ) -> Call[Response[list[str]]]:
        """What an app proposes while its user types. An empty list where it has no such words.

        FastGPT: ``POST /api/core/chat/inputGuide/query``.

        Example:
            >>> client.query_input_guide("inv").data
        """
        arguments = {**self._target(appId, options), "searchKey": searchKey}
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
            **self._target(appId, options),
            "chatId": needed("chatId", chatId),
            "questionGuide": questionGuide,
        }
        return self._call("POST", "/core/ai/agent/v2/createQuestionGuide", list[str], arguments, options)

    @endpoint
    def create_question_guide_of_messages(
        self, messages: Sequence[Mapping[str, object]], **options: Unpack[Options]
    ) -> Call[Response[list[str]]]:
        """Questions that a user may want to ask next, made by a model from messages.

        FastGPT: ``POST /api/core/ai/agent/createQuestionGuide`` (deprecated there; answers in 4.11 to 4.16).

        Example:
            >>> client.create_question_guide_of_messages([{"role": "user", "content": "What is FastGPT?"}]).data
        """
        arguments = {"messages": _check_messages(messages)}
        return self._call("POST", "/core/ai/agent/createQuestionGuide", list[str], arguments, options)


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
