"""Writes ``docs/steps.svg``: the step relaxations and their slopes, by the runtime's functions."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import Tensor

from lossc.compiler.choices import STEPS
from lossc.runtime import relaxations

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "steps.svg"
REACH, POINTS = 4.0, 401


def curves(name: str, temperature: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    """Comparisons, relaxed binaries and slopes of a step, each ``[POINTS]`` in float64."""
    comparison = torch.linspace(-REACH, REACH, POINTS, dtype=torch.float64)
    tail, slope = getattr(relaxations, STEPS[name].function)(comparison.abs(), temperature)
    return comparison, torch.where(comparison > 0, 1 - tail, tail), slope


def draw(path: Path) -> None:
    """Two panels side by side; the same bytes in every run."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    settings = {"svg.hashsalt": "lossc", "svg.fonttype": "none", "font.size": 9}
    with pyplot.rc_context(settings):
        figure, (values, slopes) = pyplot.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
        for name in STEPS:
            comparison, relaxed, slope = (each.numpy() for each in curves(name))
            style = "--" if name == "straight_through" else "-"
            values.plot(comparison, relaxed, style, label=name, linewidth=1.3)
            slopes.plot(comparison, slope, style, linewidth=1.3)
        values.set(xlabel="comparison / temperature", ylabel="relaxed binary u")
        slopes.set(xlabel="comparison / temperature", ylabel="slope, times the temperature")
        values.legend(fontsize=8, frameon=False)
        figure.savefig(path, format="svg", metadata={"Date": None})
        pyplot.close(figure)


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE)
