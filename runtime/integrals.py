"""Mean positions under heatmaps."""

from __future__ import annotations

import math

from torch import Tensor


def softmax_over(scores: Tensor, count: int) -> Tensor:
    """The softmax over the last ``count`` axes together; of the shape of ``scores``."""
    if count == 1:
        return scores.softmax(-1)
    return scores.flatten(-count).softmax(-1).reshape(scores.shape)


def undefined_over_nothing(value: Tensor, size: int) -> Tensor:
    """``value``; NaN, with gradient 0, where it was taken over ``size = 0`` places."""
    return value if size else value * 0 + math.nan
