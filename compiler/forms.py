"""Which form a metric has: what its binaries are counted over, and what that costs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from lossc.compiler.ir.node import Index
from lossc.compiler.plan import Plan
from lossc.compiler.refactor.rows import RowFamily

ONE_BIT = "one bit a score"
TARGET = "rows: a target against the others"
INSIDE = "rows: inside against outside"
BIPARTITE = "rows: positives against negatives, one count"
RANKS = "rows: ranks among items, ties by index"
LO_HI = "rows: lo and hi"
FAMILIES = "rows of several families"
BOTH_WAYS = "all against all, lo and hi"
CONFUSION = "confusion counts from all pairs of classes"
COUPLED = "pairs under a coupled filter, one count in all"
DENSE = "single bits"
DIFFERENTIABLE = "differentiable"


@dataclass(frozen=True)
class Form:
    """What g takes of the binaries.

    Args:
        kind: ``row-count``, ``dense`` or ``differentiable``.
        name: What is compared and counted.
        cost: Time and memory of a step, in the dims of the inputs.
    """

    kind: str
    name: str
    cost: str

    def __str__(self) -> str:
        if self.kind == self.name:
            return self.kind
        return f"{self.kind} ({self.name}; {self.cost})"


def form_of(plan: Plan, sorts: bool = False) -> Form:
    """The form of a planned spec.

    Args:
        plan: The spec's.
        sorts: Whether many pairs of items are sorted rather than compared one by one.
    """
    if not plan.is_metric:
        return Form(DIFFERENTIABLE, DIFFERENTIABLE, "")
    names = list(dict.fromkeys(_name(row) for row in plan.families))
    name = names[0] if len(names) == 1 else FAMILIES
    if names == [BIPARTITE] and len(plan.families) == 2:
        first, second = (row.family for row in plan.families)
        # the same pairs twice, a tie lost and a tie won: #{s_j > s_i} and #{s_j >= s_i}
        name = LO_HI if first.stored is second.stored else FAMILIES
    return Form(plan.form, name, _cost(plan, sorts))


def _name(row: RowFamily) -> str:
    family = row.family
    left, right = set(family.left.indices), set(family.right.indices)
    if row.dense:
        return DENSE
    if not (left - right or right - left) or not (family.left.live and family.right.live):
        return ONE_BIT
    if not (left - right and right - left):
        return TARGET
    if row.both_ways:
        return BOTH_WAYS
    if left & right:
        return CONFUSION if family.mirrored is not None else INSIDE
    if family.mirrored is not None:
        return RANKS
    return BIPARTITE if row.rows else COUPLED


def _cost(plan: Plan, sorts: bool) -> str:
    """``O(n p^2)``: the places of the largest family; ``O(n log n)`` where pairs are sorted."""
    sizes, logs = set(), set()
    for row, pairs in zip(plan.families, plan.pairs, strict=True):
        if sorts and pairs is not None:
            sizes.add(_places((*pairs.batch, *pairs.left.items)))
            logs.add(_product(_places(pairs.left.items)))
        else:
            sizes.add(_places(row.axes))
    largest = [one for one in sizes if not any(_within(one, other) for other in sizes - {one})]
    log = f" log {logs.pop()}" if len(logs) == 1 else ""
    log = log if " " not in log[5:] else f" log({log[5:]})"
    return " + ".join(f"O({_product(one)}{log})" for one in sorted(largest, key=_product))


def _places(axes: tuple[Index, ...]) -> tuple[tuple[str, int], ...]:
    """The dims of a family with their powers; fixed sizes cost nothing more."""
    counts = Counter(axis.extent.size for axis in axes if isinstance(axis.extent.size, str))
    return tuple(counts.items())


def _within(one: tuple[tuple[str, int], ...], other: tuple[tuple[str, int], ...]) -> bool:
    powers = dict(other)
    return all(powers.get(dim, 0) >= power for dim, power in one)


def _product(places: tuple[tuple[str, int], ...]) -> str:
    return " ".join(dim if power == 1 else f"{dim}^{power}" for dim, power in places) or "1"
