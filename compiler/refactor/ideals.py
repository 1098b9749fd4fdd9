"""Ideal scores that a spec leaves unsaid: what the metric itself suggests, to be tried on data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.graph import Graph, topological
from lossc.compiler.ir.node import Extent, Index, Node
from lossc.compiler.ir.text import text
from lossc.compiler.passes.argmax_predicates import only_argmax, with_winner
from lossc.compiler.passes.argmax_values import is_number_of_winner
from lossc.compiler.passes.candidates import fresh_indices
from lossc.compiler.passes.equal_places import equal_places
from lossc.compiler.passes.inline_decisions import inline_decisions

FAR = 1e30  # beyond every threshold that single precision can hold
MOST_TRIED = 8


@dataclass(frozen=True)
class Ideal:
    """Scores for which a metric may be best.

    Args:
        truth: As a ``truth`` statement would give it: an array node by input name.
        text: The statement.
    """

    truth: Mapping[str, Node]
    text: str


def suggested_ideals(graph: Graph) -> list[Ideal]:
    """Candidates for ideal scores, the usual ones first; nothing here is proved.

    A class score should point at the label, a score at the relevant items, or grow (or fall) with
    a target; an argmax is best decided by what the metric makes of each candidate.
    """
    found: dict[str, Ideal] = {}
    for name, letters, body in _suggestions(graph):
        define = graph.make("define", body, name=name, bound=letters, kind=body.kind, span=None)
        places = ", ".join(index.name for index in letters)
        head = f"{name}[{places}]" if letters else name
        said = f"{head} = {text(body)}"
        found.setdefault(said, Ideal({name: define}, said))
    return list(found.values())[:MOST_TRIED]


def _suggestions(graph: Graph) -> Iterator[tuple[str, tuple[Index, ...], Node]]:
    make = graph.make
    live = [entry for entry in graph.spec.inputs if entry.kind.live]
    if len(live) != 1:
        return
    arrays = {n.name: n for n in topological([graph.root]) if n.op == "input"}
    score = arrays[live[0].name.id]
    letters = _letters(make, score)
    places = {index.extent: make.at_index(index) for index in letters}
    if len(places) == len(letters):
        for array in arrays.values():
            label = _read(make, array, places)
            if array.kind == "int" and array.below in places and label is not None:
                hit = make("eq", places[array.below], label, kind="bool")
                yield score.name, letters, make.iverson(hit)
    for array in arrays.values():
        same = None if array is score or array.dims != score.dims else array
        if same is None:
            continue
        value = make("at", same, *map(make.at_index, letters), kind=same.kind)
        if same.kind == "bool":
            yield score.name, letters, make.where(value, make.const(FAR), make.const(-FAR))
        elif same.kind == "real":
            yield score.name, letters, value
            yield score.name, letters, make("neg", value, kind="real")
    yield from _by_value(graph, score)


def _letters(make: NodeFactory, array: Node) -> tuple[Index, ...]:
    names = "ijklmnop"
    return tuple(make.index(name, extent) for name, extent in zip(names, array.dims, strict=False))


def _read(make: NodeFactory, array: Node, places: Mapping[Extent, Node]) -> Node | None:
    """An array at the letters of the dims that it shares with the scores."""
    if not all(extent in places for extent in array.dims):
        return None
    return make("at", array, *(places[extent] for extent in array.dims), kind=array.kind)


def _by_value(graph: Graph, score: Node) -> Iterator[tuple[str, tuple[Index, ...], Node]]:
    """A candidate's score is what the metric gives for it: ``scores[i, a] = -cost[label[i], a]``.

    Which sign is the right one shows on data.
    """
    make = graph.make
    # the largest expression first: (winner - label)^2, not winner - label
    for node in reversed(topological([equal_places(inline_decisions(graph)).root])):
        best = only_argmax(node) if is_number_of_winner(node) or node.kind == "bool" else None
        if best is None or node.op in ("winner", "not") or len(best.args) > 1:
            continue
        body = best.args[0]
        letters = tuple(place.index for place in body.args[1:] if place.op == "index")
        if body.op != "at" or body.args[0] is not score or len(set(letters)) < len(score.dims):
            continue
        if fresh_indices(make, best) != best.bound:
            continue
        value = with_winner(make, node, best, tuple(map(make.at_index, best.bound)))
        asked = set(best.bound) & set(value.indices)
        if value.live or not asked or not set(value.indices) <= set(letters):
            continue
        if value.kind == "bool":
            value = make.iverson(value)
        for op in ("max", "min"):  # one of the best candidates first, the others in any order
            most = make.reduce(op, best.bound, value, None, value.span)
            one = make.iverson(make("eq", value, most, kind="bool", span=value.span))
            yield score.name, letters, one
        yield score.name, letters, value
        yield score.name, letters, make("neg", value, kind=value.kind)
