"""How near each surrogate is to the metric, and how well it ranks: after UniLoss, table 5."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from lossc.compiler.compile import CompiledLoss
from lossc.reporting.contenders import Contender, own_of
from lossc.reporting.figures import Bin, Fidelity, Fit
from lossc.reporting.inputs import Batch, Drawer
from lossc.reporting.kept_anchors import NAME, KeptAnchors
from lossc.reporting.ranks import rank_correlation
from lossc.reporting.states import known, moved, noise_for, number_of, size_of_batch, trained

FRACTIONS = (0.0, 1 / 512, 1 / 128, 1 / 32, 1 / 8, 1 / 2)
#: What UniLoss reports for its interpolation; its task, samples and units are not stated.
PUBLISHED = {
    "L2 distance": (0.19, 0.19, 0.57, 2.83, 8.49, 12.25),
    "rank correlation": (0.98, 0.97, 0.92, 0.70, 0.35, 0.15),
}


@dataclass
class Samples:
    """Metric and surrogates on the batches of one share of changed comparisons."""

    reached: list[float] = field(default_factory=list)
    metric: list[float] = field(default_factory=list)
    values: dict[str, list[float]] = field(default_factory=dict)

    def summary(self, fraction: float) -> Bin:
        """What is reported of them."""
        metric = torch.tensor(self.metric, dtype=torch.float64)
        fits = {}
        for name, listed in self.values.items():
            values = torch.tensor(listed, dtype=torch.float64)
            rms = float((values - metric).square().mean().sqrt())
            fits[name] = Fit(rms, rank_correlation(values, metric))
        return Bin(
            fraction,
            sum(self.reached) / max(len(self.reached), 1),
            len(self.metric),
            float(metric.mean()),
            float((metric - metric.mean()).square().mean().sqrt()),
            fits,
        )


def states(own: Contender, count: int, steps: int, seed: int) -> list[Batch]:
    """Batches between random scores and scores that took ``steps`` down the own loss."""
    drawer = Drawer(own.compiled)
    n = size_of_batch(own.compiled, drawer)
    generator = torch.Generator().manual_seed(seed)
    drawn = (drawer.batch(n, generator) for _ in range(count))
    # most of the way is short: what is trained to the end cannot be ranked
    shares = [(number / max(count - 1, 1)) ** 2 for number in range(count)]
    return [
        trained(own, batch, round(steps * share))
        for batch, share in zip(drawn, shares, strict=True)
    ]


def fidelity(
    compared: Sequence[Contender], *, count: int, draws: int, steps: int, seed: int
) -> Fidelity:
    """Every surrogate against the metric, at growing distance from scores met in training.

    Args:
        compared: The surrogates, the spec's own first.
        count: How many batches are trained.
        draws: How often the scores of each are moved for each share.
        steps: Steps of the batch that was trained most.
        seed: Of all that is drawn.
    """
    own = own_of(compared).compiled
    met = states(own_of(compared), count, steps, seed)
    generator = torch.Generator().manual_seed(seed + 1)
    functions = {contender.name: contender.function() for contender in compared}
    kept = KeptAnchors.of(compared)
    bins = {fraction: Samples() for fraction in FRACTIONS}
    for batch in met:
        anchored = kept.at(batch) if kept is not None else None
        for fraction, samples in bins.items():
            for _ in range(draws if fraction else 1):
                noise = noise_for(batch, generator)
                there, reached = moved(lambda one: _bits(own, one), batch, noise, fraction)
                arguments = known(there.arguments())
                metric = number_of(own.metric, arguments)
                if metric != metric:
                    continue  # undefined on this batch
                samples.reached.append(reached)
                samples.metric.append(metric)
                for name, function in functions.items():
                    value = number_of(function, arguments)
                    samples.values.setdefault(name, []).append(value)
                if anchored is not None:
                    samples.values.setdefault(NAME, []).append(float(anchored(there)))
    compared_bits = [_bits(own, batch).numel() for batch in met]
    return Fidelity(
        met[0].shapes,
        sum(compared_bits) / len(compared_bits),
        len(met),
        steps,
        [samples.summary(fraction) for fraction, samples in bins.items()],
    )


def _bits(compiled: CompiledLoss, batch: Batch) -> Tensor:
    """The signs of all comparisons: ``[l]``."""
    with torch.no_grad():
        return compiled.comparisons(*known(batch.arguments())) > 0
