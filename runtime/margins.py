"""Hinges: lower bounds of binaries that a monotone metric turns into a lower bound of itself."""

from __future__ import annotations

import torch
from torch import Tensor

from lossc.runtime.families import Family, compared
from lossc.runtime.relaxed_rows import relaxed_counts


def hinge_family(family: Family, margin: Tensor | float, squash: str = "none") -> Tensor:
    """Never more than the binary: ``min(1, c / margin)``, ``[*rows, *columns]``.

    Args:
        family: The comparisons.
        margin: By how much a comparison must be won to count in full; positive, in the units of
            the (squashed) scores.
        squash: ``sigmoid`` bounds the scores before they are compared, ``none`` does not.
    """
    return (compared(family, squash) / margin).clamp_max(1)


def counts_from_below(family: Family, hinges: Tensor, against: bool = False) -> Tensor:
    """Lower bounds of the counts of each row, never below 0: ``[*rows]``."""
    return relaxed_counts(family, hinges, against).relu()


def minus_log(metric: Tensor) -> Tensor:
    """Minus the logarithm of a metric from 0 to 1; where it is 0, a large number with a gradient.

    What rounding puts below 0 counts as 0.
    """
    least = torch.finfo(metric.dtype).eps
    return -(torch.where(metric > 0, metric, metric - metric.detach()) + least).log()
