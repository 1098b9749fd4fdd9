"""Noise on the scores and the hard metric: the black-box baseline."""

from __future__ import annotations

from lossc.compiler.emit.interpolations.common import Forward, Parts


def forward(parts: Parts) -> Forward:
    """The mean of the metric over noise; nothing of it is relaxed."""
    signature = parts.signature
    live = [signature.inputs[entry.name.id] for entry in signature.spec.inputs if entry.kind.live]
    comma = "," if len(live) == 1 else ""
    scores = f"({', '.join(live)}{comma})"
    noisy = ", ".join(f"{name}_" for name in live)
    unpacked = f"({noisy},)" if len(live) == 1 else noisy
    outcome = [
        "def outcome(noisy: tuple[Tensor, ...]) -> Tensor:",
        f"    {unpacked} = noisy",
    ]
    names = ", ".join(f"{name}_" if name in live else name for name in signature.inputs.values())
    outcome += [f"    return self.outcome({names})", ""]
    call = parts.call("perturbed_metric", "outcome", scores, "self.seed", "step")
    return Forward([*parts.step, *outcome, *call], [_outcome(parts)], random=True)


def _outcome(parts: Parts) -> list[str]:
    """The metric by way of binaries, of inputs that have been prepared."""
    names = parts.signature.arguments
    body = [
        parts.families,
        "counts = [row_counts(family, binaries_of(family)) for family in families]",
        f"return self.metric_of_rows(torch.cat(counts, -1), families, {names})",
    ]
    doc = "The metric of inputs that have been prepared."
    return parts.methods.method("outcome", parts.signature.plain(), "Tensor", doc, body)
