"""The runs of an experiment: those that are there are read, the others are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lossc.grammar.errors import InternalError, LosscError
from lossc.models.display import Display
from lossc.models.errors import DataError
from lossc.models.parallel import Outcome, available_cores, run_all
from lossc.models.reproduce.experiment import Case, Comparison, Setting
from lossc.models.reproduce.recipes import job_of, recipe_of
from lossc.models.run import Job, Run, RunFolder, finished

#: Runs at the same time are worth their processes from so many runs on.
SEVERAL = 2

Runs = dict[str, list[Outcome | str]]
"""By the label of a case, an outcome for each seed; a text: why there is no run at all."""


def make_runs(experiment: Comparison, setting: Setting, seeds: int) -> Runs:
    """All runs of an experiment, by case; one that fails does not stop the others.

    Args:
        experiment: A comparison.
        setting: The user's.
        seeds: Runs of each case, with the seeds 0, 1, ...
    """
    runs: Runs = {}
    waiting = list(experiment.cases)
    while waiting:
        ready = [case for case in waiting if case.start is None or case.start in runs]
        if not ready:
            raise ValueError(f"{experiment.name}: cases that start from one another in a circle")
        waiting = [case for case in waiting if case not in ready]
        runs |= _level(experiment, ready, setting, seeds, runs)
    return {case.label: runs[case.label] for case in experiment.cases}


def _level(
    experiment: Comparison, cases: Sequence[Case], setting: Setting, seeds: int, done: Runs
) -> Runs:
    """The runs of cases that need none of one another."""
    outcomes: dict[tuple[str, int], Outcome | str] = {}
    missing: dict[tuple[str, int], Job] = {}
    for case in cases:
        for seed in range(seeds):
            key = case.label, seed
            try:
                job = _job(experiment, case, seed, setting, done)
                found = finished(job)
            except InternalError:
                raise
            except (LosscError, OSError) as error:
                outcomes[key] = str(error)
                continue
            if found is not None:
                outcomes[key] = found
            elif setting.train:
                missing[key] = job
            else:
                outcomes[key] = "not trained yet"
    for key, outcome in zip(missing, train_all(list(missing.values()), setting), strict=True):
        outcomes[key] = outcome
    return {case.label: [outcomes[case.label, seed] for seed in range(seeds)] for case in cases}


def train_all(jobs: Sequence[Job], setting: Setting) -> list[Outcome]:
    """Make runs, several at a time, with word of their progress on standard error.

    Jobs that would write to the same folder are one run.
    """
    unique = list({job.folder: job for job in jobs}.values())
    if not unique:
        return []
    workers = setting.workers or (available_cores() if len(unique) >= SEVERAL else 1)
    # one after the other over the GPUs, where there are several
    placed = [replace(job, device=index) for index, job in enumerate(unique)]
    with Display(placed) as display:
        made = run_all(placed, workers, display)
    by_folder = {job.folder: outcome for job, outcome in zip(unique, made, strict=True)}
    return [by_folder[job.folder] for job in jobs]


def _job(experiment: Comparison, case: Case, seed: int, setting: Setting, done: Runs) -> Job:
    start = None if case.start is None else _weights(case.start, done[case.start][seed])
    recipe, data = recipe_of(case, setting, start, experiment.measures)
    return job_of(recipe, case, seed, setting, data)


def _weights(label: str, outcome: Outcome | str) -> Path:
    if isinstance(outcome, Run):
        return RunFolder(outcome.job.folder).weights
    raise DataError(f"the run that it starts from, '{label}', is missing")
