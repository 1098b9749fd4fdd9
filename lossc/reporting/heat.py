"""A function of two scores as a picture of coloured cells, with its scale."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from math import isfinite

from lossc.reporting.markup import Markup, number, tag
from lossc.reporting.svg import picture, round_ticks

WIDTH, HEIGHT = 340, 264
LEFT, TOP, SIDE = 50, 8, 216
#: From low to high; its lightness grows, so that it reads without colour, too.
SCALE = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))
_BAR = 32


def colour(share: float) -> str:
    """The colour of a share of the scale.

    >>> colour(0.0), colour(1.0)
    ('#440154', '#fde725')
    """
    place = min(max(share, 0.0), 1.0) * (len(SCALE) - 1)
    first = min(int(place), len(SCALE) - 2)
    mixed = (
        round(a + (place - first) * (b - a))
        for a, b in zip(SCALE[first], SCALE[first + 1], strict=True)
    )
    return "#" + "".join(f"{part:02x}" for part in mixed)


def heat_map(
    rows: Sequence[Sequence[float]],
    across: Sequence[float],
    up: Sequence[float],
    names: tuple[str, str],
    described: str,
) -> Markup:
    """Cells of one value each.

    Args:
        rows: A row for each place of the second score, the lowest first.
        across: The places of the first score.
        up: The places of the second score.
        names: Of both scores.
        described: What is read out instead of the picture.
    """
    finite = [value for row in rows for value in row if isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    parts: list[str] = []
    width, height = SIDE / len(across), SIDE / len(up)
    for number_, row in enumerate(rows):
        y, x = TOP + SIDE - (number_ + 1) * height, 0
        for fill, run in groupby(_colour(value, low, high) for value in row):
            count = len(list(run))
            if fill:
                parts.append(_cell(LEFT + x * width, y, count * width, height, fill))
            x += count
    bottom = TOP + SIDE
    for place in round_ticks(across[0], across[-1]):
        at = LEFT + SIDE * _cells(place, across)
        parts.append(tag("text", number(place), x=at, y=bottom + 14, text_anchor="middle"))
    for place in round_ticks(up[0], up[-1]):
        at = bottom - SIDE * _cells(place, up) + 3.5
        parts.append(tag("text", number(place), x=LEFT - 5, y=at, text_anchor="end"))
    middle = TOP + SIDE / 2
    turned = f"rotate(-90 12 {middle:g})"
    parts.append(tag("text", names[0], x=LEFT + SIDE / 2, y=HEIGHT - 8, text_anchor="middle"))
    parts.append(tag("text", names[1], x=12, y=middle, text_anchor="middle", transform=turned))
    return picture([*parts, *_bar(low, high)], WIDTH, HEIGHT, described)


def _bar(low: float, high: float) -> list[str]:
    """The scale: which colour is which value."""
    left, step = LEFT + SIDE + 14, SIDE / _BAR
    cells = [
        _cell(left, TOP + SIDE - (k + 1) * step, 12, step, colour((k + 0.5) / _BAR))
        for k in range(_BAR)
    ]
    ends = ((TOP + 9, high), (TOP + SIDE, low))
    return [*cells, *(tag("text", number(value), x=left + 16, y=y) for y, value in ends)]


def _cell(x: float, y: float, width: float, height: float, fill: str) -> Markup:
    # a little larger than it is, so that no line shows between two
    return tag("rect", x=x, y=y, width=width + 0.3, height=height + 0.3, fill=fill)


def _colour(value: float, low: float, high: float) -> str:
    if not isfinite(value):
        return ""
    return colour((value - low) / (high - low) if high > low else 0.5)


def _cells(place: float, places: Sequence[float]) -> float:
    """Where a place lies among cells that are centred on ``places``, from 0 to 1."""
    share = (place - places[0]) / (places[-1] - places[0] or 1.0)
    return (share * (len(places) - 1) + 0.5) / len(places)
