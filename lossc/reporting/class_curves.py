"""A loss of classes against one probability: its value and its gradient, the others held.

Figures 2, 4 and A-1 of Ryou, Jeong and Perona, Anchor Loss (ICCV 2019), for any loss of classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite, log, log1p
from typing import Literal

import torch
from torch import Tensor, nn

from lossc.compiler.batches import least_sizes
from lossc.compiler.compile import CompiledLoss
from lossc.grammar import syntax as sx
from lossc.reporting.states import known

Side = Literal["background", "target"]

#: A logit whose sigmoid is 0 in float64, and whose exponential is no trouble.
_FAR = 800.0
#: How near a score that is a probability itself comes to 0 and 1.
_NEAR = 1e-15


@dataclass(frozen=True)
class ClassCurve:
    """What one class costs.

    Args:
        name: The spec and the params that it was given.
        side: Whether the class that moves is a background class, or the target.
        held: The probability of the other class; ``None`` where it makes no difference.
        q: Probabilities of the class that moves: the sigmoid of its logit, or the score itself.
        loss: The compiled loss there.
        term: The loss above its least: the share of the class that moves.
        d_logit: The derivative of the loss by the logit of the class that moves.
        d_q: The derivative by its probability.
    """

    name: str
    side: Side
    held: float | None
    q: Sequence[float]
    loss: Sequence[float]
    term: Sequence[float]
    d_logit: Sequence[float]
    d_q: Sequence[float]

    @property
    def label(self) -> str:
        other = "target" if self.side == "background" else "background"
        return self.name if self.held is None else f"{self.name}, {other} {self.held:g}"


@dataclass(frozen=True)
class Layout:
    """One example of two classes, the target and a background class, in the inputs of a spec.

    Args:
        spec: A loss of classes.
        shape: Of the scores.
        axis: Along which the target is at 0 and the background class at 1; ``None``: the score is
            one yes-or-no question, and there is no other class.
        bounded: Whether the scores are probabilities themselves.
        fixed: The inputs that are no scores, for either side; ``None``: the default.
    """

    spec: sx.Spec
    shape: tuple[int, ...]
    axis: int | None
    bounded: bool
    fixed: dict[str, dict[Side, Tensor]]

    def arguments(self, side: Side, moving: Tensor, held: float) -> list[Tensor]:
        """The inputs, where the class of ``side`` has the score ``moving``, the other ``held``."""
        far = _NEAR if self.bounded else -_FAR
        scores = torch.full(self.shape, far, dtype=torch.float64)
        if self.axis is None:
            scores = moving.reshape(self.shape)
        else:
            at = 0 if side == "target" else 1
            for place, value in ((at, moving), (1 - at, torch.tensor(held, dtype=torch.float64))):
                where = torch.zeros(self.shape, dtype=torch.bool)
                where.select(self.axis, place).fill_(True)
                scores = torch.where(where, value, scores)
        given: list[Tensor | None] = []
        for entry in self.spec.inputs:
            name = entry.name.id
            given.append(scores if entry.kind.live else self.fixed.get(name, {}).get(side))
        return known(given)

    def score(self, q: float) -> float:
        """The score of a class of probability ``q``."""
        if self.bounded:
            return min(max(q, _NEAR), 1 - _NEAR)
        return -_FAR if q == 0 else _FAR if q == 1 else log(q) - log1p(-q)


def layout(compiled: CompiledLoss) -> Layout | None:
    """How a loss takes one example of two classes; ``None`` if it is no such loss.

    Its one real input without ``target`` holds logits, or probabilities if its range is [0, 1].
    What is true is a label, a flag for each score, or a target in [0, 1] for each score. All
    other inputs are optional.
    """
    spec = compiled.spec
    live = [entry for entry in spec.inputs if entry.kind.live]
    others = [e for e in spec.inputs if not e.kind.live and e.kind.default is None]
    if compiled.plan.graph.goal != "loss" or len(live) != 1 or len(others) != 1:
        return None
    scores, truth = live[0].kind, others[0].kind
    dims = [dim.size for dim in scores.dims]
    of_truth = [dim.size for dim in truth.dims]
    bounded = scores.range is not None
    if not dims or (bounded and not _unit(scores.range)):
        return None
    if truth.below is not None and truth.below.size in dims:
        axis: int | None = dims.index(truth.below.size)
        if of_truth != [size for size in dims if size != truth.below.size]:
            return None
    elif of_truth == dims and (truth.type == "bool" or _unit(truth.range)):
        axis = len(dims) - 1 if len(dims) > 1 else None
    else:
        return None
    least = least_sizes(spec, dict(compiled.plan.graph.params))
    shape = []
    for place, size in enumerate(dims):
        count = least.get(size, 1) if isinstance(size, str) else size
        if place == axis:
            count = max(count, 2)
        elif count > 1:
            return None  # more than one example
        shape.append(count)
    fixed = {others[0].name.id: _truths(truth, tuple(shape), axis)}
    return Layout(spec, tuple(shape), axis, bounded, fixed)


def _unit(bounds: sx.Range | None) -> bool:
    return bounds is not None and (bounds.low, bounds.high) == (0, 1)


def _truths(truth: sx.Kind, shape: tuple[int, ...], axis: int | None) -> dict[Side, Tensor]:
    """What is true where the target, or the background class, moves."""
    if truth.below is not None:
        label = torch.zeros([n for place, n in enumerate(shape) if place != axis]).long()
        return {"background": label, "target": label}
    dtype = torch.bool if truth.type == "bool" else torch.float64
    if axis is None:
        return {"background": torch.zeros(shape).to(dtype), "target": torch.ones(shape).to(dtype)}
    hot = torch.zeros(shape).to(dtype)
    hot.select(axis, 0).fill_(1)
    return {"background": hot, "target": hot}


def class_curves(
    name: str, compiled: CompiledLoss, side: Side, held: Sequence[float], places: Sequence[float]
) -> list[ClassCurve]:
    """The curves of one loss: one for each probability of the other class, if that matters.

    Args:
        name: What the loss is called.
        compiled: A loss for which there is a :func:`layout`.
        side: The class that moves.
        held: Probabilities of the other class.
        places: Probabilities of the class that moves, in (0, 1).
    """
    found = layout(compiled)
    if found is None:
        raise ValueError(f"{name} is no loss of classes")
    loss = compiled.unscheduled.loss().eval()
    if found.axis is None:
        held = held[:1]
    curves = [_curve(name, loss, found, side, other, places) for other in held]
    first = curves[0]
    if found.axis is None or (len(curves) > 1 and all(_same(first, each) for each in curves)):
        return [replace(first, held=None)]
    return curves


def _curve(
    name: str,
    loss: nn.Module,
    shape: Layout,
    side: Side,
    held: float,
    places: Sequence[float],
) -> ClassCurve:
    losses, by_logit, by_q = [], [], []
    other = shape.score(held)
    for q in places:
        moving = torch.tensor(shape.score(q), dtype=torch.float64, requires_grad=True)
        value = loss(*shape.arguments(side, moving, other))
        (slope,) = torch.autograd.grad(value, moving, allow_unused=True)
        steep = 0.0 if slope is None else float(slope)
        losses.append(float(value.detach()))
        by_logit.append(steep * q * (1 - q) if shape.bounded else steep)
        by_q.append(steep if shape.bounded else steep / (q * (1 - q)))
    best = torch.tensor(shape.score(0.0 if side == "background" else 1.0), dtype=torch.float64)
    with torch.no_grad():
        least = float(loss(*shape.arguments(side, best, other)))
    least = min([value for value in (least, *losses) if isfinite(value)], default=0.0)
    term = [value - least for value in losses]
    return ClassCurve(name, side, held, list(places), losses, term, by_logit, by_q)


def _same(one: ClassCurve, other: ClassCurve) -> bool:
    pairs = zip([*one.term, *one.d_logit], [*other.term, *other.d_logit], strict=True)
    return all(a == b or abs(a - b) <= 1e-9 * max(1.0, abs(a)) for a, b in pairs)
