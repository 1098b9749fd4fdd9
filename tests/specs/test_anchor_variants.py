"""Weights, ignored labels, smoothing, soft targets, invisible joints; extreme scores; large ones.

The references are torch's own losses and compositions of them, differentiated by autograd.
"""

from __future__ import annotations

import functools

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close
from torchmetrics.functional import mean_squared_error

from lossc.compiler.compile import compile_spec
from tests.specs.batches import classified

F64 = {"dtype": torch.float64}


@functools.cache
def loss_of(name, **params):
    return compile_spec(name, params=params).loss()


def assert_same(got, want, live, rtol=1e-10):
    assert_close(got, want, rtol=rtol, atol=1e-12)
    ours, theirs = (torch.autograd.grad(value, live, retain_graph=True)[0] for value in (got, want))
    assert_close(ours, theirs, rtol=rtol, atol=1e-12)


def modulated(logit, p, positive, gamma, slack, modulate, anchor="best"):
    """Appendix A-1 for any target: the cross entropies of both sides, and their modulators."""
    q, frozen = logit.sigmoid(), logit.detach().sigmoid()
    pick = torch.amax if anchor == "best" else torch.amin
    outside = -torch.inf if anchor == "best" else torch.inf
    q_neg = (pick(torch.where(positive, frozen, outside), 1, keepdim=True) - slack).clamp_min(0)
    q_pos = (torch.where(positive, 0, frozen).amax(1, keepdim=True) + slack).clamp_max(1)
    some = positive.any(1, keepdim=True)
    g_neg = gamma * (modulate != "target") * some
    g_pos = gamma * (modulate != "background") * some
    q_neg = torch.where(some, q_neg, 0)
    on_target = (1 - q + q_pos) ** g_pos * F.logsigmoid(logit)
    on_background = (1 + q - q_neg) ** g_neg * F.logsigmoid(-logit)
    return -(p * on_target + (1 - p) * on_background)


MODES = ["background", "target", "both"]


@pytest.mark.parametrize("modulate", MODES)
@pytest.mark.parametrize("smoothing", [0, 0.1])
def test_weights_smoothing_and_ignored_labels(modulate, smoothing):
    generator = torch.Generator().manual_seed(1)
    loss = loss_of("anchor_bce_weighted", gamma=2, modulate=modulate, smoothing=smoothing)
    for logit, label in classified(1, 40):
        k = logit.shape[1]
        weight = torch.rand(k, generator=generator, **F64) * 2
        kept = torch.rand(len(label), generator=generator) < 0.7
        hit = F.one_hot(label, k)
        logit.requires_grad_()
        p = hit.double() * (1 - smoothing) + smoothing / k
        each = (weight * modulated(logit, p, hit == 1, 2, 0.05, modulate)).sum(1)
        want = (each * kept).sum() / max(1, int(kept.sum()))
        assert_same(loss(logit, torch.where(kept, label, -100), weight), want, logit)


def test_without_options_the_weighted_loss_is_the_plain_one():
    for logit, label in classified(2, 20):
        logit.requires_grad_()
        plain = loss_of("anchor_bce", gamma=2)(logit, label)
        assert_same(loss_of("anchor_bce_weighted", gamma=2)(logit, label), plain, logit)


def test_smoothing_with_gamma_0_is_torchs_smoothed_target():
    """torch's cross entropy spreads the same share over all classes."""
    logit, label = next(iter(classified(3)))
    p = torch.full_like(logit, 0.2 / logit.shape[1])
    p.scatter_add_(1, label.unsqueeze(1), torch.full((len(label), 1), 0.8, **F64))
    want = F.binary_cross_entropy_with_logits(logit, p, reduction="none").sum(1).mean()
    assert_close(loss_of("anchor_bce_weighted", gamma=0, smoothing=0.2)(logit, label), want)
    softmax = F.cross_entropy(logit, label, label_smoothing=0.2)
    assert_close(softmax, -(p * logit.log_softmax(1)).sum(1).mean())  # it is the same p


def test_labels_that_are_all_ignored_cost_0_and_pull_at_nothing():
    logit = torch.randn(3, 4, **F64, requires_grad=True)
    value = loss_of("anchor_bce_weighted")(logit, torch.full((3,), -100))
    value.backward()
    assert value.item() == 0
    assert (logit.grad == 0).all()


@pytest.mark.parametrize("modulate", MODES)
@pytest.mark.parametrize("anchor", ["best", "worst"])
def test_several_labels_at_once(modulate, anchor):
    generator = torch.Generator().manual_seed(4)
    loss = loss_of("anchor_bce_soft", gamma=2, modulate=modulate, anchor=anchor)
    for logit, _ in classified(4, 40):
        hot = torch.rand(logit.shape, generator=generator) < 0.4  # none in some rows
        logit.requires_grad_()
        want = modulated(logit, hot.double(), hot, 2, 0.05, modulate, anchor).sum(1).mean()
        assert_same(loss(logit, hot.double()), want, logit)


