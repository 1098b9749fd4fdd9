"""Draws the pictures of ``docs/gallery.md``: a spec's loss as one score of its example moves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import torch
from torch import Tensor

from lossc.compiler.compile import CompiledLoss, compile_spec
from lossc.compiler.examples import tensors_of
from lossc.compiler.front.examples import example_params

POINTS = 80
#: Places at which every score is tried, to find the one to show.
TRIED = 12
#: Read well on white and on black.
_GREY, _BLUE, _ORANGE = "#808080", "#3b8fd9", "#e08214"
_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "lossc",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    **dict.fromkeys(
        ["axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color", "text.color"], _GREY
    ),
}


@dataclass(frozen=True)
class Sweep:
    """One score, moved.

    Args:
        score: Which: ``scores[0, 2]``.
        places: Where it was, ``[t]``.
        exact: The metric there; ``None`` for a differentiable loss.
        smooth: The interpolated metric, or the loss.
        slope: The derivative of the loss.
    """

    score: str
    places: Tensor
    exact: Tensor | None
    smooth: Tensor
    slope: Tensor


def sweep(name: str) -> Sweep:
    """The loss of a bundled spec along the score of its first example that matters most.

    Raises:
        ValueError: The spec has no example.
    """
    spec = compile_spec(name).spec
    if not spec.examples:
        raise ValueError(f"'{name}' has no example to draw")
    example = spec.examples[0]
    compiled = compile_spec(name, params=example_params(spec, example))
    inputs = tensors_of(compiled.spec, example)
    places = [
        (number, flat)
        for number, entry in enumerate(compiled.spec.inputs)
        if entry.kind.live and inputs[number] is not None
        for flat in range(_given(inputs, number).numel())
    ]
    # the first of those along which the metric, or the loss, changes most
    best = max(places, key=lambda place: _variation(compiled, inputs, *place))
    return _moved(compiled, inputs, *best)


def _given(inputs: list[Tensor | None], number: int) -> Tensor:
    given = inputs[number]
    assert given is not None
    return given


def _batches(
    compiled: CompiledLoss, inputs: list[Tensor | None], number: int, flat: int, points: int
) -> Iterator[tuple[Tensor, Tensor, list[Tensor | None]]]:
    """The batch with one score at each of its places, and the scores that have it."""
    given = _given(inputs, number)
    margin = 1.0 if compiled.plan.is_metric else 3.0
    low, high = float(given.min()) - margin, float(given.max()) + margin
    for place in torch.linspace(low, high, points, dtype=torch.float64):
        moved = given.clone().flatten()
        moved[flat] = place
        scores = moved.reshape(given.shape).requires_grad_()
        yield place, scores, [scores if k == number else one for k, one in enumerate(inputs)]


def _variation(
    compiled: CompiledLoss, inputs: list[Tensor | None], number: int, flat: int
) -> tuple[int, float]:
    """How many values the metric has as a score moves, and how far they lie apart."""
    loss: Any = compiled.loss()
    function = loss.metric if compiled.plan.is_metric else loss
    with torch.no_grad():
        batches = _batches(compiled, inputs, number, flat, TRIED)
        values = torch.stack([function(*batch) for _, _, batch in batches])
    steps = len(set(values.mul(1e6).round().tolist())) if compiled.plan.is_metric else 0
    return steps, round(float(values.diff().abs().sum()), 6)


def _moved(compiled: CompiledLoss, inputs: list[Tensor | None], number: int, flat: int) -> Sweep:
    loss: Any = compiled.loss().eval()  # the same draw of anchors everywhere
    sign = -1 if compiled.plan.graph.goal == "evaluate" else 1
    places, exact, smooth, slope = [], [], [], []
    for place, scores, batch in _batches(compiled, inputs, number, flat, POINTS):
        value = loss(*batch)
        (gradient,) = torch.autograd.grad(value, [scores])
        places.append(place)
        smooth.append(sign * value.detach())
        slope.append(gradient.flatten()[flat])
        if compiled.plan.is_metric:
            exact.append(loss.metric(*batch).detach())
    entry, shape = compiled.spec.inputs[number], _given(inputs, number).shape
    letters = ", ".join(str(int(i)) for i in torch.unravel_index(torch.tensor(flat), shape))
    return Sweep(
        f"{entry.name.id}[{letters}]" if letters else entry.name.id,
        torch.stack(places),
        torch.stack(exact) if exact else None,
        torch.stack(smooth),
        torch.stack(slope),
    )


def draw(name: str, path: Path) -> None:
    """Draws a spec; the same spec gives the same file."""
    matplotlib.use("svg")
    from matplotlib import pyplot

    found = sweep(name)
    with matplotlib.rc_context(_STYLE):
        figure, (above, below) = pyplot.subplots(
            2, 1, figsize=(5.2, 3.2), sharex=True, height_ratios=(2, 1), layout="constrained"
        )
        what = "loss"
        if found.exact is not None:
            above.step(found.places, found.exact, where="mid", color=_GREY, label="metric")
            what = "interpolated"
        above.plot(found.places, found.smooth, color=_BLUE, label=what)
        above.set_ylabel("loss" if found.exact is None else "metric")
        if found.exact is not None:
            above.legend(frameon=False, loc="best")
        below.axhline(0, color=_GREY, linewidth=0.5)
        below.plot(found.places, found.slope, color=_ORANGE)
        below.set_ylabel("gradient")
        below.set_xlabel(found.score)
        figure.savefig(
            path, format="svg", transparent=True, metadata={"Date": None, "Creator": None}
        )
        pyplot.close(figure)
