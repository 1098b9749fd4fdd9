"""Whether the winner of an argmax satisfies a condition, without knowing the winner."""

from __future__ import annotations

from lossc.compiler.front.operators import beats
from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.graph import Graph, rebuild, rewrite, substitute, topological
from lossc.compiler.ir.node import DISCRETE_COMPARISONS, Index, Node


def argmax_predicates(graph: Graph) -> Graph:
    """P(argmax[a] s[a]) holds if some a with P(a) beats every b without P(b).

    Rewrite: winner == e  ->  all[b | b != e] s[e] beats s[b]
    Rewrite: P(winner)    ->  any[a | P(a)] all[b | not P(b)] s[a] beats s[b]
    """
    make = graph.make

    def judge(node: Node) -> Node | None:
        if node.op not in DISCRETE_COMPARISONS or node.op == "beats":
            return None
        best = only_argmax(node)
        if best is None:
            return None
        if node.op in ("eq", "ne"):
            winner, other = node.args if node.args[0].op == "winner" else node.args[::-1]
            if winner.op == "winner" and len(best.bound) == 1 and not other.live:
                wins = beats_all_others(make, best, other, node)
                return wins if node.op == "eq" else make.not_(wins)
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


def body_at(make: NodeFactory, best: Node, places: tuple[Node, ...]) -> tuple[Node, Node]:
    """The score and the filter of an argmax at given places."""
    values = dict(zip(best.bound, places, strict=True))
    score = substitute(best.args[0], make, values)
    allowed = substitute(best.args[1], make, values) if len(best.args) > 1 else make.const(True)
    return score, allowed


def fresh_indices(make: NodeFactory, best: Node, *others: Node) -> tuple[Index, ...]:
    """Indices for another candidate, with letters that nothing around uses."""
    taken = {index.name for node in (best, *others) for index in node.indices}
    return tuple(make.fresh(index, taken) for index in best.bound)


def beats_all_others(make: NodeFactory, best: Node, candidate: Node, around: Node) -> Node:
    """Whether ``candidate`` is the winner: n - 1 comparisons instead of n (n - 1)."""
    rivals = fresh_indices(make, best, candidate, around)
    places = tuple(make.at_index(rival, best.span) for rival in rivals)
    mine, i_am_allowed = body_at(make, best, (candidate,))
    rival, allowed = body_at(make, best, places)
    other = make("ne", places[0], candidate, kind="bool", span=around.span)
    wins = beats(make, mine, rival, (candidate,), places, around.span)
    everywhere = make.reduce("all", rivals, wins, make.and_(other, allowed), around.span)
    return make.and_(i_am_allowed, everywhere)


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
    beats_rest = make.reduce("all", outside, wins, make.and_(bad, allowed), condition.span)
    return make.reduce("any", inside, beats_rest, make.and_(good, i_am_allowed), condition.span)


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
