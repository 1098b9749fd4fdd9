"""Fully connected networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from pydantic import PositiveInt
from torch import nn

from lossc.models.fixed import FIXED


def mlp(sizes: Sequence[int]) -> nn.Sequential:
    """Linear layers with ReLU between them: ``[n, sizes[0]] -> [n, sizes[-1]]``, raw scores.

    >>> sum(parameter.numel() for parameter in mlp([784, 500, 300, 1]).parameters())
    543101

    Args:
        sizes: Neurons of each layer, the input's and the output's included.

    Raises:
        ValueError: Fewer than two sizes.
    """
    if len(sizes) < 2:
        raise ValueError(f"an MLP has at least an input and an output, not {list(sizes)}")
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


@dataclass(frozen=True)
class MlpNetwork:
    """Makes MLPs: ``[n, inputs] -> [n, outputs]``.

    Args:
        inputs: Numbers of an example.
        hidden: Neurons of each layer in between.
        outputs: Scores of an example.
    """

    inputs: int = field(metadata=FIXED)
    hidden: tuple[PositiveInt, ...]
    outputs: int = field(metadata=FIXED)

    def __call__(self) -> nn.Module:
        """Fresh weights."""
        return mlp([self.inputs, *self.hidden, self.outputs])
