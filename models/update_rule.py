"""The update rule, and its learning rate over the epochs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, MultiStepLR


@dataclass(frozen=True)
class Optimiser:
    """The update rule; its learning rate is the default that a loss may override."""

    kind: Literal["sgd", "adam", "rmsprop"]
    learning_rate: PositiveFloat
    momentum: NonNegativeFloat = 0.0
    weight_decay: NonNegativeFloat = 0.0

    def build(
        self, parameters: Iterable[nn.Parameter], learning_rate: float
    ) -> torch.optim.Optimizer:
        """The torch optimiser, in its fused form where it has one: one call for all parameters.

        Args:
            parameters: What to update.
            learning_rate: Used in place of the default.
        """
        if self.kind == "adam":
            return torch.optim.Adam(
                parameters, learning_rate, weight_decay=self.weight_decay, fused=True
            )
        if self.kind == "rmsprop":
            return torch.optim.RMSprop(
                parameters,
                learning_rate,
                momentum=self.momentum,
                weight_decay=self.weight_decay,
            )
        return torch.optim.SGD(
            parameters,
            learning_rate,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            fused=True,
        )


@dataclass(frozen=True)
class Schedule:
    r"""The learning rate over the epochs: multiplied by ``factor`` after each of ``milestones``.

    With :math:`T` epochs, :math:`W` of them of warm-up, ``cosine`` has the rate
    :math:`(1 + \cos(\pi \max(0, t - W) / (T - W))) / 2` of the first one in the 0-based epoch t.

    Source of cosine: Loshchilov and Hutter, SGDR (ICLR 2017), equation 5, without restarts.

    Args:
        milestones: Epochs that are done by then, rising.
        factor: What the rate is multiplied by at each.
        factors: In place of it, one for each milestone.
        decay: ``cosine``: in place of the milestones.
        warmup_epochs: In the first epochs the rate rises linearly, from step to step, up to what
            the schedule says (Anchor Loss, section 4.1, has five of them for ImageNet).
    """

    milestones: tuple[PositiveInt, ...] = ()
    factor: PositiveFloat = 0.1
    factors: tuple[PositiveFloat, ...] = ()
    decay: Literal["milestones", "cosine"] = "milestones"
    warmup_epochs: NonNegativeInt = 0

    def __post_init__(self) -> None:
        if any(one >= other for one, other in pairwise(self.milestones)):
            raise ValueError(f"milestones rise, unlike {list(self.milestones)}")
        if self.factors and len(self.factors) != len(self.milestones):
            raise ValueError(f"{len(self.factors)} factors for {len(self.milestones)} milestones")

    def build(self, optimiser: torch.optim.Optimizer, epochs: int = 1) -> LRScheduler:
        """The torch scheduler, to be stepped once an epoch; it knows nothing of the warm-up.

        Args:
            optimiser: Whose rate it sets.
            epochs: How many there will be, for ``cosine``.
        """
        if self.decay == "cosine":
            first, whole = self.warmup_epochs, max(epochs - self.warmup_epochs, 1)
            return LambdaLR(
                optimiser,
                lambda done: (1 + math.cos(math.pi * min(max(done - first, 0) / whole, 1))) / 2,
            )
        if self.factors:
            steps = list(zip(self.milestones, self.factors, strict=True))
            return LambdaLR(optimiser, lambda done: math.prod(f for at, f in steps if at <= done))
        return MultiStepLR(optimiser, list(self.milestones), gamma=self.factor)

    def warmup(self, done: float) -> float:
        """What the rate is multiplied by after ``done`` epochs, the step that comes included."""
        return min(done / self.warmup_epochs, 1.0) if self.warmup_epochs else 1.0
