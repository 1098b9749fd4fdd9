"""How pose networks are tested in papers: mirrored and scaled images, and maps with two peaks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from lossc.models.analysis import DoubleCounting, double_counting
from lossc.models.data.joints import MIRRORED
from lossc.models.data.split import Split
from lossc.models.pose_augment import as_floats
from lossc.models.pose_metrics import places

#: Six scales around 1. Anchor Loss does not say which six it takes.
SIX_SCALES = (0.7, 0.8, 0.9, 1.0, 1.1, 1.2)

BATCH = 64

#: What maps go through before they are averaged, or peaks are looked for.
Activation = Callable[[Tensor], Tensor]


def probabilities(maps: Tensor) -> Tensor:
    """For maps of logits, as Anchor Loss trains them."""
    return maps.sigmoid()


def non_negative(maps: Tensor) -> Tensor:
    """For maps that are meant to be Gaussians: what is below 0 is none."""
    return maps.clamp_min(0)


@torch.no_grad()
def averaged_maps(
    network: nn.Module,
    images: Tensor,
    scales: Sequence[float] = (1.0,),
    mirrored: bool = False,
    activation: Activation = non_negative,
) -> Tensor:
    """The last stack's maps, averaged over versions of each image.

    A scaled image is larger or smaller around its middle, in as many pixels; its maps are scaled
    back, and count where they are known. In a mirrored one left and right joints change places.

    Source: Ryou, Jeong and Perona, Anchor Loss (ICCV 2019), section 4.2.

    Args:
        network: In evaluation mode: ``[n, 3, s, s] -> [n, stacks, 16, h, w]``.
        images: ``[n, 3, s, s]``, of bytes or in [0, 1].
        scales: Above 1 the person is larger.
        mirrored: Take each of them mirrored too.
        activation: Before averaging.

    Returns:
        ``[n, 16, h, w]``.

    Raises:
        ValueError: A scale is not positive, or there is none.
    """
    if not scales or not all(scale > 0 for scale in scales):
        raise ValueError(f"scales are positive numbers, at least one of them, not {scales}")

    def of(versions: Tensor) -> Tensor:
        maps: Tensor = network(versions)[:, -1]
        return activation(maps.float())

    images = as_floats(images)
    total, weight = torch.zeros(()), torch.zeros(())
    for scale in scales:
        version = images if scale == 1 else _scaled(images, scale)
        maps = of(version)
        if mirrored:
            other = torch.tensor(MIRRORED, device=maps.device)
            maps = (maps + of(version.flip(-1)).flip(-1)[:, other]) / 2
        known = torch.ones_like(maps[:, :1])
        if scale != 1:
            maps, known = _scaled(maps, 1 / scale), _scaled(known, 1 / scale)
        total, weight = total + maps, weight + known
    return total / weight.clamp_min(1e-6)


def _scaled(images: Tensor, scale: float) -> Tensor:
    """Images ``[n, c, h, w]`` larger by a scale around their middle, and 0 beyond their borders."""
    affine = torch.tensor([[1 / scale, 0, 0], [0, 1 / scale, 0]], device=images.device)
    affine = affine.to(images.dtype).expand(len(images), 2, 3)
    grid = functional.affine_grid(affine, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False)


@torch.no_grad()
def found_by(
    network: nn.Module,
    split: Split,
    scales: Sequence[float] = (1.0,),
    mirrored: bool = False,
    activation: Activation = non_negative,
) -> dict[str, Tensor]:
    """What :func:`lossc.models.pose_metrics.shares_found` reads, of a whole split.

    Args:
        network: On the split's device; put into evaluation mode for the time of the call.
        split: Of the pose task.
        scales: As for :func:`averaged_maps`.
        mirrored: The same.
        activation: The same.
    """
    training = network.training
    network.eval()
    maps = (
        averaged_maps(network, images, scales, mirrored, activation)
        for images in torch.split(split.features, BATCH)
    )
    found = torch.cat([places(part) for part in maps])
    network.train(training)
    return {"place": found, **split.targets}


@torch.no_grad()
def counted_double(
    network: nn.Module, split: Split, activation: Activation = non_negative
) -> DoubleCounting:
    """How many maps have several peaks, and how often the highest is within half a head.

    Source: Ryou, Jeong and Perona 2019, section 5.

    Args:
        network: On the split's device; put into evaluation mode for the time of the call.
        split: Of the pose task.
        activation: Makes scores that are not negative.
    """
    training = network.training
    network.eval()
    total = DoubleCounting(0, 0, 0)
    everything = torch.arange(len(split), device=split.features.device)
    for index in torch.split(everything, BATCH):
        part = split.take(index)
        maps = averaged_maps(network, part.features, activation=activation)
        width = maps.shape[-1]
        targets = part.targets
        joint, within = targets["joint"] * width - 0.5, 0.5 * targets["head"] * width
        total += double_counting(maps, joint, within, targets["visible"])
    network.train(training)
    return total
