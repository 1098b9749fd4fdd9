"""The handwritten digits that come inside scikit-learn."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from lossc.models.data.split import Split, Splits

SPLIT_SEED = 20200823
SIZES = (1077, 360, 360)
PIXEL_MAX = 16.0


@lru_cache(maxsize=1)
def digits(directory: Path | None = None) -> Splits:
    """1,797 grey images of 8 x 8 pixels with ten classes, split 60 : 20 : 20.

    The split is stratified by class and always the same: it does not move with the run's seed.

    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, 1998: its test
    set.

    Args:
        directory: Not used: the data is a part of scikit-learn.

    Returns:
        Features ``float32[n, 64]`` in [0, 1], and the target ``label``: ``int64[n]`` in 0..9.
    """
    images, labels = load_digits(return_X_y=True)
    images = (images / PIXEL_MAX).astype(np.float32)
    labels = labels.astype(np.int64)
    _, val_size, test_size = SIZES
    everything = np.arange(len(labels))
    rest, test = train_test_split(
        everything, test_size=test_size, random_state=SPLIT_SEED, stratify=labels
    )
    train, val = train_test_split(
        rest, test_size=val_size, random_state=SPLIT_SEED, stratify=labels[rest]
    )
    features, label = torch.from_numpy(images), torch.from_numpy(labels)
    parts = (Split(features[index], {"label": label[index]}) for index in (train, val, test))
    return Splits(*parts)
