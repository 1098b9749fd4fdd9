"""The loss of the spec `top_k_accuracy`, compiled by lossc 0.1.0.

This file needs torch and nothing else. The spec (sha256 f6f2b5cb7c8fc357):

    spec top_k_accuracy
    doc "Share of the examples whose true class is among the k best-scored classes. Of tied classes
        the first ranks higher; 0 on an empty batch."
    source "Russakovsky et al., ImageNet Large Scale Visual Recognition Challenge (IJCV 2015),
        top-5"

    input scores: real[n, p]
    input label: int[n] in p
    param k = 5 in [1, inf)

    let above[i] = sum[j] [scores[i, j] beats scores[i, label[i]]]
    evaluate mean[i] [above[i] < k] else 0

    example scores = [[0.7, 0.2, 0.1], [0.5, 0.4, 0.1], [0.1, 0.3, 0.6], [0.5, 0.2, 0.3]],
        k = 2,
        label = [0, 1, 2, 2]
        gives 1

Its stages:

    score       scores: real[n, p]
    comparison  c1 = scores[i, label[i]] - scores[i, j]   (where not j == label[i]; n * (p - 1) of
                  them)
    binary      wins1[i] = sum[j] [c1 > 0]   (a tie is won where not j < label[i])
    metric      above[i] = p - 1 - wins1[i]
    metric      evaluate = mean[i] [above[i] < k] else 0
    form        row-count (rows: a target against the others; O(n p))
    best        not needed
    surrogate   sigmoid + substitute (temperature=0.1, squash=sigmoid, max_spread=4.0, tnorm=godel)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

__all__ = ["TopKAccuracy", "top_k_accuracy"]


class TopKAccuracy(nn.Module):
    """Share of the examples whose true class is among the k best-scored classes.

    The loss is minus the interpolated metric; ``metric`` is the metric itself.

    Inputs:
        scores: ``[n, p]``, scores.
        label: ``[n]``, int below p.
    """

    def __init__(
        self,
        *,
        k: int = 5,
        temperature: float = 0.1,
        squash: str = "sigmoid",
        validate: bool = True,
    ) -> None:
        super().__init__()
        check_number("k", k, 1.0, float("inf"), True, False, True)
        self.k = k
        check_number("temperature", temperature, 0.0, float("inf"), False, False)
        self.temperature = temperature
        check_choice("squash", squash, ("none", "sigmoid"))
        self.squash = squash
        self.validate = validate

    def forward(self, scores: Tensor, label: Tensor) -> Tensor:
        """The loss: a scalar."""
        scores, label = self.prepare(scores, label)
        # score -> comparison -> binary: see families(); binary -> metric: see metric_of_rows()
        families = self.families(scores, label)
        families = limited_families(families, (scores,), 4.0)
        relaxed = tuple(
            relaxed_family(family, sigmoid_step, self.temperature, self.squash)
            for family in families
        )
        value = self.relaxed_metric(relaxed, families, scores, label)
        return -value

    def relaxed_metric(
        self,
        relaxed: tuple[Tensor, ...],
        families: tuple[Family, ...],
        scores: Tensor,
        label: Tensor,
    ) -> Tensor:
        """Relaxed binaries in the metric itself, by the t-norm `godel`."""
        p = scores.shape[1]
        wins1 = relaxed_counts(families[0], relaxed[0])
        # above[i] = p - 1 - wins1[i]
        above = p - 1 - wins1
        part = risen_by_ratio(
            self.k - above + -0.5, self.k + -0.5, False, sigmoid_step, min(self.temperature, 1.0)
        )
        return self.defined(otherwise(part.mean(-1), 0))

    def set_epoch(self, epoch: int) -> None:
        """For training loops that tell every loss the epoch; this one is the same in all."""
        check_number("epoch", epoch, 0, float("inf"), True, False, True)

    @torch.no_grad()
    def metric(self, scores: Tensor, label: Tensor) -> Tensor:
        """The metric as the spec has it, decoder then evaluator, without gradient."""
        scores, label = self.prepare(scores, label)
        p = scores.shape[1]
        part = scores.gather(-1, label.unsqueeze(-1)).squeeze(-1)
        j_range = torch.arange(p, device=scores.device)
        larger = scores > part.unsqueeze(-1)
        equal = scores == part.unsqueeze(-1)
        condition = larger | equal & (j_range < label.unsqueeze(-1))
        # above[i] = sum[j] [scores[i, j] beats scores[i, label[i]]]
        above = condition.sum(-1)
        average = (above < self.k).long().to(scores.dtype).mean(-1)
        return self.defined(otherwise(average, 0))

    def defined(self, value: Tensor) -> Tensor:
        """``value``; a ValueError in eager mode where the spec leaves it undefined."""
        if self.validate and not torch.compiler.is_compiling():
            check_defined(value, "top_k_accuracy is undefined on these inputs")
        return value

    @torch.no_grad()
    def refactored(self, scores: Tensor, label: Tensor) -> Tensor:
        """The metric by way of comparisons and binaries: equal to ``metric``."""
        scores, label = self.prepare(scores, label)
        families = self.families(scores, label)
        counts = [row_counts(family, binaries_of(family)) for family in families]
        rows = torch.cat(counts, -1)
        return self.metric_of_rows(rows, families, scores, label)

    def comparisons(self, scores: Tensor, label: Tensor) -> Tensor:
        """All comparisons, family by family, row by row: ``[l]``."""
        scores, label = self.prepare(scores, label)
        return flat_comparisons(self.families(scores, label))

    @torch.no_grad()
    def evaluate_binaries(self, binaries: Tensor, scores: Tensor, label: Tensor) -> Tensor:
        """The metric of binaries in the order of ``comparisons``: ``[..., l] -> [...]``."""
        scores, label = self.prepare(scores, label)
        families = self.families(scores, label)
        rows = rows_of_binaries(families, binaries)
        return self.metric_of_rows(rows, families, scores, label)

    def families(self, scores: Tensor, label: Tensor) -> tuple[Family, ...]:
        """Score -> comparison -> binary: what is compared with what, and who wins a tie."""
        n = scores.shape[0]
        p = scores.shape[1]
        check_places(n, p)
        j_range = torch.arange(p, device=scores.device)
        return (
            # wins1: scores[i, label[i]] > scores[i, j] where not j == label[i]
            Family(
                left=scores.gather(-1, label.unsqueeze(-1)).squeeze(-1).unsqueeze(-1),
                right=scores,
                stored=~(j_range == label.unsqueeze(-1)),
                tie=~(j_range < label.unsqueeze(-1)),
                columns=1,
                mirrored=False,
            ),
        )

    def metric_of_rows(
        self, rows: Tensor, families: tuple[Counted, ...], scores: Tensor, label: Tensor
    ) -> Tensor:
        """Binary -> metric, from the comparisons won in each row: ``[..., R] -> [...]``."""
        p = scores.shape[1]
        (wins1,) = split_rows(families, rows)
        # above[i] = p - 1 - wins1[i]
        above = p - 1 - wins1
        average = (above < self.k).long().to(scores.dtype).mean(-1)
        return self.defined(otherwise(average, 0))

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


def top_k_accuracy(scores: Tensor, label: Tensor, *, k: int = 5) -> Tensor:
    """The loss as a function; ``TopKAccuracy`` keeps the options."""
    loss = TopKAccuracy(k=k)
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


def relaxed_bits(won: Tensor, comparisons: Tensor, tail: Tensor, slope: Tensor) -> Tensor:
    """The relaxed binaries as a function of the comparisons.

    Args:
        won: The bits that are relaxed.
        comparisons: What they are the signs of; the gradient flows to these.
        tail: How far each relaxed binary is from its bit.
        slope: The derivative of each by its comparison.
    """
    relaxed: Tensor = RelaxedBits.apply(  # type: ignore[no-untyped-call]
        comparisons, torch.where(won, 1 - tail, tail), slope
    )
    return relaxed


class RelaxedBits(torch.autograd.Function):
    """Values with the elementwise derivative that was computed along with them."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx, comparisons: Tensor, value: Tensor, slope: Tensor
    ) -> Tensor:
        """Returns ``value`` and keeps ``slope`` for the way back."""
        ctx.save_for_backward(slope)
        return value.view_as(value)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(
        ctx: torch.autograd.function.FunctionCtx, grad: Tensor
    ) -> tuple[Tensor, None, None]:
        """The slopes, scaled; they have no derivatives of their own."""
        (slope,) = ctx.saved_tensors  # type: ignore[attr-defined]
        return grad * slope, None, None


