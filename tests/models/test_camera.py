"""Cameras, crops and depths: there and back, and against arithmetic written out."""

from __future__ import annotations

import math

import pytest
import torch

from lossc.models.camera import PUBLISHED, Cameras, Crops, DepthRange, mpjpe, orbit


@pytest.fixture
def cameras() -> Cameras:
    n = 5
    return orbit(
        torch.randn(n, 3, dtype=torch.float64) * 500,
        torch.rand(n, dtype=torch.float64) * 2 * math.pi,
        (torch.rand(n, dtype=torch.float64) - 0.3) * 1.2,
        3000 + 1000 * torch.rand(n, dtype=torch.float64),
        torch.full((n,), 800.0, dtype=torch.float64),
    )


def test_a_camera_turns_and_does_not_mirror(cameras):
    eye = torch.eye(3, dtype=torch.float64).expand(5, 3, 3)
    torch.testing.assert_close(cameras.rotation @ cameras.rotation.transpose(1, 2), eye)
    torch.testing.assert_close(torch.linalg.det(cameras.rotation), eye[:, 0, 0])


def test_an_upright_camera_by_hand():
    """From +z, a point to the left of somebody who looks there is to the right of the picture."""
    zero = torch.zeros(1)
    camera = orbit(torch.zeros(1, 3), zero, zero, torch.tensor([2000.0]), torch.tensor([500.0]))
    seen = camera.see(torch.tensor([[[0.0, 0, 0], [300, 0, 0], [0, 400, 0], [0, 0, 500]]]))
    expected = torch.tensor([[[0.0, 0, 2000], [300, 0, 2000], [0, -400, 2000], [0, 0, 1500]]])
    torch.testing.assert_close(seen, expected)
    pixels = camera.project(seen)
    torch.testing.assert_close(pixels[0, 1], torch.tensor([75.0, 0.0]))  # 500 * 300 / 2000
    torch.testing.assert_close(pixels[0, 2], torch.tensor([0.0, -100.0]))


def test_the_target_is_in_the_middle(cameras):
    target = cameras.position - cameras.rotation[:, 2] * -3500
    pixels = cameras.project(cameras.see(target.unsqueeze(1)))
    torch.testing.assert_close(pixels, torch.zeros_like(pixels), atol=1e-9, rtol=0)


def test_lifting_undoes_projection(cameras):
    seen = torch.randn(5, 7, 3, dtype=torch.float64) * 400 + torch.tensor([0.0, 0, 3000])
    shifted = Cameras(
        cameras.rotation, cameras.position, cameras.focal, torch.randn(5, 2, dtype=torch.float64)
    )
    torch.testing.assert_close(shifted.lift(shifted.project(seen), seen[..., 2]), seen)


def test_what_is_behind_a_camera(cameras):
    with pytest.raises(ValueError, match="behind"):
        cameras.project(torch.tensor([[[0.0, 0.0, -5.0]]]).expand(5, 1, 3))


def test_a_crop_holds_all_points_and_a_margin():
    pixels = torch.tensor([[[10.0, 20.0], [30.0, 70.0]]])  # 20 wide, 50 high
    crops = Crops.around(pixels, margin=0.1)
    assert crops.side.tolist() == pytest.approx([60])
    assert crops.corner[0].tolist() == pytest.approx([-10, 15])
    shares = crops.shares(pixels)
    torch.testing.assert_close(shares, torch.tensor([[[20 / 60, 5 / 60], [40 / 60, 55 / 60]]]))
    torch.testing.assert_close(crops.pixels(shares), pixels)


def test_depths_come_back_with_equal_bounds():
    depth = torch.linspace(-1005, 980, 101, dtype=torch.float64)
    found = DepthRange().depths(DepthRange().shares(depth))
    torch.testing.assert_close(found, depth, atol=1e-9, rtol=0)
    ends = DepthRange().shares(torch.tensor([-1005.185902, 980.8599]))
    assert ends.tolist() == pytest.approx([0, 1])


@pytest.mark.parametrize(
    ("depth", "error"), [(0.0, -17.758), (-1005.185902, 54.549), (980.8599, -88.315)]
)
def test_the_published_bounds_do_not_agree(depth, error):
    z = torch.tensor(depth, dtype=torch.float64)
    assert float(PUBLISHED.depths(PUBLISHED.shares(z)) - z) == pytest.approx(error, abs=1e-3)


@pytest.mark.parametrize("bounds", [(1.0, 1.0), (2.0, 1.0), (0.0, math.inf), (math.nan, 1.0)])
def test_what_is_no_range(bounds):
    with pytest.raises(ValueError, match="from less to more"):
        DepthRange(*bounds)


def test_mpjpe_is_the_mean_of_distances():
    truth = torch.randn(4, 17, 3)
    assert mpjpe(truth + torch.tensor([3.0, 4.0, 0.0]), truth) == pytest.approx(5, abs=1e-5)
    found = truth.clone()
    found[0, 0] += torch.tensor([0.0, 0.0, 68.0])
    assert mpjpe(found, truth) == pytest.approx(1)
    looped = sum(math.dist(a, b) for a, b in zip(found[0].tolist(), truth[1].tolist(), strict=True))
    assert mpjpe(found[:1], truth[1:2]) == pytest.approx(looped / 17, rel=1e-6)


def test_mpjpe_of_nothing():
    with pytest.raises(ValueError, match="one shape"):
        mpjpe(torch.zeros(0, 17, 3), torch.zeros(0, 17, 3))
    with pytest.raises(ValueError, match="one shape"):
        mpjpe(torch.zeros(1, 17, 3), torch.zeros(2, 17, 3))
