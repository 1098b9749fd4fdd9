"""Conditions as numbers from 0 to 1."""

from __future__ import annotations

from collections.abc import Callable

from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.node import Node
from lossc.compiler.ir.text import text
from lossc.compiler.relaxed.base import Relaxing
from lossc.compiler.relaxed.norms import opposite
from lossc.compiler.relaxed.winners import shares_of_winners


class Conditions(Relaxing):
    """The part that relaxes comparisons of counts, connectives and choices."""

    def _gt(self, node: Node) -> Node:
        return self._risen(node, node.args[0], node.args[1], -0.5)

    def _ge(self, node: Node) -> Node:
        return self._risen(node, node.args[0], node.args[1], 0.5)

    def _lt(self, node: Node) -> Node:
        return self._risen(node, node.args[1], node.args[0], -0.5)

    def _le(self, node: Node) -> Node:
        return self._risen(node, node.args[1], node.args[0], 0.5)

    def _risen(self, node: Node, left: Node, right: Node, shift: float) -> Node:
        """Whole numbers are compared half way between two of them, others where they are equal.

        A count that is compared with a fixed number is measured by that: rank 100 is ten times as
        far from the first ten as rank 10, and not 90 comparisons, over which no step has a slope.
        """
        if self.bound:
            self.refuse(node, f"there is no bound: counts are compared in {text(node)[:60]}")
        whole = left.kind == right.kind == "int"
        margin = self.make.arithmetic("sub", self.done[left], self.done[right], node.span)
        if whole:
            margin = self.make.arithmetic("add", margin, self.make.const(shift), node.span)
        made = [margin]
        if whole and left.decided != right.decided:
            fixed, half = (left, shift) if right.decided else (right, -shift)
            made.append(self.make.arithmetic("add", fixed, self.make.const(half), node.span))
        return self.make(
            "risen",
            *made,
            whole=whole,
            upwards=left.decided,
            kind="real",
            span=node.span,
            decided=True,
        )

    def _eq(self, node: Node) -> Node:
        share = shares_of_winners(self.make, node, self.done, self.norm)
        if share is not None:
            return share
        left, right = node.args
        if left.kind == "bool":
            gap = self.make.arithmetic("sub", self.number(left), self.number(right), node.span)
            return opposite(self.make, self.make("abs", gap, span=node.span))
        at_least = self._risen(node, left, right, 0.5)
        at_most = self._risen(node, right, left, 0.5)
        # both hold where the values are equal, and one of them elsewhere
        both = self.make.arithmetic("add", at_least, at_most, node.span)
        return self.make.arithmetic("sub", both, self.make.const(1), node.span)

    def _ne(self, node: Node) -> Node:
        return opposite(self.make, self._eq(node))

    def _not(self, node: Node) -> Node:
        return opposite(self.make, self.number(node.args[0]))

    def _and(self, node: Node) -> Node:
        return self._joined(node, self.norm.both)

    def _or(self, node: Node) -> Node:
        return self._joined(node, self.norm.either)

    def _joined(self, node: Node, join: Callable[[NodeFactory, Node, Node], Node]) -> Node:
        left, right = node.args
        if left.decided and right.decided:
            return join(self.make, self.done[left], self.done[right])
        fixed, relaxed = (right, left) if left.decided else (left, right)
        # with one side fixed, all norms are a choice
        if node.op == "and":
            return self.make.where(fixed, self.done[relaxed], self.make.const(0), node.span)
        return self.make.where(fixed, self.make.const(1), self.done[relaxed], node.span)

    def _iverson(self, node: Node) -> Node:
        return self.number(node.args[0])

    def _where(self, node: Node) -> Node:
        condition, yes, no = node.args
        if not condition.decided:
            if node.kind == "bool":
                return self.make.where(condition, self.number(yes), self.number(no), node.span)
            return self.make.where(condition, self.done[yes], self.done[no], node.span)
        take = self.number if node.kind == "bool" else self.done.__getitem__
        share = self.done[condition]
        chosen = self.weighed(share, take(yes), node)
        return self.joined(
            "add", chosen, self.weighed(opposite(self.make, share), take(no), node), node
        )
