"""From heatmaps to coordinates: by the highest cell, and by the average position.

Coordinates are shares of the map's sides. Cell ``x`` of ``w`` is read at its centre,
``(x + 0.5) / w``, unless a function says otherwise.

Source: the memo on adaptive Euclidean losses for integral pose regression (its public layers); the
quarter of a cell: Newell, Yang and Deng, Stacked Hourglass Networks (ECCV 2016), section 3.2.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

THRESHOLD = 1e-6  # a map that nowhere rises above it says nothing
SCALE = 30.0  # of a 3D map before its softmax
CUTOFF = 0.003  # of a 2D map before it is divided by its sum


def highest_cell(maps: Tensor) -> tuple[Tensor, Tensor]:
    """The cell of each map's maximum, the first of equals in row-major order, and the maximum.

    Args:
        maps: ``[n, k, ...]``, one axis or more after the joint's.

    Returns:
        ``int64[n, k, axes]``, in the order of the axes, and ``[n, k]``.
    """
    value, index = maps.flatten(2).max(dim=-1)
    places = []
    for length in reversed(maps.shape[2:]):
        places.append(index % length)
        index = index // length
    return torch.stack(places[::-1], dim=-1), value


def by_argmax(maps: Tensor, *, threshold: float = THRESHOLD, quarter: bool = False) -> Tensor:
    """The centre of the highest cell; 0.5 on every axis where no cell is above the threshold.

    Args:
        maps: ``[n, k, h, w]`` or ``[n, k, d, h, w]``.
        threshold: As above.
        quarter: Move a quarter of a cell along each axis towards the higher of the two
            neighbours, where there are two and they differ.

    Returns:
        ``[n, k, 2]`` (x, y) or ``[n, k, 3]`` (x, y, z).
    """
    cell, value = highest_cell(maps)
    place = cell.to(maps.dtype) + 0.5
    if quarter:
        place = place + 0.25 * _towards_higher(maps, cell)
    sides = torch.tensor(maps.shape[2:], dtype=maps.dtype, device=maps.device)
    found = (value > threshold).unsqueeze(-1)
    return torch.where(found, place / sides, torch.full_like(place, 0.5)).flip(-1)


def _towards_higher(maps: Tensor, cell: Tensor) -> Tensor:
    """-1, 0 or 1 for each map and axis: ``[n, k, axes]``."""
    flat, sides = maps.flatten(2), maps.shape[2:]
    steps = [math.prod(sides[axis + 1 :]) for axis in range(len(sides))]  # to the next on each axis
    index = (cell * torch.tensor(steps, device=cell.device)).sum(dim=-1)
    signs = []
    for axis, (length, step) in enumerate(zip(sides, steps, strict=True)):
        inside = (cell[..., axis] > 0) & (cell[..., axis] < length - 1)
        after, before = (
            flat.gather(-1, torch.where(inside, index + way, index).unsqueeze(-1)).squeeze(-1)
            for way in (step, -step)
        )
        signs.append((after - before).sign())
    return torch.stack(signs, dim=-1)


def by_integral_3d(maps: Tensor, *, scale: float = SCALE) -> Tensor:
    r"""The average position under a softmax over all cells of a map.

    .. math:: \hat x = \sum_{vyx} \frac{e^{s h_{vyx}}}{\sum e^{s h}} \frac{x + 1/2}{w}

    The scale decides how much of the softmax the peak has: the cell of a single 1 in a map of
    16 x 64 x 64 weighs 4.1e-5 at scale 1, 0.25 at 10 and 1 - 6e-9 at 30.

    Args:
        maps: ``[n, k, d, h, w]``, raw.
        scale: As above.

    Returns:
        ``[n, k, 3]``, x, y, z.
    """
    n, k, d, h, w = maps.shape
    share = torch.softmax(scale * maps.flatten(2), dim=-1).reshape(n, k, d, h, w)
    x = _average(share.sum(dim=(2, 3)), 0.5)
    y = _average(share.sum(dim=(2, 4)), 0.5)
    z = _average(share.sum(dim=(3, 4)), 0.5)
    return torch.stack([x, y, z], dim=-1)


def by_integral_2d(maps: Tensor, *, cutoff: float = CUTOFF, half: bool = False) -> Tensor:
    """The average position under a map, cut off from below and divided by its sum.

    A map that is nowhere above the cutoff counts as uniform.

    Args:
        maps: ``[n, k, h, w]``.
        cutoff: Cells that are not above it count 0.
        half: Read cells at their centres; the published layer reads them at ``x / w``.

    Returns:
        ``[n, k, 2]``, x, y.
    """
    kept = torch.where(maps > cutoff, maps, torch.zeros_like(maps))
    empty = (kept.sum(dim=(2, 3), keepdim=True) <= 0).expand_as(kept)
    kept = torch.where(empty, torch.ones_like(kept), kept)
    share = kept / kept.sum(dim=(2, 3), keepdim=True)
    offset = 0.5 if half else 0.0
    return torch.stack([_average(share.sum(dim=2), offset), _average(share.sum(dim=3), offset)], -1)


def _average(share: Tensor, offset: float) -> Tensor:
    """The average position along the last axis, as a share of it."""
    length = share.shape[-1]
    place = (torch.arange(length, dtype=share.dtype, device=share.device) + offset) / length
    return (share * place).sum(dim=-1)
