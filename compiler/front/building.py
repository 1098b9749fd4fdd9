"""What the parts of the builder share: the scope, the factory, and the walk over expressions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lossc.compiler.front.constants import Constants
from lossc.compiler.front.ranges import Ranges
from lossc.compiler.front.scope import Scope, Slot
from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.node import Index, Node
from lossc.grammar import syntax as sx
from lossc.grammar.source import Span

Value = Node | tuple[Node, ...]
Env = Mapping[str, Slot]


class Building:
    """The base of the builder's parts; ``build.py`` joins them and supplies the methods named here.

    Args:
        scope: What the spec declares; errors are collected in it.
    """

    def __init__(self, scope: Scope):
        self.scope = scope
        self.make = NodeFactory()
        self.ranges = Ranges(scope)
        self.constants = Constants(scope.params)
        self.definitions: dict[str, Value] = {}
        self.placeholder = self.make.const(0.0)

    if TYPE_CHECKING:

        def value(self, expr: sx.Expr, env: Env) -> Value: ...
        def scalar(self, expr: sx.Expr, env: Env) -> Node: ...
        def number(self, expr: sx.Expr, env: Env) -> Node: ...
        def condition(self, expr: sx.Expr, env: Env) -> Node: ...
        def index(self, slot: Slot) -> Index: ...
        def fails(self, node: Node) -> bool: ...
        def no_number(self, span: Span) -> Node: ...
        def index_value(self, slot: Slot, span: Span) -> Node: ...
        def input(self, name: str) -> Node: ...
        def range_filter(self, slots: list[Slot], env: Env) -> Node: ...
