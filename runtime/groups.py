"""Sums and counts within groups (queries) of items, without comparing every item with every other.

Groups are named by whole numbers; ``group_numbers`` counts them through once, for all that follows.
"""

from __future__ import annotations

import torch
from torch import Tensor


def group_numbers(keys: Tensor) -> Tensor:
    """The number of each item's group, from 0, in the order of the keys: ``[n] -> [n]``."""
    if keys.shape[0] == 0:
        return keys
    if not torch.compiler.is_compiling() and keys.device.type == "cpu" and (keys == keys[0]).all():
        return torch.zeros_like(keys)
    ordered, order = keys.sort()
    numbers = torch.cat([ordered.new_zeros(1), (ordered[1:] != ordered[:-1]).long()]).cumsum(0)
    return torch.empty_like(numbers).scatter(0, order, numbers)


def sums_in_groups(values: Tensor, numbers: Tensor) -> Tensor:
    """For each item the sum over its group: ``[..., n] -> [..., n]``; conditions are counted.

    Args:
        values: ``[..., n]``.
        numbers: ``[n]``, from ``group_numbers``.
    """
    values = values.long() if values.dtype == torch.bool else values
    totals = torch.zeros_like(values).index_add(-1, numbers, values)
    return totals.index_select(-1, numbers)


def sorted_in_groups(values: Tensor, numbers: Tensor, where: Tensor | None) -> tuple[Tensor, ...]:
    """Items by group, then by descending value, then by position.

    Returns:
        The order; how many selected items stand before each place; the place where its group
        begins; and the place where its run of equal values begins: ``[n]`` each.
    """
    order = values.argsort(descending=True, stable=True)
    order = order.index_select(0, numbers.index_select(0, order).argsort(stable=True))
    ours, keys = numbers.index_select(0, order), values.index_select(0, order)
    chosen = torch.ones_like(ours) if where is None else where.long().index_select(0, order)
    before = chosen.cumsum(0) - chosen
    place = torch.arange(ours.shape[0], device=ours.device)
    new = torch.cat([ours.new_ones(1).bool(), ours[1:] != ours[:-1]])[: ours.shape[0]]
    fresh = new | torch.cat([new[:1], keys[1:] != keys[:-1]])
    start = torch.where(new, place, 0).cummax(0).values if place.numel() else place
    run = torch.where(fresh, place, 0).cummax(0).values if place.numel() else place
    return order, before, start, run


def larger_in_group(values: Tensor, numbers: Tensor, where: Tensor | None = None) -> Tensor:
    """For each item how many selected ones of its group have a larger value: ``[n]``.

    Args:
        values: ``[n]``, without NaN.
        numbers: ``[n]``, from ``group_numbers``.
        where: ``[n]``, bool; ``None`` selects every item.
    """
    order, before, start, run = sorted_in_groups(values, numbers, where)
    counts = before.index_select(0, run) - before.index_select(0, start)
    return torch.empty_like(counts).scatter(0, order, counts)


def smaller_in_group(values: Tensor, numbers: Tensor, where: Tensor | None = None) -> Tensor:
    """For each item how many selected ones of its group have a smaller value: ``[n]``."""
    return larger_in_group(-values, numbers, where)


def ahead_in_group(values: Tensor, numbers: Tensor, where: Tensor | None = None) -> Tensor:
    """For each item how many selected ones of its group are larger, or equal and earlier."""
    order, before, start, _ = sorted_in_groups(values, numbers, where)
    counts = before - before.index_select(0, start)
    return torch.empty_like(counts).scatter(0, order, counts)
