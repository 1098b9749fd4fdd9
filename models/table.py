"""The losses of a comparison side by side: mean and spread over the seeds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic_core import to_jsonable_python
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lossc.models.parallel import Outcome
from lossc.models.recipe import Recipe
from lossc.models.run import Failure, Run
from lossc.models.settings import setting_values

PLAIN_WIDTH = 200  # columns, in files and pipes


@dataclass(frozen=True)
class Spread:
    """Mean and sample standard deviation (n - 1) of the runs; ``None`` for a single run."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        return statistics.fmean(self.values)

    @property
    def deviation(self) -> float | None:
        return statistics.stdev(self.values) if len(self.values) > 1 else None

    def __str__(self) -> str:
        if self.deviation is None:
            return f"{self.mean:.5f}"
        return f"{self.mean:.5f} ± {self.deviation:.5f}"

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {"mean": self.mean, "std": self.deviation, "values": list(self.values)}


@dataclass(frozen=True)
class Row:
    """One loss: what its finished runs reached.

    Args:
        loss: As the user wrote it.
        learning_rate: Of its runs.
        runs: Those that were finished.
        failures: Those that were not.
    """

    loss: str
    learning_rate: float
    runs: tuple[Run, ...]
    failures: tuple[Failure, ...]

    def test(self, metric: str) -> Spread | None:
        """A metric on the test split."""
        return self._spread([run.test[metric] for run in self.runs])

    def validation(self, metric: str) -> Spread | None:
        """A metric on the validation split, of the weights that were tested."""
        return self._spread([run.validation[metric] for run in self.runs])

    @property
    def seconds(self) -> float:
        """Mean training time of a run; NaN without one."""
        return statistics.fmean(run.seconds for run in self.runs) if self.runs else math.nan

    @property
    def epochs(self) -> str:
        """How many its runs were trained, from the fewest to the most; empty without one."""
        trained = sorted({run.epochs for run in self.runs})
        return "-".join(map(str, dict.fromkeys([*trained[:1], *trained[-1:]])))

    def history(self, key: str) -> NDArray[np.float64]:
        """A figure over the epochs, ``[run, epoch]``; NaN where a run has none, or has ended.

        Not all losses take all figures in all epochs.
        """
        whole = np.full((len(self.runs), max(run.epochs for run in self.runs)), np.nan)
        for line, run in zip(whole, self.runs, strict=True):
            line[: run.epochs] = [entry.get(key, np.nan) for entry in run.history]
        return whole

    def _spread(self, values: Sequence[float]) -> Spread | None:
        return Spread(tuple(values)) if values else None


def rows(outcomes: Sequence[Outcome]) -> list[Row]:
    """One row a loss, in the order in which they first come."""
    by_loss: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_loss.setdefault(outcome.job.choice.folder, []).append(outcome)
    return [
        Row(
            group[0].job.choice.text,
            group[0].job.learning_rate,
            tuple(outcome for outcome in group if isinstance(outcome, Run)),
            tuple(outcome for outcome in group if isinstance(outcome, Failure)),
        )
        for group in by_loss.values()
    ]


def print_rows(recipe: Recipe, table_rows: Sequence[Row], console: Console | None = None) -> None:
    """The table, on standard output."""
    console = console or Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, file=console.file, width=PLAIN_WIDTH)
    others = [*recipe.metrics, *recipe.final_metrics]
    metrics = [recipe.headline, *(name for name in others if name != recipe.headline)]
    table = _table(recipe, table_rows, metrics)
    unbounded = console.options.update_width(10_000)
    if console.measure(table, options=unbounded).maximum > console.width:
        table = _table(recipe, table_rows, metrics, narrow=True)
    console.print(table)


def _table(
    recipe: Recipe, table_rows: Sequence[Row], metrics: Sequence[str], narrow: bool = False
) -> Table:
    """One line a loss. A narrow table has deviations below their means, and no number is cut."""
    title = f"{recipe.name}: mean ± sample standard deviation over seeds"
    padding = (0, 1, 0, 0) if narrow else (0, 1)
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=padding)
    table.add_column("loss", overflow="fold", min_width=8)
    for heading in (*(f"test {_spaced(name)}" for name in metrics), "validation"):
        width = max(len("± 0.00000"), *map(len, heading.split()))
        table.add_column(heading, justify="right", min_width=width)
    for heading in ("seeds", "epochs", "lr", "seconds"):
        table.add_column(heading, justify="right", min_width=len(heading))
    for row in table_rows:
        tests = [row.test(name) for name in metrics]
        figures = [*tests, row.validation(recipe.headline)]
        seeds = str(len(row.runs)) + (f" ({len(row.failures)} failed)" if row.failures else "")
        seconds = "-" if math.isnan(row.seconds) else f"{row.seconds:.1f}"
        table.add_row(
            Text(row.loss),
            *("-" if figure is None else _figure(figure, narrow) for figure in figures),
            *(seeds, row.epochs or str(recipe.epochs), f"{row.learning_rate:g}", seconds),
        )
    return table


def _figure(figure: Spread, narrow: bool) -> str:
    return str(figure).replace(" ±", "\n±") if narrow else str(figure)


def as_json(
    recipe: Recipe, table_rows: Sequence[Row], files: Mapping[str, Path | None]
) -> dict[str, Any]:
    """The same figures for programs, every run's own included; what is missing is ``None``."""
    return {
        "task": recipe.name,
        "embedded": recipe.embedded or None,
        "headline": recipe.headline,
        "epochs": recipe.epochs,
        "batch_size": recipe.batch_size,
        "selection": recipe.selection,
        "settings": to_jsonable_python(setting_values(recipe)),
        "losses": [_row_as_json(recipe, row) for row in table_rows],
        **{name: None if path is None else str(path) for name, path in files.items()},
    }


def _row_as_json(recipe: Recipe, row: Row) -> dict[str, Any]:
    metrics = [*recipe.metrics, *recipe.final_metrics]
    tests = {name: row.test(name) for name in metrics}
    validations = {name: row.validation(name) for name in metrics}
    return {
        "loss": row.loss,
        "learning_rate": row.learning_rate,
        "seeds": [run.job.seed for run in row.runs],
        "test": {name: spread and spread.as_dict() for name, spread in tests.items()},
        "validation": {name: spread and spread.as_dict() for name, spread in validations.items()},
        "epoch": [run.epoch for run in row.runs],
        "epochs": [run.epochs for run in row.runs],
        "seconds": [run.seconds for run in row.runs],
        "failed": [
            {"seed": failure.job.seed, "reason": failure.reason} for failure in row.failures
        ],
    }


def _spaced(name: str) -> str:
    return name.replace("_", " ")
