"""Mean positions under heatmaps, against plain float64 torch and finite differences."""

from __future__ import annotations

import functools
import json
import math

import pytest
import torch
from torch.testing import assert_close

import lossc

HEAD = """spec where
input heat: real[n, k, h, w]
input wanted: target real[n, k, 2]
param scale = 1.0
"""
HALF = "at ((x + 0.5) / w, (y + 0.5) / h)"
CORNER = "at (x / w, y / h)"
VOLUME = """spec where
input heat: real[n, k, d, h, w]
param scale = 1.0
param turn = 0.5
let p[b, j] = softargmax[z, y, x] scale * heat[b, j, z, y, x]
    at ((x + 0.5) / w, (y + 0.5) / h, 2 * z / d - 1)
let spread[b, j] = softargmax[z, y, x] scale * heat[b, j, z, y, x] at ((x - turn) * (y + z))
let one[b, j, c in 0..2] = softargmax[z, y, x] scale * heat[b, j, z, y, x]
    at where(c == 0, x, where(c == 1, y, z))
loss mean[b, j] (distance(p[b, j], (0, 0, 0)) + spread[b, j] + sum[c in 0..2] one[b, j, c]^2)
"""


@functools.cache
def compiled(text):
    return lossc.compile(text)


def means(heat, scale=1.0):
    """Softmax over all positions: ``[..., h, w]`` to the means of column and row numbers."""
    height, width = heat.shape[-2:]
    share = (scale * heat).flatten(-2).softmax(-1).reshape(heat.shape)
    columns, rows = torch.arange(width).double(), torch.arange(height).double()
    return (share.sum(-2) * columns).sum(-1), (share.sum(-1) * rows).sum(-1)


def squared(operation, position, otherwise=""):
    """A spec whose loss is the sum of the squared distances to the wanted points."""
    return (
        f"{HEAD}let q[b, j] = {operation} heat[b, j, y, x] {position}{otherwise}\n"
        "loss sum[b, j] distance(q[b, j], wanted[b, j])^2\n"
    )


def test_softargmax_is_the_mean_under_the_softmax():
    generator = torch.Generator().manual_seed(0)
    heat = torch.randn(2, 3, 4, 5, generator=generator, dtype=torch.float64).requires_grad_()
    wanted = torch.rand(2, 3, 2, generator=generator, dtype=torch.float64)
    loss = compiled(squared("softargmax[y, x] scale *", HALF)).loss(scale=3.0)
    column, row = means(heat, 3.0)
    point = torch.stack([(column + 0.5) / 5, (row + 0.5) / 4], -1)
    expected = (point - wanted).square().sum()
    value = loss(heat, wanted)
    assert_close(value, expected)
    ours, theirs = (torch.autograd.grad(each, heat)[0] for each in (value, expected))
    assert_close(ours, theirs)
    # a softmax does not see a constant
    assert_close(ours.sum((-2, -1)), torch.zeros(2, 3).double(), atol=1e-12, rtol=0)


def test_volumes_and_positions_of_any_form_have_true_gradients():
    generator = torch.Generator().manual_seed(1)
    heat = torch.randn(1, 2, 2, 4, 3, generator=generator, dtype=torch.float64).requires_grad_()
    loss = compiled(VOLUME).loss(scale=2.0)
    share = (2 * heat).flatten(2).softmax(-1).reshape(heat.shape)
    z, y, x = (torch.arange(s).double().reshape(-1, *[1] * k) for k, s in ((2, 2), (1, 4), (0, 3)))
    one = [(share * place).sum((2, 3, 4)) for place in (x, y, z)]
    point = torch.stack([(one[0] + 0.5) / 3, (one[1] + 0.5) / 4, 2 * one[2] / 2 - 1], -1)
    spread = (share * ((x - 0.5) * (y + z))).sum((2, 3, 4))
    expected = (point.norm(dim=-1) + spread + sum(each**2 for each in one)).mean()
    assert_close(loss(heat), expected)
    assert torch.autograd.gradcheck(loss, heat, atol=1e-7)
    (found,) = torch.autograd.grad(loss(heat), heat)
    assert found.sum((2, 3, 4)).abs().max() < 1e-12
    assert_close(torch.compile(loss, backend="eager", fullgraph=True)(heat), expected)


def test_centroid_is_the_mean_under_the_mass_where_there_is_any():
    generator = torch.Generator().manual_seed(2)
    heat = torch.rand(2, 3, 4, 5, generator=generator, dtype=torch.float64)
    heat[0, 0] = 0
    heat.requires_grad_()
    wanted = torch.rand(2, 3, 2, generator=generator, dtype=torch.float64)
    loss = compiled(squared("centroid[y, x]", CORNER, " else (0.5, 0.25)")).loss()
    mass = heat.sum((-2, -1))
    column = (heat * torch.arange(5)).sum((-2, -1)) / mass / 5
    row = (heat * torch.arange(4)[:, None]).sum((-2, -1)) / mass / 4
    point = torch.stack([column, row], -1)
    point = torch.where((mass > 0)[..., None], point, torch.tensor([0.5, 0.25]).double())
    expected = (point - wanted).square().sum()
    value = loss(heat, wanted)
    assert_close(value, expected)
    (found,) = torch.autograd.grad(value, heat)
    assert found.isfinite().all() and not found[0, 0].any()
    moved = heat.detach().clone()
    for place in ((1, 2, 3, 4), (0, 1, 0, 0)):
        step = torch.zeros_like(moved)
        step[place] = 1e-6
        with torch.no_grad():
            slope = (loss(moved + step, wanted) - loss(moved - step, wanted)) / 2e-6
        assert_close(found[place], slope, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("operation", "position", "size", "expected"),
    [
        ("softargmax", HALF, 64, (0.5, 0.5)),
        ("softargmax", CORNER, 64, (0.4921875, 0.4921875)),
        ("centroid", HALF, 16, (0.5, 0.5)),
        ("centroid", CORNER, 64, (0.4921875, 0.4921875)),
    ],
)
def test_a_uniform_map(operation, position, size, expected):
    """Half a pixel is the middle; without it, 63 / 128 of 64 pixels."""
    assert sum(k / 64 for k in range(64)) / 64 == 0.4921875
    loss = compiled(squared(f"{operation}[y, x]", position)).loss()
    heat = torch.ones(1, 1, size, size, dtype=torch.float64)
    wanted = torch.tensor(expected, dtype=torch.float64).reshape(1, 1, 2)
    assert loss(heat, wanted).item() == pytest.approx(0, abs=1e-24)


