"""Sums without a decision in them, in their shortest form: sizes rather than masks."""

from __future__ import annotations

from collections.abc import Iterator

from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.graph import substitute
from lossc.compiler.ir.node import Index, Node, conjuncts
from lossc.grammar.source import Span


def fixed_sum(
    make: NodeFactory, bound: tuple[Index, ...], body: Node, where: Node, span: Span | None
) -> Node:
    """``sum[bound | where] body`` for a body that is fixed.

    Rewrite: sum[j] 1             ->  n
    Rewrite: sum[j | j != e] 1    ->  n - 1                     if e is among the values of j
    Rewrite: sum[j | X[j]] [j == e]  ->  [X[e]]                 likewise
    Rewrite: sum[j] (a - [j == e])   ->  n a - 1
    """
    total = make.const(0)
    for coefficient, part in _terms(body, 1):
        if part is None:
            value = count_of(make, bound, where, span)
        elif part.op == "iverson":
            value = count_of(make, bound, make.and_(where, part.args[0]), span)
        else:
            value = make.reduce("sum", bound, part, where, span)
        magnitude = make.const(abs(coefficient))
        weighted = make.arithmetic("mul", magnitude, value, span)
        total = make.arithmetic("sub" if coefficient < 0 else "add", total, weighted, span)
    return total


def count_of(make: NodeFactory, bound: tuple[Index, ...], where: Node, span: Span | None) -> Node:
    """``count[bound | where]``, from sizes where they are known."""
    fixed = [c for c in conjuncts(where) if not (c.op == "const" and c.value is True)]
    if len(bound) == 1:
        (index,) = bound
        for condition in fixed:
            item = _the_item(condition, index, "eq")
            if item is not None:
                rest = make.and_(*(c for c in fixed if c is not condition))
                return make.iverson(substitute(rest, make, {index: item}))
        apart = fixed[0] if len(fixed) == 1 else None
        if (
            apart is not None
            and apart.op in ("ne", "not")
            and _the_item(_positive(apart), index, "ne")
        ):
            return make.arithmetic("sub", size_of(make, index, span), make.const(1), span)
    if not fixed:
        total = make.const(1)
        for index in bound:
            total = make.arithmetic("mul", total, size_of(make, index, span), span)
        return total
    return make.reduce("sum", bound, make.const(1), where, span)


def size_of(make: NodeFactory, index: Index, span: Span | None) -> Node:
    """How many values an index has."""
    extent = index.extent
    if isinstance(extent.size, int):
        return make.const(extent.size + extent.extra)
    dim = make("dim", name=extent.size, kind="int", span=span)
    return make.arithmetic("add", dim, make.const(extent.extra), span)


def _terms(body: Node, coefficient: int | float) -> Iterator[tuple[int | float, Node | None]]:
    """The summands of a body, each with its constant factor; ``None`` stands for 1."""
    if body.op in ("add", "sub"):
        yield from _terms(body.args[0], coefficient)
        yield from _terms(body.args[1], -coefficient if body.op == "sub" else coefficient)
    elif body.op == "neg":
        yield from _terms(body.args[0], -coefficient)
    elif body.op == "mul" and body.args[0].op == "const":
        yield from _terms(body.args[1], coefficient * body.args[0].number)
    elif body.op == "mul" and body.args[1].op == "const":
        yield from _terms(body.args[0], coefficient * body.args[1].number)
    elif body.op == "const" and not isinstance(body.value, (str, bool)):
        if body.number != 0:
            yield coefficient * body.number, None
    else:
        yield coefficient, body


def _positive(condition: Node) -> Node:
    """``not a == b`` is asked about as ``a == b``."""
    return condition.args[0] if condition.op == "not" else condition


def _the_item(condition: Node, index: Index, op: str) -> Node | None:
    """The ``e`` of ``index == e`` (or ``!=``), if it is surely one of the index's values."""
    if condition.op not in ("eq", op):
        return None
    sides = [a for a in condition.args if not (a.op == "index" and a.index is index)]
    if len(sides) != 1 or index in sides[0].indices:
        return None
    (other,) = sides
    if other.op == "index" and other.index.extent == index.extent:
        return other
    if other.op == "at" and other.args[0].op == "input":
        array = other.args[0]
        return other if array.below == index.extent and not array.ignores else None
    return None
