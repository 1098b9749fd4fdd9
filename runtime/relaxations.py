"""Step relaxations: smooth stand-ins for [c > 0], one function each.

A step is described by how far the relaxed binary is from the bit that it relaxes, its ``tail``, and
by its ``slope``, the derivative of the relaxed binary by the comparison. Both are even functions of
the comparison, and a tail is computed without a subtraction, so that it is exact for large margins.
All tend to the step as the temperature falls.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lossc.runtime.families import Family, compared


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


def auto_temperature(
    scores: tuple[Tensor, ...], squash: str, limits: tuple[Family, ...] = ()
) -> Tensor:
    """A temperature that follows the comparisons: their spread, less where there are more of them.

    Of scores that are compared with one another it is the standard deviation along the last axis,
    averaged over the others, divided by the fourth root of that axis's length: of 16 scores one
    half of the spread, of 10,000 a tenth. Scores may be near one another and far from what is fixed
    (a threshold), so that of such comparisons it is at least what a share of ``n^(-1/4)`` of them
    do not exceed. Then that share is within one temperature of a tie, as among scores. The largest
    of all is taken. It is detached. Infinite and undefined scores are left out; equal ones, and no
    ones, have the temperature 1.

    Args:
        scores: The live inputs, ``[..., items]``.
        squash: ``sigmoid`` if they are bounded before they are compared, else ``none``.
        limits: Families that compare scores with fixed numbers; ``scores`` do not speak for these.
    """
    found = []
    for value in scores:
        value = value.detach().sigmoid() if squash == "sigmoid" else value.detach()
        found.append(mean_spread(value, known_numbers(value), False))
    for family in limits:
        apart = compared(family, squash).detach()
        found.append(mean_spread(apart, known_numbers(apart) & family.stored, True))
    widest = torch.stack(found).amax()
    return torch.where(widest.isfinite() & (widest > 0), widest, 1)


def known_numbers(value: Tensor) -> Tensor:
    """Where a number is neither undefined, nor infinite, nor the largest one in place of that."""
    return value.abs() < torch.finfo(value.dtype).max


def mean_spread(value: Tensor, known: Tensor, nearest: bool) -> Tensor:
    """The spread of each row over the fourth root of how many are known, averaged over rows.

    Args:
        value: ``[..., items]``.
        known: Where a number counts, in the same shape.
        nearest: Whether it is at least the distance from 0 that a share of ``n^(-1/4)`` of the
            row's numbers do not exceed.
    """
    value = value.float() if value.dtype.itemsize < 4 else value
    if value.numel() == 0:
        return value.new_zeros(())
    value, known = (x.reshape(-1, x.shape[-1] if x.ndim else 1) for x in (value, known))
    value = torch.where(known, value, 0)
    largest = value.abs().amax().clamp_min(torch.finfo(value.dtype).tiny)
    value = value / largest  # no square overflows, and none vanishes
    count = known.sum(-1).to(value.dtype)
    size = count.clamp_min(1)
    off = torch.where(known, value - (value.sum(-1) / size).unsqueeze(-1), 0)
    spread = (off.square().sum(-1) / size).sqrt() / size**0.25
    if nearest:
        inner = (size**0.75).ceil().long().clamp_max(value.shape[-1]) - 1
        ordered = torch.where(known, value.abs(), torch.inf).sort(-1).values
        least = ordered.gather(-1, inner.unsqueeze(-1)).squeeze(-1)
        spread = torch.maximum(spread, torch.where(count > 0, least, 0))
    return spread.sum() / (count > 0).sum().clamp_min(1) * largest


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
