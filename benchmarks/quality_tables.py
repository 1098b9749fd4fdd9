"""The tables of `quality.py` in Markdown."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

SCORED = {"average_precision", "auroc", "f_beta"}


def rows_of(file: Path) -> list[dict[str, Any]]:
    """The runs that a file has."""
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def tables(file: Path, seeds: int) -> str:
    """Test metrics in percent over the seeds, those of classes and those of scores apart.

    The best mean of a column is bold, and so are all within its spread.
    """
    runs: dict[tuple[str, str], dict[str, list[float]]] = {}
    for row in rows_of(file):
        task, metric, variant, _, seed = row["key"]
        if seed:
            runs.setdefault((task, metric), {}).setdefault(variant, []).append(row["test"])
    text = ""
    for scored in (False, True):
        columns = [at for at in runs if (at[1] in SCORED) == scored]
        if not columns:
            continue
        names = list(dict.fromkeys(name for at in columns for name in runs[at]))
        cells: dict[str, list[str]] = {name: [] for name in names}
        means: dict[str, list[float]] = {name: [] for name in names}
        for at in columns:
            whole = {k: v for k, v in runs[at].items() if len(v) == seeds}
            mean = {name: statistics.mean(values) for name, values in whole.items()}
            spread = {name: statistics.stdev(values) for name, values in whole.items()}
            top = max(mean, key=lambda name: mean[name])
            for name in names:
                if name not in mean:
                    cells[name].append("")
                    continue
                shown = f"{100 * mean[name]:.2f} ± {100 * spread[name]:.2f}"
                near = mean[name] >= mean[top] - spread[top]
                cells[name].append(f"**{shown}**" if near else shown)
                means[name].append(mean[name])
        known = [name for name in names if means[name]]
        known.sort(key=lambda name: -statistics.mean(means[name]))
        heads = [f"{task}: {metric.replace('_', ' ')}" for task, metric in columns]
        text += f"\n| loss | {' | '.join(heads)} |\n| --- |{' ---: |' * len(heads)}\n"
        text += "".join(f"| {name} | {' | '.join(cells[name])} |\n" for name in known)
    return text.strip() + "\n"
