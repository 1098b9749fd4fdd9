"""What the parts of a relaxation share: hard nodes, and what has been made of them."""

from __future__ import annotations

from typing import NoReturn

from lossc.compiler.front.properties import may_be_undefined
from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.node import Node
from lossc.compiler.relaxed.norms import Norm
from lossc.compiler.relaxed.same_counts import less
from lossc.grammar.errors import Diagnostic, SpecError


class Relaxing:
    """The base of the parts; ``relax.py`` joins them.

    Args:
        make: Where new nodes come from.
        norm: What and, or, all and any become.
        bound: Whether the result must be a lower bound.
    """

    def __init__(self, make: NodeFactory, norm: Norm, bound: bool):
        self.make, self.norm, self.bound = make, norm, bound
        self.done: dict[Node, Node] = {}

    def number(self, condition: Node) -> Node:
        """A condition as a number, decided or not."""
        return self.done[condition] if condition.decided else self.make.iverson(condition)

    def joined(self, op: str, left: Node, right: Node, node: Node) -> Node:
        """``left op right``, at the place of ``node``."""
        if op == "sub":
            return less(self.make, left, right, node)
        return self.make.arithmetic(op, left, right, node.span)

    def weighed(self, share: Node, value: Node, node: Node) -> Node:
        """``share * value``, and 0 without a share, whatever the value is then."""
        if value.op == "const" and value.value == 0:
            return value
        if may_be_undefined(value):  # what is undefined has a share only as long as it is relaxed
            value = self.make("else", value, self.make.const(0), kind="real", span=node.span)
        positive = self.make("gt", share, self.make.const(0), kind="bool", span=node.span)
        product = self.joined("mul", share, value, node)
        return self.make.where(positive, product, self.make.const(0), node.span)

    def refuse(self, node: Node, message: str) -> NoReturn:
        """Raises SpecError: there is no relaxation of this node."""
        hint = "choose `interpolation idw`, `multilinear` or `perturbed`"
        raise SpecError(Diagnostic(node.span, "no-relaxation", message, hint=hint))
