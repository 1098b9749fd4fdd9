"""Translation validation: the metric as written against the metric by way of binaries, on data."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from lossc.compiler.batches import Batch, batches
from lossc.compiler.plan import Plan
from lossc.grammar.errors import Diagnostic, SpecError
from lossc.runtime.families import flat_binaries

QUICK = 56  # what every compile tries: each kind of batch eight times
TOLERANCE = 1e-9  # float64; what differs only in the order of additions agrees to far less
CONFIGURATIONS = 24  # sampled on each batch against the best one


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
        seconds: Time taken.
        warnings: What deserves a look though it is not wrong.
    """

    spec: str
    form: str
    batches: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    comparisons: int = 0
    configurations: int = 0
    seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)

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
            f"{self.configurations} configurations, none beats the best; {self.seconds:.2f} s"
        )


def validate_refactoring(plan: Plan, loss: Any, count: int, seed: int = 0) -> Report:
    """Tries ``count`` batches.

    Args:
        plan: The plan that the loss was emitted from.
        loss: The generated module; its checks are off here, since undefined values are compared
            as well.
        count: How many batches.
        seed: Of the batches.

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
    sense = -1 if plan.graph.goal == "minimize" else 1
    was = loss.validate
    loss.validate = False
    try:
        for batch in batches(spec, dict(plan.graph.params), count, seed):
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
            better = _better_than_best(plan, loss, batch, comparisons, sense, report)
            if better is not None:
                beaten.append((batch, *better))
    finally:
        loss.validate = was
    if failures:
        raise SpecError(_disagreement(plan, min(failures, key=lambda f: f[0].size)))
    if beaten:
        raise SpecError(_beaten(plan, min(beaten, key=lambda b: b[0].size)))
    report.seconds = time.perf_counter() - started
    return report


def _better_than_best(
    plan: Plan, loss: Any, batch: Batch, comparisons: int, sense: int, report: Report
) -> tuple[float, float] | None:
    """A sampled configuration's metric and the best one's, where the former is better.

    Half of the samples are the outcomes of random scores; the others are arbitrary bits near the
    best one, which are left out where a pair is stored once: there, a circle may be worth more than
    any order.
    """
    generator = torch.Generator().manual_seed(batch.size)
    best = torch.ones(1, comparisons)
    if plan.uses_truth:
        inputs = loss.prepare(*batch.inputs.values())
        families = loss.families(*inputs)
        stored = torch.cat([family.stored.reshape(-1) for family in families])
        best = loss.best(*inputs, families)[stored].float().unsqueeze(0)
    tried = [best]
    for _ in range(CONFIGURATIONS // 2):
        scores = {
            entry.name.id: torch.randn(batch.inputs[entry.name.id].shape, generator=generator)
            for entry in plan.graph.spec.inputs
            if entry.kind.live
        }
        families = loss.families(*loss.prepare(*{**batch.inputs, **scores}.values()))
        tried.append(flat_binaries(families).float().unsqueeze(0))
    if not any(row.family.mirrored for row in plan.families):
        shape = (CONFIGURATIONS // 2, comparisons)
        random = (torch.rand(shape, generator=generator) < 0.5).float()
        tried.append(torch.where(torch.rand(shape, generator=generator) < 0.8, best, random))
    values = loss.evaluate_binaries(torch.cat(tried), *batch.inputs.values())
    report.configurations += values.shape[0] - 1
    if values[0].isnan():
        return None
    challenger = (sense * values[1:]).nan_to_num(nan=-torch.inf).max()
    if challenger > sense * values[0] + TOLERANCE:
        return float(sense * challenger), float(values[0])
    return None


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
        f"on this {batch.kind} batch:\n{_shown(batch)}",
    )


def _beaten(plan: Plan, failure: tuple[Batch, float, float]) -> Diagnostic:
    batch, better, best = failure
    where = plan.graph.spec.goal.span
    return Diagnostic(
        where,
        "best-beaten",
        f"a configuration gives {better:.6g} and the one taken as best {best:.6g}, "
        f"on this {batch.kind} batch:\n{_shown(batch)}",
        hint="the `truth` statement must give scores for which the metric is best",
    )


def _shown(batch: Batch) -> str:
    return "\n".join("    " + line for line in str(batch).split("\n"))
