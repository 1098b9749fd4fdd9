"""Orders of values that are already decided: they belong to the metric and carry no gradient."""

from __future__ import annotations

import torch
from torch import Tensor


def in_order(values: Tensor, where: Tensor | None) -> Tensor:
    """``values`` ascending along the last axis; what ``where`` leaves out ends up as infinity."""
    if where is not None:
        values = values.masked_fill(~where, torch.inf)
    return values.sort(dim=-1, stable=True).values


def at_place(ordered: Tensor, place: Tensor | int) -> Tensor:
    """The value at a 1-based place of the last axis; NaN where there is no such place.

    Args:
        ordered: ``[..., items]``, ascending, with infinity where there is no item.
        place: A number, or whole numbers that broadcast with ``ordered`` without its last axis.
    """
    items = ordered.shape[-1]
    position = torch.as_tensor(place, device=ordered.device).long() - 1
    shape: torch.Size = torch.broadcast_shapes(  # type: ignore[no-untyped-call]
        ordered.shape[:-1], position.shape
    )
    if items == 0:
        return ordered.new_full(shape, torch.nan)
    inside = (position >= 0) & (position < items)
    picked = position.clamp(0, items - 1).expand(shape).unsqueeze(-1)
    found = ordered.expand(*shape, items).gather(-1, picked).squeeze(-1)
    return torch.where(inside & (found < torch.inf), found, torch.nan)


def first_occurrence(values: Tensor) -> Tensor:
    """True at the first of each distinct value: ``[n] -> [n]``."""
    order = torch.arange(values.shape[0], device=values.device)
    earlier = (values.unsqueeze(1) == values.unsqueeze(0)) & (
        order.unsqueeze(0) < order.unsqueeze(1)
    )
    return ~earlier.any(1)
