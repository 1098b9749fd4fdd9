"""The loss of the spec `pckh`, compiled by lossc 0.1.0.

This file needs torch and nothing else. The spec (sha256 b94cd534847cd1a0):

    spec pckh
    doc "PCKh: share of the visible joints that are found within alpha head segment lengths. Of
        equally bright pixels the first is the peak, row by row; 0 without visible joints."
    source "Andriluka et al., 2D Human Pose Estimation: New Benchmark and State of the Art Analysis
        (CVPR 2014)"

    input heatmap: real[n, k, h, w]
    input joint: target real[n, k, 2]
    input visible: bool[n, k]
    input head: target real[n] in [0, inf)
    param alpha = 0.5 in (0, inf)

    decode peak[b, q] = argmax[x, y] heatmap[b, q, y, x]
    evaluate mean[b, q | visible[b, q]] [distance(peak[b, q], joint[b, q]) <= alpha * head[b]] else
        0

    surrogate step sigmoid(temperature = 1, max_spread = 4)
    surrogate interpolation idw(flips = row)

    example heatmap = [[[[0.1, 0.9], [0.2, 0.3]], [[0.1, 0.2], [0.8, 0.3]]]],
        joint = [[[1, 0], [1, 0]]],
        visible = [[1, 1]],
        head = [2]
        gives 0.5

Its stages:

    score       heatmap: real[n, k, h, w]
    comparison  c1 = heatmap[b, q, y, x] - heatmap[b, q, y2, x2]   (where visible[b, q] and sqrt((x
                  - joint[b, q, 0]) ^ 2 + (y - joint[b, q, 1]) ^ 2) <= alpha * head[b] and not
                  sqrt((x2 - joint[b, q, 0]) ^ 2 + (y2 - joint[b, q, 1]) ^ 2) <= alpha * head[b]; at
                  most n * k * h * w * h * w of them)
    binary      wins1[b, q, y, x] = sum[y2, x2] [c1 > 0]   (a tie is won where y < y2 or y == y2 and
                  x < x2)
    metric      evaluate = mean[b, q | visible[b, q]] [any[y, x | sqrt((x - joint[b, q, 0]) ^ 2 + (y
                  - joint[b, q, 1]) ^ 2) <= alpha * head[b]] (wins1[b, q, y, x] == count[y2, x2 |
                  not sqrt((x2 - joint[b, q, 0]) ^ 2 + (y2 - joint[b, q, 1]) ^ 2) <= alpha *
                  head[b]])] else 0
    form        row-count (rows: inside against outside; O(n k h w log(h w)))
    best        every comparison won (by sign propagation)
    surrogate   sigmoid + idw (temperature=1.0, max_spread=4.0, flips=row)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

__all__ = ["Pckh", "pckh"]


class Pckh(nn.Module):
    """PCKh: share of the visible joints that are found within alpha head segment lengths.

    The loss is minus the interpolated metric; ``metric`` is the metric itself.

    Inputs:
        heatmap: ``[n, k, h, w]``, scores.
        joint: ``[n, k, 2]``, real.
        visible: ``[n, k]``, bool.
        head: ``[n]``, real in [0, inf).
    """

    seed: Tensor
    step: Tensor

    def __init__(
        self,
        *,
        alpha: float = 0.5,
        temperature: float = 1.0,
        squash: str = "none",
        good: int = 16,
        bad: int = 16,
        nearby: int = 16,
        power: float = 1.0,
        gradient: str = "exact",
        bits: str = "auto",
        seed: int = 0,
        validate: bool = True,
    ) -> None:
        super().__init__()
        check_number("alpha", alpha, 0.0, float("inf"), False, False)
        self.alpha = alpha
        check_number("temperature", temperature, 0.0, float("inf"), False, False)
        self.temperature = temperature
        check_choice("squash", squash, ("none", "sigmoid"))
        self.squash = squash
        check_number("good", good, 0, float("inf"), True, False, True)
        self.good = good
        check_number("bad", bad, 0, float("inf"), True, False, True)
        self.bad = bad
        check_number("nearby", nearby, 0, float("inf"), True, False, True)
        self.nearby = nearby
        check_number("power", power, 0.0, float("inf"), False, False)
        self.power = power
        check_choice("gradient", gradient, ("exact", "improving", "published", "attract"))
        self.gradient = gradient
        check_choice("bits", bits, ("auto", "drawn", "expected"))
        self.bits = bits
        check_number("seed", seed, -(2**63), 2**63 - 1, whole=True)
        self.register_buffer("seed", torch.tensor(seed, dtype=torch.long))
        self.register_buffer("step", torch.tensor(0, dtype=torch.long))
        self.validate = validate

    def forward(self, heatmap: Tensor, joint: Tensor, visible: Tensor, head: Tensor) -> Tensor:
        """The loss: a scalar. In training mode, every call draws new numbers."""
        heatmap, joint, visible, head = self.prepare(heatmap, joint, visible, head)
        # score -> comparison -> binary: see families(); binary -> metric: see metric_of_rows()
        step = self.step.clone()
        if self.training:
            self.step.add_(1)

        pairs = self.pairs(heatmap, joint, visible, head)
        if self.bits != "drawn" and many_pairs(pairs):
            value = self.of_pairs(pairs, step, heatmap, joint, visible, head)
        else:
            value = self.of_families(step, heatmap, joint, visible, head)
        return -value

    def of_pairs(
        self,
        pairs: tuple[PairFamily],
        step: Tensor,
        heatmap: Tensor,
        joint: Tensor,
        visible: Tensor,
        head: Tensor,
    ) -> Tensor:
        """The interpolated metric by sorting the scores: of many pairs."""
        pairs = limited_families(pairs, (heatmap,), 4.0)

        def metric(rows: Tensor) -> Tensor:
            return self.metric_of_rows(rows, pairs, heatmap, joint, visible, head)

        relaxed = RelaxedPairs(sigmoid_step, sigmoid_powers, self.temperature, self.squash)
        return interpolate_pairs(
            pairs,
            metric,
            relaxed,
            self.seed,
            step,
            pick=pick_pair_lines,
            spread=pairs_of_lines,
            sides=("left",),
            good=self.good,
            bad=self.bad,
            nearby=self.nearby,
            power=self.power,
            gradient=self.gradient,
        )

    def of_families(
        self, step: Tensor, heatmap: Tensor, joint: Tensor, visible: Tensor, head: Tensor
    ) -> Tensor:
        """The interpolated metric with all comparisons written out: of few."""
        families = self.families(heatmap, joint, visible, head)
        families = limited_families(families, (heatmap,), 4.0)

        def metric(rows: Tensor) -> Tensor:
            return self.metric_of_rows(rows, families, heatmap, joint, visible, head)

        return interpolate_idw(
            families,
            metric,
            sigmoid_step,
            self.seed,
            step,
            pick=pick_lines,
            lines=((4, 5),),
            temperature=self.temperature,
            squash=self.squash,
            good=self.good,
            bad=self.bad,
            nearby=self.nearby,
            power=self.power,
            gradient=self.gradient,
            bits=self.bits,
        )

    def pairs(
        self, heatmap: Tensor, joint: Tensor, visible: Tensor, head: Tensor
    ) -> tuple[PairFamily]:
        """Score -> comparison -> binary: which items are compared with which."""
        h = heatmap.shape[2]
        k = heatmap.shape[1]
        n = heatmap.shape[0]
        w = heatmap.shape[3]
        x_range = torch.arange(w, device=heatmap.device)
        y_range = torch.arange(h, device=heatmap.device)
        powered = (x_range - joint[:, :, 0].unsqueeze(-1)) ** 2
        powered2 = (y_range - joint[:, :, 1].unsqueeze(-1)) ** 2
        part = powered.unsqueeze(-2) + powered2.unsqueeze(-1)
        condition = part.sqrt() <= (self.alpha * head)[..., :, None, None, None]
        x2_range = torch.arange(w, device=heatmap.device)
        y2_range = torch.arange(h, device=heatmap.device)
        powered3 = (x2_range - joint[:, :, 0].unsqueeze(-1)) ** 2
        powered4 = (y2_range - joint[:, :, 1].unsqueeze(-1)) ** 2
        part2 = powered3.unsqueeze(-2) + powered4.unsqueeze(-1)
        condition2 = part2.sqrt() <= (self.alpha * head)[..., :, None, None, None]
        return (
            # wins1: heatmap[b, q, y, x] > heatmap[b, q, y2, x2]
            PairFamily(
                Pairs(
                    left=heatmap.flatten(-2),
                    right=heatmap.flatten(-2),
                    left_kept=(visible[..., :, :, None, None] & condition).flatten(-2),
                    right_kept=(~condition2).flatten(-2),
                    tie="first",
                ),
                rows="left",
                shape=(n, k, h, w),
            ),
        )

    def set_epoch(self, epoch: int) -> None:
        """For training loops that tell every loss the epoch; this one is the same in all."""
        check_number("epoch", epoch, 0, float("inf"), True, False, True)

    @torch.no_grad()
    def metric(self, heatmap: Tensor, joint: Tensor, visible: Tensor, head: Tensor) -> Tensor:
        """The metric as the spec has it, decoder then evaluator, without gradient."""
        heatmap, joint, visible, head = self.prepare(heatmap, joint, visible, head)
        if many_pairs(self.pairs(heatmap, joint, visible, head), 2**24):
            return self.refactored(heatmap, joint, visible, head)
        w = heatmap.shape[3]
        position = heatmap.flatten(-2).argmax(-1)
        # peak_0[b, q] = (argmax[y, x] heatmap[b, q, y, x]).x
        peak_0 = position % w
        # peak_1[b, q] = (argmax[y, x] heatmap[b, q, y, x]).y
        peak_1 = position // w
        powered = (peak_0 - joint[:, :, 0]) ** 2
        root = square_root(powered + (peak_1 - joint[:, :, 1]) ** 2)
        part = (root <= (self.alpha * head).unsqueeze(-1)).long()
        total = torch.where(visible, part.to(heatmap.dtype), 0).sum((-2, -1))
        count = visible.sum((-2, -1))
        return self.defined(otherwise(divide(total, count), 0))

    def defined(self, value: Tensor) -> Tensor:
        """``value``; a ValueError in eager mode where the spec leaves it undefined."""
        if self.validate and not torch.compiler.is_compiling():
            check_defined(value, "pckh is undefined on these inputs")
        return value

    @torch.no_grad()
    def refactored(self, heatmap: Tensor, joint: Tensor, visible: Tensor, head: Tensor) -> Tensor:
        """The metric by way of comparisons and binaries: equal to ``metric``."""
        heatmap, joint, visible, head = self.prepare(heatmap, joint, visible, head)
        pairs = self.pairs(heatmap, joint, visible, head)
        if many_pairs(pairs):
            return self.metric_of_rows(
                sorted_row_counts(pairs), pairs, heatmap, joint, visible, head
            )
        families = self.families(heatmap, joint, visible, head)
        counts = [row_counts(family, binaries_of(family)) for family in families]
        rows = torch.cat(counts, -1)
        return self.metric_of_rows(rows, families, heatmap, joint, visible, head)

    def comparisons(self, heatmap: Tensor, joint: Tensor, visible: Tensor, head: Tensor) -> Tensor:
        """All comparisons, family by family, row by row: ``[l]``."""
        heatmap, joint, visible, head = self.prepare(heatmap, joint, visible, head)
        return flat_comparisons(self.families(heatmap, joint, visible, head))

    @torch.no_grad()
    def evaluate_binaries(
        self, binaries: Tensor, heatmap: Tensor, joint: Tensor, visible: Tensor, head: Tensor
    ) -> Tensor:
        """The metric of binaries in the order of ``comparisons``: ``[..., l] -> [...]``."""
        heatmap, joint, visible, head = self.prepare(heatmap, joint, visible, head)
        families = self.families(heatmap, joint, visible, head)
        rows = rows_of_binaries(families, binaries)
        return self.metric_of_rows(rows, families, heatmap, joint, visible, head)

    def families(
        self, heatmap: Tensor, joint: Tensor, visible: Tensor, head: Tensor
    ) -> tuple[Family, ...]:
        """Score -> comparison -> binary: what is compared with what, and who wins a tie."""
        h = heatmap.shape[2]
        k = heatmap.shape[1]
        n = heatmap.shape[0]
        w = heatmap.shape[3]
        check_places(n, k, h, w, h, w)
        x_range = torch.arange(w, device=heatmap.device)
        y_range = torch.arange(h, device=heatmap.device)
        powered = (x_range - joint[:, :, 0].unsqueeze(-1)) ** 2
        powered2 = (y_range - joint[:, :, 1].unsqueeze(-1)) ** 2
        part = powered.unsqueeze(-2) + powered2.unsqueeze(-1)
        condition = part.sqrt() <= (self.alpha * head)[..., :, None, None, None]
        x2_range = torch.arange(w, device=heatmap.device)
        y2_range = torch.arange(h, device=heatmap.device)
        powered3 = (x2_range - joint[:, :, 0].unsqueeze(-1)) ** 2
        powered4 = (y2_range - joint[:, :, 1].unsqueeze(-1)) ** 2
        part2 = powered3.unsqueeze(-2) + powered4.unsqueeze(-1)
        condition2 = part2.sqrt() <= (self.alpha * head)[..., :, None, None, None]
        both = visible[..., :, :, None, None] & condition
        part3 = (~condition2)[..., :, :, None, None, :, :]
        condition3 = y_range.unsqueeze(-1) == y2_range
        part4 = (x_range.unsqueeze(-1) < x2_range).unsqueeze(-2)
        both2 = condition3[..., :, None, :, None] & part4
        return (
            # wins1: heatmap[b, q, y, x] > heatmap[b, q, y2, x2] where visible[b, q] and sqrt((x
            #   - joint[b, q, 0]) ^ 2 + (y - joint[b, q, 1]) ^ 2) <= alpha * head[b] and not
            #   sqrt((x2 - joint[b, q, 0]) ^ 2 + (y2 - joint[b, q, 1]) ^ 2) <= alpha * head[b]
            Family(
                left=heatmap[..., :, :, :, :, None, None],
                right=heatmap[..., :, :, None, None, :, :],
                stored=both[..., :, :, :, :, None, None] & part3,
                tie=(y_range.unsqueeze(-1) < y2_range)[..., :, None, :, None] | both2,
                columns=2,
                mirrored=False,
            ),
        )

    def metric_of_rows(
        self,
        rows: Tensor,
        families: tuple[Counted, ...],
        heatmap: Tensor,
        joint: Tensor,
        visible: Tensor,
        head: Tensor,
    ) -> Tensor:
        """Binary -> metric, from the comparisons won in each row: ``[..., R] -> [...]``."""
        h = heatmap.shape[2]
        w = heatmap.shape[3]
        (wins1,) = split_rows(families, rows)
        x2_range = torch.arange(w, device=heatmap.device)
        y2_range = torch.arange(h, device=heatmap.device)
        powered = (x2_range - joint[:, :, 0].unsqueeze(-1)) ** 2
        powered2 = (y2_range - joint[:, :, 1].unsqueeze(-1)) ** 2
        part = powered.unsqueeze(-2) + powered2.unsqueeze(-1)
        condition = part.sqrt() <= (self.alpha * head)[..., :, None, None, None]
        x_range = torch.arange(w, device=heatmap.device)
        y_range = torch.arange(h, device=heatmap.device)
        powered3 = (x_range - joint[:, :, 0].unsqueeze(-1)) ** 2
        powered4 = (y_range - joint[:, :, 1].unsqueeze(-1)) ** 2
        part2 = powered3.unsqueeze(-2) + powered4.unsqueeze(-1)
        condition2 = part2.sqrt() <= (self.alpha * head)[..., :, None, None, None]
        condition3 = wins1 == (~condition).sum((-2, -1))[..., :, :, None, None]
        part3 = (condition2 & condition3).any((-2, -1)).long()
        total = torch.where(visible, part3.to(heatmap.dtype), 0).sum((-2, -1))
        count = visible.sum((-2, -1))
        return self.defined(otherwise(divide(total, count), 0))

    def prepare(
        self, heatmap: Tensor, joint: Tensor, visible: Tensor, head: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Checks the inputs (in eager mode, if ``validate``) and brings them to their dtypes."""
        if self.validate and not torch.compiler.is_compiling():
            sizes: dict[str, int] = {}
            check_shape("heatmap", heatmap, ("n", "k", "h", "w"), sizes)
            check_real("heatmap", heatmap, True)
            check_shape("joint", joint, ("n", "k", 2), sizes)
            check_real("joint", joint, False)
            check_shape("visible", visible, ("n", "k"), sizes)
            check_flag("visible", visible)
            check_shape("head", head, ("n",), sizes)
            check_real("head", head, False)
            check_range("head", head, 0.0, float("inf"), True, False)
        heatmap = as_scores(heatmap)
        joint = joint.to(heatmap.dtype)
        visible = visible.bool()
        head = head.to(heatmap.dtype)
        return heatmap, joint, visible, head


