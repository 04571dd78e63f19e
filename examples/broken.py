"""Connections that break while an app works: nothing is lost, and no run is started twice."""

from fastgpt_client import AnswerEvent, ChatClient, StreamError

with ChatClient() as client:
    conversation = client.conversation(version="v2")  # a v2 run goes on when the connection breaks
    reply = conversation.send("Tell me a story.")  # a gateway gives up on it
    print(reply.text, "(read from the history)" if reply.recovered else "")

    response = conversation.stream("Tell me something long.")
    while True:
        try:
            for event in response.events():
                if isinstance(event, AnswerEvent):
                    print(event.text, end="", flush=True)
            break
        except StreamError:
            response = conversation.resume()  # no event is lost or doubled
    print(f"\n{len(response.reply().text)} characters in all")
