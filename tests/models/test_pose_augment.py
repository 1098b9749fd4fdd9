"""Random changes of pose batches: joints go where the pixels go."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from lossc.models.data.joints import MIRRORED
from lossc.models.data.rendered_figures import figures
from lossc.models.data.split import Split
from lossc.models.pose_augment import PoseAugment, Views, viewed
from lossc.models.pose_metrics import places


def plain_views(count, **changes):
    views = Views(
        angle=torch.zeros(count),
        scale=torch.ones(count),
        mirrored=torch.zeros(count, dtype=torch.bool),
        tint=torch.ones(count, 3),
    )
    return replace(views, **changes)


def test_a_plain_view_is_the_middle_of_the_image(spots):
    images = torch.randint(256, (3, 3, 24, 24), dtype=torch.uint8)
    _, targets = spots(3, 24)
    seen = viewed(Split(images, targets), plain_views(3), side=16)
    torch.testing.assert_close(seen.features, images[:, :, 4:20, 4:20].float() / 255)
    torch.testing.assert_close(seen.targets["joint"], (targets["joint"] - 0.5) * 1.5 + 0.5)
    torch.testing.assert_close(seen.targets["head"], targets["head"] * 1.5)
    inside = ((targets["joint"] - 0.5).abs() <= 1 / 3).all(dim=-1)
    assert torch.equal(seen.targets["visible"], inside)


@pytest.mark.parametrize("mirrored", [False, True])
def test_joints_go_where_the_pixels_go(mirrored, spots):
    count, side = 6, 96
    maps, targets = spots(count, side)
    views = plain_views(
        count,
        angle=torch.linspace(-1.0, 1.0, count),
        scale=torch.linspace(0.8, 1.25, count),
        mirrored=torch.full((count,), mirrored),
    )
    for joint in (0, 8, 12):  # three at a time fit into the colours
        trio = [joint, joint + 1, joint + 2]
        seen = viewed(Split(maps[:, trio], targets), views, side=64)
        found = places(seen.features)
        for colour, of in enumerate(trio):
            at = MIRRORED[of] if mirrored else of  # a right wrist in a mirror is a left one
            visible = seen.targets["visible"][:, at]
            gap = (found[:, colour] - seen.targets["joint"][:, at]).norm(dim=-1) * 64
            assert visible.any()
            assert gap[visible].max() < 1.0
    torch.testing.assert_close(
        seen.targets["torso"] * 64 * views.scale, torch.full((count,), 0.2 * 96)
    )


def test_colours_are_multiplied(spots):
    images = torch.full((1, 3, 8, 8), 0.5)
    _, targets = spots(1, 8)
    tint = torch.tensor([[0.8, 1.0, 3.0]])
    seen = viewed(Split(images, targets), plain_views(1, tint=tint), side=8)
    torch.testing.assert_close(seen.features[0, :, 4, 4], torch.tensor([0.4, 0.5, 1.0]))


def test_the_numbers_of_the_public_code(spots):
    batch = Split(torch.zeros(2000, 3, 4, 4, dtype=torch.uint8), spots(2000, 4)[1])
    drawn = {}

    def keep(batch, views, side):
        drawn.update(views=views, side=side)
        return batch

    augment = PoseAugment(side=8)
    generator = torch.Generator().manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lossc.models.pose_augment.viewed", keep)
        augment(batch, generator)
    views = drawn["views"]
    assert drawn["side"] == 4  # never larger than the image
    turned = views.angle != 0
    assert turned.float().mean() == pytest.approx(0.6, abs=0.03)
    assert views.angle[turned].std() * 180 / math.pi == pytest.approx(28.8, abs=1)  # 30, cut off
    assert views.angle.abs().max() == pytest.approx(math.radians(60))
    assert (views.scale.min().item(), views.scale.max().item()) == (0.75, 1.25)
    assert views.mirrored.float().mean() == pytest.approx(0.5, abs=0.03)
    assert views.tint.min() == pytest.approx(0.8, abs=0.002)
    assert views.tint.max() == pytest.approx(1.2, abs=0.002)


def test_the_same_generator_gives_the_same_batch():
    batch, augment = figures(6, seed=0), PoseAugment(side=64)
    one, same, other = (augment(batch, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(one.features, same.features)
    assert torch.equal(one.targets["joint"], same.targets["joint"])
    assert not torch.equal(one.features, other.features)
