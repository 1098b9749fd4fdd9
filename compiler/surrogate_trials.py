"""What a surrogate promises beyond the metric, tried on data before the loss is handed out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, cast

from torch import Tensor

from lossc.compiler.batches import Batch, batches
from lossc.compiler.validate import QUICK, TOLERANCE, shown_batch
from lossc.grammar.errors import Diagnostic, SpecError

if TYPE_CHECKING:
    from lossc.compiler.compile import CompiledLoss


def keeps_its_promises(compiled: CompiledLoss) -> CompiledLoss:
    """The loss, once what its surrogate promises has been tried.

    Raises:
        SpecError: A bound is none (L038), or a metric to take the logarithm of is not between 0
            and 1 (L039); shows the batch.
    """
    surrogate = compiled.surrogate
    if surrogate is None:
        return compiled
    if surrogate.transform == "log":
        for batch, metric in _metrics(compiled):
            if not -TOLERANCE <= metric.item() <= 1 + TOLERANCE:
                raise _broken(compiled, batch, "log-range", f"the metric is {metric.item():.6g}")
    if surrogate.interpolation == "bound":
        loss = compiled.loss(validate=False).eval()  # without what a memory holds
        sense = -1 if compiled.plan.graph.goal == "evaluate" else 1
        for batch, metric in _metrics(compiled):
            value = loss.forward(**batch.inputs)
            if surrogate.transform == "none" and value < sense * metric - TOLERANCE:
                said = f"the metric is {metric.item():.6g}, its bound {sense * value.item():.6g}"
                raise _broken(compiled, batch, "no-relaxation", said)
    return compiled


def _metrics(compiled: CompiledLoss) -> Iterator[tuple[Batch, Tensor]]:
    """Batches, and the metric of each where it has one."""
    metric = cast("Callable[..., Tensor]", compiled.loss(validate=False).metric)
    for batch in batches(compiled.spec, dict(compiled.plan.graph.params), QUICK, 0):
        value = metric(**batch.inputs)
        if value.isfinite():
            yield batch, value


def _broken(compiled: CompiledLoss, batch: Batch, rule: str, said: str) -> SpecError:
    return SpecError(
        Diagnostic(
            compiled.spec.goal.span,
            rule,
            f"{said} on this {batch.kind} batch:\n{shown_batch(batch)}",
        )
    )
