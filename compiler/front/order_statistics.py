"""Building sort, rank and cumsum: values at a position of an order."""

from __future__ import annotations

from lossc.compiler.front.building import Building, Env
from lossc.compiler.ir.node import Node
from lossc.grammar import syntax as sx


class OrderStatistics(Building):
    """The part of the builder that knows orders."""

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
