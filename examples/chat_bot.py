"""A bot for a chat platform that takes one message a second, of 2048 bytes at most."""

from fastgpt_client import ChatClient, ChatHandler, FastGPTError, Reply, Tool, split_message


class Bot(ChatHandler):
    def on_status(self, name: str) -> None:
        print(f"[{name} …]")

    def on_tool(self, tool: Tool) -> None:
        print(f"[{tool.toolName}: {tool.response or tool.arguments}]")

    def on_error(self, error: FastGPTError) -> None:
        print(f"[sorry: {error}]")

    def on_done(self, reply: Reply) -> None:
        for message in split_message(reply.text, 2048, unit="bytes"):
            print(message)


with ChatClient() as client, client.conversation().stream("Tell me something long.") as response:
    response.handle(Bot(), throttle=1.0, citations="strip")
