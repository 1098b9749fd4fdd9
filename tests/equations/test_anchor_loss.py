"""Facts about Anchor Loss, each with its expected value written as arithmetic.

AL: Ryou, Jeong and Perona, *Anchor Loss*, ICCV 2019; its eq. 11 is misprinted, see
``test_identities.py``. The numbers behind the tests' names are those of the list of facts.
"""

from __future__ import annotations

import functools
import json
from math import exp, log, sqrt

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from lossc.compiler.compile import compile_spec
from tests.specs.batches import classified

F64 = {"dtype": torch.float64}

#: Eq. 1 by itself: the anchor probability is an input, and q the sigmoid of the score.
BACKGROUND = """spec background
input score: real[n]
input anchor: target real[n] in [0, 1]
param gamma = 2 in [0, inf)
loss sum[i] -((1 + sigmoid(score[i]) - anchor[i])^gamma * log(1 - sigmoid(score[i])))
"""
TARGET = BACKGROUND.replace("1 + sigmoid(score[i]) - anchor", "1 - sigmoid(score[i]) + anchor")
TARGET = TARGET.replace("log(1 - sigmoid(score[i]))", "log(sigmoid(score[i]))")


@functools.cache
def loss_of(name, **params):
    return compile_spec(name, params=params).loss()


def logit(q):
    return torch.tensor(log(q) - log(1 - q), **F64)


def at(q, anchor, gamma, spec=BACKGROUND):
    """The loss at a probability, and its derivative by the probability."""
    score = logit(q).reshape(1).requires_grad_()
    value = loss_of(spec, gamma=gamma)(score, torch.tensor([anchor], **F64))
    (slope,) = torch.autograd.grad(value, score)
    return value.item(), slope.item() / (q * (1 - q))


def entropy(scores, label):
    """Binary cross entropies summed over classes, averaged over the batch."""
    target = F.one_hot(label, scores.shape[1]).double()
    return F.binary_cross_entropy_with_logits(scores, target, reduction="none").sum(1).mean()


