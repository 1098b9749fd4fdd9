"""The loss of the spec `ndcg`, compiled by lossc 0.1.0.

This file needs torch and nothing else. The spec (sha256 158b89c4aca48cbd):

    spec ndcg
    doc "Normalised discounted cumulative gain: gains discounted by the logarithm of their rank,
        relative to the best order. Mean over queries; tied items share their discounts; a query
        without gains is worth 0."
    source "Jarvelin and Kekalainen, Cumulated Gain-based Evaluation of IR Techniques (TOIS 2002);
        scikit-learn, ndcg_score, with linear gains"

    input score: real[n]
    input gain: target real[n] in [0, inf)
    input group: int[n] = 0

    let lo[i] = sum[j | group[j] == group[i]] [score[j] > score[i]]
    let hi[i] = sum[j | group[j] == group[i]] [score[j] >= score[i]]
    let discount[r in 1..n] = 1 / log2(1 + r)
    let cum[r in 0..n] = sum[t in 1..n | t <= r] discount[t]
    let share[i] = (cum[hi[i]] - cum[lo[i]]) / (hi[i] - lo[i]) else discount[lo[i] + 1]
    let place[i] = 1
        + count[j | group[j] == group[i] and (gain[j] > gain[i] or gain[j] == gain[i] and j < i)]
    let best[i] = sum[j | group[j] == group[i]] gain[j] * discount[place[j]]
    let queries = count[g in values(group)]
    evaluate (sum[i] (gain[i] * share[i] / best[i] else 0)) / queries else 0
    truth score[i] = gain[i]

    example score = [0.9, 0.5, 0.8, 0.5], gain = [3, 2, 0, 1] gives 0.92317189

Its stages:

    score       score: real[n]
    comparison  c1 = score[i] - score[j]   (where group[j] == group[i] and not i == j; at most n * n
                  of them)
    binary      wins1[i] = sum[j] [c1 > 0]   (a tie is lost)
    metric      discount[r] = 1 / log2(1 + r)
    metric      cum[r] = sum[t in 1..n | t <= r] discount[t]
    metric      hi[i] = count[j | group[j] == group[i]] - wins1[i]
    metric      lo[i] = losses1[i]
    metric      share[i] = (cum[hi[i]] - cum[lo[i]]) / (hi[i] - lo[i]) else discount[lo[i] + 1]
    metric      place[i] = 1 + count[j | group[j] == group[i] and (gain[j] > gain[i] or gain[j] ==
                  gain[i] and j < i)]
    metric      best[i] = sum[j | group[j] == group[i]] gain[j] * discount[place[j]]
    metric      queries = count[g | first(group, g)]
    metric      evaluate = sum[i] (gain[i] * share[i] / best[i] else 0) / queries else 0
    form        row-count (all against all, lo and hi; O(n log n))
    best        not needed
    surrogate   sigmoid + substitute (temperature=0.1, squash=sigmoid, max_spread=4.0, tnorm=godel)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

__all__ = ["Ndcg", "ndcg"]


class Ndcg(nn.Module):
    """The loss of the spec ``ndcg``.

    Normalised discounted cumulative gain: gains discounted by the logarithm of their rank, relative
    to the best order. Mean over queries; tied items share their discounts; a query without gains is
    worth 0.

    The loss is minus the interpolated metric; ``metric`` is the metric itself.

    Inputs:
        score: ``[n]``, scores.
        gain: ``[n]``, real in [0, inf).
        group: ``[n]``, int.
    """

    def __init__(
        self, *, temperature: float = 0.1, squash: str = "sigmoid", validate: bool = True
    ) -> None:
        super().__init__()
        check_number("temperature", temperature, 0.0, float("inf"), False, False)
        self.temperature = temperature
        check_choice("squash", squash, ("none", "sigmoid"))
        self.squash = squash
        self.validate = validate

    def forward(self, score: Tensor, gain: Tensor, group: Tensor | None = None) -> Tensor:
        """The loss: a scalar."""
        score, gain, group = self.prepare(score, gain, group)
        # score -> comparison -> binary: see families(); binary -> metric: see metric_of_rows()
        families = self.pairs(score, gain, group)
        families = limited_families(families, (score,), 4.0)
        relaxed = (RelaxedPairs(sigmoid_step, sigmoid_powers, self.temperature, self.squash),)
        value = self.relaxed_metric(relaxed, families, score, gain, group)
        return -value

    def relaxed_metric(
        self,
        relaxed: tuple[RelaxedPairs],
        families: tuple[PairFamily],
        score: Tensor,
        gain: Tensor,
        group: Tensor,
    ) -> Tensor:
        """Relaxed binaries in the metric itself, by the t-norm `godel`."""
        n = score.shape[0]
        wins1 = pair_counts(families[0], relaxed[0])
        r_range = torch.arange(1, n + 1, device=score.device)
        # discount[r] = 1 / log2(1 + r)
        discount = divide(1, (1 + r_range).to(score.dtype).log2())
        running = running_sum(discount)
        r_range2 = torch.arange(n + 1, device=score.device)
        # cum[r] = sum[t in 1..n | t <= r] discount[t]
        cum = running_at(running[..., None, :], r_range2 - 1, 0)
        numbers = group_numbers(group)
        total = sums_in_groups(torch.ones_like(group, dtype=torch.bool), numbers)
        # hi[i] = count[j | group[j] == group[i]] - wins1[i]
        hi = total - wins1
        # lo[i] = count[j | group[j] == group[i]] - 1 - wins1[i]
        lo = total - 1 - wins1
        part = read_between(cum, hi, 0)
        ratio = divide(part - read_between(cum, lo, 0), hi - lo)
        # share[i] = (between(cum, hi[i]) - between(cum, lo[i])) / (hi[i] - lo[i]) else between(d...
        share = otherwise(ratio, read_between(discount, lo + 1, 1))
        # place[i] = 1 + count[j | group[j] == group[i] and (gain[j] > gain[i] or gain[j] == gain...
        place = 1 + ahead_in_group(gain, numbers)
        # best[i] = sum[j | group[j] == group[i]] gain[j] * discount[place[j]]
        best_ = sums_in_groups(gain * discount[place - 1], numbers)
        # queries = count[g | first(group, g)]
        queries = first_occurrence(group).sum(-1)
        total2 = otherwise(divide(gain * share, best_), 0).sum(-1)
        return self.defined(otherwise(divide(total2, queries), 0))

    def pairs(self, score: Tensor, gain: Tensor, group: Tensor) -> tuple[PairFamily]:
        """Score -> comparison -> binary: which items are compared with which."""
        n = score.shape[0]
        return (
            # wins1: score[i] > score[j]
            PairFamily(
                Pairs(
                    left=score,
                    right=score,
                    left_kept=torch.tensor(True, device=score.device).expand(n),
                    right_kept=torch.tensor(True, device=score.device).expand(n),
                    left_group=group,
                    right_group=group,
                    tie="lost",
                    same=True,
                ),
                rows="left",
                shape=(n,),
                both_ways=True,
            ),
        )

    def set_epoch(self, epoch: int) -> None:
        """For training loops that tell every loss the epoch; this one is the same in all."""
        check_number("epoch", epoch, 0, float("inf"), True, False, True)

    @torch.no_grad()
    def metric(self, score: Tensor, gain: Tensor, group: Tensor | None = None) -> Tensor:
        """The metric as the spec has it, decoder then evaluator, without gradient."""
        score, gain, group = self.prepare(score, gain, group)
        if many_pairs(self.pairs(score, gain, group), 2**24):
            return self.refactored(score, gain, group)
        n = score.shape[0]
        r_range = torch.arange(1, n + 1, device=score.device)
        # discount[r] = 1 / log2(1 + r)
        discount = divide(1, (1 + r_range).to(score.dtype).log2())
        running = running_sum(discount)
        r_range2 = torch.arange(n + 1, device=score.device)
        # cum[r] = sum[t in 1..n | t <= r] discount[t]
        cum = running_at(running[..., None, :], r_range2 - 1, 0)
        condition = group == group.unsqueeze(-1)
        # hi[i] = sum[j | group[j] == group[i]] [score[j] >= score[i]]
        hi = (condition & (score >= score.unsqueeze(-1))).sum(-1)
        # lo[i] = sum[j | group[j] == group[i]] [score[j] > score[i]]
        lo = (condition & (score > score.unsqueeze(-1))).sum(-1)
        ratio = divide(cum[hi.long()] - cum[lo.long()], hi - lo)
        # share[i] = (cum[hi[i]] - cum[lo[i]]) / (hi[i] - lo[i]) else discount[lo[i] + 1]
        share = otherwise(ratio, discount[(lo + 1 - 1).long()])
        j_range = torch.arange(n, device=score.device)
        i_range = torch.arange(n, device=score.device)
        condition2 = j_range < i_range.unsqueeze(-1)
        both = (gain == gain.unsqueeze(-1)) & condition2
        both2 = condition & ((gain > gain.unsqueeze(-1)) | both)
        # place[i] = 1 + count[j | group[j] == group[i] and (gain[j] > gain[i] or gain[j] == gain...
        place = 1 + both2.sum(-1)
        # best[i] = sum[j | group[j] == group[i]] gain[j] * discount[place[j]]
        best_ = torch.where(condition, gain * discount[place - 1], 0).sum(-1)
        # queries = count[g | first(group, g)]
        queries = first_occurrence(group).sum(-1)
        total = otherwise(divide(gain * share, best_), 0).sum(-1)
        return self.defined(otherwise(divide(total, queries), 0))

    def defined(self, value: Tensor) -> Tensor:
        """``value``; a ValueError in eager mode where the spec leaves it undefined."""
        if self.validate and not torch.compiler.is_compiling():
            check_defined(value, "ndcg is undefined on these inputs")
        return value

    @torch.no_grad()
    def refactored(self, score: Tensor, gain: Tensor, group: Tensor | None = None) -> Tensor:
        """The metric by way of comparisons and binaries: equal to ``metric``."""
        score, gain, group = self.prepare(score, gain, group)
        pairs = self.pairs(score, gain, group)
        if many_pairs(pairs):
            return self.metric_of_rows(sorted_row_counts(pairs), pairs, score, gain, group)
        families = self.families(score, gain, group)
        counts = [row_counts(family, binaries_of(family)) for family in families]
        rows = torch.cat(counts, -1)
        return self.metric_of_rows(rows, families, score, gain, group)

    def comparisons(self, score: Tensor, gain: Tensor, group: Tensor | None = None) -> Tensor:
        """All comparisons, family by family, row by row: ``[l]``."""
        score, gain, group = self.prepare(score, gain, group)
        return flat_comparisons(self.families(score, gain, group))

    @torch.no_grad()
    def evaluate_binaries(
        self, binaries: Tensor, score: Tensor, gain: Tensor, group: Tensor | None = None
    ) -> Tensor:
        """The metric of binaries in the order of ``comparisons``: ``[..., l] -> [...]``."""
        score, gain, group = self.prepare(score, gain, group)
        families = self.families(score, gain, group)
        rows = rows_of_binaries(families, binaries)
        return self.metric_of_rows(rows, families, score, gain, group)

    def families(self, score: Tensor, gain: Tensor, group: Tensor) -> tuple[Family, ...]:
        """Score -> comparison -> binary: what is compared with what, and who wins a tie."""
        n = score.shape[0]
        check_places(n, n)
        i_range = torch.arange(n, device=score.device)
        j_range = torch.arange(n, device=score.device)
        condition = ~(i_range.unsqueeze(-1) == j_range)
        return (
            # wins1: score[i] > score[j] where group[j] == group[i] and not i == j
            Family(
                left=score.unsqueeze(-1),
                right=score,
                stored=(group == group.unsqueeze(-1)) & condition,
                tie=False,
                columns=1,
                mirrored=False,
                both_ways=True,
            ),
        )

    def metric_of_rows(
        self,
        rows: Tensor,
        families: tuple[Counted, ...],
        score: Tensor,
        gain: Tensor,
        group: Tensor,
    ) -> Tensor:
        """Binary -> metric, from the comparisons won in each row: ``[..., R] -> [...]``."""
        n = score.shape[0]
        wins1, losses1 = split_rows(families, rows)
        r_range = torch.arange(1, n + 1, device=score.device)
        # discount[r] = 1 / log2(1 + r)
        discount = divide(1, (1 + r_range).to(score.dtype).log2())
        running = running_sum(discount)
        r_range2 = torch.arange(n + 1, device=score.device)
        # cum[r] = sum[t in 1..n | t <= r] discount[t]
        cum = running_at(running[..., None, :], r_range2 - 1, 0)
        numbers = group_numbers(group)
        total = sums_in_groups(torch.ones_like(group, dtype=torch.bool), numbers)
        # hi[i] = count[j | group[j] == group[i]] - wins1[i]
        hi = total - wins1
        part = cum[hi.long()] - cum[losses1.long()]
        part2 = discount[(losses1 + 1 - 1).long()]
        # share[i] = (cum[hi[i]] - cum[lo[i]]) / (hi[i] - lo[i]) else discount[lo[i] + 1]
        share = otherwise(divide(part, hi - losses1), part2)
        # place[i] = 1 + count[j | group[j] == group[i] and (gain[j] > gain[i] or gain[j] == gain...
        place = 1 + ahead_in_group(gain, numbers)
        # best[i] = sum[j | group[j] == group[i]] gain[j] * discount[place[j]]
        best_ = sums_in_groups(gain * discount[place - 1], numbers)
        # queries = count[g | first(group, g)]
        queries = first_occurrence(group).sum(-1)
        total2 = otherwise(divide(gain * share, best_), 0).sum(-1)
        return self.defined(otherwise(divide(total2, queries), 0))

    def prepare(
        self, score: Tensor, gain: Tensor, group: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Checks the inputs (in eager mode, if ``validate``) and brings them to their dtypes."""
        n = score.shape[0]
        if self.validate and not torch.compiler.is_compiling():
            sizes: dict[str, int] = {}
            check_shape("score", score, ("n",), sizes)
            check_real("score", score, True)
            check_shape("gain", gain, ("n",), sizes)
            check_real("gain", gain, False)
            check_range("gain", gain, 0.0, float("inf"), True, False)
            if group is not None:
                check_shape("group", group, ("n",), sizes)
                check_index("group", group, None, None)
        if group is None:
            group = score.new_full((n,), 0, dtype=torch.long)
        score = as_scores(score)
        gain = gain.to(score.dtype)
        group = group.long()
        return score, gain, group


