"""Products with a logarithm at 0, where the limit is 0 and the product is not a number."""

from __future__ import annotations

from lossc.compiler.ir.graph import Graph, rewrite
from lossc.compiler.ir.node import Node
from lossc.compiler.symbolic.atoms import Signs


def zero_limits(graph: Graph) -> Graph:
    """The convention 0 log 0 = 0 of entropies and divergences, with gradient 0.

    Rewrite: x * log(y)  ->  times_log(x, y)     unless y is known to be positive

    Powers and roots at 0 need no rewrite: where their slope is infinite, the runtime's
    ``power_at_zero`` and ``square_root`` have gradient 0.
    """
    make, signs = graph.make, Signs(graph.spec, graph.params)

    def rule(node: Node) -> Node | None:
        if node.op != "mul" or not node.live:
            return None
        for factor, log in (node.args, node.args[::-1]):
            if log.op == "log" and factor.op != "const" and not signs.positive(log.args[0]):
                return make("times_log", factor, log.args[0], kind="real", span=node.span)
        return None

    return graph.with_root(rewrite(graph.root, make, rule))
