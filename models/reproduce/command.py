"""``lossc reproduce``: tables and figures of the papers, the published figures beside ours."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from lossc.models.errors import TaskError
from lossc.models.reproduce.compare import compare
from lossc.models.reproduce.experiment import Comparison, Experiment, Setting
from lossc.models.reproduce.experiments import find_experiments
from lossc.models.reproduce.recipes import check_settings
from lossc.models.reproduce.report import Report, as_json, markdown, print_report
from lossc.models.run import write_json, write_text


def reproduce_command(names: Sequence[str], setting: Setting, as_json_text: bool = False) -> int:
    """Make the experiments, print their reports, and keep them.

    Each leaves ``report.json``, ``report.md`` and its figure in ``OUT/NAME``; runs are in
    ``OUT/runs``, and those that are there already are not made again. Where nothing is to be
    trained nothing is written either.

    Args:
        names: Of experiments, or ``all``.
        setting: What the user wants.
        as_json_text: Print JSON, and nothing else on standard output.

    Returns:
        The exit code: 1 where anything could not be measured.

    Raises:
        LosscError: There is no such experiment, a setting is wrong, or nothing can be written.
    """
    experiments = find_experiments(list(names))
    for experiment in experiments:
        check_settings(experiment, setting)
    if setting.data is not None and not setting.data.exists():
        raise TaskError(f"{setting.data}: no such folder; --data or LOSSC_DATA named it")
    if setting.train:
        _prepare(setting.out)
    reports = []
    for experiment in experiments:
        if len(experiments) > 1:
            print(f"{experiment.name} ...", file=sys.stderr)
        try:
            report = perform(experiment, setting)
        except OSError as error:  # of a full disk, which names no file
            raise TaskError(f"{experiment.name}: {setting.out}: {error}") from None
        if setting.train:
            keep(report, setting)
        reports.append(report)
        if not as_json_text:
            print_report(report, Console(highlight=False))
    if as_json_text:
        figures = [as_json(report, setting.command_of(report.name)) for report in reports]
        print(json.dumps(figures, indent=2, allow_nan=False))
    return int(any(report.failed for report in reports))


def perform(experiment: Experiment, setting: Setting) -> Report:
    """Make one experiment."""
    if isinstance(experiment, Comparison):
        return compare(experiment, setting)
    return experiment.perform(setting)


def _prepare(out: Path) -> None:
    """Make the folder of all experiments, and see that it can be written to."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise TaskError(f"{out}: {error.strerror or error}; --out names another folder") from None


def keep(report: Report, setting: Setting) -> None:
    """Write the report beside its figure; a disk that is full loses the files alone."""
    folder = setting.out / report.name
    command = setting.command_of(report.name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "report.json", as_json(report, command))
        write_text(folder / "report.md", markdown(report, command))
    except OSError as error:
        print(f"{folder}: {error.strerror or error}", file=sys.stderr)
