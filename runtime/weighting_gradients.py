"""How large the gradients of several terms are, over all processes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lossc.runtime.gathering import gather_equal, world_size


def wide_dtype(dtype: torch.dtype) -> torch.dtype:
    """What weights are computed in: float32 at the least."""
    return torch.promote_types(dtype, torch.float32)


def scaled_norm(rows: Tensor) -> Tensor:
    """Euclidean norm of each row, whose squares may over- or underflow: ``[t, n] -> [t]``."""
    if rows.shape[1] == 0:
        return rows.new_zeros(len(rows))
    largest = rows.abs().amax(1, keepdim=True)
    # 0 and infinity are norms already, and stay what they are
    unit = torch.where((largest > 0) & largest.isfinite(), largest, 1)
    norms: Tensor = torch.linalg.vector_norm(rows / unit, dim=1) * unit[:, 0]
    return norms


def mean_over_processes(tensor: Tensor) -> Tensor:
    """The mean over all processes, without gradient, in float32 at the least."""
    total = tensor.detach().to(wide_dtype(tensor.dtype), copy=True)
    if world_size() > 1:
        torch.distributed.all_reduce(total)
        total /= world_size()
    return total


def term_gradients(values: Tensor, at: Tensor) -> Tensor:
    """The gradient of each term at a tensor: ``[t], [...] -> [t, n]``, in float32 at the least.

    Zeros where a term does not depend on it.
    """
    rows = at.new_zeros((len(values), at.numel()), dtype=wide_dtype(at.dtype))
    with torch.enable_grad():  # without it, a part of the values has no graph
        parts = values.unbind()
    for row, value in zip(rows, parts, strict=True):
        (found,) = torch.autograd.grad(value, at, retain_graph=True, allow_unused=True)
        if found is not None:
            row.copy_(found.flatten())
    return rows


def term_gradient_norms(values: Tensor, shared: Sequence[Tensor] | None, gathered: bool) -> Tensor:
    r"""Euclidean norm of each term's gradient at the shared tensors, over all processes.

    What is measured is the gradient of the mean of the processes' losses, which is what
    DistributedDataParallel trains on. A parameter is the same everywhere, and its gradient
    is averaged. Any other tensor holds rows of the batch, of which each process has its own: the
    whole gradient consists of the parts :math:`g_r / W`.

    Args:
        values: The terms, ``[t]``.
        shared: Where to measure.
        gathered: Whether tensors that are no parameters hold the batch of all processes.

    Returns:
        ``[t]``, without gradient, in float32 at the least; the same on all processes.

    Raises:
        ValueError: There is nothing to measure at.
    """
    if not shared:
        raise ValueError("shared: expected tensors at which to measure the gradients of the terms")
    norms = []
    for at in shared:
        rows = term_gradients(values, at)
        if isinstance(at, nn.Parameter):
            rows = mean_over_processes(rows)
        found = scaled_norm(rows)
        if world_size() > 1 and not gathered and not isinstance(at, nn.Parameter):
            found = scaled_norm(gather_equal(found).T / world_size())
        norms.append(found)
    return scaled_norm(torch.stack([found.to(norms[0].device) for found in norms], 1))


def term_gradient_sizes(values: Tensor, shared: Sequence[Tensor]) -> Tensor:
    """Mean absolute gradient of each term per element of each tensor: ``[t] -> [t, s]``.

    Args:
        values: The terms, ``[t]``.
        shared: Where to measure, as the live inputs of a loss: ``s`` tensors.

    Returns:
        Of this process's batch, without gradient; 0 at a tensor without elements.
    """
    sizes = [term_gradients(values, at).abs().sum(1) / max(at.numel(), 1) for at in shared]
    return torch.stack([found.to(values.device) for found in sizes], 1)
