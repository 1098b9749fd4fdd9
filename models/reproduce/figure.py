"""The histories of an experiment's runs as curves."""

from __future__ import annotations

import os
from pathlib import Path

from lossc.models.curve_figure import Line, Panel, draw
from lossc.models.reproduce.experiment import Curves
from lossc.models.run import Run


def save_histories(curves: Curves, runs: dict[str, list[Run]], path: Path) -> Path | None:
    """Draw a panel for each key of the history, and a line for each case: means over its seeds.

    Args:
        curves: What of the histories is shown.
        runs: Finished ones, by the label of their case.
        path: A PNG file.

    Returns:
        ``path``; ``None`` where nothing was finished.
    """
    panels = []
    for key in curves.keys:
        lines = []
        for colour, (label, found) in enumerate(runs.items()):
            epochs, means = mean_history(found, key)
            if epochs:
                lines.append(Line(label, epochs, means, colour))
        name = curves.labels.get(key, key.replace("_", " "))
        panels.append(Panel("epoch", name, lines))
    if not any(panel.lines for panel in panels):
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    partial.write_bytes(draw(panels, path.suffix[1:]))
    os.replace(partial, path)
    return path


def mean_history(runs: list[Run], key: str) -> tuple[list[float], list[float]]:
    """Epochs that all runs have, and the mean of a figure over the runs at each."""
    by_epoch: dict[float, list[float]] = {}
    for run in runs:
        for entry in run.history:
            if key in entry:
                by_epoch.setdefault(entry["epoch"], []).append(entry[key])
    epochs = [epoch for epoch, values in by_epoch.items() if len(values) == len(runs)]
    return epochs, [sum(by_epoch[epoch]) / len(runs) for epoch in epochs]
