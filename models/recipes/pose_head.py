"""The head's top in photographs of people, by one hourglass of full width (UniLoss section 4.3)."""

from __future__ import annotations

from dataclasses import replace

from lossc.models.pose_metrics import SomeJoints
from lossc.models.recipe import Quick
from lossc.models.recipes import pose, pose_uniloss

ONE = pose.PoseNetwork(stacks=1, maps=1)
SMALL = pose_uniloss.figures(stacks=1, epochs=3)

#: What the published code trains: joint 9 of MPII alone. The network has 3,583,105 parameters.
RECIPE = replace(
    pose_uniloss.RECIPE,
    name="pose-head",
    doc="The head's top in photographs of people, by one hourglass of full width.",
    network=ONE,
    inputs=pose.PoseInputs(joints=("head_top",)),
    summary=SomeJoints(("head_top",)),
    losses=("pckh", "heatmap_mse"),
    quick=Quick(
        epochs=1,
        examples=24,
        embedded=replace(SMALL, network=pose.PoseNetwork(stacks=1, width=32, depth=2, maps=1)),
    ),
)
