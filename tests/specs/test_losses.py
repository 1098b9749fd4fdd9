"""Differentiable losses against torch's, in value and gradient."""

from __future__ import annotations

import functools

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from lossc.compiler.compile import compile_spec
from tests.specs.batches import classified, ranked

BATCHES = 150


@functools.cache
def loss_of(name, **params):
    return compile_spec(name, params=params).loss()


def assert_same(name, want, live, *others, **params):
    """The loss and its gradient are those of ``want``, a function of the live input."""
    got, expected = loss_of(name, **params)(live, *others), want(live)
    assert_close(got, expected, rtol=1e-10, atol=1e-12)
    (ours,), (theirs,) = (torch.autograd.grad(value, [live]) for value in (got, expected))
    assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


def test_cross_entropy_is_torchs():
    for scores, label in classified(5, BATCHES):
        want = functools.partial(F.cross_entropy, target=label)
        assert_same("cross_entropy", want, scores.requires_grad_(), label)


def test_bce_is_torchs():
    for score, relevant in ranked(5, BATCHES):
        want = functools.partial(F.binary_cross_entropy_with_logits, target=relevant.double())
        assert_same("bce", want, score.requires_grad_(), relevant)


def focal(scores, label, gamma):
    """Lin et al.: (1 - p_t)^gamma times the cross entropy of each yes-or-no question."""
    target = F.one_hot(label, scores.shape[1]).double()
    entropy = F.binary_cross_entropy_with_logits(scores, target, reduction="none")
    p_t = torch.where(target > 0, scores, -scores).sigmoid()
    return ((1 - p_t) ** gamma * entropy).sum(1).mean()


@pytest.mark.parametrize("gamma", [0, 0.5, 2, 5])
def test_focal_is_its_papers(gamma):
    for scores, label in classified(6, BATCHES):
        want = functools.partial(focal, label=label, gamma=gamma)
        assert_same("focal", want, scores.requires_grad_(), label, gamma=gamma)


@pytest.mark.parametrize("gamma", [0, 0.5, 2])
def test_focal_loss_of_hard_maps_is_that_of_the_right_probability(gamma):
    """Lin et al., eq. 4: -(1 - p_t)^gamma log p_t, of every pixel."""
    heatmap, hit = torch.randn(2, 3, 4, 5).double(), torch.rand(2, 3, 4, 5) > 0.7

    def want(heatmap):
        right = torch.where(hit, heatmap, -heatmap).sigmoid()
        return (-((1 - right) ** gamma) * right.log()).mean()

    assert_same("focal_pose", want, heatmap.requires_grad_(), hit.double(), gamma=gamma)


def test_focal_loss_of_soft_maps_without_gamma_is_torchs_cross_entropy():
    heatmap, target = torch.randn(2, 3, 4, 5).double(), torch.rand(2, 3, 4, 5).double()
    want = functools.partial(F.binary_cross_entropy_with_logits, target=target)
    assert_same("focal_pose", want, heatmap.requires_grad_(), target, gamma=0)


def test_heatmap_mse_is_torchs():
    generator = torch.Generator().manual_seed(7)
    for n in (1, 2, 5):
        heatmap = torch.randn(n, 3, 4, 2, generator=generator, dtype=torch.float64)
        target = torch.rand(n, 3, 4, 2, generator=generator, dtype=torch.float64)
        want = functools.partial(F.mse_loss, target=target)
        assert_same("heatmap_mse", want, heatmap.requires_grad_(), target)


def test_euclidean_is_caffes():
    """Its sum of squares is over 2 N, whatever the width, and its gradient the error over N."""
    generator = torch.Generator().manual_seed(8)
    for n, d in ((1, 1), (4, 3), (6, 20)):
        prediction = torch.randn(n, d, generator=generator, dtype=torch.float64).requires_grad_()
        target = torch.randn(n, d, generator=generator, dtype=torch.float64)
        value = loss_of("euclidean")(prediction, target)
        assert_close(value, ((prediction - target) ** 2).sum() / (2 * n))
        (gradient,) = torch.autograd.grad(value, [prediction])
        assert_close(gradient, (prediction.detach() - target) / n)


