"""Counts of relaxed comparisons over all pairs of items, without a tensor of all pairs if possible.

Three ways, by size: few pairs are written out, kept items only; many are summed as exponentials
after one sort, in O(n log n); many of a step that is no sum of exponentials are written out in
slices, forward and backward, which takes the time but not the memory.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lossc.runtime.pair_families import PairFamily, RelaxedPairs, squashed_pairs
from lossc.runtime.pair_sums import Kernel, pair_sums_left, pair_sums_right
from lossc.runtime.pairs import PairOrder, Pairs, order_pairs
from lossc.runtime.relaxations import straight_through_step
from lossc.runtime.written_pairs import (
    WrittenCounts,
    counts_of_slice,
    kept_pairs,
    sliced_counts,
)


def most_pairs_written_out() -> int:
    """Up to how many pairs writing them out is faster than sorting; see benchmarks/crossover.py."""
    return 2**17


def pair_counts(family: PairFamily, relaxed: RelaxedPairs, against: bool = False) -> Tensor:
    """How many comparisons of each row are won: ``[*shape]``, no whole numbers.

    Args:
        family: The comparisons.
        relaxed: How they are relaxed.
        against: Count for the items on the other side instead.
    """
    counts: Tensor
    pairs = squashed_pairs(family.pairs, relaxed.squash)
    to_left = family.rows == "total" or (family.rows == "left") != against
    written = kept_pairs(pairs)
    if written.size <= most_pairs_written_out():
        if written.left_at is None or written.right_at is None:
            counts = counts_of_slice(written, relaxed, to_left)
        else:
            counts = WrittenCounts.apply(  # type: ignore[no-untyped-call]
                pairs.left, pairs.right, written, relaxed, to_left
            )
    elif relaxed.powers is not None:
        counts = summed_counts(pairs, relaxed, to_left)
    else:
        counts = sliced_counts(written, relaxed, to_left)
    return counts.sum() if family.rows == "total" else counts.reshape(family.shape)


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