@pytest.mark.parametrize("modulate", MODES)
def test_mixed_labels(modulate):
    """Two labels, of 0.7 and 0.3: the first is the target."""
    generator = torch.Generator().manual_seed(5)
    logit = torch.randn(20, 5, generator=generator, **F64, requires_grad=True)
    first, second = torch.randint(5, (2, 20), generator=generator)
    p = 0.7 * F.one_hot(first, 5).double() + 0.3 * F.one_hot(second, 5).double()
    want = modulated(logit, p, F.one_hot(first, 5) == 1, 0.5, 0.05, modulate).sum(1).mean()
    assert_same(loss_of("anchor_bce_soft", modulate=modulate)(logit, p), want, logit)


@pytest.mark.parametrize("modulate", MODES)
def test_one_hot_targets_are_labels(modulate):
    for logit, label in classified(6, 20):
        logit.requires_grad_()
        want = loss_of("anchor_bce", gamma=0.5, modulate=modulate)(logit, label)
        hot = F.one_hot(label, logit.shape[1]).double()
        assert_same(
            loss_of("anchor_bce_soft", gamma=0.5, modulate=modulate)(logit, hot), want, logit
        )


# ------------------------------------------------------------------ heatmaps


def maps(seed, n=3, k=4, h=5, w=6):
    generator = torch.Generator().manual_seed(seed)
    heatmap = torch.randn(n, k, h, w, generator=generator, **F64) * 2
    target = torch.rand(n, k, h, w, generator=generator, **F64)
    visible = torch.rand(n, k, generator=generator) < 0.6
    return heatmap, torch.where(target < 0.7, 0, target), visible


@pytest.mark.parametrize("name", ["anchor_pose", "heatmap_mse"])
def test_invisible_joints_are_left_out(name):
    for seed in range(5):
        heatmap, target, visible = maps(seed)
        heatmap.requires_grad_()
        some = (heatmap[visible].unsqueeze(0), target[visible].unsqueeze(0))
        assert_same(loss_of(name)(heatmap, target, visible), loss_of(name)(*some), heatmap)
    nothing = loss_of(name)(heatmap, target, torch.zeros_like(visible))
    nothing.backward()
    assert nothing.item() == 0
    assert (heatmap.grad == 0).all()


def test_stacks_add_up_and_share_a_batch():
    """Two stacks: one call each, or one call with both in the batch, which is their mean."""
    first, target, _ = maps(1)
    second = maps(2)[0]
    loss = loss_of("anchor_pose")
    together = loss(torch.cat([first, second]), torch.cat([target, target]))
    assert_close(2 * together, loss(first, target) + loss(second, target))


@pytest.mark.parametrize("top", [1, 2, 4, 8])
def test_hard_keypoints(top):
    """As Cascaded Pyramid Network has it: the mean of each image's largest errors."""
    for seed in range(5):
        heatmap, target, visible = maps(seed)
        heatmap.requires_grad_()
        each = F.mse_loss(heatmap, target, reduction="none").mean((2, 3))
        want = each.topk(min(top, 4), 1).values.mean()
        assert_same(loss_of("ohkm", top=top)(heatmap, target), want, heatmap)
        kept = [
            row[seen].topk(min(top, int(seen.sum()))).values
            for row, seen in zip(each, visible, strict=True)
        ]
        want = torch.cat(kept).mean()
        assert_same(loss_of("ohkm", top=top)(heatmap, target, visible), want, heatmap)


def test_all_keypoints_are_the_mean_squared_error():
    heatmap, target, _ = maps(9)
    want = mean_squared_error(heatmap.flatten(), target.flatten())
    assert_close(loss_of("ohkm", top=4)(heatmap, target), want)
    assert_close(loss_of("heatmap_mse")(heatmap, target), want)


def test_of_tied_keypoints_the_first_is_kept():
    heatmap = torch.ones(1, 3, 2, 2, requires_grad=True)
    loss_of("ohkm", top=1)(heatmap, torch.zeros(1, 3, 2, 2)).backward()
    assert (heatmap.grad != 0).flatten(2).any(-1).tolist() == [[True, False, False]]


# ------------------------------------------------------------------ extreme scores, large batches

ALL = {
    "anchor_bce": ({"modulate": "both"}, "label"),
    "anchor_bce_static": ({"anchor": 1}, "label"),
    "anchor_bce_weighted": ({"modulate": "both", "smoothing": 0.1}, "label"),
    "anchor_bce_soft": ({"modulate": "both"}, "hot"),
    "focal": ({}, "label"),
    "anchor_pose": ({}, "map"),
}


