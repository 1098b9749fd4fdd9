"""Batches to try a refactoring on: random, tied, equal, extreme, masked, full and empty ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from lossc.grammar import syntax as sx

KINDS = ("random", "tied", "equal", "extreme", "masked", "full", "empty")
_LARGEST = {1: 9, 2: 5, 3: 4}  # of a dim, by how many dims the widest input has


@dataclass(frozen=True)
class Batch:
    """Inputs by name, and what is special about them."""

    kind: str
    inputs: dict[str, Tensor]

    @property
    def size(self) -> int:
        return sum(value.numel() for value in self.inputs.values())

    def __str__(self) -> str:
        lines = [f"{name} = {value.tolist()}" for name, value in self.inputs.items()]
        return "\n".join(lines)


def batches(
    spec: sx.Spec, params: dict[str, int | float | str], count: int, seed: int
) -> Iterator[Batch]:
    """``count`` batches for the inputs of a spec, each kind in turn.

    Args:
        spec: Declares the inputs.
        params: Give the values of ``ignore``.
        count: How many.
        seed: The same seed gives the same batches.
    """
    generator = torch.Generator().manual_seed(seed)
    for number in range(count):
        yield make_batch(spec, params, KINDS[number % len(KINDS)], generator)


def make_batch(
    spec: sx.Spec, params: dict[str, int | float | str], kind: str, generator: torch.Generator
) -> Batch:
    """One batch of a kind."""
    widest = max(len(entry.kind.dims) for entry in spec.inputs)
    largest = _LARGEST.get(widest, 3)
    sizes: dict[str, int] = {}
    items = next((e.kind.dims[0].size for e in spec.inputs if e.kind.live and e.kind.dims), None)
    for entry in spec.inputs:
        dims = [*entry.kind.dims, *([entry.kind.below] if entry.kind.below else [])]
        for dim in dims:
            if isinstance(dim.size, str) and dim.size not in sizes:
                # every dim has its own size, so that batches differ in what is counted
                sizes[dim.size] = 1 + int(torch.randint(largest, (), generator=generator))
    if kind == "empty" and isinstance(items, str) and not _is_bound(spec, items):
        sizes[items] = 0
    return Batch(kind, {e.name.id: _fill(e, params, sizes, kind, generator) for e in spec.inputs})


def _is_bound(spec: sx.Spec, dim: str) -> bool:
    return any(
        entry.kind.below is not None and entry.kind.below.size == dim for entry in spec.inputs
    )


def _fill(
    entry: sx.Input,
    params: dict[str, int | float | str],
    sizes: dict[str, int],
    kind: str,
    generator: torch.Generator,
) -> Tensor:
    shape = [sizes[d.size] if isinstance(d.size, str) else d.size for d in entry.kind.dims]
    if entry.kind.type == "bool":
        if kind in ("masked", "full"):
            return torch.full(shape, kind == "full")
        share = float(torch.rand((), generator=generator))
        return torch.rand(shape, generator=generator) < share
    if entry.kind.type == "int":
        below = entry.kind.below
        high = (
            3 if below is None else sizes[below.size] if isinstance(below.size, str) else below.size
        )
        values = torch.randint(high, shape, generator=generator)
        if entry.kind.ignore is not None:
            ignored = torch.rand(shape, generator=generator) < (1.0 if kind == "masked" else 0.3)
            values = values.masked_fill(ignored, int(params[entry.kind.ignore.id]))
        return values
    return _reals(shape, kind, generator, entry.kind.live)


def _reals(shape: list[int], kind: str, generator: torch.Generator, live: bool) -> Tensor:
    if kind == "equal":
        return torch.full(shape, 0.5, dtype=torch.float64)
    small = torch.randint(-1, 3, shape, generator=generator).double()
    if kind in ("tied", "masked", "full"):
        return small / 2
    if kind == "extreme" and live:
        # where is one of: a huge, a tiny or no offset to small whole numbers
        scale = torch.tensor([1e300, 1e-300, 1.0, 1e-8], dtype=torch.float64)
        return small * scale[torch.randint(4, shape, generator=generator)]
    return torch.randn(shape, generator=generator, dtype=torch.float64) * 2
