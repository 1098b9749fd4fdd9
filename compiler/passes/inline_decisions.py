"""Brings a decoded answer to where it is judged."""

from __future__ import annotations

from collections.abc import Callable

from lossc.compiler.front.properties import remembered
from lossc.compiler.ir.graph import Graph, rewrite, substitute
from lossc.compiler.ir.node import Node
from lossc.compiler.passes.comparisons import is_smooth


def inline_decisions(graph: Graph) -> Graph:
    """Replaces a use of a definition by its body where a decision would otherwise hide in it.

    Rewrite: predicted[i] == label[i]  ->  (argmax[j] scores[i, j]) == label[i]
    """

    def inline(node: Node) -> Node | None:
        if node.op == "at" and node.args[0].op == "define" and escapes(node.args[0].args[0]):
            define = node.args[0]
            return substitute(
                define.args[0], graph.make, dict(zip(define.bound, node.args[1:], strict=True))
            )
        return None

    return graph.with_root(rewrite(graph.root, graph.make, inline))


@remembered
def escapes(node: Node, of: Callable[[Node], bool]) -> bool:
    """Whether a winner, or a live order statistic, is this value: a number that nothing judged."""
    if node.op == "winner" or (node.op == "sort" and is_smooth(node.args[0])):
        return True
    if node.kind == "bool" or node.op == "iverson" or not node.decided:
        return False
    return any(of(arg) for arg in node.args)
