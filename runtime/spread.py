"""Scores that are far apart, brought nearer before they are compared."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lossc.runtime.pair_families import PairFamily


def spread_factor(scores: tuple[Tensor, ...], most: float) -> Tensor:
    """By what the scores are to be divided, so that they spread by ``most`` at the most.

    Their spread is the root mean square distance from the mean of the last axis, of what is finite;
    of several inputs, the widest one's. It is detached.

    Args:
        scores: The live inputs, ``[..., items]``.
        most: The largest spread that is left as it is, positive.

    Returns:
        A scalar, at least 1.
    """
    factors = []
    for value in scores:
        value = value.detach().float() if value.dtype.itemsize < 4 else value.detach()
        known = value.isfinite()
        value = torch.where(known, value, 0)
        if value.numel() == 0:
            continue
        largest = value.abs().amax().clamp_min(torch.finfo(value.dtype).tiny)
        value, last = value / largest, 0 if value.ndim == 0 else -1  # squares must not overflow
        count = known.sum(last, keepdim=True).clamp_min(1)
        off = torch.where(known, value - value.sum(last, keepdim=True) / count, 0)
        spread = (off.square().sum() / known.sum().clamp_min(1)).sqrt() * largest
        factors.append((spread / most).clamp_min(1))
    if not factors:
        return torch.ones((), device=scores[0].device)
    return torch.stack([factor.to(factors[0].dtype) for factor in factors]).amax()


def limited_families(families: Any, scores: tuple[Tensor, ...], most: float) -> Any:
    """The families of scores that are divided by a common factor, if they spread too far.

    The outcome of every comparison stays, thresholds being divided alike; a step of a fixed
    temperature, or a squash, keeps a slope then, however large the scores are.

    Args:
        families: A tuple of ``Family`` and ``PairFamily``; what is returned has the same types.
        scores: The live inputs, ``[..., items]``.
        most: The largest spread that is left as it is.
    """
    readable = not torch.compiler.is_compiling() and scores[0].device.type == "cpu"
    if readable and all(x.numel() == 0 or bool(x.detach().abs().amax() <= most) for x in scores):
        return families  # numbers up to the limit do not spread by more
    factor = spread_factor(scores, most)
    if readable and bool(factor == 1):
        return families  # as it is nearly always
    return tuple(limited_family(family, factor) for family in families)


def limited_family(family: Any, factor: Tensor) -> Any:
    """A family with both sides divided; a side that is the other one stays so."""
    sides = family.pairs if isinstance(family, PairFamily) else family
    left = sides.left / factor.to(sides.left.dtype)
    right = left if sides.right is sides.left else sides.right / factor.to(sides.right.dtype)
    if isinstance(family, PairFamily):
        return family._replace(pairs=family.pairs._replace(left=left, right=right))
    return family._replace(left=left, right=right)
