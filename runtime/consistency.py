"""Whether any scores have a configuration: the published rule for average precision."""

from __future__ import annotations

import torch
from torch import Tensor

from lossc.runtime.families import Family


def has_order(
    families: tuple[Family, ...], rows: Tensor, items: tuple[tuple[Tensor, Tensor], ...]
) -> Tensor:
    """Whether an order of the items agrees with every binary: ``[..., R] -> [...]``, bool.

    Undefeated items are removed until none is left; what remains then beats itself in a circle.

    Source: the evaluation of configurations in UniLoss's published code (average precision).

    Args:
        families: Dense families: each binary is a row of its own.
        rows: ``[..., R]``, the binaries, 0 or 1.
        items: For each family the numbers of the left and right item of each place.
    """
    count = 1 + max(
        (int(side.max()) for pair in items for side in pair if side.numel()), default=-1
    )
    beats = torch.zeros(
        *rows.shape[:-1], max(count, 1), max(count, 1), dtype=torch.bool, device=rows.device
    )
    start = 0
    for family, (left, right) in zip(families, items, strict=True):
        stored = family.stored.reshape(-1)
        won = rows[..., start : start + stored.shape[0]][..., stored] > 0
        first = left.expand(family.stored.shape).reshape(-1)[stored]
        second = right.expand(family.stored.shape).reshape(-1)[stored]
        beats[..., first, second] |= won
        beats[..., second, first] |= ~won
        start += stored.shape[0]
    left_over = torch.ones(beats.shape[:-1], dtype=torch.bool, device=rows.device)
    for _ in range(max(count, 1)):
        left_over = left_over & (beats & left_over.unsqueeze(-1)).any(-2)
    return ~left_over.any(-1)
