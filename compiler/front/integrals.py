"""Building integrals: the mean position under a heatmap, normalised by a softmax or by its sum."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossc.compiler.front.building import Building, Env, Value
from lossc.compiler.ir.node import Index, Node
from lossc.grammar import syntax as sx
from lossc.grammar.source import Span
from lossc.grammar.words import CENTRES as CENTRES


class Integrals(Building):
    """The part of the builder that knows :data:`CENTRES`."""

    if TYPE_CHECKING:

        def filtered(
            self, op: str, bound: tuple[Index, ...], body: Node, where: Node, span: Span
        ) -> Node: ...

    def integral(self, expr: sx.Order, env: Env) -> Value:
        """``softargmax[y, x] scores at position`` and ``centroid[y, x] mass at position``.

        The first weighs each position by the softmax of the scores, the second by its share of the
        mass. A position is a number or a point; it may speak of the indices.

        Source: Sun et al. 2018 (Integral Human Pose Regression), eq. 2, for the softmax.
        """
        slots = [self.ranges.slots[id(b)] for b in expr.binders]
        inner = {**env, **{slot.name: slot for slot in slots}}
        bound = tuple(self.index(slot) for slot in slots)
        where = self.range_filter(slots, env)
        if expr.filter is not None:
            where = self.make.and_(where, self.condition(expr.filter, inner))
        body, at = self.number(expr.body, inner), self.value(expr.at, inner)
        positions = at if isinstance(at, tuple) else (at,)
        if any(node.kind in ("bool", "str") for node in positions):
            self.scope.error(
                expr.at.span, "wrong-kind", "a position is a number or a point of numbers"
            )
            return self.placeholder
        if body is self.placeholder or self.placeholder in positions:
            return self.placeholder
        missing = [index.name for index in bound if index not in body.indices]
        if missing:
            message = f"{expr.op} weighs {missing[0]} by a value that does not depend on it"
            self.scope.error(expr.body.span, "wrong-kind", message)
            return self.placeholder
        made = tuple(self._mean(expr, bound, body, node, where) for node in positions)
        return made if isinstance(at, tuple) else made[0]

    def _mean(
        self, expr: sx.Order, bound: tuple[Index, ...], body: Node, position: Node, where: Node
    ) -> Node:
        make, span = self.make, expr.span
        softmax = expr.op == "softargmax"
        if where.op == "const":
            mean = make("expected", body, position, bound=bound, softmax=softmax, span=span)
            if softmax:
                return mean
            return make.arithmetic("div", mean, make.reduce("sum", bound, body, None, span), span)
        if not softmax:
            moment = make.arithmetic("mul", body, position, span)
            moments = self.filtered("sum", bound, moment, where, span)
            return make.arithmetic("div", moments, self.filtered("sum", bound, body, where, span))
        whole = make.reduce("logsumexp", bound, body, where, span)
        share = make("exp", make.arithmetic("sub", body, whole, span), kind="real", span=span)
        weighed = make.arithmetic("mul", share, position, span)
        moments = self.filtered("sum", bound, weighed, where, span)
        # the shares sum to 1, and to 0 where the filter leaves nothing: then there is no mean
        return make.arithmetic("div", moments, self.filtered("sum", bound, share, where, span))
