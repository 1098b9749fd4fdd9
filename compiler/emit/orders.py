"""Code for decisions and orders in the reference meaning: argmax, sort, first occurrences."""

from __future__ import annotations

from dataclasses import replace

from lossc.compiler.emit.part import Part
from lossc.compiler.emit.value import Value, align, beside, union
from lossc.compiler.ir.node import Extent, Index, Node


class Orders(Part):
    """The part of the writer that decides and sorts."""

    def argmax(self, node: Node) -> Value:
        """The flat position of the first largest value; undefined where a filter leaves none."""
        body = self.value(node.args[0])
        where = self.mask(self.value(node.args[1])) if len(node.args) > 1 else None
        axes = union(body, *([where] if where else []))
        outer = tuple(axis for axis in axes if axis not in node.bound)
        full = outer + node.bound
        body = align(body, full)
        if where is not None:
            dims = str(tuple(range(-len(node.bound), 0)))
            code = self.call("first_largest", body.code, align(where, full).code, dims)
            return Value(code, outer, "real")
        code = body.atom
        if len(node.bound) > 1:
            code += f".flatten({-len(node.bound)})"
        return Value(f"{code}.argmax(-1)", outer, "int", batched=body.batched)

    def winner(self, node: Node) -> Value:
        """One coordinate of an argmax over several indices."""
        best, place = node.args[0], node.component
        flat = self.value(best)
        after = [self.factor(index.extent) for index in best.bound[place + 1 :]]
        stride = " * ".join(after)
        code, level = flat.code, flat.level
        if stride:
            code, level = f"{flat.inside(13)} // {f'({stride})' if len(after) > 1 else stride}", 13
        if place > 0:
            code, level = f"{code} % {self.factor(best.bound[place].extent)}", 13
        low = best.bound[place].extent.low
        if low:
            code, level = f"{code} + {low}", 12
        return Value(code, flat.axes, flat.kind, level=level, batched=flat.batched)

    def sort(self, node: Node) -> Value:
        """Values in ascending order; what a filter leaves out stands at the end as infinity."""
        body, at, *rest = node.args
        (index,) = node.bound
        value = self.real(self.value(body))
        where = self.mask(self.value(rest[0])) if rest else None
        axes = union(value, *([where] if where else []))
        outer = tuple(axis for axis in axes if axis is not index)
        full = (*outer, index)
        mask = align(where, full).code if where else "None"
        batched = value.batched or bool(where and where.batched)
        ordered = Value(
            self.call("in_order", align(value, full).code, mask), full, "real", batched=batched
        )
        place = _position_index(at, index)
        if place is not None and place not in outer:
            return replace(ordered, axes=(*outer, place))
        (position,) = self.fitting((at,), room=24)
        result, lined_up = beside(ordered, outer, position)
        code = self.call("at_place", lined_up, align(position, result).code)
        return Value(code, result, "real", batched=batched or position.batched)

    def rank(self, node: Node) -> Value:
        """Places from the largest, 1-based, among what a filter selects."""
        body, condition, at = node.args
        (index,) = node.bound
        value = self.real(self.value(body))
        where = None if condition.op == "const" else self.value(condition)
        axes = union(value, *([where] if where else []))
        outer = tuple(axis for axis in axes if axis is not index)
        full = (*outer, index)
        batched = value.batched or bool(where and where.batched)
        mask = align(where, full).code if where else "None"
        places = Value(self.call("ranks", align(value, full).code, mask), full, "int")
        places = replace(places, batched=batched)
        if at.op == "index" and at.index.extent == index.extent and at.index not in outer:
            return replace(places, axes=(*outer, at.index))
        (position,) = self.fitting((at,), room=24)
        if index.extent.low:
            code = f"{position.inside(12)} - {index.extent.low}"
            position = replace(position, code=code, level=12)
        result, lined_up = beside(places, outer, position)
        code = self.call("item_at", lined_up, align(position, result).code)
        return Value(code, result, "int", batched=batched or position.batched)

    def first_occurrence(self, node: Node) -> Value:
        """Where each distinct value of an array stands first."""
        array, place = node.args
        mask = Value(self.call("first_occurrence", self.names[array.name]), (), "bool")
        return replace(mask, axes=(place.index,))


def _position_index(at: Node, index: Index) -> Index | None:
    """The index that a position is, if it runs from 1 through every place of ``index``."""
    if at.op != "index":
        return None
    wanted = Extent(index.extent.size, 1, index.extent.extra)
    return at.index if at.index.extent == wanted else None
