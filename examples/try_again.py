"""The last question once more, and a side trip that leaves the conversation as it is."""

from fastgpt_client import ChatClient

with ChatClient() as client:
    conversation = client.conversation()
    conversation.send("My cat is grey.")
    print(conversation.send("A name for her?").text)
    with conversation.stream_regenerate() as response:  # or regenerate()
        print("once more:", "".join(response.iter_answer()))
    aside = conversation.fork()
    print("aside:", aside.send("What colour is my cat?").text)
    aside.delete()
    conversation.rename("Names for a cat")
    conversation.pin()
    for record in conversation.history().data.list:
        print(f"{record.obj}: {record.text}")
