"""A hundred questions, twenty at a time."""

import asyncio

from fastgpt_client import AsyncChatClient, FastGPTError


async def main() -> None:
    twenty = asyncio.Semaphore(20)

    async with AsyncChatClient() as client:

        async def ask(number: int) -> str:
            async with twenty:
                try:
                    return (await client.conversation().send(f"What is {number} times {number}?")).text
                except FastGPTError as error:
                    return f"failed: {error}"

        for answer in await asyncio.gather(*map(ask, range(100))):
            print(answer)


asyncio.run(main())
