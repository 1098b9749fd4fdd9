"""Counts of what a condition and a filter select, in the form that every reduction has."""

from __future__ import annotations

from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.node import Index, Node, conjuncts
from lossc.grammar.source import Span


def split_filter(make: NodeFactory, where: Node) -> tuple[Node, Node]:
    """The parts of a filter that are fixed, and those that a decision is made in."""
    parts = conjuncts(where)
    fixed, live = (
        [part for part in parts if not part.live],
        [part for part in parts if part.live],
    )
    return make.and_(*fixed), make.and_(*live)


def count_where(
    make: NodeFactory, index: Index, condition: Node, where: Node, span: Span | None
) -> Node:
    """``sum[index | where] [condition]``; live parts of the filter join the condition."""
    fixed, live = split_filter(make, where)
    counted = make.iverson(make.and_(live, condition))
    return make.reduce("sum", (index,), counted, fixed, span)


def holds_for_all(
    make: NodeFactory,
    indices: tuple[Index, ...],
    condition: Node,
    where: Node,
    span: Span | None,
) -> Node:
    """``all[indices | where] condition``; live parts of the filter join the condition."""
    fixed, live = split_filter(make, where)
    asked = make.or_(make.not_(live), condition)
    return make.reduce("all", indices, asked, fixed, span)


def holds_for_some(
    make: NodeFactory,
    indices: tuple[Index, ...],
    condition: Node,
    where: Node,
    span: Span | None,
) -> Node:
    """``any[indices | where] condition``; live parts of the filter join the condition."""
    fixed, live = split_filter(make, where)
    return make.reduce("any", indices, make.and_(live, condition), fixed, span)
