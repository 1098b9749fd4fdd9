"""Identities between losses, proved by sympy for all inputs and, where they are symbols, params.

AL: Ryou, Jeong and Perona, *Anchor Loss*, ICCV 2019. Its eq. 11 is misprinted: with q* = 1 - p,
the background modulator 1 + q - q* is q (at p = 0, where q* = 1), not 1 - q, and the target
modulator 1 - q + q* is 1 - q (at p = 1, where q* = 0), not q.
"""

from __future__ import annotations

from fractions import Fraction
from math import log, sqrt

import pytest
import sympy
import torch

from lossc.compiler.compile import compile_spec
from lossc.compiler.symbolic import functions as fn
from lossc.compiler.symbolic.identities import identical, reduced

HEAD = """
input logit: real[n, k]
input label: int[n] in k
"""
Q = """
let q[i, c] = sigmoid(logit[i, c])
let p[i, c] = [c == label[i]]
"""
ANCHOR_BCE = f"""spec anchor_bce {HEAD}
param gamma = 0.5 in [0, inf)
param slack = 0.05 in [0, 1)
param modulate = "background"
{Q}
let q_neg[i] = detach(max(q[i, label[i]] - slack, 0))
let q_pos[i] = detach(min((max[c | c != label[i]] q[i, c] else 0) + slack, 1))
let m_neg[i, c] = where(modulate != "target", (1 + q[i, c] - q_neg[i])^gamma, 1)
let m_pos[i, c] = where(modulate != "background", (1 - q[i, c] + q_pos[i])^gamma, 1)
loss mean[i] sum[c] -(p[i, c] * m_pos[i, c] * log(q[i, c])
                      + (1 - p[i, c]) * m_neg[i, c] * log(1 - q[i, c]))
"""
SUMMED_BCE = f"""spec summed_bce {HEAD} {Q}
loss mean[i] sum[c] -(p[i, c] * log(q[i, c]) + (1 - p[i, c]) * log(1 - q[i, c]))
"""
FOCAL = f"""spec focal {HEAD}
param gamma = 2.0 in [0, inf)
{Q}
loss mean[i] sum[c] -(p[i, c] * (1 - q[i, c])^gamma * log(q[i, c])
                      + (1 - p[i, c]) * q[i, c]^gamma * log(1 - q[i, c]))
"""
# AL eq. A-1 with q* = 1 - p for both modulators
BOTH_SIDES = f"""spec both_sides {HEAD}
param gamma = 2.0 in [0, inf)
{Q}
let q_star[i, c] = 1 - p[i, c]
loss mean[i] sum[c] -(p[i, c] * (1 - q[i, c] + q_star[i, c])^gamma * log(q[i, c])
                      + (1 - p[i, c]) * (1 + q[i, c] - q_star[i, c])^gamma * log(1 - q[i, c]))
"""
# AL eq. 2, which modulates the background only
ONE_SIDE = BOTH_SIDES.replace("(1 - q[i, c] + q_star[i, c])^gamma * ", "").replace("both", "one")


@pytest.mark.parametrize("modulate", ["background", "target", "both"])
def test_gamma_0_makes_anchor_loss_binary_cross_entropy(modulate):
    """AL 3.4, for any slack: it stays a symbol. Value and gradient."""
    found = identical(ANCHOR_BCE, SUMMED_BCE, params={"gamma": 0, "modulate": modulate})
    assert found.verdict is True
    assert found.difference == ()


def test_the_bundled_losses_meet_at_gamma_0():
    """Their dims and inputs have other names."""
    renamed = {"scores": "logit"}
    assert identical("anchor_bce", "focal", params={"gamma": 0}, renamed=renamed).verdict is True


def test_other_gammas_do_not():
    found = identical(ANCHOR_BCE, SUMMED_BCE, params={"gamma": Fraction(1, 2)})
    assert found.verdict is False
    assert any("gamma" in part or "sqrt" in part for part in found.difference)
    ours, theirs = found.values
    assert abs(ours - theirs) > 1e-6


def test_anchor_1_minus_p_is_focal_loss_for_every_gamma():
    """AL eq. 12, with both modulators of eq. A-1; gamma stays a symbol."""
    assert identical(BOTH_SIDES, FOCAL).verdict is True


def test_the_one_sided_anchor_loss_is_focal_loss_on_the_background_only():
    found = identical(ONE_SIDE, FOCAL)
    assert found.verdict is False
    assert found.difference
    # the sum over the other classes vanishes: only the labelled class differs
    assert not any("not eq" in part for part in found.difference)


def test_equation_11_as_printed_is_not_the_anchor_loss():
    """The printed right-hand sides have q and 1 - q exchanged."""
    printed = FOCAL.replace("(1 - q[i, c])^gamma", "q[i, c]^gamma", 1).replace(
        "(1 - p[i, c]) * q[i, c]^gamma", "(1 - p[i, c]) * (1 - q[i, c])^gamma"
    )
    assert identical(BOTH_SIDES, printed).verdict is False


def test_focal_loss_with_gamma_0_is_binary_cross_entropy():
    assert identical(FOCAL, SUMMED_BCE, params={"gamma": 0}).verdict is True
    assert identical(FOCAL, SUMMED_BCE, params={"gamma": 1}).verdict is False


def test_both_modulators_are_the_sum_of_each_less_cross_entropy():
    """AL appendix: (iii) = (i) + (ii) - BCE, in value; for every gamma and slack."""
    body = ANCHOR_BCE.split("loss ")[1]
    background = body.replace(" * m_pos[i, c]", "")
    target = body.replace(" * m_neg[i, c]", "")
    plain = background.replace(" * m_neg[i, c]", "")
    head = ANCHOR_BCE.replace('"background"', '"both"').split("loss ")[0]
    parts = f"loss (({background}) + ({target})) - ({plain})"
    assert identical(f"{head} loss {body}", head + parts).verdict is True


