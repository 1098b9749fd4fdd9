"""The loss of the spec `bce`, compiled by lossc 0.1.0.

This file needs torch and nothing else. The spec (sha256 12770c78d6eae3d9):

    spec bce
    doc "Binary cross entropy of the sigmoid, averaged over the batch, in nats. 0 on an empty
        batch."
    source "torch.nn.functional.binary_cross_entropy_with_logits"

    input score: real[n]
    input relevant: bool[n]

    loss mean[i]
        -([relevant[i]] * log(sigmoid(score[i])) + (1 - [relevant[i]]) * log(1 - sigmoid(score[i])))
        else 0

    example score = [2, -1, 0.5], relevant = [1, 0, 0] gives 0.47142223

Its stages:

    score       score: real[n]
    loss        loss = mean[i] -logsigmoid(where(relevant[i], score[i], -score[i])) else 0
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Bce", "bce"]


class Bce(nn.Module):
    """Binary cross entropy of the sigmoid, averaged over the batch, in nats.

    Inputs:
        score: ``[n]``, scores.
        relevant: ``[n]``, bool.
    """

    def __init__(self, *, validate: bool = True) -> None:
        super().__init__()
        self.validate = validate

    def forward(self, score: Tensor, relevant: Tensor) -> Tensor:
        """The loss: a scalar."""
        score, relevant = self.prepare(score, relevant)
        part = functional.logsigmoid(torch.where(relevant, score, -score))
        return otherwise((-part).mean(-1), 0)

    def set_epoch(self, epoch: int) -> None:
        """For training loops that tell every loss the epoch; this one is the same in all."""
        check_number("epoch", epoch, 0, float("inf"), True, False, True)

    def prepare(self, score: Tensor, relevant: Tensor) -> tuple[Tensor, Tensor]:
        """Checks the inputs (in eager mode, if ``validate``) and brings them to their dtypes."""
        if self.validate and not torch.compiler.is_compiling():
            sizes: dict[str, int] = {}
            check_shape("score", score, ("n",), sizes)
            check_real("score", score, True)
            check_shape("relevant", relevant, ("n",), sizes)
            check_flag("relevant", relevant)
        score = as_scores(score)
        relevant = relevant.bool()
        return score, relevant


def bce(score: Tensor, relevant: Tensor) -> Tensor:
    """The loss as a function; ``Bce`` keeps the options and the step."""
    loss = Bce()
    value: Tensor = loss(score, relevant)
    return value


def check_shape(
    name: str, value: Tensor, dims: tuple[str | int, ...], sizes: dict[str, int]
) -> None:
    """Raises ValueError unless ``value`` has the declared dims; new dims are entered in ``sizes``.

    Args:
        name: The input's name.
        value: What came.
        dims: Dim symbols and fixed sizes.
        sizes: Sizes of the dims seen so far.
    """
    want = f"[{', '.join(str(dim) for dim in dims)}]"
    if not isinstance(value, Tensor):
        raise ValueError(f"{name}: expected a tensor {want}, got {type(value).__name__}")
    if value.ndim != len(dims):
        raise ValueError(f"{name}: expected the dims {want}, got the shape {list(value.shape)}")
    for dim, size in zip(dims, value.shape, strict=True):
        known = dim if isinstance(dim, int) else sizes.setdefault(dim, size)
        if size != known:
            said = "" if isinstance(dim, int) else f" with {dim} = {known}"
            raise ValueError(
                f"{name}: expected the dims {want}{said}, got the shape {list(value.shape)}"
            )


def check_real(name: str, value: Tensor, live: bool) -> None:
    """Raises ValueError unless ``value`` is of a floating dtype; live scores must not be NaN."""
    if not value.is_floating_point():
        raise ValueError(f"{name}: expected real numbers, got {value.dtype}")
    # a sum is NaN wherever a score is, and takes a tenth of the time of asking each
    if live and math.isnan(value.detach().sum().item()) and value.isnan().any():
        count = int(value.isnan().sum())
        raise ValueError(f"{name}: {count} of {value.numel()} scores are NaN")


def check_flag(name: str, value: Tensor) -> None:
    """Raises ValueError unless ``value`` is bool, or whole numbers that are 0 or 1."""
    if value.dtype == torch.bool:
        return
    if value.is_floating_point() or value.is_complex():
        raise ValueError(f"{name}: expected bool, got {value.dtype}")
    if ((value != 0) & (value != 1)).any():
        raise ValueError(f"{name}: expected bool, got whole numbers other than 0 and 1")


def check_number(
    name: str,
    value: object,
    low: float,
    high: float,
    closed_low: bool = True,
    closed_high: bool = True,
    whole: bool = False,
) -> None:
    """Raises ValueError unless an option is a number in its interval, and whole if it must be."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{name}: expected a number, got {value!r}")
    above = value >= low if closed_low else value > low
    beneath = value <= high if closed_high else value < high
    if not (above and beneath):
        interval = f"{'[' if closed_low else '('}{low:g}, {high:g}{']' if closed_high else ')'}"
        raise ValueError(f"{name}: expected a number in {interval}, got {value}")
    if whole and not isinstance(value, int):
        raise ValueError(f"{name}: expected a whole number, got {value}")


def as_scores(value: Tensor) -> Tensor:
    """Scores in at least single precision; infinities become the largest finite numbers."""
    if value.dtype in (torch.float16, torch.bfloat16):
        value = value.float()
    if all_finite(value):
        return value
    limit = torch.finfo(value.dtype).max
    return value.clamp(-limit, limit)


def all_finite(value: Tensor) -> bool:
    """Whether all numbers are known to be finite; not where asking would have to wait.

    A finite sum has finite terms. One that overflows says nothing.
    """
    if torch.compiler.is_compiling() or value.device.type != "cpu":
        return False
    return math.isfinite(value.detach().sum().item())


def otherwise(value: Tensor, default: Tensor | float) -> Tensor:
    """``value``, or ``default`` where it is undefined; the gradient there is 0."""
    undefined = value.isnan() if value.ndim else value != value  # of one number, that is faster
    alike = not isinstance(default, Tensor) or default.ndim == 0
    if alike and no_entry(undefined):
        return value
    return torch.where(undefined, default, value)


def no_entry(found: Tensor) -> bool:
    """Whether a condition is known to be false everywhere; not where asking would have to wait."""
    if torch.compiler.is_compiling() or found.device.type != "cpu":
        return False
    return not bool(found.any() if found.ndim else found)
