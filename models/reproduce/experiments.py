"""The table of experiments."""

from __future__ import annotations

from lossc.grammar.errors import closest
from lossc.models.errors import TaskError
from lossc.models.reproduce import anchor, anchor_pose, memo, uniloss
from lossc.models.reproduce.excess import FIGURE_7
from lossc.models.reproduce.experiment import Experiment
from lossc.models.reproduce.fidelity import TABLE_5

EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        *uniloss.EXPERIMENTS,
        TABLE_5,
        *anchor.EXPERIMENTS,
        *anchor_pose.EXPERIMENTS,
        FIGURE_7,
        *memo.EXPERIMENTS,
    )
}
ALL = "all"


def find_experiments(names: list[str]) -> list[Experiment]:
    """The experiments of these names; ``all`` stands for every one.

    Raises:
        TaskError: There is none of that name.
    """
    found: dict[str, Experiment] = {}
    for name in names:
        if name == ALL:
            found |= EXPERIMENTS
        elif name in EXPERIMENTS:
            found[name] = EXPERIMENTS[name]
        else:
            near = closest(name.replace("_", "-"), EXPERIMENTS)
            hint = f"\n  hint: {near}" if near else ""
            known = ", ".join((*EXPERIMENTS, ALL))
            raise TaskError(f"unknown experiment '{name}'\n  expected: one of: {known}{hint}")
    return list(found.values())


def listed() -> dict[str, str]:
    """What there is: name, and what it shows."""
    return {name: f"{one.title} ({one.source})" for name, one in EXPERIMENTS.items()}
