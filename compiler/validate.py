"""Translation validation: the metric as written against the metric by way of binaries, on data."""

from __future__ import annotations

import math
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from lossc.compiler.batches import Batch, batches
from lossc.compiler.challengers import challenge
from lossc.compiler.plan import Plan
from lossc.grammar.errors import Diagnostic, SpecError

QUICK = 56  # what every compile tries: each kind of batch eight times
PLACES = 2**20  # of all comparisons of a quick check; after that, no more batches are tried
TOLERANCE = 1e-9  # float64; what differs only in the order of additions agrees to far less


@dataclass
class Report:
    """What a check found.

    Args:
        spec: The spec's name.
        form: ``row-count``, ``dense`` or ``differentiable``.
        batches: How many were tried.
        kinds: How many of each kind.
        comparisons: The most comparisons that one batch had.
        configurations: How many were sampled against the best one.
        tied: Comparisons that the ideal scores leave equal, where the spec has ideal scores.
        ties_matter: Whether the metric was another where these went the way of other scores.
        examples: Of the spec, whose values were found as they should be.
        seconds: Time taken.
        warnings: What deserves a look though it is not wrong.
    """

    spec: str
    form: str
    batches: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    comparisons: int = 0
    configurations: int = 0
    tied: int = 0
    ties_matter: bool = False
    examples: int = 0
    seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)

    @property
    def free_ties(self) -> bool:
        """Whether equal ideal scores may stand in any order, as far as was seen."""
        return self.tied > 0 and not self.ties_matter

    @property
    def ok(self) -> bool:
        """A report exists only where nothing disagreed."""
        return True

    def as_dict(self) -> dict[str, object]:
        """For ``--json``."""
        return {**self.__dict__, "kinds": dict(self.kinds), "ok": self.ok}

    def __str__(self) -> str:
        kinds = ", ".join(f"{number} {kind}" for kind, number in self.kinds.items())
        return (
            f"{self.spec}: reference = refactored on {self.batches} batches ({kinds}); "
            f"up to {self.comparisons} comparisons; {self.form} form; "
            + (
                f"{self.configurations} configurations, none beats the best; "
                if self.configurations
                else ""
            )
            + (f"{self.examples} examples; " if self.examples else "")
            + f"{self.seconds:.2f} s"
        )


def validate_refactoring(
    plan: Plan, loss: Any, count: int, seed: int = 0, patient: bool = True
) -> Report:
    """Tries ``count`` batches.

    Args:
        plan: The plan that the loss was emitted from.
        loss: The generated module; its checks are off here, since undefined values are compared
            as well.
        count: How many batches.
        seed: Of the batches.
        patient: Go on after the first failure, to show the smallest.

    Raises:
        SpecError: A disagreement (L034), with the smallest failing batch; or a sampled
            configuration that is better than the best one (L035).
    """
    spec = plan.graph.spec
    report = Report(spec.name.id, plan.form if plan.is_metric else "differentiable")
    started = time.perf_counter()
    if not plan.is_metric:
        _check_expression(plan, loss, count, seed, report)
        report.seconds = time.perf_counter() - started
        return report
    failures: list[tuple[Batch, Tensor, Tensor]] = []
    beaten: list[tuple[Batch, float, float]] = []
    undefined: list[Batch] = []  # where the best one has no value, and others have
    was = loss.validate
    loss.validate = False
    try:
        budget = PLACES * count / QUICK
        for batch in batches(spec, dict(plan.graph.params), count, seed):
            places = places_of(plan, batch)
            budget -= places
            if budget < 0 and report.batches:  # fixed dims make every batch a large one
                break
            exact = loss.metric(*batch.inputs.values())
            refactored = loss.refactored(*batch.inputs.values())
            if not torch.allclose(
                exact, refactored, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True
            ):
                failures.append((batch, exact, refactored))
            report.batches += 1
            report.kinds[batch.kind] += 1
            comparisons = loss.comparisons(*batch.inputs.values()).shape[0]
            report.comparisons = max(report.comparisons, comparisons)
            if not plan.needs_best:
                if not patient and failures:
                    break
                continue
            found = challenge(plan, loss, batch, comparisons, TOLERANCE)
            report.configurations += found.tried
            report.tied += found.tied
            report.ties_matter |= found.ties_matter
            if found.better is not None:
                beaten.append((batch, *found.better))
            undefined += [batch] if found.undefined else []
            if not patient and (failures or beaten):
                break
    finally:
        loss.validate = was
    if len(undefined) > report.batches // 2:  # not for want of items in one batch or another
        smallest = min(undefined, key=lambda batch: batch.size)
        beaten.append((smallest, math.nan, math.nan))
    if failures:
        raise SpecError(_disagreement(plan, min(failures, key=lambda f: f[0].size)))
    if beaten:
        raise SpecError(_beaten(plan, min(beaten, key=lambda b: b[0].size)))
    report.seconds = time.perf_counter() - started
    return report


