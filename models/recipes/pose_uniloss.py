"""Joints of people in photographs, by one hourglass of full width (UniLoss section 4.3)."""

from __future__ import annotations

from dataclasses import replace

from lossc.models.data.pose import PoseData
from lossc.models.data.rendered_figures import rendered_figures
from lossc.models.pose_augment import PoseAugment
from lossc.models.recipe import Embedded, Optimiser, Quick, Schedule
from lossc.models.recipes import pose


def figures(stacks: int, epochs: int = pose.RECIPE.quick.epochs) -> Embedded:
    """The small task's quick variant, with as many small hourglasses."""
    small = pose.RECIPE.shortened()
    return Embedded(
        title="rendered figures of 64 x 64, and hourglasses of width 32",
        data=rendered_figures,
        epochs=epochs,
        network=pose.PoseNetwork(stacks, width=32, depth=2),
        schedule=small.schedule,
        optimiser=small.optimiser,
        learning_rates=small.learning_rates,
        batch_size=small.batch_size,
        augment=small.augment,
    )


#: Images of 256 x 256 and maps of 64 x 64, as in the published code (the paper says 224). Such a
#: network asks for a GPU; the quick variant shows with a few photographs that all is in place.
RECIPE = replace(
    pose.RECIPE,
    name="pose-uniloss",
    doc="Joints of people in photographs, by one hourglass of full width.",
    source="UniLoss section 4.3; image size, batch size and augmentation: its public code.",
    data=PoseData(side=256, margin=1.5, figures=False),
    network=pose.PoseNetwork(stacks=1),
    augment=PoseAugment(side=256),
    optimiser=Optimiser("rmsprop", learning_rate=2.5e-4),
    schedule=Schedule(milestones=(30, 40), factor=0.25),
    epochs=50,
    batch_size=6,
    quick=Quick(epochs=1, examples=24, embedded=figures(stacks=1)),
    threads=None,
)
