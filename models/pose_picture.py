"""Predicted skeletons over their images."""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from lossc.models.data.joints import JOINTS
from lossc.models.pose_augment import as_floats

#: The bones that are drawn, by joint; the person's right is red, the left blue.
LIMBS = ("ankle", "knee", "hip"), ("wrist", "elbow", "shoulder")
TRUNK = ("head_top", "neck")
COLOURS = {"right": "tab:red", "left": "tab:blue", "": "gold"}

COLUMNS = 6


def bones() -> list[tuple[int, int, str]]:
    """The indices of two joints, and the side that they belong to (``""``: none)."""
    found = [(TRUNK[0], TRUNK[1], "")]
    for side in ("right", "left"):
        for limb in LIMBS:
            names = [f"{side}_{joint}" for joint in limb]
            found += [(one, other, side) for one, other in pairwise(names)]
        found += [(f"{side}_shoulder", "neck", side), (f"{side}_hip", f"{side}_shoulder", side)]
    return [(JOINTS.index(one), JOINTS.index(other), side) for one, other, side in found]


def save_predictions(
    images: Tensor, found: Mapping[str, Tensor], path: Path, count: int = 12
) -> Path:
    """Draw the first images with the skeletons that were found, and rings where joints are.

    Args:
        images: ``[n, 3, s, s]``.
        found: Of :func:`lossc.models.pose_metrics.summary`.
        path: A PNG file.
        count: Images at most.

    Returns:
        ``path``.
    """
    count = min(count, len(images))
    rows = -(-count // COLUMNS)
    figure = Figure(figsize=(2 * COLUMNS, 2 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    for nth, axes in enumerate(figure.subplots(rows, COLUMNS, squeeze=False).flat):
        axes.set_axis_off()
        if nth >= count:
            continue
        side = images.shape[-1]
        axes.imshow(as_floats(images[nth]).permute(1, 2, 0).cpu().numpy())
        place, joint = ((side * found[name][nth] - 0.5).cpu() for name in ("place", "joint"))
        for one, other, colour in bones():
            x, y = zip(place[one].tolist(), place[other].tolist(), strict=True)
            axes.plot(x, y, color=COLOURS[colour], lw=1.5)
        visible = found["visible"][nth].cpu()
        for at in visible.nonzero().flatten().tolist():
            colour = COLOURS.get(JOINTS[at].partition("_")[0], COLOURS[""])
            axes.plot(*joint[at].tolist(), "o", ms=4, mfc="none", mec=colour, mew=0.8)
        axes.set(xlim=(-0.5, side - 0.5), ylim=(side - 0.5, -0.5))
    partial = path.with_name(path.name + ".part")
    figure.savefig(partial, format="png", dpi=110)
    os.replace(partial, path)
    return path
