"""Elements that differ at one place of an axis: the others are computed everywhere, it by itself.

A loss of classes is one thing at the label and another elsewhere. A choice between the two costs
more than either: it asks for each class whether it is the label, and computes both. Here the label
is written over what was computed for all classes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import sympy

from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.graph import substitute
from lossc.compiler.ir.node import Index, Node
from lossc.compiler.symbolic import functions as fn
from lossc.compiler.symbolic.derivatives import derivatives
from lossc.compiler.symbolic.element import Element, Leaf


@dataclass(frozen=True)
class Peeled:
    """An element in two parts.

    Args:
        rest: What it is at all places but one.
        hit: What it is at that place; its leaves are read there.
        axis: The axis on which the place lies.
        place: Where, below the size of the axis or ignored.
        condition: What says so.
    """

    rest: Element
    hit: Element
    axis: Index
    place: Node
    condition: Node

    @property
    def ignores(self) -> bool:
        """Whether there may be no such place."""
        return self.place.args[0].ignores

    @property
    def added(self) -> tuple[Leaf, ...]:
        """The leaves of ``hit`` that ``rest`` does not have."""
        known = {leaf.node for leaf in self.rest.leaves}
        return tuple(leaf for leaf in self.hit.leaves if leaf.node not in known)

    @property
    def computed(self) -> tuple[Element, ...]:
        """The parts that need code."""
        return (self.rest,) if self.hit.expression == 0 else (self.rest, self.hit)


def peeled(element: Element, make: NodeFactory) -> Peeled | None:
    """The parts of an element that asks ``c == label[i]`` once; ``None`` for others."""
    found = [leaf for leaf in element.leaves if leaf.bit and _one_place(leaf.node) is not None]
    if len(found) != 1:
        return None
    (leaf,) = found
    spot = _one_place(leaf.node)
    assert spot is not None
    axis, place = spot
    axes = {index for other in element.leaves for index in other.node.indices}
    rest, hit = _assuming(element, leaf, 0), _assuming(element, leaf, 1)
    moved = tuple(
        replace(other, node=substitute(other.node, make, {axis: place})) for other in hit.leaves
    )
    hit = replace(hit, leaves=moved)
    wanted = {other.symbol for other in element.live}
    if _first_axis(element.live[0].node) == axis:
        return None  # losses are cut along it
    if set(place.indices) != axes - {axis} or wanted != {other.symbol for other in rest.live}:
        return None
    if not _is_fresh(rest, axes):
        return None
    if hit.expression != 0 and (
        wanted != {other.symbol for other in hit.live} or not _is_fresh(hit, axes - {axis})
    ):
        return None
    return Peeled(rest, hit, axis, place, leaf.node)


def _one_place(condition: Node) -> tuple[Index, Node] | None:
    """The index and what it is compared with, where that is a label of its axis."""
    if condition.op != "eq":
        return None
    for index, place in (condition.args, condition.args[::-1]):
        if index.op != "index" or index.index in place.indices or place.live:
            continue
        if place.op == "at" and place.args[0].op == "input":
            axis = index.index
            if place.args[0].below == axis.extent and not axis.extent.low:
                return axis, place
    return None


def _first_axis(node: Node) -> Index | None:
    if node.op == "at" and node.args[1].op == "index":
        return node.args[1].index
    return node.indices[0] if node.indices else None


def _assuming(element: Element, leaf: Leaf, bit: int) -> Element:
    expression = fn.stable(element.expression.xreplace({leaf.symbol: sympy.Integer(bit)}))
    free = expression.free_symbols
    used = tuple(other for other in element.leaves if other.symbol in free)
    return Element(element.node, expression, used)


def _is_fresh(element: Element, axes: set[Index]) -> bool:
    """Whether value and slopes are tensors of their own with all axes, to be written into."""
    for expression in (element.expression, *derivatives(element).values()):
        free = expression.free_symbols
        own = {i for leaf in element.leaves if leaf.symbol in free for i in leaf.node.indices}
        if expression.is_Symbol or own != axes:
            return False
    return True