def pckh(
    heatmap: Tensor,
    joint: Tensor,
    visible: Tensor,
    head: Tensor,
    *,
    alpha: float = 0.5,
    seed: int = 0,
) -> Tensor:
    """The loss as a function; ``Pckh`` keeps the options and the step."""
    loss = Pckh(alpha=alpha, seed=seed)
    value: Tensor = loss(heatmap, joint, visible, head)
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


def check_range(
    name: str, value: Tensor, low: float, high: float, closed_low: bool, closed_high: bool
) -> None:
    """Raises ValueError unless all of ``value`` lies in the declared interval; NaN never does."""
    least, most = value.detach().aminmax() if value.numel() else (low, high)
    if (least >= low if closed_low else least > low) and (
        most <= high if closed_high else most < high
    ):
        return
    above = value >= low if closed_low else value > low
    beneath = value <= high if closed_high else value < high
    inside = above & beneath
    if not inside.all():
        interval = f"{'[' if closed_low else '('}{low:g}, {high:g}{']' if closed_high else ')'}"
        first = float(value.detach()[~inside].flatten()[0])
        raise ValueError(f"{name}: expected values in {interval}, got {first:g}")


def check_flag(name: str, value: Tensor) -> None:
    """Raises ValueError unless ``value`` is bool, or whole numbers that are 0 or 1."""
    if value.dtype == torch.bool:
        return
    if value.is_floating_point() or value.is_complex():
        raise ValueError(f"{name}: expected bool, got {value.dtype}")
    if ((value != 0) & (value != 1)).any():
        raise ValueError(f"{name}: expected bool, got whole numbers other than 0 and 1")


def check_defined(value: Tensor, message: str) -> None:
    """Raises ValueError with ``message`` where a metric has no value on this batch."""
    if value.isnan().any():
        raise ValueError(message)


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raises ValueError unless an option is one of its choices."""
    if value not in choices:
        raise ValueError(f"{name}: expected one of {', '.join(choices)}, got {value!r}")


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


def check_places(*sizes: int) -> None:
    """Raises ValueError before comparisons are made that no memory would hold.

    Args:
        *sizes: The axes of a family; all their places are made, whether stored or not.
    """
    places = 1
    for size in sizes:
        places *= size
    if places > 2**28:
        raise ValueError(
            f"{' x '.join(str(size) for size in sizes)} comparisons are {places:,} places, and at "
            f"most {2**28:,} fit: use smaller batches or maps"
        )


def divide(numerator: Tensor | float, denominator: Tensor) -> Tensor:
    """The quotient; NaN, with gradient 0, where the denominator is 0 or anything is undefined."""
    quotient = numerator / denominator
    none = (denominator == 0) | quotient.isnan()
    if no_entry(none):
        return quotient
    if isinstance(numerator, Tensor):
        numerator = torch.where(none, 1, numerator)
    return torch.where(none, torch.nan, numerator / torch.where(none, 1, denominator))


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


def square_root(value: Tensor) -> Tensor:
    """The square root; its gradient at 0 is 0 and not infinite, as at the centre of a distance."""
    positive = value > 0
    root = torch.where(positive, value, 1).sqrt()
    return torch.where(positive, root, torch.where(value == 0, 0, torch.nan))


class AttachSlopes(torch.autograd.Function):
    """A value with its derivatives by several tensors, all computed along with it."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx,
        value: Tensor,
        kept: tuple[int, ...] | None,
        count: int,
        *rest: Tensor,
    ) -> Tensor:
        """Returns ``value / count``; ``rest`` are the tensors, then as many slopes."""
        half = len(rest) // 2
        ctx.save_for_backward(*rest[half:])
        ctx.kept, ctx.count = kept, count  # type: ignore[attr-defined]
        ctx.shapes = [tensor.shape for tensor in rest[:half]]  # type: ignore[attr-defined]
        return value.view_as(value) if count == 1 else value / count

    @staticmethod
    def backward(
        ctx: torch.autograd.function.FunctionCtx, grad: Tensor
    ) -> tuple[Tensor | None, ...]:
        """The slopes, scaled; they have no derivatives of their own."""
        # with once_differentiable, a gradient penalty would silently have no gradient
        if torch.is_grad_enabled() and not torch.compiler.is_compiling():
            raise RuntimeError("the gradient of this loss is in closed form, and has no gradient")
        slopes = ctx.saved_tensors  # type: ignore[attr-defined]
        shapes = ctx.shapes  # type: ignore[attr-defined]
        if ctx.count != 1:  # type: ignore[attr-defined]
            grad = grad / ctx.count  # type: ignore[attr-defined]
        if ctx.kept is not None:  # type: ignore[attr-defined]
            grad = grad.reshape(ctx.kept)  # type: ignore[attr-defined]
        grads = [grad * slope for slope in slopes]
        grads = [
            each if each.shape == shape else each.sum_to_size(shape)
            for each, shape in zip(grads, shapes, strict=True)
        ]
        return (None, None, None, *grads, *([None] * len(grads)))


def attach_slopes(tensors: tuple[Tensor, ...], value: Tensor, *slopes: Tensor) -> Tensor:
    """``value`` as a function of ``tensors``, whose derivatives by them are ``slopes``.

    Args:
        tensors: What the value was computed from; each broadcasts with ``value``.
        value: Elementwise in the tensors.
        slopes: One for each tensor, in the shape of ``value``.
    """
    attached: Tensor = AttachSlopes.apply(value, None, 1, *tensors, *slopes)  # type: ignore[no-untyped-call]
    return attached


class Family(NamedTuple):
    """All comparisons of one discrete decision.

    Args:
        left: Broadcasts to ``stored``: the score that wins where the binary is 1.
        right: The score that it is compared with.
        stored: ``[*rows, *columns]``, bool: where there is a comparison at all.
        tie: The binary at equal scores: a bool, or a tensor that broadcasts to ``stored``.
        columns: How many trailing axes the metric only counts over.
        mirrored: Whether the last two axes are the same items, stored once for both directions.
        both_ways: Whether the last two axes are the same items and the comparisons won against
            each of them are counted as well, beside those that it wins.
    """

    left: Tensor
    right: Tensor
    stored: Tensor
    tie: Tensor | bool
    columns: int
    mirrored: bool
    both_ways: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of its counts."""
        return tuple(self.stored.shape[: self.stored.ndim - self.columns])


class Counted(Protocol):
    """A family as the metric sees it: the shape of its counts, and whether it has them twice."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def both_ways(self) -> bool: ...


def layout(family: Family) -> tuple[int, int]:
    """The number of rows, and of places in each."""
    rows, columns = 1, 1
    for axis, size in enumerate(family.stored.shape):
        if axis < family.stored.ndim - family.columns:
            rows *= size
        else:
            columns *= size
    return rows, columns


def count_of_rows(family: Family) -> int:
    """How many counts of a family the metric takes."""
    rows, _ = layout(family)
    return 2 * rows if family.both_ways else rows


def binaries_of(family: Family) -> Tensor:
    """The hard binaries of a family; False where nothing is stored."""
    won = (family.left > family.right) | ((family.left == family.right) & family.tie)
    return won & family.stored


def compared(family: Family, squash: str = "none") -> Tensor:
    """The comparisons of a family at all dense places, differentiable: ``[*rows, *columns]``.

    Args:
        family: The comparisons.
        squash: ``sigmoid`` bounds the scores before they are compared, ``none`` does not.
    """
    left, right = family.left, family.right
    if squash == "sigmoid":
        left, right = left.sigmoid(), right.sigmoid()
    return (left - right).expand(family.stored.shape)


def row_counts(family: Family, binaries: Tensor) -> Tensor:
    """How many comparisons of each row are won.

    Args:
        family: Gives the shape and what is stored.
        binaries: ``[..., *rows, *columns]``, bool.

    Returns:
        ``[..., R]``, int64, the rows flattened; behind them the counts of the columns, where the
        family is counted both ways.
    """
    stored = family.stored
    won = binaries & stored
    if family.mirrored:
        won = won | (stored & ~binaries).transpose(-1, -2)
    lead = won.shape[: won.ndim - stored.ndim]
    rows, columns = layout(family)
    wins = won.reshape((*lead, rows, columns)).sum(-1)
    if family.both_ways:
        against = won.transpose(-1, -2).reshape((*lead, rows, columns)).sum(-1)
        wins = torch.cat([wins, against], -1)
    return wins


def split_rows(families: tuple[Counted, ...], rows: Tensor) -> list[Tensor]:
    """The counts of each family, in its own shape: ``[..., R] -> [..., *rows]`` for each.

    A family that is counted both ways gives two: of its rows, and of its columns.
    """
    parts, start = [], 0
    for family in families:
        shape = family.shape
        size = 1
        for length in shape:
            size *= length
        for _ in range(2 if family.both_ways else 1):
            parts.append(rows[..., start : start + size].reshape((*rows.shape[:-1], *shape)))
            start += size
    return parts


def rows_of_binaries(families: tuple[Family, ...], binaries: Tensor) -> Tensor:
    """Row counts of stored binaries in their flat order: ``[..., l] -> [..., R]``."""
    places = [family.stored.flatten().nonzero().squeeze(-1) for family in families]
    total = sum(where.shape[0] for where in places)
    if binaries.shape[-1:] != (total,):
        raise ValueError(f"expected {total} binaries for these inputs, got {list(binaries.shape)}")
    parts, start = [], 0
    for family, where in zip(families, places, strict=True):
        chunk = binaries[..., start : start + where.shape[0]] > 0.5
        dense = chunk.new_zeros((*chunk.shape[:-1], family.stored.numel()))
        dense[..., where] = chunk
        start += where.shape[0]
        shape = (*chunk.shape[:-1], *family.stored.shape)
        parts.append(row_counts(family, dense.reshape(shape)))
    return torch.cat(parts, -1)


def flat_comparisons(families: tuple[Family, ...]) -> Tensor:
    """All stored comparisons: family by family, row-major: ``[l]``."""
    parts = [
        (family.left - family.right).expand(family.stored.shape)[family.stored]
        for family in families
    ]
    return torch.cat(parts)


def sigmoid_step(margin: Tensor, temperature: Tensor | float) -> tuple[Tensor, Tensor]:
    """The logistic function ``1 / (1 + exp(-c / temperature))``.

    Source: UniLoss (Liu, Wang, Deng 2020), eq. 9.

    Args:
        margin: ``|c|``, not negative, any shape.
        temperature: Positive; in the units of the scores.

    Returns:
        The tail, at most 1/2, and the slope.
    """
    tail = (margin * (-1 / temperature)).sigmoid()
    return tail, (tail - tail * tail) * (1 / temperature)


def scramble(number: Tensor) -> Tensor:
    """A 32-bit mixing function on int64 tensors that hold 32-bit values.

    Both multipliers are below 2^31, so no product leaves the range of int64.
    """
    number = ((number ^ (number >> 16)) * 0x7FEB352D) & 0xFFFFFFFF
    number = ((number ^ (number >> 15)) * 0x31848BAB) & 0xFFFFFFFF
    return number ^ (number >> 16)


def random_words(seed: Tensor, step: Tensor, count: int) -> Tensor:
    """Uniform 32-bit words, as int64: ``[count]``.

    Args:
        seed: Scalar int64.
        step: Scalar int64; another step gives other words.
        count: How many; the first ones do not depend on it.
    """
    key = scramble((seed + (seed >> 32) * 0x7FEB352D + step * 0x9E3779B1) & 0xFFFFFFFF)
    return scramble(torch.arange(count, device=seed.device) ^ key)


def random_below(words: Tensor, bound: Tensor) -> Tensor:
    """Whole numbers in ``[0, bound)`` from 32-bit words; 0 where the bound is 0."""
    return (words * bound) >> 32


def count_ones(words: Tensor) -> Tensor:
    """The number of ones in each 32-bit word (int64)."""
    words = words - ((words >> 1) & 0x55555555)
    words = (words & 0x33333333) + ((words >> 2) & 0x33333333)
    words = (words + (words >> 4)) & 0x0F0F0F0F
    return ((words * 0x01010101) & 0xFFFFFFFF) >> 24


def pick_among(words: Tensor, mask: Tensor) -> Tensor:
    """A position where ``mask`` holds for each word: ``[t], [L] -> [t]``; 0 if there is none."""
    if mask.shape[0] == 0:
        return torch.zeros_like(words)
    ranks = mask.cumsum(0, dtype=torch.int32)
    rank = (random_below(words, ranks[-1].long()) + 1).int()
    return torch.searchsorted(ranks, rank).clamp_max(mask.shape[0] - 1)


