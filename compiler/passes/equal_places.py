"""A class that a filter fixes is read from the label: fewer comparisons decide about it."""

from __future__ import annotations

from collections.abc import Iterator

from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.graph import Graph, rebuild, rewrite, substitute, topological
from lossc.compiler.ir.node import Node, conjuncts


def equal_places(graph: Graph) -> Graph:
    """Where ``label[i] == c`` holds, asking whether c won is asking whether the label did.

    Rewrite: mean[i | label[i] == c] [winner == c]  ->  mean[i | label[i] == c] [winner == label[i]]
    Rewrite: [label[i] == c] * [winner == c]        ->  [label[i] == c] * [winner == label[i]]
    Rewrite: [label[i] == c] * cost[c, winner]      ->  [label[i] == c] * cost[label[i], winner]

    The label is compared with the other classes, n (p - 1) comparisons, instead of all pairs.
    """
    make = graph.make

    def rule(node: Node) -> Node | None:
        if node.bound and node.op != "sort" and len(node.args) == 2:
            body, where = node.args
            known = _known(make, body, where)
            return None if known is body else rebuild(make, node, (known, where))
        if node.op == "and":
            left, right = node.args
            return make.and_(_known(make, left, right), _known(make, right, left))
        if node.op == "mul":
            left, right = node.args
            for fixed, other in ((left, right), (right, left)):
                if fixed.op == "iverson":
                    known = _known(make, other, fixed.args[0])
                    if known is not other:
                        args = (known, right) if other is left else (left, known)
                        return rebuild(make, node, args)
        return None

    return graph.with_root(rewrite(graph.root, make, rule))


def _known(make: NodeFactory, body: Node, condition: Node) -> Node:
    """``body`` with what ``condition`` says about places put in."""
    for index, label in _equalities(condition):
        if any(node.op == "winner" for node in topological([body])):
            body = substitute(body, make, {index.index: label})
    return body


def _equalities(condition: Node) -> Iterator[tuple[Node, Node]]:
    """``(c, label[i])`` for each ``label[i] == c`` that a condition demands."""
    for part in conjuncts(condition):
        if part.op != "eq" or part.live:
            continue
        for index, label in (part.args, part.args[::-1]):
            if index.op == "index" and label.op == "at" and label.args[0].op == "input":
                yield index, label
