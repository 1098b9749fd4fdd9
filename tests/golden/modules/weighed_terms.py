"""The loss of the spec `several`, compiled by lossc 0.1.0.

This file needs torch and nothing else. The spec (sha256 ade68b4953540369):

    spec several

    input a: real[n, d]
    input t: target real[n, d]
    input b: real[n, e]
    input u: target real[n, e]
    param c = 0.5 in [0, inf)

    term plane = euclidean(a, t)
    term rest = mean_absolute_error(b, u)
    term third = mean[i] softplus(a[i, 0] - b[i, 0])
    term other = smooth_l1(a, t)
    combine c * gradnorm(plane, rest, alpha = 1) + dynamic_weight_average(third, other) / 2

Its stages:

    score       a: real[n, d]
    score       b: real[n, e]
    term        plane = sum[i, j] (a[i, j] - t[i, j]) ^ 2 / max(2 * n, 1)
    term        rest = sum[i, j] abs(b[i, j] - u[i, j]) / max(n * e, 1)
    term        third = mean[i] softplus(a[i, 0] - b[i, 0])
    term        other = sum[i, j] (min(abs(a[i, j] - t[i, j]), 1) ^ 2 / 2 + abs(a[i, j] - t[i, j]) -
                  min(abs(a[i, j] - t[i, j]), 1)) / max(n * d, 1)
    loss        loss = c * gradnorm(plane, rest, alpha = 1) + dynamic_weight_average(third, other) /
                  2
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Several", "several"]


class Several(nn.Module):
    """The loss of the spec ``several``.

    Inputs:
        a: ``[n, d]``, scores.
        t: ``[n, d]``, real.
        b: ``[n, e]``, scores.
        u: ``[n, e]``, real.
    """

    def __init__(self, *, c: float = 0.5, validate: bool = True) -> None:
        super().__init__()
        check_number("c", c, 0.0, float("inf"), True, False)
        self.c = c
        self.validate = validate
        self.gradnorm = GradNormWeighting(2, names=("plane", "rest"), alpha=1)
        self.dynamic_weight_average = WeightAverageWeighting(2, names=("third", "other"))
        self.shared: list[Tensor] | None = None
        self.reported = TermFigures(("plane", "rest", "third", "other"))

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def forward(self, a: Tensor, t: Tensor, b: Tensor, u: Tensor) -> Tensor:
        """The loss: a scalar."""
        a, t, b, u = self.prepare(a, t, b, u)
        values, weights = self.measured(a, t, b, u)
        # c * gradnorm(plane, rest, alpha = 1) + dynamic_weight_average(third, other) / 2
        shared = shared_tensors(self.shared, (a, b))
        total: Tensor = weights[0] * self.gradnorm(values[0:2], shared)
        total = total + weights[1] * self.dynamic_weight_average(values[2:4])
        weights = torch.cat(
            [weights[0] * self.gradnorm.weights, weights[1] * self.dynamic_weight_average.weights]
        )
        self.reported.add(values, weights)
        return self.defined(total)

    def terms(self, a: Tensor, t: Tensor, b: Tensor, u: Tensor) -> dict[str, Tensor]:
        """The value of each term, with its gradient, as it is before it is weighed."""
        a, t, b, u = self.prepare(a, t, b, u)
        values, _ = self.measured(a, t, b, u)
        return dict(zip(self.reported.names, values.unbind(), strict=True))

    def figures(self) -> dict[str, float]:
        """Value, weight and share of each term: means over the calls in training so far.

        They are counted anew from here on; keys are ``value/NAME`` and the like.
        """
        return self.reported.take()

    def measured(self, a: Tensor, t: Tensor, b: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        """The values of the terms, with their gradients, and the weights of `combine`."""
        d = a.shape[1]
        e = b.shape[1]
        n = a.shape[0]
        # plane = sum[i, j] (a[i, j] - t[i, j]) ^ 2 / max(2 * n, 1)
        plane = ((a - t) ** 2).sum((-2, -1)) / max(2 * n, 1)
        # rest = sum[i, j] abs(b[i, j] - u[i, j]) / max(n * e, 1)
        rest = (b - u).abs().sum((-2, -1)) / max(n * e, 1)
        # third = mean[i] softplus(a[i, 0] - b[i, 0])
        third = functional.softplus(a[:, 0] - b[:, 0]).mean(-1)
        part = (a - t).abs().clamp(max=1.0)
        total = (part**2 / 2 + (a - t).abs() - part).sum((-2, -1))
        # other = sum[i, j] (min(abs(a[i, j] - t[i, j]), 1) ^ 2 / 2 + abs(a[i, j] - t[i, j]) - mi...
        other = total / max(n * d, 1)
        values = torch.stack([plane, rest, third, other])
        weights = values.new_tensor([self.c, 1 / 2])
        return values, weights

    def defined(self, value: Tensor) -> Tensor:
        """``value``; a ValueError in eager mode where the spec leaves it undefined."""
        if self.validate and not torch.compiler.is_compiling():
            check_defined(
                value,
                "<text>:9:14: error L029 [undefined-value]: mean over nothing has no"
                " value on these inputs: mean[i] softplus(a[i, 0] - b[i, 0]); say what it"
                " is then with `else`",
            )
        return value

    def set_epoch(self, epoch: int) -> None:
        """To be called at the start of each epoch with its number, from 0."""
        check_number("epoch", epoch, 0, float("inf"), True, False, True)
        self.dynamic_weight_average.set_epoch(epoch)

    def prepare(
        self, a: Tensor, t: Tensor, b: Tensor, u: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Checks the inputs (in eager mode, if ``validate``) and brings them to their dtypes."""
        if self.validate and not torch.compiler.is_compiling():
            sizes: dict[str, int] = {}
            check_shape("a", a, ("n", "d"), sizes)
            check_real("a", a, True)
            check_shape("t", t, ("n", "d"), sizes)
            check_real("t", t, False)
            check_shape("b", b, ("n", "e"), sizes)
            check_real("b", b, True)
            check_shape("u", u, ("n", "e"), sizes)
            check_real("u", u, False)
        a = as_scores(a)
        b = as_scores(b)
        t = t.to(a.dtype)
        b = b.to(a.dtype)
        u = u.to(a.dtype)
        return a, t, b, u


