"""Whether the winner of an argmax satisfies a condition, without knowing the winner."""

from __future__ import annotations

from lossc.compiler.front.operators import beats
from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.graph import Graph, rebuild, rewrite, topological
from lossc.compiler.ir.node import DISCRETE_COMPARISONS, Node
from lossc.compiler.passes.candidates import beats_all_others, body_at, fresh_indices
from lossc.compiler.passes.counting import holds_for_all, holds_for_some
from lossc.compiler.passes.winners import compared_in_full, is_counted, won_at


def argmax_predicates(graph: Graph) -> Graph:
    """P(argmax[a] s[a]) holds if some a with P(a) beats every b without P(b).

    Rewrite: winner == e  ->  all[b | b != e] s[e] beats s[b]
    Rewrite: P(winner)    ->  any[a | P(a)] all[b | not P(b)] s[a] beats s[b]

    Where the metric asks about every candidate of an argmax anyway, all pairs are compared once:

    Rewrite: winner == e  ->  won[e],  won[a] = (argmax[c] sum[b | b != c] [s[c] beats s[b]]) == a
    """
    make = graph.make
    in_full = compared_in_full(graph.root)

    def judge(node: Node) -> Node | None:
        asked = node.op == "at" and node.kind == "bool"
        if not asked and (node.op not in DISCRETE_COMPARISONS or node.op == "beats"):
            return None
        best = only_argmax(node)
        if best is None or is_counted(best):
            return None
        if node.op in ("eq", "ne"):
            winner, other = node.args if node.args[0].op == "winner" else node.args[::-1]
            if winner.op == "winner" and len(best.bound) == 1 and not other.live:
                if best in in_full:
                    wins = won_at(make, best, other)
                else:
                    wins = beats_all_others(make, best, other, node)
                return wins if node.op == "eq" else make.not_(wins)
        if node.op == "ne":  # without a winner nothing is equal
            equal = make("eq", *node.args, kind="bool", span=node.span, decided=True)
            return make.not_(_some_beats_rest(make, best, equal))
        return _some_beats_rest(make, best, node)

    return graph.with_root(rewrite(graph.root, make, judge))


def only_argmax(node: Node) -> Node | None:
    """The argmax on which alone a value depends, if it is one."""
    found: set[Node] = set()
    stack, seen = [node], {node}
    while stack:
        current = stack.pop()
        if current.op == "winner":
            found.add(current.args[0])
            continue
        if current.live and not current.args:
            return None
        for arg in current.args:
            if arg.live and arg not in seen:
                seen.add(arg)
                stack.append(arg)
    return found.pop() if len(found) == 1 else None


def _some_beats_rest(make: NodeFactory, best: Node, condition: Node) -> Node:
    inside = fresh_indices(make, best, condition)
    taken = [make.at_index(index) for index in inside]
    outside = fresh_indices(make, best, condition, *taken)
    insiders, outsiders = (
        tuple(make.at_index(index, best.span) for index in indices) for indices in (inside, outside)
    )
    mine, i_am_allowed = body_at(make, best, insiders)
    rival, allowed = body_at(make, best, outsiders)
    good = with_winner(make, condition, best, insiders)
    bad = make.not_(with_winner(make, condition, best, outsiders))
    wins = beats(make, mine, rival, insiders, outsiders, condition.span)
    beats_rest = holds_for_all(make, outside, wins, make.and_(bad, allowed), condition.span)
    candidates = make.and_(good, i_am_allowed)
    return holds_for_some(make, inside, beats_rest, candidates, condition.span)


def with_winner(make: NodeFactory, node: Node, best: Node, places: tuple[Node, ...]) -> Node:
    """``node`` with the winner of ``best`` at the given places; decided parts become fixed."""
    done: dict[Node, Node] = {}
    for current in topological([node]):
        if current.op == "winner" and current.args[0] is best:
            done[current] = places[current.component]
            continue
        args = tuple(done[arg] for arg in current.args)
        if args == current.args:
            done[current] = current
        elif current.op in DISCRETE_COMPARISONS:
            live = any(arg.live for arg in args)
            done[current] = make.like(current, args, decided=live)
        else:
            done[current] = rebuild(make, current, args)
    return done[node]
