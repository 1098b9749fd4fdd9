"""Random real numbers to try a refactoring on, inside the range that a spec declares for them."""

from __future__ import annotations

from math import isfinite

import torch
from torch import Tensor

from lossc.compiler.front.params import inside
from lossc.grammar import syntax as sx

_TIED = ("tied", "masked", "full")


def draw_reals(
    shape: list[int],
    kind: str,
    generator: torch.Generator,
    live: bool,
    bounds: sx.Range | None = None,
) -> Tensor:
    """Numbers for one input.

    Args:
        shape: How many.
        kind: Of the batch; tied ones are few values, closed ends of the range among them.
        generator: Where randomness comes from; the range changes nothing about what is drawn.
        live: Scores, which may be huge.
        bounds: The range that the input declares.
    """
    if kind == "equal":
        middle = 0.5 if bounds is None or inside(bounds, 0.5) else _middle(bounds)
        return torch.full(shape, middle, dtype=torch.float64)
    small = torch.randint(-1, 3, shape, generator=generator).double()
    if kind in _TIED:
        return small / 2 if bounds is None else _squeezed(small / 2, (small + 1) / 3, bounds, 1e-3)
    if kind == "extreme" and (live or bounds is not None):
        # where is one of: a huge, a tiny or no offset to small whole numbers
        sizes = [1e300, 1e-300, 1.0, 1e-8] if live else [1e6, 1e-6, 1.0, 1e-8]
        scale = torch.tensor(sizes, dtype=torch.float64)
        drawn = small * scale[torch.randint(4, shape, generator=generator)]
        # 0, 1 and their neighbours
        return drawn if bounds is None else _squeezed(drawn, drawn.sigmoid(), bounds, 1e-12)
    drawn = torch.randn(shape, generator=generator, dtype=torch.float64) * 2
    return drawn if bounds is None else _squeezed(drawn, drawn.sigmoid(), bounds, 1e-3)


def _squeezed(free: Tensor, share: Tensor, bounds: sx.Range, margin: float) -> Tensor:
    """Numbers brought into a range.

    Args:
        free: Without bounds: their sizes count where the range has one end.
        share: From 0 to 1: what part of a range with two ends lies below each.
        bounds: The range.
        margin: How close to an open end they come.
    """
    low, high = bounds.low, bounds.high
    if isfinite(low) and isfinite(high):
        least = 0.0 if bounds.closed_low else margin
        most = 1.0 if bounds.closed_high else 1 - margin
        share = share.clamp(least, most)
        return (low * (1 - share) + high * share).clamp(low, high)
    if isfinite(low):
        return low + free.abs().clamp_min(0.0 if bounds.closed_low else margin)
    if isfinite(high):
        return high - free.abs().clamp_min(0.0 if bounds.closed_high else margin)
    return free


def _middle(bounds: sx.Range) -> float:
    if isfinite(bounds.low) and isfinite(bounds.high):
        return bounds.low / 2 + bounds.high / 2
    return bounds.low + 1 if isfinite(bounds.low) else bounds.high - 1
