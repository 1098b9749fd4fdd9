"""Multi-term Euclidean losses of an integral pose regressor, against plain torch and the record."""

from __future__ import annotations

import json

import pytest
import torch
from torch.testing import assert_close

from lossc.compiler.compile import compile_spec

N, K, D, H, W = 3, 2, 4, 5, 6


def pair_loss(prediction, target):
    """1 / mean |error| times the sum of squares over the batch size; 0 without error."""
    error = prediction - target
    spread = error.detach().abs().mean()
    return (error**2).sum() / error.shape[0] / spread if spread > 0 else 0 * error.sum()


def euclidean(prediction, target):
    return ((prediction - target) ** 2).sum() / (2 * prediction.shape[0])


def maps(seed):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.rand(shape, generator=generator, dtype=torch.float64)

    return {
        "heatmap_2d": draw(N, K, H, W).requires_grad_(),
        "target_2d": draw(N, K, H, W),
        "heatmap_3d": (draw(N, K, D, H, W) * 0.1).requires_grad_(),
        "target_3d": draw(N, K, D, H, W) * 0.1,
        "joint": draw(N, K, 2),
        "depth": draw(N, K),
    }


def coordinates(values):
    """Soft-argmax of the 3D map at voxel centres, and of the 2D map at pixel corners."""
    prob = (30 * values["heatmap_3d"]).flatten(2).softmax(-1).reshape(N, K, D, H, W)
    x, y, z = ((torch.arange(size).double() + 0.5) / size for size in (W, H, D))
    second = torch.stack([(prob.sum((2, 3)) @ x), (prob.sum((2, 4)) @ y)], -1)
    depth = prob.sum((3, 4)) @ z
    kept = values["heatmap_2d"] * (values["heatmap_2d"] > 0.003)
    mass = kept.sum((2, 3))
    columns, rows = torch.arange(W).double() / W, torch.arange(H).double() / H
    first = torch.stack([(kept.sum(2) @ columns) / mass, (kept.sum(3) @ rows) / mass], -1)
    return second, depth, first


def written_out(name, values):
    plane = values["heatmap_2d"], values["target_2d"]
    volume = values["heatmap_3d"], values["target_3d"]
    if name == "manual":
        return euclidean(*plane) + 0.3 * euclidean(*volume)
    if name == "manual_i1":
        second, depth, _ = coordinates(values)
        maps = euclidean(*plane) + 0.1 * euclidean(*volume)
        return maps + euclidean(second, values["joint"]) + euclidean(depth, values["depth"])
    pairs = [plane, volume]
    if name == "adaptive_i1":
        second, depth, first = coordinates(values)
        pairs += [(second, values["joint"]), (depth, values["depth"]), (first, values["joint"])]
    return sum(pair_loss(*pair) for pair in pairs)


@pytest.mark.parametrize("name", ["manual", "manual_i1", "adaptive_h1", "adaptive_i1"])
@pytest.mark.parametrize("seed", range(4))
def test_value_and_gradient_are_those_of_plain_torch(name, seed):
    one, values = compile_spec(name), maps(seed)
    inputs = {entry.name.id: values[entry.name.id] for entry in one.spec.inputs}
    leaves = [values["heatmap_2d"], values["heatmap_3d"]]
    got, want = one.loss()(**inputs), written_out(name, values)
    assert_close(got, want, rtol=1e-12, atol=0)
    for ours, theirs in zip(
        torch.autograd.grad(got, leaves), torch.autograd.grad(want, leaves), strict=True
    ):
        assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def test_a_pair_without_error_adds_nothing_and_has_no_gradient():
    """0 times infinity is NaN in the published layer."""
    values = maps(0)
    values["target_2d"] = values["heatmap_2d"].detach().clone()
    names = ("heatmap_2d", "target_2d", "heatmap_3d", "target_3d")
    loss = compile_spec("adaptive_h1").loss()(*(values[name] for name in names))
    loss.backward()
    assert_close(loss, pair_loss(values["heatmap_3d"], values["target_3d"]))
    assert values["heatmap_2d"].grad.abs().max() == 0
    assert values["heatmap_3d"].grad.isfinite().all()


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_gradients_balance_whatever_the_scale_of_a_pair(scale):
    """The mean gradient of an element is 2 / n in every pair."""
    values = maps(1)
    with torch.no_grad():
        values["heatmap_3d"] *= scale
        values["target_3d"] *= scale
    names = ("heatmap_2d", "target_2d", "heatmap_3d", "target_3d")
    compile_spec("adaptive_h1").loss()(*(values[name] for name in names)).backward()
    for name in ("heatmap_2d", "heatmap_3d"):
        assert values[name].grad.abs().mean().item() == pytest.approx(2 / N)


def test_the_published_layer_gives_these_numbers(root):
    path = root.parent / "shared" / "golden" / "dev_sample.json"
    if not path.is_file():
        pytest.skip("the recorded numbers are not here")
    layers = json.loads(path.read_text(encoding="utf-8"))["caffe_layers"]
    (record,) = (one for one in layers if one["key"] == "l001")
    shapes = [(3, 1, 4, 4), (3, 1, 4, 4), (3, 1, 4, 4, 4), (3, 1, 4, 4, 4)]
    inputs = [
        torch.tensor(record[f"bottom{place}"], dtype=torch.float64).reshape(shape)
        for place, shape in enumerate(shapes)
    ]
    for place in (0, 2):
        inputs[place].requires_grad_()
    loss = compile_spec("adaptive_h1").loss()(*inputs)
    loss.backward()
    assert loss.item() == pytest.approx(record["top"], abs=1e-12)
    for place in (0, 2):
        want = torch.tensor(record[f"bdiff{place}"], dtype=torch.float64)
        assert_close(inputs[place].grad.reshape(want.shape), want, rtol=0, atol=1e-12)
