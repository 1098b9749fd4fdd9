"""3D skeletons that were found beside those that are there."""

from __future__ import annotations

import os
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from lossc.models.data.mocap import JOINTS, PARENTS
from lossc.models.grid_picture import as_image

COUNT = 6
COLOURS = {"right": "tab:red", "left": "tab:blue"}
#: Axes of the camera, x to the right, y down and z away, that a view shows.
VIEWS = {"front": (0, 1), "side": (2, 1)}


def save_skeletons(images: Tensor, found: Tensor, truth: Tensor, path: Path) -> Path:
    """Draw the first people: the picture, and the skeleton from the front and from the side.

    What was found is in colour (the person's right red, the left blue), what is there grey.

    Args:
        images: ``[n, 3, s, s]``.
        found: ``[n, 17, 3]``, mm in the camera's coordinates.
        truth: The same.
        path: A PNG file.

    Returns:
        ``path``.
    """
    count = min(COUNT, len(images))
    figure = Figure(figsize=(2 * count, 6), layout="tight")
    FigureCanvasAgg(figure)
    grid = figure.subplots(1 + len(VIEWS), count, squeeze=False)
    error = (found - truth).norm(dim=-1).mean(dim=-1)
    for nth in range(count):
        grid[0, nth].imshow(as_image(images[nth]).numpy())
        grid[0, nth].set_title(f"{float(error[nth]):.0f} mm", fontsize=9)
        hip = truth[nth, :1]
        for row, (name, (across, down)) in enumerate(VIEWS.items(), 1):
            axes = grid[row, nth]
            for joints, plain in ((truth[nth] - hip, True), (found[nth] - hip, False)):
                x, y = joints[:, across].cpu(), joints[:, down].cpu()
                for joint, parent in enumerate(PARENTS):
                    if parent < 0:
                        continue
                    side = COLOURS.get(JOINTS[joint].partition("_")[0], "black")
                    ends = [joint, parent]
                    axes.plot(
                        x[ends].tolist(),
                        y[ends].tolist(),
                        color="silver" if plain else side,
                        lw=2.5 if plain else 1.2,
                    )
            axes.set(xlim=(-1000, 1000), ylim=(1000, -1000), aspect="equal")
            if nth == 0:
                axes.text(-950, -850, name, fontsize=8)
    for axes in grid.flat:
        axes.set(xticks=[], yticks=[])
        axes.set_frame_on(False)
    partial = path.with_name(path.name + ".part")
    figure.savefig(partial, format="png", dpi=110)
    os.replace(partial, path)
    return path
