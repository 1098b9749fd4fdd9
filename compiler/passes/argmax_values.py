"""Any other use of an argmax: a sum over its candidates, weighed by who won."""

from __future__ import annotations

from collections.abc import Callable

from lossc.compiler.front.properties import may_be_undefined, remembered
from lossc.compiler.ir.graph import Graph, rebuild
from lossc.compiler.ir.node import Node
from lossc.compiler.passes.argmax_predicates import only_argmax, with_winner
from lossc.compiler.passes.candidates import body_at, fresh_indices
from lossc.compiler.passes.counting import holds_for_some
from lossc.compiler.passes.winners import is_counted, won_at


def argmax_values(graph: Graph) -> Graph:
    """The value of an expression at the winner.

    Rewrite: F(argmax[a] s[a])  ->  sum[a] [won[a]] * F(a)

    where ``won[a]`` is whether a wins the most comparisons with the others.
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
            best = only_argmax(node) if is_number_of_winner(node) else None
            if best is not None and not is_counted(best):
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
        won = won_at(make, best, *places)
        if may_be_undefined(value):  # for another winner
            weighted = make.where(won, value, make.const(0), node.span)
        else:
            weighted = make.arithmetic("mul", make.iverson(won), value, node.span)
        total = make.reduce("sum", candidates, weighted, None, node.span)
        if len(best.args) == 1:
            return total
        # where the filter leaves nothing there is no winner, and its value is undefined
        _, allowed = body_at(make, best, places)
        some = holds_for_some(make, candidates, make.const(True), allowed, best.span)
        return make.arithmetic("div", total, make.iverson(some), node.span)

    return graph.with_root(visit(graph.root))


@remembered
def is_number_of_winner(node: Node, of: Callable[[Node], bool]) -> bool:
    """A number between a winner and the sum that it is added up in; reductions stay outside."""
    if node.kind == "bool" or node.bound or not node.decided:
        return False
    if node.op == "winner":
        return True
    return node.op not in ("iverson", "define", "else") and any(of(arg) for arg in node.args)
