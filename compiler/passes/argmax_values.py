"""Any other use of an argmax: a sum over its candidates, weighed by who won."""

from __future__ import annotations

from collections.abc import Callable

from lossc.compiler.front.operators import beats
from lossc.compiler.front.properties import remembered
from lossc.compiler.ir.graph import Graph, rebuild
from lossc.compiler.ir.node import Node
from lossc.compiler.passes.argmax_predicates import (
    beats_all_others,
    body_at,
    fresh_indices,
    only_argmax,
    with_winner,
)


def argmax_values(graph: Graph) -> Graph:
    """The value of an expression at the winner.

    Rewrite: F(argmax[a] s[a])  ->  sum[a] [all[b | b != a] s[a] beats s[b]] * F(a)
    """
    make = graph.make

    def visit(root: Node) -> Node:
        done: dict[Node, Node] = {}
        opened: set[Node] = set()
        stack = [root]
        while stack:
            node = stack.pop()
            if node in done:
                continue
            if node in opened:
                done[node] = rebuild(make, node, tuple(done[arg] for arg in node.args))
                continue
            best = only_argmax(node) if _is_number_of_winner(node) else None
            if best is not None:
                done[node] = expectation(node, best)
                continue
            opened.add(node)
            stack.append(node)
            stack.extend(reversed(node.args))
        return done[root]

    def expectation(node: Node, best: Node) -> Node:
        candidates = fresh_indices(make, best, node)
        places = tuple(make.at_index(index, best.span) for index in candidates)
        value = with_winner(make, node, best, places)
        if len(places) == 1:
            won = beats_all_others(make, best, places[0], value)
        else:
            won = _wins(places, best)
        weighted = make.arithmetic("mul", make.iverson(won), value, node.span)
        return make.reduce("sum", candidates, weighted, None, node.span)

    def _wins(places: tuple[Node, ...], best: Node) -> Node:
        rivals = fresh_indices(make, best, *places)
        others = tuple(make.at_index(index, best.span) for index in rivals)
        mine, i_am_allowed = body_at(make, best, places)
        rival, allowed = body_at(make, best, others)
        same = make.and_(
            *(
                make("eq", a, b, kind="bool", span=best.span)
                for a, b in zip(places, others, strict=True)
            )
        )
        outcome = beats(make, mine, rival, places, others, best.span)
        return make.and_(
            i_am_allowed,
            make.reduce("all", rivals, outcome, make.and_(make.not_(same), allowed), best.span),
        )

    return graph.with_root(visit(graph.root))


@remembered
def _is_number_of_winner(node: Node, of: Callable[[Node], bool]) -> bool:
    """A number between a winner and the sum that it is added up in; reductions stay outside."""
    if node.kind == "bool" or node.bound or not node.decided:
        return False
    if node.op == "winner":
        return True
    return node.op != "iverson" and node.op != "define" and any(of(arg) for arg in node.args)
