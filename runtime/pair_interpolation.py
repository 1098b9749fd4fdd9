"""Inverse distance weighting over the configurations of sorted pairs, in O(n log n)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from lossc.runtime.between import idw_weights
from lossc.runtime.counter import random_words
from lossc.runtime.elements import attach_slopes
from lossc.runtime.pair_anchors import (
    FlippedPairs,
    SpreadPairs,
    flipped_counts,
    pairs_as_picked,
    pick_pairs,
    random_counts,
    rows_stored,
    rows_won,
)
from lossc.runtime.pair_counts import padded_powers
from lossc.runtime.pair_families import PairFamily, RelaxedPairs, squashed_pairs
from lossc.runtime.pair_flips import (
    PairFlips,
    add_slopes_of_flips,
    single_pairs,
    won_of_flips,
)
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
    pick: Callable[
        [
            tuple[PairFamily, ...],
            tuple[PairOrder, ...],
            tuple[str, ...],
            Tensor,
            Tensor,
            bool,
        ],
        FlippedPairs,
    ] = pick_pairs,
    spread: Callable[
        [tuple[PairFamily, ...], tuple[str, ...], FlippedPairs, Tensor], SpreadPairs
    ] = pairs_as_picked,
    sides: tuple[str, ...] = (),
    weigh: Callable[[Tensor, Tensor, float, str], tuple[Tensor, Tensor, Tensor]] = idw_weights,
) -> Tensor:
    r"""The interpolated metric of pairs, differentiable in the scores.

    It is ``interpolate_idw`` with ``bits = expected``, where all comparisons won are best.
    Distances are sums over all pairs of functions of a comparison, and so is the gradient; both
    come from the order of the scores. Anchors are some flipped pairs, or row counts of fair bits.

    Source: UniLoss (Liu, Wang, Deng 2020), section 3.4 and eq. 10.

    Args:
        families: The comparisons, all of them of pairs.
        metric: The metric of row counts, ``[t, R] -> [t]``.
        relaxed: How the comparisons are relaxed; by a sum of exponentials.
        seed: Scalar int64.
        step: Scalar int64; anchors are drawn anew for every step.
        good: Anchors that differ a little from the best.
        bad: Anchors of fair random bits, whose distance is the mean over the bits.
        nearby: Anchors that correct something wrong of the current configuration.
        power: Shepard's power.
        gradient: ``exact``, ``improving``, ``published`` or ``attract``.
        pick: What good and nearby anchors flip: ``pick_pairs`` or ``pick_pair_lines``.
        spread: The pairs of what was picked: ``pairs_as_picked`` or ``pairs_of_lines``.
        sides: For lines, whose items number those of each family: ``left`` or ``right``.
        weigh: ``idw_weights``, or ``weights_without_best``.

    Returns:
        A scalar. Where the metric has continuous parts besides its decisions, they keep their own
        gradient.
    """
    with torch.no_grad():
        sorted_ = tuple(order_pairs(squashed_pairs(f.pairs, "none")) for f in families)
        there = stand_of_pairs(families, sorted_, relaxed)
        words = random_words(seed, step, 2 * (good + nearby)).reshape(-1, 2)
        lost = there.stored - there.won
        near = (
            pick(families, sorted_, sides, words[good:], lost, True),
            pick(families, sorted_, sides, words[good:], there.stored, False),
        )
        some = lost.sum() > 0  # if nothing is wrong, a nearby anchor flips any pairs
        flips_near = FlippedPairs(*(torch.where(some, a, b) for a, b in zip(*near, strict=True)))
        flips_good = pick(families, sorted_, sides, words[:good], there.stored, False)
        exists = there.stored.sum() > 0
        flips = (
            PairFlips(families, sides, flips_good, some & ~some, exists, spread),
            PairFlips(families, sides, flips_near, some, exists, spread),
        )
        squared = distances_of_pairs(there, flips, relaxed, bad)
    metrics = metrics_of_pairs(sorted_, metric, flips, bad, (seed, step))
    with torch.no_grad():
        value, pulls, shares = weigh(squared, metrics.double(), power, gradient)
        to_best, to_good, to_near, to_bad = torch.split(pulls, [1, good, nearby, bad])
        kernel = slope_kernel(relaxed, there, to_best.sum() + to_good.sum(), pulls.sum(), to_bad)
        slopes = slopes_of_kernel(there, kernel, relaxed)
        add_slopes_of_flips(slopes, flips, (to_good, to_near), relaxed)
    return attach_to_pairs(families, relaxed, value, slopes, metrics, shares)


def slopes_of_kernel(there: PairStand, kernel: Kernel, relaxed: RelaxedPairs) -> list[Tensor]:
    """A derivative by comparisons as one by scores: left and right ones of each family."""
    slopes = []
    for order in there.orders:
        slopes.append(pair_sums_right(order, kernel, relaxed.temperature).squeeze(0))
        slopes.append(-pair_sums_left(order, kernel, relaxed.temperature).squeeze(0))
    return slopes


def attach_to_pairs(
    families: tuple[PairFamily, ...],
    relaxed: RelaxedPairs,
    value: Tensor,
    slopes: list[Tensor],
    metrics: Tensor,
    shares: Tensor,
) -> Tensor:
    """The interpolated value as a function of the scores, and of the metric's continuous parts."""
    compared = [squashed_pairs(family.pairs, relaxed.squash) for family in families]
    sides = tuple(side for pairs in compared for side in (pairs.left, pairs.right))
    result = attach_slopes(sides, value.to(sides[0].dtype), *slopes)
    if metrics.requires_grad:  # the metric has continuous parts besides its decisions
        result = result + shares.to(metrics.dtype).dot(metrics - metrics.detach())
    return result


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


