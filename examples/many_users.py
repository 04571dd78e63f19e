"""A bot whose users keep their conversations, over restarts and in many workers; a new one every day."""

import tempfile
from pathlib import Path

from fastgpt_client import ChatClient, SQLiteStore

with ChatClient() as client, tempfile.TemporaryDirectory() as folder:
    store = SQLiteStore(Path(folder, "chats.db"), reset="daily")
    for user, text in (("ann", "My name is Ann."), ("bob", "Hi."), ("ann", "What is my name?")):
        conversation = client.conversation_for(user, store)
        print(f"{user} ({conversation.chatId}): {conversation.send(text).text}")
