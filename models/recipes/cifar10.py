"""CIFAR-10, classified by ResNet-20 (UniLoss section 4.4)."""

from __future__ import annotations

from lossc.models.data.cifar_files import CIFAR10
from lossc.models.recipes._cifar import PUBLISHED, ResidualNetwork, cifar_recipe

RECIPE = cifar_recipe(
    name="cifar10",
    doc="CIFAR-10, classified by ResNet-20.",
    source="UniLoss section 4.4.1 and appendix A.0.3; momentum, weight decay, shortcuts of form B "
    "and the first 5,000 images for validation: its public code.",
    distribution=CIFAR10,
    validation="first",
    network=ResidualNetwork(20, 10, "B"),
    epochs=200,
    milestones=(140, 160),
    losses=("accuracy", "cross_entropy"),
    surrogates={"accuracy": PUBLISHED},
)
