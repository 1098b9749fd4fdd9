"""How large the gradients of several terms are, over all processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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


def term_gradients(values: Tensor, shared: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """The gradients of each term at all tensors, one term after the other.

    They are zeros where a term does not depend on a tensor, and of float32 at the least.

    Raises:
        ValueError: No term depends on any of the tensors.
    """
    depends = False
    with torch.enable_grad():  # without it, a part of the values has no graph
        parts = values.unbind()
    for value in parts:
        slopes = torch.autograd.grad(value, shared, retain_graph=True, allow_unused=True)
        depends = depends or any(slope is not None for slope in slopes)
        yield [
            torch.zeros_like(at, dtype=wide_dtype(at.dtype))
            if slope is None
            else slope.to(wide_dtype(at.dtype))
            for at, slope in zip(shared, slopes, strict=True)
        ]
    if not depends:
        raise ValueError("shared: no term depends on these tensors, so none has a gradient there")


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
    wide = wide_dtype(values.dtype)
    same = [isinstance(at, nn.Parameter) for at in shared]
    rows = []
    for slopes in term_gradients(values, shared):
        whole = [
            mean_over_processes(slope) if everywhere else slope
            for slope, everywhere in zip(slopes, same, strict=True)
        ]
        found = [scaled_norm(slope.reshape(1, -1)).to(values.device, wide) for slope in whole]
        rows.append(torch.cat(found))
    norms = torch.stack(rows)
    if world_size() > 1 and not gathered and not all(same):
        parts = gather_equal(norms.flatten()) / world_size()
        joined = scaled_norm(parts.T).reshape(norms.shape)
        norms = torch.where(torch.tensor(same, device=norms.device), norms, joined)
    return scaled_norm(norms)


def term_gradient_sizes(values: Tensor, shared: Sequence[Tensor]) -> Tensor:
    """Mean absolute gradient of each term per element of each tensor: ``[t] -> [t, s]``.

    Args:
        values: The terms, ``[t]``.
        shared: Where to measure, as the live inputs of a loss: ``s`` tensors.

    Returns:
        Of this process's batch, without gradient; 0 at a tensor without elements.
    """
    rows = [
        torch.stack([slope.abs().sum().to(values.device) / max(slope.numel(), 1) for slope in term])
        for term in term_gradients(values, shared)
    ]
    return torch.stack(rows)
