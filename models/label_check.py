"""Whether the labels of a task's data are those of its network."""

from __future__ import annotations

import re

import torch
from torch import nn

from lossc.models.data.split import AnySplits, Splits
from lossc.models.errors import DataError
from lossc.models.evaluate import outputs
from lossc.models.recipe import Recipe

_LABEL = re.compile(r"int\[\w+\] in (\w+)")
_SCORES = re.compile(r"real\[(\w+(?:, \w+)*)\]")


def check_labels(network: nn.Module, splits: AnySplits, recipe: Recipe) -> None:
    """Look at all labels before anything is trained: torch names neither the label nor its place.

    A target that ``provides`` calls ``int[n] in p`` is below the size p of ``real[n, p]``.

    Args:
        network: With as many scores as there are classes.
        splits: The task's data. Streamed data has the labels of its folders, which are counted.
        recipe: The task.

    Raises:
        DataError: A label is negative, or there is no such class.
    """
    ranges = {name: _LABEL.fullmatch(kind) for name, kind in recipe.provides.items()}
    labels = {name: found[1] for name, found in ranges.items() if found}
    if not labels or not isinstance(splits, Splits):
        return
    one = splits.train.first(1)
    inputs = recipe.inputs(outputs(network, one), one.targets)
    sizes: dict[str, int] = {}
    for name, kind in recipe.provides.items():
        if name in inputs and (found := _SCORES.fullmatch(kind)):
            sizes |= dict(zip(found[1].split(", "), inputs[name].shape, strict=False))
    for name, dim in labels.items():
        for part in ("train", "val", "test"):
            label = getattr(splits, part).targets.get(name)
            if label is None or dim not in sizes:
                continue
            wrong = (label < 0) | (label >= sizes[dim])
            if wrong.any():
                at = int(torch.argmax(wrong.int()))
                raise DataError(
                    f"task '{recipe.name}': {name} {int(label[at])} at position {at} of the "
                    f"{part} split, expected 0 to {sizes[dim] - 1}"
                )
