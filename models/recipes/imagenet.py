"""Images in folders of their classes, such as ImageNet, by ResNet-50 (Anchor Loss section 4.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from lossc.models import pictures
from lossc.models.augment import crop
from lossc.models.data.digit_pictures import DigitPictures
from lossc.models.data.image_folders import ImageFolders
from lossc.models.fixed import FIXED
from lossc.models.networks.resnet50 import bottleneck_resnet
from lossc.models.networks.small_cnn import Standardise
from lossc.models.recipe import Embedded, Optimiser, Quick, Recipe, Schedule
from lossc.models.recipes._cifar import inputs

#: Of each channel over ImageNet's training images, as everybody has them.
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class ImageNetwork:
    """Makes bottleneck networks, ResNet-50 by default: ``uint8[n, 3, h, w] -> [n, classes]``.

    Args:
        classes: The data's, where that is in folders.
        blocks: Of each stage.
        width: Channels of the first stage inside its blocks.
    """

    classes: int = field(default=1000, metadata=FIXED)
    blocks: tuple[PositiveInt, ...] = (3, 4, 6, 3)
    width: PositiveInt = 64

    def __call__(self) -> nn.Module:
        return nn.Sequential(
            Standardise(MEAN, DEVIATION), bottleneck_resnet(self.classes, self.blocks, self.width)
        )

    def for_classes(self, count: int) -> ImageNetwork:
        """The same with another last layer."""
        return replace(self, classes=count)


def summary(output: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What is kept of the scores of a million images, each ``bool[n]``.

    ``first`` and ``among_five``: the class has the highest score, one of the five highest;
    ``hard``: some other class scores above it.
    """
    label = targets["label"][:, None]
    best = output.topk(min(5, output.shape[1]), dim=1).indices
    return {
        "first": best[:, 0] == label[:, 0],
        "among_five": (best == label).any(dim=1),
        "hard": (output > output.gather(1, label)).any(dim=1),
    }


@dataclass(frozen=True)
class Share:
    """The share of examples of which something is true: a name of :func:`summary`."""

    of: str

    def __call__(self, found: Mapping[str, Tensor]) -> float:
        return float(found[self.of].to(torch.float64).mean())


RECIPE = Recipe(
    name="imagenet",
    doc="Images in folders of their classes, such as ImageNet, by ResNet-50.",
    source="Anchor Loss section 4.1 and table 2; momentum, weight decay and the shorter side of "
    "256 pixels, which it does not state, as in He et al. 2016; 90 epochs are the usual number.",
    data=ImageFolders(side=224, resize=256),
    network=ImageNetwork(),
    provides={"scores": "real[n, p]", "label": "int[n] in p", "logit": "real[n, k]"},
    inputs=inputs,
    optimiser=Optimiser("sgd", learning_rate=0.1, momentum=0.9, weight_decay=1e-4),
    schedule=Schedule(milestones=(30, 60), factor=0.1, warmup_epochs=5),
    epochs=90,
    batch_size=224,
    losses=("cross_entropy", "ohem(rho=0.8)", "focal(gamma=0.5)", "anchor_bce(gamma=0.5)"),
    metrics={"accuracy": Share("first"), "top_5": Share("among_five")},
    headline="accuracy",
    watched={"hard_share": Share("hard")},
    summary=summary,
    picture=pictures.classes,
    quick=Quick(
        epochs=3,
        examples=2000,
        network=ImageNetwork(blocks=(1, 1, 1, 1), width=16),
        schedule=Schedule(milestones=(2,), factor=0.1),
        embedded=Embedded(
            title="pictures of scikit-learn's digits, 10 classes, and a network of 8 layers",
            data=DigitPictures(1),
            epochs=6,
            network=ImageNetwork(classes=10, blocks=(1, 1), width=16),
            schedule=Schedule(milestones=(4,), factor=0.1),
            batch_size=64,
            augment=crop,
        ),
    ),
)
