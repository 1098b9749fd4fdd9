"""Inverse distance weighting between anchors of any kind, in one pass over the comparisons."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from lossc.runtime.anchors import dense_row_counts
from lossc.runtime.families import Family, binaries_of, compared


def interpolate_between(
    families: tuple[Family, ...],
    metric: Callable[[Tensor], Tensor],
    relax: Callable[[Tensor, Tensor | float], tuple[Tensor, Tensor]],
    draw: Callable[[Standing], DrawnAnchors],
    best: Tensor | None,
    temperature: Tensor | float,
    squash: str,
    power: float,
    gradient: str,
    weigh: Callable[[Tensor, Tensor, float, str], tuple[Tensor, Tensor, Tensor]],
) -> Tensor:
    """The metric interpolated between anchors of any kind; ``draw`` samples them."""
    comparisons = end_to_end([compared(family, squash).reshape(-1) for family in families])
    now = end_to_end([binaries_of(family).reshape(-1) for family in families])
    if comparisons.shape[0] == 0:  # an empty batch: the metric of nothing, which nothing moves
        return metric(dense_row_counts(families, now)) + comparisons.sum()
    with torch.no_grad():
        stored = end_to_end([family.stored.reshape(-1) for family in families])
        tail, slope = relax(comparisons.detach().abs(), temperature)
        standing = where_we_stand(tail, stored, now, best)
        anchors = draw(standing)
    metrics = metric(anchors.rows).to(standing.tail.dtype)
    with torch.no_grad():
        value, pulls, shares = weigh(anchors.squared, metrics, power, gradient)
        slope = slope_towards(standing, anchors.along(standing, pulls), pulls) * slope
    result = attach_gradient(comparisons, value, slope)
    if metrics.requires_grad:  # the metric has continuous parts besides its decisions
        result = result + shares.dot(metrics - metrics.detach())
    return result


def end_to_end(parts: list[Tensor]) -> Tensor:
    """The parts of all families in one; the only one as it is, without a copy."""
    return parts[0] if len(parts) == 1 else torch.cat(parts)


class Standing(NamedTuple):
    """Where the current scores stand among the configurations; all are ``[L]``, over all places.

    Args:
        stored: Where there is a comparison.
        now: The current configuration.
        wrong: Where it differs from the best one.
        kept: 1 where there is a comparison, else 0.
        tail: How far the relaxed binary is from the current one, at most 1/2.
        excess: What differing in this bit adds to a squared distance: 1 - 2 tail.
    """

    stored: Tensor
    now: Tensor
    wrong: Tensor
    kept: Tensor
    tail: Tensor
    excess: Tensor


def where_we_stand(tail: Tensor, stored: Tensor, now: Tensor, best: Tensor | None) -> Standing:
    """Compares the current configuration with the relaxed one, and with the best one."""
    kept = stored.to(tail.dtype)
    tail = tail * kept
    wrong = stored & ~now if best is None else stored & (now != best)
    return Standing(stored, now, wrong, kept, tail, torch.sub(kept, tail, alpha=2))


class DrawnAnchors(Protocol):
    """Sampled anchors: their row counts, ``[t, R]``, and squared distances, ``[t]``."""

    @property
    def rows(self) -> Tensor: ...

    @property
    def squared(self) -> Tensor: ...

    def along(self, standing: Standing, pulls: Tensor) -> Tensor:
        """For each bit the sum of the pulls of anchors that differ from the current one: ``[L]``.

        Args:
            standing: Where the current scores stand.
            pulls: ``[t]``, of the anchors.
        """
        ...


def slope_towards(standing: Standing, along: Tensor, pulls: Tensor) -> Tensor:
    """The sum over anchors of ``pull * (u - anchor)``, bit by bit: ``[L]``.

    With s = +1 where the current bit is 1 and -1 where it is 0, u - now = -s tail, and an anchor
    that differs from the current bit adds s.
    """
    along = along - standing.tail * pulls.sum()
    return torch.where(standing.now, along, -along) * standing.kept


def idw_weights(
    squared: Tensor, values: Tensor, power: float, gradient: str
) -> tuple[Tensor, Tensor, Tensor]:
    """The interpolated value, and what each anchor has to do with it.

    Args:
        squared: ``[t]``, squared distances, not negative.
        values: ``[t]``, the metric at each anchor.
        power: Shepard's power.
        gradient: ``exact``, ``improving``, ``published`` or ``attract``.

    Returns:
        The value, a scalar; the factor of ``u - a_k`` in its gradient, ``[t]``; and the share of
        each anchor in it, ``[t]``.
    """
    tiny = torch.finfo(squared.dtype).tiny
    squared = squared.clamp_min(tiny)
    nearest = squared.amin()
    # scaled so that none overflows; an anchor at distance 0 leaves nothing to the others
    weights = (nearest / squared) ** (power / 2)
    total = weights.sum()
    value = weights.dot(values) / total
    shift = {"exact": -1, "improving": -1, "published": 1, "attract": 0}[gradient]
    pulls = values + shift * value
    if gradient == "improving":  # nothing is pushed away from what is worse
        pulls = pulls.clamp_min(0)
    pulls = pulls * weights / (total * squared)
    return value, pulls * (-power * (nearest > tiny)), weights / total


def weights_without_best(
    squared: Tensor, values: Tensor, power: float, gradient: str
) -> tuple[Tensor, Tensor, Tensor]:
    """The same where the best configuration, the first of the anchors, is none of them.

    Raises:
        ValueError: There is no other anchor.
    """
    if squared.shape[0] < 2:
        raise ValueError("without the best configuration good, bad or nearby must be above 0")
    value, pulls, shares = idw_weights(squared[1:], values[1:], power, gradient)
    none = torch.zeros_like(pulls[:1])
    return value, torch.cat([none, pulls]), torch.cat([none, shares])


class AttachGradient(torch.autograd.Function):
    """A value with a gradient that was computed along with it."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx, comparisons: Tensor, value: Tensor, slope: Tensor
    ) -> Tensor:
        """Returns ``value`` and keeps ``slope`` for the way back."""
        ctx.save_for_backward(slope)
        return value.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(
        ctx: torch.autograd.function.FunctionCtx, grad: Tensor
    ) -> tuple[Tensor, None, None]:
        """The kept gradient, scaled; it has no derivative of its own."""
        (slope,) = ctx.saved_tensors  # type: ignore[attr-defined]
        return grad * slope, None, None


def attach_gradient(comparisons: Tensor, value: Tensor, slope: Tensor) -> Tensor:
    """``value`` as a function of ``comparisons`` whose gradient is ``slope``."""
    attached: Tensor = AttachGradient.apply(  # type: ignore[no-untyped-call]
        comparisons, value, slope
    )
    return attached
