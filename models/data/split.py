"""Examples that lie in memory, and what a trainer asks of any examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class Examples(Protocol):
    """Examples in memory, or read when they are wanted: what training and evaluation need."""

    @property
    def targets(self) -> Mapping[str, Tensor]:
        """Of all examples in order, by name, each ``[n, ...]``, on their device."""
        ...

    def __len__(self) -> int: ...

    def first(self, count: int) -> Examples:
        """A part of ``count`` examples, always the same one; all where there are fewer."""
        ...

    def to(self, device: torch.device) -> Examples:
        """The same examples, whose batches are on ``device``."""
        ...

    def drawn(self, batches: Sequence[Tensor], seed: int) -> Iterator[Split]:
        """Batches to train on.

        Args:
            batches: The examples of each by their numbers, ``int64[m]`` on the CPU.
            seed: Of what is random about them; the same seed gives the same batches.
        """
        ...

    def in_order(self, batch: int) -> Iterator[Split]:
        """All examples to be tested on, so many at a time."""
        ...


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
        return self._slice(0, count)

    def to(self, device: torch.device) -> Split:
        """The same examples on ``device``; itself where they are there already."""
        if self.features.device == device:
            return self
        targets = {name: value.to(device) for name, value in self.targets.items()}
        return Split(self.features.to(device), targets)

    def drawn(self, batches: Sequence[Tensor], seed: int) -> Iterator[Split]:
        """The batches, in order; nothing about them is random."""
        device = self.features.device
        return (self.take(index.to(device)) for index in batches)

    def in_order(self, batch: int) -> Iterator[Split]:
        """All examples, ``batch`` at a time, without a copy."""
        for start in range(0, len(self), batch):
            yield self._slice(start, start + batch)

    def _slice(self, start: int, end: int) -> Split:
        targets = {name: value[start:end] for name, value in self.targets.items()}
        return Split(self.features[start:end], targets)


@dataclass(frozen=True)
class Splits:
    """The three disjoint sets of a task."""

    train: Split
    val: Split
    test: Split


@dataclass(frozen=True)
class StreamedSplits:
    """The sets of a task that do not fit into memory.

    Args:
        train: To train on.
        val: For validation.
        test: To test on; may be the one for validation where the data has no other.
        classes: Their names, in the order of the labels.
    """

    train: Examples
    val: Examples
    test: Examples
    classes: tuple[str, ...]


#: The sets of a task, in memory or streamed.
AnySplits = Splits | StreamedSplits
