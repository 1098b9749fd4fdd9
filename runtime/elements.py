"""Elements of a loss: powers and logarithms at 0, and gradients that come with the value."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor


def power_at_zero(base: Tensor, exponent: Tensor | float) -> Tensor:
    """``base ** exponent``; where the slope at 0 would be infinite, the gradient there is 0.

    That is for exponents below 1. An exponent of 0 gives 1 everywhere, and no gradient.
    """
    if not isinstance(exponent, Tensor):
        if exponent >= 1:
            return base**exponent
        steep = base == 0
    else:
        steep = (base == 0) & (exponent < 1)
    return torch.where(steep, base.detach() ** exponent, torch.where(steep, 1, base) ** exponent)


def power_or_zero(base: Tensor, exponent: Tensor | float) -> Tensor:
    """``base ** exponent``, and 0 for the negative powers of 0: the slope that is not infinite."""
    if isinstance(exponent, Tensor):
        return torch.where((base == 0) & (exponent < 0), 0, base**exponent)
    if exponent >= 0 or all_positive(base):
        return base**exponent
    return torch.where(base == 0, 0, base**exponent)


def all_positive(value: Tensor) -> bool:
    """Whether all numbers are known to be above 0; not where asking would have to wait."""
    if torch.compiler.is_compiling() or value.device.type != "cpu" or not value.numel():
        return False
    return value.detach().amin().item() > 0


def times_log(factor: Tensor, argument: Tensor) -> Tensor:
    """``factor * log(argument)``; where both are 0 it is 0, and so is its gradient."""
    none = (factor == 0) & (argument == 0)
    return torch.where(none, 0, factor * torch.where(none, 1, argument).log())


def element_sums(
    element: Callable[..., tuple[Tensor, ...]],
    arguments: tuple[Tensor | float, ...],
    dims: tuple[int, ...],
    cut: int | None = None,
) -> tuple[Tensor, ...]:
    """Sums of an element over ``dims``, and its slopes: what it needs between stays in the cache.

    Many operations in a row over large tensors take their time from memory. On a processor large
    ones are cut into blocks, of which all that is between fits into the cache; only the slopes are
    made as a whole.

    Args:
        element: Gives the value and its slopes, of the shape that its arguments broadcast to.
        arguments: Its arguments. Tensors may lack leading axes.
        dims: Axes to sum over, negative.
        cut: So many leading axes may be cut; ``None``: all.

    Returns:
        The sums, without ``dims``, and the slopes in full.
    """
    block = 2**16
    sizes = [(a.numel(), a.device.type) for a in arguments if isinstance(a, Tensor)]
    if torch.compiler.is_compiling() or max(sizes)[0] <= block or sizes[0][1] != "cpu":
        each, *slopes = element(*arguments)
        return (each.sum(dims) if dims else each, *slopes)
    shapes = [a.shape for a in arguments if isinstance(a, Tensor)]
    shape = torch.broadcast_shapes(*shapes)  # type: ignore[no-untyped-call]
    last = len(shape) if cut is None else cut
    axis = next((k for k in range(last) if math.prod(shape[k + 1 :]) <= block), last - 1)
    step = max(1, block // max(1, math.prod(shape[axis + 1 :])))
    summed = {len(shape) + dim for dim in dims}
    parts: list[tuple[slice, ...]] = [()]
    for k in range(axis + 1):
        length = step if k == axis else 1
        starts = range(0, shape[k], length)
        parts = [(*part, slice(start, start + length)) for part in parts for start in starts]
    sums: Tensor | None = None
    whole: list[Tensor] = []
    for part in parts:
        each, *slopes = element(*(block_of(a, part, len(shape)) for a in arguments))
        if sums is None:
            sums = each.new_zeros([size for k, size in enumerate(shape) if k not in summed])
            whole = [slope.new_empty(shape) for slope in slopes]
        kept = tuple(cut for k, cut in enumerate(part) if k not in summed)
        sums[kept] += each.sum(dims) if dims else each
        for all_of_it, slope in zip(whole, slopes, strict=True):
            all_of_it[part] = slope
    assert sums is not None
    return (sums, *whole)


def block_of(value: Tensor | float, part: tuple[slice, ...], ndim: int) -> Tensor | float:
    """The part of an argument that belongs to a block of the first axes, of ``ndim``."""
    if not isinstance(value, Tensor):
        return value
    lacking = ndim - value.ndim
    cuts = part[lacking:]
    return value[tuple(c if value.shape[k] > 1 else slice(None) for k, c in enumerate(cuts))]


class AttachSlopes(torch.autograd.Function):
    """A value with its derivatives by several tensors, all computed along with it."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx,
        value: Tensor,
        kept: tuple[int, ...] | None,
        count: int,
        *rest: Tensor,
    ) -> Tensor:
        """Returns ``value / count``; ``rest`` are the tensors, then as many slopes."""
        half = len(rest) // 2
        ctx.save_for_backward(*rest[half:])
        ctx.kept, ctx.count = kept, count  # type: ignore[attr-defined]
        ctx.shapes = [tensor.shape for tensor in rest[:half]]  # type: ignore[attr-defined]
        return value.view_as(value) if count == 1 else value / count

    @staticmethod
    def backward(
        ctx: torch.autograd.function.FunctionCtx, grad: Tensor
    ) -> tuple[Tensor | None, ...]:
        """The slopes, scaled; they have no derivatives of their own."""
        # with once_differentiable, a gradient penalty would silently have no gradient
        if torch.is_grad_enabled() and not torch.compiler.is_compiling():
            raise RuntimeError("the gradient of this loss is in closed form, and has no gradient")
        slopes = ctx.saved_tensors  # type: ignore[attr-defined]
        shapes = ctx.shapes  # type: ignore[attr-defined]
        if ctx.count != 1:  # type: ignore[attr-defined]
            grad = grad / ctx.count  # type: ignore[attr-defined]
        if ctx.kept is not None:  # type: ignore[attr-defined]
            grad = grad.reshape(ctx.kept)  # type: ignore[attr-defined]
        grads = [grad * slope for slope in slopes]
        grads = [
            each if each.shape == shape else each.sum_to_size(shape)
            for each, shape in zip(grads, shapes, strict=True)
        ]
        return (None, None, None, *grads, *([None] * len(grads)))


