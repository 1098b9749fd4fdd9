"""Rendered people with 16 joints: the pose data that needs no files.

Each image has one person in the middle, whose joints are asked for, and up to two more beside, in
front of or behind it. Left and right limbs look the same, limbs hide each other, and stray shapes
lie about.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from lossc.models.data.figure_bodies import Bodies, bodies
from lossc.models.data.joints import body_lengths
from lossc.models.data.split import Split, Splits

SIDE = 64
SIZES = (1600, 200, 400)
SEED = 20191027
PEOPLE = 3
STRAYS = 4  # shapes of a limb's size in the background
CHUNK = 32  # images at a time: what is worked on stays in the processor's cache


@dataclass(frozen=True)
class Capsules:
    """What is drawn in each image, in pixels.

    Args:
        start: One end, ``[n, m, 2]``: x, y.
        end: The other, ``[n, m, 2]``.
        radius: ``[n, m]``; below -1: not drawn.
        colour: ``[n, m, 3]`` in [0, 1].
        depth: ``[n, m]``; the greater hides the smaller.
    """

    start: Tensor
    end: Tensor
    radius: Tensor
    colour: Tensor
    depth: Tensor


def rendered_figures(directory: Path | None = None) -> Splits:
    """1,600 images to train on, 200 for validation and 400 to test on; always the same ones.

    Args:
        directory: Not used: nothing is read.

    Returns:
        See :func:`figures`.
    """
    return _rendered()


@lru_cache(maxsize=1)
def _rendered() -> Splits:
    return Splits(*(figures(count, SEED + part) for part, count in enumerate(SIZES)))


def figures(count: int, seed: int, side: int = SIDE) -> Split:
    """Images of people, and the joints of the one in the middle.

    Args:
        count: How many.
        seed: The same seed gives the same images.
        side: Of an image, in pixels.

    Returns:
        Features ``uint8[n, 3, side, side]``. Targets, lengths and places as shares of the side:
        ``joint``: ``[n, 16, 2]`` (x, y), ``visible``: ``bool[n, 16]`` (it is in the image, if
        perhaps hidden), ``head`` and ``torso``: ``[n]``.
    """
    generator = torch.Generator().manual_seed(seed)
    drawn, joint = _scene(count, side, generator)
    ground = _ground(count, side, generator)
    parts = zip(torch.split(ground, CHUNK), _chunks(drawn), strict=True)
    images = torch.cat([_paint(canvas, capsules) for canvas, capsules in parts])
    joint = (joint + 0.5) / side
    visible = ((joint >= 0) & (joint <= 1)).all(dim=-1)
    head, torso = body_lengths(joint, torch.ones_like(visible))
    targets = {"joint": joint, "visible": visible, "head": head, "torso": torso}
    return Split((images * 255).round().to(torch.uint8), targets)


def _scene(count: int, side: int, generator: torch.Generator) -> tuple[Capsules, Tensor]:
    """All that is drawn, and the joints of the person in the middle, ``[n, 16, 2]`` in pixels."""

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(*shape, generator=generator)

    people: Bodies = bodies(count * PEOPLE, generator)
    scale = side * uniform(0.2, 0.27, count, 1) * uniform(0.85, 1.15, count, PEOPLE)
    middle = people.joint.view(count, PEOPLE, -1, 3)[..., :2]
    middle = (middle.amax(dim=2) + middle.amin(dim=2)) / 2 * scale[..., None]
    beside = torch.tensor([0.0, -1.0, 1.0]) * uniform(0.3, 0.6, count, PEOPLE)
    place = side * torch.stack([0.5 + beside, torch.full_like(beside, 0.5)], dim=-1)
    place = place + side * uniform(-0.06, 0.06, count, PEOPLE, 2) - middle
    shown = torch.rand(count, PEOPLE, generator=generator) < torch.tensor([1.0, 0.5, 0.3])
    layer = torch.tensor([0.0, 10.0, 10.0]) * uniform(-1.0, 1.0, count, PEOPLE).sign()

    def flat(points: Tensor) -> Tensor:
        of = points.view(count, PEOPLE, -1, 3)[..., :2]
        return of * scale[..., None, None] + place[:, :, None]

    z = (people.start + people.end)[..., 2].view(count, PEOPLE, -1) / 2
    radius = people.radius.reshape(count, PEOPLE, -1) * scale[..., None]
    radius = torch.where(shown[..., None], radius, torch.full_like(radius, -2.0))
    start = uniform(0, side, count, STRAYS, 2)
    strays = Capsules(
        start,
        start + side * uniform(-0.25, 0.25, count, STRAYS, 2),
        side * uniform(0.015, 0.04, count, STRAYS),
        uniform(0, 1, count, STRAYS, 3),
        torch.full((count, STRAYS), -100.0),
    )
    drawn = Capsules(
        torch.cat([strays.start, flat(people.start).flatten(1, 2)], dim=1),
        torch.cat([strays.end, flat(people.end).flatten(1, 2)], dim=1),
        torch.cat([strays.radius, radius.flatten(1, 2)], dim=1),
        torch.cat([strays.colour, people.colour.reshape(count, -1, 3)], dim=1),
        torch.cat([strays.depth, (z + layer[..., None]).flatten(1, 2)], dim=1),
    )
    return drawn, flat(people.joint)[:, 0]


def _ground(count: int, side: int, generator: torch.Generator) -> Tensor:
    """Smooth colours with noise: ``[n, 3, side, side]``."""
    coarse = torch.rand(count, 3, 4, 4, generator=generator)
    smooth = interpolate(coarse, (side, side), mode="bilinear", align_corners=True)
    noise = 0.06 * torch.randn(count, 1, side, side, generator=generator)
    return ((smooth + noise).clamp_(0, 1) + 0.5) / 2  # pale: people stand out


def _chunks(drawn: Capsules) -> list[Capsules]:
    columns = (drawn.start, drawn.end, drawn.radius, drawn.colour, drawn.depth)
    return [
        Capsules(*parts) for parts in zip(*(torch.split(c, CHUNK) for c in columns), strict=True)
    ]


def _paint(canvas: Tensor, drawn: Capsules) -> Tensor:
    """The canvas with all capsules on it, from the farthest to the nearest.

    Args:
        canvas: ``[n, 3, h, w]`` in [0, 1].
        drawn: As many capsules for each image.
    """
    order = drawn.depth.argsort(dim=1, stable=True)
    x = torch.arange(canvas.shape[-1], dtype=canvas.dtype)
    y = torch.arange(canvas.shape[-2], dtype=canvas.dtype)[:, None]
    images = torch.arange(len(canvas))
    for nth in range(order.shape[1]):
        index = order[:, nth]
        start, end = drawn.start[images, index], drawn.end[images, index]
        radius = drawn.radius[images, index][:, None, None]
        colour = drawn.colour[images, index][..., None, None]
        run, rise = (end - start).T[..., None, None]
        dx, dy = x - start[:, 0, None, None], y - start[:, 1, None, None]
        length = (run * run + rise * rise).clamp_min(1e-6)
        along = ((dx * run + dy * rise) / length).clamp_(0, 1)
        square = (dx - along * run).square_() + (dy - along * rise).square_()
        cover = (radius + 0.5 - square.sqrt()).clamp_(0, 1)
        shade = 1 - 0.3 * (square / (radius * radius)).clamp_(max=1)  # as if round
        canvas = canvas + cover[:, None] * (colour * shade[:, None] - canvas)
    return canvas
