"""Whether two elements are one function of a score and of its negative."""

from __future__ import annotations

import sympy

from lossc.compiler.ir.node import Node
from lossc.compiler.symbolic import functions as fn
from lossc.compiler.symbolic.element import Element


def mirrored_leaf(either: Element, other: Element, node: Node) -> bool:
    """Whether ``either`` at ``x`` is ``other`` at ``-x``, by form; other leaves stay.

    Args:
        either: One case.
        other: The other, over the same symbols.
        node: The leaf ``x``.
    """
    symbol = next(leaf.symbol for leaf in (*either.leaves, *other.leaves) if leaf.node is node)
    turned = fn.stable(other.expression.xreplace({symbol: -symbol}))
    if either.expression == turned:
        return True
    return bool(sympy.expand(fn.stable(sympy.expand(either.expression - turned))) == 0)
