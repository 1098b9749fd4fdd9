"""The outcome of an experiment: the paper's figures beside ours, printed and written to files."""

from __future__ import annotations

import datetime
import math
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lossc.models.table import PLAIN_WIDTH, Spread

SIDE_BY_SIDE = 3  # columns up to which the paper's figure is beside ours, else above it


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Args:
        title: As the paper has it, with the unit.
        metric: The figure that fills it.
        scale: Times which the figure is what the paper prints: 100 for percent.
        digits: After the point.
        smaller: The smaller the better.
    """

    title: str
    metric: str
    scale: float = 100.0
    digits: int = 2
    smaller: bool = False

    def written(self, spread: Spread | None) -> str:
        """A measured figure, with its sample standard deviation over the seeds."""
        if spread is None or math.isnan(spread.mean):
            return "-"
        mean = f"{self.scale * spread.mean:.{self.digits}f}"
        if spread.deviation is None:
            return mean
        return f"{mean} ± {self.scale * spread.deviation:.{self.digits}f}"


@dataclass(frozen=True)
class Line:
    """A row: what was published, by column title, and what was measured."""

    label: str
    published: Mapping[str, str]
    measured: Mapping[str, Spread | None]
    failures: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """All that an experiment says.

    Args:
        name: Of the experiment.
        title: What it shows.
        source: Paper, and number of the table or figure.
        columns: Of the table.
        lines: Its rows.
        paper: What the paper trained.
        here: What was trained here, a line for each task.
        notes: What else differs.
        verdicts: The paper's conclusions, and whether they are seen here.
        files: What was written, by what it is.
    """

    name: str
    title: str
    source: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    paper: str
    here: tuple[str, ...]
    notes: tuple[str, ...] = ()
    verdicts: tuple[str, ...] = ()
    files: Mapping[str, Path] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether anything could not be measured."""
        return any(line.failures for line in self.lines)


def grid(report: Report) -> tuple[list[str], list[list[str]]]:
    """Headings and rows of the table as text: the paper's figures beside ours, or above them."""
    published = any(line.published for line in report.lines)
    if not published:
        headings = ["", *(column.title for column in report.columns)]
        return headings, [_measured(report, line) for line in report.lines]
    rows = []
    if len(report.columns) <= SIDE_BY_SIDE:
        said = {title for line in report.lines for title in line.published}
        headings = [""]
        for column in report.columns:
            here = [f"{column.title}, paper", f"{column.title}, here"]
            headings += here if column.title in said else [column.title]
        for line in report.lines:
            row = [line.label]
            for column in report.columns:
                row += [line.published.get(column.title, "")] if column.title in said else []
                row.append(_cell(line, column))
            rows.append(row)
        return headings, rows
    headings = ["", "", *(column.title for column in report.columns)]
    for line in report.lines:
        paper = (line.published.get(column.title, "") for column in report.columns)
        if line.published:
            rows.append([line.label, "paper", *paper])
        label = "" if line.published else line.label
        rows.append([label, "here", *_measured(report, line)[1:]])
    return headings, rows


def print_report(report: Report, console: Console | None = None) -> None:
    """The table and all that must be known to read it, on standard output."""
    console = console or Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, file=console.file, width=PLAIN_WIDTH)
    headings, rows = grid(report)
    console.print(Text(f"{report.name}: {report.title} ({report.source})", style="italic"))
    table = Table(box=SIMPLE_HEAD)
    for position, heading in enumerate(headings):
        table.add_column(heading, justify="left" if position == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)
    for text in remarks(report):
        console.print(Text(text))
    console.print()


def remarks(report: Report) -> list[str]:
    """What stands below the table, one line each."""
    lines = [f"paper: {report.paper}"] if report.paper else []
    lines += [f"here: {text}" for text in report.here]
    lines += [f"note: {text}" for text in report.notes]
    lines += [f"claim: {text}" for text in report.verdicts]
    for line in report.lines:
        lines += [f"failed: {line.label}: {reason}" for reason in line.failures]
    return [*lines, *(f"{what}: {path}" for what, path in report.files.items())]


def markdown(report: Report, command: str) -> str:
    """The same for a page, with the command, the date and the machine."""
    headings, rows = grid(report)
    labels = 1 if headings[1:2] != [""] else 2
    rule = ["---"] * labels + ["---:"] * (len(headings) - labels)
    lines = [f"### {report.name}: {report.title}", "", f"{report.source}. {when_and_where()}", ""]
    if command:
        lines += ["```sh", command, "```", ""]
    for row in (headings, rule, *rows):
        lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |")
    lines.append("")
    for text in remarks(report):
        what, _, rest = text.partition(": ")
        if what in ("paper", "here", "note", "claim", "failed"):
            lines.append(f"- {what.capitalize()}: {rest}")
    return "\n".join(lines) + "\n"


def as_json(report: Report, command: str) -> dict[str, Any]:
    """The same for programs; figures are in the units of the columns' titles, NaN is ``None``."""
    return {
        "name": report.name,
        "title": report.title,
        "source": report.source,
        "command": command,
        "measured": when_and_where(),
        "columns": [column.title for column in report.columns],
        "rows": [
            {
                "label": line.label,
                "published": dict(line.published),
                "measured": {
                    column.title: _figures(line.measured.get(column.title), column.scale)
                    for column in report.columns
                },
                "failures": list(line.failures),
            }
            for line in report.lines
        ],
        "paper": report.paper,
        "here": list(report.here),
        "notes": list(report.notes),
        "claims": list(report.verdicts),
        "files": {what: str(path) for what, path in report.files.items()},
    }


def when_and_where() -> str:
    """The date and the machine, in a sentence."""
    today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    if torch.cuda.is_available():
        device = torch.cuda.get_device_name()
    else:
        affinity = getattr(os, "sched_getaffinity", None)
        cores = len(affinity(0)) if affinity else os.cpu_count()
        device = f"{cores} CPU cores ({platform.machine()})"
    return f"Measured {today}, {device}, torch {torch.__version__}."


def _figures(spread: Spread | None, scale: float) -> dict[str, Any] | None:
    if spread is None:
        return None
    figures = Spread(tuple(scale * value for value in spread.values)).as_dict()
    values = [value if math.isfinite(value) else None for value in figures["values"]]
    if None in values:
        return {"mean": None, "std": None, "values": values}
    return figures


def _measured(report: Report, line: Line) -> list[str]:
    return [line.label, *(_cell(line, column) for column in report.columns)]


def _cell(line: Line, column: Column) -> str:
    return column.written(line.measured.get(column.title))


def verdict(text: str, seen: bool | None, detail: str) -> str:
    """A conclusion of the paper, and what is seen of it here."""
    word = {True: "seen here", False: "not seen here", None: "open here"}[seen]
    return f"{text}: {word} ({detail})"


def without_empty(lines: Sequence[str]) -> tuple[str, ...]:
    """The lines that say something, each once."""
    return tuple(dict.fromkeys(line for line in lines if line))
