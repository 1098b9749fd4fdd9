"""Pictures made of scikit-learn's digits: what stands in for CIFAR where there are no files.

A picture of 32 x 32 pixels has a digit, or two side by side, in a colour of its own on a ground of
another one, moved, scaled and turned a little, among stray strokes and noise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from math import pi
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from lossc.models.data.digits import digits
from lossc.models.data.split import Split, Splits
from lossc.models.fixed import FIXED

SIDE = 32
SIZES = (4000, 500, 1000)
SEED = 20090408
STRAYS = 3  # strokes in the background
#: By the number of digits: the middle of each along the width, its half width and half height; the
#: picture reaches from -1 to 1.
LAYOUTS = {1: ((0.0, 0.68, 0.68),), 2: ((-0.47, 0.46, 0.6), (0.47, 0.46, 0.6))}
CHUNK = 250  # pictures at a time: what is worked on stays in the processor's cache


@dataclass(frozen=True)
class DigitPictures:
    """Loads pictures for a recipe; see :func:`digit_pictures`.

    Args:
        places: Digits of a picture, 1 or 2: 10 or 100 classes.
    """

    places: int = field(default=1, metadata=FIXED)

    def __call__(self, directory: Path | None = None) -> Splits:
        """Always the same pictures; nothing is read from ``directory``."""
        return digit_pictures(self.places)


@lru_cache(maxsize=2)
def digit_pictures(places: int = 1) -> Splits:
    """4,000 pictures to train on, 500 for validation and 1,000 to test on.

    The three are made of different handwritten digits: those of the splits of the task ``digits``.

    Args:
        places: Digits of a picture, 1 or 2.

    Returns:
        Features ``uint8[n, 3, 32, 32]``; the target ``label``, ``int64[n]``, is the number that is
        written, below 10 or 100.
    """
    sources = digits()
    return Splits(
        *(
            pictures(source, count, places, SEED + 10 * places + part)
            for part, (source, count) in enumerate(
                zip((sources.train, sources.val, sources.test), SIZES, strict=True)
            )
        )
    )


def pictures(source: Split, count: int, places: int, seed: int) -> Split:
    """Pictures of digits; each class as often as each other, give or take one.

    Args:
        source: Digits of 8 x 8 in [0, 1], ``[m, 64]``, with their ``label``.
        count: Pictures.
        places: Digits of each.
        seed: The same seed gives the same pictures.
    """
    generator = torch.Generator().manual_seed(seed)
    label = torch.randperm(count, generator=generator) % 10**places
    figures = [label // 10 ** (places - 1 - place) % 10 for place in range(places)]
    masks = []
    for figure, place in zip(figures, LAYOUTS[places], strict=True):
        digit = source.features[_chosen(source.targets["label"], figure, generator)]
        masks.append(_placed(digit, place, generator))
    ink = torch.stack(masks).amax(dim=0)
    parts = [_painted(part, generator) for part in torch.split(ink, CHUNK)]
    return Split(torch.cat(parts), {"label": label})


def _chosen(label: Tensor, figure: Tensor, generator: torch.Generator) -> Tensor:
    """For each figure the index of one of the digits that are it."""
    draw = torch.rand(len(figure), generator=generator)
    index = torch.empty_like(figure)
    for value in range(10):
        having = (label == value).nonzero().squeeze(1)
        at = figure == value
        index[at] = having[(draw[at] * len(having)).long()]
    return index


def _placed(digit: Tensor, place: tuple[float, float, float], generator: torch.Generator) -> Tensor:
    """Where there is ink: ``[n, 64] -> [n, 32, 32]``, in [0, 1]."""
    n = len(digit)

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n, generator=generator)

    middle, width, height = place
    w, h = width * uniform(0.85, 1.0), height * uniform(0.8, 1.1)
    x, y = middle + uniform(-0.1, 0.1), uniform(-0.2, 0.2)
    turn = uniform(-0.2, 0.2)  # radians
    cos, sin = turn.cos(), turn.sin()
    # from places in the picture to places in the digit
    rows = [[cos / w, sin / w], [-sin / h, cos / h]]
    theta = torch.stack([torch.stack([a, b, -(a * x + b * y)], dim=1) for a, b in rows], dim=1)
    grid = functional.affine_grid(theta, [n, 1, SIDE, SIDE], align_corners=False)
    image = digit.view(n, 1, 8, 8)
    ink: Tensor = functional.grid_sample(image, grid, align_corners=False)
    return ink.squeeze(1)


def _painted(ink: Tensor, generator: torch.Generator) -> Tensor:
    """Colours for ink and ground: ``[n, 32, 32] -> uint8[n, 3, 32, 32]``."""
    n = len(ink)
    ground, colour = torch.rand(2, n, 3, 1, 1, generator=generator)
    ground, colour = 0.5 * ground, 0.5 + 0.5 * colour
    coarse = torch.rand(n, 3, 4, 4, generator=generator) - 0.5
    canvas: Tensor = ground + 0.3 * functional.interpolate(
        coarse, (SIDE, SIDE), mode="bilinear", align_corners=True
    )
    for cover in _strays(n, generator):
        shade = torch.rand(n, 3, 1, 1, generator=generator)
        canvas = canvas + cover[:, None] * 0.5 * (shade - canvas)
    canvas = canvas + ink[:, None] * (colour - canvas)
    canvas = canvas + 0.05 * torch.randn(canvas.shape, generator=generator)
    return (canvas.clamp(0, 1) * 255).round().to(torch.uint8)


def _strays(n: int, generator: torch.Generator) -> list[Tensor]:
    """Where short strokes are, at random: each ``[n, 32, 32]`` in [0, 1]."""
    x = torch.arange(SIDE, dtype=torch.float32)
    y = x[:, None]
    covers = []
    for _ in range(STRAYS):
        x0, y0, turn = torch.rand(3, n, 1, 1, generator=generator)
        dx, dy = x - SIDE * x0, y - SIDE * y0
        cos, sin = (pi * turn).cos(), (pi * turn).sin()
        along, across = (dx * cos + dy * sin).abs(), (dy * cos - dx * sin).abs()
        covers.append(((5 - along).clamp(0, 1)) * (1.5 - across).clamp(0, 1))
    return covers
