"""The row-count form: a metric that needs of its binaries only how many of each row are won.

A family's row is all its comparisons that one reduction adds up. Where every use of a family is
such a reduction, the metric becomes a function of one count a row; a family for which that fails
keeps each binary as a row of its own (the dense form), and the same code serves both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from lossc.compiler.front.properties import may_be_undefined
from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.graph import rebuild, topological
from lossc.compiler.ir.node import Index, Node, conjuncts
from lossc.compiler.refactor.families import Family
from lossc.compiler.refactor.fixed_sums import count_of, fixed_sum
from lossc.compiler.refactor.row_uses import (
    Use,
    find_use,
    raw_binaries,
    readings_of,
    shared_columns,
)
from lossc.compiler.symbolic.atoms import Signs


@dataclass(frozen=True)
class RowFamily:
    """A family with its axes: ``rows`` first, then the ``columns`` that are counted away.

    Args:
        family: The comparisons.
        rows: The metric needs one count for each of their values.
        columns: What the counts are over; none in the dense form.
        both_ways: Whether it needs the counts over the rows, one for each column, as well.
    """

    family: Family
    rows: tuple[Index, ...]
    columns: tuple[Index, ...]
    both_ways: bool = False

    @property
    def axes(self) -> tuple[Index, ...]:
        return self.rows + self.columns

    @property
    def dense(self) -> bool:
        """Whether the metric needs single binaries of more than one axis of this family."""
        return not self.columns and len(self.rows) > 1


class Literal(NamedTuple):
    """What a condition on a row count says of the row, kept on the node as ``literal``.

    Args:
        which: ``every`` comparison of it is won, or ``some``.
        negated: Or the opposite of that.
        family: The number of the family.
        letters: Of the row.
        against: Whether the row is a column of a family that is counted both ways.
    """

    which: str
    negated: bool
    family: int
    letters: tuple[Index, ...]
    against: bool


def count_rows(
    root: Node, families: tuple[Family, ...], make: NodeFactory, signs: Signs, dense: bool = False
) -> tuple[Node, tuple[RowFamily, ...]]:
    """The goal as a function of row counts (``ones`` nodes), and the axes of each family.

    Args:
        root: The goal over oriented binaries.
        families: From :func:`lossc.compiler.refactor.families.find_families`.
        make: Where new nodes come from.
        signs: What is known of leaves.
        dense: Keep every binary, even where counts would do.
    """
    readings = readings_of(families)
    direct = (
        {}
        if dense
        else {n: use for n in topological([root]) if (use := find_use(n, readings, make, signs))}
    )
    by_reading: dict[Node, list[tuple[Node, Use]]] = {}
    for node, found in direct.items():
        for binary in found.binaries:
            by_reading.setdefault(binary, []).append((node, found))
    raw = set(raw_binaries(root, set(direct)))
    while True:
        counted: list[RowFamily] = []
        for family in families:
            single = family.binary in raw or family.twin in raw
            counted.append(_axes(family, () if single else shared_columns(family, by_reading)))
        bits = {r for row in counted if not row.columns for r in _readings(row.family)}
        # a sum of bits and counts cannot be counted: then its other comparisons are bits, too
        more = {b for use in direct.values() if bits & set(use.binaries) for b in use.binaries}
        if more <= bits:
            break
        raw |= more
    by_binary = {row.family.binary: (number, row) for number, row in enumerate(counted)}
    twins = {row.family.twin: (number, row) for number, row in enumerate(counted)}
    by_binary |= {twin: found for twin, found in twins.items() if twin is not None}
    done: dict[Node, Node] = {}
    for node in topological([root]):
        use = direct.get(node)
        if use is not None and all(by_binary[b][1].columns for b in use.binaries):
            done[node] = _count(node, use, by_binary, make)
        elif node.op == "binary":
            done[node] = _single(make, *by_binary[node], node)
        else:
            done[node] = rebuild(make, node, tuple(done[arg] for arg in node.args))
    return done[root], tuple(counted)


def _readings(family: Family) -> tuple[Node, ...]:
    return (family.binary,) if family.twin is None else (family.binary, family.twin)


def _single(make: NodeFactory, number: int, row: RowFamily, node: Node) -> Node:
    won = _ones(make, number, row, node)
    said = Literal("every", False, number, won.letters, won.against)
    span = row.family.binary.span
    return make("gt", won, make.const(0), kind="bool", span=span, decided=True, literal=said)


def _ones(make: NodeFactory, number: int, row: RowFamily, reading: Node) -> Node:
    """How many comparisons of a row are won; read the other way round: of those against it."""
    letters, against = row.rows, False
    if reading is row.family.twin:
        assert row.family.pair is not None
        p, q = row.family.pair
        against = bool(row.columns)
        if not against:  # single bits: the pair in the other order
            letters = tuple(q if i is p else p if i is q else i for i in letters)
    return make(
        "ones",
        family=number,
        letters=letters,
        against=against,
        kind="int",
        indices=letters,
        live=True,
        decided=True,
        span=row.family.binary.span,
    )


def _axes(family: Family, columns: tuple[Index, ...]) -> RowFamily:
    rows = tuple(index for index in family.binary.indices if index not in columns)
    if family.mirrored is not None:
        p, q = family.mirrored
        if p in columns:
            p, q = q, p
        others = tuple(index for index in rows if index not in (p, q))
        # mirrored indices are the last two axes, so that the mirror image is a transpose
        return (
            RowFamily(family, (*others, p), (q,))
            if columns
            else RowFamily(family, (*others, p, q), ())
        )
    if family.pair is not None and columns:
        others = tuple(index for index in rows if index not in family.pair)
        (row,) = (index for index in family.pair if index not in columns)
        return RowFamily(family, (*others, row), columns, both_ways=True)
    return RowFamily(family, rows, columns)


def _count(
    node: Node, use: Use, by_binary: dict[Node, tuple[int, RowFamily]], make: NodeFactory
) -> Node:
    where = node.args[1] if len(node.args) > 1 else make.const(True)
    if node.op in ("any", "all"):
        return _count_literal(node, use, by_binary, where, make)
    assert use.constant is not None
    total = fixed_sum(make, node.bound, use.constant, where, node.span)
    for binary, coefficient in zip(use.binaries, use.coefficients, strict=True):
        number, row = by_binary[binary]
        rest = tuple(index for index in node.bound if index not in row.columns)
        negative = coefficient.op == "const" and coefficient.number < 0
        if negative:
            coefficient = make.const(-coefficient.number)
        counted = _ones(make, number, row, binary)
        won = make.arithmetic("mul", coefficient, counted, node.span)
        if may_be_undefined(coefficient):  # a sum over nothing is 0, whatever it would be times
            there = make.and_(where, make.not_(binary.args[3]))
            size = count_of(make, row.columns, there, node.span)
            some = make("gt", size, make.const(0), kind="bool", span=node.span)
            won = make.where(some, won, make.const(0), node.span)
        # what the family's own filter says is in its counts, unless there are several, or a row
        # that it leaves out counts what other rows lose; the rest of the filter is not
        family = row.family
        in_counts = len(family.contexts) == 1 and family.mirrored is None
        own = set(binary.indices) if in_counts else set()
        foreign = (
            c
            for c in conjuncts(where)
            if not set(c.indices) & set(row.columns) and not (c.indices and set(c.indices) <= own)
        )
        part = make.reduce("sum", rest, won, make.and_(*foreign), node.span)
        total = make.arithmetic("sub" if negative else "add", total, part, node.span)
    if node.op == "sum":
        return total
    count = count_of(make, node.bound, where, node.span)
    return make.arithmetic("div", total, count, node.span)


def _count_literal(
    node: Node,
    use: Use,
    by_binary: dict[Node, tuple[int, RowFamily]],
    where: Node,
    make: NodeFactory,
) -> Node:
    """All and any over one family: every row has all, or some, of its comparisons won."""
    number, row = by_binary[use.binaries[0]]
    won = _ones(make, number, row, use.binaries[0])
    same = row.family.binary.args[3]
    rest = tuple(index for index in node.bound if index not in row.columns)

    # what it says of the row: all, or some, of it won, or the opposite of that
    which = "every" if (node.op == "all") != use.negated else "some"
    said = Literal(which, use.negated, number, won.letters, won.against)

    def compare(op: str, left: Node, right: Node) -> Node:
        return make(op, left, right, kind="bool", span=node.span, decided=True, literal=said)

    if which == "some":  # all lost, or some won
        outcome = compare("eq" if node.op == "all" else "gt", won, make.const(0))
    else:
        there = make.and_(where, make.not_(same))
        size = count_of(make, row.columns, there, node.span)
        outcome = compare("eq" if node.op == "all" else "lt", won, size)
    if use.with_itself is not None and use.with_itself != (node.op == "all"):
        meets = make.reduce("any", row.columns, same, where, node.span)
        outcome = (
            make.or_(outcome, meets) if node.op == "any" else make.and_(outcome, make.not_(meets))
        )
    return make.reduce(node.op, rest, outcome, _outer(where, row.columns, make), node.span)


def _outer(where: Node, columns: tuple[Index, ...], make: NodeFactory) -> Node:
    return make.and_(*(c for c in conjuncts(where) if not set(c.indices) & set(columns)))
