"""Inverse distance weighting over anchors in O(inputs): the fast path of ``lossc.runtime.idw``."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from lossc.runtime.anchors import (
    dense_row_counts,
    flipped_rows,
    pick_among,
    random_binaries,
    random_row_counts,
    words_of_bits,
    words_of_counts,
)
from lossc.runtime.counter import random_words
from lossc.runtime.families import Family, binaries_of, compared


def interpolate_idw(
    families: tuple[Family, ...],
    metric: Callable[[Tensor], Tensor],
    relax: Callable[[Tensor, Tensor | float], tuple[Tensor, Tensor]],
    seed: Tensor,
    step: Tensor,
    best: Tensor | None = None,
    temperature: Tensor | float = 1.0,
    squash: str = "none",
    good: int = 16,
    bad: int = 16,
    nearby: int = 16,
    power: float = 1.0,
    gradient: str = "exact",
    bits: str = "auto",
) -> Tensor:
    r"""The interpolated metric, differentiable in the scores.

    Anchors are described by how they differ from the current configuration: d^2 to the latter is
    the sum of min(u, 1 - u)^2, and each differing bit adds 1 - 2 min(u, 1 - u), which loses no
    digits. One pass over the comparisons and a few corrections give value and gradient.

    Source: UniLoss (Liu, Wang, Deng 2020), section 3.4 and eq. 10; the gradient rules are those of
    ``lossc.runtime.reference.idw_gradient``.

    Args:
        families: The comparisons.
        metric: The metric of row counts, ``[t, R] -> [t]``.
        relax: The step relaxation, such as ``sigmoid_step``. It never reaches 0 or 1.
        seed: Scalar int64.
        step: Scalar int64; anchors are drawn anew for every step.
        best: ``[L]``, bool: the best configuration at all dense places; ``None`` if all
            comparisons are won.
        temperature: Of the step, in the units of the (squashed) scores.
        squash: ``sigmoid`` bounds the scores before they are compared, ``none`` does not.
        good: Anchors one flip away from the best.
        bad: Anchors of fair random bits.
        nearby: Anchors that correct one wrong bit of the current configuration.
        power: Shepard's power.
        gradient: ``exact``, ``improving``, ``published`` or ``attract``.
        bits: ``drawn`` takes the distance to a bad anchor from its bits, ``expected`` from its
            mean over the bits, ``auto`` draws below 64 comparisons.

    Returns:
        A scalar. Where the metric has continuous parts besides its decisions, they keep their own
        gradient.
    """
    comparisons = end_to_end([compared(family, squash).reshape(-1) for family in families])
    now = end_to_end([binaries_of(family).reshape(-1) for family in families])
    if comparisons.shape[0] == 0:  # an empty batch: the metric of nothing, which nothing moves
        return metric(dense_row_counts(families, now)) + comparisons.sum()
    with torch.no_grad():
        stored = end_to_end([family.stored.reshape(-1) for family in families])
        tail, slope = relax(comparisons.detach().abs(), temperature)
        standing = where_we_stand(tail, stored, now, best)
        drawn = bits == "drawn" or (bits == "auto" and stored.shape[0] < 64)
        anchors = sample_anchors(families, standing, best, seed, step, (good, nearby, bad), drawn)
    metrics = metric(anchors.rows).to(standing.tail.dtype)
    with torch.no_grad():
        value, pulls, shares = idw_weights(anchors.squared, metrics, power, gradient)
        slope = slope_towards(standing, anchors, pulls, (good, nearby, bad)) * slope
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


class Anchors(NamedTuple):
    """Sampled anchors in the order best, good, nearby, bad, by what distinguishes them.

    Args:
        good_at: ``[good]``, the bit in which each good anchor differs from the best configuration.
        near_at: ``[nearby]``, the bit in which each nearby one differs from the current one.
        rows: ``[t, R]``, row counts of all.
        squared: ``[t]``, squared distances from the relaxed binaries.
        differ: ``[bad, L]``, 1 where a bad anchor differs from the current configuration, where its
            bits were drawn; else ``None``.
    """

    good_at: Tensor
    near_at: Tensor
    rows: Tensor
    squared: Tensor
    differ: Tensor | None


def sample_anchors(
    families: tuple[Family, ...],
    standing: Standing,
    best: Tensor | None,
    seed: Tensor,
    step: Tensor,
    counts: tuple[int, int, int],
    drawn: bool,
) -> Anchors:
    """Draws the anchors of a step; ``counts`` are those of good, nearby and bad ones."""
    stored, now, wrong, kept, tail, excess = standing
    good, nearby, bad = counts
    width = words_of_bits(families) if drawn else words_of_counts(families)
    words = random_words(seed, step, good + nearby + bad * width)
    flips, bad_words = words[: good + nearby], words[good + nearby :].reshape((bad, width))
    # good anchors flip the best configuration anywhere; nearby ones correct a wrong bit, if any
    good_at = pick_among(flips[:good], stored)
    near_at = pick_among(flips[good:], wrong | (stored & ~wrong.any()))

    # squared distances, all as the current one plus the bits that differ: no digits are lost
    current = tail.dot(tail)
    best_distance = current + excess.dot(wrong.to(excess.dtype))
    wrong_good, excess_good = wrong[good_at], excess[good_at]
    good_distance = best_distance + torch.where(wrong_good, -excess_good, excess_good)
    near_distance = current + excess[near_at]

    now_rows = dense_row_counts(families, now)
    best_rows = dense_row_counts(families, stored if best is None else best & stored)
    flipped_at = torch.cat([good_at, near_at])
    gain = (1 - 2 * now.long()[flipped_at]) * stored.any()  # what a flip of the current bit wins
    gain[:good] *= 1 - 2 * wrong_good.long()
    before = torch.cat([best_rows.expand(good, -1), now_rows.expand(nearby, -1)])
    rows = [best_rows.unsqueeze(0), flipped_rows(families, before, flipped_at, gain)]
    differ = None
    bad_distance = (current + (kept.sum() - 2 * tail.sum()) / 2).expand(bad)
    if drawn:
        bits_of_bad = random_binaries(families, bad_words)
        rows.append(dense_row_counts(families, bits_of_bad))
        differ = ((bits_of_bad != now) & stored).to(excess.dtype)
        bad_distance = current + (differ * excess).sum(-1)
    else:
        rows.append(random_row_counts(families, bad_words))
    squared = torch.cat([best_distance.unsqueeze(0), good_distance, near_distance, bad_distance])
    return Anchors(good_at, near_at, torch.cat(rows), squared, differ)


def slope_towards(
    standing: Standing, anchors: Anchors, pulls: Tensor, counts: tuple[int, int, int]
) -> Tensor:
    """The sum over anchors of ``pull * (u - anchor)``, bit by bit: ``[L]``.

    With s = +1 where the current bit is 1 and -1 where it is 0, u - now = -s tail, and an anchor
    that differs from the current bit adds s.
    """
    now, wrong, kept, tail = standing.now, standing.wrong, standing.kept, standing.tail
    to_best, to_good, to_near, to_bad = torch.split(pulls, [1, *counts])
    along = wrong.to(tail.dtype) * (to_best.sum() + to_good.sum()) - tail * pulls.sum()
    along.index_add_(0, anchors.good_at, torch.where(wrong[anchors.good_at], -to_good, to_good))
    along.index_add_(0, anchors.near_at, to_near)
    if anchors.differ is None:
        along += kept * (to_bad.sum() / 2)
    else:
        along += (to_bad.unsqueeze(-1) * anchors.differ).sum(0)
    return torch.where(now, along, -along) * kept


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
