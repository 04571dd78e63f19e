"""A stream that may break: it goes on where it broke, and a whole reply comes from the history if it must."""

from fastgpt_client import AnswerEvent, ChatClient, StreamError

with ChatClient() as client:
    conversation = client.conversation(version="v2")  # a v2 run goes on when the connection breaks
    response = conversation.stream("Tell me a story.")
    for _ in range(3):
        try:
            for event in response.events():
                if isinstance(event, AnswerEvent):
                    print(event.text, end="", flush=True)
            break
        except StreamError:
            response = conversation.resume()  # no event is lost or doubled
    reply = conversation.send("And then?")
    print("\nread from the history" if reply.recovered else "\nas it came")
