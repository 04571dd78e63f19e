"""All that a workflow asks, answered by a function; what does not fit is refused before it is sent."""

from fastgpt_client import ArgumentError, ChatClient, Interactive

ANSWERS: dict[str, object] = {"name": "Ann", "age": "41"}


def answer(asked: Interactive) -> str | dict[str, object]:
    if asked.options:
        return asked.options[0].value
    return {field.key: ANSWERS[field.key] for field in asked.fields}


with ChatClient() as client:
    for app in ("select-app", "form-app"):
        print(client.conversation(appId=app).run("I want to order", answer).text)
    conversation = client.conversation(appId="form-app")
    conversation.send("Once more")
    try:
        conversation.answer({"name": "Ann", "age": "old"})
    except ArgumentError as error:
        print(error)
