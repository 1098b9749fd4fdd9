"""Whether rows of relaxed pairs are all won, or some, by the t-norms: pairs are written out."""

from __future__ import annotations

import torch
from torch import Tensor

from lossc.runtime.checks import check_places
from lossc.runtime.pair_families import PairFamily, RelaxedPairs, squashed_pairs
from lossc.runtime.pairs import Pairs
from lossc.runtime.written_pairs import bits_of_slice, kept_pairs


def rows_of_pairs(
    family: PairFamily, relaxed: RelaxedPairs, nothing: float, against: bool
) -> tuple[Tensor, Tensor | None, int]:
    """Relaxed binaries written out, one row a counted item: ``[K, R]``; where the rows go, or all.

    The last result is the number of items on the rows' side.

    Raises:
        ValueError: So many pairs would fill the memory.
    """
    pairs = squashed_pairs(family.pairs, relaxed.squash)
    if (family.rows == "left") == against:  # the rows are the right items
        pairs = turned_pairs(pairs)
        written = kept_pairs(pairs)
        check_places(written.size)
        bits = 1 - bits_of_slice(written, relaxed, 1 - nothing)
    else:
        written = kept_pairs(pairs)
        check_places(written.size)
        bits = bits_of_slice(written, relaxed, nothing)
    return bits, written.left_at, pairs.left.numel()


def turned_pairs(pairs: Pairs) -> Pairs:
    """The same pairs with left and right exchanged; a binary becomes its complement."""
    return pairs._replace(
        left=pairs.right,
        right=pairs.left,
        left_kept=pairs.right_kept,
        right_kept=pairs.left_kept,
        left_group=pairs.right_group,
        right_group=pairs.left_group,
    )


def put_in_rows(values: Tensor, at: Tensor | None, size: int, nothing: float) -> Tensor:
    """``values`` at their places among ``size``, ``nothing`` elsewhere."""
    if at is None:
        return values
    return values.new_full((size,), nothing).index_copy(0, at, values)


def least_of_pairs(family: PairFamily, relaxed: RelaxedPairs, against: bool = False) -> Tensor:
    """Whether each row is all won, by Goedel's t-norm: its least relaxed binary; 1 without any."""
    bits, at, size = rows_of_pairs(family, relaxed, 1.0, against)
    least = bits.amin(-1) if bits.shape[-1] else bits.sum(-1) + 1
    return put_in_rows(least, at, size, 1.0).reshape(family.shape)


def most_of_pairs(family: PairFamily, relaxed: RelaxedPairs, against: bool = False) -> Tensor:
    """Whether some of each row is won, by Goedel's t-norm; 0 without any comparison."""
    bits, at, size = rows_of_pairs(family, relaxed, 0.0, against)
    most = bits.amax(-1) if bits.shape[-1] else bits.sum(-1)
    return put_in_rows(most, at, size, 0.0).reshape(family.shape)


def product_of_pairs(family: PairFamily, relaxed: RelaxedPairs, against: bool = False) -> Tensor:
    """Whether each row is all won, by the product t-norm; 1 without any comparison."""
    bits, at, size = rows_of_pairs(family, relaxed, 1.0, against)
    return put_in_rows(bits.prod(-1), at, size, 1.0).reshape(family.shape)


def log_product_of_pairs(family: PairFamily, relaxed: RelaxedPairs) -> Tensor:
    """The logarithm of the product of each row, which does not vanish where that does."""
    bits, at, size = rows_of_pairs(family, relaxed, 1.0, False)
    logs = bits.clamp_min(torch.finfo(bits.dtype).tiny).log().sum(-1)
    return put_in_rows(logs, at, size, 0.0).reshape(family.shape)


def some_pair_by_product(
    family: PairFamily, relaxed: RelaxedPairs, against: bool = False
) -> Tensor:
    """Whether some of each row is won, by the product t-norm; 0 without any comparison."""
    bits, at, size = rows_of_pairs(family, relaxed, 0.0, against)
    return put_in_rows(1 - (1 - bits).prod(-1), at, size, 0.0).reshape(family.shape)


def bounded_sum_of_pairs(
    family: PairFamily, relaxed: RelaxedPairs, against: bool = False
) -> Tensor:
    """Whether each row is all won, by Lukasiewicz's t-norm: 1 less what is missing, or 0."""
    bits, at, size = rows_of_pairs(family, relaxed, 1.0, against)
    missing = put_in_rows((1 - bits).sum(-1), at, size, 0.0)
    return (1 - missing).relu().reshape(family.shape)


def some_pair_by_sum(family: PairFamily, relaxed: RelaxedPairs, against: bool = False) -> Tensor:
    """Whether some of each row is won, by Lukasiewicz's t-norm: the count, at most 1."""
    bits, at, size = rows_of_pairs(family, relaxed, 0.0, against)
    return put_in_rows(bits.sum(-1), at, size, 0.0).clamp_max(1).reshape(family.shape)
