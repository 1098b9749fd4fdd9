"""Running sums in which every step decays: exact wherever the values lie, without overflow."""

from __future__ import annotations

import torch
from torch import Tensor


def in_blocks(values: Tensor) -> Tensor:
    """Values in columns of 16, at least one place of which is empty: 0.

    Args:
        values: ``[..., n]``.

    Returns:
        ``[..., 16, blocks]``: consecutive values are below each other.
    """
    n = values.shape[-1]
    blocks = n // 16 + 1
    padded = torch.nn.functional.pad(values, (0, 16 * blocks - n))
    return padded.reshape(*values.shape[:-1], blocks, 16).transpose(-1, -2).contiguous()


def block_places(where: Tensor, n: int) -> Tensor:
    """Where in the blocks of n values the ``where``-th is, from 1; for 0 an empty place."""
    spot = (where - 1).masked_fill_(where == 0, n)
    return (spot & 15).mul_(n // 16 + 1).add_(spot >> 4)


def block_decays(
    scores: Tensor, group: Tensor | None, rate: float | Tensor
) -> tuple[Tensor, Tensor]:
    """What is left of a sum when the next source comes: ``[2, 16, blocks]``.

    Args:
        scores: ``[2, n]``, ascending within a group.
        group: ``[2, n]``, or ``None`` for one group.
        rate: Minus 1 by the temperature.

    Returns:
        That of power 0: 1, and 0 at the bounds of a group; and the factor from power to power.
    """
    step = scores.diff().mul_(rate).exp_()
    linked = torch.ones_like(step)
    if group is not None:
        apart = group.diff() != 0
        linked, step = linked.masked_fill_(apart, 0), step.masked_fill_(apart, 0)
    pad = torch.nn.functional.pad
    return in_blocks(pad(linked, (1, 0))), in_blocks(pad(step, (1, 0)))


def powers_from(first: Tensor, step: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """``first * step ** k`` for k below ``count``, ``[count, *shape]``; and for ``count``."""
    powers = step.new_empty((count, *step.shape))
    powers[0] = first
    for k in range(1, count):
        torch.mul(powers[k - 1], step, out=powers[k])
    return powers, powers[-1] * step


def running_sums(decays: Tensor, values: Tensor) -> Tensor:
    """Sums of all values so far, each of which decays from place to place.

    Args:
        decays: ``[..., 16, blocks]``, at most 1: from the place before to each place, which follow
            each other down the columns; overwritten.
        values: The same shape; overwritten with the sums.
    """
    shrink, sums = decays.unbind(-2), values.unbind(-2)
    blocks = values.shape[-1]
    for row in range(1, 16):
        sums[row].addcmul_(sums[row - 1], shrink[row])
        if blocks > 1:
            shrink[row].mul_(shrink[row - 1])
    if blocks > 1:  # what a block hands on to the next one, by the same sums over the blocks
        carried = running_sums(in_blocks(shrink[-1]), in_blocks(sums[-1]))
        carried = carried.transpose(-1, -2).flatten(-2)[..., : blocks - 1]
        values[..., 1:].addcmul_(carried.unsqueeze(-2), decays[..., 1:])
    return values


def decayed_sums(scores: Tensor, group: Tensor | None, values: Tensor, rates: Tensor) -> Tensor:
    """As ``running_sums``, in few operations, which overwrite nothing: of 16 times the memory.

    Args:
        scores: ``[2, n]``, ascending within a group.
        group: ``[2, n]``, or ``None`` for one group.
        values: ``[powers, 2, n]``.
        rates: ``[powers]``: a value decays with ``exp(rate * distance)``.

    Returns:
        ``[powers, 2, n]``.
    """
    n = scores.shape[-1]
    blocks = (n + 15) // 16
    pad = torch.nn.functional.pad
    score = pad(scores, (0, 16 * blocks - n)).reshape(2, blocks, 16)
    value = pad(values, (0, 16 * blocks - n)).reshape(-1, 2, blocks, 1, 16)
    row = torch.arange(16, device=scores.device)
    gaps = (score.unsqueeze(-1) - score.unsqueeze(-2)).abs()
    apart = (row.unsqueeze(-1) < row).expand(gaps.shape)
    if group is not None:
        group = pad(group, (0, 16 * blocks - n)).reshape(2, blocks, 16)
        apart = apart | (group.unsqueeze(-1) != group.unsqueeze(-2))
    decay = (rates.reshape(-1, 1, 1, 1, 1) * gaps).exp().masked_fill(apart, 0)
    sums = (decay * value).sum(-1)
    if blocks > 1:  # what a block hands on to the next one, by the same sums over the blocks
        ends = None if group is None else group[..., -1]
        carried = decayed_sums(score[..., -1], ends, sums[..., -1], rates)
        gaps = (score[:, 1:] - score[:, :-1, -1:]).abs()
        decay = (rates.reshape(-1, 1, 1, 1) * gaps).exp()
        if group is not None:
            decay = decay.masked_fill(group[:, 1:] != group[:, :-1, -1:], 0)
        sums = sums + pad(carried[..., :-1].unsqueeze(-1) * decay, (0, 0, 1, 0))
    return sums.flatten(-2)[..., :n]