@pytest.mark.parametrize("rho", [0.2, 0.5, 0.9, 1])
def test_ohem_is_cross_entropy_of_the_hardest_share(rho):
    compared = 0
    for scores, label in classified(9, BATCHES):
        kept = max(1, int(rho * len(label)))
        costs = F.cross_entropy(scores, label, reduction="none").sort().values
        if (costs.diff() < 1e-9).any():
            continue  # torch and ours may round equal costs differently
        compared += 1

        def want(scores, label=label, kept=kept):
            each = F.cross_entropy(scores, label, reduction="none")
            hardest = each.detach().argsort(descending=True, stable=True)[:kept]
            return each[hardest].mean()

        assert_same("ohem", want, scores.requires_grad_(), label, rho=rho)
    assert compared > 50


def test_of_tied_examples_ohem_keeps_the_first():
    scores = torch.tensor([[1.0, 0.0]]).repeat(4, 1).requires_grad_()
    loss_of("ohem", rho=0.5)(scores, torch.zeros(4, dtype=torch.long)).backward()
    assert (scores.grad != 0).any(1).tolist() == [True, True, False, False]


def shapes(name):
    """Inputs of each loss without any item, and with extreme scores."""
    labels = torch.tensor([0, 1, 2])
    if name in ("heatmap_mse", "anchor_pose", "focal_pose"):
        heatmap, target = torch.randn(3, 1, 2, 3), torch.zeros(3, 1, 2, 3)
        target[:, :, 0, 1] = 1
        return heatmap, target
    if name == "euclidean":
        return torch.randn(3, 4), torch.randn(3, 4)
    if name == "bce":
        return torch.randn(3), labels > 0
    return torch.randn(3, 3), labels


CLASSES = ["cross_entropy", "focal", "anchor_bce", "ohem"]
LOSSES = [*CLASSES, "bce", "anchor_pose", "focal_pose", "heatmap_mse", "euclidean"]


@pytest.mark.parametrize("name", LOSSES)
def test_nothing_costs_0(name):
    live, target = shapes(name)
    value = loss_of(name)(live[:0].requires_grad_(), target[:0])
    assert value.item() == 0


@pytest.mark.parametrize("size", [1e2, 1e4])
@pytest.mark.parametrize("name", LOSSES)
def test_extreme_scores_have_finite_gradients(name, size):
    live, target = shapes(name)
    live = (live.sign() * size).requires_grad_()
    value = loss_of(name)(live, target)
    value.backward()
    assert value.isfinite()
    assert live.grad.isfinite().all()


@pytest.mark.parametrize("size", [1e2, 1e4, 1e30])
def test_bce_of_extreme_scores(size):
    score = torch.tensor([size, -size], requires_grad=True)
    value = loss_of("bce")(score, torch.tensor([False, True]))
    value.backward()
    assert value.item() == pytest.approx(size)
    assert score.grad.tolist() == [0.5, -0.5]


@pytest.mark.parametrize("gamma", [0, 0.5, 1, 2])
@pytest.mark.parametrize("name", ["focal", "anchor_bce", "anchor_pose"])
def test_modulators_are_finite_where_nothing_is_left_to_learn(name, gamma):
    """0^gamma has no finite slope below gamma = 1."""
    _, target = shapes(name)
    wanted = target > 0.5 if name == "anchor_pose" else F.one_hot(target, 3) > 0
    for size in (30.0, 100.0, 1e4):
        right = torch.where(wanted, size, -size)
        for scores in (right, -right):
            scores = scores.clone().requires_grad_()
            value = loss_of(name, gamma=gamma)(scores, target)
            value.backward()
            assert value.isfinite()
            assert scores.grad.isfinite().all()
