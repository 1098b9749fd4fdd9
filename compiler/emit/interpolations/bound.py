"""A lower bound of a metric that never falls when a comparison is won: hinges in its place."""

from __future__ import annotations

from lossc.compiler.emit.interpolations.common import Forward, Parts
from lossc.compiler.ir.text import text
from lossc.compiler.relaxed.norms import NORMS
from lossc.grammar.errors import Diagnostic, SpecError


def forward(parts: Parts) -> Forward:
    """The metric of hinges.

    Raises:
        SpecError: The metric is not known to be monotone in its binaries.
    """
    for row in parts.plan.families:
        family = row.family
        if family.direction == 0 or family.mirrored is not None:
            raise SpecError(
                Diagnostic(
                    family.binary.span,
                    "no-relaxation",
                    f"there is no bound: whether winning {text(family.binary)} helps is not known",
                    hint="choose `interpolation idw`, `substitute` or `multilinear`",
                )
            )
    hinges = f"hinge_family(family, {parts.temperature}, self.squash)"
    body = [
        parts.families,
        *parts.limiting(),
        *parts.warming,
        *parts.each_family("relaxed", hinges),
        *parts.relaxed_value(),
    ]
    return Forward(body, [parts.methods.relaxed_metric(NORMS["godel"], "", bound=True)])
