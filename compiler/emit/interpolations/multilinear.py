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
        return Forward(
            [parts.families, *parts.limiting(), *parts.warming, *parts.step, *parts.metric, *call],
            random=True,
        )
    relax = f"relaxed_family(family, {step}, {parts.temperature}, self.squash)"
    body = [
        parts.families,
        *parts.limiting(),
        *parts.warming,
        *parts.each_family("bits", relax),
        "both = zip(families, bits, strict=True)",
        "chances = tuple(read_both_ways(family, chance, 0.0) for family, chance in both)",
        f"value = self.expected(chances, {parts.signature.arguments})",
    ]
    return Forward(body, [expected], unused=("samples",))
