"""A piece of generated code that stands for a tensor, and how its axes are moved into place."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lossc.compiler.ir.node import Index, Kind


@dataclass(frozen=True)
class Value:
    """Code with the axes of the tensor that it computes.

    Args:
        code: A Python expression.
        axes: What its trailing axes stand for; leading batch axes may precede them.
        kind: ``bool``, ``int`` or ``real``.
        scalar: A Python number or bool rather than a tensor.
        level: How tightly the outermost operator binds (Python's precedence, 20 for an atom).
        batched: Whether leading axes for several configurations may precede ``axes``.
    """

    code: str
    axes: tuple[Index, ...]
    kind: Kind
    scalar: bool = False
    level: int = 20
    batched: bool = False

    def inside(self, level: int) -> str:
        """The code, in parentheses where an operator of ``level`` would tear it apart."""
        return self.code if self.level >= level else f"({self.code})"

    @property
    def atom(self) -> str:
        """The code, ready for a method call."""
        return self.inside(20)


def align(value: Value, axes: tuple[Index, ...]) -> Value:
    """``value`` with its axes in the order of ``axes``, and axes of size 1 where it has none.

    Leading axes that it lacks are left to broadcasting, unless batch axes stand in front of them.
    """
    if value.scalar or value.axes == axes:
        return value
    value = _ordered(value, tuple(axis for axis in axes if axis in value.axes))
    if not value.axes and not value.batched:
        return value
    first = 0 if value.batched else axes.index(value.axes[0])
    trailing = axes[first:]
    missing = [place for place, axis in enumerate(trailing) if axis not in value.axes]
    if not missing:
        return value
    if len(missing) == 1:
        place = missing[0] - len(trailing)
        return replace(value, code=f"{value.atom}.unsqueeze({place})", axes=trailing, level=20)
    places = ", ".join(":" if axis in value.axes else "None" for axis in trailing)
    return replace(value, code=f"{value.atom}[..., {places}]", axes=trailing, level=20)


def _ordered(value: Value, wanted: tuple[Index, ...]) -> Value:
    if value.axes == wanted:
        return value
    moved = [place for place, axis in enumerate(wanted) if value.axes[place] != axis]
    rank = len(wanted)
    if len(moved) == 2:
        a, b = (place - rank for place in moved)
        return replace(value, code=f"{value.atom}.transpose({a}, {b})", axes=wanted, level=20)
    source = tuple(value.axes.index(axis) - rank for axis in wanted)
    target = tuple(range(-rank, 0))
    return replace(value, code=f"{value.atom}.movedim({source}, {target})", axes=wanted, level=20)


def union(*values: Value) -> tuple[Index, ...]:
    """All axes of ``values``; the longest keeps its order, the rest follow the spec's order."""
    axes = {axis for value in values for axis in value.axes}
    longest = max((value.axes for value in values), key=len, default=())
    if set(longest) == axes:
        return longest
    return tuple(sorted(axes, key=lambda axis: axis.order))


def beside(
    value: Value, outer: tuple[Index, ...], position: Value
) -> tuple[tuple[Index, ...], str]:
    """The axes of ``value`` read at ``position``, and its code with room for those that are new."""
    result = (*outer, *(axis for axis in position.axes if axis not in outer))
    new = len(result) - len(outer)
    return result, value.atom + (f"[..., {', '.join(['None'] * new)}, :]" if new else "")
