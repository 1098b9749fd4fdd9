"""Curves as a picture: a few panels of lines, SVG or PNG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

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


def draw(panels: Sequence[Panel], kind: str) -> bytes:
    """The file of a picture; ``kind`` is ``svg`` or ``png``."""
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
    file = io.BytesIO()
    # the same curves give the same file: no date, no random ids; the text stays text
    with matplotlib.rc_context({"svg.hashsalt": "lossc", "svg.fonttype": "none"}):
        metadata = {"Date": None} if kind == "svg" else {}
        figure.savefig(file, format=kind, dpi=120, metadata=metadata)
    return file.getvalue()
