"""What surrogates look like: along one score, and over two."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import isfinite

import torch
from torch import Tensor

from lossc.grammar import syntax as sx
from lossc.reporting.contenders import Contender, own_of
from lossc.reporting.figures import Curves, Surface
from lossc.reporting.inputs import Batch, Drawer
from lossc.reporting.states import known, number_of

#: Places at which a score is tried to see whether it matters, scores that are tried, batches.
TRIED, MOST_SCORES, ATTEMPTS = 12, 24, 3


@dataclass(frozen=True)
class Place:
    """One score of a batch."""

    entry: sx.Input
    number: int
    flat: int
    name: str


class Sweep:
    """A small batch of which single scores move, as they are and not free of their range."""

    def __init__(self, contender: Contender, batch: Batch):
        self.contender, self.shapes = contender, batch.shapes
        self.inputs = batch.arguments()
        self.spec = batch.spec
        self.is_metric = contender.compiled.plan.is_metric

    def places(self) -> list[Place]:
        """The scores that are tried: all, or some at equal distances."""
        found = []
        for number, entry in enumerate(self.spec.inputs):
            given = self.inputs[number]
            if entry.kind.live and given is not None:
                for flat in range(given.numel()):
                    at = torch.unravel_index(torch.tensor(flat), given.shape)
                    letters = ", ".join(str(int(i)) for i in at)
                    name = f"{entry.name.id}[{letters}]" if letters else entry.name.id
                    found.append(Place(entry, number, flat, name))
        return found[:: -(-len(found) // MOST_SCORES)]

    def line(self, place: Place, points: int) -> list[float]:
        """Where a score goes: past all others, inside its range."""
        given = self.inputs[place.number]
        assert given is not None
        margin = 1.0 if self.is_metric else 3.0
        low, high = float(given.min()) - margin, float(given.max()) + margin
        bounds = place.entry.kind.range
        if bounds is not None:
            low = max(low, bounds.low + 1e-6) if isfinite(bounds.low) else low
            high = min(high, bounds.high - 1e-6) if isfinite(bounds.high) else high
        return [float(at) for at in torch.linspace(low, high, points, dtype=torch.float64)]

    def at(self, *moves: tuple[Place, float]) -> list[Tensor]:
        """The inputs with some scores moved."""
        inputs = list(self.inputs)
        for place, value in moves:
            given = inputs[place.number]
            assert given is not None
            moved = given.flatten().clone()
            moved[place.flat] = value
            inputs[place.number] = moved.reshape(given.shape)
        return known(inputs)

    def metric(self, inputs: list[Tensor]) -> float:
        """The hard metric."""
        return number_of(self.contender.compiled.metric, inputs)

    def function(self, contender: Contender) -> Callable[[list[Tensor]], float]:
        """A surrogate's value; every call makes the same draw."""
        value = contender.function(training=False)
        return lambda inputs: number_of(value, inputs)

    def variation(self, place: Place) -> tuple[int, float]:
        """How many values the metric has as a score moves, and how far they lie apart."""
        function = self.metric if self.is_metric else self.function(self.contender)
        found = [function(self.at((place, at))) for at in self.line(place, TRIED)]
        found = [value for value in found if value == value]
        steps = len({round(value, 6) for value in found}) if self.is_metric else 0
        apart = sum(abs(b - a) for a, b in pairwise(found))
        return steps, round(apart, 6)


def curves(
    compared: Sequence[Contender], *, points: int, grid: int, seed: int
) -> tuple[Curves | None, Surface | None]:
    """Every surrogate along the score that matters most, the own one over the two that do.

    Args:
        compared: The surrogates, the spec's own first.
        points: Places along one score.
        grid: Places along each of two scores.
        seed: Of the batch.
    """
    own = own_of(compared)
    generator = torch.Generator().manual_seed(seed + 3)
    for batch in _batches(own, generator):
        sweep = Sweep(own, batch)
        ranked = sorted(((sweep.variation(p), -k, p) for k, p in enumerate(sweep.places())))
        moving = [place for (steps, apart), _, place in reversed(ranked) if steps > 1 or apart > 0]
        if moving:
            break
    else:
        return None, None
    first, line = moving[0], sweep.line(moving[0], points)
    batches = [sweep.at((first, at)) for at in line]
    values = {}
    for contender in compared:
        function = sweep.function(contender)
        values[contender.name] = [function(inputs) for inputs in batches]
    metric = [sweep.metric(inputs) for inputs in batches] if sweep.is_metric else None
    curve = Curves(sweep.shapes, first.name, line, metric, values)
    return curve, _surface(sweep, moving, grid) if len(moving) > 1 else None


def _batches(own: Contender, generator: torch.Generator) -> Iterator[Batch]:
    """Batches of which one score may matter: small ones first, since it matters more there."""
    small, usual = Drawer(own.compiled, small=True), Drawer(own.compiled)
    for drawer, n in ((small, small.start), (usual, small.start), (usual, usual.start)):
        for _ in range(ATTEMPTS):
            yield drawer.batch(n, generator)


def _surface(sweep: Sweep, moving: list[Place], grid: int) -> Surface:
    first, second = moving[:2]
    across = sweep.line(first, grid)
    # never at the places of the first score: where both are equal, the metric breaks a tie
    up = [low + 0.382 * (high - low) for low, high in pairwise(sweep.line(second, grid + 1))]
    value = sweep.function(sweep.contender)
    rows = [[sweep.at((first, x), (second, y)) for x in across] for y in up]
    found = Surface(
        sweep.contender.name,
        (first.name, second.name),
        across,
        up,
        None,
        [[value(inputs) for inputs in row] for row in rows],
    )
    if not sweep.is_metric:
        return found
    return replace(found, metric=[[sweep.metric(inputs) for inputs in row] for row in rows])
