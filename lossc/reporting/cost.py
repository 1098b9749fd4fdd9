"""What a forward and a backward pass take as the batch grows."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch

from lossc.reporting.contenders import Contender, own_of
from lossc.reporting.figures import Cost, CostPoint
from lossc.reporting.inputs import Batch, Drawer

DOUBLINGS = 6
REPEATS = 3


def costs(compared: Sequence[Contender], *, limit: float, seed: int) -> list[Cost]:
    """The cost of the spec's own surrogate and of one to compare it with.

    Args:
        compared: The surrogates, the spec's own first.
        limit: Seconds; after a pass that takes longer, the batch grows no more.
        seed: Of the batches.
    """
    return [_cost(contender, limit, seed) for contender in (own_of(compared), *_other(compared))]


def _other(compared: Sequence[Contender]) -> list[Contender]:
    """``substitute``; if that is the own one, any other."""
    own = own_of(compared)
    kinds = {one.name: (one.compiled.surrogate, one) for one in compared if one is not own}
    substitutes = [
        one
        for surrogate, one in kinds.values()
        if surrogate is not None and surrogate.interpolation == "substitute"
    ]
    mine = own.compiled.surrogate
    if substitutes and mine is not None and mine.interpolation != "substitute":
        return substitutes[:1]
    return [one for _, one in kinds.values() if one not in substitutes][:1]


def _cost(contender: Contender, limit: float, seed: int) -> Cost:
    drawer, loss = Drawer(contender.compiled), contender.loss()
    generator = torch.Generator().manual_seed(seed + 4)
    points: list[CostPoint] = []
    n, last = drawer.start, drawer.start * 2**DOUBLINGS
    while n <= last:
        batch = drawer.batch(n, generator)
        try:
            seconds = _seconds(loss, batch, limit)
        except (ValueError, MemoryError, RuntimeError) as error:
            return Cost(contender.name, points, f"at n = {n}: {str(error).splitlines()[0]}")
        scores = sum(value.numel() for value in batch.free.values())
        points.append(CostPoint(n, scores, 1000 * seconds))
        if seconds > limit:
            return Cost(contender.name, points, f"a pass took more than {limit:g} s")
        if drawer.lead is None:
            return Cost(contender.name, points, "no dim of this spec grows with a batch")
        n *= 2
    return Cost(contender.name, points, f"n reached {last}")


def _seconds(loss: torch.nn.Module, batch: Batch, limit: float) -> float:
    """The shortest of a few passes in single precision; of one, where that takes too long."""
    given = [
        value.float() if value is not None and value.is_floating_point() else value
        for value in batch.arguments()
    ]
    live = [number for number, entry in enumerate(batch.spec.inputs) if entry.kind.live]
    found: list[float] = []
    while len(found) < REPEATS and (not found or found[-1] <= limit):
        inputs = list(given)
        for number in live:
            value = inputs[number]
            if value is not None:
                inputs[number] = value.detach().clone().requires_grad_()
        start = time.perf_counter()
        loss(*inputs).backward()
        found.append(time.perf_counter() - start)
    return min(found)
