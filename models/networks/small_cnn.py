"""A network for images of 32 x 32 that trains in minutes on a CPU, and how bytes become numbers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Standardise(nn.Module):
    """Bytes to numbers of mean 0 and deviation 1 in each channel, without weights.

    Images stay bytes in memory, and black is black, until they are looked at.

    Args:
        mean: Of each channel, in [0, 1].
        deviation: The same.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: Sequence[float], deviation: Sequence[float]) -> None:
        super().__init__()
        shape = (-1, 1, 1)
        self.register_buffer("mean", 255 * torch.tensor(mean).view(shape), persistent=False)
        self.register_buffer(
            "scale", 1 / (255 * torch.tensor(deviation)).view(shape), persistent=False
        )

    def forward(self, image: Tensor) -> Tensor:
        """``uint8[n, c, h, w] -> float32[n, c, h, w]``."""
        return (image - self.mean) * self.scale


def small_cnn(classes: int = 10, width: int = 16, cells: int = 1) -> nn.Sequential:
    """Three 3 x 3 convolutions with norm, each at half the size of the one before.

    ``[n, 3, 32, 32] -> [n, classes]``, raw scores; a network of our own.

    Args:
        classes: Of the output.
        width: Channels of the first convolution; the others have two and four times as many.
        cells: Along each side, averaged apart; with one, where things are is lost.
    """
    layers: list[nn.Module] = []
    channels = 3
    for outputs in (width, 2 * width, 4 * width):
        layers += [
            nn.Conv2d(channels, outputs, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        ]
        channels = outputs
    return nn.Sequential(
        *layers,
        nn.AdaptiveAvgPool2d(cells),
        nn.Flatten(),
        nn.Linear(channels * cells**2, classes),
    )