def ndcg(score: Tensor, gain: Tensor, group: Tensor | None = None) -> Tensor:
    """The loss as a function; ``Ndcg`` keeps the options."""
    loss = Ndcg()
    value: Tensor = loss(score, gain, group)
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


def item_at(values: Tensor, place: Tensor | int) -> Tensor:
    """The item at a 0-based place of the last axis; a place outside reads the nearest item.

    Args:
        values: ``[..., items]``; of no items, all read 0.
        place: A number, or whole numbers that broadcast with ``values`` without its last axis.
    """
    items = values.shape[-1]
    position = torch.as_tensor(place, device=values.device).long()
    shape: torch.Size = torch.broadcast_shapes(  # type: ignore[no-untyped-call]
        values.shape[:-1], position.shape
    )
    if items == 0:
        return values.new_zeros(shape)
    picked = position.clamp(0, items - 1).expand(shape).unsqueeze(-1)
    return values.expand(*shape, items).gather(-1, picked).squeeze(-1)


def running_sum(
    values: Tensor, where: Tensor | None = None, backward: bool = False, strict: bool = False
) -> Tensor:
    """Sums of the last axis up to each place, or from each place on.

    Args:
        values: ``[..., items]``; conditions are counted.
        where: Broadcasts with ``values``; what it leaves out adds nothing.
        backward: From each place to the end, rather than from the start to each place.
        strict: Without the item at the place itself.
    """
    if where is not None:
        values = torch.where(where, values, 0)
    if backward:
        values = values.flip(-1)
    total = values.cumsum(-1)
    if strict:
        total = moved_on(total, 0)
    return total.flip(-1) if backward else total


