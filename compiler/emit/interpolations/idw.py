"""Inverse distance weighting between sampled configurations (UniLoss, eq. 10)."""

from __future__ import annotations

from lossc.compiler.emit.interpolations.common import Forward, Parts


def forward(parts: Parts) -> Forward:
    """Anchors are drawn around the current, the best and random configurations."""
    plan, surrogate, names = parts.plan, parts.surrogate, parts.signature.arguments
    ideal = f"self.best({names}, families)" if plan.uses_truth else "None"
    best = ["best=best"] if surrogate.samples_best or plan.uses_truth else []
    if plan.uses_truth and not surrogate.samples_best:
        best = [f"best={ideal}"]
    drawn = []
    if surrogate.samples_best:
        free = f"self.tied({names})" if plan.uses_truth else "None"
        drawn = [f"ideal, free = {ideal}, {free}"]
        drawn += ["best = draw_best(families, metric, ideal, free, self.seed, step)"]
    step = surrogate.relaxation.function
    call = parts.call("interpolate_idw", "families", "metric", step, "self.seed", "step", *best)
    return Forward([parts.families, *parts.step, *parts.metric, *drawn, *call], random=True)
