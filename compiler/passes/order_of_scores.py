"""Sorting live scores: a value at a place is a sum over who stands there."""

from __future__ import annotations

from lossc.compiler.ir.graph import Graph, rewrite, substitute
from lossc.compiler.ir.node import Node
from lossc.compiler.operators import beats
from lossc.compiler.passes.comparisons import is_smooth


def order_of_scores(graph: Graph) -> Graph:
    """The r-th smallest score is the one with r - 1 scores before it; equal ones keep their order.

    Rewrite: sort[i] x[i] at r  ->  sum[i] [1 + sum[k] [-x[k] beats -x[i]] == r] * x[i]

    A sort of counts is part of the metric and stays as it is.
    """
    make = graph.make

    def place(node: Node) -> Node | None:
        if node.op != "sort" or not is_smooth(node.args[0]):
            return None
        body, at, *rest = node.args
        (index,) = node.bound
        allowed = rest[0] if rest else make.const(True)
        rival = make.fresh(
            index, {i.name for i in (*body.indices, *at.indices, *allowed.indices, index)}
        )
        here, there = make.at_index(index, node.span), make.at_index(rival, node.span)
        other, other_allowed = (substitute(part, make, {index: there}) for part in (body, allowed))
        lower = beats(
            make,
            make("neg", other, kind="real", span=node.span),
            make("neg", body, kind="real", span=node.span),
            (there,),
            (here,),
            node.span,
        )
        before = make.reduce("sum", (rival,), make.iverson(lower), other_allowed, node.span)
        standing = make.arithmetic("add", before, make.const(1))
        here_it_is = make("eq", standing, at, kind="bool", span=node.span, decided=True)
        weighted = make.arithmetic("mul", make.iverson(here_it_is), body, node.span)
        return make.reduce("sum", (index,), weighted, allowed, node.span)

    return graph.with_root(rewrite(graph.root, make, place))
