"""Scores as they are met in training, and how to move them until comparisons change."""

from __future__ import annotations

from collections.abc import Callable
from math import pi

import torch
from torch import Tensor

from lossc.compiler.compile import CompiledLoss
from lossc.reporting.contenders import Contender
from lossc.reporting.inputs import Batch, Drawer

WANTED, MOST_ITEMS = 512, 1024
RATE = 0.1
_HALVINGS = 14


def size_of_batch(compiled: CompiledLoss, drawer: Drawer) -> int:
    """The least n, doubled from the start, with enough comparisons that 1 in 512 is one."""
    n = drawer.start
    while n < MOST_ITEMS and drawer.lead is not None:
        batch = drawer.batch(n, torch.Generator().manual_seed(0))
        if compiled.comparisons(*known(batch.arguments())).numel() >= WANTED:
            break
        n *= 2
    return n


def known(arguments: list[Tensor | None]) -> list[Tensor]:
    """Arguments for functions whose types do not know that optional inputs may be ``None``."""
    return arguments  # type: ignore[return-value]


def number_of(function: Callable[..., Tensor], arguments: list[Tensor]) -> float:
    """The value of a metric or a loss; NaN where it is undefined, or the batch is refused."""
    try:
        return float(function(*arguments))
    except ValueError:
        return float("nan")


def trained(contender: Contender, batch: Batch, steps: int) -> Batch:
    """A batch whose scores took steps down the loss, each of root mean square ``RATE``."""
    loss = contender.loss()
    free = {name: value.clone() for name, value in batch.free.items()}
    for _ in range(steps):
        leaves = {name: value.requires_grad_() for name, value in free.items()}
        try:
            value = loss(*batch.arguments(leaves))
        except ValueError:
            break  # undefined here
        slopes = torch.autograd.grad(value, list(leaves.values()), allow_unused=True)
        free = against(leaves, slopes, RATE)
    return Batch(batch.spec, {name: value.detach() for name, value in free.items()}, batch.fixed)


def against(
    free: dict[str, Tensor], slopes: tuple[Tensor | None, ...], size: float
) -> dict[str, Tensor]:
    """Scores after a step against the gradient, of root mean square ``size`` over all scores."""
    finite = [
        torch.zeros_like(value) if slope is None else slope.nan_to_num(0.0, 0.0, 0.0)
        for value, slope in zip(free.values(), slopes, strict=True)
    ]
    count = sum(slope.numel() for slope in finite)
    norm = torch.stack([slope.square().sum() for slope in finite]).sum().sqrt()
    scale = 0.0 if norm == 0 else size * count**0.5 / float(norm)
    return {
        name: (value - scale * slope).detach()
        for (name, value), slope in zip(free.items(), finite, strict=True)
    }


def turned(batch: Batch, noise: dict[str, Tensor], angle: float) -> Batch:
    """Scores turned towards noise: their mean and their spread stay about as they are.

    At the angle 0 they are what they were, at pi / 2 noise alone, at pi their mirror image.
    """
    free = {}
    for name, value in batch.free.items():
        mean, spread = value.mean(), value.std(correction=0)
        sine = torch.tensor(angle, dtype=value.dtype).sin()
        cosine = torch.tensor(angle, dtype=value.dtype).cos()
        free[name] = mean + cosine * (value - mean) + sine * spread * noise[name]
    return Batch(batch.spec, free, batch.fixed)


def moved(
    bits: Callable[[Batch], Tensor], batch: Batch, noise: dict[str, Tensor], fraction: float
) -> tuple[Batch, float]:
    """Scores turned as little as changes a share of the comparisons.

    Args:
        bits: The hard binaries of a batch, ``[l]``.
        batch: Where the scores start.
        noise: Standard normal numbers for each live input.
        fraction: The share that shall change; at least one comparison does, unless it is 0.

    Returns:
        The batch, and the share that did change.
    """
    start = bits(batch)
    if fraction == 0 or start.numel() == 0:
        return batch, 0.0
    wanted = max(1, round(fraction * start.numel()))

    def changed(angle: float) -> int:
        there = bits(turned(batch, noise, angle))
        # as many as there are, where the scores decide what is compared at all
        same = there.shape == start.shape
        return int((there != start).sum()) if same else start.numel()

    low, high = 0.0, pi
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if changed(middle) >= wanted else (middle, high)
    return turned(batch, noise, high), changed(high) / start.numel()


def noise_for(batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
    """Standard normal numbers for each live input."""
    return {
        name: torch.randn(value.shape, generator=generator, dtype=value.dtype)
        for name, value in batch.free.items()
    }
