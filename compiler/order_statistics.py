"""Building sort, rank and cumsum: values at a position of an order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.node import Index, Node
from lossc.compiler.scope import Scope, Slot
from lossc.grammar import syntax as sx

if TYPE_CHECKING:
    from lossc.compiler.ranges import Ranges

Env = Mapping[str, Slot]


class OrderStatistics:
    """Mixed into the builder, which supplies the rest."""

    scope: Scope
    make: NodeFactory
    ranges: Ranges
    placeholder: Node

    if TYPE_CHECKING:

        def number(self, expr: sx.Expr, env: Env) -> Node: ...
        def condition(self, expr: sx.Expr, env: Env) -> Node: ...
        def index(self, slot: Slot) -> Index: ...
        def range_filter(self, slots: list[Slot], env: Env) -> Node: ...

    def order(self, expr: sx.Order, env: Env) -> Node:
        """``sort[i | filter] x at r``: the r-th smallest, 1-based."""
        slots = [self.ranges.slots[id(b)] for b in expr.binders]
        inner = {**env, **{slot.name: slot for slot in slots}}
        where = self.range_filter(slots, env)
        if expr.filter is not None:
            where = self.make.and_(where, self.condition(expr.filter, inner))
        body, at = self.number(expr.body, inner), self.number(expr.at, env)
        if len(slots) != 1:
            self.scope.error(
                expr.span, "wrong-arity", f"{expr.op} orders along one index, not {len(slots)}"
            )
            return self.placeholder
        if expr.op != "sort":
            self.scope.error(
                expr.span,
                "not-supported",
                f"`{expr.op}` is written as a count of better items for now",
            )
            return self.placeholder
        if where.live:
            self.scope.error(expr.span, "not-supported", f"{expr.op} with a live filter")
            return self.placeholder
        if at.kind != "int" and at is not self.placeholder:
            self.scope.error(expr.at.span, "wrong-kind", "a position in an order is a whole number")
            return self.placeholder
        bound = (self.index(slots[0]),)
        # the position is an argument outside the binding, so a clash of letters would capture it
        free = {index for index in at.indices if index in bound}
        if free:
            self.scope.error(
                expr.at.span, "duplicate", f"index '{bound[0].name}' is bound by the order itself"
            )
            return self.placeholder
        args = (body, at) if where.op == "const" else (body, at, where)
        return self.make(
            "sort",
            *args,
            kind=body.kind,
            bound=bound,
            span=expr.span,
            decided=body.decided or body.live,
        )
