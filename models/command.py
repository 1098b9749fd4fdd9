"""``lossc train``: a task with one loss or several, over several seeds."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lossc.grammar.errors import InternalError, LosscError
from lossc.models.config import (
    OPTIONS,
    Options,
    Written,
    as_config,
    read_assignments,
    read_config,
)
from lossc.models.cores import available_cores
from lossc.models.data.downloads import DATA_VARIABLE
from lossc.models.data.split import AnySplits
from lossc.models.display import Display
from lossc.models.distributed import failed_alone, in_turn, join
from lossc.models.errors import MissingData, TaskError
from lossc.models.figure import save_curves
from lossc.models.losses import LossChoice, resolve
from lossc.models.own_metrics import with_constants, with_own_metrics
from lossc.models.parallel import Listener, Outcome, run_all
from lossc.models.pictures import save_examples
from lossc.models.processes import one_voice, run_in_processes, run_together
from lossc.models.recipe import Recipe
from lossc.models.recipes import RECIPES, find_recipe
from lossc.models.run import Failure, Job, write_json
from lossc.models.settings import with_settings
from lossc.models.table import as_json as figures_of
from lossc.models.table import print_rows, rows
from lossc.models.terms_figure import save_terms

OUT = Path("runs")
SHORT = 20_000  # steps of all runs together, which take no longer than to start worker processes


@one_voice
def train_command(
    *,
    task: str | None = None,
    losses: Sequence[str] = (),
    seeds: int | None = None,
    data: Path | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
    quick: bool = False,
    out: Path | None = None,
    workers: int | None = None,
    devices: int | None = None,
    as_json: bool = False,
    step: str | None = None,
    interpolation: str | None = None,
    squash: str | None = None,
    precision: str | None = None,
    resume: bool = True,
    keep_finished: bool = False,
    patience: int | None = None,
    clip: float | None = None,
    folders: tuple[Path, ...] = (),
    inputs: Mapping[str, Path] = {},
    config: Path | None = None,
    settings: Sequence[str] = (),
    show: bool = False,
) -> int:
    """Train, print the table, save the curves.

    Runs go to ``OUT/LOSS/SEED``, the figures to ``OUT/table.json``, the curves to
    ``OUT/curves.png``; OUT is ``runs/TASK`` by default.

    What is given here goes before ``settings``, those before ``config``, and that before the
    recipe.

    Args:
        task: A task's name. ``None``: the config's.
        losses: Texts of ``--loss``; none: the task's own.
        seeds: Runs of each loss, with the seeds 0, 1, ...
        data: The folder of the data.
        epochs: In place of the recipe's.
        batch_size: In place of the recipe's.
        lr: For losses that name none themselves, in place of the recipe's.
        quick: The recipe's short variant.
        out: The folder for everything that is written.
        workers: Runs at the same time. ``None``: as many as there are cores, but one after the
            other where starting processes would take longer than the runs.
        devices: Processes that make a run together, each on a GPU where there are any. Under
            ``torchrun`` they are there already.
        as_json: Print the figures as JSON, and nothing else on standard output.
        step: For compiled losses that name none.
        interpolation: The same.
        squash: The same.
        precision: As Lightning names it.
        resume: Go on with unfinished runs of the same settings.
        keep_finished: Make no finished run of the same settings again.
        patience: In place of the recipe's, and so is ``clip``.
        clip: The largest norm of the gradient.
        folders: Where names of specs are looked up before the bundled library.
        inputs: Files of inputs that are the same for every batch, by name.
        config: A YAML file with settings and options.
        settings: Texts of ``--set``.
        show: Print all settings as a config, and train nothing.

    Returns:
        The exit code: 1 where anything failed; what is printed then says what.
    """
    try:
        written = (read_config(config) if config else Written()) | read_assignments(settings)
        given = {
            "task": task,
            "losses": tuple(losses) or None,
            "seeds": seeds,
            "data": data,
            "lr": lr,
            "quick": quick or None,
            "keep_finished": keep_finished or None,
            "out": out,
            "workers": workers,
            "devices": devices,
            "step": step,
            "interpolation": interpolation,
            "squash": squash,
            "precision": precision,
            "specs": folders or None,
            "input": dict(inputs) or None,
        }
        options = Options(
            **{**written.options, **{key: each for key, each in given.items() if each is not None}}
        )
        own = {"epochs": epochs, "batch_size": batch_size, "patience": patience, "clip": clip}
        recipe = _recipe(options, written, own)
        if show:
            print(
                as_config(recipe, replace(options, losses=options.losses or recipe.losses)), end=""
            )
            return 0
        recipe = with_constants(recipe, options.input or {})
        choices = _choices(recipe, options)
        recipe = with_own_metrics(recipe, choices)
        # what is missing is found, or fetched, before anything starts
        splits = in_turn(lambda: _data(recipe, options.data))
        folder = options.out or OUT / recipe.name
        jobs = [
            Job(
                recipe=recipe,
                choice=choice,
                seed=seed,
                learning_rate=choice.learning_rate
                or options.lr
                or recipe.learning_rate(choice.rule),
                folder=folder / choice.folder / str(seed),
                data=options.data,
                precision=options.precision or "32-true",
                resume=resume,
                keep_finished=bool(options.keep_finished),
                device=index,
            )
            for index, (choice, seed) in enumerate(
                (choice, seed) for choice in choices for seed in range(options.seeds or 1)
            )
        ]
        at_once = options.workers or _workers(len(splits.train), jobs)
        with Display(jobs) as display:
            outcomes = _outcomes(jobs, at_once, options, display)
    except InternalError:
        raise
    except (LosscError, OSError) as error:
        # the first process speaks for all, unless the fault is another's
        print(error, file=sys.__stderr__ if failed_alone("command") else sys.stderr)
        return 1
    failed = int(any(isinstance(outcome, Failure) for outcome in outcomes))
    if join().rank > 0:
        return failed
    table = rows(outcomes)
    curves = terms = None
    try:
        curves = save_curves(recipe, table, folder / "curves.png")
        terms = save_terms(table, folder / "terms.png")
        figures = figures_of(recipe, table, {"folder": folder, "curves": curves})
        write_json(folder / "table.json", figures)
    except OSError as error:  # a full disk: the figures are still printed
        print(f"{folder}: {error}", file=sys.stderr)
        figures, failed = figures_of(recipe, table, {"folder": folder, "curves": curves}), 1
    pictures = [save_examples(row.runs[0]) for row in table if row.runs]
    if as_json:
        print(json.dumps(figures, indent=2, allow_nan=False))
    else:
        print_rows(recipe, table)
        print(f"figures, logs and checkpoints: {folder}")
        if curves:
            print(f"curves: {curves}")
        if terms:
            print(f"terms: {terms}")
        for picture in filter(None, pictures):
            print(f"examples: {picture}")
    return failed


def _recipe(options: Options, written: Written, own: Mapping[str, object]) -> Recipe:
    """The task as it is to be trained: short, with what is written, with the command's own."""
    if options.task is None:
        raise TaskError(f"name a task\n  expected: one of: {', '.join(RECIPES)}")
    recipe = find_recipe(options.task)
    if options.quick:
        recipe = recipe.shortened(embedded=not has_data(recipe, options.data))
    if recipe.embedded:
        print(
            f"{recipe.name}: no folder with its data is named (--data DIR): {recipe.embedded}",
            file=sys.stderr,
        )
    given = {key: value for key, value in own.items() if value is not None}
    places = {**written.places, **{key: f"--{key.replace('_', '-')}" for key in given}}
    return with_settings(recipe, {**written.settings, **given}, places, OPTIONS)


