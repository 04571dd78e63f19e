"""What an answer cites, as it is in the knowledge base now."""

from fastgpt_client import ChatClient, strip_citations

with ChatClient() as client:
    reply = client.conversation().send("How warm do tomatoes like it?")
    print(strip_citations(reply.text))
    for citation in reply.cited:
        print("→", citation.sourceName, "says:", client.fetch_citation(reply, citation).q)
