"""The metric's expectation under independent binaries: in closed form, else by sampling."""

from __future__ import annotations

from lossc.compiler.emit.expected import expected_metric
from lossc.compiler.emit.interpolations.common import Forward, Parts


def forward(parts: Parts) -> Forward:
    """Closed where sympy finds the metric to be a polynomial in its binaries."""
    step = parts.surrogate.relaxation.function
    expected = expected_metric(parts.plan)
    if expected is None:
        call = parts.call("expected_by_sampling", "families", "metric", step, "self.seed", "step")
        return Forward([parts.families, *parts.step, *parts.metric, *call], random=True)
    relax = f"relaxed_family(family, {step}, self.temperature, self.squash)"
    body = [
        parts.families,
        *parts.each_family("chances", f"read_both_ways(family, {relax}, 0.0)"),
        f"value = self.expected(chances, {parts.signature.arguments})",
    ]
    return Forward(body, [expected], unused=("samples",))