class Flips(NamedTuple):
    """The bits in which t anchors differ from the configuration that they are drawn around.

    Args:
        at: ``[t, m]``, flat positions among all dense places of all families.
        flips: ``[t, m]``, bool: which of them flip; no position does twice.
    """

    at: Tensor
    flips: Tensor


def pick_bits(
    families: tuple[Family, ...], lines: tuple[tuple[int, ...], ...], may: Tensor, words: Tensor
) -> Flips:
    """One bit each of those that may flip; none if none may.

    Args:
        families: The comparisons.
        lines: Of no meaning here: ``pick_lines`` takes them.
        may: ``[L]``, bool.
        words: ``[t]``, random.
    """
    at = pick_among(words, may).unsqueeze(-1)
    return Flips(at, may[at])


def flipped_rows(
    families: tuple[Family, ...], rows: Tensor, positions: Tensor, gains: Tensor
) -> Tensor:
    """Row counts after some flips each.

    Args:
        families: Give the layout of flat positions.
        rows: ``[t, R]``, counts before the flips; not changed.
        positions: ``[t, m]``, flat positions among all dense places of all families.
        gains: ``[t, m]``, +1 where the flip wins its comparison, -1 where it loses it, 0 for no
            flip.

    Returns:
        ``[t, R]``.
    """
    result = rows.clone()
    place_start, row_start = 0, 0
    for family in families:
        count, columns = layout(family)
        places = count * columns
        if places == 0:
            row_start += count_of_rows(family)
            continue
        local = positions - place_start
        here = (local >= 0) & (local < places)
        local = local.clamp(0, places - 1)
        change = torch.where(here, gains, 0)
        result.scatter_add_(-1, row_start + local // columns, change)
        if family.mirrored:
            items = family.stored.shape[-1]
            group, pair = local // (items * items), local % (items * items)
            first, second = pair // items, pair % items
            mirror = (
                group * items + second
                if family.columns
                else group * items * items + second * items + first
            )
            result.scatter_add_(-1, row_start + mirror, -change)
        if family.both_ways:
            items = family.stored.shape[-1]
            against = count + local // (items * items) * items + local % items
            result.scatter_add_(-1, row_start + against, change)
        place_start += places
        row_start += count_of_rows(family)
    return result


def words_of_bits(families: tuple[Family, ...]) -> int:
    """How many random words the bits of one configuration take, each row beginning a new one."""
    total = 0
    for family in families:
        rows, columns = layout(family)
        total += rows * ((columns + 31) // 32)
    return total


def random_binaries(families: tuple[Family, ...], words: Tensor) -> Tensor:
    """Fair random bits at all dense places, row by row: ``[t, words] -> [t, L]``, bool."""
    parts, start = [], 0
    shifts = torch.arange(32, device=words.device)
    for family in families:
        rows, columns = layout(family)
        size = rows * ((columns + 31) // 32)
        shape = (words.shape[0], rows, (columns + 31) // 32, 1)
        chunk = words[:, start : start + size].reshape(shape)
        bits = ((chunk >> shifts) & 1).flatten(-2)[..., :columns]
        parts.append(
            bits.reshape((words.shape[0], rows * columns)).bool() & family.stored.reshape(-1)
        )
        start += size
    return torch.cat(parts, -1)


def fair_counts(words: Tensor, stored: Tensor) -> Tensor:
    """How many of each row's bits are 1 if all are fair: ``[..., R]``, int64.

    Up to 32 bits they are the ones of a random word. Of more, the binomial distribution is taken
    for the normal one, rounded; its skewness is 0, so that they differ by less than 1 / (8 n).

    Args:
        words: ``[..., R, 3]``, random.
        stored: ``[R]``, how many bits each row has.
    """
    kept = (1 << stored.clamp(0, 32)) - 1
    few = count_ones(words[..., 0] & kept)
    uniform = (words[..., 1:].double() + 0.5) / 2**32
    normal = (-2 * uniform[..., 0].log()).sqrt() * (2 * torch.pi * uniform[..., 1]).cos()
    size = stored.double()
    many = (size / 2 + size.sqrt() / 2 * normal).round().long()
    return torch.where(stored <= 32, few, many.clamp_min(0).minimum(stored))


def words_of_counts(families: tuple[Family, ...]) -> int:
    """How many random words the row counts of one fair configuration take."""
    total = 0
    for family in families:
        rows, columns = layout(family)
        coupled = family.mirrored or family.both_ways
        total += rows * ((columns + 31) // 32 if coupled else 3)
    return total


def random_row_counts(families: tuple[Family, ...], words: Tensor) -> Tensor:
    """Row counts of fair random configurations, not written out: ``[t, words] -> [t, R]``.

    A family whose pairs stand in two rows couples them, so its bits are written out.

    Args:
        families: The comparisons.
        words: As many for each configuration as ``words_of_counts`` says.
    """
    parts, start = [], 0
    for family in families:
        rows, columns = layout(family)
        if family.mirrored or family.both_ways:
            size = rows * ((columns + 31) // 32)
            bits = random_binaries((family,), words[:, start : start + size])
            parts.append(row_counts(family, bits.reshape((words.shape[0], *family.stored.shape))))
        else:
            size = 3 * rows
            chunk = words[:, start : start + size].reshape((words.shape[0], rows, 3))
            parts.append(fair_counts(chunk, row_counts(family, family.stored)))
        start += size
    return torch.cat(parts, -1)


def dense_row_counts(families: tuple[Family, ...], binaries: Tensor) -> Tensor:
    """Row counts of bits at all dense places: ``[..., L] -> [..., R]``."""
    parts, start = [], 0
    for family in families:
        places = family.stored.numel()
        chunk = binaries[..., start : start + places]
        parts.append(row_counts(family, chunk.reshape((*chunk.shape[:-1], *family.stored.shape))))
        start += places
    return torch.cat(parts, -1)


def pick_lines(
    families: tuple[Family, ...], lines: tuple[tuple[int, ...], ...], may: Tensor, words: Tensor
) -> Flips:
    """All bits that may flip of one line each, of those lines that have any.

    In a mirrored family, which stores each pair of items once, the line of an item is all pairs
    that it is in.

    Source: the rows and columns of the published pose code of UniLoss.

    Args:
        families: The comparisons.
        lines: For each family the axes of ``stored`` along which its lines run; the others number
            them.
        may: ``[L]``, bool: which bits may flip.
        words: ``[t]``, random.
    """
    parts, starts = [], []
    place = 0
    for family, axes in zip(families, lines, strict=True):
        starts.append(place)
        here = may[place : place + family.stored.numel()].reshape(family.stored.shape)
        parts.append(lines_with_some(family, axes, here))
        place += family.stored.numel()
    picked = pick_among(words, torch.cat(parts))
    at, inside = [], []
    first = 0
    for family, axes, start, part in zip(families, lines, starts, parts, strict=True):
        local = picked - first
        own = (local >= 0) & (local < part.shape[0])
        local = torch.where(own, local, 0)
        first += part.shape[0]
        if not family.stored.numel():
            continue
        for run in runs_of_line(family, axes):
            fixed = tuple(axis for axis in range(family.stored.ndim) if axis not in run)
            bases, steps = offsets(family, fixed, words), offsets(family, run, words)
            positions = start + bases[local].unsqueeze(-1) + steps
            at.append(positions)
            inside.append(own.unsqueeze(-1).expand_as(positions))
    places = torch.cat(at, -1)
    return Flips(places, may[places] & torch.cat(inside, -1))


def runs_of_line(family: Family, axes: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The axes along which a line runs; two lists where it has a mirror image."""
    last = family.stored.ndim - 1
    return [(last,), (last - 1,)] if family.mirrored else [axes]


def lines_with_some(family: Family, axes: tuple[int, ...], may: Tensor) -> Tensor:
    """Which lines of a family have a bit that may flip: ``[*rows, *columns] -> [lines]``."""
    found = []
    for run in runs_of_line(family, axes):
        some = may
        for axis in sorted(run, reverse=True):
            some = some.any(axis)
        found.append(some.reshape(-1))
    return found[0] if len(found) == 1 else found[0] | found[1]


def offsets(family: Family, axes: tuple[int, ...], like: Tensor) -> Tensor:
    """The flat positions of all places along some axes, the others at 0: int64, row-major."""
    result = torch.zeros(1, dtype=torch.long, device=like.device)
    for axis in axes:
        stride = 1
        for size in family.stored.shape[axis + 1 :]:
            stride *= size
        steps = torch.arange(family.stored.shape[axis], device=like.device) * stride
        result = (result.unsqueeze(-1) + steps).reshape(-1)
    return result


def interpolate_between(
    families: tuple[Family, ...],
    metric: Callable[[Tensor], Tensor],
    relax: Callable[[Tensor, Tensor | float], tuple[Tensor, Tensor]],
    draw: Callable[[Standing], DrawnAnchors],
    best: Tensor | None,
    temperature: Tensor | float,
    squash: str,
    power: float,
    gradient: str,
    weigh: Callable[[Tensor, Tensor, float, str], tuple[Tensor, Tensor, Tensor]],
) -> Tensor:
    """The metric interpolated between anchors of any kind; ``draw`` samples them."""
    comparisons = end_to_end([compared(family, squash).reshape(-1) for family in families])
    now = end_to_end([binaries_of(family).reshape(-1) for family in families])
    if comparisons.shape[0] == 0:  # an empty batch: the metric of nothing, which nothing moves
        return metric(dense_row_counts(families, now)) + comparisons.sum()
    with torch.no_grad():
        stored = end_to_end([family.stored.reshape(-1) for family in families])
        tail, slope = relax(comparisons.detach().abs(), temperature)
        standing = where_we_stand(tail, stored, now, best)
        anchors = draw(standing)
    metrics = metric(anchors.rows).to(standing.tail.dtype)
    with torch.no_grad():
        value, pulls, shares = weigh(anchors.squared, metrics, power, gradient)
        slope = slope_towards(standing, anchors.along(standing, pulls), pulls) * slope
    result = attach_gradient(comparisons, value, slope)
    if metrics.requires_grad:  # the metric has continuous parts besides its decisions
        result = result + shares.dot(metrics - metrics.detach())
    return result


def end_to_end(parts: list[Tensor]) -> Tensor:
    """The parts of all families in one; the only one as it is, without a copy."""
    return parts[0] if len(parts) == 1 else torch.cat(parts)


class Standing(NamedTuple):
    """Where the current scores stand among the configurations; all are ``[L]``, over all places.

    Args:
        stored: Where there is a comparison.
        now: The current configuration.
        wrong: Where it differs from the best one.
        kept: 1 where there is a comparison, else 0.
        tail: How far the relaxed binary is from the current one, at most 1/2.
        excess: What differing in this bit adds to a squared distance: 1 - 2 tail.
    """

    stored: Tensor
    now: Tensor
    wrong: Tensor
    kept: Tensor
    tail: Tensor
    excess: Tensor


def where_we_stand(tail: Tensor, stored: Tensor, now: Tensor, best: Tensor | None) -> Standing:
    """Compares the current configuration with the relaxed one, and with the best one."""
    kept = stored.to(tail.dtype)
    tail = tail * kept
    wrong = stored & ~now if best is None else stored & (now != best)
    return Standing(stored, now, wrong, kept, tail, torch.sub(kept, tail, alpha=2))


class DrawnAnchors(Protocol):
    """Sampled anchors: their row counts, ``[t, R]``, and squared distances, ``[t]``."""

    @property
    def rows(self) -> Tensor: ...

    @property
    def squared(self) -> Tensor: ...

    def along(self, standing: Standing, pulls: Tensor) -> Tensor:
        """For each bit the sum of the pulls of anchors that differ from the current one: ``[L]``.

        Args:
            standing: Where the current scores stand.
            pulls: ``[t]``, of the anchors.
        """
        ...


def slope_towards(standing: Standing, along: Tensor, pulls: Tensor) -> Tensor:
    """The sum over anchors of ``pull * (u - anchor)``, bit by bit: ``[L]``.

    With s = +1 where the current bit is 1 and -1 where it is 0, u - now = -s tail, and an anchor
    that differs from the current bit adds s.
    """
    along = along - standing.tail * pulls.sum()
    return torch.where(standing.now, along, -along) * standing.kept


def idw_weights(
    squared: Tensor, values: Tensor, power: float, gradient: str
) -> tuple[Tensor, Tensor, Tensor]:
    """The interpolated value, and what each anchor has to do with it.

    Args:
        squared: ``[t]``, squared distances, not negative.
        values: ``[t]``, the metric at each anchor.
        power: Shepard's power.
        gradient: ``exact``, ``improving``, ``published`` or ``attract``.

    Returns:
        The value, a scalar; the factor of ``u - a_k`` in its gradient, ``[t]``; and the share of
        each anchor in it, ``[t]``.
    """
    tiny = torch.finfo(squared.dtype).tiny
    squared = squared.clamp_min(tiny)
    nearest = squared.amin()
    # scaled so that none overflows; an anchor at distance 0 leaves nothing to the others
    weights = (nearest / squared) ** (power / 2)
    total = weights.sum()
    value = weights.dot(values) / total
    shift = {"exact": -1, "improving": -1, "published": 1, "attract": 0}[gradient]
    pulls = values + shift * value
    if gradient == "improving":  # nothing is pushed away from what is worse
        pulls = pulls.clamp_min(0)
    pulls = pulls * weights / (total * squared)
    return value, pulls * (-power * (nearest > tiny)), weights / total


class AttachGradient(torch.autograd.Function):
    """A value with a gradient that was computed along with it."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx, comparisons: Tensor, value: Tensor, slope: Tensor
    ) -> Tensor:
        """Returns ``value`` and keeps ``slope`` for the way back."""
        ctx.save_for_backward(slope)
        return value.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(
        ctx: torch.autograd.function.FunctionCtx, grad: Tensor
    ) -> tuple[Tensor, None, None]:
        """The kept gradient, scaled; it has no derivative of its own."""
        (slope,) = ctx.saved_tensors  # type: ignore[attr-defined]
        return grad * slope, None, None


def attach_gradient(comparisons: Tensor, value: Tensor, slope: Tensor) -> Tensor:
    """``value`` as a function of ``comparisons`` whose gradient is ``slope``."""
    attached: Tensor = AttachGradient.apply(  # type: ignore[no-untyped-call]
        comparisons, value, slope
    )
    return attached


def interpolate_idw(
    families: tuple[Family, ...],
    metric: Callable[[Tensor], Tensor],
    relax: Callable[[Tensor, Tensor | float], tuple[Tensor, Tensor]],
    seed: Tensor,
    step: Tensor,
    best: Tensor | None = None,
    temperature: Tensor | float = 1.0,
    squash: str = "none",
    good: int = 16,
    bad: int = 16,
    nearby: int = 16,
    power: float = 1.0,
    gradient: str = "exact",
    bits: str = "auto",
    pick: Callable[
        [tuple[Family, ...], tuple[tuple[int, ...], ...], Tensor, Tensor], Flips
    ] = pick_bits,
    lines: tuple[tuple[int, ...], ...] = (),
    weigh: Callable[[Tensor, Tensor, float, str], tuple[Tensor, Tensor, Tensor]] = idw_weights,
) -> Tensor:
    r"""The interpolated metric, differentiable in the scores.

    Anchors are described by how they differ from the current configuration: d^2 to the latter is
    the sum of min(u, 1 - u)^2, and each differing bit adds 1 - 2 min(u, 1 - u), which loses no
    digits. One pass over the comparisons and a few corrections give value and gradient.

    Source: UniLoss (Liu, Wang, Deng 2020), section 3.4 and eq. 10; the gradient rules are those of
    ``lossc.runtime.reference.idw_gradient``.

    Args:
        families: The comparisons.
        metric: The metric of row counts, ``[t, R] -> [t]``.
        relax: The step relaxation, such as ``sigmoid_step``. It never reaches 0 or 1.
        seed: Scalar int64.
        step: Scalar int64; anchors are drawn anew for every step.
        best: ``[L]``, bool: the best configuration at all dense places; ``None`` if all
            comparisons are won.
        temperature: Of the step, in the units of the (squashed) scores.
        squash: ``sigmoid`` bounds the scores before they are compared, ``none`` does not.
        good: Anchors that differ a little from the best.
        bad: Anchors of fair random bits.
        nearby: Anchors that correct something wrong of the current configuration.
        power: Shepard's power.
        gradient: ``exact``, ``improving``, ``published`` or ``attract``.
        bits: ``drawn`` takes the distance to a bad anchor from its bits, ``expected`` from its
            mean over the bits, ``auto`` draws below 64 comparisons.
        pick: What good and nearby anchors flip: ``pick_bits`` or ``pick_lines``.
        lines: For the latter, the axes of each family along which its lines run.
        weigh: ``idw_weights``, or ``weights_without_best``.

    Returns:
        A scalar. Where the metric has continuous parts besides its decisions, they keep their own
        gradient.
    """

    def draw(standing: Standing) -> Anchors:
        drawn = bits == "drawn" or (bits == "auto" and standing.stored.shape[0] < 64)
        counts = (good, nearby, bad)
        return sample_anchors(families, standing, best, seed, step, counts, drawn, pick, lines)

    return interpolate_between(
        families, metric, relax, draw, best, temperature, squash, power, gradient, weigh
    )


class Anchors(NamedTuple):
    """Sampled anchors in the order best, good, nearby, bad, by what distinguishes them.

    Args:
        good: What each good anchor flips of the best configuration.
        near: What each nearby one flips of the current one.
        rows: ``[t, R]``, row counts of all.
        squared: ``[t]``, squared distances from the relaxed binaries.
        differ: ``[bad, L]``, 1 where a bad anchor differs from the current configuration, where its
            bits were drawn; else ``None``.
    """

    good: Flips
    near: Flips
    rows: Tensor
    squared: Tensor
    differ: Tensor | None

    def along(self, standing: Standing, pulls: Tensor) -> Tensor:
        """For each bit the sum of the pulls of anchors that differ from the current one."""
        wrong = standing.wrong
        good, near = self.good.at.shape[0], self.near.at.shape[0]
        to_best, to_good, to_near = pulls[:1], pulls[1 : 1 + good], pulls[1 + good :][:near]
        to_bad = pulls[1 + good + near :]
        found = wrong.to(standing.tail.dtype) * (to_best.sum() + to_good.sum())
        back = torch.where(wrong[self.good.at], -1, 1) * self.good.flips
        found.index_add_(0, self.good.at.flatten(), (to_good.unsqueeze(-1) * back).flatten())
        there = to_near.unsqueeze(-1) * self.near.flips
        found.index_add_(0, self.near.at.flatten(), there.flatten())
        if self.differ is None:
            return found + standing.kept * (to_bad.sum() / 2)
        return found + (to_bad.unsqueeze(-1) * self.differ).sum(0)


def sample_anchors(
    families: tuple[Family, ...],
    standing: Standing,
    best: Tensor | None,
    seed: Tensor,
    step: Tensor,
    counts: tuple[int, int, int],
    drawn: bool,
    pick: Callable[[tuple[Family, ...], tuple[tuple[int, ...], ...], Tensor, Tensor], Flips],
    lines: tuple[tuple[int, ...], ...],
) -> Anchors:
    """Draws the anchors of a step; ``counts`` are those of good, nearby and bad ones."""
    stored, now, wrong, kept, tail, excess = standing
    good, nearby, bad = counts
    width = words_of_bits(families) if drawn else words_of_counts(families)
    words = random_words(seed, step, good + nearby + bad * width)
    words, bad_words = words[: good + nearby], words[good + nearby :].reshape((bad, width))
    # good anchors flip the best configuration anywhere; nearby ones correct what is wrong, if any
    to_good = pick(families, lines, stored, words[:good])
    to_near = pick(families, lines, wrong | (stored & ~wrong.any()), words[good:])

    # squared distances, all as the current one plus the bits that differ: no digits are lost
    current = tail.dot(tail)
    missing = excess.dot(wrong.to(excess.dtype))
    wrong_good, excess_good = wrong[to_good.at], excess[to_good.at] * to_good.flips
    # of wrong bits an anchor differs where it does not flip; a difference of 0 is to be exactly 0
    righted = (wrong_good & to_good.flips).sum(-1)
    rest = missing - (excess_good * wrong_good).sum(-1)
    rest = torch.where(wrong.sum() > righted, rest.clamp_min(0), 0)
    good_distance = current + rest + (excess_good * ~wrong_good).sum(-1)
    near_distance = current + (excess[to_near.at] * to_near.flips).sum(-1)

    now_rows = dense_row_counts(families, now)
    best_rows = dense_row_counts(families, stored if best is None else best & stored)
    # what a flip of the current bit wins; of the best one, the opposite where they differ
    gain_near = torch.where(now[to_near.at], -1, 1) * to_near.flips
    gain_good = torch.where(now[to_good.at] != wrong_good, -1, 1) * to_good.flips
    rows = [
        best_rows.unsqueeze(0),
        flipped_rows(families, best_rows.expand(good, -1), to_good.at, gain_good),
        flipped_rows(families, now_rows.expand(nearby, -1), to_near.at, gain_near),
    ]
    differ = None
    bad_distance = (current + (kept.sum() - 2 * tail.sum()) / 2).expand(bad)
    if drawn:
        bits_of_bad = random_binaries(families, bad_words)
        rows.append(dense_row_counts(families, bits_of_bad))
        differ = ((bits_of_bad != now) & stored).to(excess.dtype)
        bad_distance = current + (differ * excess).sum(-1)
    else:
        rows.append(random_row_counts(families, bad_words))
    best_distance = (current + missing).unsqueeze(0)
    squared = torch.cat([best_distance, good_distance, near_distance, bad_distance])
    return Anchors(to_good, to_near, torch.cat(rows), squared, differ)


def sigmoid_powers(name: str, double: bool) -> tuple[float, ...]:
    r"""The coefficients of t, t^2, ... in t = exp(-|c| / T), for a function of the sigmoid step.

    With s = sigma(-|c| / T) = t / (1 + t), how far the relaxed binary is from the bit that it
    relaxes, the functions are

    .. math::
        \mathrm{tail} = s, \quad \mathrm{tail\_squared} = s^2, \quad
        \mathrm{slope} = s (1 - s), \quad \mathrm{tail\_slope} = s^2 (1 - s), \quad
        \mathrm{tail\_squared\_slope} = s^3 (1 - s).

    Each is t^m p(t) with m its leading order and p the polynomial of least relative error, so that
    separated scores are as exact as close ones. ``tools/exponentials.py`` computes the tables.
    Number of coefficients and largest relative error for t in (0, 1], summed in float64:

    ==================  ======================  ======================
    name                not ``double``          ``double``
    ==================  ======================  ======================
    tail                K = 9, 2.6e-07          K = 17, 1.9e-13
    tail_squared        K = 11, 4.7e-07         K = 19, 6.2e-13
    slope               K = 10, 4.7e-07         K = 18, 6.2e-13
    tail_slope          K = 12, 5.6e-07         K = 21, 4.1e-13
    tail_squared_slope  K = 14, 5.3e-07         K = 23, 1.8e-12
    ==================  ======================  ======================

    Args:
        name: Of the function.
        double: Whether float64 scores are to be served.

    Returns:
        ``[K]``; the first ones are 0 below the leading order.
    """
    if double:
        return sigmoid_powers_double()[name]
    return sigmoid_powers_single()[name]


def sigmoid_powers_single() -> dict[str, tuple[float, ...]]:
    """The tables of relative errors below 1e-6."""
    return {
        "tail": (
            0.9999997423277441,
            -0.9999579994222988,
            0.9988448552770891,
            -0.98741657538627,
            0.9286425645192004,
            -0.7588509775698878,
            0.47071979971650896,
            -0.18575489854283764,
            0.03377361791687957,
        ),
        "tail_squared": (
            0.0,
            0.9999995280365153,
            -1.9999114757842253,
            2.997152279715908,
            -3.9631497526262875,
            4.747753781131573,
            -4.953643079121192,
            4.137984795461984,
            -2.478195586500419,
            0.9163925190637908,
            -0.15438312736851925,
        ),
        "slope": (
            0.9999995280365153,
            -1.9999114757842253,
            2.997152279715908,
            -3.9631497526262875,
            4.747753781131573,
            -4.953643079121192,
            4.137984795461984,
            -2.478195586500419,
            0.9163925190637908,
            -0.15438312736851925,
        ),
        "tail_slope": (
            0.0,
            0.9999994450838822,
            -2.99988161097045,
            5.995611747943237,
            -9.93380260515698,
            14.465420662489738,
            -18.35155265236003,
            19.24937147747252,
            -15.472432311962054,
            8.684399285328876,
            -2.9756016479815077,
            0.46346827947728475,
        ),
        "tail_squared_slope": (
            0.0,
            0.0,
            0.9999994654058814,
            -3.999871406449024,
            9.994574018120069,
            -19.905982805816386,
            34.119895707668384,
            -50.89793770025805,
            64.0996688951942,
            -64.55905329281964,
            48.684386904766825,
            -25.34389738255664,
            8.028785775655143,
            -1.158068212322888,
        ),
    }


def sigmoid_powers_double() -> dict[str, tuple[float, ...]]:
    """The tables of relative errors below 2e-12."""
    return {
        "tail": (
            0.9999999999998065,
            -0.9999999998879697,
            0.9999999891516419,
            -0.9999995811711828,
            0.9999914215620024,
            -0.9998924183039458,
            0.9991003922394937,
            -0.9946963791778145,
            0.9770803269310977,
            -0.9252684085584012,
            0.8118275767529185,
            -0.626197124707583,
            0.40021222656543554,
            -0.198564163607827,
            0.07053364744426605,
            -0.015789564670881353,
            0.0016620594390401424,
        ),
        "tail_squared": (
            0.0,
            0.9999999999993879,
            -1.9999999996190536,
            2.9999999601203498,
            -3.9999983266584547,
            4.9999625556384615,
            -5.999484214351613,
            6.995235960219715,
            -7.968790695356689,
            8.849172519482122,
            -9.446346512576472,
            9.420098970939087,
            -8.422771628745284,
            6.436965239838525,
            -3.9945610401568308,
            1.900568841667139,
            -0.6431708458213177,
            0.13679543474398687,
            -0.01367621936321109,
        ),
        "slope": (
            0.9999999999993879,
            -1.9999999996190536,
            2.9999999601203498,
            -3.9999983266584547,
            4.9999625556384615,
            -5.999484214351613,
            6.995235960219715,
            -7.968790695356689,
            8.849172519482122,
            -9.446346512576472,
            9.420098970939087,
            -8.422771628745284,
            6.436965239838525,
            -3.9945610401568308,
            1.900568841667139,
            -0.6431708458213177,
            0.13679543474398687,
            -0.01367621936321109,
        ),
        "tail_slope": (
            0.0,
            0.999999999999788,
            -2.999999999842684,
            5.99999998030323,
            -9.999999007543593,
            14.999973208901071,
            -20.99955247348248,
            27.994957676248593,
            -35.95944035586849,
            44.75759706642827,
            -53.89144572611913,
            62.03102002904343,
            -66.66237692881738,
            64.71093313892705,
            -54.62633726856794,
            38.53388883861714,
            -21.77035465234842,
            9.367993273364405,
            -2.8623887485312856,
            0.5504438589899078,
            -0.04991190970149037,
        ),
        "tail_squared_slope": (
            0.0,
            0.0,
            0.9999999999996921,
            -3.999999999756719,
            9.999999967425632,
            -19.99999823832806,
            34.99994877391775,
            -55.99907492640865,
            83.988689868551,
            -119.90089135716924,
            164.35206974352965,
            -216.74464828647967,
            273.1384493422512,
            -323.28265865649786,
            349.97541157933534,
            -335.6240009607108,
            275.5977022885981,
            -187.1191886606054,
            101.1135682620402,
            -41.48624486506976,
            12.074494750956815,
            -2.2125119480309285,
            0.19138332245176215,
        ),
    }


class Pairs(NamedTuple):
    """One comparison ``x_i - y_j`` for every left item i and right item j of the same group.

    Args:
        left: ``[*batch, m]``, the scores x, float32 or float64. A score of a kept item that is NaN
            makes the sums of its group NaN.
        right: ``[*batch, n]``, the scores y.
        left_kept: ``[*batch, m]``, bool: an item that is not kept takes part in no pair, whatever
            its score is.
        right_kept: ``[*batch, n]``, bool.
        left_group: ``[*batch, m]``, int64, any values: there are pairs only where the groups are
            equal, and only within a place of the batch axes. ``None``: one group.
        right_group: ``[*batch, n]``, as ``left_group``; both are ``None``, or none.
        tie: The binary where the scores are equal: ``won`` (1), ``lost`` (0), ``first`` (1 where
            the left item's position in the last axis is before the right one's), ``last`` (1 where
            it is after).
        same: Whether left position i and right position i are the same item (``m == n``), which is
            not compared with itself.
    """

    left: Tensor
    right: Tensor
    left_kept: Tensor
    right_kept: Tensor
    left_group: Tensor | None = None
    right_group: Tensor | None = None
    tie: str = "lost"
    same: bool = False


class PairSide(NamedTuple):
    """The left or the right items in the common order: by batch place and group, then by score.

    Equal scores are ordered so that a left item beats exactly those right ones of its group that
    lie before it. On the CPU only the kept items are here; on other devices, and when compiling,
    all of them, those that are not kept at the end, in a group of their own.

    Args:
        scores: ``[s]``, float64, ascending within a group; infinity is 1e300, which is as far from
            all else, but not from itself.
        at: ``[s]``, int64: the position of each in the flattened ``[*batch, items]``.
        place: ``[s]``, int64: how many items of the other side lie before each, over all groups.
        group: ``[s]``, int64, ascending: equal for items of one batch place and group, comparable
            with the other side's. ``None``: all are of one group.
        itself: ``[s]``, int64: where the same item is in the other side's order, -1 where it is
            not there. ``None``: no item is on both sides.
        kept: ``[s]``, bool. ``None``: all are kept.
        shape: ``[*batch, items]``, the shape that they had.
        dtype: The dtype that the scores had.
    """

    scores: Tensor
    at: Tensor
    place: Tensor
    group: Tensor | None
    itself: Tensor | None
    kept: Tensor | None
    shape: torch.Size
    dtype: torch.dtype


class PairOrder(NamedTuple):
    """What one sort of the items of both sides gives; all sums over their pairs reuse it."""

    left: PairSide
    right: PairSide


def order_pairs(pairs: Pairs) -> PairOrder:
    """Sorts the items of both sides together, in O((m + n) log(m + n)); carries no gradient."""
    left, right = pairs.left.detach(), pairs.right.detach()
    size, rows, device = left.numel(), left.shape[:-1].numel(), left.device
    static = torch.compiler.is_compiling() or device.type != "cpu"
    scores = torch.cat([left.reshape(-1), right.reshape(-1)])
    kept = torch.cat([pairs.left_kept.reshape(-1), pairs.right_kept.reshape(-1)])
    items = tie_order(pairs)
    if static:  # nothing may be read out of a tensor, so all items stay
        scores = scores.masked_fill(~kept, 0)
    else:
        items = items.index_select(0, kept.index_select(0, items).nonzero().squeeze(-1))
    group, row = None, None
    if pairs.left_group is not None and pairs.right_group is not None:
        group = torch.cat([pairs.left_group.reshape(-1), pairs.right_group.reshape(-1)])
        group = group.index_select(0, items)
    if static or rows > 1:
        row = torch.arange(rows, device=device).unsqueeze(-1)
        row = torch.cat([row.expand(rows, side.shape[-1]).reshape(-1) for side in (left, right)])
        row = (row.masked_fill(~kept, rows) if static else row).index_select(0, items)
    keys = score_key(scores.index_select(0, items))
    order, group = sort_items(keys, group, row, rows, static)
    items = items.index_select(0, order)

    # the left items in their order, then the right ones in theirs
    count = torch.arange(items.shape[0], device=device)
    rights = (items >= size).cumsum(0)
    lefts = size if static else items.shape[0] - int(rights[-1:].sum())
    target = torch.where(items >= size, rights + (lefts - 1), count - rights)
    parted = torch.empty_like(count).scatter_(0, target, count)
    sides = []
    for spot, before, shape in (
        (parted[:lefts], 0, left.shape),
        (parted[lefts:], size, right.shape),
    ):
        item = items.index_select(0, spot)
        side = PairSide(
            scores=scores.index_select(0, item).double().clamp_(-1e300, 1e300),
            at=item - before,
            place=spot - count[: spot.shape[0]],
            group=None if group is None else group.index_select(0, spot),
            itself=None,
            kept=kept.index_select(0, item) if static else None,
            shape=shape,
            dtype=scores.dtype,
        )
        sides.append(side)
    ours, theirs = sides
    if pairs.same:
        ours, theirs = find_itself(ours, theirs), find_itself(theirs, ours)
    return PairOrder(ours, theirs)


def tie_order(pairs: Pairs) -> Tensor:
    """All items in the order in which a stable sort has to meet those of equal scores.

    Returns:
        ``[left + right]``, int64: flat positions, those of the right items after all left ones.
    """
    m, n = pairs.left.shape[-1], pairs.right.shape[-1]
    rows, device = pairs.left.shape[:-1].numel(), pairs.left.device
    count = torch.arange(rows * (m + n), device=device)
    if pairs.tie == "lost":
        return count
    if pairs.tie == "won":
        return count.roll(-rows * m)
    # by position; of one position first the left item, which does not beat the right one
    left, right = count[:m], count[:n]
    if pairs.tie == "last":
        before_left, before_right = left + left.clamp(max=n), right + (right + 1).clamp(max=m)
    else:  # the last position comes first
        before_left = (m - 1 - left) + (n - 1 - left).clamp(min=0)
        before_right = (n - 1 - right) + (m - right).clamp(min=0)
    target = torch.cat([before_left, before_right])
    within = torch.empty_like(target).scatter_(0, target, count[: m + n])
    row = torch.arange(rows, device=device).unsqueeze(-1)
    return (within + torch.where(within < m, row * m, row * n + (rows - 1) * m)).reshape(-1)


def score_key(scores: Tensor) -> Tensor:
    """Whole numbers in the order of the scores, which sort faster: ``[s]``, int32 or int64."""
    scores = scores.masked_fill(scores == 0, 0)  # -0 and 0 are equal
    if scores.dtype == torch.float32:
        bits = scores.view(torch.int32)
        return bits ^ ((bits >> 31) & 0x7FFFFFFF)
    bits = scores.double().view(torch.int64)
    return bits ^ ((bits >> 63) & 0x7FFFFFFFFFFFFFFF)


def sort_items(
    key: Tensor, group: Tensor | None, row: Tensor | None, rows: int, static: bool
) -> tuple[Tensor, Tensor | None]:
    """The order by batch place, then group, then score; equal items stay in their order.

    Args:
        key: ``[s]``, of the scores.
        group: ``[s]``, or ``None`` for one group.
        row: ``[s]``, the batch place, at most ``rows``, or ``None`` for one.
        rows: How many batch places there are.
        static: Whether nothing may be read out of a tensor.

    Returns:
        The order, and in it a number for each batch place and group: both ``[s]``, the latter
        ``None`` where ``group`` and ``row`` are.
    """
    if group is not None and not static and group.shape[0] > 0:
        low, high = (int(bound) for bound in group.aminmax())
        if rows * (high - low + 1) < 2**31:  # batch place and group fit into one number
            group = group - low
            row = group if row is None else row * (high - low + 1) + group
            group = None
    if group is None and row is not None and key.dtype == torch.int32:  # so do all three
        order = stable_order((row << 32) + (key.long() + 2**31), static)
        return order, row.index_select(0, order)
    order = stable_order(key, static)
    majors = [major for major in (group, row) if major is not None]
    for major in majors:
        order = order.index_select(0, stable_order(major.index_select(0, order), static))
    if len(majors) < 2:
        return order, majors[0].index_select(0, order) if majors else None
    changes = [major.index_select(0, order).diff() != 0 for major in majors]
    return order, torch.nn.functional.pad((changes[0] | changes[1]).cumsum(0), (1, 0))


def stable_order(keys: Tensor, static: bool) -> Tensor:
    """Where the keys are in ascending order, equal ones in theirs: ``[s]``, integer -> int64."""
    size = keys.shape[0]
    if not static and 10_000 < size < 32_768:  # from there on torch sorts by radix, much faster
        last = torch.iinfo(keys.dtype).max
        padded = torch.cat([keys, keys.new_full((32_768 - size,), last)])
        return padded.argsort(stable=True)[:size]
    return keys.argsort(stable=True)


def find_itself(ours: PairSide, theirs: PairSide) -> PairSide:
    """``ours``, with where each of its items is on the other side."""
    spots = theirs.at.new_full((theirs.shape.numel(),), -1)
    spots = spots.scatter(0, theirs.at, torch.arange(theirs.at.shape[0], device=theirs.at.device))
    itself = spots.index_select(0, ours.at)
    if ours.group is not None and theirs.group is not None and theirs.group.shape[0] > 0:
        apart = theirs.group.index_select(0, itself.clamp(min=0)) != ours.group
        itself = itself.masked_fill(apart, -1)
    return ours._replace(itself=itself)


def group_bounds(ours: PairSide, theirs: PairSide) -> tuple[Tensor, Tensor]:
    """Where the group of each of our items begins and ends on the other side: ``[s]`` each."""
    if ours.group is None or theirs.group is None:
        first = torch.zeros_like(ours.place)
        return first, first + theirs.place.shape[0]
    first = torch.searchsorted(theirs.group, ours.group)
    return first, torch.searchsorted(theirs.group, ours.group, right=True)


def stored_of(ours: PairSide, theirs: PairSide) -> Tensor:
    """In how many pairs each of our items is, in their order: ``[s]``, int64."""
    first, end = group_bounds(ours, theirs)
    stored = end - first
    if ours.itself is not None:
        stored = stored - (ours.itself >= 0).long()
    return stored if ours.kept is None else stored * ours.kept


def before_of(ours: PairSide, theirs: PairSide) -> Tensor:
    """How many items of the other side's group lie before each of ours: ``[s]``, int64."""
    first, _ = group_bounds(ours, theirs)
    before = ours.place - first
    if ours.itself is not None:
        before = before - ((ours.itself >= 0) & (ours.itself < ours.place)).long()
    return before if ours.kept is None else before * ours.kept


def to_items(values: Tensor, side: PairSide) -> Tensor:
    """Values in the common order back at their items, 0 elsewhere.

    Args:
        values: ``[..., s]``.
        side: The side whose items they belong to.

    Returns:
        ``[..., *batch, items]``.
    """
    if side.kept is not None:
        values = values.masked_fill(~side.kept, 0)
    lead = values.shape[:-1]
    placed = values.new_zeros((*lead, side.shape.numel()))
    return placed.index_copy(-1, side.at, values).reshape((*lead, *side.shape))


def pairs_won(order: PairOrder) -> Tensor:
    """How many right items each left one beats: ``[*batch, m]``, int64."""
    return to_items(before_of(order.left, order.right), order.left)


def pairs_won_against(order: PairOrder) -> Tensor:
    """By how many left items each right one is beaten: ``[*batch, n]``, int64."""
    ours, theirs = order.right, order.left
    return to_items(stored_of(ours, theirs) - before_of(ours, theirs), ours)


def pairs_stored(order: PairOrder) -> Tensor:
    """In how many pairs each left item is: ``[*batch, m]``, int64."""
    return to_items(stored_of(order.left, order.right), order.left)


def pairs_stored_against(order: PairOrder) -> Tensor:
    """In how many pairs each right item is: ``[*batch, n]``, int64."""
    return to_items(stored_of(order.right, order.left), order.right)


def stored_pair_at(order: PairOrder, ranks: Tensor) -> tuple[Tensor, Tensor]:
    """The pairs of these numbers, in a fixed order of all.

    Args:
        order: Has ``pairs_stored(order).sum()`` pairs, more than 0.
        ranks: ``[t]``, int64, from 0 to below that.

    Returns:
        The positions of the left and of the right items in the flattened ``[*batch, m]`` and
        ``[*batch, n]``: ``[t]`` each.
    """
    first, _ = group_bounds(order.left, order.right)
    return pair_at(order, ranks, stored_of(order.left, order.right), first)


def lost_pair_at(order: PairOrder, ranks: Tensor) -> tuple[Tensor, Tensor]:
    """As ``stored_pair_at``, of the pairs whose binary is 0: those stored and not won."""
    ours, theirs = order.left, order.right
    lost = stored_of(ours, theirs) - before_of(ours, theirs)
    return pair_at(order, ranks, lost, ours.place)


def pair_at(
    order: PairOrder, ranks: Tensor, counts: Tensor, first: Tensor
) -> tuple[Tensor, Tensor]:
    """Pairs by number, where each left item has ``counts`` right ones from ``first`` on."""
    ends = counts.cumsum(0)
    # of no pairs at all, any position inside will do
    i = torch.searchsorted(ends, ranks, right=True).clamp_max(ends.shape[0] - 1)
    j = first[i] + ranks - (ends - counts)[i]
    if order.left.itself is not None:
        itself = order.left.itself[i]
        j = j + ((itself >= first[i]) & (itself <= j)).long()
    return order.left.at[i], order.right.at[j.clamp(0, order.right.at.shape[0] - 1)]


def in_blocks(values: Tensor) -> Tensor:
    """Values in columns of 16, at least one place of which is empty: 0.

    Args:
        values: ``[..., n]``.

    Returns:
        ``[..., 16, blocks]``: consecutive values are below each other.
    """
    n = values.shape[-1]
    blocks = n // 16 + 1
    padded = torch.nn.functional.pad(values, (0, 16 * blocks - n))
    return padded.reshape(*values.shape[:-1], blocks, 16).transpose(-1, -2).contiguous()


def block_places(where: Tensor, n: int) -> Tensor:
    """Where in the blocks of n values the ``where``-th is, from 1; for 0 an empty place."""
    spot = (where - 1).masked_fill_(where == 0, n)
    return (spot & 15).mul_(n // 16 + 1).add_(spot >> 4)


def block_decays(
    scores: Tensor, group: Tensor | None, rate: float | Tensor
) -> tuple[Tensor, Tensor]:
    """What is left of a sum when the next source comes: ``[2, 16, blocks]``.

    Args:
        scores: ``[2, n]``, ascending within a group.
        group: ``[2, n]``, or ``None`` for one group.
        rate: Minus 1 by the temperature.

    Returns:
        That of power 0: 1, and 0 at the bounds of a group; and the factor from power to power.
    """
    step = scores.diff().mul_(rate).exp_()
    linked = torch.ones_like(step)
    if group is not None:
        apart = group.diff() != 0
        linked, step = linked.masked_fill_(apart, 0), step.masked_fill_(apart, 0)
    pad = torch.nn.functional.pad
    return in_blocks(pad(linked, (1, 0))), in_blocks(pad(step, (1, 0)))


def powers_from(first: Tensor, step: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """``first * step ** k`` for k below ``count``, ``[count, *shape]``; and for ``count``."""
    powers = step.new_empty((count, *step.shape))
    powers[0] = first
    for k in range(1, count):
        torch.mul(powers[k - 1], step, out=powers[k])
    return powers, powers[-1] * step


def running_sums(decays: Tensor, values: Tensor) -> Tensor:
    """Sums of all values so far, each of which decays from place to place.

    Args:
        decays: ``[..., 16, blocks]``, at most 1: from the place before to each place, which follow
            each other down the columns; overwritten.
        values: The same shape; overwritten with the sums.
    """
    shrink, sums = decays.unbind(-2), values.unbind(-2)
    blocks = values.shape[-1]
    for row in range(1, 16):
        sums[row].addcmul_(sums[row - 1], shrink[row])
        if blocks > 1:
            shrink[row].mul_(shrink[row - 1])
    if blocks > 1:  # what a block hands on to the next one, by the same sums over the blocks
        carried = running_sums(in_blocks(shrink[-1]), in_blocks(sums[-1]))
        carried = carried.transpose(-1, -2).flatten(-2)[..., : blocks - 1]
        values[..., 1:].addcmul_(carried.unsqueeze(-2), decays[..., 1:])
    return values


def decayed_sums(scores: Tensor, group: Tensor | None, values: Tensor, rates: Tensor) -> Tensor:
    """As ``running_sums``, in few operations, which overwrite nothing: of 16 times the memory.

    Args:
        scores: ``[2, n]``, ascending within a group.
        group: ``[2, n]``, or ``None`` for one group.
        values: ``[powers, 2, n]``.
        rates: ``[powers]``: a value decays with ``exp(rate * distance)``.

    Returns:
        ``[powers, 2, n]``.
    """
    n = scores.shape[-1]
    blocks = (n + 15) // 16
    pad = torch.nn.functional.pad
    score = pad(scores, (0, 16 * blocks - n)).reshape(2, blocks, 16)
    value = pad(values, (0, 16 * blocks - n)).reshape(-1, 2, blocks, 1, 16)
    row = torch.arange(16, device=scores.device)
    gaps = (score.unsqueeze(-1) - score.unsqueeze(-2)).abs()
    apart = (row.unsqueeze(-1) < row).expand(gaps.shape)
    if group is not None:
        group = pad(group, (0, 16 * blocks - n)).reshape(2, blocks, 16)
        apart = apart | (group.unsqueeze(-1) != group.unsqueeze(-2))
    decay = (rates.reshape(-1, 1, 1, 1, 1) * gaps).exp().masked_fill(apart, 0)
    sums = (decay * value).sum(-1)
    if blocks > 1:  # what a block hands on to the next one, by the same sums over the blocks
        ends = None if group is None else group[..., -1]
        carried = decayed_sums(score[..., -1], ends, sums[..., -1], rates)
        gaps = (score[:, 1:] - score[:, :-1, -1:]).abs()
        decay = (rates.reshape(-1, 1, 1, 1) * gaps).exp()
        if group is not None:
            decay = decay.masked_fill(group[:, 1:] != group[:, :-1, -1:], 0)
        sums = sums + pad(carried[..., :-1].unsqueeze(-1) * decay, (0, 0, 1, 0))
    return sums.flatten(-2)[..., :n]


class Kernel(NamedTuple):
    r"""M functions phi of a comparison c, in t = exp(-|c| / temperature).

    .. math:: \phi(c) = \mathrm{constant} + \sum_{k=1}^{K} \mathrm{terms}_k t^k

    Args:
        won_constant: ``[M]``: the constant where the binary is 1. All are float64 or float32; the
            terms of the sigmoid alternate in sign, and need float64.
        won: ``[M, K]``, the terms there.
        lost_constant: ``[M]``, the constant where the binary is 0.
        lost: ``[M, K]``, the terms there.
    """

    won_constant: Tensor
    won: Tensor
    lost_constant: Tensor
    lost: Tensor


def pair_sums_right(
    order: PairOrder, kernel: Kernel, temperature: float | Tensor, weight: Tensor | None = None
) -> Tensor:
    r"""For each left item the sum over its right ones: :math:`\sum_j w_j \phi(x_i - y_j)`.

    Args:
        order: Of the pairs.
        kernel: M functions phi.
        temperature: Positive, in the units of the scores; a number, or a scalar.
        weight: ``[*batch, n]``, of the right items, of any sign; ``None``: 1.

    Returns:
        ``[M, *batch, m]``, in the scores' dtype; 0 for items that are not kept. Carries no
        gradient.
    """
    won = torch.cat([kernel.won_constant.unsqueeze(-1), kernel.won], -1)
    lost = torch.cat([kernel.lost_constant.unsqueeze(-1), kernel.lost], -1)
    return sums_of_sources(order.left, order.right, (won, lost), temperature, weight)


def pair_sums_left(
    order: PairOrder, kernel: Kernel, temperature: float | Tensor, weight: Tensor | None = None
) -> Tensor:
    r"""For each right item the sum over its left ones: :math:`\sum_i w_i \phi(x_i - y_j)`.

    Args:
        order: Of the pairs.
        kernel: M functions phi.
        temperature: Positive, in the units of the scores; a number, or a scalar.
        weight: ``[*batch, m]``, of the left items, of any sign; ``None``: 1.

    Returns:
        ``[M, *batch, n]``, as ``pair_sums_right``.
    """
    won = torch.cat([kernel.won_constant.unsqueeze(-1), kernel.won], -1)
    lost = torch.cat([kernel.lost_constant.unsqueeze(-1), kernel.lost], -1)
    return sums_of_sources(order.right, order.left, (lost, won), temperature, weight)


def sums_of_sources(
    readers: PairSide,
    sources: PairSide,
    terms: tuple[Tensor, Tensor],
    temperature: float | Tensor,
    weight: Tensor | None,
) -> Tensor:
    """For each reader the sum over all sources of its group.

    Args:
        readers: The side that has a sum for each item.
        sources: The side that is summed over.
        terms: ``[M, 1 + K]`` each: of sources that lie before a reader, and of those behind it.
        temperature: Positive.
        weight: Of the sources, in the shape that they had, or ``None``.

    Returns:
        ``[M, *shape of the readers]``.
    """
    before, behind = (each.detach().double() for each in terms)
    count, powers = before.shape
    n, m = sources.scores.shape[0], readers.scores.shape[0]
    if n == 0 or m == 0:
        return readers.scores.new_zeros((count, *readers.shape), dtype=readers.dtype)
    static = torch.compiler.is_compiling() or readers.scores.device.type != "cpu"
    if isinstance(temperature, Tensor):
        temperature = temperature.detach().double()
    rate = -1 / temperature
    weights = source_weights(sources, weight)
    ends, own = last_sources(readers, n)
    values = torch.stack([weights, weights.flip(0)])
    middle = None if static else middle_of_close(readers, sources, rate * (powers - 1))
    near, where = reading_plan(readers, sources, ends, rate, middle)
    scores, group = two_ways(sources)
    places = n + 1
    if middle is not None:
        up = sources.scores - middle
        first, step = values, torch.stack([up, -up.flip(0)]).mul_(-rate).exp_()
    elif not static:
        first, step = block_decays(scores, group, rate)
        values = in_blocks(values)
        where, places = block_places(where, n), values[0].numel()
    where = torch.stack([where[0], where[1] + places])

    # as many powers at once as fit into the cache, or into the memory of a GPU
    at_once = max(1, min(powers, 2**21 // max(n, m) if static else 2**18 // n))
    piece = m if static else 2**18 // at_once
    result, shrunk = near.new_zeros((count, m)), torch.ones_like(near)
    # [M, (1 + K) * 2], so that both ways are summed at once
    coefficients = torch.stack([before, behind], -1).flatten(1)
    for start in range(0, powers, at_once):
        size = min(at_once, powers - start)
        if static:
            power = torch.arange(start, start + size, dtype=near.dtype, device=near.device)
            tables = decayed_sums(scores, group, values.expand(size, 2, n), rate * power)
            tables = torch.nn.functional.pad(tables, (1, 0))
        elif middle is None:
            factors, first = powers_from(first, step, size)
            tables = running_sums(factors, values.repeat(size, 1, 1, 1))
        else:
            factors, first = powers_from(first, step, size)
            tables = factors.new_zeros((size, 2, n + 1))
            torch.cumsum(factors, -1, out=tables[..., 1:])
        tables = tables.reshape(size, -1)
        part = coefficients[:, 2 * start : 2 * (start + size)]
        if static:
            power = torch.arange(size + 1, device=near.device).reshape(-1, 1, 1)
            shrinking = shrunk * near**power
            read = tables.index_select(1, where.reshape(-1)) * shrinking[:-1].reshape(size, -1)
            result = torch.addmm(result, part, read.reshape(2 * size, m))
            shrunk = shrinking[-1]
        else:
            for a in range(0, m, piece):
                cut = (..., slice(a, a + piece))
                add_read_sums(result[cut], part, tables, where[cut], shrunk[cut], near[cut])
    if own is not None and readers.itself is not None:  # among equal sources that were summed
        own = own * weights.index_select(0, readers.itself.clamp(min=0))
        result = result - torch.stack([before.sum(-1), behind.sum(-1)], -1) @ own
    return to_items(result.to(readers.dtype), readers)


def source_weights(sources: PairSide, weight: Tensor | None) -> Tensor:
    """The weights of the sources in their order, 0 where they are not kept: ``[n]``, float64."""
    if weight is None:
        weights = torch.ones_like(sources.scores)
    else:
        weights = weight.detach().reshape(-1).index_select(0, sources.at).double()
    return weights if sources.kept is None else weights.masked_fill(~sources.kept, 0)


def middle_of_close(readers: PairSide, sources: PairSide, rate: float | Tensor) -> float | None:
    """The middle of all scores, if all are of one group and ``exp(rate * distance)`` is moderate.

    Then one cumulative sum holds them all; exp(600) leaves room for weights and their number.
    """
    if sources.group is not None:
        return None
    ends = [float(side.scores[at]) for side in (readers, sources) for at in (0, -1)]
    low, high = min(ends), max(ends)
    return (low + high) / 2 if (high - low) * -float(rate) < 1200 else None


def last_sources(readers: PairSide, n: int) -> tuple[Tensor, Tensor | None]:
    """How many sources lie before each reader, and behind it, without itself if that is nearest.

    Args:
        readers: The items to count for.
        n: How many sources there are.

    Returns:
        The counts, over all groups: ``[2, m]``, int64; and 1 where the item itself is among them
        nevertheless, since others have its score: ``[2, m]``, float64, or ``None``.
    """
    ends = torch.stack([readers.place, n - readers.place])
    if readers.itself is None:
        return ends, None
    itself = torch.stack([readers.itself + 1, n - readers.itself])  # the counts up to itself
    among = (readers.itself >= 0) & (itself <= ends)
    nearest = among & (itself == ends)
    return ends - nearest.long(), (among & ~nearest).double()


def two_ways(sources: PairSide) -> tuple[Tensor, Tensor | None]:
    """The scores from the lowest up, and negated from the highest down; and their groups.

    Returns:
        ``[2, n]`` each; the groups are ``None`` where all are of one.
    """
    scores = torch.stack([sources.scores, -sources.scores.flip(0)])
    if sources.group is None:
        return scores, None
    return scores, torch.stack([sources.group, sources.group.flip(0)])


def reading_plan(
    readers: PairSide,
    sources: PairSide,
    ends: Tensor,
    rate: float | Tensor,
    middle: float | None,
) -> tuple[Tensor, Tensor]:
    """Where each reader finds its sums, and what they are multiplied by from power to power.

    Args:
        readers: The side that has a sum for each item.
        sources: The side that is summed over.
        ends: ``[2, m]``: how many sources lie on either side of each reader.
        rate: Minus 1 by the temperature.
        middle: What the sums are relative to; ``None``: each to the last source that is in it.

    Returns:
        The factors, and how many sources are in the sum: ``[2, m]`` each.
    """
    if middle is not None:
        ahead = readers.scores - middle
        return torch.stack([ahead, -ahead]).mul_(rate).exp_(), ends
    n = sources.scores.shape[0]
    nearest = torch.stack([ends[0] - 1, n - ends[1]]).clamp_(0, n - 1).reshape(-1)
    if sources.group is not None and readers.group is not None:
        group = sources.group.index_select(0, nearest).reshape(2, -1)
        ends = ends.masked_fill(group != readers.group, 0)
    found = sources.scores.index_select(0, nearest).reshape(2, -1)
    return (found - readers.scores).abs_().mul_(rate).exp_(), ends


def add_read_sums(
    result: Tensor, part: Tensor, tables: Tensor, where: Tensor, first: Tensor, step: Tensor
) -> None:
    """Adds what some readers find in some tables, times ``first * step ** k`` in the k-th.

    Args:
        result: ``[M, r]``; added to.
        part: ``[M, count * 2]``, the coefficients.
        tables: ``[count, places]``.
        where: ``[2, r]``, int64.
        first: ``[2, r]``; overwritten with the factors of the next table.
        step: ``[2, r]``.
    """
    where, now, by = where.reshape(-1), first.reshape(-1), step.reshape(-1)
    read = tables.new_empty((tables.shape[0], where.shape[0]))
    for table, row in zip(tables.unbind(), read.unbind(), strict=True):
        torch.index_select(table, 0, where, out=row)
        row.mul_(now)
        now.mul_(by)
    first.copy_(now.view(first.shape))
    result.addmm_(part, read.view(part.shape[1], -1))


class PairFamily(NamedTuple):
    """All comparisons of one decision between left and right items.

    Args:
        pairs: Which items are compared with which.
        rows: Whose counts the metric takes: those of the ``left`` or of the ``right`` items, or
            the ``total``.
        shape: The shape of these counts; the items of ``pairs`` stand in one axis.
        both_ways: Whether it takes those of the items on the other side as well.
    """

    pairs: Pairs
    rows: str
    shape: tuple[int, ...]
    both_ways: bool = False


class RelaxedPairs(NamedTuple):
    """How the comparisons of a family of pairs are relaxed.

    Args:
        relax: The step relaxation, such as ``sigmoid_step``.
        powers: ``powers(name, double)`` gives it as a sum of exponentials; ``None``: it is none.
        temperature: Positive; in the units of the (squashed) scores.
        squash: ``sigmoid`` bounds the scores before they are compared, ``none`` does not.
    """

    relax: Callable[[Tensor, Tensor | float], tuple[Tensor, Tensor]]
    powers: Callable[[str, bool], tuple[float, ...]] | None
    temperature: Tensor | float
    squash: str


def squashed_pairs(pairs: Pairs, squash: str) -> Pairs:
    """The pairs with scores as they are compared."""
    if squash == "sigmoid":
        pairs = pairs._replace(left=pairs.left.sigmoid(), right=pairs.right.sigmoid())
    left, right = pairs.left_group, pairs.right_group
    readable = not torch.compiler.is_compiling() and pairs.left.device.type == "cpu"
    if not readable or left is None or right is None or not left.numel() or not right.numel():
        return pairs
    first = left.reshape(-1)[:1]
    if bool((left == first).all()) and (right is left or bool((right == first).all())):
        return pairs._replace(left_group=None, right_group=None)  # all of one group
    return pairs


def many_pairs(families: tuple[PairFamily, ...], limit: int = 2**18) -> bool:
    """Whether sorting the pairs is faster than writing them out; see benchmarks/crossover.py."""
    places = 0
    for family in families:
        places += family.pairs.left.numel() * family.pairs.right.shape[-1]
    return places > limit


def spread_factor(scores: tuple[Tensor, ...], most: float) -> Tensor:
    """By what the scores are to be divided, so that they spread by ``most`` at the most.

    Their spread is the root mean square distance from the mean of the last axis, of what is finite;
    of several inputs, the widest one's. It is detached.

    Args:
        scores: The live inputs, ``[..., items]``.
        most: The largest spread that is left as it is, positive.

    Returns:
        A scalar, at least 1.
    """
    factors = []
    for value in scores:
        value = value.detach().float() if value.dtype.itemsize < 4 else value.detach()
        known = value.isfinite()
        value = torch.where(known, value, 0)
        if value.numel() == 0:
            continue
        largest = value.abs().amax().clamp_min(torch.finfo(value.dtype).tiny)
        value, last = value / largest, 0 if value.ndim == 0 else -1  # squares must not overflow
        count = known.sum(last, keepdim=True).clamp_min(1)
        off = torch.where(known, value - value.sum(last, keepdim=True) / count, 0)
        spread = (off.square().sum() / known.sum().clamp_min(1)).sqrt() * largest
        factors.append((spread / most).clamp_min(1))
    if not factors:
        return torch.ones((), device=scores[0].device)
    return torch.stack([factor.to(factors[0].dtype) for factor in factors]).amax()


def limited_families(families: Any, scores: tuple[Tensor, ...], most: float) -> Any:
    """The families of scores that are divided by a common factor, if they spread too far.

    The outcome of every comparison stays, thresholds being divided alike; a step of a fixed
    temperature, or a squash, keeps a slope then, however large the scores are.

    Args:
        families: A tuple of ``Family`` and ``PairFamily``; what is returned has the same types.
        scores: The live inputs, ``[..., items]``.
        most: The largest spread that is left as it is.
    """
    readable = not torch.compiler.is_compiling() and scores[0].device.type == "cpu"
    if readable and all(x.numel() == 0 or bool(x.detach().abs().amax() <= most) for x in scores):
        return families  # numbers up to the limit do not spread by more
    factor = spread_factor(scores, most)
    if readable and bool(factor == 1):
        return families  # as it is nearly always
    return tuple(limited_family(family, factor) for family in families)


def limited_family(family: Any, factor: Tensor) -> Any:
    """A family with both sides divided; a side that is the other one stays so."""
    sides = family.pairs if isinstance(family, PairFamily) else family
    left = sides.left / factor.to(sides.left.dtype)
    right = left if sides.right is sides.left else sides.right / factor.to(sides.right.dtype)
    if isinstance(family, PairFamily):
        return family._replace(pairs=family.pairs._replace(left=left, right=right))
    return family._replace(left=left, right=right)


def padded_powers(relaxed: RelaxedPairs, names: tuple[str, ...], like: Tensor) -> Tensor:
    """Coefficients of several functions of a step: ``[names, K]``.

    They are float64, since they alternate, and float32 would lose digits.
    """
    assert relaxed.powers is not None
    found = [relaxed.powers(name, like.dtype == torch.float64) for name in names]
    longest = max(len(one) for one in found)
    rows = [[*one, *([0.0] * (longest - len(one)))] for one in found]
    return torch.tensor(rows, dtype=torch.float64, device=like.device)


class FlippedPairs(NamedTuple):
    """One pair of some family for each of t anchors; or one line of pairs.

    Args:
        family: ``[t]``, the number of its family.
        left: ``[t]``, flat positions of the left items.
        right: ``[t]``, of the right items.
    """

    family: Tensor
    left: Tensor
    right: Tensor


class SpreadPairs(NamedTuple):
    """The pairs in which t anchors differ from the configuration that they are drawn around.

    Args:
        family: ``[t]``, the number of their family.
        left: ``[t, m]``, flat positions of the left items.
        right: ``[t, m]``, of the right items.
        flips: ``[t, m]``, bool: which of them flip; no pair does twice.
    """

    family: Tensor
    left: Tensor
    right: Tensor
    flips: Tensor


def rows_won(family: PairFamily, order: PairOrder) -> Tensor:
    """How many comparisons of each row are won: ``[R]``, int64."""
    if family.rows == "total":
        return pairs_won(order).sum().reshape(1)
    counts = pairs_won(order) if family.rows == "left" else pairs_won_against(order)
    return counts.reshape(-1)


def sorted_row_counts(families: tuple[PairFamily, ...]) -> Tensor:
    """The row counts of the current configuration, by sorting: ``[R]``, int64."""
    parts = []
    for family in families:
        order = order_pairs(squashed_pairs(family.pairs, "none"))
        parts.append(rows_won(family, order))
        if family.both_ways:
            against = pairs_won_against(order) if family.rows == "left" else pairs_won(order)
            parts.append(against.reshape(-1))
    return torch.cat(parts)


def rows_stored(family: PairFamily, order: PairOrder) -> Tensor:
    """How many comparisons each row has: ``[R]``, int64."""
    if family.rows == "total":
        return pairs_stored(order).sum().reshape(1)
    counts = pairs_stored(order) if family.rows == "left" else pairs_stored_against(order)
    return counts.reshape(-1)


def wide_random_below(words: Tensor, bound: Tensor) -> Tensor:
    """Whole numbers in ``[0, bound)``, also for bounds beyond 32 bits: ``[t, 2] -> [t]``."""
    uniform = (words[:, 0].double() + words[:, 1].double() / 2**32) / 2**32
    return (uniform * bound).long().clamp_max((bound - 1).clamp_min(0))


def pick_pairs(
    families: tuple[PairFamily, ...],
    orders: tuple[PairOrder, ...],
    sides: tuple[str, ...],
    words: Tensor,
    counts: Tensor,
    lost: bool,
) -> FlippedPairs:
    """Pairs drawn evenly from those of all families, or from those that are lost.

    Args:
        families: The comparisons.
        orders: Of the families.
        sides: Of no meaning here: ``pick_pair_lines`` takes them.
        words: ``[t, 2]``, random.
        counts: ``[families]``, how many pairs there are to draw from in each.
        lost: Whether only lost pairs are among them.

    Returns:
        Of nothing to draw from, pair 0 of the first family.
    """
    ranks = wide_random_below(words, counts.sum())
    ends = counts.cumsum(0)
    number = torch.searchsorted(ends, ranks, right=True).clamp_max(len(orders) - 1)
    left, right = torch.zeros_like(ranks), torch.zeros_like(ranks)
    for place, order in enumerate(orders):
        if not order.left.at.shape[0] or not order.right.at.shape[0]:
            continue
        own = number == place
        local = torch.where(own, ranks - (ends[place] - counts[place]), 0)
        find = lost_pair_at if lost else stored_pair_at
        i, j = find(order, local)
        left, right = torch.where(own, i, left), torch.where(own, j, right)
    return FlippedPairs(number, left, right)


def pairs_as_picked(
    families: tuple[PairFamily, ...], sides: tuple[str, ...], picked: FlippedPairs, lost: Tensor
) -> SpreadPairs:
    """The picked pairs themselves: ``[t, 1]``.

    Args:
        families: The comparisons.
        sides: Of no meaning here: ``pairs_of_lines`` takes them.
        picked: From ``pick_pairs``.
        lost: Scalar bool: whether only lost pairs were picked.
    """
    left, right = picked.left.unsqueeze(-1), picked.right.unsqueeze(-1)
    return SpreadPairs(picked.family, left, right, torch.ones_like(left, dtype=torch.bool))


def pairs_won_at(pairs: Pairs, left: Tensor, right: Tensor) -> Tensor:
    """Whether single pairs are won: ``[...]``, bool."""
    x, y = pairs.left.reshape(-1)[left], pairs.right.reshape(-1)[right]
    ours, theirs = left % pairs.left.shape[-1], right % pairs.right.shape[-1]
    tie = {
        "won": torch.ones_like(ours, dtype=torch.bool),
        "lost": torch.zeros_like(ours, dtype=torch.bool),
        "first": ours < theirs,
        "last": ours > theirs,
    }[pairs.tie]
    return (x > y) | ((x == y) & tie)


def flipped_counts(
    families: tuple[PairFamily, ...],
    before: Tensor,
    flips: SpreadPairs,
    gains: Tensor,
) -> Tensor:
    """Row counts after some flips each: ``[t, R]``.

    Args:
        families: The comparisons.
        before: ``[R]`` or ``[t, R]``, counts before the flips.
        flips: The pairs that flip.
        gains: ``[t, m]``, +1 where the flip wins its comparison, -1 where it loses it, 0 for no
            flip.
    """
    result = before.expand(gains.shape[0], before.shape[-1]).clone()
    start = 0
    for place, family in enumerate(families):
        size = 1
        for length in family.shape:
            size *= length
        item = flips.left if family.rows == "left" else flips.right
        if family.rows == "total":
            item = torch.zeros_like(item)
        if size:
            own = (flips.family == place).unsqueeze(-1)
            at = torch.where(own, item, 0) + start
            result.scatter_add_(-1, at, torch.where(own, gains, 0))
        start += size
    return result


def random_counts(stored: Tensor, seed: Tensor, step: Tensor, number: int) -> Tensor:
    """Row counts of one configuration of fair bits: ``[R]``.

    Args:
        stored: ``[R]``, how many comparisons each row has.
        seed: Scalar int64.
        step: Scalar int64.
        number: Which configuration of the step.
    """
    size = stored.shape[0]
    # other words than those of the flips, and others for every configuration
    words = random_words(seed ^ (0xBAD + number * 0x9E37), step, 3 * size)
    return fair_counts(words.reshape(size, 3), stored)


def pick_pair_lines(
    families: tuple[PairFamily, ...],
    orders: tuple[PairOrder, ...],
    sides: tuple[str, ...],
    words: Tensor,
    counts: Tensor,
    lost: bool,
) -> FlippedPairs:
    """Items drawn evenly from those that have a pair, or one that is lost.

    Args:
        families: The comparisons.
        orders: Of the families.
        sides: Whose items number the lines of each family: the ``left`` or the ``right`` one's.
        words: ``[t, 2]``, random.
        counts: Of no meaning here: ``pick_pairs`` takes them.
        lost: Whether only items with a lost pair are drawn.

    Returns:
        The items' positions on both sides; only that on the line's side means something.
    """
    masks = []
    for order, side in zip(orders, sides, strict=True):
        number = pairs_stored(order) if side == "left" else pairs_stored_against(order)
        if lost and side == "left":
            number = number - pairs_won(order)
        elif lost:
            number = number - pairs_won_against(order)
        masks.append(number.reshape(-1) > 0)
    picked = pick_among(words[:, 0], torch.cat(masks))
    family, item = torch.zeros_like(picked), torch.zeros_like(picked)
    start = 0
    for place, mask in enumerate(masks):
        own = (picked >= start) & (picked < start + mask.shape[0])
        family = torch.where(own, place, family)
        item = torch.where(own, picked - start, item)
        start += mask.shape[0]
    return FlippedPairs(family, item, item)


def pairs_of_lines(
    families: tuple[PairFamily, ...], sides: tuple[str, ...], lines: FlippedPairs, lost: Tensor
) -> SpreadPairs:
    """All pairs of some items: ``[t, m]``, m the most items that one meets.

    Args:
        families: The comparisons.
        sides: Whose items number the lines of each family.
        lines: From ``pick_pair_lines``.
        lost: Scalar bool: whether only lost pairs flip.
    """
    others = [
        (family.pairs.right if side == "left" else family.pairs.left).shape[-1]
        for family, side in zip(families, sides, strict=True)
    ]
    place = torch.arange(max(others), device=lines.left.device)
    shape = (lines.left.shape[0], place.shape[0])
    left = torch.zeros(shape, dtype=torch.long, device=place.device)
    right, flips = torch.zeros_like(left), torch.zeros_like(left, dtype=torch.bool)
    for number, (family, side, size) in enumerate(zip(families, sides, others, strict=True)):
        pairs = family.pairs
        if not pairs.left.numel() or not pairs.right.numel():
            continue
        own = (lines.family == number).unsqueeze(-1)
        item = torch.where(own, lines.left.unsqueeze(-1), 0)
        ours = pairs.left.shape[-1] if side == "left" else pairs.right.shape[-1]
        other = item // ours * size + place.clamp_max(size - 1)
        i, j = (item, other) if side == "left" else (other, item)
        stored = own & (place < size)
        stored = stored & pairs.left_kept.reshape(-1)[i] & pairs.right_kept.reshape(-1)[j]
        if pairs.left_group is not None and pairs.right_group is not None:
            same_group = pairs.left_group.reshape(-1)[i] == pairs.right_group.reshape(-1)[j]
            stored = stored & same_group
        if pairs.same:
            stored = stored & (item % ours != place)
        left, right = torch.where(own, i, left), torch.where(own, j, right)
        flips = flips | (stored & ~(lost & pairs_won_at(pairs, i, j)))
    return SpreadPairs(lines.family, left, right, flips)


class PairFlips(NamedTuple):
    """What good or nearby anchors flip, written out for some of them at a time.

    Args:
        families: The comparisons.
        sides: Of lines, whose items number them.
        picked: ``[t]`` of each: the pairs, or the lines.
        lost: Scalar bool: whether only lost pairs flip.
        exists: Scalar bool: whether there are pairs at all.
        spread: The pairs of what was picked.
    """

    families: tuple[PairFamily, ...]
    sides: tuple[str, ...]
    picked: FlippedPairs
    lost: Tensor
    exists: Tensor
    spread: Callable[[tuple[PairFamily, ...], tuple[str, ...], FlippedPairs, Tensor], SpreadPairs]

    def parts(self, counts: int = 1) -> list[slice]:
        """Some anchors after others, as many as fit with ``counts`` numbers for each."""
        width = max(counts, 1)
        for family in self.families if self.sides else ():
            width = max(width, family.pairs.left.shape[-1], family.pairs.right.shape[-1])
        at_once = max(1, 2**22 // width)
        anchors = self.picked.left.shape[0]
        return [slice(start, start + at_once) for start in range(0, anchors, at_once)]

    def pairs(self, here: slice) -> SpreadPairs:
        """What some of them flip."""
        part = FlippedPairs(*(value[here] for value in self.picked))
        pairs = self.spread(self.families, self.sides, part, self.lost)
        return pairs._replace(flips=pairs.flips & self.exists)


class SinglePairs(NamedTuple):
    """Single pairs: whether each is won, its tail, and its slope; ``[t, m]``, float64."""

    won: Tensor
    tail: Tensor
    slope: Tensor


def single_pairs(
    families: tuple[PairFamily, ...], flips: SpreadPairs, relaxed: RelaxedPairs
) -> SinglePairs:
    """What the pairs that anchors flip are now."""
    margin = torch.zeros_like(flips.left, dtype=torch.float64)
    for place, family in enumerate(families):
        if not family.pairs.left.numel() or not family.pairs.right.numel():
            continue
        own = (flips.family == place).unsqueeze(-1)
        left, right = torch.where(own, flips.left, 0), torch.where(own, flips.right, 0)
        pairs = squashed_pairs(family.pairs, relaxed.squash)
        x, y = pairs.left.reshape(-1)[left], pairs.right.reshape(-1)[right]
        margin = torch.where(own, (x - y).abs().double(), margin)
    margin = margin.masked_fill(~flips.flips, 0)  # no pair, and perhaps no number
    return SinglePairs(won_of_flips(families, flips), *relaxed.relax(margin, relaxed.temperature))


def won_of_flips(families: tuple[PairFamily, ...], flips: SpreadPairs) -> Tensor:
    """Whether the pairs that anchors flip are won now: ``[t, m]``, bool."""
    won = torch.zeros_like(flips.flips)
    for place, family in enumerate(families):
        if not family.pairs.left.numel() or not family.pairs.right.numel():
            continue
        own = (flips.family == place).unsqueeze(-1)
        left, right = torch.where(own, flips.left, 0), torch.where(own, flips.right, 0)
        won = torch.where(own, pairs_won_at(family.pairs, left, right), won)
    return won


def add_slopes_of_flips(
    slopes: list[Tensor],
    flips: tuple[PairFlips, PairFlips],
    pulls: tuple[Tensor, Tensor],
    relaxed: RelaxedPairs,
) -> None:
    """Adds to the derivative by the scores what comes from the pairs that anchors flip."""
    for number, (flipping, pull) in enumerate(zip(flips, pulls, strict=True)):
        for here in flipping.parts():
            pairs = flipping.pairs(here)
            single = single_pairs(flipping.families, pairs, relaxed)
            # nearby anchors lose what is won and win what is lost; good ones lose what is best
            sense = torch.where(single.won, 1, -1) if number else 1
            along = pull[here].unsqueeze(-1) * sense * single.slope * pairs.flips
            for place in range(len(flipping.families)):
                own = (pairs.family == place).unsqueeze(-1)
                change = torch.where(own, along, 0).to(slopes[0].dtype)
                left, right = torch.where(own, pairs.left, 0), torch.where(own, pairs.right, 0)
                slopes[2 * place] = added_at(slopes[2 * place], left, change)
                slopes[2 * place + 1] = added_at(slopes[2 * place + 1], right, -change)


def added_at(values: Tensor, at: Tensor, change: Tensor) -> Tensor:
    """``values`` with ``change`` added at flat positions; of no values, nothing is."""
    if values.numel() == 0:
        return values
    flat = values.reshape(-1).index_add(0, at.reshape(-1), change.reshape(-1))
    return flat.reshape(values.shape)


def interpolate_pairs(
    families: tuple[PairFamily, ...],
    metric: Callable[[Tensor], Tensor],
    relaxed: RelaxedPairs,
    seed: Tensor,
    step: Tensor,
    good: int = 16,
    bad: int = 16,
    nearby: int = 16,
    power: float = 1.0,
    gradient: str = "exact",
    pick: Callable[
        [
            tuple[PairFamily, ...],
            tuple[PairOrder, ...],
            tuple[str, ...],
            Tensor,
            Tensor,
            bool,
        ],
        FlippedPairs,
    ] = pick_pairs,
    spread: Callable[
        [tuple[PairFamily, ...], tuple[str, ...], FlippedPairs, Tensor], SpreadPairs
    ] = pairs_as_picked,
    sides: tuple[str, ...] = (),
    weigh: Callable[[Tensor, Tensor, float, str], tuple[Tensor, Tensor, Tensor]] = idw_weights,
) -> Tensor:
    r"""The interpolated metric of pairs, differentiable in the scores.

    It is ``interpolate_idw`` with ``bits = expected``, where all comparisons won are best.
    Distances are sums over all pairs of functions of a comparison, and so is the gradient; both
    come from the order of the scores. Anchors are some flipped pairs, or row counts of fair bits.

    Source: UniLoss (Liu, Wang, Deng 2020), section 3.4 and eq. 10.

    Args:
        families: The comparisons, all of them of pairs.
        metric: The metric of row counts, ``[t, R] -> [t]``.
        relaxed: How the comparisons are relaxed; by a sum of exponentials.
        seed: Scalar int64.
        step: Scalar int64; anchors are drawn anew for every step.
        good: Anchors that differ a little from the best.
        bad: Anchors of fair random bits, whose distance is the mean over the bits.
        nearby: Anchors that correct something wrong of the current configuration.
        power: Shepard's power.
        gradient: ``exact``, ``improving``, ``published`` or ``attract``.
        pick: What good and nearby anchors flip: ``pick_pairs`` or ``pick_pair_lines``.
        spread: The pairs of what was picked: ``pairs_as_picked`` or ``pairs_of_lines``.
        sides: For lines, whose items number those of each family: ``left`` or ``right``.
        weigh: ``idw_weights``, or ``weights_without_best``.

    Returns:
        A scalar. Where the metric has continuous parts besides its decisions, they keep their own
        gradient.
    """
    with torch.no_grad():
        sorted_ = tuple(order_pairs(squashed_pairs(f.pairs, "none")) for f in families)
        there = stand_of_pairs(families, sorted_, relaxed)
        words = random_words(seed, step, 2 * (good + nearby)).reshape(-1, 2)
        lost = there.stored - there.won
        near = (
            pick(families, sorted_, sides, words[good:], lost, True),
            pick(families, sorted_, sides, words[good:], there.stored, False),
        )
        some = lost.sum() > 0  # if nothing is wrong, a nearby anchor flips any pairs
        flips_near = FlippedPairs(*(torch.where(some, a, b) for a, b in zip(*near, strict=True)))
        flips_good = pick(families, sorted_, sides, words[:good], there.stored, False)
        exists = there.stored.sum() > 0
        flips = (
            PairFlips(families, sides, flips_good, some & ~some, exists, spread),
            PairFlips(families, sides, flips_near, some, exists, spread),
        )
        squared = distances_of_pairs(there, flips, relaxed, bad)
    metrics = metrics_of_pairs(sorted_, metric, flips, bad, (seed, step))
    with torch.no_grad():
        value, pulls, shares = weigh(squared, metrics.double(), power, gradient)
        to_best, to_good, to_near, to_bad = torch.split(pulls, [1, good, nearby, bad])
        kernel = slope_kernel(relaxed, there, to_best.sum() + to_good.sum(), pulls.sum(), to_bad)
        slopes = slopes_of_kernel(there, kernel, relaxed)
        add_slopes_of_flips(slopes, flips, (to_good, to_near), relaxed)
    return attach_to_pairs(families, relaxed, value, slopes, metrics, shares)


def slopes_of_kernel(there: PairStand, kernel: Kernel, relaxed: RelaxedPairs) -> list[Tensor]:
    """A derivative by comparisons as one by scores: left and right ones of each family."""
    slopes = []
    for order in there.orders:
        slopes.append(pair_sums_right(order, kernel, relaxed.temperature).squeeze(0))
        slopes.append(-pair_sums_left(order, kernel, relaxed.temperature).squeeze(0))
    return slopes


def attach_to_pairs(
    families: tuple[PairFamily, ...],
    relaxed: RelaxedPairs,
    value: Tensor,
    slopes: list[Tensor],
    metrics: Tensor,
    shares: Tensor,
) -> Tensor:
    """The interpolated value as a function of the scores, and of the metric's continuous parts."""
    compared = [squashed_pairs(family.pairs, relaxed.squash) for family in families]
    sides = tuple(side for pairs in compared for side in (pairs.left, pairs.right))
    result = attach_slopes(sides, value.to(sides[0].dtype), *slopes)
    if metrics.requires_grad:  # the metric has continuous parts besides its decisions
        result = result + shares.to(metrics.dtype).dot(metrics - metrics.detach())
    return result


class PairStand(NamedTuple):
    """Where the current scores stand among the configurations.

    Args:
        orders: Of each family, by scores as they are compared.
        stored: ``[families]``, int64: how many pairs each has.
        won: ``[families]``, int64: how many of them are won.
        tail: The sum of all tails, float64.
        squared_tail: That of their squares: the squared distance from the current configuration.
        lost_tail: That of the tails of lost pairs.
    """

    orders: tuple[PairOrder, ...]
    stored: Tensor
    won: Tensor
    tail: Tensor
    squared_tail: Tensor
    lost_tail: Tensor


def stand_of_pairs(
    families: tuple[PairFamily, ...], sorted_: tuple[PairOrder, ...], relaxed: RelaxedPairs
) -> PairStand:
    """Counts and sums over all pairs of all families."""
    like = families[0].pairs.left
    tail, squared = padded_powers(relaxed, ("tail", "tail_squared"), like)
    none = torch.zeros(3, dtype=torch.float64, device=like.device)
    nothing = torch.zeros_like(tail)
    kernel = Kernel(
        none, torch.stack([tail, squared, nothing]), none, torch.stack([tail, squared, tail])
    )
    orders = tuple(squashed_order(order, relaxed.squash) for order in sorted_)
    totals = torch.zeros(3, dtype=torch.float64, device=like.device)
    for order in orders:
        sums = pair_sums_right(order, kernel, relaxed.temperature)
        totals = totals + sums.double().flatten(1).sum(-1)
    return PairStand(
        orders,
        torch.stack([pairs_stored(order).sum() for order in sorted_]),
        torch.stack([pairs_won(order).sum() for order in sorted_]),
        *totals.unbind(0),
    )


def squashed_order(order: PairOrder, squash: str) -> PairOrder:
    """The same order with scores as they are compared: squashing keeps it, and who wins ties."""
    if squash != "sigmoid":
        return order
    left, right = (side._replace(scores=side.scores.sigmoid()) for side in order)
    return PairOrder(left, right)


def distances_of_pairs(
    there: PairStand, flips: tuple[PairFlips, PairFlips], relaxed: RelaxedPairs, bad: int
) -> Tensor:
    """Squared distances from the relaxed binaries to all anchors, best, good, nearby and bad."""
    total, lost = there.stored.sum(), (there.stored - there.won).sum()
    current, missing = there.squared_tail, lost - 2 * there.lost_tail
    found = [(current + missing).reshape(1)]
    for here in flips[0].parts():
        pairs = flips[0].pairs(here)
        single = single_pairs(flips[0].families, pairs, relaxed)
        excess = (1 - 2 * single.tail) * pairs.flips
        # of lost pairs an anchor differs where it does not flip; none has to leave exactly 0
        rest = (missing - (excess * ~single.won).sum(-1)).clamp_min(0)
        righted = (pairs.flips & ~single.won).sum(-1)
        found.append(current + torch.where(lost > righted, rest, 0) + (excess * single.won).sum(-1))
    for here in flips[1].parts():
        pairs = flips[1].pairs(here)
        single = single_pairs(flips[1].families, pairs, relaxed)
        found.append(current + ((1 - 2 * single.tail) * pairs.flips).sum(-1))
    found.append((current + (total - 2 * there.tail) / 2).expand(bad))
    return torch.cat(found)


def metrics_of_pairs(
    sorted_: tuple[PairOrder, ...],
    metric: Callable[[Tensor], Tensor],
    flips: tuple[PairFlips, PairFlips],
    bad: int,
    numbers: tuple[Tensor, Tensor],
) -> Tensor:
    """The metric at all anchors, some at a time: row counts of all might fill the memory."""
    families = flips[0].families
    with torch.no_grad():
        both = list(zip(families, sorted_, strict=True))
        stored = torch.cat([rows_stored(family, order) for family, order in both])
        now = torch.cat([rows_won(family, order) for family, order in both])
    found = [metric(stored.unsqueeze(0))]
    for number, before in enumerate((stored, now)):
        for here in flips[number].parts(stored.shape[0]):
            with torch.no_grad():
                pairs = flips[number].pairs(here)
                gains = torch.where(won_of_flips(families, pairs), -1, 1) if number else -1
                rows = flipped_counts(families, before, pairs, gains * pairs.flips)
            found.append(metric(rows))
    found += metrics_by_number(metric, lambda k: random_counts(stored, *numbers, k), bad, stored)
    return torch.cat(found)


def metrics_by_number(
    metric: Callable[[Tensor], Tensor],
    draw: Callable[[int], Tensor],
    count: int,
    like: Tensor,
) -> list[Tensor]:
    """The metric at anchors whose row counts ``draw`` gives by number, some at a time."""
    at_once = max(1, 2**22 // max(like.shape[0], 1))
    found = []
    for start in range(0, count, at_once):
        with torch.no_grad():
            numbered = range(start, min(start + at_once, count))
            rows = torch.stack([draw(number) for number in numbered])
        found.append(metric(rows))
    return found


def slope_kernel(
    relaxed: RelaxedPairs,
    there: PairStand,
    to_best: Tensor,
    pulls: Tensor,
    to_bad: Tensor,
    to_won: Tensor | float = 0.0,
    to_lost: Tensor | float = 0.0,
) -> Kernel:
    """The derivative of the interpolated metric by a comparison, but for pairs that anchors flip.

    With s the slope and t the tail: (B / 2 + W - P t) s where the pair is won, and
    (P t - A - B / 2 + V) s where it is lost.

    Args:
        relaxed: Gives s and t.
        there: Where the scores stand.
        to_best: A, the pulls of best and good anchors.
        pulls: P, those of all.
        to_bad: B, those of bad ones: ``[bad]``.
        to_won: W, that by anchors of flipped shares where the pair is won.
        to_lost: V, the same where it is lost.
    """
    like = there.orders[0].left
    name = torch.empty(0, dtype=like.dtype, device=like.scores.device)
    slope, tail_slope = padded_powers(relaxed, ("slope", "tail_slope"), name)
    slope, tail_slope = slope / relaxed.temperature, tail_slope / relaxed.temperature
    half = to_bad.sum() / 2
    won = (half + to_won) * slope - pulls * tail_slope
    lost = pulls * tail_slope - (to_best + half - to_lost) * slope
    none = torch.zeros(1, dtype=torch.float64, device=slope.device)
    return Kernel(none, won.unsqueeze(0), none, lost.unsqueeze(0))
