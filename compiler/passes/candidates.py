"""The candidates of an argmax: their scores, letters for others, and who beats all of them."""

from __future__ import annotations

from lossc.compiler.front.operators import beats
from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.graph import substitute
from lossc.compiler.ir.node import Index, Node
from lossc.compiler.passes.counting import holds_for_all


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
    everywhere = holds_for_all(make, rivals, wins, make.and_(other, allowed), around.span)
    return make.and_(i_am_allowed, everywhere)
