import asyncio
from fastgpt_client import AsyncAppClient

async def get_analytics():
    async with AsyncAppClient(api_key="fastgpt-xxxxx") as client:
        response = await client.get_app_logs_chart(
            appId="your-app-id",
            dateStart="2024-01-01",
            dateEnd="2024-12-31",
            source=["api"]
        )
        response.raise_for_status()
        data = response.json()
        print(data)

asyncio.run(get_analytics())
