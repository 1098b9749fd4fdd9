"""Ten handwritten digits of 8 x 8 pixels, classified by a small MLP; the data comes with it."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from lossc.models import pictures
from lossc.models.data.digits import digits
from lossc.models.metrics import accuracy, hard_samples
from lossc.models.networks.mlp import MlpNetwork
from lossc.models.recipe import Optimiser, Quick, Recipe, Schedule


def inputs(output: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """``scores``, also as ``logit``: the output as it is, ``[n, 10]``; ``label``: ``int64[n]``."""
    return {"scores": output, "logit": output, "label": targets["label"]}


#: Tuned alike for all, and so is the default, which is cross entropy's: of the rates within one
#: standard deviation of the best mean validation accuracy (5 seeds), the smallest. Accuracy under
#: its default surrogate has its best validation accuracy at cross entropy's rate, and takes that.
RATES = {
    "accuracy(interpolation=idw)": 0.3,
    "accuracy(interpolation=idw, squash=sigmoid)": 4.0,
    "accuracy(interpolation=idw(gradient=published), squash=sigmoid)": 0.5,
    "accuracy(interpolation=idw(gradient=attract), squash=sigmoid)": 0.7,
}

RECIPE = Recipe(
    name="digits",
    doc="Ten handwritten digits of 8 x 8 pixels, classified by a small MLP.",
    source="UniLoss section 4.4 in small: the data of scikit-learn, a network of our own.",
    data=digits,
    network=MlpNetwork(64, (128, 64), 10),
    provides={"scores": "real[n, p]", "label": "int[n] in p", "logit": "real[n, k]"},
    inputs=inputs,
    optimiser=Optimiser("sgd", learning_rate=0.15, momentum=0.9),
    schedule=Schedule(milestones=(30,), factor=0.1),
    learning_rates=RATES,
    epochs=40,
    batch_size=64,
    losses=("accuracy", "cross_entropy"),
    metrics={"accuracy": accuracy},
    headline="accuracy",
    watched={"hard_share": hard_samples},
    quick=Quick(epochs=5),
    threads=1,
    picture=pictures.classes,
)
