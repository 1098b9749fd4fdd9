"""Anchors among the configurations of sorted pairs, by row counts: no bit is written out."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from lossc.runtime.anchors import fair_counts
from lossc.runtime.counter import random_words
from lossc.runtime.pair_families import PairFamily, squashed_pairs
from lossc.runtime.pair_numbers import (
    lost_pair_at,
    pairs_stored,
    pairs_stored_against,
    pairs_won,
    pairs_won_against,
    stored_pair_at,
)
from lossc.runtime.pairs import PairOrder, Pairs, order_pairs


class FlippedPairs(NamedTuple):
    """One pair of some family for each of t anchors; or one line of pairs.

    Args:
        family: ``[t]``, the number of its family.
        left: ``[t]``, flat positions of the left items.
        right: ``[t]``, of the right items.
    """

    family: Tensor
    left: Tensor
    right: Tensor


class SpreadPairs(NamedTuple):
    """The pairs in which t anchors differ from the configuration that they are drawn around.

    Args:
        family: ``[t]``, the number of their family.
        left: ``[t, m]``, flat positions of the left items.
        right: ``[t, m]``, of the right items.
        flips: ``[t, m]``, bool: which of them flip; no pair does twice.
    """

    family: Tensor
    left: Tensor
    right: Tensor
    flips: Tensor


def rows_won(family: PairFamily, order: PairOrder) -> Tensor:
    """How many comparisons of each row are won: ``[R]``, int64."""
    if family.rows == "total":
        return pairs_won(order).sum().reshape(1)
    counts = pairs_won(order) if family.rows == "left" else pairs_won_against(order)
    return counts.reshape(-1)


def sorted_row_counts(families: tuple[PairFamily, ...]) -> Tensor:
    """The row counts of the current configuration, by sorting: ``[R]``, int64."""
    parts = []
    for family in families:
        order = order_pairs(squashed_pairs(family.pairs, "none"))
        parts.append(rows_won(family, order))
        if family.both_ways:
            against = pairs_won_against(order) if family.rows == "left" else pairs_won(order)
            parts.append(against.reshape(-1))
    return torch.cat(parts)


def rows_stored(family: PairFamily, order: PairOrder) -> Tensor:
    """How many comparisons each row has: ``[R]``, int64."""
    if family.rows == "total":
        return pairs_stored(order).sum().reshape(1)
    counts = pairs_stored(order) if family.rows == "left" else pairs_stored_against(order)
    return counts.reshape(-1)


def wide_random_below(words: Tensor, bound: Tensor) -> Tensor:
    """Whole numbers in ``[0, bound)``, also for bounds beyond 32 bits: ``[t, 2] -> [t]``."""
    uniform = (words[:, 0].double() + words[:, 1].double() / 2**32) / 2**32
    return (uniform * bound).long().clamp_max((bound - 1).clamp_min(0))


def pick_pairs(
    families: tuple[PairFamily, ...],
    orders: tuple[PairOrder, ...],
    sides: tuple[str, ...],
    words: Tensor,
    counts: Tensor,
    lost: bool,
) -> FlippedPairs:
    """Pairs drawn evenly from those of all families, or from those that are lost.

    Args:
        families: The comparisons.
        orders: Of the families.
        sides: Of no meaning here: ``pick_pair_lines`` takes them.
        words: ``[t, 2]``, random.
        counts: ``[families]``, how many pairs there are to draw from in each.
        lost: Whether only lost pairs are among them.

    Returns:
        Of nothing to draw from, pair 0 of the first family.
    """
    ranks = wide_random_below(words, counts.sum())
    ends = counts.cumsum(0)
    number = torch.searchsorted(ends, ranks, right=True).clamp_max(len(orders) - 1)
    left, right = torch.zeros_like(ranks), torch.zeros_like(ranks)
    for place, order in enumerate(orders):
        if not order.left.at.shape[0] or not order.right.at.shape[0]:
            continue
        own = number == place
        local = torch.where(own, ranks - (ends[place] - counts[place]), 0)
        find = lost_pair_at if lost else stored_pair_at
        i, j = find(order, local)
        left, right = torch.where(own, i, left), torch.where(own, j, right)
    return FlippedPairs(number, left, right)


def pairs_as_picked(
    families: tuple[PairFamily, ...], sides: tuple[str, ...], picked: FlippedPairs, lost: Tensor
) -> SpreadPairs:
    """The picked pairs themselves: ``[t, 1]``.

    Args:
        families: The comparisons.
        sides: Of no meaning here: ``pairs_of_lines`` takes them.
        picked: From ``pick_pairs``.
        lost: Scalar bool: whether only lost pairs were picked.
    """
    left, right = picked.left.unsqueeze(-1), picked.right.unsqueeze(-1)
    return SpreadPairs(picked.family, left, right, torch.ones_like(left, dtype=torch.bool))


def pairs_won_at(pairs: Pairs, left: Tensor, right: Tensor) -> Tensor:
    """Whether single pairs are won: ``[...]``, bool."""
    x, y = pairs.left.reshape(-1)[left], pairs.right.reshape(-1)[right]
    ours, theirs = left % pairs.left.shape[-1], right % pairs.right.shape[-1]
    tie = {
        "won": torch.ones_like(ours, dtype=torch.bool),
        "lost": torch.zeros_like(ours, dtype=torch.bool),
        "first": ours < theirs,
        "last": ours > theirs,
    }[pairs.tie]
    return (x > y) | ((x == y) & tie)


def flipped_counts(
    families: tuple[PairFamily, ...],
    before: Tensor,
    flips: SpreadPairs,
    gains: Tensor,
) -> Tensor:
    """Row counts after some flips each: ``[t, R]``.

    Args:
        families: The comparisons.
        before: ``[R]`` or ``[t, R]``, counts before the flips.
        flips: The pairs that flip.
        gains: ``[t, m]``, +1 where the flip wins its comparison, -1 where it loses it, 0 for no
            flip.
    """
    result = before.expand(gains.shape[0], before.shape[-1]).clone()
    start = 0
    for place, family in enumerate(families):
        size = 1
        for length in family.shape:
            size *= length
        item = flips.left if family.rows == "left" else flips.right
        if family.rows == "total":
            item = torch.zeros_like(item)
        if size:
            own = (flips.family == place).unsqueeze(-1)
            at = torch.where(own, item, 0) + start
            result.scatter_add_(-1, at, torch.where(own, gains, 0))
        start += size
    return result


def random_counts(stored: Tensor, seed: Tensor, step: Tensor, number: int) -> Tensor:
    """Row counts of one configuration of fair bits: ``[R]``.

    Args:
        stored: ``[R]``, how many comparisons each row has.
        seed: Scalar int64.
        step: Scalar int64.
        number: Which configuration of the step.
    """
    size = stored.shape[0]
    # other words than those of the flips, and others for every configuration
    words = random_words(seed ^ (0xBAD + number * 0x9E37), step, 3 * size)
    return fair_counts(words.reshape(size, 3), stored)
