"""Talking over several turns: a :class:`Conversation` keeps the chatId, asks for detail, answers forms, …

``conversation.py`` has the two faces, ``turns.py`` what they do; beside it one file for each thing that a turn needs:
``attachments.py`` files, ``app.py`` what the app declares, ``fields.py`` whether values fit it, ``interactive.py``
answers to questions, ``records.py`` what the history says, ``recovery.py`` answers of broken connections. ``stores.py``
keeps which conversation a user has.
"""

from .conversation import AsyncConversation, Conversation, Opening
from .stores import ConversationStore, MemoryStore, SQLiteStore

__all__ = ["AsyncConversation", "Conversation", "ConversationStore", "MemoryStore", "Opening", "SQLiteStore"]
