"""Tables that are read at relaxed places."""

from __future__ import annotations

from lossc.compiler.ir.node import Extent, Node
from lossc.compiler.ir.text import text
from lossc.compiler.refactor.fixed_sums import size_of
from lossc.compiler.relaxed.base import Relaxing


class Lookups(Relaxing):
    """The part that reads arrays between their entries."""

    def _at(self, node: Node) -> Node:
        array, *places = node.args
        moving = [k for k, place in enumerate(places) if place.decided]
        base = self.done[array]
        if not moving:
            kind = base.kind if base.kind != "bool" else node.kind
            return self.make("at", base, *places, kind=kind, span=node.span)
        if len(moving) > 1 or places[moving[0]].op == "winner":
            what = f"{text(node)[:60]} is read at decided places between which there is no line"
            self.refuse(node, what)
        (axis,) = moving
        extent = _extents(array)[axis]
        return self._between(node, base, places, axis, extent)

    def _between(
        self, node: Node, base: Node, places: list[Node], axis: int, extent: Extent
    ) -> Node:
        """The line between the entries on both sides of a relaxed place."""
        make = self.make
        if len(places) == 1 and base.kind != "bool":
            place = self.done[places[0]]
            return make(
                "between", base, place, low=extent.low, kind="real", span=node.span, decided=True
            )
        index = make.index("place", extent)
        low = make.const(extent.low)
        high = make.arithmetic("add", size_of(make, index, node.span), make.const(extent.low - 1))
        inside = make("minimum", self.done[places[axis]], high, kind="real", span=node.span)
        inside = make("maximum", inside, low, kind="real", span=node.span)
        below = make("floor", inside, kind="int", span=node.span, decided=True)
        next_ = make.arithmetic("add", below, make.const(1), node.span)
        above = make("minimum", next_, high, kind="int", span=node.span, decided=True)
        values = []
        for place in (below, above):
            here = [*places[:axis], place, *places[axis + 1 :]]
            read = make("at", base, *here, kind=base.kind, span=node.span, decided=True)
            values.append(make.iverson(read) if base.kind == "bool" else read)
        share = make.arithmetic("sub", inside, below, node.span)
        step = make.arithmetic("sub", values[1], values[0], node.span)
        return make.arithmetic("add", values[0], make.arithmetic("mul", share, step), node.span)


def _extents(array: Node) -> tuple[Extent, ...]:
    if array.op == "define":
        return tuple(index.extent for index in array.bound)
    return array.dims
