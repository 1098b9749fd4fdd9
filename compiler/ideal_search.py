"""Tries a compiled metric on data; where its best is not known, with ideal scores it suggests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from lossc.compiler.ir.graph import Graph
from lossc.compiler.plan import Plan, make_plan
from lossc.compiler.refactor.ideals import suggested_ideals
from lossc.compiler.validate import QUICK
from lossc.grammar.errors import SpecError

if TYPE_CHECKING:
    from lossc.compiler.compile import CompiledLoss


def tried_on_data(
    compiled: CompiledLoss, batches: int = QUICK, patient: bool = True
) -> CompiledLoss:
    """The loss once it has been tried, with what was learned from that.

    Args:
        compiled: What was planned.
        batches: How many to try it on.
        patient: Go on after the first failure, to show the smallest.

    Raises:
        SpecError: A disagreement, or a best configuration that is beaten.
    """
    report = compiled.check(batches, patient=patient)
    if not report.free_ties:
        return compiled
    freed = compiled.replanned(replace(compiled.plan, free_ties=True))
    freed.check(QUICK)
    return freed


def with_suggested_ideal(
    graph: Graph, published: bool, compiled: Callable[[Plan], CompiledLoss], error: SpecError
) -> CompiledLoss:
    """The metric with ideal scores that it suggests itself, where none beat them on data.

    Args:
        graph: The typed graph, without a ``truth``.
        published: Whether configurations that no scores have count as 0.
        compiled: Makes the loss of a plan.
        error: What is wrong if no suggestion will do.

    Raises:
        SpecError: ``error``, with what was tried.
    """
    tried = suggested_ideals(graph)
    for ideal in tried:
        with_truth = replace(graph, truth=ideal.truth)
        plan = make_plan(with_truth, published_consistency=published)
        try:
            made = compiled(replace(plan, ideal=ideal.text))
            return tried_on_data(made, 4 * QUICK, patient=False)
        except SpecError as beaten:
            if all(found.rule == "best-beaten" for found in beaten.diagnostics):
                continue
            raise
    if not tried:
        raise error
    said = "; ".join(ideal.text for ideal in tried)
    raise SpecError(
        [replace(d, hint=f"{d.hint} (not best: {said})") for d in error.diagnostics]
    ) from None
