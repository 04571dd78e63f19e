import asyncio
from fastgpt_client import AsyncChatClient

async def fetch_multiple():
    async with AsyncChatClient(api_key="fastgpt-xxxxx") as client:
        # Create multiple chat completions concurrently
        tasks = [
            client.create_chat_completion(
                messages=[{"role": "user", "content": f"What is {concept}?"}],
                stream=False
            )
            for concept in ["AI", "Machine Learning", "Deep Learning"]
        ]

        responses = await asyncio.gather(*tasks)

        for i, response in enumerate(responses):
            response.raise_for_status()
            result = response.json()
            concept = ["AI", "Machine Learning", "Deep Learning"][i]
            print(f"\n{concept}:")
            print(result['choices'][0]['message']['content'])

asyncio.run(fetch_multiple())
