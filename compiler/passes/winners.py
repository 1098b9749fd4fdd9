"""One family for all that is asked about the winner of an argmax, where that needs all pairs."""

from __future__ import annotations

from lossc.compiler.front.operators import beats
from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.graph import topological
from lossc.compiler.ir.node import DISCRETE_COMPARISONS, Node
from lossc.compiler.passes.candidates import body_at, fresh_indices
from lossc.compiler.passes.comparisons import is_smooth
from lossc.compiler.passes.counting import split_filter


def compared_in_full(root: Node) -> set[Node]:
    """Every argmax over one index of which a metric asks about each candidate.

    A confusion count (``winner == c`` for every c) and the winner's value need all pairs. What
    else is asked about that winner is then read from the same comparisons: otherwise two families
    would hold the same comparison, and a configuration could contradict itself.
    """
    found: set[Node] = set()
    seen: set[Node] = set()
    stack = [root]
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if node.op == "winner":
            found.add(node.args[0])
        elif node.op in DISCRETE_COMPARISONS and node.op != "beats":
            found |= _asked_of_each(node)
            stack += [arg for arg in _below(node) if arg.op != "winner"]
        else:
            stack += node.args
    return {best for best in found if best.op == "argmax" and len(best.bound) == 1}


def _asked_of_each(node: Node) -> set[Node]:
    if node.op not in ("eq", "ne"):
        return set()
    pairs = (node.args, node.args[::-1])
    return {
        winner.args[0]
        for winner, other in pairs
        if winner.op == "winner"
        and other.op == "index"
        and other.index not in winner.args[0].indices
        and other.index.extent == winner.args[0].bound[0].extent
    }


def _below(node: Node) -> list[Node]:
    """What a judgement is about, without the winners that it judges."""
    return [inner for arg in node.args for inner in topological([arg]) if inner.op == "argmax"]


def won_definition(make: NodeFactory, best: Node) -> Node:
    """``won[i, a]``: whether candidate a of an argmax wins more comparisons than the others.

    For any scores that is who beats all others. For arbitrary bits it is a winner, too: a metric
    that adds up a cost at the winner would otherwise be best where nobody wins.
    """
    candidates = fresh_indices(make, best)
    places = tuple(make.at_index(index, best.span) for index in candidates)
    rivals = fresh_indices(make, best, *places)
    others = tuple(make.at_index(index, best.span) for index in rivals)
    mine, i_am_allowed = body_at(make, best, places)
    rival, allowed = body_at(make, best, others)
    pairs = zip(places, others, strict=True)
    same = make.and_(*(make("eq", a, b, kind="bool", span=best.span) for a, b in pairs))
    if len(places) == 1:
        other = make("ne", others[0], places[0], kind="bool", span=best.span)
    else:
        other = make.not_(same)
    outcome = beats(make, mine, rival, places, others, best.span)
    fixed, live = split_filter(make, make.and_(other, allowed))
    counted = make.iverson(make.and_(live, outcome))
    wins = make.reduce("sum", rivals, counted, fixed, best.span)
    wins = make.where(i_am_allowed, wins, make.const(-1), best.span)
    most = make("argmax", wins, bound=candidates, kind="int", span=best.span, decided=True)
    found = (
        make("winner", most, component=k, kind="int", span=best.span, decided=True)
        for k in range(len(places))
    )
    hit = (
        make("eq", one, place, kind="bool", span=best.span, decided=True)
        for one, place in zip(found, places, strict=True)
    )
    body = make.and_(i_am_allowed, *hit)
    bound = (*best.indices, *candidates)
    return make("define", body, name="won", bound=bound, kind="bool", span=best.span)


def won_at(make: NodeFactory, best: Node, *places: Node) -> Node:
    """Whether the candidate at ``places`` won, read from :func:`won_definition`."""
    here = (make.at_index(index, best.span) for index in best.indices)
    define = won_definition(make, best)
    return make("at", define, *here, *places, kind="bool", span=best.span)


def is_counted(best: Node) -> bool:
    """Whether an argmax is over numbers that decisions have made: it belongs to the metric."""
    return best.args[0].decided and not is_smooth(best.args[0])
