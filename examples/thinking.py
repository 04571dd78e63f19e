"""What the model thinks, on stderr, and what it answers."""

import sys

from fastgpt_client import AnswerEvent, ChatClient

with ChatClient() as client:
    with client.conversation().stream("How many r are in strawberry?") as response:
        for event in response:
            if isinstance(event, AnswerEvent):
                print(event.reasoning, end="", file=sys.stderr, flush=True)
                print(event.text, end="", flush=True)
    print(f"\n({len(response.reply().reasoning)} characters of thinking)")
