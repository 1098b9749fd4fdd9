"""The gradient that training starts from: at small random scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from lossc.reporting.contenders import Contender, own_of
from lossc.reporting.figures import Gradient
from lossc.reporting.inputs import Batch, Drawer
from lossc.reporting.states import against, known, number_of

SCALE = 0.1
#: Root mean squares of the steps that are tried.
STEPS = (0.03, 0.1, 0.3)


@dataclass
class Seen:
    """What was seen of one surrogate, an entry a batch."""

    norm: list[float] = field(default_factory=list)
    zero: list[float] = field(default_factory=list)
    nonfinite: list[float] = field(default_factory=list)
    gain: list[float] = field(default_factory=list)


def gradients(
    compared: Sequence[Contender], *, n: int, count: int, seed: int
) -> tuple[dict[str, list[int]], list[Gradient]]:
    """The gradient of every surrogate on ``count`` batches of ``n``, and their shapes.

    The gradient is with respect to the scores; where an input has a range, with respect to the
    numbers that are brought into it.
    """
    drawer = Drawer(own_of(compared).compiled)
    generator = torch.Generator().manual_seed(seed + 2)
    batches = [drawer.batch(n, generator, SCALE) for _ in range(count)]
    found = []
    for contender in compared:
        seen, loss = Seen(), contender.loss()
        for batch in batches:
            leaves = {name: v.clone().requires_grad_() for name, v in batch.free.items()}
            try:
                value = loss(*batch.arguments(leaves))
            except ValueError:
                continue  # undefined on this batch
            slopes = torch.autograd.grad(value, list(leaves.values()), allow_unused=True)
            flat = torch.cat(
                [
                    (torch.zeros_like(leaf) if slope is None else slope).flatten()
                    for leaf, slope in zip(leaves.values(), slopes, strict=True)
                ]
            )
            seen.norm.append(float(flat.norm()))
            seen.zero.append(float((flat == 0).double().mean()))
            seen.nonfinite.append(float((~flat.isfinite()).double().mean()))
            seen.gain.append(_gain(contender, batch, leaves, slopes))
        found.append(_summary(contender.name, seen))
    return batches[0].shapes, found


def _gain(
    contender: Contender,
    batch: Batch,
    leaves: dict[str, Tensor],
    slopes: tuple[Tensor | None, ...],
) -> float:
    """By how much the best of some steps improves the metric; the loss, where there is none."""
    start = _score(contender, batch)
    there = (Batch(batch.spec, against(leaves, slopes, size), batch.fixed) for size in STEPS)
    return max(_score(contender, one) for one in there) - start


def _score(contender: Contender, batch: Batch) -> float:
    """How good the scores are: greater is better."""
    plan, arguments = contender.compiled.plan, known(batch.arguments())
    if not plan.is_metric:
        return -number_of(contender.function(), arguments)
    value = number_of(contender.compiled.metric, arguments)
    return value if plan.graph.goal == "evaluate" else -value


def _summary(name: str, seen: Seen) -> Gradient:
    def mean(values: list[float]) -> float:
        return sum(values) / max(len(values), 1)

    improved = mean([float(gain > 0) for gain in seen.gain])
    return Gradient(
        name,
        len(seen.norm),
        mean(seen.norm),
        mean(seen.zero),
        mean(seen.nonfinite),
        improved,
        mean(seen.gain),
    )
