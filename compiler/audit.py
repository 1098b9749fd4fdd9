"""The gradient audit: what a surrogate's gradient does for the metric on realistic scores."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from statistics import median
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from lossc.compiler.realistic import Draw, Drawer

if TYPE_CHECKING:
    from lossc.compiler.compile import CompiledLoss

SIZES, MAP_SIZES = (16, 64, 256), (1, 4, 16)  # items of a batch, and maps
SCALES = (0.0, 0.01, 1.0, 100.0)  # standard deviations of the scores; 0: all are equal
STEPS = (0.03, 0.1, 0.3, 1.0)  # root mean squares of a step, as shares of the scores' scale
BATCHES, QUICK_BATCHES = 16, 4
PLACES, QUICK_PLACES = 2**18, 2**16  # comparisons of a batch at most
OTHERS = 4  # random scores that show whether a metric could be better
TOLERANCE = 1e-9


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
        slope: By how much the loss falls along the gradient, to first order, in a step of a tenth
            of the scores' scale: the median over improvable batches.
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


@dataclass(frozen=True)
class Audit:
    """The audit of one surrogate.

    Args:
        spec: The spec's name.
        surrogate: Its step and interpolation with their options; ``none`` for a loss.
        options: What the loss takes, by name: the temperature and the like.
        dims: The size of every dim, by the size of the batch.
        rows: One a batch size and scale.
        tried: Rows of the same batches under other options that may be better where the
            surrogate has none of these figures right, by what was set.
        seconds: Time taken.
    """

    spec: str
    surrogate: str
    dims: Mapping[int, Mapping[str, int]]
    rows: tuple[Row, ...]
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


@dataclass
class _Seen:
    """What is gathered for a row, an entry a batch or a step."""

    batches: int = 0
    zero: list[float] = field(default_factory=list)
    nonfinite: list[float] = field(default_factory=list)
    dead: list[float] = field(default_factory=list)
    slope: list[float] = field(default_factory=list)
    change: list[float] = field(default_factory=list)
    helped: list[float] = field(default_factory=list)
    gap: list[float] = field(default_factory=list)
    reach: list[float] = field(default_factory=list)

    def row(self, size: int, scale: float) -> Row:
        return Row(
            size,
            scale,
            self.batches,
            len(self.dead),
            _mean(self.zero),
            _mean(self.nonfinite),
            _mean(self.dead),
            median(self.slope) if self.slope else math.nan,
            _mean([float(change > 0) for change in self.change]),
            _mean([float(change < 0) for change in self.change]),
            _mean([float(change == 0) for change in self.change]),
            _mean(self.helped),
            _mean(self.gap),
            _mean(self.reach),
        )


class Auditor:
    """Measures a loss on batches that are drawn once, so that options can be compared.

    Args:
        compiled: The spec with its surrogate.
        sizes: Of the batches; by default 16, 64 and 256, or 1, 4 and 16 maps.
        scales: Of the scores.
        batches: How many of each size.
        limit: How many comparisons one has at most.
        seed: Of all that is drawn.
    """

    def __init__(
        self,
        compiled: CompiledLoss,
        sizes: Sequence[int] | None = None,
        scales: Sequence[float] = SCALES,
        batches: int = BATCHES,
        limit: int = PLACES,
        seed: int = 0,
    ):
        self.compiled, self.scales = compiled, tuple(scales)
        self.exact: Any = compiled.loss(validate=False).eval()
        drawer = Drawer(compiled.plan, limit)
        wanted = sizes or (MAP_SIZES if drawer.maps else SIZES)
        dims = [drawer.sizes(size) for size in wanted]
        lead = drawer.lead
        #: The sizes of all dims, by that of the batch.
        self.dims = {found[lead] if lead else 1: found for found in dims}
        self._drawn: dict[int, list[tuple[Draw, list[float]]]] = {}
        for size, found in self.dims.items():
            generator = torch.Generator().manual_seed(seed)
            self._drawn[size] = []
            for _ in range(batches):
                draw = drawer.draw(found, generator)
                others = draw.others(generator, OTHERS)
                self._drawn[size].append((draw, [self.quality(draw, other) for other in others]))

    def rows(self, **options: Any) -> tuple[Row, ...]:
        """All rows, of the loss with these options."""
        return tuple(
            self.row(size, scale, **options) for size in self.dims for scale in self.scales
        )

    def row(self, size: int, scale: float, **options: Any) -> Row:
        """One row, of the loss with these options."""
        loss: Any = self.compiled.loss(**{**options, "validate": False})
        seen = _Seen()
        for draw, others in self._drawn[size]:
            self._look(loss, draw, others, scale, seen)
        return seen.row(size, scale)

    def quality(self, draw: Draw, free: Mapping[str, Tensor]) -> float:
        """How good scores are by the metric, or by the loss where there is none: more is better."""
        arguments = draw.arguments(free)
        if not self.compiled.plan.is_metric:
            with torch.no_grad():
                return -float(self.exact(*arguments))
        value = float(self.exact.metric(*arguments))
        return -value if self.compiled.plan.graph.goal == "minimize" else value

    def _look(self, loss: Any, draw: Draw, others: list[float], scale: float, seen: _Seen) -> None:
        """Adds what one batch shows."""
        leaves = {name: value.float() for name, value in draw.scaled(scale).items()}
        now = self.quality(draw, _double(leaves))
        if not math.isfinite(now):
            return  # undefined here, which is no matter of gradients
        value, slopes = gradient(loss, draw, leaves)
        flat = torch.cat([slope.flatten() for slope in slopes.values()]).double()
        finite = flat.isfinite() if math.isfinite(value) else torch.zeros_like(flat).bool()
        tiny = flat.abs() < torch.finfo(torch.float32).tiny
        seen.batches += 1
        seen.zero.append(float((tiny & finite).double().mean()))
        seen.nonfinite.append(float((~finite).double().mean()))
        if self.compiled.plan.is_metric and math.isfinite(value):
            seen.gap.append(abs(self._metric_of(value) - now))
        unit = scale or 1.0
        flat = torch.where(finite & ~tiny, flat, 0.0)
        size = float(flat.square().mean().sqrt())
        changes = []
        for share in STEPS if size else ():
            there, at = {}, 0
            for name, leaf in leaves.items():
                part = flat[at : at + leaf.numel()].reshape(leaf.shape)
                there[name] = leaf.double() - part * (share * unit / size)
                at += leaf.numel()
            changes.append(self.quality(draw, there) - now)
        known = [now, *others, *(now + change for change in changes)]
        known = [one for one in known if math.isfinite(one)]
        seen.reach.append(max(known) - min(known))
        if max(known) <= now + TOLERANCE:
            return  # nothing better was seen, so nothing is asked of the gradient
        seen.dead.append(float(size == 0))
        seen.slope.append(0.1 * unit * size * flat.numel() if size else 0.0)
        signs = [0.0 if abs(change) <= TOLERANCE else change for change in changes]
        seen.change += signs or [0.0] * len(STEPS)
        seen.helped.append(float(any(sign > 0 for sign in signs)))

    def _metric_of(self, value: float) -> float:
        """The metric, more is better, that a value of the loss stands for."""
        surrogate = self.compiled.surrogate
        if surrogate is not None and surrogate.transform == "log":
            return math.exp(-value) - (self.compiled.plan.graph.goal == "minimize")
        return -value


def audit(
    compiled: CompiledLoss,
    sizes: Sequence[int] | None = None,
    scales: Sequence[float] = SCALES,
    batches: int = BATCHES,
    limit: int = PLACES,
    seed: int = 0,
) -> Audit:
    """Audits the gradient of a surrogate; arguments as those of :class:`Auditor`."""
    started = time.perf_counter()
    auditor = Auditor(compiled, sizes, scales, batches, limit, seed)
    rows = auditor.rows()
    found = Audit(
        compiled.spec.name.id,
        str(compiled.surrogate).removesuffix(" ()") if compiled.surrogate else "none",
        auditor.dims,
        rows,
    )
    return replace(found, seconds=time.perf_counter() - started)


def gradient(
    loss: Any, draw: Draw, free: Mapping[str, Tensor]
) -> tuple[float, dict[str, Tensor]]:
    """The loss at some scores, and its gradient by each of the live inputs."""
    if getattr(loss, "memory", None) is not None and hasattr(loss.memory, "forget"):
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
    return float(value), found


def _double(leaves: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.double() for name, value in leaves.items()}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan
