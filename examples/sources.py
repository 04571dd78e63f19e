"""An answer with numbers where it cites a knowledge base, and the sources under it."""

from fastgpt_client import ChatClient, footnotes

question = [{"role": "user", "content": "What do you know about tomatoes?"}]
with ChatClient() as client:
    response = client.create_chat_completion(question, stream=True, detail=True, retainDatasetCite=True)
    for piece in response.iter_answer(citations="number"):
        print(piece, end="", flush=True)
    reply = response.reply()
    print(f"\n\n{len(reply.citations)} chunks found, {len(reply.cited)} cited")
    for note in footnotes(reply.text, reply.citations)[1]:
        print(note)
