"""What a metric needs of a family's relaxed binaries: counts, and whether a row is all won."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lossc.runtime.families import Family, binaries_of, compared
from lossc.runtime.relaxations import relaxed_bits


def relaxed_family(
    family: Family,
    relax: Callable[[Tensor, Tensor | float], tuple[Tensor, Tensor]],
    temperature: Tensor | float,
    squash: str = "none",
) -> Tensor:
    """The relaxed binaries at all dense places, differentiable: ``[*rows, *columns]``.

    Args:
        family: The comparisons.
        relax: The step relaxation, such as ``sigmoid_step``.
        temperature: Positive; in the units of the (squashed) scores.
        squash: ``sigmoid`` bounds the scores before they are compared, ``none`` does not.
    """
    comparisons = compared(family, squash)
    tail, slope = relax(comparisons.detach().abs(), temperature)
    return relaxed_bits(binaries_of(family), comparisons, tail, slope)


def read_both_ways(family: Family, relaxed: Tensor, nothing: float) -> Tensor:
    """Relaxed binaries with ``nothing`` where there is no comparison.

    The mirror images of a mirrored family, which are stored once, are the complements.
    """
    kept = torch.where(family.stored, relaxed, nothing)
    if not family.mirrored:
        return kept
    mirror = family.stored.transpose(-1, -2)
    return torch.where(mirror, 1 - relaxed.transpose(-1, -2), kept)


def relaxed_counts(family: Family, relaxed: Tensor, against: bool = False) -> Tensor:
    """How many comparisons of each row are won: ``[*rows]``, no whole numbers.

    Args:
        family: The comparisons.
        relaxed: ``[*rows, *columns]``, their relaxed binaries.
        against: Count the columns of a family that is counted both ways.
    """
    bits = read_both_ways(family, relaxed, 0.0)
    if against:
        bits = bits.transpose(-1, -2)
    return bits.flatten(bits.ndim - family.columns).sum(-1) if family.columns else bits


def rows_of(family: Family, relaxed: Tensor, nothing: float, against: bool) -> Tensor:
    """Relaxed binaries as ``[*rows, places]``, with ``nothing`` where there is no comparison."""
    bits = read_both_ways(family, relaxed, nothing)
    if against:
        bits = bits.transpose(-1, -2)
    return bits.flatten(bits.ndim - family.columns)


def least_of_rows(family: Family, relaxed: Tensor, against: bool = False) -> Tensor:
    """Whether each row is all won, by Goedel's t-norm: its least relaxed binary; 1 without any.

    The arguments are those of :func:`relaxed_counts`; where the rows are single bits, it is those.
    """
    if not family.columns:
        return relaxed_counts(family, relaxed, against)
    bits = rows_of(family, relaxed, 1.0, against)
    return bits.amin(-1) if bits.shape[-1] else bits.sum(-1) + 1


def most_of_rows(family: Family, relaxed: Tensor, against: bool = False) -> Tensor:
    """Whether some of each row is won, by Goedel's t-norm; 0 without any comparison."""
    if not family.columns:
        return relaxed_counts(family, relaxed, against)
    bits = rows_of(family, relaxed, 0.0, against)
    return bits.amax(-1) if bits.shape[-1] else bits.sum(-1)


def product_of_rows(family: Family, relaxed: Tensor, against: bool = False) -> Tensor:
    """Whether each row is all won, by the product t-norm; 1 without any comparison."""
    if not family.columns:
        return relaxed_counts(family, relaxed, against)
    return rows_of(family, relaxed, 1.0, against).prod(-1)


def some_by_product(family: Family, relaxed: Tensor, against: bool = False) -> Tensor:
    """Whether some of each row is won, by the product t-norm; 0 without any comparison."""
    if not family.columns:
        return relaxed_counts(family, relaxed, against)
    return 1 - (1 - rows_of(family, relaxed, 0.0, against)).prod(-1)


def bounded_sum_of_rows(family: Family, relaxed: Tensor, against: bool = False) -> Tensor:
    """Whether each row is all won, by Lukasiewicz's t-norm: 1 less what is missing, or 0."""
    if not family.columns:
        return relaxed_counts(family, relaxed, against)
    return (1 - (1 - rows_of(family, relaxed, 1.0, against)).sum(-1)).relu()


def some_by_sum(family: Family, relaxed: Tensor, against: bool = False) -> Tensor:
    """Whether some of each row is won, by Lukasiewicz's t-norm: the count, at most 1."""
    if not family.columns:
        return relaxed_counts(family, relaxed, against)
    return rows_of(family, relaxed, 0.0, against).sum(-1).clamp_max(1)


def risen(
    margin: Tensor,
    whole: bool,
    relax: Callable[[Tensor, Tensor | float], tuple[Tensor, Tensor]],
    temperature: Tensor | float,
) -> Tensor:
    """The step relaxation of a number that decisions have made, such as a count less its limit.

    Args:
        margin: Above 0 where the condition holds, any shape.
        whole: Whether it is a difference of whole numbers. Others, such as rates, have no scale of
            their own and are measured by their mean absolute value.
        relax: The step relaxation.
        temperature: Of the step, in units of one comparison.
    """
    if not whole:
        scale = margin.detach().abs()
        scale = torch.where(scale.isfinite(), scale, 0).mean()
        margin = margin / torch.where(scale > 0, scale, 1)
    tail, slope = relax(margin.detach().abs(), temperature)
    return relaxed_bits(margin > 0, margin, tail, slope)


def read_between(table: Tensor, place: Tensor, low: int) -> Tensor:
    """A table at places between its entries: the line through the two nearest ones.

    Args:
        table: ``[entries]``, for the places ``low``, ``low + 1``, ...
        place: Any shape; places outside read the first, or the last, entry.
        low: The place of the first entry.
    """
    if table.shape[0] == 0:
        return torch.zeros_like(place)
    inside = (place - low).clamp(0, table.shape[0] - 1)
    below = inside.detach().floor().long()
    above = (below + 1).clamp_max(table.shape[0] - 1)
    first = table[below]
    return first + (inside - below) * (table[above] - first)
