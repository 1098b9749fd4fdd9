"""The runs of `ranking.py`: our losses and dense ones, by case, variant and size.

    python benchmarks/cases.py CASE VARIANT SIZE

prints the MB by which the memory of a fresh process grows.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from measuring import (
    Run,
    Step,
    differentiated,
    laplace,
    memory_growth,
    ranking_inputs,
    smooth_ap_rows,
    smooth_ap_square,
)
from torch import Tensor, nn

import lossc

SQUARE, ROWS = "dense Smooth-AP, n x n", "dense Smooth-AP, positives x n"
SUBSTITUTES = {
    "ours, sigmoid": "sigmoid(temperature=1, max_spread=none)",
    "ours, laplace": "laplace(temperature=1, max_spread=none)",
    "ours, sigmoid at temperature 0.01": "sigmoid(temperature=0.01, max_spread=none)",
}
IDW = "ours, idw"
# what the substitutes compute, as a step relaxation
STEPS: dict[str, Step] = {
    "ours, sigmoid": torch.sigmoid,
    "ours, laplace": laplace,
    "ours, sigmoid at temperature 0.01": lambda x: torch.sigmoid(x / 0.01),
    SQUARE: torch.sigmoid,
    ROWS: torch.sigmoid,
}
METRICS = ("average_precision", "auroc", "ndcg")
TNORMS = ("godel", "product")


@functools.cache
def ours(name: str, step: str | None, interpolation: str | None) -> nn.Module:
    """A loss of ours that draws the same anchors in every call."""
    return lossc.loss(
        name, step=step, interpolation=interpolation, squash="none", validate=False
    ).eval()


def average_precision(variant: str, n: int) -> Run:
    """Of n scores, 10% of them positive."""
    score, relevant = ranking_inputs(n)
    return differentiated(average_precision_loss(variant, relevant), score)


def average_precision_loss(variant: str, relevant: Tensor) -> Callable[[Tensor], Tensor]:
    """A loss of the scores."""
    if variant == SQUARE:
        return lambda s: smooth_ap_square(s, relevant)
    if variant == ROWS:
        return lambda s: smooth_ap_rows(s, relevant)
    if variant == IDW:
        loss = ours("average_precision", None, "idw")
    else:
        loss = ours("average_precision", SUBSTITUTES[variant], "substitute")
    return lambda s: loss(s, relevant)


def scaling(variant: str, n: int) -> Run:
    """A metric and step, as in `auroc, laplace`, of n scores; NDCG has gains from 0 to 3."""
    name, step = variant.split(", ")
    score, relevant = ranking_inputs(n)
    target = relevant
    if name == "ndcg":
        target = torch.randint(4, (n,), generator=torch.Generator().manual_seed(n)).float()
    loss = ours(name, step, "substitute")
    return differentiated(lambda s: loss(s, target), score)


def pckh(variant: str, side: int) -> Run:
    """Of 6 images with 16 heatmaps each; nine of ten joints are visible; heads of 10 pixels."""
    generator = torch.Generator().manual_seed(side)
    joint = torch.rand(6, 16, 2, generator=generator) * (side - 1)
    visible = torch.rand(6, 16, generator=generator) < 0.9
    head = torch.full((6,), 10.0 * side / 64)
    pixels = torch.stack(torch.meshgrid(*[torch.arange(side)] * 2, indexing="xy"), -1)
    away = (pixels - joint[:, :, None, None]).norm(dim=-1)
    heatmap = (-(away**2) / 8).exp() + 0.3 * torch.randn(away.shape, generator=generator)
    kind, _, tnorm = variant.partition(", ")
    if kind == "dense":
        inside = (away <= 0.5 * head[:, None, None, None]).flatten(2)
        return differentiated(lambda s: dense_pckh(s, inside, visible, tnorm), heatmap)
    interpolation = "idw" if tnorm.startswith("idw") else f"substitute(tnorm={tnorm})"
    loss = ours("pckh", SUBSTITUTES["ours, sigmoid"], interpolation)
    return differentiated(lambda s: loss(s, joint, visible, head), heatmap)


def dense_pckh(heatmap: Tensor, inside: Tensor, visible: Tensor, tnorm: str) -> Tensor:
    """Minus the relaxed PCKh from every pixel against every other: h^2 w^2 places a map."""
    score = heatmap.flatten(2)
    bits = torch.sigmoid(score.unsqueeze(-1) - score.unsqueeze(-2))
    bits = torch.where(inside.unsqueeze(-2), 1.0, bits)  # against the pixels outside only
    if tnorm == "godel":
        found = torch.where(inside, bits.amin(-1), 0.0).amax(-1)
    else:
        found = 1 - torch.where(inside, 1 - bits.prod(-1), 1.0).prod(-1)
    return -(found * visible).sum() / visible.sum()


CASES: dict[str, Callable[[str, int], Run]] = {
    "average_precision": average_precision,
    "scaling": scaling,
    "pckh": pckh,
}
WARM = {"average_precision": 64, "scaling": 64, "pckh": 8}


def main() -> None:
    """Prints the growth of memory in one run, after a small one."""
    case, variant, size = sys.argv[1:]
    torch.set_num_threads(1)
    CASES[case](variant, WARM[case])()
    print(json.dumps(memory_growth(CASES[case](variant, int(size)))))


if __name__ == "__main__":
    main()
