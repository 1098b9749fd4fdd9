"""Stable rewrites of losses: how they read, and values and gradients at extremes and at 0."""

from __future__ import annotations

import functools

import pytest
import sympy
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from lossc.compiler.build import read_and_build
from lossc.compiler.compile import compile_spec
from lossc.compiler.ir.text import text
from lossc.compiler.passes.losses import LOSS_PASSES
from lossc.compiler.symbolic import functions as fn
from lossc.compiler.symbolic.derivatives import derivative

SCORE = "input score: real[n]\ninput relevant: bool[n]\ninput target: target real[n] = 0\n"
CLASSES = "input scores: real[n, p]\ninput label: int[n] in p\n"

compiled = functools.cache(compile_spec)


def results(loss, inputs):
    live = [value for value in inputs.values() if value.requires_grad]
    value = loss(**inputs)
    return [value, *torch.autograd.grad(value, live)]


# element before -> after, and what sympy evaluates to 50 digits
X = sympy.Symbol("x", real=True)
REWRITES = {
    "log(sigmoid(score[i]))": ("logsigmoid(score[i])", -sympy.log(1 + sympy.exp(-X))),
    "log(1 - sigmoid(score[i]))": ("logsigmoid(-score[i])", -sympy.log(1 + sympy.exp(X))),
    "1 - sigmoid(score[i])": ("sigmoid(-score[i])", 1 / (1 + sympy.exp(X))),
    "1 - sigmoid(-score[i])": ("sigmoid(score[i])", 1 / (1 + sympy.exp(-X))),
    "log(1 + exp(score[i]))": ("softplus(score[i])", sympy.log(1 + sympy.exp(X))),
    "log(exp(score[i]) + 1)": ("softplus(score[i])", sympy.log(1 + sympy.exp(X))),
    "log(exp(score[i]))": ("score[i]", X),
    "1 / (1 + exp(-score[i]))": ("sigmoid(score[i])", 1 / (1 + sympy.exp(-X))),
    "exp(score[i]) / (1 + exp(score[i]))": ("sigmoid(score[i])", 1 / (1 + sympy.exp(-X))),
}
EXTREME = (-1e4, -200.0, -20.0, 0.0, 20.0, 200.0, 1e4)


def rewritten(body):
    graph = read_and_build(f"spec one\n{SCORE}loss mean[i] ({body})")
    for rewriting in LOSS_PASSES:
        graph = rewriting(graph)
    return text(graph.root.args[0])


