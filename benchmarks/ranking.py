"""Speed, memory and accuracy of the losses of pairs, with other libraries beside them.

    python benchmarks/ranking.py [--quick] [--peers PYTHON] [--json FILE] [--markdown FILE]

prints the tables, and writes those of a Markdown file anew, between `<!-- NAME -->` and
`<!-- /NAME -->`, with the figure beside it in a folder of the same name. Everything is float32, one
forward and backward, on one thread. What is compared takes turns in one process; memory is that of
a fresh process. Peers are those that PYTHON has; peers.py says how they are used.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import interpolation
import torch
from cases import (
    IDW,
    METRICS,
    ROWS,
    SQUARE,
    STEPS,
    SUBSTITUTES,
    TNORMS,
    average_precision,
    average_precision_loss,
    pckh,
    scaling,
)
from crossover import crossover_rows, crossover_table
from measuring import (
    differentiated,
    exact_average_precision,
    gradient_error,
    in_fresh_process,
    in_turns,
    ranking_inputs,
    true_average_precision,
)
from tables import (
    Row,
    average_precision_table,
    figure,
    interpolation_table,
    pckh_table,
    put,
    scaling_table,
)

import lossc

HERE = Path(__file__).resolve().parent
NAMES = ("crossover", "average-precision", "scaling", "accuracy", "pckh")


class Extent(NamedTuple):
    """How much is measured."""

    scores: tuple[int, ...] = (128, 1024, 16384)
    scaled: tuple[int, ...] = (100, 316, 1000, 3162, 10000, 31623, 100000, 316228, 1000000)
    sides: tuple[int, ...] = (16, 64)
    classes: tuple[tuple[int, int], ...] = interpolation.SIZES
    exponents: range = range(10, 21)
    metrics: tuple[str, ...] = METRICS
    seconds: float = 2.0
    memory_from: int = 1  # the smallest size of which memory is measured


QUICK = Extent(
    scores=(128,),
    scaled=(100, 500),
    sides=(8,),
    classes=((32, 10),),
    exponents=range(10, 17, 6),
    metrics=METRICS[:1],
    seconds=0.02,
    memory_from=1000,
)


def memory_of(case: str, variant: str, size: int, extent: Extent) -> float | None:
    """MB of one run in a fresh process."""
    if size < extent.memory_from:
        return None
    found: float = in_fresh_process(HERE / "cases.py", case, variant, str(size))
    return found


def average_precision_rows(extent: Extent, peers: str | None) -> tuple[list[Row], dict[str, Any]]:
    """Ours, dense ones and peers, and what is known of the peers."""
    rows: list[Row] = []
    for n in extent.scores:
        score, relevant = ranking_inputs(n)
        variants = [*SUBSTITUTES, IDW, ROWS, SQUARE]
        runs = {variant: average_precision(variant, n) for variant in variants}
        times = in_turns(runs, extent.seconds)
        for variant in variants:
            value, gradient = runs[variant]()
            if variant in STEPS:
                expected, slopes = true_average_precision(score, relevant, STEPS[variant])
            else:  # the same anchors in float64
                loss = average_precision_loss(variant, relevant)
                negated, slopes = differentiated(loss, score.double())()
                expected, slopes = -float(negated), -slopes
            row: Row = {"loss": variant, "n": n, **times[variant]._asdict(), "ap": -float(value)}
            row["ratio"] = times[variant].ms / times["ours, sigmoid"].ms
            row["value_error"] = abs(-float(value) - expected)
            row["gradient_error"] = gradient_error(-gradient, slopes)
            row["zeros"] = (gradient == 0).double().mean().item()
            row["mb"] = memory_of("average_precision", variant, n, extent)
            rows.append(row)
        exact = exact_average_precision(score, relevant)
        rows.append({"loss": "(the metric itself)", "n": n, "ap": exact})
    if peers is None:
        return rows, {"missing": {"all": "no --peers given"}, "versions": {}}
    words = ["--sizes", *map(str, extent.scores), "--seconds", str(extent.seconds)]
    found = in_fresh_process(HERE / "peers.py", *words, python=peers)
    yard = {row["n"]: row["ratio"] for row in rows if row["loss"] == ROWS}
    for row in found["rows"]:
        if row["peer"]:  # its ratio is to the dense loss, in the peers' process
            row["loss"] = f"{row['peer']}: {row['used']}"
            row["ratio"] *= yard[row["n"]]
            rows.append(row)
    return sorted(rows, key=lambda row: row["n"]), found


def scaling_rows(extent: Extent) -> list[Row]:
    """Time and memory of three metrics by size."""
    variants = [f"{name}, {step}" for name in extent.metrics for step in ("sigmoid", "laplace")]
    rows = []
    for n in extent.scaled:
        runs = {variant: scaling(variant, n) for variant in variants}
        for variant, time in in_turns(runs, extent.seconds, least=3).items():
            mb = memory_of("scaling", variant, n, extent) if n >= 1000 else None
            rows.append({"variant": variant, "n": n, **time._asdict(), "mb": mb})
    return rows


def pckh_rows(extent: Extent) -> list[Row]:
    """PCKh over 6 x 16 maps; dense on the smallest ones only."""
    rows = []
    for side in extent.sides:
        variants = ["ours, idw", *(f"ours, {tnorm}" for tnorm in TNORMS)]
        if side == extent.sides[0]:
            variants += [f"dense, {tnorm}" for tnorm in TNORMS]
        runs = {variant: pckh(variant, side) for variant in variants}
        for variant, time in in_turns(runs, extent.seconds).items():
            row: Row = {"variant": variant, "side": side, **time._asdict()}
            row["mb"] = memory_of("pckh", variant, side, extent)
            dense = variant.replace("ours", "dense")
            if dense != variant and dense in runs:
                (value, gradient), (expected, slopes) = runs[variant](), runs[dense]()
                row["value_error"] = abs(float(value - expected))
                row["gradient_error"] = gradient_error(gradient, slopes.double())
            rows.append(row)
    return rows


def interpolation_rows(extent: Extent) -> list[Row]:
    """Accuracy under IDW, by benchmarks/interpolation.py."""
    loss = interpolation.compile_spec("accuracy", interpolation="idw").loss(validate=False)
    rows = []
    for examples, classes in extent.classes:
        scores = torch.randn(examples, classes, requires_grad=True)
        label = torch.randint(classes, (examples,))
        runs = {
            "ours": lambda s=scores, y=label: loss(s, y),
            "cross entropy": lambda s=scores, y=label: torch.nn.functional.cross_entropy(s, y),
        }
        if examples * classes <= 200_000:
            runs["written out"] = lambda s=scores, y=label: interpolation.written_out(loss, s, y)
        times = interpolation.measure(runs, 15 if extent.seconds > 1 else 2)
        rows.append({"examples": examples, "classes": classes, **times})
    return rows


def circumstances(peers: str | None) -> str:
    """When, where and how."""
    cpu = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        names = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
        cpu = names[0] if names else cpu
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    command = "python benchmarks/ranking.py --markdown docs/benchmarks.md"
    command += " --peers PYTHON" if peers else ""
    return (
        f"{datetime.date.today()}, lossc {lossc.__version__}, torch {torch.__version__}, Python "
        f"{platform.python_version()}, {os.cpu_count()} cores ({cpu}), one thread, load averages "
        f"at the end {load}.\n\n```sh\n{command}\n```"
    )


def main() -> None:
    """Measures all, one table after the other."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, no figures to keep")
    parser.add_argument("--peers", metavar="PYTHON", help="the interpreter that has the peers")
    parser.add_argument("--only", nargs="+", choices=NAMES, help="some of the tables")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--markdown", type=Path, metavar="FILE")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    extent = QUICK if options.quick else Extent()
    found: dict[str, Any] = {}
    tables: dict[str, str] = {}

    def keep(name: str, figures: Any, content: str) -> None:
        found[name], tables[name] = figures, content
        print(f"## {name}\n\n{content}\n", flush=True)

    chosen = options.only or NAMES
    if "crossover" in chosen:
        measured = crossover_rows(extent.exponents, extent.seconds / 4)
        keep("crossover", measured, crossover_table(measured))
    if "average-precision" in chosen:
        rows, peers = average_precision_rows(extent, options.peers)
        figures = {"rows": rows, "missing": peers["missing"], "versions": peers["versions"]}
        keep("average-precision", figures, average_precision_table(rows, peers))
    if "scaling" in chosen:
        rows = scaling_rows(extent)
        keep("scaling", rows, scaling_table(rows))
    if "accuracy" in chosen:
        rows = interpolation_rows(extent)
        keep("accuracy", rows, interpolation_table(rows))
    if "pckh" in chosen:
        rows = pckh_rows(extent)
        keep("pckh", rows, pckh_table(rows))
    where = circumstances(options.peers)
    keep("circumstances", where, where)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    if options.markdown:
        text = options.markdown.read_text() if options.markdown.exists() else "# Benchmarks\n"
        for name, content in tables.items():
            text = put(text, name, content)
        options.markdown.parent.mkdir(parents=True, exist_ok=True)
        options.markdown.write_text(text)
        if "scaling" in found:
            figure(found["scaling"], options.markdown.with_suffix("") / "scaling.svg")


if __name__ == "__main__":
    main()
