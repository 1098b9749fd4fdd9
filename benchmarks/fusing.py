"""Where `lossc.fuse` pays: eager and fused losses, forward and backward, and what they replace.

One row a loss and batch; the baseline is measured in the same turns. Compiling each takes up to a
minute. `--device cuda` measures on a GPU.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from tables import put, shown, table
from torch import Tensor, nn
from torch.nn import functional

import lossc
from lossc.fusing import timed

Inputs = tuple[Tensor, ...]


class Baseline(nn.Module):
    """A loss of torch in the place of ours."""

    def __init__(self, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Tensor:
        """The baseline's loss."""
        return self.function(*inputs)


class Case(NamedTuple):
    """A loss of ours and a batch for it.

    Args:
        spec: Bundled.
        interpolation: Of the metric.
        shape: Of the scores.
        baseline: What people use in its place.
    """

    spec: str
    interpolation: str | None
    shape: tuple[int, ...]
    baseline: Callable[..., Tensor]


def cross_entropy(scores: Tensor, label: Tensor) -> Tensor:
    """Of logits and classes."""
    return functional.cross_entropy(scores, label)


def binary(score: Tensor, relevant: Tensor) -> Tensor:
    """Binary cross entropy of logits."""
    return functional.binary_cross_entropy_with_logits(score, relevant.float())


CASES = [
    *(Case("accuracy", None, (n, k), cross_entropy) for n, k in [(128, 10), (1024, 10)]),
    *(Case("accuracy", None, (n, 1000), cross_entropy) for n in (128, 1024)),
    Case("macro_f1", "substitute(tnorm=godel)", (128, 10), cross_entropy),
    Case("anchor_bce", None, (256, 1000), cross_entropy),
    *(Case("f_beta", "substitute", (n,), binary) for n in (128, 16384)),
    *(Case("average_precision", "substitute", (n,), binary) for n in (128, 512, 1024, 16384)),
    *(Case("average_precision", "idw", (n,), binary) for n in (128, 1024)),
    Case("auroc", "substitute", (128,), binary),
]


def batch_of(case: Case, device: str) -> Inputs:
    """Scores that require a gradient, and targets: one in ten is positive."""
    torch.manual_seed(0)
    scores = torch.randn(case.shape)
    if len(case.shape) == 2:
        targets = torch.randint(0, case.shape[1], case.shape[:1])
    else:
        targets = torch.rand(case.shape) < 0.1
    return scores.to(device).requires_grad_(), targets.to(device)


def measured(case: Case, device: str) -> dict[str, Any]:
    """Milliseconds of the baseline and of ours, eager and fused."""
    torch._dynamo.reset()
    inputs = batch_of(case, device)
    chosen = {} if case.interpolation is None else {"interpolation": case.interpolation}
    loss = lossc.loss(case.spec, validate=False, **chosen).to(device)
    started = time.perf_counter()
    found = lossc.fuse(loss, *inputs)
    (baseline,) = timed([Baseline(case.baseline)], inputs, [0], 0.1)
    return {
        "case": f"{case.spec}, {case.interpolation or 'default'}",
        "shape": " x ".join(map(str, case.shape)),
        "seconds": time.perf_counter() - started,
        "baseline": baseline,
        **found._asdict(),
    }


def fusing_table(rows: list[dict[str, Any]]) -> str:
    """One row a case."""
    head = "| loss | batch | eager, ms | fused, ms | taken | (binary) cross entropy, ms | times |"
    cells = []
    for row in rows:
        best = row["fused_ms"] if row["fused"] else row["eager_ms"]
        taken = "fused" if row["fused"] else "eager"
        line = [row["case"], row["shape"], shown(row["eager_ms"]), shown(row["fused_ms"]), taken]
        cells.append([*line, shown(row["baseline"]), shown(best / row["baseline"], ".1f")])
    return table(head, cells)


def main() -> None:
    """Measures all cases, and prints or keeps the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--only", metavar="SPEC", help="cases of one spec")
    parser.add_argument("--markdown", type=Path, metavar="FILE")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for case in CASES:
        if options.only in (None, case.spec):
            rows.append(measured(case, options.device))
            print(rows[-1], flush=True)
    content = fusing_table(rows)
    print(content)
    if options.markdown:
        text = put(options.markdown.read_text(), "fusing", content)
        options.markdown.write_text(text)


if __name__ == "__main__":
    main()
