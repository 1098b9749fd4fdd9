"""What one row of a gradient audit has: batches of one size, with scores of one scale."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from lossc.compiler.realistic import Draw, Drawer

if TYPE_CHECKING:
    from lossc.compiler.compile import CompiledLoss

STEPS = (0.01, 0.03, 0.1, 0.3, 1.0)  # root mean squares, as shares of what is to be overcome
WORK, FEWEST = 2**18, 4  # comparisons of all batches of a size, beyond which there are fewer
OTHERS = 4  # random scores that show whether a metric could be better
TOLERANCE = 1e-9  # of a metric in double precision


@dataclass(frozen=True)
class Row:
    """What was measured at one batch size and one scale of the scores.

    Args:
        size: The first dim of the scores.
        scale: Their standard deviation; 0 where all are equal.
        batches: How many had a metric.
        improvable: How many of them have other scores for which the metric is better.
        zero: Share of the gradient's entries that are 0, or too small for a normal float32.
        nonfinite: Share of the gradient's entries that are infinite or NaN; all, where the loss is.
        dead: Share of improvable batches whose gradient is zero altogether.
        slope: By how much the loss falls, to first order, in a step against its gradient of a
            tenth of the median comparison: the median over improvable batches.
        improved: Share of the steps against the gradient, over improvable batches and sizes of
            step, after which the metric is better.
        worsened: Share after which it is worse.
        unchanged: Share after which it is the same; all, where the gradient is zero.
        helped: Share of improvable batches that some step improves.
        gap: The mean distance of surrogate and metric; NaN for a loss.
        reach: The mean distance of the best metric from the worst one that was seen.
    """

    size: int
    scale: float
    batches: int
    improvable: int
    zero: float
    nonfinite: float
    dead: float
    slope: float
    improved: float
    worsened: float
    unchanged: float
    helped: float
    gap: float
    reach: float


@dataclass
class Seen:
    """What is gathered for a row, an entry a batch or a step."""

    zero: list[float] = field(default_factory=list)
    nonfinite: list[float] = field(default_factory=list)
    dead: list[float] = field(default_factory=list)
    slope: list[float] = field(default_factory=list)
    change: list[float] = field(default_factory=list)
    helped: list[float] = field(default_factory=list)
    gap: list[float] = field(default_factory=list)
    reach: list[float] = field(default_factory=list)

    def row(self, size: int, scale: float) -> Row:
        """The figures; NaN where nothing was gathered."""
        return Row(
            size,
            scale,
            batches=len(self.zero),
            improvable=len(self.dead),
            zero=_mean(self.zero),
            nonfinite=_mean(self.nonfinite),
            dead=_mean(self.dead),
            slope=median(self.slope) if self.slope else math.nan,
            improved=_mean([float(change > 0) for change in self.change]),
            worsened=_mean([float(change < 0) for change in self.change]),
            unchanged=_mean([float(change == 0) for change in self.change]),
            helped=_mean(self.helped),
            gap=_mean(self.gap),
            reach=_mean(self.reach),
        )


class Auditor:
    """Measures losses of one spec on batches that are drawn once, so that they can be compared.

    Args:
        compiled: The spec with a surrogate.
        drawer: Draws its batches.
        sizes: Of the batches.
        batches: How many of each size.
        seed: Of all that is drawn.
    """

    def __init__(
        self,
        compiled: CompiledLoss,
        drawer: Drawer,
        sizes: Sequence[int],
        batches: int,
        seed: int,
    ):
        self.compiled = compiled
        self._exact: Any = compiled.loss(validate=False).eval()
        wanted = [drawer.sizes(size) for size in sizes]
        #: The sizes of all dims, by that of the batch; none where fixed dims are too large.
        self.dims = {
            found.get(drawer.lead, 1): found
            for found in wanted
            if drawer.places(found) <= 8 * drawer.limit
        }
        self._drawn: dict[int, list[tuple[Draw, list[float]]]] = {}
        for size, found in self.dims.items():
            generator = torch.Generator().manual_seed(seed)
            self._drawn[size] = []
            most = max(FEWEST, WORK // max(drawer.places(found), 1))
            for _ in range(min(batches, most)):
                draw = drawer.draw(found, generator)
                others = draw.others(generator, OTHERS)
                self._drawn[size].append((draw, [self.quality(draw, other) for other in others]))

    def row(self, size: int, scale: float, compiled: CompiledLoss | None = None) -> Row:
        """The figures of the spec's loss, or of the same spec with another surrogate."""
        loss: Any = (compiled or self.compiled).loss(validate=False)
        seen = Seen()
        for draw, others in self._drawn[size]:
            self._look(compiled or self.compiled, loss, draw, others, scale, seen)
        return seen.row(size, scale)

    def quality(self, draw: Draw, free: Mapping[str, Tensor]) -> float:
        """How good scores are by the metric, or by the loss where there is none: more is better."""
        arguments = draw.arguments(free)
        if not self.compiled.plan.is_metric:
            with torch.no_grad():
                return -float(self._exact(*arguments))
        value = float(self._exact.metric(*arguments))
        return -value if self.compiled.plan.graph.goal == "minimize" else value

    def _unit(self, draw: Draw, free: Mapping[str, Tensor], scale: float) -> float:
        """What a step has to overcome: the scores' scale, or the median comparison if it is more.

        Scores may be near one another and far from a threshold.
        """
        if not self.compiled.plan.is_metric:
            return scale or 1.0
        comparisons = self._exact.comparisons(*draw.arguments(free)).abs()
        return max(scale, float(comparisons.median()) if comparisons.numel() else 0.0) or 1.0

    def _look(
        self,
        compiled: CompiledLoss,
        loss: Any,
        draw: Draw,
        others: list[float],
        scale: float,
        seen: Seen,
    ) -> None:
        """Adds what one batch shows."""
        leaves = {name: value.float() for name, value in draw.scaled(scale).items()}
        exact = {name: value.double() for name, value in leaves.items()}
        now = self.quality(draw, exact)
        if not math.isfinite(now):
            return  # undefined here, which is no matter of gradients
        value, slopes = gradient(loss, draw, leaves)
        flat = torch.cat([slope.flatten() for slope in slopes.values()]).double()
        finite = flat.isfinite() if math.isfinite(value) else torch.zeros_like(flat).bool()
        tiny = flat.abs() < torch.finfo(torch.float32).tiny
        seen.zero.append(float((tiny & finite).double().mean()))
        seen.nonfinite.append(float((~finite).double().mean()))
        if compiled.plan.is_metric and math.isfinite(value):
            seen.gap.append(abs(metric_of(compiled, value) - now))
        if not finite.all():
            return  # whether it would help is no question
        flat = torch.where(tiny, 0.0, flat)
        size, unit = float(flat.square().mean().sqrt()), self._unit(draw, exact, scale)
        changes = []
        for share in STEPS if size else ():
            there = against(exact, flat * (share * unit / size))
            changes.append(self.quality(draw, there) - now)
        known = [one for one in [now, *others] if math.isfinite(one)]
        known += [now + change for change in changes if math.isfinite(change)]
        seen.reach.append(max(known) - min(known))
        if max(known) <= now + TOLERANCE:
            return  # nothing better was seen, so nothing is asked of the gradient
        changes = [change if abs(change) > TOLERANCE else 0.0 for change in changes]
        seen.dead.append(float(size == 0))
        seen.slope.append(0.1 * unit * size * flat.numel())
        seen.change += changes or [0.0] * len(STEPS)
        seen.helped.append(float(any(change > 0 for change in changes)))


