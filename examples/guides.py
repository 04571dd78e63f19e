"""What to propose: while somebody types, and after an answer."""

from fastgpt_client import ChatClient
from fastgpt_client.local import AppSpec, LocalServer

orders = AppSpec("orders", guide=("Where is my order?", "Where is my invoice?", "I want to send it back"))
with LocalServer(apps=[orders]) as server, ChatClient(server.api_key, server.base_url, app_id="orders") as client:
    for typed in ("", "where", "inv"):
        print(f"{typed!r:8} → {client.query_input_guide(typed).data}")
    conversation = client.conversation()
    print(conversation.send("Where is my order?").text)
    for question in client.create_question_guide(chatId=conversation.chatId).data:
        print("-", question)
