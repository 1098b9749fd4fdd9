"""Pinhole cameras, square crops and root-relative depths: from 3D joints to 2D and back.

Lengths are millimetres. A camera looks along +z with x to the right and y down. Every array has the
batch as its first axis: each example has a camera of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

NEAR = 1.0  # mm; what is nearer than this, or behind the camera, cannot be projected


@dataclass(frozen=True)
class Cameras:
    """One camera an example.

    Args:
        rotation: ``[n, 3, 3]``, from the world to the camera.
        position: ``[n, 3]``, in the world, mm.
        focal: ``[n]``, in pixels.
        principal: ``[n, 2]``, in pixels.
    """

    rotation: Tensor
    position: Tensor
    focal: Tensor
    principal: Tensor

    def see(self, world: Tensor) -> Tensor:
        """Points in the camera's coordinates: ``[n, k, 3] -> [n, k, 3]``, mm."""
        return (world - self.position.unsqueeze(1)) @ self.rotation.transpose(1, 2)

    def project(self, seen: Tensor) -> Tensor:
        """Pixels of points in the camera's coordinates: ``[n, k, 3] -> [n, k, 2]``.

        Raises:
            ValueError: A point is not in front of its camera.
        """
        z = seen[..., 2:]
        if bool((z < NEAR).any()):
            raise ValueError("a joint is behind its camera, or in it")
        return seen[..., :2] / z * self.focal[:, None, None] + self.principal.unsqueeze(1)

    def lift(self, pixels: Tensor, z: Tensor) -> Tensor:
        """What :meth:`project` came from: ``[n, k, 2]`` and depths ``[n, k]`` ``-> [n, k, 3]``.

        Source: the memo's public decoder, X = (u - c) / f Z.
        """
        rays = (pixels - self.principal.unsqueeze(1)) / self.focal[:, None, None]
        return torch.cat([rays * z.unsqueeze(-1), z.unsqueeze(-1)], dim=-1)


def orbit(
    target: Tensor, azimuth: Tensor, elevation: Tensor, distance: Tensor, focal: Tensor
) -> Cameras:
    """Cameras around targets that look at them, upright; the world's y points up.

    Args:
        target: ``[n, 3]``, mm.
        azimuth: ``[n]``, radians around y, 0 at +z.
        elevation: ``[n]``, radians above the horizontal, in (-pi/2, pi/2).
        distance: ``[n]``, mm.
        focal: ``[n]``, pixels. The principal point is (0, 0).
    """
    flat = elevation.cos()
    away = torch.stack([flat * azimuth.sin(), elevation.sin(), flat * azimuth.cos()], dim=-1)
    right = torch.stack([azimuth.cos(), torch.zeros_like(azimuth), -azimuth.sin()], dim=-1)
    down = torch.linalg.cross(-away, right)
    return Cameras(
        torch.stack([right, down, -away], dim=1),
        target + away * distance.unsqueeze(-1),
        focal,
        target.new_zeros(target.shape[0], 2),
    )


@dataclass(frozen=True)
class Crops:
    """Square windows of the image plane, in which coordinates are shares of the side.

    Args:
        corner: ``[n, 2]``, the least x and y, pixels.
        side: ``[n]``, pixels.
    """

    corner: Tensor
    side: Tensor

    @classmethod
    def around(cls, pixels: Tensor, margin: float) -> Crops:
        """The smallest squares that hold all points of ``[n, k, 2]``, and a margin around.

        Args:
            pixels: The points.
            margin: On each side, as a share of the square without it.
        """
        low, high = pixels.amin(dim=1), pixels.amax(dim=1)
        side = (high - low).amax(dim=-1) * (1 + 2 * margin)
        return cls((low + high) / 2 - side.unsqueeze(-1) / 2, side)

    def shares(self, pixels: Tensor) -> Tensor:
        """``[n, k, 2]`` pixels as shares, in [0, 1] inside."""
        return (pixels - self.corner.unsqueeze(1)) / self.side[:, None, None]

    def pixels(self, shares: Tensor) -> Tensor:
        """The inverse of :meth:`shares`."""
        return shares * self.side[:, None, None] + self.corner.unsqueeze(1)


@dataclass(frozen=True)
class DepthRange:
    """Depths beyond the root's as shares of a range, and back.

    The public files of the memo encode with one range and decode with another (:data:`PUBLISHED`),
    so that even a perfect prediction is off by up to 88 mm; the default uses one.

    Args:
        lowest: The depth of share 0, mm.
        highest: The depth of share 1, mm.
        read_lowest: The same when shares are read. ``None``: ``lowest``.
        read_highest: ``None``: ``highest``.
    """

    lowest: float = -1005.185902
    highest: float = 980.8599
    read_lowest: float | None = None
    read_highest: float | None = None

    def __post_init__(self) -> None:
        for low, high in (self._written, self._read):
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                raise ValueError(f"a range goes from less to more, not from {low:g} to {high:g}")

    @property
    def _written(self) -> tuple[float, float]:
        return self.lowest, self.highest

    @property
    def _read(self) -> tuple[float, float]:
        low = self.lowest if self.read_lowest is None else self.read_lowest
        return low, self.highest if self.read_highest is None else self.read_highest

    def shares(self, depth: Tensor) -> Tensor:
        """Root-relative depths, mm, as shares: ``[...] -> [...]``, beyond [0, 1] out of range."""
        low, high = self._written
        return (depth - low) / (high - low)

    def depths(self, shares: Tensor) -> Tensor:
        """Shares as root-relative depths, mm."""
        low, high = self._read
        return shares * (high - low) + low


#: The ranges of the public files: written with one, read with another.
PUBLISHED = DepthRange(read_lowest=-950.637313, read_highest=892.544664)


def mpjpe(found: Tensor, truth: Tensor) -> float:
    """Mean distance of a joint from where it is, over examples and joints (MPJPE).

    >>> mpjpe(torch.zeros(2, 17, 3), torch.tensor([3.0, 4.0, 0.0]).expand(2, 17, 3))
    5.0

    Args:
        found: ``[n, k, 3]``, mm.
        truth: ``[n, k, 3]``, mm.

    Returns:
        Millimetres.

    Raises:
        ValueError: The shapes differ, or there are no joints.
    """
    if found.shape != truth.shape or found.numel() == 0:
        raise ValueError(f"joints of one shape, not {list(found.shape)} and {list(truth.shape)}")
    return float(torch.linalg.vector_norm(found - truth, dim=-1).double().mean())
