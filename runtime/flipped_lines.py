"""Anchors that flip whole lines: all comparisons of one item on one side of a family."""

from __future__ import annotations

import torch
from torch import Tensor

from lossc.runtime.anchors import Flips, pick_among
from lossc.runtime.families import Family


def pick_lines(
    families: tuple[Family, ...], lines: tuple[tuple[int, ...], ...], may: Tensor, words: Tensor
) -> Flips:
    """All bits that may flip of one line each, of those lines that have any.

    In a mirrored family, which stores each pair of items once, the line of an item is all pairs
    that it is in.

    Source: the rows and columns of the published pose code of UniLoss.

    Args:
        families: The comparisons.
        lines: For each family the axes of ``stored`` along which its lines run; the others number
            them.
        may: ``[L]``, bool: which bits may flip.
        words: ``[t]``, random.
    """
    parts, starts = [], []
    place = 0
    for family, axes in zip(families, lines, strict=True):
        starts.append(place)
        here = may[place : place + family.stored.numel()].reshape(family.stored.shape)
        parts.append(lines_with_some(family, axes, here))
        place += family.stored.numel()
    picked = pick_among(words, torch.cat(parts))
    at, inside = [], []
    first = 0
    for family, axes, start, part in zip(families, lines, starts, parts, strict=True):
        local = picked - first
        own = (local >= 0) & (local < part.shape[0])
        local = torch.where(own, local, 0)
        first += part.shape[0]
        if not family.stored.numel():
            continue
        for run in runs_of_line(family, axes):
            fixed = tuple(axis for axis in range(family.stored.ndim) if axis not in run)
            bases, steps = offsets(family, fixed, words), offsets(family, run, words)
            positions = start + bases[local].unsqueeze(-1) + steps
            at.append(positions)
            inside.append(own.unsqueeze(-1).expand_as(positions))
    places = torch.cat(at, -1)
    return Flips(places, may[places] & torch.cat(inside, -1))


def runs_of_line(family: Family, axes: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The axes along which a line runs; two lists where it has a mirror image."""
    last = family.stored.ndim - 1
    return [(last,), (last - 1,)] if family.mirrored else [axes]


def lines_with_some(family: Family, axes: tuple[int, ...], may: Tensor) -> Tensor:
    """Which lines of a family have a bit that may flip: ``[*rows, *columns] -> [lines]``."""
    found = []
    for run in runs_of_line(family, axes):
        some = may
        for axis in sorted(run, reverse=True):
            some = some.any(axis)
        found.append(some.reshape(-1))
    return found[0] if len(found) == 1 else found[0] | found[1]


def offsets(family: Family, axes: tuple[int, ...], like: Tensor) -> Tensor:
    """The flat positions of all places along some axes, the others at 0: int64, row-major."""
    result = torch.zeros(1, dtype=torch.long, device=like.device)
    for axis in axes:
        stride = 1
        for size in family.stored.shape[axis + 1 :]:
            stride *= size
        steps = torch.arange(family.stored.shape[axis], device=like.device) * stride
        result = (result.unsqueeze(-1) + steps).reshape(-1)
    return result
