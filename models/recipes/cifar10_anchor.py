"""CIFAR-10, classified by ResNet-110 as in Anchor Loss (section 4.1, table 1)."""

from __future__ import annotations

from lossc.models.data.cifar_files import CIFAR10
from lossc.models.recipes._cifar import SUMMED, ResidualNetwork, cifar_recipe

RECIPE = cifar_recipe(
    name="cifar10-anchor",
    doc="CIFAR-10, classified by ResNet-110.",
    source="Anchor Loss section 4.1 and table 1; batch size, weight decay and shortcuts of form A, "
    "which it does not state, as in He et al. 2016; the number of epochs is ours.",
    distribution=CIFAR10,
    validation="random",
    network=ResidualNetwork(110, 10, "A"),
    epochs=200,
    milestones=(160, 180),
    losses=(
        "cross_entropy",
        "class_bce",
        "ohem(rho=0.9)",
        "focal(gamma=2)",
        "anchor_bce(gamma=0.5)",
        "anchor_bce(gamma=0.5, schedule=warmup(first=cross_entropy, epochs=5))",
    ),
    embedded_rate=SUMMED,
)
