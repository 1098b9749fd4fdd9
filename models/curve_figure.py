"""Curves as a picture: a few panels of lines, SVG or PNG."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


@dataclass(frozen=True)
class Line:
    """One line: where it goes, what it is called, which colour and dashes of the cycle it has."""

    label: str
    xs: Sequence[float]
    ys: Sequence[float]
    colour: int
    dashes: int = 0


@dataclass(frozen=True)
class Panel:
    """Lines over the same axes."""

    x: str
    y: str
    lines: Sequence[Line]


_DASHES = ("-", "--", ":", "-.")


def draw(panels: Sequence[Panel], path: Path) -> None:
    """Write a picture, in the format of the path's ending.

    Raises:
        OSError: It could not be written.
    """
    figure = Figure(figsize=(5.5 * len(panels), 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for line in panel.lines:
            style = _DASHES[line.dashes % len(_DASHES)]
            colour = f"C{line.colour % 10}"
            axes.plot(line.xs, line.ys, color=colour, linestyle=style, label=line.label)
        axes.set(xlabel=panel.x, ylabel=panel.y)
        axes.grid(alpha=0.3)
    figure.axes[0].legend(fontsize="small")
    kind = path.suffix.lower().removeprefix(".")
    partial = path.with_name(path.name + ".part")
    # the same curves give the same file: no date, no random ids; the text stays text
    with matplotlib.rc_context({"svg.hashsalt": "lossc", "svg.fonttype": "none"}):
        metadata = {"Date": None} if kind == "svg" else {}
        figure.savefig(partial, format=kind, dpi=120, metadata=metadata)
    os.replace(partial, path)
