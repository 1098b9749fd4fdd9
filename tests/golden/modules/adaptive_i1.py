"""The loss of the spec `adaptive_i1`, compiled by lossc 0.1.0.

This file needs torch and nothing else. The spec (sha256 8f435fb98e0baa3b):

    spec adaptive_i1
    doc "Euclidean losses of 2D and 3D heatmaps and of their integrals (soft-argmax), weighted so
        that their gradients balance. A pair without error adds 0; 0 on an empty batch."
    source "Memo on adaptive Euclidean losses for integral pose regression, figure 2:
        AdaptiveWeightEucLoss over five pairs (I1)"

    input heatmap_2d: real[n, k, h, w]
    input target_2d: target real[n, k, h, w]
    input heatmap_3d: real[n, k, d, h, w]
    input target_3d: target real[n, k, d, h, w]
    input joint: target real[n, k, 2]
    input depth: target real[n, k]
    param scale = 30.0 in (0, inf)
    param cutoff = 0.003 in [0, inf)

    let kept[b, j, y, x] = where(heatmap_2d[b, j, y, x] > cutoff, heatmap_2d[b, j, y, x], 0)
    let first[b, j] = centroid[y, x] kept[b, j, y, x] at (x / w, y / h) else (0.5, 0.5)
    let second[b, j] = softargmax[v, y, x] scale * heatmap_3d[b, j, v, y, x]
        at ((x + 0.5) / w, (y + 0.5) / h)
    let third[b, j] = softargmax[v, y, x] scale * heatmap_3d[b, j, v, y, x] at ((v + 0.5) / d)
    combine adaptive(
        (heatmap_2d, target_2d),
        (heatmap_3d, target_3d),
        (second, joint),
        (third, depth),
        (first, joint)
    )

    example heatmap_2d = [[[[0.5, 0], [0.25, 0.25]]]],
        target_2d = [[[[1, 0], [0, 0]]]],
        heatmap_3d = [[[[[0.1, 0], [0.05, 0]]]]],
        target_3d = [[[[[0.1, 0], [0, 0]]]]],
        joint = [[[0.25, 0.5]]],
        depth = [[0.25]]
        gives 2.61577398

Its stages:

    score       heatmap_2d: real[n, k, h, w]
    score       heatmap_3d: real[n, k, d, h, w]
    term        heatmap_2d = sum[i, j, l, m] (heatmap_2d[i, j, l, m] - target_2d[i, j, l, m]) ^ 2 /
                  max(n, 1)
    term        heatmap_3d = sum[i, j, l, m, o] (heatmap_3d[i, j, l, m, o] - target_3d[i, j, l, m,
                  o]) ^ 2 / max(n, 1)
    term        second = (sum[b, j] (second_0[b, j] - joint[b, j, 0]) ^ 2 + sum[b, j] (second_1[b,
                  j] - joint[b, j, 1]) ^ 2) / max(n, 1)
    term        third = sum[b, j] (third[b, j] - depth[b, j]) ^ 2 / max(n, 1)
    term        first = (sum[b, j] (first_0[b, j] - joint[b, j, 0]) ^ 2 + sum[b, j] (first_1[b, j] -
                  joint[b, j, 1]) ^ 2) / max(n, 1)
    loss        loss = adaptive((heatmap_2d, target_2d), (heatmap_3d, target_3d), (second, joint),
                  (third, depth), (first, joint))
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ["AdaptiveI1", "adaptive_i1"]


class AdaptiveI1(nn.Module):
    """The loss of the spec ``adaptive_i1``.

    Euclidean losses of 2D and 3D heatmaps and of their integrals (soft-argmax), weighted so that
    their gradients balance. A pair without error adds 0; 0 on an empty batch.

    Inputs:
        heatmap_2d: ``[n, k, h, w]``, scores.
        target_2d: ``[n, k, h, w]``, real.
        heatmap_3d: ``[n, k, d, h, w]``, scores.
        target_3d: ``[n, k, d, h, w]``, real.
        joint: ``[n, k, 2]``, real.
        depth: ``[n, k]``, real.
    """

    def __init__(
        self, *, scale: float = 30.0, cutoff: float = 0.003, validate: bool = True
    ) -> None:
        super().__init__()
        check_number("scale", scale, 0.0, float("inf"), False, False)
        self.scale = scale
        check_number("cutoff", cutoff, 0.0, float("inf"), True, False)
        self.cutoff = cutoff
        self.validate = validate
        self.reported = TermFigures(("heatmap_2d", "heatmap_3d", "second", "third", "first"))

    def forward(
        self,
        heatmap_2d: Tensor,
        target_2d: Tensor,
        heatmap_3d: Tensor,
        target_3d: Tensor,
        joint: Tensor,
        depth: Tensor,
    ) -> Tensor:
        """The loss: a scalar."""
        heatmap_2d, target_2d, heatmap_3d, target_3d, joint, depth = self.prepare(
            heatmap_2d, target_2d, heatmap_3d, target_3d, joint, depth
        )
        values, weights = self.measured(heatmap_2d, target_2d, heatmap_3d, target_3d, joint, depth)
        # adaptive((heatmap_2d, target_2d), (heatmap_3d, target_3d), (second, joint), (third,
        #   depth), (first, joint))
        total = (weights * values).sum()
        self.reported.add(values, weights)
        return self.defined(total)

    def terms(
        self,
        heatmap_2d: Tensor,
        target_2d: Tensor,
        heatmap_3d: Tensor,
        target_3d: Tensor,
        joint: Tensor,
        depth: Tensor,
    ) -> dict[str, Tensor]:
        """The value of each term, with its gradient, as it is before it is weighed."""
        heatmap_2d, target_2d, heatmap_3d, target_3d, joint, depth = self.prepare(
            heatmap_2d, target_2d, heatmap_3d, target_3d, joint, depth
        )
        values, _ = self.measured(heatmap_2d, target_2d, heatmap_3d, target_3d, joint, depth)
        return dict(zip(self.reported.names, values.unbind(), strict=True))

    def figures(self) -> dict[str, float]:
        """Value, weight and share of each term: means over the calls in training so far.

        They are counted anew from here on; keys are ``value/NAME`` and the like.
        """
        return self.reported.take()

    def measured(
        self,
        heatmap_2d: Tensor,
        target_2d: Tensor,
        heatmap_3d: Tensor,
        target_3d: Tensor,
        joint: Tensor,
        depth: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """The values of the terms, with their gradients, and the weights of `combine`."""
        d = heatmap_3d.shape[2]
        h = heatmap_2d.shape[2]
        n = heatmap_2d.shape[0]
        w = heatmap_2d.shape[3]
        x_range = torch.arange(w, device=heatmap_2d.device)
        shares = softmax_over(self.scale * heatmap_3d, 3)
        marginal = shares.sum((-3, -2))
        part = undefined_over_nothing(
            (marginal * divide_by_number(x_range.to(heatmap_2d.dtype) + 0.5, w)).sum(-1), d * h * w
        )
        y_range = torch.arange(h, device=heatmap_2d.device)
        marginal2 = shares.sum((-3, -1))
        part2 = undefined_over_nothing(
            (marginal2 * divide_by_number(y_range.to(heatmap_2d.dtype) + 0.5, h)).sum(-1), d * h * w
        )
        v_range = torch.arange(d, device=heatmap_2d.device)
        marginal3 = shares.sum((-2, -1))
        part3 = undefined_over_nothing(
            (marginal3 * divide_by_number(v_range.to(heatmap_2d.dtype) + 0.5, d)).sum(-1), d * h * w
        )
        # kept[b, j, y, x] = where(heatmap_2d[b, j, y, x] > cutoff, heatmap_2d[b, j, y, x], 0)
        kept = torch.where(heatmap_2d > self.cutoff, heatmap_2d, 0)
        marginal4 = kept.sum(-2)
        part4 = (marginal4 * divide_by_number(x_range.to(heatmap_2d.dtype), w)).sum(-1)
        # first_0[b, j] = moment[y, x] kept[b, j, y, x] at (x / w) / (sum[y, x] kept[b, j, y, x])...
        first_0 = otherwise(divide(part4, kept.sum((-2, -1))), 0.5)
        marginal5 = kept.sum(-1)
        part5 = (marginal5 * divide_by_number(y_range.to(heatmap_2d.dtype), h)).sum(-1)
        # first_1[b, j] = moment[y, x] kept[b, j, y, x] at (y / h) / (sum[y, x] kept[b, j, y, x])...
        first_1 = otherwise(divide(part5, kept.sum((-2, -1))), 0.5)
        error = heatmap_2d - target_2d
        error2 = heatmap_3d - target_3d
        error3 = part - joint[:, :, 0]
        error4 = part2 - joint[:, :, 1]
        error5 = part3 - depth
        error6 = first_0 - joint[:, :, 0]
        error7 = first_1 - joint[:, :, 1]
        # heatmap_2d = sum[i, j, l, m] (heatmap_2d[i, j, l, m] - target_2d[i, j, l, m]) ^ 2 / max...
        heatmap_2d2 = (error**2).sum((-4, -3, -2, -1)) / max(n, 1)
        total = (error2**2).sum((-5, -4, -3, -2, -1))
        # heatmap_3d = sum[i, j, l, m, o] (heatmap_3d[i, j, l, m, o] - target_3d[i, j, l, m, o]) ...
        heatmap_3d2 = total / max(n, 1)
        powered = defined_power(error3, heatmap_2d.new_tensor(2))
        powered2 = defined_power(error4, heatmap_2d.new_tensor(2))
        part6 = powered.sum((-2, -1)) + powered2.sum((-2, -1))
        # second = (sum[b, j] (second_0[b, j] - joint[b, j, 0]) ^ 2 + sum[b, j] (second_1[b, j] -...
        second = part6 / max(n, 1)
        powered3 = defined_power(error5, heatmap_2d.new_tensor(2))
        # third = sum[b, j] (third[b, j] - depth[b, j]) ^ 2 / max(n, 1)
        third = powered3.sum((-2, -1)) / max(n, 1)
        total2 = (error6**2).sum((-2, -1))
        # first = (sum[b, j] (first_0[b, j] - joint[b, j, 0]) ^ 2 + sum[b, j] (first_1[b, j] - jo...
        first_ = (total2 + (error7**2).sum((-2, -1))) / max(n, 1)
        values = torch.stack([heatmap_2d2, heatmap_3d2, second, third, first_])
        weights = torch.stack(
            [
                balancing_weight(error),
                balancing_weight(error2),
                balancing_weight(error3, error4),
                balancing_weight(error5),
                balancing_weight(error6, error7),
            ]
        )
        return values, weights

    def defined(self, value: Tensor) -> Tensor:
        """``value``; a ValueError in eager mode where the spec leaves it undefined."""
        if self.validate and not torch.compiler.is_compiling():
            check_defined(
                value,
                "adaptive_i1.lossc:19:20: error L029 [undefined-value]: expected over"
                " nothing has no value on these inputs: softargmax[v, y, x] scale *"
                " heatmap_3d[b, j, v, y, x] at ((x + 0.5) / w, (y + 0.; say what it is"
                " then with `else`",
            )
        return value

    def set_epoch(self, epoch: int) -> None:
        """For training loops that tell every loss the epoch; this one is the same in all."""
        check_number("epoch", epoch, 0, float("inf"), True, False, True)

    def prepare(
        self,
        heatmap_2d: Tensor,
        target_2d: Tensor,
        heatmap_3d: Tensor,
        target_3d: Tensor,
        joint: Tensor,
        depth: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Checks the inputs (in eager mode, if ``validate``) and brings them to their dtypes."""
        if self.validate and not torch.compiler.is_compiling():
            sizes: dict[str, int] = {}
            check_shape("heatmap_2d", heatmap_2d, ("n", "k", "h", "w"), sizes)
            check_real("heatmap_2d", heatmap_2d, True)
            check_shape("target_2d", target_2d, ("n", "k", "h", "w"), sizes)
            check_real("target_2d", target_2d, False)
            check_shape("heatmap_3d", heatmap_3d, ("n", "k", "d", "h", "w"), sizes)
            check_real("heatmap_3d", heatmap_3d, True)
            check_shape("target_3d", target_3d, ("n", "k", "d", "h", "w"), sizes)
            check_real("target_3d", target_3d, False)
            check_shape("joint", joint, ("n", "k", 2), sizes)
            check_real("joint", joint, False)
            check_shape("depth", depth, ("n", "k"), sizes)
            check_real("depth", depth, False)
        heatmap_2d = as_scores(heatmap_2d)
        heatmap_3d = as_scores(heatmap_3d)
        target_2d = target_2d.to(heatmap_2d.dtype)
        heatmap_3d = heatmap_3d.to(heatmap_2d.dtype)
        target_3d = target_3d.to(heatmap_2d.dtype)
        joint = joint.to(heatmap_2d.dtype)
        depth = depth.to(heatmap_2d.dtype)
        return heatmap_2d, target_2d, heatmap_3d, target_3d, joint, depth


