"""The loss of the spec `precision_at_k`, compiled by lossc 0.1.0.

This file needs torch and nothing else. The spec (sha256 0f14bbaa8071e9f3):

    spec precision_at_k
    doc "Share of relevant items among the k best-scored ones. Mean over queries; of tied items the
        first ranks higher; 0 on an empty batch."
    source "Manning, Raghavan and Schuetze, Introduction to Information Retrieval (2008), chapter 8;
        torchmetrics, retrieval_precision"

    input score: real[n]
    input relevant: bool[n]
    input group: int[n] = 0
    param k = 10 in [1, inf)

    let place[i] = 1 + sum[j | group[j] == group[i]] [score[j] beats score[i]]
    let queries = count[g in values(group)]
    evaluate count[i | relevant[i] and place[i] <= k] / k / queries else 0

    surrogate step sigmoid(temperature = auto)
    surrogate interpolation idw

    example k = 2,
        score = [0.9, 0.8, 0.6, 0.4, 0.3, 0.2],
        relevant = [0, 1, 1, 1, 0, 0],
        group = [0, 0, 0, 1, 1, 1]
        gives 0.5

Its stages:

    score       score: real[n]
    comparison  c1 = score[i] - score[j]   (where relevant[i] and group[j] == group[i] and i != j
                  and (i < j or not (relevant[j] and group[i] == group[j])); at most n * n of them)
    binary      wins1[i] = sum[j] [c1 > 0]   (a tie is won where not j < i)
    metric      place[i] = count[j | group[j] == group[i]] - wins1[i]
    metric      queries = count[g | first(group, g)]
    metric      evaluate = sum[i | relevant[i]] [place[i] <= k] / k / queries else 0
    form        row-count (rows: ranks among items, ties by index; O(n^2))
    best        every comparison won (by sign propagation)
    surrogate   sigmoid + idw (temperature=auto)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

__all__ = ["PrecisionAtK", "precision_at_k"]


class PrecisionAtK(nn.Module):
    """Share of relevant items among the k best-scored ones.

    The loss is minus the interpolated metric; ``metric`` is the metric itself.

    Inputs:
        score: ``[n]``, scores.
        relevant: ``[n]``, bool.
        group: ``[n]``, int.
    """

    seed: Tensor
    step: Tensor

    def __init__(
        self,
        *,
        k: int = 10,
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
        check_number("k", k, 1.0, float("inf"), True, False, True)
        self.k = k
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

    def forward(self, score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor:
        """The loss: a scalar. In training mode, every call draws new numbers."""
        score, relevant, group = self.prepare(score, relevant, group)
        # score -> comparison -> binary: see families(); binary -> metric: see metric_of_rows()
        step = self.step.clone()
        if self.training:
            self.step.add_(1)

        families = self.families(score, relevant, group)
        temperature = auto_temperature((score,), self.squash)

        def metric(rows: Tensor) -> Tensor:
            return self.metric_of_rows(rows, families, score, relevant, group)

        value = interpolate_idw(
            families,
            metric,
            sigmoid_step,
            self.seed,
            step,
            temperature=temperature,
            squash=self.squash,
            good=self.good,
            bad=self.bad,
            nearby=self.nearby,
            power=self.power,
            gradient=self.gradient,
            bits=self.bits,
        )
        return -value

    def set_epoch(self, epoch: int) -> None:
        """For training loops that tell every loss the epoch; this one is the same in all."""
        check_number("epoch", epoch, 0, float("inf"), True, False, True)

    @torch.no_grad()
    def metric(self, score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor:
        """The metric as the spec has it, decoder then evaluator, without gradient."""
        score, relevant, group = self.prepare(score, relevant, group)
        if many_pairs(self.pairs(score, relevant, group), 2**24):
            return self.refactored(score, relevant, group)
        n = score.shape[0]
        j_range = torch.arange(n, device=score.device)
        i_range = torch.arange(n, device=score.device)
        larger = score > score.unsqueeze(-1)
        equal = score == score.unsqueeze(-1)
        condition = larger | equal & (j_range < i_range.unsqueeze(-1))
        total = ((group == group.unsqueeze(-1)) & condition).sum(-1)
        # place[i] = 1 + sum[j | group[j] == group[i]] [score[j] beats score[i]]
        place = 1 + total
        # queries = count[g | first(group, g)]
        queries = first_occurrence(group).sum(-1)
        ratio = (relevant & (place <= self.k)).sum(-1).to(score.dtype) / self.k
        return self.defined(otherwise(divide(ratio, queries), 0))

    def defined(self, value: Tensor) -> Tensor:
        """``value``; a ValueError in eager mode where the spec leaves it undefined."""
        if self.validate and not torch.compiler.is_compiling():
            check_defined(value, "precision_at_k is undefined on these inputs")
        return value

    @torch.no_grad()
    def refactored(self, score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor:
        """The metric by way of comparisons and binaries: equal to ``metric``."""
        score, relevant, group = self.prepare(score, relevant, group)
        pairs = self.pairs(score, relevant, group)
        if many_pairs(pairs):
            return self.metric_of_rows(sorted_row_counts(pairs), pairs, score, relevant, group)
        families = self.families(score, relevant, group)
        counts = [row_counts(family, binaries_of(family)) for family in families]
        rows = torch.cat(counts, -1)
        return self.metric_of_rows(rows, families, score, relevant, group)

    def comparisons(self, score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor:
        """All comparisons, family by family, row by row: ``[l]``."""
        score, relevant, group = self.prepare(score, relevant, group)
        return flat_comparisons(self.families(score, relevant, group))

    @torch.no_grad()
    def evaluate_binaries(
        self, binaries: Tensor, score: Tensor, relevant: Tensor, group: Tensor | None = None
    ) -> Tensor:
        """The metric of binaries in the order of ``comparisons``: ``[..., l] -> [...]``."""
        score, relevant, group = self.prepare(score, relevant, group)
        families = self.families(score, relevant, group)
        rows = rows_of_binaries(families, binaries)
        return self.metric_of_rows(rows, families, score, relevant, group)

    def families(self, score: Tensor, relevant: Tensor, group: Tensor) -> tuple[Family, ...]:
        """Score -> comparison -> binary: what is compared with what, and who wins a tie."""
        n = score.shape[0]
        check_places(n, n)
        i_range = torch.arange(n, device=score.device)
        j_range = torch.arange(n, device=score.device)
        both = relevant.unsqueeze(-1) & (group == group.unsqueeze(-1))
        condition = ~(relevant & (group.unsqueeze(-1) == group))
        either = (i_range.unsqueeze(-1) < j_range) | condition
        both2 = both & (i_range.unsqueeze(-1) != j_range)
        return (
            # wins1: score[i] > score[j] where relevant[i] and group[j] == group[i] and i != j
            #   and (i < j or not (relevant[j] and group[i] == group[j]))
            Family(
                left=score.unsqueeze(-1),
                right=score,
                stored=both2 & either,
                tie=~(j_range < i_range.unsqueeze(-1)),
                columns=1,
                mirrored=True,
            ),
        )

    def pairs(self, score: Tensor, relevant: Tensor, group: Tensor) -> tuple[PairFamily]:
        """Score -> comparison -> binary: which items are compared with which."""
        n = score.shape[0]
        return (
            # wins1: score[i] > score[j]
            PairFamily(
                Pairs(
                    left=score,
                    right=score,
                    left_kept=relevant,
                    right_kept=torch.tensor(True, device=score.device).expand(n),
                    left_group=group,
                    right_group=group,
                    tie="first",
                    same=True,
                ),
                rows="left",
                shape=(n,),
            ),
        )

    def metric_of_rows(
        self,
        rows: Tensor,
        families: tuple[Counted, ...],
        score: Tensor,
        relevant: Tensor,
        group: Tensor,
    ) -> Tensor:
        """Binary -> metric, from the comparisons won in each row: ``[..., R] -> [...]``."""
        (wins1,) = split_rows(families, rows)
        numbers = group_numbers(group)
        total = sums_in_groups(torch.ones_like(group, dtype=torch.bool), numbers)
        # place[i] = count[j | group[j] == group[i]] - wins1[i]
        place = total - wins1
        # queries = count[g | first(group, g)]
        queries = first_occurrence(group).sum(-1)
        ratio = (relevant & (place <= self.k)).sum(-1).to(score.dtype) / self.k
        return self.defined(otherwise(divide(ratio, queries), 0))

    def prepare(
        self, score: Tensor, relevant: Tensor, group: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Checks the inputs (in eager mode, if ``validate``) and brings them to their dtypes."""
        n = score.shape[0]
        if self.validate and not torch.compiler.is_compiling():
            sizes: dict[str, int] = {}
            check_shape("score", score, ("n",), sizes)
            check_real("score", score, True)
            check_shape("relevant", relevant, ("n",), sizes)
            check_flag("relevant", relevant)
            if group is not None:
                check_shape("group", group, ("n",), sizes)
                check_index("group", group, None, None)
        if group is None:
            group = score.new_full((n,), 0, dtype=torch.long)
        score = as_scores(score)
        relevant = relevant.bool()
        group = group.long()
        return score, relevant, group