def has_data(recipe: Recipe, data: Path | None) -> bool:
    """Whether the user has named a folder for a task, by argument or for all tasks.

    Args:
        recipe: The task.
        data: The folder that was given. The one in ``LOSSC_DATA`` is for all tasks: it counts if
            it has data of this one.

    Raises:
        DataError: The folder in ``LOSSC_DATA`` has the task's data, damaged.
    """
    common = os.environ.get(DATA_VARIABLE)
    if data is not None and data != Path(common or ""):
        return True
    if not common:
        return False
    try:
        recipe.data(Path(common))
    except MissingData:
        return False
    return True


def _outcomes(
    jobs: Sequence[Job], workers: int, options: Options, listen: Listener
) -> list[Outcome]:
    devices = options.devices or 1
    if join().size > 1:
        if devices > 1:
            raise TaskError("--devices starts processes, and torchrun has started them already")
        return run_together(jobs, listen)
    if devices == 1:
        return run_all(jobs, workers, listen)
    if (options.workers or 1) > 1:
        raise TaskError("--devices: the runs are made one after the other; leave out --workers")
    return run_in_processes(jobs, devices, listen)


def _data(recipe: Recipe, folder: Path | None) -> AnySplits:
    try:
        return recipe.data(folder)
    except MissingData as error:
        first = "" if folder is None or folder.exists() else f"{folder}: there is no such folder\n"
        other = recipe.quick.embedded
        last = f"\n  or: --quick without --data trains on {other.title}" if other else ""
        raise MissingData(f"{first}{error}{last}") from None


def _workers(examples: int, jobs: Sequence[Job]) -> int:
    recipe = jobs[0].recipe
    steps = recipe.epochs * -(-min(recipe.examples or examples, examples) // recipe.batch_size)
    return 1 if steps * len(jobs) <= SHORT else min(available_cores(), len(jobs))


def _choices(recipe: Recipe, options: Options) -> list[LossChoice]:
    """The losses, each built once: what is wrong with one shows before anything is trained."""
    texts = options.losses or recipe.losses
    defaults = {name: getattr(options, name) for name in ("step", "interpolation", "squash")}
    choices = [resolve(text, recipe, defaults, options.specs or ()) for text in texts]
    if twice := next((text for text in texts if texts.count(text) > 1), None):
        raise TaskError(f"loss '{twice}' is given twice")
    for choice in choices:
        choice.build(seed=0)
    return choices
