"""How the terms of 3D pose regression are weighed, and the MPJPE of a held-out person that follows.

The task pose3d, at one depth of the 3D maps, with the memo's losses (manual, adaptive_h1,
adaptive_i1) and with the four Euclidean terms of its hand-made weights under learnt weights. With
``--ladder``: the memo's ladder, depths 1 to 64, each starting from the weights of the last.

A run's figures are kept in its folder, so the command may be stopped at any time and goes on where
it was. ``--table`` shows what is there. Motion capture is read from ``--data``; without it the task
makes a figure of its own.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch

from lossc.models.camera import mpjpe
from lossc.models.data.pose3d import pose3d, positions
from lossc.models.heatmap_decoding import by_integral_3d
from lossc.models.losses import resolve
from lossc.models.networks.two_stage import INIT_STD, INIT_STD_H1, INIT_STD_SUGGESTED
from lossc.models.recipe import Recipe, Schedule
from lossc.models.recipes.pose3d import at_depth, inputs
from lossc.models.run import Job, finished, read_json, write_json
from lossc.models.table import Spread
from lossc.models.trainer import train

#: Euclidean losses (half the sum of squares, mean over the batch) of both maps, and of joints and
#: depths by the integral of the 3D map: the terms of the memo's I1 files, for depth 8 with the
#: weights 1 : 0.1 : 1 : 1.
FOUR_TERMS = """\
spec {name}
doc "Euclidean losses of 2D and 3D heatmaps and of the 3D map's integrals, {weighting}."

input heatmap_2d: real[n, k, h, w]
input target_2d: target real[n, k, h, w]
input heatmap_3d: real[n, k, d, h, w]
input target_3d: target real[n, k, d, h, w]
input joint: target real[n, k, 2]
input depth: target real[n, k]
param scale = 30.0 in (0, inf)

let x_3d[b, j] = softargmax[v, y, x] scale * heatmap_3d[b, j, v, y, x] at ((x + 0.5) / w)
let y_3d[b, j] = softargmax[v, y, x] scale * heatmap_3d[b, j, v, y, x] at ((y + 0.5) / h)
let z_3d[b, j] = softargmax[v, y, x] scale * heatmap_3d[b, j, v, y, x] at ((v + 0.5) / d)
term plane = 0.5 * mean[b] sum[j, y, x] (heatmap_2d[b, j, y, x] - target_2d[b, j, y, x])^2
term volume = 0.5 * mean[b] sum[j, v, y, x] (heatmap_3d[b, j, v, y, x] - target_3d[b, j, v, y, x])^2
term place = 0.5 * mean[b] sum[j] (
    (x_3d[b, j] - joint[b, j, 0])^2 + (y_3d[b, j] - joint[b, j, 1])^2
)
term distance = 0.5 * mean[b] sum[j] (z_3d[b, j] - depth[b, j])^2
combine {combine}
"""

#: Weightings of the four terms, by the name of the spec that has them.
WEIGHTINGS = {
    "four_manual": "plane + 0.1 * volume + place + distance",
    "four_uncertainty": "uncertainty(plane, volume, place, distance)",
    "four_gradnorm": "gradnorm(plane, volume, place, distance)",
}

LOSSES = (
    "manual(weight_3d=0.1)",
    "adaptive_h1",
    "adaptive_i1",
    "four_uncertainty",
    "four_gradnorm",
)
SPECS = "specs"  # a folder beside the runs
DEPTHS = (1, 2, 4, 8, 16, 32, 64)
STDS = {"i1": INIT_STD, "h1": INIT_STD_H1, "suggested": INIT_STD_SUGGESTED}


def spec_text(name: str) -> str:
    """One of :data:`WEIGHTINGS` as a spec."""
    combine = WEIGHTINGS[name]
    return FOUR_TERMS.format(name=name, weighting=combine.partition("(")[0], combine=combine)


def shortened(recipe: Recipe, epochs: int, examples: int | None) -> Recipe:
    """The recipe with so many epochs, the rate lowered to a fifth for the last quarter."""
    milestone = max(1, epochs - max(1, epochs // 4))
    schedule = Schedule(milestones=(milestone,), factor=0.2)
    return replace(recipe, epochs=epochs, examples=examples, schedule=schedule)


def one_run(
    recipe: Recipe, loss: str, seed: int, folder: Path, arguments: argparse.Namespace
) -> dict[str, float] | None:
    """Test figures of a run, from its folder where it was finished before.

    Returns:
        ``None`` where it was not, and nothing is to be trained.
    """
    choice = resolve(loss, recipe, folders=(arguments.out / SPECS,))
    rate = recipe.learning_rate(choice.rule)
    job = Job(recipe, choice, seed, rate, folder / str(seed), arguments.data)
    run = finished(job)
    if run is None:
        if arguments.table:
            return None
        before = time.process_time()  # the clock on the wall counts other people's programs too
        run = train(replace(job, resume=False))
        spent = time.process_time() - before
        write_json(job.folder / "cpu.json", {"seconds": spent})
        print(f"{folder.name}, seed {seed}: {run.test['mpjpe']:.1f} mm, {spent:.0f} s", flush=True)
    cpu = read_json(job.folder / "cpu.json") or {"seconds": math.nan}
    return {**run.test, **cpu}


def references(recipe: Recipe, data: Path | None) -> dict[str, float]:
    """What any figure must be seen beside: the mean pose, and what perfect maps would read, mm."""
    splits = pose3d(data)
    train_joints, truth = splits.train.targets["position"], splits.test.targets["position"]
    mean = (train_joints - train_joints[:, :1]).mean(dim=0) + truth[:, :1]
    part = splits.test.first(256)
    depth = getattr(recipe.network, "depth")  # noqa: B009  mypy knows a Callable only
    joints = truth.shape[1]
    maps = inputs(torch.zeros(len(part), joints * (1 + depth), 16, 16), part.targets)["target_3d"]
    read = by_integral_3d(maps)
    perfect = positions(read[..., :2], read[..., 2], part.targets)
    return {
        "mean pose": mpjpe(mean, truth),
        "perfect maps": mpjpe(perfect, part.targets["position"]),
    }


def weightings(arguments: argparse.Namespace) -> None:
    """Every loss with every seed, then the table."""
    recipe = shortened(at_depth(arguments.depth), arguments.epochs, arguments.examples)
    rows = []
    for seed in range(arguments.seeds):  # a seed for all losses first: comparable when stopped
        for loss in arguments.loss or LOSSES:
            name = loss.partition("(")[0]
            folder = arguments.out / f"depth-{arguments.depth}" / name
            rows.append((name, one_run(recipe, loss, seed, folder, arguments)))
    print_table(rows)
    for name, value in references(recipe, arguments.data).items():
        print(f"| {name} | {value:.1f} | | | |")


def ladder(arguments: argparse.Namespace) -> None:
    """The depths one after the other, each from the last one's weights."""
    depths = [depth for depth in DEPTHS if depth <= arguments.depth]
    loss = (arguments.loss or ["adaptive_h1"])[0]
    rows = []
    for seed in range(arguments.seeds):
        start: Path | None = None
        for depth in depths:
            std = STDS[arguments.std][depth]
            recipe = shortened(
                at_depth(depth, std, None if start is None else str(start)),
                arguments.epochs,
                arguments.examples,
            )
            folder = arguments.out / f"ladder-{arguments.std}-{loss.partition('(')[0]}" / str(depth)
            rows.append((f"{depth}", one_run(recipe, loss, seed, folder, arguments)))
            start = None if arguments.cold else folder / str(seed) / "network.pt"
    print_table(rows)


