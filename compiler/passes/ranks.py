"""The rank of a live score: a count of the items that beat it."""

from __future__ import annotations

from lossc.compiler.front.operators import beats
from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.graph import Graph, rewrite, substitute
from lossc.compiler.ir.node import Index, Node
from lossc.compiler.passes.comparisons import is_smooth
from lossc.compiler.passes.counting import count_where


def ranks(graph: Graph) -> Graph:
    """The place of an item, 1 for the largest.

    Rewrite: rank[j | X[j]] x[j] at i  ->  1 + count[j | X[j] and x[j] beats x[i]]
    Rewrite: rank[j | X[j]] x[j] at k  ->  sum[a] [a == k] * (rank[j | X[j]] x[j] at a)

    The second one is for a place k that is itself decided. The rank of a count is part of the
    metric and stays as it is.
    """
    make = graph.make

    def rule(node: Node) -> Node | None:
        if node.op != "rank" or not is_smooth(node.args[0]):
            return None
        body, where, at = node.args
        if not at.live:
            return _place(make, node, body, where, at)
        (index,) = node.bound
        letters = {i.name for part in (*node.args, node) for i in part.indices}
        candidate = make.fresh(index, letters | {index.name})
        here = make.at_index(candidate, node.span)
        chosen = make("eq", here, at, kind="bool", span=node.span, decided=True)
        place = _place(make, node, body, where, here)
        weighted = make.arithmetic("mul", make.iverson(chosen), place, node.span)
        return make.reduce("sum", (candidate,), weighted, None, node.span)

    return graph.with_root(rewrite(graph.root, make, rule))


def _place(make: NodeFactory, node: Node, body: Node, where: Node, at: Node) -> Node:
    (index,) = node.bound
    mine = substitute(body, make, {index: at})
    rival, body, where = _apart(make, index, (mine, at), body, where)
    there = make.at_index(rival, node.span)
    better = beats(make, body, mine, (there,), (at,), node.span)
    ahead = count_where(make, rival, better, where, node.span)
    return make.arithmetic("add", make.const(1), ahead, node.span)


def _apart(
    make: NodeFactory, index: Index, outside: tuple[Node, ...], body: Node, where: Node
) -> tuple[Index, Node, Node]:
    """The bound index under a letter that nothing outside uses, with what it occurs in."""
    taken = {i.name for part in outside for i in part.indices}
    rival = make.fresh(index, taken)
    there = {index: make.at_index(rival, body.span)}
    return rival, substitute(body, make, there), substitute(where, make, there)
