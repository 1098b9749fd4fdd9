"""What a task's data is, in a few letters: another folder is another run."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from lossc.models.data.split import AnySplits, Examples

EXAMPLES = 64  # of each split: enough for another folder, and no work for a large one


def digest(splits: AnySplits) -> dict[str, str]:
    """The size of each split, and a hash of evenly spaced examples of it, with their targets.

    A file in which single examples were changed may keep its digest.
    """
    parts = {"train": splits.train, "val": splits.val, "test": splits.test}
    return {name: f"{len(split)}, {_sum(split)}" for name, split in parts.items()}


def _sum(split: Examples) -> str:
    if len(split) == 0:
        return "empty"
    index = torch.linspace(0, len(split) - 1, min(EXAMPLES, len(split))).round().long()
    (part,) = split.drawn([index], seed=0)
    whole = hashlib.sha256()
    for name, value in [("", part.features), *sorted(part.targets.items())]:
        whole.update(f"{name} {value.dtype} {tuple(value.shape)} ".encode())
        whole.update(_bytes(value))
    return whole.hexdigest()[:16]


def _bytes(value: Tensor) -> bytes:
    return value.cpu().contiguous().numpy().tobytes()
