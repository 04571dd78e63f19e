"""The nodes of a workflow while they run, those inside of others too; and what they cost."""

from fastgpt_client import ChatClient, FlowNodeStatusEvent, Trace

with ChatClient() as client:
    trace = Trace()
    for event in client.conversation(version="v2").stream("Please plan a trip."):
        trace.add(event)
        if isinstance(event, FlowNodeStatusEvent):
            print(f"running: {', '.join(node.name for node in trace.walk() if node.status == 'running')}")
    print(trace)
    print("tokens:", sum((node.input_tokens or 0) + (node.output_tokens or 0) for node in trace.walk()))
