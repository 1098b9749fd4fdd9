"""And, or, all and any of relaxed conditions: three t-norms and their duals.

A relaxed condition is a number from 0 to 1. All three norms agree with the Boolean operations where
every condition is 0 or 1, and ``not`` is ``1 - x`` in each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.node import Index, Node

Both = Callable[[NodeFactory, Node, Node], Node]
Every = Callable[[NodeFactory, tuple[Index, ...], Node, Node], Node]


@dataclass(frozen=True)
class Norm:
    """A t-norm.

    Args:
        name: As in ``substitute(tnorm = godel)``.
        both: The conjunction of two relaxed conditions.
        every: That of all that a fixed filter selects; 1 if that is nothing.
        of_rows: The runtime function that gives it for the rows of a family.
        some_of_rows: Likewise whether some of a row is won.
        of_pairs: As ``of_rows``, for a family of pairs.
        some_of_pairs: As ``some_of_rows``, for a family of pairs.
        winners: How rows become shares that add up to 1 over all candidates: ``divided`` by their
            sum, ``logarithms`` divided likewise, or ``rows`` as they are, where no two of them
            exceed 1 together.
    """

    name: str
    both: Both
    every: Every
    of_rows: str
    some_of_rows: str
    of_pairs: str
    some_of_pairs: str
    winners: str = "divided"

    def either(self, make: NodeFactory, left: Node, right: Node) -> Node:
        """The disjunction of two, by de Morgan's rule."""
        return opposite(make, self.both(make, opposite(make, left), opposite(make, right)))

    def some(self, make: NodeFactory, bound: tuple[Index, ...], body: Node, where: Node) -> Node:
        """The disjunction of all that a fixed filter selects; 0 if that is nothing."""
        return opposite(make, self.every(make, bound, opposite(make, body), where))


def opposite(make: NodeFactory, condition: Node) -> Node:
    """``1 - x``."""
    if condition.op == "sub" and condition.args[0].op == "const" and condition.args[0].value == 1:
        return condition.args[1]
    return make.arithmetic("sub", make.const(1), condition, condition.span)


def _least(make: NodeFactory, left: Node, right: Node) -> Node:
    return make("minimum", left, right, span=left.span)


def _least_of(make: NodeFactory, bound: tuple[Index, ...], body: Node, where: Node) -> Node:
    least = make.reduce("min", bound, body, where, body.span)
    return make("else", least, make.const(1), span=body.span)


def _product(make: NodeFactory, left: Node, right: Node) -> Node:
    return make.arithmetic("mul", left, right, left.span)


def _product_of(make: NodeFactory, bound: tuple[Index, ...], body: Node, where: Node) -> Node:
    return make.reduce("prod", bound, body, where, body.span)


def _bounded(make: NodeFactory, left: Node, right: Node) -> Node:
    missing = make.arithmetic("add", opposite(make, left), opposite(make, right), left.span)
    return _what_is_left(make, missing)


def _bounded_of(make: NodeFactory, bound: tuple[Index, ...], body: Node, where: Node) -> Node:
    return _what_is_left(make, make.reduce("sum", bound, opposite(make, body), where, body.span))


def _what_is_left(make: NodeFactory, missing: Node) -> Node:
    return make("relu", opposite(make, missing), span=missing.span)


NORMS: dict[str, Norm] = {
    norm.name: norm
    for norm in (
        Norm(
            "godel",
            _least,
            _least_of,
            *("least_of_rows", "most_of_rows"),
            *("least_of_pairs", "most_of_pairs"),
        ),
        Norm(
            "product",
            _product,
            _product_of,
            *("product_of_rows", "some_by_product"),
            *("product_of_pairs", "some_pair_by_product"),
            winners="logarithms",
        ),
        Norm(
            "lukasiewicz",
            _bounded,
            _bounded_of,
            *("bounded_sum_of_rows", "some_by_sum"),
            *("bounded_sum_of_pairs", "some_pair_by_sum"),
            winners="rows",
        ),
    )
}
