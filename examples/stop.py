"""A run is stopped on the server when nobody wants its answer any more."""

import asyncio

from fastgpt_client import AsyncChatClient


async def main() -> None:
    async with AsyncChatClient() as client:
        conversation = client.conversation(version="v2")
        async with conversation.stream("Tell me something long.") as response:
            async for piece in response.aiter_answer():
                print(piece, "…")
                break  # or a cancelled task, an exception, Ctrl-C
        chat = (await client.get_chat_init(chatId=conversation.chatId)).data
        print("still running" if chat.chatGenerateStatus == 0 else "stopped")
        print("kept:", (await conversation.history()).data.list[-1].text)


asyncio.run(main())
