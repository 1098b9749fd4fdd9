"""Code for subscripts, reductions and orders: whatever moves, gathers or removes axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from lossc.compiler.emit.value import Value, align, union
from lossc.compiler.ir.node import Extent, Index, Node

if TYPE_CHECKING:
    from lossc.compiler.symbolic.atoms import Signs


LONG = 72  # characters of an expression that deserves a line of its own


class Access:
    """Mixed into the writer, which supplies the rest."""

    names: Mapping[str, str]
    signs: Signs
    dtype: str
    anchor: str
    batched: bool

    if TYPE_CHECKING:

        def value(self, node: Node) -> Value: ...
        def range(self, index: Index) -> Value: ...
        def size(self, extent: Extent) -> str: ...
        def real(self, value: Value) -> Value: ...
        def call(self, function: str, *args: str) -> str: ...
        def fitting(self, nodes: Sequence[Node], room: int = 44) -> list[Value]: ...
        def assign(self, name: str, value: Value, node: Node | None = None) -> Value: ...

    # ------------------------------------------------------------------ subscripts

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
            extents = array.attr("dims")  # type: ignore[assignment]
        return self._subscripted(base, extents, places, node)

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
            while picks.startswith(":, "):
                picks = picks[3:] if picks.count(":") == 0 else picks
                break
            return Value(f"{base.atom}[{picks}]", tuple(letters), node.kind, batched=base.batched)
        gathered = None if base.batched else self._gather(base, extents, places, plain, node)
        return (
            gathered if gathered is not None else self._advanced(base, extents, places, plain, node)
        )

    def _gather(
        self,
        base: Value,
        extents: tuple[Extent, ...],
        places: list[Node],
        plain: list[Index | None],
        node: Node,
    ) -> Value | None:
        """One computed subscript over exactly the other axes: ``gather``, whose backward is a scatter."""
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
        if base.batched and any(p.batched for p in positions):
            code = f"torch.take_along_dim({base.code}, {aligned[0].code}, -1)"
            return Value(code, axes, node.kind, batched=True)
        lead = "..., " if base.batched else ""
        code = f"{base.atom}[{lead}{', '.join(p.code for p in aligned)}]"
        return Value(code, axes, node.kind, batched=batched)

    def _position(self, place: Node, extent: Extent) -> Value:
        """A subscript counted from 0; ignored labels are moved inside, since their value is never used."""
        value = self.value(place)
        if extent.low:
            value = replace(value, code=f"{value.inside(12)} - {extent.low}", level=12)
        if place.decided and not value.scalar:
            value = replace(value, code=f"{value.atom}.long()", level=20)
        if place.op == "at" and place.args[0].op == "input" and self.ignores(place.args[0].name):
            value = replace(value, code=f"{value.atom}.clamp(0, {self.size(extent)} - 1)", level=20)
        return value

    def ignores(self, name: str) -> bool:
        """Whether an int input declares a value that is no index."""
        return False

    # ------------------------------------------------------------------ reductions

    def reduction(self, node: Node) -> Value:
        if (
            node.op == "sum"
            and node.args[0].op == "iverson"
            and not self.value(node.args[0].args[0]).scalar
        ):
            inner = node.args[0].args[0]
        else:
            inner = node.args[0]
        body, *filters = self.fitting((inner, *node.args[1:]))
        where = filters[0] if filters else None
        if where is not None and where.scalar:
            where = Value(f"torch.tensor({where.code}, device={self.anchor}.device)", (), "bool")
        axes = union(body, *([where] if where else []))
        outer = tuple(axis for axis in axes if axis not in node.bound)
        inner = tuple(axis for axis in axes if axis in node.bound)
        missing = [index for index in node.bound if index not in axes]
        full = outer + inner
        batched = body.batched or (where is not None and where.batched)
        if node.op not in ("sum", "mean") or not missing:
            dims = tuple(range(-len(inner), 0))
            code, kind = self._reduced(
                node, align(body, full), align(where, full) if where else None, dims
            )
            return Value(code, outer, kind, batched=batched)
        return self._with_missing(node, body, where, missing, full, inner, outer, batched)

    def _with_missing(
        self, node: Node, body: Value, where: Value | None, missing: list[Index], full: tuple[Index, ...],
        inner: tuple[Index, ...], outer: tuple[Index, ...], batched: bool,
    ) -> Value:  # fmt: skip
        """A sum over indices that the body does not have repeats it; a mean does not change it."""
        dims = tuple(range(-len(inner), 0))
        if not inner and where is None and body.scalar:
            value = body
        else:
            code, kind = self._reduced(
                node, align(body, full), align(where, full) if where else None, dims
            )
            value = Value(code, outer, kind, batched=batched)
        if node.op == "mean":
            return value
        for index in missing:
            size = self.size(index.extent)
            size = f"({size})" if " " in size else size
            value = replace(value, code=f"{value.inside(13)} * {size}", level=13)
        return value

    def _reduced(
        self, node: Node, body: Value, where: Value | None, dims: tuple[int, ...]
    ) -> tuple[str, str]:  # type: ignore[override]
        op = node.op
        over = str(dims[0]) if len(dims) == 1 else str(dims)
        if op in ("any", "all"):
            if where is not None:
                joined = (
                    f"{where.inside(10)} & {body.inside(10)}"
                    if op == "any"
                    else f"{body.inside(8)} | ~{where.inside(14)}"
                )
                body = replace(body, code=joined, level=10 if op == "any" else 8, scalar=False)
            return (f"{body.atom}.{op}({over})" if dims else body.code), "bool"
        if op == "sum":
            return self._sum(body, where, over, dims)
        if op == "mean":
            if where is None:
                return (
                    f"{self.real(body).atom}.mean({over})" if dims else self.real(body).code
                ), "real"
            return self._mean(node, self.real(body), where, over, dims), "real"
        if op == "logsumexp":
            if where is not None:
                body = replace(
                    body, code=f"{body.atom}.masked_fill(~{where.inside(14)}, -torch.inf)", level=20
                )
            return f"{self.real(body).atom}.logsumexp({over})", "real"
        if op == "prod":
            if where is not None:
                body = replace(body, code=f"torch.where({where.code}, {body.code}, 1)", level=20)
            code = body.atom
            for _ in dims:
                code += ".prod(-1)"
            return code, body.kind
        name = "largest" if op == "max" else "smallest"
        code = self.call(name, self.real(body).code, where.code if where else "None", str(dims))
        return code, "real"

    def _mean(self, node: Node, body: Value, where: Value, over: str, dims: tuple[int, ...]) -> str:
        total, _ = self._sum(body, where, over, dims)
        count = f"{where.atom}.sum({over})" if dims else where.atom
        selected = self.value(node.args[1]).axes
        for index in node.bound:  # a filter that does not speak of an index selects all of it
            if index not in selected and index in self.value(node.args[0]).axes:
                count += (
                    f" * ({self.size(index.extent)})"
                    if " " in self.size(index.extent)
                    else f" * {self.size(index.extent)}"
                )
        if len(total) + len(count) > LONG:
            axes: tuple[Index, ...] = ()
            total = self.assign("total", Value(total, axes, "real")).code
            count = self.assign("count", Value(count, axes, "int")).code
        return self.call("divide", total, count)

    def _sum(
        self, body: Value, where: Value | None, over: str, dims: tuple[int, ...]
    ) -> tuple[str, str]:
        kind = "int" if body.kind == "bool" else body.kind
        if where is not None:
            if body.scalar and body.code == "1":
                body, kind = where, "int"
            elif body.kind == "bool":
                body = replace(body, code=f"{where.inside(10)} & {body.inside(10)}", level=10)
            else:
                body = replace(
                    body, code=f"torch.where({where.code}, {body.code}, 0)", level=20, scalar=False
                )
        return (f"{body.atom}.sum({over})" if dims else body.code), kind

    # ------------------------------------------------------------------ decisions and orders

    def argmax(self, node: Node) -> Value:
        """The flat position of the first largest value."""
        body = self.value(node.args[0])
        where = self.value(node.args[1]) if len(node.args) > 1 else None
        axes = union(body, *([where] if where else []))
        outer = tuple(axis for axis in axes if axis not in node.bound)
        full = outer + node.bound
        body = align(body, full)
        if where is not None:
            body = replace(
                body,
                code=f"{body.atom}.masked_fill(~{align(where, full).inside(14)}, -torch.inf)",
                level=20,
            )
        code = body.atom
        if len(node.bound) > 1:
            code += f".flatten({-len(node.bound)})"
        return Value(f"{code}.argmax(-1)", outer, "int")

    def winner(self, node: Node) -> Value:
        """One coordinate of an argmax over several indices."""
        best, place = node.args[0], node.attr("component")
        assert isinstance(place, int)
        flat = self.value(best)
        after = [self.size(index.extent) for index in best.bound[place + 1 :]]
        stride = " * ".join(f"({size})" if " " in size else size for size in after)
        code, level = flat.code, flat.level
        if stride:
            code, level = f"{flat.inside(13)} // {f'({stride})' if len(after) > 1 else stride}", 13
        if place > 0:
            size = self.size(best.bound[place].extent)
            code, level = f"{code} % {f'({size})' if ' ' in size else size}", 13
        low = best.bound[place].extent.low
        if low:
            code, level = f"{code} + {low}", 12
        return Value(code, flat.axes, "int", level=level, batched=flat.batched)

    def sort(self, node: Node) -> Value:
        """Values in ascending order; what a filter leaves out stands at the end as infinity."""
        body, at, *rest = node.args
        (index,) = node.bound
        value = self.real(self.value(body))
        where = self.value(rest[0]) if rest else None
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
        position = self.value(at)
        result = (*outer, *(axis for axis in position.axes if axis not in outer))
        places = align(position, result)
        new = len(result) - len(outer)
        lined_up = ordered.atom + (f"[..., {', '.join(['None'] * new)}, :]" if new else "")
        return Value(self.call("at_place", lined_up, places.code), result, "real", batched=batched)

    def first_occurrence(self, node: Node) -> Value:
        array, place = node.args
        mask = Value(self.call("first_occurrence", self.names[array.name]), (), "bool")
        index = place.attr("index")
        assert isinstance(index, Index)
        return replace(mask, axes=(index,))


def _plain(place: Node, extent: Extent) -> Index | None:
    """The index that a subscript is, if it runs over the whole axis."""
    if place.op != "index":
        return None
    index = place.attr("index")
    assert isinstance(index, Index)
    return index if index.extent == extent else None


def _position_index(at: Node, index: Index) -> Index | None:
    """The index that a position is, if it runs from 1 through every place of ``index``."""
    if at.op != "index":
        return None
    place = at.attr("index")
    assert isinstance(place, Index)
    wanted = Extent(index.extent.size, 1, index.extent.extra)
    return place if place.extent == wanted else None
