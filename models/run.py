"""One run: what it was asked to do, what came of it, and its folder."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from lossc.models.data.digest import digest
from lossc.models.data.split import AnySplits
from lossc.models.errors import TaskError
from lossc.models.losses import LossChoice
from lossc.models.recipe import Recipe

History = list[dict[str, float]]


#: Arithmetic that a run may have, as Lightning names it; data and weights are float32 in all.
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")


@dataclass(frozen=True)
class Job:
    """One run to be made.

    Args:
        recipe: The task, with the user's epochs and batch size in it.
        choice: The loss.
        seed: Of weights, order of the data, and the loss's own randomness.
        learning_rate: Of the update rule.
        folder: For logs, checkpoints and figures.
        data: The folder of the data. ``None``: the environment's, or the cache.
        precision: One of :data:`PRECISIONS`.
        resume: Go on with an unfinished run of the same settings, if the folder has one.
        keep_finished: Make no run that is finished again.
        device: Index of the GPU, where there is one.
    """

    recipe: Recipe
    choice: LossChoice
    seed: int
    learning_rate: float
    folder: Path
    data: Path | None = None
    precision: str = "32-true"
    resume: bool = True
    keep_finished: bool = False
    device: int = 0

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise TaskError(
                f"unknown precision '{self.precision}'\n  expected: one of: {', '.join(PRECISIONS)}"
            )

    @property
    def settings(self) -> dict[str, Any]:
        """All that the figures depend on but the data: see :func:`whole_settings`."""
        recipe, choice = self.recipe, self.choice
        return {
            "task": recipe.name,
            "embedded": recipe.embedded,
            "loss": choice.text,
            "choices": dict(choice.choices),
            "params": dict(choice.params),
            "spec": choice.digest,
            "constants": dict(recipe.constants),
            "seed": self.seed,
            "loss_seed": self.seed if choice.seed is None else choice.seed,
            "optimiser": asdict(recipe.optimiser) | {"learning_rate": self.learning_rate},
            "schedule": named(recipe.schedule),
            "epochs": recipe.epochs,
            "batch_size": recipe.batch_size,
            "examples": recipe.examples,
            "selection": recipe.selection,
            "patience": recipe.patience,
            "clip": recipe.clip,
            "data": named(recipe.data),
            "network": named(recipe.network),
            "inputs": named(recipe.inputs),
            "augment": named(recipe.augment),
            "headline": recipe.headline,
            "threads": recipe.threads,
            "precision": self.precision,
        }


def named(part: Any) -> str | None:
    """A part of a recipe in words that are the same in every process.

    A function is its name, a dataclass what it was made with; fields that its ``repr`` leaves out
    do not count, and of a file the content does.

    Raises:
        TaskError: A file cannot be read.
    """
    if part is None or isinstance(part, str):
        return part
    if is_dataclass(part):
        shown = {each.name: getattr(part, each.name) for each in fields(part) if each.repr}
        for each in fields(part):
            if each.metadata.get("file") and shown[each.name] is not None:
                shown[each.name] = _content(Path(shown[each.name]))
        values = ", ".join(f"{name}={_value(value)}" for name, value in shown.items())
        return f"{type(part).__qualname__}({values})"
    return str(getattr(part, "__qualname__", None) or repr(part))


def _content(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise TaskError(f"{path}: {error.strerror or error}") from None


def _value(part: Any) -> str | None:
    return named(part) if is_dataclass(part) or callable(part) else repr(part)


@dataclass(frozen=True)
class Run:
    """What came of a job.

    Args:
        job: What was asked.
        test: The metrics on the test split, by name.
        validation: The same on the validation split, of the same weights.
        epoch: 1-based epoch after which the tested weights were taken.
        seconds: Wall time of the training, evaluation after each epoch included.
        history: An entry an epoch: ``epoch``, ``loss``, ``train_*``, ``val_*``, ``seconds``.
    """

    job: Job
    test: dict[str, float]
    validation: dict[str, float]
    epoch: int
    seconds: float
    history: History

    @property
    def epochs(self) -> int:
        """How many were trained: fewer than asked for where the run was stopped early."""
        return len(self.history)


@dataclass(frozen=True)
class Failure:
    """A job that could not be finished, and why."""

    job: Job
    reason: str


class RunFolder:
    """The files of one run. Each is whole or absent: written beside, then renamed."""

    def __init__(self, path: Path):
        self.path = path
        self.settings = path / "settings.json"
        self.metrics = path / "metrics.csv"
        self.last = path / "last.ckpt"
        self.best = path / "best.ckpt"
        self.weights = path / "network.pt"
        self.result = path / "result.json"
        self.examples = path / "examples.png"

    def kept(self, epoch: int) -> Path:
        """The network's weights after an epoch, where the recipe says that they are kept."""
        return self.path / f"epoch-{epoch}.pt"

    def open(self, job: Job, splits: AnySplits | None = None) -> Path | None:
        """Make the folder ready for a job.

        Args:
            job: What is to be done.
            splits: Its data. ``None``: it is loaded.

        Returns:
            The checkpoint to go on from; ``None``: the run starts anew, and what an earlier one
            left in the folder is gone.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        unfinished = self.last.is_file() and not self.result.is_file()
        settings = whole_settings(job, splits)
        if job.resume and unfinished and read_json(self.settings) == settings:
            return self.last
        for path in (self.result, self.last, self.best, self.metrics, self.weights, self.examples):
            path.unlink(missing_ok=True)
        for pattern in ("events.out.tfevents.*", "epoch-*.pt"):
            for path in self.path.glob(pattern):
                path.unlink()
        write_json(self.settings, settings)
        return None


def whole_settings(job: Job, splits: AnySplits | None = None) -> dict[str, Any]:
    """All that the figures depend on; two runs with equal settings give the same weights.

    Args:
        job: What is to be done.
        splits: Its data. ``None``: it is loaded.

    Raises:
        DataError: The data is missing or damaged.
    """
    found = job.recipe.data(job.data) if splits is None else splits
    job = replace(job, recipe=job.recipe.fitted(found))
    return job.settings | {"splits": digest(found)}


def finished(job: Job, splits: AnySplits | None = None) -> Run | None:
    """A run that was made with a job's settings on its data, from the job's folder.

    Args:
        job: What would be done.
        splits: Its data. ``None``: it is loaded.

    Returns:
        What came of it; ``None`` where there is none, an unfinished one, or one of other settings.

    Raises:
        DataError: The data is missing or damaged.
    """
    folder = RunFolder(job.folder)
    result = read_json(folder.result)
    if result is None or read_json(folder.settings) != whole_settings(job, splits):
        return None
    try:
        with folder.metrics.open(encoding="utf-8", newline="") as file:
            history = [
                {name: float(value) for name, value in line.items() if value}
                for line in csv.DictReader(file)
            ]
        tested = (result["test"], result["validation"], result["epoch"], result["seconds"])
    except (OSError, ValueError, KeyError, TypeError):  # not what a run leaves behind
        return None
    return Run(job, *tested, history)


def read_json(path: Path) -> Any:
    """The content of a JSON file; ``None`` where there is none that can be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file, at once or not at all."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file, at once or not at all."""
    partial = path.with_name(path.name + ".part")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)
