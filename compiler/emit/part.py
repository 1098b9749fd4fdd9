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
    signs: Signs
    anchor: str

    if TYPE_CHECKING:

        def value(self, node: Node) -> Value: ...
        def range(self, index: Index) -> Value: ...
        def size(self, extent: Extent) -> str: ...
        def factor(self, extent: Extent) -> str: ...
        def real(self, value: Value) -> Value: ...
        def call(self, function: str, *args: str) -> str: ...
        def fitting(self, nodes: Sequence[Node], room: int = 44) -> list[Value]: ...
        def assign(self, name: str, value: Value, node: Node | None = None) -> Value: ...
