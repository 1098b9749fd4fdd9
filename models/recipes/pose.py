"""Joints of people as heatmaps, by a small hourglass: rendered figures, or photographs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from pydantic import NonNegativeFloat, PositiveInt
from torch import Tensor, nn

from lossc.models import pictures
from lossc.models.data.joints import JOINTS, Joint
from lossc.models.data.pose import PoseData
from lossc.models.errors import TaskError
from lossc.models.heatmaps import containing_cell, heatmaps_2d
from lossc.models.networks.hourglass import StackedHourglass
from lossc.models.pose_augment import PoseAugment, as_floats
from lossc.models.pose_metrics import pck, pckh, summary
from lossc.models.recipe import Optimiser, Quick, Recipe, Schedule


class Pixels(nn.Module):
    """Images as the network takes them: bytes or numbers in [0, 1], less a half."""

    def forward(self, images: Tensor) -> Tensor:
        """``[n, 3, h, w]``, in [-0.5, 0.5]."""
        return as_floats(images) - 0.5


@dataclass(frozen=True)
class PoseNetwork:
    """Makes stacked hourglasses with a map for each joint.

    Args:
        stacks: As :class:`StackedHourglass` takes them, and so are the others.
        width: 256 in the papers.
        depth: 4 in the papers.
        pool: So in the papers: maps have a quarter of the image's side, else a half.
        blocks: 1 in UniLoss.
        maps: Of each stack; 16, or as many as the inputs have joints.
    """

    stacks: int = 1
    width: int = 256
    depth: int = 4
    pool: bool = True
    blocks: int = 1
    maps: int = len(JOINTS)

    def __call__(self) -> nn.Module:
        """Fresh weights: ``[n, 3, s, s] -> [n, stacks, maps, s / 4, s / 4]``."""
        hourglass = StackedHourglass(
            self.maps, self.stacks, self.blocks, self.width, self.depth, self.pool
        )
        return nn.Sequential(Pixels(), hourglass)


@dataclass(frozen=True)
class PoseInputs:
    """Makes the inputs of pose losses: all stacks' maps, and what each is compared with.

    Args:
        sigma: Of the Gaussian in ``target``, in cells of the map (UniLoss table 1 varies it). 0:
            the joint's cell is 1, all others are 0.
        window: Cells of its side that are not 0. ``None``: up to three sigma.
        joints: Those that the network has maps of, in their order. ``None``: all 16.
    """

    sigma: NonNegativeFloat = 1.0
    window: PositiveInt | None = None
    joints: tuple[Joint, ...] | None = None

    def __call__(self, output: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The inputs, by name; a cell's index is the place of its middle.

        Args:
            output: ``[n, s, k, h, w]``; the s stacks of an image come one after the other.
            targets: ``joint``, ``visible``, ``head``, ``torso`` as shares of the image's side, of
                all 16 joints.

        Raises:
            TaskError: The network has not as many maps as there are joints.
        """
        stacks, maps, (height, width) = output.shape[1], output.shape[2], output.shape[-2:]
        joints = JOINTS if self.joints is None else self.joints
        if len(joints) != maps:
            raise TaskError(
                f"the network has {maps} maps (network.maps) for {len(joints)} joints "
                f"(inputs.joints): {', '.join(joints)}"
            )
        index = torch.tensor([JOINTS.index(joint) for joint in joints], device=output.device)
        joint = targets["joint"].index_select(1, index)
        visible = targets["visible"].index_select(1, index)

        def each(value: Tensor) -> Tensor:
            return value if stacks == 1 else value.repeat_interleave(stacks, dim=0)

        target = heatmaps_2d(
            joint,
            (height, width),
            sigma=self.sigma or 1.0,
            window=self._window(),
            centre=containing_cell,
            visible=visible,
        )
        return {
            "heatmap": output.flatten(0, 1),
            "joint": each(joint * width - 0.5),
            "visible": each(visible),
            "head": each(targets["head"] * width),
            "torso": each(targets["torso"] * width),
            "target": each(target),
        }

    def _window(self) -> int:
        if self.sigma == 0:
            return 1
        return self.window or 2 * max(round(3 * self.sigma), 1) + 1


PROVIDES = {
    "heatmap": "real[n, k, h, w]",
    "joint": "target real[n, k, 2]",
    "visible": "bool[n, k]",
    "head": "target real[n] in [0, inf)",
    "torso": "target real[n] in [0, inf)",
    "target": "target real[n, k, h, w] in [0, 1]",
}


#: UniLoss's step; and anchors that win or lose all comparisons of a pixel, as its pose code has
#: them: the specs' own choice, single bits and a temperature that follows the scores, stayed at a
#: guess on photographs (docs/results.md).
ROWS = {"step": "sigmoid(temperature=1)", "interpolation": "idw(flips=row)"}

#: Of the quick variants: four hundred steps are too few for people who lie on their side.
UPRIGHT = PoseAugment(side=96, turned=0.0, scaling=0.1)
QUICK_SCHEDULE = Schedule(warmup_epochs=1, decay="cosine")

#: Of 0.003, 0.01 (six epochs each) and 0.03 (four) on validation: for ``heatmap_mse`` 0.350, 0.439
#: and 0.465, for ``anchor_pose`` at gamma 2 0.402, 0.518 and 0.510. Anchor Loss's other rows have
#: the same rate. ``pckh`` has the task's 0.01, the only one that was tried: 0.603 in six epochs.
QUICK_RATES = {"heatmap_mse": 0.03, "anchor_pose": 0.03, "focal_pose": 0.03}

RECIPE = Recipe(
    name="pose",
    doc="Joints of people as heatmaps, by a small hourglass: rendered figures, or photographs.",
    source="UniLoss section 4.3 and Anchor Loss section 4.2 in small: settings of our own.",
    data=PoseData(side=96, margin=1.5),
    network=PoseNetwork(width=32, depth=3),
    provides=PROVIDES,
    inputs=PoseInputs(),
    optimiser=Optimiser("adam", learning_rate=1e-2),
    schedule=Schedule(milestones=(25, 35), factor=0.2),
    epochs=40,
    batch_size=8,
    losses=("pckh", "anchor_pose", "heatmap_mse"),
    surrogates={"pckh": ROWS, "pck": ROWS},
    metrics={"pckh": pckh, "pck": pck},
    summary=summary,
    augment=PoseAugment(side=96),
    headline="pckh",
    picture=pictures.people,
    quick=Quick(
        epochs=4,
        network=PoseNetwork(width=32, depth=2),
        schedule=QUICK_SCHEDULE,
        batch_size=16,
        augment=UPRIGHT,
        learning_rates=QUICK_RATES,
    ),
    threads=1,
)
