"""scikit-learn's digits in the form of MNIST: zero against the rest, without files."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import torch
from torch.nn import functional

from lossc.models.data.digits import digits
from lossc.models.data.mnist import standardised
from lossc.models.data.split import Split, Splits

BOX, MARGIN = 20, 4  # as in MNIST: 20 x 20 pixels in the middle of 28 x 28


@lru_cache(maxsize=1)
def mnist_digits(directory: Path | None = None) -> Splits:
    """The 1,797 digits enlarged, split 1,077 / 360 / 360; one in ten is a zero.

    Args:
        directory: Not used: the data is a part of scikit-learn.

    Returns:
        As :func:`~lossc.models.data.mnist.mnist_zero`.
    """
    splits = digits()
    return Splits(*(_enlarged(part) for part in (splits.train, splits.val, splits.test)))


def _enlarged(part: Split) -> Split:
    images = part.features.view(-1, 1, 8, 8)
    images = functional.interpolate(images, (BOX, BOX), mode="bilinear", align_corners=False)
    images = functional.pad(255 * images, (MARGIN,) * 4).round().to(torch.uint8)
    relevant = part.targets["label"] == 0
    return Split(standardised(images.squeeze(1).numpy()), {"relevant": relevant})
