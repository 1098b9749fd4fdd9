"""The batches of an epoch, in a seeded random order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import torch
from torch import Tensor

from lossc.models.data.split import Examples, Split


class Batches:
    """All examples of a split once, in a seeded random order, several batches at a time.

    A whole batch of examples in memory is one indexing operation. Iterating yields lists of up to
    ``group`` batches, so that what a trainer does around each call is paid once for many steps; the
    last batch has the examples that are left.

    Args:
        split: The examples.
        batch_size: Examples of a batch.
        seed: Of the order, and of what is random about examples that are read when they are wanted;
            the same seed gives the same on every device.
        group: Batches in one list.
        rows: Which rows of a batch of so many are read, where several processes share it: a batch
            then has the features of these, and the targets of all. ``None``: all.
    """

    def __init__(
        self,
        split: Examples,
        batch_size: int,
        seed: int,
        group: int = 1,
        rows: Callable[[int], slice] | None = None,
    ):
        self.split = split
        self.batch_size = batch_size
        self.seed = seed
        self.group = group
        self.rows = rows

    @property
    def steps(self) -> int:
        """How many batches there are."""
        return -(-len(self.split) // self.batch_size)

    def __len__(self) -> int:
        return -(-self.steps // self.group)

    def __iter__(self) -> Iterator[list[Split]]:
        generator = torch.Generator().manual_seed(self.seed)
        order = torch.randperm(len(self.split), generator=generator)
        wanted = torch.split(order, self.batch_size)
        if self.rows is None:
            batches = self.split.drawn(wanted, self.seed)
        else:
            batches = self._parts(wanted, self.rows)
        while group := list(islice(batches, self.group)):
            yield group

    def _parts(self, wanted: Sequence[Tensor], rows: Callable[[int], slice]) -> Iterator[Split]:
        own = self.split.drawn([index[rows(len(index))] for index in wanted], self.seed)
        for index, part in zip(wanted, own, strict=True):
            targets = {
                name: value[index.to(value.device)] for name, value in self.split.targets.items()
            }
            yield Split(part.features, targets)
