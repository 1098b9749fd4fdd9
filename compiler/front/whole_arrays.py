"""Arrays that are named as wholes, in pairs of a prediction and a target with the same dims."""

from __future__ import annotations

from dataclasses import dataclass

from lossc.compiler.front.building import Building
from lossc.compiler.ir.node import Extent, Index, Node
from lossc.grammar import syntax as sx
from lossc.grammar.source import Span

_LETTERS = "ijklmopqrstuvwxyz"


@dataclass(frozen=True)
class Array:
    """An input or a definition as a whole.

    Args:
        name: What it is called.
        parts: Its node; one for each coordinate of a point.
        extents: What its subscripts range over.
        letters: What its indices are called.
        is_point: Whether ``parts`` are coordinates.
    """

    name: str
    parts: tuple[Node, ...]
    extents: tuple[Extent, ...]
    letters: tuple[str, ...]
    is_point: bool


@dataclass(frozen=True)
class Pair:
    """Two arrays over the same indices.

    Args:
        name: Of the prediction.
        left: The prediction; one node for each coordinate of a point.
        right: The target.
        axes: Their indices.
        span: Where both are named.
    """

    name: str
    left: tuple[Node, ...]
    right: tuple[Node, ...]
    axes: tuple[Index, ...]
    span: Span


class WholeArrays(Building):
    """The part of the builder that reads two arrays over the same indices."""

    def paired(self, left: sx.Expr, right: sx.Expr, span: Span) -> Pair | None:
        """Two arrays that have the same dims; ``None`` if they do not, which is reported."""
        one, other = self._array(left), self._array(right)
        if one is None or other is None:
            return None
        count = max(len(array.parts) if array.is_point else 0 for array in (one, other))
        sizes = [self._without_coordinates(array, count) for array in (one, other)]
        if None in sizes or sizes[0] != sizes[1]:
            shown = " and ".join(f"{a.name}[{_dims(a)}]" for a in (one, other))
            self.scope.error(span, "dim-clash", f"{shown} do not have the same dims")
            return None
        extents = sizes[0] or ()
        if not extents:
            message = f"'{one.name}' is a single number, and this takes arrays"
            self.scope.error(left.span, "wrong-kind", message)
            return None
        letters = one.letters if len(one.letters) >= len(extents) else other.letters
        axes = tuple(map(self.make.index, letters, extents))
        sides = [self._read(array, axes, count, span) for array in (one, other)]
        return Pair(one.name, sides[0], sides[1], axes, span)

    def _array(self, expr: sx.Expr) -> Array | None:
        """The input or definition that an argument names."""
        if not isinstance(expr, sx.Name):
            self.scope.error(
                expr.span,
                "wrong-kind",
                "an array is named as a whole, without subscripts",
                expected="the name of an input or a definition",
                hint="give the expression a name: `let name[i, j] = ...`",
            )
            return None
        name, scope = expr.id, self.scope
        if name in scope.inputs:
            node = self.input(name)
            return Array(name, (node,), node.dims, self._fresh_letters(len(node.dims)), False)
        if name not in scope.definitions:
            if name in scope.params or name in scope.dims:
                message = f"'{name}' is one number, and this takes arrays"
                scope.error(expr.span, "wrong-kind", message)
            else:
                scope.unknown(expr.span, name, set())
            return None
        value = self.definitions.get(name, self.placeholder)
        parts = value if isinstance(value, tuple) else (value,)
        if any(part.op != "define" for part in parts):
            return None  # what is wrong with it has been said
        for slot in self.ranges.definition_slots[name]:
            if slot.upper is not None or slot.values_of is not None:
                message = f"the range of index '{slot.name}' of '{name}' depends on the data"
                scope.error(expr.span, "not-supported", message)
                return None
        bound = parts[0].bound
        extents, letters = tuple(i.extent for i in bound), tuple(i.name for i in bound)
        return Array(name, parts, extents, letters, isinstance(value, tuple))

    def _fresh_letters(self, count: int) -> tuple[str, ...]:
        free = [letter for letter in _LETTERS if letter not in self.scope.names()]
        return tuple((free + [f"i{k}" for k in range(count)])[:count])

    def _without_coordinates(self, array: Array, count: int) -> tuple[Extent, ...] | None:
        """The dims of an array, but for the one of the coordinates where there are points."""
        if not count or array.is_point:
            return array.extents if not count or len(array.parts) == count else None
        return array.extents[:-1] if array.extents[-1:] == (Extent(count),) else None

    def _read(
        self, array: Array, axes: tuple[Index, ...], count: int, span: Span
    ) -> tuple[Node, ...]:
        places = [self.make.at_index(index, span) for index in axes]

        def at(part: Node, *more: Node) -> Node:
            node = self.make("at", part, *places, *more, kind=part.kind, span=span)
            return self.make.iverson(node) if node.kind == "bool" else node

        if not count or array.is_point:
            return tuple(at(part) for part in array.parts)
        return tuple(at(array.parts[0], self.make.const(place)) for place in range(count))


def _dims(array: Array) -> str:
    listed = [str(extent.size if extent.low == 0 else extent) for extent in array.extents]
    return ", ".join([*listed, str(len(array.parts))] if array.is_point else listed)
