"""The recipe of a case: the task as the paper trains it, or its quick form."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lossc.models.data.digits import digits
from lossc.models.data.mocap import read_recordings
from lossc.models.data.pose3d import pose3d
from lossc.models.errors import DataError, MissingData, TaskError
from lossc.models.losses import resolve
from lossc.models.recipe import Measure, Recipe
from lossc.models.recipes import find_recipe
from lossc.models.reproduce.experiment import Case, Experiment, Setting
from lossc.models.run import Job
from lossc.models.settings import RATE, flattened, with_settings


def check_settings(experiment: Experiment, setting: Setting) -> None:
    """Refuse what the user sets before anything is trained.

    Raises:
        TaskError: One of the tasks has no such setting or cannot have that value, or the rows of
            the experiment differ by it.
    """
    if not setting.settings:
        return
    for case in experiment.cases:
        if own := sorted({*flattened(setting.settings)} & {*case.settings}):
            raise TaskError(
                f"setting '{own[0]}': {experiment.name} sets it itself, row by row "
                f"('{case.label}': {case.settings[own[0]]})"
            )
    # one row of each task: the others' settings are the experiment's own
    for case in {(case.task, case.quick_task): case for case in experiment.cases}.values():
        with contextlib.suppress(DataError):  # the row says so
            recipe_of(case, setting)


def recipe_of(
    case: Case,
    setting: Setting,
    start: Path | None = None,
    measures: Mapping[str, Measure] = {},
) -> tuple[Recipe, Path | None]:
    """What a case trains, and the folder of its data.

    The quick form is on embedded data where the folder that the user names, for all experiments,
    has nothing for the task.

    Args:
        case: A row.
        setting: The user's.
        start: Weights that the network begins with.
        measures: More metrics of the tested weights, by name.

    Raises:
        TaskError: A setting does not fit the task.
        DataError: Of the quick form: the data is damaged.
    """
    data = setting.data
    recipe = find_recipe(case.quick_task or case.task if setting.quick else case.task)
    if setting.quick:
        if not _found(recipe, data):
            data = None
        recipe = recipe.shortened(embedded=data is None)
    recipe = with_settings(recipe, case.settings)
    recipe = with_settings(recipe, case.quick_settings if setting.quick else case.full_settings)
    recipe = with_settings(recipe, setting.settings)
    if start is not None:
        network: Any = recipe.network  # its weights are looked for when it is built
        recipe = replace(recipe, network=replace(network, start=str(start)))
    if measures:
        recipe = replace(recipe, metrics={**recipe.metrics, **measures})
    return recipe, data


def _found(recipe: Recipe, data: Path | None) -> bool:
    """Whether a folder was named and has the task's data, whole or damaged."""
    if data is None:
        return False
    try:
        recipe.data(data)
    except MissingData:
        return False
    return True


def origin(recipe: Recipe, data: Path | None) -> str:
    """Where a recipe's data comes from, in words.

    Args:
        recipe: Of a case.
        data: The folder that goes with it.
    """
    if recipe.embedded:
        return recipe.embedded
    if recipe.data is digits:
        return "scikit-learn's"
    if recipe.data is pose3d and not _has_recordings(data):
        return "a kinematic figure"
    return "downloaded" if data is None else "from the folder of --data"


def _has_recordings(data: Path | None) -> bool:
    try:
        return data is not None and bool(read_recordings(data))
    except MissingData:
        return False


def job_of(recipe: Recipe, case: Case, seed: int, setting: Setting, data: Path | None) -> Job:
    """One run of a case; its folder follows from its settings, so that experiments share runs.

    Args:
        recipe: Of the case.
        case: A row.
        seed: Of the run.
        setting: The user's.
        data: Where the recipe's data is.
    """
    text = case.quick_loss or case.loss if setting.quick else case.loss
    choice = resolve(text, recipe)
    rate = recipe.learning_rate(choice.rule)
    if choice.learning_rate and RATE not in flattened(setting.settings):  # the user's goes first
        rate = choice.learning_rate
    job = Job(recipe, choice, seed, rate, Path(), data)
    whole = json.dumps(job.settings | {"seed": None, "loss_seed": None}, sort_keys=True)
    digest = hashlib.sha256(whole.encode()).hexdigest()[:8]
    name = f"{choice.folder[:60]}-{digest}"
    return replace(job, folder=setting.out / "runs" / recipe.name / name / str(seed))
