"""A tool app (a plugin): inputs in, outputs out."""

import warnings

from fastgpt_client import ChatClient, FastGPTWarning

with ChatClient() as client, warnings.catch_warnings(record=True) as noted:
    warnings.simplefilter("always", FastGPTWarning)
    outputs = client.run_plugin({"text": "Translate me"}, appId="plugin-app")
    for name, value in outputs.items():
        print(f"{name}: {value}")
    for warning in noted:  # such as an input that the plugin does not declare
        print("note:", warning.message)
