"""Anchor Loss (Ryou, Jeong and Perona 2019): its equations, and numbers of its published code."""

from __future__ import annotations

import functools
import json
from math import log, sqrt

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from lossc.compiler.compile import compile_spec
from tests.specs.batches import classified

F64 = {"dtype": torch.float64}
MODES = {"neg": "background", "pos": "target"}


@functools.cache
def loss_of(name, **params):
    return compile_spec(name, params=params).loss()


def background(logit, label):
    return F.one_hot(label, logit.shape[1]) == 0


def written_out(logit, label, gamma, slack, modulate):
    """Eq. 1 and appendix A-1, term by term; the anchor probabilities are constants."""
    q, other = logit.sigmoid(), background(logit, label)
    entropy = F.binary_cross_entropy_with_logits(logit, (~other).double(), reduction="none")
    with torch.no_grad():
        q_neg = (q[~other].unsqueeze(1) - slack).clamp_min(0)
        best = torch.where(other, q, 0.0).amax(1, keepdim=True)
        q_pos = (best + slack).clamp_max(1)
    on_background = (1 + q - q_neg) ** gamma if modulate != "target" else torch.ones_like(q)
    on_target = (1 - q + q_pos) ** gamma if modulate != "background" else torch.ones_like(q)
    return (entropy * torch.where(other, on_background, on_target)).sum(1).mean()


@pytest.mark.parametrize("modulate", ["background", "target", "both"])
@pytest.mark.parametrize(("gamma", "slack"), [(0, 0.05), (0.5, 0.05), (2, 0), (5, 0.3)])
def test_equation_1_and_the_appendix(modulate, gamma, slack):
    loss = loss_of("anchor_bce", gamma=gamma, slack=slack, modulate=modulate)
    for logit, label in classified(1, 100):
        logit.requires_grad_()
        got, want = loss(logit, label), written_out(logit, label, gamma, slack, modulate)
        assert_close(got, want, rtol=1e-10, atol=1e-12)
        (ours,), (theirs,) = (torch.autograd.grad(value, [logit]) for value in (got, want))
        assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


def test_values_and_gradients_of_the_published_code(shared):
    records = json.loads((shared / "golden" / "dev_sample.json").read_text())["anchor_loss"]
    for record in records:
        loss = loss_of(
            "anchor_bce",
            gamma=record["gamma"],
            slack=record["slack"],
            modulate=MODES[record["anchor"]],
        )
        logit = torch.tensor(record["logits"], **F64, requires_grad=True)
        value = loss(logit, torch.tensor(record["target"]))
        value.backward()
        assert value.item() == pytest.approx(record["loss"], abs=1e-6)
        assert_close(logit.grad, torch.tensor(record["grad"], **F64), rtol=0, atol=1e-6)


@pytest.mark.parametrize("modulate", ["background", "target", "both"])
def test_gamma_0_is_binary_cross_entropy(modulate):
    for logit, label in classified(2, 40):
        target = F.one_hot(label, logit.shape[1]).double()
        want = F.binary_cross_entropy_with_logits(logit, target, reduction="none").sum(1).mean()
        got = loss_of("anchor_bce", gamma=0, modulate=modulate)(logit, label)
        assert_close(got, want)


def test_both_is_the_one_and_the_other_less_what_they_share():
    for logit, label in classified(3, 40):
        parts = {
            mode: loss_of("anchor_bce", gamma=2, modulate=mode)(logit, label)
            for mode in ("background", "target", "both")
        }
        plain = loss_of("anchor_bce", gamma=0)(logit, label)
        assert_close(parts["both"], parts["background"] + parts["target"] - plain)


def test_zero_logits():
    """Every probability is one half: ln 2 for each class, background ones by 1 + slack."""
    value = loss_of("anchor_bce")(torch.zeros(2, 4, **F64), torch.tensor([0, 3]))
    assert value.item() == pytest.approx(log(2) * (1 + 3 * sqrt(1.05)))


def test_a_larger_slack_costs_more():
    logit, label = next(classified(4))
    costs = [loss_of("anchor_bce", gamma=2, slack=s)(logit, label).item() for s in (0, 0.1, 0.4)]
    assert costs == sorted(costs)


def test_the_anchor_probability_carries_no_gradient():
    """A target far below the background is pulled by its own term alone: q - 1 over the batch."""
    logit = torch.tensor([[-1.0, 2.0, 1.0]], **F64, requires_grad=True)
    loss_of("anchor_bce", gamma=2)(logit, torch.tensor([0])).backward()
    assert logit.grad[0, 0].item() == pytest.approx(torch.tensor(-1.0).sigmoid().item() - 1)


# ------------------------------------------------------------------ heatmaps, equations 3 to 5


def pose_written_out(heatmap, target, gamma):
    q = heatmap.sigmoid()
    entropy = F.binary_cross_entropy_with_logits(heatmap, target, reduction="none")
    near = target > 0.5
    q_star = torch.where(near, q, 0.0).amax((2, 3), keepdim=True).detach()
    modulated = (target == 0) & near.any(-1, keepdim=True).any(-2, keepdim=True)
    return torch.where(modulated, (1 + q - q_star) ** gamma * entropy, entropy).mean()


def maps(seed, count=40):
    """Heatmaps and cut-off Gaussians; every third batch has a joint that is not there."""
    generator = torch.Generator().manual_seed(seed)
    rows, columns = torch.arange(5.0).unsqueeze(1), torch.arange(6.0)
    for number in range(count):
        heatmap = torch.randn(2, 3, 5, 6, generator=generator, **F64) * 2
        x, y = torch.rand(2, 2, 3, 1, 1, generator=generator) * 5
        squared = (rows - y) ** 2 + (columns - x) ** 2
        target = torch.where(squared <= 4, (-squared / 2).exp(), 0.0).double()
        if number % 3 == 0:
            target[0, 1] = 0
        yield heatmap, target


@pytest.mark.parametrize("gamma", [0, 0.5, 2])
def test_equations_of_heatmaps(gamma):
    loss = loss_of("anchor_pose", gamma=gamma)
    for heatmap, target in maps(5):
        heatmap.requires_grad_()
        got, want = loss(heatmap, target), pose_written_out(heatmap, target, gamma)
        assert_close(got, want, rtol=1e-10, atol=1e-12)
        (ours,), (theirs,) = (torch.autograd.grad(value, [heatmap]) for value in (got, want))
        assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


def test_a_map_without_its_joint_is_not_modulated():
    heatmap = torch.randn(1, 1, 3, 3, **F64)
    nothing = torch.zeros_like(heatmap)
    plain = F.binary_cross_entropy_with_logits(heatmap, nothing)
    assert_close(loss_of("anchor_pose", gamma=5)(heatmap, nothing), plain)


def test_targets_outside_0_to_1_are_refused():
    heatmap = torch.zeros(1, 1, 2, 2)
    with pytest.raises(ValueError, match="target"):
        loss_of("anchor_pose")(heatmap, heatmap + 2)
