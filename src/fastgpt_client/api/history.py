"""The history endpoints: conversations, their records, quotes and feedback."""

from __future__ import annotations

from collections.abc import Sequence
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Unpack

from .._call import Call
from .._endpoint import Api, endpoint, pages
from .._flow import Flow
from .._paging import Pages, by_links, by_offset
from .._response import Response
from ..models._base import JSON, LinkedPage, Page
from ..models.chat import ChatHistory, ChatRecord, ChatStatuses, Done, FeedbackRecords, Quote
from ._arguments import ChatOptions, HistoryFilters, ids, needed, page, wire_arguments

if TYPE_CHECKING:
    from .._io import AsyncIO, FlowIO, SyncIO

IO = TypeVar("IO", "SyncIO", "AsyncIO", "FlowIO", covariant=True)


class HistoryApi(Api[IO]):
    """Everything under FastGPT's ``/core/chat/history``, ``/core/chat/record`` and ``/core/chat/feedback``."""

    def _target(self, appId: str | None, options: ChatOptions) -> dict[str, object]:
        """Whose chat is meant: an app's, a skill's, or a share's; servers refuse two at once."""
        given = wire_arguments(options, ChatOptions)
        if not appId and ("skillId" in given or "outLinkAuthData" in given):
            return given
        return {"appId": self._app(appId), **given}

    def _chat(self, appId: str | None, chatId: str, options: ChatOptions) -> dict[str, object]:
        """The conversation that is meant."""
        return {**self._target(appId, options), "chatId": needed("chatId", chatId)}

    @endpoint
    def get_chat_histories(
        self,
        appId: str | None = None,
        offset: int = 0,
        pageSize: int = 20,
        source: str | None = "api",
        *,
        pageNum: int | None = None,
        **options: Unpack[HistoryFilters],
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
            **options: ``customUid``, bounds of times (see ``HistoryFilters``), and what every call takes.

        Example:
            >>> for chat in client.get_chat_histories().data.list:
            ...     print(chat.updateTime, chat.title)
        """
        arguments = {
            **wire_arguments(options, HistoryFilters),
            **self._target(appId, options),
            **page(offset, pageSize, pageNum),
            "source": source,
        }
        path = "/core/chat/history/getHistories"
        return self._call("POST", path, Page[ChatHistory], arguments, options, idempotent=True)

    @pages
    def iter_chat_histories(
        self: HistoryApi[FlowIO],
        appId: str | None = None,
        pageSize: int = 50,
        source: str | None = "api",
        **options: Unpack[HistoryFilters],
    ) -> Pages[ChatHistory]:
        """All of an app's conversations, latest first. Pages are fetched as they are needed, each conversation once.

        FastGPT: ``POST /api/core/chat/history/getHistories`` (see ``get_chat_histories``).

        Args:
            pageSize: How many to fetch at once.

        Example:
            >>> for chat in client.iter_chat_histories(appId="…"):
            ...     print(chat.updateTime, chat.title)
        """
        return by_offset(lambda at: self.get_chat_histories(appId, at, pageSize, source, **options), "chatId")

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
            **self._chat(appId, chatId, options),
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
        arguments = {**self._chat(appId, chatId, options)}
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
            **self._chat(appId, chatId, options),
            **page(offset, pageSize, pageNum),
            "loadCustomFeedbacks": loadCustomFeedbacks,
            "type": type,
            "includeDeleted": includeDeleted,
        }
        path = "/core/chat/record/getPaginationRecords"
        return self._call("POST", path, Page[ChatRecord], arguments, options, idempotent=True)

    @pages
    def iter_chat_records(
        self: HistoryApi[FlowIO],
        appId: str | None = None,
        chatId: str = "",
        pageSize: int = 50,
        loadCustomFeedbacks: bool | None = None,
        *,
        type: str | None = None,  # noqa: A002  # FastGPT's name
        includeDeleted: bool | None = None,
        **options: Unpack[ChatOptions],
    ) -> Pages[ChatRecord]:
        """All that was said in a conversation, **latest first**.

        FastGPT: ``POST /api/core/chat/record/getPaginationRecords`` (see ``get_chat_records``).

        Args:
            pageSize: How many to fetch at once.

        Example:
            >>> for record in reversed(list(client.iter_chat_records(chatId=chat.chatId))):
            ...     print(record.obj, record.text)
        """
        return by_offset(
            lambda at: self.get_chat_records(
                appId,
                chatId,
                at,
                pageSize,
                loadCustomFeedbacks,
                type=type,
                includeDeleted=includeDeleted,
                **options,
            ),
            "key",
            reverse=True,
        )

    @endpoint
    def get_chat_statuses(
        self, chatIds: Sequence[str], appId: str | None = None, **options: Unpack[ChatOptions]
    ) -> Call[Response[ChatStatuses]]:
        """Which of these conversations are still generating, and which have not been read.

        FastGPT: ``POST /api/core/chat/history/getHistoryStatus`` (4.15+; read from the source, not recorded).

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
        arguments = {**self._chat(appId, chatId, options)}
        return self._call("POST", "/core/chat/history/markRead", NoneType, arguments, options, idempotent=True)

    @endpoint
    def delete_chat_histories(
        self, chatIds: Sequence[str], appId: str | None = None, **options: Unpack[ChatOptions]
    ) -> Call[Response[None]]:
        """Delete conversations for good, whoever had them. Needs the right to manage the app's logs.

        FastGPT: ``POST /api/core/chat/history/batchDelete`` (4.14.5+; read from the source, not recorded).

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

        FastGPT: ``POST /api/core/chat/record/getRecords_v2`` (4.14.4+; before 4.14.5
        ``/api/core/chat/getRecords_v2``).

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
            **self._chat(appId, chatId, options),
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

    @pages
    def iter_chat_records_v2(
        self: HistoryApi[FlowIO],
        appId: str | None = None,
        chatId: str = "",
        pageSize: int = 50,
        *,
        loadCustomFeedbacks: bool | None = None,
        type: str | None = None,  # noqa: A002  # FastGPT's name
        includeDeleted: bool | None = None,
        **options: Unpack[ChatOptions],
    ) -> Pages[ChatRecord]:
        """All that was said in a conversation, **latest first**; each page is asked for by the record before it.

        FastGPT: ``POST /api/core/chat/record/getRecords_v2`` (4.14.4+; see ``get_chat_records_v2``).

        Args:
            pageSize: How many to fetch at once.

        Example:
            >>> [record.text for record in client.iter_chat_records_v2(chatId=chat.chatId) if record.obj == "Human"]
        """

        def before(page: list[ChatRecord]) -> Flow[Response[LinkedPage[ChatRecord]]]:
            # Both sides of a turn have one id, by which servers find the question: at the edge it would be in no page.
            first = next((record for record in page if record.obj == "Human"), page[0]) if page else None
            return self.get_chat_records_v2(
                appId,
                chatId,
                max(pageSize, 2),
                prevId=first.id if first else None,
                anchor=first.anchor if first else None,
                loadCustomFeedbacks=loadCustomFeedbacks,
                type=type,
                includeDeleted=includeDeleted,
                **options,
            )

        return by_links(before, "key", backwards=True)

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
            **self._chat(appId, chatId, options),
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
        """Delete one record of a conversation. On 4.16 both sides of a turn share an id and go together; on 4.11 and
        4.14 the question has an id of its own, and stays.

        FastGPT: ``DELETE /api/core/chat/record/delete`` (before 4.14.11 ``/api/core/chat/item/delete``).

        Args:
            contentId: The record's ``dataId``.
            contentIds: Several of them instead (4.15+, inferred).

        Example:
            >>> client.delete_chat_record(chatId=chat.chatId, contentId=record.dataId)
        """
        arguments = {
            **self._chat(appId, chatId, options),
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
            **self._chat(appId, chatId, options),
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
            **self._chat(appId, chatId, options),
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

    @pages
    def iter_collection_quotes(
        self: HistoryApi[FlowIO],
        appId: str | None = None,
        chatId: str = "",
        chatItemDataId: str = "",
        collectionId: str = "",
        pageSize: int = 30,
        *,
        initialId: str | None = None,
        anchor: float | None = None,
        **options: Unpack[ChatOptions],
    ) -> Pages[Quote]:
        """The chunks of a cited collection, from a little before a citation to the end.

        FastGPT: ``POST /api/core/chat/record/getCollectionQuote`` (see ``get_collection_quotes``).

        Args:
            initialId: The cited chunk.
            pageSize: How many to fetch at once, at most 30.
            anchor: The ``index`` of the cited chunk, for servers before 4.14.11.

        Example:
            >>> cited = reply.citations[0]
            >>> quotes = client.iter_collection_quotes(
            ...     chatId=reply.chatId,
            ...     chatItemDataId=record.dataId,
            ...     collectionId=cited.collectionId,
            ...     initialId=cited.id,
            ... )
            >>> print("\n".join(quote.q for quote in quotes))
        """

        def after(page: list[Quote]) -> Flow[Response[LinkedPage[Quote]]]:
            last = page[-1] if page else None
            return self.get_collection_quotes(
                appId,
                chatId,
                chatItemDataId,
                collectionId,
                pageSize,
                initialId=None if last else initialId,
                nextId=last.id if last else None,
                anchor=last.index if last else anchor,
                **options,
            )

        return by_links(after, "id")

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
            **self._chat(appId, chatId, options),
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

        FastGPT: ``POST /api/core/chat/feedback/getFeedbackRecordIds`` (4.14.4+; read from the source, not recorded).

        Example:
            >>> client.get_feedback_record_ids(chatId=chat.chatId, feedbackType="bad").data.dataIds
        """
        arguments = {
            **self._chat(appId, chatId, options),
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
            **self._chat(appId, chatId, options),
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
            **self._chat(appId, chatId, options),
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
            **self._chat(appId, chatId, options),
            "dataId": needed("dataId", dataId),
            "index": index,
        }
        return self._call("POST", "/core/chat/feedback/closeCustom", NoneType, arguments, options)
