"""What a metric needs of a family's relaxed binaries: counts, and whether a row is all won."""

from __future__ import annotations

import math
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


def log_product_of_rows(family: Family, relaxed: Tensor) -> Tensor:
    """The logarithm of the product of each row, which does not vanish where that does."""
    bits = rows_of(family, relaxed, 1.0, False)
    return bits.clamp_min(torch.finfo(bits.dtype).tiny).log().sum(-1)


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


def risen_by_ratio(
    margin: Tensor,
    level: Tensor | float,
    upwards: bool,
    relax: Callable[[Tensor, Tensor | float], tuple[Tensor, Tensor]],
    temperature: Tensor | float,
) -> Tensor:
    """The step relaxation of a count beside a fixed number, by the logarithm of their ratio.

    With the sigmoid, a rank ``r`` is among the first ``k`` by ``1 / (1 + (r / c)^(2 / T))`` with
    ``c = k + 1/2``. A difference of ``n`` ranks would have the slope ``exp(-n)``: none. Below an
    eighth of the level the logarithm goes on as the line that touches it there, so that counts
    may be 0 or less.
    Levels below 1 have no scale, and differences from them are taken as they are.

    Args:
        margin: Above 0 where the condition holds, any shape.
        level: What is half way between the counts for which it holds and the others; broadcasts.
        upwards: Whether it holds for counts above the level, and not for those below.
        relax: The step relaxation.
        temperature: Of the step; with 1, the level's half is one unit.
    """
    sign = 1 if upwards else -1
    scaled = torch.as_tensor(level, dtype=margin.dtype, device=margin.device).detach()
    ratio = 1 + sign * margin / scaled.clamp_min(1)
    low = 0.125
    touching = (ratio - low) / low + math.log(low)
    far = 2 * sign * torch.where(ratio > low, ratio.clamp_min(low).log(), touching)
    return risen(torch.where(scaled < 1, margin, far), True, relax, temperature)


def capped(
    value: Tensor,
    cap: Tensor | float,
    relax: Callable[[Tensor, Tensor | float], tuple[Tensor, Tensor]],
    temperature: Tensor | float,
) -> Tensor:
    """``min(value, cap)`` of what decisions have made, with a slope above the cap as well.

    It is ``x / (1 + (x / c)^p)^(1 / p)`` with ``p = 2 / T``, whose slope above the cap falls like a
    power; the minimum itself where one of both is not positive.

    Args:
        value: Any shape.
        cap: Broadcasts.
        relax: The step relaxation; where it leaves bits as they are, so is the minimum.
        temperature: Of the step; with 1, the cap's half is one unit.
    """
    limit = torch.as_tensor(cap, dtype=value.dtype, device=value.device)
    hard = torch.minimum(value, limit)
    inside = (value > 0) & (limit > 0)
    number, limit = torch.where(inside, value, 1), torch.where(inside, limit, 1)
    # by way of logarithms: p may be so large that no power of a number could be written down
    power = 2 / temperature
    logs = torch.nn.functional.softplus(power * (number / limit).log()) / power
    soft = torch.where(inside, number * (-logs).exp(), hard)
    tail, _ = relax(torch.zeros_like(soft), 1.0)
    return soft + (hard - soft).detach() * (1 - 2 * tail)


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
