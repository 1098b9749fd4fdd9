"""What a loss of several terms keeps and needs besides their values."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def balancing_weight(*errors: Tensor) -> Tensor:
    """1 over the mean size of all ``errors``, without gradient; 0 where there is no error.

    Source: AdaptiveWeightEucLoss of the memo on adaptive Euclidean losses, figures 1 and 2.

    Args:
        *errors: Of any shape; several have the same number of entries, as coordinates do.
    """
    inverse = 1 / torch.stack([error.detach().abs().mean() for error in errors]).mean()
    return torch.where(inverse.isfinite(), inverse, 0)


def shared_tensors(
    shared: Sequence[Tensor] | None, inputs: tuple[Tensor, ...]
) -> tuple[Tensor, ...]:
    """Through what the gradients of terms are measured: as told, else the live inputs.

    Args:
        shared: What the user says; ``None``: nothing.
        inputs: The live inputs of the loss.

    Returns:
        Those that require a gradient; all inputs where none does.
    """
    told = [each for each in shared or () if each.requires_grad]
    live = [each for each in inputs if each.requires_grad]
    return tuple(told or live or inputs)


class TermFigures(nn.Module):
    """Value, weight and share of every term, averaged over the calls in training mode.

    The share of a term is that of its weighted value, in size, in the sum of all.

    Args:
        names: Of the terms.
    """

    totals: Tensor
    calls: Tensor

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = tuple(names)
        self.register_buffer("totals", torch.zeros(3, len(self.names)), persistent=False)
        self.register_buffer("calls", torch.zeros(()), persistent=False)

    def add(self, values: Tensor, weights: Tensor) -> None:
        """Takes in one call: ``values`` and ``weights``, each ``[t]``."""
        if not self.training:
            return
        values, weights = values.detach(), weights.detach()
        sizes = (weights * values).abs()
        shares = sizes / sizes.sum().clamp_min(torch.finfo(sizes.dtype).tiny)
        if self.totals.device != values.device:
            self.totals, self.calls = self.totals.to(values.device), self.calls.to(values.device)
        self.totals.add_(torch.stack([values, weights, shares]))
        self.calls.add_(1)

    def take(self) -> dict[str, float]:
        """The averages since it was asked last, as ``value/NAME``; empty without calls."""
        calls = self.calls.item()
        rows = (self.totals / max(calls, 1)).tolist()
        self.totals.zero_()
        self.calls.zero_()
        if not calls:
            return {}
        kinds = ("value", "weight", "share")
        return {
            f"{kind}/{name}": figure
            for kind, row in zip(kinds, rows, strict=True)
            for name, figure in zip(self.names, row, strict=True)
        }
