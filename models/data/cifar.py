"""CIFAR-10 and CIFAR-100 from the original files."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from lossc.models.data.cifar_files import Distribution, cifar_files
from lossc.models.data.cifar_pickle import read_batch
from lossc.models.data.split import Split, Splits
from lossc.models.errors import DataError
from lossc.models.fixed import FIXED

VALIDATION = 10  # one training image in so many is for validation: 5,000 of the 50,000
SPLIT_SEED = 20191027

Which = Literal["first", "random"]
Batch = tuple[NDArray[np.uint8], NDArray[np.int64]]


@dataclass(frozen=True)
class CifarData:
    """Loads a set for a recipe; see :func:`cifar`."""

    source: Distribution = field(metadata=FIXED)
    validation: Which

    def __call__(self, directory: Path | None) -> Splits:
        return cifar(self.source, directory, self.validation)


@lru_cache(maxsize=1)
def cifar(source: Distribution, directory: Path | None, validation: Which) -> Splits:
    """Images of 32 x 32 pixels in colour. A tenth of the training images is for validation.

    Files may have fewer images than the original ones.

    Args:
        source: Which of the two.
        directory: Where the files lie; ``None``: ``LOSSC_DATA``, else a download into the cache.
        validation: Which tenth: ``first``, the first images of the files (UniLoss's public code);
            ``random``, one that is drawn, the same in every run (Anchor Loss, section 4.1).

    Returns:
        Features ``uint8[n, 3, 32, 32]``, and the target ``label``: ``int64[n]``.

    Raises:
        DataError: A file is missing or damaged.
    """
    batches: dict[str, Batch] = {
        name: read_batch(content, where, source.labels, source.classes)
        for name, where, content in cifar_files(source, directory)
    }
    train = _split([batches[name] for name in source.train])
    count = len(train) // VALIDATION
    if count == 0:
        raise DataError(
            f"{source.title}: {len(train)} training images, and a tenth of them is for "
            f"validation: at least {VALIDATION} are needed"
        )
    order = torch.arange(len(train))
    if validation == "random":
        order = torch.randperm(len(train), generator=torch.Generator().manual_seed(SPLIT_SEED))
    kept = order[count:].sort().values
    return Splits(train.take(kept), train.take(order[:count]), _split([batches[source.test]]))


def _split(batches: list[Batch]) -> Split:
    images, labels = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    return Split(torch.from_numpy(images), {"label": torch.from_numpy(labels)})
