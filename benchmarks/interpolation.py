"""Accuracy under inverse distance weighting: ours against written-out anchors and cross entropy.

Forward and backward, float32, one thread; variants take turns and medians are compared.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from torch import Tensor, nn
from torch.nn import functional

from lossc.compiler.compile import compile_spec
from lossc.runtime.reference import idw
from lossc.runtime.written_out import configurations

SIZES = ((128, 10), (128, 1000), (1024, 1000))


def written_out(loss: nn.Module, scores: Tensor, label: Tensor) -> Tensor:
    """The same loss over configurations that are written out, differentiated by autograd."""
    prepared = loss.prepare(scores, label)
    families = loss.families(*prepared)
    comparisons = torch.cat([(f.left - f.right).expand(f.stored.shape)[f.stored] for f in families])
    with torch.no_grad():
        anchors = configurations(families, loss.seed, loss.step, 16, 16, 16)
        values = loss.evaluate_binaries(anchors, scores, label)
    return -idw(comparisons.sigmoid(), anchors.to(scores.dtype), values)


def measure(variants: dict[str, Callable[[], Tensor]], repeats: int) -> dict[str, float]:
    """Median milliseconds of forward and backward of each variant, taking turns."""
    times: dict[str, list[float]] = {name: [] for name in variants}
    for turn in range(repeats + 2):
        for name, run in variants.items():
            started = time.perf_counter()
            run().backward()
            if turn >= 2:  # the first two turns warm up
                times[name].append(1e3 * (time.perf_counter() - started))
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    """Prints one row a size, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    loss = compile_spec("accuracy", interpolation="idw").loss(validate=False)
    found = []
    for examples, classes in SIZES:
        scores = torch.randn(examples, classes, requires_grad=True)
        label = torch.randint(classes, (examples,))
        variants = {
            "ours": lambda s=scores, y=label: loss(s, y),
            "cross entropy": lambda s=scores, y=label: functional.cross_entropy(s, y),
        }
        if examples * classes <= 200_000:
            variants["written out"] = lambda s=scores, y=label: written_out(loss, s, y)
        found.append(
            {"examples": examples, "classes": classes, **measure(variants, options.repeats)}
        )
    if options.json:
        print(json.dumps(found, indent=2))
        return
    print("| batch x classes | ours, ms | times faster than written out | times cross entropy |")
    print("| --- | ---: | ---: | ---: |")
    for row in found:
        ours = row["ours"]
        slow = f"{row['written out'] / ours:.1f}" if "written out" in row else "not run"
        ratio = ours / row["cross entropy"]
        print(f"| {row['examples']} x {row['classes']} | {ours:.2f} | {slow} | {ratio:.1f} |")


if __name__ == "__main__":
    main()