def moved_on(values: Tensor, first: float) -> Tensor:
    """``values`` one place later along the last axis, which then begins with ``first``."""
    return torch.cat([values.new_full((*values.shape[:-1], 1), first), values], -1)[..., :-1]


def running_at(
    running: Tensor, place: Tensor | int, nothing: float, backward: bool = False
) -> Tensor:
    """A running value at computed 0-based places, which may lie outside.

    Args:
        running: ``[..., items]``, from one of the functions above, not ``strict``.
        place: A number, or whole numbers that broadcast with ``running`` without its last axis.
        nothing: The value where no item is on this side of the place.
        backward: As in ``running``.
    """
    items = running.shape[-1]
    position = torch.as_tensor(place, device=running.device)
    if items == 0:
        shape: torch.Size = torch.broadcast_shapes(  # type: ignore[no-untyped-call]
            running.shape[:-1], position.shape
        )
        return (running.sum(-1) + nothing).expand(shape)
    inside = position < items if backward else position >= 0
    return torch.where(inside, item_at(running, position), nothing)


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


def sorted_in_groups(values: Tensor, numbers: Tensor, where: Tensor | None) -> tuple[Tensor, ...]:
    """Items by group, then by descending value, then by position.

    Returns:
        The order; how many selected items stand before each place; the place where its group
        begins; and the place where its run of equal values begins: ``[n]`` each.
    """
    order = values.argsort(descending=True, stable=True)
    order = order.index_select(0, numbers.index_select(0, order).argsort(stable=True))
    ours, keys = numbers.index_select(0, order), values.index_select(0, order)
    chosen = torch.ones_like(ours) if where is None else where.long().index_select(0, order)
    before = chosen.cumsum(0) - chosen
    place = torch.arange(ours.shape[0], device=ours.device)
    new = torch.cat([ours.new_ones(1).bool(), ours[1:] != ours[:-1]])[: ours.shape[0]]
    fresh = new | torch.cat([new[:1], keys[1:] != keys[:-1]])
    start = torch.where(new, place, 0).cummax(0).values if place.numel() else place
    run = torch.where(fresh, place, 0).cummax(0).values if place.numel() else place
    return order, before, start, run


