"""3D joints of people from pictures by 2D and 3D heatmaps and their integrals (the memo)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from lossc.models import pictures
from lossc.models.data.mocap import JOINTS
from lossc.models.data.pose3d import pose3d
from lossc.models.fixed import FILE
from lossc.models.heatmaps import containing_cell, heatmaps_2d, heatmaps_3d
from lossc.models.networks.two_stage import TwoStage, maps, warm_start
from lossc.models.pose3d_metrics import mpjpe_argmax, mpjpe_integral, read_joints
from lossc.models.recipe import Optimiser, Quick, Recipe, Schedule

DEPTH = 8
SIGMA, WINDOW = 1.0, 7  # cells of maps of 16 x 16; the memo has 2 and 13 on 64 x 64


@dataclass(frozen=True)
class Network:
    """Builds the small network, for two CPU cores, at a depth; it travels to worker processes.

    Args:
        depth: Cells of the 3D maps along depth.
        width: Channels.
        init_std: Of the last layer. ``None``: the memo's for the depth.
        start: Weights of another depth to begin with, a file that a run left (``network.pt``).
    """

    depth: int = DEPTH
    width: int = 32
    init_std: float | None = None
    start: str | None = field(default=None, metadata=FILE)

    def __call__(self) -> nn.Module:
        """``uint8[n, 3, 64, 64] -> [n, 17 (1 + depth), 16, 16]``."""
        network = TwoStage(len(JOINTS), self.depth, self.width, levels=2, init_std=self.init_std)
        if self.start is not None:
            warm_start(network, torch.load(self.start, map_location="cpu", weights_only=True))
        return network


def inputs(output: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The maps of both stages, ``[n, 17, h, w]`` and ``[n, 17, d, h, w]``, and what they should be.

    Each target has its peak where the stage's integral is read: 2D cells at ``x / w`` (the nearest
    one's corner), 3D cells at their centres (the one that the joint is in).
    """
    plane, volume = maps(output, len(JOINTS))
    joint, depth = targets["joint"], targets["depth"]
    height, width = plane.shape[2:]
    return {
        "heatmap_2d": plane,
        "target_2d": heatmaps_2d(joint, (height, width), sigma=SIGMA, window=WINDOW),
        "heatmap_3d": volume,
        "target_3d": heatmaps_3d(
            joint,
            depth,
            (volume.shape[2], height, width),
            sigma=SIGMA,
            window=WINDOW,
            centre=containing_cell,
        ),
        "joint": joint,
        "depth": depth,
    }


def summary(output: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The joints that the 3D maps say, and where they are."""
    return read_joints(maps(output, len(JOINTS))[1], targets)


RECIPE = Recipe(
    name="pose3d",
    doc="3D joints of people from pictures, by 2D and 3D heatmaps and their integrals.",
    source="The memo on adaptive Euclidean losses for integral pose regression, in small.",
    data=pose3d,
    network=Network(),
    provides={
        "heatmap_2d": "real[n, k, h, w]",
        "target_2d": "target real[n, k, h, w]",
        "heatmap_3d": "real[n, k, d, h, w]",
        "target_3d": "target real[n, k, d, h, w]",
        "joint": "target real[n, k, 2]",
        "depth": "target real[n, k]",
    },
    inputs=inputs,
    optimiser=Optimiser("adam", learning_rate=3e-3),
    schedule=Schedule(milestones=(6,), factor=0.2),
    epochs=8,
    batch_size=8,
    losses=("adaptive_i1", "adaptive_h1", "manual(weight_3d=0.1)"),
    metrics={"mpjpe": mpjpe_integral, "mpjpe_argmax": mpjpe_argmax},
    headline="mpjpe",
    headline_smaller=True,
    summary=summary,
    quick=Quick(epochs=6, examples=500, schedule=Schedule(decay="cosine")),
    threads=1,
    picture=pictures.people_in_3d,
)


def at_depth(depth: int, init_std: float | None = None, start: str | None = None) -> Recipe:
    """The task with 3D maps of another depth.

    Args:
        depth: Cells along depth, at least 1; the memo has 1, 2, 4, ..., 64.
        init_std: Of the last layer's fresh weights. ``None``: the memo's for the depth.
        start: Weights of another depth to begin with, a file that a run left (``network.pt``).
    """
    return replace(RECIPE, network=Network(depth, init_std=init_std, start=start))
