"""Elementwise losses, forward and backward: as written, rewritten, and with fused derivatives.

One thread, float32; variants take turns and medians are compared. `as written` is the graph as the
spec has it, with logarithms of sigmoids made stable and nothing else; `rewritten` is after all
rewrites of losses, differentiated by autograd; `fused` is what is emitted where it has closed-form
derivatives.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from torch import Tensor, nn

from lossc.compiler import plan
from lossc.compiler.compile import compile_spec
from lossc.compiler.emit import fused
from lossc.compiler.passes.stable_logs import stable_logs

SIZES = ((128, 100), (256, 1000))
_INPUTS = "input scores: real[n, p]\ninput label: int[n] in p\n"
_Q = "let q[i, c] = sigmoid(scores[i, c])\nlet hit[i, c] = [c == label[i]]\n"
LOSSES = {
    "bce": _INPUTS + _Q + "loss mean[i, c] -(hit[i, c] * log(q[i, c])"
    " + (1 - hit[i, c]) * log(1 - q[i, c]))",
    "focal": _INPUTS + "param gamma = 2.0 in [0, inf)\n" + _Q
    + "loss mean[i] sum[c] -(hit[i, c] * (1 - q[i, c])^gamma * log(q[i, c])"
    " + (1 - hit[i, c]) * q[i, c]^gamma * log(1 - q[i, c]))",
    "anchor_bce": _INPUTS + "param gamma = 0.5 in [0, inf)\n" + _Q
    + "let anchor[i] = detach(max(q[i, label[i]] - 0.05, 0))\n"
    "loss mean[i] sum[c] -(hit[i, c] * log(q[i, c])"
    " + (1 - hit[i, c]) * (1 + q[i, c] - anchor[i])^gamma * log(1 - q[i, c]))",
    "squared": _INPUTS + _Q + "loss mean[i, c] (scores[i, c] - hit[i, c])^2",
    "swish": _INPUTS + "loss mean[i, c] scores[i, c] * sigmoid(scores[i, c])",
}  # fmt: skip


def variants(name: str) -> dict[str, nn.Module]:
    """The loss in its three forms; ``fused`` is there for every loss that has derivatives."""
    text = f"spec {name}\n{LOSSES[name]}"
    made = {}
    with mock.patch.object(fused, "LEAST_COSTLY", 10**6):
        with mock.patch.object(plan, "LOSS_PASSES", (stable_logs,)):
            made["as written"] = compile_spec(text).loss(validate=False)
        made["rewritten"] = compile_spec(text).loss(validate=False)
    with mock.patch.object(fused, "LEAST_COSTLY", 0):
        made["fused"] = compile_spec(text).loss(validate=False)
    return made


def measure(runs: dict[str, Callable[[], Tensor]], repeats: int) -> dict[str, float]:
    """Median milliseconds of forward and backward of each variant, taking turns."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(repeats + 2):
        for name, run in runs.items():
            started = time.perf_counter()
            run().backward()
            if turn >= 2:  # the first two turns warm up
                times[name].append(1e3 * (time.perf_counter() - started))
    return {name: statistics.median(values) for name, values in times.items()}


def saved_bytes(run: Callable[[], Tensor]) -> int:
    """Bytes that autograd keeps for the way back, each tensor once."""
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        value = run()
    del value
    return sum(kept.values())


def main() -> None:
    """Prints one row a loss and size, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=41)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    found = []
    for name in LOSSES:
        losses = variants(name)
        for examples, classes in SIZES:
            scores = torch.randn(examples, classes, requires_grad=True)
            label = torch.randint(classes, (examples,))
            runs = {
                kind: lambda f=loss, s=scores, y=label: f(s, y) for kind, loss in losses.items()
            }
            kept = {kind: saved_bytes(run) for kind, run in runs.items()}
            row = {"loss": name, "size": f"{examples} x {classes}", "bytes": kept}
            found.append({**row, "ms": measure(runs, options.repeats)})
    if options.json:
        print(json.dumps(found, indent=2))
        return
    print("| loss | size | as written, ms | rewritten, ms | fused, ms | kept, kB |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    for row in found:
        ms = " | ".join(f"{value:.2f}" for value in row["ms"].values())
        kept = " / ".join(f"{value / 1e3:.0f}" for value in row["bytes"].values())
        print(f"| {row['loss']} | {row['size']} | {ms} | {kept} |")


if __name__ == "__main__":
    main()
