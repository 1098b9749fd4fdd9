"""What an experiment of a paper is: rows, each a loss on a task, beside the published figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lossc.models.recipe import Measure
from lossc.models.reproduce.report import Column, Report
from lossc.models.run import Run

Settings = Mapping[str, object]


@dataclass(frozen=True)
class Setting:
    """How the user wants experiments to be made.

    Args:
        quick: On embedded or small data, in minutes.
        data: The folder of all data. ``None``: the environment's, the cache, or what is embedded.
        out: The folder of all experiments; runs that several of them need are made once.
        seeds: Runs of each row. ``None``: as many as the experiment says.
        workers: Runs at the same time. ``None``: as many as there are cores.
        settings: Of all recipes, as ``--set`` has them, in place of an experiment's epochs too.
        train: Make runs that are not there. Else what is there is shown.
        options: What the user typed after the experiments' names, for the report.
    """

    quick: bool = False
    data: Path | None = None
    out: Path = Path("runs/reproduce")
    seeds: int | None = None
    workers: int | None = None
    settings: Settings = field(default_factory=dict)
    train: bool = True
    options: str = ""

    def command_of(self, name: str) -> str:
        """The command that makes one experiment as it was made."""
        return " ".join(part for part in ("lossc reproduce", name, self.options) if part)


@dataclass(frozen=True)
class Case:
    """One row of a table: a loss, a task, and what the paper reports of it.

    Args:
        label: As the paper calls it; unlike that of any other case of the experiment.
        task: A task's name.
        loss: As ``lossc train --loss`` takes it.
        published: The paper's figures as printed, or a word, by the title of their column.
        settings: Of the task, as ``--set`` takes them.
        full_settings: Of the full form alone, such as its number of epochs.
        quick_task: In place of the task in the quick form.
        quick_loss: In place of the loss.
        quick_settings: After the others.
        start: The label of the case whose weights this one begins with, seed by seed; the network
            of the task has a setting ``start``.
    """

    label: str
    task: str
    loss: str
    published: Mapping[str, str] = field(default_factory=dict)
    settings: Settings = field(default_factory=dict)
    full_settings: Settings = field(default_factory=dict)
    quick_task: str | None = None
    quick_loss: str | None = None
    quick_settings: Settings = field(default_factory=dict)
    start: str | None = None


@dataclass(frozen=True)
class Claim:
    """Something that the paper says, as a comparison of two rows.

    Args:
        text: In our words.
        better: The label of the row with the larger figure (the smaller, where that is better).
        than: The label of the other one.
        column: The title of the column.
        margin: All that is claimed is that the first is not worse by more than this, in the units
            of the column; below 0: that it is better by more than so much. ``None``: it is better.
    """

    text: str
    better: str
    than: str
    column: str
    margin: float | None = None


@dataclass(frozen=True)
class Curves:
    """A figure: one panel for each of ``keys`` of the history, a line for each case."""

    keys: tuple[str, ...]
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """A table, or the curves of its runs.

    Args:
        name: As ``lossc reproduce`` spells it.
        title: What it shows.
        source: Paper, and number of the table or figure.
        setup: What the paper trained, in a line.
        columns: With the metrics that fill them.
        cases: The rows.
        seeds: Runs of each row in the paper, as far as it says; 1 else.
        claims: What the paper concludes.
        notes: What differs from the paper even in the full form.
        quick_notes: What differs in the quick form besides what its sizes say.
        measures: Metrics that the tasks do not have, by name, of the tested weights.
        after: More metrics, from a finished run.
        curves: What to draw of the histories.
    """

    name: str
    title: str
    source: str
    setup: str
    columns: tuple[Column, ...]
    cases: tuple[Case, ...]
    seeds: int = 1
    claims: tuple[Claim, ...] = ()
    notes: tuple[str, ...] = ()
    quick_notes: tuple[str, ...] = ()
    measures: Mapping[str, Measure] = field(default_factory=dict)
    after: Callable[[Run], Mapping[str, float]] | None = None
    curves: Curves | None = None


@dataclass(frozen=True)
class Study:
    """An experiment that is no table of trained losses.

    Args:
        name: As ``lossc reproduce`` spells it.
        title: What it shows.
        source: Paper, and number of the table or figure.
        cases: What it trains.
        perform: Does it.
    """

    name: str
    title: str
    source: str
    cases: tuple[Case, ...]
    perform: Callable[[Setting], Report]


Experiment = Comparison | Study
