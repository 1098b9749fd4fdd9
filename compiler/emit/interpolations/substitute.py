"""Relaxed binaries in the metric itself; for average precision this is Smooth-AP."""

from __future__ import annotations

from lossc.compiler.emit.interpolations.common import Forward, Parts
from lossc.compiler.relaxed.norms import NORMS


def forward(parts: Parts) -> Forward:
    """The metric of relaxed counts, by one t-norm."""
    norm = NORMS[str(parts.surrogate.options["tnorm"])]
    step = parts.surrogate.relaxation.function
    relax = f"relaxed_family(family, {step}, self.temperature, self.squash)"
    body = [parts.families, *parts.each_family("relaxed", relax), *parts.relaxed_value()]
    return Forward(body, [parts.methods.relaxed_metric(norm, step)])
