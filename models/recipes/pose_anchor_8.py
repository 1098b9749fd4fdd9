"""Joints of people in photographs, by eight hourglasses of full width (Anchor Loss table 4)."""

from __future__ import annotations

from dataclasses import replace

from lossc.models.recipe import Quick
from lossc.models.recipes import pose, pose_anchor, pose_uniloss

RECIPE = replace(
    pose_anchor.RECIPE,
    name="pose-anchor-8",
    doc="Joints of people in photographs, by eight hourglasses of full width.",
    source="Anchor Loss section 4.2, tables 4 and 5; eight stacks: Newell, Yang and Deng 2016.",
    network=pose.PoseNetwork(stacks=8),
    quick=Quick(epochs=1, examples=24, embedded=pose_uniloss.figures(stacks=8, epochs=3)),
)
