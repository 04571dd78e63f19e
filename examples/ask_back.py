"""A workflow that asks the user: to choose, or to fill in a form."""

from fastgpt_client import ChatClient, Reply

with ChatClient() as client:
    for app in ("select-app", "form-app"):
        conversation = client.conversation(appId=app)
        reply: Reply = conversation.send("I want to order")
        while (asked := reply.interactive) is not None:
            print(asked.description)
            if asked.options:
                print("  choosing", asked.options[0].value)
                reply = conversation.answer(asked.options[0].value)
            else:
                print("  filling in", [field.label for field in asked.fields])
                reply = conversation.answer({field.key: "3" for field in asked.fields})
        print(reply.text)
