"""Building names: indices, params, dims, and inputs and definitions with their subscripts."""

from __future__ import annotations

from lossc.compiler.front.building import Building, Env, Value
from lossc.compiler.front.constants import is_fixed
from lossc.compiler.front.scope import Slot
from lossc.compiler.ir.node import Extent, Kind, Node
from lossc.grammar import syntax as sx
from lossc.grammar.source import Span

LONGEST_POINT = 16
LARGEST_SUBSCRIPT = 4096


class Names(Building):
    """The part of the builder that knows what a name stands for."""

    def name(self, name: sx.Name, env: Env) -> Value:
        scope = self.scope
        if name.id in env:
            return self.index_value(env[name.id], name.span)
        if name.id in scope.params:
            value = scope.params[name.id]
            if isinstance(value, str):
                return self.make.const(value, name.span)
            kind: Kind = "int" if isinstance(value, int) else "real"
            return self.make("param", name=name.id, kind=kind, span=name.span)
        if name.id in scope.dims:
            return self.make("dim", name=name.id, kind="int", span=name.span)
        if name.id in scope.inputs or name.id in scope.definitions:
            return self.access(sx.Access(name, (), name.span), env)
        scope.unknown(name.span, name.id, set(env))
        return self.placeholder

    def input(self, name: str) -> Node:
        entry = self.scope.inputs[name]
        extents = tuple(Extent(dim.size) for dim in entry.kind.dims)
        below = Extent(entry.kind.below.size) if entry.kind.below else None
        return self.make(
            "input",
            name=name,
            dims=extents,
            below=below,
            ignores=entry.kind.ignore is not None,
            kind=entry.kind.type,
            live=entry.kind.live,
            span=entry.name.span,
        )

    def access(self, access: sx.Access, env: Env) -> Value:
        """``name[i, j]``; a fixed trailing dim that is left out makes a point."""
        name = access.name
        slots = self.ranges.definition_slots.get(name.id, [])
        indices = [
            self._member(index, slots[place] if place < len(slots) else None, env)
            for place, index in enumerate(access.indices)
        ]
        if name.id in self.scope.inputs:
            array = self.input(name.id)
            extents = array.dims
            missing = extents[len(indices) :]
            if (
                len(missing) == 1
                and isinstance(missing[0].size, int)
                and (indices or len(extents) == 1)
            ):
                if missing[0].size > LONGEST_POINT:
                    return self.long_point(missing[0].size, access.span)
                places = range(missing[0].size)
                return tuple(
                    self._at(array, [*indices, self.make.const(p)], access) for p in places
                )
            if len(indices) != len(extents):
                self._arity(access, len(extents), ", ".join(str(e) for e in extents))
                return self.placeholder
            self._within(access, indices, extents)
            return self._at(array, indices, access)
        if name.id in self.scope.definitions:
            value = self.definitions.get(name.id, self.placeholder)
            first = value[0] if isinstance(value, tuple) else value
            count = len(first.bound)
            if first.op == "define" and len(indices) != count:
                letters = ", ".join(i.name for i in first.bound)
                self._arity(access, count, letters)
                return self.placeholder
            self._within(access, indices, tuple(index.extent for index in first.bound))
            if isinstance(value, tuple):
                return tuple(self._at(part, indices, access) for part in value)
            return self._at(value, indices, access) if value.op == "define" else value
        if name.id in env or name.id in self.scope.params or name.id in self.scope.dims:
            self.scope.error(
                name.span, "wrong-arity", f"'{name.id}' is one number and takes no subscripts"
            )
        else:
            self.scope.unknown(name.span, name.id, set(env))
        return self.placeholder

    def long_point(self, count: int, span: Span) -> Node:
        self.scope.error(
            span, "too-large", f"a point has at most {LONGEST_POINT} numbers, not {count}"
        )
        return self.placeholder

    def _within(self, access: sx.Access, indices: list[Node], extents: tuple[Extent, ...]) -> None:
        """Says where a constant subscript is none of the values of its index."""
        for expr, node, extent in zip(access.indices, indices, extents, strict=False):
            place = self.constants.value(node) if node is not self.placeholder else None
            if place is None or not is_fixed(node):
                continue
            high = extent.low + extent.size + extent.extra if isinstance(extent.size, int) else None
            if place < extent.low or (high is not None and place >= high):
                self.scope.error(
                    expr.span,
                    "dim-clash",
                    f"subscript {place} of '{access.name.id}' is outside {_values(extent)}",
                )
            elif place > LARGEST_SUBSCRIPT:
                self.scope.error(
                    expr.span, "too-large", f"a written subscript is at most {LARGEST_SUBSCRIPT:,}"
                )

    def _arity(self, access: sx.Access, count: int, letters: str) -> None:
        name, given = access.name.id, len(access.indices)
        self.scope.error(
            access.span,
            "wrong-arity",
            f"'{name}' takes {count} subscript{'s' * (count != 1)}, not {given}",
            expected=f"{name}[{letters}]" if letters else name,
        )

    def _at(self, array: Node, indices: list[Node], access: sx.Access) -> Node:
        return self.make("at", array, *indices, kind=array.kind, span=access.span)

    def _member(self, expr: sx.Expr, slot: Slot | None, env: Env) -> Node:
        """A subscript; an index over ``values(group)`` reads what is defined over the same."""
        of = None if slot is None else slot.values_of
        if of is None:
            return self.subscript(expr, env)
        if isinstance(expr, sx.Name) and expr.id in env and env[expr.id].values_of == of:
            return self.make.at_index(self.index(env[expr.id]), expr.span)
        self.scope.error(
            expr.span,
            "wrong-kind",
            f"this is defined for each of values({of}), and only an index over them reads it",
            expected=f"an index that is bound by `in values({of})`",
        )
        return self.make.const(0, expr.span)

    def subscript(self, expr: sx.Expr, env: Env) -> Node:
        node = self.number(expr, env)
        if node.kind != "int" and node is not self.placeholder and not node.decided:
            self.scope.error(
                expr.span, "wrong-kind", "a subscript must be a whole number, and this is real"
            )
        elif node.live and not node.decided:
            self.scope.error(expr.span, "wrong-kind", "a live value cannot be a subscript")
        elif (name := _unbounded(node)) is not None:
            self.scope.error(
                expr.span,
                "wrong-kind",
                f"nothing says that the values of '{name}' are subscripts",
                hint="declare its range: int[n] in p",
            )
        return node


def _unbounded(node: Node) -> str | None:
    """The int input whose values a subscript is, where it declares no range."""
    while node.op in ("at", "define"):
        array = node.args[0]
        if array.op == "input":
            return array.name if array.kind == "int" and array.below is None else None
        node = array
    return None


def _values(extent: Extent) -> str:
    if isinstance(extent.size, int) or extent.low > 0:
        return str(extent)
    return f"{extent.low}..{extent} - 1" if extent.extra == 0 else str(extent)
