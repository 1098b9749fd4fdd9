"""All figures of a report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from lossc.compiler.version import VERSION
from lossc.reporting.contenders import Compile, contenders, own_of
from lossc.reporting.cost import costs
from lossc.reporting.curves import curves
from lossc.reporting.fidelity import fidelity
from lossc.reporting.figures import Report
from lossc.reporting.gradients import gradients
from lossc.reporting.inputs import Drawer
from lossc.reporting.states import size_of_batch


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Args:
        states: Batches whose scores are trained, for the fidelity.
        draws: How often each is moved to each distance.
        steps: Training steps of the most trained one.
        starts: Batches of small random scores, for the gradients.
        points: Places along a curve.
        grid: Places along each side of a surface.
        limit: Seconds of the longest pass, for the cost.
    """

    states: int = 16
    draws: int = 2
    steps: int = 24
    starts: int = 16
    points: int = 81
    grid: int = 25
    limit: float = 0.12


FULL = Effort()
QUICK = Effort(states=8, draws=1, steps=16, starts=4, points=41, grid=13, limit=0.05)


def measure(
    compile_with: Compile,
    *,
    seed: int = 0,
    effort: Effort = FULL,
    tell: Callable[[str], None] = lambda _: None,
) -> Report:
    """The figures of one spec.

    Args:
        compile_with: Compiles it with an interpolation and a transform.
        seed: Of all that is drawn; the same seed gives the same figures, but for the cost.
        effort: How much is measured.
        tell: Hears what is being done.

    Raises:
        SpecError: The spec is wrong.
    """
    tell("compiling")
    compared, said = contenders(compile_with)
    own = own_of(compared).compiled
    spec, is_metric = own.spec, own.plan.is_metric
    notes: list[str] = []
    drawer = Drawer(own)
    n = size_of_batch(own, drawer) if is_metric else drawer.start
    faithful = None
    if is_metric:
        tell("fidelity")
        counts = {"count": effort.states, "draws": effort.draws, "steps": effort.steps}
        faithful = fidelity(compared, **counts, seed=seed)
        if not all(one.samples for one in faithful.bins):
            notes.append("the metric is undefined on the batches of at least one distance")
    tell("gradients")
    shapes, slopes = gradients(compared, n=n, count=effort.starts, seed=seed)
    tell("curves")
    curve, surface = curves(compared, points=effort.points, grid=effort.grid, seed=seed)
    if curve is None:
        notes.append("no single score of the small batches that were tried changes anything")
    tell("cost")
    cost = costs(compared, limit=effort.limit, seed=seed)
    stages = own.stages
    return Report(
        spec=spec.name.id,
        goal=own.plan.graph.goal,
        doc=spec.doc or "",
        source=spec.source or "",
        text=own.text,
        made={
            "lossc": VERSION,
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
            "seed": seed,
            "quick": effort == QUICK,
            "n": n,
            "shapes": shapes,
        },
        stages=stages.as_dict(),
        summary=stages.summary(),
        surrogates=said,
        fidelity=faithful,
        gradients=slopes,
        curves=curve,
        surface=surface,
        cost=cost,
        notes=notes,
    )
