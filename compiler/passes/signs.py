"""The sign of a live value: two comparisons with zero."""

from __future__ import annotations

from lossc.compiler.ir.graph import Graph, rewrite
from lossc.compiler.ir.node import Node
from lossc.compiler.passes.comparisons import is_smooth
from lossc.grammar.errors import Diagnostic, SpecError


def signs(graph: Graph) -> Graph:
    """The sign as a difference of two decisions.

    Rewrite: sign(x)  ->  [x > 0] - [0 > x]

    Rounding a live value has no rule yet and says so.
    """
    make = graph.make

    def rule(node: Node) -> Node | None:
        if node.op in ("floor", "ceil", "round", "floordiv", "mod") and any(
            is_smooth(a) for a in node.args
        ):
            raise SpecError(
                Diagnostic(
                    node.span,
                    "not-supported",
                    f"{node.op} of a live value is not refactored",
                    hint="count the thresholds that it passes: count[t in 1..m | score > t]",
                )
            )
        if node.op != "sign" or not is_smooth(node.args[0]):
            return None
        zero = make.const(0)
        up = make("gt", node.args[0], zero, kind="bool", span=node.span, decided=True)
        down = make("gt", zero, node.args[0], kind="bool", span=node.span, decided=True)
        return make.arithmetic("sub", make.iverson(up), make.iverson(down), node.span)

    return graph.with_root(rewrite(graph.root, make, rule))
