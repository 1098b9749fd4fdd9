"""Derivatives of losses in closed form, beside autograd's."""

from __future__ import annotations

from unittest import mock

import pytest
import torch
from sympy.core.cache import clear_cache
from torch.testing import assert_close

from lossc.compiler import plan
from lossc.compiler.compile import compile_spec
from lossc.compiler.emit import fused
from lossc.compiler.symbolic import functions as fn

SCORE = "input score: real[n]\ninput relevant: bool[n]\ninput target: target real[n] = 0\n"
CLASSES = "input scores: real[n, p]\ninput label: int[n] in p\n"
HIT = "let q[i, c] = sigmoid(scores[i, c])\nlet hit[i, c] = [c == label[i]]\n"
FOCAL = (
    CLASSES + "param gamma = 2.0 in [0, inf)\n" + HIT
    + "loss mean[i] sum[c] -(hit[i, c] * (1 - q[i, c])^gamma * log(q[i, c])"
    " + (1 - hit[i, c]) * q[i, c]^gamma * log(1 - q[i, c]))"
)  # fmt: skip
ANCHOR = (
    CLASSES + "param gamma = 0.5 in [0, inf)\nparam slack = 0.05 in [0, 1)\n"
    'param modulate = "background"\n'
    + HIT
    + """
let q_neg[i] = detach(max(q[i, label[i]] - slack, 0))
let q_pos[i] = detach(min((max[c | c != label[i]] q[i, c] else 0) + slack, 1))
let m_neg[i, c] = where(modulate != "target", (1 + q[i, c] - q_neg[i])^gamma, 1)
let m_pos[i, c] = where(modulate != "background", (1 - q[i, c] + q_pos[i])^gamma, 1)
loss mean[i] sum[c] -(hit[i, c] * m_pos[i, c] * log(q[i, c])
                      + (1 - hit[i, c]) * m_neg[i, c] * log(1 - q[i, c]))
"""
)
POSE = """
input heatmap: real[n, k, h, w]
input target: target real[n, k, h, w]
param gamma = 2.0 in [0, inf)
let q[b, j, y, x] = sigmoid(heatmap[b, j, y, x])
let found[b, j] = any[y, x] [target[b, j, y, x] > 0.5]
let q_star[b, j] = detach(max[y, x | target[b, j, y, x] > 0.5] q[b, j, y, x] else 0)
let m[b, j, y, x] = where(found[b, j] and target[b, j, y, x] == 0,
                          (1 + q[b, j, y, x] - q_star[b, j])^gamma, 1)
loss mean[b, j, y, x] -(target[b, j, y, x] * log(q[b, j, y, x])
  + (1 - target[b, j, y, x]) * m[b, j, y, x] * log(1 - q[b, j, y, x]))
"""
FILTERED = FOCAL.replace("mean[i]", "mean[i | label[i] > 0]") + " else 0"
TWO_SCORES = """
input a: real[n]
input b: real[n]
param gamma = 1.5 in [0, inf)
loss mean[i] (sigmoid(a[i])^gamma * softplus(b[i]) * sigmoid(a[i] - b[i]))
"""
PER_ROW = (
    CLASSES
    + """
let log_z[i] = logsumexp[c] scores[i, c]
loss mean[i, c] (exp(scores[i, c] - log_z[i]) * tanh(scores[i, c]) * sigmoid(scores[i, c]))
"""
)
FUSED = {
    "focal": (FOCAL, {}),
    "focal, gamma below 1": (FOCAL, {"gamma": 0.25}),
    "focal, gamma 0": (FOCAL, {"gamma": 0.0}),
    "anchor, background": (ANCHOR, {}),
    "anchor, target": (ANCHOR, {"modulate": "target"}),
    "anchor, both": (ANCHOR, {"modulate": "both", "gamma": 2.0}),
    "anchor of pose": (POSE, {}),
    "filtered": (FILTERED, {}),
    "two scores": (TWO_SCORES, {}),
    "a score of a row": (PER_ROW, {}),
}


