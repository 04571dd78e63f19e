"""The last question once more, and a side trip that leaves the conversation as it is."""

from fastgpt_client import ChatClient

with ChatClient() as client:
    conversation = client.conversation()
    conversation.send("My cat is grey.")
    print(conversation.send("A name for her?").text)
    print(conversation.regenerate().text)
    aside = conversation.fork()
    print(aside.send("What colour is my cat?").text)
    conversation.rename("Names for a cat")
    conversation.pin()
    print([(record.obj, record.text) for record in conversation.history().data.list])
    aside.delete()
