"""Fully connected networks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import nn


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
