"""The nodes of a run as a tree, while it goes on and afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from .events import (
    ErrorEvent,
    FlowNodeResponseEvent,
    FlowNodeStatusEvent,
    FlowResponsesEvent,
    NodeResponse,
    Reply,
    StreamEvent,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class TraceNode(msgspec.Struct, kw_only=True):
    """A node of a run. What the server has not told (yet) is None."""

    name: str
    id: str = ""
    """Of this run of the node, once it is done."""
    status: Literal["running", "done", "failed"] = "running"
    type: str | None = None
    """The ``moduleType``: ``chatNode``, ``datasetSearchNode``, …"""
    seconds: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    points: float | None = None
    error: str | None = None
    children: list[TraceNode] = []
    """Nodes that ran inside this one: of tools, sub-workflows, loops."""
    response: NodeResponse | None = None
    """All that the server says about a node that is done."""

    @classmethod
    def of(cls, response: NodeResponse) -> TraceNode:
        """A node that is done."""
        raw, failure = response.raw, response.failure
        return cls(
            name=response.moduleName,
            id=response.id,
            status="failed" if failure else "done",
            type=response.moduleType,
            seconds=response.runningTime,
            input_tokens=_first_number(raw, "inputTokens", "toolCallInputTokens", "embeddingTokens", "tokens"),
            output_tokens=_first_number(raw, "outputTokens", "toolCallOutputTokens"),
            points=response.totalPoints,
            error=failure,
            children=[cls.of(child) for child in response.children],
            response=response,
        )

    def walk(self) -> Iterator[TraceNode]:
        """This node and all that ran inside it, outermost first."""
        yield self
        for child in self.children:
            yield from child.walk()

    def __str__(self) -> str:
        facts = [
            "running" if self.status == "running" else "",
            "" if self.seconds is None else f"{self.seconds:g} s",
            f"{self.input_tokens or 0}+{self.output_tokens or 0} tokens"
            if self.input_tokens or self.output_tokens
            else "",
            f"{self.points:g} points" if self.points else "",
            f"failed: {self.error}" if self.status == "failed" else "",
        ]
        lines = [f"{self.name}  {', '.join(filter(None, facts))}".rstrip()]
        for child in self.children:
            lines += [f"  {line}" for line in str(child).splitlines()]
        return "\n".join(lines)


class Trace:
    """The nodes of a run as a tree: ``add`` its events as they come, and print it whenever you like.

    Asks for ``detail=True``. Nodes show as running by their names; what they did is known when they are done (v2), or
    at the end of the run (v1). Nodes inside others come with the node that they ran in.

    Example:
        >>> trace = Trace()
        >>> for event in client.create_chat_completion(messages, stream=True, detail=True, version="v2"):
        ...     trace.add(event)
        >>> print(trace)
        Start  0 s
        AI Chat  1.2 s, 11+21 tokens
    """

    def __init__(self) -> None:
        self.roots: list[TraceNode] = []

    @classmethod
    def of(cls, reply: Reply) -> Trace:
        """The tree of a run that is over.

        Example:
            >>> print(Trace.of(client.conversation().send("Hello!")))
        """
        trace = cls()
        for node in reply.nodes:
            trace._finish(TraceNode.of(node))
        return trace

    def add(self, event: StreamEvent) -> None:
        """Take in an event; those that tell nothing about nodes change nothing."""
        if isinstance(event, FlowNodeStatusEvent):
            self.roots.append(TraceNode(name=event.name))
        elif isinstance(event, FlowNodeResponseEvent):
            self._finish(TraceNode.of(event.node))
        elif isinstance(event, FlowResponsesEvent):  # v1: all nodes, once more or for the first time
            self.roots = []
            for node in event.nodes:
                self._finish(TraceNode.of(node))
        elif isinstance(event, ErrorEvent):
            for root in self.roots:
                if root.status == "running":
                    root.status, root.error = "failed", event.message

    def walk(self) -> Iterator[TraceNode]:
        """All nodes, each before those that ran inside it."""
        for root in self.roots:
            yield from root.walk()

    def __str__(self) -> str:
        return "\n".join(map(str, self.roots))

    def _finish(self, node: TraceNode) -> None:
        started = self._running(node.name, self.roots)
        if started is None:
            self.roots.append(node)
        else:
            place = self.roots.index(started)
            self.roots[place] = node
            for inner in list(node.walk())[1:]:  # they were seen to start, as roots, after the node did
                if (seen := self._running(inner.name, self.roots[place + 1 :])) is not None:
                    self.roots.remove(seen)
        self._adopt()

    def _running(self, name: str, nodes: Iterable[TraceNode]) -> TraceNode | None:
        return next((node for node in nodes if node.status == "running" and node.name == name), None)

    def _adopt(self) -> None:
        """Put nodes that came by themselves, and name the node that they ran in (4.16), into that node."""
        known: dict[object, TraceNode] = {node.id: node for node in self.walk() if node.id}
        for root in list(self.roots):
            parent = known.get(root.response.raw.get("parentId")) if root.response is not None else None
            if parent is not None:
                self.roots.remove(root)
                if root.id not in [child.id for child in parent.children]:
                    parent.children.append(root)


def _first_number(raw: dict[str, Any], *names: str) -> int | None:
    return next((int(raw[name]) for name in names if isinstance(raw.get(name), int | float)), None)
