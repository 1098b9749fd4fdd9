"""What is kept of a run while it goes on: history, checkpoints, and word of its progress."""

from __future__ import annotations

import csv
import io
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

from lossc.models.distributed import on_first
from lossc.models.errors import TrainingError
from lossc.models.module import TrainingModule
from lossc.models.run import History, RunFolder, write_text

REPORT_EVERY = 0.25  # seconds


@dataclass(frozen=True)
class Progress:
    """Word from a run.

    Args:
        epoch: Epochs that are done, the current one in part.
        epochs: Epochs there will be.
        figure: The headline metric on the validation split after the last whole epoch.
    """

    epoch: float
    epochs: int
    figure: float | None


Report = Callable[[Progress], None]


class Recorder(Checkpoint):
    """After each epoch: one more line of ``metrics.csv``, ``last.ckpt``, and ``best.ckpt``.

    A checkpoint carries the history so far, so that a run that is continued has all of it. (As a
    Lightning ``Checkpoint`` it is called after the module has measured.)

    Args:
        folder: Where the files go.
        report: Told of the progress, several times a second.
        headline: The metric whose validation figure decides which epoch is the best; the first
            of equals.
        smaller: The smallest figure is the best.
        patience: Stop after so many epochs without a better one. ``None``: never.
    """

    def __init__(
        self,
        folder: RunFolder,
        report: Report,
        headline: str,
        smaller: bool = False,
        patience: int | None = None,
    ):
        self.history: History = []
        self.best_epoch = 0
        self._folder = folder
        self._report = report
        self._headline = f"val_{headline}"
        self._sign = -1.0 if smaller else 1.0
        self._patience = patience
        self._started = self._reported = time.monotonic()

    @property
    def seconds(self) -> float:
        """Training time up to the last whole epoch."""
        return self.history[-1]["seconds"] if self.history else 0.0

    def state_dict(self) -> dict[str, Any]:
        return {"history": self.history, "best_epoch": self.best_epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.history = [dict(entry) for entry in state_dict["history"]]
        self.best_epoch = state_dict["best_epoch"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._started = time.monotonic() - self.seconds
        self._stop_early(trainer)  # the run may have ended just after its last checkpoint

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        now = time.monotonic()
        if now - self._reported >= REPORT_EVERY:
            self._reported = now
            part = (batch_idx + 1) / trainer.num_training_batches
            self._tell(trainer.current_epoch + part, trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, TrainingModule)
        epoch = trainer.current_epoch + 1
        entry = {"epoch": float(epoch), **pl_module.epoch_figures}
        merits = (self._sign * past[self._headline] for past in self.history)
        best = max(merits, default=float("-inf"))
        self.history.append(entry | {"seconds": time.monotonic() - self._started})
        on_first(lambda: write_text(self._folder.metrics, as_csv(self.history)))
        if self._sign * entry[self._headline] > best:
            self.best_epoch = epoch
            save_whole(trainer, self._folder.best)
        if epoch in pl_module.recipe.keep:
            state, kept = pl_module.network.state_dict(), self._folder.kept(epoch)
            on_first(lambda: save_weights(state, kept))
        save_whole(trainer, self._folder.last)
        self._tell(float(epoch), trainer)
        self._stop_early(trainer)

    def _stop_early(self, trainer: Trainer) -> None:
        waited = len(self.history) - self.best_epoch
        if self.history and self._patience is not None and waited >= self._patience:
            trainer.should_stop = True

    def _tell(self, epoch: float, trainer: Trainer) -> None:
        figure = self.history[-1][self._headline] if self.history else None
        self._report(Progress(epoch, trainer.max_epochs or 0, figure))


def save_whole(trainer: Trainer, path: Path) -> None:
    """Save a checkpoint beside the one that is there, and only then in its place.

    Raises:
        TrainingError: It cannot be written; the one that was there is left as it was.
    """
    partial = path.with_name(path.name + ".part")
    try:
        trainer.save_checkpoint(partial)
        on_first(lambda: os.replace(partial, path))
    except OSError as error:
        partial.unlink(missing_ok=True)
        kept = "; the one of the epoch before is kept" if path.exists() else ""
        raise TrainingError(
            f"{path}: the checkpoint cannot be written ({error.strerror or error}){kept}"
        ) from error


def save_weights(state: dict[str, Any], path: Path) -> None:
    """Save weights beside what is there, and only then in its place.

    Raises:
        TrainingError: They cannot be written.
    """
    partial = path.with_suffix(".part")
    content = io.BytesIO()
    torch.save(state, content)  # to a full disk it would raise a RuntimeError
    try:
        partial.write_bytes(content.getbuffer())
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise TrainingError(
            f"{path}: the weights cannot be written ({error.strerror or error})"
        ) from error


def as_csv(history: History) -> str:
    """The history as a table, one line an epoch; a loss may have more figures in later ones."""
    text = io.StringIO()
    columns = list(dict.fromkeys(name for entry in history for name in entry))
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(entry | {"epoch": int(entry["epoch"])} for entry in history)
    return text.getvalue()
