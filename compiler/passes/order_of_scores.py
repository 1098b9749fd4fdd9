"""Sorting live scores: against a threshold a count, else a sum over who stands at the place."""

from __future__ import annotations

from lossc.compiler.front.operators import beats
from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.graph import Graph, rewrite, substitute, topological
from lossc.compiler.ir.node import Node
from lossc.compiler.passes.comparisons import is_smooth
from lossc.compiler.passes.counting import count_where, split_filter

_TURNED = {"gt": "lt", "lt": "gt", "ge": "le", "le": "ge"}


def order_of_scores(graph: Graph) -> Graph:
    """Order statistics of live values, by what is asked of them.

    The r-th smallest is above y if fewer than r are not:

    Rewrite: sort[i] x[i] at r > y  ->  count[i | x[i] <= y] < r and r <= count[i]

    Its value is that of the item with r - 1 items before it; equal ones keep their order:

    Rewrite: sort[i] x[i] at r      ->  sum[i] [1 + sum[k] [-x[k] beats -x[i]] == r] * x[i]

    A sort of counts is part of the metric and stays as it is.
    """
    make = graph.make
    root = graph.root
    while (node := _compared_order(root)) is not None:
        left, right = node.args
        if not any(map(_is_order, node.args)):  # -sort[i] -x[i] at r, the r-th largest
            turned = make(
                _TURNED[node.op],
                *(_negated(make, side) for side in node.args),
                kind="bool",
                span=node.span,
                decided=True,
            )
            root = _replaced(make, root, node, turned)
        elif _is_order(left):  # of two orders, the other one is next
            root = _replaced(make, root, node, _against_threshold(make, node.op, left, right))
        else:
            turned = _against_threshold(make, _TURNED[node.op], right, left)
            root = _replaced(make, root, node, turned)

    def place(node: Node) -> Node | None:
        return _value_at_place(make, node) if _is_order(node) else None

    return graph.with_root(rewrite(root, make, place))


def _compared_order(root: Node) -> Node | None:
    """A comparison with an order statistic of live values on one side at least."""
    for node in topological([root]):
        if node.op in _TURNED and any(map(_is_order, map(_without_sign, node.args))):
            return node
    return None


def _is_order(node: Node) -> bool:
    return node.op == "sort" and is_smooth(node.args[0])


def _without_sign(node: Node) -> Node:
    return node.args[0] if node.op == "neg" else node


def _negated(make: NodeFactory, node: Node) -> Node:
    if node.op == "neg":
        return node.args[0]
    if node.op == "const":
        return make.const(-node.number, node.span)
    return make("neg", node, kind=node.kind, span=node.span)


def _replaced(make: NodeFactory, root: Node, old: Node, new: Node) -> Node:
    return rewrite(root, make, lambda node: new if node is old else None)


def _against_threshold(make: NodeFactory, op: str, order: Node, threshold: Node) -> Node:
    """``order op threshold`` as a count of items on one side of the threshold."""
    body, at, *rest = order.args
    (index,) = order.bound
    allowed = rest[0] if rest else make.const(True)
    item = make.fresh(index, {i.name for i in (*threshold.indices, *at.indices)})
    here = {index: make.at_index(item, order.span)}
    body, allowed = (substitute(part, make, here) for part in (body, allowed))
    # above asks about the items that are not above; at or above about those that are below
    side = "le" if op in ("gt", "le") else "lt"
    below = make(side, body, threshold, kind="bool", span=order.span, decided=True)
    few = count_where(make, item, below, allowed, order.span)
    fewer = "lt" if op in ("gt", "ge") else "ge"
    outcome = make(fewer, few, at, kind="bool", span=order.span, decided=True)
    defined = [_there_is_one(make, side) for side in (order, threshold) if _is_order(side)]
    return make.and_(*defined, outcome)


def _there_is_one(make: NodeFactory, order: Node) -> Node:
    """Whether the place of an order statistic is one of those that its filter leaves."""
    _, at, *rest = order.args
    (index,) = order.bound
    allowed = rest[0] if rest else make.const(True)
    item = make.fresh(index, {i.name for i in at.indices})
    here = {index: make.at_index(item, order.span)}
    allowed = substitute(allowed, make, here)
    count = count_where(make, item, make.const(True), allowed, order.span)
    first = make("ge", at, make.const(1), kind="bool", span=order.span)
    if at.op == "const":
        first = make.const(at.number >= 1)
    return make.and_(first, make("ge", count, at, kind="bool", span=order.span))


def _value_at_place(make: NodeFactory, node: Node) -> Node:
    body, at, *rest = node.args
    (index,) = node.bound
    allowed = rest[0] if rest else make.const(True)
    rival = make.fresh(
        index, {i.name for i in (*body.indices, *at.indices, *allowed.indices, index)}
    )
    here, there = make.at_index(index, node.span), make.at_index(rival, node.span)
    other, other_allowed = (substitute(part, make, {index: there}) for part in (body, allowed))
    lower = beats(
        make,
        make("neg", other, kind="real", span=node.span),
        make("neg", body, kind="real", span=node.span),
        (there,),
        (here,),
        node.span,
    )
    before = count_where(make, rival, lower, other_allowed, node.span)
    standing = make.arithmetic("add", before, make.const(1))
    here_it_is = make("eq", standing, at, kind="bool", span=node.span, decided=True)
    fixed, live = split_filter(make, allowed)
    chosen = make.iverson(make.and_(live, here_it_is))
    weighted = make.arithmetic("mul", chosen, body, node.span)
    return make.reduce("sum", (index,), weighted, fixed, node.span)