def adaptive_i1(
    heatmap_2d: Tensor,
    target_2d: Tensor,
    heatmap_3d: Tensor,
    target_3d: Tensor,
    joint: Tensor,
    depth: Tensor,
    *,
    scale: float = 30.0,
    cutoff: float = 0.003,
) -> Tensor:
    """The loss as a function; ``AdaptiveI1`` keeps the options and the step."""
    loss = AdaptiveI1(scale=scale, cutoff=cutoff)
    value: Tensor = loss(heatmap_2d, target_2d, heatmap_3d, target_3d, joint, depth)
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


def check_defined(value: Tensor, message: str) -> None:
    """Raises ValueError with ``message`` where a metric has no value on this batch."""
    if value.isnan().any():
        raise ValueError(message)


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


def divide(numerator: Tensor | float, denominator: Tensor) -> Tensor:
    """The quotient; NaN, with gradient 0, where the denominator is 0 or anything is undefined."""
    quotient = numerator / denominator
    none = (denominator == 0) | quotient.isnan()
    if no_entry(none):
        return quotient
    if isinstance(numerator, Tensor):
        numerator = torch.where(none, 1, numerator)
    return torch.where(none, torch.nan, numerator / torch.where(none, 1, denominator))


def divide_by_number(numerator: Tensor, number: float) -> Tensor:
    """The quotient by a size or a param; NaN, with gradient 0, where that is 0."""
    if number:
        return numerator / number
    return torch.where(numerator == numerator, torch.nan, numerator)


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


