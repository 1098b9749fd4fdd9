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
        return (ordered.sum(-1) + torch.nan).expand(shape)
    inside = (position >= 0) & (position < items)
    picked = position.clamp(0, items - 1).expand(shape).unsqueeze(-1)
    found = ordered.expand(*shape, items).gather(-1, picked).squeeze(-1)
    return torch.where(inside & (found < torch.inf), found, torch.nan)


def first_occurrence(values: Tensor) -> Tensor:
    """True at the first of each distinct value: ``[n] -> [n]``."""
    if values.shape[0] == 0:
        return torch.ones_like(values, dtype=torch.bool)
    ordered, order = values.sort(stable=True)
    fresh = torch.cat([torch.ones_like(ordered[:1], dtype=torch.bool), ordered[1:] != ordered[:-1]])
    return torch.empty_like(fresh).scatter(0, order, fresh)


def ranks(values: Tensor, where: Tensor | None) -> Tensor:
    """The place of every item of the last axis among those that ``where`` selects, from 1.

    An item's place is 1 and the number of selected items that beat it: larger ones, and equal ones
    with a lower index. An undefined value (NaN) neither beats nor is beaten.

    Args:
        values: ``[..., items]``.
        where: Broadcasts with ``values``; ``None`` selects every item.

    Returns:
        Int64, in the broadcast shape.
    """
    undefined = values.isnan()
    rivals = ~undefined if where is None else where & ~undefined
    values, rivals = torch.broadcast_tensors(  # type: ignore[no-untyped-call]
        values, rivals
    )
    order = values.argsort(dim=-1, descending=True, stable=True)
    chosen = rivals.gather(-1, order).long()
    before = torch.zeros_like(order).scatter(-1, order, chosen.cumsum(-1) - chosen)
    return 1 + before.masked_fill(undefined.expand_as(before), 0)


def item_at(values: Tensor, place: Tensor | int) -> Tensor:
    """The item at a 0-based place of the last axis; a place outside reads the nearest item.

    Args:
        values: ``[..., items]``; of no items, all read 0.
        place: A number, or whole numbers that broadcast with ``values`` without its last axis.
    """
    items = values.shape[-1]
    position = torch.as_tensor(place, device=values.device).long()
    shape: torch.Size = torch.broadcast_shapes(  # type: ignore[no-untyped-call]
        values.shape[:-1], position.shape
    )
    if items == 0:
        return values.new_zeros(shape)
    picked = position.clamp(0, items - 1).expand(shape).unsqueeze(-1)
    return values.expand(*shape, items).gather(-1, picked).squeeze(-1)


def running_sum(
    values: Tensor, where: Tensor | None = None, backward: bool = False, strict: bool = False
) -> Tensor:
    """Sums of the last axis up to each place, or from each place on.

    Args:
        values: ``[..., items]``; conditions are counted.
        where: Broadcasts with ``values``; what it leaves out adds nothing.
        backward: From each place to the end, rather than from the start to each place.
        strict: Without the item at the place itself.
    """
    if where is not None:
        values = torch.where(where, values, 0)
    if backward:
        values = values.flip(-1)
    total = values.cumsum(-1)
    if strict:
        total = moved_on(total, 0)
    return total.flip(-1) if backward else total


def running_largest(
    values: Tensor, where: Tensor | None = None, backward: bool = False, strict: bool = False
) -> Tensor:
    """Maxima of the last axis up to each place, or from each place on; NaN for those of nothing.

    The arguments are those of :func:`running_sum`; the values are of a floating dtype.
    """
    if where is not None:
        values = torch.where(where, values, -torch.inf)
        if backward:
            where = where.flip(-1)
    if backward:
        values = values.flip(-1)
    most = values.cummax(-1).values
    if where is not None:
        most = torch.where(where.cumsum(-1) > 0, most, torch.nan)
    if strict:
        most = moved_on(most, torch.nan)
    return most.flip(-1) if backward else most


def running_smallest(
    values: Tensor, where: Tensor | None = None, backward: bool = False, strict: bool = False
) -> Tensor:
    """Minima of the last axis up to each place, or from each place on; NaN for those of nothing."""
    return -running_largest(-values, where, backward, strict)


def moved_on(values: Tensor, first: float) -> Tensor:
    """``values`` one place later along the last axis, which then begins with ``first``."""
    return torch.cat([values.new_full((*values.shape[:-1], 1), first), values], -1)[..., :-1]


def running_at(
    running: Tensor, place: Tensor | int, nothing: float, backward: bool = False
) -> Tensor:
    """A running value at computed 0-based places, which may lie outside.

    Args:
        running: ``[..., items]``, from one of the functions above, not ``strict``.
        place: A number, or whole numbers that broadcast with ``running`` without its last axis.
        nothing: The value where no item is on this side of the place.
        backward: As in ``running``.
    """
    items = running.shape[-1]
    position = torch.as_tensor(place, device=running.device)
    if items == 0:
        shape: torch.Size = torch.broadcast_shapes(  # type: ignore[no-untyped-call]
            running.shape[:-1], position.shape
        )
        return (running.sum(-1) + nothing).expand(shape)
    inside = position < items if backward else position >= 0
    return torch.where(inside, item_at(running, position), nothing)


def first_largest(values: Tensor, where: Tensor, dims: tuple[int, ...]) -> Tensor:
    """The flat place of the first largest selected value; NaN where nothing is selected.

    Args:
        values: ``[..., *dims]``.
        where: Broadcasts with ``values``.
        dims: Trailing axes, negative.
    """
    values, where = torch.broadcast_tensors(  # type: ignore[no-untyped-call]
        values, where
    )
    values, where = values.flatten(dims[0]), where.flatten(dims[0])
    wide = torch.promote_types(values.dtype, torch.float32)
    if values.shape[-1] == 0:
        return values.new_full(values.shape[:-1], torch.nan, dtype=wide)
    most = torch.where(where, values, -torch.inf).amax(-1, keepdim=True)
    # an item that is left out is not the largest, even among infinite ones
    place = (where & (values == most)).to(wide).argmax(-1).to(wide)
    return torch.where(where.any(-1), place, torch.nan)
