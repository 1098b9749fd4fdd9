"""Code for subscripts: axes are renamed, constants selected, the rest gathered."""

from __future__ import annotations

from dataclasses import replace

from lossc.compiler.emit.part import Part
from lossc.compiler.emit.value import Value, align, union
from lossc.compiler.front.properties import may_be_nowhere
from lossc.compiler.ir.node import Extent, Index, Node


class Access(Part):
    """The part of the writer that reads arrays."""

    def at(self, node: Node) -> Value:
        """``array[i, label[i]]``: axes renamed, constants selected, the rest gathered."""
        array, *places = node.args
        if array.op == "define":
            base = self.value(array)
            axes, extents = base.axes, tuple(axis.extent for axis in base.axes)
            chosen = dict(zip(array.bound, places, strict=True))
            places = [chosen[axis] for axis in axes]
        else:
            base = Value(self.names[array.name], (), array.kind)
            extents = array.dims
        gaps = [place for place in places if may_be_nowhere(place)]
        for place in gaps:
            known = self.value(place)
            if not known.code.isidentifier():  # it is asked for twice
                self.values[place] = self.assign("place", known)
        if gaps and len(places) == 1 and not base.batched:
            position = self._position(places[0], extents[0])
            value = replace(position, code=self.call("item_at", base.code, position.code))
            value = replace(value, kind=node.kind, level=20)
        else:
            value = self._subscripted(base, extents, places, node)
        for place in gaps:
            value = self._where_there_is_one(value, self.value(place))
        return value

    def _where_there_is_one(self, value: Value, place: Value) -> Value:
        """What is read at an undefined place is undefined, and no condition holds there."""
        gone = f"{align(place, value.axes).atom}.isnan()"
        if value.kind == "bool":
            return replace(value, code=f"{value.inside(10)} & ~{gone}", level=10)
        code = f"torch.where({gone}, torch.nan, {self.real(value).code})"
        return replace(value, code=code, kind="real", level=20)

    def _subscripted(
        self, base: Value, extents: tuple[Extent, ...], places: list[Node], node: Node
    ) -> Value:
        plain = [_plain(place, extent) for place, extent in zip(places, extents, strict=True)]
        letters = [index for index in plain if index is not None]
        if len(set(letters)) == len(letters) == len(places):
            return replace(base, axes=tuple(letters), kind=node.kind)
        if len(set(letters)) == len(letters) and all(
            index is not None or place.op == "const"
            for index, place in zip(plain, places, strict=True)
        ):
            picks = ", ".join(
                ":" if i is not None else self._position(p, e).code
                for i, p, e in zip(plain, places, extents, strict=True)
            )
            if base.batched:
                picks = "..., " + picks
            return Value(f"{base.atom}[{picks}]", tuple(letters), node.kind, batched=base.batched)
        if not base.batched:
            gathered = self._gather(base, extents, places, plain, node)
            if gathered is not None:
                return gathered
        return self._advanced(base, extents, places, plain, node)

    def _gather(
        self,
        base: Value,
        extents: tuple[Extent, ...],
        places: list[Node],
        plain: list[Index | None],
        node: Node,
    ) -> Value | None:
        """One computed subscript over exactly the other axes: a ``gather``."""
        odd = [k for k, index in enumerate(plain) if index is None]
        letters = tuple(index for index in plain if index is not None)
        if len(odd) != 1 or len(set(letters)) < len(letters) or not letters:
            return None
        (axis,) = odd
        place = self._position(places[axis], extents[axis])
        if place.scalar or place.axes != letters or place.batched:
            return None
        dim = axis - len(places)
        code = f"{base.atom}.gather({dim}, {place.atom}.unsqueeze({dim})).squeeze({dim})"
        return Value(code, letters, node.kind)

    def _advanced(
        self,
        base: Value,
        extents: tuple[Extent, ...],
        places: list[Node],
        plain: list[Index | None],
        node: Node,
    ) -> Value:
        positions = [
            self.range(index)
            if index is not None and not index.extent.low
            else self._position(place, extent)
            for index, place, extent in zip(plain, places, extents, strict=True)
        ]
        axes = union(*positions)
        batched = base.batched or any(p.batched for p in positions)
        aligned = [align(position, axes) for position in positions]
        if sum(len(position.code) for position in aligned) > 60:
            aligned = [self.named(position, "place", 16) for position in aligned]
        if base.batched and any(p.batched for p in positions):
            code = f"torch.take_along_dim({base.code}, {aligned[0].code}, -1)"
            return Value(code, axes, node.kind, batched=True)
        lead = "..., " if base.batched else ""
        code = f"{base.atom}[{lead}{', '.join(p.code for p in aligned)}]"
        return Value(code, axes, node.kind, batched=batched)

    def _position(self, place: Node, extent: Extent) -> Value:
        """A subscript counted from 0; ignored labels, whose value is never used, move inside."""
        value = self.value(place)
        if extent.low:
            value = replace(value, code=f"{value.inside(12)} - {extent.low}", level=12)
        if place.decided and not value.scalar:
            whole = "nan_to_num(0).long()" if may_be_nowhere(place) else "long()"
            value = replace(value, code=f"{value.atom}.{whole}", level=20)
        if place.op == "at" and place.args[0].op == "input" and place.args[0].ignores:
            value = replace(value, code=f"{value.atom}.clamp(0, {self.size(extent)} - 1)", level=20)
        return value


def _plain(place: Node, extent: Extent) -> Index | None:
    """The index that a subscript is, if it runs over the whole axis."""
    if place.op != "index":
        return None
    return place.index if place.index.extent == extent else None
