"""What the tasks of CIFAR-10 and CIFAR-100 share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pydantic import PositiveInt
from torch import Tensor, nn

from lossc.models import pictures
from lossc.models.augment import crop, crop_and_flip
from lossc.models.data.cifar import CifarData, Which
from lossc.models.data.cifar_files import Distribution
from lossc.models.data.digit_pictures import DigitPictures
from lossc.models.fixed import FIXED
from lossc.models.metrics import accuracy, hard_samples, top_5
from lossc.models.networks.resnet import Shortcut, resnet
from lossc.models.networks.small_cnn import Standardise, small_cnn
from lossc.models.recipe import Embedded, Optimiser, Quick, Recipe, Schedule

#: Of each channel over the training images; the deviations are means of those of single images.
#: UniLoss's public code has the same for both sets.
MEAN = (0.4914, 0.4822, 0.4465)
DEVIATION = (0.2023, 0.1994, 0.2010)

#: UniLoss's network ends in a sigmoid, and its public code trains by a gradient rule of its own.
PUBLISHED = {
    "interpolation": "idw(gradient=published)",
    "step": "sigmoid(temperature=1)",
    "squash": "sigmoid",
}

#: Of 0.01, 0.03 and 0.1 the best on validation for cross entropies, Anchor Loss and focal losses of
#: embedded pictures: at 0.1, sums over many negatives leave little to learn from.
SUMMED = 0.03

#: Of 0.1, 0.3 and 1 the best on validation: the published rate is for two hundred epochs.
QUICK_RATES = {"accuracy": 1.0}


@dataclass(frozen=True)
class ResidualNetwork:
    """Makes residual networks: ``uint8[n, 3, 32, 32] -> [n, classes]``."""

    depth: int
    classes: int = field(metadata=FIXED)
    shortcut: Shortcut

    def __call__(self) -> nn.Module:
        return nn.Sequential(
            Standardise(MEAN, DEVIATION), resnet(self.depth, self.classes, self.shortcut)
        )


@dataclass(frozen=True)
class SmallNetwork:
    """Makes the network of the quick variants: ``uint8[n, 3, 32, 32] -> [n, classes]``."""

    classes: int = field(metadata=FIXED)
    cells: PositiveInt = 1
    width: PositiveInt = 16

    def __call__(self) -> nn.Module:
        return nn.Sequential(
            Standardise(MEAN, DEVIATION), small_cnn(self.classes, self.width, self.cells)
        )


def inputs(output: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """``scores``, also as ``logit``: the output as it is, ``[n, k]``; ``label``: ``int64[n]``."""
    return {"scores": output, "logit": output, "label": targets["label"]}


def cifar_recipe(
    *,
    name: str,
    doc: str,
    source: str,
    distribution: Distribution,
    validation: Which,
    network: ResidualNetwork,
    epochs: int,
    milestones: tuple[int, ...],
    losses: tuple[str, ...],
    surrogates: Mapping[str, Mapping[str, str]] | None = None,
    embedded_epochs: int = 15,
    embedded_rate: float = 0.1,
) -> Recipe:
    """A task of images of 32 x 32: what differs between them are the arguments."""
    classes = distribution.classes
    places = 1 if classes == 10 else 2
    optimiser = Optimiser("sgd", learning_rate=0.1, momentum=0.9, weight_decay=1e-4)
    return Recipe(
        name=name,
        doc=doc,
        source=source,
        data=CifarData(distribution, validation),
        network=network,
        provides={"scores": "real[n, p]", "label": "int[n] in p", "logit": "real[n, k]"},
        inputs=inputs,
        optimiser=optimiser,
        schedule=Schedule(milestones=milestones, factor=0.1),
        epochs=epochs,
        batch_size=128,
        losses=losses,
        surrogates=surrogates or {},
        metrics={"accuracy": accuracy, "top_5": top_5},
        headline="accuracy",
        watched={"hard_share": hard_samples},
        augment=crop_and_flip,
        picture=pictures.classes,
        quick=Quick(
            epochs=20,
            examples=5000,
            network=SmallNetwork(classes),
            schedule=Schedule(milestones=(14, 18), factor=0.1),
            learning_rates=QUICK_RATES,
            embedded=Embedded(
                title=f"pictures of scikit-learn's digits, {classes} classes",
                data=DigitPictures(places),
                epochs=embedded_epochs,
                network=SmallNetwork(classes, cells=4),
                schedule=Schedule((2 * embedded_epochs // 3, 8 * embedded_epochs // 9), 0.1),
                optimiser=replace(optimiser, learning_rate=embedded_rate),
                augment=crop,
            ),
        ),
    )
