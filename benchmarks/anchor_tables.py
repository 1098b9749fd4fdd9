"""Anchor Loss beside its baselines: small networks on CIFAR-10 and on digits.

Each loss is trained at every rate of one grid with one seed, and the rate of the best validation
accuracy then with other seeds. The tasks are the quick variant of ``cifar10-anchor``, which
``--data`` may give a part of the images, and ``digits``. Each run has a folder; what is finished
is not made again, so that the command may be stopped at any time, and goes on where it was.
``--table`` shows what there is.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lossc.models.errors import TrainingError
from lossc.models.losses import resolve
from lossc.models.recipe import Recipe
from lossc.models.recipes import find_recipe
from lossc.models.run import Job, RunFolder, read_json, whole_settings
from lossc.models.trainer import train

RATES = (0.03, 0.1, 0.3, 1.0)
TUNED = 0  # the seed that rates are chosen with; the others are 1, 2, ...

WARM = "warmup(first=cross_entropy, epochs=5)"
LOSSES = {
    "cifar10-anchor": (
        "cross_entropy",
        "class_bce",
        "focal(gamma=2)",
        "focal(gamma=0.5)",
        "ohem(rho=0.9)",
        "ohem(rho=0.8)",
        "anchor_bce(gamma=0.5, modulate=background)",
        "anchor_bce(gamma=0.5, modulate=target)",
        "anchor_bce(gamma=0.5, modulate=both)",
        f"anchor_bce(gamma=0.5, modulate=background, schedule={WARM})",
        f"anchor_bce(gamma=2, modulate=background, schedule={WARM})",
    ),
    "digits": ("cross_entropy", "class_bce", "focal(gamma=2)", "anchor_bce(gamma=0.5)"),
}


@dataclass(frozen=True)
class Place:
    """Where data comes from and figures go to, and with how many seeds."""

    data: Path | None
    out: Path
    seeds: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Train what is missing, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="the folder or archive of CIFAR-10")
    parser.add_argument("--out", type=Path, default=Path("runs/anchor-tables"))
    parser.add_argument("--task", choices=sorted(LOSSES), action="append", help="[both]")
    parser.add_argument("--seeds", type=int, default=3, help="beside that of the rates")
    parser.add_argument("--table", action="store_true", help="train nothing")
    given = parser.parse_args(arguments)
    place = Place(given.data, given.out, given.seeds)
    for task in given.task or LOSSES:
        recipe = recipe_of(task)
        if not given.table:
            for job in jobs(recipe, place):
                finish(job)
        print("\n".join(table(recipe, place)), end="\n\n", flush=True)
    return 0


def recipe_of(task: str) -> Recipe:
    """The task as it is compared here."""
    recipe = find_recipe(task)
    return recipe.shortened() if task.startswith("cifar") else recipe


def jobs(recipe: Recipe, place: Place) -> Iterator[Job]:
    """All runs of a task; those at a loss's best rate once it is known."""
    for loss in LOSSES[recipe.name]:
        yield from (job_of(recipe, loss, rate, TUNED, place) for rate in RATES)
    for seed in range(1, place.seeds + 1):
        for loss in LOSSES[recipe.name]:
            rate = best_rate(recipe, loss, place)
            assert rate is not None
            yield job_of(recipe, loss, rate, seed, place)


def job_of(recipe: Recipe, loss: str, rate: float, seed: int, place: Place) -> Job:
    """One run."""
    choice = resolve(loss, recipe)
    folder = place.out / recipe.name / choice.folder / f"{rate:g}" / str(seed)
    data = place.data if recipe.name.startswith("cifar") else None
    return Job(recipe, choice, seed, rate, folder, data)


def finish(job: Job) -> None:
    """Train, unless it was done with the same settings; a run that diverges counts as chance."""
    folder = RunFolder(job.folder)
    if figures_of(job) is not None:
        return
    try:
        run = train(job)
    except TrainingError:  # at a rate that is too large
        folder.result.write_text('{"diverged": true}\n', encoding="utf-8")
        print(f"{job.choice.text}, rate {job.learning_rate:g}, seed {job.seed}: diverged")
        return
    print(
        f"{job.choice.text}, rate {job.learning_rate:g}, seed {job.seed}: validation "
        f"{run.validation['accuracy']:.4f}, test {run.test['accuracy']:.4f}, {run.seconds:.0f} s",
        flush=True,
    )


def figures_of(job: Job) -> dict[str, Any] | None:
    """What a finished run found; ``None`` without one of these settings."""
    folder = RunFolder(job.folder)
    if read_json(folder.settings) != whole_settings(job):
        return None
    found: dict[str, Any] | None = read_json(folder.result)
    return found


def best_rate(recipe: Recipe, loss: str, place: Place) -> float | None:
    """The rate of the best validation accuracy, the smallest of equals; ``None`` before all ran."""
    found = {}
    for rate in RATES:
        figures = figures_of(job_of(recipe, loss, rate, TUNED, place))
        if figures is None:
            return None
        found[rate] = figures.get("validation", {}).get("accuracy", 0.0)
    return max(found, key=lambda rate: (found[rate], -rate))


def table(recipe: Recipe, place: Place) -> list[str]:
    """One line a loss, in the form of Markdown."""
    metrics = list(recipe.metrics)
    heads = [*(f"test {name.replace('_', '-')}" for name in metrics), "validation", "rate", "seeds"]
    lines = [
        f"{recipe.name}, {recipe.epochs} epochs",
        f"| loss | {' | '.join(heads)} |",
        f"| --- |{' ---: |' * len(heads)}",
    ]
    for loss in LOSSES[recipe.name]:
        rate = best_rate(recipe, loss, place)
        if rate is None:
            continue
        runs = [
            figures_of(job_of(recipe, loss, rate, seed, place))
            for seed in range(1, place.seeds + 1)
        ]
        done = [figures for figures in runs if figures and "test" in figures]
        columns = [spread([figures["test"][name] for figures in done]) for name in metrics]
        columns.append(spread([figures["validation"]["accuracy"] for figures in done]))
        lines.append(f"| `{loss}` | {' | '.join(columns)} | {rate:g} | {len(done)} |")
    return lines


def spread(values: Sequence[float]) -> str:
    """Mean and sample standard deviation, in percent."""
    if len(values) < 2:
        return "-"
    return f"{100 * statistics.fmean(values):.2f} ± {100 * statistics.stdev(values):.2f}"


if __name__ == "__main__":
    sys.exit(main())
