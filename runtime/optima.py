"""A best configuration among several: the nearer to the current one, the less it is biased."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lossc.runtime.anchors import dense_row_counts
from lossc.runtime.counter import random_words
from lossc.runtime.families import Family, binaries_of, layout


def draw_best(
    families: tuple[Family, ...],
    metric: Callable[[Tensor], Tensor],
    best: Tensor | None,
    free: Tensor | None,
    seed: Tensor,
    step: Tensor,
) -> Tensor:
    """A configuration that is as good as the best one, with much of the current one in it.

    A metric such as recall at k is best in many configurations, and pulling towards one of them
    pulls where nothing is to be gained. What the scores have now is put back: the order among the
    items that all have rows of their own, and a random share of the rows, down from 63 of 64. The
    most that costs nothing is taken.

    Source: answers the biased anchors that UniLoss names in its section 5.

    Args:
        families: The comparisons.
        metric: The metric of row counts, ``[t, R] -> [t]``.
        best: ``[L]``, bool, at all dense places; ``None`` if all comparisons are won.
        free: ``[L]``, bool: comparisons that the ideal scores leave tied; they are put back always,
            if that costs nothing.
        seed: Scalar int64.
        step: Scalar int64; another configuration is drawn for every step.

    Returns:
        ``[L]``, bool.
    """
    with torch.no_grad():
        stored = torch.cat([family.stored.reshape(-1) for family in families])
        now = torch.cat([binaries_of(family).reshape(-1) for family in families])
        target = stored if best is None else best & stored
        tied = torch.cat([_among_rows(family).reshape(-1) for family in families])
        if free is not None:
            tied = (tied | free) & stored
        back = rows_put_back(families, seed, step) | tied
        tried = torch.cat([back, tied.unsqueeze(0), torch.zeros_like(tied).unsqueeze(0)])
        drawn = torch.where(tried, now, target)
        values = metric(dense_row_counts(families, drawn))
        # the last one is the best itself, so that one always is as good
        equal = (values - values[-1]).abs() <= 1e-6 * values[-1].abs().clamp_min(1e-3)
        return drawn.index_select(0, equal.long().argmax().reshape(1)).squeeze(0)


def ideal_binaries(ideal: tuple[Family, ...], families: tuple[Family, ...]) -> Tensor:
    """The binaries of ideal scores, ties as the scores have them now: ``[L]``, bool.

    Args:
        ideal: The comparisons of ideal scores.
        families: Those of the scores.
    """
    bits = torch.cat([binaries_of(family).reshape(-1) for family in ideal])
    now = torch.cat([binaries_of(family).reshape(-1) for family in families])
    return torch.where(tied_places(ideal), now, bits)


def _among_rows(family: Family) -> Tensor:
    """The pairs of a mirrored family that stand in two rows: what one wins, the other loses."""
    if not family.mirrored:
        return torch.zeros_like(family.stored)
    some = family.stored.any(-1)
    return family.stored & some.unsqueeze(-1) & some.unsqueeze(-2)


def tied_places(families: tuple[Family, ...]) -> Tensor:
    """Where the scores on both sides are equal, at every place of every family: ``[L]``, bool."""
    equal = [(family.left == family.right).expand(family.stored.shape) for family in families]
    return torch.cat([one.reshape(-1) for one in equal])


def rows_put_back(families: tuple[Family, ...], seed: Tensor, step: Tensor) -> Tensor:
    """Random rows of all families, fewer and fewer of them: ``[tries, L]``, bool."""
    keep = [1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4, 7 / 8]
    sizes = [layout(family) for family in families]
    total = sum(rows for rows, _ in sizes)
    # other words than those of the anchors of the same step
    words = random_words(seed ^ 0x5EED, step, len(keep) * total).reshape(len(keep), total)
    limits = torch.tensor([int(share * 2**32) for share in keep], device=words.device)
    chosen = words >= limits.unsqueeze(-1)
    parts, start = [], 0
    for rows, columns in sizes:
        parts.append(chosen[:, start : start + rows].repeat_interleave(columns, -1))
        start += rows
    return torch.cat(parts, -1)
