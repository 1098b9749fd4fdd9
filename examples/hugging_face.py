"""A compiled loss in the Trainer of Hugging Face: ``compute_loss_func`` takes it as it is.

Run it with ``python examples/hugging_face.py``, where ``transformers`` and ``accelerate`` are
installed; the data comes with scikit-learn, and the model is a small one of our own.
"""

from __future__ import annotations

import tempfile
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from transformers import Trainer, TrainingArguments
from transformers.modeling_outputs import SequenceClassifierOutput

import lossc


class Network(nn.Module):
    """Any model whose output has ``logits``."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))

    def forward(self, x: Tensor, labels: Tensor | None = None) -> SequenceClassifierOutput:
        return SequenceClassifierOutput(logits=self.layers(x))


def main(epochs: int = 5) -> float:
    """Train on accuracy, and return that of what was held out."""
    torch.manual_seed(0)
    digits = load_digits()
    x = torch.as_tensor(digits.data, dtype=torch.float32) / 16
    rows = [{"x": row, "labels": int(label)} for row, label in zip(x, digits.target, strict=True)]
    order = torch.randperm(len(rows)).tolist()
    train, held_out = ([rows[i] for i in part] for part in (order[:1400], order[1400:]))
    loss_fn = lossc.loss("accuracy")

    def loss_of(outputs: Any, labels: Tensor, num_items_in_batch: Any = None) -> Tensor:
        value: Tensor = loss_fn(outputs.logits, labels)
        return value

    def metrics(prediction: Any) -> dict[str, float]:
        scores, labels = map(torch.as_tensor, (prediction.predictions, prediction.label_ids))
        return {"accuracy": loss_fn.metric(scores, labels).item()}

    with tempfile.TemporaryDirectory() as folder:
        settings = TrainingArguments(
            folder,
            num_train_epochs=epochs,
            per_device_train_batch_size=100,
            per_device_eval_batch_size=400,
            learning_rate=0.003,
            report_to=[],
            save_strategy="no",
            use_cpu=not torch.cuda.is_available(),
            disable_tqdm=True,
        )
        trainer = Trainer(
            Network(),
            settings,
            train_dataset=train,
            eval_dataset=held_out,
            compute_loss_func=loss_of,
            compute_metrics=metrics,
        )
        trainer.train()
        accuracy = float(trainer.evaluate()["eval_accuracy"])
    print(f"accuracy {accuracy:.4f}")
    return accuracy


if __name__ == "__main__":
    main()
