"""All that a report shows, as plain data: ``as_dict`` is what ``lossc report --json`` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

Shapes = Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class Surrogate:
    """A stand-in for the metric.

    Args:
        name: Short: ``substitute (godel)``.
        text: With its step and its options.
        own: Whether the spec, or the caller, chose it.
        refused: Why the metric does not take it; empty where it does.
    """

    name: str
    text: str
    own: bool
    refused: str = ""


@dataclass(frozen=True)
class Fit:
    """How near a surrogate is to the metric: root mean square difference, rank correlation."""

    rms: float
    rank: float


@dataclass(frozen=True)
class Bin:
    """All samples of one share of changed comparisons.

    Args:
        fraction: The share that was asked for.
        reached: The share that changed, on average.
        samples: How many batches.
        metric: Their mean metric.
        spread: The standard deviation of the metric: of a metric that does not vary, nothing can
            be ranked.
        fits: By surrogate.
    """

    fraction: float
    reached: float
    samples: int
    metric: float
    spread: float
    fits: Mapping[str, Fit]


@dataclass(frozen=True)
class Fidelity:
    """How faithful the surrogates are, by distance from scores met in training."""

    shapes: Shapes
    comparisons: float
    states: int
    steps: int
    bins: Sequence[Bin]


@dataclass(frozen=True)
class Gradient:
    """The gradient at small random scores, averaged over batches.

    Args:
        surrogate: Its name.
        batches: How many.
        norm: Euclidean, over all scores.
        zero: The share of entries that are 0.
        nonfinite: The share of entries that are no numbers.
        improves: The share of batches in which a step against it improves the metric.
        gain: By how much the best of the steps improves it; negative where all make it worse.
    """

    surrogate: str
    batches: int
    norm: float
    zero: float
    nonfinite: float
    improves: float
    gain: float


@dataclass(frozen=True)
class Curves:
    """One score moves, all others stay; values are in the units of the metric."""

    shapes: Shapes
    score: str
    places: Sequence[float]
    metric: Sequence[float] | None
    values: Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Surface:
    """Two scores move: a row for each place of the second, a column for each of the first."""

    surrogate: str
    scores: tuple[str, str]
    first: Sequence[float]
    second: Sequence[float]
    metric: Sequence[Sequence[float]] | None
    value: Sequence[Sequence[float]]


@dataclass(frozen=True)
class CostPoint:
    """A forward and a backward pass on one batch."""

    n: int
    scores: int
    milliseconds: float


@dataclass(frozen=True)
class Cost:
    """What a surrogate costs as the batch grows, and why the measurement ended."""

    surrogate: str
    points: Sequence[CostPoint]
    ended: str


@dataclass(frozen=True)
class Report:
    """The figures of one spec.

    Args:
        spec: Its name.
        goal: ``evaluate``, ``minimize`` or ``loss``.
        doc: What the spec says of itself.
        source: Where it says it comes from.
        text: The spec in the DSL.
        made: Versions, seed and sizes of the measurement.
        stages: As ``lossc explain --json`` has them.
        summary: Form, best configuration and surrogate, in words.
        surrogates: All that were tried, refused ones included.
        fidelity: ``None`` for a differentiable loss.
        gradients: One entry a surrogate.
        curves: ``None`` where no score moves anything.
        surface: ``None`` where there are not two scores to move.
        cost: Of the spec's own surrogate, and of one to compare with.
        notes: What could not be measured, and why.
    """

    spec: str
    goal: str
    doc: str
    source: str
    text: str
    made: Mapping[str, object]
    stages: Mapping[str, object]
    summary: Mapping[str, str]
    surrogates: Sequence[Surrogate]
    fidelity: Fidelity | None
    gradients: Sequence[Gradient]
    curves: Curves | None
    surface: Surface | None
    cost: Sequence[Cost]
    notes: Sequence[str]

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)
