"""The complement of a sigmoid without a subtraction."""

from __future__ import annotations

from lossc.compiler.ir.graph import Graph, rewrite
from lossc.compiler.ir.node import Node
from lossc.compiler.passes.seen_through import is_number, seen_through


def complements(graph: Graph) -> Graph:
    """The complement keeps its digits where the sigmoid is nearly 1.

    Rewrite: 1 - sigmoid(x)   ->  sigmoid(-x)
    Rewrite: 1 - sigmoid(-x)  ->  sigmoid(x)

    At x = 20 the subtraction gives 0 in float32, and 2e-9 is right.
    """
    make = graph.make

    def rule(node: Node) -> Node | None:
        if node.op != "sub" or not is_number(node.args[0], 1):
            return None
        inner = seen_through(make, node.args[1])
        if inner.op != "sigmoid" or not inner.live:
            return None
        x = inner.args[0]
        turned = x.args[0] if x.op == "neg" else make("neg", x, kind="real", span=node.span)
        return make("sigmoid", turned, kind="real", span=node.span)

    return graph.with_root(rewrite(graph.root, make, rule))
