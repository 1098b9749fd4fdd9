"""A compiled loss in a Lightning module, with the metric as lossc and torchmetrics compute it.

Run it with ``python examples/lightning_loop.py``; the data comes with scikit-learn.
"""

from __future__ import annotations

import torch
from lightning import LightningModule, Trainer, seed_everything
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset, random_split
from torchmetrics.classification import MulticlassF1Score

import lossc


class Classifier(LightningModule):
    """Trains macro F1; a scheduled loss would need ``set_epoch`` in ``on_train_epoch_start``."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
        self.loss_fn = lossc.loss("macro_f1")
        self.measured = lossc.Metric("macro_f1")  # the spec itself, over the whole epoch
        self.check = MulticlassF1Score(10, average="macro")

    def training_step(self, batch: list[Tensor], _: int) -> Tensor:
        x, label = batch
        loss: Tensor = self.loss_fn(self.network(x), label)
        self.log("loss", loss)
        return loss

    def validation_step(self, batch: list[Tensor], _: int) -> None:
        x, label = batch
        scores = self.network(x)
        self.measured.update(scores, label)
        self.check.update(scores, label)

    def on_validation_epoch_end(self) -> None:
        self.log_dict({"macro_f1": self.measured.compute(), "check": self.check.compute()})
        self.measured.reset()
        self.check.reset()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), 0.003)


def main(epochs: int = 5) -> dict[str, float]:
    """Train, and return the figures of the last validation."""
    seed_everything(0, verbose=False)
    digits = load_digits()
    x = torch.as_tensor(digits.data, dtype=torch.float32) / 16
    train, held_out = random_split(TensorDataset(x, torch.as_tensor(digits.target)), [1400, 397])
    trainer = Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Classifier(), DataLoader(train, 100, shuffle=True), DataLoader(held_out, 397))
    figures = {name: float(value) for name, value in trainer.callback_metrics.items()}
    print(figures)
    return figures


if __name__ == "__main__":
    main()
