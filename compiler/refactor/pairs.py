"""Items compared with one another: pairs stored once, and pairs that are read both ways."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.graph import substitute
from lossc.compiler.ir.node import Index, Node
from lossc.compiler.refactor.demand import Context


def condition_key(condition: Node) -> object:
    """Equal for conditions that mean the same: the sides of an equality have no order."""
    if condition.op in ("eq", "ne"):
        return condition.op, frozenset(condition.args)
    return condition


def exchange(make: NodeFactory, p: Index, q: Index) -> dict[Index, Node]:
    """The substitution that reads a pair the other way round."""
    return {p: make.at_index(q), q: make.at_index(p)}


def mirror_pair(
    make: NodeFactory, binary: Node, contexts: Sequence[Context]
) -> tuple[tuple[Index, Index], tuple[Index, ...]] | None:
    """The two indices of a ``beats`` whose pairs may be stored once, and which may be counted over.

    Reading a stored pair the other way round enters it in the other row. That is right if this
    row, where it is needed at all, needs that entry: what is asked of the column must be asked of
    the row as well, and what is asked of both must hold both ways round.
    """
    found = _antisymmetric(make, binary)
    if found is None:
        return None
    p, q = found
    swap = exchange(make, p, q)
    turned = [frozenset(substitute(c, make, swap) for c in context) for context in contexts]
    if all(_never_both(make, a, b, p, q) for a in contexts for b in turned):
        return None
    columns = tuple(
        column
        for column in (q, p)
        if all(_asks_little(make, context, swap, column) for context in contexts)
    )
    return ((p, q), columns) if columns else None


def _asks_little(
    make: NodeFactory, context: Context, swap: Mapping[Index, Node], column: Index
) -> bool:
    known = {condition_key(c) for c in context}
    asked = [c for c in context if column in c.indices]
    return all(condition_key(substitute(c, make, swap)) in known for c in asked)


def _never_both(make: NodeFactory, one: Context, other: Context, p: Index, q: Index) -> bool:
    """Whether a pair is never needed in one context and its mirror image in the other."""
    if any(make.not_(condition) in other for condition in one):
        return True  # X(p) and not X(q)
    equal: dict[Node, set[Node]] = {}
    for condition in (*one, *other):
        if condition.op == "eq":
            left, right = condition.args
            equal.setdefault(left, set()).add(right)
            equal.setdefault(right, set()).add(left)
    both = {make.at_index(p), make.at_index(q)}
    return any(both <= sides for sides in equal.values())  # e == p and e == q


def _antisymmetric(make: NodeFactory, binary: Node) -> tuple[Index, Index] | None:
    """The two indices that a comparison by ``beats`` is antisymmetric in."""
    left, right, tie, _ = binary.args
    earlier = tie.args[0] if tie.op == "not" else tie
    if earlier.op != "lt" or not all(side.op == "index" for side in earlier.args):
        return None
    p, q = sorted((side.index for side in earlier.args), key=lambda index: index.order)
    return (p, q) if _swaps(make, left, right, p, q) else None


def _swaps(make: NodeFactory, left: Node, right: Node, p: Index, q: Index) -> bool:
    if p.extent != q.extent or p == q:
        return False
    swap = exchange(make, p, q)
    return substitute(left, make, swap) is right and substitute(right, make, swap) is left


def may_contradict(make: NodeFactory, binary: Node, contexts: Sequence[Context]) -> bool:
    """Whether both ``x[i] > x[j]`` and ``x[j] > x[i]`` are comparisons of a family."""
    left, right = binary.args[:2]
    for p, q in combinations(binary.indices, 2):
        if not _swaps(make, left, right, p, q):
            continue
        swap = exchange(make, p, q)
        turned = [frozenset(substitute(c, make, swap) for c in context) for context in contexts]
        if not all(_never_both(make, a, b, p, q) for a in contexts for b in turned):
            return True
    return False


def find_twin(
    make: NodeFactory, binary: Node, needed: Mapping[Node, Sequence[Context]]
) -> tuple[Node, tuple[Index, Index]] | None:
    """``[x[j] > x[i]]`` for ``[x[i] > x[j]]``, and the indices (i, j), if both have the same pairs.

    The pairs must be the same read either way, so that rows and columns hold the same items.
    """
    left, right, tie, _ = binary.args
    if tie.op != "const":
        return None
    for p, q in combinations(binary.indices, 2):
        if not _swaps(make, left, right, p, q):
            continue
        swap = exchange(make, p, q)
        turned_binary = substitute(binary, make, swap)
        same = make.like(turned_binary, (*turned_binary.args[:3], binary.args[3]), decided=True)
        twin = turned_binary if turned_binary in needed else same  # `same` has no direction
        if twin is binary or twin not in needed:
            continue
        own, others = _keys(needed[binary]), _keys(needed[twin])
        turned = _keys([[substitute(c, make, swap) for c in k] for k in needed[twin]])
        if own == turned == others:
            return twin, (p, q)
    return None


def _keys(contexts: Iterable[Iterable[Node]]) -> set[frozenset[object]]:
    return {frozenset(condition_key(c) for c in context) for context in contexts}
