"""Logarithms of sigmoids in the form that neither overflows nor cancels."""

from __future__ import annotations

from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.graph import Graph, rewrite, substitute
from lossc.compiler.ir.node import Node


def stable_logs(graph: Graph) -> Graph:
    """Rewrite: log(sigmoid(x)) -> logsigmoid(x);  log(1 - sigmoid(x)) -> logsigmoid(-x).

    Definitions are seen through, so that ``let q[i] = sigmoid(x[i])`` keeps both its name and its
    digits.
    """
    make = graph.make

    def rule(node: Node) -> Node | None:
        if node.op != "log":
            return None
        inner = _opened(make, node.args[0])
        if inner.op == "sigmoid":
            return make("logsigmoid", inner.args[0], kind="real", span=node.span)
        if inner.op == "sub" and inner.args[0].op == "const" and inner.args[0].value == 1:
            other = _opened(make, inner.args[1])
            if other.op == "sigmoid":
                negated = make("neg", other.args[0], kind="real", span=node.span)
                return make("logsigmoid", negated, kind="real", span=node.span)
        return None

    return graph.with_root(rewrite(graph.root, make, rule))


def _opened(make: NodeFactory, node: Node) -> Node:
    """The body of a definition that is read at plain or computed places."""
    if node.op == "at" and node.args[0].op == "define":
        define = node.args[0]
        return substitute(define.args[0], make, dict(zip(define.bound, node.args[1:], strict=True)))
    return node
