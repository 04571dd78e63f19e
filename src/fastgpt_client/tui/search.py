"""Finding conversations, without asking the server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..models.chat import ChatHistory


def title_of(chat: ChatHistory) -> str:
    """What a conversation is called."""
    return chat.customTitle or chat.title or "(without a title)"


def find_chats(chats: Iterable[ChatHistory], words: str, texts: Mapping[str, str]) -> list[ChatHistory]:
    """Those that hold all words, in their title or in what was said (``texts``, by chatId); pinned ones first."""
    wanted = words.lower().split()
    found = [
        chat
        for chat in chats
        if all(word in f"{title_of(chat)}\n{texts.get(chat.chatId, '')}".lower() for word in wanted)
    ]
    return sorted(found, key=lambda chat: not chat.top)
