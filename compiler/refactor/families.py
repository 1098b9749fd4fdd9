"""Comparison families: all comparisons of one decision, where they are stored, which way is up."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.graph import rewrite, substitute, topological
from lossc.compiler.ir.node import Index, Node, conjuncts
from lossc.compiler.passes.comparisons import defined
from lossc.compiler.refactor.demand import Context, demands
from lossc.compiler.refactor.pairs import condition_key as _key
from lossc.compiler.refactor.pairs import find_twin, mirror_pair
from lossc.compiler.refactor.split import split_by_filter
from lossc.compiler.refactor.split_sums import split_for_signs
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
        contexts: The filters under which it is needed; any one of them is enough.
        mirrored: The two indices whose exchange gives the mirror image, which is read as its
            complement.
        countable: The mirrored indices that may be counted over.
        direction: +1 if the metric never falls when a comparison is won, 0 if that is not known.
        twin: The same comparison read the other way round, where the metric uses both:
            ``[x[j] > x[i]]`` beside ``[x[i] > x[j]]``.
        pair: The two indices whose exchange gives the twin.
    """

    binary: Node
    stored: Node
    contexts: tuple[Context, ...]
    mirrored: tuple[Index, Index] | None
    direction: int
    countable: tuple[Index, ...] = ()
    twin: Node | None = None
    pair: tuple[Index, Index] | None = None

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
    root = split_for_signs(root, make, signs)
    needed = demands(root, make)
    root = _drop_impossible_self_comparisons(root, make, needed)
    needed = demands(root, make)
    ways = directions(root, signs)
    turned: dict[Node, Node] = {}
    families: list[Family] = []
    for node in topological([root]):
        if node.op != "binary" or node in turned:
            continue
        way = ways.get(node, 0) * (1 if larger_is_better else -1)
        found = find_twin(make, node, needed)
        if found is not None:
            twin, pair = found
            if ways.get(twin, 0) != ways.get(node, 0):
                way = 0
            turned[twin], second = _oriented(make, twin, way)
        turned[node], first = _oriented(make, node, way)
        family = _family(make, first, needed[node], abs(way))
        if found is not None:
            family = replace(family, mirrored=None, twin=second, pair=pair)
        families.append(family)
    root = rewrite(root, make, lambda node: turned.get(node))
    return root, tuple(families)


def _oriented(make: NodeFactory, node: Node, way: int) -> tuple[Node, Node]:
    """A comparison in terms of one that never hurts to win, and the latter."""
    if way >= 0:
        return node, node
    flipped = _flipped(make, node)
    # what is not stored is lost, and so is a comparison with an undefined value, either way round
    return make.and_(defined(make, node), make.not_(flipped)), flipped


def _flipped(make: NodeFactory, node: Node) -> Node:
    """[left > right or a tie] as the complement of its opposite."""
    left, right, tie, same = node.args
    return make.like(node, (right, left, make.not_(tie), same), decided=True)


def _family(make: NodeFactory, node: Node, contexts: list[Context], way: int) -> Family:
    same = node.args[3]
    own = set(node.indices)
    needed = make.or_(*(make.and_(*_in_order(c)) for c in contexts))
    kept = tuple(frozenset(c for c in context if set(c.indices) <= own) for context in contexts)
    mirror = mirror_pair(make, node, kept)
    if mirror is None:
        return Family(node, make.and_(needed, make.not_(same)), kept, None, way)
    (p, q), countable = mirror
    opposite = substitute(needed, make, {p: make.at_index(q), q: make.at_index(p)})
    first = make("lt", make.at_index(p), make.at_index(q), kind="bool")
    if opposite is needed or _same_set(needed, opposite):
        apart = make("ne", make.at_index(p), make.at_index(q), kind="bool")
        rest = (c for c in conjuncts(needed) if _key(c) != _key(apart))  # p < q says it already
        stored = make.and_(*rest, first)
    else:
        unequal = make("ne", make.at_index(p), make.at_index(q), kind="bool")
        stored = make.and_(needed, unequal, make.or_(first, make.not_(opposite)))
    return Family(node, stored, kept, (p, q), way, countable)


def _in_order(context: Context) -> list[Node]:
    return sorted(context, key=lambda c: ([i.order for i in c.indices], str(c.span), c.op))


def _same_set(left: Node, right: Node) -> bool:
    return {_key(c) for c in conjuncts(left)} == {_key(c) for c in conjuncts(right)}


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
