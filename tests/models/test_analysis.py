"""The analyses of Anchor Loss against slow loops, and against the compiled loss."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.testing import assert_close

import lossc
from lossc.models.analysis import (
    DoubleCounting,
    anchor_excess,
    double_counting,
    hard_share,
    peaks,
)


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def slow_peaks(heatmap, radius, share):
    h, w = heatmap.shape
    found = torch.zeros(h, w, dtype=torch.bool)
    for y in range(h):
        for x in range(w):
            own = float(heatmap[y, x])
            beaten = own <= 0 or own < share * float(heatmap.max())
            for v in range(max(0, y - radius), min(h, y + radius + 1)):
                for u in range(max(0, x - radius), min(w, x + radius + 1)):
                    other = float(heatmap[v, u])
                    beaten |= other > own or (other == own and (v, u) < (y, x))
            found[y, x] = not beaten
    return found


def test_hard_share_counts_examples_whose_best_background_is_above_the_target():
    logits, label = drawn(200, 5), torch.arange(200) % 5
    label[::9] = -100
    kept = [k for k in range(200) if label[k] != -100]
    hard = sum(
        max(float(logits[k].sigmoid()[c]) for c in range(5) if c != label[k])
        > float(logits[k].sigmoid()[label[k]])
        for k in kept
    )
    assert hard_share(logits, label) == pytest.approx(hard / len(kept))
    assert 0.5 < hard_share(logits, label) < 1


def test_hard_share_of_saturated_and_tied_scores():
    assert hard_share(torch.tensor([[200.0, 300.0]]), torch.tensor([0])) == 1
    assert hard_share(torch.tensor([[1.0, 1.0], [2.0, 1.0]]), torch.tensor([0, 0])) == 0
    assert hard_share(torch.zeros(3, 1), torch.zeros(3, dtype=torch.long)) == 0
    assert math.isnan(hard_share(torch.zeros(2, 3), torch.tensor([-100, -100])))
    with pytest.raises(ValueError, match="not in"):
        hard_share(torch.zeros(1, 3), torch.tensor([3]))
    with pytest.raises(ValueError, match="shapes"):
        hard_share(torch.zeros(2, 3), torch.tensor([1]))


def maps():
    heatmap = drawn(2, 3, 6, 5)
    target = torch.zeros_like(heatmap)
    target[..., 2:4, 1:3] = torch.tensor([[1.0, 0.6], [0.4, 0.2]], dtype=torch.float64)
    target[1, 2] = 0  # no joint in this map
    return heatmap, target


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_excess_is_the_loop_over_the_pixels(gamma):
    heatmap, target = maps()
    found = anchor_excess(heatmap, target, gamma)
    for b in range(2):
        for j in range(3):
            near = [
                float(heatmap[b, j, y, x].sigmoid())
                for y in range(6)
                for x in range(5)
                if target[b, j, y, x] > 0.5
            ]
            for y in range(6):
                for x in range(5):
                    q = float(heatmap[b, j, y, x].sigmoid())
                    want = 0.0
                    if near and target[b, j, y, x] == 0:
                        want = -((1 + q - max(near)) ** gamma) * math.log(1 - q) + math.log(1 - q)
                        assert gamma == 0 or (found[b, j, y, x] > 0) == (q > max(near))
                    assert float(found[b, j, y, x]) == pytest.approx(want, abs=1e-13)
    assert bool((found > 0).any()) == (gamma > 0)


def test_excess_and_cross_entropy_add_up_to_the_compiled_loss():
    heatmap, target = maps()
    plain = binary_cross_entropy_with_logits(heatmap, target)
    whole = lossc.loss("anchor_pose")(heatmap, target)
    assert_close(plain + anchor_excess(heatmap, target).mean(), whole, rtol=1e-13, atol=0)


def test_excess_of_extreme_logits_is_finite():
    heatmap = torch.tensor([[[1e4, -1e4], [-1e4, 1e4]]])
    target = torch.tensor([[[1.0, 0.0], [0.0, 0.0]]])
    assert bool(anchor_excess(heatmap, target).isfinite().all())
    assert anchor_excess(heatmap[..., :0], target[..., :0]).shape == (1, 2, 0)
    with pytest.raises(ValueError, match="gamma"):
        anchor_excess(heatmap, target, -1.0)
    with pytest.raises(ValueError, match="shapes"):
        anchor_excess(heatmap, target[0])


@pytest.mark.parametrize("radius", [1, 2, 7])
@pytest.mark.parametrize("levels", [3, 1000])
def test_peaks_are_those_of_the_loop(radius, levels):
    # a few levels make plateaus
    heatmap = (drawn(2, 3, 9, 7, seed=radius).sigmoid() * levels).floor() / levels
    found = peaks(heatmap, radius, share=0.5)
    for b in range(2):
        for j in range(3):
            assert torch.equal(found[b, j], slow_peaks(heatmap[b, j], radius, 0.5))
    assert bool((found.sum(dim=(-2, -1)) >= 1).all())


def test_peaks_by_hand():
    row = torch.tensor([[0.9, 0.0, 0.0, 0.5, 0.0, 0.0, 0.4]])
    assert peaks(row, 2).nonzero()[:, 1].tolist() == [0, 3]  # 0.4 is below half of 0.9
    assert peaks(row, 2, share=0.4).nonzero()[:, 1].tolist() == [0, 3, 6]
    assert peaks(row, 3).nonzero()[:, 1].tolist() == [0]
    assert peaks(torch.full((4, 4), 0.3), 1).nonzero().tolist() == [[0, 0]]
    assert not peaks(torch.zeros(4, 4)).any()
    with pytest.raises(ValueError, match="negative"):
        peaks(torch.tensor([[-1.0]]))
    with pytest.raises(ValueError, match="radius"):
        peaks(row, 0)


def blobs(*places):
    """A map 16 x 16 with a Gaussian of some height at each x, y."""
    y, x = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    each = [s * (-((x - u) ** 2 + (y - v) ** 2) / 2).exp() for u, v, s in places]
    return torch.stack(each).amax(dim=0)


def test_double_counting_of_left_and_right():
    heatmap = torch.stack(
        [
            torch.stack([blobs((3, 5, 0.9), (12, 5, 0.7)), blobs((3, 5, 0.9))]),
            torch.stack([blobs((3, 5, 0.6), (12, 5, 0.8)), blobs((3, 5, 0.9), (12, 5, 0.2))]),
        ]
    )
    joint = torch.tensor([3.0, 6.0]).expand(2, 2, 2)
    found = double_counting(heatmap, joint, 1.0)
    assert found == DoubleCounting(maps=4, several=2, right=1)
    assert (found.share_several, found.share_right) == (0.5, 0.5)
    assert double_counting(heatmap, joint, torch.tensor([0.9, 20.0])).right == 1  # the other one
    visible = torch.tensor([[False, True], [True, True]])
    assert double_counting(heatmap, joint, 1.0, visible) == DoubleCounting(3, 1, 0)
    assert found + found == DoubleCounting(8, 4, 2)
    assert math.isnan(DoubleCounting(0, 0, 0).share_several)
    assert math.isnan(double_counting(heatmap[:1, 1:], joint[:1, 1:], 1.0).share_right)


def test_double_counting_is_the_loop_and_agrees_with_pckh():
    heatmap = drawn(6, 4, 8, 10, seed=3).sigmoid()
    joint = drawn(6, 4, 2, seed=4).abs() * 4
    head = torch.linspace(4, 12, 6, dtype=torch.float64)
    visible = drawn(6, 4, seed=5) > -0.5
    several = right = hit = 0
    for b in range(6):
        for j in range(4):
            if not visible[b, j]:
                continue
            y, x = divmod(int(heatmap[b, j].flatten().argmax()), 10)
            far = math.hypot(x - float(joint[b, j, 0]), y - float(joint[b, j, 1]))
            near = far <= 0.5 * float(head[b])
            many = int(slow_peaks(heatmap[b, j], 2, 0.9).sum()) > 1
            hit, several, right = hit + near, several + many, right + (many and near)
    found = double_counting(heatmap, joint, 0.5 * head, visible, radius=2, share=0.9)
    assert found == DoubleCounting(int(visible.sum()), several, right)
    assert 0 < right < several < found.maps
    # where every map counts as one of several peaks, the share is PCKh
    twice = torch.cat([heatmap, torch.zeros_like(heatmap), heatmap * 0.99], dim=-1)
    every = double_counting(twice, joint, 0.5 * head, visible, radius=2, share=0.9)
    assert every.several == every.maps
    metric = lossc.compile("pckh").metric(heatmap, joint, visible, head)
    assert every.share_right == pytest.approx(float(metric)) == pytest.approx(hit / every.maps)


def test_double_counting_explains_shapes_that_do_not_fit():
    heatmap, joint = torch.rand(2, 3, 4, 4), torch.zeros(2, 3, 2)
    for wrong in (
        lambda: double_counting(heatmap[0], joint, 1.0),
        lambda: double_counting(heatmap, joint[:1], 1.0),
        lambda: double_counting(heatmap, joint, torch.ones(3)),
        lambda: double_counting(heatmap, joint, 1.0, torch.ones(2)),
    ):
        with pytest.raises(ValueError, match="shapes must be"):
            wrong()
    assert double_counting(heatmap[:0], joint[:0], 1.0) == DoubleCounting(0, 0, 0)
