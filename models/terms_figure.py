"""The terms of losses over the epochs as a picture: values, weights, shares of the gradient."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lossc.models.table import Row

PANELS = {"value": "value", "weight": "weight", "gradient_share": "share of the gradient"}


def save_terms(rows: Sequence[Row], path: Path) -> Path | None:
    """Draw each loss that has several terms: a row of panels, and a line for each term.

    Lines are means over the seeds.

    Returns:
        ``path``; ``None`` where no finished run has terms, and then no file is written.
    """
    drawn = [row for row in rows if row.runs and terms_of(row)]
    if not drawn:
        return None
    figure = Figure(figsize=(11, 0.6 + 2.8 * len(drawn)), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(drawn), len(PANELS), squeeze=False)
    for row, panels in zip(drawn, grid, strict=True):
        epochs = np.arange(1, max(run.epochs for run in row.runs) + 1)
        for panel, (kind, shown) in zip(panels, PANELS.items(), strict=True):
            for term in terms_of(row):
                panel.plot(epochs, _mean(row, f"loss_{kind}/{term}"), label=term, linewidth=1.3)
            panel.set(xlabel="epoch", ylabel=shown)
        panels[0].set_title(row.loss[:60], fontsize="small", loc="left")
        panels[0].legend(fontsize="small", frameon=False)
        panels[-1].set_ylim(-0.02, 1.02)
    partial = path.with_name(path.name + ".part")
    figure.savefig(partial, format="png", dpi=120)
    os.replace(partial, path)
    return path


def terms_of(row: Row) -> list[str]:
    """The names of a loss's terms, in their order; none where it is a single one."""
    start = "loss_value/"
    found = {key: None for run in row.runs for entry in run.history for key in entry}
    return [key.removeprefix(start) for key in found if key.startswith(start)]


def _mean(row: Row, key: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """``[epoch]``; a gap where no run took the figure."""
    mean = np.ma.masked_invalid(row.history(key)).mean(axis=0)
    whole: np.ndarray[tuple[int], np.dtype[np.float64]] = np.ma.filled(mean, np.nan)
    return whole
