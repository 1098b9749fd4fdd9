"""Nodes of the typed graph: small, frozen, and equal exactly when they are the same object.

A node is a scalar-valued expression over its free indices: ``scores[i, j] - t`` has the free
indices ``i`` and ``j``, and becomes a tensor with one axis for each. Nodes are made by
:class:`lossc.compiler.ir.factory.NodeFactory`, which returns the same object for the same
expression, so shared parts are found by construction.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, cast

from lossc.grammar.source import Span

Kind = Literal["bool", "int", "real", "str"]
Attr = object


@dataclass(frozen=True)
class Extent:
    """The values ``low .. low + size - 1`` of an index; ``size`` is a dim symbol or a number.

    ``r in 0..n`` has ``low = 0`` and one value more than the dim: ``extra = 1``.
    """

    size: str | int
    low: int = 0
    extra: int = 0

    def __str__(self) -> str:
        if isinstance(self.size, int):
            return f"{self.low}..{self.low + self.size + self.extra - 1}"
        if (self.low, self.extra) == (0, 0):
            return self.size
        offset = self.low + self.extra - 1
        high = self.size + (f" + {offset}" if offset > 0 else f" - {-offset}" if offset else "")
        return f"{self.low}..{high}"


@dataclass(frozen=True)
class Index:
    """A bound index: its letter, what it ranges over, and its place in the order of axes."""

    name: str
    extent: Extent
    order: int

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class Node:
    """One operation.

    Args:
        op: What it does, e.g. ``sub`` or ``sum``; the operations are listed in ``verify.py``.
        args: What it does it to.
        attrs: Constants that belong to the operation: a name, a number, bound indices.
        kind: ``bool``, ``int``, ``real`` or ``str``.
        indices: Free indices in axis order; the tensor of this node has these axes.
        live: Whether the value depends on a live input at all.
        decided: Whether a discrete decision on a live value lies on the way.
        span: Where in the spec it was written; takes no part in identity.
    """

    op: str
    args: tuple[Node, ...]
    attrs: tuple[tuple[str, Attr], ...]
    kind: Kind
    indices: tuple[Index, ...]
    live: bool
    decided: bool
    span: Span | None = field(repr=False)

    def attr(self, name: str) -> Attr:
        """The attribute ``name``; a missing one is our own mistake, hence the KeyError."""
        for key, value in self.attrs:
            if key == name:
                return value
        raise KeyError(f"{self.op} has no attribute {name}")

    @property
    def bound(self) -> tuple[Index, ...]:
        """The indices that this node binds (reductions only)."""
        for key, value in self.attrs:
            if key == "bound":
                return cast("tuple[Index, ...]", value)
        return ()

    @property
    def value(self) -> int | float | bool | str:
        """What a ``const`` holds."""
        return cast("int | float | bool | str", self.attr("value"))

    @property
    def number(self) -> int | float:
        """What a ``const`` holds that is not a text."""
        value = self.value
        assert not isinstance(value, str)
        return value

    @property
    def name(self) -> str:
        """The name of an input, a param, a definition, a dim."""
        return str(self.attr("name"))

    @property
    def index(self) -> Index:
        """The index whose number an ``index`` is."""
        return cast("Index", self.attr("index"))

    @property
    def dims(self) -> tuple[Extent, ...]:
        """What the subscripts of an ``input`` range over."""
        return cast("tuple[Extent, ...]", self.attr("dims"))

    @property
    def below(self) -> Extent | None:
        """What the values of an int ``input`` are indices of, where it says so."""
        return cast("Extent | None", self.attr("below"))

    @property
    def ignores(self) -> bool:
        """Whether an int ``input`` declares a value that is no index."""
        return bool(self.attr("ignores"))

    @property
    def component(self) -> int:
        """Which index of its argmax a ``winner`` is a coordinate of."""
        return cast("int", self.attr("component"))

    @property
    def family(self) -> int:
        """The number of the family whose rows ``ones`` counts, from 0."""
        return cast("int", self.attr("family"))

    @property
    def letters(self) -> tuple[Index, ...]:
        """The axes of ``ones``, in the order in which its family has them."""
        return cast("tuple[Index, ...]", self.attr("letters"))

    @property
    def against(self) -> bool:
        """Whether ``ones`` counts the comparisons that are won against each item."""
        return bool(self.attr("against"))


DISCRETE_COMPARISONS = frozenset({"lt", "le", "gt", "ge", "eq", "ne", "beats"})
REDUCTIONS = frozenset({"sum", "mean", "prod", "min", "max", "any", "all", "logsumexp", "argmax"})
ORDERS = frozenset({"sort", "rank", "cumsum"})


def conjuncts(node: Node) -> tuple[Node, ...]:
    """The parts of a conjunction, from left to right."""
    if node.op == "and":
        return conjuncts(node.args[0]) + conjuncts(node.args[1])
    return (node,)
