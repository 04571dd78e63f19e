"""The nodes of a run, for people: a line of each, and the tree of all."""

from __future__ import annotations

from rich.text import Text
from rich.tree import Tree

from ...trace import Trace, TraceNode

_MARKS = {"running": ("…", "yellow"), "done": ("✓", "green"), "failed": ("✗", "red")}


def node_line(node: TraceNode) -> Text:
    """What a node did: its state, name, time, tokens and failure."""
    mark, colour = _MARKS[node.status]
    tokens = f"{node.input_tokens or 0}+{node.output_tokens or 0} tokens"
    facts = [
        "" if node.seconds is None else f"{node.seconds:g} s",
        tokens if node.input_tokens or node.output_tokens else "",
        f"{node.points:g} points" if node.points else "",
    ]
    line = Text.assemble((mark, colour), " ", node.name, ("  " + ", ".join(filter(None, facts)), "dim"))
    line.rstrip()
    return line.append(f"  {node.error}", "red") if node.error else line


def node_tree(trace: Trace, title: str = "Nodes") -> Tree:
    """The tree of a run."""
    tree = Tree(Text(title, "bold"), guide_style="dim")
    for root in trace.roots:
        _grow(tree, root)
    return tree


def _grow(tree: Tree, node: TraceNode) -> None:
    branch = tree.add(node_line(node))
    for child in node.children:
        _grow(branch, child)
