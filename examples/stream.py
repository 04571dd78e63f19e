"""An answer as it comes, then what the run said besides."""

from fastgpt_client import ChatClient, StreamError

with ChatClient() as client:
    conversation = client.conversation()
    try:
        with conversation.stream("Tell me something about tomatoes.") as response:
            for piece in response.iter_answer(citations="strip"):
                print(piece, end="", flush=True)
            reply = response.reply()
        print(f"\n{reply.duration} s, nodes: {', '.join(node.moduleName for node in reply.nodes)}")
    except StreamError as error:
        print(f"\n(cut: {error})")
