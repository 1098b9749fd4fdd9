"""Examples that lie in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Split:
    """Examples in memory: what the network reads, and what the loss compares its output with.

    Args:
        features: ``[n, ...]``.
        targets: By the name of the spec's input, each ``[n, ...]``.
    """

    features: Tensor
    targets: Mapping[str, Tensor]

    def __len__(self) -> int:
        return self.features.shape[0]

    def take(self, index: Tensor) -> Split:
        """The examples at ``index``: ``int64[m]``."""
        targets = {name: value.index_select(0, index) for name, value in self.targets.items()}
        return Split(self.features.index_select(0, index), targets)

    def first(self, count: int) -> Split:
        """The first ``count`` examples, or all where there are fewer."""
        return Split(
            self.features[:count], {name: value[:count] for name, value in self.targets.items()}
        )

    def to(self, device: torch.device) -> Split:
        """The same examples on ``device``; itself where they are there already."""
        if self.features.device == device:
            return self
        targets = {name: value.to(device) for name, value in self.targets.items()}
        return Split(self.features.to(device), targets)


@dataclass(frozen=True)
class Splits:
    """The three disjoint sets of a task."""

    train: Split
    val: Split
    test: Split
