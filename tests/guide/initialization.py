from fastgpt_client import AsyncChatClient

client = AsyncChatClient(
    api_key="fastgpt-xxxxx",
    base_url="http://localhost:3000"
)
