"""The derivatives of an element of a loss by its live leaves, in closed form."""

from __future__ import annotations

from typing import Any

import sympy

from lossc.compiler.symbolic import functions as fn
from lossc.compiler.symbolic.element import Element, Leaf

Expr = Any


def derivatives(element: Element) -> dict[Leaf, Expr]:
    """``d element / d leaf`` for each live leaf.

    ``detach`` is a leaf that is not live, so no gradient passes it. At a kink the derivative is
    torch's: 0 for ``relu`` and ``abs`` at 0, and all for the number that ``max`` holds against a
    bound.
    """
    return {leaf: derivative(element.expression, leaf.symbol) for leaf in element.live}


def derivative(expression: Expr, symbol: Expr) -> Expr:
    """The derivative in stable form: complements of sigmoids, common factors, choices outside."""
    slope = fn.stable(sympy.diff(expression, symbol))
    slope = fn.stable(sympy.factor_terms(slope))
    return slope.replace(lambda e: e.is_Mul, _choice_outside)


def _choice_outside(product: Expr) -> Expr:
    """``chosen(c, 1, -1) * x  ->  chosen(c, x, -x)``: a sign costs no multiplication."""
    for factor in product.args:
        if isinstance(factor, fn.chosen) and all(arg.is_number for arg in factor.args[1:]):
            rest = product / factor
            bit, yes, no = factor.args
            return fn.chosen(bit, yes * rest, no * rest)
    return product
