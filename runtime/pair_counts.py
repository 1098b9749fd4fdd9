"""Counts of relaxed comparisons over all pairs of items, without a tensor of all pairs if possible.

Three ways, by size: few pairs are written out, kept items only; many are summed as exponentials
after one sort, in O(n log n); many of a step that is no sum of exponentials are written out in
slices, forward and backward, which takes the time but not the memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from lossc.runtime.pair_sums import Kernel, pair_sums_left, pair_sums_right
from lossc.runtime.pairs import PairOrder, Pairs, order_pairs
from lossc.runtime.relaxations import relaxed_bits, straight_through_step


class PairFamily(NamedTuple):
    """All comparisons of one decision between left and right items.

    Args:
        pairs: Which items are compared with which.
        rows: Whose counts the metric takes: those of the ``left`` or of the ``right`` items, or
            the ``total``.
        shape: The shape of these counts; the items of ``pairs`` stand in one axis.
        both_ways: Whether it takes those of the items on the other side as well.
    """

    pairs: Pairs
    rows: str
    shape: tuple[int, ...]
    both_ways: bool = False


class RelaxedPairs(NamedTuple):
    """How the comparisons of a family of pairs are relaxed.

    Args:
        relax: The step relaxation, such as ``sigmoid_step``.
        powers: ``powers(name, double)`` gives it as a sum of exponentials; ``None``: it is none.
        temperature: Positive; in the units of the (squashed) scores.
        squash: ``sigmoid`` bounds the scores before they are compared, ``none`` does not.
    """

    relax: Callable[[Tensor, Tensor | float], tuple[Tensor, Tensor]]
    powers: Callable[[str, bool], tuple[float, ...]] | None
    temperature: Tensor | float
    squash: str


def most_pairs_written_out() -> int:
    """Up to how many pairs writing them out is faster than sorting; see benchmarks/crossover.py."""
    return 2**15


def pair_counts(family: PairFamily, relaxed: RelaxedPairs, against: bool = False) -> Tensor:
    """How many comparisons of each row are won: ``[*shape]``, no whole numbers.

    Args:
        family: The comparisons.
        relaxed: How they are relaxed.
        against: Count for the items on the other side instead.
    """
    pairs = squashed_pairs(family.pairs, relaxed.squash)
    to_left = family.rows == "total" or (family.rows == "left") != against
    written = kept_pairs(pairs)
    if written.size <= most_pairs_written_out():
        counts = counts_of_slice(written, relaxed, to_left)
    elif relaxed.powers is not None:
        counts = summed_counts(pairs, relaxed, to_left)
    else:
        counts = sliced_counts(written, relaxed, to_left)
    return counts.sum() if family.rows == "total" else counts.reshape(family.shape)


def squashed_pairs(pairs: Pairs, squash: str) -> Pairs:
    """The pairs with scores as they are compared."""
    if squash == "sigmoid":
        pairs = pairs._replace(left=pairs.left.sigmoid(), right=pairs.right.sigmoid())
    left, right = pairs.left_group, pairs.right_group
    readable = not torch.compiler.is_compiling() and pairs.left.device.type == "cpu"
    if not readable or left is None or right is None or not left.numel() or not right.numel():
        return pairs
    first = left.reshape(-1)[:1]
    if bool((left == first).all()) and (right is left or bool((right == first).all())):
        return pairs._replace(left_group=None, right_group=None)  # all of one group
    return pairs


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


def summed_counts(pairs: Pairs, relaxed: RelaxedPairs, to_left: bool) -> Tensor:
    """Counts as sums of exponentials after one sort, flat; so are their derivatives."""
    order = order_pairs(pairs)
    tensors = [value for side in order for value in side if isinstance(value, Tensor)]
    left, right = pairs.left, pairs.right
    if torch.compiler.is_compiling() and right is left:
        right = right.clone()  # the tracer takes no tensor twice
    counts: Tensor = SummedCounts.apply(  # type: ignore[no-untyped-call]
        left, right, order, relaxed, to_left, *tensors
    )
    return counts.reshape(-1)


def padded_powers(relaxed: RelaxedPairs, names: tuple[str, ...], like: Tensor) -> Tensor:
    """Coefficients of several functions of a step: ``[names, K]``.

    They are float64, since they alternate, and float32 would lose digits.
    """
    assert relaxed.powers is not None
    found = [relaxed.powers(name, like.dtype == torch.float64) for name in names]
    longest = max(len(one) for one in found)
    rows = [[*one, *([0.0] * (longest - len(one)))] for one in found]
    return torch.tensor(rows, dtype=torch.float64, device=like.device)


class SummedCounts(torch.autograd.Function):
    """Relaxed counts of the left (or right) items of sorted pairs."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx,
        left: Tensor,
        right: Tensor,
        order: PairOrder,
        relaxed: RelaxedPairs,
        to_left: bool,
        *tensors: Tensor,
    ) -> Tensor:
        """Counts in the shape of one side; ``tensors`` are those of ``order``."""
        ctx.order, ctx.relaxed, ctx.to_left = order, relaxed, to_left  # type: ignore[attr-defined]
        tail, slope = padded_powers(relaxed, ("tail", "slope"), left)
        slope = slope / relaxed.temperature
        if relaxed.relax is straight_through_step:
            tail = torch.zeros_like(tail)
        one_none = torch.eye(2, dtype=torch.float64, device=left.device)[0]
        kernel = Kernel(
            won_constant=one_none,
            won=torch.stack([-tail, slope]),
            lost_constant=torch.zeros_like(one_none),
            lost=torch.stack([tail, slope]),
        )
        sums = pair_sums_right if to_left else pair_sums_left
        both = sums(order, kernel, relaxed.temperature)
        ctx.save_for_backward(both[1])
        return both[0]

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(
        ctx: torch.autograd.function.FunctionCtx, grad: Tensor
    ) -> tuple[Tensor | None, ...]:
        """By the scores of the left and the right items."""
        order, relaxed = ctx.order, ctx.relaxed  # type: ignore[attr-defined]
        slope = padded_powers(relaxed, ("slope",), grad) / relaxed.temperature
        none = slope.new_zeros(1)
        kernel = Kernel(none, slope, none, slope)
        (slopes,) = ctx.saved_tensors  # type: ignore[attr-defined]
        if ctx.to_left:  # type: ignore[attr-defined]
            by_left = grad * slopes
            by_right = -pair_sums_left(order, kernel, relaxed.temperature, grad).squeeze(0)
        else:
            by_left = pair_sums_right(order, kernel, relaxed.temperature, grad).squeeze(0)
            by_right = -grad * slopes
        rest = len(ctx.needs_input_grad) - 2  # type: ignore[attr-defined]
        return by_left, by_right, *([None] * rest)
