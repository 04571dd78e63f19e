"""A bot for a chat platform: a draft that is edited once a second at most, then messages of 60 bytes at most."""

from fastgpt_client import ChatClient, ChatHandler, FastGPTError, Reply, Tool, split_message


class Bot(ChatHandler):
    def on_tool(self, tool: Tool) -> None:
        print(f"[{tool.toolName} …]" if tool.response is None else f"[{tool.toolName} says: {tool.response}]")

    def on_answer(self, text: str) -> None:
        print(f"draft: … {text!r}")  # all that came since the last time

    def on_error(self, error: FastGPTError) -> None:
        print(f"[sorry: {error}]")

    def on_done(self, reply: Reply) -> None:
        for message in split_message(reply.text, 60, unit="bytes"):
            print("message:", message)


with ChatClient() as client, client.conversation().stream("What is the weather like?") as response:
    response.handle(Bot(), throttle=1.0, citations="strip")