def attach_slopes(tensors: tuple[Tensor, ...], value: Tensor, *slopes: Tensor) -> Tensor:
    """``value`` as a function of ``tensors``, whose derivatives by them are ``slopes``.

    Args:
        tensors: What the value was computed from; each broadcasts with ``value``.
        value: Elementwise in the tensors.
        slopes: One for each tensor, in the shape of ``value``.
    """
    attached: Tensor = AttachSlopes.apply(value, None, 1, *tensors, *slopes)  # type: ignore[no-untyped-call]
    return attached


def attach_sums(
    tensors: tuple[Tensor, ...], sums: Tensor, dims: tuple[int, ...], count: int, *slopes: Tensor
) -> Tensor:
    """``sums / count`` of elements, whose derivatives by ``tensors`` are ``slopes``.

    Args:
        tensors: What the elements were computed from; each broadcasts with the slopes.
        sums: The elements, summed over ``dims``.
        dims: Axes of the slopes, negative.
        count: Over how many of them the sums are averaged; of none, they are undefined.
        slopes: One for each tensor, in the shape of the elements.
    """
    kept = None
    if sums.ndim:
        shape = list(slopes[0].shape)
        for dim in dims:
            shape[dim] = 1
        kept = tuple(shape)
    attached: Tensor = AttachSlopes.apply(sums, kept, count, *tensors, *slopes)  # type: ignore[no-untyped-call]
    return attached
