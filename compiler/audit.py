"""The gradient audit: whether a surrogate's gradient improves the metric on realistic scores."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from lossc.compiler.audit_rows import Auditor, Row
from lossc.compiler.realistic import Drawer
from lossc.compiler.remedies import Remedy, remedies
from lossc.grammar.error_codes import RULES

if TYPE_CHECKING:
    from lossc.compiler.compile import CompiledLoss

SIZES, MAP_SIZES = (16, 64, 256), (1, 4, 16)  # items of a batch, and maps
SCALES = (0.0, 0.01, 1.0, 100.0)  # standard deviations of the scores; 0: all are equal
BATCHES, PLACES = 16, 2**17  # of each size, and comparisons of one at most
QUICK_BATCHES, QUICK_PLACES = 4, 2**14
START_SCALES, START_BATCHES = (0.0, 0.01), 3  # where training starts: of the middle size

DEAD = 0.05  # share of batches without any gradient
FLAT = 1e-6  # of the reach of the metric: a step by which the loss falls less than this
SPARSE = 0.9  # share of a gradient's entries that are zero
FEW = 3  # with fewer batches than this, nothing is concluded about the direction
LOOSE = 0.5  # of the reach of the metric: a distance between surrogate and metric


@dataclass(frozen=True)
class Finding:
    """A warning about a surrogate.

    Args:
        code: ``L0xx``, which ``lossc explain`` documents.
        rule: Its name.
        title: What the code stands for.
        message: What was measured, and where.
        suggestion: What to set instead.
    """

    code: str
    rule: str
    title: str
    message: str
    suggestion: str

    def __str__(self) -> str:
        return f"warning {self.code} [{self.rule}]: {self.message}\n  hint: {self.suggestion}"


@dataclass(frozen=True)
class Audit:
    """The audit of one surrogate.

    Args:
        spec: The spec's name.
        surrogate: Its step and interpolation with their options; ``none`` for a loss.
        dims: The size of every dim, by the size of the batch.
        rows: One a batch size and scale.
        remedies: By rule, a setting that was measured in the same places and does better.
        seconds: Time taken.
    """

    spec: str
    surrogate: str
    dims: Mapping[int, Mapping[str, int]]
    rows: tuple[Row, ...]
    remedies: Mapping[str, Remedy] = field(default_factory=dict)
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``, with the warnings."""
        return {**asdict(self), "warnings": [asdict(finding) for finding in warnings(self)]}


def audit(
    compiled: CompiledLoss,
    sizes: Sequence[int] | None = None,
    scales: Sequence[float] = SCALES,
    batches: int = BATCHES,
    limit: int = PLACES,
    seed: int = 0,
    search: bool = True,
) -> Audit:
    """Audits the gradient of a surrogate.

    Args:
        compiled: The spec with its surrogate.
        sizes: Of the batches; by default 16, 64 and 256, or 1, 4 and 16 maps.
        scales: Standard deviations of the scores; 0: all are equal.
        batches: How many of each size.
        limit: How many comparisons a batch has at most; larger ones are made smaller.
        seed: Of all that is drawn.
        search: Whether to measure other settings where something is wrong with this one.
    """
    started = time.perf_counter()
    drawer = Drawer(compiled.plan, limit)
    wanted = sizes or (MAP_SIZES if drawer.maps else SIZES)
    with one_thread():
        auditor = Auditor(compiled, drawer, wanted, batches, seed)
        rows = tuple(auditor.row(size, scale) for size in auditor.dims for scale in scales)
        better = remedies(auditor, flagged(rows), FAULTS) if search else {}
    surrogate = str(compiled.surrogate or "none").removesuffix(" ()")
    seconds = time.perf_counter() - started
    return Audit(compiled.spec.name.id, surrogate, auditor.dims, rows, better, seconds)


