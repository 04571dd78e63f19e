"""The clients: what is made, shared, copied and closed. What they can do is in ``api/``."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Unpack

from ._io import AsyncIO, FlowIO, SyncIO, Transport
from ._session import DEFAULT_BASE_URL, Defaults, Session, Timeout
from .api.apps import AppApi
from .api.collections import CollectionApi
from .api.data import DataApi
from .api.datasets import DatasetApi
from .conversation import AsyncConversation, Conversation
from .conversation.one_call import OneCall
from .server import ServerApi

if TYPE_CHECKING:
    import ssl
    from types import TracebackType
    from typing import Self

    import httpx2

    from .conversation import ConversationStore
    from .conversation.attachments import UploadMode
    from .conversation.core import ConversationOptions

IO = TypeVar("IO", "SyncIO", "AsyncIO", "FlowIO", covariant=True)


class _Client(ServerApi[IO]):
    """Settings and connections; what a client can do comes from the ``…Api`` class beside it."""

    def __init__(
        self,
        api_key: str | None = None,
        base_url: str = DEFAULT_BASE_URL,
        *,
        app_id: str | None = None,
        timeout: float | Timeout | None = 60.0,
        max_retries: int = 3,
        retry_delay: float = 1.0,
        enable_logging: bool = False,
        http_client: Any = None,
        headers: Mapping[str, str] | None = None,
        verify: bool | str | ssl.SSLContext = True,
        proxy: str | None = None,
        http2: bool = False,
    ) -> None:
        """A client; nothing is sent or opened yet.

        It may be used by many threads, and by many tasks. After a ``fork`` the child makes connections of its own;
        what was being answered belongs to the parent (with ``http_client`` this is that client's affair).

        Args:
            api_key: The key; without it the environment's ``FASTGPT_API_KEY``. May have an app's id at its end
                (``fastgpt-…-<appId>``).
            base_url: Where FastGPT is; without it ``FASTGPT_BASE_URL``. The host, ``…/api``, ``…/api/v1`` and a full
                completions URL all do.
            app_id: The app that is meant where a call does not say; without it ``FASTGPT_APP_ID``.
            timeout: Seconds, or a :class:`Timeout` that tells connect, whole reply, idle stream and total apart.
            max_retries: How often a call is tried again. A run is, only if the server certainly did not take it.
            retry_delay: Seconds before the first retry; doubled for each further one, with some chance in it.
            enable_logging: Show the lines of the logger ``fastgpt_client``: request, status, duration, attempt.
            http_client: A client of ``httpx2`` or ``httpx`` of your own; time-outs are these here. You close it.
            headers: Sent with every request.
            verify: False to trust any certificate, a path to a CA file, or an ``ssl.SSLContext``.
            proxy: The URL of a proxy; without it the environment's.
            http2: Use HTTP/2 where the server offers it (needs ``httpx2[http2]``).

        Raises:
            ArgumentError: A setting cannot be right.
        """
        self._session = Session(api_key, base_url, app_id, timeout, max_retries, retry_delay, headers)
        self._io = self._new_io(
            Transport(verify=verify, proxy=proxy, http2=http2),
            http_client,
        )
        if enable_logging:
            _show_log()

    def _new_io(self, transport: Transport, http_client: Any) -> IO:
        raise NotImplementedError

    def with_options(self, **defaults: Unpack[Defaults]) -> Self:
        """A client with other defaults (``app_id``, ``timeout``, ``max_retries``, ``retry_delay``, ``headers``).

        It shares the connections of this one: closing either closes both.

        Example:
            >>> patient = client.with_options(timeout=600)
        """
        return _sharing(type(self), self, self._session.with_defaults(defaults))

    @property
    def base_url(self) -> str:
        """Where FastGPT is."""
        return self._session.shown_url

    @property
    def app_id(self) -> str | None:
        """The app that is meant where a call does not say."""
        return self._session.app_id

    def __repr__(self) -> str:
        app = f" app_id={self.app_id!r}" if self.app_id else ""
        return f"<{type(self).__name__} {self.base_url}{app}>"


class _SyncClient(_Client[SyncIO]):
    def _new_io(self, transport: Transport, http_client: httpx2.Client | None) -> SyncIO:
        return SyncIO(transport, http_client)

    def close(self) -> None:
        """Close all connections. The client cannot be used any more."""
        self._io.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class _AsyncClient(_Client[AsyncIO]):
    _asynchronous = True

    def _new_io(self, transport: Transport, http_client: httpx2.AsyncClient | None) -> AsyncIO:
        return AsyncIO(transport, http_client)

    async def close(self) -> None:
        """Close all connections. The client cannot be used any more."""
        await self._io.close()

    aclose = close

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


class ChatClient(OneCall[SyncIO], _SyncClient):
    """Chats with apps; reads conversations and records.

    Example:
        >>> with ChatClient(api_key="fastgpt-…") as client:
        ...     print(client.create_chat_completion([{"role": "user", "content": "Hello!"}]).reply().text)
    """

    def conversation(
        self,
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
    ) -> Conversation:
        """A conversation over several turns; without ``chatId`` a new one. Nothing is sent yet.

        Args:
            chatId: The conversation to go on with.
            appId: The app, where the client does not know it.
            variables: The app's variables, for every turn.
            customUid: Your own id of the user, for logs.
            version: The completions API to use: a v2 run goes on when the connection breaks, a v1 run may not.
            upload: How local files get to the app. ``"server"``: FastGPT's upload for chats, as its version has it.
                ``"inline"``: inside the message, pictures of up to 5 MB only. ``"auto"``: uploaded; with
                :data:`NO_HISTORY`, which is to leave no trace, inline. Where the way does not work the call fails.
            stop_on_close: Stop the run on the server (4.14.5+) when a stream is left before its end.
            check_variables: Check variables against what the app declares, which is asked for once.
            recover: Seconds to wait for a run whose connection broke, to read its answer from the history; 0: never.

        Raises:
            ArgumentError: A setting cannot be right.

        Example:
            >>> print(client.conversation().send("Hello!").text)
        """
        return Conversation(
            self,
            chatId,
            appId=appId,
            variables=variables,
            customUid=customUid,
            version=version,
            upload=upload,
            stop_on_close=stop_on_close,
            check_variables=check_variables,
            recover=recover,
        )

    def conversation_for(
        self, user: str | int, store: ConversationStore, **options: Unpack[ConversationOptions]
    ) -> Conversation:
        """The conversation that a user has; a new one where the store says so. Its state is kept after each turn.

        Args:
            user: Who it is, in your words; also told to FastGPT, as ``customUid``, unless you give another one.
            store: A :class:`MemoryStore`, a :class:`SQLiteStore`, or your own :class:`ConversationStore`.
            **options: As of ``conversation``, for one that is new.

        Raises:
            ArgumentError: Nobody is named, or this is no store.

        Example:
            >>> store = SQLiteStore("chats.db", reset="daily")
            >>> print(client.conversation_for("ann", store).send("Hello!").text)
        """
        options.setdefault("customUid", str(user))
        made = Conversation(self, **options)
        made.bind(store, user)
        return made


class AsyncChatClient(OneCall[AsyncIO], _AsyncClient):
    """Chats with apps; reads conversations and records. For async code.

    Example:
        >>> async with AsyncChatClient(api_key="fastgpt-…") as client:
        ...     response = await client.create_chat_completion([{"role": "user", "content": "Hello!"}])
        ...     print((await response.areply()).text)
    """

    def conversation(
        self,
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
    ) -> AsyncConversation:
        """A conversation over several turns; without ``chatId`` a new one. Nothing is sent yet.

        Args:
            chatId: The conversation to go on with.
            appId: The app, where the client does not know it.
            variables: The app's variables, for every turn.
            customUid: Your own id of the user, for logs.
            version: The completions API to use: a v2 run goes on when the connection breaks, a v1 run may not.
            upload: How local files get to the app. ``"server"``: FastGPT's upload for chats, as its version has it.
                ``"inline"``: inside the message, pictures of up to 5 MB only. ``"auto"``: uploaded; with
                :data:`NO_HISTORY`, which is to leave no trace, inline. Where the way does not work the call fails.
            stop_on_close: Stop the run on the server (4.14.5+) when a stream is left before its end.
            check_variables: Check variables against what the app declares, which is asked for once.
            recover: Seconds to wait for a run whose connection broke, to read its answer from the history; 0: never.

        Raises:
            ArgumentError: A setting cannot be right.

        Example:
            >>> print((await client.conversation().send("Hello!")).text)
        """
        return AsyncConversation(
            self,
            chatId,
            appId=appId,
            variables=variables,
            customUid=customUid,
            version=version,
            upload=upload,
            stop_on_close=stop_on_close,
            check_variables=check_variables,
            recover=recover,
        )

    async def conversation_for(
        self, user: str | int, store: ConversationStore, **options: Unpack[ConversationOptions]
    ) -> AsyncConversation:
        """The conversation that a user has; a new one where the store says so. Its state is kept after each turn.

        Args:
            user: Who it is, in your words; also told to FastGPT, as ``customUid``, unless you give another one.
            store: A :class:`MemoryStore`, a :class:`SQLiteStore`, or your own :class:`ConversationStore`.
            **options: As of ``conversation``, for one that is new.

        Raises:
            ArgumentError: Nobody is named, or this is no store.

        Example:
            >>> store = SQLiteStore("chats.db", reset="daily")
            >>> conversation = await client.conversation_for("ann", store)
            >>> print((await conversation.send("Hello!")).text)
        """
        options.setdefault("customUid", str(user))
        made = AsyncConversation(self, **options)
        await made.bind(store, user)
        return made


class AppClient(AppApi[SyncIO], _SyncClient):
    """Lists apps, reads their logs and charts; manages MCP servers.

    Example:
        >>> with AppClient(api_key="fastgpt-…") as client:
        ...     print([app.name for app in client.list_apps().data])
    """


class AsyncAppClient(AppApi[AsyncIO], _AsyncClient):
    """Lists apps, reads their logs and charts; manages MCP servers. For async code.

    Example:
        >>> async with AsyncAppClient(api_key="fastgpt-…") as client:
        ...     print([app.name for app in (await client.list_apps()).data])
    """


class DatasetClient(DatasetApi[SyncIO], CollectionApi[SyncIO], DataApi[SyncIO], _SyncClient):
    """Makes, fills, searches and reads knowledge bases: their collections, and the data in these.

    Example:
        >>> with DatasetClient(api_key="fastgpt-…") as client:
        ...     print([dataset.name for dataset in client.list_datasets().data])
    """


class AsyncDatasetClient(DatasetApi[AsyncIO], CollectionApi[AsyncIO], DataApi[AsyncIO], _AsyncClient):
    """Makes, fills, searches and reads knowledge bases: their collections, and the data in these. For async code.

    Example:
        >>> async with AsyncDatasetClient(api_key="fastgpt-…") as client:
        ...     print([dataset.name for dataset in (await client.list_datasets()).data])
    """


class FastGPTClient(_SyncClient):
    """All areas of FastGPT over one pool of connections: ``chat``, ``apps``, ``datasets``.

    Example:
        >>> with FastGPTClient(api_key="fastgpt-…") as client:
        ...     print(client.chat.conversation().send("Hello!").text)
        ...     print([app.name for app in client.apps.list_apps().data])
    """

    @property
    def chat(self) -> ChatClient:
        """Chats with apps; reads conversations and records."""
        return _sharing(ChatClient, self)

    @property
    def apps(self) -> AppClient:
        """Lists apps, reads their logs and charts; manages MCP servers."""
        return _sharing(AppClient, self)

    @property
    def datasets(self) -> DatasetClient:
        """Makes, fills, searches and reads knowledge bases."""
        return _sharing(DatasetClient, self)


class AsyncFastGPTClient(_AsyncClient):
    """All areas of FastGPT over one pool of connections, for async code: ``chat``, ``apps``, ``datasets``.

    Example:
        >>> async with AsyncFastGPTClient(api_key="fastgpt-…") as client:
        ...     print((await client.chat.conversation().send("Hello!")).text)
        ...     print([app.name for app in (await client.apps.list_apps()).data])
    """

    @property
    def chat(self) -> AsyncChatClient:
        """Chats with apps; reads conversations and records."""
        return _sharing(AsyncChatClient, self)

    @property
    def apps(self) -> AsyncAppClient:
        """Lists apps, reads their logs and charts; manages MCP servers."""
        return _sharing(AsyncAppClient, self)

    @property
    def datasets(self) -> AsyncDatasetClient:
        """Makes, fills, searches and reads knowledge bases."""
        return _sharing(AsyncDatasetClient, self)


C = TypeVar("C", bound=_Client[Any])


def _sharing(kind: type[C], client: _Client[Any], session: Session | None = None) -> C:
    """A client of another area, or with other defaults, over the connections of this one."""
    made = object.__new__(kind)
    made._session, made._io = session or client._session, client._io  # pyright: ignore[reportPrivateUsage]
    return made


def _show_log() -> None:
    logger = logging.getLogger("fastgpt_client")
    logger.setLevel(logging.INFO)
    if not logger.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(message)s"))
        logger.addHandler(handler)
