"""Logarithms of sigmoids and exponentials in the form that neither overflows nor cancels."""

from __future__ import annotations

from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.graph import Graph, rewrite
from lossc.compiler.ir.node import Node
from lossc.compiler.passes.seen_through import is_number, seen_through


def stable_logs(graph: Graph) -> Graph:
    """Logarithms that undo what is inside them.

    Rewrite: log(sigmoid(x))       ->  logsigmoid(x)
    Rewrite: log(1 - sigmoid(x))   ->  logsigmoid(-x)
    Rewrite: log(1 + exp(x))       ->  softplus(x)
    Rewrite: log(exp(x))           ->  x
    Rewrite: log(sum[j] exp(x[j])) ->  logsumexp[j] x[j]
    Rewrite: log(exp(a) / sum[j] exp(x[j]))  ->  a - logsumexp[j] x[j]

    Definitions are seen through, so that ``let q[i] = sigmoid(x[i])`` keeps both its name and its
    digits.
    """
    make = graph.make

    def rule(node: Node) -> Node | None:
        if node.op != "log":
            return None
        inner = seen_through(make, node.args[0])
        match inner.op:
            case "sigmoid":
                return make("logsigmoid", inner.args[0], kind="real", span=node.span)
            case "exp":
                return inner.args[0]
            case "sub" if is_number(inner.args[0], 1):
                other = seen_through(make, inner.args[1])
                if other.op == "sigmoid":
                    negated = make("neg", other.args[0], kind="real", span=node.span)
                    return make("logsigmoid", negated, kind="real", span=node.span)
            case "add":
                exponent = one_plus_exp(make, inner)
                if exponent is not None:
                    return make("softplus", exponent, kind="real", span=node.span)
            case "sum":
                return log_of_sum(make, inner)
            case "div":
                return _log_of_softmax(make, inner)
        return None

    return graph.with_root(rewrite(graph.root, make, rule))


def one_plus_exp(make: NodeFactory, node: Node) -> Node | None:
    """The ``x`` of ``1 + exp(x)``, in either order."""
    if node.op != "add":
        return None
    for one, other in (node.args, node.args[::-1]):
        power = seen_through(make, other)
        if is_number(one, 1) and power.op == "exp":
            return power.args[0]
    return None


def log_of_sum(make: NodeFactory, node: Node) -> Node | None:
    """``log`` of ``sum[j | c[j]] exp(x[j])``: a logsumexp with the same filter."""
    if node.op != "sum":
        return None
    power = seen_through(make, node.args[0])
    if power.op != "exp":
        return None
    where = node.args[1] if len(node.args) > 1 else None
    return make.reduce("logsumexp", node.bound, power.args[0], where, node.span)


def _log_of_softmax(make: NodeFactory, node: Node) -> Node | None:
    above, below = (seen_through(make, arg) for arg in node.args)
    # a sum with a filter may be empty: the quotient is undefined then, the difference infinite
    total = log_of_sum(make, below) if len(below.args) == 1 else None
    if above.op != "exp" or total is None:
        return None
    return make.arithmetic("sub", above.args[0], total, node.span)
