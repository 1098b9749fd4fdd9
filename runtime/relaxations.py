"""Step relaxations: smooth stand-ins for [c > 0], one function each.

A step is described by how far the relaxed binary is from the bit that it relaxes, its ``tail``, and
by its ``slope``, the derivative of the relaxed binary by the comparison. Both are even functions of
the comparison, and a tail is computed without a subtraction, so that it is exact for large margins.
All tend to the step as the temperature falls.
"""

from __future__ import annotations

import torch
from torch import Tensor


def sigmoid_step(margin: Tensor, temperature: Tensor | float) -> tuple[Tensor, Tensor]:
    """The logistic function ``1 / (1 + exp(-c / temperature))``.

    Source: UniLoss (Liu, Wang, Deng 2020), eq. 9.

    Args:
        margin: ``|c|``, not negative, any shape.
        temperature: Positive; in the units of the scores.

    Returns:
        The tail, at most 1/2, and the slope.
    """
    tail = (margin * (-1 / temperature)).sigmoid()
    return tail, (tail - tail * tail) * (1 / temperature)


def laplace_step(margin: Tensor, temperature: Tensor | float) -> tuple[Tensor, Tensor]:
    """The distribution function of the Laplace distribution: tails of ``exp(-|c| / T) / 2``.

    The arguments and the result are those of :func:`sigmoid_step`.
    """
    tail = (margin * (-1 / temperature)).exp() / 2
    return tail, tail * (1 / temperature)


def arctan_step(margin: Tensor, temperature: Tensor | float) -> tuple[Tensor, Tensor]:
    """The distribution function of the Cauchy distribution: ``1/2 + arctan(c / T) / pi``.

    Its tails are so heavy that no comparison loses its gradient, however wrong it is.
    The arguments and the result are those of :func:`sigmoid_step`.
    """
    ratio = margin / temperature
    tail = torch.atan2(torch.ones_like(ratio), ratio) / torch.pi
    return tail, 1 / ((1 + ratio * ratio) * (torch.pi * temperature))


def algebraic_step(margin: Tensor, temperature: Tensor | float) -> tuple[Tensor, Tensor]:
    """``(1 + z / sqrt(1 + z^2)) / 2`` with ``z = c / T``: tails of ``1 / (4 z^2)``.

    The arguments and the result are those of :func:`sigmoid_step`.
    """
    ratio = margin / temperature
    inverse = torch.hypot(ratio, torch.ones_like(ratio)).reciprocal()
    # (1 - s) / 2 with s = z / sqrt(1 + z^2), by way of 1 - s^2 = 1 / (1 + z^2)
    tail = inverse * inverse / (2 * (1 + ratio.clamp_max(1e18) * inverse))
    return tail, inverse * inverse * inverse / (2 * temperature)


def smoothstep_step(margin: Tensor, temperature: Tensor | float) -> tuple[Tensor, Tensor]:
    """The cubic ``3 x^2 - 2 x^3`` with ``x = (c / T + 1) / 2`` from -T to T, constant outside.

    The arguments and the result are those of :func:`sigmoid_step`.
    """
    below = ((1 - margin / temperature) / 2).clamp_min(0)
    return below * below * (3 - 2 * below), 3 * below * (1 - below) / temperature


def hard_sigmoid_step(margin: Tensor, temperature: Tensor | float) -> tuple[Tensor, Tensor]:
    """The line from 0 at -T to 1 at T, constant outside.

    The arguments and the result are those of :func:`sigmoid_step`.
    """
    tail = ((1 - margin / temperature) / 2).clamp_min(0)
    return tail, (tail > 0).to(tail.dtype) / (2 * temperature)


def straight_through_step(margin: Tensor, temperature: Tensor | float) -> tuple[Tensor, Tensor]:
    """The bit itself, with the gradient of the logistic function.

    Source: Bengio, Leonard, Courville 2013, for the estimator as such.
    The arguments and the result are those of :func:`sigmoid_step`; the tail is 0.
    """
    _, slope = sigmoid_step(margin, temperature)
    return torch.zeros_like(slope), slope


def auto_temperature(scores: tuple[Tensor, ...], squash: str) -> Tensor:
    """A temperature that follows the scores: their spread, less where more of them are compared.

    It is the standard deviation along the last axis, averaged over the others, divided by the
    fourth root of that axis's length: of 16 scores one half of the spread, of 10,000 a tenth. It is
    detached. Equal scores have the temperature 1.

    Args:
        scores: The live inputs, ``[..., items]``.
        squash: ``sigmoid`` if they are bounded before they are compared, else ``none``.
    """
    spreads = []
    for value in scores:
        value = value.detach().unsqueeze(0) if value.ndim < 2 else value.detach().flatten(0, -2)
        value = value.sigmoid() if squash == "sigmoid" else value
        value = value.unsqueeze(-1) if value.ndim < 2 else value
        size = max(value.shape[-1], 1)
        middle = value.sum(-1, keepdim=True) / size
        spread = (value - middle).square().sum(-1).div(size).sqrt().sum() / max(value.shape[0], 1)
        spreads.append(spread / size**0.25)
    widest = torch.stack(spreads).amax()
    return torch.where(widest.isfinite() & (widest > 0), widest, 1)


def relaxed_bits(won: Tensor, comparisons: Tensor, tail: Tensor, slope: Tensor) -> Tensor:
    """The relaxed binaries as a function of the comparisons.

    Args:
        won: The bits that are relaxed.
        comparisons: What they are the signs of; the gradient flows to these.
        tail: How far each relaxed binary is from its bit.
        slope: The derivative of each by its comparison.
    """
    relaxed: Tensor = RelaxedBits.apply(  # type: ignore[no-untyped-call]
        comparisons, torch.where(won, 1 - tail, tail), slope
    )
    return relaxed


class RelaxedBits(torch.autograd.Function):
    """Values with the elementwise derivative that was computed along with them."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx, comparisons: Tensor, value: Tensor, slope: Tensor
    ) -> Tensor:
        """Returns ``value`` and keeps ``slope`` for the way back."""
        ctx.save_for_backward(slope)
        return value.view_as(value)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(
        ctx: torch.autograd.function.FunctionCtx, grad: Tensor
    ) -> tuple[Tensor, None, None]:
        """The slopes, scaled; they have no derivatives of their own."""
        (slope,) = ctx.saved_tensors  # type: ignore[attr-defined]
        return grad * slope, None, None
