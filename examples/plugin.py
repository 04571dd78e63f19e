"""A tool app (a plugin): inputs in, outputs out."""

from fastgpt_client import ChatClient

with ChatClient() as client:
    for name, value in client.run_plugin({"text": "Translate me"}, appId="plugin-app").items():
        print(f"{name}: {value}")
