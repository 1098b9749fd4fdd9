"""What all weightings of several terms have in common."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lossc.runtime.checks import check_number
from lossc.runtime.weighting_gradients import mean_over_processes, wide_dtype


class TermWeighting(nn.Module):
    """Weighs terms; a subclass says by which weights.

    The state lies in buffers, so that a checkpoint goes on where it was saved. They are of float32
    at the least, whatever the values are, and move to the values' device. Values that are not
    finite make the total what it is, and leave the state alone.

    Args:
        count: How many terms there are.
        names: What messages call them.
        gathered: Whether the tensors at which gradients are measured hold the batch of all
            processes already.
    """

    weights: Tensor

    def __init__(self, count: int, names: Sequence[str] = (), gathered: bool = False) -> None:
        super().__init__()
        check_number("count", count, 1, math.inf, True, False, True)
        self.count, self.names, self.gathered = count, tuple(names), gathered
        self.register_buffer("weights", torch.ones(count))

    def forward(self, values: Tensor, shared: Sequence[Tensor] | None = None) -> Tensor:
        """The weighted sum: ``[t] -> []``, in float32 at the least.

        In training mode, with values that have a gradient, the state goes on by one step, and all
        processes must take part. Any other call changes nothing.

        Args:
            values: Of the terms.
            shared: Where gradients are measured, by those weightings that do.

        Raises:
            ValueError: Another number of terms, or nothing to measure gradients at.
        """
        if values.shape != (self.count,):
            called = f" ({', '.join(self.names)})" if self.names else ""
            raise ValueError(
                f"values: expected {self.count} terms{called}, got the shape {list(values.shape)}"
            )
        if self.training and torch.is_grad_enabled() and values.requires_grad:
            self.adopt(values)
            with torch.no_grad():
                told = self.averaged(values)
                weights = self.observe(told, values, shared)
                self.weights.copy_(weights)
        else:
            told, weights = values.detach(), self.current()
        wide = wide_dtype(values.dtype)
        # what the gradient of a value in half precision can be
        most = torch.finfo(values.dtype).max
        weights = weights.to(values.device, wide).clamp(max=most)
        return (weights * values.to(wide)).sum() + self.penalty(told)

    def current(self) -> Tensor:
        """The weights that training has led to: ``[t]``, a tensor of its own."""
        return self.weights.clone()

    def observe(self, told: Tensor, values: Tensor, shared: Sequence[Tensor] | None) -> Tensor:
        """Takes a step, and returns the weights of this call: ``[t]``, a tensor of its own.

        Args:
            told: The values without gradient, as ``averaged`` gives them.
            values: Those of this process.
            shared: Where gradients are measured.
        """
        return self.current()

    def averaged(self, values: Tensor) -> Tensor:
        """What ``observe`` is told of the values; nothing is exchanged unless it is needed."""
        return values.detach()

    def penalty(self, told: Tensor) -> Tensor | float:
        """What is added to the weighted sum."""
        return 0.0

    def adopt(self, values: Tensor) -> None:
        """Brings the state to the device of the values, and to their precision if it is higher."""
        for name, held in self._buffers.items():
            if held is None:
                continue
            wide = torch.promote_types(held.dtype, wide_dtype(values.dtype))
            dtype = wide if held.is_floating_point() else held.dtype
            if held.dtype != dtype or held.device != values.device:
                self._buffers[name] = held.to(values.device, dtype)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        # a state of float64 is not rounded to what a fresh module has
        for name, held in self._buffers.items():
            saved = state_dict.get(prefix + name)
            if held is not None and isinstance(saved, Tensor):
                self._buffers[name] = held.to(saved.dtype)
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def extra_repr(self) -> str:
        """Which terms."""
        return ", ".join(self.names) or f"{self.count} terms"


class ErrorWeighting(TermWeighting):
    r"""Weighs terms by how far each has come, as error :math:`E_i = L_i - b_i`.

    :math:`b_i` is the best that a term can be: 0; -1 for a term that has been negative, which a
    negated metric in [-1, 0] is; and for one that has been below -1, the least it has been. Errors
    are never negative, and their ratio to the first one is never a ratio of numbers of two signs.

    Args:
        count: How many terms there are.
        names: What messages call them.
        gathered: As for every weighting.
    """

    best: Tensor
    first: Tensor

    def __init__(self, count: int, names: Sequence[str] = (), gathered: bool = False) -> None:
        super().__init__(count, names, gathered)
        self.register_buffer("best", torch.zeros(count))
        self.register_buffer("first", torch.full((count,), math.nan))

    def averaged(self, values: Tensor) -> Tensor:
        """The mean over all processes, in the precision of the state."""
        return mean_over_processes(values).to(self.best.dtype)

    def errors(self, told: Tensor) -> Tensor:
        """``[t] -> [t]``: how far each term is from its best; remembers the first error above 0."""
        best = torch.where(told < 0, told.clamp(max=-1), self.best)
        best = torch.minimum(best, self.best)
        self.best.copy_(torch.where(told.isfinite(), best, self.best))
        errors = told - self.best
        begins = self.first.isnan() & told.isfinite() & (errors > 0)
        self.first.copy_(torch.where(begins, told, self.first))
        return errors

    def ratios(self, errors: Tensor) -> Tensor:
        """``[t] -> [t]``: each error over the first one; 1 where there has been none."""
        ratios = errors / (self.first - self.best)
        return torch.where(self.first.isnan() & errors.isfinite(), 1, ratios)
