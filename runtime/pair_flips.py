"""What anchors of sorted pairs flip, written out for some of them at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from lossc.runtime.pair_anchors import FlippedPairs, SpreadPairs, pairs_won_at
from lossc.runtime.pair_families import PairFamily, RelaxedPairs, squashed_pairs


class PairFlips(NamedTuple):
    """What good or nearby anchors flip, written out for some of them at a time.

    Args:
        families: The comparisons.
        sides: Of lines, whose items number them.
        picked: ``[t]`` of each: the pairs, or the lines.
        lost: Scalar bool: whether only lost pairs flip.
        exists: Scalar bool: whether there are pairs at all.
        spread: The pairs of what was picked.
    """

    families: tuple[PairFamily, ...]
    sides: tuple[str, ...]
    picked: FlippedPairs
    lost: Tensor
    exists: Tensor
    spread: Callable[[tuple[PairFamily, ...], tuple[str, ...], FlippedPairs, Tensor], SpreadPairs]

    def parts(self, counts: int = 1) -> list[slice]:
        """Some anchors after others, as many as fit with ``counts`` numbers for each."""
        width = max(counts, 1)
        for family in self.families if self.sides else ():
            width = max(width, family.pairs.left.shape[-1], family.pairs.right.shape[-1])
        at_once = max(1, 2**22 // width)
        anchors = self.picked.left.shape[0]
        return [slice(start, start + at_once) for start in range(0, anchors, at_once)]

    def pairs(self, here: slice) -> SpreadPairs:
        """What some of them flip."""
        part = FlippedPairs(*(value[here] for value in self.picked))
        pairs = self.spread(self.families, self.sides, part, self.lost)
        return pairs._replace(flips=pairs.flips & self.exists)


class SinglePairs(NamedTuple):
    """Single pairs: whether each is won, its tail, and its slope; ``[t, m]``, float64."""

    won: Tensor
    tail: Tensor
    slope: Tensor


def single_pairs(
    families: tuple[PairFamily, ...], flips: SpreadPairs, relaxed: RelaxedPairs
) -> SinglePairs:
    """What the pairs that anchors flip are now."""
    margin = torch.zeros_like(flips.left, dtype=torch.float64)
    for place, family in enumerate(families):
        if not family.pairs.left.numel() or not family.pairs.right.numel():
            continue
        own = (flips.family == place).unsqueeze(-1)
        left, right = torch.where(own, flips.left, 0), torch.where(own, flips.right, 0)
        pairs = squashed_pairs(family.pairs, relaxed.squash)
        x, y = pairs.left.reshape(-1)[left], pairs.right.reshape(-1)[right]
        margin = torch.where(own, (x - y).abs().double(), margin)
    margin = margin.masked_fill(~flips.flips, 0)  # no pair, and perhaps no number
    return SinglePairs(won_of_flips(families, flips), *relaxed.relax(margin, relaxed.temperature))


def won_of_flips(families: tuple[PairFamily, ...], flips: SpreadPairs) -> Tensor:
    """Whether the pairs that anchors flip are won now: ``[t, m]``, bool."""
    won = torch.zeros_like(flips.flips)
    for place, family in enumerate(families):
        if not family.pairs.left.numel() or not family.pairs.right.numel():
            continue
        own = (flips.family == place).unsqueeze(-1)
        left, right = torch.where(own, flips.left, 0), torch.where(own, flips.right, 0)
        won = torch.where(own, pairs_won_at(family.pairs, left, right), won)
    return won


def add_slopes_of_flips(
    slopes: list[Tensor],
    flips: tuple[PairFlips, PairFlips],
    pulls: tuple[Tensor, Tensor],
    relaxed: RelaxedPairs,
) -> None:
    """Adds to the derivative by the scores what comes from the pairs that anchors flip."""
    for number, (flipping, pull) in enumerate(zip(flips, pulls, strict=True)):
        for here in flipping.parts():
            pairs = flipping.pairs(here)
            single = single_pairs(flipping.families, pairs, relaxed)
            # nearby anchors lose what is won and win what is lost; good ones lose what is best
            sense = torch.where(single.won, 1, -1) if number else 1
            along = pull[here].unsqueeze(-1) * sense * single.slope * pairs.flips
            for place in range(len(flipping.families)):
                own = (pairs.family == place).unsqueeze(-1)
                change = torch.where(own, along, 0).to(slopes[0].dtype)
                left, right = torch.where(own, pairs.left, 0), torch.where(own, pairs.right, 0)
                slopes[2 * place] = added_at(slopes[2 * place], left, change)
                slopes[2 * place + 1] = added_at(slopes[2 * place + 1], right, -change)


def added_at(values: Tensor, at: Tensor, change: Tensor) -> Tensor:
    """``values`` with ``change`` added at flat positions; of no values, nothing is."""
    if values.numel() == 0:
        return values
    flat = values.reshape(-1).index_add(0, at.reshape(-1), change.reshape(-1))
    return flat.reshape(values.shape)
