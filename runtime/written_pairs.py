"""Counts of relaxed pairs by writing the pairs out: of few at once, of many in slices."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from lossc.runtime.pair_families import RelaxedPairs
from lossc.runtime.pairs import Pairs
from lossc.runtime.relaxations import relaxed_bits


class WrittenPairs(NamedTuple):
    """The items of pairs, those that are kept as far as that can be told, one row a left item.

    Args:
        pairs: Where they come from.
        left_at: ``[K]``, flat positions of the left items; ``None``: all, in order.
        right_at: ``[R]``, those of the right ones where there are no batch axes; ``None``: all.
    """

    pairs: Pairs
    left_at: Tensor | None
    right_at: Tensor | None

    @property
    def size(self) -> int:
        """How many pairs that makes."""
        rows = self.pairs.left.numel() if self.left_at is None else self.left_at.shape[0]
        columns = self.pairs.right.shape[-1] if self.right_at is None else self.right_at.shape[0]
        return rows * columns


def kept_pairs(pairs: Pairs) -> WrittenPairs:
    """Leaves out items that are not kept; not where their number cannot be read in time."""
    if torch.compiler.is_compiling() or pairs.left.device.type != "cpu":
        return WrittenPairs(pairs, None, None)
    left_at = pairs.left_kept.reshape(-1).nonzero().squeeze(-1)
    right_at = pairs.right_kept.nonzero().squeeze(-1) if pairs.right.ndim == 1 else None
    return WrittenPairs(pairs, left_at, right_at)


def bits_of_slice(
    written: WrittenPairs, relaxed: RelaxedPairs, nothing: float, rows: slice = slice(None)
) -> Tensor:
    """Relaxed binaries of some left items with all right ones of theirs: ``[K, R]``.

    Args:
        written: The pairs.
        relaxed: How they are relaxed.
        nothing: What stands where there is no comparison.
        rows: Which of the left items.
    """
    pairs = written.pairs
    left = pairs.left.reshape(-1)
    at = written.left_at
    at = torch.arange(left.shape[0], device=left.device) if at is None else at
    at = at[rows]
    batch = None if pairs.left.ndim == 1 else at // pairs.left.shape[-1]

    def of_right(values: Tensor) -> Tensor:
        """``[R]``, or ``[K, R]`` with batch axes."""
        if batch is not None:
            return values.flatten(0, -2).index_select(0, batch)
        return values if written.right_at is None else values.index_select(0, written.right_at)

    comparisons = left.index_select(0, at).unsqueeze(-1) - of_right(pairs.right)
    tail, slope = relaxed.relax(comparisons.detach().abs(), relaxed.temperature)
    bits = relaxed_bits(comparisons.detach() > 0, comparisons, tail, slope)
    there: list[Tensor] = []
    if written.left_at is None:
        there.append(pairs.left_kept.reshape(-1).index_select(0, at).unsqueeze(-1))
    if written.right_at is None:
        there.append(of_right(pairs.right_kept))
    if pairs.left_group is not None and pairs.right_group is not None:
        ours = pairs.left_group.reshape(-1).index_select(0, at).unsqueeze(-1)
        there.append(ours == of_right(pairs.right_group))
    if pairs.same:
        items = torch.arange(pairs.right.shape[-1], device=left.device)
        theirs = items if written.right_at is None else written.right_at
        there.append(at.unsqueeze(-1) % pairs.left.shape[-1] != theirs)
    for condition in there:
        bits = torch.where(condition, bits, nothing)
    return bits


def counts_of_slice(
    written: WrittenPairs, relaxed: RelaxedPairs, to_left: bool, rows: slice = slice(None)
) -> Tensor:
    """What some left items add to the counts: in the flat shape of the left, or right, items."""
    bits = bits_of_slice(written, relaxed, 0.0, rows)
    pairs, at = written.pairs, written.left_at
    if to_left:
        counts = bits.sum(-1)
        if at is None and rows == slice(None):
            return counts
        at = torch.arange(pairs.left.numel(), device=bits.device) if at is None else at
        return bits.new_zeros(pairs.left.numel()).index_add(0, at[rows], counts)
    if pairs.right.ndim == 1:
        counts = bits.sum(0)
        if written.right_at is None:
            return counts
        return bits.new_zeros(pairs.right.numel()).index_add(0, written.right_at, counts)
    at = torch.arange(pairs.left.numel(), device=bits.device) if at is None else at
    counts = bits.new_zeros(pairs.right.flatten(0, -2).shape)
    return counts.index_add(0, at[rows] // pairs.left.shape[-1], bits).reshape(-1)


class WrittenCounts(torch.autograd.Function):
    """Relaxed counts of few pairs of kept items, in as few operations as there can be."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx,
        left: Tensor,
        right: Tensor,
        written: WrittenPairs,
        relaxed: RelaxedPairs,
        to_left: bool,
    ) -> Tensor:
        """Counts in the shape of one side."""
        pairs, ours, theirs = written
        assert ours is not None and theirs is not None
        comparisons = left.index_select(0, ours).unsqueeze(-1) - right.index_select(0, theirs)
        bits, slope = relaxed.relax(comparisons.abs(), relaxed.temperature)
        bits = torch.where(comparisons > 0, 1 - bits, bits)
        if pairs.left_group is not None and pairs.right_group is not None:
            groups = pairs.left_group.index_select(0, ours).unsqueeze(-1)
            together = groups == pairs.right_group.index_select(0, theirs)
            bits, slope = bits * together, slope * together
        if pairs.same:
            apart = ours.unsqueeze(-1) != theirs
            bits, slope = bits * apart, slope * apart
        ctx.save_for_backward(ours, theirs, slope)
        ctx.to_left = to_left  # type: ignore[attr-defined]
        ctx.sizes = left.shape[0], right.shape[0]  # type: ignore[attr-defined]
        at, size = (ours, left.shape[0]) if to_left else (theirs, right.shape[0])
        return bits.new_zeros(size).index_copy_(0, at, bits.sum(-1 if to_left else 0))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(
        ctx: torch.autograd.function.FunctionCtx, grad: Tensor
    ) -> tuple[Tensor | None, ...]:
        """By the scores of the left and the right items."""
        ours, theirs, slope = ctx.saved_tensors  # type: ignore[attr-defined]
        own = grad.index_select(0, ours if ctx.to_left else theirs)  # type: ignore[attr-defined]
        pulled = slope * (own.unsqueeze(-1) if ctx.to_left else own)  # type: ignore[attr-defined]
        by_left, by_right = (grad.new_zeros(size) for size in ctx.sizes)  # type: ignore[attr-defined]
        by_left.index_copy_(0, ours, pulled.sum(-1))
        by_right.index_copy_(0, theirs, -pulled.sum(0))
        return by_left, by_right, None, None, None


def sliced_counts(written: WrittenPairs, relaxed: RelaxedPairs, to_left: bool) -> Tensor:
    """Counts by slices of the left items, which are written out again on the way back."""
    rows = written.pairs.left.numel() if written.left_at is None else written.left_at.shape[0]
    at_once = max(1, 2**22 * rows // max(written.size, 1))

    def part(left: Tensor, right: Tensor, start: int) -> Tensor:
        pairs = written.pairs._replace(left=left, right=right)
        here = written._replace(pairs=pairs)
        return counts_of_slice(here, relaxed, to_left, slice(start, start + at_once))

    total: Tensor | None = None
    for start in range(0, rows, at_once):
        counts: Tensor = checkpoint(
            part, written.pairs.left, written.pairs.right, start, use_reentrant=False
        )
        total = counts if total is None else total + counts
    assert total is not None
    return total
