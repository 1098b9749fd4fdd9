"""sympy expressions printed as torch code mean what sympy says, to rounding."""

from __future__ import annotations

import ast

import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional
from torch.testing import assert_close

from lossc.compiler.symbolic import functions as fn
from lossc.compiler.symbolic.printer import NotPrintable, TorchPrinter
from lossc.runtime.elements import power_or_zero, times_log

X, Y = sympy.symbols("x y", real=True)
P = sympy.Symbol("p", positive=True)
G = sympy.Symbol("gamma", positive=True)
BIT = sympy.Symbol("hit", integer=True, nonnegative=True)
NAMES = {X: "x", Y: "y", P: "p", G: "gamma", BIT: "hit"}
POINTS = {
    "x": torch.tensor([-2.5, -0.75, 0.0, 0.5, 3.0], dtype=torch.float64),
    "y": torch.tensor([0.5, -1.25, 2.0, 0.25, -0.5], dtype=torch.float64),
    "p": torch.tensor([0.125, 0.5, 1.0, 1.5, 2.75], dtype=torch.float64),
    "hit": torch.tensor([True, False, True, False, False]),
    "gamma": 0.75,
}


def printer():
    return TorchPrinter(NAMES, [G], [BIT], "x.dtype")


def evaluated(code, lines=()):
    scope = {
        "torch": torch,
        "functional": functional,
        "power_or_zero": power_or_zero,
        "times_log": times_log,
        "math": __import__("math"),
        **POINTS,
    }
    exec("\n".join([*lines, f"result = {code}"]), scope)
    result = scope["result"]
    return torch.as_tensor(result, dtype=torch.float64).expand(5)


def exact(expression):
    """What sympy says at the five points, to 30 digits; NaN where it says nothing real."""
    values = []
    for place in range(5):
        here = {
            symbol: sympy.Rational(float(POINTS[name][place]))
            if name != "gamma"
            else sympy.Rational(POINTS[name])
            for symbol, name in NAMES.items()
        }
        value = expression.xreplace(here).doit().evalf(30)
        values.append(float(value) if value.is_real and value.is_finite else torch.nan)
    return torch.tensor(values, dtype=torch.float64)


NUMBERS = st.sampled_from([-3, -1, 0, 1, 2, sympy.Rational(1, 3), sympy.Rational(-7, 10)])
LEAVES = st.one_of(st.sampled_from([X, Y, P, G, BIT]), NUMBERS.map(sympy.sympify))
ONE = st.sampled_from(
    [
        *(fn.sigmoid, fn.logsigmoid, fn.softplus, fn.relu, fn.absolute, fn.signum, fn.step),
        *(sympy.tanh, sympy.sin, sympy.cos),
        lambda e: sympy.exp(-fn.absolute(e)),
        lambda e: sympy.exp(-fn.absolute(e)) - 1,
        lambda e: sympy.log(1 + fn.softplus(e)),
        lambda e: sympy.sqrt(fn.softplus(e)),
        lambda e: fn.sigmoid(e) ** G,
        lambda e: 1 / fn.softplus(e),
        lambda e: e**2,
        lambda e: e**3,
        lambda e: -e,
    ]
)
TWO = st.sampled_from(
    [
        *(lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b),
        *(fn.maximum, fn.minimum, fn.at_least, sympy.Max, sympy.Min),
        lambda a, b: fn.chosen(BIT, a, b),
        lambda a, b: a / (1 + fn.absolute(b)),
        lambda a, b: fn.times_log(a, fn.softplus(b)),
    ]
)
EXPRESSIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(ONE, inner).map(lambda t: t[0](t[1])),
        st.tuples(TWO, inner, inner).map(lambda t: t[0](t[1], t[2])),
    ),
    max_leaves=8,
)
BORDERS = (fn.step, fn.signum, fn.at_least)


def near_a_jump(expression):
    """Whether rounding decides on which side of a jump a point lies."""
    for part in expression.atoms(*BORDERS):
        x, bound = (*part.args, 0)[:2]
        distance = exact(sympy.sympify(x - bound)).abs()
        if ((distance < 1e-9) & (distance > 0)).any():
            return True
    return False


@settings(max_examples=400)
@given(EXPRESSIONS)
def test_printed_code_computes_what_sympy_does(expression):
    if near_a_jump(expression):
        return
    try:
        code = printer().code(expression)
    except NotPrintable:
        # numbers alone: sigmoid(gamma) is no expression of tensors
        assert not expression.free_symbols - {G} or any(
            not part.free_symbols - {G} for part in expression.atoms(sympy.Function)
        )
        return
    wanted, found = exact(expression), evaluated(code)
    known = wanted.isfinite()
    assert_close(found[known], wanted[known], rtol=1e-11, atol=1e-12)


@settings(max_examples=150)
@given(st.lists(EXPRESSIONS, min_size=1, max_size=3))
def test_a_program_computes_what_its_expressions_do(expressions):
    try:
        lines, results = printer().program(expressions)
    except NotPrintable:
        return
    names = [line.split(" = ")[0] for line in lines]
    assert len(set(names)) == len(names)
    assert not set(names) & set(NAMES.values())
    for expression, code in zip(expressions, results, strict=True):
        if near_a_jump(expression):
            continue
        wanted, found = exact(expression), evaluated(code, lines)
        known = wanted.isfinite()
        assert_close(found[known], wanted[known], rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        (fn.sigmoid(-X), "(-x).sigmoid()"),
        (sympy.exp(X) - 1, "x.expm1()"),
        (sympy.log(1 + X), "x.log1p()"),
        (fn.logsigmoid(X) * P, "p * functional.logsigmoid(x)"),
        (X**2, "x.square()"),
        (sympy.sqrt(P), "p.sqrt()"),
        (P ** (G - 1), "power_or_zero(p, gamma - 1)"),
        (P**G, "p**gamma"),
        (sympy.Rational(1, 10) * X, "x / 10"),
        (X / 3, "x / 3"),
        (X / P, "x / p"),
        ((X - Y) * -2, "2 * y - 2 * x"),
        (-((X + Y) ** 2), "-(x + y).square()"),
        (fn.times_log(P, P), "times_log(p, p)"),
        (fn.chosen(BIT, X, -X), "torch.where(hit, x, -x)"),
        (BIT * X, "hit.to(x.dtype) * x"),
        (fn.maximum(X, G), "x.clamp(min=gamma)"),
        (X ** (1 - X), "power_or_zero(x, 1 - x)"),
    ],
)
def test_code_reads_as_a_person_would_write_it(expression, code):
    assert printer().code(expression) == code


@settings(max_examples=200)
@given(st.fractions(max_denominator=10**6), st.sampled_from([1, 2**52, 2**60]))
def test_numbers_keep_every_bit(number, scale):
    rational = sympy.Rational(number.numerator * scale, number.denominator)
    exact = int(rational) if rational.is_integer else float(rational)
    assert ast.literal_eval(printer().code(rational)) == exact


def test_what_has_no_code_is_refused():
    unknown = sympy.Symbol("unknown")
    for expression in (unknown, sympy.gamma(X), sympy.oo, fn.chosen(X, Y, P)):
        with pytest.raises(NotPrintable):
            printer().code(expression)
