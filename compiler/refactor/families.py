"""Comparison families: all comparisons of one decision, where they are stored, which way is up."""

from __future__ import annotations

from dataclasses import dataclass

from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.graph import rewrite, substitute, topological
from lossc.compiler.ir.node import Index, Node, conjuncts
from lossc.compiler.refactor.demand import Context, demands
from lossc.compiler.refactor.split import split_by_filter
from lossc.compiler.symbolic.atoms import Signs
from lossc.compiler.symbolic.directions import directions


@dataclass(frozen=True)
class Family:
    """One family, described by index ranges and never listed comparison by comparison.

    Args:
        binary: ``binary(left, right, tie, same)``, turned so that winning never hurts where that
            is known.
        stored: Where a comparison exists: it is needed, it is not of an item with itself, and its
            mirror image is not stored already.
        conditions: The filters under which it is needed; their conjunction, if there is one
            context.
        mirrored: The two indices whose exchange gives the mirror image, which is read as its
            complement.
        direction: +1 if the metric never falls when a comparison is won, 0 if that is not known.
    """

    binary: Node
    stored: Node
    conditions: Context | None
    mirrored: tuple[Index, Index] | None
    direction: int

    @property
    def left(self) -> Node:
        return self.binary.args[0]

    @property
    def right(self) -> Node:
        return self.binary.args[1]

    @property
    def tie(self) -> Node:
        return self.binary.args[2]


def find_families(
    root: Node, make: NodeFactory, signs: Signs, larger_is_better: bool = True
) -> tuple[Node, tuple[Family, ...]]:
    """The families of a refactored goal, and the goal over their binaries: a won one never hurts.

    Returns:
        The goal, rewritten so that every family points upwards, and its families in order of
        occurrence.
    """
    needed = demands(root, make)
    root = split_by_filter(root, make, needed)
    needed = demands(root, make)
    root = _drop_impossible_self_comparisons(root, make, needed)
    needed = demands(root, make)
    ways = directions(root, signs)
    turned: dict[Node, Node] = {}
    families: list[Family] = []
    for node in topological([root]):
        if node.op != "binary":
            continue
        way = ways.get(node, 0) * (1 if larger_is_better else -1)
        oriented = _flipped(make, node) if way < 0 else node
        turned[node] = make.not_(oriented) if way < 0 else oriented
        families.append(_family(make, oriented, needed[node], abs(way)))
    root = rewrite(root, make, lambda node: turned.get(node))
    return root, tuple(families)


def _flipped(make: NodeFactory, node: Node) -> Node:
    """[left > right or a tie] as the complement of its opposite."""
    left, right, tie, same = node.args
    return make.like(node, (right, left, make.not_(tie), same), decided=True)


def _family(make: NodeFactory, node: Node, contexts: list[Context], way: int) -> Family:
    same = node.args[3]
    own = set(node.indices)
    needed = make.or_(*(make.and_(*_in_order(c)) for c in contexts))
    mirror = _mirror_indices(make, node)
    conditions = contexts[0] if len(contexts) == 1 else None
    if conditions is not None:
        conditions = frozenset(c for c in conditions if set(c.indices) <= own)
    if mirror is not None:
        mirror = _mirror_rows(make, conditions, mirror)
    if mirror is None:
        return Family(node, make.and_(needed, make.not_(same)), conditions, None, way)
    p, q = mirror
    swap = {p: make.at_index(q), q: make.at_index(p)}
    opposite = substitute(needed, make, swap)
    first = make("lt", make.at_index(p), make.at_index(q), kind="bool")
    if opposite is needed or _same_set(needed, opposite):
        stored = make.and_(needed, first)
    else:
        unequal = make("ne", make.at_index(p), make.at_index(q), kind="bool")
        stored = make.and_(needed, unequal, make.or_(first, make.not_(opposite)))
    return Family(node, stored, conditions, mirror, way)


def _in_order(context: Context) -> list[Node]:
    return sorted(context, key=lambda c: ([i.order for i in c.indices], str(c.span), c.op))


