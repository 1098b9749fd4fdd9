"""Sums split by a fixed condition, where that tells how the metric moves with each comparison."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.graph import rewrite, rewrite_free, topological
from lossc.compiler.ir.node import Node, conjuncts
from lossc.compiler.refactor.demand import demands
from lossc.compiler.refactor.fixed_sums import count_of
from lossc.compiler.refactor.split import split_by_filter
from lossc.compiler.symbolic.atoms import Signs
from lossc.compiler.symbolic.directions import directions

MOST_CONDITIONS = 4  # tried for one metric


def split_for_signs(root: Node, make: NodeFactory, signs: Signs) -> Node:
    """``root`` with sums split by a condition, if more directions are known afterwards.

    Precision counts everything above the threshold in its denominator, and whether one more of
    those helps depends on what it is:

    Rewrite: sum[i] [x[i] > t]  ->  sum[i | y[i]] [x[i] > t] + sum[i | not y[i]] [x[i] > t]

    Args:
        root: The refactored goal, over ``binary`` nodes.
        make: Where new nodes come from.
        signs: What is known of signs.
    """
    unknown = _unknown(root, signs)
    for condition in list(_conditions(root, unknown))[:MOST_CONDITIONS] if unknown else ():
        changed = rewrite(root, make, functools.partial(_split, make, condition))
        changed = split_by_filter(changed, make, demands(changed, make))
        left = _unknown(changed, signs)
        if len(left) < len(unknown):
            root, unknown = changed, left
    return root


def _unknown(root: Node, signs: Signs) -> list[Node]:
    ways = directions(root, signs)
    return [n for n in topological([root]) if n.op == "binary" and not ways.get(n, 0)]


def _conditions(root: Node, binaries: list[Node]) -> Iterator[Node]:
    """Fixed conditions on the items of an undirected comparison, as far as sums run over them."""
    own = [set(binary.indices) for binary in binaries]
    same = {binary.args[3] for binary in binaries}  # an item met itself: no matter of taste
    summed = {index for node in topological([root]) for index in node.bound}
    for node in topological([root]):
        composed = node.op in ("const", "not", "and", "or")
        if node.kind != "bool" or node.live or composed or node in same:
            continue
        letters = set(node.indices)
        if letters and letters & summed and any(letters <= indices for indices in own):
            yield node


def _split(make: NodeFactory, condition: Node, node: Node) -> Node | None:
    """A sum or mean over decisions as the sum of its two parts."""
    if node.op not in ("sum", "mean") or not node.args[0].decided:
        return None
    letters = set(condition.indices)
    if not letters & set(node.bound) or not letters <= set(node.args[0].indices):
        return None
    where = node.args[1] if len(node.args) > 1 else make.const(True)
    opposite = make.not_(condition)
    if where.decided or {condition, opposite} & set(conjuncts(where)):
        return None
    total = make.const(0)
    for part, holds in ((condition, True), (opposite, False)):
        known = {condition: make.const(holds)}.get
        body = rewrite_free(node.args[0], make, known, condition.indices)
        if body.op == "const" and body.number == 0:
            continue
        some = make.reduce("sum", node.bound, body, make.and_(where, part), node.span)
        total = make.arithmetic("add", total, some, node.span)
    if node.op == "sum":
        return total
    count = count_of(make, node.bound, where, node.span)
    return make.arithmetic("div", total, count, node.span)
