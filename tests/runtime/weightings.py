"""What the tests of weightings share: making them, and a small problem that they weigh."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import torch
from torch import Tensor, nn

from lossc.runtime.weighting import TermWeighting
from lossc.runtime.weightings import WEIGHTINGS

NAMES = tuple(WEIGHTINGS)


def class_of(name: str) -> type[TermWeighting]:
    entry = WEIGHTINGS[name]
    return getattr(import_module(f"lossc.runtime.{entry.module}"), entry.class_name)


def make(name: str, count: int = 3, **options) -> TermWeighting:
    return class_of(name)(count, **options)


class Problem(nn.Module):
    """Three terms of very different scales over shared features; all of them can be learnt.

    A squared error, an absolute error a thousand times as large, and a negated metric in [-1, 0].
    """

    def __init__(self, dtype: torch.dtype = torch.float64, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        draws = [torch.randn(shape, generator=generator) for shape in ((8, 4), (4, 3), (8, 3))]
        self.rows, start, self.goals = (draw.to(dtype) for draw in draws)
        self.shared = nn.Parameter(start)

    def features(self, rows: slice = slice(None)) -> Tensor:
        return self.rows[rows] @ self.shared

    def values(self, features: Tensor, rows: slice = slice(None)) -> Tensor:
        error = features - self.goals[rows]
        squared = error[:, 0].square().mean()
        absolute = 1000 * error[:, 1].abs().mean()
        metric = -torch.exp(-error[:, 2].abs()).mean()
        return torch.stack([squared, absolute, metric])


def train(weighting: TermWeighting, problem: Problem, steps: int, rate: float = 1e-3) -> list:
    """The weights of each step; every third step begins an epoch."""
    optimizer = torch.optim.SGD([*problem.parameters(), *weighting.parameters()], lr=rate)
    seen = []
    for step in range(steps):
        if step % 3 == 0 and hasattr(weighting, "set_epoch"):
            weighting.set_epoch(step // 3)
        features = problem.features()
        optimizer.zero_grad()
        weighting(problem.values(features), (features,)).backward()
        optimizer.step()
        seen.append(weighting.weights.clone())
    return seen


def numbers(tensor: Tensor) -> np.ndarray:
    return tensor.detach().double().numpy().copy()
