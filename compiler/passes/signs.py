"""The sign of a live value: two comparisons with zero."""

from __future__ import annotations

from lossc.compiler.ir.graph import Graph, rewrite
from lossc.compiler.ir.node import Node
from lossc.compiler.passes.comparisons import is_smooth


def signs(graph: Graph) -> Graph:
    """The sign as a difference of two decisions.

    Rewrite: sign(x)  ->  [x > 0] - [0 > x]
    """
    make = graph.make

    def rule(node: Node) -> Node | None:
        if node.op != "sign" or not is_smooth(node.args[0]):
            return None
        zero = make.const(0)
        up = make("gt", node.args[0], zero, kind="bool", span=node.span, decided=True)
        down = make("gt", zero, node.args[0], kind="bool", span=node.span, decided=True)
        return make.arithmetic("sub", make.iverson(up), make.iverson(down), node.span)

    return graph.with_root(rewrite(graph.root, make, rule))
