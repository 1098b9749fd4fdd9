"""Weightings as `combine` has them: in a compiled loss, whose terms other code can have too."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

import lossc
from lossc.runtime.weightings import WEIGHTINGS
from tests.runtime.weightings import NAMES, make

SPEC = """spec two
input plane: real[n, k]
input plane_goal: target real[n, k]
input volume: real[n, d]
input volume_goal: target real[n, d]
term flat = euclidean(plane, plane_goal)
term deep = 100 * mean[i in n, j] abs(volume[i, j] - volume_goal[i, j])
combine 0.5 * WEIGHTING(flat, deep)
"""


def batch(seed):
    generator = torch.Generator().manual_seed(seed)
    shapes = ((4, 3), (4, 3), (4, 5), (4, 5))
    drawn = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]
    return [value.requires_grad_(place % 2 == 0) for place, value in enumerate(drawn)]


def compiled(name):
    return lossc.compile(SPEC.replace("WEIGHTING", name))


def written_out(weighting, plane, plane_goal, volume, volume_goal):
    flat = (plane - plane_goal).square().sum() / (2 * len(plane))
    deep = 100 * (volume - volume_goal).abs().mean()
    return 0.5 * weighting(torch.stack([flat, deep]), (plane, volume))


@pytest.mark.parametrize("name", NAMES)
def test_a_loss_is_what_plain_torch_makes_of_its_terms(name):
    loss, weighting = compiled(name).loss(), make(name, 2)
    for step in range(6):
        loss.set_epoch(step // 2)
        if WEIGHTINGS[name].told_epochs:
            weighting.set_epoch(step // 2)
        inputs = batch(step)
        got, want = loss(*inputs), written_out(weighting, *inputs)
        assert_close(got, want)
        live = [inputs[0], inputs[2]]
        for mine, theirs in zip(
            torch.autograd.grad(got, live), torch.autograd.grad(want, live), strict=True
        ):
            assert_close(mine, theirs)
    assert len(list(loss.parameters())) == WEIGHTINGS[name].learns
    fresh = compiled(name).loss()
    fresh.load_state_dict(loss.state_dict())
    inputs = batch(9)
    assert torch.equal(fresh(*inputs), loss(*inputs))


@pytest.mark.parametrize("name", NAMES)
def test_inputs_without_gradient_are_only_measured(name):
    loss = compiled(name).loss()
    plain = [value.detach() for value in batch(0)]
    assert torch.equal(loss(*plain), loss.eval()(*plain))


@pytest.mark.parametrize("name", ["gradnorm", "block_normalized", "dynamic_task_priority"])
def test_a_compiled_network_with_the_loss_in_it_learns_the_same(name):
    """Traced, gradients would be measured at copies of the inputs, and be none."""
    one, two = compiled(name).loss(), compiled(name).loss()

    def step(loss, plane, plane_goal, volume, volume_goal):
        return loss(2 * plane, plane_goal, volume.sin(), volume_goal)

    traced = torch.compile(step, backend="eager")
    for seed in range(3):
        inputs = batch(seed)
        got, want = traced(two, *inputs), step(one, *inputs)
        assert_close(got, want, rtol=1e-12, atol=0)
        assert_close(*(torch.autograd.grad(value, inputs[0])[0] for value in (got, want)))


def test_gradients_can_be_measured_elsewhere():
    loss = compiled("block_normalized").loss()
    layer = torch.nn.Linear(3, 3).double()
    loss.shared = [layer.weight]
    inputs = batch(0)
    plane = layer(inputs[0])
    (gradient,) = torch.autograd.grad(loss(plane, *inputs[1:]), layer.weight)
    assert gradient.norm().item() == pytest.approx(0.5)
    with pytest.raises(ValueError, match="no term depends on these tensors"):
        loss(*inputs)
