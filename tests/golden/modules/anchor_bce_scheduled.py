"""The loss of the spec `anchor_bce`, compiled by lossc 0.1.0.

This file needs torch and nothing else. The spec (sha256 e34396e176761ee5):

    spec anchor_bce
    doc "Anchor Loss: binary cross entropy of each class, modulated by its gap to an anchor
        probability. Summed over classes and averaged over the batch, in nats; 0 on an empty batch."
    source "Ryou, Jeong and Perona, Anchor Loss: Modulating Loss Scale Based on Prediction
        Difficulty (ICCV 2019), eqs. 1 and 2, A-1 to A-4"

    input logit: real[n, k]
    input label: int[n] in k
    param gamma = 0.5 in [0, inf)
    param slack = 0.05 in [0, 1)
    param modulate = "background"

    let q[i, c] = sigmoid(logit[i, c])
    let hit[i, c] = [c == label[i]]
    let q_neg[i] = detach(max(q[i, label[i]] - slack, 0))
    let q_pos[i] = detach(min((max[c | c != label[i]] q[i, c] else 0) + slack, 1))
    let m_neg[i, c] = where(
        modulate == "background" or modulate == "both",
        (1 + q[i, c] - q_neg[i])^gamma,
        1
    )
    let m_pos[i, c] = where(
        modulate == "target" or modulate == "both",
        (1 - q[i, c] + q_pos[i])^gamma,
        1
    )
    loss mean[i] sum[c]
        -(hit[i, c] * m_pos[i, c] * log(q[i, c]) + (1 - hit[i, c]) * m_neg[i, c] * log(1 - q[i, c]))
        else 0

    example logit = [[0, 0, 0, 0]], label = [2] gives 2.82394069
    example logit = [[2, -1, 0], [0.5, 1, -2]], label = [0, 0] gives 1.4414068
    example modulate = target, logit = [[2, -1, 0], [0.5, 1, -2]], label = [0, 0] gives 1.53035998

Its stages:

    score       logit: real[n, k]
    loss        loss = mean[i] sum[c] where(c == label[i], -(m_pos[i, c] * logsigmoid(logit[i, c])),
                  -(m_neg[i, c] * logsigmoid(-logit[i, c]))) else 0
    schedule    cross_entropy (with scores = logit) in epochs 0 to 4; gamma linear from 0.5 to 0.1
                  in epochs 5 to 9
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["AnchorBce", "anchor_bce"]


class AnchorBce(nn.Module):
    """The loss of the spec ``anchor_bce``.

    Anchor Loss: binary cross entropy of each class, modulated by its gap to an anchor probability.
    Summed over classes and averaged over the batch, in nats; 0 on an empty batch.

    With the epoch (``set_epoch``) changes: cross_entropy (with scores = logit) in epochs 0 to 4;
        gamma linear from 0.5 to 0.1 in epochs 5 to 9.

    Inputs:
        logit: ``[n, k]``, scores.
        label: ``[n]``, int below k.
    """

    epoch: Tensor

    def __init__(self, *, slack: float = 0.05, validate: bool = True) -> None:
        super().__init__()
        check_number("slack", slack, 0.0, 1.0, True, False)
        self.slack = slack
        self.validate = validate
        self.first = CrossEntropy(validate=validate)
        self.register_buffer("epoch", torch.tensor(-1, dtype=torch.long))
        hook = follow_loaded_epoch
        self.register_load_state_dict_post_hook(hook)  # type: ignore[no-untyped-call]
        self.follow(-1)

    def forward(self, logit: Tensor, label: Tensor) -> Tensor:
        """The loss: a scalar."""
        check_told(self.told, self.training)
        if self.warming:  # cross_entropy (with scores = logit) in epochs 0 to 4
            logit, label = self.prepare(logit, label)
            return self.first.forward(logit, label)
        logit, label = self.prepare(logit, label)
        n = logit.shape[0]
        fixed_logit = logit.detach()
        part = fixed_logit.gather(-1, label.unsqueeze(-1)).squeeze(-1)
        # q_neg[i] = max(sigmoid(fixed logit[i, label[i]]) - slack, 0)
        q_neg = (part.sigmoid() - self.slack).clamp(min=0)
        total, slope = element_sums(
            self.element,
            (fixed_logit, q_neg.unsqueeze(-1), self.gamma, part.unsqueeze(-1), label.unsqueeze(-1)),
            (-2, -1),
            cut=1,
        )
        total = attach_sums((logit,), total, (-2, -1), n, slope)
        return otherwise(total, 0)

    @staticmethod
    def element(
        logit: Tensor, q_neg: Tensor, gamma: float, logit_at: Tensor, at: Tensor
    ) -> tuple[Tensor, Tensor]:
        """An element of the loss and its derivative by logit, in closed form.

        where(c == label[i], -(m_pos[i, c] * logsigmoid(logit[i, c])), -(m_neg[i, c] *
        logsigmoid(-logit[i, c])))
        """
        log_odds = functional.softplus(logit, threshold=40)
        probability = logit.sigmoid()
        part = probability + 1 - q_neg
        power = part**gamma
        part2 = log_odds * gamma * power_or_zero(part, -1) * (-logit).sigmoid() + 1
        each = log_odds * power
        slope = part2 * probability * power
        # where c == label[i]:
        each.scatter_(-1, at, functional.softplus(-logit_at, threshold=40))
        slope.scatter_(-1, at, -(-logit_at).sigmoid())
        return each, slope

    def set_epoch(self, epoch: int) -> None:
        """To be called at the start of each epoch with its number, from 0."""
        check_number("epoch", epoch, 0, float("inf"), True, False, True)
        self.epoch.fill_(epoch)
        self.follow(epoch)

    def follow(self, epoch: int) -> None:
        """Sets what changes; below 0, to what it is after the last change."""
        self.told = epoch >= 0
        self.warming = 0 <= epoch < 5
        when = float(epoch) if epoch >= 0 else float("inf")
        self.gamma = linear_schedule(when, 0.5, 0.1, 4, 5)

    def prepare(self, logit: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
        """Checks the inputs (in eager mode, if ``validate``) and brings them to their dtypes."""
        if self.validate and not torch.compiler.is_compiling():
            sizes: dict[str, int] = {}
            check_shape("logit", logit, ("n", "k"), sizes)
            check_real("logit", logit, True)
            check_shape("label", label, ("n",), sizes)
            check_index("label", label, sizes["k"], None)
        logit = as_scores(logit)
        label = label.long()
        return logit, label


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

    def set_epoch(self, epoch: int) -> None:
        """For training loops that tell every loss the epoch; this one is the same in all."""
        check_number("epoch", epoch, 0, float("inf"), True, False, True)

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


def anchor_bce(logit: Tensor, label: Tensor, *, epoch: int, slack: float = 0.05) -> Tensor:
    """The loss as a function; ``AnchorBce`` keeps the options and the step."""
    loss = AnchorBce(slack=slack)
    loss.set_epoch(epoch)
    value: Tensor = loss(logit, label)
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


def linear_schedule(epoch: float, start: float, end: float, epochs: int, after: int) -> float:
    """A straight line from ``start`` to ``end``.

    Args:
        epoch: From 0; infinite for what is left once the schedule has run out.
        start: The value up to the epoch ``after``.
        end: The value from the epoch ``after + epochs`` on.
        epochs: How many epochs it takes.
        after: The epoch in which it begins.
    """
    done = min(max((epoch - after) / epochs, 0.0), 1.0)
    return end if done == 1 else start + (end - start) * done


def follow_loaded_epoch(loss: Any, keys: object) -> None:
    """Brings a scheduled loss to the epoch of the state that was loaded into it."""
    loss.follow(int(loss.epoch))


def check_told(told: bool, training: bool) -> None:
    """Raises RuntimeError where a scheduled loss trains and was never told the epoch."""
    if training and not told:
        raise RuntimeError(
            "this loss changes from epoch to epoch and was never told one: call "
            "loss.set_epoch(epoch) at the start of each epoch, counted from 0"
        )


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


def power_or_zero(base: Tensor, exponent: Tensor | float) -> Tensor:
    """``base ** exponent``, and 0 for the negative powers of 0: the slope that is not infinite."""
    if isinstance(exponent, Tensor):
        return torch.where((base == 0) & (exponent < 0), 0, base**exponent)
    if exponent >= 0 or all_positive(base):
        return base**exponent
    return torch.where(base == 0, 0, base**exponent)


def all_positive(value: Tensor) -> bool:
    """Whether all numbers are known to be above 0; not where asking would have to wait."""
    if torch.compiler.is_compiling() or value.device.type != "cpu" or not value.numel():
        return False
    return value.detach().amin().item() > 0


def element_sums(
    element: Callable[..., tuple[Tensor, ...]],
    arguments: tuple[Tensor | float, ...],
    dims: tuple[int, ...],
    cut: int | None = None,
) -> tuple[Tensor, ...]:
    """Sums of an element over ``dims``, and its slopes: what it needs between stays in the cache.

    Many operations in a row over large tensors take their time from memory. On a processor large
    ones are cut into blocks, of which all that is between fits into the cache; only the slopes are
    made as a whole.

    Args:
        element: Gives the value and its slopes, of the shape that its arguments broadcast to.
        arguments: Its arguments. Tensors may lack leading axes.
        dims: Axes to sum over, negative.
        cut: So many leading axes may be cut; ``None``: all.

    Returns:
        The sums, without ``dims``, and the slopes in full.
    """
    block = 2**16
    sizes = [(a.numel(), a.device.type) for a in arguments if isinstance(a, Tensor)]
    if torch.compiler.is_compiling() or max(sizes)[0] <= block or sizes[0][1] != "cpu":
        each, *slopes = element(*arguments)
        return (each.sum(dims) if dims else each, *slopes)
    shapes = [a.shape for a in arguments if isinstance(a, Tensor)]
    shape = torch.broadcast_shapes(*shapes)  # type: ignore[no-untyped-call]
    last = len(shape) if cut is None else cut
    axis = next((k for k in range(last) if math.prod(shape[k + 1 :]) <= block), last - 1)
    step = max(1, block // max(1, math.prod(shape[axis + 1 :])))
    summed = {len(shape) + dim for dim in dims}
    parts: list[tuple[slice, ...]] = [()]
    for k in range(axis + 1):
        length = step if k == axis else 1
        starts = range(0, shape[k], length)
        parts = [(*part, slice(start, start + length)) for part in parts for start in starts]
    sums: Tensor | None = None
    whole: list[Tensor] = []
    for part in parts:
        each, *slopes = element(*(block_of(a, part, len(shape)) for a in arguments))
        if sums is None:
            sums = each.new_zeros([size for k, size in enumerate(shape) if k not in summed])
            whole = [slope.new_empty(shape) for slope in slopes]
        kept = tuple(cut for k, cut in enumerate(part) if k not in summed)
        sums[kept] += each.sum(dims) if dims else each
        for all_of_it, slope in zip(whole, slopes, strict=True):
            all_of_it[part] = slope
    assert sums is not None
    return (sums, *whole)


def block_of(value: Tensor | float, part: tuple[slice, ...], ndim: int) -> Tensor | float:
    """The part of an argument that belongs to a block of the first axes, of ``ndim``."""
    if not isinstance(value, Tensor):
        return value
    lacking = ndim - value.ndim
    cuts = part[lacking:]
    return value[tuple(c if value.shape[k] > 1 else slice(None) for k, c in enumerate(cuts))]


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


def attach_sums(
    tensors: tuple[Tensor, ...], sums: Tensor, dims: tuple[int, ...], count: int, *slopes: Tensor
) -> Tensor:
    """``sums / count`` of elements, whose derivatives by ``tensors`` are ``slopes``.

    Args:
        tensors: What the elements were computed from; each broadcasts with the slopes.
        sums: The elements, summed over ``dims``.
        dims: Axes of the slopes, negative.
        count: Over how many of them the sums are averaged; of none, they are undefined.
        slopes: One for each tensor, in the shape of the elements.
    """
    kept = None
    if sums.ndim:
        shape = list(slopes[0].shape)
        for dim in dims:
            shape[dim] = 1
        kept = tuple(shape)
    attached: Tensor = AttachSlopes.apply(sums, kept, count, *tensors, *slopes)  # type: ignore[no-untyped-call]
    return attached
