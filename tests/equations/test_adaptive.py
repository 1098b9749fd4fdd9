"""The memo on adaptive Euclidean losses, as arithmetic, and as the published layers compute them.

AdaptiveWeightEucLoss: each pair is weighed by 1 over its mean absolute error over the batch, a
constant to the gradient; the loss is the sum of w_i times the squared error over N.
"""

from __future__ import annotations

import functools
import json
import math

import pytest
import torch
from torch import tensor
from torch.testing import assert_close

import lossc
from lossc.grammar.errors import SpecError

PAIRS = """spec pairs
input a: real[n, d]
input t: target real[n, d]
input b: real[n, e]
input u: target real[n, e]
combine adaptive((a, t), (b, u))
"""
ONE = """spec one
input a: real[n, d]
input t: target real[n, d]
combine adaptive((a, t))
"""


@functools.cache
def compiled(spec):
    return lossc.compile(spec)


def loss_of(spec):
    return compiled(spec).loss()


def double(values):
    return tensor(values, dtype=torch.float64)


def slope(loss, *inputs):
    """The loss, and its gradient by every input that has one."""
    live = [x for x in inputs if x.requires_grad]
    value = loss(*inputs)
    return value.detach(), torch.autograd.grad(value, live)


# ---- the weighted loss


def test_weights_and_loss_of_two_pairs():
    a, b = double([[0.1, -0.1], [0.1, 0.1]]), double([[1.0, 2, 3], [4, 5, 6]])
    loss = loss_of(PAIRS)
    value = loss(a, 0 * a, b, 0 * b)
    sizes = (4 * 0.1) / 4, (1 + 2 + 3 + 4 + 5 + 6) / 6  # mean absolute errors over the batch
    squares = 4 * 0.1**2, 1 + 4 + 9 + 16 + 25 + 36
    weights = 1 / sizes[0], 1 / sizes[1]
    assert_close(value, double(weights[0] * squares[0] / 2 + weights[1] * squares[1] / 2))
    figures = loss.figures()
    assert figures["weight/a"] == pytest.approx(10) and figures["weight/b"] == pytest.approx(2 / 7)
    euclidean = loss_of("euclidean")
    assert_close(euclidean(a, 0 * a), double(squares[0] / (2 * 2)))
    assert_close(euclidean(b, 0 * b), double(squares[1] / (2 * 2)))


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_the_mean_gradient_of_an_element_is_two_over_n_in_every_pair(scale):
    generator = torch.Generator().manual_seed(0)
    n = 5
    a = torch.randn(n, 7, generator=generator, dtype=torch.float64).requires_grad_()
    b = (scale * torch.randn(n, 3, generator=generator, dtype=torch.float64)).requires_grad_()
    _, slopes = slope(loss_of(PAIRS), a, 0 * a.detach(), b, 0 * b.detach())
    for each in slopes:
        assert_close(each.abs().mean(), double(2 / n))


def test_the_loss_is_of_degree_one_and_the_gradient_of_degree_zero():
    a = double([[0.3, -2.0], [1.5, 0.25]]).requires_grad_()
    ten = (10 * a.detach()).requires_grad_()
    loss = loss_of(ONE)
    (value, (once,)), (more, (tenfold,)) = (
        slope(loss, a, 0 * a.detach()),
        slope(loss, ten, 0 * ten.detach()),
    )
    assert_close(more, 10 * value)
    assert_close(tenfold, once)


def test_a_constant_error_gives_it_times_the_number_of_columns():
    error, columns = 0.1, 4
    a = torch.full((6, columns), error, dtype=torch.float64)
    assert_close(loss_of(ONE)(a, 0 * a), double(error * columns))


def test_the_weight_carries_no_gradient():
    """By finite differences with the weight held, and not with it computed anew."""
    a, t = double([[0.3, -2.0], [1.5, 0.25]]).requires_grad_(), torch.zeros(2, 2).double()
    _, (found,) = slope(loss_of(ONE), a, t)
    held = 1 / a.detach().abs().mean()
    step = 1e-6
    for place in ((0, 0), (1, 1)):
        up, down = a.detach().clone(), a.detach().clone()
        up[place] += step
        down[place] -= step
        with_held = held * (up.square().sum() - down.square().sum()) / 2 / (2 * step)
        assert_close(found[place], with_held, rtol=1e-8, atol=0)


def test_h1_is_i1_restricted_to_its_first_two_pairs():
    generator = torch.Generator().manual_seed(1)

    def draw(*shape):
        return torch.rand(shape, generator=generator, dtype=torch.float64)

    plane, volume = draw(2, 3, 5, 6), draw(2, 3, 4, 5, 6)
    inputs = plane, draw(2, 3, 5, 6), volume, draw(2, 3, 4, 5, 6)
    more = draw(2, 3, 2), draw(2, 3)
    five, two = loss_of("adaptive_i1"), loss_of("adaptive_h1")
    five(*inputs, *more)
    two(*inputs)
    (whole, part) = (loss.figures() for loss in (five, two))
    assert part and part == pytest.approx({k: whole[k] for k in part if "share" not in k} | {
        k: v for k, v in part.items() if "share" in k
    })  # fmt: skip
    assert [name for name in five.terms(*inputs, *more)] == [
        "heatmap_2d", "heatmap_3d", "second", "third", "first"
    ]  # fmt: skip