def ahead_in_group(values: Tensor, numbers: Tensor, where: Tensor | None = None) -> Tensor:
    """For each item how many selected ones of its group are larger, or equal and earlier."""
    order, before, start, _ = sorted_in_groups(values, numbers, where)
    counts = before - before.index_select(0, start)
    return torch.empty_like(counts).scatter(0, order, counts)


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


def straight_through_step(margin: Tensor, temperature: Tensor | float) -> tuple[Tensor, Tensor]:
    """The bit itself, with the gradient of the logistic function.

    Source: Bengio, Leonard, Courville 2013, for the estimator as such.
    The arguments and the result are those of :func:`sigmoid_step`; the tail is 0.
    """
    _, slope = sigmoid_step(margin, temperature)
    return torch.zeros_like(slope), slope


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


def read_between(table: Tensor, place: Tensor, low: int) -> Tensor:
    """A table at places between its entries: the line through the two nearest ones.

    Args:
        table: ``[entries]``, for the places ``low``, ``low + 1``, ...
        place: Any shape; places outside read the first, or the last, entry.
        low: The place of the first entry.
    """
    if table.shape[0] == 0:
        return torch.zeros_like(place)
    inside = (place - low).clamp(0, table.shape[0] - 1)
    below = inside.detach().floor().long()
    above = (below + 1).clamp_max(table.shape[0] - 1)
    first = table[below]
    return first + (inside - below) * (table[above] - first)


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


