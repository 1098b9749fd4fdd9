"""Anchors that flip a random share of the bits, from one half down to about a single one."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from lossc.runtime.anchors import (
    dense_row_counts,
    random_binaries,
    random_row_counts,
    words_of_bits,
    words_of_counts,
)
from lossc.runtime.between import Standing, idw_weights, interpolate_between
from lossc.runtime.counter import random_below, random_words
from lossc.runtime.families import Family, layout, row_counts


def interpolate_shares(
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
    weigh: Callable[[Tensor, Tensor, float, str], tuple[Tensor, Tensor, Tensor]] = idw_weights,
) -> Tensor:
    """``interpolate_idw`` with anchors that flip each bit that may flip with a probability.

    A good anchor flips bits of the best configuration, a nearby one corrects wrong bits of the
    current one; the probability is the anchor's ``flip_share``. Where bits are not drawn, the
    distances to these anchors are their means as well, and their row counts binomial.

    The arguments and the result are those of ``interpolate_idw``.
    """

    def draw(standing: Standing) -> ShareAnchors:
        drawn = bits == "drawn" or (bits == "auto" and standing.stored.shape[0] < 64)
        sample = drawn_shares if drawn else expected_shares
        return sample(families, standing, best, seed, step, (good, nearby, bad))

    return interpolate_between(
        families, metric, relax, draw, best, temperature, squash, power, gradient, weigh
    )


def flip_share(words: Tensor, number: Tensor) -> Tensor:
    """The probability with which each bit flips: ``2^-k``, k even from 1 to ``log2(number)``.

    So every order of magnitude is as likely, from half of the bits to one or two of them.

    Args:
        words: ``[t]``, random.
        number: Scalar int64: how many bits may flip.

    Returns:
        ``[t]``, float64.
    """
    powers = 1 << torch.arange(1, 62, device=words.device)
    most = (powers <= number).sum().clamp_min(1)
    return 0.5 ** (1 + random_below(words, most)).double()


class ShareAnchors(NamedTuple):
    """Sampled anchors in the order best, good, nearby, bad, by how often they differ.

    Args:
        shares: ``[good + nearby]``, the probabilities with which their bits flip.
        good: How many of them are good.
        may: ``[L]``, bool: the bits that nearby ones may flip.
        rows: ``[t, R]``, row counts of all.
        squared: ``[t]``, squared distances from the relaxed binaries, or their means.
        differ: ``[t, L]``, 1 where an anchor differs from the current configuration, where bits
            were drawn; else ``None``.
    """

    shares: Tensor
    good: int
    may: Tensor
    rows: Tensor
    squared: Tensor
    differ: Tensor | None

    def along(self, standing: Standing, pulls: Tensor) -> Tensor:
        """For each bit the sum of the pulls of anchors that differ from the current one, or mean.

        Args:
            standing: Where the current scores stand.
            pulls: ``[t]``, of the anchors.
        """
        if self.differ is not None:
            return (pulls.unsqueeze(-1) * self.differ).sum(0)
        wrong, kept = standing.wrong.to(pulls.dtype), standing.kept
        flipping = pulls[1 : 1 + self.shares.shape[0]] * self.shares.to(pulls.dtype)
        to_good, to_near = flipping[: self.good].sum(), flipping[self.good :].sum()
        found = wrong * pulls[: 1 + self.good].sum() + (kept - 2 * wrong) * to_good
        found += self.may.to(pulls.dtype) * to_near
        return found + kept * (pulls[1 + self.shares.shape[0] :].sum() / 2)


def drawn_shares(
    families: tuple[Family, ...],
    standing: Standing,
    best: Tensor | None,
    seed: Tensor,
    step: Tensor,
    counts: tuple[int, int, int],
) -> ShareAnchors:
    """Anchors of drawn bits; ``counts`` are those of good, nearby and bad ones."""
    stored, now, wrong, _, tail, excess = standing
    may = wrong | (stored & ~wrong.any())
    shares, bits = share_configurations(families, standing, best, seed, step, counts)
    differ = ((bits != now) & stored).to(excess.dtype)
    squared = tail.dot(tail) + (differ * excess).sum(-1)
    rows = dense_row_counts(families, bits)
    return ShareAnchors(shares, counts[0], may, rows, squared, differ)


def share_configurations(
    families: tuple[Family, ...],
    standing: Standing,
    best: Tensor | None,
    seed: Tensor,
    step: Tensor,
    counts: tuple[int, int, int],
) -> tuple[Tensor, Tensor]:
    """The shares of good and nearby anchors, and the bits of all: ``[t, L]``, bool."""
    stored, now, wrong, *_ = standing
    good, nearby, bad = counts
    may = wrong | (stored & ~wrong.any())
    width = words_of_bits(families)
    words = random_words(seed, step, good + nearby + bad * width)
    shares = torch.cat(
        [
            flip_share(words[:good], stored.sum()),
            flip_share(words[good : good + nearby], may.sum()),
        ]
    )
    # other words than those of the shares
    places = random_words(seed ^ 0x54A2E, step, (good + nearby) * stored.shape[0])
    flips = places.reshape(good + nearby, stored.shape[0]) < (shares * 2**32).unsqueeze(-1)
    target = stored if best is None else best & stored
    parts = [
        target.unsqueeze(0),
        target ^ (flips[:good] & stored),
        now ^ (flips[good:] & may),
        random_binaries(families, words[good + nearby :].reshape(bad, width)),
    ]
    return shares, torch.cat(parts)


def expected_shares(
    families: tuple[Family, ...],
    standing: Standing,
    best: Tensor | None,
    seed: Tensor,
    step: Tensor,
    counts: tuple[int, int, int],
) -> ShareAnchors:
    """Anchors by their row counts and mean distances; ``counts`` as in ``drawn_shares``."""
    stored, now, wrong, _, tail, excess = standing
    good, nearby, bad = counts
    some = wrong.any()
    may = wrong | (stored & ~some)
    width = words_of_counts(families)
    words = random_words(seed, step, good + nearby + bad * width)
    to_good = flip_share(words[:good], stored.sum())
    to_near = flip_share(words[good : good + nearby], may.sum())
    target = stored if best is None else best & stored
    # other words than those of the shares, and others for good ones than for nearby ones
    rows = [
        dense_row_counts(families, target).unsqueeze(0),
        rows_with_share(families, target, stored, to_good, (seed ^ 0x54A2E, step)),
        rows_with_share(families, now, may, to_near, (seed ^ 0x54A2F, step)),
        random_row_counts(families, words[good + nearby :].reshape((bad, width))),
    ]

    current = tail.dot(tail)
    missing, total = excess.dot(wrong.to(excess.dtype)), excess.sum()
    free = torch.where(some, missing, total)
    # of the wrong bits a good anchor differs where it does not flip, of the others where it does
    share, near = to_good.to(excess.dtype), to_near.to(excess.dtype)
    best_distance = (current + missing).unsqueeze(0)
    good_distance = current + missing * (1 - share) + (total - missing).clamp_min(0) * share
    bad_distance = (current + total / 2).expand(bad)
    squared = torch.cat([best_distance, good_distance, current + free * near, bad_distance])
    shares = torch.cat([to_good, to_near])
    return ShareAnchors(shares, good, may, torch.cat(rows), squared, None)


def rows_with_share(
    families: tuple[Family, ...],
    around: Tensor,
    may: Tensor,
    shares: Tensor,
    number: tuple[Tensor, Tensor],
) -> Tensor:
    """Row counts of configurations that flip a share of their bits: ``[t, R]``.

    A family whose pairs stand in two rows couples them, so its bits are written out.

    Args:
        families: The comparisons.
        around: ``[L]``, bool: the configuration before the flips.
        may: ``[L]``, bool: which bits may flip.
        shares: ``[t]``, the probabilities.
        number: The seed and the step of the random numbers.
    """
    seed, step = number
    count, parts, place = shares.shape[0], [], 0
    for family in families:
        rows, columns = layout(family)
        chunk = slice(place, place + rows * columns)
        place += rows * columns
        before, flipping = around[chunk], may[chunk]
        if family.mirrored or family.both_ways:
            words = random_words(seed ^ place, step, count * rows * columns)
            flips = words.reshape(count, -1) < (shares * 2**32).unsqueeze(-1)
            bits = before ^ (flips & flipping)
            parts.append(row_counts(family, bits.reshape((count, *family.stored.shape))))
            continue
        words = random_words(seed ^ place, step, count * rows * 4).reshape(count, rows, 4)
        won = (before & flipping).reshape(rows, columns).sum(-1)
        lost = (~before & flipping).reshape(rows, columns).sum(-1)
        change = thinned_counts(words[..., 2:], lost, shares.unsqueeze(-1))
        change -= thinned_counts(words[..., :2], won, shares.unsqueeze(-1))
        parts.append(before.reshape(rows, columns).sum(-1) + change)
    return torch.cat(parts, -1)


def thinned_counts(words: Tensor, counts: Tensor, share: Tensor) -> Tensor:
    """How many of some things are chosen, each with a probability: binomial, ``[..., R]``, int64.

    Up to a mean of 6 the distribution function is inverted; above, it is that of the normal
    distribution with the binomial's mean, variance and skewness (Cornish and Fisher 1938).

    Args:
        words: ``[..., R, 2]``, random.
        counts: Broadcasts to ``[..., R]``, int64: how many things there are.
        share: Broadcasts to ``[..., R]``, float64: the probability, at most 1/2.
    """
    uniform = (words.double() + 0.5) / 2**32
    mean = counts * share
    normal = (-2 * uniform[..., 0].log()).sqrt() * (2 * torch.pi * uniform[..., 1]).cos()
    skewed = (1 - 2 * share) * (normal.square() - 1) / 6
    many = (mean + (mean * (1 - share)).sqrt() * normal + skewed).round().long()
    many = many.clamp_min(0).minimum(counts)
    # P(0) is at least (1/2)^12 where the mean is at most 6, and P(more than 24) about 1e-8
    exactly = torch.exp(torch.log1p(-share) * counts)
    up_to, few = exactly, torch.zeros_like(many)
    for chosen in range(24):
        few = few + (uniform[..., 0] > up_to)
        exactly = exactly * (counts - chosen).clamp_min(0) * (share / (1 - share) / (chosen + 1))
        up_to = up_to + exactly
    return torch.where(mean <= 6, few.minimum(counts.expand_as(few)), many)
