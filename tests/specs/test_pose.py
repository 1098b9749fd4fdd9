"""Correct keypoints, joint by joint."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.specs.batches import assert_worth, compiled, scores_of

LENGTHS = {"pck": ("torso", 0.2, 25), "pckh": ("head", 0.5, 12)}


def poses(largest, seed=4):
    """``heatmap``, ``joint``, ``visible`` and a length; joints may lie outside the map."""
    generator = torch.Generator().manual_seed(seed)
    for number in range(200):
        n, k, h, w = (1 + int(torch.randint(m, (), generator=generator)) for m in (2, 3, 5, 6))
        heatmap = scores_of((n, k, h, w), number, generator)
        joint = torch.rand(n, k, 2, generator=generator, dtype=torch.float64) * 7 - 1
        if number % 3 == 0:
            joint = joint.round()  # distances that meet the radius exactly
        visible = torch.rand(n, k, generator=generator) < (number % 4) / 3
        length = torch.rand(n, generator=generator, dtype=torch.float64) * largest
        yield heatmap, joint, visible, length.round() if number % 3 == 0 else length


@pytest.mark.parametrize("name", LENGTHS)
def test_a_joint_is_right_within_its_radius_of_the_peak(name):
    """Andriluka et al.: distance / length <= alpha, averaged over the visible joints."""
    _, alpha, largest = LENGTHS[name]
    for heatmap, joint, visible, length in poses(largest):
        right = []
        for b, q in visible.nonzero().tolist():
            y, x = np.unravel_index(heatmap[b, q].numpy().argmax(), heatmap.shape[2:])
            offset = np.hypot(x - joint[b, q, 0].item(), y - joint[b, q, 1].item())
            right.append(offset <= alpha * length[b].item())
        want = np.mean(right) if right else 0
        assert_worth(compiled(name), want, heatmap, joint, visible, length)


@pytest.mark.parametrize("name", LENGTHS)
def test_alpha_is_the_radius_in_lengths(name):
    heatmap = torch.zeros(1, 1, 1, 9, dtype=torch.float64)
    heatmap[..., 6] = 1
    joint, visible = torch.zeros(1, 1, 2, dtype=torch.float64), torch.ones(1, 1).bool()
    length = torch.tensor([10.0], dtype=torch.float64)
    assert_worth(compiled(name, alpha=0.59), 0, heatmap, joint, visible, length)
    assert_worth(compiled(name, alpha=0.6), 1, heatmap, joint, visible, length)


@pytest.mark.parametrize("name", LENGTHS)
def test_a_length_below_0_is_refused(name):
    heatmap, joint, visible, length = next(poses(1))
    with pytest.raises(ValueError, match=LENGTHS[name][0]):
        compiled(name).metric(heatmap, joint, visible, length - 2)


@pytest.mark.parametrize("name", LENGTHS)
def test_nobody_there_is_worth_0(name):
    heatmap, joint = torch.zeros(0, 2, 3, 3).double(), torch.zeros(0, 2, 2).double()
    visible, length = torch.zeros(0, 2).bool(), torch.zeros(0).double()
    assert_worth(compiled(name), 0, heatmap, joint, visible, length)
