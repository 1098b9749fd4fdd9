"""Functions of a prediction and a target as wholes, against torch's own."""

from __future__ import annotations

import functools

import pytest
import torch
from torch.nn import functional
from torch.testing import assert_close

import lossc
from lossc.compiler.front.distances import ADAPTIVE, PAIRS
from lossc.compiler.front.functions import WHOLE_ARRAYS

RANKS = {"[n, d]": (3, 4), "[n, k, h, w]": (2, 3, 4, 5), "[n, k, d, h, w]": (2, 2, 3, 2, 3)}


@functools.cache
def loss_of(call, dims):
    text = f"spec s\ninput a: real{dims}\ninput t: target real{dims} in [0, inf)\nloss {call}\n"
    return lossc.loss(text)


def drawn(shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    a = 2 * torch.randn(shape, generator=generator, dtype=torch.float64)
    return a.requires_grad_(), torch.rand(shape, generator=generator, dtype=torch.float64)


def check(loss, expected, a, t):
    value = loss(a, t)
    assert_close(value, expected)
    ours, theirs = (torch.autograd.grad(each, a)[0] for each in (value, expected))
    assert_close(ours, theirs)


def maps(x):
    return x.flatten(2 if x.ndim > 2 else 1)


def kl(a, t):
    """Against torch's, summed over a map and averaged over maps."""
    log, share = maps(a).log_softmax(-1), maps(t) / maps(t).sum(-1, keepdim=True)
    return functional.kl_div(log, share, reduction="sum") / log[..., 0].numel()


def js(own, t):
    share = maps(t) / maps(t).sum(-1, keepdim=True)
    middle = ((own + share) / 2).log()
    parts = (functional.kl_div(middle, each, reduction="sum") for each in (own, share))
    return sum(parts) / 2 / own[..., 0].numel()


EXPECTED = {
    "euclidean(a, t)": lambda a, t: functional.mse_loss(a, t, reduction="sum") / (2 * len(a)),
    "sum_squared_error(a, t)": lambda a, t: functional.mse_loss(a, t, reduction="sum"),
    "mean_squared_error(a, t)": functional.mse_loss,
    "sum_absolute_error(a, t)": lambda a, t: functional.l1_loss(a, t, reduction="sum"),
    "mean_absolute_error(a, t)": functional.l1_loss,
    "smooth_l1(a, t)": functional.smooth_l1_loss,
    "smooth_l1(a, t, beta = 0.25)": lambda a, t: functional.smooth_l1_loss(a, t, beta=0.25),
    "kl_divergence(a, t)": kl,
    "js_divergence(a, t)": lambda a, t: js(maps(a).softmax(-1), t),
    'js_divergence(a, t, normalise = "sum")': lambda a, t: js(
        maps(a.relu()) / maps(a.relu()).sum(-1, keepdim=True), t
    ),
}


def test_all_functions_are_tried():
    assert {call.partition("(")[0] for call in EXPECTED} == set(PAIRS)
    assert set(WHOLE_ARRAYS) == {*PAIRS, ADAPTIVE}


@pytest.mark.parametrize("call", EXPECTED)
@pytest.mark.parametrize("dims", ["[n, d]", "[n, k, h, w]"])
def test_it_is_torch_s_own(call, dims):
    a, t = drawn(RANKS[dims])
    if "sum" in call.partition("normalise")[2]:  # torch's own slope at a share of 0 is NaN
        a = a.detach().exp().requires_grad_()
    check(loss_of(call, dims), EXPECTED[call](a, t), a, t)


def test_five_dims_and_the_number_of_leading_ones():
    a, t = drawn(RANKS["[n, k, d, h, w]"])
    dims = "[n, k, d, h, w]"
    check(loss_of("euclidean(a, t)", dims), EXPECTED["euclidean(a, t)"](a, t), a, t)
    flat = a.flatten(0, 2)[:, None], t.flatten(0, 2)[:, None]
    check(loss_of("kl_divergence(a, t, leading = 3)", dims), kl(*flat), a, t)


@pytest.mark.parametrize("call", [call for call in EXPECTED if "divergence" not in call])
def test_nothing_is_worth_nothing(call):
    a = torch.zeros(0, 4, requires_grad=True)
    assert loss_of(call, "[n, d]")(a, torch.zeros(0, 4)) == 0


@pytest.mark.parametrize("call", [call for call in EXPECTED if "divergence" in call])
def test_maps_without_a_target_count_nothing(call):
    a, t = drawn((2, 3, 4, 5))
    loss = loss_of(call, "[n, k, h, w]")
    t[0, 1] = 0
    value = loss(a, t)
    (found,) = torch.autograd.grad(value, a)
    assert found.isfinite().all() and not found[0, 1].any()
    kept = [(i, j) for i in range(2) for j in range(3) if (i, j) != (0, 1)]
    alone = [loss(a[i, j][None, None], t[i, j][None, None]) for i, j in kept]
    assert_close(value, torch.stack(alone).mean())
    assert loss(a, 0 * t) == 0


def test_one_hot_targets_and_far_scores_are_finite():
    a, t = torch.tensor([[300.0, -300, 0]], requires_grad=True), torch.tensor([[0.0, 1, 0]])
    for call in ("kl_divergence(a, t)", "js_divergence(a, t)"):
        value = loss_of(call, "[n, d]")(a, t)
        assert value.isfinite() and torch.autograd.grad(value, a)[0].isfinite().all()
    assert loss_of("kl_divergence(a, t)", "[n, d]")(a, t) == 600


def test_points_and_arrays_of_coordinates_fit_each_other():
    text = "spec s\ninput x: real[n, k]\ninput y: real[n, k]\ninput joint: target real[n, k, 2]\n"
    text += "let p[b, j] = (x[b, j], 2 * y[b, j])\nlet q[b in n, j in k] = (1, 0)\n"
    text += "loss mean_squared_error(p, joint) + 10 * sum_absolute_error(p, q)"
    x, y = torch.rand(2, 3), torch.rand(2, 3)
    joint = torch.rand(2, 3, 2)
    point = torch.stack([x, 2 * y], -1)
    expected = functional.mse_loss(point, joint)
    expected = expected + 10 * (point - torch.tensor([1.0, 0])).abs().sum()
    assert_close(lossc.loss(text)(x, y, joint), expected)
