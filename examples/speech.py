"""An answer that can be heard."""

import tempfile
from pathlib import Path

from fastgpt_client import ChatClient

with ChatClient() as client, tempfile.TemporaryDirectory() as folder:
    reply = client.conversation().send("What is the weather like?")
    voice = {"type": "model", "model": "tts-1", "voice": "alloy", "speed": 1.0}
    sound = client.get_speech(reply.text, voice)
    path = Path(folder, "answer.mp3")
    sound.save(path)
    print(f"{path.stat().st_size} bytes of sound say: {reply.text}")
