"""Elements of a loss: powers and logarithms at 0, and gradients that come with the value."""

from __future__ import annotations

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
    return torch.where(base == 0, 0, base**exponent) if exponent < 0 else base**exponent


def times_log(factor: Tensor, argument: Tensor) -> Tensor:
    """``factor * log(argument)``; where both are 0 it is 0, and so is its gradient."""
    none = (factor == 0) & (argument == 0)
    return torch.where(none, 0, factor * torch.where(none, 1, argument).log())


class AttachSlopes(torch.autograd.Function):
    """A value with its derivatives by several tensors, all computed along with it."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, value: Tensor, *rest: Tensor) -> Tensor:
        """Returns ``value``; ``rest`` are the tensors, then as many slopes."""
        half = len(rest) // 2
        ctx.save_for_backward(*rest[half:])
        ctx.shapes = [tensor.shape for tensor in rest[:half]]  # type: ignore[attr-defined]
        return value.view_as(value)

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
        grads = [
            (grad * slope).sum_to_size(shape) for slope, shape in zip(slopes, shapes, strict=True)
        ]
        return (None, *grads, *([None] * len(grads)))


def attach_slopes(tensors: tuple[Tensor, ...], value: Tensor, *slopes: Tensor) -> Tensor:
    """``value`` as a function of ``tensors``, whose derivatives by them are ``slopes``.

    Args:
        tensors: What the value was computed from; each broadcasts with ``value``.
        value: Elementwise in the tensors.
        slopes: One for each tensor, in the shape of ``value``.
    """
    attached: Tensor = AttachSlopes.apply(value, *tensors, *slopes)  # type: ignore[no-untyped-call]
    return attached