def precision_at_k(
    score: Tensor, relevant: Tensor, group: Tensor | None = None, *, k: int = 10, seed: int = 0
) -> Tensor:
    """The loss as a function; ``PrecisionAtK`` keeps the options and the step."""
    loss = PrecisionAtK(k=k, seed=seed)
    value: Tensor = loss(score, relevant, group)
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


def first_occurrence(values: Tensor) -> Tensor:
    """True at the first of each distinct value: ``[n] -> [n]``."""
    if values.shape[0] == 0:
        return torch.ones_like(values, dtype=torch.bool)
    ordered, order = values.sort(stable=True)
    fresh = torch.cat([torch.ones_like(ordered[:1], dtype=torch.bool), ordered[1:] != ordered[:-1]])
    return torch.empty_like(fresh).scatter(0, order, fresh)


def group_numbers(keys: Tensor) -> Tensor:
    """The number of each item's group, from 0, in the order of the keys: ``[n] -> [n]``."""
    if keys.shape[0] == 0:
        return keys
    if not torch.compiler.is_compiling() and keys.device.type == "cpu" and (keys == keys[0]).all():
        return torch.zeros_like(keys)
    ordered, order = keys.sort()
    numbers = torch.cat([ordered.new_zeros(1), (ordered[1:] != ordered[:-1]).long()]).cumsum(0)
    return torch.empty_like(numbers).scatter(0, order, numbers)