def test_manual_is_the_two_euclidean_losses_at_one_and_three_tenths():
    generator = torch.Generator().manual_seed(2)
    plane = torch.rand(2, 3, 5, 6, generator=generator).double()
    volume = torch.rand(2, 3, 4, 5, 6, generator=generator).double()
    value = loss_of("manual")(plane, 0 * plane, volume, 0 * volume)
    assert_close(value, plane.square().sum() / (2 * 2) + 0.3 * volume.square().sum() / (2 * 2))
    heavier = compiled("manual").loss(weight_3d=0.1)(plane, 0 * plane, volume, 0 * volume)
    assert_close(heavier, plane.square().sum() / 4 + 0.1 * volume.square().sum() / 4)


# ---- what the published layer gets wrong, or lets pass


def test_a_pair_without_error_adds_nothing_and_no_gradient():
    """There, the published layer multiplies 0 by infinity."""
    a, b = double([[1.0, -2.0]]).requires_grad_(), double([[3.0]]).requires_grad_()
    value, (none, some) = slope(loss_of(PAIRS), a, a.detach(), b, 0 * b.detach())
    assert_close(value, double(9 / 3))
    assert torch.equal(none, torch.zeros_like(a)) and some.item() == 2
    tiny = double([[1e-310, 0]]).requires_grad_()  # 1 over it is infinite
    value, (found, _) = slope(loss_of(PAIRS), tiny, 0 * tiny.detach(), b, 0 * b.detach())
    assert value == 3 and torch.equal(found, torch.zeros_like(tiny))


def test_an_empty_batch_is_worth_nothing():
    a = torch.zeros(0, 3, requires_grad=True)
    assert loss_of(ONE)(a, a.detach()) == 0


def test_an_odd_number_of_arrays_is_an_error_with_its_place():
    """The published layer leaves the last blob out in silence."""
    for wrong in ("adaptive((a, t), a)", "adaptive((a, t, a))", "adaptive(a, t)", "adaptive()"):
        with pytest.raises(SpecError, match=r"L024.*adaptive\(\) takes") as caught:
            lossc.compile(ONE.replace("adaptive((a, t))", wrong))
        assert caught.value.diagnostics[0].span.line == 4


def test_a_pair_of_any_rank_needs_no_flattening():
    """Of unflattened blobs the published layer reads wrong values."""
    a = torch.rand(3, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    t = torch.rand(3, 2, 4, 5, dtype=torch.float64)
    ranked = ONE.replace("[n, d]", "[n, k, h, w]")
    value, (found,) = slope(loss_of(ranked), a, t)
    flat = a.detach().flatten(1).requires_grad_()
    other, (wanted,) = slope(loss_of(ONE), flat, t.flatten(1))
    assert_close(value, other)
    assert_close(found.flatten(1), wanted)


# ---- golden numbers of the layers


@pytest.fixture(scope="module")
def layers(root):
    path = root.parent / "shared" / "golden" / "dev_sample.json"
    if not path.is_file():
        pytest.skip("the recorded numbers are not here")
    return json.loads(path.read_text(encoding="utf-8"))["caffe_layers"]


def test_the_recorded_numbers_of_the_layers(layers):
    """Forward to 1e-6, the adaptive one forward and backward to 1e-12."""
    found = {"AdaptiveWeightEucLoss": 0, "EuclideanLoss": 0}
    for record in layers:
        kind = record.get("layer") or record.get("type")
        if kind not in found:
            continue
        count = sum(key.startswith("bottom") and key[6:].isdigit() for key in record)
        bottoms = [double(record[f"bottom{place}"]) for place in range(count)]
        if kind == "AdaptiveWeightEucLoss" and any(x.ndim != 2 for x in bottoms):
            continue
        names = [f"x{place}" for place in range(count)]
        lines = [
            f"input {name}: {'real' if place % 2 == 0 else 'target real'}[n, d{place // 2}]"
            for place, name in enumerate(names)
        ]
        pairs = [f"({left}, {right})" for left, right in zip(names[::2], names[1::2], strict=True)]
        goal = f"combine adaptive({', '.join(pairs)})"
        if kind == "EuclideanLoss":
            goal = "term whole = euclidean(x0, x1)\ncombine whole"
        loss = loss_of("\n".join(["spec layer", *lines, goal]))
        flat = [x.reshape(x.shape[0], -1) for x in bottoms]
        for place in range(0, count, 2):
            flat[place].requires_grad_()
        value = loss(*flat)
        if math.isnan(record["top"]):
            assert value.isfinite()
            continue
        exact = 1e-12 if kind == "AdaptiveWeightEucLoss" else 1e-6
        assert value.item() == pytest.approx(record["top"], rel=exact, abs=exact)
        slopes = torch.autograd.grad(value, flat[::2])
        for place, each in zip(range(0, count, 2), slopes, strict=True):
            wanted = double(record[f"bdiff{place}"]).reshape(each.shape)
            assert_close(each, wanted, rtol=0, atol=exact)
        found[kind] += 1
    assert found["AdaptiveWeightEucLoss"]