def defined_power(base: Tensor, exponent: Tensor) -> Tensor:
    """``base ** exponent``; NaN where either is, also for 1 ** NaN and NaN ** 0."""
    unknown = base.isnan() | exponent.isnan()
    powered = torch.where(unknown, 1, base) ** torch.where(unknown, 1, exponent)
    return torch.where(unknown, torch.nan, powered)


def softmax_over(scores: Tensor, count: int) -> Tensor:
    """The softmax over the last ``count`` axes together; of the shape of ``scores``."""
    if count == 1:
        return scores.softmax(-1)
    return scores.flatten(-count).softmax(-1).reshape(scores.shape)


def undefined_over_nothing(value: Tensor, size: int) -> Tensor:
    """``value``; NaN, with gradient 0, where it was taken over ``size = 0`` places."""
    return value if size else value * 0 + math.nan


def balancing_weight(*errors: Tensor) -> Tensor:
    """1 over the mean size of all ``errors``, without gradient; 0 where there is no error.

    Source: AdaptiveWeightEucLoss of the memo on adaptive Euclidean losses, figures 1 and 2.

    Args:
        *errors: Of any shape; several have the same number of entries, as coordinates do.
    """
    inverse = 1 / torch.stack([error.detach().abs().mean() for error in errors]).mean()
    return torch.where(inverse.isfinite(), inverse, 0)


