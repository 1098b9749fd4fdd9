"""The curves of a comparison as a picture."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lossc.models.recipe import Recipe
from lossc.models.table import Row


def save_curves(recipe: Recipe, rows: Sequence[Row], path: Path) -> Path | None:
    """Draw the headline metric over the epochs, and its distance from 1 on a logarithmic axis.

    Where the smaller figure is the better, its distance is from 0.

    Solid lines are the validation split (mean over the seeds, the band from the lowest to the
    highest), dashed lines the training split as it was seen.

    Returns:
        ``path``; ``None`` without a finished run, and then no file is written.
    """
    drawn = [row for row in rows if row.runs]
    if not drawn:
        return None
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    plain, distance = figure.subplots(1, 2)
    for position, row in enumerate(drawn):
        colour = f"C{position % 10}"
        val, train = (row.history(f"{split}_{recipe.headline}") for split in ("val", "train"))
        epochs = np.arange(1, val.shape[1] + 1)
        low, high = np.nanmin(val, axis=0), np.nanmax(val, axis=0)
        means = [np.nanmean(part, axis=0) for part in (val, train)]
        plain.plot(epochs, means[0], color=colour, label=row.loss)
        plain.fill_between(epochs, low, high, color=colour, alpha=0.2, lw=0)
        plain.plot(epochs, means[1], color=colour, linestyle="--", lw=1)
        for mean, style in zip(means, ("-", "--"), strict=True):
            error = mean.copy() if recipe.headline_smaller else 1 - mean
            error[error <= 0] = np.nan  # a perfect score has no place on a logarithmic axis
            distance.semilogy(epochs, error, color=colour, linestyle=style)
    name = recipe.headline.replace("_", " ")
    plain.set(xlabel="epoch", ylabel=name, title=f"{recipe.name} (dashed: training)")
    if recipe.headline_smaller:
        distance.set(xlabel="epoch", ylabel=name, title="distance from 0")
    else:
        distance.set(xlabel="epoch", ylabel=f"1 - {name}", title="distance from 1")
    plain.legend(fontsize="small")
    partial = path.with_name(path.name + ".part")
    figure.savefig(partial, format="png", dpi=120)
    os.replace(partial, path)
    return path
