"""Measuring time, memory and accuracy alike for ours and for others; needs torch alone.

A `run` is a function without arguments that goes forward and backward once, and returns the value
and its gradient.
"""

from __future__ import annotations

import gc
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

Run = Callable[[], tuple[Any, Any]]
Step = Callable[[Tensor], Tensor]


class Timing(NamedTuple):
    """Milliseconds of one forward and backward: median, quartiles, and how many turns it took."""

    ms: float
    low: float
    high: float
    turns: int


def in_turns(runs: dict[str, Run], seconds: float = 2.0, least: int = 5) -> dict[str, Timing]:
    """Times of each run, all taking turns.

    A turn repeats what is short until 3 ms have passed, so that reading the clock costs nothing,
    after one run that is not timed: it finds the caches and the memory as the one before left them.

    Args:
        runs: By name.
        seconds: About how long each may take in all.
        least: At least so many turns.
    """
    repeats, turns = {}, least
    for name, run in runs.items():
        run()
        once = min(timed(run, 1) for _ in range(3 if timed(run, 1) < 1 else 1))
        repeats[name] = max(1, min(100, int(0.003 / once)))
        turns = max(turns, min(101, int(seconds / (once * repeats[name]))))
    found: dict[str, list[float]] = {name: [] for name in runs}
    spent = dict.fromkeys(runs, 0.0)
    for turn in range(turns):
        for name, run in runs.items():
            if turn >= least and spent[name] > seconds:
                continue
            if spent[name] < 0.05 * (turn + 1):  # what is long does not notice
                run()
            took = timed(run, repeats[name])
            spent[name] += took
            found[name].append(1e3 * took / repeats[name])
    return {name: summary(values) for name, values in found.items()}


def timed(run: Run, repeats: int) -> float:
    """Seconds that some runs take, one after the other, without garbage collection."""
    gc.collect(0)
    gc.disable()
    started = time.perf_counter()
    for _ in range(repeats):
        run()
    took = time.perf_counter() - started
    gc.enable()
    return took


def summary(values: list[float]) -> Timing:
    """Median and quartiles."""
    if len(values) < 2:
        return Timing(values[0], values[0], values[0], len(values))
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return Timing(middle, low, high, len(values))


def memory_growth(run: Run) -> float:
    """MB by which the peak of this process grows over what it holds now; for fresh processes.

    Where Linux lets the peak be reset it is, since what was needed for imports would hide it;
    elsewhere it is the growth of `ru_maxrss`.
    """
    gc.collect()
    try:
        Path("/proc/self/clear_refs").write_text("5")
        before = status_kb("VmHWM")
        run()
        return (status_kb("VmHWM") - before) / 1024
    except OSError:
        unit = 1024**2 if sys.platform == "darwin" else 1024
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        run()
        return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / unit


def status_kb(name: str) -> int:
    """A line of Linux's status of this process, in kB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def in_fresh_process(script: Path, *words: str, python: str = sys.executable) -> Any:
    """What a script prints as its last line, read as JSON; it gets one thread.

    Raises:
        RuntimeError: It failed; with the end of what it said.
    """
    threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    done = subprocess.run(
        [python, "-W", "ignore", str(script), *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **threads},
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise RuntimeError(said[-1])
    return json.loads(done.stdout.strip().splitlines()[-1])


def ranking_inputs(n: int) -> tuple[Tensor, Tensor]:
    """Scores with positives one standard deviation ahead, float32, and which are positive: 10%."""
    generator = torch.Generator().manual_seed(n)
    relevant = torch.randperm(n, generator=generator) < max(1, n // 10)
    score = torch.randn(n, generator=generator) + relevant.float()
    return score, relevant


def differentiated(loss: Callable[[Tensor], Tensor], score: Tensor) -> Run:
    """The run of a loss of one tensor."""
    score = score.detach().clone().requires_grad_()

    def run() -> tuple[Tensor, Tensor]:
        value = loss(score)
        return value.detach(), torch.autograd.grad(value, score)[0]

    return run


def laplace(x: Tensor) -> Tensor:
    """The distribution function of Laplace."""
    tail = 0.5 * (-x.abs()).exp()
    return torch.where(x > 0, 1 - tail, tail)


def smooth_ap_square(score: Tensor, relevant: Tensor) -> Tensor:
    """Minus Smooth-AP with all n x n comparisons, as published.

    Source: Brown, Xie, Kalogeiton and Zisserman, Smooth-AP: Smoothing the Path Towards Large-Scale
    Image Retrieval (ECCV 2020), equation 8, at temperature 1.
    """
    above = torch.sigmoid(score.unsqueeze(0) - score.unsqueeze(1))
    above = above * (1 - torch.eye(score.shape[0]))
    ranks = 1 + above.sum(-1)
    among = 1 + (above * relevant).sum(-1)
    return -(among / ranks)[relevant].mean()


def smooth_ap_rows(score: Tensor, relevant: Tensor, step: Step = torch.sigmoid) -> Tensor:
    """The same with the rows of the positives only."""
    return -precisions(score, relevant, relevant.nonzero().squeeze(-1), step).mean()


def precisions(score: Tensor, relevant: Tensor, at: Tensor, step: Step) -> Tensor:
    """The smooth precision at some positives; the positives' places are ``at``."""
    above = step(score - score[at].unsqueeze(-1))
    above = above.scatter(-1, at.unsqueeze(-1), 1.0)  # itself: the 1 of both ranks
    return (above * relevant).sum(-1) / above.sum(-1)


def true_average_precision(
    score: Tensor, relevant: Tensor, step: Step = torch.sigmoid
) -> tuple[float, Tensor]:
    """Smooth-AP and its gradient in float64, in slices of the dense sum."""
    score = score.detach().double().requires_grad_()
    positives = relevant.nonzero().squeeze(-1)
    value, gradient = 0.0, torch.zeros_like(score)
    for at in positives.split(max(1, 2**22 // score.shape[0])):
        part = precisions(score, relevant, at, step).sum() / positives.shape[0]
        value += part.item()
        gradient += torch.autograd.grad(part, score)[0]
    return value, gradient


def exact_average_precision(score: Tensor, relevant: Tensor) -> float:
    """The metric itself, of scores without ties."""
    hits = relevant[score.argsort(descending=True)].double()
    return float((hits.cumsum(0) / torch.arange(1, len(hits) + 1))[hits > 0].mean())


def gradient_error(found: Tensor, expected: Tensor) -> float:
    """The largest error of an entry, relative to the largest entry."""
    error = (found.double() - expected).abs().max() / expected.abs().max()
    return error.item()


def slope(sizes: list[int], values: list[float]) -> float:
    """The exponent p of ``values ~ sizes^p``, by least squares of logarithms."""
    return statistics.linear_regression(
        [math.log(size) for size in sizes], [math.log(value) for value in values]
    ).slope
