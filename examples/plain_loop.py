"""A plain torch loop on a compiled loss: average precision of zeros among handwritten digits.

Run it with ``python examples/plain_loop.py``; the data comes with scikit-learn.
"""

from __future__ import annotations

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

import lossc


def data() -> tuple[Tensor, Tensor]:
    """Pictures ``[n, 64]``, and which of them are zeros: ``bool[n]``."""
    digits = load_digits()
    pictures = torch.as_tensor(digits.data, dtype=torch.float32) / 16
    return pictures, torch.as_tensor(digits.target) == 0


def main(epochs: int = 5) -> float:
    """Train, and return the average precision of what was held out."""
    torch.manual_seed(0)
    x, relevant = data()
    order = torch.randperm(len(x))
    train, held_out = order[:1400], order[1400:]
    network = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
    loss_fn = lossc.loss("average_precision")
    optimiser = torch.optim.Adam(network.parameters(), 0.003)
    for epoch in range(epochs):
        for batch in train[torch.randperm(len(train))].split(100):
            loss = loss_fn(network(x[batch]).squeeze(1), relevant[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        with torch.no_grad():
            exact = loss_fn.metric(network(x[held_out]).squeeze(1), relevant[held_out])
        print(f"epoch {epoch + 1}: average precision {exact.item():.4f}")
    return exact.item()


if __name__ == "__main__":
    main()
