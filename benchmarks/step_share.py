"""The share of a loss in a training step of ResNet-20: default accuracy against cross entropy.

Random images of 32 x 32, 10 classes, forward, backward and an SGD step; `--device cuda` for a GPU.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from tables import put, shown, table
from torch import nn

import lossc
from lossc.fusing import timed
from lossc.models.networks.resnet import resnet


def step_ms(batch: int, device: str, turns: int) -> float:
    """The median milliseconds of a training step with cross entropy."""
    torch.manual_seed(0)
    network = resnet(20).to(device)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    images = torch.randn(batch, 3, 32, 32, device=device)
    label = torch.randint(0, 10, (batch,), device=device)
    times = []
    for _ in range(turns + 2):
        started = time.perf_counter()
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images), label).backward()
        optimizer.step()
        if device != "cpu":
            torch.cuda.synchronize()
        times.append(1e3 * (time.perf_counter() - started))
    return statistics.median(times[2:])


def main() -> None:
    """Prints one row a batch size."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batches", type=int, nargs="+", default=[128])
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--markdown", type=Path, metavar="FILE")
    options = parser.parse_args()
    cells = []
    for batch in options.batches:
        torch.manual_seed(0)
        scores = torch.randn(batch, 10, device=options.device, requires_grad=True)
        label = torch.randint(0, 10, (batch,), device=options.device)
        eager = lossc.loss("accuracy", validate=False).to(options.device)
        fused = lossc.loss("accuracy", validate=False).to(options.device)
        lossc.fuse(fused, scores, label)
        whole = step_ms(batch, options.device, options.turns)
        cross = nn.CrossEntropyLoss()
        for name, loss in (("eager", eager), ("fused", fused), ("cross entropy", cross)):
            (ms,) = timed([loss], (scores, label), [0], 0.3)
            line = [f"{batch}, {name}", shown(whole), shown(ms), f"{100 * ms / whole:.2f}%"]
            cells.append(line)
    content = table("| batch, loss | step, ms | loss, ms | share |", cells)
    print(content)
    if options.markdown:
        options.markdown.write_text(put(options.markdown.read_text(), "step-share", content))


if __name__ == "__main__":
    main()
