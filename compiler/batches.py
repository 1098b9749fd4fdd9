"""Batches to try a refactoring on: random, tied, equal, extreme, masked, full and empty ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from lossc.compiler.build import build
from lossc.compiler.draws import draw_reals
from lossc.compiler.front.constants import Constants
from lossc.compiler.ir.graph import Graph, topological
from lossc.compiler.ir.node import Extent, Node
from lossc.grammar import syntax as sx

KINDS = ("random", "tied", "equal", "extreme", "masked", "full", "empty")
MOST_PLACES = 2**14
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
    graph = build(spec, params)
    least, largest = _least_sizes(graph), _largest_size(graph)
    for number in range(count):
        yield make_batch(spec, params, KINDS[number % len(KINDS)], generator, least, largest)


def least_sizes(spec: sx.Spec, params: Mapping[str, int | float | str]) -> dict[str, int]:
    """What the dims must be at least, for constant subscripts and for a decision to have options.

    Raises:
        SpecError: The spec is wrong.
    """
    return _least_sizes(build(spec, params))


def _least_sizes(graph: Graph) -> dict[str, int]:
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
        elif node.op in ("eq", "ne"):
            for decided, other in (node.args, node.args[::-1]):
                extent = _extent_of_winner(decided)
                place = _largest_place(constants, other)
                if extent is not None and place is not None:
                    note(extent, place)
        elif node.op == "rank":
            place = constants.value(node.args[2])
            if place is not None:
                note(node.bound[0].extent, place)
        elif node.op == "at":
            array = node.args[0]
            extents = array.dims if array.op == "input" else [i.extent for i in array.bound]
            for extent, at in zip(extents, node.args[1:], strict=True):
                place = _largest_place(constants, at)
                if place is not None:
                    note(extent, place)
    return least


def _largest_place(constants: Constants, node: Node) -> float | None:
    """A constant, or the end of a written range; ``None`` for a place that the dims decide."""
    if node.op == "index":
        written = node.index.extent
        size = written.size
        return written.low + size + written.extra - 1 if isinstance(size, int) else None
    return constants.value(node)


def _extent_of_winner(node: Node) -> Extent | None:
    """What an argmax ranges over, also one that a definition has decoded."""
    if node.op == "at" and node.args[0].op == "define":
        node = node.args[0].args[0]
    return node.args[0].bound[node.component].extent if node.op == "winner" else None


def _largest_size(graph: Graph) -> int:
    """How large a dim may be, so that not even a comparison of many indices has too many places."""
    axes = max(len({*node.indices, *node.bound}) for node in topological([graph.root]))
    return max(2, int(MOST_PLACES ** (1 / max(axes, 1))))


def make_batch(
    spec: sx.Spec,
    params: dict[str, int | float | str],
    kind: str,
    generator: torch.Generator,
    least: Mapping[str, int] | None = None,
    most: int = MOST_PLACES,
) -> Batch:
    """One batch of a kind, its dims at least as large as ``least`` says and at most ``most``."""
    least = least or {}
    widest = max(len(entry.kind.dims) for entry in spec.inputs)
    largest = min(_LARGEST.get(widest, 3), most)
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
    return draw_reals(shape, kind, generator, entry.kind.live, entry.kind.range)
