"""Pictures of 3D joints: limbs as shaded capsules that hide each other, before a noisy background.

Motion capture has no pictures. These make the task what it is with a camera: left and right differ
in colour, near limbs are brighter and thicker and hide far ones, and things stand in front of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

RIGHT, LEFT, TRUNK = (0.9, 0.35, 0.3), (0.3, 0.4, 0.9), (0.45, 0.8, 0.4)


@dataclass(frozen=True)
class Limb:
    """A capsule between two joints.

    Args:
        ends: Indices of the joints.
        radius: mm.
        colour: Red, green and blue in [0, 1].
    """

    ends: tuple[int, int]
    radius: float
    colour: tuple[float, float, float]


def _darker(colour: tuple[float, float, float]) -> tuple[float, float, float]:
    red, green, blue = colour
    return 0.65 * red, 0.65 * green, 0.65 * blue


#: What joins the 17 joints; the further from the trunk, the darker.
LIMBS = (
    *(Limb((0, hip), 75, colour) for hip, colour in ((1, RIGHT), (4, LEFT))),
    *(Limb((hip, hip + 1), 70, colour) for hip, colour in ((1, RIGHT), (4, LEFT))),
    *(Limb((knee, knee + 1), 50, _darker(colour)) for knee, colour in ((2, RIGHT), (5, LEFT))),
    *(Limb(ends, 110, TRUNK) for ends in ((0, 7), (7, 8))),
    *(Limb((8, shoulder), 55, colour) for shoulder, colour in ((14, RIGHT), (11, LEFT))),
    *(Limb((a, a + 1), 45, colour) for a, colour in ((14, RIGHT), (11, LEFT))),
    *(Limb((a, a + 1), 38, _darker(colour)) for a, colour in ((15, RIGHT), (12, LEFT))),
    Limb((8, 9), 50, TRUNK),
    Limb((9, 10), 85, _darker(TRUNK)),
)

HIDDEN = 0.3  # share of the pictures with something in front of the figure
NOISE = 0.06  # standard deviation of a pixel's noise, in [0, 1]
SHADING = 0.4  # brightness lost over a metre away from the camera


def pictures(
    place: Tensor, depth: Tensor, scale: Tensor, side: int, generator: torch.Generator
) -> Tensor:
    """Draw every example, all at once.

    Args:
        place: ``[n, 17, 2]``, joints as shares of the picture.
        depth: ``[n, 17]``, mm beyond the root's; the camera is far at the negative end.
        scale: ``[n, 17]``, the shares of the picture that a millimetre takes at each joint.
        side: Of a picture, in pixels.
        generator: Draws backgrounds, gains, noise and what hides the figure; on the CPU, so that
            the pictures are the same on every device.

    Returns:
        ``uint8[n, 3, side, side]``.
    """
    n, device = len(place), place.device
    picture = _background(n, side, generator).to(device)
    nearest = place.new_full((n, side, side), torch.inf)
    for limb in LIMBS:
        _draw(picture, nearest, limb, place * side, depth, scale * side)
    gain = 0.7 + 0.4 * torch.rand(n, 1, 1, 1, generator=generator)
    picture = picture * gain.to(device)
    _hide(picture, generator)
    picture += (NOISE * torch.randn(picture.shape, generator=generator)).to(device)
    return (picture.clamp(0, 1) * 255).round().to(torch.uint8)


def _background(n: int, side: int, generator: torch.Generator) -> Tensor:
    """A plane of brightness that leans anywhere, in a colour: ``[n, 3, side, side]``."""
    level = 0.1 + 0.4 * torch.rand(n, 3, 1, 1, generator=generator)
    slope = 0.4 * (torch.rand(n, 2, 1, 1, 1, generator=generator) - 0.5)
    across = torch.linspace(-1, 1, side)
    return level + slope[:, 0] * across + slope[:, 1] * across.unsqueeze(-1)


def _draw(
    picture: Tensor, nearest: Tensor, limb: Limb, place: Tensor, depth: Tensor, scale: Tensor
) -> None:
    """Draw a limb where nothing nearer is, in place; places and scale in pixels."""
    start, end = place[:, limb.ends[0]], place[:, limb.ends[1]]
    along = end - start
    cells = torch.arange(picture.shape[-1], device=place.device) + 0.5
    x = cells - start[:, 0, None]
    y = cells - start[:, 1, None]
    squared = along.square().sum(dim=-1).clamp_min(1e-6)[:, None, None]
    way = (
        along[:, 0, None, None] * x.unsqueeze(1) + along[:, 1, None, None] * y.unsqueeze(2)
    ) / squared
    way = way.clamp(0, 1)
    off_x = x.unsqueeze(1) - way * along[:, 0, None, None]
    off_y = y.unsqueeze(2) - way * along[:, 1, None, None]
    off = (off_x.square() + off_y.square()).sqrt()

    def between(value: Tensor) -> Tensor:
        first, last = (value[:, end][:, None, None] for end in limb.ends)
        return first + way * (last - first)

    radius = limb.radius * between(scale)
    cover = (radius - off + 0.5).clamp(0, 1)
    # a capsule is round: its surface is nearer than its middle
    surface = between(depth) - limb.radius * (1 - (off / radius).clamp(0, 1).square()).sqrt()
    seen = (cover > 0) & (surface < nearest)
    nearest.copy_(torch.where(seen & (cover > 0.5), surface, nearest))
    cover = torch.where(seen, cover, torch.zeros_like(cover)).unsqueeze(1)
    light = (1 - SHADING * surface / 1000).clamp(0.3, 1.5).unsqueeze(1)
    colour = torch.tensor(limb.colour, device=place.device)[:, None, None]
    picture += cover * (colour * light - picture)


def _hide(picture: Tensor, generator: torch.Generator) -> None:
    """Put a box of one colour over a part of some pictures, in place."""
    n, _, side, _ = picture.shape
    chosen = torch.rand(n, 1, 1, generator=generator) < HIDDEN
    centre = torch.rand(n, 2, generator=generator)
    half = 0.05 + 0.1 * torch.rand(n, 2, generator=generator)
    cells = (torch.arange(side) + 0.5) / side
    inside = (cells - centre.unsqueeze(-1)).abs() < half.unsqueeze(-1)
    box = chosen & inside[:, 0].unsqueeze(1) & inside[:, 1].unsqueeze(2)
    colour = torch.rand(n, 3, 1, 1, generator=generator).to(picture.device)
    picture.copy_(torch.where(box.unsqueeze(1).to(picture.device), colour, picture))
