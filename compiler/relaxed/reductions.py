"""Reductions with relaxed filters and relaxed bodies."""

from __future__ import annotations

from lossc.compiler.ir.node import Node, conjuncts
from lossc.compiler.relaxed.base import Relaxing
from lossc.compiler.relaxed.norms import opposite


class Reductions(Relaxing):
    """The part that relaxes sums, means, extremes, ``all`` and ``any``."""

    def _filter(self, node: Node) -> tuple[Node, Node | None]:
        """The fixed part of a filter, and the relaxed rest of it as one number."""
        if len(node.args) == 1:
            return self.make.const(True), None
        parts = conjuncts(node.args[1])
        fixed = self.make.and_(*(part for part in parts if not part.decided))
        share: Node | None = None
        for part in parts:
            if part.decided:
                known = self.done[part]
                share = known if share is None else self.norm.both(self.make, share, known)
        return fixed, share

    def _sum(self, node: Node) -> Node:
        fixed, share = self._filter(node)
        body = self.done[node.args[0]]
        if share is not None:
            body = self.weighed(share, body, node)
        return self.make.reduce("sum", node.bound, body, fixed, node.span)

    def _mean(self, node: Node) -> Node:
        fixed, share = self._filter(node)
        if share is None:
            return self.make.reduce("mean", node.bound, self.done[node.args[0]], fixed, node.span)
        count = self.make.reduce("sum", node.bound, share, fixed, node.span)
        return self.make.arithmetic("div", self._sum(node), count, node.span)

    def _all(self, node: Node) -> Node:
        fixed, share = self._filter(node)
        body = self.number(node.args[0])
        if share is not None:
            body = self.norm.either(self.make, opposite(self.make, share), body)
        return self.norm.every(self.make, node.bound, body, fixed)

    def _any(self, node: Node) -> Node:
        fixed, share = self._filter(node)
        body = self.number(node.args[0])
        if share is not None:
            body = self.norm.both(self.make, share, body)
        return self.norm.some(self.make, node.bound, body, fixed)

    def _maximum(self, node: Node) -> Node:
        """Of 0 and a fixed number less a relaxed one: past that number, there is a slope too.

        Rewrite: max(m - x, 0)  ->  m - capped(x, m)
        Rewrite: max(x - m, 0)  ->  x - capped(x, m)
        """
        left, right = node.args
        excess, rest = (left, right) if left.decided else (right, left)
        made = self.make("maximum", self.done[left], self.done[right], span=node.span)
        if self.bound or rest.op != "const" or rest.value != 0 or excess.op != "sub":
            return made
        high, low = excess.args
        if high.decided == low.decided:
            return made
        fixed, moving = (low, high) if high.decided else (high, low)
        both = self.done[moving], fixed
        capped = self.make("capped", *both, kind="real", span=node.span, decided=True)
        return self.make.arithmetic("sub", self.done[high], capped, node.span)

    def _min(self, node: Node) -> Node:
        return self._extreme(node)

    def _max(self, node: Node) -> Node:
        return self._extreme(node)

    def _extreme(self, node: Node) -> Node:
        """Over what more likely than not is selected: that choice itself carries no gradient."""
        fixed, share = self._filter(node)
        if share is not None:
            half = self.make.const(0.5)
            fixed = self.make.and_(fixed, self.make("gt", share, half, kind="bool", span=node.span))
        return self.make.reduce(node.op, node.bound, self.done[node.args[0]], fixed, node.span)
