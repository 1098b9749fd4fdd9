"""Random changes of pose batches: turned, scaled, mirrored and tinted people, on their device."""

from __future__ import annotations

from dataclasses import dataclass
from math import radians

import torch
from torch import Tensor
from torch.nn import functional

from lossc.models.data.joints import MIRRORED
from lossc.models.data.split import Split


@dataclass(frozen=True)
class Views:
    """How each image of a batch is looked at.

    Args:
        angle: In radians, ``[n]``; a positive one turns the image against the clock.
        scale: Of the part that is seen, ``[n]``: above 1 the person gets smaller.
        mirrored: ``bool[n]``: left and right change places, joints too.
        tint: What red, green and blue are multiplied by, ``[n, 3]``.
    """

    angle: Tensor
    scale: Tensor
    mirrored: Tensor
    tint: Tensor


@dataclass(frozen=True)
class PoseAugment:
    """An augmentation of pose batches, whole batches at once.

    Source: the numbers are those of UniLoss's public code; those of Newell et al. 2016 are alike.

    Args:
        side: Pixels of the images that come out; smaller images keep their size.
        rotation: Standard deviation in degrees, cut off at twice that.
        turned: Share of the images that are turned at all.
        scaling: Standard deviation around 1, cut off there.
        mirrored: Share of the images that are mirrored.
        tint: Each colour is multiplied by up to this much more or less.
    """

    side: int
    rotation: float = 30.0
    turned: float = 0.6
    scaling: float = 0.25
    mirrored: float = 0.5
    tint: float = 0.2

    def __call__(self, batch: Split, generator: torch.Generator) -> Split:
        """The batch as it is trained on.

        Args:
            batch: As :class:`~lossc.models.data.pose.PoseData` gives it.
            generator: On the CPU.

        Returns:
            Features ``float32[n, 3, side, side]`` in [0, 1]; joints that have left the image are
            not visible.
        """
        count = len(batch)
        normal = torch.randn(2, count, generator=generator)
        uniform = torch.rand(5, count, generator=generator)
        angle = (normal[0] * self.rotation).clamp(-2 * self.rotation, 2 * self.rotation)
        angle = torch.where(uniform[0] < self.turned, angle, torch.zeros_like(angle))
        drawn = Views(
            angle * radians(1),
            (1 + self.scaling * normal[1]).clamp(1 - self.scaling, 1 + self.scaling),
            uniform[1] < self.mirrored,
            1 + self.tint * (2 * uniform[2:].T - 1),
        )
        return viewed(batch, drawn, min(self.side, batch.features.shape[-1]))


def viewed(batch: Split, views: Views, side: int) -> Split:
    """Images and joints as the views show them, around the middle of each image.

    Args:
        batch: Features ``[n, 3, s, s]``, of bytes or in [0, 1]; targets as shares of the side.
        views: One an image.
        side: Of the images that come out, in pixels of a view of scale 1: a part of the middle
            where it is less than s.

    Returns:
        Features ``float32[n, 3, side, side]``, black where nothing is known.
    """
    device = batch.features.device
    angle, scale, mirrored, tint = (
        part.to(device) for part in (views.angle, views.scale, views.mirrored, views.tint)
    )
    images = as_floats(batch.features)
    reach = scale * (side / images.shape[-1])
    across = torch.where(mirrored, -1.0, 1.0)
    cos, sin = angle.cos(), angle.sin()
    # from places in the result, in [-1, 1] around its middle, to places in the image
    rows = [torch.stack([across * cos, -sin], dim=-1), torch.stack([across * sin, cos], dim=-1)]
    turn = torch.stack(rows, dim=1)
    affine = functional.pad(turn * reach[:, None, None], (0, 1))
    grid = functional.affine_grid(affine, [len(images), 3, side, side], align_corners=False)
    seen = functional.grid_sample(images, grid, align_corners=False)
    seen = (seen * tint[..., None, None]).clamp_(0, 1)

    # the inverse of a turn, mirrored or not, is its transpose
    joint = (2 * batch.targets["joint"] - 1) / reach[:, None, None]
    joint = (torch.einsum("nij,nki->nkj", turn, joint) + 1) / 2
    visible = batch.targets["visible"]
    other = torch.tensor(MIRRORED, device=device)
    joint = torch.where(mirrored[:, None, None], joint[:, other], joint)
    visible = torch.where(mirrored[:, None], visible[:, other], visible)
    inside = ((joint >= 0) & (joint <= 1)).all(dim=-1)
    lengths = {name: batch.targets[name] / reach for name in ("head", "torso")}
    return Split(seen, {"joint": joint, "visible": visible & inside, **lengths})


def as_floats(images: Tensor) -> Tensor:
    """Images in [0, 1], whether they are bytes or so already."""
    return images if images.is_floating_point() else images.float() / 255
