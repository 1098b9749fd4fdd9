"""Joints of people in photographs, by two hourglasses of full width (Anchor Loss section 4.2)."""

from __future__ import annotations

from dataclasses import replace

from lossc.models.recipe import Optimiser, Quick, Schedule
from lossc.models.recipes import pose, pose_uniloss

#: The paper halves the rate after 100 epochs, then takes a fifth of it, and so on in turns every 20
#: epochs. It does not say how many epochs there are; 160 are ours.
RECIPE = replace(
    pose_uniloss.RECIPE,
    name="pose-anchor",
    doc="Joints of people in photographs, by two hourglasses of full width.",
    source="Anchor Loss section 4.2; the number of epochs is ours.",
    network=pose.PoseNetwork(stacks=2),
    optimiser=Optimiser("rmsprop", learning_rate=1e-3),
    schedule=Schedule(milestones=(100, 120, 140), factors=(0.5, 0.2, 0.5)),
    epochs=160,
    losses=("anchor_pose", "heatmap_mse"),
    quick=Quick(epochs=1, examples=24, embedded=pose_uniloss.figures(stacks=2)),
)
