import asyncio
from fastgpt_client import AsyncChatClient

class AsyncChatApp:
    def __init__(self, api_key: str, base_url: str):
        self.client = AsyncChatClient(api_key=api_key, base_url=base_url)
        self.chat_id = None

    async def start(self):
        await self.client.__aenter__()

    async def stop(self):
        await self.client.__aexit__(None, None, None)

    async def send_message(self, content: str) -> str:
        response = await self.client.create_chat_completion(
            messages=[{"role": "user", "content": content}],
            chatId=self.chat_id,
            stream=False
        )
        response.raise_for_status()
        result = response.json()

        # Update chat_id after first message
        if not self.chat_id:
            self.chat_id = result.get('chatId')

        return result['choices'][0]['message']['content']

    async def chat(self):
        await self.start()
        try:
            while True:
                user_input = input("\nYou: ")
                if user_input.lower() in ['quit', 'exit']:
                    break

                print("AI: ", end="", flush=True)
                response = await self.send_message(user_input)
                print(response)
        finally:
            await self.stop()

async def main():
    app = AsyncChatApp(
        api_key="fastgpt-xxxxx",
        base_url="http://localhost:3000"
    )
    await app.chat()

asyncio.run(main())
