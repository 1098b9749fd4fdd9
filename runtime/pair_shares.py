"""Anchors of sorted pairs that flip a random share of them, from one half to about one pair."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lossc.runtime.between import idw_weights
from lossc.runtime.counter import random_words
from lossc.runtime.flipped_shares import flip_share, thinned_counts
from lossc.runtime.pair_anchors import random_counts, rows_stored, rows_won
from lossc.runtime.pair_families import PairFamily, RelaxedPairs, squashed_pairs
from lossc.runtime.pair_interpolation import (
    attach_to_pairs,
    metrics_by_number,
    slope_kernel,
    slopes_of_kernel,
    stand_of_pairs,
)
from lossc.runtime.pairs import order_pairs


def interpolate_pair_shares(
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
    weigh: Callable[[Tensor, Tensor, float, str], tuple[Tensor, Tensor, Tensor]] = idw_weights,
) -> Tensor:
    """``interpolate_shares`` with ``bits = expected``, in O(n log n): no pair is written out.

    Distances to all anchors but the best one are their means, and row counts are binomial.

    The arguments and the result are those of ``interpolate_pairs``.
    """
    with torch.no_grad():
        sorted_ = tuple(order_pairs(squashed_pairs(f.pairs, "none")) for f in families)
        there = stand_of_pairs(families, sorted_, relaxed)
        total, lost = there.stored.sum(), (there.stored - there.won).sum()
        some = lost > 0  # if nothing is wrong, a nearby anchor flips any pairs
        words = random_words(seed, step, good + nearby)
        to_good = flip_share(words[:good], total)
        to_near = flip_share(words[good:], torch.where(some, lost, total))
        both = list(zip(families, sorted_, strict=True))
        stored = torch.cat([rows_stored(family, order) for family, order in both])
        now = torch.cat([rows_won(family, order) for family, order in both])
        wrong = stored - now
        # what each pair adds to a squared distance where it differs: of lost ones, and of all
        missing, full = lost - 2 * there.lost_tail, total - 2 * there.tail
        current, free = there.squared_tail, torch.where(some, missing, full)
        squared = torch.cat(
            [
                (current + missing).reshape(1),
                current + missing * (1 - to_good) + (full - missing).clamp_min(0) * to_good,
                current + free * to_near,
                (current + full / 2).expand(bad),
            ]
        )

    def good_rows(number: int) -> Tensor:
        return stored - thinned_rows(stored, to_good[number], (seed, step), number)

    def near_rows(number: int) -> Tensor:
        flips = thinned_rows(
            torch.where(some, wrong, stored), to_near[number], (seed, step), good + number
        )
        return now + torch.where(some, flips, -flips)

    metrics = torch.cat(
        [
            metric(stored.unsqueeze(0)),
            *metrics_by_number(metric, good_rows, good, stored),
            *metrics_by_number(metric, near_rows, nearby, stored),
            *metrics_by_number(metric, lambda k: random_counts(stored, seed, step, k), bad, stored),
        ]
    )
    with torch.no_grad():
        value, pulls, shares = weigh(squared, metrics.double(), power, gradient)
        best_pull, good_pull, near_pull, bad_pull = torch.split(pulls, [1, good, nearby, bad])
        flipped, righted = good_pull.dot(to_good), near_pull.dot(to_near)
        kernel = slope_kernel(
            relaxed,
            there,
            best_pull.sum() + good_pull.sum(),
            pulls.sum(),
            bad_pull,
            flipped + torch.where(some, 0, righted),
            flipped - righted,
        )
        slopes = slopes_of_kernel(there, kernel, relaxed)
    return attach_to_pairs(families, relaxed, value, slopes, metrics, shares)


def thinned_rows(
    counts: Tensor, share: Tensor, numbers: tuple[Tensor, Tensor], number: int
) -> Tensor:
    """How many pairs of each row an anchor flips: ``[R]``.

    Args:
        counts: ``[R]``, int64: how many may flip.
        share: Scalar: the probability of each.
        numbers: The seed and the step of the random numbers.
        number: Which anchor of the step.
    """
    seed, step = numbers
    # other words than those of the shares, and others for every anchor
    words = random_words(seed ^ (0x54A2E + number * 0x9E37), step, 2 * counts.shape[0])
    return thinned_counts(words.reshape(-1, 2), counts, share)
