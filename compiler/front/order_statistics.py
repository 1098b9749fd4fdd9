"""Building sort, rank and cumsum: values at a position of an order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossc.compiler.front.building import Building, Env
from lossc.compiler.front.scope import Slot
from lossc.compiler.ir.node import Index, Node
from lossc.grammar import syntax as sx
from lossc.grammar.source import Span


class OrderStatistics(Building):
    """The part of the builder that knows orders."""

    if TYPE_CHECKING:

        def filtered(
            self, op: str, bound: tuple[Index, ...], body: Node, where: Node, span: Span
        ) -> Node: ...

    def order(self, expr: sx.Order, env: Env) -> Node:
        """``op[i | filter] body at position``, the position being outside the binding."""
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
        if self.placeholder in (body, at):
            return self.placeholder
        if at.kind != "int":
            self.scope.error(expr.at.span, "wrong-kind", "a position in an order is a whole number")
            return self.placeholder
        bound = self.index(slots[0])
        # the position is an argument outside the binding, so a clash of letters would capture it
        if bound in at.indices:
            self.scope.error(
                expr.at.span, "duplicate", f"index '{bound.name}' is bound by the order itself"
            )
            return self.placeholder
        if expr.op == "cumsum":
            return self._up_to(expr, slots[0], body, at, where)
        if expr.op == "rank":
            return self._rank(expr, bound, body, at, where)
        args = (body, at) if where.op == "const" else (body, at, where)
        return self.make(
            "sort",
            *args,
            kind=body.kind,
            bound=(bound,),
            span=expr.span,
            decided=any(node.live for node in args),
        )

    def _up_to(self, expr: sx.Order, slot: Slot, body: Node, at: Node, where: Node) -> Node:
        """``cumsum[i | filter] x at k``: the sum over i <= k."""
        here = self.index_value(slot, slot.span)
        limit = self.make("le", here, at, kind="bool", span=expr.at.span, decided=at.live)
        where = self.make.and_(where, limit)
        return self.filtered("sum", (self.index(slot),), body, where, expr.span)

    def _rank(self, expr: sx.Order, bound: Index, body: Node, at: Node, where: Node) -> Node:
        """``rank[j | filter] x at i``: 1 and the number of selected j whose x beats that of i."""
        # the position is last, so that the filter stands where every reduction has it
        args = (body, where, at)
        return self.make(
            "rank",
            *args,
            kind="int",
            bound=(bound,),
            span=expr.span,
            decided=any(node.live for node in args),
        )
