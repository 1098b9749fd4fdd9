"""Relaxed binaries in the metric itself; for average precision this is Smooth-AP."""

from __future__ import annotations

from lossc.compiler.emit.interpolations.common import Forward, Parts
from lossc.compiler.emit.text import indented
from lossc.compiler.relaxed.norms import NORMS


def forward(parts: Parts) -> Forward:
    """The metric of relaxed counts, by one t-norm."""
    norm = NORMS[str(parts.surrogate.options["tnorm"])]
    step = parts.surrogate.relaxation
    method = parts.methods.relaxed_metric(norm, step.function, parts.surrogate.follows_scores)
    if not parts.methods.paired:
        relax = f"relaxed_family(family, {step.function}, {parts.temperature}, self.squash)"
        body = [
            parts.families,
            *parts.limiting(),
            *parts.warming,
            *parts.each_family("relaxed", relax),
            *parts.relaxed_value(),
        ]
        return Forward(body, [method])
    names = parts.signature.arguments
    options = f"{step.function}, {step.powers or None}, {parts.temperature}, self.squash"
    each = []
    for number, pairs in enumerate(parts.plan.pairs):
        if pairs is not None:
            each.append(f"RelaxedPairs({options}),")
        else:
            family = f"families[{number}], {step.function}, {parts.temperature}, self.squash"
            each.append(f"relaxed_family({family}),")
    listed = ["relaxed = (", *indented(each, 4), ")"]
    if len(each) == 1 and len(each[0]) <= 79:
        listed = [f"relaxed = ({each[0]})"]
    body = [f"families = self.pairs({names})", *parts.limiting(), *parts.warming, *listed]
    return Forward([*body, *parts.relaxed_value()], [method, parts.methods.pairs()])
