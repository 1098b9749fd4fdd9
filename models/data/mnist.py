"""MNIST from its four original files: zero against the rest."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lossc.models.data.idx import read_idx
from lossc.models.data.mnist_files import TEST, TRAIN, find_mnist
from lossc.models.data.split import Split, Splits
from lossc.models.errors import DataError

VALIDATION = 6000  # the first training images (UniLoss section 4.2, and its public code)
MEAN, DEVIATION = 0.1307, 0.3081  # of the training pixels, in [0, 1]
SIDE = 28
CLASSES = 10


@lru_cache(maxsize=1)
def mnist_zero(directory: Path | None = None) -> Splits:
    """MNIST as a binary task: is it a zero? About one image in ten is.

    The validation split is the first 6,000 training images.

    Source: Liu, Wang and Deng, UniLoss, ECCV 2020, section 4.2.

    Args:
        directory: Where the files lie; ``None``: ``LOSSC_DATA``, else a download into the cache.

    Returns:
        Features ``float32[n, 784]``, standardised, and the target ``relevant``: ``bool[n]``.

    Raises:
        DataError: A file is missing or damaged.
    """
    files = find_mnist(directory)
    images, labels = read_pair(files[TRAIN[0]], files[TRAIN[1]])
    if len(labels) <= VALIDATION:
        raise DataError(
            f"{files[TRAIN[1]]}: {len(labels)} training images, and the first {VALIDATION} of them "
            "are for validation: none are left to train on"
        )
    train = _zero(images[VALIDATION:], labels[VALIDATION:])
    val = _zero(images[:VALIDATION], labels[:VALIDATION])
    return Splits(train, val, _zero(*read_pair(files[TEST[0]], files[TEST[1]])))


def read_pair(images: Path, labels: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images ``uint8[n, 28, 28]`` and their labels ``uint8[n]`` in 0..9.

    Raises:
        DataError: A file is damaged, or the two do not belong together.
    """
    pixels, classes = read_idx(images, dims=3), read_idx(labels, dims=1)
    if pixels.shape[1:] != (SIDE, SIDE):
        height, width = pixels.shape[1:]
        raise DataError(f"{images}: images of {height} x {width} pixels, expected {SIDE} x {SIDE}")
    if len(pixels) != len(classes):
        raise DataError(f"{images} has {len(pixels)} images, {labels} has {len(classes)} labels")
    if len(classes) == 0:
        raise DataError(f"{labels}: no labels")
    if classes.max() >= CLASSES:
        at = int(np.argmax(classes >= CLASSES))
        raise DataError(
            f"{labels}: label {classes[at]} at position {at}, expected 0 to {CLASSES - 1}"
        )
    return pixels, classes


def _zero(images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> Split:
    return Split(standardised(images), {"relevant": torch.from_numpy(labels == 0)})


def standardised(images: NDArray[np.uint8]) -> Tensor:
    """Bytes as the network takes them: ``uint8[n, 28, 28] -> float32[n, 784]``."""
    # a table of the 256 values: no second array of the whole set in between
    table = ((np.arange(256) / 255 - MEAN) / DEVIATION).astype(np.float32)
    return torch.from_numpy(table[images.reshape(len(images), -1)])