@pytest.mark.parametrize("modulate", ["background", "target", "both"])
@pytest.mark.parametrize("slack", [0, 0.05, 0.3])
def test_1_gamma_0_is_summed_binary_cross_entropy(modulate, slack):
    for scores, label in classified(1, 20):
        loss = loss_of("anchor_bce", gamma=0, slack=slack, modulate=modulate)
        assert_close(loss(scores, label), entropy(scores, label), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("gamma", [0.5, 1, 2, 5])
def test_2_at_the_anchor_probability_the_modulator_is_1(gamma):
    assert at(0.3, 0.3, gamma)[0] == pytest.approx(-log(1 - 0.3), rel=1e-12)


@pytest.mark.parametrize("gamma", [0.5, 1, 2, 5])
def test_3_easy_examples_cost_less_and_hard_ones_more(gamma):
    for q in (0.1, 0.4, 0.6, 0.9):
        plain = -log(1 - q)
        assert at(q, 0.95, gamma)[0] < plain < at(q, 0.05, gamma)[0]


POINTS = [(0.8, 0.5, 2), (0.2, 0.5, 2), (0.9, 0.1, 0.5), (0.5, 0.5, 2)]


@pytest.mark.parametrize(("q", "anchor", "gamma"), POINTS)
def test_4_values_of_equation_1(q, anchor, gamma):
    want = -((1 + q - anchor) ** gamma) * log(1 - q)
    assert at(q, anchor, gamma)[0] == pytest.approx(want, rel=1e-12)


@pytest.mark.parametrize(("q", "anchor", "gamma"), POINTS)
def test_5_gradients_of_equation_13(q, anchor, gamma):
    modulator = 1 + q - anchor
    want = -(modulator ** (gamma - 1)) * (gamma * log(1 - q) - modulator / (1 - q))
    assert at(q, anchor, gamma)[1] == pytest.approx(want, rel=1e-11)


def test_4_and_5_to_the_recorded_digits():
    values = [at(*point)[0] for point in POINTS[:3]]
    recorded = [2.71995007201363, 0.10934034014396, 3.08924207514742]
    assert values == pytest.approx(recorded, rel=1e-12)
    slopes = [at(*point)[1] for point in POINTS]
    recorded = [12.634538572328664, 0.9249009718398935, 14.2745306636508, 3.386294361119891]
    assert slopes == pytest.approx(recorded, rel=1e-12)


def test_6_zero_logits():
    value = loss_of("anchor_bce")(torch.zeros(3, 4, **F64), torch.tensor([0, 3, 1]))
    assert value.item() == pytest.approx(log(2) * (1 + 3 * sqrt(1 + 0.5 - (0.5 - 0.05))), rel=1e-14)


def test_7_more_slack_never_costs_less():
    for scores, label in classified(2, 20):
        costs = [
            loss_of("anchor_bce", gamma=2, slack=slack)(scores, label).item()
            for slack in (0, 0.05, 0.2, 0.5, 0.9)
        ]
        assert costs == sorted(costs)


def test_8_an_anchor_probability_below_the_slack_is_0():
    low, other = -6.0, 0.7  # sigmoid(-6) = 0.0025
    scores = torch.tensor([[low, other]], **F64)
    value = loss_of("anchor_bce", gamma=2)(scores, torch.tensor([0])).item()
    q = 1 / (1 + exp(-other))
    assert value == pytest.approx(log(1 + exp(-low)) - (1 + q - 0) ** 2 * log(1 - q), rel=1e-12)


def test_8_an_anchor_probability_above_1_less_the_slack_is_1():
    target, other = 0.3, 7.0
    scores = torch.tensor([[target, other]], **F64)
    value = loss_of("anchor_bce", gamma=2, modulate="target")(scores, torch.tensor([0])).item()
    q = 1 / (1 + exp(-target))
    assert value == pytest.approx(-((1 - q + 1) ** 2) * log(q) + log(1 + exp(other)), rel=1e-12)


def test_9_the_anchors_of_focal_loss():
    """q_neg = 1 and q_pos = 0: with q = 0.3 and gamma = 2."""
    q, gamma = 0.3, 2
    assert at(q, 0, gamma, TARGET)[0] == pytest.approx(-((1 - q) ** 2) * log(q), rel=1e-12)
    assert at(q, 1, gamma)[0] == pytest.approx(-(q**2) * log(1 - q), rel=1e-12)
    assert at(q, 0, gamma, TARGET)[0] == pytest.approx(0.58994667411971, rel=1e-12)
    assert at(q, 1, gamma)[0] == pytest.approx(0.03210074495449, rel=1e-12)


def test_10_the_printed_equation_11_is_not_it():
    q, gamma = 0.3, 2
    printed = -((1 - q) ** gamma) * log(1 - q)
    assert at(q, 1, gamma)[0] != pytest.approx(printed, rel=0.5)


def test_11_one_mode_leaves_the_terms_of_the_other_alone():
    for scores, label in classified(3, 20):
        hit = F.one_hot(label, scores.shape[1]).bool()
        scores.requires_grad_()
        plain = torch.autograd.grad(entropy(scores, label), scores)[0]
        for modulate, untouched in (("target", ~hit), ("background", hit)):
            value = loss_of("anchor_bce", gamma=2, modulate=modulate)(scores, label)
            (found,) = torch.autograd.grad(value, scores)
            assert_close(found[untouched], plain[untouched], rtol=1e-12, atol=1e-14)


def test_12_both_modes_add_up():
    for scores, label in classified(4, 20):
        value = {
            mode: loss_of("anchor_bce", gamma=0.5, modulate=mode)(scores, label)
            for mode in ("background", "target", "both")
        }
        total = value["background"] + value["target"] - entropy(scores, label)
        assert_close(value["both"], total, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("modulate", ["background", "target", "both"])
def test_13_finite_differences_agree_with_the_anchor_frozen_and_not_otherwise(modulate):
    gamma, slack = 2, 0.05
    scores = torch.tensor([[0.3, 0.9, -0.4], [1.2, -0.7, 0.8]], **F64, requires_grad=True)
    label = torch.tensor([0, 2])
    hit = F.one_hot(label, 3).double()
    loss = loss_of("anchor_bce", gamma=gamma, slack=slack, modulate=modulate)
    (found,) = torch.autograd.grad(loss(scores, label), scores)

    def cost(scores, frozen):
        q, held = scores.sigmoid(), frozen.sigmoid()
        q_neg = (held.gather(1, label.unsqueeze(1)) - slack).clamp_min(0)
        q_pos = ((held - 2 * hit).amax(1, keepdim=True) + slack).clamp_max(1)
        on_target = (1 - q + q_pos) ** (gamma * (modulate != "background"))
        on_others = (1 + q - q_neg) ** (gamma * (modulate != "target"))
        each = hit * on_target * q.log() + (1 - hit) * on_others * (1 - q).log()
        return -each.sum(1).mean().item()

    held, moving, step = torch.zeros_like(found), torch.zeros_like(found), 1e-6
    here = scores.detach()
    for place in ((i, c) for i in range(2) for c in range(3)):
        up, down = here.clone(), here.clone()
        up[place] += step
        down[place] -= step
        held[place] = (cost(up, here) - cost(down, here)) / (2 * step)
        moving[place] = (cost(up, up) - cost(down, down)) / (2 * step)
    assert_close(found, held, rtol=0, atol=1e-8)
    assert (found - moving).abs().max() > 1e-2


def test_14_the_first_epochs_are_softmax_cross_entropy():
    loss = compile_spec("anchor_bce", schedule="warmup(first = cross_entropy, epochs = 5)").loss()
    scores, label = next(iter(classified(5)))
    for epoch in (0, 4):
        loss.set_epoch(epoch)
        assert_close(loss(scores, label), F.cross_entropy(scores, label))
    loss.set_epoch(5)
    assert_close(loss(scores, label), loss_of("anchor_bce")(scores, label), rtol=0, atol=0)


def test_15_the_batch_twice_costs_as_much():
    for scores, label in classified(6, 10):
        loss = loss_of("anchor_bce", gamma=2)
        twice = loss(torch.cat([scores, scores]), torch.cat([label, label]))
        assert_close(twice, loss(scores, label), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("q", [0.05, 0.15, 0.25, 0.5, 0.75, 0.85, 0.95])
def test_16_what_figure_a_1_shows(q):
    assert (at(q, 0.2, 2, TARGET)[0] > -log(q)) == (q < 0.2)
    assert (at(q, 0.8, 2)[0] > -log(1 - q)) == (q > 0.8)


def pose_inputs():
    generator = torch.Generator().manual_seed(7)
    heatmap = torch.randn(2, 3, 4, 5, generator=generator, **F64)
    target = torch.rand(2, 3, 4, 5, generator=generator, **F64)
    return heatmap, torch.where(target < 0.6, 0, target)


def test_17_pixels_of_the_gaussian_get_plain_binary_cross_entropy():
    heatmap, target = pose_inputs()
    heatmap.requires_grad_()
    (found,) = torch.autograd.grad(loss_of("anchor_pose")(heatmap, target), heatmap)
    plain = F.binary_cross_entropy_with_logits(heatmap, target)
    (want,) = torch.autograd.grad(plain, heatmap)
    assert_close(found[target > 0], want[target > 0], rtol=1e-12, atol=1e-15)
    assert (found - want)[target == 0].abs().min() > 1e-6
    assert_close(loss_of("anchor_pose", gamma=0)(heatmap, target), plain)


def test_17_only_pixels_above_a_half_set_the_anchor_probability():
    """A pixel of p = 0.4 moved far up changes its own term alone."""
    target = torch.tensor([[[[0.0, 0.4, 0.9, 0.0]]]], **F64)
    low = torch.tensor([[[[0.3, -1.0, 0.5, -0.2]]]], **F64)
    high = torch.tensor([[[[0.3, 4.0, 0.5, -0.2]]]], **F64)
    loss = loss_of("anchor_pose", gamma=2)
    own = [F.binary_cross_entropy_with_logits(x[..., 1], target[..., 1]) / 4 for x in (low, high)]
    assert_close(loss(high, target) - loss(low, target), own[1] - own[0], rtol=1e-12, atol=1e-14)


CROSSINGS = {
    0.5: {0.2: 0.1014, 0.5: 0.2605, 0.8: 0.4360},
    1: {0.2: 0.1027, 0.5: 0.2702, 0.8: 0.4653},
    2: {0.2: 0.1054, 0.5: 0.2873, 0.8: 0.5098},
    5: {0.2: 0.1125, 0.5: 0.3255, 0.8: 0.5866},
}


@pytest.mark.parametrize("gamma", CROSSINGS)
def test_18_where_the_gradient_is_that_of_cross_entropy(gamma):
    for anchor, crossing in CROSSINGS[gamma].items():
        for q, larger in ((crossing - 1e-4, False), (crossing + 1e-4, True)):
            assert (at(q, anchor, gamma)[1] > 1 / (1 - q)) is larger
    ratio = at(0.5, 0.5, gamma)[1] * (1 - 0.5)
    assert ratio == pytest.approx(1 - gamma * (1 - 0.5) * log(1 - 0.5), rel=1e-11)


@pytest.mark.parametrize("anchor", [0.8, 0.5, 0.1])
def test_19_static_anchor_probabilities(anchor):
    for scores, label in classified(8, 20):
        scores.requires_grad_()
        q = scores.sigmoid()
        other = F.one_hot(label, scores.shape[1]) == 0
        modulator = torch.where(other, (1 + q - anchor) ** 0.5, 1.0)
        each = F.binary_cross_entropy_with_logits(scores, (~other).double(), reduction="none")
        want = (modulator * each).sum(1).mean()
        value = loss_of("anchor_bce_static", anchor=anchor)(scores, label)
        assert_close(value, want, rtol=1e-11, atol=1e-12)
        ours, theirs = (torch.autograd.grad(v, scores)[0] for v in (value, want))
        assert_close(ours, theirs, rtol=1e-10, atol=1e-13)


def test_20_a_modulator_is_between_0_and_2_to_the_gamma():
    for q in (1e-6, 0.3, 1 - 1e-6):
        for anchor in (0, 0.5, 1):
            assert 0 < at(q, anchor, 1)[0] / -log(1 - q) < 2


def test_the_published_code_to_the_last_digit(shared, tmp_path):
    """Its losses and gradients, through the loss in memory and through the written module."""
    records = json.loads((shared / "golden" / "dev_sample.json").read_text())["anchor_loss"]
    modes = {"neg": "background", "pos": "target"}
    for record in records:
        params = {"gamma": record["gamma"], "slack": record["slack"]}
        one = compile_spec("anchor_bce", params={**params, "modulate": modes[record["anchor"]]})
        scope = {"__name__": "written"}
        exec(compile(one.source(), "written.py", "exec"), scope)
        for loss in (one.loss(), scope["AnchorBce"](**params)):
            scores = torch.tensor(record["logits"], **F64, requires_grad=True)
            value = loss(scores, torch.tensor(record["target"]))
            value.backward()
            assert value.item() == pytest.approx(record["loss"], rel=0, abs=1e-12)
            assert_close(scores.grad, torch.tensor(record["grad"], **F64), rtol=0, atol=1e-12)