class WrittenPairs(NamedTuple):
    """The items of pairs, those that are kept as far as that can be told, one row a left item.

    Args:
        pairs: Where they come from.
        left_at: ``[K]``, flat positions of the left items; ``None``: all, in order.
        right_at: ``[R]``, those of the right ones where there are no batch axes; ``None``: all.
    """

    pairs: Pairs
    left_at: Tensor | None
    right_at: Tensor | None

    @property
    def size(self) -> int:
        """How many pairs that makes."""
        rows = self.pairs.left.numel() if self.left_at is None else self.left_at.shape[0]
        columns = self.pairs.right.shape[-1] if self.right_at is None else self.right_at.shape[0]
        return rows * columns


def kept_pairs(pairs: Pairs) -> WrittenPairs:
    """Leaves out items that are not kept; not where their number cannot be read in time."""
    if torch.compiler.is_compiling() or pairs.left.device.type != "cpu":
        return WrittenPairs(pairs, None, None)
    left_at = pairs.left_kept.reshape(-1).nonzero().squeeze(-1)
    right_at = pairs.right_kept.nonzero().squeeze(-1) if pairs.right.ndim == 1 else None
    return WrittenPairs(pairs, left_at, right_at)


def bits_of_slice(
    written: WrittenPairs, relaxed: RelaxedPairs, nothing: float, rows: slice = slice(None)
) -> Tensor:
    """Relaxed binaries of some left items with all right ones of theirs: ``[K, R]``.

    Args:
        written: The pairs.
        relaxed: How they are relaxed.
        nothing: What stands where there is no comparison.
        rows: Which of the left items.
    """
    pairs = written.pairs
    left = pairs.left.reshape(-1)
    at = written.left_at
    at = torch.arange(left.shape[0], device=left.device) if at is None else at
    at = at[rows]
    batch = None if pairs.left.ndim == 1 else at // pairs.left.shape[-1]

    def of_right(values: Tensor) -> Tensor:
        """``[R]``, or ``[K, R]`` with batch axes."""
        if batch is not None:
            return values.flatten(0, -2).index_select(0, batch)
        return values if written.right_at is None else values.index_select(0, written.right_at)

    comparisons = left.index_select(0, at).unsqueeze(-1) - of_right(pairs.right)
    tail, slope = relaxed.relax(comparisons.detach().abs(), relaxed.temperature)
    bits = relaxed_bits(comparisons.detach() > 0, comparisons, tail, slope)
    there: list[Tensor] = []
    if written.left_at is None:
        there.append(pairs.left_kept.reshape(-1).index_select(0, at).unsqueeze(-1))
    if written.right_at is None:
        there.append(of_right(pairs.right_kept))
    if pairs.left_group is not None and pairs.right_group is not None:
        ours = pairs.left_group.reshape(-1).index_select(0, at).unsqueeze(-1)
        there.append(ours == of_right(pairs.right_group))
    if pairs.same:
        items = torch.arange(pairs.right.shape[-1], device=left.device)
        theirs = items if written.right_at is None else written.right_at
        there.append(at.unsqueeze(-1) % pairs.left.shape[-1] != theirs)
    for condition in there:
        bits = torch.where(condition, bits, nothing)
    return bits


