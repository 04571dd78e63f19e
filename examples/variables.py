"""Variables of an app: checked before they are sent, and kept as the workflow sets them."""

import warnings

from fastgpt_client import ArgumentError, ChatClient, FastGPTWarning
from fastgpt_client.local import AppSpec, LocalServer

declared = ({"key": "city", "type": "input", "required": True}, {"key": "days", "type": "numberInput", "max": 7})
rule = {"match": "moved", "variables": {"city": "Bergen"}, "reply": "Noted."}
server = LocalServer(apps=[AppSpec("trips", variables=declared)], script={"rules": [rule]})
with server, ChatClient(server.api_key, server.base_url) as client, warnings.catch_warnings(record=True) as noted:
    warnings.simplefilter("always", FastGPTWarning)
    for variables in ({}, {"city": "Oslo", "days": 9}):
        try:
            client.conversation(variables=variables).send("Hello!")
        except ArgumentError as error:
            print("Refused:", error)
    conversation = client.conversation(variables={"city": "Oslo", "days": "3", "citty": "?"})
    print(conversation.send("We have moved").variables)  # "3" became a number
    conversation.send("Hello!")
    print("From now on:", conversation.variables["city"])
    print("Warned:", noted[0].message)
