"""Batches of a realistic size for the inputs of any spec, seeded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

import torch
from torch import Tensor
from torch.nn.functional import softplus

from lossc.compiler.batches import least_sizes
from lossc.compiler.compile import CompiledLoss
from lossc.compiler.front.examples import numbers_of
from lossc.grammar import syntax as sx

TRUE_SHARE = 0.2
IGNORED_SHARE = 0.1
#: The size of a dim: one that counts classes, the second one (items), a third or later one (maps).
USUAL = {"classes": 10, "items": 4, "maps": 8}
SMALL = {"classes": 4, "items": 2, "maps": 4}
_DTYPES = {"real": torch.float64, "int": torch.long, "bool": torch.bool}


@dataclass(frozen=True)
class Batch:
    """One batch; scores are kept free of their range, so that they can be moved.

    Args:
        spec: Declares the inputs.
        free: Unbounded numbers for the live inputs.
        fixed: All other inputs but optional ones, which keep their default.
    """

    spec: sx.Spec
    free: Mapping[str, Tensor]
    fixed: Mapping[str, Tensor]

    def arguments(self, free: Mapping[str, Tensor] | None = None) -> list[Tensor | None]:
        """The inputs in the order of the spec, from other free numbers if they are given."""
        free = self.free if free is None else free
        found: list[Tensor | None] = []
        for entry in self.spec.inputs:
            name = entry.name.id
            found.append(
                into_range(free[name], entry.kind.range) if name in free else self.fixed.get(name)
            )
        return found

    @property
    def shapes(self) -> dict[str, list[int]]:
        return {name: list(value.shape) for name, value in {**self.free, **self.fixed}.items()}


class Drawer:
    """Draws batches for a spec.

    Args:
        compiled: The spec.
        small: Small enough to show what one score does.
    """

    def __init__(self, compiled: CompiledLoss, small: bool = False):
        self.spec, self.params = compiled.spec, dict(compiled.plan.graph.params)
        live = next(entry for entry in self.spec.inputs if entry.kind.live)
        self._usual = SMALL if small else USUAL
        self._least = least_sizes(self.spec, self.params)
        self._dims = [dim.size for dim in live.kind.dims]
        symbols = [size for size in self._dims if isinstance(size, str)]
        #: The dim that grows with a batch, and the size at which it starts.
        self.lead = symbols[0] if symbols else None
        starts = {1: 8, 2: 4} if small else {1: 64, 2: 64}
        self.start = max(starts.get(len(self._dims), 1 if small else 2), self.least_lead)

    @property
    def least_lead(self) -> int:
        return self._least.get(self.lead, 1) if self.lead is not None else 1

    def sizes(self, n: int) -> dict[str, int]:
        """A size for every dim, where the leading one has ``n``."""
        below = {e.kind.below.size for e in self.spec.inputs if e.kind.below is not None}
        sizes: dict[str, int] = {}
        for entry in self.spec.inputs:
            dims = [dim.size for dim in entry.kind.dims]
            for size in [*dims, *(b.size for b in [entry.kind.below] if b is not None)]:
                if not isinstance(size, str) or size in sizes:
                    continue
                place = self._dims.index(size) if size in self._dims else 1
                kind = "classes" if size in below else "items" if place < 2 else "maps"
                usual = n if size == self.lead else self._usual[kind]
                sizes[size] = max(usual, self._least.get(size, 0))
        return sizes

    def batch(self, n: int, generator: torch.Generator, scale: float = 1.0) -> Batch:
        """A batch of ``n``; scores are normal with standard deviation ``scale``."""
        sizes = self.sizes(n)
        free, fixed = {}, {}
        for entry in self.spec.inputs:
            shape = [sizes[d.size] if isinstance(d.size, str) else d.size for d in entry.kind.dims]
            if entry.kind.live:
                drawn = torch.randn(shape, generator=generator, dtype=torch.float64)
                free[entry.name.id] = drawn * scale
            elif entry.kind.default is None:
                fixed[entry.name.id] = self._other(entry, shape, sizes, generator)
        return Batch(self.spec, free, fixed)

    def _other(
        self, entry: sx.Input, shape: list[int], sizes: dict[str, int], generator: torch.Generator
    ) -> Tensor:
        count = torch.Size(shape).numel()
        order = torch.randperm(count, generator=generator).reshape(shape)
        if entry.kind.type == "bool":  # of two, one is true and one is not
            return order < max(1, round(TRUE_SHARE * count))
        if entry.kind.type == "int":
            below = entry.kind.below
            high = 4 if below is None else below.size
            high = sizes[high] if isinstance(high, str) else high
            drawn = torch.randint(max(high, 1), shape, generator=generator)
            if entry.kind.ignore is not None:
                ignored = order < int(IGNORED_SHARE * count)
                drawn = drawn.masked_fill(ignored, int(self.params[entry.kind.ignore.id]))
            return drawn
        return self._target(entry, shape, generator)

    def _target(self, entry: sx.Input, shape: list[int], generator: torch.Generator) -> Tensor:
        """Targets between those of the spec's own examples, whole ones if they are; else normal."""
        given = [
            float(number)
            for example in self.spec.examples
            for name, array in example.inputs
            if name.id == entry.name.id
            for number in numbers_of(array)
            if isinstance(number, (int, float)) and isfinite(number)
        ]
        if not given:
            drawn = torch.randn(shape, generator=generator, dtype=torch.float64)
            return into_range(drawn, entry.kind.range)
        low, high = min(given), max(given)
        share = torch.rand(shape, generator=generator, dtype=torch.float64)
        if all(number == int(number) for number in given):
            return (low + (share * (high - low + 1)).floor()).clamp(low, high)
        return (low + share * (high - low)).clamp(low, high)


def into_range(free: Tensor, bounds: sx.Range | None) -> Tensor:
    """Unbounded numbers brought smoothly into a range, its ends never reached."""
    if bounds is None or not (isfinite(bounds.low) or isfinite(bounds.high)):
        return free
    if isfinite(bounds.low) and isfinite(bounds.high):
        share = free.sigmoid() * (1 - 2e-6) + 1e-6
        return bounds.low + share * (bounds.high - bounds.low)
    return bounds.low + softplus(free) if isfinite(bounds.low) else bounds.high - softplus(free)
