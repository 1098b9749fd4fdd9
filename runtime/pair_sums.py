r"""Sums over all pairs of functions that are sums of exponentials, without any pair.

With a sum of exponentials on each side of 0, what a reader at x gets from the sources below it is

.. math:: \sum_k c_k \sum_{y_j \le x} v_j e^{-k (x - y_j) / T}

and the inner sums are running sums of the sorted sources, in which each step decays by the gap to
the next source. All decays are at most 1, so nothing overflows, and for positive weights nothing
cancels, wherever the scores are. Across the bounds of a group the decay is 0. Sums are float64.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from lossc.runtime.decayed_sums import (
    block_decays,
    block_places,
    decayed_sums,
    in_blocks,
    powers_from,
    running_sums,
)
from lossc.runtime.pairs import PairOrder, PairSide, to_items


class Kernel(NamedTuple):
    r"""M functions phi of a comparison c, in t = exp(-|c| / temperature).

    .. math:: \phi(c) = \mathrm{constant} + \sum_{k=1}^{K} \mathrm{terms}_k t^k

    Args:
        won_constant: ``[M]``: the constant where the binary is 1. All are float64 or float32; the
            terms of the sigmoid alternate in sign, and need float64.
        won: ``[M, K]``, the terms there.
        lost_constant: ``[M]``, the constant where the binary is 0.
        lost: ``[M, K]``, the terms there.
    """

    won_constant: Tensor
    won: Tensor
    lost_constant: Tensor
    lost: Tensor


def pair_sums_right(
    order: PairOrder, kernel: Kernel, temperature: float | Tensor, weight: Tensor | None = None
) -> Tensor:
    r"""For each left item the sum over its right ones: :math:`\sum_j w_j \phi(x_i - y_j)`.

    Args:
        order: Of the pairs.
        kernel: M functions phi.
        temperature: Positive, in the units of the scores; a number, or a scalar.
        weight: ``[*batch, n]``, of the right items, of any sign; ``None``: 1.

    Returns:
        ``[M, *batch, m]``, in the scores' dtype; 0 for items that are not kept. Carries no
        gradient.
    """
    won = torch.cat([kernel.won_constant.unsqueeze(-1), kernel.won], -1)
    lost = torch.cat([kernel.lost_constant.unsqueeze(-1), kernel.lost], -1)
    return sums_of_sources(order.left, order.right, (won, lost), temperature, weight)


def pair_sums_left(
    order: PairOrder, kernel: Kernel, temperature: float | Tensor, weight: Tensor | None = None
) -> Tensor:
    r"""For each right item the sum over its left ones: :math:`\sum_i w_i \phi(x_i - y_j)`.

    Args:
        order: Of the pairs.
        kernel: M functions phi.
        temperature: Positive, in the units of the scores; a number, or a scalar.
        weight: ``[*batch, m]``, of the left items, of any sign; ``None``: 1.

    Returns:
        ``[M, *batch, n]``, as ``pair_sums_right``.
    """
    won = torch.cat([kernel.won_constant.unsqueeze(-1), kernel.won], -1)
    lost = torch.cat([kernel.lost_constant.unsqueeze(-1), kernel.lost], -1)
    return sums_of_sources(order.right, order.left, (lost, won), temperature, weight)


def sums_of_sources(
    readers: PairSide,
    sources: PairSide,
    terms: tuple[Tensor, Tensor],
    temperature: float | Tensor,
    weight: Tensor | None,
) -> Tensor:
    """For each reader the sum over all sources of its group.

    Args:
        readers: The side that has a sum for each item.
        sources: The side that is summed over.
        terms: ``[M, 1 + K]`` each: of sources that lie before a reader, and of those behind it.
        temperature: Positive.
        weight: Of the sources, in the shape that they had, or ``None``.

    Returns:
        ``[M, *shape of the readers]``.
    """
    before, behind = (each.detach().double() for each in terms)
    count, powers = before.shape
    n, m = sources.scores.shape[0], readers.scores.shape[0]
    if n == 0 or m == 0:
        return readers.scores.new_zeros((count, *readers.shape), dtype=readers.dtype)
    static = torch.compiler.is_compiling() or readers.scores.device.type != "cpu"
    if isinstance(temperature, Tensor):
        temperature = temperature.detach().double()
    rate = -1 / temperature
    weights = source_weights(sources, weight)
    ends, own = last_sources(readers, n)
    values = torch.stack([weights, weights.flip(0)])
    middle = None if static else middle_of_close(readers, sources, rate * (powers - 1))
    near, where = reading_plan(readers, sources, ends, rate, middle)
    scores, group = two_ways(sources)
    places = n + 1
    if middle is not None:
        up = sources.scores - middle
        first, step = values, torch.stack([up, -up.flip(0)]).mul_(-rate).exp_()
    elif not static:
        first, step = block_decays(scores, group, rate)
        values = in_blocks(values)
        where, places = block_places(where, n), values[0].numel()
    where = torch.stack([where[0], where[1] + places])

    # as many powers at once as fit into the cache, or into the memory of a GPU
    at_once = max(1, min(powers, 2**21 // max(n, m) if static else 2**18 // n))
    piece = m if static else 2**18 // at_once
    result, shrunk = near.new_zeros((count, m)), torch.ones_like(near)
    # [M, (1 + K) * 2], so that both ways are summed at once
    coefficients = torch.stack([before, behind], -1).flatten(1)
    for start in range(0, powers, at_once):
        size = min(at_once, powers - start)
        if static:
            power = torch.arange(start, start + size, dtype=near.dtype, device=near.device)
            tables = decayed_sums(scores, group, values.expand(size, 2, n), rate * power)
            tables = torch.nn.functional.pad(tables, (1, 0))
        elif middle is None:
            factors, first = powers_from(first, step, size)
            tables = running_sums(factors, values.repeat(size, 1, 1, 1))
        else:
            factors, first = powers_from(first, step, size)
            tables = factors.new_zeros((size, 2, n + 1))
            torch.cumsum(factors, -1, out=tables[..., 1:])
        tables = tables.reshape(size, -1)
        part = coefficients[:, 2 * start : 2 * (start + size)]
        if static:
            power = torch.arange(size + 1, device=near.device).reshape(-1, 1, 1)
            shrinking = shrunk * near**power
            read = tables.index_select(1, where.reshape(-1)) * shrinking[:-1].reshape(size, -1)
            result = torch.addmm(result, part, read.reshape(2 * size, m))
            shrunk = shrinking[-1]
        else:
            for a in range(0, m, piece):
                cut = (..., slice(a, a + piece))
                add_read_sums(result[cut], part, tables, where[cut], shrunk[cut], near[cut])
    if own is not None and readers.itself is not None:  # among equal sources that were summed
        own = own * weights.index_select(0, readers.itself.clamp(min=0))
        result = result - torch.stack([before.sum(-1), behind.sum(-1)], -1) @ own
    return to_items(result.to(readers.dtype), readers)


def source_weights(sources: PairSide, weight: Tensor | None) -> Tensor:
    """The weights of the sources in their order, 0 where they are not kept: ``[n]``, float64."""
    if weight is None:
        weights = torch.ones_like(sources.scores)
    else:
        weights = weight.detach().reshape(-1).index_select(0, sources.at).double()
    return weights if sources.kept is None else weights.masked_fill(~sources.kept, 0)


def middle_of_close(readers: PairSide, sources: PairSide, rate: float | Tensor) -> float | None:
    """The middle of all scores, if all are of one group and ``exp(rate * distance)`` is moderate.

    Then one cumulative sum holds them all; exp(600) leaves room for weights and their number.
    """
    if sources.group is not None:
        return None
    ends = [float(side.scores[at]) for side in (readers, sources) for at in (0, -1)]
    low, high = min(ends), max(ends)
    return (low + high) / 2 if (high - low) * -float(rate) < 1200 else None  # no for NaN


def last_sources(readers: PairSide, n: int) -> tuple[Tensor, Tensor | None]:
    """How many sources lie before each reader, and behind it, without itself if that is nearest.

    Args:
        readers: The items to count for.
        n: How many sources there are.

    Returns:
        The counts, over all groups: ``[2, m]``, int64; and 1 where the item itself is among them
        nevertheless, since others have its score: ``[2, m]``, float64, or ``None``.
    """
    ends = torch.stack([readers.place, n - readers.place])
    if readers.itself is None:
        return ends, None
    itself = torch.stack([readers.itself + 1, n - readers.itself])  # the counts up to itself
    among = (readers.itself >= 0) & (itself <= ends)
    nearest = among & (itself == ends)
    return ends - nearest.long(), (among & ~nearest).double()


def two_ways(sources: PairSide) -> tuple[Tensor, Tensor | None]:
    """The scores from the lowest up, and negated from the highest down; and their groups.

    Returns:
        ``[2, n]`` each; the groups are ``None`` where all are of one.
    """
    scores = torch.stack([sources.scores, -sources.scores.flip(0)])
    if sources.group is None:
        return scores, None
    return scores, torch.stack([sources.group, sources.group.flip(0)])


def reading_plan(
    readers: PairSide,
    sources: PairSide,
    ends: Tensor,
    rate: float | Tensor,
    middle: float | None,
) -> tuple[Tensor, Tensor]:
    """Where each reader finds its sums, and what they are multiplied by from power to power.

    Args:
        readers: The side that has a sum for each item.
        sources: The side that is summed over.
        ends: ``[2, m]``: how many sources lie on either side of each reader.
        rate: Minus 1 by the temperature.
        middle: What the sums are relative to; ``None``: each to the last source that is in it.

    Returns:
        The factors, and how many sources are in the sum: ``[2, m]`` each.
    """
    if middle is not None:
        ahead = readers.scores - middle
        return torch.stack([ahead, -ahead]).mul_(rate).exp_(), ends
    n = sources.scores.shape[0]
    nearest = torch.stack([ends[0] - 1, n - ends[1]]).clamp_(0, n - 1).reshape(-1)
    if sources.group is not None and readers.group is not None:
        group = sources.group.index_select(0, nearest).reshape(2, -1)
        ends = ends.masked_fill(group != readers.group, 0)
    found = sources.scores.index_select(0, nearest).reshape(2, -1)
    return (found - readers.scores).abs_().mul_(rate).exp_(), ends


def add_read_sums(
    result: Tensor, part: Tensor, tables: Tensor, where: Tensor, first: Tensor, step: Tensor
) -> None:
    """Adds what some readers find in some tables, times ``first * step ** k`` in the k-th.

    Args:
        result: ``[M, r]``; added to.
        part: ``[M, count * 2]``, the coefficients.
        tables: ``[count, places]``.
        where: ``[2, r]``, int64.
        first: ``[2, r]``; overwritten with the factors of the next table.
        step: ``[2, r]``.
    """
    where, now, by = where.reshape(-1), first.reshape(-1), step.reshape(-1)
    read = tables.new_empty((tables.shape[0], where.shape[0]))
    for table, row in zip(tables.unbind(), read.unbind(), strict=True):
        torch.index_select(table, 0, where, out=row)
        row.mul_(now)
        now.mul_(by)
    first.copy_(now.view(first.shape))
    result.addmm_(part, read.view(part.shape[1], -1))