def counts_of_slice(
    written: WrittenPairs, relaxed: RelaxedPairs, to_left: bool, rows: slice = slice(None)
) -> Tensor:
    """What some left items add to the counts: in the flat shape of the left, or right, items."""
    bits = bits_of_slice(written, relaxed, 0.0, rows)
    pairs, at = written.pairs, written.left_at
    if to_left:
        counts = bits.sum(-1)
        if at is None and rows == slice(None):
            return counts
        at = torch.arange(pairs.left.numel(), device=bits.device) if at is None else at
        return bits.new_zeros(pairs.left.numel()).index_add(0, at[rows], counts)
    if pairs.right.ndim == 1:
        counts = bits.sum(0)
        if written.right_at is None:
            return counts
        return bits.new_zeros(pairs.right.numel()).index_add(0, written.right_at, counts)
    at = torch.arange(pairs.left.numel(), device=bits.device) if at is None else at
    counts = bits.new_zeros(pairs.right.flatten(0, -2).shape)
    return counts.index_add(0, at[rows] // pairs.left.shape[-1], bits).reshape(-1)


class WrittenCounts(torch.autograd.Function):
    """Relaxed counts of few pairs of kept items, in as few operations as there can be."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx,
        left: Tensor,
        right: Tensor,
        written: WrittenPairs,
        relaxed: RelaxedPairs,
        to_left: bool,
    ) -> Tensor:
        """Counts in the shape of one side."""
        pairs, ours, theirs = written
        assert ours is not None and theirs is not None
        comparisons = left.index_select(0, ours).unsqueeze(-1) - right.index_select(0, theirs)
        bits, slope = relaxed.relax(comparisons.abs(), relaxed.temperature)
        bits = torch.where(comparisons > 0, 1 - bits, bits)
        if pairs.left_group is not None and pairs.right_group is not None:
            groups = pairs.left_group.index_select(0, ours).unsqueeze(-1)
            together = groups == pairs.right_group.index_select(0, theirs)
            bits, slope = bits * together, slope * together
        if pairs.same:
            apart = ours.unsqueeze(-1) != theirs
            bits, slope = bits * apart, slope * apart
        ctx.save_for_backward(ours, theirs, slope)
        ctx.to_left = to_left  # type: ignore[attr-defined]
        ctx.sizes = left.shape[0], right.shape[0]  # type: ignore[attr-defined]
        at, size = (ours, left.shape[0]) if to_left else (theirs, right.shape[0])
        return bits.new_zeros(size).index_copy_(0, at, bits.sum(-1 if to_left else 0))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(
        ctx: torch.autograd.function.FunctionCtx, grad: Tensor
    ) -> tuple[Tensor | None, ...]:
        """By the scores of the left and the right items."""
        ours, theirs, slope = ctx.saved_tensors  # type: ignore[attr-defined]
        own = grad.index_select(0, ours if ctx.to_left else theirs)  # type: ignore[attr-defined]
        pulled = slope * (own.unsqueeze(-1) if ctx.to_left else own)  # type: ignore[attr-defined]
        by_left, by_right = (grad.new_zeros(size) for size in ctx.sizes)  # type: ignore[attr-defined]
        by_left.index_copy_(0, ours, pulled.sum(-1))
        by_right.index_copy_(0, theirs, -pulled.sum(0))
        return by_left, by_right, None, None, None


def sliced_counts(written: WrittenPairs, relaxed: RelaxedPairs, to_left: bool) -> Tensor:
    """Counts by slices of the left items, which are written out again on the way back."""
    rows = written.pairs.left.numel() if written.left_at is None else written.left_at.shape[0]
    at_once = max(1, 2**22 * rows // max(written.size, 1))

    def part(left: Tensor, right: Tensor, start: int) -> Tensor:
        pairs = written.pairs._replace(left=left, right=right)
        here = written._replace(pairs=pairs)
        return counts_of_slice(here, relaxed, to_left, slice(start, start + at_once))

    total: Tensor | None = None
    for start in range(0, rows, at_once):
        counts: Tensor = checkpoint(
            part, written.pairs.left, written.pairs.right, start, use_reentrant=False
        )
        total = counts if total is None else total + counts
    assert total is not None
    return total


def most_pairs_written_out() -> int:
    """Up to how many pairs writing them out is faster than sorting; see benchmarks/crossover.py."""
    return 2**17


def pair_counts(family: PairFamily, relaxed: RelaxedPairs, against: bool = False) -> Tensor:
    """How many comparisons of each row are won: ``[*shape]``, no whole numbers.

    Args:
        family: The comparisons.
        relaxed: How they are relaxed.
        against: Count for the items on the other side instead.
    """
    counts: Tensor
    pairs = squashed_pairs(family.pairs, relaxed.squash)
    to_left = family.rows == "total" or (family.rows == "left") != against
    written = kept_pairs(pairs)
    if written.size <= most_pairs_written_out():
        if written.left_at is None or written.right_at is None:
            counts = counts_of_slice(written, relaxed, to_left)
        else:
            counts = WrittenCounts.apply(  # type: ignore[no-untyped-call]
                pairs.left, pairs.right, written, relaxed, to_left
            )
    elif relaxed.powers is not None:
        counts = summed_counts(pairs, relaxed, to_left)
    else:
        counts = sliced_counts(written, relaxed, to_left)
    return counts.sum() if family.rows == "total" else counts.reshape(family.shape)


def summed_counts(pairs: Pairs, relaxed: RelaxedPairs, to_left: bool) -> Tensor:
    """Counts as sums of exponentials after one sort, flat; so are their derivatives."""
    order = order_pairs(pairs)
    tensors = [value for side in order for value in side if isinstance(value, Tensor)]
    left, right = pairs.left, pairs.right
    if torch.compiler.is_compiling() and right is left:
        right = right.clone()  # the tracer takes no tensor twice
    counts: Tensor = SummedCounts.apply(  # type: ignore[no-untyped-call]
        left, right, order, relaxed, to_left, *tensors
    )
    return counts.reshape(-1)


def padded_powers(relaxed: RelaxedPairs, names: tuple[str, ...], like: Tensor) -> Tensor:
    """Coefficients of several functions of a step: ``[names, K]``.

    They are float64, since they alternate, and float32 would lose digits.
    """
    assert relaxed.powers is not None
    found = [relaxed.powers(name, like.dtype == torch.float64) for name in names]
    longest = max(len(one) for one in found)
    rows = [[*one, *([0.0] * (longest - len(one)))] for one in found]
    return torch.tensor(rows, dtype=torch.float64, device=like.device)


class SummedCounts(torch.autograd.Function):
    """Relaxed counts of the left (or right) items of sorted pairs."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx,
        left: Tensor,
        right: Tensor,
        order: PairOrder,
        relaxed: RelaxedPairs,
        to_left: bool,
        *tensors: Tensor,
    ) -> Tensor:
        """Counts in the shape of one side; ``tensors`` are those of ``order``."""
        ctx.order, ctx.relaxed, ctx.to_left = order, relaxed, to_left  # type: ignore[attr-defined]
        tail, slope = padded_powers(relaxed, ("tail", "slope"), left)
        slope = slope / relaxed.temperature
        if relaxed.relax is straight_through_step:
            tail = torch.zeros_like(tail)
        one_none = torch.eye(2, dtype=torch.float64, device=left.device)[0]
        kernel = Kernel(
            won_constant=one_none,
            won=torch.stack([-tail, slope]),
            lost_constant=torch.zeros_like(one_none),
            lost=torch.stack([tail, slope]),
        )
        sums = pair_sums_right if to_left else pair_sums_left
        both = sums(order, kernel, relaxed.temperature)
        ctx.save_for_backward(both[1])
        return both[0]

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(
        ctx: torch.autograd.function.FunctionCtx, grad: Tensor
    ) -> tuple[Tensor | None, ...]:
        """By the scores of the left and the right items."""
        order, relaxed = ctx.order, ctx.relaxed  # type: ignore[attr-defined]
        slope = padded_powers(relaxed, ("slope",), grad) / relaxed.temperature
        none = slope.new_zeros(1)
        kernel = Kernel(none, slope, none, slope)
        (slopes,) = ctx.saved_tensors  # type: ignore[attr-defined]
        if ctx.to_left:  # type: ignore[attr-defined]
            by_left = grad * slopes
            by_right = -pair_sums_left(order, kernel, relaxed.temperature, grad).squeeze(0)
        else:
            by_left = pair_sums_right(order, kernel, relaxed.temperature, grad).squeeze(0)
            by_right = -grad * slopes
        rest = len(ctx.needs_input_grad) - 2  # type: ignore[attr-defined]
        return by_left, by_right, *([None] * rest)


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