@pytest.mark.parametrize("before", REWRITES)
def test_a_rewrite_reads_as_its_docstring_says(before):
    assert rewritten(before) == REWRITES[before][0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("before", REWRITES)
def test_a_rewrite_keeps_the_value_and_a_finite_gradient_at_extremes(before, dtype):
    loss = compiled(f"spec one\n{SCORE}loss sum[i] ({before})").loss()
    for x in EXTREME:
        score = torch.tensor([x], dtype=dtype, requires_grad=True)
        value, gradient = results(loss, {"score": score, "relevant": torch.tensor([True])})
        exact = sympy.Rational(float(score.detach().double()))
        wanted = float(REWRITES[before][1].subs(X, exact).evalf(50))
        slope = float(sympy.diff(REWRITES[before][1], X).subs(X, exact).evalf(50))
        assert value.item() == pytest.approx(wanted, rel=2e-6, abs=1e-37)
        # torch's slope of a sigmoid is y (1 - y), and a half-precision gradient is rounded
        assert gradient.item() == pytest.approx(slope, rel=4e-3, abs=1e-7)


SOFTMAX = CLASSES + "let prob[i, c] = exp(scores[i, c]) / sum[k] exp(scores[i, k])\n"


@pytest.mark.parametrize(
    ("body", "after"),
    [
        ("mean[i] -log(prob[i, label[i]])",
         "mean[i] -(scores[i, label[i]] - logsumexp[k] scores[i, k])"),
        ("mean[i] log(sum[c] exp(scores[i, c]))", "mean[i] logsumexp[c] scores[i, c]"),
        ("mean[i] log(sum[c | c != label[i]] exp(scores[i, c]))",
         "mean[i] logsumexp[c | c != label[i]] scores[i, c]"),
        ("mean[i, c] exp(scores[i, c]) / (sum[k] exp(scores[i, k]))",
         "mean[i, c] exp(scores[i, c] - detach(max[k] scores[i, k]))"
         " / (sum[k] exp(scores[i, k] - detach(max[k] scores[i, k])))"),
    ],
)  # fmt: skip
def test_softmaxes_and_their_logarithms(body, after):
    graph = read_and_build(f"spec one\n{SOFTMAX}loss {body}")
    for rewriting in LOSS_PASSES:
        graph = rewriting(graph)
    assert text(graph.root) == after


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("body", ["-log(prob[i, label[i]])", "(1 - prob[i, label[i]])^2"])
def test_softmaxes_are_finite_at_extremes(body, dtype):
    loss = compile_spec(f"spec one\n{SOFTMAX}loss mean[i] {body}").loss()
    scores = torch.tensor([[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4]], dtype=dtype, requires_grad=True)
    label = torch.tensor([1, 2])
    value, gradient = results(loss, {"scores": scores, "label": label})
    rows = scores.detach().float().softmax(1)[[0, 1], label]
    wanted = {"-": -scores.detach().float().log_softmax(1)[[0, 1], label], "(": (1 - rows) ** 2}
    assert_close(value, wanted[body[0]].mean())
    assert gradient.isfinite().all()


def test_cases_that_mirror_each_other_are_computed_once():
    body = "[relevant[i]] * log(sigmoid(score[i]))"
    body = f"-({body} + (1 - [relevant[i]]) * log(1 - sigmoid(score[i])))"
    assert rewritten(body) == "-logsigmoid(where(relevant[i], score[i], -score[i]))"


def test_cases_that_do_not_mirror_are_a_choice():
    body = "[relevant[i]] * exp(score[i]) + (1 - [relevant[i]]) * softplus(score[i])"
    # the exponential of a score that is not chosen must not overflow
    chosen = "exp(where(relevant[i], score[i], 0))"
    assert rewritten(body) == f"where(relevant[i], {chosen}, softplus(score[i]))"


@pytest.mark.parametrize(
    "body",
    [
        "[relevant[i]] * score[i] + (1 - [relevant[i]]) * target[i]",  # nothing to save
        "[relevant[i]] * exp(score[i]) / (score[i] - target[i])",  # may be undefined
        "[score[i] > 0] * exp(score[i]) + (1 - [score[i] > 0]) * exp(-score[i])",  # live
    ],
)
def test_sums_that_stay_sums(body):
    assert "where" not in rewritten(body)


@given(st.floats(-30, 30), st.booleans(), st.floats(0.125, 4))
def test_a_choice_is_the_sum_that_it_was(x, held, gamma):
    spec = f"""spec one\n{SCORE}param gamma = 1.0 in [0, inf)
    loss sum[i] -([relevant[i]] * (1 - sigmoid(score[i]))^gamma * log(sigmoid(score[i]))
                  + 3 * (1 - [relevant[i]]) * sigmoid(score[i])^gamma * log(1 - sigmoid(score[i])))
    """
    loss = compiled(spec).loss(gamma=gamma)
    score = torch.tensor([x], dtype=torch.float64)
    q = 1 / (1 + sympy.exp(-sympy.Rational(x)))
    p = (1 - q) if held else q
    wanted = -(1 if held else 3) * p ** sympy.Rational(gamma) * sympy.log(1 - p)
    assert loss(score, torch.tensor([held])).item() == pytest.approx(
        float(wanted.evalf(40)), rel=1e-12
    )


@pytest.mark.parametrize(
    ("body", "value", "slope"),
    [
        ("score[i] * log(score[i])", 0.0, 0.0),
        ("score[i] * log(2 * score[i])", 0.0, 0.0),
        ("target[i] * log(score[i])", 0.0, 0.0),
        ("score[i]^0.5", 0.0, 0.0),
        ("score[i]^gamma", 0.0, 0.0),
        ("score[i]^zero", 1.0, 0.0),
        ("score[i]^one", 0.0, 1.0),
        ("score[i]^1.5", 0.0, 0.0),
        ("sqrt(score[i])", 0.0, 0.0),
        ("sqrt(score[i]^2 + target[i]^2)", 0.0, 0.0),
        ("abs(score[i])", 0.0, 0.0),
        ("relu(score[i])", 0.0, 0.0),
    ],
)
def test_gradients_at_0_are_finite_where_the_loss_is(body, value, slope):
    params = "param gamma = 0.3 in [0, 1]\nparam zero = 0.0 in [0, 1]\nparam one = 1.0 in [0, 1]\n"
    loss = compile_spec(f"spec one\n{SCORE}{params}loss sum[i] ({body})").loss()
    score = torch.zeros(1, requires_grad=True)
    found, gradient = results(loss, {"score": score, "relevant": torch.tensor([True])})
    assert (found.item(), gradient.item()) == (value, slope)
    above = torch.full((1,), 0.5, requires_grad=True)
    assert results(loss, {"score": above, "relevant": torch.tensor([True])})[1].isfinite()


# ------------------------------------------------------------------ opaque functions


@pytest.mark.parametrize(
    "function",
    [
        *(fn.sigmoid, fn.logsigmoid, fn.softplus, fn.relu, fn.absolute),
        lambda x: fn.maximum(x, sympy.Rational(1, 3)),
        lambda x: fn.minimum(x, sympy.Rational(1, 3)),
        lambda x: fn.chosen(sympy.Symbol("bit"), x**2, fn.sigmoid(x)).subs("bit", 0),
        lambda x: fn.times_log(fn.sigmoid(x), fn.softplus(x)),
    ],
)
def test_derivatives_of_opaque_functions_are_difference_quotients(function):
    h = sympy.Rational(1, 10**12)
    for at in map(sympy.Rational, ("-31/10", "-1/2", "1/7", "5/2", "12")):
        quotient = (function(at + h) - function(at - h)) / (2 * h)
        slope = derivative(function(X), X).subs(X, at)
        assert float(slope.evalf(40)) == pytest.approx(float(quotient.evalf(40)), rel=1e-9)


def test_derivatives_stay_stable():
    slope = derivative(-fn.logsigmoid(X), X)
    assert slope == -fn.sigmoid(-X)
    assert derivative(fn.sigmoid(X), X) == fn.sigmoid(X) * fn.sigmoid(-X)
    assert fn.stable(2 - fn.sigmoid(X) - fn.sigmoid(-X)) == fn.sigmoid(X) + fn.sigmoid(-X)
    assert fn.stable(sympy.log(1 - fn.sigmoid(X))) == fn.logsigmoid(-X)


def test_kinks_follow_torch():
    for expression, slope in (
        (fn.relu(X), 0), (fn.absolute(X), 0), (fn.maximum(X, 0), 1), (fn.minimum(X, 0), 1),
    ):  # fmt: skip
        assert derivative(expression, X).subs(X, 0) == slope