@pytest.mark.parametrize(("scale", "weight"), [(1, 4.1e-5), (10, 0.25)])
def test_one_voxel_among_many_needs_a_scale(scale, weight):
    """A one-hot map of 16 x 64 x 64 voxels: the share of the voxel; at 30, it is nearly all."""
    share = math.exp(scale) / (math.exp(scale) + 16 * 64 * 64 - 1)
    assert share == pytest.approx(weight, rel=0.02)
    text = "spec s\ninput heat: real[n, d, h, w]\nparam scale = 30.0\n"
    text += "let hit[b] = softargmax[z, y, x] scale * heat[b, z, y, x] "
    text += "at [z == 3 and y == 5 and x == 7]\nloss sum[b] hit[b]"
    heat = torch.zeros(1, 16, 64, 64, dtype=torch.float64)
    heat[0, 3, 5, 7] = 1
    assert compiled(text).loss(scale=float(scale))(heat).item() == pytest.approx(share)
    rest = (16 * 64 * 64 - 1) / (math.exp(30) + 16 * 64 * 64 - 1)
    assert 1e-9 < rest < 1e-8
    assert compiled(text).loss()(heat).item() == pytest.approx(1 - rest, abs=1e-11)


def test_filters_leave_positions_out():
    text = "spec s\ninput x: real[n]\ninput c: bool[n]\n"
    text += "loss (softargmax[i | c[i]] x[i] at i^2) else -1"
    x = torch.tensor([3.0, 1, 2, 5], dtype=torch.float64, requires_grad=True)
    c = torch.tensor([True, False, True, False])
    expected = (torch.tensor([3.0, 2]).double().softmax(0) * torch.tensor([0.0, 4]).double()).sum()
    assert_close(compiled(text).loss()(x, c), expected)
    (found,) = torch.autograd.grad(compiled(text).loss()(x, c), x)
    assert not found[~c].any() and found.sum().abs() < 1e-12
    assert compiled(text).loss()(x, c & False) == -1


def test_a_map_without_places_has_no_mean_position():
    loss = compiled(squared("softargmax[y, x]", HALF)).loss()
    assert loss(torch.zeros(0, 1, 3, 3), torch.zeros(0, 1, 2)) == 0
    with pytest.raises(ValueError, match="L029"):
        loss(torch.zeros(1, 1, 0, 3), torch.zeros(1, 1, 2))
    other = compiled(squared("softargmax[y, x]", HALF, " else (0.5, 0.5)")).loss()
    heat = torch.zeros(1, 1, 0, 3, requires_grad=True)
    value = other(heat, torch.full((1, 1, 2), 0.5))
    assert value == 0


def test_a_metric_of_the_mean_position_is_refactored_as_any_other():
    text = (
        f"{HEAD}let q[b, j] = softargmax[y, x] 30 * heat[b, j, y, x] at (x, y)\n"
        "evaluate mean[b, j] [distance(q[b, j], wanted[b, j]) <= 1] else 0\n"
        "surrogate interpolation substitute\n"
    )
    heat = torch.zeros(1, 2, 4, 4, requires_grad=True)
    with torch.no_grad():
        heat[0, 0, 1, 2], heat[0, 1, 0, 0] = 1, 1
    wanted = torch.tensor([[[2.0, 1.5], [3.0, 3.0]]])
    loss = compiled(text).loss()
    assert loss.metric(heat, wanted) == 0.5
    (found,) = torch.autograd.grad(loss(heat, wanted), heat)
    assert found.isfinite().all() and found.any()


def test_the_recorded_coordinate_of_a_marginal(root):
    """The position (c + 0.5) / C on [0, 1], forward and backward."""
    path = root.parent / "shared" / "golden" / "dev_sample.json"
    if not path.is_file():
        pytest.skip("the recorded numbers are not here")
    layers = json.loads(path.read_text(encoding="utf-8"))["caffe_layers"]
    (record,) = (one for one in layers if one["key"] == "l021")
    share = torch.tensor(record["bottom0"], dtype=torch.float64)
    text = "spec s\ninput score: real[n, w]\n"
    text += "let place[b] = softargmax[c] score[b, c] at ((c + 0.5) / w)\nloss sum[b] place[b]"
    scores = share.log().requires_grad_()  # whose softmax it is
    value = compiled(text).loss()(scores)
    assert value.item() == pytest.approx(record["top"][0][0], abs=1e-12)
    upstream = torch.tensor(record["bdiff0"], dtype=torch.float64)
    whole = share * (upstream - (share * upstream).sum(-1, keepdim=True))  # not its diagonal alone
    assert_close(torch.autograd.grad(value, scores)[0], whole)
