"""The best configuration against others: none may be better, and equal ideal scores may be free."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lossc.compiler.batches import Batch
from lossc.compiler.draws import draw_reals
from lossc.compiler.plan import Plan
from lossc.compiler.refactor.pairs import may_contradict
from lossc.grammar import syntax as sx
from lossc.runtime.families import flat_binaries
from lossc.runtime.optima import tied_places

CONFIGURATIONS = 24  # sampled on each batch against the best one
_PLACES, _FAMILIES = 2**17, 96  # of all samples of a batch, beyond which there are fewer of them


@dataclass(frozen=True)
class Challenge:
    """What came of a batch.

    Args:
        tried: How many configurations were.
        better: The metric of one that is better and of the one taken as best; ``None``: none is.
        tied: How many comparisons the ideal scores leave equal.
        ties_matter: Whether the metric is another where these go the way of other scores.
        undefined: Whether the best one has no value, and another one has.
    """

    tried: int
    better: tuple[float, float] | None
    tied: int
    ties_matter: bool
    undefined: bool = False


def challenge(plan: Plan, loss: Any, batch: Batch, comparisons: int, tolerance: float) -> Challenge:
    """Tries configurations against the best one.

    Half of the samples are the outcomes of random scores; the others are arbitrary bits near the
    best one, which are left out where items are compared with one another: there, a circle may be
    worth more than any order.

    Args:
        plan: The plan that the loss was emitted from.
        loss: The generated module.
        batch: Its inputs.
        comparisons: How many it has on this batch.
        tolerance: By which a metric must be better to be taken for better.
    """
    generator = torch.Generator().manual_seed(batch.size)
    best = torch.ones(1, comparisons)
    tied = torch.zeros(comparisons, dtype=torch.bool)
    # what is live besides the comparisons is the same for the best one and its challengers
    leaves = tuple(batch.inputs.values())
    if plan.uses_truth:
        inputs = loss.prepare(*leaves)
        leaves = loss.ideal(*inputs)
        families = loss.families(*inputs)
        stored = torch.cat([family.stored.reshape(-1) for family in families])
        best = loss.best(*inputs, families)[stored].float().unsqueeze(0)
        tied = tied_places(loss.families(*leaves))[stored]
    count = max(_samples(plan, comparisons) // 2, 1)
    outcomes = [_outcome(plan, loss, batch, generator) for _ in range(count)]
    # other scores may leave other sides undefined, and then there are fewer comparisons or more
    tried = [best, *(one for one in outcomes if one.shape[-1] == comparisons)]
    broken = [torch.where(tied, one, best) for one in tried[1:3]] if tied.any() else []
    compared = [row.family for row in plan.families]
    if not any(may_contradict(plan.graph.make, f.binary, f.contexts) for f in compared):
        shape = (count, comparisons)
        random = (torch.rand(shape, generator=generator) < 0.5).float()
        tried.append(torch.where(torch.rand(shape, generator=generator) < 0.8, best, random))
    values = loss.evaluate_binaries(torch.cat([*broken, *tried]), *leaves)
    ties, values = values[: len(broken)], values[len(broken) :]
    sampled = values.shape[0] - 1
    if values[0].isnan():
        return Challenge(sampled, None, 0, False, undefined=bool(values[1:].isfinite().any()))
    sense = -1 if plan.graph.goal == "minimize" else 1
    rivals = sense * values[1:]
    rival = torch.where(rivals.isnan(), -torch.inf, rivals).max()
    better = rival > sense * values[0] + tolerance
    return Challenge(
        sampled,
        (float(sense * rival), float(values[0])) if better else None,
        int(tied.sum()),
        bool(((ties - values[0]).abs() > tolerance).any()),
    )


def _samples(plan: Plan, comparisons: int) -> int:
    """How many configurations are worth their time: large batches and long specs have fewer."""
    by_size = _PLACES // max(comparisons, 1)
    by_parts = max(2 * _FAMILIES // max(len(plan.families), 1), 4)
    return min(CONFIGURATIONS, by_size, by_parts)


def _outcome(plan: Plan, loss: Any, batch: Batch, generator: torch.Generator) -> Tensor:
    """The binaries of random scores: ``[1, l]``."""
    scores = {
        entry.name.id: _drawn(entry, batch, generator)
        for entry in plan.graph.spec.inputs
        if entry.kind.live
    }
    families = loss.families(*loss.prepare(*{**batch.inputs, **scores}.values()))
    return flat_binaries(families).float().unsqueeze(0)


def _drawn(entry: sx.Input, batch: Batch, generator: torch.Generator) -> Tensor:
    """Random scores in the shape that a batch has them."""
    shape = batch.inputs[entry.name.id].shape
    if entry.kind.range is None:
        return torch.randn(shape, generator=generator)
    return draw_reals([*shape], "random", generator, live=True, bounds=entry.kind.range)