def several(a: Tensor, t: Tensor, b: Tensor, u: Tensor, *, c: float = 0.5) -> Tensor:
    """The loss as a function; ``Several`` keeps the options and the step."""
    loss = Several(c=c)
    value: Tensor = loss(a, t, b, u)
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


def world_size() -> int:
    """How many processes train together: 1 unless ``torch.distributed`` is initialised."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_world_size()
    return 1


def gather_equal(tensor: Tensor) -> Tensor:
    """A tensor of one size on all processes: ``[n] -> [process, n]``.

    It travels as bytes, which every backend knows, whatever the dtype is: bool and half too.
    """
    received = tensor.new_empty((world_size(), len(tensor)))
    if len(tensor) == 0:
        return received
    sent, kept = tensor.view(torch.uint8), received.view(torch.uint8)
    if torch.distributed.get_backend() == "nccl":
        torch.distributed.all_gather_into_tensor(kept, sent)
    else:
        torch.distributed.all_gather(list(kept.unbind(0)), sent)
    return received


def shared_tensors(
    shared: Sequence[Tensor] | None, inputs: tuple[Tensor, ...]
) -> tuple[Tensor, ...]:
    """Through what the gradients of terms are measured: as told, else the live inputs.

    Args:
        shared: What the user says; ``None``: nothing.
        inputs: The live inputs of the loss.

    Returns:
        Those that require a gradient; all inputs where none does.
    """
    told = [each for each in shared or () if each.requires_grad]
    live = [each for each in inputs if each.requires_grad]
    return tuple(told or live or inputs)


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


def wide_dtype(dtype: torch.dtype) -> torch.dtype:
    """What weights are computed in: float32 at the least."""
    return torch.promote_types(dtype, torch.float32)


def scaled_norm(rows: Tensor) -> Tensor:
    """Euclidean norm of each row, whose squares may over- or underflow: ``[t, n] -> [t]``."""
    if rows.shape[1] == 0:
        return rows.new_zeros(len(rows))
    largest = rows.abs().amax(1, keepdim=True)
    # 0 and infinity are norms already, and stay what they are
    unit = torch.where((largest > 0) & largest.isfinite(), largest, 1)
    norms: Tensor = torch.linalg.vector_norm(rows / unit, dim=1) * unit[:, 0]
    return norms


def mean_over_processes(tensor: Tensor) -> Tensor:
    """The mean over all processes, without gradient, in float32 at the least."""
    total = tensor.detach().to(wide_dtype(tensor.dtype), copy=True)
    if world_size() > 1:
        torch.distributed.all_reduce(total)
        total /= world_size()
    return total


def term_gradients(values: Tensor, shared: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """The gradients of each term at all tensors, one term after the other.

    They are zeros where a term does not depend on a tensor, and of float32 at the least.

    Raises:
        ValueError: No term depends on any of the tensors.
    """
    depends = False
    with torch.enable_grad():  # without it, a part of the values has no graph
        parts = values.unbind()
    for value in parts:
        slopes = torch.autograd.grad(value, shared, retain_graph=True, allow_unused=True)
        depends = depends or any(slope is not None for slope in slopes)
        yield [
            torch.zeros_like(at, dtype=wide_dtype(at.dtype))
            if slope is None
            else slope.to(wide_dtype(at.dtype))
            for at, slope in zip(shared, slopes, strict=True)
        ]
    if not depends:
        raise ValueError("shared: no term depends on these tensors, so none has a gradient there")


def term_gradient_norms(values: Tensor, shared: Sequence[Tensor] | None, gathered: bool) -> Tensor:
    r"""Euclidean norm of each term's gradient at the shared tensors, over all processes.

    What is measured is the gradient of the mean of the processes' losses, which is what
    DistributedDataParallel trains on. A parameter is the same everywhere, and its gradient
    is averaged. Any other tensor holds rows of the batch, of which each process has its own: the
    whole gradient consists of the parts :math:`g_r / W`.

    Args:
        values: The terms, ``[t]``.
        shared: Where to measure.
        gathered: Whether tensors that are no parameters hold the batch of all processes.

    Returns:
        ``[t]``, without gradient, in float32 at the least; the same on all processes.

    Raises:
        ValueError: There is nothing to measure at.
    """
    if not shared:
        raise ValueError("shared: expected tensors at which to measure the gradients of the terms")
    wide = wide_dtype(values.dtype)
    same = [isinstance(at, nn.Parameter) for at in shared]
    rows = []
    for slopes in term_gradients(values, shared):
        whole = [
            mean_over_processes(slope) if everywhere else slope
            for slope, everywhere in zip(slopes, same, strict=True)
        ]
        found = [scaled_norm(slope.reshape(1, -1)).to(values.device, wide) for slope in whole]
        rows.append(torch.cat(found))
    norms = torch.stack(rows)
    if world_size() > 1 and not gathered and not all(same):
        parts = gather_equal(norms.flatten()) / world_size()
        joined = scaled_norm(parts.T).reshape(norms.shape)
        norms = torch.where(torch.tensor(same, device=norms.device), norms, joined)
    return scaled_norm(norms)


class TermWeighting(nn.Module):
    """Weighs terms; a subclass says by which weights.

    The state lies in buffers, so that a checkpoint goes on where it was saved. They are of float32
    at the least, whatever the values are, and move to the values' device. Values that are not
    finite make the total what it is, and leave the state alone.

    Args:
        count: How many terms there are.
        names: What messages call them.
        gathered: Whether the tensors at which gradients are measured hold the batch of all
            processes already.
    """

    weights: Tensor

    def __init__(self, count: int, names: Sequence[str] = (), gathered: bool = False) -> None:
        super().__init__()
        check_number("count", count, 1, math.inf, True, False, True)
        self.count, self.names, self.gathered = count, tuple(names), gathered
        self.register_buffer("weights", torch.ones(count))

    def forward(self, values: Tensor, shared: Sequence[Tensor] | None = None) -> Tensor:
        """The weighted sum: ``[t] -> []``, in float32 at the least.

        In training mode, with values that have a gradient, the state goes on by one step, and all
        processes must take part. Any other call changes nothing.

        Args:
            values: Of the terms.
            shared: Where gradients are measured, by those weightings that do.

        Raises:
            ValueError: Another number of terms, or nothing to measure gradients at.
        """
        if values.shape != (self.count,):
            called = f" ({', '.join(self.names)})" if self.names else ""
            raise ValueError(
                f"values: expected {self.count} terms{called}, got the shape {list(values.shape)}"
            )
        if self.training and torch.is_grad_enabled() and values.requires_grad:
            self.adopt(values)
            with torch.no_grad():
                told = self.averaged(values)
                weights = self.observe(told, values, shared)
                self.weights.copy_(weights)
        else:
            told, weights = values.detach(), self.current()
        wide = wide_dtype(values.dtype)
        # what the gradient of a value in half precision can be
        most = torch.finfo(values.dtype).max
        weights = weights.to(values.device, wide).clamp(max=most)
        return (weights * values.to(wide)).sum() + self.penalty(told)

    def current(self) -> Tensor:
        """The weights that training has led to: ``[t]``, a tensor of its own."""
        return self.weights.clone()

    def observe(self, told: Tensor, values: Tensor, shared: Sequence[Tensor] | None) -> Tensor:
        """Takes a step, and returns the weights of this call: ``[t]``, a tensor of its own.

        Args:
            told: The values without gradient, as ``averaged`` gives them.
            values: Those of this process.
            shared: Where gradients are measured.
        """
        return self.current()

    def averaged(self, values: Tensor) -> Tensor:
        """What ``observe`` is told of the values; nothing is exchanged unless it is needed."""
        return values.detach()

    def penalty(self, told: Tensor) -> Tensor | float:
        """What is added to the weighted sum."""
        return 0.0

    def adopt(self, values: Tensor) -> None:
        """Brings the state to the device of the values, and to their precision if it is higher."""
        for name, held in self._buffers.items():
            if held is None:
                continue
            wide = torch.promote_types(held.dtype, wide_dtype(values.dtype))
            dtype = wide if held.is_floating_point() else held.dtype
            if held.dtype != dtype or held.device != values.device:
                self._buffers[name] = held.to(values.device, dtype)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        # a state of float64 is not rounded to what a fresh module has
        for name, held in self._buffers.items():
            saved = state_dict.get(prefix + name)
            if held is not None and isinstance(saved, Tensor):
                self._buffers[name] = held.to(saved.dtype)
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def extra_repr(self) -> str:
        """Which terms."""
        return ", ".join(self.names) or f"{self.count} terms"


class ErrorWeighting(TermWeighting):
    r"""Weighs terms by how far each has come, as error :math:`E_i = L_i - b_i`.

    :math:`b_i` is the best that a term can be: 0; -1 for a term that has been negative, which a
    negated metric in [-1, 0] is; and for one that has been below -1, the least it has been. Errors
    are never negative, and their ratio to the first one is never a ratio of numbers of two signs.

    Args:
        count: How many terms there are.
        names: What messages call them.
        gathered: As for every weighting.
    """

    best: Tensor
    first: Tensor

    def __init__(self, count: int, names: Sequence[str] = (), gathered: bool = False) -> None:
        super().__init__(count, names, gathered)
        self.register_buffer("best", torch.zeros(count))
        self.register_buffer("first", torch.full((count,), math.nan))

    def averaged(self, values: Tensor) -> Tensor:
        """The mean over all processes, in the precision of the state."""
        return mean_over_processes(values).to(self.best.dtype)

    def errors(self, told: Tensor) -> Tensor:
        """``[t] -> [t]``: how far each term is from its best; remembers the first error above 0."""
        best = torch.where(told < 0, told.clamp(max=-1), self.best)
        best = torch.minimum(best, self.best)
        self.best.copy_(torch.where(told.isfinite(), best, self.best))
        errors = told - self.best
        begins = self.first.isnan() & told.isfinite() & (errors > 0)
        self.first.copy_(torch.where(begins, told, self.first))
        return errors

    def ratios(self, errors: Tensor) -> Tensor:
        """``[t] -> [t]``: each error over the first one; 1 where there has been none."""
        ratios = errors / (self.first - self.best)
        return torch.where(self.first.isnan() & errors.isfinite(), 1, ratios)


class GradNormWeighting(ErrorWeighting):
    r"""GradNorm: :math:`\sum_i w_i L_i`, with weights that sum to T and have steps of their own.

    With :math:`G_i = w_i \lVert g_i \rVert` at the shared tensors, the mean :math:`\bar G` of
    them, and :math:`r_i` the ratio of term i to its first value over the mean of these ratios, the
    weights descend on

    .. math:: \sum_i \lvert G_i - \bar G r_i^\alpha \rvert

    where the targets are constant. Each training call takes one step, for the next call:
    :math:`w_i \leftarrow w_i \exp(-\eta \, \mathrm{sign}(G_i - \bar G r_i^\alpha) G_i / \bar G)`,
    then all are scaled to sum to T. That is a step of gradient descent on :math:`\log w_i`, on the
    sum above in units of :math:`\bar G`. The paper descends on :math:`w_i` itself, where a
    step may make a weight negative, and its size depends on the scale of the losses.

    A call with a value or a gradient that is not finite, and one without any gradient, leaves the
    weights as they are. The ratios are those of errors, see :class:`ErrorWeighting`.

    Source: Chen et al. 2018, equations 1 and 2, algorithm 1.

    Args:
        count: How many terms there are.
        names: What messages call them.
        gathered: Whether the shared tensors hold the batch of all processes already.
        alpha: How much more a slow term gets; 0: all gradients have equal norms.
        learning_rate: Of the weights.
    """

    learned: Tensor

    def __init__(
        self,
        count: int,
        *,
        names: Sequence[str] = (),
        gathered: bool = False,
        alpha: float = 1.5,
        learning_rate: float = 0.025,
    ) -> None:
        super().__init__(count, names, gathered)
        check_number("alpha", alpha, 0.0, 10.0, True, True)
        check_number("learning_rate", learning_rate, 0.0, 1.0, False, True)
        self.alpha, self.learning_rate = alpha, learning_rate
        self.register_buffer("learned", torch.ones(count))

    def current(self) -> Tensor:
        """The weights of the next call."""
        return self.learned.clone()

    def observe(self, told: Tensor, values: Tensor, shared: Sequence[Tensor] | None) -> Tensor:
        """The weights of this step; those of the next are learnt from it."""
        weights = self.current()
        ratios = self.ratios(self.errors(told))
        mean_ratio = ratios.mean()
        rates = torch.where(mean_ratio > 0, ratios / mean_ratio, 1)
        sizes = weights * term_gradient_norms(values, shared, self.gathered).to(weights.dtype)
        mean = sizes.mean()
        steps = (sizes - mean * rates**self.alpha).sign() * sizes / mean
        tiny = torch.finfo(weights.dtype).tiny
        moved = (weights * (-self.learning_rate * steps).exp()).clamp_min(tiny)
        moved = moved * (self.count / moved.sum())
        sound = moved.isfinite().all() & told.isfinite().all() & (mean > 0)
        self.learned.copy_(torch.where(sound, moved, self.learned))
        return weights


class WeightAverageWeighting(ErrorWeighting):
    r"""Dynamic weight average: :math:`\sum_i w_i L_i` with weights from the last two epochs.

    .. math:: w_i = T \, \mathrm{softmax}_i(r_i / \tau), \qquad r_i = E_i(t-1) / E_i(t-2)

    :math:`E_i(t)` is the mean of term i over epoch t, as error of :class:`ErrorWeighting`. Until
    there are two epochs, and for a term without error in the earlier one, the ratio is 1. Values
    that are not finite take no part in the means.

    ``set_epoch`` says when an epoch begins. A weighting that has never been told one takes each
    training call for an epoch.

    Source: Liu et al. 2019, equation 7.

    Args:
        count: How many terms there are.
        names: What messages call them.
        gathered: As for every weighting; nothing depends on it.
        temperature: The higher, the more equal the weights.
    """

    epoch: Tensor
    sums: Tensor
    calls: Tensor
    last: Tensor
    former: Tensor

    def __init__(
        self,
        count: int,
        *,
        names: Sequence[str] = (),
        gathered: bool = False,
        temperature: float = 2.0,
    ) -> None:
        super().__init__(count, names, gathered)
        check_number("temperature", temperature, 0.0, math.inf, False, False)
        self.temperature = temperature
        self.register_buffer("epoch", torch.tensor(-1))
        for name, start in (("sums", 0), ("calls", 0), ("last", math.nan), ("former", math.nan)):
            self.register_buffer(name, torch.full((count,), float(start)))

    def set_epoch(self, epoch: int) -> None:
        """Begins an epoch, unless it is the one that has begun; weights follow those before."""
        if epoch == int(self.epoch):
            return
        self.epoch.fill_(epoch)
        self.finish(torch.ones_like(self.epoch, dtype=torch.bool))

    def finish(self, now: Tensor) -> None:
        """Ends an epoch, if there were calls in it, and if it is ``now``: bool, ``[]``."""
        seen = now & (self.calls > 0)
        self.former.copy_(torch.where(seen, self.last, self.former))
        self.last.copy_(torch.where(seen, self.sums / self.calls, self.last))
        self.sums.copy_(torch.where(now, 0, self.sums))
        self.calls.copy_(torch.where(now, 0, self.calls))

    def current(self) -> Tensor:
        """The weights of this epoch."""
        before = self.former - self.best
        ratios = (self.last - self.best) / before
        ratios = torch.where(ratios.isfinite(), ratios, 1)
        return self.count * (ratios / self.temperature).softmax(0)

    def observe(self, told: Tensor, values: Tensor, shared: Sequence[Tensor] | None) -> Tensor:
        """The weights of this step; its values enter the means."""
        self.errors(told)
        weights = self.current()
        finite = told.isfinite()
        self.sums.add_(torch.where(finite, told, 0))
        self.calls.add_(finite)
        self.finish(self.epoch < 0)
        return weights
