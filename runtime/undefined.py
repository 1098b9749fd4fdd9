"""Undefined values: NaN stands for them, and ``else`` replaces them."""

from __future__ import annotations

import torch
from torch import Tensor


def divide(numerator: Tensor | float, denominator: Tensor) -> Tensor:
    """The quotient; NaN, with gradient 0, where the denominator is 0 or anything is undefined."""
    quotient = numerator / denominator
    none = (denominator == 0) | quotient.isnan()
    if no_entry(none):
        return quotient
    if isinstance(numerator, Tensor):
        numerator = torch.where(none, 1, numerator)
    return torch.where(none, torch.nan, numerator / torch.where(none, 1, denominator))


def divide_by_number(numerator: Tensor, number: float) -> Tensor:
    """The quotient by a size or a param; NaN, with gradient 0, where that is 0."""
    if number:
        return numerator / number
    return torch.where(numerator == numerator, torch.nan, numerator)  # still a function of it


def otherwise(value: Tensor, default: Tensor | float) -> Tensor:
    """``value``, or ``default`` where it is undefined; the gradient there is 0."""
    undefined = value.isnan() if value.ndim else value != value  # of one number, that is faster
    alike = not isinstance(default, Tensor) or default.ndim == 0
    if alike and no_entry(undefined):
        return value
    return torch.where(undefined, default, value)


def no_entry(found: Tensor) -> bool:
    """Whether a condition is known to be false everywhere; not where asking would have to wait."""
    if torch.compiler.is_compiling() or found.device.type != "cpu":
        return False
    return not bool(found.any() if found.ndim else found)


def defined_power(base: Tensor, exponent: Tensor) -> Tensor:
    """``base ** exponent``; NaN where either is, also for 1 ** NaN and NaN ** 0."""
    unknown = base.isnan() | exponent.isnan()
    powered = torch.where(unknown, 1, base) ** torch.where(unknown, 1, exponent)
    return torch.where(unknown, torch.nan, powered)


def defined_product(left: Tensor, right: Tensor) -> Tensor:
    """The product; NaN, with gradient 0 and not NaN, where either is undefined."""
    unknown = left.isnan() | right.isnan()
    if no_entry(unknown):
        return left * right
    product = torch.where(unknown, 1, left) * torch.where(unknown, 1, right)
    return torch.where(unknown, torch.nan, product)


def flat_where_undefined(value: Tensor) -> Tensor:
    """``value``, with gradient 0 where it is undefined: there, a function's slope is NaN."""
    return torch.where(value.isnan(), torch.nan, value)


def undefined_below_zero(value: Tensor) -> Tensor:
    """``value``, and NaN, with gradient 0, where it is negative: it has no real root."""
    return torch.where(value < 0, torch.nan, value)


def square_root(value: Tensor) -> Tensor:
    """The square root; its gradient at 0 is 0 and not infinite, as at the centre of a distance."""
    positive = value > 0
    root = torch.where(positive, value, 1).sqrt()
    return torch.where(positive, root, torch.where(value == 0, 0, torch.nan))


def largest(values: Tensor, where: Tensor | None, dims: tuple[int, ...]) -> Tensor:
    """The maximum over ``dims`` of what ``where`` selects; NaN if that is nothing.

    Args:
        values: ``[..., *dims]``, of a floating dtype.
        where: Broadcasts with ``values``; ``None`` selects everything.
        dims: Trailing axes, negative.
    """
    if where is not None:
        values = torch.where(where, values, -torch.inf)
    chosen = values.flatten(dims[0])
    if chosen.shape[-1] == 0:
        return chosen.sum(-1) + torch.nan  # a function of the values all the same
    if not chosen.requires_grad:
        most = chosen.amax(-1)  # NaN where a value is
        if no_entry(most == -torch.inf):
            return most
    if where is None:
        some = torch.ones(chosen.shape[:-1], dtype=torch.bool, device=values.device)
    else:
        some = where.expand_as(values).flatten(dims[0]).any(-1)
    # an undefined value makes the maximum undefined, and must not make its gradient NaN
    unknown = chosen.isnan().any(-1)
    chosen = torch.where(unknown.unsqueeze(-1), 0, chosen)
    return torch.where(some & ~unknown, chosen.amax(-1), torch.nan)


def smallest(values: Tensor, where: Tensor | None, dims: tuple[int, ...]) -> Tensor:
    """The minimum over ``dims`` of what ``where`` selects; NaN if that is nothing."""
    return -largest(-values, where, dims)


def log_sum(values: Tensor, where: Tensor, dims: tuple[int, ...]) -> Tensor:
    """The logarithm of the sum of the exponentials that ``where`` selects; NaN if it is nothing.

    Args:
        values: Broadcasts with ``where``, of a floating dtype.
        where: ``[..., *dims]``, or broadcasts with ``values`` to that.
        dims: Trailing axes, negative.
    """
    where = where | torch.zeros_like(values, dtype=torch.bool)  # in the shape of both
    unknown = (where & values.isnan()).flatten(dims[0]).any(-1)
    some = where.flatten(dims[0]).any(-1) & ~unknown
    # nothing at all would have a gradient of NaN: then everything is added up, and left out again
    chosen = torch.where(where | ~some[(..., *[None] * len(dims))], values, -torch.inf)
    chosen = torch.where(unknown[(..., *[None] * len(dims))], 0, chosen)
    return torch.where(some, chosen.logsumexp(dims), torch.nan)
