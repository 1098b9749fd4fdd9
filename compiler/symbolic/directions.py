"""Which way a metric moves when a comparison is won: signs propagate, sympy does arithmetic."""

from __future__ import annotations

import sympy

from lossc.compiler.ir.node import Node
from lossc.compiler.symbolic.atoms import Signs
from lossc.compiler.symbolic.convert import ARITHMETIC, Symbols

Directions = dict[Node, int]  # binary -> +1 never falls, -1 never rises, 0 not known


def directions(node: Node, signs: Signs, memo: dict[Node, Directions] | None = None) -> Directions:
    """The direction of ``node`` in every binary that it depends on."""
    memo = {} if memo is None else memo
    if node not in memo:
        memo[node] = _derive(node, signs, memo)
    return memo[node]


def _derive(node: Node, signs: Signs, memo: dict[Node, Directions]) -> Directions:
    if node.op == "binary":
        return {node: 1}
    if not node.decided:
        return {}
    inner = [directions(arg, signs, memo) for arg in node.args]
    match node.op:
        case "not":
            return _times(inner[0], -1)
        case (
            "and"
            | "or"
            | "minimum"
            | "maximum"
            | "else"
            | "iverson"
            | "define"
            | "detach"
            | "relu"
            | "sigmoid"
        ):
            return _merge(*inner)
        case "at" if not any(inner[1:]):
            return inner[0]
        case "sum" | "mean" | "min" | "max" | "any" | "all" | "logsumexp" if not any(inner[1:]):
            return inner[0]
        case "sort" if not any(inner[1:]):
            return inner[0]
        case "prod" if not any(inner[1:]) and signs.nonnegative(node.args[0]):
            return inner[0]
        case "gt" | "ge":
            return _merge(inner[0], _times(inner[1], -1))
        case "lt" | "le":
            return _merge(_times(inner[0], -1), inner[1])
        case "where" if not node.args[0].decided:
            return _merge(*inner[1:])
        case op if op in ARITHMETIC:
            return _arithmetic(node, signs, memo)
    return dict.fromkeys((b for one in inner for b in one), 0)


def _arithmetic(node: Node, signs: Signs, memo: dict[Node, Directions]) -> Directions:
    symbols = Symbols(signs)
    expression = symbols.expression(node)
    parts = []
    for leaf, symbol in list(symbols.symbols.items()):
        if leaf.decided and symbol in expression.free_symbols:
            sign = _sign(sympy.diff(expression, symbol))
            parts.append(_times(directions(leaf, signs, memo), sign))
    return _merge(*parts)


def _sign(derivative: sympy.Expr) -> int:
    """+1 if never negative, -1 if never positive, else 0; undefined points do not count."""
    numerator, denominator = sympy.fraction(sympy.factor(sympy.together(derivative)))
    above, beneath = _known_sign(numerator), _known_sign(denominator)
    return above * beneath


def _known_sign(expression: sympy.Expr) -> int:
    for candidate in (expression, sympy.expand(expression)):
        if candidate.is_nonnegative:
            return 1
        if candidate.is_nonpositive:
            return -1
    return 0


def _times(one: Directions, sign: int) -> Directions:
    return {binary: direction * sign for binary, direction in one.items()}


def _merge(*all_of: Directions) -> Directions:
    merged: Directions = {}
    for one in all_of:
        for binary, direction in one.items():
            merged[binary] = direction if merged.get(binary, direction) == direction else 0
    return merged