def gradient(loss: Any, draw: Draw, free: Mapping[str, Tensor]) -> tuple[float, dict[str, Tensor]]:
    """The loss at some scores, and its gradient by each of the live inputs."""
    if getattr(loss, "memory", None) is not None:
        loss.memory.forget()  # batches have nothing to do with one another
    leaves = {name: value.detach().clone().requires_grad_() for name, value in free.items()}
    value = loss(*draw.arguments(leaves))
    slopes: Sequence[Tensor | None] = [None] * len(leaves)
    if value.requires_grad:
        slopes = torch.autograd.grad(value, list(leaves.values()), allow_unused=True)
    found = {
        name: torch.zeros_like(leaf) if slope is None else slope
        for (name, leaf), slope in zip(leaves.items(), slopes, strict=True)
    }
    return float(value.detach()), found


def against(free: Mapping[str, Tensor], step: Tensor) -> dict[str, Tensor]:
    """The scores less a step, which has the entries of all of them in a row."""
    moved, start = {}, 0
    for name, value in free.items():
        part = step[start : start + value.numel()]
        moved[name] = value - part.reshape(value.shape)
        start += value.numel()
    return moved


def metric_of(compiled: CompiledLoss, loss: float) -> float:
    """The metric, more is better, that a value of the loss stands for."""
    surrogate = compiled.surrogate
    if surrogate is None or surrogate.transform == "none":
        return -loss
    # minus the logarithm of the metric, or of 1 less one that is minimised
    return math.exp(-loss) - (compiled.plan.graph.goal == "minimize")


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan
