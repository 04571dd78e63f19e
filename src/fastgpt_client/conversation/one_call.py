"""What a client does with one conversation in one call: run a plugin, read what an answer cites."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, TypeVar

from .._endpoint import as_steps, flow
from .._flow import Flow
from ..api.chat import ChatApi
from ..errors import ArgumentError, FastGPTError, NotFoundError
from ..models._base import JSON
from .turns import Turns

if TYPE_CHECKING:
    from .._io import AsyncIO, FlowIO, SyncIO
    from ..events import Citation, Reply
    from ..models.chat import Quote

IO = TypeVar("IO", "SyncIO", "AsyncIO", "FlowIO", covariant=True)


class OneCall(ChatApi[IO]):
    """Beside the endpoints: what takes several calls, and no conversation of the caller's."""

    @flow
    def run_plugin(
        self,
        variables: Mapping[str, object] | None = None,
        appId: str | None = None,
        *,
        check_variables: bool = True,
        customUid: str | None = None,
        version: Literal["v1", "v2"] = "v1",
    ) -> Flow[JSON]:
        """Run a tool app (a plugin) and get its outputs, by name.

        FastGPT: ``POST /api/v1/chat/completions``.

        Args:
            variables: Its inputs. They are checked against what it declares: required ones, numbers, options, …
            appId: The plugin, where the client does not know it.
            check_variables: False sends them as they are.
            customUid: Your own id of the user, for logs.
            version: The completions API to use: ``"v1"`` or ``"v2"``.

        Raises:
            ArgumentError: An input is missing, or does not fit.
            NodeError: A node of it failed, so that there are no outputs.
            FastGPTError: It gave no outputs: it is no plugin, or ended before it came to them.

        Example:
            >>> client.run_plugin({"text": "Hello"}, appId="…")["translation"]
        """
        conversation = Turns(self, appId=appId, customUid=customUid, version=version, check_variables=check_variables)
        turns: Turns[FlowIO] = as_steps(conversation)
        reply = yield from turns.run_plugin(variables or {})
        if reply.plugin_output is None:
            raise reply.error or FastGPTError("the app gave no outputs: is it a tool app (a plugin)?")
        return reply.plugin_output

    @flow
    def fetch_citation(self, reply: Reply, citation: Citation, appId: str | None = None) -> Flow[Quote]:
        """A chunk that an answer cites, as it is in the knowledge base now.

        FastGPT: ``POST /api/core/chat/record/getQuote`` (before 4.14.11 ``/api/core/chat/quote/getQuote``).

        Args:
            reply: The answer, of a conversation: its ``dataId`` must be known.
            citation: One of ``reply.citations``, or of ``reply.cited``.
            appId: The app, where the client does not know it.

        Raises:
            ArgumentError: It is not known which record the answer is in.
            NotFoundError: The chunk is not there any more.

        Example:
            >>> reply = client.conversation().send("How warm do tomatoes like it?")
            >>> print([client.fetch_citation(reply, citation).q for citation in reply.cited])
        """
        if not reply.dataId:
            raise ArgumentError("it is not known which record this answer is in: it must come from a conversation")
        steps: ChatApi[FlowIO] = as_steps(self)
        quotes = yield from steps.get_quotes(
            appId, reply.chatId, reply.dataId, [citation.id], [citation.collectionId] if citation.collectionId else []
        )
        if not quotes.data:
            raise NotFoundError(f"the chunk {citation.id} is not there any more", quotes.status_code)
        return quotes.data[0]
