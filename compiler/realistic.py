"""Batches such as training has, for the inputs of any spec: sizes, shares and ranges are usual."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite

import torch
from torch import Tensor
from torch.nn.functional import one_hot, softplus

from lossc.compiler.batches import Batch, least_sizes
from lossc.compiler.front.examples import numbers_of
from lossc.compiler.plan import Plan
from lossc.compiler.validate import places_of
from lossc.grammar import syntax as sx

CLASSES, ITEMS, MAP = 10, 4, 8  # sizes of dims: classes, joints and the like, a side of a map
TRUE, COUNTED, IGNORED = 0.2, 0.8, 0.1  # shares: of labels, of masks, of what may be ignored


@dataclass(frozen=True)
class Draw:
    """One batch; scores are kept free of their range, so that they can be scaled and moved.

    Args:
        spec: Declares the inputs.
        free: Normal numbers for the live inputs.
        fixed: All other inputs but optional ones, which keep their default.
    """

    spec: sx.Spec
    free: Mapping[str, Tensor]
    fixed: Mapping[str, Tensor]

    def arguments(self, free: Mapping[str, Tensor]) -> list[Tensor | None]:
        """The inputs in the order of the spec, from the free numbers of live ones.

        All real ones have the dtype of these; optional ones are ``None``.
        """
        dtype = next(iter(free.values())).dtype
        found: list[Tensor | None] = []
        for entry in self.spec.inputs:
            value = self.fixed.get(entry.name.id)
            if entry.kind.live:
                value = bounded(free[entry.name.id], entry.kind.range)
            found.append(
                value.to(dtype) if value is not None and entry.kind.type == "real" else value
            )
        return found

    def scaled(self, scale: float) -> dict[str, Tensor]:
        """The free numbers with the standard deviation ``scale``; 0: all equal."""
        return {name: value * scale for name, value in self.free.items()}

    def others(self, generator: torch.Generator, count: int) -> list[dict[str, Tensor]]:
        """Other scores, some of them good or bad ones: ``count`` random ones, and the targets.

        A label becomes the score of its class, a place a peak in its map; a target of the shape
        of the scores, or its negative, becomes the scores.
        """
        drawn = [
            {k: _normal(v.shape, generator) for k, v in self.free.items()} for _ in range(count)
        ]
        for name, score in self.free.items():
            for value in self.fixed.values():
                if value.shape == score.shape:
                    found: Tensor | None = value.double()
                elif value.dtype == torch.long:
                    found = _hits(score, value)
                else:
                    found = _peaks(score, value)
                drawn += [] if found is None else [{**self.free, name: s * found} for s in (1, -1)]
        return drawn


class Drawer:
    """Draws batches for a plan.

    Args:
        plan: The spec, its params, and how many comparisons it makes.
        limit: How many comparisons a batch has at most: the sides of maps are halved first, then
            the batch.
    """

    def __init__(self, plan: Plan, limit: int):
        self.plan, self.spec, self.limit = plan, plan.graph.spec, limit
        self._least = least_sizes(self.spec, plan.graph.params)
        live = next(entry for entry in self.spec.inputs if entry.kind.live)
        self._dims = [dim.size for dim in live.kind.dims]
        self._below = {e.kind.below.size for e in self.spec.inputs if e.kind.below is not None}
        #: Whether the scores are maps, of which a batch has fewer.
        self.maps = len(self._dims) > 2
        #: The first dim of the scores, that of the batch; empty where its size is fixed.
        self.lead = next((size for size in self._dims[:1] if isinstance(size, str)), "")

    def sizes(self, n: int) -> dict[str, int]:
        """The size of every dim, the first one's ``n`` or as many as are affordable."""
        side = MAP
        while True:
            sizes = self._sizes(n, side)
            if n <= 1 or self.places(sizes) <= self.limit:
                return sizes
            side, n = (side // 2, n) if self.maps and side > 4 else (side, n // 2)

    def _sizes(self, n: int, side: int) -> dict[str, int]:
        sizes: dict[str, int] = {}
        for entry in self.spec.inputs:
            below = entry.kind.below
            for dim in (*entry.kind.dims, *((below,) if below else ())):
                size = dim.size
                if not isinstance(size, str) or size in sizes:
                    continue
                place = self._dims.index(size) if size in self._dims else 1
                usual = n if place == 0 else CLASSES if size in self._below else ITEMS
                if place > 1 and size not in self._below:
                    usual = side
                sizes[size] = max(usual, self._least.get(size, 0))
        return sizes

    def places(self, sizes: Mapping[str, int]) -> int:
        """How many comparisons, or scores where there are none."""
        empty = {
            entry.name.id: torch.empty(()).expand(_shape(entry, sizes))
            for entry in self.spec.inputs
        }
        scores = sum(empty[entry.name.id].numel() for entry in self.spec.inputs if entry.kind.live)
        return max(places_of(self.plan, Batch("sizes", empty)), scores)

    def draw(self, sizes: Mapping[str, int], generator: torch.Generator) -> Draw:
        """A batch."""
        free, fixed = {}, {}
        for entry in self.spec.inputs:
            shape = _shape(entry, sizes)
            if entry.kind.live:
                free[entry.name.id] = _normal(shape, generator)
            elif entry.kind.default is None:
                fill = self._FILLS[entry.kind.type]
                value = fill(self, entry, shape, sizes, generator)
                # the same number in single and in double precision
                real = value.is_floating_point()
                fixed[entry.name.id] = value.float().double() if real else value
        return Draw(self.spec, free, fixed)

    def _flags(
        self, entry: sx.Input, shape: list[int], _: Mapping[str, int], generator: torch.Generator
    ) -> Tensor:
        """Labels of single scores are seldom true; what whole rows or maps have, mostly is."""
        dims = [dim.size for dim in entry.kind.dims]
        share = TRUE if dims == self._dims else COUNTED
        return torch.rand(shape, generator=generator) < share

    def _labels(
        self,
        entry: sx.Input,
        shape: list[int],
        sizes: Mapping[str, int],
        generator: torch.Generator,
    ) -> Tensor:
        below = ITEMS if entry.kind.below is None else entry.kind.below.size
        high = sizes[below] if isinstance(below, str) else below
        drawn = torch.randint(max(high, 1), shape, generator=generator)
        if entry.kind.ignore is None:
            return drawn
        ignored = torch.rand(shape, generator=generator) < IGNORED
        return drawn.masked_fill(ignored, int(self.plan.graph.params[entry.kind.ignore.id]))

    def _targets(
        self,
        entry: sx.Input,
        shape: list[int],
        sizes: Mapping[str, int],
        generator: torch.Generator,
    ) -> Tensor:
        """Places in a map; in a range as the examples have it, whole if they do; else normal."""
        given = _examples(self.spec, entry.name.id)
        share = torch.rand(shape, generator=generator, dtype=torch.float64)
        if self._is_place(entry):
            if given and not _whole(given) and max(given) <= 1:  # shares of width and height
                return share
            sides = [_size(dim, sizes) for dim in self._dims[::-1][: shape[-1]]]
            return share * (torch.tensor(sides) - 1)
        if entry.kind.range is None:
            return _normal(shape, generator)
        if not given:
            return bounded(_normal(shape, generator), entry.kind.range)
        low, high = min(given), max(given)
        if _whole(given):
            return (low + (share * (high - low + 1)).floor()).clamp(low, high)
        return low + share * (high - low)

    def _is_place(self, entry: sx.Input) -> bool:
        """Whether it has coordinates for each map of the scores."""
        dims = [dim.size for dim in entry.kind.dims]
        shared = len(dims) - 1
        return (
            bool(dims)
            and isinstance(dims[-1], int)
            and dims[:-1] == self._dims[:shared]
            and len(self._dims) - shared >= dims[-1]
        )

    _FILLS: Mapping[str, Callable[..., Tensor]] = {
        "bool": _flags,
        "int": _labels,
        "real": _targets,
    }


def bounded(free: Tensor, bounds: sx.Range | None) -> Tensor:
    """Unbounded numbers brought smoothly into a range, its ends never reached."""
    if bounds is None or not (isfinite(bounds.low) or isfinite(bounds.high)):
        return free
    if isfinite(bounds.low) and isfinite(bounds.high):
        share = free.sigmoid() * (1 - 2e-6) + 1e-6
        return bounds.low + share * (bounds.high - bounds.low)
    return bounds.low + softplus(free) if isfinite(bounds.low) else bounds.high - softplus(free)


def _hits(score: Tensor, label: Tensor) -> Tensor | None:
    """1 at the score of a label's class, where the second dim of the scores is that of classes."""
    if score.ndim < 2 or label.shape != (score.shape[0], *score.shape[2:]):
        return None
    p = score.shape[1]
    return one_hot(label.clamp(0, p - 1), p).movedim(-1, 1).double()


def _peaks(score: Tensor, place: Tensor) -> Tensor | None:
    """Maps that fall off with the squared distance from x, y, ...; the last dim of a map is x."""
    shared = place.ndim - 1
    sides = score.shape[shared:]
    if place.shape[:-1] != score.shape[:shared] or len(sides) != place.shape[-1]:
        return None
    axes = torch.meshgrid(*(torch.arange(side) for side in sides), indexing="ij")
    grid = torch.stack(axes[::-1], -1)
    spread = place.reshape(*place.shape[:-1], *(1 for _ in sides), -1)
    return -(grid - spread).square().sum(-1).double()


def _examples(spec: sx.Spec, name: str) -> list[float]:
    """The finite numbers that the examples of a spec give an input."""
    return [
        float(number)
        for example in spec.examples
        for other, array in example.inputs
        if other.id == name
        for number in numbers_of(array)
        if isinstance(number, (int, float)) and isfinite(number)
    ]


def _whole(numbers: list[float]) -> bool:
    return all(number == int(number) for number in numbers)


def _size(size: str | int, sizes: Mapping[str, int]) -> int:
    return sizes[size] if isinstance(size, str) else size


def _shape(entry: sx.Input, sizes: Mapping[str, int]) -> list[int]:
    return [_size(dim.size, sizes) for dim in entry.kind.dims]


def _normal(shape: list[int] | torch.Size, generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64)