def print_table(rows: Sequence[tuple[str, dict[str, float] | None]]) -> None:
    """Means and sample standard deviations over the seeds, as Markdown."""
    print("\n| loss or depth | MPJPE by integral, mm | by argmax, mm | seeds | CPU seconds a run |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name in dict(rows):
        runs = [run for other, run in rows if other == name and run is not None]
        cells = []
        if not runs:
            continue
        for key in ("mpjpe", "mpjpe_argmax"):
            spread = Spread(tuple(run[key] for run in runs))
            cells.append(
                f"{spread.mean:.1f}"
                + ("" if spread.deviation is None else f" ± {spread.deviation:.1f}")
            )
        timed = [run["seconds"] for run in runs if not math.isnan(run["seconds"])]
        seconds = sum(timed) / max(len(timed), 1)
        print(f"| {name} | {' | '.join(cells)} | {len(runs)} | {seconds:.0f} |")


def main(words: Sequence[str] | None = None) -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, help="the folder with motion capture")
    parser.add_argument("--out", type=Path, default=Path("runs/pose3d_weightings"))
    parser.add_argument("--loss", action="append", help="in place of all; as for lossc train")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--examples", type=int, help="of training, the first; all by default")
    parser.add_argument("--depth", type=int, default=8, help="of the 3D maps; the ladder's last")
    parser.add_argument("--ladder", action="store_true")
    parser.add_argument("--std", choices=STDS, default="i1", help="of fresh last layers, by depth")
    parser.add_argument("--cold", action="store_true", help="the ladder without warm starts")
    parser.add_argument("--table", action="store_true", help="show what is there, train nothing")
    arguments = parser.parse_args(words)
    torch.set_num_threads(1)
    specs = arguments.out / SPECS
    specs.mkdir(parents=True, exist_ok=True)
    for name in WEIGHTINGS:
        (specs / f"{name}.lossc").write_text(spec_text(name))
    (ladder if arguments.ladder else weightings)(arguments)


if __name__ == "__main__":
    main()
