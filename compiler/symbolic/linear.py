"""Linear forms: a number as a constant plus coefficients times binaries."""

from __future__ import annotations

from collections.abc import Collection

import sympy

from lossc.compiler.ir.factory import NodeFactory
from lossc.compiler.ir.node import Node
from lossc.compiler.symbolic.atoms import Signs
from lossc.compiler.symbolic.convert import Symbols, written_size

MOST_WRITTEN = 400  # operations that are handed to sympy


def linear_form(
    body: Node, literals: Collection[Node], make: NodeFactory, signs: Signs
) -> tuple[Node, dict[Node, Node]] | None:
    """``body = constant + sum coefficient * literal``, or ``None`` if it is not linear.

    Args:
        body: Arithmetic over ``literals`` (numbers 0 or 1) and fixed values.
        literals: The nodes that count as variables.
        make: Where new nodes come from.
        signs: What is known of leaves.

    Returns:
        The constant and the coefficient of each literal that occurs, none of which is decided.
    """
    if written_size(body, MOST_WRITTEN) == MOST_WRITTEN:
        return None
    symbols = Symbols(signs)
    variables = {literal: symbols.leaf(literal) for literal in literals}
    expression = symbols.expression(body)
    occurring = {n: s for n, s in variables.items() if s in expression.free_symbols}
    others = [
        n for n, s in symbols.symbols.items() if s in expression.free_symbols and n not in occurring
    ]
    if any(node.decided for node in others):
        return None
    if not occurring:
        return body, {}
    try:
        polynomial = sympy.Poly(expression, *occurring.values())
        if polynomial.total_degree() > 1:
            return None
        constant = symbols.node(polynomial.coeff_monomial(1), make)
        coefficients = {
            n: symbols.node(polynomial.coeff_monomial(s), make) for n, s in occurring.items()
        }
    except (sympy.PolynomialError, ValueError):
        return None
    return constant, coefficients