def relaxed_family(
    family: Family,
    relax: Callable[[Tensor, Tensor | float], tuple[Tensor, Tensor]],
    temperature: Tensor | float,
    squash: str = "none",
) -> Tensor:
    """The relaxed binaries at all dense places, differentiable: ``[*rows, *columns]``.

    Args:
        family: The comparisons.
        relax: The step relaxation, such as ``sigmoid_step``.
        temperature: Positive; in the units of the (squashed) scores.
        squash: ``sigmoid`` bounds the scores before they are compared, ``none`` does not.
    """
    comparisons = compared(family, squash)
    tail, slope = relax(comparisons.detach().abs(), temperature)
    return relaxed_bits(binaries_of(family), comparisons, tail, slope)


def read_both_ways(family: Family, relaxed: Tensor, nothing: float) -> Tensor:
    """Relaxed binaries with ``nothing`` where there is no comparison.

    The mirror images of a mirrored family, which are stored once, are the complements.
    """
    kept = torch.where(family.stored, relaxed, nothing)
    if not family.mirrored:
        return kept
    mirror = family.stored.transpose(-1, -2)
    return torch.where(mirror, 1 - relaxed.transpose(-1, -2), kept)


def relaxed_counts(family: Family, relaxed: Tensor, against: bool = False) -> Tensor:
    """How many comparisons of each row are won: ``[*rows]``, no whole numbers.

    Args:
        family: The comparisons.
        relaxed: ``[*rows, *columns]``, their relaxed binaries.
        against: Count the columns of a family that is counted both ways.
    """
    bits = read_both_ways(family, relaxed, 0.0)
    if against:
        bits = bits.transpose(-1, -2)
    return bits.flatten(bits.ndim - family.columns).sum(-1) if family.columns else bits


