"""Families of pairs: every left item against every right one of its group, never listed.

Where both sides of a comparison are items of their own, and what decides whether there is a
comparison speaks of one of them, or says that both are of one group, then one sort of the items
tells all that a metric needs of their pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

from lossc.compiler.front.properties import may_be_undefined
from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.node import Index, Node, conjuncts
from lossc.compiler.refactor.rows import RowFamily


@dataclass(frozen=True)
class ItemSide:
    """The items on one side of a family's comparisons.

    Args:
        score: What is compared.
        items: The axes that number them.
        kept: The conditions under which an item takes part at all.
        key: What must be equal on both sides; ``None``: nothing.
    """

    score: Node
    items: tuple[Index, ...]
    kept: tuple[Node, ...]
    key: Node | None


@dataclass(frozen=True)
class Separable:
    """A family of pairs.

    Args:
        left: Its left items.
        right: Its right items.
        batch: Axes of both; items meet within a place of these only.
        tie: ``won``, ``lost``, ``first`` or ``last``: the binary at equal scores.
        same: Whether both sides are the same items, which are not compared with themselves.
        rows: Whose counts the metric takes: those of the ``left`` or ``right`` items, or their
            ``total``.
    """

    left: ItemSide
    right: ItemSide
    batch: tuple[Index, ...]
    tie: str
    same: bool
    rows: str


def separable(row: RowFamily, make: NodeFactory) -> Separable | None:
    """The family as pairs of items, if it is such."""
    family = row.family
    left, right, tie, itself = family.binary.args
    if not row.columns or len(family.contexts) != 1 or not (left.live and right.live):
        return None
    if may_be_undefined(left) or may_be_undefined(right):
        return None
    both = set(left.indices) & set(right.indices)
    batch = tuple(axis for axis in row.axes if axis in both)
    lefts = tuple(axis for axis in row.axes if axis in left.indices and axis not in both)
    rights = tuple(axis for axis in row.axes if axis in right.indices and axis not in both)
    if not lefts or not rights or {*batch, *lefts, *rights} != set(row.axes):
        return None
    rows = _rows(row, batch, lefts, rights)
    known = _tie(make, tie, lefts, rights)
    parts = _conditions(make, family.contexts[0], (set(batch), lefts, rights))
    if rows is None or known is None or parts is None:
        return None
    kept_left, kept_right, keys, same = parts
    alike = tuple(a.extent for a in lefts) == tuple(b.extent for b in rights)
    if itself.op != "const":
        same |= _is_same(make, itself, lefts, rights)
        if not _is_same(make, itself, lefts, rights):
            return None
    if (same or known in ("first", "last")) and not alike:
        return None
    first, second = keys or (None, None)
    return Separable(
        ItemSide(left, lefts, kept_left, first),
        ItemSide(right, rights, kept_right, second),
        batch,
        known,
        same,
        rows,
    )


def _rows(
    row: RowFamily, batch: tuple[Index, ...], lefts: tuple[Index, ...], rights: tuple[Index, ...]
) -> str | None:
    if row.rows == (*batch, *lefts):
        return "left"
    if row.rows == (*batch, *rights):
        return "right"
    return "total" if not row.rows and not batch else None


def _tie(
    make: NodeFactory, tie: Node, lefts: tuple[Index, ...], rights: tuple[Index, ...]
) -> str | None:
    if tie.op == "const":
        return "won" if tie.value else "lost"
    first, last = _earlier(make, lefts, rights), _earlier(make, rights, lefts)
    if tie is first or tie is make.not_(last):
        return "first"
    if tie is last or tie is make.not_(first):
        return "last"
    return None


def _earlier(make: NodeFactory, some: tuple[Index, ...], others: tuple[Index, ...]) -> Node:
    """``some`` before ``others`` in row-major order, as ``beats`` writes it."""
    earlier, same = make.const(False), make.const(True)
    for one, other in zip(some, others, strict=False):
        a, b = make.at_index(one), make.at_index(other)
        earlier = make.or_(earlier, make.and_(same, make("lt", a, b, kind="bool")))
        same = make.and_(same, make("eq", a, b, kind="bool"))
    return earlier


def _is_same(
    make: NodeFactory, condition: Node, lefts: tuple[Index, ...], rights: tuple[Index, ...]
) -> bool:
    """Whether a condition says that both sides are the same item."""
    pairs = {frozenset(pair) for pair in zip(lefts, rights, strict=False)}
    found = set()
    for part in conjuncts(condition):
        if part.op != "eq" or any(side.op != "index" for side in part.args):
            return False
        found.add(frozenset(side.index for side in part.args))
    return found == pairs and len(lefts) == len(rights)


_Parts = tuple[tuple[Node, ...], tuple[Node, ...], tuple[Node, Node] | None, bool]


def _conditions(
    make: NodeFactory,
    context: frozenset[Node],
    axes: tuple[set[Index], tuple[Index, ...], tuple[Index, ...]],
) -> _Parts | None:
    """The conditions on the left items, on the right ones, equal keys, and ``not the same``."""
    batch, lefts, rights = axes
    kept: tuple[list[Node], list[Node]] = ([], [])
    keys: tuple[Node, Node] | None = None
    same = False
    ordered = sorted(context, key=lambda c: ([i.order for i in c.indices], str(c.span), c.op))
    for condition in ordered:
        asked = set(condition.indices)
        if asked <= batch | set(lefts):
            kept[0].append(condition)
        elif asked <= batch | set(rights):
            kept[1].append(condition)
        elif _is_apart(make, condition, lefts, rights):
            same = True
        elif keys is None and condition.op == "eq":
            keys = _keys(condition, batch | set(lefts), batch | set(rights))
            if keys is None:
                return None
        else:
            return None
    return tuple(kept[0]), tuple(kept[1]), keys, same


def _is_apart(
    make: NodeFactory, condition: Node, lefts: tuple[Index, ...], rights: tuple[Index, ...]
) -> bool:
    if condition.op == "not":
        return _is_same(make, condition.args[0], lefts, rights)
    if condition.op != "ne":
        return False
    equal = make("eq", *condition.args, kind="bool")
    return _is_same(make, equal, lefts, rights)


def _keys(condition: Node, ours: set[Index], theirs: set[Index]) -> tuple[Node, Node] | None:
    for one, other in (condition.args, condition.args[::-1]):
        whole = one.kind == other.kind == "int"
        if whole and set(one.indices) <= ours and set(other.indices) <= theirs:
            return one, other
    return None
