"""Batches to try a refactoring on: random, tied, equal, extreme, masked, full and empty ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from lossc.compiler.build import build
from lossc.compiler.front.constants import Constants
from lossc.compiler.ir.graph import topological
from lossc.compiler.ir.node import Extent
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
    least = least_sizes(spec, params)
    for number in range(count):
        yield make_batch(spec, params, KINDS[number % len(KINDS)], generator, least)


def least_sizes(spec: sx.Spec, params: Mapping[str, int | float | str]) -> dict[str, int]:
    """What the dims must be at least, for constant subscripts and for a decision to have options.

    Raises:
        SpecError: The spec is wrong.
    """
    graph = build(spec, params)
    constants = Constants(graph.params)
    least: dict[str, int] = {}

    def note(extent: Extent, place: float) -> None:
        if isinstance(extent.size, str):
            size = int(place) - extent.low + 1 - extent.extra
            least[extent.size] = max(least.get(extent.size, 0), size)

    for node in topological([graph.root, *graph.truth.values()]):
        if node.op == "argmax":
            for index in node.bound:
                note(index.extent, index.extent.low)
        elif node.op == "at":
            array = node.args[0]
            extents = array.dims if array.op == "input" else [i.extent for i in array.bound]
            for extent, at in zip(extents, node.args[1:], strict=True):
                place = constants.value(at)
                if place is not None:
                    note(extent, place)
    return least


def make_batch(
    spec: sx.Spec,
    params: dict[str, int | float | str],
    kind: str,
    generator: torch.Generator,
    least: Mapping[str, int] | None = None,
) -> Batch:
    """One batch of a kind, its dims at least as large as ``least`` says."""
    least = least or {}
    widest = max(len(entry.kind.dims) for entry in spec.inputs)
    largest = _LARGEST.get(widest, 3)
    sizes: dict[str, int] = {}
    items = next((e.kind.dims[0].size for e in spec.inputs if e.kind.live and e.kind.dims), None)
    for entry in spec.inputs:
        dims = [*entry.kind.dims, *([entry.kind.below] if entry.kind.below else [])]
        for dim in dims:
            if isinstance(dim.size, str) and dim.size not in sizes:
                # every dim has its own size, so that batches differ in what is counted
                drawn = 1 + int(torch.randint(largest, (), generator=generator))
                sizes[dim.size] = max(drawn, least.get(dim.size, 0))
    if (
        kind == "empty"
        and isinstance(items, str)
        and not _is_bound(spec, items)
        and not least.get(items)
    ):
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
