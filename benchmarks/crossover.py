"""From how many pairs on sorting them is faster than writing them out, forward and backward.

Scores of which 10% are positive, each positive against each negative, on one thread; both ways take
turns. The constant `most_pairs_written_out()` of runtime/pair_counts.py follows from this table.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from measuring import Run, in_turns

from lossc.runtime import pair_counts as counting
from lossc.runtime.exponentials import laplace_powers, sigmoid_powers
from lossc.runtime.pair_families import PairFamily, RelaxedPairs
from lossc.runtime.pairs import Pairs
from lossc.runtime.relaxations import laplace_step, sigmoid_step

STEPS = {"sigmoid": (sigmoid_step, sigmoid_powers), "laplace": (laplace_step, laplace_powers)}
WAYS = {"written out": 2**62, "sorted": 0}  # how many pairs are written out at most


def counting_run(pairs: int, step: str, way: str) -> Run:
    """Counts about so many pairs of a positive and a negative, and differentiates them."""
    positives = max(1, round(math.sqrt(pairs / 9)))
    generator = torch.Generator().manual_seed(pairs)
    score = torch.randn(10 * positives, generator=generator).requires_grad_()
    relevant = torch.randperm(10 * positives, generator=generator) < positives
    weight = torch.randn(10 * positives, generator=generator)
    relaxed = RelaxedPairs(*STEPS[step], temperature=1.0, squash="none")

    def run() -> tuple[torch.Tensor, torch.Tensor]:
        with mock.patch.object(counting, "most_pairs_written_out", lambda: WAYS[way]):
            family = PairFamily(Pairs(score, score, relevant, ~relevant), "left", score.shape)
            counts = counting.pair_counts(family, relaxed)
        return counts.detach(), torch.autograd.grad(counts, score, weight)[0]

    return run


def crossover_rows(exponents: range, seconds: float) -> list[dict[str, Any]]:
    """Milliseconds of both ways, one row a step and size."""
    rows = []
    for step in STEPS:
        for exponent in exponents:
            runs = {way: counting_run(2**exponent, step, way) for way in WAYS}
            times = in_turns(runs, seconds)
            ms = {way: time.ms for way, time in times.items()}
            rows.append({"step": step, "pairs": 2**exponent, **ms})
    return rows


def crossover_of(rows: list[dict[str, Any]], step: str) -> float | None:
    """Where sorting becomes faster for good, between sizes on a log scale; ``None``: nowhere."""
    ratios = [
        (math.log2(row["pairs"]), math.log2(row["written out"] / row["sorted"]))
        for row in rows
        if row["step"] == step
    ]
    if ratios[-1][1] <= 0:
        return None
    below = [i for i, (_, ratio) in enumerate(ratios) if ratio <= 0]
    if not below:
        return float(2 ** ratios[0][0])
    (x0, y0), (x1, y1) = ratios[below[-1]], ratios[below[-1] + 1]
    return float(2 ** (x0 - y0 * (x1 - x0) / (y1 - y0)))


def crossover_table(rows: list[dict[str, Any]]) -> str:
    """The rows, and where the crossover is, in Markdown."""
    lines = ["| pairs | " + " | ".join(f"{s}: written out, ms | sorted, ms" for s in STEPS) + " |"]
    lines.append("| ---: |" + " ---: | ---: |" * len(STEPS))
    by_size: dict[int, list[str]] = {}
    for row in rows:
        shown = [f"{row['written out']:.3f}", f"{row['sorted']:.3f}"]
        by_size.setdefault(row["pairs"], []).extend(shown)
    lines += [f"| {size:,} | " + " | ".join(shown) + " |" for size, shown in by_size.items()]
    lines.append("")
    for step in STEPS:
        found = crossover_of(rows, step)
        where = "at no size measured" if found is None else f"from about {found:,.0f} pairs on"
        lines.append(f"- {step}: sorting is faster {where}.")
    constant = counting.most_pairs_written_out()
    lines.append(f"- `most_pairs_written_out()` is {constant:,} (2^{constant.bit_length() - 1}).")
    return "\n".join(lines)


def main() -> None:
    """Prints the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few sizes, no figures to keep")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    sizes, seconds = (range(10, 21, 5), 0.01) if options.quick else (range(10, 21), 0.5)
    rows = crossover_rows(sizes, seconds)
    print(json.dumps(rows, indent=2) if options.json else crossover_table(rows))


if __name__ == "__main__":
    main()
