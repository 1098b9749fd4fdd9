"""From the runs of a comparison to its report."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from pathlib import Path

from lossc.models.recipe import Recipe
from lossc.models.reproduce.experiment import Case, Claim, Comparison, Setting
from lossc.models.reproduce.figure import save_histories
from lossc.models.reproduce.recipes import origin
from lossc.models.reproduce.report import Line, Report, verdict, without_empty
from lossc.models.reproduce.sweep import Runs, make_runs
from lossc.models.run import Failure, Run
from lossc.models.table import Spread


def compare(experiment: Comparison, setting: Setting) -> Report:
    """Make what is missing of a comparison, and put it beside the paper's figures."""
    seeds = setting.seeds or (1 if setting.quick else experiment.seeds)
    runs = make_runs(experiment, setting, seeds)
    lines = tuple(_line(experiment, case, runs) for case in experiment.cases)
    files = {}
    if experiment.curves is not None and setting.train:
        path = setting.out / experiment.name / "curves.png"
        found = {case.label: finished_runs(runs, case.label) for case in experiment.cases}
        if save_histories(experiment.curves, found, path):
            files["curves"] = path
    return Report(
        name=experiment.name,
        title=experiment.title,
        source=experiment.source,
        columns=experiment.columns,
        lines=lines,
        paper=experiment.setup,
        here=_trained(experiment, runs),
        notes=(*experiment.notes, *(experiment.quick_notes if setting.quick else ())),
        verdicts=tuple(_judged(claim, experiment, lines) for claim in experiment.claims),
        files=files,
    )


def finished_runs(runs: Runs, label: str) -> list[Run]:
    """The runs of a case that there are."""
    return [outcome for outcome in runs[label] if isinstance(outcome, Run)]


def _line(experiment: Comparison, case: Case, runs: Runs) -> Line:
    found = finished_runs(runs, case.label)
    after = experiment.after or (lambda run: {})
    figures = [{**run.test, **after(run)} for run in found]
    measured = {}
    for column in experiment.columns:
        values = tuple(one[column.metric] for one in figures if column.metric in one)
        measured[column.title] = Spread(values) if values else None
    reasons = (
        outcome.reason if isinstance(outcome, Failure) else outcome
        for outcome in runs[case.label]
        if not isinstance(outcome, Run)
    )
    return Line(case.label, case.published, measured, without_empty(list(reasons)))


def _trained(experiment: Comparison, runs: Runs) -> tuple[str, ...]:
    """What was trained here, a line for each task and size."""
    found = [
        (case.label, run)
        for case in experiment.cases
        for run in finished_runs(runs, case.label)[:1]
    ]
    lines = _by_label([(label, describe(run.job.recipe, run.job.data)) for label, run in found])
    for what, of in (("batches of", _batch_size), ("learning rate", _learning_rate)):
        lines += [
            f"{what} {text}" for text in _by_label([(label, of(run)) for label, run in found])
        ]
    counts = {len(finished_runs(runs, case.label)) for case in experiment.cases}
    lines.append(f"seeds: {' or '.join(str(count) for count in sorted(counts))}")
    return tuple(lines)


def _batch_size(run: Run) -> str:
    return str(run.job.recipe.batch_size)


def _learning_rate(run: Run) -> str:
    return f"{run.job.learning_rate:g}"


def _by_label(texts: Sequence[tuple[str, str]]) -> list[str]:
    """Each text once, with the labels that it is of, where there are several texts."""
    labels: dict[str, list[str]] = {}
    for label, text in texts:
        labels.setdefault(text, []).append(label)
    if len(labels) < 2:
        return list(labels)
    if all(len(of) == 1 for of in labels.values()) and len(labels) > 2:
        return [", ".join(labels)]  # one for each row, in their order
    return [f"{text} ({', '.join(of)})" for text, of in labels.items()]


def describe(recipe: Recipe, data: Path | None) -> str:
    """Task, data, network and epochs, as far as figures depend on them."""
    splits = recipe.data(data)
    train = min(len(splits.train), recipe.examples or len(splits.train))
    network = recipe.network()
    size = sum(parameter.numel() for parameter in network.parameters())
    return (
        f"{recipe.name}, {train:,} examples to train on, {len(splits.val):,} for validation, "
        f"{len(splits.test):,} to test on ({origin(recipe, data)}); {size:,} parameters; "
        f"{recipe.epochs} epoch{'' if recipe.epochs == 1 else 's'}"
    )


def _judged(claim: Claim, experiment: Comparison, lines: Sequence[Line]) -> str:
    column = next(column for column in experiment.columns if column.title == claim.column)
    by_label = {line.label: line.measured[claim.column] for line in lines}
    one, other = by_label[claim.better], by_label[claim.than]
    if one is None or other is None or len(one.values) != len(other.values):
        return verdict(claim.text, None, "not measured")
    sign = -1.0 if column.smaller else 1.0
    gains = [sign * column.scale * (a - b) for a, b in zip(one.values, other.values, strict=True)]
    if not all(math.isfinite(gain) for gain in gains):
        return verdict(claim.text, None, "not measured")
    return judge(claim, gains, column.digits)


def judge(claim: Claim, gains: Sequence[float], digits: int) -> str:
    """Whether a conclusion is seen in the gains of one row over another, seed by seed.

    It is open where the mean is nearer to the border than two standard errors. A single run has
    none: its sign decides, and the text says so.
    """
    mean = statistics.fmean(gains)
    several = len(gains) > 1
    error = statistics.stdev(gains) / math.sqrt(len(gains)) if several else 0.0
    detail = f"{mean:+.{digits}f}"
    detail += f" ± {error:.{digits}f} standard error" if several else ", one run"
    room = mean + (claim.margin or 0.0)
    if claim.margin is not None:
        least = claim.margin < 0
        detail += f"; {'better' if least else 'no worse'} by more than {abs(claim.margin):g}"
    if several and abs(room) <= 2 * error:
        return verdict(claim.text, None, detail)
    return verdict(claim.text, room > 0, detail)
