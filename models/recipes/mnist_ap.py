"""MNIST, zero against the rest, ranked by a 784-500-300-1 MLP (UniLoss section 4.2)."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from lossc.models import pictures
from lossc.models.data.mnist import mnist_zero
from lossc.models.data.mnist_digits import mnist_digits
from lossc.models.metrics import average_precision, interpolated_average_precision
from lossc.models.networks.mlp import MlpNetwork
from lossc.models.recipe import Embedded, Optimiser, Quick, Recipe


def inputs(output: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """``score``: the single output, ``[n]``; ``relevant``: ``bool[n]``."""
    return {"score": output.squeeze(-1), "relevant": targets["relevant"]}


#: The published network ends in a sigmoid, and the published code trains by its own gradient rule.
PUBLISHED = {"interpolation": "idw(gradient=published)", "squash": "sigmoid"}

RECIPE = Recipe(
    name="mnist-ap",
    doc="MNIST, zero against the rest, ranked by a 784-500-300-1 MLP.",
    source="UniLoss section 4.2 and appendix A.0.1; momentum, batch size: its public code.",
    data=mnist_zero,
    network=MlpNetwork(784, (500, 300), 1),  # 543,101 parameters
    provides={"score": "real[n]", "relevant": "bool[n]"},
    inputs=inputs,
    optimiser=Optimiser("sgd", learning_rate=0.01, momentum=0.5),
    epochs=30,
    batch_size=16,
    losses=("interpolated_average_precision", "bce"),
    surrogates={"interpolated_average_precision": PUBLISHED},
    metrics={
        "average_precision": average_precision,
        "interpolated_average_precision": interpolated_average_precision,
    },
    headline="average_precision",
    quick=Quick(
        epochs=3,
        examples=6000,
        embedded=Embedded("scikit-learn's digits as 28 x 28", mnist_digits, epochs=10),
    ),
    threads=1,
    picture=pictures.ranking,
)
