"""Other libraries' losses for average precision: time, memory and accuracy of what is installed.

Each is used as its documentation says, at temperature 1 where it has one, and is compared with what
it says it computes, in float64: a formula, or differences of its own value. One line of JSON is
printed. Run by `ranking.py --peers PYTHON`; needs torch, and neither lossc nor all of the peers.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
from pathlib import Path
from typing import Any

import torch
from measuring import (
    Run,
    differentiated,
    gradient_error,
    in_fresh_process,
    in_turns,
    memory_growth,
    ranking_inputs,
    smooth_ap_rows,
)
from peer_losses import PEERS, Loss, Peer
from torch import Tensor

YARDSTICK = "dense Smooth-AP, positives x n"


def differences(loss: Loss, score: Tensor, at: list[int]) -> Tensor:
    """Some entries of the gradient by central differences, in float64."""
    score, width = score.double(), 1e-5
    found = []
    for place in at:
        shift = torch.zeros_like(score)
        shift[place] = width
        with torch.no_grad():
            found.append((loss(score + shift) - loss(score - shift)) / (2 * width))
    return torch.stack(found)


def accuracy(peer: Peer, n: int, run: Run) -> dict[str, float]:
    """Value, errors against the truth, and the share of entries of the gradient that are 0."""
    value, gradient = run()
    gradient = torch.as_tensor(gradient.tolist(), dtype=torch.float64)
    found = {"zeros": (gradient == 0).double().mean().item()}
    if peer.best is not None:
        found["ap"] = peer.best - float(value)
    if peer.truth is not None:
        expected, expected_gradient = peer.truth(n)
        if expected is not None:
            found["value_error"] = abs(float(value) - expected)
        found["gradient_error"] = gradient_error(gradient, expected_gradient)
    elif peer.double is not None:
        loss, score = peer.double(n), ranking_inputs(n)[0]
        with torch.no_grad():
            found["value_error"] = abs(float(value) - loss(score.double()).item())
        places = torch.linspace(0, n - 1, 24).long().tolist()
        by_differences = differences(loss, score, places)
        scale = gradient.abs().max().clamp_min(by_differences.abs().max())
        error = (gradient[places] - by_differences).abs().max() / scale
        found["gradient_error"] = error.item()
    return found


def main() -> None:
    """Prints the rows of all peers, or the memory of one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[128])
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--memory", type=int, help="the number of one peer: MB at one size only")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):  # jax takes a thread a core that it may use
        os.sched_setaffinity(0, [max(os.sched_getaffinity(0))])
    if options.memory is not None:
        peer = PEERS[options.memory]
        peer.make(64)()
        run = peer.make(options.sizes[0])
        print(json.dumps(memory_growth(run)))
        return
    rows, missing = [], {}
    versions = {}
    for n in options.sizes:
        runs: dict[int, Run] = {}
        for number, peer in enumerate(PEERS):
            if n > peer.most or peer.package in missing:
                continue
            try:
                versions[peer.package] = importlib.metadata.version(peer.package)
                runs[number] = peer.make(n)
                runs[number]()
            except Exception as reason:  # whatever hinders another library is a note, not ours
                missing[peer.package] = f"{type(reason).__name__}: {reason}".splitlines()[0]
                runs.pop(number, None)
        score, relevant = ranking_inputs(n)
        named = {str(number): run for number, run in runs.items()}
        named[YARDSTICK] = differentiated(lambda s, r=relevant: smooth_ap_rows(s, r), score)
        times = in_turns(named, options.seconds)
        for number, run in runs.items():
            peer, time = PEERS[number], times[str(number)]
            row: dict[str, Any] = {"peer": peer.package, "used": peer.used, "note": peer.note}
            row |= {"n": n, **time._asdict(), "ratio": time.ms / times[YARDSTICK].ms}
            try:
                size = ("--memory", str(number), "--sizes", str(n))
                row["mb"] = in_fresh_process(Path(__file__), *size)
            except RuntimeError as reason:
                row["note"] = f"memory not measured: {reason}"
            rows.append({**row, **accuracy(peer, n, run)})
        rows.append({"peer": "", "used": YARDSTICK, "n": n, **times[YARDSTICK]._asdict()})
    print(json.dumps({"rows": rows, "missing": missing, "versions": versions}))


if __name__ == "__main__":
    main()
