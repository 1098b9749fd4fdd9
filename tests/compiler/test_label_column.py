"""Losses that are another function at the label: beside the same losses as they are written."""

from __future__ import annotations

from unittest import mock

import pytest
import sympy
import torch
from torch.testing import assert_close

from lossc.compiler import plan
from lossc.compiler.compile import compile_spec
from lossc.compiler.emit import fused
from lossc.compiler.symbolic import functions as fn
from lossc.compiler.symbolic.cheapest import cheapest, cost, settle

CLASSES = "input x: real[n, p]\ninput label: int[n] in p\n"
IGNORED = "input x: real[n, p]\ninput label: int[n] in p ignore none\nparam none = -1\n"
PIXELS = "input x: real[n, p, h, w]\ninput label: int[n, h, w] in p ignore none\nparam none = -1\n"
FIRST = "input x: real[p, n]\ninput label: int[n] in p\n"
FOCAL = (
    "param gamma = 1.5 in [0, inf)\n"
    "let q[{0}] = sigmoid(x[{0}])\n"
    "let hit[{0}] = [c == label[{1}]]\n"
    "let each[{0}] = -(hit[{0}] * (1 - q[{0}])^gamma * log(q[{0}])"
    " + (1 - hit[{0}]) * q[{0}]^gamma * log(1 - q[{0}]))\n"
)
PLAIN, MAP, TURNED = (
    FOCAL.format(*letters) for letters in (("i, c", "i"), ("i, c, y, z", "i, y, z"), ("c, i", "i"))
)
CASES = {
    "the mean of sums": CLASSES + PLAIN + "loss mean[i] sum[c] each[i, c] else 0",
    "one sum": CLASSES + PLAIN + "loss sum[i, c] each[i, c]",
    "a filter behind the sum": IGNORED + PLAIN
    + "loss mean[i | valid(label[i])] sum[c] each[i, c] else 0",
    "a filter at the sum": CLASSES + PLAIN + "loss sum[i, c | c != 1] each[i, c]",
    "no label is no place": IGNORED + PLAIN + "loss mean[i] sum[c] each[i, c] else 0",
    "an axis in the middle": PIXELS + MAP + "loss mean[i, y, z] sum[c] each[i, c, y, z] else 0",
    "the first axis": FIRST + TURNED + "loss mean[i] sum[c] each[c, i] else 0",
    "the background alone": CLASSES + PLAIN
    + "loss mean[i] sum[c] where(c == label[i], 0, each[i, c] * sigmoid(x[i, c])) else 0",
    "a mean of classes": CLASSES + PLAIN + "loss sum[i] mean[c] each[i, c] * tanh(x[i, c]) else 0",
}  # fmt: skip


def inputs_of(one, seed):
    generator = torch.Generator().manual_seed(seed)
    sizes = {"n": 4, "p": 3, "h": 2, "w": 5}
    shapes = [[sizes[dim.size] for dim in entry.kind.dims] for entry in one.spec.inputs]
    x = torch.randn(shapes[0], generator=generator, dtype=torch.float64).requires_grad_()
    ignores = one.spec.inputs[1].kind.ignore is not None
    return x, torch.randint(-1 if ignores else 0, 3, shapes[1], generator=generator)


@pytest.mark.parametrize("name", CASES)
def test_the_label_by_itself_is_the_loss_as_written(name):
    one = compile_spec(f"spec one\n{CASES[name]}")
    with (
        mock.patch.object(fused, "LEAST_COSTLY", 10**6),
        mock.patch.object(plan, "LOSS_PASSES", ()),
    ):
        written = compile_spec(f"spec one\n{CASES[name]}").loss()
    assert ("scatter_" in one.source()) is (name != "the first axis")
    for seed in range(5):
        x, label = inputs_of(one, seed)
        found, want = one.loss()(x, label), written(x, label)
        assert_close(found, want, rtol=1e-11, atol=1e-13)
        ours, theirs = (torch.autograd.grad(value, x)[0] for value in (found, want))
        assert_close(ours, theirs, rtol=1e-10, atol=1e-13)


@pytest.mark.filterwarnings("ignore:.*should not be instantiated")
@pytest.mark.parametrize("name", ["the mean of sums", "no label is no place"])
def test_they_compile_as_one_graph(name):
    one = compile_spec(f"spec one\n{CASES[name]}")
    loss = one.loss()
    traced = torch.compile(loss, fullgraph=True, backend="aot_eager")
    x, label = inputs_of(one, 1)
    for found, want in zip(
        *([f(x, label), *torch.autograd.grad(f(x, label), x)] for f in (traced, loss)), strict=True
    ):
        assert_close(found, want)


def test_what_is_detached_is_recorded_by_nobody():
    """The anchor of Anchor Loss is computed of detached scores, at the label alone."""
    source = compile_spec("anchor_bce").source()
    forward = source[source.index("def forward") : source.index("def element")]
    assert "fixed_logit = logit.detach()" in forward
    assert "logit.sigmoid()" not in forward
    assert "fixed_logit.gather(" in forward


X, T = sympy.Symbol("x", real=True), sympy.Symbol("t", real=True)
BIT = sympy.Symbol("b", integer=True, nonnegative=True)


def test_choices_within_choices_are_settled():
    inner = fn.chosen(BIT, X, 1)
    assert settle(fn.chosen(BIT, inner**2, inner + 3), {}) == fn.chosen(BIT, X**2, 4)
    assert settle(fn.chosen(BIT, T * BIT, BIT + X), {}) == fn.chosen(BIT, T, X)


def test_a_binary_cross_entropy_takes_one_logarithm_and_its_slope_one_sigmoid():
    entropy = -T * fn.logsigmoid(X) - (1 - T) * fn.logsigmoid(-X)
    slope = -T * fn.sigmoid(-X) + (1 - T) * fn.sigmoid(X)
    value, derivative = cheapest([entropy, slope])
    assert value == fn.relu(X) - T * X + fn.softplus(-fn.absolute(X))
    assert derivative == fn.sigmoid(X) - T
    assert cost([value, derivative]) < cost([entropy, slope])
    for at in ({X: sympy.Rational(5, 2), T: sympy.Rational(3, 10)}, {X: -1, T: 1}, {X: 30, T: 0}):
        assert abs((value - entropy).subs(at).evalf(30)) < 1e-20
        assert abs((derivative - slope).subs(at).evalf(30)) < 1e-20


def test_a_form_that_costs_more_is_not_taken():
    assert cheapest([fn.softplus(X) * T]) == [fn.softplus(X) * T]