def risen(
    margin: Tensor,
    whole: bool,
    relax: Callable[[Tensor, Tensor | float], tuple[Tensor, Tensor]],
    temperature: Tensor | float,
) -> Tensor:
    """The step relaxation of a number that decisions have made, such as a count less its limit.

    Args:
        margin: Above 0 where the condition holds, any shape.
        whole: Whether it is a difference of whole numbers. Others, such as rates, have no scale of
            their own and are measured by their mean absolute value.
        relax: The step relaxation.
        temperature: Of the step, in units of one comparison.
    """
    if not whole:
        scale = margin.detach().abs()
        scale = torch.where(scale.isfinite(), scale, 0).mean()
        margin = margin / torch.where(scale > 0, scale, 1)
    tail, slope = relax(margin.detach().abs(), temperature)
    return relaxed_bits(margin > 0, margin, tail, slope)


def risen_by_ratio(
    margin: Tensor,
    level: Tensor | float,
    upwards: bool,
    relax: Callable[[Tensor, Tensor | float], tuple[Tensor, Tensor]],
    temperature: Tensor | float,
) -> Tensor:
    """The step relaxation of a count beside a fixed number, by the logarithm of their ratio.

    With the sigmoid, a rank ``r`` is among the first ``k`` by ``1 / (1 + (r / c)^(2 / T))`` with
    ``c = k + 1/2``. A difference of ``n`` ranks would have the slope ``exp(-n)``: none. Below an
    eighth of the level the logarithm goes on as the line that touches it there, so that counts
    may be 0 or less.
    Levels below 1 have no scale, and differences from them are taken as they are.

    Args:
        margin: Above 0 where the condition holds, any shape.
        level: What is half way between the counts for which it holds and the others; broadcasts.
        upwards: Whether it holds for counts above the level, and not for those below.
        relax: The step relaxation.
        temperature: Of the step; with 1, the level's half is one unit.
    """
    sign = 1 if upwards else -1
    scaled = torch.as_tensor(level, dtype=margin.dtype, device=margin.device).detach()
    ratio = 1 + sign * margin / scaled.clamp_min(1)
    low = 0.125
    touching = (ratio - low) / low + math.log(low)
    far = 2 * sign * torch.where(ratio > low, ratio.clamp_min(low).log(), touching)
    return risen(torch.where(scaled < 1, margin, far), True, relax, temperature)


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
