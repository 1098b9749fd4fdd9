"""Spearman's rank correlation, in a few lines of torch."""

from __future__ import annotations

import torch
from torch import Tensor


def average_ranks(values: Tensor) -> Tensor:
    """The rank of each value from 1 on, equal ones sharing the mean of theirs: ``[t] -> [t]``.

    >>> average_ranks(torch.tensor([3.0, 1.0, 3.0, 7.0])).tolist()
    [2.5, 1.0, 2.5, 4.0]
    """
    below = (values.unsqueeze(-1) > values).sum(-1)
    equal = (values.unsqueeze(-1) == values).sum(-1)
    return below.double() + (equal.double() + 1) / 2


def rank_correlation(first: Tensor, second: Tensor) -> float:
    """Spearman's coefficient of two samples ``[t]``; NaN where one of them does not vary.

    >>> rank_correlation(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.1, 5.0, 9.0]))
    1.0
    """
    if first.numel() == 0 or not (first.isfinite().all() and second.isfinite().all()):
        return float("nan")
    ranks = torch.stack([average_ranks(first), average_ranks(second)])
    ranks = ranks - ranks.mean(-1, keepdim=True)
    # sums of multiples of 1/4 are exact, so 0 means that nothing varies
    size = ranks.square().sum(-1).prod()
    return float("nan") if size == 0 else float(ranks.prod(0).sum() / size.sqrt())
