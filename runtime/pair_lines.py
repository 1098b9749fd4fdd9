"""Anchors of sorted pairs that flip whole lines: all pairs of one item."""

from __future__ import annotations

import torch
from torch import Tensor

from lossc.runtime.anchors import pick_among
from lossc.runtime.pair_anchors import FlippedPairs, SpreadPairs, pairs_won_at
from lossc.runtime.pair_families import PairFamily
from lossc.runtime.pair_numbers import (
    pairs_stored,
    pairs_stored_against,
    pairs_won,
    pairs_won_against,
)
from lossc.runtime.pairs import PairOrder


def pick_pair_lines(
    families: tuple[PairFamily, ...],
    orders: tuple[PairOrder, ...],
    sides: tuple[str, ...],
    words: Tensor,
    counts: Tensor,
    lost: bool,
) -> FlippedPairs:
    """Items drawn evenly from those that have a pair, or one that is lost.

    Args:
        families: The comparisons.
        orders: Of the families.
        sides: Whose items number the lines of each family: the ``left`` or the ``right`` one's.
        words: ``[t, 2]``, random.
        counts: Of no meaning here: ``pick_pairs`` takes them.
        lost: Whether only items with a lost pair are drawn.

    Returns:
        The items' positions on both sides; only that on the line's side means something.
    """
    masks = []
    for order, side in zip(orders, sides, strict=True):
        number = pairs_stored(order) if side == "left" else pairs_stored_against(order)
        if lost and side == "left":
            number = number - pairs_won(order)
        elif lost:
            number = number - pairs_won_against(order)
        masks.append(number.reshape(-1) > 0)
    picked = pick_among(words[:, 0], torch.cat(masks))
    family, item = torch.zeros_like(picked), torch.zeros_like(picked)
    start = 0
    for place, mask in enumerate(masks):
        own = (picked >= start) & (picked < start + mask.shape[0])
        family = torch.where(own, place, family)
        item = torch.where(own, picked - start, item)
        start += mask.shape[0]
    return FlippedPairs(family, item, item)


def pairs_of_lines(
    families: tuple[PairFamily, ...], sides: tuple[str, ...], lines: FlippedPairs, lost: Tensor
) -> SpreadPairs:
    """All pairs of some items: ``[t, m]``, m the most items that one meets.

    Args:
        families: The comparisons.
        sides: Whose items number the lines of each family.
        lines: From ``pick_pair_lines``.
        lost: Scalar bool: whether only lost pairs flip.
    """
    others = [
        (family.pairs.right if side == "left" else family.pairs.left).shape[-1]
        for family, side in zip(families, sides, strict=True)
    ]
    place = torch.arange(max(others), device=lines.left.device)
    shape = (lines.left.shape[0], place.shape[0])
    left = torch.zeros(shape, dtype=torch.long, device=place.device)
    right, flips = torch.zeros_like(left), torch.zeros_like(left, dtype=torch.bool)
    for number, (family, side, size) in enumerate(zip(families, sides, others, strict=True)):
        pairs = family.pairs
        if not pairs.left.numel() or not pairs.right.numel():
            continue
        own = (lines.family == number).unsqueeze(-1)
        item = torch.where(own, lines.left.unsqueeze(-1), 0)
        ours = pairs.left.shape[-1] if side == "left" else pairs.right.shape[-1]
        other = item // ours * size + place.clamp_max(size - 1)
        i, j = (item, other) if side == "left" else (other, item)
        stored = own & (place < size)
        stored = stored & pairs.left_kept.reshape(-1)[i] & pairs.right_kept.reshape(-1)[j]
        if pairs.left_group is not None and pairs.right_group is not None:
            same_group = pairs.left_group.reshape(-1)[i] == pairs.right_group.reshape(-1)[j]
            stored = stored & same_group
        if pairs.same:
            stored = stored & (item % ours != place)
        left, right = torch.where(own, i, left), torch.where(own, j, right)
        flips = flips | (stored & ~(lost & pairs_won_at(pairs, i, j)))
    return SpreadPairs(lines.family, left, right, flips)
