"""The anchors of the fast path, written out bit by bit: for tests, reports and curious readers."""

from __future__ import annotations

import torch
from torch import Tensor

from lossc.runtime.anchors import pick_among, random_binaries, words_of_bits
from lossc.runtime.counter import random_words
from lossc.runtime.families import Family, binaries_of


def configurations(
    families: tuple[Family, ...],
    seed: Tensor,
    step: Tensor,
    good: int,
    bad: int,
    nearby: int,
    best: Tensor | None = None,
) -> Tensor:
    """Every anchor, bit by bit, in the order best, good, nearby, bad.

    Takes O(anchors x comparisons) memory, which the losses themselves never do.

    Args:
        families: The comparisons.
        seed: Scalar int64, the loss's buffer.
        step: Scalar int64, its value during the step in question.
        good: Anchors one flip away from the best.
        bad: Anchors of fair random bits.
        nearby: Anchors that correct one wrong bit.
        best: ``[L]`` at all dense places; ``None`` if all comparisons are won.

    Returns:
        ``[1 + good + nearby + bad, l]``, bool.
    """
    stored = torch.cat([family.stored.reshape(-1) for family in families])
    now = torch.cat([binaries_of(family).reshape(-1) for family in families])
    best = stored if best is None else best & stored
    wrong = stored & (now != best)
    width = words_of_bits(families)
    words = random_words(seed, step, good + nearby + bad * width)
    rows = [best]
    for position in pick_among(words[:good], stored):
        rows.append(_flipped(best, position, stored))
    candidates = wrong if bool(wrong.any()) else stored
    for position in pick_among(words[good : good + nearby], candidates):
        rows.append(_flipped(now, position, stored))
    bits = random_binaries(families, words[good + nearby :].reshape((bad, width)))
    return torch.cat([torch.stack(rows), bits])[:, stored]


def _flipped(bits: Tensor, position: Tensor, stored: Tensor) -> Tensor:
    flipped = bits.clone()
    if bool(stored.any()):
        flipped[position] = ~flipped[position]
    return flipped
