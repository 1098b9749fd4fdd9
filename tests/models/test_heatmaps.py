"""Heatmap targets and decoders against loops, and the facts of the memo's public files."""

from __future__ import annotations

import math

import pytest
import torch

from lossc.models.heatmap_decoding import by_argmax, by_integral_2d, by_integral_3d, highest_cell
from lossc.models.heatmaps import (
    containing_cell,
    depth_bin,
    depth_window,
    heatmaps_2d,
    heatmaps_3d,
    nearest_corner,
)


def looped_2d(joint, size, sigma, window, half):
    """One cell at a time; ``half``: what is added before rounding down."""
    height, width = size
    maps = torch.zeros(*joint.shape[:2], height, width)
    for example in range(joint.shape[0]):
        for j in range(joint.shape[1]):
            cx = math.floor(float(joint[example, j, 0]) * width + half)
            cy = math.floor(float(joint[example, j, 1]) * height + half)
            for y in range(max(0, cy - window // 2), min(height, cy + window // 2 + 1)):
                for x in range(max(0, cx - window // 2), min(width, cx + window // 2 + 1)):
                    squared = (x - cx) ** 2 + (y - cy) ** 2
                    maps[example, j, y, x] = math.exp(-squared / (2 * sigma**2))
    return maps


def looped_3d(joint, depth, size, sigma, window, half):
    deep, height, width = size
    plane = looped_2d(joint, (height, width), sigma, window, half)
    maps = torch.zeros(*joint.shape[:2], *size)
    extent = 2 * math.floor((12 * deep / 64 + 1) / 2) + 1
    for example in range(joint.shape[0]):
        for j in range(joint.shape[1]):
            value = float(depth[example, j])
            fine = next((d for d in range(1, 65) if (d - 1) / 64 <= value <= d / 64), None)
            if fine is None:
                continue
            centre = math.ceil(fine * deep / 64)
            for d in range(1, deep + 1):
                if abs(d - centre) <= extent // 2:
                    weight = math.exp(-((d - centre) ** 2) / (2 * (extent / 6) ** 2))
                    maps[example, j, d - 1] = weight * plane[example, j]
    return maps


@pytest.fixture
def joints():
    """Inside, on the borders, beyond them but within reach, and far away."""
    joint = torch.rand(3, 5, 2) * 1.4 - 0.2
    joint[0, 0] = torch.tensor([0.0, 1.0])
    joint[0, 1] = torch.tensor([0.5, 0.5])
    joint[0, 2] = torch.tensor([-3.0, 0.5])
    return joint


@pytest.mark.parametrize("rule", [(nearest_corner, 0.5), (containing_cell, 0.0)])
@pytest.mark.parametrize(("size", "sigma", "window"), [((64, 64), 2, 13), ((12, 20), 1.0, 7)])
def test_2d_maps_are_those_of_a_loop(joints, size, sigma, window, rule):
    centre, half = rule
    maps = heatmaps_2d(joints, size, sigma=sigma, window=window, centre=centre)
    torch.testing.assert_close(maps, looped_2d(joints, size, sigma, window, half))


@pytest.mark.parametrize("deep", [1, 2, 3, 4, 8, 12, 16, 32, 64, 100])
def test_3d_maps_are_those_of_a_loop(joints, deep):
    depth = torch.rand(3, 5)
    depth[0] = torch.tensor([0.0, 1.0, 0.25, 0.125, 0.5])
    depth[1, :2] = torch.tensor([-0.01, 1.01])
    size = (deep, 12, 10)
    maps = heatmaps_3d(joints, depth, size, sigma=1.5, window=5)
    torch.testing.assert_close(maps, looped_3d(joints, depth, size, 1.5, 5, 0.5))


def test_the_published_2d_target():
    joint = torch.tensor([[[0.3, 0.71]]])
    maps = heatmaps_2d(joint, (64, 64))[0, 0]
    x, y = int(0.3 * 64 + 0.5), int(0.71 * 64 + 0.5)
    assert maps[y, x] == 1 == maps.max()
    rows, columns = maps.nonzero(as_tuple=True)
    assert (rows.min(), rows.max()) == (y - 6, y + 6)
    assert (columns.min(), columns.max()) == (x - 6, x + 6)
    assert len(rows) == 13 * 13
    assert maps[y + 1, x + 2] == pytest.approx(math.exp(-5 / 8))


def test_windows_along_depth():
    assert [depth_window(d) for d in (1, 2, 4, 8, 16, 32, 64)] == [1, 1, 1, 3, 5, 7, 13]


def test_a_depth_goes_to_the_first_bin_that_holds_it():
    ends = torch.arange(65) / 64
    expected = torch.tensor([0.0, *range(64)])
    assert torch.equal(depth_bin(ends, 64), expected)
    assert torch.equal(depth_bin(ends, 8), torch.tensor([0.0, *(d // 8 for d in range(64))]))


def test_joints_that_are_not_there():
    joint = torch.tensor([[[0.5, 0.5], [0.5, 0.5], [math.nan, 0.5], [0.5, 9.0]]])
    visible = torch.tensor([[True, False, True, True]])
    maps = heatmaps_2d(joint, (8, 8), visible=visible)
    assert maps.isfinite().all()
    assert maps.amax(dim=(2, 3)).tolist() == [[1, 0, 0, 0]]
    depth = torch.tensor([[0.5, 0.5, 0.5, 0.5]])
    volume = heatmaps_3d(joint, depth, (4, 8, 8), visible=visible)
    assert volume.amax(dim=(2, 3, 4)).tolist() == [[1, 0, 0, 0]]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"window": 4}, "odd number"), ({"window": -1}, "odd number"), ({"sigma": 0.0}, "positive")],
)
def test_what_is_no_window(changes, reason):
    with pytest.raises(ValueError, match=reason):
        heatmaps_2d(torch.rand(1, 1, 2), (8, 8), **changes)


def test_a_map_without_depth():
    with pytest.raises(ValueError, match="at least one cell deep"):
        heatmaps_3d(torch.rand(1, 1, 2), torch.rand(1, 1), (0, 8, 8))


def test_the_highest_cell_is_that_of_a_search():
    maps = torch.randint(0, 4, (3, 2, 4, 5, 6)).float()  # ties everywhere
    cells, values = highest_cell(maps)
    for example in range(3):
        for j in range(2):
            best = maps[example, j].max()
            first = (maps[example, j] == best).nonzero()[0]
            assert torch.equal(cells[example, j], first)
            assert values[example, j] == best


def test_argmax_reads_the_centre_of_the_cell():
    maps = torch.zeros(1, 2, 4, 8, 16)
    maps[0, 0, 3, 2, 9] = 1
    maps[0, 1] = 1e-7  # says nothing
    expected = torch.tensor([[[9.5 / 16, 2.5 / 8, 3.5 / 4], [0.5, 0.5, 0.5]]])
    torch.testing.assert_close(by_argmax(maps), expected)
    assert torch.equal(by_argmax(maps[:, :, 3]), expected[..., :2])


def test_a_quarter_of_a_cell_towards_the_higher_neighbour():
    maps = torch.rand(4, 3, 6, 7)
    maps[0, 0] = 0
    maps[0, 0, 0, 3] = 1  # on a border: no shift along y, and equals along x
    found = by_argmax(maps, quarter=True)
    for example in range(4):
        for j in range(3):
            one = maps[example, j]
            y, x = divmod(int(one.argmax()), 7)
            place = [x + 0.5, y + 0.5]
            if 0 < x < 6:
                place[0] += 0.25 * float(torch.sign(one[y, x + 1] - one[y, x - 1]))
            if 0 < y < 5:
                place[1] += 0.25 * float(torch.sign(one[y + 1, x] - one[y - 1, x]))
            assert found[example, j].tolist() == pytest.approx([place[0] / 7, place[1] / 6])


def test_decoding_finds_the_joint_of_a_target():
    joint, depth = torch.rand(2, 4, 2) * 0.7 + 0.15, torch.rand(2, 4)
    maps = heatmaps_3d(joint, depth, (32, 64, 64), centre=containing_cell)
    for found in (by_argmax(maps), by_integral_3d(maps)):
        assert (found[..., :2] - joint).abs().max() <= 0.5 / 64 + 1e-5
    assert (by_argmax(maps)[..., 2] - depth).abs().max() <= 0.5 / 32 + 1e-6
    flat = heatmaps_2d(joint, (64, 64))
    # the window leaves out cells on one side only where it is cut off
    assert (by_integral_2d(flat) - joint).abs().max() <= 0.5 / 64 + 1e-4


def test_integrals_of_uniform_maps():
    assert by_integral_3d(torch.ones(1, 1, 16, 64, 64)).tolist() == [[pytest.approx([0.5] * 3)]]
    assert by_integral_2d(torch.ones(1, 1, 64, 64)).tolist() == [[[0.4921875] * 2]]
    assert by_integral_2d(torch.zeros(1, 1, 64, 64)).tolist() == [[[0.4921875] * 2]]  # none kept
    assert by_integral_2d(torch.ones(1, 1, 64, 64), half=True).tolist() == [[[0.5, 0.5]]]


@pytest.mark.parametrize(("scale", "weight"), [(1, 4.1e-5), (10, 0.25), (30, 1 - 6e-9)])
def test_the_scale_decides_how_much_the_peak_weighs(scale, weight):
    maps = torch.zeros(1, 1, 16, 64, 64, dtype=torch.float64)
    maps[..., 0, 0, 0] = 1
    cell = 0.5 / 64
    # x = weight * cell + (1 - weight) * (mean of the other cells)
    count = maps.numel()
    others = (0.5 * count - cell) / (count - 1)
    found = float(by_integral_3d(maps, scale=scale)[0, 0, 0])
    assert (found - others) / (cell - others) == pytest.approx(weight, rel=0.02)
    peak = math.exp(scale) / (math.exp(scale) + count - 1)
    assert (found - others) / (cell - others) == pytest.approx(peak, abs=1e-9)


def test_the_gradient_of_an_integral_is_the_whole_jacobian():
    maps = torch.randn(2, 3, 4, 5, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda m: by_integral_3d(m, scale=3.0), (maps,))
    (gradient,) = torch.autograd.grad(by_integral_3d(maps)[..., 0].sum(), maps)
    assert gradient.sum(dim=(2, 3, 4)).abs().max() < 1e-12  # the published layers: 0.2276
    plane = torch.rand(2, 3, 5, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(by_integral_2d, (plane,))
