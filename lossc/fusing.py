"""Fused kernels where they pay: torch.compile for a loss, if it is measured to be faster."""

from __future__ import annotations

import copy
import statistics
import warnings
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.benchmark import Timer


class Fusing(NamedTuple):
    """What ``fuse`` measured, and did.

    Args:
        fused: Whether the loss runs fused kernels from now on.
        eager_ms: Forward and backward as it was, a median in milliseconds.
        fused_ms: The same with fused kernels; ``None`` where they could not be had or were wrong.
        reason: Why, in words.
    """

    fused: bool
    eager_ms: float
    fused_ms: float | None
    reason: str


def fuse(
    loss: nn.Module, *inputs: Tensor | None, gain: float = 1.2, seconds: float = 0.2
) -> Fusing:
    """Compiles a loss in place if that makes it faster on a batch like this one.

    A loss of a small batch is hundreds of small operations; ``torch.compile`` makes a few of them
    where sizes allow it, and is slower elsewhere, so both are measured: forward and backward, in
    turns. Compiling takes seconds to a minute, once. The loss keeps its parameters, buffers and
    their names; the measurement draws no random numbers of its own. When fused, inputs are no
    longer checked (see ``validate``): compiled code cannot raise for what it finds in a tensor.

    Args:
        loss: The loss; any module that returns a scalar.
        inputs: A batch, on the device and in the dtypes of training. Those that require a gradient
            get one; if none does, all of floating dtype. They are not changed.
        gain: How many times faster it must be.
        seconds: How long to measure each of both, in each of three turns.

    Returns:
        The measurement.

    Raises:
        ValueError: There is no gradient to compute.
    """
    floating = [x for x in inputs if isinstance(x, Tensor) and x.is_floating_point()]
    live = [x for x in floating if x.requires_grad] or floating
    if not live:
        raise ValueError("fuse needs an input of floating dtype, which the loss can be derived by")
    places = [k for k, x in enumerate(inputs) if any(x is y for y in live)]
    eager, fused = copy.deepcopy(loss), copy.deepcopy(loss)
    before = forward_backward(eager, inputs, places)
    try:
        with warnings.catch_warnings(action="ignore"):  # the compiler's own, about itself
            fused.compile()
            after = forward_backward(fused, inputs, places)
            forward_backward(fused, inputs, places)  # buffers that change may compile it again
    except Exception as error:  # the compiler, or what it needs, may fail in any way
        why = (str(error).strip() or type(error).__name__).splitlines()[0]
        return Fusing(False, timed([eager], inputs, places, seconds)[0], None, why)
    eager_ms, fused_ms = timed([eager, fused], inputs, places, seconds)
    for ours, theirs in zip(before, after, strict=True):
        if not torch.allclose(ours, theirs, rtol=1e-3, atol=1e-5, equal_nan=True):
            return Fusing(False, eager_ms, None, "fused kernels give other numbers")
    if eager_ms < gain * fused_ms:
        return Fusing(False, eager_ms, fused_ms, f"less than {gain:g} times faster")
    loss.compile()
    return Fusing(True, eager_ms, fused_ms, f"{eager_ms / fused_ms:.1f} times faster")


def forward_backward(
    loss: nn.Module, inputs: tuple[Tensor | None, ...], places: list[int]
) -> list[Tensor]:
    """The value, and its gradients by the inputs at some places."""
    given = list(inputs)
    leaves = []
    for place in places:
        leaf = inputs[place]
        assert leaf is not None
        given[place] = leaf.detach().requires_grad_()
        leaves.append(given[place])
    value = loss(*given)
    gradients = torch.autograd.grad(value, leaves, allow_unused=True)  # type: ignore[arg-type]
    return [value.detach(), *(g for g in gradients if g is not None)]


def timed(
    losses: list[nn.Module], inputs: tuple[Tensor | None, ...], places: list[int], seconds: float
) -> list[float]:
    """Milliseconds of a forward and backward of each, which take turns."""
    found: list[list[float]] = [[] for _ in losses]
    for _ in range(3):
        for loss, times in zip(losses, found, strict=True):
            names = {"run": forward_backward, "loss": loss, "inputs": inputs, "places": places}
            timer = Timer(
                "run(loss, inputs, places)", globals=names, num_threads=torch.get_num_threads()
            )
            times.append(1e3 * timer.blocked_autorange(min_run_time=seconds).median)
    return [statistics.median(times) for times in found]
