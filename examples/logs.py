"""What was said lately in an app, as JSON lines."""

import json

from fastgpt_client import ChatClient

with ChatClient() as client:
    client.conversation().send("Something to log.")
    for chat in client.get_chat_histories(pageSize=20, source=None).data.list:
        records = client.get_chat_records(chatId=chat.chatId, pageSize=100).data.list
        said = [{"who": record.obj, "time": record.time, "text": record.text} for record in records]
        print(json.dumps({"chatId": chat.chatId, "title": chat.title, "said": said}, ensure_ascii=False))