def distances_of_pairs(
    there: PairStand, flips: tuple[PairFlips, PairFlips], relaxed: RelaxedPairs, bad: int
) -> Tensor:
    """Squared distances from the relaxed binaries to all anchors, best, good, nearby and bad."""
    total, lost = there.stored.sum(), (there.stored - there.won).sum()
    current, missing = there.squared_tail, lost - 2 * there.lost_tail
    found = [(current + missing).reshape(1)]
    for here in flips[0].parts():
        pairs = flips[0].pairs(here)
        single = single_pairs(flips[0].families, pairs, relaxed)
        excess = (1 - 2 * single.tail) * pairs.flips
        # of lost pairs an anchor differs where it does not flip; none has to leave exactly 0
        rest = (missing - (excess * ~single.won).sum(-1)).clamp_min(0)
        righted = (pairs.flips & ~single.won).sum(-1)
        found.append(current + torch.where(lost > righted, rest, 0) + (excess * single.won).sum(-1))
    for here in flips[1].parts():
        pairs = flips[1].pairs(here)
        single = single_pairs(flips[1].families, pairs, relaxed)
        found.append(current + ((1 - 2 * single.tail) * pairs.flips).sum(-1))
    found.append((current + (total - 2 * there.tail) / 2).expand(bad))
    return torch.cat(found)


def metrics_of_pairs(
    sorted_: tuple[PairOrder, ...],
    metric: Callable[[Tensor], Tensor],
    flips: tuple[PairFlips, PairFlips],
    bad: int,
    numbers: tuple[Tensor, Tensor],
) -> Tensor:
    """The metric at all anchors, some at a time: row counts of all might fill the memory."""
    families = flips[0].families
    with torch.no_grad():
        both = list(zip(families, sorted_, strict=True))
        stored = torch.cat([rows_stored(family, order) for family, order in both])
        now = torch.cat([rows_won(family, order) for family, order in both])
    found = [metric(stored.unsqueeze(0))]
    for number, before in enumerate((stored, now)):
        for here in flips[number].parts(stored.shape[0]):
            with torch.no_grad():
                pairs = flips[number].pairs(here)
                gains = torch.where(won_of_flips(families, pairs), -1, 1) if number else -1
                rows = flipped_counts(families, before, pairs, gains * pairs.flips)
            found.append(metric(rows))
    found += metrics_by_number(metric, lambda k: random_counts(stored, *numbers, k), bad, stored)
    return torch.cat(found)


def metrics_by_number(
    metric: Callable[[Tensor], Tensor],
    draw: Callable[[int], Tensor],
    count: int,
    like: Tensor,
) -> list[Tensor]:
    """The metric at anchors whose row counts ``draw`` gives by number, some at a time."""
    at_once = max(1, 2**22 // max(like.shape[0], 1))
    found = []
    for start in range(0, count, at_once):
        with torch.no_grad():
            numbered = range(start, min(start + at_once, count))
            rows = torch.stack([draw(number) for number in numbered])
        found.append(metric(rows))
    return found


def slope_kernel(
    relaxed: RelaxedPairs,
    there: PairStand,
    to_best: Tensor,
    pulls: Tensor,
    to_bad: Tensor,
    to_won: Tensor | float = 0.0,
    to_lost: Tensor | float = 0.0,
) -> Kernel:
    """The derivative of the interpolated metric by a comparison, but for pairs that anchors flip.

    With s the slope and t the tail: (B / 2 + W - P t) s where the pair is won, and
    (P t - A - B / 2 + V) s where it is lost.

    Args:
        relaxed: Gives s and t.
        there: Where the scores stand.
        to_best: A, the pulls of best and good anchors.
        pulls: P, those of all.
        to_bad: B, those of bad ones: ``[bad]``.
        to_won: W, that by anchors of flipped shares where the pair is won.
        to_lost: V, the same where it is lost.
    """
    like = there.orders[0].left
    name = torch.empty(0, dtype=like.dtype, device=like.scores.device)
    slope, tail_slope = padded_powers(relaxed, ("slope", "tail_slope"), name)
    slope, tail_slope = slope / relaxed.temperature, tail_slope / relaxed.temperature
    half = to_bad.sum() / 2
    won = (half + to_won) * slope - pulls * tail_slope
    lost = pulls * tail_slope - (to_best + half - to_lost) * slope
    none = torch.zeros(1, dtype=torch.float64, device=slope.device)
    return Kernel(none, won.unsqueeze(0), none, lost.unsqueeze(0))
