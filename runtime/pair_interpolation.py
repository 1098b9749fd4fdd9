"""Inverse distance weighting over the configurations of sorted pairs, in O(n log n)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from lossc.runtime.counter import random_words
from lossc.runtime.elements import attach_slopes
from lossc.runtime.interpolation import idw_weights
from lossc.runtime.pair_anchors import (
    FlippedPairs,
    flipped_counts,
    pairs_won_at,
    pick_pairs,
    random_counts,
    rows_stored,
    rows_won,
)
from lossc.runtime.pair_counts import padded_powers
from lossc.runtime.pair_families import PairFamily, RelaxedPairs, squashed_pairs
from lossc.runtime.pair_numbers import pairs_stored, pairs_won
from lossc.runtime.pair_sums import Kernel, pair_sums_left, pair_sums_right
from lossc.runtime.pairs import PairOrder, order_pairs


def interpolate_pairs(
    families: tuple[PairFamily, ...],
    metric: Callable[[Tensor], Tensor],
    relaxed: RelaxedPairs,
    seed: Tensor,
    step: Tensor,
    good: int = 16,
    bad: int = 16,
    nearby: int = 16,
    power: float = 1.0,
    gradient: str = "exact",
) -> Tensor:
    r"""The interpolated metric of pairs, differentiable in the scores.

    It is ``interpolate_idw`` with ``bits = expected``, where all comparisons won are best.
    Distances are sums over all pairs of functions of a comparison, and so is the gradient; both
    come from the order of the scores. Anchors are one flipped pair, or row counts of fair bits.

    Source: UniLoss (Liu, Wang, Deng 2020), section 3.4 and eq. 10.

    Args:
        families: The comparisons, all of them of pairs.
        metric: The metric of row counts, ``[t, R] -> [t]``.
        relaxed: How the comparisons are relaxed; by a sum of exponentials.
        seed: Scalar int64.
        step: Scalar int64; anchors are drawn anew for every step.
        good: Anchors one flip away from the best.
        bad: Anchors of fair random bits, whose distance is the mean over the bits.
        nearby: Anchors that correct one wrong bit of the current configuration.
        power: Shepard's power.
        gradient: ``exact``, ``improving``, ``published`` or ``attract``.

    Returns:
        A scalar. Where the metric has continuous parts besides its decisions, they keep their own
        gradient.
    """
    with torch.no_grad():
        sorted_ = tuple(order_pairs(squashed_pairs(f.pairs, "none")) for f in families)
        there = stand_of_pairs(families, sorted_, relaxed)
        words = random_words(seed, step, 2 * (good + nearby)).reshape(-1, 2)
        flips_good = pick_pairs(sorted_, words[:good], there.stored, lost=False)
        lost = there.stored - there.won
        near = (
            pick_pairs(sorted_, words[good:], lost, lost=True),
            pick_pairs(sorted_, words[good:], there.stored, lost=False),
        )
        some = lost.sum() > 0  # if nothing is wrong, a nearby anchor flips any pair
        flips_near = FlippedPairs(*(torch.where(some, a, b) for a, b in zip(*near, strict=True)))
        singles = [single_pairs(families, flips, relaxed) for flips in (flips_good, flips_near)]
        squared = distances_of_pairs(there, singles, bad)
    metrics = metrics_of_pairs(
        families, sorted_, metric, (flips_good, flips_near), singles[1].won, bad, (seed, step)
    )
    with torch.no_grad():
        value, pulls, shares = idw_weights(squared, metrics.double(), power, gradient)
        to_best, to_good, to_near, to_bad = torch.split(pulls, [1, good, nearby, bad])
        kernel = slope_kernel(relaxed, there, to_best.sum() + to_good.sum(), pulls.sum(), to_bad)
        exists = there.stored.sum() > 0
        along_good = to_good * singles[0].slope * exists
        along_near = to_near * torch.where(singles[1].won, 1, -1) * singles[1].slope * exists
        slopes: list[Tensor] = []
        for place, order in enumerate(there.orders):
            by_left = pair_sums_right(order, kernel, relaxed.temperature).squeeze(0)
            by_right = -pair_sums_left(order, kernel, relaxed.temperature).squeeze(0)
            for flips, along in ((flips_good, along_good), (flips_near, along_near)):
                own = flips.family == place
                change = torch.where(own, along, 0).to(by_left.dtype)
                by_left = added_at(by_left, torch.where(own, flips.left, 0), change)
                by_right = added_at(by_right, torch.where(own, flips.right, 0), -change)
            slopes += [by_left, by_right]
    compared = [squashed_pairs(family.pairs, relaxed.squash) for family in families]
    sides = tuple(side for pairs in compared for side in (pairs.left, pairs.right))
    result = attach_slopes(sides, value.to(sides[0].dtype), *slopes)
    if metrics.requires_grad:  # the metric has continuous parts besides its decisions
        result = result + shares.to(metrics.dtype).dot(metrics - metrics.detach())
    return result


def added_at(values: Tensor, at: Tensor, change: Tensor) -> Tensor:
    """``values`` with ``change`` added at flat positions; of no values, nothing is."""
    if values.numel() == 0:
        return values
    return values.reshape(-1).index_add(0, at, change).reshape(values.shape)


class PairStand(NamedTuple):
    """Where the current scores stand among the configurations.

    Args:
        orders: Of each family, by scores as they are compared.
        stored: ``[families]``, int64: how many pairs each has.
        won: ``[families]``, int64: how many of them are won.
        tail: The sum of all tails, float64.
        squared_tail: That of their squares: the squared distance from the current configuration.
        lost_tail: That of the tails of lost pairs.
    """

    orders: tuple[PairOrder, ...]
    stored: Tensor
    won: Tensor
    tail: Tensor
    squared_tail: Tensor
    lost_tail: Tensor


def stand_of_pairs(
    families: tuple[PairFamily, ...], sorted_: tuple[PairOrder, ...], relaxed: RelaxedPairs
) -> PairStand:
    """Counts and sums over all pairs of all families."""
    like = families[0].pairs.left
    tail, squared = padded_powers(relaxed, ("tail", "tail_squared"), like)
    none = torch.zeros(3, dtype=torch.float64, device=like.device)
    nothing = torch.zeros_like(tail)
    kernel = Kernel(
        none, torch.stack([tail, squared, nothing]), none, torch.stack([tail, squared, tail])
    )
    orders = tuple(squashed_order(order, relaxed.squash) for order in sorted_)
    totals = torch.zeros(3, dtype=torch.float64, device=like.device)
    for order in orders:
        sums = pair_sums_right(order, kernel, relaxed.temperature)
        totals = totals + sums.double().flatten(1).sum(-1)
    return PairStand(
        orders,
        torch.stack([pairs_stored(order).sum() for order in sorted_]),
        torch.stack([pairs_won(order).sum() for order in sorted_]),
        *totals.unbind(0),
    )


def squashed_order(order: PairOrder, squash: str) -> PairOrder:
    """The same order with scores as they are compared: squashing keeps it, and who wins ties."""
    if squash != "sigmoid":
        return order
    left, right = (side._replace(scores=side.scores.sigmoid()) for side in order)
    return PairOrder(left, right)


class SinglePairs(NamedTuple):
    """Single pairs: whether each is won, its tail, and its slope; ``[t]``, float64."""

    won: Tensor
    tail: Tensor
    slope: Tensor


def single_pairs(
    families: tuple[PairFamily, ...], flips: FlippedPairs, relaxed: RelaxedPairs
) -> SinglePairs:
    """What the pairs that anchors flip are now."""
    won = torch.zeros_like(flips.family, dtype=torch.bool)
    margin = torch.zeros_like(flips.family, dtype=torch.float64)
    for place, family in enumerate(families):
        if not family.pairs.left.numel() or not family.pairs.right.numel():
            continue
        own = flips.family == place
        left, right = torch.where(own, flips.left, 0), torch.where(own, flips.right, 0)
        won = torch.where(own, pairs_won_at(family.pairs, left, right), won)
        pairs = squashed_pairs(family.pairs, relaxed.squash)
        x, y = pairs.left.reshape(-1)[left], pairs.right.reshape(-1)[right]
        margin = torch.where(own, (x - y).abs().double(), margin)
    return SinglePairs(won, *relaxed.relax(margin, relaxed.temperature))


def distances_of_pairs(there: PairStand, singles: list[SinglePairs], bad: int) -> Tensor:
    """Squared distances from the relaxed binaries to all anchors, best, good, nearby and bad."""
    total, lost = there.stored.sum(), (there.stored - there.won).sum()
    best = there.squared_tail + lost - 2 * there.lost_tail
    good, near = singles
    excess = 1 - 2 * good.tail
    fair = there.squared_tail + (total - 2 * there.tail) / 2
    return torch.cat(
        [
            best.reshape(1),
            best + torch.where(good.won, excess, -excess),
            there.squared_tail + 1 - 2 * near.tail,
            fair.expand(bad),
        ]
    )


def metrics_of_pairs(
    families: tuple[PairFamily, ...],
    sorted_: tuple[PairOrder, ...],
    metric: Callable[[Tensor], Tensor],
    flips: tuple[FlippedPairs, FlippedPairs],
    near_won: Tensor,
    bad: int,
    numbers: tuple[Tensor, Tensor],
) -> Tensor:
    """The metric at all anchors, some at a time: row counts of all might fill the memory."""
    with torch.no_grad():
        both = list(zip(families, sorted_, strict=True))
        stored = torch.cat([rows_stored(family, order) for family, order in both])
        now = torch.cat([rows_won(family, order) for family, order in both])
        exists = (stored.sum() > 0).long()
        loses = -exists.expand(flips[0].left.shape[0])
        gains = torch.where(near_won, -exists, exists)
    at_once = max(1, 2**22 // max(stored.shape[0], 1))
    found = [metric(stored.unsqueeze(0))]
    for before, flipped, gain in ((stored, flips[0], loses), (now, flips[1], gains)):
        for start in range(0, gain.shape[0], at_once):
            here = slice(start, start + at_once)
            part = FlippedPairs(*(value[here] for value in flipped))
            with torch.no_grad():
                rows = flipped_counts(families, before, part, gain[here])
            found.append(metric(rows))
    for start in range(0, bad, at_once):
        with torch.no_grad():
            numbered = range(start, min(start + at_once, bad))
            rows = torch.stack([random_counts(stored, *numbers, k) for k in numbered])
        found.append(metric(rows))
    return torch.cat(found)


def slope_kernel(
    relaxed: RelaxedPairs, there: PairStand, to_best: Tensor, pulls: Tensor, to_bad: Tensor
) -> Kernel:
    """The derivative of the interpolated metric by a comparison, but for pairs that anchors flip.

    With s the slope and t the tail: (B / 2 - P t) s where the pair is won, (P t - A - B / 2) s
    where it is lost; A, B and P are the pulls of best and good anchors, of bad ones, and of all.
    """
    like = there.orders[0].left
    name = torch.empty(0, dtype=like.dtype, device=like.scores.device)
    slope, tail_slope = padded_powers(relaxed, ("slope", "tail_slope"), name)
    slope, tail_slope = slope / relaxed.temperature, tail_slope / relaxed.temperature
    half = to_bad.sum() / 2
    won = half * slope - pulls * tail_slope
    lost = pulls * tail_slope - (to_best + half) * slope
    none = torch.zeros(1, dtype=torch.float64, device=slope.device)
    return Kernel(none, won.unsqueeze(0), none, lost.unsqueeze(0))
