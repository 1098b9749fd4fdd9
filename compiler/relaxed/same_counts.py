"""Families whose relaxed counts are one another's, or their complements: only ties differ."""

from __future__ import annotations

from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.graph import substitute
from lossc.compiler.ir.node import Index, Node, conjuncts
from lossc.compiler.refactor.fixed_sums import count_of
from lossc.compiler.refactor.pairs import condition_key
from lossc.compiler.refactor.rows import RowFamily


def same_count(families: tuple[RowFamily, ...], number: int, against: bool) -> tuple[int, bool]:
    """The family that has a count, and whether it is what that one leaves of all comparisons.

    Args:
        families: All of them.
        number: Whose counts are asked for.
        against: Whether those of its columns are, in a family that is counted both ways.
    """
    if number >= len(families):
        return number, against
    if against:  # all items against all: what is not won against an item, it wins
        return same_count(families, number, False)[0], True
    own = families[number]
    for earlier, other in enumerate(families[:number]):
        if other.rows != own.rows or other.columns != own.columns or not own.columns:
            continue
        if other.family.mirrored or own.family.mirrored or other.both_ways or own.both_ways:
            continue
        if _contexts(other) != _contexts(own) or _itself(other) is not _itself(own):
            continue
        sides = (own.family.left, own.family.right)
        if sides == (other.family.left, other.family.right):
            return earlier, False
        if sides == (other.family.right, other.family.left):
            return earlier, True
    return number, False


def stored_count(make: NodeFactory, row: RowFamily, like: Node) -> Node:
    """How many comparisons each row has, at the letters of ``like``."""
    (context,) = row.family.contexts
    apart = make.not_(row.family.binary.args[3])
    columns = set(row.columns)
    conditions = {*context, apart}
    if row.both_ways:  # every item is among those that it is compared with, but for itself
        pair = set(row.family.pair or ())
        conditions = {c for c in conditions if not _sets_apart(c, pair)}
    asked = sorted(
        (c for c in conditions if set(c.indices) & columns),
        key=lambda c: ([i.order for i in c.indices], str(c.span), c.op),
    )
    count = count_of(make, row.columns, make.and_(*asked), like.span)
    if row.both_ways:
        count = make.arithmetic("sub", count, make.const(1), like.span)
    moved: dict[Index, Node] = {
        old: make.at_index(new)
        for old, new in zip(row.rows, like.letters, strict=True)
        if old is not new
    }
    return substitute(count, make, moved) if moved else count


def less(make: NodeFactory, left: Node, right: Node, like: Node) -> Node:
    """``left - right``; of ``n - (n - x)`` that is x, whichever way n is written."""
    if right.op == "sub" and _total_key(left) == _total_key(right.args[0]):
        return right.args[1]
    return make.arithmetic("sub", left, right, like.span)


def _total_key(node: Node) -> object:
    """Equal for counts of the same items."""
    if node.op != "sum" or node.args[0].op != "const":
        return node
    where = conjuncts(node.args[1]) if len(node.args) > 1 else ()
    return node.bound, node.args[0], frozenset(condition_key(c) for c in where)


def _sets_apart(condition: Node, pair: set[Index]) -> bool:
    """``i != j`` for the two indices of a pair."""
    if condition.op == "not":
        condition = condition.args[0]
    sides = condition.args if condition.op in ("eq", "ne") else ()
    return len(sides) == 2 and {s.index for s in sides if s.op == "index"} == pair


def _contexts(row: RowFamily) -> set[frozenset[object]]:
    return {frozenset(condition_key(c) for c in one) for one in row.family.contexts}


def _itself(row: RowFamily) -> Node:
    return row.family.binary.args[3]
