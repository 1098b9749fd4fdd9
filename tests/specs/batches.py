"""Batches for the agreement tests: plain, tied, and degenerate ones, in float64."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from lossc.compiler.compile import CompiledLoss, compile_spec

BATCHES = 300


@functools.cache
def compiled(name: str, **params: float | str) -> CompiledLoss:
    """A bundled spec, compiled once a process."""
    return compile_spec(name, params=params)


def assert_worth(one: CompiledLoss, want: float, *inputs: Tensor) -> None:
    """The metric is ``want``, as written and by way of binaries."""
    batch = "\n".join(str(value.tolist()) for value in inputs)
    assert one.metric(*inputs).item() == pytest.approx(want, rel=1e-9, abs=1e-9), batch
    assert one.refactored(*inputs).item() == pytest.approx(want, rel=1e-9, abs=1e-9), batch


def scores_of(shape: tuple[int, ...], number: int, generator: torch.Generator) -> Tensor:
    """Normal scores; in every other batch quarters of small whole numbers, which often tie."""
    if number % 2:
        return torch.randint(-3, 6, shape, generator=generator).double() / 4
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def ranked(seed: int = 0, count: int = BATCHES) -> Iterator[tuple[Tensor, Tensor]]:
    """``score`` and ``relevant``: 1 to 12 items, from all negative to all positive."""
    generator = torch.Generator().manual_seed(seed)
    for number in range(count):
        n = 1 + int(torch.randint(12, (), generator=generator))
        relevant = torch.rand(n, generator=generator) < (number % 5) / 4
        yield scores_of((n,), number, generator), relevant


def grouped(seed: int = 0, count: int = BATCHES) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """``score``, ``relevant`` and ``group``: up to four queries, in any order and of any size."""
    generator = torch.Generator().manual_seed(seed)
    for score, relevant in ranked(seed + 1, count):
        names = torch.randint(-50, 50, (4,), generator=generator)
        yield score, relevant, names[torch.randint(4, score.shape, generator=generator)]


def queries(group: Tensor, *others: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """The other inputs of each query."""
    for value in group.unique():
        yield tuple(other[group == value] for other in others)


def classified(seed: int = 0, count: int = BATCHES) -> Iterator[tuple[Tensor, Tensor]]:
    """``scores`` and ``label``: 1 to 8 examples of 1 to 6 classes; some batches have one label."""
    generator = torch.Generator().manual_seed(seed)
    for number in range(count):
        n, p = (1 + int(torch.randint(high, (), generator=generator)) for high in (8, 6))
        label = torch.randint(p, (n,), generator=generator)
        yield (
            scores_of((n, p), number, generator),
            label[:1].expand(n) if number % 7 == 0 else label,
        )


def segmented(seed: int = 0, count: int = BATCHES) -> Iterator[tuple[Tensor, Tensor]]:
    """``scores`` and ``label`` of small images, from no ignored pixel to nothing else."""
    generator = torch.Generator().manual_seed(seed)
    for number in range(count):
        n, p, h, w = (1 + int(torch.randint(m, (), generator=generator)) for m in (2, 4, 3, 3))
        label = torch.randint(p, (n, h, w), generator=generator)
        label[torch.rand(n, h, w, generator=generator) < (number % 4) / 3] = 255
        yield scores_of((n, p, h, w), number, generator), label
