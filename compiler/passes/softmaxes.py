"""Quotients of exponentials: softmax and sigmoid, however they are written out."""

from __future__ import annotations

from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.graph import Graph, rewrite
from lossc.compiler.ir.node import Node
from lossc.compiler.passes.seen_through import is_number, seen_through
from lossc.compiler.passes.stable_logs import one_plus_exp


def softmaxes(graph: Graph) -> Graph:
    """Quotients that overflow above and below, while their value is small.

    Rewrite: exp(a) / sum[j] exp(x[j])  ->  exp(a - m) / sum[j] exp(x[j] - m)
    Rewrite: 1 / (1 + exp(x))           ->  sigmoid(-x)
    Rewrite: exp(x) / (1 + exp(x))      ->  sigmoid(x)

    m is max[j] x[j]; the quotient does not depend on it, so it carries no gradient. A difference
    with logsumexp would lose digits where the scores are large. A sum with a filter may be empty,
    and the quotient is undefined then; it stays as it is.
    """
    make = graph.make

    def rule(node: Node) -> Node | None:
        if node.op != "div":
            return None
        above, below = (seen_through(make, arg) for arg in node.args)
        exponent = one_plus_exp(make, below)
        if exponent is not None and is_number(above, 1):
            negated = make("neg", exponent, kind="real", span=node.span)
            if exponent.op == "neg":
                negated = exponent.args[0]
            return make("sigmoid", negated, kind="real", span=node.span)
        if above.op != "exp":
            return None
        if exponent is above.args[0]:
            return make("sigmoid", exponent, kind="real", span=node.span)
        if below.op != "sum" or len(below.args) > 1:
            return None
        power = seen_through(make, below.args[0])
        return _shifted(make, above, below, power) if power.op == "exp" else None

    return graph.with_root(rewrite(graph.root, make, rule))


def _shifted(make: NodeFactory, above: Node, below: Node, power: Node) -> Node:
    largest = make.reduce("max", below.bound, power.args[0], None, below.span)
    shift = make("detach", largest, kind="real", span=below.span)

    def lowered(node: Node) -> Node:
        difference = make.arithmetic("sub", node.args[0], shift, node.span)
        return make("exp", difference, kind="real", span=node.span)

    total = make.reduce("sum", below.bound, lowered(power), None, below.span)
    return make.arithmetic("div", lowered(above), total, below.span)