def test_detach_changes_the_gradient_and_not_the_value():
    """AL 3.5: the anchor is constant. Without `detach` the losses are equal, gradients are not."""
    attached = ANCHOR_BCE.replace("detach(max(", "(max(").replace("detach(min(", "(min(")
    assert identical(ANCHOR_BCE, attached, gradient=False).verdict is True
    found = identical(ANCHOR_BCE, attached)
    assert found.verdict is None  # the batches compare values, which are equal
    assert found.difference[0].startswith("sum[")
    assert "d/d" in found.difference[0]


CROSS_ENTROPY = """spec cross_entropy
input scores: real[n, p]
input label:  int[n] in p
loss mean[i] ((logsumexp[c] scores[i, c]) - scores[i, label[i]])
"""
WRITTEN_OUT = """spec written_out
input x: real[b, w]
input y: int[b] in w
let prob[s, t] = exp(x[s, t]) / sum[u] exp(x[s, u])
loss (sum[s] sum[t] -[t == y[s]] * log(prob[s, t])) / b
"""


def test_cross_entropy_is_the_log_of_the_labelled_softmax():
    """Other letters, other names, one sum over classes against a subscript."""
    renamed = {"x": "scores", "y": "label"}
    assert identical(CROSS_ENTROPY, WRITTEN_OUT, renamed=renamed).verdict is True


def test_a_mean_is_not_a_sum():
    summed = CROSS_ENTROPY.replace("mean[i]", "sum[i]")
    found = identical(CROSS_ENTROPY, summed)
    assert found.verdict is False
    ours, theirs = found.values
    assert ours != theirs


BCE = """spec one
input score: real[n]
input relevant: bool[n]
loss mean[i] -([relevant[i]] * log(sigmoid(score[i]))
               + (1 - [relevant[i]]) * log(1 - sigmoid(score[i])))
"""


@pytest.mark.parametrize(
    "body",
    [
        "softplus(score[i]) - [relevant[i]] * score[i]",
        "softplus(where(relevant[i], -score[i], score[i]))",
        "log(1 + exp(score[i])) - [relevant[i]] * score[i]",
        "-log(where(relevant[i], sigmoid(score[i]), 1 / (1 + exp(score[i]))))",
    ],
)
def test_ways_to_write_binary_cross_entropy(body):
    other = BCE.split("loss")[0] + f"loss mean[i] ({body})"
    assert identical(BCE, other).verdict is True


X, GAMMA = sympy.Symbol("x", real=True), sympy.Symbol("gamma", positive=True)
ANCHOR = sympy.Symbol("anchor", nonnegative=True)


def test_derivatives_of_the_sigmoid_family():
    sigmoid = fn.sigmoid(X)
    assert sympy.diff(fn.logsigmoid(X), X) == fn.sigmoid(-X)
    assert sympy.diff(fn.softplus(X), X) == sigmoid
    assert reduced(sympy.diff(sigmoid, X) - sigmoid * (1 - sigmoid)) == 0
    assert reduced(fn.stable(sympy.log(1 - sigmoid)) - fn.logsigmoid(-X)) == 0


def test_equation_13_is_the_derivative_of_the_anchor_loss():
    """AL eq. 13, by the probability q, at the four points of which the values are known."""
    q = sympy.Symbol("q", positive=True)
    loss = -((1 + q - ANCHOR) ** GAMMA) * sympy.log(1 - q)
    printed = (1 + q - ANCHOR) ** (GAMMA - 1) * (
        (1 + q - ANCHOR) / (1 - q) - GAMMA * sympy.log(1 - q)
    )
    modulator = sympy.Symbol("m", positive=True)  # 1 + q - anchor
    difference = (sympy.diff(loss, q) - printed).subs(ANCHOR, 1 + q - modulator)
    assert sympy.expand(difference) == 0
    for at, anchor, gamma in ((0.8, 0.5, 2), (0.2, 0.5, 2), (0.9, 0.1, 0.5), (0.5, 0.5, 2)):
        value = float(printed.subs({q: at, ANCHOR: anchor, GAMMA: gamma}))
        by_hand = (1 + at - anchor) ** gamma / (1 - at)
        by_hand -= gamma * (1 + at - anchor) ** (gamma - 1) * log(1 - at)
        assert value == pytest.approx(by_hand, rel=1e-12)


def test_the_fused_gradient_is_equation_13_times_the_slope_of_the_sigmoid():
    """d/dlogit = eq. 13 * q (1 - q), with the anchor held: background classes of one example."""
    logit = torch.tensor([[0.0, 1.5, -1.0]], dtype=torch.float64, requires_grad=True)
    loss = compile_spec(ANCHOR_BCE, params={"gamma": 0.5}).loss()(logit, torch.tensor([0]))
    (gradient,) = torch.autograd.grad(loss, logit)
    for place in (1, 2):
        q = 1 / (1 + 2.718281828459045 ** -logit[0, place].item())
        modulator = 1 + q - (0.5 - 0.05)
        by_q = sqrt(modulator) / (1 - q) - 0.5 / sqrt(modulator) * log(1 - q)
        assert gradient[0, place].item() == pytest.approx(by_q * q * (1 - q), rel=1e-12)


def test_what_is_no_loss_is_refused():
    with pytest.raises(ValueError, match="'accuracy' defines no loss"):
        identical("accuracy", "cross_entropy")
    with pytest.raises(ValueError, match="no input like 'score'"):
        identical(CROSS_ENTROPY, BCE)
