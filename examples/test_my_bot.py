"""Testing an application without FastGPT, failures included: run it with pytest."""

from fastgpt_client import ChatClient, FastGPTError
from fastgpt_client.local import LocalServer


def bot(client: ChatClient, question: str) -> str:
    """The application."""
    try:
        return client.conversation().send(question).text
    except FastGPTError:
        return "Sorry, try again later."


def test_bot() -> None:
    rules = {"rules": [{"match": "price", "reply": "Ten euros."}, {"match": "crash", "http": {"status": 502}}]}
    with LocalServer(script=rules) as server, ChatClient(server.api_key, server.base_url, max_retries=0) as client:
        assert bot(client, "What is the price?") == "Ten euros."
        assert bot(client, "crash") == "Sorry, try again later."
