"""The docstring of a generated class."""

from __future__ import annotations

from lossc.compiler.emit.scheduled import schedule_doc
from lossc.compiler.emit.signature import Signature
from lossc.compiler.emit.text import WIDTH, docstring, folded, wrapped
from lossc.compiler.front.params import show_range
from lossc.compiler.plan import Plan
from lossc.compiler.schedules import SchedulePlan
from lossc.compiler.surrogate import SurrogatePlan
from lossc.grammar import syntax as sx


def class_doc(
    plan: Plan,
    surrogate: SurrogatePlan | None,
    signature: Signature,
    schedules: SchedulePlan | None = None,
) -> str:
    """What the loss is, what changes with the epoch, and what its inputs are."""
    spec = plan.graph.spec
    lines = [*_summary(spec), ""]
    if surrogate is not None:
        sign = (
            "minus the interpolated metric"
            if plan.graph.goal == "evaluate"
            else "the interpolated metric"
        )
        lines += [f"The loss is {sign}; ``metric`` is the metric itself.", ""]
    lines += schedule_doc(schedules, WIDTH - 4)
    lines.append("Inputs:")
    for entry in spec.inputs:
        dims = ", ".join(str(d.size) for d in entry.kind.dims)
        kind = {"real": "scores" if entry.kind.live else "real", "int": "int", "bool": "bool"}[
            entry.kind.type
        ]
        below = f" below {entry.kind.below.size}" if entry.kind.below else ""
        if entry.kind.range is not None:
            below = f" in {show_range(entry.kind.range)}"
        lines.append(f"    {signature.inputs[entry.name.id]}: ``[{dims}]``, {kind}{below}.")
    return "\n".join(piece for line in lines for piece in folded(line, WIDTH - 4))


def _summary(spec: sx.Spec) -> list[str]:
    """The first sentence of the spec's ``doc``, or all of it below a stock line if that is long."""
    own = f"The loss of the spec ``{spec.name.id}``."
    if not spec.doc:
        return [own]
    said = " ".join(spec.doc.split())
    first = said[: said.index(". ") + 1] if len(said) > 80 and ". " in said else said
    first = first[:1].upper() + first[1:]
    if first.endswith((".", "!", "?")) and len(docstring(first)[0]) <= WIDTH - 4:
        return [first]
    return [own, "", *wrapped(said, WIDTH - 4)]