def _same_set(left: Node, right: Node) -> bool:
    return set(conjuncts(left)) == set(conjuncts(right))


def _mirror_indices(make: NodeFactory, node: Node) -> tuple[Index, Index] | None:
    """The two indices that a comparison by ``beats`` is antisymmetric in."""
    left, right, tie, same = node.args
    if tie.op == "const" or same.op != "eq":
        return None
    if not all(side.op == "index" for side in same.args):
        return None
    p, q = (side.index for side in same.args)
    if p.extent != q.extent or p == q:
        return None
    swap = {p: make.at_index(q), q: make.at_index(p)}
    if substitute(left, make, swap) is not right or substitute(right, make, swap) is not left:
        return None
    return (p, q) if p.order < q.order else (q, p)


def _mirror_rows(
    make: NodeFactory, conditions: Context | None, mirror: tuple[Index, Index]
) -> tuple[Index, Index] | None:
    """The two mirrored indices as (row, column), if each pair may be stored once.

    Reading a stored pair the other way round enters it in the other row. That is right if this
    row, where it is needed at all, needs that entry: what is asked of the column must be asked of
    the row as well, and what is asked of both must hold both ways round.
    """
    if conditions is None:
        return None
    p, q = mirror
    swap = {p: make.at_index(q), q: make.at_index(p)}
    known = {_key(c) for c in conditions}
    swapped = {c: substitute(c, make, swap) for c in conditions}
    if any(make.not_(turned) in conditions for turned in swapped.values()):
        return None  # X(p) and not X(q): a pair and its mirror image are never both needed
    for row, column in ((p, q), (q, p)):
        asked = [c for c in conditions if column in c.indices]
        if all(_key(swapped[c]) in known for c in asked):
            return row, column
    return None


def _key(condition: Node) -> object:
    """Equal for conditions that mean the same: the sides of an equality have no order."""
    if condition.op in ("eq", "ne"):
        return condition.op, frozenset(condition.args)
    return condition


def _drop_impossible_self_comparisons(
    root: Node, make: NodeFactory, needed: dict[Node, list[Context]]
) -> Node:
    """Removes ``same`` where the filters already keep an item from meeting itself."""
    impossible = {
        node
        for node in needed
        if node.op == "binary"
        and node.args[3].op != "const"
        and needed[node]
        and all(excludes(make, context, node.args[3]) for context in needed[node])
    }
    if not impossible:
        return root
    never = make.const(False)

    def drop(node: Node) -> Node | None:
        if node.op == "binary" and node in impossible:
            return make.like(node, (*node.args[:3], never), decided=True)
        return None

    # the `where` around a comparison is dropped first, while its binaries can still be recognised
    def unwrap(node: Node) -> Node | None:
        if node.op == "where" and node.args[1].op == "const" and not node.args[0].live:
            inside = {n for n in topological([node.args[2]]) if n.op == "binary"}
            if inside and inside <= impossible and all(n.args[3] is node.args[0] for n in inside):
                return node.args[2]
        return None

    return rewrite(rewrite(root, make, unwrap), make, drop)


def excludes(make: NodeFactory, context: Context, same: Node) -> bool:
    """Whether the fixed conditions of a context contradict ``same``."""
    parts = conjuncts(same)
    if any(part.op != "eq" for part in parts):
        return False
    for condition in context:
        if condition.op == "ne" and any(set(condition.args) == set(part.args) for part in parts):
            return True
        if condition.op == "not" and set(conjuncts(condition.args[0])) == set(parts):
            return True
    letters: dict[Index, Node] = {}
    for part in parts:
        a, b = part.args
        if a.op == "index":
            letters[a.index] = b
        elif b.op == "index":
            letters[b.index] = a
    back = {
        node.index: make.at_index(index) for index, node in letters.items() if node.op == "index"
    }
    for condition in context:
        for values in (letters, back):
            moved = substitute(condition, make, values)
            if moved is not condition and make.not_(moved) in context:
                return True
    return False
