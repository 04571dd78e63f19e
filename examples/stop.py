"""A run is stopped on the server when nobody wants its answer any more."""

import asyncio

from fastgpt_client import AsyncChatClient


async def main() -> None:
    async with AsyncChatClient() as client:
        conversation = client.conversation(version="v2")
        async for event in conversation.stream("Tell me something long."):
            if event.event == "answer":
                break  # or a cancelled task, or a closed response
        chat = (await client.get_chat_init(chatId=conversation.chatId)).data
        print("still running" if chat.chatGenerateStatus == 0 else "stopped")
        print((await conversation.send("Something short, then.")).text)


asyncio.run(main())