def places_of(plan: Plan, batch: Batch) -> int:
    """How many comparisons the families of a batch have at most."""
    sizes: dict[str, int] = {}
    for entry in plan.graph.spec.inputs:
        for dim, size in zip(entry.kind.dims, batch.inputs[entry.name.id].shape, strict=True):
            if isinstance(dim.size, str):
                sizes[dim.size] = size
    total = 0
    for row in plan.families:
        places = 1
        for axis in row.axes:
            extent = axis.extent
            length = sizes[extent.size] if isinstance(extent.size, str) else extent.size
            places *= length + extent.extra
        total += places
    return total


def _check_expression(plan: Plan, loss: Any, count: int, seed: int, report: Report) -> None:
    """A differentiable loss: where it is finite, its gradient must be finite as well."""
    was = loss.validate
    loss.validate = False
    live = [entry.name.id for entry in plan.graph.spec.inputs if entry.kind.live]
    try:
        for batch in batches(plan.graph.spec, dict(plan.graph.params), count, seed):
            inputs = {k: v.requires_grad_() if k in live else v for k, v in batch.inputs.items()}
            value = loss(*inputs.values())
            report.batches += 1
            report.kinds[batch.kind] += 1
            if not value.isfinite():
                continue
            gradients = torch.autograd.grad(value, [inputs[k] for k in live], allow_unused=True)
            if any(g is not None and not g.isfinite().all() for g in gradients):
                report.warnings.append(f"a gradient is not finite on a {batch.kind} batch")
    finally:
        loss.validate = was
    report.warnings = sorted(set(report.warnings))


def _disagreement(plan: Plan, failure: tuple[Batch, Tensor, Tensor]) -> Diagnostic:
    batch, exact, refactored = failure
    return Diagnostic(
        plan.graph.root.span,
        "refactoring-differs",
        f"the metric is {exact.item():.10g}, by way of binaries {refactored.item():.10g}, "
        f"on this {batch.kind} batch:\n{shown_batch(batch)}",
    )


def _beaten(plan: Plan, failure: tuple[Batch, float, float]) -> Diagnostic:
    batch, better, best = failure
    where = plan.graph.spec.goal.span
    if math.isnan(best):
        return Diagnostic(
            where,
            "best-beaten",
            "the configuration taken as best is undefined on most batches, and others are not; "
            f"for example on this {batch.kind} batch:\n{shown_batch(batch)}",
            hint="say with `else` what the metric is then, or with `truth` where it is best",
        )
    return Diagnostic(
        where,
        "best-beaten",
        f"a configuration gives {better:.6g} and the one taken as best {best:.6g}, "
        f"on this {batch.kind} batch:\n{shown_batch(batch)}",
        hint="the `truth` statement must give scores for which the metric is best",
    )


def shown_batch(batch: Batch) -> str:
    """A batch as the messages show it, indented and cut."""
    lines = (f"    {line}" for line in str(batch).split("\n"))
    return "\n".join(line if len(line) <= 1_000 else f"{line[:1_000]} ..." for line in lines)
