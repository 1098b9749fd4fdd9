"""Hard counts of sorted pairs, pairs by their number, and all pairs written out."""

from __future__ import annotations

import torch
from torch import Tensor

from lossc.runtime.pairs import (
    PairOrder,
    Pairs,
    before_of,
    group_bounds,
    stored_of,
    to_items,
)


def pairs_won(order: PairOrder) -> Tensor:
    """How many right items each left one beats: ``[*batch, m]``, int64."""
    return to_items(before_of(order.left, order.right), order.left)


def pairs_won_against(order: PairOrder) -> Tensor:
    """By how many left items each right one is beaten: ``[*batch, n]``, int64."""
    ours, theirs = order.right, order.left
    return to_items(stored_of(ours, theirs) - before_of(ours, theirs), ours)


def pairs_stored(order: PairOrder) -> Tensor:
    """In how many pairs each left item is: ``[*batch, m]``, int64."""
    return to_items(stored_of(order.left, order.right), order.left)


def pairs_stored_against(order: PairOrder) -> Tensor:
    """In how many pairs each right item is: ``[*batch, n]``, int64."""
    return to_items(stored_of(order.right, order.left), order.right)


def stored_pair_at(order: PairOrder, ranks: Tensor) -> tuple[Tensor, Tensor]:
    """The pairs of these numbers, in a fixed order of all.

    Args:
        order: Has ``pairs_stored(order).sum()`` pairs, more than 0.
        ranks: ``[t]``, int64, from 0 to below that.

    Returns:
        The positions of the left and of the right items in the flattened ``[*batch, m]`` and
        ``[*batch, n]``: ``[t]`` each.
    """
    first, _ = group_bounds(order.left, order.right)
    return pair_at(order, ranks, stored_of(order.left, order.right), first)


def lost_pair_at(order: PairOrder, ranks: Tensor) -> tuple[Tensor, Tensor]:
    """As ``stored_pair_at``, of the pairs whose binary is 0: those stored and not won."""
    ours, theirs = order.left, order.right
    lost = stored_of(ours, theirs) - before_of(ours, theirs)
    return pair_at(order, ranks, lost, ours.place)


def pair_at(
    order: PairOrder, ranks: Tensor, counts: Tensor, first: Tensor
) -> tuple[Tensor, Tensor]:
    """Pairs by number, where each left item has ``counts`` right ones from ``first`` on."""
    ends = counts.cumsum(0)
    # of no pairs at all, any position inside will do
    i = torch.searchsorted(ends, ranks, right=True).clamp_max(ends.shape[0] - 1)
    j = first[i] + ranks - (ends - counts)[i]
    if order.left.itself is not None:
        itself = order.left.itself[i]
        j = j + ((itself >= first[i]) & (itself <= j)).long()
    return order.left.at[i], order.right.at[j.clamp(0, order.right.at.shape[0] - 1)]


def dense_pairs(pairs: Pairs) -> tuple[Tensor, Tensor, Tensor]:
    """All pairs written out: the reference, of O(m n).

    Returns:
        The comparisons ``x_i - y_j``; whether the pair is stored; whether it is stored and its
        binary is 1: ``[*batch, m, n]`` each.
    """
    left, right = pairs.left.unsqueeze(-1), pairs.right.unsqueeze(-2)
    stored = pairs.left_kept.unsqueeze(-1) & pairs.right_kept.unsqueeze(-2)
    if pairs.left_group is not None and pairs.right_group is not None:
        stored = stored & (pairs.left_group.unsqueeze(-1) == pairs.right_group.unsqueeze(-2))
    ours = torch.arange(left.shape[-2], device=left.device).unsqueeze(-1)
    theirs = torch.arange(right.shape[-1], device=left.device)
    if pairs.same:
        stored = stored & (ours != theirs)
    if pairs.tie == "first":
        won = (left > right) | ((left == right) & (ours < theirs))
    elif pairs.tie == "last":
        won = (left > right) | ((left == right) & (ours > theirs))
    else:
        won = left >= right if pairs.tie == "won" else left > right
    return left - right, stored, won & stored
