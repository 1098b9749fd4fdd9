"""The anchors of the fast path, written out bit by bit: for tests, reports and curious readers."""

from __future__ import annotations

import torch
from torch import Tensor

from lossc.runtime.anchors import pick_bits, random_binaries, words_of_bits
from lossc.runtime.between import where_we_stand
from lossc.runtime.counter import random_words
from lossc.runtime.families import Family, binaries_of
from lossc.runtime.flipped_lines import pick_lines
from lossc.runtime.flipped_shares import share_configurations


def configurations(
    families: tuple[Family, ...],
    seed: Tensor,
    step: Tensor,
    good: int,
    bad: int,
    nearby: int,
    best: Tensor | None = None,
    flips: str = "bit",
    lines: tuple[tuple[int, ...], ...] = (),
) -> Tensor:
    """Every anchor, bit by bit, in the order best, good, nearby, bad.

    Takes O(anchors x comparisons) memory, which the losses themselves never do.

    Args:
        families: The comparisons.
        seed: Scalar int64, the loss's buffer.
        step: Scalar int64, its value during the step in question.
        good: Anchors that differ a little from the best.
        bad: Anchors of fair random bits.
        nearby: Anchors that correct something wrong.
        best: ``[L]`` at all dense places; ``None`` if all comparisons are won.
        flips: What good and nearby ones flip: ``bit``, ``row``, ``column`` or ``share``.
        lines: Of ``row`` and ``column``: the axes of each family along which its lines run.

    Returns:
        ``[1 + good + nearby + bad, l]``, bool.
    """
    stored = torch.cat([family.stored.reshape(-1) for family in families])
    now = torch.cat([binaries_of(family).reshape(-1) for family in families])
    best = stored if best is None else best & stored
    wrong = stored & (now != best)
    if flips == "share":
        standing = where_we_stand(torch.zeros(stored.shape), stored, now, best)
        _, bits = share_configurations(families, standing, best, seed, step, (good, nearby, bad))
        return bits[:, stored]
    pick = pick_bits if flips == "bit" else pick_lines
    width = words_of_bits(families)
    words = random_words(seed, step, good + nearby + bad * width)
    rows = [best]
    candidates = wrong if bool(wrong.any()) else stored
    for before, may, chosen in (
        (best, stored, words[:good]),
        (now, candidates, words[good : good + nearby]),
    ):
        picked = pick(families, lines, may, chosen)
        for positions, flipping in zip(picked.at, picked.flips, strict=True):
            rows.append(_flipped(before, positions[flipping]))
    bits = random_binaries(families, words[good + nearby :].reshape((bad, width)))
    return torch.cat([torch.stack(rows), bits])[:, stored]


def _flipped(bits: Tensor, positions: Tensor) -> Tensor:
    flipped = bits.clone()
    flipped[positions] = ~flipped[positions]
    return flipped