class TermFigures(nn.Module):
    """Value, weight and share of every term, averaged over the calls in training mode.

    The share of a term is that of its weighted value, in size, in the sum of all.

    Args:
        names: Of the terms.
    """

    totals: Tensor
    calls: Tensor

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = tuple(names)
        self.register_buffer("totals", torch.zeros(3, len(self.names)), persistent=False)
        self.register_buffer("calls", torch.zeros(()), persistent=False)

    def add(self, values: Tensor, weights: Tensor) -> None:
        """Takes in one call: ``values`` and ``weights``, each ``[t]``."""
        if not self.training:
            return
        values, weights = values.detach(), weights.detach()
        sizes = (weights * values).abs()
        shares = sizes / sizes.sum().clamp_min(torch.finfo(sizes.dtype).tiny)
        if self.totals.device != values.device:
            self.totals, self.calls = self.totals.to(values.device), self.calls.to(values.device)
        self.totals.add_(torch.stack([values, weights, shares]))
        self.calls.add_(1)

    def take(self) -> dict[str, float]:
        """The averages since it was asked last, as ``value/NAME``; empty without calls."""
        calls = self.calls.item()
        rows = (self.totals / max(calls, 1)).tolist()
        self.totals.zero_()
        self.calls.zero_()
        if not calls:
            return {}
        kinds = ("value", "weight", "share")
        return {
            f"{kind}/{name}": figure
            for kind, row in zip(kinds, rows, strict=True)
            for name, figure in zip(self.names, row, strict=True)
        }
