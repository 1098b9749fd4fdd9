"""Random changes of training batches of images, made on their device."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from lossc.models.data.split import Split

PADDING = 4  # pixels on each side


def crop_and_flip(batch: Split, generator: torch.Generator) -> Split:
    """Each image moved by up to 4 pixels along both axes, over black, and mirrored half the time.

    Source: He et al., Deep Residual Learning for Image Recognition (CVPR 2016), section 4.2.

    Args:
        batch: Features ``[n, c, h, w]`` in which 0 is black; targets stay as they are.
        generator: On the CPU.
    """
    images = batch.features
    count = len(images)
    down, right = torch.randint(2 * PADDING + 1, (2, count), generator=generator)
    mirrored = torch.randint(2, (count,), generator=generator).bool()
    drawn = (part.to(images.device) for part in (down, right, mirrored))
    return Split(moved(images, *drawn), batch.targets)


def crop(batch: Split, generator: torch.Generator) -> Split:
    """As :func:`crop_and_flip`, and none mirrored: for images that have a right way round."""
    images = batch.features
    down, right = torch.randint(2 * PADDING + 1, (2, len(images)), generator=generator)
    as_is = torch.zeros(len(images), dtype=torch.bool, device=images.device)
    down, right = down.to(images.device), right.to(images.device)
    return Split(moved(images, down, right, as_is), batch.targets)


def moved(images: Tensor, down: Tensor, right: Tensor, mirrored: Tensor) -> Tensor:
    """The windows of images that are padded by 4 pixels of 0 on each side.

    Args:
        images: ``[n, c, h, w]``, on one device with the others.
        down: The window's first row in the padded image, 0 to 8: ``int64[n]``.
        right: Its first column: ``int64[n]``.
        mirrored: Where left and right change places in the window: ``bool[n]``.

    Returns:
        Of the images' shape and type.
    """
    count, _, height, width = images.shape
    device = images.device
    padded = functional.pad(images, (PADDING,) * 4)
    rows = down[:, None] + torch.arange(height, device=device)
    columns = torch.arange(width, device=device).expand(count, width)
    columns = torch.where(mirrored[:, None], width - 1 - columns, columns) + right[:, None]
    # one number a pixel says where it comes from, the same in all channels
    source = (rows * padded.shape[-1])[:, :, None] + columns[:, None, :]
    source = source.reshape(count, 1, -1).expand(-1, images.shape[1], -1)
    return padded.flatten(2).gather(2, source).view(images.shape)
