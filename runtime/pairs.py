"""Pairs of left and right items, sorted once, so that sums over all of them need no pair."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Pairs(NamedTuple):
    """One comparison ``x_i - y_j`` for every left item i and right item j of the same group.

    Args:
        left: ``[*batch, m]``, the scores x, float32 or float64. A score of a kept item that is NaN
            makes the sums of its group NaN.
        right: ``[*batch, n]``, the scores y.
        left_kept: ``[*batch, m]``, bool: an item that is not kept takes part in no pair, whatever
            its score is.
        right_kept: ``[*batch, n]``, bool.
        left_group: ``[*batch, m]``, int64, any values: there are pairs only where the groups are
            equal, and only within a place of the batch axes. ``None``: one group.
        right_group: ``[*batch, n]``, as ``left_group``; both are ``None``, or none.
        tie: The binary where the scores are equal: ``won`` (1), ``lost`` (0), ``first`` (1 where
            the left item's position in the last axis is before the right one's), ``last`` (1 where
            it is after).
        same: Whether left position i and right position i are the same item (``m == n``), which is
            not compared with itself.
    """

    left: Tensor
    right: Tensor
    left_kept: Tensor
    right_kept: Tensor
    left_group: Tensor | None = None
    right_group: Tensor | None = None
    tie: str = "lost"
    same: bool = False


class PairSide(NamedTuple):
    """The left or the right items in the common order: by batch place and group, then by score.

    Equal scores are ordered so that a left item beats exactly those right ones of its group that
    lie before it. On the CPU only the kept items are here; on other devices, and when compiling,
    all of them, those that are not kept at the end, in a group of their own.

    Args:
        scores: ``[s]``, float64, ascending within a group; infinity is 1e300, which is as far from
            all else, but not from itself.
        at: ``[s]``, int64: the position of each in the flattened ``[*batch, items]``.
        place: ``[s]``, int64: how many items of the other side lie before each, over all groups.
        group: ``[s]``, int64, ascending: equal for items of one batch place and group, comparable
            with the other side's. ``None``: all are of one group.
        itself: ``[s]``, int64: where the same item is in the other side's order, -1 where it is
            not there. ``None``: no item is on both sides.
        kept: ``[s]``, bool. ``None``: all are kept.
        shape: ``[*batch, items]``, the shape that they had.
        dtype: The dtype that the scores had.
    """

    scores: Tensor
    at: Tensor
    place: Tensor
    group: Tensor | None
    itself: Tensor | None
    kept: Tensor | None
    shape: torch.Size
    dtype: torch.dtype


class PairOrder(NamedTuple):
    """What one sort of the items of both sides gives; all sums over their pairs reuse it."""

    left: PairSide
    right: PairSide


def order_pairs(pairs: Pairs) -> PairOrder:
    """Sorts the items of both sides together, in O((m + n) log(m + n)); carries no gradient."""
    left, right = pairs.left.detach(), pairs.right.detach()
    size, rows, device = left.numel(), left.shape[:-1].numel(), left.device
    static = torch.compiler.is_compiling() or device.type != "cpu"
    scores = torch.cat([left.reshape(-1), right.reshape(-1)])
    kept = torch.cat([pairs.left_kept.reshape(-1), pairs.right_kept.reshape(-1)])
    items = tie_order(pairs)
    if static:  # nothing may be read out of a tensor, so all items stay
        scores = scores.masked_fill(~kept, 0)
    else:
        items = items.index_select(0, kept.index_select(0, items).nonzero().squeeze(-1))
    group, row = None, None
    if pairs.left_group is not None and pairs.right_group is not None:
        group = torch.cat([pairs.left_group.reshape(-1), pairs.right_group.reshape(-1)])
        group = group.index_select(0, items)
    if static or rows > 1:
        row = torch.arange(rows, device=device).unsqueeze(-1)
        row = torch.cat([row.expand(rows, side.shape[-1]).reshape(-1) for side in (left, right)])
        row = (row.masked_fill(~kept, rows) if static else row).index_select(0, items)
    keys = score_key(scores.index_select(0, items))
    order, group = sort_items(keys, group, row, rows, static)
    items = items.index_select(0, order)

    # the left items in their order, then the right ones in theirs
    count = torch.arange(items.shape[0], device=device)
    rights = (items >= size).cumsum(0)
    lefts = size if static else items.shape[0] - int(rights[-1:].sum())
    target = torch.where(items >= size, rights + (lefts - 1), count - rights)
    parted = torch.empty_like(count).scatter_(0, target, count)
    sides = []
    for spot, before, shape in (
        (parted[:lefts], 0, left.shape),
        (parted[lefts:], size, right.shape),
    ):
        item = items.index_select(0, spot)
        side = PairSide(
            scores=scores.index_select(0, item).double().clamp_(-1e300, 1e300),
            at=item - before,
            place=spot - count[: spot.shape[0]],
            group=None if group is None else group.index_select(0, spot),
            itself=None,
            kept=kept.index_select(0, item) if static else None,
            shape=shape,
            dtype=scores.dtype,
        )
        sides.append(side)
    ours, theirs = sides
    if pairs.same:
        ours, theirs = find_itself(ours, theirs), find_itself(theirs, ours)
    return PairOrder(ours, theirs)


def tie_order(pairs: Pairs) -> Tensor:
    """All items in the order in which a stable sort has to meet those of equal scores.

    Returns:
        ``[left + right]``, int64: flat positions, those of the right items after all left ones.
    """
    m, n = pairs.left.shape[-1], pairs.right.shape[-1]
    rows, device = pairs.left.shape[:-1].numel(), pairs.left.device
    count = torch.arange(rows * (m + n), device=device)
    if pairs.tie == "lost":
        return count
    if pairs.tie == "won":
        return count.roll(-rows * m)
    # by position; of one position first the left item, which does not beat the right one
    left, right = count[:m], count[:n]
    if pairs.tie == "last":
        before_left, before_right = left + left.clamp(max=n), right + (right + 1).clamp(max=m)
    else:  # the last position comes first
        before_left = (m - 1 - left) + (n - 1 - left).clamp(min=0)
        before_right = (n - 1 - right) + (m - right).clamp(min=0)
    target = torch.cat([before_left, before_right])
    within = torch.empty_like(target).scatter_(0, target, count[: m + n])
    row = torch.arange(rows, device=device).unsqueeze(-1)
    return (within + torch.where(within < m, row * m, row * n + (rows - 1) * m)).reshape(-1)


def score_key(scores: Tensor) -> Tensor:
    """Whole numbers in the order of the scores, which sort faster: ``[s]``, int32 or int64."""
    scores = scores.masked_fill(scores == 0, 0)  # -0 and 0 are equal
    if scores.dtype == torch.float32:
        bits = scores.view(torch.int32)
        return bits ^ ((bits >> 31) & 0x7FFFFFFF)
    bits = scores.double().view(torch.int64)
    return bits ^ ((bits >> 63) & 0x7FFFFFFFFFFFFFFF)


def sort_items(
    key: Tensor, group: Tensor | None, row: Tensor | None, rows: int, static: bool
) -> tuple[Tensor, Tensor | None]:
    """The order by batch place, then group, then score; equal items stay in their order.

    Args:
        key: ``[s]``, of the scores.
        group: ``[s]``, or ``None`` for one group.
        row: ``[s]``, the batch place, at most ``rows``, or ``None`` for one.
        rows: How many batch places there are.
        static: Whether nothing may be read out of a tensor.

    Returns:
        The order, and in it a number for each batch place and group: both ``[s]``, the latter
        ``None`` where ``group`` and ``row`` are.
    """
    if group is not None and not static and group.shape[0] > 0:
        low, high = (int(bound) for bound in group.aminmax())
        if rows * (high - low + 1) < 2**31:  # batch place and group fit into one number
            group = group - low
            row = group if row is None else row * (high - low + 1) + group
            group = None
    if group is None and row is not None and key.dtype == torch.int32:  # so do all three
        order = stable_order((row << 32) + (key.long() + 2**31), static)
        return order, row.index_select(0, order)
    order = stable_order(key, static)
    majors = [major for major in (group, row) if major is not None]
    for major in majors:
        order = order.index_select(0, stable_order(major.index_select(0, order), static))
    if len(majors) < 2:
        return order, majors[0].index_select(0, order) if majors else None
    changes = [major.index_select(0, order).diff() != 0 for major in majors]
    return order, torch.nn.functional.pad((changes[0] | changes[1]).cumsum(0), (1, 0))


def stable_order(keys: Tensor, static: bool) -> Tensor:
    """Where the keys are in ascending order, equal ones in theirs: ``[s]``, integer -> int64."""
    size = keys.shape[0]
    if not static and 10_000 < size < 32_768:  # from there on torch sorts by radix, much faster
        last = torch.iinfo(keys.dtype).max
        padded = torch.cat([keys, keys.new_full((32_768 - size,), last)])
        return padded.argsort(stable=True)[:size]
    return keys.argsort(stable=True)


def find_itself(ours: PairSide, theirs: PairSide) -> PairSide:
    """``ours``, with where each of its items is on the other side."""
    spots = theirs.at.new_full((theirs.shape.numel(),), -1)
    spots = spots.scatter(0, theirs.at, torch.arange(theirs.at.shape[0], device=theirs.at.device))
    itself = spots.index_select(0, ours.at)
    if ours.group is not None and theirs.group is not None and theirs.group.shape[0] > 0:
        apart = theirs.group.index_select(0, itself.clamp(min=0)) != ours.group
        itself = itself.masked_fill(apart, -1)
    return ours._replace(itself=itself)


def group_bounds(ours: PairSide, theirs: PairSide) -> tuple[Tensor, Tensor]:
    """Where the group of each of our items begins and ends on the other side: ``[s]`` each."""
    if ours.group is None or theirs.group is None:
        first = torch.zeros_like(ours.place)
        return first, first + theirs.place.shape[0]
    first = torch.searchsorted(theirs.group, ours.group)
    return first, torch.searchsorted(theirs.group, ours.group, right=True)


def stored_of(ours: PairSide, theirs: PairSide) -> Tensor:
    """In how many pairs each of our items is, in their order: ``[s]``, int64."""
    first, end = group_bounds(ours, theirs)
    stored = end - first
    if ours.itself is not None:
        stored = stored - (ours.itself >= 0).long()
    return stored if ours.kept is None else stored * ours.kept


def before_of(ours: PairSide, theirs: PairSide) -> Tensor:
    """How many items of the other side's group lie before each of ours: ``[s]``, int64."""
    first, _ = group_bounds(ours, theirs)
    before = ours.place - first
    if ours.itself is not None:
        before = before - ((ours.itself >= 0) & (ours.itself < ours.place)).long()
    return before if ours.kept is None else before * ours.kept


def to_items(values: Tensor, side: PairSide) -> Tensor:
    """Values in the common order back at their items, 0 elsewhere.

    Args:
        values: ``[..., s]``.
        side: The side whose items they belong to.

    Returns:
        ``[..., *batch, items]``.
    """
    if side.kept is not None:
        values = values.masked_fill(~side.kept, 0)
    lead = values.shape[:-1]
    placed = values.new_zeros((*lead, side.shape.numel()))
    return placed.index_copy(-1, side.at, values).reshape((*lead, *side.shape))
