"""Inverse distance weighting over anchors in O(inputs): the fast path of ``lossc.runtime.idw``."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from lossc.runtime.anchors import (
    Flips,
    dense_row_counts,
    flipped_rows,
    pick_bits,
    random_binaries,
    random_row_counts,
    words_of_bits,
    words_of_counts,
)
from lossc.runtime.between import Standing, idw_weights, interpolate_between
from lossc.runtime.counter import random_words
from lossc.runtime.families import Family


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
    pick: Callable[
        [tuple[Family, ...], tuple[tuple[int, ...], ...], Tensor, Tensor], Flips
    ] = pick_bits,
    lines: tuple[tuple[int, ...], ...] = (),
    weigh: Callable[[Tensor, Tensor, float, str], tuple[Tensor, Tensor, Tensor]] = idw_weights,
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
        good: Anchors that differ a little from the best.
        bad: Anchors of fair random bits.
        nearby: Anchors that correct something wrong of the current configuration.
        power: Shepard's power.
        gradient: ``exact``, ``improving``, ``published`` or ``attract``.
        bits: ``drawn`` takes the distance to a bad anchor from its bits, ``expected`` from its
            mean over the bits, ``auto`` draws below 64 comparisons.
        pick: What good and nearby anchors flip: ``pick_bits`` or ``pick_lines``.
        lines: For the latter, the axes of each family along which its lines run.
        weigh: ``idw_weights``, or ``weights_without_best``.

    Returns:
        A scalar. Where the metric has continuous parts besides its decisions, they keep their own
        gradient.
    """

    def draw(standing: Standing) -> Anchors:
        drawn = bits == "drawn" or (bits == "auto" and standing.stored.shape[0] < 64)
        counts = (good, nearby, bad)
        return sample_anchors(families, standing, best, seed, step, counts, drawn, pick, lines)

    return interpolate_between(
        families, metric, relax, draw, best, temperature, squash, power, gradient, weigh
    )


class Anchors(NamedTuple):
    """Sampled anchors in the order best, good, nearby, bad, by what distinguishes them.

    Args:
        good: What each good anchor flips of the best configuration.
        near: What each nearby one flips of the current one.
        rows: ``[t, R]``, row counts of all.
        squared: ``[t]``, squared distances from the relaxed binaries.
        differ: ``[bad, L]``, 1 where a bad anchor differs from the current configuration, where its
            bits were drawn; else ``None``.
    """

    good: Flips
    near: Flips
    rows: Tensor
    squared: Tensor
    differ: Tensor | None

    def along(self, standing: Standing, pulls: Tensor) -> Tensor:
        """For each bit the sum of the pulls of anchors that differ from the current one."""
        wrong = standing.wrong
        good, near = self.good.at.shape[0], self.near.at.shape[0]
        to_best, to_good, to_near = pulls[:1], pulls[1 : 1 + good], pulls[1 + good :][:near]
        to_bad = pulls[1 + good + near :]
        found = wrong.to(standing.tail.dtype) * (to_best.sum() + to_good.sum())
        back = torch.where(wrong[self.good.at], -1, 1) * self.good.flips
        found.index_add_(0, self.good.at.flatten(), (to_good.unsqueeze(-1) * back).flatten())
        there = to_near.unsqueeze(-1) * self.near.flips
        found.index_add_(0, self.near.at.flatten(), there.flatten())
        if self.differ is None:
            return found + standing.kept * (to_bad.sum() / 2)
        return found + (to_bad.unsqueeze(-1) * self.differ).sum(0)


def sample_anchors(
    families: tuple[Family, ...],
    standing: Standing,
    best: Tensor | None,
    seed: Tensor,
    step: Tensor,
    counts: tuple[int, int, int],
    drawn: bool,
    pick: Callable[[tuple[Family, ...], tuple[tuple[int, ...], ...], Tensor, Tensor], Flips],
    lines: tuple[tuple[int, ...], ...],
) -> Anchors:
    """Draws the anchors of a step; ``counts`` are those of good, nearby and bad ones."""
    stored, now, wrong, kept, tail, excess = standing
    good, nearby, bad = counts
    width = words_of_bits(families) if drawn else words_of_counts(families)
    words = random_words(seed, step, good + nearby + bad * width)
    words, bad_words = words[: good + nearby], words[good + nearby :].reshape((bad, width))
    # good anchors flip the best configuration anywhere; nearby ones correct what is wrong, if any
    to_good = pick(families, lines, stored, words[:good])
    to_near = pick(families, lines, wrong | (stored & ~wrong.any()), words[good:])

    # squared distances, all as the current one plus the bits that differ: no digits are lost
    current = tail.dot(tail)
    missing = excess.dot(wrong.to(excess.dtype))
    wrong_good, excess_good = wrong[to_good.at], excess[to_good.at] * to_good.flips
    # of wrong bits an anchor differs where it does not flip; a difference of 0 is to be exactly 0
    righted = (wrong_good & to_good.flips).sum(-1)
    rest = missing - (excess_good * wrong_good).sum(-1)
    rest = torch.where(wrong.sum() > righted, rest.clamp_min(0), 0)
    good_distance = current + rest + (excess_good * ~wrong_good).sum(-1)
    near_distance = current + (excess[to_near.at] * to_near.flips).sum(-1)

    now_rows = dense_row_counts(families, now)
    best_rows = dense_row_counts(families, stored if best is None else best & stored)
    # what a flip of the current bit wins; of the best one, the opposite where they differ
    gain_near = torch.where(now[to_near.at], -1, 1) * to_near.flips
    gain_good = torch.where(now[to_good.at] != wrong_good, -1, 1) * to_good.flips
    rows = [
        best_rows.unsqueeze(0),
        flipped_rows(families, best_rows.expand(good, -1), to_good.at, gain_good),
        flipped_rows(families, now_rows.expand(nearby, -1), to_near.at, gain_near),
    ]
    differ = None
    bad_distance = (current + (kept.sum() - 2 * tail.sum()) / 2).expand(bad)
    if drawn:
        bits_of_bad = random_binaries(families, bad_words)
        rows.append(dense_row_counts(families, bits_of_bad))
        differ = ((bits_of_bad != now) & stored).to(excess.dtype)
        bad_distance = current + (differ * excess).sum(-1)
    else:
        rows.append(random_row_counts(families, bad_words))
    best_distance = (current + missing).unsqueeze(0)
    squared = torch.cat([best_distance, good_distance, near_distance, bad_distance])
    return Anchors(to_good, to_near, torch.cat(rows), squared, differ)
