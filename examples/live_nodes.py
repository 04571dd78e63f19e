"""The nodes of a workflow while they run, and what they cost."""

from fastgpt_client import ChatClient, FlowNodeStatusEvent, Trace

question = [{"role": "user", "content": "Hello!"}]
with ChatClient() as client:
    trace = Trace()
    for event in client.create_chat_completion(question, stream=True, detail=True, version="v2"):
        trace.add(event)
        if isinstance(event, FlowNodeStatusEvent):
            print(f"running: {', '.join(node.name for node in trace.walk() if node.status == 'running')}")
    print(trace)
    print("tokens:", sum((node.input_tokens or 0) + (node.output_tokens or 0) for node in trace.walk()))
