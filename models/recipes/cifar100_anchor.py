"""CIFAR-100, classified by ResNet-110 as in Anchor Loss (section 4.1, table 1)."""

from __future__ import annotations

from lossc.models.data.cifar_files import CIFAR100
from lossc.models.recipes._cifar import SUMMED, ResidualNetwork, cifar_recipe

RECIPE = cifar_recipe(
    name="cifar100-anchor",
    doc="CIFAR-100, classified by ResNet-110.",
    source="Anchor Loss section 4.1 and table 1; what it does not state as in cifar10-anchor.",
    distribution=CIFAR100,
    validation="random",
    network=ResidualNetwork(110, 100, "A"),
    epochs=200,
    milestones=(160, 180),
    losses=(
        "cross_entropy",
        "class_bce",
        "ohem(rho=0.9)",
        "focal(gamma=0.5)",
        "anchor_bce(gamma=0.5)",
        "anchor_bce(gamma=2, schedule=warmup(first=cross_entropy, epochs=5))",
    ),
    embedded_epochs=45,
    embedded_rate=SUMMED,
)
