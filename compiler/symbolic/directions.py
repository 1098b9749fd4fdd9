"""Which way a metric moves when a comparison is won: signs propagate, sympy does arithmetic."""

from __future__ import annotations

from collections.abc import Iterator

import sympy

from lossc.compiler.ir.graph import topological
from lossc.compiler.ir.node import Node
from lossc.compiler.symbolic.atoms import Signs
from lossc.compiler.symbolic.convert import ARITHMETIC, Symbols

Directions = dict[Node, int]  # binary -> +1 never falls, -1 never rises, 0 not known


_LEAVES, _SIZE, _TRIES = 12, 60, 40  # of what sympy looks at; larger things wait for `truth`


def directions(node: Node, signs: Signs) -> Directions:
    """The direction of ``node`` in every binary that it depends on."""
    memo: dict[Node, Directions] = {}
    tries = iter(range(_TRIES))
    for inner in topological([node]):
        memo[inner] = _derive(inner, signs, memo, tries)
    return memo[node]


def _derive(
    node: Node, signs: Signs, memo: dict[Node, Directions], tries: Iterator[int]
) -> Directions:
    if node.op == "binary":
        return {node: 1}
    if not node.decided:
        return {}
    inner = [memo[arg] for arg in node.args]
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
            return _arithmetic(node, signs, memo, tries)
    return dict.fromkeys((b for one in inner for b in one), 0)


def _arithmetic(
    node: Node, signs: Signs, memo: dict[Node, Directions], tries: Iterator[int]
) -> Directions:
    """By the signs of the operands; where that leaves a binary open, by sympy if it is small."""
    known = _by_signs(node, signs, memo)
    if all(known.values()) or not _is_small(node) or next(tries, None) is None:
        return known
    symbols = Symbols(signs)
    expression = symbols.expression(node)
    parts = []
    for leaf, symbol in list(symbols.symbols.items()):
        if leaf.decided and symbol in expression.free_symbols:
            sign = _sign(sympy.diff(expression, symbol))
            parts.append(_times(memo[leaf], sign))
    derived = _merge(*parts)
    return {binary: way or derived.get(binary, 1) for binary, way in known.items()}


def _by_signs(node: Node, signs: Signs, memo: dict[Node, Directions]) -> Directions:
    left, right = node.args[0], node.args[-1]
    match node.op:
        case "add":
            return _merge(memo[left], memo[right])
        case "sub":
            return _merge(memo[left], _times(memo[right], -1))
        case "neg":
            return _times(memo[left], -1)
        case "mul":
            return _merge(
                _times(memo[left], _side(right, signs)), _times(memo[right], _side(left, signs))
            )
        case "div":
            return _merge(
                _times(memo[left], _side(right, signs)), _times(memo[right], -_side(left, signs))
            )
        case "pow":
            exponent = _side(right, signs) if not right.decided and signs.nonnegative(left) else 0
            return _merge(_times(memo[left], exponent), _times(memo[right], 0))
    return memo[left]  # sqrt, exp, log, log2


def _side(node: Node, signs: Signs) -> int:
    """+1 if never negative, -1 if never positive, 0 if that is not known."""
    if node.op == "const":
        return 1 if node.number >= 0 else -1
    if node.op == "neg" and signs.nonnegative(node.args[0]):
        return -1
    return 1 if signs.nonnegative(node) else 0


def _is_small(node: Node) -> bool:
    """Whether the arithmetic at the top of ``node``, written out, is fit for sympy."""
    leaves: set[Node] = set()
    stack, size = [node], 0
    while stack and size <= _SIZE and len(leaves) <= _LEAVES:
        current = stack.pop()
        size += 1
        if current.op in ARITHMETIC:
            stack.extend(current.args)
        elif current.decided:
            leaves.add(current)
    return size <= _SIZE and len(leaves) <= _LEAVES


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