def sums_in_groups(values: Tensor, numbers: Tensor) -> Tensor:
    """For each item the sum over its group: ``[..., n] -> [..., n]``; conditions are counted.

    Args:
        values: ``[..., n]``.
        numbers: ``[n]``, from ``group_numbers``.
    """
    values = values.long() if values.dtype == torch.bool else values
    totals = torch.zeros_like(values).index_add(-1, numbers, values)
    return totals.index_select(-1, numbers)


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


def auto_temperature(
    scores: tuple[Tensor, ...], squash: str, limits: tuple[Family, ...] = ()
) -> Tensor:
    """A temperature that follows the comparisons: their spread, less where there are more of them.

    Of scores that are compared with one another it is the standard deviation along the last axis,
    averaged over the others, divided by the fourth root of that axis's length: of 16 scores one
    half of the spread, of 10,000 a tenth. Scores may be near one another and far from what is fixed
    (a threshold), so that of such comparisons it is at least what a share of ``n^(-1/4)`` of them
    do not exceed. Then that share is within one temperature of a tie, as among scores. The largest
    of all is taken. It is detached. Infinite and undefined scores are left out; equal ones, and no
    ones, have the temperature 1.

    Args:
        scores: The live inputs, ``[..., items]``.
        squash: ``sigmoid`` if they are bounded before they are compared, else ``none``.
        limits: Families that compare scores with fixed numbers; ``scores`` do not speak for these.
    """
    found = []
    for value in scores:
        value = value.detach().sigmoid() if squash == "sigmoid" else value.detach()
        found.append(mean_spread(value, known_numbers(value), False))
    for family in limits:
        apart = compared(family, squash).detach()
        found.append(mean_spread(apart, known_numbers(apart) & family.stored, True))
    widest = torch.stack(found).amax()
    return torch.where(widest.isfinite() & (widest > 0), widest, 1)


def known_numbers(value: Tensor) -> Tensor:
    """Where a number is neither undefined, nor infinite, nor the largest one in place of that."""
    return value.abs() < torch.finfo(value.dtype).max


def mean_spread(value: Tensor, known: Tensor, nearest: bool) -> Tensor:
    """The spread of each row over the fourth root of how many are known, averaged over rows.

    Args:
        value: ``[..., items]``.
        known: Where a number counts, in the same shape.
        nearest: Whether it is at least the distance from 0 that a share of ``n^(-1/4)`` of the
            row's numbers do not exceed.
    """
    value = value.float() if value.dtype.itemsize < 4 else value
    if value.numel() == 0:
        return value.new_zeros(())
    value, known = (x.reshape(-1, x.shape[-1] if x.ndim else 1) for x in (value, known))
    value = torch.where(known, value, 0)
    largest = value.abs().amax().clamp_min(torch.finfo(value.dtype).tiny)
    value = value / largest  # no square overflows, and none vanishes
    count = known.sum(-1).to(value.dtype)
    size = count.clamp_min(1)
    off = torch.where(known, value - (value.sum(-1) / size).unsqueeze(-1), 0)
    spread = (off.square().sum(-1) / size).sqrt() / size**0.25
    if nearest:
        inner = (size**0.75).ceil().long().clamp_max(value.shape[-1]) - 1
        ordered = torch.where(known, value.abs(), torch.inf).sort(-1).values
        least = ordered.gather(-1, inner.unsqueeze(-1)).squeeze(-1)
        spread = torch.maximum(spread, torch.where(count > 0, least, 0))
    return spread.sum() / (count > 0).sum().clamp_min(1) * largest


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
