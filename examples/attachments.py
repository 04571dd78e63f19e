"""A picture and a document that go with a question."""

import tempfile
from pathlib import Path

from fastgpt_client import ArgumentError, ChatClient, Upload

with ChatClient() as client, tempfile.TemporaryDirectory() as folder:
    plan = Path(folder, "plan.txt")
    plan.write_text("First tomatoes, then the rest.")
    picture = Upload(b"\x89PNG\r\n\x1a\n", "tomato.png")
    conversation = client.conversation()  # uploads; upload="inline" puts pictures into the message
    print(conversation.send("What comes first?", files=[plan, picture, "https://example.com/more.pdf"]).text)
    try:
        client.conversation(upload="inline").send("And here?", files=[plan])
    except ArgumentError as error:
        print("Refused before anything was sent:", error)
