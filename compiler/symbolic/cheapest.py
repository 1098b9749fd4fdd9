"""Of several ways to write the same expressions, the one that is computed fastest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy

from lossc.compiler.symbolic import functions as fn

Expr = Any
# relative times of an operation over a tensor, measured on one thread; all others count 1
_TIMES = {
    fn.softplus: 12,
    fn.logsigmoid: 12,
    fn.times_log: 10,
    sympy.log: 8,
    sympy.exp: 6,
    sympy.tanh: 15,
    sympy.sin: 10,
    sympy.cos: 10,
    fn.sigmoid: 3,
    fn.chosen: 6,
    fn.step: 6,
    fn.at_least: 6,
}
_POWER = 15


def cheapest(expressions: Sequence[Expr]) -> list[Expr]:
    """``expressions``, in the form whose parts, shared ones once, take the least time."""
    plain = [_softplus(e) for e in expressions]
    settled = [settle(e, {}) for e in plain]
    forms = [plain, settled]
    for rule in (_one_sigmoid, _one_logarithm):
        forms += [rule(form) for form in forms]
    return min(forms, key=cost)


def cost(expressions: Sequence[Expr]) -> int:
    """About how long the expressions take, in simple operations."""
    parts, results = sympy.cse(list(expressions), order="canonical")
    total = 0
    for expression in (*(part for _, part in parts), *results):
        for node in sympy.preorder_traversal(expression):
            if node.is_Add or node.is_Mul:
                total += len(node.args) - 1
            elif node.is_Pow:
                total += 1 if node.exp.is_Integer else _POWER
            elif node.args:
                total += _TIMES.get(node.func, 1)
    return total


def settle(expression: Expr, known: Mapping[Expr, int]) -> Expr:
    """Choices inside a branch of a choice by the same condition, as they are there.

    Rewrite: chosen(c, f(chosen(c, x, y)), z)  ->  chosen(c, f(x), z)
    """
    if expression in known:
        return sympy.Integer(known[expression])
    if not expression.args:
        return expression
    if isinstance(expression, fn.chosen):
        bit, yes, no = expression.args
        if bit in known:
            return settle(yes if known[bit] else no, known)
        return fn.chosen(bit, settle(yes, {**known, bit: 1}), settle(no, {**known, bit: 0}))
    return expression.func(*(settle(arg, known) for arg in expression.args))


def _softplus(expression: Expr) -> Expr:
    """``logsigmoid(x)  ->  -softplus(-x)``: torch has no memory of its own for that."""
    return expression.replace(
        lambda e: isinstance(e, fn.logsigmoid), lambda e: -fn.softplus(-e.args[0])
    )


def _one_logarithm(expressions: Sequence[Expr]) -> list[Expr]:
    """``softplus(x)`` and ``softplus(-x)`` by what they share.

    Rewrite: (1 - t) softplus(x) + t softplus(-x)  ->  relu(x) - t x + softplus(-abs(x))
    Rewrite: softplus(x)                           ->  relu(x) + softplus(-abs(x))
    """
    weighed = [e.replace(lambda e: e.is_Add, _weighed_logarithms) for e in expressions]
    found = {e.args[0] for expression in weighed for e in expression.atoms(fn.softplus)}
    both = {x for x in found if -x in found}
    return [
        expression.replace(
            lambda e: isinstance(e, fn.softplus) and e.args[0] in both,
            lambda e: fn.relu(e.args[0]) + fn.softplus(-fn.absolute(e.args[0])),
        )
        for expression in weighed
    ]


def _weighed_logarithms(total: Expr) -> Expr:
    for x, plus, minus, rest in _pairs(total, fn.softplus):
        weight = sympy.expand(plus + minus)
        if weight.is_number:
            shared = fn.relu(x) + fn.softplus(-fn.absolute(x))
            return _weighed_logarithms(rest + weight * shared - minus * x)
    return total


def _one_sigmoid(expressions: Sequence[Expr]) -> list[Expr]:
    """The slope of a binary cross entropy.

    Rewrite: (1 - t) sigmoid(x) - t sigmoid(-x)  ->  sigmoid(x) - t
    """
    return [e.replace(lambda e: e.is_Add, _weighed_sigmoids) for e in expressions]


def _weighed_sigmoids(total: Expr) -> Expr:
    for x, plus, minus, rest in _pairs(total, fn.sigmoid):
        weight = sympy.expand(plus - minus)
        if weight.is_number:
            return _weighed_sigmoids(rest + weight * fn.sigmoid(x) + minus)
    return total


def _pairs(total: Expr, kind: Any) -> list[tuple[Expr, Expr, Expr, Expr]]:
    """Each ``x`` of ``a f(x) + b f(-x) + rest``, with a, b and the rest, where neither is 0."""
    weights: dict[Expr, Expr] = {}
    others = []
    for term in total.args:
        held = [factor for factor in sympy.Mul.make_args(term) if isinstance(factor, kind)]
        if len(held) == 1:
            x = held[0].args[0]
            weights[x] = weights.get(x, 0) + term / held[0]
        else:
            others.append(term)
    found = []
    for x, weight in weights.items():
        if -x in weights and not x.could_extract_minus_sign():
            rest = [w * kind(y) for y, w in weights.items() if y not in (x, -x)]
            found.append((x, weight, weights[-x], sympy.Add(*others, *rest)))
    return found
