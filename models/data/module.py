"""Lightning's view of a task's training split."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lightning import LightningDataModule

from lossc.models.data.batches import Batches
from lossc.models.data.split import Examples
from lossc.models.seeding import Stream, stream_seed


class TrainingData(LightningDataModule):
    """Batches of a split, in an order that follows from seed and epoch.

    The trainer asks for the batches anew every epoch, and moves the split to its device once.

    Args:
        split: The examples to train on.
        batch_size: Examples of a batch.
        seed: The run's.
        group: Batches that the trainer is handed at a time.
        rows: Which rows of a batch this process reads; see :class:`Batches`.
    """

    def __init__(
        self,
        split: Examples,
        batch_size: int,
        seed: int,
        group: int,
        rows: Callable[[int], slice] | None = None,
    ):
        super().__init__()
        self._split = split
        self._batch_size = batch_size
        self._seed = seed
        self._group = group
        self._rows = rows

    def train_dataloader(self) -> Batches:
        assert self.trainer is not None
        self._split = self._split.to(self.trainer.strategy.root_device)
        seed = stream_seed(self._seed, Stream.ORDER, self.trainer.current_epoch)
        return Batches(self._split, self._batch_size, seed, self._group, self._rows)

    def transfer_batch_to_device(self, batch: Any, device: object, dataloader_idx: int) -> Any:
        """Nothing to do: they are there."""
        return batch