def extreme(kind, generator, dtype, largest):
    shape = (2, 3, 4, 5) if kind == "map" else (12, 6)
    live = torch.randn(shape, generator=generator)
    live = torch.where(torch.rand(shape, generator=generator) < 0.5, live, live.sign() * largest)
    if kind == "label":
        return live.to(dtype), torch.randint(6, (12,), generator=generator)
    target = torch.rand(shape, generator=generator)
    return live.to(dtype), torch.where(target < 0.6, 0.0, 1.0 if kind == "hot" else target)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("gamma", [0, 0.25, 0.5, 2, 3.7])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_extreme_scores_have_finite_losses_and_gradients(name, gamma, dtype):
    params, kind = ALL[name]
    loss = loss_of(name, **params, gamma=gamma)
    generator = torch.Generator().manual_seed(1)
    for largest in (20.0, 100.0, 1e4, torch.inf):
        live, target = extreme(kind, generator, dtype, largest)
        live.requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype != torch.float32):
            value = loss(live, target)
        if largest != torch.inf:  # of infinite scores the value may be infinite, or the largest
            assert value.isfinite()
        (gradient,) = torch.autograd.grad(value, live)
        assert gradient.isfinite().all()
        assert gradient.dtype == dtype


@pytest.mark.parametrize("name", ["anchor_bce", "anchor_bce_soft", "focal", "anchor_pose"])
@pytest.mark.parametrize("gamma", [0.5, 2, 1.3])
def test_single_precision_is_as_good_as_torchs(name, gamma):
    """Against float64: a few units in the last place, at scores of every size."""
    kind = ALL[name][1]
    loss = loss_of(name, gamma=gamma)
    generator = torch.Generator().manual_seed(2)
    for scale in (1.0, 10.0, 1000.0):
        live, target = extreme(kind, generator, torch.float32, 1.0)
        found = []
        for dtype in (torch.float32, torch.float64):
            scores = (live * scale).to(dtype).requires_grad_()
            given = target if kind == "label" else target.to(dtype)
            value = loss(scores, given)
            found.append([value, *torch.autograd.grad(value, scores)])
        for single, double in zip(*found, strict=True):
            scope = double.abs().max().item()
            assert_close(single.double(), double, rtol=2e-5, atol=1e-6 * scope)


SHAPES = {  # larger than a block, in one or in several axes
    "anchor_bce": [(300, 400), (3, 70000), (70000, 3)],
    "focal": [(300, 400)],
    "anchor_bce_weighted": [(300, 400)],
    "anchor_bce_soft": [(300, 400), (2, 70000)],
    "anchor_pose": [(3, 5, 90, 100), (2, 2, 300, 310), (1, 1, 3, 50000)],
}


@pytest.mark.parametrize(
    ("name", "shape"), [(name, shape) for name, shapes in SHAPES.items() for shape in shapes]
)
def test_what_is_computed_in_blocks_is_what_its_parts_are(name, shape):
    """Losses are means over the first axis, so a batch is the mean of its examples."""
    generator = torch.Generator().manual_seed(3)
    live = torch.randn(shape, generator=generator, **F64, requires_grad=True)
    if ALL[name][1] == "label":
        target = torch.randint(shape[1], shape[:1], generator=generator)
    else:
        target = torch.rand(shape, generator=generator, **F64)
        target = torch.where(target < 0.7, 0, target)
    loss = loss_of(name, gamma=0.5)
    value = loss(live, target)
    (found,) = torch.autograd.grad(value, live)
    rows = range(shape[0]) if shape[0] <= 8 else [0, 1, shape[0] // 2, shape[0] - 1]
    for row in rows:
        alone = live[row : row + 1].detach().clone().requires_grad_()
        (want,) = torch.autograd.grad(loss(alone, target[row : row + 1]), alone)
        assert_close(found[row : row + 1], want / shape[0], rtol=1e-9, atol=1e-14)
    parts = [loss(live[a : a + 7].detach(), target[a : a + 7]) for a in range(0, shape[0], 7)]
    sizes = [len(live[a : a + 7]) for a in range(0, shape[0], 7)]
    mean = sum(p * s for p, s in zip(parts, sizes, strict=True)) / shape[0]
    assert_close(value.detach(), mean, rtol=1e-10, atol=1e-12)


def test_a_gradient_may_be_asked_for_twice():
    scores = torch.randn(5, 3, **F64, requires_grad=True)
    value = loss_of("anchor_bce")(scores, torch.zeros(5, dtype=torch.long))
    first, second = (torch.autograd.grad(value * s, scores, retain_graph=True)[0] for s in (1, 3))
    assert_close(3 * first, second)


def test_the_scores_are_left_as_they_are():
    """Blocks and the label's column are written into tensors of the loss's own."""
    scores = torch.randn(400, 300)
    before = scores.clone()
    loss_of("anchor_bce", gamma=1)(scores.requires_grad_(), torch.zeros(400, dtype=torch.long))
    assert torch.equal(scores.detach(), before)
