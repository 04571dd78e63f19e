"""What an answer cites, as it is in the knowledge base now."""

from fastgpt_client import ChatClient
from fastgpt_client.local import LocalServer

rule = {"reply": "Above 20 degrees.{cite:1}", "quotes": [{"id": "6" * 24, "q": "Tomatoes like it above 20 degrees."}]}
with LocalServer(script={"rules": [rule]}) as server, ChatClient(server.api_key, server.base_url) as client:
    reply = client.conversation().send("How warm do tomatoes like it?")
    print(reply.text)
    for citation in reply.cited:
        print("→", client.fetch_citation(reply, citation).q)
