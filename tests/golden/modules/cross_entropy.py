"""The loss of the spec `cross_entropy`, compiled by lossc 0.1.0.

This file needs torch and nothing else. The spec (sha256 e976f3103ef2184d):

    spec cross_entropy
    doc "Cross entropy of the softmax, averaged over the batch, in nats."
    source "torch.nn.functional.cross_entropy"

    input scores: real[n, p]
    input label: int[n] in p

    loss mean[i] (logsumexp[c] scores[i, c] - scores[i, label[i]]) else 0

Its stages:

    score       scores: real[n, p]
    loss        loss = mean[i] (logsumexp[c] scores[i, c] - scores[i, label[i]]) else 0
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["CrossEntropy", "cross_entropy"]


class CrossEntropy(nn.Module):
    """Cross entropy of the softmax, averaged over the batch, in nats.

    Inputs:
        scores: ``[n, p]``, scores.
        label: ``[n]``, int below p.
    """

    def __init__(self, *, validate: bool = True) -> None:
        super().__init__()
        self.validate = validate

    def forward(self, scores: Tensor, label: Tensor) -> Tensor:
        """The loss: a scalar."""
        scores, label = self.prepare(scores, label)
        part = scores.gather(-1, label.unsqueeze(-1)).squeeze(-1)
        return otherwise((scores.logsumexp(-1) - part).mean(-1), 0)

    def prepare(self, scores: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
        """Checks the inputs (in eager mode, if ``validate``) and brings them to their dtypes."""
        if self.validate and not torch.compiler.is_compiling():
            sizes: dict[str, int] = {}
            check_shape("scores", scores, ("n", "p"), sizes)
            check_real("scores", scores, True)
            check_shape("label", label, ("n",), sizes)
            check_index("label", label, sizes["p"], None)
        scores = as_scores(scores)
        label = label.long()
        return scores, label


def cross_entropy(scores: Tensor, label: Tensor) -> Tensor:
    """The loss as a function; ``CrossEntropy`` keeps the options and the step."""
    loss = CrossEntropy()
    value: Tensor = loss(scores, label)
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
    if live and value.isnan().any():
        count = int(value.isnan().sum())
        raise ValueError(f"{name}: {count} of {value.numel()} scores are NaN")


def check_index(name: str, value: Tensor, below: int | None, ignore: int | None) -> None:
    """Raises ValueError unless ``value`` holds whole numbers in ``[0, below)``, or ``ignore``."""
    if value.is_floating_point() or value.is_complex() or value.dtype == torch.bool:
        raise ValueError(f"{name}: expected whole numbers (torch.int64), got {value.dtype}")
    if below is None:
        return
    outside = (value < 0) | (value >= below)
    if ignore is not None:
        outside &= value != ignore
    if outside.any():
        first = int(value[outside].flatten()[0])
        also = "" if ignore is None else f" or the ignored {ignore}"
        raise ValueError(f"{name}: expected values from 0 to {below - 1}{also}, got {first}")


def as_scores(value: Tensor) -> Tensor:
    """Scores in at least single precision; infinities become the largest finite numbers."""
    if value.dtype in (torch.float16, torch.bfloat16):
        value = value.float()
    limit = torch.finfo(value.dtype).max
    return value.clamp(-limit, limit)


def otherwise(value: Tensor, default: Tensor | float) -> Tensor:
    """``value``, or ``default`` where it is undefined; the gradient there is 0."""
    return torch.where(value.isnan(), default, value)
