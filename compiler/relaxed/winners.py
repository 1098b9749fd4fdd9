"""Who is first among counts: a share for each candidate in place of a winner."""

from __future__ import annotations

from collections.abc import Mapping

from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.node import Node
from lossc.compiler.relaxed.norms import Norm


def shares_of_winners(
    make: NodeFactory, node: Node, relaxed: Mapping[Node, Node], norm: Norm
) -> Node | None:
    """``[winner == place]`` as the share of the candidate at that place; ``None`` for other nodes.

    Rewrite: [argmax[a] wins[a] == e]  ->  every(u) of the row of e / sum[b] every(u) of that of b
    Rewrite: [argmax[a] x[a] == e]     ->  exp(x[e] / T) / sum[b] exp(x[b] / T)

    The first holds where candidates are compared in pairs: who is first has won them all. Shares
    that did not add up to 1 would make counts of winners that no configuration has, and with them
    roots of negative numbers. Of products, logarithms are taken: over a thousand comparisons
    every product is 0. Those of Lukasiewicz's norm are no more than 1 together as they are.

    Args:
        make: Where new nodes come from.
        node: An ``eq``.
        relaxed: Nodes that have been relaxed.
        norm: What all of a row is.
    """
    for winner, place in (node.args, node.args[::-1]):
        best = winner.args[0] if winner.op == "winner" else winner
        if best.op != "argmax" or place.decided:
            continue
        if winner.op == "argmax" and len(best.bound) > 1:
            return None
        own = best.bound[winner.component if winner.op == "winner" else 0]
        others = tuple(index for index in best.bound if index is not own)
        share = make.reduce("sum", others, _share(make, best, relaxed, norm), None, node.span)
        define = make(
            "define", share, name="share", bound=share.indices, kind="real", span=node.span
        )
        places = (place if i is own else make.at_index(i, node.span) for i in share.indices)
        return make("at", define, *places, kind="real", span=node.span)
    return None


def _share(make: NodeFactory, best: Node, relaxed: Mapping[Node, Node], norm: Norm) -> Node:
    """Each candidate's share in being first; 0 for those that a filter leaves out."""
    counted, *filters = best.args
    allowed = filters[0] if filters and not filters[0].decided else make.const(True)
    if counted.op == "where" and counted.args[2].op in ("const", "neg"):
        allowed, counted = make.and_(allowed, counted.args[0]), counted.args[1]
    if counted.op == "ones" and not counted.against:
        attrs = {key: value for key, value in counted.attrs if key != "bound"}
        scaled = make(
            "logs" if norm.winners == "logarithms" else "every",
            kind="real",
            indices=counted.letters,
            live=True,
            decided=True,
            span=counted.span,
            **attrs,
        )
        if norm.winners == "rows":
            return make.where(allowed, scaled, make.const(0), best.span)
        if norm.winners == "divided":
            total = make.reduce("sum", best.bound, scaled, allowed, best.span)
            share = make.arithmetic("div", scaled, total, best.span)
            share = make("else", share, make.const(0), kind="real", span=best.span)
            return make.where(allowed, share, make.const(0), best.span)
    else:
        sharp = make("temperature", kind="real", live=False, decided=False)
        scaled = make.arithmetic("div", relaxed[counted], sharp, best.span)
    total = make.reduce("logsumexp", best.bound, scaled, allowed, best.span)
    gap = make.arithmetic("sub", scaled, total, best.span)
    share = make("exp", gap, kind="real", span=best.span)
    share = make("else", share, make.const(0), kind="real", span=best.span)
    return make.where(allowed, share, make.const(0), best.span)
