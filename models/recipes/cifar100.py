"""CIFAR-100, classified by ResNet-20 (UniLoss section 4.4)."""

from __future__ import annotations

from lossc.models.data.cifar_files import CIFAR100
from lossc.models.recipes._cifar import PUBLISHED, ResidualNetwork, cifar_recipe

RECIPE = cifar_recipe(
    name="cifar100",
    doc="CIFAR-100, classified by ResNet-20.",
    source="UniLoss section 4.4 as in its public code, which has 750 epochs where the paper has "
    "1,000, for both losses; there a step trains 20 comparisons an image, here all 99.",
    distribution=CIFAR100,
    validation="first",
    network=ResidualNetwork(20, 100, "B"),
    epochs=750,
    milestones=(600, 650),
    losses=("accuracy", "cross_entropy"),
    surrogates={"accuracy": PUBLISHED},
)
