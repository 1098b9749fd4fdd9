"""How the gradients of two pairs compare when one of them is scaled, under each weighting.

Two heatmaps with their targets, as in the memo on adaptive Euclidean losses; the second and its
target are multiplied by a scale. What is drawn is the mean absolute gradient of an element of each
map, with the weights that the weighting has come to after some steps on fixed maps.

    python benchmarks/gradient_balance.py --out docs/gradient_balance.svg
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch

import lossc
from lossc.models.curve_figure import Line, Panel, draw

SCALES = tuple(10.0**power for power in range(-3, 4))
STEPS = 400  # of the weights' own; gradnorm takes 0.025 a step
SPEC = """
spec balance
input heatmap_2d: real[n, k, h, w]
input target_2d: target real[n, k, h, w]
input heatmap_3d: real[n, k, d, h, w]
input target_3d: target real[n, k, d, h, w]
term plane = euclidean(heatmap_2d, target_2d)
term volume = euclidean(heatmap_3d, target_3d)
combine {combine}
"""
WEIGHTINGS = {
    "plane + volume": SPEC.format(combine="plane + volume"),
    "adaptive": "adaptive_h1",
    "gradnorm(alpha = 0)": SPEC.format(combine="gradnorm(plane, volume, alpha = 0)"),
    "block_normalized": SPEC.format(combine="block_normalized(plane, volume)"),
}


def maps(scale: float) -> dict[str, torch.Tensor]:
    """Maps and targets, the 3D ones multiplied by a scale; the maps are live."""
    generator = torch.Generator().manual_seed(0)
    shapes = {"2d": (4, 3, 8, 8), "3d": (4, 3, 6, 8, 8)}
    found = {}
    for name, shape in shapes.items():
        size = scale if name == "3d" else 1.0
        heatmap, target = (
            size * torch.rand(shape, generator=generator, dtype=torch.float64) for _ in range(2)
        )
        found |= {f"heatmap_{name}": heatmap.requires_grad_(), f"target_{name}": target}
    return found


def balance(spec: str, scale: float) -> tuple[float, float]:
    """Mean absolute gradient of an element of the 2D and of the 3D map."""
    inputs, loss = maps(scale), lossc.loss(spec)
    for _ in range(STEPS if "gradnorm" in spec else 1):
        value = loss(**inputs)
    live = (inputs["heatmap_2d"], inputs["heatmap_3d"])
    first, second = torch.autograd.grad(value, live)
    return first.abs().mean().item(), second.abs().mean().item()


def main() -> None:
    """Prints the ratio of both gradients at every scale, and draws it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, help="an SVG or PNG file")
    options = parser.parse_args()
    lines = []
    print("| scale of the 3D pair |", " | ".join(f"{scale:g}" for scale in SCALES), "|")
    print("| --- |" + " --- |" * len(SCALES))
    for place, (name, spec) in enumerate(WEIGHTINGS.items()):
        pairs = [balance(spec, scale) for scale in SCALES]
        ratios = [second / first for first, second in pairs]
        print(f"| {name} |", " | ".join(f"{ratio:.3g}" for ratio in ratios), "|")
        powers = list(range(-3, 4))
        logs = [float(torch.tensor(ratio, dtype=torch.float64).log10()) for ratio in ratios]
        lines.append(Line(name, powers, logs, place, place))
    if options.out is not None:
        x = "log10 of the scale of the 3D pair"
        y = "log10 of its mean |gradient| over that of the 2D pair"
        options.out.write_bytes(draw([Panel(x, y, lines)], options.out.suffix[1:]))


if __name__ == "__main__":
    main()
