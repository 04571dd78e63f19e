"""The nodes of the run that goes on, or was the last."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from ..cli.chat.nodes import node_tree
from ..trace import Trace


class Nodes(VerticalScroll):
    """A tree of nodes with their times, tokens and failures."""

    BORDER_TITLE = "Nodes"

    def __init__(self) -> None:
        super().__init__(id="nodes")

    def compose(self) -> ComposeResult:
        yield Static()

    def show(self, trace: Trace) -> None:
        self.query_one(Static).update(node_tree(trace, "This run") if trace.roots else "")
