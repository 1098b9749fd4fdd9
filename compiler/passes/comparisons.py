"""Comparisons of live values become binaries: [left > right], and what is made of them."""

from __future__ import annotations

from collections.abc import Callable

from lossc.compiler.front.properties import may_be_undefined, remembered
from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.graph import Graph, rewrite
from lossc.compiler.ir.node import DISCRETE_COMPARISONS, Node
from lossc.grammar.errors import Diagnostic, SpecError

_NO_GRADIENT = DISCRETE_COMPARISONS | {
    "winner",
    "argmax",
    "binary",
    "ones",
    "rank",
    "sign",
    "floor",
    "ceil",
    "round",
    "floordiv",
    "balance",
}


@remembered
def is_smooth(node: Node, of: Callable[[Node], bool]) -> bool:
    """Whether a live score reaches the value without a decision on the way."""
    if not node.live or node.op in _NO_GRADIENT:
        return False
    if node.op == "sub" and node.args[0] is node.args[1]:
        return False  # 0, or undefined
    return not node.args or any(of(arg) for arg in node.args)


@remembered
def has_gradient(node: Node, of: Callable[[Node], bool]) -> bool:
    """Whether a gradient of the value reaches a live score."""
    if not node.live or node.op in _NO_GRADIENT or node.op == "detach":
        return False
    # a place that is read is no number that is learned
    args = node.args[:1] if node.op == "at" else node.args
    return not node.args or any(of(arg) for arg in args)


def comparisons(graph: Graph) -> Graph:
    """Every comparison of live values, by the table of the refactoring.

    Rewrite: x > y      ->  binary(x, y)
    Rewrite: x >= y     ->  not binary(y, x)
    Rewrite: x == y     ->  not binary(x, y) and not binary(y, x)
    Rewrite: [x == y]   ->  1 - [x > y] - [y > x]
    Rewrite: x beats y  ->  binary(x, y), at a tie whose index comes first

    A comparison of an item with itself is a constant. Comparisons of counts belong to the metric.
    """
    make = graph.make

    def rule(node: Node) -> Node | None:
        if node.op == "iverson":
            return _linear_equality(make, node)
        if node.op not in DISCRETE_COMPARISONS or not any(is_smooth(arg) for arg in node.args[:2]):
            return None
        if any(arg.decided for arg in node.args[:2]):
            raise SpecError(
                Diagnostic(
                    node.span,
                    "not-supported",
                    "a decision is compared with a live score, "
                    "so it would be a decision about a decision",
                    hint="count with `beats` what the score is compared with: "
                    "(sum[j] [score[j] beats score[i]]) < k",
                )
            )
        return _compare(make, node)

    return graph.with_root(rewrite(graph.root, make, rule))


def _compare(make: NodeFactory, node: Node) -> Node:
    left, right = node.args[:2]
    if node.op == "beats":
        tie, same = node.args[2:]
        return make.where(
            same, make.const(False), binary(make, left, right, tie, same, node), node.span
        )
    never, same = make.const(False), same_item(make, left, right)
    if node.op not in ("gt", "lt") and (may_be_undefined(left) or may_be_undefined(right)):
        return _compare_defined(make, node)
    up = binary(make, left, right, never, same, node)
    down = binary(make, right, left, never, same, node)
    outcomes = {
        "gt": (up, False),
        "lt": (down, False),
        "ge": (make.not_(down), True),
        "le": (make.not_(up), True),
        "eq": (make.and_(make.not_(up), make.not_(down)), True),
        "ne": (make.or_(up, down), False),
    }
    outcome, with_itself = outcomes[node.op]
    return make.where(same, make.const(with_itself), outcome, node.span)


def _compare_defined(make: NodeFactory, node: Node) -> Node:
    """The comparisons that hold at a tie, where a side may be undefined, and then none holds."""
    left, right = node.args[:2]
    same = same_item(make, left, right)
    if node.op == "le":
        left, right = right, left
    not_below = binary(make, left, right, make.const(True), same, node)
    if node.op in ("eq", "ne"):
        above = binary(make, left, right, make.const(False), same, node)
        equal = make.and_(not_below, make.not_(above))
        outcome = equal if node.op == "eq" else make.not_(equal)
        return make.where(same, make.const(node.op == "eq"), outcome, node.span)
    return make.where(same, make.const(True), not_below, node.span)


def defined(make: NodeFactory, comparison: Node) -> Node:
    """Whether both sides of a comparison have a value at all; true where that is certain."""
    sides = [side for side in comparison.args[:2] if may_be_undefined(side)]
    values = [make("detach", side, kind=side.kind, span=side.span) for side in sides]
    # only NaN differs from itself
    return make.and_(*(make("eq", v, v, kind="bool", span=v.span, decided=True) for v in values))


def binary(make: NodeFactory, left: Node, right: Node, tie: Node, same: Node, like: Node) -> Node:
    """[left > right], ``tie`` where they are equal; not a comparison at all where ``same``."""
    return make("binary", left, right, tie, same, kind="bool", span=like.span, decided=True)


def same_item(make: NodeFactory, left: Node, right: Node) -> Node:
    """Where both sides are the same item of the same array."""
    if left is right:
        return make.const(True)
    if left.op != "at" or right.op != "at" or left.args[0] is not right.args[0]:
        return make.const(False)
    pairs = [(a, b) for a, b in zip(left.args[1:], right.args[1:], strict=True) if a is not b]
    if any(a.op == b.op == "const" for a, b in pairs):
        return make.const(False)
    # read either way round, it is the same question
    pairs = [(b, a) if _comes_first(b, a) else (a, b) for a, b in pairs]
    return make.and_(*(make("eq", a, b, kind="bool", span=left.span) for a, b in pairs))


def _comes_first(left: Node, right: Node) -> bool:
    return left.op == right.op == "index" and left.index.order < right.index.order


def _linear_equality(make: NodeFactory, node: Node) -> Node | None:
    """[x == y] as a number is linear in the two binaries, which keeps counts of ties countable."""
    condition = node.args[0]
    if condition.op == "where" and condition.args[1].op == "const":
        same, constant, outcome = condition.args
        inner = make.iverson(outcome)
        inner = _linear_equality(make, inner) or inner
        return make.where(same, make.iverson(constant), inner, node.span)
    if condition.op != "and":
        return None
    sides = condition.args
    if all(side.op == "not" and side.args[0].op == "binary" for side in sides):
        up, down = (side.args[0] for side in sides)
        if up.args[0] is down.args[1] and up.args[1] is down.args[0]:
            some = make.arithmetic("sub", make.const(1), make.iverson(up), node.span)
            return make.arithmetic("sub", some, make.iverson(down), node.span)
    return None
