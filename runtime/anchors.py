"""Anchors as what distinguishes them: a few flipped bits and row counts, never written out."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from lossc.runtime.counter import count_ones, random_below
from lossc.runtime.families import Family, count_of_rows, layout, row_counts


def pick_among(words: Tensor, mask: Tensor) -> Tensor:
    """A position where ``mask`` holds for each word: ``[t], [L] -> [t]``; 0 if there is none."""
    if mask.shape[0] == 0:
        return torch.zeros_like(words)
    ranks = mask.cumsum(0, dtype=torch.int32)
    rank = (random_below(words, ranks[-1].long()) + 1).int()
    return torch.searchsorted(ranks, rank).clamp_max(mask.shape[0] - 1)


class Flips(NamedTuple):
    """The bits in which t anchors differ from the configuration that they are drawn around.

    Args:
        at: ``[t, m]``, flat positions among all dense places of all families.
        flips: ``[t, m]``, bool: which of them flip; no position does twice.
    """

    at: Tensor
    flips: Tensor


def pick_bits(
    families: tuple[Family, ...], lines: tuple[tuple[int, ...], ...], may: Tensor, words: Tensor
) -> Flips:
    """One bit each of those that may flip; none if none may.

    Args:
        families: The comparisons.
        lines: Of no meaning here: ``pick_lines`` takes them.
        may: ``[L]``, bool.
        words: ``[t]``, random.
    """
    at = pick_among(words, may).unsqueeze(-1)
    return Flips(at, may[at])


def flipped_rows(
    families: tuple[Family, ...], rows: Tensor, positions: Tensor, gains: Tensor
) -> Tensor:
    """Row counts after some flips each.

    Args:
        families: Give the layout of flat positions.
        rows: ``[t, R]``, counts before the flips; not changed.
        positions: ``[t, m]``, flat positions among all dense places of all families.
        gains: ``[t, m]``, +1 where the flip wins its comparison, -1 where it loses it, 0 for no
            flip.

    Returns:
        ``[t, R]``.
    """
    result = rows.clone()
    place_start, row_start = 0, 0
    for family in families:
        count, columns = layout(family)
        places = count * columns
        if places == 0:
            row_start += count_of_rows(family)
            continue
        local = positions - place_start
        here = (local >= 0) & (local < places)
        local = local.clamp(0, places - 1)
        change = torch.where(here, gains, 0)
        result.scatter_add_(-1, row_start + local // columns, change)
        if family.mirrored:
            items = family.stored.shape[-1]
            group, pair = local // (items * items), local % (items * items)
            first, second = pair // items, pair % items
            mirror = (
                group * items + second
                if family.columns
                else group * items * items + second * items + first
            )
            result.scatter_add_(-1, row_start + mirror, -change)
        if family.both_ways:
            items = family.stored.shape[-1]
            against = count + local // (items * items) * items + local % items
            result.scatter_add_(-1, row_start + against, change)
        place_start += places
        row_start += count_of_rows(family)
    return result


def words_of_bits(families: tuple[Family, ...]) -> int:
    """How many random words the bits of one configuration take, each row beginning a new one."""
    total = 0
    for family in families:
        rows, columns = layout(family)
        total += rows * ((columns + 31) // 32)
    return total


def random_binaries(families: tuple[Family, ...], words: Tensor) -> Tensor:
    """Fair random bits at all dense places, row by row: ``[t, words] -> [t, L]``, bool."""
    parts, start = [], 0
    shifts = torch.arange(32, device=words.device)
    for family in families:
        rows, columns = layout(family)
        size = rows * ((columns + 31) // 32)
        shape = (words.shape[0], rows, (columns + 31) // 32, 1)
        chunk = words[:, start : start + size].reshape(shape)
        bits = ((chunk >> shifts) & 1).flatten(-2)[..., :columns]
        parts.append(
            bits.reshape((words.shape[0], rows * columns)).bool() & family.stored.reshape(-1)
        )
        start += size
    return torch.cat(parts, -1)


def fair_counts(words: Tensor, stored: Tensor) -> Tensor:
    """How many of each row's bits are 1 if all are fair: ``[..., R]``, int64.

    Up to 32 bits they are the ones of a random word. Of more, the binomial distribution is taken
    for the normal one, rounded; its skewness is 0, so that they differ by less than 1 / (8 n).

    Args:
        words: ``[..., R, 3]``, random.
        stored: ``[R]``, how many bits each row has.
    """
    kept = (1 << stored.clamp(0, 32)) - 1
    few = count_ones(words[..., 0] & kept)
    uniform = (words[..., 1:].double() + 0.5) / 2**32
    normal = (-2 * uniform[..., 0].log()).sqrt() * (2 * torch.pi * uniform[..., 1]).cos()
    size = stored.double()
    many = (size / 2 + size.sqrt() / 2 * normal).round().long()
    return torch.where(stored <= 32, few, many.clamp_min(0).minimum(stored))


def words_of_counts(families: tuple[Family, ...]) -> int:
    """How many random words the row counts of one fair configuration take."""
    total = 0
    for family in families:
        rows, columns = layout(family)
        coupled = family.mirrored or family.both_ways
        total += rows * ((columns + 31) // 32 if coupled else 3)
    return total


def random_row_counts(families: tuple[Family, ...], words: Tensor) -> Tensor:
    """Row counts of fair random configurations, not written out: ``[t, words] -> [t, R]``.

    A family whose pairs stand in two rows couples them, so its bits are written out.

    Args:
        families: The comparisons.
        words: As many for each configuration as ``words_of_counts`` says.
    """
    parts, start = [], 0
    for family in families:
        rows, columns = layout(family)
        if family.mirrored or family.both_ways:
            size = rows * ((columns + 31) // 32)
            bits = random_binaries((family,), words[:, start : start + size])
            parts.append(row_counts(family, bits.reshape((words.shape[0], *family.stored.shape))))
        else:
            size = 3 * rows
            chunk = words[:, start : start + size].reshape((words.shape[0], rows, 3))
            parts.append(fair_counts(chunk, row_counts(family, family.stored)))
        start += size
    return torch.cat(parts, -1)


def dense_row_counts(families: tuple[Family, ...], binaries: Tensor) -> Tensor:
    """Row counts of bits at all dense places: ``[..., L] -> [..., R]``."""
    parts, start = [], 0
    for family in families:
        places = family.stored.numel()
        chunk = binaries[..., start : start + places]
        parts.append(row_counts(family, chunk.reshape((*chunk.shape[:-1], *family.stored.shape))))
        start += places
    return torch.cat(parts, -1)
