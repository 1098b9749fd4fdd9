"""Comparisons of a score that is read at a decided place: one for every place that it may be."""

from __future__ import annotations

from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.graph import Graph, rewrite, topological
from lossc.compiler.ir.node import DISCRETE_COMPARISONS, Extent, Node
from lossc.compiler.passes.comparisons import is_smooth


def decided_places(graph: Graph) -> Graph:
    """A comparison of the score at k, where k is a decision, by the comparisons of all scores.

    Rewrite: x[k] > y  ->  any[a] [k == a and x[a] > y]
    """
    make = graph.make

    def rule(node: Node) -> Node | None:
        if node.op not in DISCRETE_COMPARISONS or node.op == "beats":
            return None
        found = _decided_place(node)
        if found is None:
            return None
        access, number = found
        array, place = access.args[0], access.args[1 + number]
        taken = {i.name for part in (node, access, place) for i in part.indices}
        index = make.fresh(make.index("a", _extents(array)[number]), taken)
        here = make.at_index(index, node.span)
        places = [*access.args[1:]]
        places[number] = here
        read = make("at", array, *places, kind=access.kind, span=access.span)
        fixed = _replaced(make, node, access, read)
        chosen = make("eq", place, here, kind="bool", span=node.span, decided=True)
        fixed = rule(fixed) or fixed  # another place of the same comparison may be decided too
        return make.reduce("any", (index,), make.and_(chosen, fixed), None, node.span)

    return graph.with_root(rewrite(graph.root, make, rule))


def _decided_place(node: Node) -> tuple[Node, int] | None:
    """A live score that the comparison reads at a decided place, and which of its places."""
    for inner in topological([side for side in node.args[:2] if is_smooth(side)]):
        if inner.op != "at" or not is_smooth(inner) or not set(inner.indices) <= set(node.indices):
            continue
        for number, place in enumerate(inner.args[1:]):
            # a winner with several coordinates is one decision, which this would take apart
            several = place.op == "winner" and len(place.args[0].bound) > 1
            if place.decided and not several:
                return inner, number
    return None


def _extents(array: Node) -> tuple[Extent, ...]:
    if array.op == "define":
        return tuple(index.extent for index in array.bound)
    return array.dims


def _replaced(make: NodeFactory, node: Node, old: Node, new: Node) -> Node:
    """A comparison whose sides read ``new`` for ``old``."""
    sides = [rewrite(side, make, lambda n: new if n is old else None) for side in node.args]
    return make.like(node, sides, decided=True)