def inputs_of(one, seed=0, scale=1.0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    sizes = {"n": 4, "p": 3, "k": 2, "h": 3, "w": 3}
    found = {}
    for entry in one.spec.inputs:
        shape = [sizes[dim.size] for dim in entry.kind.dims]
        if entry.kind.type == "int":
            found[entry.name.id] = torch.randint(3, shape, generator=generator)
        elif entry.kind.type == "bool":
            found[entry.name.id] = torch.rand(shape, generator=generator) < 0.5
        elif entry.kind.live:
            drawn = torch.randn(shape, generator=generator, dtype=torch.float64) * scale
            found[entry.name.id] = drawn.to(dtype).requires_grad_()
        else:
            drawn = torch.rand(shape, generator=generator, dtype=torch.float64)
            # some exactly 0, some beyond a half
            found[entry.name.id] = torch.where(drawn < 0.4, 0, drawn).to(dtype)
    return found


def results(loss, inputs):
    live = [value for value in inputs.values() if value.requires_grad]
    value = loss(**inputs)
    return [value, *torch.autograd.grad(value, live)]


def plainly(spec, params):
    """The same loss without any rewrite of losses, differentiated by autograd."""
    with (
        mock.patch.object(fused, "LEAST_COSTLY", 10**6),
        mock.patch.object(plan, "LOSS_PASSES", ()),
    ):
        one = compile_spec(spec, params=params)
        source = one.source()
    assert "AttachSlopes" not in source
    return one.loss()


@pytest.fixture(scope="module")
def losses():
    return {
        name: compile_spec(f"spec one\n{spec}", params=params)
        for name, (spec, params) in FUSED.items()
    }


@pytest.mark.parametrize("name", FUSED)
def test_derivatives_in_closed_form_are_autograds(losses, name):
    one = losses[name]
    assert "AttachSlopes" in one.source()
    spec, params = FUSED[name]
    plain = plainly(f"spec one\n{spec}", params)
    for seed in range(3):
        inputs = inputs_of(one, seed)
        for found, wanted in zip(results(one.loss(), inputs), results(plain, inputs), strict=True):
            assert_close(found, wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["focal", "focal, gamma below 1", "two scores", "filtered"])
def test_derivatives_in_closed_form_are_finite_differences(losses, name):
    loss, inputs = losses[name].loss(), inputs_of(losses[name])
    live = [key for key, value in inputs.items() if value.requires_grad]
    assert torch.autograd.gradcheck(
        lambda *scores: loss(**{**inputs, **dict(zip(live, scores, strict=True))}),
        [inputs[key] for key in live],
    )


@pytest.mark.filterwarnings("ignore:.*should not be instantiated")
@pytest.mark.parametrize("name", ["focal", "anchor, both", "two scores"])
def test_closed_forms_compile_as_one_graph(losses, name):
    loss, inputs = losses[name].loss(), inputs_of(losses[name], dtype=torch.float32)
    traced = torch.compile(loss, fullgraph=True, backend="aot_eager")
    for found, wanted in zip(results(traced, inputs), results(loss, inputs), strict=True):
        assert_close(found, wanted)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("name", FUSED)
def test_closed_forms_are_finite_in_every_dtype(losses, name, dtype):
    for scale in (1.0, 1e4):
        inputs = inputs_of(losses[name], 1, scale, dtype)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
            for result in results(losses[name].loss(), inputs):
                assert result.isfinite().all()


def test_a_second_derivative_is_refused_and_not_forgotten(losses):
    inputs = inputs_of(losses["focal"])
    value = losses["focal"].loss()(**inputs)
    with pytest.raises(RuntimeError, match="closed form"):
        torch.autograd.grad(value, inputs["scores"], create_graph=True)


def test_detached_parts_carry_no_gradient(losses):
    """The modulator's anchor is constant: only then are finite differences with it frozen right."""
    attached = compile_spec("spec one\n" + ANCHOR.replace("detach(max(", "(max("))
    inputs = inputs_of(losses["anchor, background"])
    value, gradient = results(losses["anchor, background"].loss(), inputs)
    other, different = results(attached.loss(), inputs)
    assert_close(value, other)
    assert (gradient - different).abs().max() > 1e-3


PLAIN = {
    "binary cross entropy": SCORE + "loss mean[i] -([relevant[i]] * log(sigmoid(score[i]))"
    " + (1 - [relevant[i]]) * log(1 - sigmoid(score[i])))",
    "squared": SCORE + "loss mean[i] (score[i] - target[i])^2",
    "hinge": SCORE + "loss mean[i] relu(1 - where(relevant[i], score[i], -score[i]))",
    "cross entropy": CLASSES + "loss mean[i] ((logsumexp[c] scores[i, c]) - scores[i, label[i]])",
}


@pytest.mark.parametrize("name", PLAIN)
def test_cheap_elements_stay_with_autograd(name):
    assert "AttachSlopes" not in compile_spec(f"spec one\n{PLAIN[name]}").source()


def test_a_closed_form_that_disagrees_with_autograd_is_not_used():
    """A wrong derivative would be found when it is compiled."""
    wrong = mock.patch.object(
        fn.logsigmoid, "fdiff", lambda self, argindex=1: fn.sigmoid(self.args[0])
    )
    clear_cache()  # of derivatives that sympy remembers
    with wrong:
        assert "AttachSlopes" not in compile_spec(f"spec one\n{FOCAL}").source()
    clear_cache()
