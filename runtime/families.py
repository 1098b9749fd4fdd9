"""Comparison families as tensors, their hard binaries, and the row counts that a metric needs."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor


class Family(NamedTuple):
    """All comparisons of one discrete decision.

    Args:
        left: Broadcasts to ``stored``: the score that wins where the binary is 1.
        right: The score that it is compared with.
        stored: ``[*rows, *columns]``, bool: where there is a comparison at all.
        tie: The binary at equal scores: a bool, or a tensor that broadcasts to ``stored``.
        columns: How many trailing axes the metric only counts over.
        mirrored: Whether the last two axes are the same items, stored once for both directions.
        both_ways: Whether the last two axes are the same items and the comparisons won against
            each of them are counted as well, beside those that it wins.
    """

    left: Tensor
    right: Tensor
    stored: Tensor
    tie: Tensor | bool
    columns: int
    mirrored: bool
    both_ways: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of its counts."""
        return tuple(self.stored.shape[: self.stored.ndim - self.columns])


class Counted(Protocol):
    """A family as the metric sees it: the shape of its counts, and whether it has them twice."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def both_ways(self) -> bool: ...


def layout(family: Family) -> tuple[int, int]:
    """The number of rows, and of places in each."""
    rows, columns = 1, 1
    for axis, size in enumerate(family.stored.shape):
        if axis < family.stored.ndim - family.columns:
            rows *= size
        else:
            columns *= size
    return rows, columns


def count_of_rows(family: Family) -> int:
    """How many counts of a family the metric takes."""
    rows, _ = layout(family)
    return 2 * rows if family.both_ways else rows


def binaries_of(family: Family) -> Tensor:
    """The hard binaries of a family; False where nothing is stored."""
    won = (family.left > family.right) | ((family.left == family.right) & family.tie)
    return won & family.stored


def compared(family: Family, squash: str = "none") -> Tensor:
    """The comparisons of a family at all dense places, differentiable: ``[*rows, *columns]``.

    Args:
        family: The comparisons.
        squash: ``sigmoid`` bounds the scores before they are compared, ``none`` does not.
    """
    left, right = family.left, family.right
    if squash == "sigmoid":
        left, right = left.sigmoid(), right.sigmoid()
    return (left - right).expand(family.stored.shape)


def row_counts(family: Family, binaries: Tensor) -> Tensor:
    """How many comparisons of each row are won.

    Args:
        family: Gives the shape and what is stored.
        binaries: ``[..., *rows, *columns]``, bool.

    Returns:
        ``[..., R]``, int64, the rows flattened; behind them the counts of the columns, where the
        family is counted both ways.
    """
    stored = family.stored
    won = binaries & stored
    if family.mirrored:
        won = won | (stored & ~binaries).transpose(-1, -2)
    lead = won.shape[: won.ndim - stored.ndim]
    rows, columns = layout(family)
    wins = won.reshape((*lead, rows, columns)).sum(-1)
    if family.both_ways:
        against = won.transpose(-1, -2).reshape((*lead, rows, columns)).sum(-1)
        wins = torch.cat([wins, against], -1)
    return wins


def split_rows(families: tuple[Counted, ...], rows: Tensor) -> list[Tensor]:
    """The counts of each family, in its own shape: ``[..., R] -> [..., *rows]`` for each.

    A family that is counted both ways gives two: of its rows, and of its columns.
    """
    parts, start = [], 0
    for family in families:
        shape = family.shape
        size = 1
        for length in shape:
            size *= length
        for _ in range(2 if family.both_ways else 1):
            parts.append(rows[..., start : start + size].reshape((*rows.shape[:-1], *shape)))
            start += size
    return parts


def rows_of_binaries(families: tuple[Family, ...], binaries: Tensor) -> Tensor:
    """Row counts of stored binaries in their flat order: ``[..., l] -> [..., R]``."""
    places = [family.stored.flatten().nonzero().squeeze(-1) for family in families]
    total = sum(where.shape[0] for where in places)
    if binaries.shape[-1:] != (total,):
        raise ValueError(f"expected {total} binaries for these inputs, got {list(binaries.shape)}")
    parts, start = [], 0
    for family, where in zip(families, places, strict=True):
        chunk = binaries[..., start : start + where.shape[0]] > 0.5
        dense = chunk.new_zeros((*chunk.shape[:-1], family.stored.numel()))
        dense[..., where] = chunk
        start += where.shape[0]
        shape = (*chunk.shape[:-1], *family.stored.shape)
        parts.append(row_counts(family, dense.reshape(shape)))
    return torch.cat(parts, -1)


def flat_comparisons(families: tuple[Family, ...]) -> Tensor:
    """All stored comparisons: family by family, row-major: ``[l]``."""
    parts = [
        (family.left - family.right).expand(family.stored.shape)[family.stored]
        for family in families
    ]
    return torch.cat(parts)


def flat_binaries(families: tuple[Family, ...]) -> Tensor:
    """All stored hard binaries in the same order: ``[l]``, bool."""
    return torch.cat([binaries_of(family)[family.stored] for family in families])
