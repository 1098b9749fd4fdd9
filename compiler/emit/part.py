"""What the parts of the writer share: names, lines, and the values of nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lossc.compiler.emit.value import Value
from lossc.compiler.ir.node import Extent, Index, Node
from lossc.compiler.symbolic.atoms import Signs

LONG = 72  # characters of an expression that deserves a line of its own


class Part:
    """The base of the writer's parts; ``writer.py`` joins them and supplies these methods."""

    names: Mapping[str, str]
    values: dict[Node, Value]
    signs: Signs
    anchor: str
    # whether sums within groups are taken by sorting, and not by comparing all items
    by_groups: bool
    # whether some count was taken to float64, so that the result must come back
    widened: bool

    if TYPE_CHECKING:

        def value(self, node: Node) -> Value: ...
        def range(self, index: Index) -> Value: ...
        def size(self, extent: Extent) -> str: ...
        def factor(self, extent: Extent) -> str: ...
        def real(self, value: Value) -> Value: ...
        def call(self, function: str, *args: str) -> str: ...
        def fitting(self, nodes: Sequence[Node], room: int = 44) -> list[Value]: ...
        def assign(self, name: str, value: Value, node: Node | None = None) -> Value: ...
        def shortened(self, values: Sequence[Value], room: int = 70) -> list[Value]: ...
        def named(self, value: Value, name: str, room: int = 60) -> Value: ...

    def mask(self, condition: Value) -> Value:
        """A condition as a tensor, also where it is one Python bool for all items."""
        if not condition.scalar:
            return condition
        return Value(f"torch.tensor({condition.code}, device={self.anchor}.device)", (), "bool")
