"""Where Anchor Loss is above binary cross entropy, and how that changes while a network trains."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from lossc.models.analysis import anchor_excess
from lossc.models.data.joints import JOINTS
from lossc.models.data.split import Split
from lossc.models.errors import DataError
from lossc.models.pose_augment import as_floats
from lossc.models.recipe import Recipe
from lossc.models.reproduce.compare import describe
from lossc.models.reproduce.experiment import Case, Setting, Study
from lossc.models.reproduce.recipes import job_of, recipe_of
from lossc.models.reproduce.report import Column, Line, Report
from lossc.models.reproduce.sweep import train_all
from lossc.models.run import Failure, Job, RunFolder, finished
from lossc.models.table import Spread

GAMMA = 2.0
CASE = Case("AL, gamma 2", "pose-anchor", f"anchor_pose(gamma={GAMMA:g})")
TIMES = 5  # epochs that are shown, the first and the last among them
SHOWN = ("left_ankle", "right_ankle", "left_wrist", "right_wrist")
IMAGES = 64  # of the validation set, that the shares are of


def figure_7(setting: Setting) -> Report:
    """Train on Anchor Loss, and draw where it exceeds binary cross entropy after some epochs."""
    recipe, data = recipe_of(CASE, setting)
    epochs = spaced(recipe.epochs, TIMES)
    recipe = replace(recipe, keep=epochs)
    lines: list[Line] = []
    here: tuple[str, ...] = ()
    files: dict[str, Path] = {}
    try:
        job = job_of(recipe, CASE, 0, setting, data)
        reason = _trained(job, epochs, setting)
        if not reason:
            split = next(recipe.data(data).val.first(IMAGES).in_order(IMAGES))
            here = (
                describe(recipe, data),
                f"{len(split)} images of the validation set",
                "seeds: 1",
            )
            maps = {epoch: excess_after(job, epoch, split) for epoch in epochs}
            for name, figure in FIGURES.items():
                measured = {str(epoch): Spread((figure(excess),)) for epoch, excess in maps.items()}
                lines.append(Line(name, {}, measured))
            if setting.train:
                files = _save(split, maps, setting.out / FIGURE_7.name)
    except DataError as error:
        reason = str(error)
    if reason:
        lines.append(Line("trained", {}, {}, (reason,)))
    return Report(
        name=FIGURE_7.name,
        title=FIGURE_7.title,
        source=FIGURE_7.source,
        columns=tuple(Column(str(epoch), str(epoch), scale=1.0, digits=4) for epoch in epochs),
        lines=tuple(lines),
        paper="MPII, maps of some images over the epochs; no figures",
        here=here,
        notes=("columns are epochs; excess in nats, of all pixels of the maps of visible joints",),
        files=files,
    )


def _share(excess: Tensor) -> float:
    return float((excess > 0).sum() / excess.isfinite().sum())


def _mean(excess: Tensor) -> float:
    return float(excess.clamp_min(0).nanmean())


def _saved(excess: Tensor) -> float:
    return float((-excess).clamp_min(0).nanmean())


#: What is said of the excess of all pixels, by row.
FIGURES = {
    "share of pixels that count more": _share,
    "mean of what they count more": _mean,
    "mean of what the others count less": _saved,
}


def spaced(epochs: int, times: int) -> tuple[int, ...]:
    """Some of the epochs 1 to ``epochs``: the first, the last, and others at equal ratios."""
    ratios = (epochs ** (number / (times - 1)) for number in range(times))
    return tuple(sorted({round(ratio) for ratio in ratios}))


def kept_weights(job: Job, epoch: int) -> Path:
    """Where a run keeps the weights after an epoch."""
    return RunFolder(job.folder).kept(epoch)


def _trained(job: Job, epochs: Sequence[int], setting: Setting) -> str:
    """Make the run, unless its weights are all there; why it could not be made, or nothing."""
    kept = [kept_weights(job, epoch).is_file() for epoch in epochs]
    if all(kept) and finished(job) is not None:
        return ""
    if not setting.train:
        return "not trained yet"
    # a table's run of the same settings keeps no weights: it is no beginning to go on from
    (outcome,) = train_all([replace(job, resume=kept[0])], setting)
    return outcome.reason if isinstance(outcome, Failure) else ""


@torch.no_grad()
def excess_after(job: Job, epoch: int, split: Split) -> Tensor:
    """What Anchor Loss adds to each pixel after an epoch.

    Args:
        job: A run that kept its weights.
        epoch: One of those that it kept.
        split: Images.

    Returns:
        ``[n, k, h, w]``, in nats, of the last stack's maps; NaN in maps of joints that are not
        visible.
    """
    network = job.recipe.network()
    weights = torch.load(kept_weights(job, epoch), map_location="cpu", weights_only=True)
    network.load_state_dict(weights)
    network.eval()
    return excess_of(network(split.features), split.targets, job.recipe)


def excess_of(output: Tensor, targets: Mapping[str, Tensor], recipe: Recipe) -> Tensor:
    """The same of an output ``[n, s, k, h, w]``."""
    inputs = recipe.inputs(output[:, -1:], targets)
    excess = anchor_excess(inputs["heatmap"], inputs["target"], GAMMA)
    return excess.masked_fill(~inputs["visible"][..., None, None], float("nan"))


def _save(split: Split, maps: Mapping[int, Tensor], folder: Path) -> dict[str, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    files = {"weights": save_weights(maps, folder / "excess.npz")}
    if shown := _shown(split):
        files["maps"] = save_maps(split, shown, maps, folder / "maps.png")
    return files


def save_weights(maps: Mapping[int, Tensor], path: Path) -> Path:
    """The maps by epoch: arrays ``epoch_N`` of float32 ``[n, k, h, w]``."""
    partial = path.with_name(path.name + ".part")
    with partial.open("wb") as file:
        arrays: dict[str, Any] = {f"epoch_{n}": excess.numpy() for n, excess in maps.items()}
        np.savez_compressed(file, **arrays)
    os.replace(partial, path)
    return path


def save_maps(
    split: Split, shown: Sequence[tuple[int, int]], maps: Mapping[int, Tensor], path: Path
) -> Path:
    """Draw images with the excess over them, red where a pixel counts more and blue where less.

    Args:
        split: Images, ``[n, 3, s, s]``, with their joints.
        shown: Image and joint of each row, at least one.
        maps: Of the excess, by epoch.
        path: A PNG file.

    Returns:
        ``path``.
    """
    figure = Figure(figsize=(2.2 * len(maps), 2.3 * len(shown)), layout="constrained")
    FigureCanvasAgg(figure)
    side = split.features.shape[-1]
    grid = figure.subplots(len(shown), len(maps), squeeze=False)
    for panels, (image, joint) in zip(grid, shown, strict=True):
        top = max(float(excess[image, joint].abs().max()) for excess in maps.values()) or 1.0
        for axes, (epoch, excess) in zip(panels, maps.items(), strict=True):
            axes.imshow(as_floats(split.features[image]).permute(1, 2, 0).numpy())
            axes.imshow(
                excess[image, joint].numpy(),
                extent=(-0.5, side - 0.5, side - 0.5, -0.5),
                cmap="seismic",
                vmin=-top,
                vmax=top,
                alpha=0.6,
            )
            place = side * split.targets["joint"][image, joint] - 0.5
            axes.plot(*place.tolist(), "+", color="lime", ms=8)
            axes.set_title(f"{JOINTS[joint].replace('_', ' ')}, epoch {epoch}", fontsize=7)
            axes.set_axis_off()
    partial = path.with_name(path.name + ".part")
    figure.savefig(partial, format="png", dpi=110)
    os.replace(partial, path)
    return path


def _shown(split: Split, rows: int = 4) -> list[tuple[int, int]]:
    """An image and a visible joint for each row, other joints in turn where they are visible."""
    joints = [JOINTS.index(name) for name in SHOWN]
    found: list[tuple[int, int]] = []
    for image in range(len(split)):
        turn = len(found) % len(joints)
        seen = [
            joint
            for joint in (*joints[turn:], *joints[:turn])
            if bool(split.targets["visible"][image, joint])
        ]
        if seen and len(found) < rows:
            found.append((image, seen[0]))
    return found


FIGURE_7 = Study(
    name="anchor-figure-7",
    title="where Anchor Loss is above binary cross entropy, over the epochs",
    source="Anchor Loss, figure 7",
    cases=(CASE,),
    perform=figure_7,
)