@contextmanager
def one_thread() -> Iterator[None]:
    """Many small operations take longer on several threads, ten times so on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def quick_audit(compiled: CompiledLoss, seed: int = 0) -> Audit:
    """An audit of few and small batches, without a search for other settings."""
    return audit(compiled, batches=QUICK_BATCHES, limit=QUICK_PLACES, seed=seed, search=False)


def dead_start(compiled: CompiledLoss, seed: int = 0) -> Finding | None:
    """A warning if scores as training starts with, near one another, have no gradient at all.

    It takes some hundredths of a second, so that every compile can ask; where there is something to
    warn of, other settings are measured, and that takes longer.
    """
    if not compiled.plan.is_metric:
        return None
    size = (MAP_SIZES if Drawer(compiled.plan, PLACES).maps else SIZES)[1]
    for search in (False, True):
        found = audit(compiled, (size,), START_SCALES, START_BATCHES, seed=seed, search=search)
        rows = [row for row in found.rows if row.improvable]
        if not rows or not all(map(is_dead, rows)):
            return None
    return next(each for each in warnings(found) if each.rule == "dead-gradient")


def is_dead(row: Row) -> bool:
    """Some batches have no gradient at all, or most of them next to none."""
    return row.improvable > 0 and (row.dead > DEAD or row.slope < FLAT * row.reach)


def is_sparse(row: Row) -> bool:
    """Nearly all scores are left without a gradient."""
    return row.zero > SPARSE and not is_dead(row)


def is_nonfinite(row: Row) -> bool:
    """Some gradient or value is not finite."""
    return row.nonfinite > 0


def is_no_help(row: Row) -> bool:
    """Where there is a gradient, steps against it worsen the metric more often, or do nothing."""
    alive = row.improvable * (1 - row.dead)
    if row.improvable < FEW or not alive:
        return False
    margin = 0.5 / math.sqrt(row.improvable)  # by chance alone, few batches differ by so much
    return row.helped * row.improvable < 0.5 * alive or row.worsened - row.improved > margin


def is_loose(row: Row) -> bool:
    """The surrogate is farther from the metric than half of what the metric can move."""
    return 0 < LOOSE * row.reach < row.gap


FAULTS: Mapping[str, Callable[[Row], bool]] = {
    "dead-gradient": is_dead,
    "sparse-gradient": is_sparse,
    "non-finite-gradient": is_nonfinite,
    "gradient-does-not-help": is_no_help,
    "loose-surrogate": is_loose,
}


def flagged(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows that each rule has something to say about."""
    found = {rule: [row for row in rows if wrong(row)] for rule, wrong in FAULTS.items()}
    return {rule: those for rule, those in found.items() if those}


def warnings(audit: Audit) -> list[Finding]:
    """What deserves a look, in the order of the codes."""
    found = []
    for rule, rows in flagged(audit.rows).items():
        remedy = audit.remedies.get(rule)
        suggestion = f"try {remedy.setting}: {remedy.effect}" if remedy else USUAL[rule]
        message = f"{_MESSAGES[rule](rows)} {_places(rows)}"
        code, title = RULES[rule].code, RULES[rule].title
        found.append(Finding(code, rule, title, message, suggestion))
    return found


def _dead(rows: Sequence[Row]) -> str:
    worst = max(row.dead for row in rows)
    if worst > DEAD:
        return f"the gradient is zero on up to {worst:.0%} of the batches that could be better,"
    least = min(row.slope for row in rows)
    return f"the gradient is too small to move anything (the loss falls by {least:.0e} in a step)"


def _no_help(rows: Sequence[Row]) -> str:
    worst = max(rows, key=lambda row: row.worsened - row.improved)
    return (
        f"steps against the gradient improve the metric in {worst.improved:.0%}"
        f" and worsen it in {worst.worsened:.0%} of cases"
        f" (some step improves {worst.helped:.0%} of the batches)"
    )


def _loose(rows: Sequence[Row]) -> str:
    worst = max(rows, key=lambda row: row.gap / row.reach)
    return (
        f"surrogate and metric differ by {worst.gap:.3g}, and the metric moves by {worst.reach:.3g}"
    )


_MESSAGES: Mapping[str, Callable[[Sequence[Row]], str]] = {
    "dead-gradient": _dead,
    "sparse-gradient": lambda rows: (
        f"up to {max(row.zero for row in rows):.0%} of the gradient's entries are zero"
    ),
    "non-finite-gradient": lambda rows: (
        f"up to {max(row.nonfinite for row in rows):.0%} of the gradient's entries are not finite"
    ),
    "gradient-does-not-help": _no_help,
    "loose-surrogate": _loose,
}

#: What to try where nothing was measured.
USUAL: Mapping[str, str] = {
    "dead-gradient": "another temperature (`auto` follows the scores), t-norm or interpolation",
    "sparse-gradient": "a higher temperature (`auto` follows the scores), or the t-norm product",
    "non-finite-gradient": "squash = sigmoid, or another interpolation",
    "gradient-does-not-help": "a temperature near the scale of the scores (`auto` follows it)",
    "loose-surrogate": "another interpolation, or a temperature near the scale of the scores",
}


def _places(rows: Sequence[Row]) -> str:
    """``at scores of scale 100 (batches of 16, 64 and 256)``."""
    sizes: dict[float, list[int]] = {}
    for row in rows:
        sizes.setdefault(row.scale, []).append(row.size)
    shown = [
        f"{f'scale {scale:g}' if scale else 'equal scores'} (batches of {_listed(those)})"
        for scale, those in sizes.items()
    ]
    return f"at {'; '.join(shown)}"


def _listed(numbers: Sequence[int]) -> str:
    *first, last = (str(number) for number in numbers)
    return f"{', '.join(first)} and {last}" if first else last
